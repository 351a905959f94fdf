// Health checks that were kept: meters by class over time, and the last ones one by one.

import { count, time } from "../format.js";
import { Chart } from "../kit/chart.js";
import { dot, make, setHidden, setText } from "../kit/dom.js";
import { speak } from "../text.js";
import * as words from "../texts/diagnosis.js";

const CLASSES = ["healthy", "degraded", "critical", "down"];
const HEALTHS = ["healthy", "degraded", "down"];
const LISTED = 24;
const HOUR = 60;

const { t } = speak(words);

function entry({ timestamp, status, minutes, classes }) {
  const at = Date.parse(timestamp);
  const when = make("time", "", time(at));
  when.dateTime = timestamp;
  const told = CLASSES.filter((one) => classes[one] > 0).map((one) => `${count(classes[one])} ${t(one).toLowerCase()}`);
  const word = make("p", "state", dot(), t(`status_${status}`));
  const node = make(
    "li", "", when, make("span", "aside", t(minutes === HOUR ? "hour" : "day")), word,
    make("p", "", told.join(", ")),
  );
  node.dataset.health = HEALTHS[status];
  return node;
}

export class Checks {
  constructor() {
    this.chart = new Chart(t("by_class"), "", CLASSES.map((one) => t(one)));
    this.list = make("ol", "timeline checks");
    this.list.tabIndex = 0; // it scrolls, and keys must reach it
    this.list.ariaLabel = t("history");
    this.none = make("p", "none", t("loading"));
    this.whole = make("div", "", make("div", "charts", this.chart.node), this.list);
    setHidden(this.whole, true);
    this.node = make("div", "", make("p", "aside", t("history_hint")), this.none, this.whole);
  }

  show({ ok, body, detail }) {
    const checks = ok ? body : [];
    setHidden(this.none, checks.length > 0);
    setHidden(this.whole, checks.length === 0);
    setText(this.none, ok ? t("none_history") : detail);
    this.list.replaceChildren(...checks.slice(0, LISTED).map(entry));
    const hourly = checks.filter(({ minutes }) => minutes === HOUR).reverse();
    this.chart.set(
      hourly.map(({ timestamp }) => Date.parse(timestamp) / 1000),
      CLASSES.map((one) => hourly.map(({ classes }) => classes[one])),
    );
  }

  close() {
    this.chart.close();
  }
}
