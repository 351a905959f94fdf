// The table of meters: which are shown, in which order. Rows are made when first shown and
// touched when their meter changed.

import { count, make, setHidden, setText } from "./format.js";
import { Row } from "./row.js";
import { language, t } from "./text.js";

const HEALTHS = ["down", "critical", "degraded", "unknown", "healthy", "inactive"];
const PAGE = 1000; // rows at once; a browser is slow with many more

const collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
const byName = (a, b) => collator.compare(a.name, b.name);
const known = (value) => (value === null ? -1 : Number(value));

const COLUMNS = {
  meter: () => 0,
  state: (a, b) => HEALTHS.indexOf(a.health) - HEALTHS.indexOf(b.health),
  success: (a, b) => known(a.success_rate) - known(b.success_rate),
  last_reading: (a, b) => known(a.ts) - known(b.ts),
};

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

export class Table {
  constructor(page) {
    this.page = page;
    this.meters = new Map();
    this.rows = new Map();
    this.column = "state";
    this.descending = false;
    this.health = "all";
    this.words = [];
    this.limit = PAGE;
    this.frame = 0;
    this.visible = new Set();
    this.observer = new IntersectionObserver((entries) => this.seen(entries));
    this.heads();
    this.chips();
    page.search.addEventListener("input", () => {
      this.words = plain(page.search.value).split(/\s+/).filter(Boolean);
      this.draw();
    });
    page.more.addEventListener("click", () => {
      this.limit += PAGE;
      this.draw();
    });
  }

  // A snapshot: whoever is not in it is gone; the others keep their rows, open or not.
  replace(meters) {
    const named = new Set(meters.map((meter) => meter.name));
    for (const name of [...this.meters.keys()]) {
      if (named.has(name)) continue;
      this.meters.delete(name);
      this.drop(name);
    }
    this.update(meters);
  }

  drop(name) {
    const row = this.rows.get(name);
    if (row === undefined) return;
    this.observer.unobserve(row.node);
    this.visible.delete(row);
    this.rows.delete(name);
    row.node.remove();
  }

  update(meters) {
    for (const meter of meters) this.meters.set(meter.name, meter);
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  // Ages grow only where someone looks: laying out a thousand rows a second costs too much.
  tick() {
    for (const row of this.visible) row.tick();
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const row = this.rows.get(target.dataset.meter);
      if (row !== undefined && isIntersecting) {
        this.visible.add(row);
        row.tick();
      } else this.visible.delete(row);
    }
  }

  tally() {
    const tally = Object.fromEntries(HEALTHS.map((health) => [health, 0]));
    for (const meter of this.meters.values()) tally[meter.health] += 1;
    return tally;
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const found = [...this.meters.values()].filter((meter) => this.matches(meter));
    const compare = COLUMNS[this.column];
    const sign = this.descending ? -1 : 1;
    found.sort((a, b) => sign * (compare(a, b) || byName(a, b)));
    this.shown = found.slice(0, this.limit).map((meter) => this.row(meter));
    this.arrange();
    this.label(found.length);
  }

  matches(meter) {
    if (this.health !== "all" && meter.health !== this.health) return false;
    if (this.words.length === 0) return true;
    const text = plain(`${meter.name} ${meter.address} ${meter.profile} ${meter.error}`);
    return this.words.every((word) => text.includes(word));
  }

  row(meter) {
    let row = this.rows.get(meter.name);
    if (row === undefined) {
      row = new Row(meter);
      this.rows.set(meter.name, row);
      this.observer.observe(row.node);
    } else if (row.meter !== meter) row.update(meter);
    return row;
  }

  // Moves only what is out of place, so that focus and selection survive.
  arrange() {
    const { body } = this;
    const wanted = new Set(this.shown.map((row) => row.node));
    for (const node of [...body.tBodies]) if (!wanted.has(node)) node.remove();
    let at = body.tBodies[0] ?? null;
    for (const { node } of this.shown) {
      if (node === at) at = at.nextElementSibling;
      else body.insertBefore(node, at);
    }
  }

  label(found) {
    const { none, more } = this.page;
    setHidden(none, found > 0);
    setText(none, t(this.meters.size === 0 ? "no_meters" : "no_match"));
    setHidden(more, found <= this.limit);
    setText(more, t("more", { count: count(Math.min(PAGE, found - this.limit)) }));
    const tally = this.tally();
    for (const [health, chip] of this.chip) {
      const number = health === "all" ? this.meters.size : tally[health];
      setText(chip.lastChild, count(number));
      setHidden(chip, number === 0 && health !== "all" && health !== this.health);
    }
  }

  heads() {
    this.body = this.page.table;
    for (const column of [...Object.keys(COLUMNS), "values"]) {
      const head = make("th");
      head.scope = "col";
      head.setAttribute("role", "columnheader");
      if (column in COLUMNS) {
        const button = make("button", "sort", t(column));
        button.type = "button";
        button.addEventListener("click", () => this.sort(column));
        head.append(button);
        head.dataset.column = column;
      } else head.textContent = t(column);
      this.page.head.append(head);
    }
    this.mark();
  }

  sort(column) {
    this.descending = this.column === column && !this.descending;
    this.column = column;
    this.mark();
    this.draw();
  }

  mark() {
    for (const head of this.page.head.children) {
      if (head.dataset.column !== this.column) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
    }
  }

  chips() {
    this.chip = new Map();
    for (const health of ["all", ...HEALTHS]) {
      const dot = make("span", "dot");
      dot.setAttribute("aria-hidden", "true");
      const chip = make("button", "chip", dot, make("span", "", t(health)), make("b"));
      chip.type = "button";
      chip.dataset.health = health;
      chip.setAttribute("aria-pressed", String(health === this.health));
      chip.addEventListener("click", () => this.filter(health));
      this.chip.set(health, chip);
      this.page.chips.append(chip);
    }
  }

  filter(health) {
    this.health = health;
    for (const [one, chip] of this.chip) chip.setAttribute("aria-pressed", String(one === health));
    this.draw();
  }
}
