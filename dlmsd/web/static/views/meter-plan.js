// What the watch found of one meter, and what to do about it.

import { make, setHidden } from "../kit/dom.js";
import { reasons, remedy } from "../kit/remedy.js";
import { findings } from "../plan.js";
import { speak } from "../text.js";
import * as words from "../texts/meter.js";

const EVERY = 10_000; // as often as the watch looks

const { t } = speak(words);

function entry(finding) {
  const { severity, title, action } = finding;
  const inside = make("div", "", make("p", "error", title), ...reasons(finding));
  if (action) inside.append(remedy(action));
  const node = make("li", "", make("span", "badge", t(`severity_${severity}`)), inside);
  node.dataset.severity = severity;
  return node;
}

export class MeterPlan {
  constructor() {
    this.list = make("ol", "attention");
    this.node = this.list;
    this.at = 0;
    this.shown = "";
    this.abort = new AbortController();
  }

  // `section` is what is hidden while there is nothing.
  within(section) {
    this.section = section;
    setHidden(section, true);
    return section;
  }

  refresh(meter) {
    this.meter = meter;
    if (this.at === 0 && meter.id !== null) this.ask();
  }

  async ask() {
    this.at = Date.now();
    const found = await findings(this.abort.signal, this.meter.id);
    if (found === null) return;
    const text = JSON.stringify(found);
    if (text === this.shown) return; // who reads it is not disturbed
    this.shown = text;
    setHidden(this.section, found.length === 0);
    this.list.replaceChildren(...found.map(entry));
  }

  tick() {
    if (this.at > 0 && Date.now() - this.at > EVERY) this.ask();
  }

  close() {
    this.abort.abort();
  }
}
