// Words: each view and each shared part has a file of its own in texts/, with en and es.

import * as common from "./texts/common.js";

const LANGUAGES = ["en", "es"];

function chosen() {
  const asked = new URLSearchParams(location.search).get("lang");
  if (LANGUAGES.includes(asked)) localStorage.setItem("language", asked);
  const kept = localStorage.getItem("language");
  return LANGUAGES.includes(kept) ? kept : document.documentElement.lang;
}

export const language = chosen();
// The reader's own region decides between 1,234.5 and 1.234,5 where it speaks the page's language.
export const locale = navigator.languages.find((one) => one.startsWith(language)) ?? language;

const plural = new Intl.PluralRules(language);
const counted = new Intl.NumberFormat(locale);

// t says a word of `words` or of texts/common.js, {name} filled in; tn one that has a number,
// as key_one or key_other; has tells whether there is such a word.
export function speak(words) {
  const known = { ...common[language], ...words[language] };
  const t = (key, fields = {}) => known[key].replace(/\{(\w+)\}/g, (_, name) => fields[name]);
  const tn = (key, count, fields = {}) => {
    const form = plural.select(count) === "one" ? "one" : "other";
    return t(`${key}_${form}`, { count: counted.format(count), ...fields });
  };
  return { t, tn, has: (key) => Object.hasOwn(known, key) };
}

// Fills what index.html leaves to the language.
export function translate(root, t) {
  document.documentElement.lang = language;
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = t(node.dataset.text);
  for (const node of root.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", t(node.dataset.label));
  }
}
