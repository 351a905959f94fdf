// Lines over time, drawn by uPlot in the page's colours and language.

import uPlot from "../vendor/uPlot.esm.js";
import { decimals, exact } from "../format.js";
import { locale } from "../text.js";
import { make, setText } from "./dom.js";

const HEIGHT = 190;
const COLOURS = 6; // --series-1 to --series-6 of the style
const DAY = 86_400;
const FEW = 40;
const LEAST = 60; // seconds
const FINEST = 3; // decimals of a figure that says nothing of its own precision

const hours = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
const days = new Intl.DateTimeFormat(locale, { month: "short", day: "numeric" });

function instants(u, splits) {
  const span = u.scales.x.max - u.scales.x.min;
  const format = span < 300 ? seconds : span > 2 * DAY ? days : hours;
  return splits.map((at) => format.format(at * 1000));
}

// As many decimals as the step from one to the next has.
function steps(u, splits, axis, space, step) {
  const places = decimals(Number(step.toPrecision(6)));
  return splits.map((one) => exact(one, places));
}

// The labels of the left axis, of which the widest has about 7 px a character.
const room = (u, values) => 16 + 7.2 * Math.max(4, ...(values ?? []).map((text) => text.length));

// Some space above and below, also around a line that is flat.
function around(u, low, high) {
  if (low === null) return [0, 1];
  const space = (high - low) / 10 || Math.abs(high) / 100 || 1;
  return [low - space, high + space];
}

// A line of single points would not be seen.
const few = (u, index) => u.data[index].filter((one) => typeof one === "number").length < FEW;

// The canvas needs colours as they are; the style has them for both themes.
function colour(name) {
  const probe = make("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// `title` and `unit` stand above; `names` are those of the lines. set(xs, lines, places) shows
// Unix seconds and as many values for each line: undefined where there is none, null for a gap;
// `places` are the decimals with which each line's values are told.
export class Chart {
  constructor(title, unit, names) {
    this.names = names;
    this.unit = unit;
    this.data = [[], ...names.map(() => [])];
    this.places = [];
    this.values = names.map(() => make("b"));
    const legend = make("ul", "legend", ...names.map((name, index) => {
      const swatch = make("span", "swatch");
      swatch.dataset.series = String(index % COLOURS + 1);
      return make("li", "", swatch, name, " ", this.values[index]);
    }));
    this.place = make("div", "plot");
    this.place.setAttribute("role", "img");
    this.title = make("figcaption", "", title, unit && ` (${unit})`);
    this.node = make("figure", "chart", this.title, legend, this.place);
    this.resize = new ResizeObserver(() => this.fit());
    this.resize.observe(this.place);
    this.redraw = () => this.draw();
    document.addEventListener("theme", this.redraw);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", this.redraw);
  }

  set(xs, lines, places = []) {
    this.data = [xs, ...lines];
    this.places = places;
    if (this.plot) {
      this.plot.setData(this.data, false);
      this.frame();
    } else this.draw();
    this.tell();
  }

  options() {
    const ink = colour("muted");
    const grid = { stroke: colour("line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "12px system-ui, sans-serif" };
    const line = (label, index) => ({
      label, stroke: colour(`series-${index % COLOURS + 1}`), width: 1.5, points: { show: few, size: 4 },
      dash: index >= COLOURS ? [6, 4] : undefined,
    });
    return {
      width: this.place.clientWidth,
      height: HEIGHT,
      padding: [8, 40, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: { x: { time: true }, y: { range: this.unit === "%" ? [0, 100] : around } },
      axes: [
        { ...axis, values: instants, space: 90, size: 30 },
        { ...axis, values: steps, size: room },
      ],
      series: [{}, ...this.names.map(line)],
      hooks: { setCursor: [() => this.tell()] },
    };
  }

  draw() {
    if (this.place.clientWidth === 0) return;
    this.plot?.destroy();
    this.plot = new uPlot(this.options(), this.data, this.place);
    this.frame();
  }

  // Of a single point, or of none, uPlot would show years.
  frame() {
    const [xs] = this.data;
    const max = xs.at(-1) ?? Date.now() / 1000;
    this.plot.setScale("x", { min: Math.min(xs[0] ?? max, max - LEAST), max });
  }

  fit() {
    const { clientWidth: width } = this.place;
    if (!this.plot) this.draw();
    else if (width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  // The values under the cursor, else the newest; for those who do not see the lines, the range.
  tell() {
    const at = this.plot?.cursor.idx ?? this.data[0].length - 1;
    const ranges = this.names.map((name, index) => {
      const line = this.data[index + 1];
      const told = (one) => exact(one, this.places[index] ?? Math.min(decimals(one), FINEST));
      let here = at;
      while (here > 0 && line[here] === undefined) here -= 1;
      setText(this.values[index], line[here] === undefined || line[here] === null ? "–" : told(line[here]));
      const known = line.filter((one) => typeof one === "number");
      if (known.length === 0) return `${name}: –`;
      const [low, high] = known.reduce(([a, b], one) => [Math.min(a, one), Math.max(b, one)], [Infinity, -Infinity]);
      return `${name}: ${told(low)} – ${told(high)}`;
    });
    this.place.ariaLabel = `${this.title.textContent}. ${ranges.join("; ")}`;
  }

  close() {
    this.resize.disconnect();
    document.removeEventListener("theme", this.redraw);
    this.dark.removeEventListener("change", this.redraw);
    this.plot?.destroy();
  }
}
