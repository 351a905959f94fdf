// Numbers and times.

import { heardUnder } from "./hear.js";
import { locale, speak } from "./text.js";

const { t } = speak({ en: {}, es: {} });

const counts = new Intl.NumberFormat(locale);
const percents = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const sizes = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
const calendar = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });

export const count = (number) => counts.format(number);
export const percent = (number) => (number === null ? "–" : `${percents.format(number)} %`);
export const seconds = (number) => (
  number === null ? "–" : number < 1 ? milliseconds(number) : `${percents.format(number)} s`
);

export const milliseconds = (number) => (
  number === null ? "–" : `${sizes.format(number * 1000)} ms`
);

const WRITTEN = /^-?\d+(?:\.(\d+))?$/;
const MOST = 20; // decimals that every browser can write
const byDecimals = new Map();

// With how many decimals a number, or its text, is written.
export const decimals = (written) => WRITTEN.exec(String(written))?.[1]?.length ?? 0;

// A number, or its text, in the page's language, with every digit that it has or so many decimals.
export function exact(number, places = decimals(number)) {
  const digits = Math.min(places, MOST);
  if (!byDecimals.has(digits)) {
    byDecimals.set(digits, new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return byDecimals.get(digits).format(number);
}

// What a meter said; without a unit it may be a name that looks like a number.
export const quantity = (value, unit) => (unit && WRITTEN.test(String(value)) ? exact(value) : String(value));

export function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let power = 0;
  for (; number >= 1000 && power < units.length - 1; power += 1) number /= 1000;
  return `${sizes.format(number)} ${units[power]}`;
}

// The daemon's clock, by the last message: a browser's own may be off by minutes.
let ahead = 0;
export const setNow = (now) => { ahead = now - Date.now(); };
export const now = () => Date.now() + ahead;

function span(milliseconds) {
  const whole = Math.max(0, Math.floor(milliseconds / 1000));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} ${t("unit_min")}`;
  if (whole < 86400) return `${Math.floor(whole / 3600)} ${t("unit_h")}`;
  return `${Math.floor(whole / 86400)} ${t("unit_d")}`;
}

export const lastingFrom = (from, to) => span(to - from);
export const lasting = (ts) => (ts === null ? "–" : span(now() - ts));
export const ago = (ts) => (ts === null ? t("never") : t("ago", { age: span(now() - ts) }));
export const time = (ts) => (now() - ts < 43_200_000 ? clock : calendar).format(ts);

// JSON whose numbers keep every digit: one that JavaScript would print otherwise (64-bit
// counters, 230.0) stays the text that was sent, where the browser shows us that text.
export function parse(json) {
  return JSON.parse(json, (key, value, context) => (
    typeof value === "number" && context?.source !== undefined && String(value) !== context.source
      ? context.source
      : heardUnder(key, value)
  ));
}
