// What can be done with a meter by whoever may change it.

import { ask, get, post } from "../api.js";
import { seconds, time } from "../format.js";
import { busy, button, link, make, setHidden, setText } from "../kit/dom.js";
import { confirm } from "../kit/dialog.js";
import { complain, toast } from "../kit/toast.js";
import { go, to } from "../place.js";
import { mayChange } from "../session.js";
import { speak } from "../text.js";
import * as words from "../texts/meter.js";

const { t } = speak(words);

export class Actions {
  // `acted` is called when something was done.
  constructor(name, acted) {
    this.name = name;
    this.acted = acted;
    this.read = button(t("read_now"), "", () => this.busy(this.read, () => this.readNow()));
    this.again = button(t("reconnect"), "", () => this.busy(this.again, () => this.reconnect()));
    this.take = button(t("accept"), "", () => this.busy(this.take, () => this.accept()));
    this.power = button("", "", () => this.busy(this.power, () => this.startOrStop()));
    this.interval = make("input");
    this.interval.type = "number";
    this.interval.min = "0.1";
    this.interval.step = "any";
    this.interval.required = true;
    const set = make("button", "", t("set"));
    const label = make("label", "", t("interval_s"), this.interval);
    this.form = make("form", "line", label, set);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.busy(set, () => this.setInterval());
    });
    this.edit = link(to("edit", name), "button", t("edit"));
    this.copy = link(`${to("add")}?like=${encodeURIComponent(name)}`, "button", t("duplicate"));
    this.platform = button(t("test_platform"), "", () => this.busy(this.platform, () => this.testPlatform()));
    this.remove = button(t("delete"), "danger", () => this.busy(this.remove, () => this.delete()));
    for (const node of [this.edit, this.copy, this.platform, this.remove]) node.hidden = true;
    this.node = make("div", "actions");
    this.node.setAttribute("role", "group");
    this.node.ariaLabel = t("actions");
    if (mayChange()) {
      this.node.append(this.read, this.again, this.take, this.power, this.form, this.edit, this.copy, this.platform, this.remove);
    }
    this.abort = new AbortController();
  }

  // Whether the file has it, which is where it is changed then.
  async learn() {
    this.asked = true;
    const answer = await get(`api/meters/${this.meter.id}`, { signal: this.abort.signal });
    for (const node of [this.edit, this.copy, this.remove]) {
      setHidden(node, !answer.ok || (node !== this.copy && answer.body.source === "file"));
    }
    setHidden(this.platform, !answer.ok || !answer.body.tb_token_set);
  }

  // By the meter's own connection where it has one, since ThingsBoard lets a token in once.
  async testPlatform() {
    const path = `api/meters/${this.meter.id}/thingsboard/test`;
    const answer = await get(path, { signal: this.abort.signal });
    if (!answer.ok) return complain(answer);
    const { success, seconds: took, connected_since: since, error, advice } = answer.body;
    if (since) toast(t("platform_stands", { time: time(Date.parse(since)) }));
    else if (success) toast(t("platform_good", { seconds: seconds(Number(took)) }));
    else complain({ detail: t("platform_bad", { reason: [error, advice].filter(Boolean).join(". ") }) });
  }

  refresh(meter) {
    this.meter = meter;
    if (!this.asked && meter.id !== null && mayChange()) this.learn();
    const awake = meter.state !== "inactive";
    for (const node of [this.read, this.again]) setHidden(node, !awake);
    setHidden(this.take, !(awake && meter.error && meter.cause === "replaced"));
    setText(this.power, t(awake ? "stop" : "start"));
    if (document.activeElement !== this.interval) this.interval.value = String(meter.interval);
  }

  busy(node, work) {
    return busy(node, async () => {
      try {
        await work();
      } finally {
        if (!this.abort.signal.aborted) this.acted();
      }
    });
  }

  order(word, body) {
    const path = `api/meters/${this.meter.id}/${word}`;
    return post(path, body, { signal: this.abort.signal });
  }

  async readNow() {
    const answer = await this.order("read-now");
    if (answer.ok) toast(t("was_read", { time: time(Number(answer.body.ts)) }));
    else complain(answer);
  }

  async reconnect() {
    const answer = await this.order("restart");
    if (answer.ok) toast(t("reconnecting"));
    else complain(answer);
  }

  async accept() {
    const { name } = this;
    const sure = await confirm({
      title: t("accept_title", { name }), text: t("accept_text", { reason: this.meter.error }),
      action: t("accept"),
    });
    if (!sure) return;
    const answer = await this.order("accept");
    if (answer.ok) toast(t("accepted", { name }));
    else complain(answer);
  }

  async startOrStop() {
    const was = this.meter.state === "inactive" ? "inactive" : "active";
    const answer = await this.order(was === "active" ? "stop" : "start");
    if (!answer.ok) return complain(answer);
    const undo = { label: t("undo"), act: () => this.order(was === "active" ? "start" : "stop").then((back) => back.ok || complain(back)) };
    return toast(t(was === "active" ? "stopped" : "started", { name: this.name }), { action: undo });
  }

  async setInterval() {
    const before = Number(this.meter.interval);
    const wanted = Number(this.interval.value);
    const answer = await this.change({ interval: wanted });
    if (!answer.ok) return complain(answer);
    const act = () => this.change({ interval: before }).then((back) => back.ok || complain(back));
    return toast(t("interval_set", { seconds: wanted }), { action: { label: t("undo"), act } });
  }

  change(body) {
    return ask("PATCH", `api/meters/${this.meter.id}`, { body });
  }

  async delete() {
    const { name } = this;
    const sure = await confirm({
      title: t("delete_title", { name }), text: t("delete_text"), action: t("delete"),
    });
    if (!sure) return;
    const answer = await ask("DELETE", `api/meters/${this.meter.id}`);
    if (!answer.ok) return complain(answer);
    this.close(); // of a meter that is gone nothing more is asked
    toast(t("deleted", { name }));
    go("meters");
  }

  close() {
    this.abort.abort();
  }
}
