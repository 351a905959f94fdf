// Asks REST again and again, as long as a view is open.

import { get } from "../api.js";

// `path()` says what is asked, `show(answer)` takes what is new: an answer that says the same
// as the one before disturbs nobody. A view's tick() and close() call these; a daemon that is
// back is asked at once.
export class Poll {
  constructor(path, every, show) {
    Object.assign(this, { path, every, show });
    this.abort = new AbortController();
    this.at = 0;
    this.shown = "";
    this.back = () => { if (this.at > 0) this.ask(); };
    document.addEventListener("live", this.back);
  }

  // What is asked has changed: the answer to the question before is not waited for.
  anew() {
    this.abort.abort();
    this.abort = new AbortController();
    this.shown = "";
    return this.ask();
  }

  async ask() {
    this.at = Date.now();
    const answer = await get(this.path(), { signal: this.abort.signal });
    if (answer.aborted) return;
    const text = JSON.stringify([answer.status, answer.detail, answer.body]);
    if (text === this.shown) return;
    this.shown = text;
    this.show(answer);
  }

  tick() {
    if (Date.now() - this.at > this.every) this.ask();
  }

  close() {
    document.removeEventListener("live", this.back);
    this.abort.abort();
  }
}
