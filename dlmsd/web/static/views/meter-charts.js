// Values and figures of a meter over time: from the history, then from what comes live.

import { get } from "../api.js";
import { decimals, now } from "../format.js";
import { Chart } from "../kit/chart.js";
import { button, make, setHidden, setText } from "../kit/dom.js";
import { download } from "../kit/download.js";
import { complain } from "../kit/toast.js";
import { speak } from "../text.js";
import * as words from "../texts/meter.js";

const RANGES = { range_1h: 3_600_000, range_6h: 21_600_000, range_24h: 86_400_000, range_7d: 604_800_000 };
const POINTS = 600; // about as many as a chart has pixels
const ALIKE = 4; // a line far below another is flat
const FIGURES_EVERY = 60_000; // a new minute, a new row

const { t } = speak(words);

// Series of one unit share a chart. `readings` are { ts, values }, the oldest first. Returns what
// Chart.set() takes; a meter gives each of its values with as many decimals as it has.
function lines(readings, names, gap) {
  const xs = [];
  const found = names.map(() => []);
  const places = names.map(() => 0);
  readings.forEach(({ ts, values }, index) => {
    if (index > 0 && ts - readings[index - 1].ts > gap) {
      xs.push((readings[index - 1].ts + ts) / 2000);
      for (const line of found) line.push(null);
    }
    xs.push(ts / 1000);
    names.forEach((name, place) => {
      const value = values[name];
      places[place] = Math.max(places[place], decimals(value));
      found[place].push(value === undefined || value === null || value === "" ? undefined : Number(value));
    });
  });
  return [xs, found, places];
}

const number = (value) => typeof value !== "boolean" && value !== "" && Number.isFinite(Number(value));

export class Charts {
  constructor() {
    this.range = "range_1h";
    this.readings = [];
    this.charts = new Map();
    this.abort = new AbortController();
    this.choices = new Map(Object.keys(RANGES).map((range) => [
      range, button(t(range), "chip", () => this.choose(range)),
    ]));
    const choice = make("div", "chips", ...this.choices.values());
    choice.setAttribute("role", "group");
    choice.ariaLabel = t("range");
    this.grid = make("div", "charts");
    this.empty = make("p", "none", t("loading"));
    this.success = new Chart(t("success"), "%", [t("success")]);
    this.duration = new Chart(t("read_time"), "s", [t("average"), t("longest")]);
    this.figures = make("div", "charts", this.success.node, this.duration.node);
    const file = button(t("csv"), "", () => {
      const since = now() - RANGES[this.range];
      const path = `api/meters/${this.meter.id}/readings?format=csv&from=${since}`;
      return download(path, `${this.meter.name}.csv`);
    });
    this.node = make("div", "", make("div", "tools", choice, file), this.empty, this.grid, this.figures);
  }

  choose(range) {
    this.range = range;
    for (const [one, chip] of this.choices) chip.ariaPressed = String(one === range);
    this.load();
  }

  refresh(meter) {
    const first = this.meter === undefined;
    this.meter = meter;
    if (first) {
      if (meter.id !== null) this.choose(this.range);
      return;
    }
    if (meter.ts !== null && this.loaded) this.add(meter);
  }

  async load() {
    this.loaded = false;
    const since = now() - RANGES[this.range];
    const path = `api/meters/${this.meter.id}`;
    const { signal } = this.abort;
    const [readings] = await Promise.all([
      get(`${path}/readings?from=${since}&points=${POINTS}`, { signal }), this.loadFigures(since),
    ]);
    if (!readings.ok) return readings.aborted || complain(readings);
    this.readings = readings.body.map(({ ts, values }) => ({ ts: Number(ts), values }));
    this.loaded = true;
    if (this.meter.ts !== null) this.add(this.meter);
    this.draw();
    return undefined;
  }

  async loadFigures(since) {
    const path = `api/meters/${this.meter.id}/metrics?from=${since}&points=${POINTS}&limit=${POINTS}`;
    const answer = await get(path, { signal: this.abort.signal });
    this.figuresAt = Date.now();
    if (!answer.ok) return;
    const rows = answer.body.reverse();
    const line = (name) => rows.map((row) => (row[name] === null ? null : Number(row[name])));
    const xs = rows.map((row) => Number(row.ts) / 1000);
    this.success.set(xs, [line("success_rate")]);
    this.duration.set(xs, [line("avg_read_time"), line("max_read_time")]);
  }

  // What came live, if it is new; as many points as were asked for at most twice.
  add({ ts, values, older }) {
    const last = this.readings.at(-1);
    if (last !== undefined && last.ts >= Number(ts)) return;
    const fresh = Object.fromEntries(Object.entries(values).filter(([name]) => !older.includes(name)));
    this.readings.push({ ts: Number(ts), values: fresh });
    const since = now() - RANGES[this.range];
    while (this.readings[0].ts < since) this.readings.shift();
    if (this.readings.length > 2 * POINTS) this.readings = this.readings.filter((_, index) => index % 2 === 1);
    this.draw();
  }

  // [unit, names] of each chart: what has one unit and is of one size, such as three phases.
  groups() {
    const sizes = new Map();
    for (const { values } of this.readings) {
      for (const [name, value] of Object.entries(values)) {
        if (number(value)) sizes.set(name, Math.max(sizes.get(name) ?? 0, Math.abs(Number(value))));
      }
    }
    const found = [];
    for (const [name, size] of sizes) {
      const unit = this.meter.units[name] ?? "";
      const near = found.find((one) => one.unit === unit && size < ALIKE * one.size && one.size < ALIKE * size);
      if (near) near.names.push(name);
      else found.push({ unit, size, names: [name] });
    }
    return found;
  }

  draw() {
    const groups = this.groups();
    setHidden(this.empty, groups.length > 0);
    setText(this.empty, t("no_history"));
    const step = RANGES[this.range] / POINTS;
    const gap = Math.max(4 * step, 5 * 1000 * Number(this.meter.interval), 15_000);
    const wanted = new Set();
    for (const { unit, names } of groups) {
      const key = JSON.stringify([unit, names]);
      wanted.add(key);
      let chart = this.charts.get(key);
      if (chart === undefined) {
        chart = new Chart(names.length === 1 ? names[0] : t("values"), unit, names);
        this.charts.set(key, chart);
        this.grid.append(chart.node);
      }
      chart.set(...lines(this.readings, names, gap));
    }
    for (const [key, chart] of this.charts) {
      if (wanted.has(key)) continue;
      chart.close();
      chart.node.remove();
      this.charts.delete(key);
    }
  }

  tick() {
    if (this.loaded && Date.now() - this.figuresAt > FIGURES_EVERY) {
      this.loadFigures(now() - RANGES[this.range]);
    }
  }

  close() {
    this.abort.abort();
    for (const chart of [...this.charts.values(), this.success, this.duration]) chart.close();
  }
}
