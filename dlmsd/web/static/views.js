// Every view, in the order of the navigation; one without `nav` is reached from another.
//
// A view's module exports `nav` (the word in the navigation, or nothing) and
// open({ param, query }), which returns
//   node      what it shows, with one h1
//   title     for the browser's tab; may change
//   refresh(changed)  when the daemon said something new, see model.js   (may be left out)
//   tick()            every second                                        (may be left out)
//   close()           when another view is opened                         (may be left out)

import * as alarms from "./views/alarms.js";
import * as diagnosis from "./views/diagnosis.js";
import * as discovery from "./views/discovery.js";
import * as edit from "./views/edit.js";
import * as importing from "./views/import.js";
import * as logs from "./views/logs.js";
import * as meter from "./views/meter.js";
import * as meters from "./views/meters.js";
import * as network from "./views/network.js";
import * as notices from "./views/notices.js";
import * as overview from "./views/overview.js";
import * as settings from "./views/settings.js";
import * as sinks from "./views/sinks.js";

const view = (path, { nav, open }, within = path) => ({ path, nav, open, within });

// `within` is the entry of the navigation that is marked while the view is open.
export const VIEWS = [
  view("overview", overview),
  view("meters", meters),
  view("meter", meter, "meters"),
  view("edit", edit, "meters"),
  view("add", edit, "meters"),
  view("import", importing, "meters"),
  view("alarms", alarms),
  view("notices", notices),
  view("diagnosis", diagnosis),
  view("sinks", sinks),
  view("network", network),
  view("discovery", discovery),
  view("found", edit, "discovery"),
  view("settings", settings),
  view("logs", logs),
];
