// Notices: who is told of alarms, what waits and why, what was sent and what failed, and a test.

import { post } from "../api.js";
import { ago, count, time } from "../format.js";
import { hear } from "../hear.js";
import { busy, button, dot, figures, make, section, setData, setHidden, setText } from "../kit/dom.js";
import { Poll } from "../kit/poll.js";
import { mayChange } from "../session.js";
import { speak } from "../text.js";
import * as words from "../texts/notices.js";

const EVERY = 10_000;
const MOST = 200;

const { t, tn } = speak(words);
export const nav = t("nav");

function entry({ timestamp, severity, badge, text, whom }) {
  const when = make("time", "", time(Date.parse(timestamp)));
  when.dateTime = timestamp;
  const node = make("li", "", when, make("span", "badge", badge), make("p", "", make("b", "", whom), ` ${text}`));
  node.dataset.severity = severity;
  return node;
}

const waits = ({ timestamp, severity, message, receiver, held, state }) => entry({
  timestamp, severity, badge: t(held ? `held_${held}` : "held_turn"), whom: receiver, text: `${t(`state_${state}`)}: ${message}`,
});

function sent({ timestamp, receiver, title, taken, said, attempts, alarms }) {
  const which = alarms.length > 0 ? tn("of_alarms", alarms.length, { ids: alarms.join(", ") }) : "";
  const told = taken ? t("answered", { said }) : tn("refused", Number(attempts), { said: hear(said) });
  const text = [title, which, told].filter(Boolean).join("; ");
  return entry({ timestamp, severity: taken ? "info" : "error", badge: t(taken ? "taken" : "failed"), whom: receiver, text });
}

class Receiver {
  constructor({ name, kind, to }) {
    this.name = name;
    this.word = make("span", "word");
    [this.list, this.set] = figures(["waiting", "last_sent", "severity", "quiet", "digest", "urgent", "daily"], t);
    this.chosen = make("p", "where");
    this.error = make("p", "error");
    this.trouble = make("div", "trouble", this.error);
    this.answer = make("p", "aside");
    this.answer.setAttribute("role", "status");
    const head = make("header", "", make("h3", "", name), make("p", "state", dot(), this.word));
    this.node = make("article", "card", head, make("p", "where", `${t(kind)} · ${to}`), this.chosen, this.list);
    if (mayChange()) {
      const test = button(t("test"), "", () => busy(test, () => this.test()));
      test.ariaLabel = t("test_one", { name });
      this.node.append(make("div", "actions receiver-test", test), this.answer);
    }
    this.node.append(this.trouble);
  }

  update(receiver) {
    const { categories, meters, failures, failing_since: since, last_error: error, last_sent: last } = receiver;
    setData(this.node, "health", failures > 0 ? "down" : "healthy");
    setText(this.word, t(failures > 0 ? "failing" : "ready"));
    setText(this.chosen, [categories, meters].map((one) => one.join(", ")).filter(Boolean).join(" · "));
    this.set("waiting", count(receiver.waiting));
    this.set("last_sent", last ? ago(Date.parse(last)) : "–");
    this.set("severity", t(`severity_${receiver.severity}`));
    this.set("quiet", receiver.quiet ?? "–");
    this.set("digest", Number(receiver.digest_minutes) > 0 ? `${receiver.digest_minutes} min` : "–");
    this.set("urgent", receiver.urgent ? t(`severity_${receiver.urgent}`) : "–");
    this.set("daily", receiver.daily ?? "–");
    setHidden(this.trouble, failures === 0);
    if (failures > 0) setText(this.error, tn("since", failures, { time: time(Date.parse(since)), error: hear(error) }));
  }

  async test() {
    setText(this.answer, t("testing"));
    const { ok, body, detail } = await post(`api/notices/${encodeURIComponent(this.name)}/test`);
    if (!ok) return setText(this.answer, detail);
    const { success, answer, error, advice } = body;
    setText(this.answer, success ? t("answered", { said: answer }) : `${t("failed")}: ${error}. ${advice}`);
  }
}

class Notices {
  constructor() {
    this.title = t("nav");
    this.receivers = new Map();
    this.cards = make("div", "cards");
    this.nobody = make("p", "calm", t("loading"));
    [this.calm, this.waiting] = this.timeline("waits");
    [this.silent, this.sent] = this.timeline("sent");
    this.polls = [
      new Poll(() => "api/notices", EVERY, (answer) => this.show(answer)),
      new Poll(() => "api/notices/waiting", EVERY, (answer) => this.fill(this.calm, this.waiting, answer, waits, "none_waits")),
      new Poll(() => `api/notices/sent?limit=${MOST}`, EVERY, (answer) => this.fill(this.silent, this.sent, answer, sent, "none_sent")),
    ];
    this.node = make(
      "div", "", make("div", "head", make("h1", "", t("nav"))),
      section(t("receivers"), this.nobody, this.cards),
      section(t("waits"), this.calm, this.waiting), section(t("sent"), this.silent, this.sent),
    );
    for (const poll of this.polls) poll.ask();
  }

  timeline(label) {
    const list = make("ol", "timeline");
    list.tabIndex = 0; // it scrolls, and keys must reach it
    list.ariaLabel = t(label);
    list.hidden = true;
    return [make("p", "calm", t("loading")), list];
  }

  fill(calm, list, { ok, body, detail }, line, none) {
    const found = ok ? body : [];
    setHidden(calm, found.length > 0);
    setHidden(list, found.length === 0);
    setText(calm, ok ? t(none) : detail);
    list.replaceChildren(...found.map(line));
  }

  show({ ok, body, detail }) {
    const found = ok ? body : [];
    setHidden(this.nobody, found.length > 0);
    setText(this.nobody, ok ? t("nobody") : detail);
    const cards = found.map((one) => {
      const card = this.receivers.get(one.name) ?? new Receiver(one);
      this.receivers.set(one.name, card);
      card.update(one);
      return card.node;
    });
    if (cards.length !== this.cards.children.length || cards.some((one, index) => this.cards.children[index] !== one)) {
      this.cards.replaceChildren(...cards);
    }
  }

  tick() {
    for (const poll of this.polls) poll.tick();
  }

  close() {
    for (const poll of this.polls) poll.close();
  }
}

export const open = () => new Notices();
