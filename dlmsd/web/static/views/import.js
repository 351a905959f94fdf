// Many meters at once, from a file or its text: what it would do is shown first, and then done.

import { post } from "../api.js";
import { count } from "../format.js";
import { busy, button, link, make, section, setHidden, setText } from "../kit/dom.js";
import { Field } from "../kit/field.js";
import { complain, toast } from "../kit/toast.js";
import { go, to } from "../place.js";
import { mayChange } from "../session.js";
import { speak } from "../text.js";
import * as words from "../texts/import.js";

const LARGE = 4_000_000; // what the daemon takes is a little more
const SHOWN = 200;
const KEEP = "dlmsd meters export --secrets -o before.json";
const EXAMPLE = "name,host,port,profile,interval,password,measurements\nPlant A,192.168.1.150,3333,microstar,60,12345678,voltage_l1;current_l1";

const { t, tn } = speak(words);

// UTF-8, or what a spreadsheet of the West writes.
async function textOf(file) {
  const octets = await file.arrayBuffer();
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch {
    return new TextDecoder("windows-1252").decode(octets);
  }
}

const rest = (names) => (names.length > SHOWN ? [make("p", "aside", t("more", { count: count(names.length - SHOWN) }))] : []);

// How many there are; their names unfold.
function named(key, names) {
  const list = make("p", "named", names.slice(0, SHOWN).join(", "));
  return make("details", "", make("summary", "", tn(key, names.length)), list, ...rest(names));
}

function faults(errors) {
  const heads = make("tr", "", ...["line", "key", "reason"].map((one) => {
    const cell = make("th", "", t(one));
    cell.scope = "col";
    return cell;
  }));
  const rows = errors.slice(0, SHOWN).map(({ line, key, message }) => {
    const head = make("th", "", count(line));
    head.scope = "row";
    return make("tr", "", head, make("td", "", key || "–"), make("td", "", message));
  });
  const table = make("table", "values-table faults", make("thead", "", heads), make("tbody", "", ...rows));
  return make("div", "", table, ...rest(errors));
}

class Import {
  constructor() {
    this.title = t("title");
    this.abort = new AbortController();
    this.file = new Field("file", t("file"), { kind: "file", attributes: { accept: ".csv,.json,.txt,text/csv,application/json" } });
    this.text = new Field("document", t("document"), { kind: "textarea", attributes: { rows: 10, placeholder: EXAMPLE, wrap: "off" } });
    this.look = make("button", "strong", t("look"));
    const away = link(to("meters"), "button", t("cancel"));
    this.form = make("form", "edit import", this.file.node, this.text.node, make("div", "actions", this.look, away));
    this.form.noValidate = true;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      busy(this.look, () => this.preview());
    });
    this.file.input.addEventListener("change", () => busy(this.look, () => this.chosen()));
    this.text.input.addEventListener("input", () => this.forget());
    this.said = make("p", "aside");
    this.said.setAttribute("role", "status");
    this.found = make("div", "found");
    this.section = section(t("preview"), this.found);
    setHidden(this.section, true);
    const keep = make("pre", "command", KEEP);
    const hints = [make("p", "aside", t("hint")), make("p", "aside", t("undo_hint")), keep];
    const parts = mayChange() ? [...hints, this.form, this.said, this.section] : [make("p", "none", t("need_admin"))];
    this.node = make(
      "div", "", make("p", "back", link(to("meters"), "", t("meters"))),
      make("div", "head", make("h1", "", t("title"))), ...parts,
    );
  }

  async chosen() {
    const [file] = this.file.input.files;
    if (!file) return;
    this.forget();
    if (file.size > LARGE) return this.file.complain(t("too_large"));
    this.text.value = await textOf(file);
    await this.preview();
  }

  // What was shown is not of this text any more.
  forget() {
    this.abort.abort();
    this.abort = new AbortController();
    setHidden(this.section, true);
    setText(this.said, "");
    for (const field of [this.file, this.text]) field.complain("");
  }

  async preview() {
    this.forget();
    if (!this.text.value) return this.text.complain(t("nothing"));
    setText(this.said, t("looking"));
    const answer = await this.send({ dry_run: true });
    if (answer.aborted) return undefined;
    setText(this.said, "");
    if (!answer.ok) return this.text.complain(answer.errors[0]?.message ?? answer.detail);
    this.show(answer.body);
    this.section.scrollIntoView({ block: "nearest" });
    return undefined;
  }

  send(more) {
    const { signal } = more.dry_run ? this.abort : new AbortController();
    return post("api/meters/import", { document: this.text.value, ...more }, { signal });
  }

  show({ added, changed, same, errors }) {
    const number = added.length + changed.length;
    const parts = [["added", added], ["changed", changed], ["same", same]];
    const shown = parts.filter(([, names]) => names.length > 0).map(([key, names]) => named(key, names));
    if (shown.length + errors.length === 0) shown.push(make("p", "none", t("nothing")));
    this.take = button(tn("take", number), "strong", () => busy(this.take, () => this.keep()));
    const take = make("div", "actions", this.take);
    this.partial = undefined;
    if (errors.length > 0) {
      const wrong = make("p", "error", tn("refused", errors.length));
      wrong.setAttribute("role", "alert");
      shown.unshift(make("div", "trouble", wrong), faults(errors));
      this.partial = make("input");
      this.partial.type = "checkbox";
      take.prepend(make("label", "box", this.partial, make("span", "", t("partial"))));
      setHidden(this.take, true);
      this.partial.addEventListener("change", () => setHidden(this.take, !this.partial.checked));
    }
    if (number > 0) shown.push(take);
    this.found.replaceChildren(...shown);
    setHidden(this.section, false);
  }

  async keep() {
    const answer = await this.send({ partial: this.partial?.checked ?? false });
    if (!answer.ok) {
      complain(answer);
      if (answer.status === 422) await this.preview(); // what is there has changed meanwhile
      return;
    }
    const { added, changed } = answer.body;
    toast(tn("taken", added.length + changed.length));
    go("meters");
  }

  close() {
    this.abort.abort();
  }
}

export const open = () => new Import();
