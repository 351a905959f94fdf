// A question before something that cannot be taken back.

import { speak } from "../text.js";
import { button, make } from "./dom.js";

const { t } = speak({ en: {}, es: {} });

let dialogs = 0;

// Resolves to whether `action`, the word on the button, was chosen. Esc means no.
export function confirm({ title, text, action }) {
  dialogs += 1;
  const head = make("h2", "", title);
  head.id = `dialog-${dialogs}`;
  const node = make("dialog", "dialog");
  node.setAttribute("aria-labelledby", head.id);
  const no = button(t("cancel"), "", () => node.close());
  no.autofocus = true;
  const yes = button(action, "danger", () => node.close("yes"));
  node.append(head, make("p", "", text), make("div", "actions", no, yes));
  document.body.append(node);
  node.showModal();
  return new Promise((resolve) => {
    node.addEventListener("close", () => {
      node.remove();
      resolve(node.returnValue === "yes");
    });
  });
}
