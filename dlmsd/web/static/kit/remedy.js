// What is to be done: an action of the plan, and its commands; see dlmsd/watch/plan.py.

import { model } from "../model.js";
import { parsePlace, to } from "../place.js";
import { speak } from "../text.js";
import * as words from "../texts/remedy.js";
import { link, make } from "./dom.js";

const NAMES = 5;
const { t, tn } = speak(words);

// A subject as a way to where it is shown.
export function subject(name) {
  if (model.meters.has(name)) return link(to("meter", name), "", name);
  if (model.sinks.has(name)) return link(to("sinks"), "", name);
  return make("span", "", name);
}

function where(names) {
  const parts = names.slice(0, NAMES).flatMap((name, index) => [index ? ", " : "", subject(name)]);
  const rest = names.length - NAMES;
  return make("p", "whom", `${t("for")} `, ...parts, rest > 0 ? ` ${tn("more", rest)}` : "");
}

export function remedy({ text, minutes, commands, views, subjects }) {
  const node = make("div", "remedy", make("p", "next", `${text} `, make("span", "minutes", t("minutes", { minutes }))));
  for (const command of commands) {
    const line = make("pre", "command", command);
    line.tabIndex = 0; // it scrolls, and keys must reach it
    line.ariaLabel = t("command");
    line.setAttribute("role", "group");
    node.append(line);
  }
  if (subjects.length > 0) node.append(where(subjects));
  for (const view of views) {
    const { path, param } = parsePlace(view);
    const words = path === "edit" ? t("edit", { name: param }) : t("page");
    node.append(make("p", "whom", link(view, "", words)));
  }
  return node;
}

// Why something is so, how sure that is, and the numbers that show it.
export function reasons({ cause, confidence, evidence }) {
  return [
    make("p", "cause", t("cause", { cause, percent: Math.round(100 * confidence) })),
    make("ul", "evidence", ...evidence.map((one) => make("li", "", one))),
  ];
}
