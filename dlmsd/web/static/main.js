// The page: follows the daemon's events and hands them to the parts that show them.

import { Cards, waiting } from "./cards.js";
import { make, parse, setData, setHidden, setNow, setText } from "./format.js";
import { follow, keepToken, takeToken } from "./stream.js";
import { Table } from "./table.js";
import { t, tn, translate } from "./text.js";

const BAR = ["healthy", "unknown", "degraded", "critical", "down", "inactive"];
const ANNOUNCE = 10_000; // a screen reader is told of changes no more often

const at = (id) => document.getElementById(id);

translate(document);
takeToken();

const cards = new Cards(at("cards"));
const table = new Table({
  table: at("meters"),
  head: at("head"),
  search: at("search"),
  chips: at("chips"),
  none: at("none"),
  more: at("more"),
});

const segments = new Map(BAR.map((health) => {
  const node = make("span");
  node.dataset.health = health;
  at("bar").append(node);
  return [health, node];
}));

let outbox = { queued: {} };
let announcing = 0;

function summarize() {
  const tally = table.tally();
  const resting = tally.inactive;
  const count = table.meters.size - resting;
  const queued = waiting(outbox);
  const meters = table.meters.size === 0
    ? t("summary_none")
    : tn("summary", count, { healthy: tally.healthy });
  const parts = [meters, queued === 0 ? t("waiting_none") : tn("waiting", queued)];
  if (resting > 0) parts.push(tn("resting", resting));
  setText(at("summary"), parts.join(", "));
  const troubled = tally.down + tally.critical + tally.degraded;
  document.title = troubled > 0 ? `(${troubled}) dlmsd` : "dlmsd";
  for (const [health, node] of segments) {
    setHidden(node, tally[health] === 0);
    node.style.flexGrow = String(tally[health]);
  }
  announcing ||= setTimeout(() => {
    announcing = 0;
    setText(at("announcement"), meters);
  }, at("announcement").firstChild === null ? 0 : ANNOUNCE);
}

function show(kind, json) {
  const message = parse(json);
  setNow(message.now);
  if (kind === "snapshot") {
    cards.clear();
    table.replace(message.meters);
    setText(at("version"), message.version);
  } else table.update(message.meters);
  outbox = message.outbox ?? outbox;
  cards.update(message.sinks, message.outbox, message.listeners);
  summarize();
  for (const id of ["sign-in", "trouble"]) setHidden(at(id), true);
  setHidden(at("main"), false);
}

function link(state) {
  setData(at("link"), "link", state);
  setText(at("link-word"), t(state));
}

function refused(status, detail, tried) {
  setHidden(at("link"), true);
  setHidden(at("main"), true);
  if (status === 401) {
    setText(at("sign-in-reason"), tried ? detail : t("token_missing"));
    setHidden(at("sign-in"), false);
    at("token").focus();
  } else {
    setText(at("trouble"), detail);
    setHidden(at("trouble"), false);
  }
}

function start() {
  setHidden(at("link"), false);
  link("connecting");
  follow("api/live", {
    event: show,
    live: () => link("live"),
    lost: () => link("lost"),
    refused,
  });
}

at("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  keepToken(at("token").value.trim());
  at("token").value = "";
  start();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !(event.target instanceof HTMLInputElement)) {
    event.preventDefault();
    at("search").focus();
  }
});

setInterval(() => {
  if (document.hidden) return;
  cards.tick();
  table.tick();
}, 1000);

start();
