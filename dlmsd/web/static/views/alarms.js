// Alarms: those that stand first, then those that are over; seen by whom, and what to do.

import { ask, get, post } from "../api.js";
import { meterChoice, select } from "../kit/choice.js";
import { confirm } from "../kit/dialog.js";
import { button, make, section, setHidden, setText } from "../kit/dom.js";
import { Poll } from "../kit/poll.js";
import { complain, toast } from "../kit/toast.js";
import { model } from "../model.js";
import { keepQuery } from "../place.js";
import { mayChange } from "../session.js";
import { language, speak } from "../text.js";
import * as words from "../texts/alarms.js";
import { AlarmRow } from "./alarm-row.js";

const EVERY = 10_000; // as often as the watch looks
const PAGE = 100;
const SEVERITIES = ["critical", "error", "warning", "info"];
const SEEN = ["", "false", "true"];

const { t, tn } = speak(words);
export const nav = t("nav");

// Rows by id; those that are shown already keep their focus, their tick and what is unfolded.
class Rows {
  constructor(acts) {
    this.acts = acts;
    this.list = make("ol", "alarms");
    this.rows = new Map();
  }

  show(alarms, plan) {
    const before = this.rows;
    this.rows = new Map(alarms.map((alarm) => [alarm.id, before.get(alarm.id) ?? new AlarmRow(alarm, this.acts)]));
    for (const alarm of alarms) this.rows.get(alarm.id).show(alarm, plan);
    const nodes = [...this.rows.values()].map(({ node }) => node);
    const same = nodes.length === this.list.children.length
      && nodes.every((node, index) => node === this.list.children[index]);
    if (!same) this.list.replaceChildren(...nodes);
  }

  plan(plan) {
    for (const row of this.rows.values()) row.show(row.alarm, plan);
  }

  get picked() {
    return [...this.rows.values()].filter((row) => row.picked).map(({ alarm }) => alarm);
  }
}

class Alarms {
  constructor(query) {
    this.title = t("nav");
    this.choice = {
      severity: SEVERITIES.includes(query.get("severity")) ? query.get("severity") : "",
      meter: query.get("meter") ?? "",
      acknowledged: SEEN.includes(query.get("acknowledged")) ? query.get("acknowledged") : "",
    };
    this.plan = null;
    this.pages = 1;
    const acts = {
      acknowledge: (alarms) => this.acknowledge(alarms),
      remove: (alarm) => this.remove([alarm]),
      picked: () => this.count(),
    };
    this.standing = new Rows(acts);
    this.past = new Rows(acts);
    this.calm = make("p", "calm", t("loading"));
    this.empty = make("p", "none", t("loading"));
    this.several = button("", "strong", () => this.acknowledge([...this.standing.picked, ...this.past.picked]));
    this.purge = button(t("delete_all"), "danger", () => this.removeAll());
    this.more = button(t("older"), "", () => {
      this.pages += 1;
      this.history.anew();
    });
    this.polls = [
      new Poll(() => this.path({ standing: true, limit: 1000 }), EVERY, (answer) => this.stand(answer)),
      new Poll(() => this.path({ standing: false, limit: Math.min(1000, PAGE * this.pages) }), EVERY, (answer) => this.remember(answer)),
      new Poll(() => `api/diagnosis/plan?language=${language}`, EVERY, ({ ok, body }) => {
        this.plan = ok ? body : null;
        this.standing.plan(this.plan);
      }),
    ];
    this.history = this.polls[1];
    this.node = make(
      "div", "", make("div", "head", make("h1", "", t("nav")), this.several), this.tools(),
      make("p", "aside", t(mayChange() ? "admin_hint" : "read_only")),
      section(t("standing"), this.calm, this.standing.list),
      section(t("history"), this.empty, this.past.list, make("div", "actions", this.more, this.purge)),
    );
    for (const node of [this.more, this.purge]) setHidden(node, true);
    this.count();
    for (const poll of this.polls) poll.ask();
  }

  tools() {
    const { choice } = this;
    const severities = [["", t("any_severity")], ...SEVERITIES.map((one) => [one, t(`severity_${one}`)])];
    const seen = [["", t("seen_any")], ["false", t("seen_no")], ["true", t("seen_yes")]];
    this.meter = meterChoice(t("meter"), t("any_meter"), choice.meter, (name) => this.choose("meter", name));
    return make(
      "div", "tools",
      select(t("severity"), severities, choice.severity, (value) => this.choose("severity", value)),
      ...this.meter.nodes,
      select(t("seen"), seen, choice.acknowledged, (value) => this.choose("acknowledged", value)),
    );
  }

  choose(name, value) {
    this.choice[name] = value;
    this.pages = 1;
    keepQuery(Object.entries(this.choice));
    this.ask();
  }

  ask() {
    return Promise.all(this.polls.map((poll) => poll.anew()));
  }

  refresh({ whole, alarms }) {
    if (whole) this.meter.learn();
    if (alarms) for (const poll of this.polls) poll.ask();
  }

  path(more) {
    const { severity, meter, acknowledged } = this.choice;
    const known = meter && (model.meters.get(meter)?.id ?? Number.MAX_SAFE_INTEGER); // of an unknown one there is none
    const said = Object.entries({ severity, acknowledged, meter_id: known, ...more }).filter(([, value]) => value !== "");
    return `api/alarms?${new URLSearchParams(said)}`;
  }

  get filtered() {
    return Object.values(this.choice).some(Boolean);
  }

  stand({ ok, body, detail }) {
    const alarms = ok ? body : [];
    const order = ({ severity }) => SEVERITIES.indexOf(severity);
    alarms.sort((a, b) => order(a) - order(b) || b.id - a.id);
    this.standing.show(alarms, this.plan);
    setHidden(this.calm, alarms.length > 0);
    setText(this.calm, ok ? t(this.filtered ? "none_fit" : "none_standing") : detail);
    this.title = (alarms.length > 0 ? `(${alarms.length}) ` : "") + t("nav");
    this.count();
  }

  remember({ ok, body, detail }) {
    const alarms = ok ? body : [];
    this.past.show(alarms, null);
    setHidden(this.empty, alarms.length > 0);
    setText(this.empty, ok ? t(this.filtered ? "none_fit" : "none_history") : detail);
    setHidden(this.more, alarms.length < PAGE * this.pages || PAGE * this.pages >= 1000);
    setHidden(this.purge, alarms.length === 0 || !mayChange());
    this.count();
  }

  count() {
    const { length } = [...this.standing.picked, ...this.past.picked];
    setHidden(this.several, length === 0);
    setText(this.several, t("acknowledge_selected", { count: length }));
  }

  // A row that is acted upon may go, and the focus with it: it goes to the heading then.
  async after() {
    await this.ask();
    if (!this.node.contains(document.activeElement)) this.node.querySelector("h1").focus();
  }

  async acknowledge(alarms) {
    let done = 0;
    for (const { id } of alarms) {
      const answer = await post(`api/alarms/${id}/ack`);
      if (!answer.ok) {
        complain(answer);
        break;
      }
      done += 1;
    }
    if (done > 0) toast(tn("done", done));
    await this.after();
  }

  async remove(alarms) {
    let done = 0;
    for (const { id } of alarms) {
      const answer = await ask("DELETE", `api/alarms/${id}`);
      if (!answer.ok && answer.status !== 404) {
        complain(answer);
        break;
      }
      done += 1;
    }
    if (done > 0) toast(tn("deleted", done));
    await this.after();
  }

  async removeAll() {
    if (!await confirm({ title: t("delete_title"), text: t("delete_text"), action: t("delete_all") })) return;
    const answer = await get(this.path({ standing: false, limit: 1000 }));
    if (answer.ok) await this.remove(answer.body);
    else complain(answer);
  }

  tick() {
    for (const poll of this.polls) poll.tick();
  }

  close() {
    for (const poll of this.polls) poll.close();
  }
}

export const open = ({ query }) => new Alarms(query);
