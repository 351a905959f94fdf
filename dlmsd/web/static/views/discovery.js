// Searching allowed networks for meters: how far it is, what answered, and the way to add it.

import { ask, get, post } from "../api.js";
import { count, time } from "../format.js";
import { button, link, make, section, setHidden, setText } from "../kit/dom.js";
import { Field, complainAll } from "../kit/field.js";
import { Poll } from "../kit/poll.js";
import { complain } from "../kit/toast.js";
import { model } from "../model.js";
import { to } from "../place.js";
import { mayChange } from "../session.js";
import { speak } from "../text.js";
import * as words from "../texts/discovery.js";

const EVERY = 1000;
const MOST_BITS = 8; // of a larger network its beginning is offered
const PORTS = "3333, 4059";
const HEALTHS = { running: "degraded", done: "healthy", cancelled: "inactive", failed: "down" };

const { t, tn } = speak(words);
export const nav = t("nav");

const addressed = ({ ip, port }) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`);

// The first and the last address to look at in an IPv4 network such as 192.168.1.0/24; nothing of
// another kind of network, whose addresses are too many to begin with.
function range(network) {
  const [address, length] = network.split("/");
  if (!address.includes(".")) return ["", ""];
  const host = 32 - Number(length ?? 32);
  const start = address.split(".").reduce((sum, one) => sum * 256 + Number(one), 0);
  const last = start + 2 ** Math.min(host, MOST_BITS) - 1;
  const ends = host < 2 ? [start, last] : [start + 1, last - 1];
  return ends.map((one) => [24, 16, 8, 0].map((shift) => Math.floor(one / 2 ** shift) % 256).join("."));
}

function isMeter(found) {
  const address = addressed(found);
  return [...model.meters.values()].some((meter) => meter.address.includes(address));
}

function way(found) {
  if (isMeter(found)) return make("span", "aside", t("known"));
  const { ip, port, client_id, logical_device, server_id, name, serial_number } = found;
  const query = new URLSearchParams({
    name: name || serial_number, ip_address: ip, port, client_id, logical_device, server_id,
  });
  const node = link(`${to("found")}?${query}`, "button", t("add"));
  node.ariaLabel = t("add_one", { address: addressed(found) });
  return node;
}

function row(found) {
  const head = make("th", "", addressed(found));
  head.scope = "row";
  const { framing, client_id: client, logical_device: logical, server_id: physical, name, serial_number: serial, evidence } = found;
  const who = [name, serial].filter(Boolean).join(", ") || "–";
  const cells = [framing, `${client}, ${logical}, ${physical}`, who, evidence || "–", mayChange() ? way(found) : "–"];
  return make("tr", "", head, ...cells.map((one) => make("td", "", one)));
}

class Discovery {
  constructor() {
    this.title = t("nav");
    this.start = new Field("start_ip", t("start_ip"), { required: true });
    this.end = new Field("end_ip", t("end_ip"), { required: true });
    this.ports = new Field("ports", t("ports"), { required: true, hint: t("ports_hint") });
    this.fields = [this.start, this.end, this.ports];
    this.ports.value = PORTS;
    this.begin = make("button", "strong", t("begin"));
    this.stop = button(t("stop"), "danger", () => this.cancel());
    this.wrong = make("p", "field-error");
    this.wrong.setAttribute("role", "alert");
    this.allowed = make("p", "aside");
    this.form = make("form", "search-form panel", ...this.fields.map(({ node }) => node), make("div", "actions", this.begin, this.stop), this.wrong);
    this.form.noValidate = true; // the daemon judges
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.search();
    });
    this.bar = make("progress");
    this.bar.ariaLabel = t("running");
    this.said = make("p", "aside");
    this.said.setAttribute("role", "status");
    this.results = make("div", "");
    this.none = make("p", "none", t("loading"));
    this.poll = new Poll(() => "api/scan/jobs", EVERY, (answer) => this.show(answer));
    for (const node of [this.stop, this.bar]) setHidden(node, true);
    setHidden(this.form, true);
    this.node = make(
      "div", "", make("div", "head", make("h1", "", t("nav"))), make("p", "aside", t("hint")), this.allowed,
      this.form, this.bar, this.said, section(t("results"), this.none, this.results),
    );
    if (mayChange()) this.learn();
    else setText(this.allowed, t("read_only"));
    this.poll.ask();
  }

  // Which networks may be searched is only told to an admin.
  async learn() {
    const { ok, body } = await get("api/system/configuration");
    if (!ok) return;
    const networks = body.sections.web.scan_networks;
    setText(this.allowed, networks.length > 0 ? t("allowed", { networks: networks.join(", ") }) : t("none_allowed"));
    setHidden(this.form, networks.length === 0);
    if (networks.length > 0) [this.start.value, this.end.value] = range(networks[0]);
  }

  async search() {
    setText(this.wrong, "");
    const ports = this.ports.value.split(/[\s,]+/).filter(Boolean).map(Number);
    const answer = await post("api/scan/network", { start_ip: this.start.value, end_ip: this.end.value, ports });
    if (answer.ok) {
      await this.poll.anew();
      return;
    }
    const rest = complainAll(this.fields, answer.errors);
    setText(this.wrong, (answer.errors.length === 0 ? [answer.detail] : rest).join(" "));
  }

  async cancel() {
    const answer = await ask("DELETE", `api/scan/jobs/${this.job.id}`);
    if (!answer.ok) complain(answer);
    await this.poll.anew();
  }

  show({ ok, body, detail }) {
    const jobs = ok ? body : [];
    this.job = jobs.at(-1);
    setHidden(this.none, jobs.length > 0);
    setText(this.none, ok ? t("not_searched") : detail);
    const running = this.job?.status === "running";
    setHidden(this.bar, !running);
    setHidden(this.stop, !running);
    this.begin.ariaDisabled = running ? "true" : null;
    if (this.job) {
      const { done, total, status } = this.job;
      this.bar.max = total;
      this.bar.value = done;
      setText(this.said, `${t(status)}: ${t("progress", { done: count(done), total: count(total) })}`);
    }
    this.results.replaceChildren(...jobs.reverse().map((job) => this.searched(job)));
  }

  searched({ networks, started_at: at, status, found }) {
    const words = `${networks.join(", ")} · ${time(Date.parse(at))} · ${t(status)} · ${tn("found", found.length)}`;
    const head = make("h3", "", words);
    const node = make("div", "searched", head);
    node.dataset.health = HEALTHS[status];
    if (found.length === 0) {
      if (status !== "running") node.append(make("p", "aside", t("none_found")));
      return node;
    }
    const heads = make("tr", "", ...["address", "framing", "addresses", "identity", "evidence", "action"].map((one) => {
      const cell = make("th", "", t(one));
      cell.scope = "col";
      return cell;
    }));
    const table = make("table", "values-table", make("thead", "", heads), make("tbody", "", ...found.map(row)));
    const scroll = make("div", "scroll", table);
    scroll.tabIndex = 0; // it scrolls, and keys must reach it
    scroll.setAttribute("role", "region");
    scroll.ariaLabel = words;
    node.append(scroll);
    return node;
  }

  tick() {
    if (this.job?.status === "running") this.poll.tick();
  }

  close() {
    this.poll.close();
  }
}

export const open = () => new Discovery();
