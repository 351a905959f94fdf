// Diagnosis: how everything fared, what was found, and what to do, the most urgent first.

import { count, milliseconds, percent } from "../format.js";
import { chips } from "../kit/choice.js";
import { button, dot, link, make, section, setData, setHidden, setText } from "../kit/dom.js";
import { download } from "../kit/download.js";
import { Poll } from "../kit/poll.js";
import { keepQuery, to } from "../place.js";
import { language, speak } from "../text.js";
import * as words from "../texts/diagnosis.js";
import { Checks } from "./diagnosis-checks.js";
import { PlanParts } from "./diagnosis-plan.js";

const EVERY = 10_000; // as often as the watch looks
const CHECKS_EVERY = 60_000;
const WEEK = 7 * 25; // hourly checks of a week, and its days
const MINUTES = ["60", "360", "1440", "10080"];
const CLASSES = ["healthy", "degraded", "critical", "down"];
const HEALTHS = ["healthy", "degraded", "down"];
const WORST = 50;

const { t, tn } = speak(words);
export const nav = t("nav");

function row([name, { class: kind, success_rate: rate, good, failed, average_ms: average }]) {
  const state = make("td", "state", dot(), t(kind));
  const head = make("th", "", link(to("meter", name), "", name));
  head.scope = "row";
  const cells = [percent(rate), count(good), count(failed), milliseconds(average === null ? null : average / 1000)];
  const node = make("tr", "", head, state, ...cells.map((one) => make("td", "figure", one)));
  node.dataset.health = kind;
  return node;
}

class Diagnosis {
  constructor(query) {
    this.title = t("nav");
    this.minutes = MINUTES.includes(query.get("minutes")) ? query.get("minutes") : MINUTES[0];
    this.plan = new PlanParts();
    this.checks = new Checks();
    this.polls = [
      new Poll(() => this.path, EVERY, (answer) => this.show(answer)),
      new Poll(() => `api/diagnosis/plan?language=${language}`, EVERY, (answer) => this.plan.show(answer)),
      new Poll(() => `api/diagnosis/checks?brief=true&limit=${WEEK}`, CHECKS_EVERY, (answer) => this.checks.show(answer)),
    ];
    this.word = make("span", "word", t("loading"));
    this.state = make("p", "state overall", dot(), this.word);
    this.classes = make("ul", "healths");
    this.classes.ariaLabel = t("classes");
    this.queued = make("p", "aside");
    this.node = make(
      "div", "", make("div", "head", make("h1", "", t("nav")), this.state), this.tools(),
      section(t("classes"), this.classes, this.queued), this.plan.node,
      section(t("worst"), ...this.table()), section(t("history"), this.checks.node),
    );
    for (const poll of this.polls) poll.ask();
  }

  tools() {
    const choice = chips(t("back"), MINUTES.map((one) => [one, t(`minutes_${one}`)]), this.minutes, (minutes) => {
      this.minutes = minutes;
      keepQuery([["minutes", minutes]]);
      this.polls[0].anew();
    });
    const plan = (format) => `api/diagnosis/plan?language=${language}&format=${format}`;
    return make(
      "div", "tools", choice,
      button(t("json"), "", () => download(plan("json"), "dlmsd-plan.json")),
      button(t("markdown"), "", () => download(plan("markdown"), "dlmsd-plan.md")),
      button(t("health_json"), "", () => download(this.path, "dlmsd-health.json")),
    );
  }

  get path() {
    return `api/diagnosis?minutes=${this.minutes}&language=${language}`;
  }

  table() {
    const heads = ["meter", "state", "success", "good", "failed", "average"];
    this.rows = make("tbody");
    const head = make("tr", "", ...heads.map((one, index) => {
      const cell = make("th", index > 1 ? "figure" : "", one === "state" ? t("classes_short") : t(one));
      cell.scope = "col";
      return cell;
    }));
    this.worst = make("div", "scroll", make("table", "values-table", make("thead", "", head), this.rows));
    this.worst.tabIndex = 0; // it scrolls, and keys must reach it
    this.worst.setAttribute("role", "region");
    this.worst.ariaLabel = t("worst");
    this.fine = make("p", "calm", t("loading"));
    setHidden(this.worst, true);
    return [this.fine, this.worst];
  }

  show({ ok, body, detail }) {
    setText(this.word, ok ? t(`status_${body.status}`) : detail);
    setData(this.state, "health", ok ? HEALTHS[body.status] : "down");
    if (!ok) return;
    this.classes.replaceChildren(...CLASSES.map((one) => {
      const entry = make("li", "", make("span", "of-class", dot(), make("b", "", count(body.classes[one])), t(`class_${one}`)));
      entry.dataset.health = one;
      return entry;
    }));
    setText(this.queued, tn("queued", Number(body.queued)));
    const worst = Object.entries(body.meters).filter(([, meter]) => meter.class !== "healthy")
      .sort(([, a], [, b]) => CLASSES.indexOf(b.class) - CLASSES.indexOf(a.class));
    this.rows.replaceChildren(...worst.slice(0, WORST).map(row));
    setHidden(this.worst, worst.length === 0);
    setHidden(this.fine, worst.length > 0);
    setText(this.fine, t("none_worst"));
  }

  tick() {
    for (const poll of this.polls) poll.tick();
  }

  close() {
    for (const poll of this.polls) poll.close();
    this.checks.close();
  }
}

export const open = ({ query }) => new Diagnosis(query);
