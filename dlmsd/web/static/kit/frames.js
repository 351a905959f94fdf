// Frames and APDUs that passed, each with its meaning; see dlmsd/web/api/frames.py.

import { speak } from "../text.js";
import * as words from "../texts/frames.js";
import { make } from "./dom.js";

const { t, tn } = speak(words);

function entry({ seconds, direction, octets, meaning }) {
  const arrow = make("span", "arrow", direction === "sent" ? "→" : "←");
  arrow.setAttribute("aria-hidden", "true");
  const head = make(
    "p", "passed", make("span", "at", `${Number(seconds).toFixed(3)} s`), arrow,
    make("span", "", t(direction)), make("span", "layer", t(octets === null ? "apdu" : "frame")),
  );
  const node = make("li", direction, head);
  if (octets !== null) node.append(make("pre", "octets", octets));
  node.append(make("pre", "meaning", meaning));
  return node;
}

// A list that can be unfolded; `open` from the start.
export function framesList(frames, { open = false } = {}) {
  const list = make("ol", "frames", ...frames.map(entry));
  list.tabIndex = 0; // it scrolls, and keys must reach it
  list.ariaLabel = t("frames");
  const node = make("details", "", make("summary", "", tn("count", frames.length)), list);
  node.open = open;
  return node;
}
