// The end of a connection, of a sink's or a meter's own: what it says in a timeline.

import { lastingFrom, time } from "../format.js";
import { hear } from "../hear.js";
import { make } from "../kit/dom.js";
import { speak } from "../text.js";
import * as cards from "../texts/cards.js";
import * as words from "../texts/disconnects.js";

const { t, tn, has } = speak({ en: { ...cards.en, ...words.en }, es: { ...cards.es, ...words.es } });

const SEVERITIES = { away: "error", back: "warning", left: "info" };

const long = (seconds) => lastingFrom(0, 1000 * Number(seconds));

function sentences({ cause, message, stood_seconds: stood, state, away_seconds: away, attempts }) {
  const told = hear(message);
  const why = has(`cause_${cause}`) && cause !== "unknown" ? `${t(`cause_${cause}`)}: ${told}` : told;
  return [
    why, stood === null ? t("never_stood") : t("stood", { time: long(stood) }),
    t(`end_${state}`, { time: long(away) }), Number(attempts) > 0 ? tn("attempts", Number(attempts)) : "",
  ].filter(Boolean).join("; ");
}

// As an entry of a timeline: { ts, kind, severity, text }.
export function ended(one) {
  const { timestamp, state, evidence } = one;
  const text = [sentences(one), ...evidence].join("; ");
  return { ts: Date.parse(timestamp), kind: "end", severity: SEVERITIES[state], text };
}

// As a line of a list of its own, with whose it was and the evidence below it.
export function line(one) {
  const { timestamp, sink, meter, state, evidence } = one;
  const when = make("time", "", time(Date.parse(timestamp)));
  when.dateTime = timestamp;
  const whose = make("b", "", [sink, meter].filter(Boolean).join(" · "));
  const body = make("div", "", make("p", "", whose, ` ${sentences(one)}`));
  if (evidence.length > 0) body.append(make("ul", "evidence", ...evidence.map((each) => make("li", "", each))));
  const node = make("li", "", when, make("span", "badge", t(state)), body);
  node.dataset.severity = SEVERITIES[state];
  return node;
}
