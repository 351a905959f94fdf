// One meter: how it stands, what it says, what can be done.

import { ago, percent, time } from "../format.js";
import { dot, link, make, section, setData, setHidden, setText } from "../kit/dom.js";
import { model } from "../model.js";
import { to } from "../place.js";
import { mayChange } from "../session.js";
import { speak } from "../text.js";
import * as words from "../texts/meter.js";
import { Actions } from "./meter-actions.js";
import { Charts } from "./meter-charts.js";
import { MeterPlan } from "./meter-plan.js";
import { Standing } from "./meter-standing.js";
import { Timeline } from "./meter-timeline.js";
import { Tracing } from "./meter-trace.js";
import { Values } from "./meter-values.js";

const { t } = speak(words);

class Meter {
  constructor(name) {
    this.name = name;
    this.title = name;
    this.word = make("span", "word");
    this.where = make("p", "where");
    this.health = make("p", "state", dot(), this.word);
    this.rate = make("p", "aside");
    this.age = make("p", "aside");
    this.error = make("p", "error");
    this.advice = make("p", "advice");
    this.trouble = make("div", "trouble", this.error, this.advice);
    const acted = () => this.timeline.load();
    this.actions = new Actions(name, acted);
    this.values = new Values();
    this.standing = new Standing();
    this.charts = new Charts();
    this.timeline = new Timeline(name);
    this.plan = new MeterPlan();
    this.tracing = new Tracing(acted);
    this.live = [this.actions, this.values, this.standing, this.charts, this.timeline, this.tracing, this.plan];
    const wide = (title, part) => {
      const node = section(title, part.node);
      node.classList.add("wide");
      return node;
    };
    this.parts = make(
      "div", "parts", this.plan.within(wide(t("plan"), this.plan)),
      section(t("values"), this.values.node),
      section(t("standing"), this.standing.node),
      wide(t("history"), this.charts), wide(t("events"), this.timeline),
    );
    if (mayChange()) this.parts.append(wide(t("frames"), this.tracing));
    this.gone = make("p", "none", t("unknown_meter"));
    this.node = make(
      "div", "", make("p", "back", link(to("meters"), "", t("meters"))),
      make("div", "head", make("h1", "", name), this.health, this.rate, this.age),
      this.where, this.trouble, this.actions.node, this.gone, this.parts,
    );
    this.refresh({ whole: true });
  }

  refresh({ whole, meters }) {
    if (!whole && !meters.includes(this.name)) return;
    const meter = model.meters.get(this.name);
    this.meter = meter;
    for (const node of [this.health, this.parts, this.actions.node]) setHidden(node, !meter);
    setHidden(this.gone, Boolean(meter));
    setHidden(this.trouble, !meter?.error);
    if (!meter) return;
    setData(this.node, "health", meter.health);
    setText(this.word, t(meter.health));
    setText(this.where, [meter.address, meter.profile].filter(Boolean).join(" · "));
    setText(this.rate, meter.success_rate === null ? "" : t("success_rate", { rate: percent(meter.success_rate) }));
    this.complain(meter);
    for (const part of this.live) part.refresh(meter);
    this.tick();
  }

  complain({ error, advice, error_ts: ts, health, next_attempt_ts: next }) {
    const past = ["healthy", "inactive"].includes(health);
    this.trouble.classList.toggle("past", past);
    const when = past && ts !== null ? `${t("last_trouble")}, ${time(ts)}: ` : "";
    setText(this.error, when + error);
    const then = next === null || past ? "" : t("next_at", { time: time(next) });
    setText(this.advice, past ? "" : [advice, then].filter(Boolean).join(" "));
  }

  tick() {
    if (this.meter) setText(this.age, t("read_ago", { ago: ago(this.meter.ts) }));
    for (const part of [this.values, this.standing, this.charts, this.timeline, this.plan]) part.tick();
  }

  close() {
    for (const part of this.live) part.close?.();
  }
}

export const open = ({ param }) => new Meter(param);
