// Who looks: the token of this tab, and what it may do.

const listeners = new Set();

// `role` is "read" or "admin"; `name` is the token's, "loopback" where none is needed.
export const session = { role: "read", name: "", detail: "" };

export const token = () => sessionStorage.getItem("token");
export const mayChange = () => session.role === "admin";
export const bearer = () => (token() ? { Authorization: `Bearer ${token()}` } : {});

// Takes the token out of #token=..., so that it stays in no history and no bookmark.
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    keepToken(given);
    history.replaceState(null, "", location.pathname + location.search);
  }
}

export function keepToken(given) {
  sessionStorage.setItem("token", given);
}

export function forgetToken() {
  sessionStorage.removeItem("token");
}

// `hear` is called when the role has changed.
export function onRole(hear) {
  listeners.add(hear);
}

// Asks the daemon; a token that it does not know is forgotten, and `detail` says why.
export async function learn() {
  const response = await fetch("api/session", { headers: bearer(), cache: "no-store" });
  if (!response.ok) return;
  const { name, role, detail } = await response.json();
  const changed = role !== session.role || name !== session.name;
  Object.assign(session, { name, role, detail });
  if (changed) for (const hear of listeners) hear();
}
