// What needs attention, the worst first, and what all hangs on before single meters: what is
// wrong, of whom, and the one next action.
//
// The watch looks every ten seconds and has its words in both languages; what a meter or a sink
// says of itself is shown at once, until the watch tells of it.

import { dot, link, make, setHidden, setText } from "../kit/dom.js";
import { model } from "../model.js";
import { to } from "../place.js";
import { findings } from "../plan.js";
import { speak } from "../text.js";
import * as words from "../texts/overview.js";

const MOST = 8; // what fits a screen beside the rest; the list of meters has all
const NAMES = 3;
const EVERY = 10_000; // as often as the watch looks
const HEALTHS = { down: "error", critical: "error", degraded: "warning" };
const RANKS = { warning: 1, error: 2, critical: 3 };

const { t, tn } = speak(words);

// Meters with the same trouble are one entry: forty behind a gateway are one thing to do.
function meterTroubles() {
  const found = new Map();
  for (const meter of model.meters.values()) {
    const severity = HEALTHS[meter.health];
    if (severity === undefined) continue;
    const key = JSON.stringify([meter.health, meter.error, meter.advice]);
    const known = found.get(key);
    if (known) known.names.push(meter.name);
    else {
      const { advice, error } = meter;
      found.set(key, { severity, advice, error: error || t("missing"), names: [meter.name], kind: "meter", wide: false });
    }
  }
  return [...found.values()];
}

function otherTroubles() {
  const found = [];
  const { outbox } = model;
  if (outbox?.error) {
    found.push({ severity: "critical", error: outbox.error, advice: outbox.alarm, names: [], kind: "outbox", wide: true });
  }
  for (const { name, error, advice, connected, connections } of model.sinks.values()) {
    if (error && connected < connections) {
      found.push({ severity: connected ? "warning" : "error", error, advice, names: [name], kind: "sink", wide: true });
    }
  }
  return found;
}

function told(finding) {
  const { severity, title, cause, confidence, action, subject, meters } = finding;
  const known = meters.length > 0 ? meters : [subject];
  // Of outbox, sinks, daemon or host, also where it names meters.
  const wide = model.sinks.has(subject) || !known.some((name) => model.meters.has(name));
  const sure = t("cause", { cause, percent: Math.round(100 * confidence) });
  return { severity, error: title, cause: sure, advice: action?.text ?? "", names: known, kind: "finding", wide };
}

class Entry {
  constructor() {
    this.word = make("span", "badge");
    this.error = make("p", "error");
    this.cause = make("p", "cause");
    this.advice = make("p", "next");
    this.whom = make("p", "whom");
    this.node = make("li", "", this.word, make("div", "", this.error, this.cause, this.advice, this.whom));
  }

  show({ severity, error, cause = "", advice, names, kind }) {
    this.node.dataset.severity = severity;
    setText(this.word, t(`severity_${severity}`));
    setText(this.error, error);
    setText(this.cause, cause);
    setHidden(this.cause, !cause);
    setText(this.advice, advice);
    setHidden(this.advice, !advice);
    const whom = JSON.stringify([kind, names]);
    if (this.shown === whom) return;
    this.shown = whom;
    const parts = names.slice(0, NAMES).flatMap((name, index) => [
      index ? ", " : "", model.meters.has(name) ? link(to("meter", name), "", name) : name,
    ]);
    const rest = names.length - NAMES;
    if (rest > 0) parts.push(` ${t("others", { count: rest })}`);
    if (kind === "sink") parts.unshift(`${t("sink")} `);
    this.whom.replaceChildren(...(kind === "outbox" ? [t("outbox")] : parts));
  }
}

export class Attention {
  constructor() {
    this.list = make("ol", "attention");
    this.dot = dot();
    this.word = make("span");
    this.calm = make("p", "calm", this.dot, this.word);
    this.rest = make("p", "rest");
    this.node = make("div", "", this.calm, this.list, this.rest);
    this.entries = [];
    this.findings = null; // until the watch has answered
    this.abort = new AbortController();
    this.ask();
  }

  async ask() {
    this.at = Date.now();
    this.findings = await findings(this.abort.signal) ?? this.findings;
    this.refresh();
  }

  // Of a whole line only some names are told, but one of them is enough.
  troubles() {
    const grave = (this.findings ?? []).filter(({ rank }) => rank > 0);
    const known = new Set(grave.flatMap(({ subject, meters }) => [subject, ...meters]));
    const own = [...otherTroubles(), ...meterTroubles()].filter(({ names }) => !names.some((name) => known.has(name)));
    const all = [...grave.map(told), ...own];
    return all.sort((a, b) => (
      RANKS[b.severity] - RANKS[a.severity] || b.wide - a.wide || b.names.length - a.names.length
    ));
  }

  refresh() {
    const found = this.troubles();
    const shown = found.slice(0, MOST);
    while (this.entries.length > shown.length) this.entries.pop().node.remove();
    shown.forEach((one, index) => {
      if (this.entries[index] === undefined) {
        this.entries[index] = new Entry();
        this.list.append(this.entries[index].node);
      }
      this.entries[index].show(one);
    });
    setHidden(this.calm, found.length > 0);
    setHidden(this.dot, this.findings === null);
    setText(this.word, t(this.findings === null ? "loading" : "calm"));
    setHidden(this.list, found.length === 0);
    setHidden(this.rest, found.length <= MOST);
    setText(this.rest, tn("more", found.length - MOST));
  }

  tick() {
    if (Date.now() - this.at > EVERY) this.ask();
  }

  close() {
    this.abort.abort();
  }
}
