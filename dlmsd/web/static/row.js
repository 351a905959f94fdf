// One meter: its row, and below it the details that a click unfolds.

import {
  ago, count, figures, make, milliseconds, now, percent, seconds, setData, setHidden, setText, time,
} from "./format.js";
import { t, tn } from "./text.js";

const PREVIEW = 10; // more than fit beside each other; the style shows what does

let rows = 0;

function cell(className, ...content) {
  const node = make("td", className, ...content);
  node.setAttribute("role", "cell");
  return node;
}

function line(...cells) {
  const node = make("tr", "", ...cells);
  node.setAttribute("role", "row");
  return node;
}

// What the reading lacks comes after it, with the reason in place of the value.
function measurements(meter) {
  const found = Object.entries(meter.values).map(([name, value]) => [
    name, String(value), meter.units[name] ?? "", false,
  ]);
  const absent = Object.entries(meter.absent).map(([name, reason]) => [name, reason, "", true]);
  return [...found, ...absent];
}

class Details {
  constructor(id) {
    this.caption = make("caption");
    this.body = make("tbody");
    const head = make("tr", "");
    for (const term of ["measurement", "value"]) {
      const title = make("th", "", t(term));
      title.scope = "col";
      head.append(title);
    }
    const table = make("table", "values-table", this.caption, make("thead", "", head), this.body);
    [this.talk, this.setTalk] = figures([
      "address", "profile", "state", "interval", "cycle", "latency", "recovery", "next_attempt",
    ]);
    [this.counters, this.setCounter] = figures(
      ["good", "failed", "missed", "errors", "connects", "losses", "noise", "bad_frames"],
    );
    this.troubleTitle = make("h3");
    this.error = make("p", "error");
    this.advice = make("p", "advice");
    this.trouble = make("div", "trouble-block", this.troubleTitle, this.error, this.advice);
    const block = (title, list) => make("div", "", make("h3", "", t(title)), list);
    const grid = make(
      "div", "details", table, block("conversation", this.talk),
      block("counters", this.counters), this.trouble,
    );
    const inside = cell("", grid);
    inside.colSpan = 5;
    this.node = line(inside);
    this.node.className = "unfolded";
    this.node.id = id;
  }

  update(meter) {
    setText(this.caption, meter.ts === null ? t("nothing_read") : t("read_at", { time: time(meter.ts) }));
    this.fill(measurements(meter));
    this.setTalk("address", meter.address);
    this.setTalk("profile", meter.profile);
    this.setTalk("state", t(`state_${meter.state}`));
    this.setTalk("interval", seconds(meter.interval));
    this.setTalk("cycle", seconds(meter.cycle_seconds));
    this.setTalk("latency", milliseconds(meter.latency));
    this.setTalk("recovery", t(`rung_${meter.rung}`));
    this.setTalk("next_attempt", meter.next_attempt_ts === null ? "–" : time(meter.next_attempt_ts));
    for (const term of ["good", "failed", "missed", "errors", "connects", "losses", "bad_frames"]) {
      this.setCounter(term, count(meter[term]));
    }
    this.setCounter("noise", count(meter.noise_bytes));
    setHidden(this.trouble, !meter.error);
    const when = meter.error_ts === null ? "" : `, ${time(meter.error_ts)}`;
    setText(this.troubleTitle, t("last_trouble") + when);
    setText(this.error, meter.error);
    setText(this.advice, meter.advice);
  }

  fill(found) {
    while (this.body.rows.length > found.length) this.body.deleteRow(-1);
    found.forEach(([name, value, unit, absent], index) => {
      let row = this.body.rows[index];
      if (row === undefined) {
        const title = make("th");
        title.scope = "row";
        row = make("tr", "", title, make("td", "", make("span", "number"), " ", make("span", "unit")));
        this.body.append(row);
      }
      row.classList.toggle("absent", absent);
      setText(row.cells[0], name);
      setText(row.cells[1].children[0], value);
      setText(row.cells[1].children[1], unit);
    });
  }
}

export class Row {
  constructor(meter) {
    rows += 1;
    this.id = `meter-${rows}`;
    this.details = null;
    this.button = make("button", "name", make("span", "fold"), make("span", "called", meter.name));
    this.button.type = "button";
    this.button.setAttribute("aria-expanded", "false");
    this.button.addEventListener("click", () => this.toggle());
    this.where = make("span", "where");
    this.word = make("span", "word");
    const dot = make("span", "dot");
    dot.setAttribute("aria-hidden", "true");
    this.rate = cell("rate");
    this.age = cell("age");
    this.pairs = make("div", "pairs");
    this.missing = make("span", "missing");
    this.missing.hidden = true;
    this.error = make("span", "error");
    this.advice = make("span", "advice");
    this.next = make("span", "advice");
    this.trouble = make("p", "trouble", this.error, " ", this.advice, " ", this.next);
    this.trouble.hidden = true;
    this.main = line(
      cell("meter", this.button, this.where), cell("state", dot, this.word), this.rate, this.age,
      cell("values", make("div", "preview", this.pairs, this.missing), this.trouble),
    );
    this.main.className = "main";
    this.node = make("tbody", "", this.main);
    this.node.setAttribute("role", "rowgroup");
    this.node.dataset.meter = meter.name;
    this.update(meter);
  }

  update(meter) {
    this.meter = meter;
    setData(this.node, "health", meter.health);
    setText(this.where, meter.address);
    setText(this.word, t(meter.health));
    setText(this.rate, percent(meter.success_rate));
    this.preview(Object.entries(meter.values).slice(0, PREVIEW));
    const absent = Object.keys(meter.absent).length;
    setHidden(this.missing, absent === 0);
    setText(this.missing, tn("absent", absent));
    const troubled = Boolean(meter.error) && !["healthy", "inactive"].includes(meter.health);
    setHidden(this.trouble, !troubled);
    setText(this.error, meter.error);
    setText(this.advice, meter.advice);
    const next = meter.next_attempt_ts;
    setText(this.next, next === null ? "" : t("next_at", { time: time(next) }));
    this.details?.update(meter);
    this.tick();
  }

  preview(found) {
    const { pairs } = this;
    while (pairs.children.length > found.length) pairs.lastElementChild.remove();
    found.forEach(([name, value], index) => {
      let pair = pairs.children[index];
      if (pair === undefined) {
        // The spaces are for those who hear the row or copy it.
        const parts = ["key", "number", "unit"].map((name) => make("span", name));
        pair = make("span", "pair", parts[0], " ", parts[1], " ", parts[2]);
        pairs.append(pair, " ");
      }
      const unit = this.meter.units[name] ?? "";
      setText(pair.children[0], name);
      setText(pair.children[1], String(value));
      setText(pair.children[2], unit);
    });
  }

  tick() {
    const { ts, interval, health } = this.meter;
    setText(this.age, ago(ts));
    const late = ts !== null && health !== "inactive" && now() - ts > 3000 * interval + 10_000;
    if (this.late !== late) {
      this.late = late;
      this.node.classList.toggle("late", late);
    }
  }

  toggle() {
    const open = this.details === null;
    if (open) {
      this.details = new Details(this.id);
      this.details.update(this.meter);
      this.node.append(this.details.node);
      this.button.setAttribute("aria-controls", this.id);
    } else {
      this.details.node.remove();
      this.details = null;
      this.button.removeAttribute("aria-controls");
    }
    this.button.setAttribute("aria-expanded", String(open));
  }
}
