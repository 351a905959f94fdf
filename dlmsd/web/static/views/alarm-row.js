// One alarm: what, of whom, since when, who has seen it; evidence and actions below it.

import { lasting, lastingFrom, time } from "../format.js";
import { button, link, make, setHidden, setText } from "../kit/dom.js";
import { reasons, remedy } from "../kit/remedy.js";
import { model } from "../model.js";
import { to } from "../place.js";
import { mayChange } from "../session.js";
import { speak } from "../text.js";
import * as words from "../texts/alarms.js";

const HORIZONS = ["immediate", "short", "long"];

const { t, has } = speak(words);

// The plan's finding for a standing alarm, and the actions that are for it. An alarm that grows
// goes through several rules; its details name that of now.
function planned(alarm, plan) {
  const now = alarm.details?.rule ?? alarm.rule;
  const finding = plan?.findings.find(({ rule, subject }) => rule === now && subject === alarm.subject);
  if (finding === undefined) return null;
  const actions = HORIZONS.flatMap((horizon) => plan[horizon])
    .filter(({ because, subjects }) => because.includes(finding.title) || subjects.includes(finding.subject))
    .map((action) => ({ ...action, subjects: [] }));
  return { finding, actions };
}

// What was kept with an alarm: its evidence, else the numbers and the sentences of others.
function kept({ evidence, details }) {
  if (evidence.length > 0) return evidence;
  if (details === null || typeof details !== "object") return details === null ? [] : [String(details)];
  const numbers = Object.entries(details.numbers ?? {}).map(([name, value]) => `${name}: ${value}`);
  return [...numbers, ...(details.quotes ?? []), ...(details.meters ?? [])].map(String);
}

const meterOf = (id) => [...model.meters.values()].find((meter) => meter.id === id);

export class AlarmRow {
  // `acts` has acknowledge(alarm), remove(alarm) and picked().
  constructor(alarm, acts) {
    this.box = make("input");
    this.box.type = "checkbox";
    this.box.addEventListener("change", acts.picked);
    this.badge = make("span", "badge");
    this.message = make("p", "error");
    this.meta = make("p", "whom");
    this.seen = make("p", "whom");
    this.inside = make("div", "details");
    this.summary = make("summary");
    this.fold = make("details", "", this.summary, this.inside);
    this.acknowledge = button(t("acknowledge"), "", () => acts.acknowledge([this.alarm]));
    this.remove = button(t("delete"), "", () => acts.remove(this.alarm));
    this.node = make(
      "li", "alarm", make("span", "pick", this.box), this.badge,
      make("div", "body", this.message, this.meta, this.seen, this.fold),
      make("div", "does", this.acknowledge, this.remove),
    );
    this.alarm = alarm;
  }

  get picked() {
    return this.box.checked && !this.box.hidden;
  }

  show(alarm, plan) {
    this.alarm = alarm;
    const { message, severity, standing, acknowledged } = alarm;
    this.node.dataset.severity = severity;
    this.node.classList.toggle("past", !standing);
    setText(this.badge, t(`severity_${severity}`));
    setText(this.message, message);
    this.box.ariaLabel = t("select", { message });
    this.acknowledge.ariaLabel = t("acknowledge_one", { message });
    this.remove.ariaLabel = t("delete_one", { message });
    setHidden(this.box, acknowledged || !mayChange());
    setHidden(this.acknowledge, acknowledged || !mayChange());
    setHidden(this.remove, standing || !mayChange());
    setHidden(this.seen, !acknowledged);
    if (acknowledged) {
      const { acknowledged_by: who, acknowledged_at: at } = alarm;
      setText(this.seen, t("acknowledged_by", { who, time: time(Date.parse(at)) }));
    }
    this.tellWhen();
    this.tellDetails(alarm, plan);
  }

  tellWhen() {
    const { timestamp, cleared_at: cleared, meter_id: id, category, subject } = this.alarm;
    const began = Date.parse(timestamp);
    const age = cleared ? lastingFrom(began, Date.parse(cleared)) : lasting(began);
    const when = t(cleared ? "lasted" : "lasts", { time: time(began), age });
    const meter = meterOf(id);
    const whom = meter ? link(to("meter", meter.name), "", meter.name) : subject;
    const kind = has(`of_${category}`) ? t(`of_${category}`) : category;
    this.meta.replaceChildren(whom, ` · ${kind} · ${when}`);
  }

  tellDetails(alarm, plan) {
    const found = alarm.standing ? planned(alarm, plan) : null;
    const told = JSON.stringify([found, alarm.evidence, alarm.details, alarm.standing]);
    if (told === this.told) return; // who reads it is not disturbed
    this.told = told;
    setText(this.summary, t(found ? "details" : "details_past"));
    if (found) {
      this.inside.replaceChildren(...reasons(found.finding), ...found.actions.map(remedy));
      return;
    }
    const facts = kept(alarm);
    const list = make("ul", "evidence", ...facts.map((one) => make("li", "", one)));
    this.inside.replaceChildren(facts.length > 0 ? list : make("p", "whom", t("nothing_known")));
  }
}
