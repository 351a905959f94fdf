// Fields of a form: a label, an input, a hint, and the error that belongs to it.

import { make, setHidden, setText } from "./dom.js";

let fields = 0;

// `kind` is text, number, password, select, textarea or a type of <input>; `options` are [value, text].
export class Field {
  constructor(name, label, { kind = "text", hint = "", required = false, options = [], attributes = {} } = {}) {
    fields += 1;
    const id = `field-${fields}`;
    this.name = name;
    this.input = make(["select", "textarea"].includes(kind) ? kind : "input");
    this.input.id = id;
    this.input.name = name;
    this.input.required = required;
    if (kind === "select") this.choices(options);
    else if (kind !== "textarea") this.input.type = kind;
    if (kind === "number") this.input.step = "any";
    this.input.autocomplete = kind === "password" ? "new-password" : "off";
    this.input.spellcheck = false;
    Object.assign(this.input, attributes);
    const title = make("label", "", label);
    title.htmlFor = id;
    this.hint = make("p", "hint", hint);
    this.hint.id = `${id}-hint`;
    this.hint.hidden = !hint;
    this.error = make("p", "field-error");
    this.error.id = `${id}-error`;
    this.error.hidden = true;
    this.node = make("div", "field", title, this.input, this.hint, this.error);
    this.input.addEventListener("input", () => this.complain(""));
    this.describe();
  }

  get value() {
    return this.input.type === "password" ? this.input.value : this.input.value.trim();
  }

  set value(value) {
    this.input.value = value ?? "";
  }

  choices(options) {
    const chosen = this.input.value;
    this.input.replaceChildren(...options.map(([value, text]) => {
      const option = make("option", "", text);
      option.value = value;
      return option;
    }));
    if (options.some(([value]) => value === chosen)) this.input.value = chosen;
  }

  suggest(hint) {
    setText(this.hint, hint);
    setHidden(this.hint, !hint);
    this.describe();
  }

  // An empty text takes the complaint back.
  complain(text) {
    setText(this.error, text);
    setHidden(this.error, !text);
    if (text) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
    this.describe();
  }

  describe() {
    const ids = [this.error, this.hint].filter((one) => !one.hidden).map((one) => one.id);
    if (ids.length > 0) this.input.setAttribute("aria-describedby", ids.join(" "));
    else this.input.removeAttribute("aria-describedby");
  }
}

// Fields under one heading.
export function group(title, ...content) {
  return make("fieldset", "group", make("legend", "", title), make("div", "fields", ...content.map((one) => one.node)));
}

// Shows errors ([{field, message}]) at their fields; gives back those that have none, as text.
export function complainAll(known, errors) {
  for (const field of known) field.complain("");
  const rest = [];
  let first;
  for (const { field: path, message } of errors) {
    const field = known.find(({ name }) => path === name || path.startsWith(`${name}[`) || path === `options.${name}`);
    if (field === undefined) rest.push(path ? `${path}: ${message}` : message);
    else {
      field.complain(message);
      first ??= field;
    }
  }
  first?.input.focus();
  return rest;
}
