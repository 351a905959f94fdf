// One meter in the list.

import { ago, now, percent, quantity, time } from "../format.js";
import { dot, link, make, setData, setHidden, setText } from "../kit/dom.js";
import { to } from "../place.js";
import { speak } from "../text.js";
import * as words from "../texts/meters.js";

const PREVIEW = 10; // more than fit beside each other; the style shows what does

const { t, tn } = speak(words);

function cell(className, ...content) {
  const node = make("div", `cell ${className}`, ...content);
  node.setAttribute("role", "cell");
  return node;
}

// Whether the newest reading is older than a meter in good order has it.
export const late = ({ ts, interval, health }) => (
  ts !== null && health !== "inactive" && now() - ts > 3000 * interval + 10_000
);

export class MeterRow {
  constructor(name) {
    this.name = link(to("meter", name), "name", name);
    this.where = make("span", "where");
    this.word = make("span", "word");
    this.rate = cell("c-success");
    this.age = cell("c-last_reading");
    this.pairs = make("div", "pairs");
    this.missing = make("span", "missing");
    this.trouble = make("p", "trouble");
    this.node = make(
      "div", "row",
      cell("c-meter", this.name, this.where), cell("c-health", dot(), this.word), this.rate, this.age,
      cell("c-values", this.trouble, this.pairs, this.missing),
    );
    this.node.setAttribute("role", "row");
  }

  show(meter, index) {
    const place = String(index + 2);
    if (this.node.ariaRowIndex !== place) this.node.ariaRowIndex = place;
    if (this.meter === meter) return;
    this.meter = meter;
    setData(this.node, "health", meter.health);
    setText(this.where, meter.address);
    setText(this.word, t(meter.health));
    setText(this.rate, percent(meter.success_rate));
    const troubled = Boolean(meter.error) && !["healthy", "inactive"].includes(meter.health);
    setHidden(this.trouble, !troubled);
    setHidden(this.pairs, troubled);
    if (troubled) {
      const next = meter.next_attempt_ts;
      const when = next === null ? "" : t("next_at", { time: time(next) });
      setText(this.trouble, [meter.error, meter.advice, when].filter(Boolean).join(" · "));
    } else this.preview(Object.entries(meter.values).slice(0, PREVIEW));
    const absent = Object.keys(meter.absent).length;
    setHidden(this.missing, absent === 0 || troubled);
    setText(this.missing, tn("absent", absent));
    this.tick();
  }

  preview(found) {
    const { pairs } = this;
    while (pairs.children.length > found.length) pairs.lastElementChild.remove();
    found.forEach(([name, value], index) => {
      let pair = pairs.children[index];
      if (pair === undefined) {
        // The spaces are for those who hear the row or copy it.
        const parts = ["key", "number", "unit"].map((part) => make("span", part));
        pair = make("span", "pair", parts[0], " ", parts[1], " ", parts[2]);
        pairs.append(pair, " ");
      }
      setText(pair.children[0], name);
      setText(pair.children[1], quantity(value, this.meter.units[name]));
      setText(pair.children[2], this.meter.units[name] ?? "");
    });
  }

  tick() {
    setText(this.age, ago(this.meter.ts));
    const isLate = late(this.meter);
    if (this.late !== isLate) {
      this.late = isLate;
      this.node.classList.toggle("late", isLate);
    }
  }
}
