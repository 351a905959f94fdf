// What a meter answered before it is saved.

import { quantity, seconds } from "../format.js";
import { make, setHidden, setText } from "../kit/dom.js";
import { framesList } from "../kit/frames.js";
import { speak } from "../text.js";
import * as words from "../texts/edit.js";

const { t } = speak(words);

function valuesTable({ values, units, absent }) {
  const head = make("tr");
  for (const term of ["measurement", "value", "unit"]) {
    const title = make("th", `v-${term}`, t(term));
    title.scope = "col";
    head.append(title);
  }
  const row = (name, text, unit, className) => {
    const title = make("th", "", name);
    title.scope = "row";
    return make("tr", className, title, make("td", "v-value", text), make("td", "v-unit", unit));
  };
  const body = make(
    "tbody", "",
    ...Object.entries(values).map(([name, value]) => row(name, quantity(value, units[name]), units[name] ?? "", "")),
    ...Object.entries(absent).map(([name, reason]) => row(name, reason, "", "absent")),
  );
  return make("table", "values-table", make("caption", "hidden-visually", t("answered")), make("thead", "", head), body);
}

export class Trial {
  constructor() {
    this.word = make("h2");
    this.body = make("div");
    this.node = make("section", "trial", this.word, this.body);
    this.node.setAttribute("aria-live", "polite");
    this.clear();
  }

  clear() {
    setHidden(this.node, true);
  }

  begin() {
    setText(this.word, t("testing"));
    this.body.replaceChildren();
    setHidden(this.node, false);
  }

  show(trial) {
    setText(this.word, t(trial.ok ? "test_good" : "test_bad", { seconds: seconds(Number(trial.seconds)) }));
    const parts = [];
    if (!trial.ok) {
      const advice = make("p", "advice", trial.advice);
      const trouble = make("div", "trouble", make("p", "error", trial.error || t("nothing")), advice);
      trouble.dataset.health = "down";
      parts.push(trouble);
    }
    if (Object.keys(trial.values).length + Object.keys(trial.absent).length > 0) parts.push(valuesTable(trial));
    if (trial.also.length > 0) parts.push(make("p", "hint", t("also", { names: trial.also.join(", ") })));
    if (trial.frames.length > 0) parts.push(framesList(trial.frames));
    this.body.replaceChildren(...parts);
    this.node.scrollIntoView({ block: "nearest" });
  }
}
