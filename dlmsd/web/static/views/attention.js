// What needs attention, the worst first: what is wrong, of whom, and the one next action.

import { link, make, setHidden, setText } from "../kit/dom.js";
import { model } from "../model.js";
import { to } from "../place.js";
import { speak } from "../text.js";
import * as words from "../texts/overview.js";

const MOST = 8; // what fits a screen beside the rest; the list of meters has all
const NAMES = 3;
const HEALTHS = { down: 3, critical: 2, degraded: 1 };

const { t, tn } = speak(words);

// Meters with the same trouble are one entry: forty behind a gateway are one thing to do.
function meterTroubles() {
  const found = new Map();
  for (const meter of model.meters.values()) {
    const rank = HEALTHS[meter.health];
    if (rank === undefined) continue;
    const key = JSON.stringify([meter.health, meter.error, meter.advice]);
    const known = found.get(key);
    if (known) known.names.push(meter.name);
    else {
      const { health, advice, error } = meter;
      found.set(key, { rank, health, advice, error: error || t("missing"), names: [meter.name], kind: "meter" });
    }
  }
  return found.values();
}

function otherTroubles() {
  const found = [];
  const { outbox } = model;
  if (outbox?.error) {
    found.push({ rank: 4, health: "down", error: outbox.error, advice: outbox.alarm, names: [], kind: "outbox" });
  }
  for (const sink of model.sinks.values()) {
    if (sink.error && sink.connected < sink.connections) {
      const health = sink.connected ? "degraded" : "down";
      const { error, advice } = sink;
      found.push({ rank: sink.connected ? 2 : 4, health, error, advice, names: [sink.name], kind: "sink" });
    }
  }
  return found;
}

class Entry {
  constructor() {
    this.word = make("span", "badge");
    this.error = make("p", "error");
    this.advice = make("p", "advice");
    this.whom = make("p", "whom");
    this.node = make("li", "", this.word, make("div", "", this.error, this.advice, this.whom));
  }

  show({ health, error, advice, names, kind }) {
    this.node.dataset.health = health;
    setText(this.word, t(health));
    setText(this.error, error);
    setText(this.advice, advice);
    setHidden(this.advice, !advice);
    const whom = JSON.stringify([kind, names]);
    if (this.shown === whom) return;
    this.shown = whom;
    const parts = names.slice(0, NAMES).flatMap((name, index) => [
      index ? ", " : "",
      kind === "meter" ? link(to("meter", name), "", name) : `${t("sink")} ${name}`,
    ]);
    const rest = names.length - NAMES;
    if (rest > 0) parts.push(` ${t("others", { count: rest })}`);
    this.whom.replaceChildren(...(kind === "outbox" ? [t("outbox")] : parts));
  }
}

export class Attention {
  constructor() {
    this.list = make("ol", "attention");
    this.calm = make("p", "calm", t("calm"));
    this.rest = make("p", "rest");
    this.node = make("div", "", this.calm, this.list, this.rest);
    this.entries = [];
  }

  refresh() {
    const found = [...otherTroubles(), ...meterTroubles()];
    found.sort((a, b) => b.rank - a.rank || b.names.length - a.names.length);
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
    setHidden(this.list, found.length === 0);
    setHidden(this.rest, found.length <= MOST);
    setText(this.rest, tn("more", found.length - MOST));
  }
}
