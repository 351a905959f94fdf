// Which view is open: #/name/parameter?query. One view at a time, which is told what changes.

import { make, setHidden } from "./kit/dom.js";
import { parsePlace } from "./place.js";
import { VIEWS } from "./views.js";

const START = "overview";

let place, current, announce;

function leave() {
  current?.close?.();
  current = undefined;
}

function title() {
  document.title = current.title ? `${current.title} · dlmsd` : "dlmsd";
}

// Opens what the address says; `focus` when somebody went there, not at the start.
export function open(focus) {
  const asked = parsePlace(location.hash);
  const named = (path) => VIEWS.find((one) => one.path === path);
  const view = named(asked.path) ?? named(START);
  leave();
  current = view.open({ param: asked.param, query: asked.query });
  place.replaceChildren(make("div", `view view-${view.path}`, current.node));
  title();
  announce(view);
  if (focus) {
    window.scrollTo(0, 0);
    const head = place.querySelector("h1") ?? place;
    head.tabIndex = -1;
    head.focus({ preventScroll: true });
  }
}

// Only for what begins with #/; another hash is a place within the page.
export function start(node, opened) {
  place = node;
  announce = opened;
  window.addEventListener("hashchange", () => {
    if (!place.hidden && (location.hash === "" || location.hash.startsWith("#/"))) open(true);
  });
}

export function show() {
  const first = place.hidden;
  setHidden(place, false);
  if (first) open(false);
}

export function hide() {
  leave();
  place.replaceChildren();
  setHidden(place, true);
}

export function refresh(changed) {
  current?.refresh?.(changed);
  if (current) title();
}

export const tick = () => current?.tick?.();
