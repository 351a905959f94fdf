// The action plan: what to do at once, within days, within months; what was found; prevention.

import { make, section, setHidden } from "../kit/dom.js";
import { reasons, remedy } from "../kit/remedy.js";
import { speak } from "../text.js";
import * as words from "../texts/diagnosis.js";

const HORIZONS = ["immediate", "short", "long"];

const { t } = speak(words);

function action(one) {
  const number = make("span", "number", String(one.priority));
  number.title = t("priority");
  const inside = remedy(one);
  if (one.because.length > 0) {
    inside.append(make("p", "whom", t("because", { titles: one.because.join("; ") })));
  }
  return make("li", "", number, inside);
}

function finding(one) {
  const node = make(
    "li", "", make("span", "badge", t(`severity_${one.severity}`)),
    make("div", "", make("p", "error", one.title), ...reasons(one)),
  );
  node.dataset.severity = one.severity;
  return node;
}

export class PlanParts {
  constructor() {
    this.calm = make("p", "calm", t("loading"));
    this.horizons = new Map(HORIZONS.map((horizon) => [horizon, make("ol", "plan")]));
    this.parts = HORIZONS.map((horizon) => {
      const part = make("div", "", make("h3", "", t(horizon)), this.horizons.get(horizon));
      setHidden(part, true);
      return [horizon, part];
    });
    this.findings = make("ol", "attention");
    this.preventions = make("ul", "preventions");
    this.found = section(t("findings"), this.findings);
    this.prevention = section(t("preventions"), this.preventions);
    this.node = make(
      "div", "", section(t("plan"), this.calm, ...this.parts.map(([, part]) => part)),
      this.found, this.prevention,
    );
    for (const node of [this.found, this.prevention]) setHidden(node, true);
  }

  show({ ok, body, detail }) {
    const none = !ok || body.findings.length === 0;
    setHidden(this.calm, !none);
    this.calm.textContent = ok ? t("nothing") : detail;
    for (const [horizon, part] of this.parts) {
      const actions = ok ? body[horizon] : [];
      setHidden(part, actions.length === 0);
      this.horizons.get(horizon).replaceChildren(...actions.map(action));
    }
    setHidden(this.found, none);
    setHidden(this.prevention, none || body.preventions.length === 0);
    if (none) return;
    this.findings.replaceChildren(...body.findings.map(finding));
    this.preventions.replaceChildren(...body.preventions.map((text) => make("li", "", text)));
  }
}
