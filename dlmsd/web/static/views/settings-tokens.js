// Access tokens: which there are, one more (shown once), one fewer.

import { ask, post } from "../api.js";
import { ago } from "../format.js";
import { confirm } from "../kit/dialog.js";
import { busy, button, make, setHidden, setText } from "../kit/dom.js";
import { complainAll, Field } from "../kit/field.js";
import { complain } from "../kit/toast.js";
import { session } from "../session.js";
import { speak } from "../text.js";
import * as words from "../texts/tokens.js";

const COLUMNS = ["token", "role", "created", "used", "does"];

const { t } = speak(words);

const when = (text) => (text ? ago(Date.parse(text)) : "–");

// `changed` is called when a token was made or removed.
export class AccessTokens {
  constructor(changed) {
    this.changed = changed;
    this.rows = make("tbody");
    const head = make("tr", "", ...COLUMNS.map((one) => {
      const cell = make("th", "", t(one));
      cell.scope = "col";
      return cell;
    }));
    this.table = make("div", "scroll", make("table", "values-table tokens", make("thead", "", head), this.rows));
    this.table.tabIndex = 0; // it scrolls, and keys must reach it
    this.table.setAttribute("role", "region");
    this.table.ariaLabel = t("tokens");
    this.name = new Field("name", t("name"), { required: true, attributes: { maxLength: 64 } });
    this.role = new Field("role", t("role"), { kind: "select", options: ["read", "admin"].map((one) => [one, t(`role_${one}`)]) });
    this.make = make("button", "", t("make"));
    this.form = make("form", "search-form token-form", this.name.node, this.role.node, make("div", "actions", this.make));
    this.form.noValidate = true;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      busy(this.make, () => this.add());
    });
    this.said = make("p", "aside");
    this.said.setAttribute("role", "status");
    this.shown = make("pre", "command");
    this.shown.tabIndex = 0; // it scrolls, and keys must reach it
    this.shown.setAttribute("role", "group");
    this.shown.ariaLabel = t("made_label");
    setHidden(this.shown, true);
    this.node = make("div", "", make("p", "aside", t("tokens_hint")), this.table, this.form, this.said, this.shown);
  }

  show({ ok, body, detail }) {
    if (!ok) return setText(this.said, detail);
    this.rows.replaceChildren(...body.map((one) => this.row(one)));
  }

  row({ name, role, created, last_used: used, removable }) {
    const whose = make("th", "", name === session.name ? t("yours", { name }) : name);
    whose.scope = "row";
    const cells = [t(`role_${role}`), when(created), used ? ago(Date.parse(used)) : t("never")];
    const does = make("td");
    if (removable) {
      const node = button(t("remove"), "", () => busy(node, () => this.remove(name)));
      node.ariaLabel = t("remove_one", { name });
      does.append(node);
    }
    return make("tr", "", whose, ...cells.map((text) => make("td", "", text)), does);
  }

  async add() {
    if (!this.name.value) return complainAll([this.name], [{ field: "name", message: t("name_missing") }]);
    const answer = await post("api/tokens", { name: this.name.value, role: this.role.value });
    if (!answer.ok) {
      const rest = complainAll([this.name, this.role], answer.errors);
      setText(this.said, rest.length > 0 || answer.errors.length === 0 ? answer.detail : "");
      return;
    }
    complainAll([this.name, this.role], []);
    setText(this.said, t("made", { name: answer.body.name }));
    setText(this.shown, answer.body.token);
    setHidden(this.shown, false);
    this.name.value = "";
    this.shown.focus();
    this.changed();
  }

  async remove(name) {
    if (!await confirm({ title: t("remove_title", { name }), text: t("remove_text"), action: t("remove") })) return;
    const answer = await ask("DELETE", `api/tokens/${encodeURIComponent(name)}`);
    if (!answer.ok) return complain(answer);
    setText(this.said, t("removed", { name }));
    setHidden(this.shown, true);
    this.changed();
  }
}
