// Places within the page: #/view/parameter?query.

export const to = (path, param = "") => `#/${path}${param && `/${encodeURIComponent(param)}`}`;

export const go = (path, param) => { location.hash = to(path, param); };

// { path, param, query } of an address; one that is no text has an empty path.
export function parsePlace(hash) {
  const [way, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [path, ...rest] = way.split("/");
  try {
    return { path, param: decodeURIComponent(rest.join("/")), query: new URLSearchParams(query) };
  } catch {
    return { path: "", param: "", query: new URLSearchParams() };
  }
}

// Keeps what a view shows in the address, so that it can be sent to somebody; no new entry in
// the history.
export function keepQuery(pairs) {
  const [way] = location.hash.split("?", 1);
  const text = new URLSearchParams(pairs.filter(([, value]) => value)).toString();
  history.replaceState(null, "", (way || "#/") + (text && `?${text}`));
}
