// Server-sent events through fetch, because EventSource cannot send the token.

import { now } from "./format.js";
import { bearer } from "./session.js";

const SILENCE = 40_000; // the daemon says something at least every 15 s
const RETRY = [1000, 2000, 4000, 8000, 15_000];

let heard = null; // Unix ms, by the daemon's clock
let next = () => {};

// Whoever has heard of the daemon need not wait for the next attempt.
export const hurry = () => next();

async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let parts = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const pieces = value.split("\n");
    const last = pieces.pop();
    for (const piece of pieces) {
      parts.push(piece);
      yield parts.join("");
      parts = [];
    }
    parts.push(last);
  }
}

// on.event(kind, data), on.live(), on.lost(heard), on.refused(response). Ends when refused for a
// reason that waiting does not cure, or when `signal` says so.
export async function follow(url, on, signal) {
  for (let failures = 0; ; failures += 1) {
    const abort = new AbortController();
    const leave = () => abort.abort();
    signal.addEventListener("abort", leave);
    let watch;
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => abort.abort(), SILENCE);
    };
    try {
      alive();
      const headers = { Accept: "text/event-stream", ...bearer() };
      const response = await fetch(url, { headers, cache: "no-store", signal: abort.signal });
      if ([401, 403, 429].includes(response.status)) {
        await on.refused(response);
        return;
      }
      if (!response.ok) throw new Error(response.statusText);
      let kind = "";
      for await (const line of lines(response.body)) {
        alive();
        heard = now();
        if (line.startsWith("event: ")) kind = line.slice(7);
        else if (line.startsWith("data: ")) {
          on.event(kind, line.slice(6));
          if (failures !== -1) on.live();
          failures = -1;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      console.debug("the stream of events ended:", error);
    } finally {
      clearTimeout(watch);
      signal.removeEventListener("abort", leave);
      abort.abort();
    }
    if (signal.aborted) return;
    failures = Math.max(failures, 0);
    on.lost(heard);
    // Spread out: every open page loses a daemon that restarts in the same instant.
    const wait = RETRY[Math.min(failures, RETRY.length - 1)] * (0.8 + 0.4 * Math.random());
    await new Promise((resolve) => {
      next = resolve;
      setTimeout(resolve, wait);
    });
  }
}
