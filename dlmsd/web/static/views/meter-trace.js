// One cycle of a meter, frame by frame.

import { post } from "../api.js";
import { busy, button, make } from "../kit/dom.js";
import { framesList } from "../kit/frames.js";
import { complain } from "../kit/toast.js";
import { speak } from "../text.js";
import * as words from "../texts/meter.js";

const { t } = speak(words);

export class Tracing {
  // `acted` is called when a cycle was traced.
  constructor(acted) {
    this.acted = acted;
    this.abort = new AbortController();
    this.ask = button(t("trace"), "", () => busy(this.ask, () => this.run()));
    this.shown = make("div");
    this.shown.setAttribute("aria-live", "polite");
    this.node = make("div", "", make("p", "hint", t("trace_hint")), this.ask, this.shown);
  }

  refresh(meter) {
    this.meter = meter;
  }

  async run() {
    const answer = await post(`api/meters/${this.meter.id}/trace`, undefined, { signal: this.abort.signal });
    if (!answer.ok) return complain(answer);
    this.acted();
    const { error, frames } = answer.body;
    const parts = [framesList(frames, { open: true })];
    if (error) parts.unshift(make("p", "error", error));
    this.shown.replaceChildren(...parts);
    return undefined;
  }

  close() {
    this.abort.abort();
  }
}
