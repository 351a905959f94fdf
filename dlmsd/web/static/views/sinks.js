// Where readings go: each sink with its verdict and what waits, what happened, and the gaps.

import { count, lasting, lastingFrom, now, time } from "../format.js";
import { Cards } from "../kit/cards.js";
import { link, make, section, setHidden, setText } from "../kit/dom.js";
import { Poll } from "../kit/poll.js";
import { model } from "../model.js";
import { to } from "../place.js";
import { speak } from "../text.js";
import * as words from "../texts/sinks.js";
import * as causes from "../texts/timeline.js";
import { line } from "./disconnects.js";
import { SinkDetail } from "./sink-card.js";

const EVERY = 10_000;
const WEEK = 604_800_000;
const MOST = 200;

const { t, has } = speak({ en: { ...causes.en, ...words.en }, es: { ...causes.es, ...words.es } });
export const nav = t("nav");

function happened({ severity, message, timestamp, cleared_at: cleared }) {
  const at = Date.parse(timestamp);
  const when = make("time", "", time(at));
  when.dateTime = timestamp;
  const age = cleared ? t("lasted", { age: lastingFrom(at, Date.parse(cleared)) }) : t("lasts");
  const node = make("li", "", when, make("span", "badge", t(`severity_${severity}`)), make("p", "", `${message} (${age})`));
  node.dataset.severity = severity;
  return node;
}

function gap({ meter, from_ts: from, to_ts: end, cause, sink, count: lost }) {
  const whom = make("th", "", model.meters.has(meter) ? link(to("meter", meter), "", meter) : meter);
  whom.scope = "row";
  const long = end === null ? `${lasting(Number(from))}, ${t("lasts")}` : lastingFrom(Number(from), Number(end));
  const why = has(`gap_${cause}`) ? t(`gap_${cause}`) : cause;
  const cells = [time(Number(from)), long, why, sink || "–", sink ? count(lost) : "–"];
  return make("tr", "", whom, ...cells.map((text) => make("td", "", text)));
}

class Sinks {
  constructor() {
    this.title = t("nav");
    const cards = make("div", "cards");
    this.cards = new Cards(cards, SinkDetail);
    this.accounts = new Map();
    this.calm = make("p", "calm", t("loading"));
    this.list = make("ol", "timeline");
    this.list.tabIndex = 0; // it scrolls, and keys must reach it
    this.list.ariaLabel = t("disconnects");
    this.whole = make("p", "calm", t("loading"));
    this.ends = make("ol", "timeline");
    this.ends.tabIndex = 0; // it scrolls, and keys must reach it
    this.ends.ariaLabel = t("ends");
    this.none = make("p", "calm", t("loading"));
    this.since = now() - WEEK;
    this.polls = [
      new Poll(() => "api/sinks", EVERY, (answer) => this.account(answer)),
      new Poll(() => "api/alarms?category=mqtt&limit=1000", EVERY, (answer) => this.happened(answer)),
      new Poll(() => `api/disconnects?of=sinks&from=${this.since}&limit=${MOST}`, EVERY, (answer) => this.ended(answer)),
      new Poll(() => `api/gaps?from=${this.since}`, EVERY, (answer) => this.gaps(answer)),
    ];
    this.node = make(
      "div", "", make("div", "head", make("h1", "", t("nav"))), section(t("now"), cards),
      section(t("disconnects"), make("p", "aside", t("disconnects_hint")), this.calm, this.list),
      section(t("ends"), make("p", "aside", t("ends_hint")), this.whole, this.ends),
      section(t("gaps"), this.none, this.table()),
    );
    this.refresh({ whole: true });
    for (const poll of this.polls) poll.ask();
  }

  table() {
    this.rows = make("tbody");
    const head = make("tr", "", ...["meter", "began", "until", "cause", "sink", "count"].map((one) => {
      const cell = make("th", "", t(one));
      cell.scope = "col";
      return cell;
    }));
    this.gapped = make("div", "scroll", make("table", "values-table", make("thead", "", head), this.rows));
    this.gapped.tabIndex = 0; // it scrolls, and keys must reach it
    this.gapped.setAttribute("role", "region");
    this.gapped.ariaLabel = t("gaps");
    setHidden(this.gapped, true);
    setHidden(this.list, true);
    setHidden(this.ends, true);
    return this.gapped;
  }

  refresh({ whole, sinks, outbox, listeners }) {
    if (!whole && !sinks && !outbox && !listeners) return;
    this.cards.update(model.sinks, model.outbox, model.listeners);
    this.tally();
  }

  tally() {
    for (const [name, card] of this.cards.sinks) card.account(this.accounts.get(name));
  }

  account({ ok, body }) {
    if (ok) this.accounts = new Map(body.map((one) => [one.name, one]));
    this.tally();
  }

  happened({ ok, body, detail }) {
    const found = ok ? body : [];
    setHidden(this.calm, found.length > 0);
    setHidden(this.list, found.length === 0);
    setText(this.calm, ok ? t("none_disconnects") : detail);
    this.list.replaceChildren(...found.slice(0, MOST).map(happened));
  }

  ended({ ok, body, detail }) {
    const found = ok ? body : [];
    setHidden(this.whole, found.length > 0);
    setHidden(this.ends, found.length === 0);
    setText(this.whole, ok ? t("none_ends") : detail);
    this.ends.replaceChildren(...found.map(line));
  }

  gaps({ ok, body, detail }) {
    const found = ok ? body.reverse().slice(0, MOST) : [];
    setHidden(this.none, found.length > 0);
    setHidden(this.gapped, found.length === 0);
    setText(this.none, ok ? t("none_gaps") : detail);
    this.rows.replaceChildren(...found.map(gap));
  }

  tick() {
    this.cards.tick();
    for (const poll of this.polls) poll.tick();
  }

  close() {
    for (const poll of this.polls) poll.close();
  }
}

export const open = () => new Sinks();
