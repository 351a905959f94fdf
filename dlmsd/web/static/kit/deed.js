// What the audit trail says was done, in words.

import { speak } from "../text.js";
import * as words from "../texts/deeds.js";

const { t, has } = speak(words);

export function deed(action) {
  const key = action.replaceAll(" ", "_");
  return has(key) ? t(key) : action;
}
