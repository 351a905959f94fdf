// What the audit trail says was done, in words.

import { hear } from "../hear.js";
import { speak } from "../text.js";
import * as words from "../texts/deeds.js";

const { t, has } = speak(words);

export function deed(action) {
  const key = action.replaceAll(" ", "_");
  return has(key) ? t(key) : action;
}

// Its detail: of a reading of the configuration, a list of what it changed.
export const detailed = (action, detail) => (action === "reload" ? detail.split(", ").map(hear).join(", ") : detail);
