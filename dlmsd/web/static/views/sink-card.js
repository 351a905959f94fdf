// A sink with what became of all its deliveries, and since when its verdict stands.

import { count, time } from "../format.js";
import { SinkCard } from "../kit/cards.js";
import { figures, make, setHidden, setText } from "../kit/dom.js";
import { speak } from "../text.js";
import * as words from "../texts/sinks.js";

const FATES = { committed: "committed", ever: "delivered", quarantined: "quarantined", dropped: "dropped" };

const { t } = speak(words);

export class SinkDetail extends SinkCard {
  constructor(sink) {
    super(sink);
    [this.fates, this.fate] = figures([...Object.keys(FATES), "again"], t);
    this.list.after(this.fates);
    this.since = make("p", "where");
    this.cause.after(this.since);
    this.held = make("p", "advice");
    this.list.before(this.held);
  }

  update(sink) {
    super.update(sink);
    this.fate("again", count(sink.reconnections));
    setText(this.since, sink.verdict ? t("since", { time: time(sink.verdict.since_ts) }) : "");
    // Beside an error the shared card has no room for it.
    setHidden(this.held, !(sink.error && sink.held));
    setText(this.held, sink.held);
  }

  account(account) {
    for (const [term, fate] of Object.entries(FATES)) {
      this.fate(term, account ? count(account[fate]) : "–");
    }
  }
}
