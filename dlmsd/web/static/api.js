// What the page asks of REST.

import { parse } from "./format.js";
import { bearer } from "./session.js";
import { language, speak } from "./text.js";

const { t } = speak({ en: {}, es: {} });

let unauthorized = () => {};
let answered = () => {};

// `hear` is called with the detail when a token is needed, or is no longer right.
export function onUnauthorized(hear) {
  unauthorized = hear;
}

// `hear` is called when the daemon has done what was asked.
export function onAnswer(hear) {
  answered = hear;
}

async function read(response) {
  const text = await response.text();
  return text && /json/.test(response.headers.get("Content-Type")) ? parse(text) : text;
}

// { ok, status, body, etag, detail, errors }: `errors` are [{field, message}] of a body that
// does not fit. A daemon that is not there has status 0. `match` is the ETag that a change
// rests upon.
export async function ask(method, path, { body, match, signal } = {}) {
  const headers = { ...bearer(), "Accept-Language": language };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (match) headers["If-Match"] = match;
  try {
    const response = await fetch(path, {
      method, headers, signal, cache: "no-store", body: body && JSON.stringify(body),
    });
    const said = await read(response);
    const { ok, status } = response;
    if (ok) {
      answered();
      return { ok, status, body: said, etag: response.headers.get("ETag") };
    }
    const detail = said.detail ?? response.statusText;
    const errors = said.errors ?? [];
    // What a field may say instead of a token is told there, and nothing that was typed is lost.
    if (status === 401 && errors.length === 0) unauthorized(detail);
    return { ok, status, detail, errors };
  } catch (error) {
    if (error.name === "AbortError") return { ok: false, status: 0, aborted: true, detail: "", errors: [] };
    return { ok: false, status: 0, detail: t("no_answer"), errors: [] };
  }
}

export const get = (path, more) => ask("GET", path, more);
export const post = (path, body, more) => ask("POST", path, { body, ...more });
