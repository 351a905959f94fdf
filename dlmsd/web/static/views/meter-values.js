// What a meter said last: each value with its unit and age, and why others are absent.

import { lasting, quantity, time } from "../format.js";
import { make, setHidden, setText } from "../kit/dom.js";
import { speak } from "../text.js";
import * as words from "../texts/meter.js";
import { late } from "./meter-row.js";

const { t } = speak(words);

export class Values {
  constructor() {
    this.caption = make("caption");
    this.body = make("tbody");
    const head = make("tr");
    for (const term of ["measurement", "value", "unit", "age"]) {
      const title = make("th", `v-${term}`, t(term));
      title.scope = "col";
      head.append(title);
    }
    this.head = make("thead", "", head);
    this.node = make("table", "values-table", this.caption, this.head, this.body);
    this.read = new Map();
  }

  refresh(meter) {
    this.meter = meter;
    setText(this.caption, meter.ts === null ? t("nothing_read") : t("read_at", { time: time(meter.ts) }));
    const found = Object.entries(meter.values).map(([name, value]) => [name, quantity(value, meter.units[name]), false]);
    const absent = Object.entries(meter.absent).map(([name, reason]) => [name, reason, true]);
    const rows = [...found, ...absent];
    setHidden(this.head, rows.length === 0);
    while (this.body.rows.length > rows.length) this.body.deleteRow(-1);
    rows.forEach(([name, text, missing], index) => this.row(index, name, text, missing));
    this.tick();
  }

  row(index, name, text, missing) {
    let row = this.body.rows[index];
    if (row === undefined) {
      const title = make("th");
      title.scope = "row";
      row = make("tr", "", title, make("td", "v-value"), make("td", "v-unit"), make("td", "v-age"));
      this.body.append(row);
    }
    row.classList.toggle("absent", missing);
    setText(row.cells[0], name);
    setText(row.cells[1], text);
    setText(row.cells[2], missing ? "" : this.meter.units[name] ?? "");
    this.learn(name, missing);
    row.dataset.name = name;
  }

  // When a value was read: with the last reading, or before it; then it is as old as it was
  // known to be, or at least as the reading is.
  learn(name, missing) {
    if (missing) this.read.delete(name);
    else if (!this.meter.older.includes(name)) this.read.set(name, this.meter.ts);
  }

  tick() {
    if (!this.meter) return;
    const old = late(this.meter);
    for (const row of this.body.rows) {
      const { name } = row.dataset;
      const ts = this.read.get(name);
      const absent = row.classList.contains("absent");
      setText(row.cells[3], absent ? "" : ts === undefined ? `> ${lasting(this.meter.ts)}` : lasting(ts));
      row.classList.toggle("late", old);
    }
  }
}
