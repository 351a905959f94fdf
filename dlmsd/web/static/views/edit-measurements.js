// Which measurements of a meter are read: those of its profile, and others by name.

import { make, setHidden, setText } from "../kit/dom.js";
import { speak } from "../text.js";
import * as words from "../texts/edit.js";

const { t } = speak(words);

let groups = 0;

// Of a form; complains as kit/field.js does.
export class Measurements {
  constructor() {
    groups += 1;
    this.name = "measurements";
    this.boxes = make("div", "boxes");
    this.others = make("input");
    this.others.id = `others-${groups}`;
    this.others.autocomplete = "off";
    this.others.spellcheck = false;
    const label = make("label", "", t("others"));
    label.htmlFor = this.others.id;
    this.error = make("p", "field-error");
    this.error.hidden = true;
    this.error.id = `measurements-error-${groups}`;
    const hint = make("p", "hint", t("others_hint"));
    hint.id = `measurements-hint-${groups}`;
    this.others.setAttribute("aria-describedby", `${hint.id} ${this.error.id}`);
    this.node = make(
      "fieldset", "measurements", make("legend", "", t("measurements")), this.boxes,
      make("div", "field", label, this.others, hint, this.error),
    );
    this.input = this.others;
  }

  // `offered` are the profile's; `read` what REST tells of a meter's, nothing for a new one.
  fill(offered, read) {
    const on = new Map((read ?? []).map((one) => [one.measurement_name, one.enabled]));
    this.offered = offered;
    const names = [...new Set([...offered, ...on.keys()])];
    this.boxes.replaceChildren(...names.map((name) => {
      const box = make("input");
      box.type = "checkbox";
      box.value = name;
      box.checked = read ? on.get(name) === true : true;
      return make("label", "box", box, make("span", "", name));
    }));
  }

  names() {
    const boxes = [...this.boxes.querySelectorAll("input")];
    const names = boxes.filter((box) => box.checked).map((box) => box.value);
    for (const name of this.others.value.split(/[\s,]+/)) {
      if (name && !names.includes(name)) names.push(name);
    }
    return names;
  }

  // Whether exactly what the profile reads.
  get usual() {
    const names = this.names();
    return names.length === this.offered.length && this.offered.every((one) => names.includes(one));
  }

  complain(text) {
    setText(this.error, text);
    setHidden(this.error, !text);
  }
}
