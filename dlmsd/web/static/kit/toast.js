// Short notes at the edge of the page, with at most one thing to do; they go by themselves.

import { speak } from "../text.js";
import { button, make } from "./dom.js";

const LASTS = 6000;
const LASTS_WITH_ACTION = 20_000; // time to read, decide and reach it (WCAG 2.2.1)

const { t } = speak({ en: {}, es: {} });

// `action` is { label, act }; `wrong` for what did not work, which stays until closed.
export function toast(text, { action, wrong = false } = {}) {
  const node = make("div", wrong ? "toast wrong" : "toast", make("p", "", text));
  const gone = () => node.remove();
  if (action) {
    node.append(button(action.label, "", () => {
      gone();
      action.act();
    }));
  }
  node.append(button(t("close"), "plain", gone));
  document.getElementById("toasts").append(node);
  if (!wrong) {
    let leaving = setTimeout(gone, action ? LASTS_WITH_ACTION : LASTS);
    const stay = () => clearTimeout(leaving);
    node.addEventListener("focusin", stay);
    node.addEventListener("pointerenter", stay);
    node.addEventListener("pointerleave", () => { leaving = setTimeout(gone, LASTS); });
  }
}

// What an answer of api.js says when it is no good one.
export const complain = ({ detail, aborted }) => { if (!aborted) toast(detail, { wrong: true }); };
