// Who a meter is, as far as it is known: configured, measured, or asked for beside its cycles.

import { ago, seconds } from "../format.js";
import { figures } from "../kit/dom.js";
import { Poll } from "../kit/poll.js";
import { speak } from "../text.js";
import * as words from "../texts/meter.js";

const EVERY = 60_000;
const TERMS = ["model", "serial_number", "firmware_version", "clock_drift"];

const { t } = speak(words);

function clock({ clock_drift: drift, identified }) {
  if (drift === null) return "–";
  const off = Math.abs(Number(drift));
  const fields = { seconds: seconds(off), ago: ago(Date.parse(identified)) };
  if (off < 1) return t("clock_right", fields); // it mostly tells whole seconds
  return t(drift < 0 ? "clock_behind" : "clock_ahead", fields);
}

export class Device {
  constructor() {
    [this.node, this.tell] = figures(TERMS, t);
    for (const term of TERMS) this.tell(term, "–");
    this.poll = new Poll(() => `api/meters/${this.id}`, EVERY, (answer) => answer.ok && this.show(answer.body));
  }

  refresh(meter) {
    if (meter.id === null || meter.id === this.id) return;
    this.id = meter.id;
    this.poll.anew();
  }

  show(told) {
    this.told = told;
    for (const term of TERMS.slice(0, -1)) this.tell(term, told[term] || "–");
    this.tell("clock_drift", clock(told));
  }

  tick() {
    if (this.id === undefined) return;
    if (this.told) this.tell("clock_drift", clock(this.told));
    this.poll.tick();
  }

  close() {
    this.poll.close();
  }
}
