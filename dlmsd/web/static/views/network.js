// What went over the network, of DLMS and of MQTT: sums and charts, of all meters or of one.

import { bytes, count, now } from "../format.js";
import { Chart } from "../kit/chart.js";
import { chips, meterChoice } from "../kit/choice.js";
import { button, figures, make, section, setHidden, setText } from "../kit/dom.js";
import { download } from "../kit/download.js";
import { Poll } from "../kit/poll.js";
import { model } from "../model.js";
import { keepQuery } from "../place.js";
import { speak } from "../text.js";
import * as words from "../texts/network.js";

const EVERY = 10_000;
const POINTS = 300;
const RANGES = {
  range_1h: 3_600_000, range_6h: 21_600_000, range_24h: 86_400_000, range_7d: 604_800_000, range_30d: 2_592_000_000,
};
const TERMS = [
  "mean_sent", "mean_received", "peak", "dlms_sent", "dlms_received", "requests_sent",
  "responses", "payload", "mqtt_sent", "mqtt_messages",
];
// Of each chart: its unit, and its lines with the names that REST has for them.
const CHARTS = {
  bandwidth: ["bit/s", { sent: "bandwidth_tx_bps", received: "bandwidth_rx_bps" }],
  dlms: ["B", { sent: "dlms_bytes_sent", received: "dlms_bytes_recv" }],
  requests: ["", { requests_sent: "dlms_requests_sent", responses: "dlms_responses_recv" }],
  mqtt: ["B", { sent: "mqtt_bytes_sent" }],
  messages: ["", { published: "mqtt_messages_sent" }],
};

const { t } = speak(words);
export const nav = t("nav");

const rate = (number) => `${bytes(Number(number)).replace("B", "bit")}/s`;

class Network {
  constructor(query) {
    this.title = t("nav");
    this.range = Object.hasOwn(RANGES, query.get("range")) ? query.get("range") : "range_1h";
    this.name = query.get("meter") ?? "";
    this.charts = new Map(Object.entries(CHARTS).map(([name, [unit, lines]]) => [
      name, new Chart(t(name), unit, Object.keys(lines).map((one) => t(one))),
    ]));
    [this.list, this.set] = figures(TERMS, t);
    this.list.classList.add("panel");
    this.wrong = make("p", "none");
    this.poll = new Poll(() => this.path, EVERY, (answer) => this.show(answer));
    this.shown = make("div", "", section(t("total"), this.list), make("div", "charts network", ...[...this.charts.values()].map(({ node }) => node)));
    this.node = make(
      "div", "", make("div", "head", make("h1", "", t("nav"))), this.tools(),
      make("p", "aside", t("hint")), this.wrong, this.shown,
    );
    setHidden(this.wrong, true);
    this.ask();
  }

  tools() {
    const names = Object.keys(RANGES).map((one) => [one, t(one)]);
    const choice = chips(t("range"), names, this.range, (range) => {
      this.range = range;
      this.choose();
    });
    this.meter = meterChoice(t("meter"), t("all_meters"), this.name, (name) => {
      this.name = name;
      this.choose();
    });
    const file = button(t("json"), "", () => download(this.path, "dlmsd-network.json"));
    return make("div", "tools", choice, ...this.meter.nodes, file);
  }

  choose() {
    keepQuery([["range", this.range], ["meter", this.name]]);
    this.ask();
  }

  refresh({ whole }) {
    if (whole) this.meter.learn();
  }

  get path() {
    const query = `from=${now() - RANGES[this.range]}&points=${POINTS}`;
    const id = model.meters.get(this.name)?.id;
    return this.name ? `api/meters/${id}/network_stats?${query}` : `api/network/metrics?${query}`;
  }

  get known() {
    return !this.name || typeof model.meters.get(this.name)?.id === "number";
  }

  ask() {
    if (this.known) {
      this.poll.anew();
      return;
    }
    this.poll.close(); // an answer that is on its way is of another question
    this.show({ ok: false, detail: t("unknown_meter") });
  }

  show({ ok, body, detail }) {
    setHidden(this.shown, !ok);
    setHidden(this.wrong, ok);
    setText(this.wrong, detail ?? "");
    if (!ok) return;
    const rows = body.history;
    const both = rows.map((row) => Number(row.bandwidth_tx_bps) + Number(row.bandwidth_rx_bps));
    this.set("mean_sent", rate(body.bandwidth_tx_bps));
    this.set("mean_received", rate(body.bandwidth_rx_bps));
    this.set("peak", rate(both.reduce((most, one) => Math.max(most, one), 0)));
    this.set("dlms_sent", bytes(Number(body.dlms_bytes_sent)));
    this.set("dlms_received", bytes(Number(body.dlms_bytes_recv)));
    this.set("requests_sent", count(body.dlms_requests_sent));
    this.set("responses", count(body.dlms_responses_recv));
    this.set("payload", body.dlms_avg_payload_size === null ? "–" : count(body.dlms_avg_payload_size));
    this.set("mqtt_sent", bytes(Number(body.mqtt_bytes_sent)));
    this.set("mqtt_messages", count(body.mqtt_messages_sent));
    const xs = rows.map(({ ts }) => Number(ts) / 1000);
    for (const [name, [, lines]] of Object.entries(CHARTS)) {
      this.charts.get(name).set(xs, Object.values(lines).map((key) => rows.map((row) => Number(row[key]))));
    }
  }

  tick() {
    if (this.known) this.poll.tick();
  }

  close() {
    this.poll.close();
    for (const chart of this.charts.values()) chart.close();
  }
}

export const open = ({ query }) => new Network(query);
