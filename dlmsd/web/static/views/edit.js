// A meter's form: to add one, from nothing or like another, or to change one.

import { ask, get, post } from "../api.js";
import { busy, button, link, make, setHidden, setText } from "../kit/dom.js";
import { complain, toast } from "../kit/toast.js";
import { model } from "../model.js";
import { go, to } from "../place.js";
import { mayChange } from "../session.js";
import { speak } from "../text.js";
import * as words from "../texts/edit.js";
import { Fields } from "./edit-fields.js";
import { Trial } from "./edit-trial.js";

const { t } = speak(words);

class Edit {
  // `name` is the meter's that is changed, empty for a new one, of which `query` tells what is
  // known: values by field, such as a search has found, or one that it is `like`.
  constructor(name, query) {
    this.name = name;
    this.title = name ? t("edit_title", { name }) : t("add_title");
    this.abort = new AbortController();
    this.fields = new Fields();
    this.wrong = make("div", "trouble");
    this.wrong.setAttribute("role", "alert");
    this.wrong.hidden = true;
    this.test = button(t("test"), "", () => busy(this.test, () => this.try()));
    this.save = make("button", "strong", t(name ? "save" : "add"));
    const away = link(name ? to("meter", name) : to("meters"), "button", t("cancel"));
    this.form = make(
      "form", "edit", this.fields.node, this.wrong, make("div", "actions", this.save, this.test, away),
    );
    this.form.noValidate = true; // the daemon judges, and says it in the page's own way
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      busy(this.save, () => this.keep());
    });
    this.trial = new Trial();
    this.loading = make("p", "none", t("loading"));
    setHidden(this.form, true);
    this.node = make(
      "div", "", make("p", "back", link(away.href, "", name || t("meters"))),
      make("div", "head", make("h1", "", this.title)), this.loading, this.form, this.trial.node,
    );
    this.load(query);
  }

  async load(query) {
    const like = query.get("like") ?? "";
    if (!mayChange()) return this.fail(t("need_admin"));
    const { signal } = this.abort;
    const known = model.meters.get(this.name || like);
    if ((this.name || like) && !known) return this.fail(t("unknown_meter"));
    const [profiles, meter, read] = await Promise.all([
      get("api/profiles", { signal }),
      known && get(`api/meters/${known.id}`, { signal }),
      known && get(`api/meters/${known.id}/config`, { signal }),
    ]);
    const bad = [profiles, meter, read].find((one) => one && !one.ok);
    if (bad) return bad.aborted || this.fail(bad.detail);
    if (this.name && meter.body.source === "file") return this.fail(t("of_file"));
    this.etag = meter?.etag;
    this.before = meter?.body;
    this.fields.fill(profiles.body, meter?.body, read?.body, { copied: !this.name });
    if (!this.name) this.fields.take(query);
    setHidden(this.loading, true);
    setHidden(this.form, false);
    if (!this.name) this.fields.focus();
    return undefined;
  }

  fail(text) {
    setText(this.loading, text);
  }

  // Shows what is wrong, each at its field; true if anything is.
  refused(answer) {
    if (answer.ok) return false;
    const rest = this.fields.complain(answer.errors ?? []);
    const shown = (answer.errors ?? []).length === 0 ? [answer.detail] : rest;
    if (answer.status === 412) shown.push(t("changed_meanwhile"));
    this.wrong.replaceChildren(...shown.map((text) => make("p", "error", text)));
    setHidden(this.wrong, shown.length === 0 || answer.aborted);
    return true;
  }

  async try() {
    const { signal } = this.abort;
    const query = this.name ? `?id=${this.before.id}` : "";
    setHidden(this.wrong, true);
    this.trial.begin();
    const answer = await post(`api/meters/test${query}`, this.fields.whole(), { signal });
    if (this.refused(answer)) this.trial.clear();
    else this.trial.show(answer.body);
  }

  async keep() {
    setHidden(this.wrong, true);
    if (!this.name) {
      const answer = await post("api/meters", this.fields.whole());
      if (this.refused(answer)) return;
      toast(t("added", { name: answer.body.name }));
      await this.known(answer.body.name);
      go("meter", answer.body.name);
      return;
    }
    const change = this.fields.changed();
    if (Object.keys(change).length === 0) return go("meter", this.name);
    const answer = await ask("PATCH", `api/meters/${this.before.id}`, { body: change, match: this.etag });
    if (this.refused(answer)) return;
    this.offerUndo(change, answer);
    await this.known(answer.body.name);
    go("meter", answer.body.name);
  }

  // Secrets are never told, so a change of them cannot be taken back.
  offerUndo(change, { body, etag }) {
    const back = Object.fromEntries(Object.keys(change).map((key) => [key, this.fields.before[key]]));
    const possible = Object.values(back).every((value) => value !== undefined && value !== null && value !== "");
    const act = async () => {
      const answer = await ask("PATCH", `api/meters/${body.id}`, { body: back, match: etag });
      if (answer.ok) go("meter", answer.body.name);
      else complain(answer);
    };
    toast(t("saved", { name: body.name }), possible ? { action: { label: t("undo"), act } } : {});
  }

  // The daemon's events tell of a new meter within a second; its view is nothing before.
  async known(name) {
    for (let tries = 0; tries < 20 && !model.meters.has(name); tries += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 100); });
    }
  }

  close() {
    this.abort.abort();
  }
}

export const open = ({ param, query }) => new Edit(param, query);
