// What the daemon has said in English, in the reader's language; static/heard/ is made of its
// catalogue of errors and their advice.

import { language } from "./text.js";

const NOTHING = { said: {}, heard: [] };
const KEPT = 1000;

const { said, heard } = language === "en" ? NOTHING : (await import(`./heard/${language}.js`)).default;
const patterns = heard.map(([english, text]) => [pattern(english), text]);
const known = new Map();

function pattern(english) {
  const pieces = english.split(/(\{\w+\}|\{\{|\}\})/).map((one) => (
    /^\{\w+\}$/.test(one) ? `(?<${one.slice(1, -1)}>.*?)` : plain(one).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
  ));
  return new RegExp(`^${pieces.join("")}$`, "s");
}

function plain(braces) {
  return { "{{": "{", "}}": "}" }[braces] ?? braces;
}

function fill(text, fields) {
  return text.replace(/\{(\w+)\}|\{\{|\}\}/g, (all, name) => (name ? fields[name] : plain(all)));
}

function understood(sentence) {
  if (Object.hasOwn(said, sentence)) return said[sentence];
  for (const [english, text] of patterns) {
    const fields = english.exec(sentence)?.groups ?? (english.test(sentence) ? {} : null);
    if (fields) {
      const told = Object.entries(fields).map(([name, one]) => [name, one.includes(" ") ? hear(one) : one]);
      return fill(text, Object.fromEntries(told));
    }
  }
  // An error, and its advice behind it.
  for (let at = sentence.indexOf(". "); at >= 0; at = sentence.indexOf(". ", at + 1)) {
    const advice = said[sentence.slice(at + 2)];
    if (advice) return `${hear(sentence.slice(0, at))}. ${advice}`;
  }
  const colon = sentence.indexOf(": ") + 2;
  return colon > 1 ? sentence.slice(0, colon) + hear(sentence.slice(colon)) : sentence;
}

// A sentence that is not known stays.
export function hear(sentence) {
  if (patterns.length === 0 || !sentence) return sentence;
  if (!known.has(sentence)) {
    if (known.size >= KEPT) known.clear();
    known.set(sentence, understood(sentence));
  }
  return known.get(sentence);
}

const SENTENCE = new Set(["advice", "alarm", "detail", "error", "held"]);
const LIST = new Set(["evidence", "problems"]);

// `value` as it stands under `key` in an answer of the daemon.
export function heardUnder(key, value) {
  if (patterns.length === 0 || !value) return value;
  if (typeof value === "string") return SENTENCE.has(key) ? hear(value) : value;
  if (LIST.has(key) && Array.isArray(value)) return value.map((one) => (typeof one === "string" ? hear(one) : one));
  if (key === "errors" && Array.isArray(value)) {
    return value.map((one) => (one?.message ? { ...one, message: hear(one.message) } : one));
  }
  if (key === "absent") return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, hear(one)]));
  return value;
}
