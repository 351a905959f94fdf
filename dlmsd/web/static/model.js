// What the daemon said: filled from its events, read by every view.

import { setNow } from "./format.js";

const HEALTHS = ["down", "critical", "degraded", "unknown", "healthy", "inactive"];

// `meters`, `sinks` and `listeners` are by name; see dlmsd/web/status.py for their fields.
export const model = {
  version: "",
  meters: new Map(),
  sinks: new Map(),
  listeners: new Map(),
  outbox: null,
  alarms: {}, // how many stand, by severity
  reload: null, // the configuration's last reading
};

function take(known, found, whole) {
  if (whole) known.clear();
  for (const one of found ?? []) known.set(one.name, one);
}

// A snapshot or a change. Returns what is new: `whole` for everything, else the names of
// `meters`, and whether `sinks`, `listeners`, the `outbox`, `alarms` or the `reload` are.
export function learn(kind, message) {
  setNow(message.now);
  const whole = kind === "snapshot";
  if (whole) model.version = message.version;
  for (const part of ["meters", "sinks", "listeners"]) take(model[part], message[part], whole);
  for (const part of ["outbox", "alarms", "reload"]) model[part] = message[part] ?? model[part];
  return {
    whole,
    meters: message.meters.map((meter) => meter.name),
    sinks: whole || Boolean(message.sinks),
    listeners: whole || Boolean(message.listeners),
    outbox: whole || Boolean(message.outbox),
    alarms: whole || Boolean(message.alarms),
    reload: whole || Boolean(message.reload),
  };
}

// How many meters are of each health.
export function tally() {
  const counts = Object.fromEntries(HEALTHS.map((health) => [health, 0]));
  for (const meter of model.meters.values()) counts[meter.health] += 1;
  return counts;
}

// Sinks deliver in order, so the longest queue holds whatever a shorter one holds.
export const waiting = () => Math.max(0, ...Object.values(model.outbox?.queued ?? {}));

export { HEALTHS };
