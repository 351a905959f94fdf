// Who a meter is, how the conversation with it goes, and its counters.

import { count, milliseconds, seconds, time } from "../format.js";
import { figures, make } from "../kit/dom.js";
import { speak } from "../text.js";
import * as words from "../texts/meter.js";
import { Device } from "./meter-device.js";

const TALK = ["state", "interval", "cycle", "latency", "recovery", "next_attempt"];
const COUNTERS = [
  "good", "failed", "missed", "errors", "connects", "losses", "noise", "bad_frames", "notifications",
];

const { t } = speak(words);

export class Standing {
  constructor() {
    this.device = new Device();
    [this.talk, this.tell] = figures(TALK, t);
    [this.counters, this.count] = figures(COUNTERS, t);
    this.node = make(
      "div", "standing", make(
        "div", "", make("h3", "", t("device")), this.device.node,
        make("h3", "", t("conversation")), this.talk,
      ),
      make("div", "", make("h3", "", t("counters")), this.counters),
    );
  }

  refresh(meter) {
    this.device.refresh(meter);
    this.tell("state", t(`state_${meter.state}`));
    this.tell("interval", seconds(meter.interval));
    this.tell("cycle", seconds(meter.cycle_seconds));
    this.tell("latency", milliseconds(meter.latency));
    this.tell("recovery", t(`rung_${meter.rung}`));
    this.tell("next_attempt", meter.next_attempt_ts === null ? "–" : time(meter.next_attempt_ts));
    for (const term of COUNTERS) {
      this.count(term, count(meter[term === "noise" ? "noise_bytes" : term]));
    }
  }

  tick() {
    this.device.tick();
  }

  close() {
    this.device.close();
  }
}
