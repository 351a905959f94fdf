// The configuration in force, table by table, without secrets.

import { count } from "../format.js";
import { make, setText } from "../kit/dom.js";
import { speak } from "../text.js";
import * as words from "../texts/settings.js";

const { t } = speak(words);

function said(value) {
  if (value === null || (Array.isArray(value) && value.length === 0)) return t("unset");
  if (Array.isArray(value) || typeof value === "object") return JSON.stringify(value);
  return String(value);
}

function table(title, values) {
  const rows = Object.entries(values).map(([key, value]) => {
    const head = make("th", "", make("code", "", key));
    head.scope = "row";
    return make("tr", value === null ? "absent" : "", head, make("td", "", said(value)));
  });
  const caption = make("caption", "", make("code", "", title));
  return make("table", "values-table", caption, make("tbody", "", ...rows));
}

export class InForce {
  constructor() {
    this.where = make("p", "aside", t("loading"));
    this.tables = make("div", "in-force");
    this.node = make("div", "", this.where, this.tables);
  }

  show({ ok, body, detail }) {
    setText(this.where, ok ? t("file", { file: body.file, count: count(body.meters) }) : detail);
    if (!ok) return;
    this.tables.replaceChildren(...Object.entries(body.sections).flatMap(([name, values]) => (
      Array.isArray(values)
        ? values.map((one) => table(`[[${name}]] ${one.name ?? ""}`, one))
        : [table(`[${name}]`, values)]
    )));
  }
}
