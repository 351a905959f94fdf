// The outbox, the sinks and the listeners for pushes: what waits, what is wrong, what to do.

import { ago, bytes, count, lasting } from "../format.js";
import { waiting } from "../model.js";
import { speak } from "../text.js";
import * as words from "../texts/cards.js";
import { dot, figures, make, setData, setHidden, setText } from "./dom.js";

const { t, tn } = speak(words);

class Card {
  constructor(title, terms) {
    this.word = make("span", "word");
    this.where = make("p", "where");
    [this.list, this.set] = figures(terms, t);
    this.error = make("p", "error");
    this.advice = make("p", "advice");
    this.trouble = make("div", "trouble", this.error, this.advice);
    this.trouble.hidden = true;
    const head = make("header", "", make("h3", "", title), make("p", "state", dot(), this.word));
    this.node = make("article", "card", head, this.where, this.list, this.trouble);
  }

  state(health, word) {
    setData(this.node, "health", health);
    setText(this.word, word);
  }

  tell(error, advice, past) {
    setHidden(this.trouble, !error);
    setText(this.error, error);
    setText(this.advice, advice);
    this.trouble.classList.toggle("past", past);
  }
}

const HEALTH = { listening: "healthy", connected: "healthy", connecting: "degraded", down: "down" };

export class SinkCard extends Card {
  constructor(sink) {
    super(sink.name, ["waiting", "delivered", "last_delivery", "connections"]);
    setText(this.where, `${sink.kind} · ${sink.url}`);
    this.cause = make("p", "cause");
    this.evidence = make("ul", "evidence");
    this.verdict = make("div", "verdict", this.cause, this.evidence);
    this.verdict.hidden = true;
    this.node.insertBefore(this.verdict, this.trouble);
  }

  update(sink) {
    this.sink = sink;
    const partly = sink.state === "connected" && sink.connected < sink.connections;
    this.state(partly ? "degraded" : HEALTH[sink.state], t(`sink_${sink.state}`));
    this.set("waiting", count(sink.queued));
    this.set("delivered", count(sink.delivered));
    this.set("connections", `${count(sink.connected)} / ${count(sink.connections)}`);
    this.judge(sink.verdict);
    this.tick();
  }

  judge(verdict) {
    setHidden(this.verdict, !verdict);
    if (!verdict) return;
    const { cause, confidence, meters, concerned, evidence } = verdict;
    const sure = t("confidence", { percent: Math.round(confidence * 100) });
    const others = concerned > meters.length ? ", …" : "";
    const whom = concerned ? `; ${tn("concerned", concerned)}: ${meters.join(", ")}${others}` : "";
    setText(this.cause, `${t(`cause_${cause}`)} (${sure}${whom})`);
    this.evidence.replaceChildren(...evidence.map((sentence) => make("li", "", sentence)));
  }

  tick() {
    const { sink } = this;
    this.set("last_delivery", ago(sink.last_delivery_ts));
    const past = sink.state === "connected" && sink.connected === sink.connections;
    const when = past && sink.error_ts !== null ? `${t("last_trouble")}, ${ago(sink.error_ts)}: ` : "";
    this.tell(sink.error ? when + sink.error : sink.held, past ? "" : sink.advice, past);
  }
}

export class ListenerCard extends Card {
  constructor(listener) {
    super(listener.name, ["messages", "strangers", "bad_frames", "connections"]);
    setText(this.where, `push · ${listener.address}`);
  }

  update(listener) {
    this.state(HEALTH[listener.state], t(`listener_${listener.state}`));
    this.set("messages", count(listener.messages));
    this.set("strangers", count(listener.unknown));
    this.set("bad_frames", count(listener.bad));
    this.set("connections", count(listener.connections));
    if (listener.error) this.tell(listener.error, listener.advice, false);
    else this.tell(listener.sender && t("stranger", { sender: listener.sender }), "", true);
  }
}

export class OutboxCard extends Card {
  constructor() {
    super(t("outbox"), ["waiting", "oldest", "delivered", "quarantined", "dropped"]);
  }

  update(outbox, sinkless) {
    this.outbox = outbox;
    const health = outbox.error ? "down" : outbox.alarm ? "degraded" : "healthy";
    this.state(health, t(outbox.error ? "failing" : outbox.alarm ? "damaged" : "ok"));
    this.set("waiting", count(waiting()));
    this.set("delivered", count(outbox.delivered));
    this.set("quarantined", count(outbox.quarantined));
    this.set("dropped", count(outbox.dropped));
    setText(this.where, tn("kept", outbox.readings, { size: bytes(Number(outbox.bytes)) }));
    this.node.classList.toggle("dropping", outbox.dropped > 0);
    const trouble = [outbox.error, outbox.alarm].filter(Boolean).join("; ");
    if (trouble || !sinkless) this.tell(trouble, "", false);
    else this.tell(t("no_sinks"), "", true);
    this.tick();
  }

  tick() {
    this.set("oldest", lasting(this.outbox.oldest_queued_ts));
  }
}

// The outbox first, then sinks and listeners, each as it comes; `sinkCard` is made of a sink.
export class Cards {
  constructor(parent, sinkCard = SinkCard) {
    this.sinkCard = sinkCard;
    this.parent = parent;
    this.outbox = new OutboxCard();
    this.sinks = new Map();
    this.listeners = new Map();
    parent.replaceChildren(this.outbox.node);
  }

  update(sinks, outbox, listeners) {
    this.fill(this.listeners, ListenerCard, listeners);
    this.fill(this.sinks, this.sinkCard, sinks);
    if (outbox) this.outbox.update(outbox, this.sinks.size === 0);
  }

  fill(cards, kind, found) {
    for (const [name, card] of cards) {
      if (found.has(name)) continue;
      card.node.remove();
      cards.delete(name);
    }
    for (const one of found.values()) {
      let card = cards.get(one.name);
      if (card === undefined) {
        card = new kind(one);
        cards.set(one.name, card);
        this.parent.append(card.node);
      }
      card.update(one);
    }
  }

  tick() {
    if (this.outbox.outbox) this.outbox.tick();
    for (const card of this.sinks.values()) card.tick();
  }
}
