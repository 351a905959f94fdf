// What is wrong and what to do first, as the watch tells it; see dlmsd/watch/plan.py.

import { get } from "./api.js";
import { language } from "./text.js";

const SEVERITIES = ["info", "warning", "error", "critical"];
const HORIZONS = ["immediate", "short", "long"];

// Findings, the worst first, each with `rank` from 0 to 3 and the `action` that comes first for
// it, if any. `of` is a meter's id, or nothing for everything. Null if nobody answers.
export async function findings(signal, of) {
  const only = of === undefined ? "" : `&meter_id=${of}`;
  const answer = await get(`api/diagnosis/plan?language=${language}${only}`, { signal });
  if (!answer.ok) return null;
  const actions = HORIZONS.flatMap((horizon) => answer.body[horizon]);
  const first = ({ subject, title }) => (
    actions.find(({ because }) => because.includes(title))
    ?? actions.find(({ subjects }) => subjects.includes(subject))
  );
  return answer.body.findings.map((finding) => (
    { ...finding, rank: SEVERITIES.indexOf(finding.severity), action: first(finding) }
  )).sort((a, b) => b.rank - a.rank);
}
