// The last lines of the daemon's log, the newest first; by level and by text.

import { time } from "../format.js";
import { select } from "../kit/choice.js";
import { button, make, setHidden, setText } from "../kit/dom.js";
import { keep } from "../kit/download.js";
import { Poll } from "../kit/poll.js";
import { keepQuery } from "../place.js";
import { mayChange } from "../session.js";
import { speak } from "../text.js";
import * as words from "../texts/logs.js";

const EVERY = 3000;
const MOST = 500;
const LEVELS = ["debug", "info", "warn", "error", "critical"];
const SEVERITIES = { warn: "warning", error: "error", critical: "critical" };

const { t, tn } = speak(words);
export const nav = t("nav");

function entry({ timestamp, level, source, message }) {
  const when = make("time", "", time(Date.parse(timestamp)));
  when.dateTime = timestamp;
  const node = make(
    "li", "", when, make("span", "badge", t(`word_${level}`)),
    make("div", "", make("pre", "line-text", message), make("p", "where", source)),
  );
  node.dataset.severity = SEVERITIES[level] ?? "info";
  return node;
}

class Logs {
  constructor(query) {
    this.title = t("nav");
    this.level = LEVELS.includes(query.get("level")) ? query.get("level") : "";
    this.text = query.get("text") ?? "";
    this.lines = [];
    this.rows = new Map();
    this.list = make("ol", "timeline log");
    this.list.tabIndex = 0; // it scrolls, and keys must reach it
    this.list.ariaLabel = t("nav");
    this.none = make("p", "none", t("loading"));
    this.shown = make("p", "shown");
    this.poll = new Poll(() => this.path, EVERY, (answer) => this.show(answer));
    this.node = make("div", "", make("div", "head", make("h1", "", t("nav"))));
    if (!mayChange()) {
      this.node.append(make("p", "none", t("read_only")));
      return;
    }
    this.node.append(this.tools(), make("p", "aside", t("hint")), this.none, this.list);
    setHidden(this.list, true);
    this.poll.ask();
  }

  tools() {
    const levels = [["", t("any_level")], ...LEVELS.map((one) => [one, t(`level_${one}`)])];
    const search = make("input", "search");
    search.type = "search";
    search.maxLength = 200;
    search.value = this.text;
    search.placeholder = t("text");
    search.ariaLabel = t("text");
    search.addEventListener("input", () => this.choose("text", search.value.trim()));
    this.pause = button(t("pause"), "", () => {
      this.paused = !this.paused;
      setText(this.pause, t(this.paused ? "go_on" : "pause"));
    });
    const file = button(t("file"), "", () => this.save());
    return make(
      "div", "tools", select(t("level"), levels, this.level, (level) => this.choose("level", level)),
      search, this.pause, file, this.shown,
    );
  }

  choose(name, value) {
    this[name] = value;
    keepQuery([["level", this.level], ["text", this.text]]);
    this.poll.anew();
  }

  get path() {
    const said = Object.entries({ level: this.level, text: this.text, limit: MOST }).filter(([, value]) => value !== "");
    return `api/logs?${new URLSearchParams(said)}`;
  }

  // Lines that are shown already stay the elements that they are: somebody may mark their text.
  show({ ok, body, detail }) {
    this.lines = ok ? body : [];
    const before = this.rows;
    this.rows = new Map(this.lines.map((line) => [line.id, before.get(line.id) ?? entry(line)]));
    for (const [id, node] of before) if (!this.rows.has(id)) node.remove();
    let at = this.list.firstElementChild;
    for (const node of this.rows.values()) {
      if (node === at) at = at.nextElementSibling;
      else this.list.insertBefore(node, at);
    }
    setHidden(this.list, this.lines.length === 0);
    setHidden(this.none, this.lines.length > 0);
    setText(this.none, ok ? t("none") : detail);
    setText(this.shown, tn("shown", this.lines.length));
  }

  save() {
    const text = this.lines.map(({ timestamp, level, source, message }) => `${timestamp} [${source}#${level}] ${message}\n`);
    keep(new Blob(text.reverse(), { type: "text/plain" }), "dlmsd-log.txt");
  }

  tick() {
    if (mayChange() && !this.paused) this.poll.tick();
  }

  close() {
    this.poll.close();
  }
}

export const open = ({ query }) => new Logs(query);
