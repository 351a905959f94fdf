// Settings: what this browser shows, the daemon's configuration, its backup, who changed what.

import { post } from "../api.js";
import { bytes, count, lastingFrom, time } from "../format.js";
import { chips } from "../kit/choice.js";
import { busy, button, figures, make, section, setText } from "../kit/dom.js";
import { download } from "../kit/download.js";
import { deed, detailed } from "../kit/deed.js";
import { Poll } from "../kit/poll.js";
import { mayChange, token } from "../session.js";
import { language, speak } from "../text.js";
import * as words from "../texts/settings.js";
import { InForce } from "./settings-file.js";
import { AccessTokens } from "./settings-tokens.js";

const EVERY = 10_000;
const CHANGES = 50;
const THEMES = ["auto", "light", "dark"];
const LANGUAGES = [["en", "English"], ["es", "Español"]];
const RESULTS = ["added", "removed", "changed", "sinks", "listeners", "restart", "problems"];

const { t } = speak(words);
export const nav = t("nav");

// What a reading of the configuration changed.
function result(reload) {
  const found = RESULTS.filter((key) => reload[key].length > 0)
    .map((key) => make("li", "", `${t(key)}: ${reload[key].join(", ")}`));
  for (const [name, reason] of Object.entries(reload.refused)) {
    found.push(make("li", "", `${t("refused")}: ${name}: ${reason}`));
  }
  return found.length > 0 ? found : [make("li", "", t("nothing_changed"))];
}

function change({ timestamp, who, action, subject, detail }) {
  const when = make("time", "", time(Date.parse(timestamp)));
  when.dateTime = timestamp;
  const what = [deed(action), subject].filter(Boolean).join(": ");
  return make("li", "", when, make("b", "who", who), make("p", "", detail ? `${what} (${detailed(action, detail)})` : what));
}

class Settings {
  constructor() {
    this.title = t("nav");
    [this.list, this.set] = figures(["version", "uptime", "active", "alarms", "readings", "size"], t);
    this.list.classList.add("panel");
    this.reloaded = make("p", "aside");
    this.result = make("ul", "evidence");
    this.changes = make("ol", "timeline changes");
    this.changes.tabIndex = 0; // it scrolls, and keys must reach it
    this.changes.ariaLabel = t("changes");
    this.inForce = new InForce();
    this.polls = [
      new Poll(() => "api/system/status", EVERY, (answer) => this.show(answer)),
      new Poll(() => `api/audit?limit=${CHANGES}`, EVERY, (answer) => this.changed(answer)),
    ];
    this.node = make("div", "", make("div", "head", make("h1", "", t("nav"))), this.appearance(), section(t("daemon"), this.list));
    if (mayChange()) {
      this.polls.push(new Poll(() => "api/system/configuration", EVERY, (answer) => this.inForce.show(answer)));
      this.node.append(this.reloading(), this.backup(), ...this.tokens(), section(t("in_force"), this.inForce.node));
    } else this.node.append(make("p", "aside", t("read_only")));
    this.node.append(section(t("changes"), this.changes));
    for (const poll of this.polls) poll.ask();
  }

  refresh({ reload }) {
    if (reload) for (const poll of this.polls) poll.ask();
  }

  appearance() {
    const { theme } = document.documentElement.dataset;
    const languages = chips(t("language"), LANGUAGES, language, (one) => {
      location.search = `?lang=${one}`;
    });
    for (const [index, [code]] of LANGUAGES.entries()) languages.children[index].lang = code;
    const themes = chips(t("theme"), THEMES.map((one) => [one, t(`theme_${one}`)]), theme, (one) => {
      // The button of the frame goes round them; its word and the charts follow it.
      const frame = document.getElementById("theme");
      while (document.documentElement.dataset.theme !== one) frame.click();
    });
    return section(t("appearance"), make("div", "tools", languages, themes));
  }

  reloading() {
    const now = button(t("reload_now"), "", () => busy(now, async () => {
      const answer = await post("api/system/reload");
      if (!answer.ok) {
        setText(this.reloaded, answer.detail);
        this.result.replaceChildren(...answer.errors.map(({ message }) => make("li", "", message)));
        return;
      }
      this.tellReload(answer.body);
      for (const poll of this.polls) poll.anew();
    }));
    this.reloaded.setAttribute("role", "status");
    return section(t("reload"), make("p", "aside", t("reload_hint")), make("div", "actions", now), this.reloaded, this.result);
  }

  tellReload(reload) {
    setText(this.reloaded, reload ? t("last_reload", { time: time(Number(reload.ts)), trigger: reload.trigger }) : t("no_reload"));
    this.result.replaceChildren(...(reload ? result(reload) : []));
  }

  backup() {
    const now = button(t("backup_now"), "", () => download("api/system/backup", "dlmsd-backup.tar"));
    return section(t("backup"), make("p", "aside", t("backup_hint")), make("div", "actions", now));
  }

  // Never free, not even where changes are.
  tokens() {
    if (!token()) return [];
    const tokens = new AccessTokens(() => this.polls.forEach((one) => one.anew()));
    this.polls.push(new Poll(() => "api/tokens", EVERY, (answer) => tokens.show(answer)));
    return [section(t("tokens"), tokens.node)];
  }

  show({ ok, body }) {
    if (!ok) return;
    this.set("version", body.version);
    this.set("uptime", lastingFrom(0, 1000 * Number(body.uptime)));
    this.set("active", `${count(body.active_meters)} / ${count(body.total_meters)}`);
    this.set("alarms", count(body.active_alarms));
    this.set("readings", count(body.readings));
    this.set("size", bytes(Number(body.outbox_bytes)));
    if (mayChange()) this.tellReload(body.reload);
  }

  changed({ ok, body, detail }) {
    const found = ok ? body.map(change) : [make("li", "", make("p", "", detail))];
    this.changes.replaceChildren(...(found.length > 0 ? found : [make("li", "", make("p", "", t("no_changes")))]));
  }

  tick() {
    for (const poll of this.polls) poll.tick();
  }

  close() {
    for (const poll of this.polls) poll.close();
  }
}

export const open = () => new Settings();
