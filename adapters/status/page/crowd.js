// What there may be very many of: workers and sources. More than fit beside the rest get the whole width, scroll within
// it, and are summed up; those in trouble always stand first.

import { number, phrase } from "./language.js";
import { byId, text } from "./table.js";

const FIT = { workers: 16, sources: 6 };
const BAD = ["unreachable", "waiting for the database", "waiting for the look-up", "waiting for the queue"];

export function isBad(state) {
  return BAD.includes(state);
}

// Arranges the section of the list `id`; all of them in the order in which they are to be shown.
export function arranged(id, all) {
  const isMany = all.length > FIT[id];
  byId(id).closest("section").classList.toggle("many", isMany);
  byId(id).closest(".tall").tabIndex = isMany ? 0 : -1;
  byId(`${id}-sum`).hidden = !isMany;
  text(byId(`${id}-sum`), phrase("in_all", { count: number(all.length), states: states(all) }));
  return [...all].sort((one, other) => isBad(other.state) - isBad(one.state));
}

function states(all) {
  const counts = new Map();
  for (const { state } of all) counts.set(state, (counts.get(state) ?? 0) + 1);
  const most = [...counts].sort(([, one], [, other]) => other - one);
  return most.map(([state, count]) => `${phrase(state)} ${number(count)}`).join(" · ");
}
