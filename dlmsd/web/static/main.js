// The page: its frame, the way in, and the daemon's events, which go to the open view.

import { onAnswer, onUnauthorized } from "./api.js";
import { parse, time } from "./format.js";
import { link, make, setData, setHidden, setText } from "./kit/dom.js";
import { learn, model, tally } from "./model.js";
import { to } from "./place.js";
import * as router from "./router.js";
import * as session from "./session.js";
import { follow, hurry } from "./stream.js";
import { language, speak, translate } from "./text.js";
import * as words from "./texts/shell.js";
import { VIEWS } from "./views.js";

const ANNOUNCE = 10_000; // a screen reader is told of changes no more often
const THEMES = ["auto", "light", "dark"];

const { t, tn } = speak(words);
const at = (id) => document.getElementById(id);

const standing = make("span", "standing-alarms");
setHidden(standing, true);
let announcing = 0;
let stream = new AbortController();

function announce() {
  announcing ||= setTimeout(() => {
    announcing = 0;
    const { healthy, inactive } = tally();
    const count = model.meters.size - inactive;
    setText(at("announcement"), count ? tn("summary", count, { healthy }) : t("summary_none"));
  }, at("announcement").firstChild === null ? 0 : ANNOUNCE);
}

function hear(kind, json) {
  const changed = learn(kind, parse(json));
  setText(at("version"), model.version);
  if (!at("sign-in").hidden && at("sign-in").dataset.forced !== "true") return;
  for (const id of ["sign-in", "trouble"]) setHidden(at(id), true);
  router.show();
  router.refresh(changed);
  if (changed.alarms) showStanding();
  announce();
}

// How many alarms stand, in the navigation, with the colour of the worst.
function showStanding() {
  const count = Object.values(model.alarms).reduce((sum, one) => sum + one, 0);
  const worst = ["critical", "error", "warning", "info"].find((one) => model.alarms[one] > 0);
  setHidden(standing, count === 0);
  setData(standing, "severity", worst ?? "");
  standing.replaceChildren(make("b", "", String(count)), make("span", "hidden-visually", ` ${tn("standing", count)}`));
}

// `heard` is when the daemon was heard last, if it was.
function connection(state, heard = null) {
  const lost = state === "lost";
  const back = state === "live" && document.body.classList.contains("lost");
  setData(at("link"), "link", state);
  setText(at("link-word"), t(state));
  document.body.classList.toggle("lost", lost);
  if (lost && heard !== null) setText(at("lost"), t("no_contact", { time: time(heard) }));
  setHidden(at("lost"), !lost || heard === null);
  if (back) document.dispatchEvent(new Event("live"));
}

async function start() {
  stream.abort();
  stream = new AbortController();
  setHidden(at("link"), false);
  connection("connecting");
  const { signal } = stream;
  session.learn().catch(() => {}); // the stream tells that the daemon is not there
  await follow("api/live", {
    event: hear,
    live: () => connection("live"),
    lost: (heard) => connection("lost", heard),
    refused: async (response) => {
      connection("connecting"); // it is there, though it tells nothing
      const { detail } = await response.json().catch(() => ({ detail: response.statusText }));
      if (response.status === 401) askToken(session.token() ? detail : t("token_missing"), true);
      else {
        router.hide();
        setText(at("trouble"), detail);
        setHidden(at("trouble"), false);
      }
    },
  }, signal);
}

// `forced`: without a token there is nothing to see.
function askToken(reason, forced) {
  router.hide();
  setHidden(at("link"), forced);
  setHidden(at("sign-in-cancel"), forced);
  setData(at("sign-in"), "forced", String(forced));
  setText(at("sign-in-reason"), reason);
  setHidden(at("sign-in"), false);
  at("token").focus();
}

function frame() {
  translate(document, t);
  for (const view of VIEWS) {
    if (!view.nav) continue;
    const entry = link(to(view.path), "", view.nav, ...(view.path === "alarms" ? [standing] : []));
    entry.dataset.view = view.path;
    at("views").append(make("li", "", entry));
  }
  for (const entry of document.querySelectorAll("[hreflang]")) {
    if (entry.hreflang === language) entry.setAttribute("aria-current", "true");
    entry.addEventListener("click", () => { entry.href = `?lang=${entry.hreflang}${location.hash}`; });
  }
  at("menu").addEventListener("click", () => menu(at("menu").ariaExpanded !== "true"));
  at("views").addEventListener("click", () => menu(false));
  at("skip").addEventListener("click", (event) => {
    event.preventDefault();
    at("main").focus();
  });
  at("theme").addEventListener("click", () => {
    const { theme } = document.documentElement.dataset;
    showTheme(THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
  });
  showTheme(document.documentElement.dataset.theme);
  const narrow = matchMedia("(max-width: 50rem)");
  narrow.addEventListener("change", () => placeTheme(narrow));
  placeTheme(narrow);
}

// A phone's top has no room for it.
function placeTheme({ matches: narrow }) {
  if (narrow) at("nav").append(at("theme"));
  else at("session").after(at("theme"));
}

function menu(open) {
  at("menu").ariaExpanded = String(open);
  at("nav").classList.toggle("open", open);
}

function showTheme(theme) {
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  setText(at("theme"), t(`theme_${theme}`));
  document.dispatchEvent(new Event("theme"));
}

function marked(view) {
  for (const entry of at("views").querySelectorAll("a")) {
    if (entry.dataset.view === view.within) entry.setAttribute("aria-current", "page");
    else entry.removeAttribute("aria-current");
  }
}

function showSession() {
  const known = session.token();
  setHidden(at("session"), session.mayChange() && !known);
  setText(at("session"), t(known ? "sign_out" : "sign_in"));
  at("session").title = known ? t("signed_in", session.session) : t("sign_in_why");
}

function access() {
  session.onRole(() => {
    showSession();
    if (!at("view").hidden) router.open(false);
  });
  onUnauthorized((detail) => askToken(detail, false));
  at("session").addEventListener("click", () => {
    if (!session.token()) return askToken(t("sign_in_why"), false);
    session.forgetToken();
    return start();
  });
  at("sign-in-cancel").addEventListener("click", () => {
    setHidden(at("sign-in"), true);
    router.show();
  });
  at("sign-in").addEventListener("submit", async (event) => {
    event.preventDefault();
    session.keepToken(at("token").value.trim());
    at("token").value = "";
    await session.learn().catch(() => {});
    const { detail } = session.session;
    if (detail) {
      setText(at("sign-in-reason"), detail);
      session.forgetToken();
      return;
    }
    setData(at("sign-in"), "forced", "true");
    start();
  });
}

frame();
onAnswer(hurry);
session.takeToken();
access();
showSession();
router.start(at("view"), marked);
setInterval(() => {
  if (!document.hidden) router.tick();
}, 1000);
start();
