// Files for whoever looks at the page.

import { bearer } from "../session.js";
import { make } from "./dom.js";
import { complain } from "./toast.js";

const KEPT = 10_000; // by then the browser has taken it

export function keep(blob, name) {
  const file = make("a");
  file.href = URL.createObjectURL(blob);
  file.download = name;
  file.click();
  setTimeout(() => URL.revokeObjectURL(file.href), KEPT);
}

// A file from REST, to which a plain link could not send the token. `name` is the file's where
// the answer gives none.
export async function download(path, name) {
  const response = await fetch(path, { headers: bearer(), cache: "no-store" }).catch(() => null);
  if (!response?.ok) {
    const said = await response?.json().catch(() => null);
    complain({ detail: said?.detail ?? response?.statusText ?? path });
    return;
  }
  const given = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
  keep(await response.blob(), given?.[1] ?? name);
}
