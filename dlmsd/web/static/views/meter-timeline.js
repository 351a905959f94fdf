// What happened to a meter, the newest first: alarms, what was noticed, gaps, changes, and ends
// of connections.

import { get } from "../api.js";
import { lastingFrom, time } from "../format.js";
import { deed } from "../kit/deed.js";
import { make, setHidden, setText } from "../kit/dom.js";
import { speak } from "../text.js";
import * as words from "../texts/timeline.js";
import { ended } from "./disconnects.js";

const DAYS = 7;
const MOST = 200;
const EVERY = 30_000;

const { t, has } = speak(words);

const sinks = (sink) => (sink ? t("gap_sink", { sink }) : "");

function alarms(found) {
  return found.flatMap(({ severity, message, timestamp, cleared_at: cleared }) => [
    { ts: Date.parse(timestamp), kind: "alarm", severity, text: message },
    ...(cleared ? [{ ts: Date.parse(cleared), kind: "over", severity: "info", text: message }] : []),
  ]);
}

function gaps(found) {
  return found.map(({ from_ts: from, to_ts: to, cause, sink, filled_ts: filled }) => ({
    ts: Number(from),
    kind: "gap",
    severity: "warning",
    text: [
      has(`gap_${cause}`) ? t(`gap_${cause}`) : cause, sinks(sink),
      to === null ? t("gap_lasts") : t("gap_lasted", { time: lastingFrom(Number(from), Number(to)) }),
      filled === null ? "" : t("gap_filled"),
    ].filter(Boolean).join("; "),
  }));
}

const noticed = (found) => found.map(({ timestamp, severity, message }) => (
  { ts: Date.parse(timestamp), kind: "noticed", severity, text: message }
));

const changes = (found, name) => found.filter(({ subject }) => subject === name).map(
  ({ timestamp, who, action, detail }) => ({
    ts: Date.parse(timestamp), kind: "change", severity: "info", text: [`${deed(action)} (${who})`, detail].filter(Boolean).join(": "),
  }),
);

export class Timeline {
  constructor(name) {
    this.name = name;
    this.list = make("ol", "timeline");
    this.list.tabIndex = 0; // it scrolls, and keys must reach it
    this.list.ariaLabel = t("events");
    this.none = make("p", "none", t("loading"));
    this.node = make("div", "", this.none, this.list);
    this.abort = new AbortController();
    this.at = 0;
  }

  refresh(meter) {
    this.meter = meter;
    if (this.at === 0 && meter.id !== null) this.load();
  }

  async load() {
    this.at = Date.now();
    const { id } = this.meter;
    const since = Date.now() - DAYS * 86_400_000;
    const { signal } = this.abort;
    const answers = await Promise.all([
      get(`api/alarms?meter_id=${id}&limit=${MOST}`, { signal }),
      get(`api/diagnostics?meter_id=${id}&limit=${MOST}`, { signal }),
      get(`api/meters/${id}/gaps?from=${since}`, { signal }),
      get("api/audit?limit=1000", { signal }),
      get(`api/meters/${id}/disconnects?from=${since}&limit=${MOST}`, { signal }),
    ]);
    if (answers.some(({ aborted }) => aborted)) return;
    const [first, second, third, fourth, fifth] = answers.map(({ ok, body }) => (ok ? body : []));
    const events = [
      ...alarms(first), ...noticed(second), ...gaps(third), ...changes(fourth, this.name),
      ...fifth.map((one) => ({ ...ended(one), sink: one.sink })),
    ];
    events.sort((a, b) => b.ts - a.ts);
    this.list.replaceChildren(...events.slice(0, MOST).map((event) => this.entry(event)));
    setHidden(this.none, events.length > 0);
    setHidden(this.list, events.length === 0);
    setText(this.none, t("nothing_happened"));
  }

  entry({ ts, kind, severity, text, sink }) {
    const when = make("time", "", time(ts));
    when.dateTime = new Date(ts).toISOString();
    const badge = make("span", "badge", t(kind === "alarm" ? `severity_${severity}` : kind));
    const node = make("li", "", when, badge, make("p", "", sink ? `${sink}: ${text}` : text));
    node.dataset.severity = severity;
    return node;
  }

  tick() {
    if (this.at > 0 && Date.now() - this.at > EVERY) this.load();
  }

  close() {
    this.abort.abort();
  }
}
