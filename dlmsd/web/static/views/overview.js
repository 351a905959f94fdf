// The overview: how the fleet is, what needs attention first, where readings go.

import { count, now } from "../format.js";
import { Cards } from "../kit/cards.js";
import { dot, link, make, section, setHidden, setText } from "../kit/dom.js";
import { HEALTHS, model, tally, waiting } from "../model.js";
import { to } from "../place.js";
import { speak } from "../text.js";
import * as words from "../texts/overview.js";
import { Attention } from "./attention.js";

const BAR = ["healthy", "unknown", "degraded", "critical", "down", "inactive"];
const SOON = 10_000; // a healthy broker has acknowledged a reading by then
const NAMES = 3;

const { t, tn } = speak(words);
export const nav = t("nav");

class Overview {
  constructor() {
    this.summary = make("h1");
    this.bar = make("div", "bar");
    this.bar.setAttribute("aria-hidden", "true");
    this.counts = make("ul", "healths");
    this.counts.ariaLabel = t("by_health");
    this.segments = new Map(BAR.map((health) => [health, this.segment(health)]));
    this.attention = new Attention();
    const cards = make("div", "cards");
    this.cards = new Cards(cards);
    this.node = make(
      "div", "", make("div", "fleet", this.summary, this.bar, this.counts),
      section(t("attention"), this.attention.node), section(t("delivery"), cards),
    );
    this.refresh({ whole: true });
  }

  segment(health) {
    const part = make("span");
    part.dataset.health = health;
    this.bar.append(part);
    const number = make("b");
    const entry = make("li", "", link(`${to("meters")}?health=${health}`, "", dot(), number, " ", t(health)));
    entry.dataset.health = health;
    this.counts.append(entry);
    return { part, entry, number };
  }

  refresh({ whole, sinks, outbox, listeners }) {
    const counts = tally();
    this.summarize(counts);
    for (const health of HEALTHS) {
      const { part, entry, number } = this.segments.get(health);
      setHidden(part, counts[health] === 0);
      setHidden(entry, counts[health] === 0);
      setText(number, count(counts[health]));
      part.style.flexGrow = String(counts[health]);
    }
    const troubled = counts.down + counts.critical + counts.degraded;
    this.title = (troubled > 0 ? `(${troubled}) ` : "") + t("nav");
    if (whole || sinks || outbox || listeners) {
      this.cards.update(model.sinks, model.outbox, model.listeners);
    }
    this.attention.refresh();
  }

  summarize(counts) {
    const resting = counts.inactive;
    const awake = model.meters.size - resting;
    const meters = model.meters.size === 0
      ? t("summary_none")
      : tn("summary", awake, { healthy: count(counts.healthy) });
    const sinks = [...model.sinks.values()];
    const down = sinks.filter(({ state }) => state === "down").map(({ name }) => name);
    const late = now() - (model.outbox?.oldest_queued_ts ?? now()) > SOON;
    const queued = late || sinks.some(({ state }) => state !== "connected") ? waiting() : 0;
    const parts = [meters];
    if (down.length > 0) {
      const names = [...down.slice(0, NAMES), ...(down.length > NAMES ? ["…"] : [])].join(", ");
      parts.push(tn("sinks_down", down.length, { names }));
    }
    if (queued > 0) parts.push(tn("waiting", queued));
    if (resting > 0) parts.push(tn("resting", resting));
    setText(this.summary, parts.join(", "));
  }

  tick() {
    this.summarize(tally());
    this.cards.tick();
    this.attention.tick();
  }

  close() {
    this.attention.close();
  }
}

export const open = () => new Overview();
