// All meters: searched, sorted, filtered. What is chosen stands in the address.

import { count } from "../format.js";
import { button, link, make, setHidden, setText } from "../kit/dom.js";
import { RowWindow } from "../kit/window.js";
import { HEALTHS, model, tally } from "../model.js";
import { keepQuery, to } from "../place.js";
import { mayChange } from "../session.js";
import { language, speak } from "../text.js";
import * as words from "../texts/meters.js";
import { MeterRow } from "./meter-row.js";

const { t, tn } = speak(words);
export const nav = t("nav");

const collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
const known = (value) => (value === null ? -1 : Number(value));
const STATES = ["reading", "connecting", "associating", "waiting", "down", "inactive"];

const COLUMNS = {
  meter: () => 0,
  health: (a, b) => HEALTHS.indexOf(a.health) - HEALTHS.indexOf(b.health),
  success: (a, b) => known(a.success_rate) - known(b.success_rate),
  last_reading: (a, b) => known(a.ts) - known(b.ts),
};
const KEYS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

// Names in the order of this language, made once: a collator is slow on every comparison.
class Order {
  constructor() {
    this.rank = new Map();
    this.texts = new Map();
  }

  learn(meters) {
    if (meters.size === this.rank.size && [...meters.keys()].every((name) => this.rank.has(name))) return;
    const names = [...meters.keys()].sort(collator.compare);
    this.rank = new Map(names.map((name, index) => [name, index]));
  }

  text(meter) {
    const kept = this.texts.get(meter.name);
    if (kept?.meter === meter) return kept.text;
    const text = plain(`${meter.name} ${meter.address} ${meter.profile} ${meter.error}`);
    this.texts.set(meter.name, { meter, text });
    return text;
  }
}

class Meters {
  constructor(query) {
    this.order = new Order();
    this.choice = {
      q: query.get("q") ?? "",
      health: HEALTHS.includes(query.get("health")) ? query.get("health") : "",
      state: STATES.includes(query.get("state")) ? query.get("state") : "",
      profile: query.get("profile") ?? "",
      sort: Object.hasOwn(COLUMNS, query.get("sort")) ? query.get("sort") : "health",
      down: query.get("down") ?? "",
    };
    this.frame = 0;
    this.node = make("div", "", this.header(), this.tools(), this.table(), this.none = make("p", "none"));
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    this.mark();
    this.refresh({ whole: true });
  }

  get title() {
    return t("nav");
  }

  header() {
    const head = make("div", "head", make("h1", "", t("nav")));
    if (mayChange()) {
      head.append(link(to("import"), "button", t("import")), link(to("add"), "button strong", t("add")));
    }
    return head;
  }

  tools() {
    this.search = make("input", "search");
    this.search.type = "search";
    this.search.autocomplete = "off";
    this.search.spellcheck = false;
    this.search.value = this.choice.q;
    this.search.placeholder = t("search");
    this.search.ariaLabel = t("search");
    this.search.addEventListener("input", () => this.choose("q", this.search.value));
    this.chips = make("div", "chips");
    this.chips.setAttribute("role", "group");
    this.chips.ariaLabel = t("filter");
    this.chip = new Map(["", ...HEALTHS].map((health) => {
      const chip = button("", "chip", () => this.choose("health", health));
      if (health) chip.append(make("span", "dot"));
      chip.append(t(health || "all"), " ", make("b"));
      chip.dataset.health = health;
      this.chips.append(chip);
      return [health, chip];
    }));
    this.state = this.select("state", STATES.map((one) => [one, t(`state_${one}`)]), t("any_state"));
    this.profile = this.select("profile", [], t("any_profile"));
    this.shown = make("p", "shown");
    this.shown.setAttribute("role", "status");
    return make("div", "tools", this.search, this.profile, this.state, this.chips, this.shown);
  }

  select(name, options, any) {
    const node = make("select", "");
    node.ariaLabel = t(`${name}_filter`);
    node.any = any;
    this.fill(node, options, this.choice[name]);
    node.addEventListener("change", () => this.choose(name, node.value));
    return node;
  }

  fill(node, options, chosen) {
    node.replaceChildren(...[["", node.any], ...options].map(([value, text]) => {
      const option = make("option", "", text);
      option.value = value;
      return option;
    }));
    node.value = chosen;
  }

  table() {
    this.body = make("div", "rows");
    this.body.setAttribute("role", "rowgroup");
    this.heads = make("div", "row heads");
    this.heads.setAttribute("role", "row");
    for (const column of [...Object.keys(COLUMNS), "values"]) {
      const head = make("div", `cell c-${column}`);
      head.setAttribute("role", "columnheader");
      if (column === "values") head.append(t(column));
      else {
        head.append(button(t(column), "sort", () => this.sort(column)));
        head.dataset.column = column;
      }
      this.heads.append(head);
    }
    const group = make("div", "", this.heads);
    group.setAttribute("role", "rowgroup");
    this.grid = make("div", "meters-table", group, this.body);
    this.grid.setAttribute("role", "table");
    this.grid.ariaLabel = t("nav");
    this.window = new RowWindow(this.body, {
      key: (meter) => meter.name,
      make: (meter) => new MeterRow(meter.name),
      show: (row, meter, index) => row.show(meter, index),
    });
    return this.grid;
  }

  choose(name, value) {
    this.choice[name] = value;
    this.draw();
    clearTimeout(this.keeping); // browsers mind an address that changes with every key
    this.keeping = setTimeout(() => this.keep(), 300);
  }

  keep() {
    const { q, health, state, profile, sort, down } = this.choice;
    const order = sort === "health" && !down ? [] : [["sort", sort], ["down", down]];
    keepQuery([["q", q], ["health", health], ["state", state], ["profile", profile], ...order]);
  }

  sort(column) {
    const { sort, down } = this.choice;
    this.choice.down = sort === column && !down ? "1" : "";
    this.choice.sort = column;
    this.mark();
    this.draw();
    this.keep();
  }

  mark() {
    for (const head of this.heads.children) {
      if (head.dataset.column !== this.choice.sort) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", this.choice.down ? "descending" : "ascending");
    }
  }

  refresh({ whole, meters }) {
    if (whole) {
      this.order.learn(model.meters);
      const profiles = [...new Set([...model.meters.values()].map((one) => one.profile))].sort();
      this.fill(this.profile, profiles.map((one) => [one, one]), this.choice.profile);
      this.profile.hidden = profiles.length < 2;
    } else if (meters.length === 0) return;
    else if (model.meters.size !== this.order.rank.size) this.order.learn(model.meters);
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    const wordsOf = plain(this.choice.q).split(/\s+/).filter(Boolean);
    const { rank } = this.order;
    const found = [];
    for (const meter of model.meters.values()) if (this.matches(meter, wordsOf)) found.push(meter);
    const compare = COLUMNS[this.choice.sort];
    const sign = this.choice.down ? -1 : 1;
    found.sort((a, b) => sign * (compare(a, b) || rank.get(a.name) - rank.get(b.name)));
    this.found = found;
    this.label();
    this.window.replace(found);
  }

  matches(meter, wordsOf) {
    const { health, state, profile } = this.choice;
    if (health && meter.health !== health) return false;
    if (state && meter.state !== state) return false;
    if (profile && meter.profile !== profile) return false;
    if (wordsOf.length === 0) return true;
    const text = this.order.text(meter);
    return wordsOf.every((word) => text.includes(word));
  }

  label() {
    const { found } = this;
    this.grid.setAttribute("aria-rowcount", String(found.length + 1));
    setHidden(this.grid, found.length === 0);
    setHidden(this.none, found.length > 0);
    setText(this.none, t(model.meters.size === 0 ? "no_meters" : "no_match"));
    setText(this.shown, tn("shown", found.length));
    const counts = tally();
    for (const [health, chip] of this.chip) {
      const number = health ? counts[health] : model.meters.size;
      setText(chip.lastChild, count(number));
      setHidden(chip, number === 0 && health !== "" && health !== this.choice.health);
      const pressed = String(health === this.choice.health);
      if (chip.ariaPressed !== pressed) chip.ariaPressed = pressed;
    }
  }

  // The arrows go from row to row, / to the search.
  key(event) {
    const { target } = event;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "/" && !target.matches("input, select, textarea")) {
      event.preventDefault();
      this.search.focus();
      return;
    }
    const step = KEYS[event.key];
    if (step === undefined || this.found.length === 0) return;
    const row = [...this.window.rows.values()].find((one) => one.node.contains(target));
    if (row === undefined && !(target === this.search && event.key === "ArrowDown")) return;
    event.preventDefault();
    const at = row === undefined ? 0 : row.index + step;
    const index = Math.min(this.found.length - 1, Math.max(0, at));
    this.window.reveal(index).name.focus({ preventScroll: true });
  }

  tick() {
    for (const row of this.window.rows.values()) row.tick();
  }

  close() {
    clearTimeout(this.keeping);
    cancelAnimationFrame(this.frame);
    this.window.close();
    document.removeEventListener("keydown", this.keys);
  }
}

export const open = ({ query }) => new Meters(query);
