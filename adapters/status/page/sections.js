// The parts of the page, each brought up to date from its part of the picture.

import { area, gauge, shares } from "./charts.js";
import { arranged, isBad } from "./crowd.js";
import { country, duration, language, moment, number, percent, phrase, rate, short } from "./language.js";
import { sentence } from "./sentence.js";
import { byId, each, foreign, mark, orEmpty, pairs, rows, text, time } from "./table.js";

const SPANS = [4, 20, 60]; // minutes that the chart shows: as few as hold all there is
const TABLE_ROWS = 12;
const ACTIVITIES = ["enriching", "writing", "settling", "waiting", "idle"];
const TOTALS = ["received", "written", "duplicates", "rejected", "fetched", "confirmed"];

export function showEngine({ engine, health }) {
  text(byId("engine"), phrase("engine", { ...engine, uptime: duration(engine.uptime_seconds) }));
  byId("health").hidden = false;
  const sign = engine.is_stopping ? "waiting" : health.ready ? "good" : "bad";
  byId("health").className = `pill ${sign}`;
  text(byId("health-text"), phrase({ waiting: "stopping", good: "ready", bad: "not_ready" }[sign], health));
}

export function showRate({ rate: rates }) {
  text(byId("rate-now"), rate(rates.now));
  text(byId("rate-minute"), rate(rates.minute));
  text(byId("rate-hour"), rate(rates.hour));
  const values = rates.history.map(([, value]) => value);
  const [least, most] = [Math.min(...values, rates.now), Math.max(...values, rates.now)];
  const span = spanOf(rates.history);
  const ago = [1, 0.75, 0.5, 0.25].map((part) => phrase("minutes_ago", { minutes: part * span }));
  area(byId("rate-chart"), rates.history, {
    seconds: 60 * span,
    label: phrase("chart_label", { minutes: span, least: rate(least), most: rate(most), now: rate(rates.now) }),
    ticks: [...ago, phrase("now")],
    say: short,
  });
  rows(byId("rate-rows"), averages(rates.history), [
    ["until", (cell, [second]) => time(cell, isoOf(second), moment(isoOf(second)))],
    ["average", (cell, [, value]) => text(cell, rate(value)), "number"],
  ]);
}

function spanOf(history) {
  const seconds = history.length ? history[history.length - 1][0] - history[0][0] : 0;
  return SPANS.find((minutes) => 60 * minutes >= seconds) ?? SPANS[SPANS.length - 1];
}

// The history in a few pieces, the newest first.
function averages(history) {
  const step = Math.ceil(history.length / TABLE_ROWS);
  const pieces = [];
  for (let end = history.length; end > 0; end -= step) {
    const piece = history.slice(Math.max(0, end - step), end).map(([, value]) => value);
    pieces.push([history[end - 1][0], piece.reduce((sum, value) => sum + value, 0) / piece.length]);
  }
  return pieces;
}

function isoOf(second) {
  return new Date(1000 * second).toISOString();
}

// The sentence is spoken when what limits is something else, not whenever a figure in it changes.
let announced = "";

export function showLimit({ limit }) {
  const said = sentence(limit);
  text(byId("sentence"), said);
  byId("sentence").dataset.case = limit.case;
  byId("setting").hidden = limit.setting === null;
  text(byId("setting-name"), limit.setting ?? "");
  const occasion = [limit.case, limit.setting, language()].join();
  if (announced !== occasion) text(byId("announcement"), [said, limit.setting].filter(Boolean).join(" "));
  announced = occasion;
}

export function showTotals({ totals }) {
  pairs(byId("totals"), TOTALS.map((name) => [phrase(name), number(totals[name])]));
}

export function showQueue({ queue }) {
  const [low, high] = [number(queue.low_watermark), number(queue.high_watermark)];
  text(byId("queue-batches"), number(queue.batches));
  gauge(byId("queue-gauge"), {
    value: queue.batches ?? 0,
    limit: 1.15 * queue.high_watermark,
    marks: [
      [queue.low_watermark, phrase("low", { value: low })],
      [queue.high_watermark, phrase("high", { value: high })],
    ],
    label: phrase("queue_label", { batches: number(queue.batches), low, high }),
    state: queue.paused ? "full" : "open",
  });
  text(byId("queue-state"), phrase(queue.paused ? "queue_paused" : "queue_open", { low, high }));
}

export function showCache({ cache, engine }) {
  const facts = Object.fromEntries(["hits", "misses", "size", "limit"].map((name) => [name, number(cache[name])]));
  text(byId("cache-rate"), percent(cache.hit_rate));
  const label = phrase("cache_label", facts);
  gauge(byId("cache-gauge"), { value: cache.size, limit: cache.limit, marks: [], label, state: "open" });
  text(byId("cache-detail"), phrase("cache_detail", facts));
  const age = engine.lookup_age_seconds;
  text(byId("cache-age"), age === null ? "" : phrase("lookup_age", { age: duration(age) }));
}

// The figures are those of everything, once that has been looked at; the verdict is that of the last minutes, too.
export function showAudit({ audit: lately, whole_audit: whole }) {
  const audit = whole ?? lately;
  const good = [whole, lately].every((each) => each === null || each.balanced);
  const verdict = audit === null ? "no_audit" : good ? "balanced" : "unbalanced";
  const names = ["received", "written", "duplicates", "rejected", "queued", "missing"];
  text(byId("audit-verdict"), phrase(verdict));
  byId("audit-verdict").dataset.verdict = verdict;
  pairs(byId("audit-sum"), audit === null ? [] : names.map((name) => [phrase(`audit_${name}`), number(audit[name])]));
  const said = [whole && phrase("audited", covered(whole)), lately && phrase("audited_lately", covered(lately))];
  text(byId("audit-at"), said.filter(Boolean).join(" "));
}

function covered(audit) {
  const verdict = phrase(audit.balanced ? "balanced" : "unbalanced");
  return { verdict, records: number(audit.received), since: moment(audit.since), at: moment(audit.at) };
}

export function showWorkers({ workers, cpu }) {
  text(byId("cpu"), phrase("cpu", { share: percent(cpu) }));
  rows(byId("workers"), arranged("workers", workers), [
    ["name", (cell, worker) => foreign(cell, worker.name)],
    ["state", (cell, worker) => showState(cell, worker.state)],
    ["per_second", (cell, worker) => text(cell, rate(worker.rate)), "number"],
    ["settled", (cell, worker) => text(cell, number(worker.received)), "number"],
    ["lately", (cell, worker) => showBusy(cell, worker.busy), "bar"],
  ]);
  orEmpty(byId("workers"), workers);
  const seen = ACTIVITIES.filter((name) => workers.some(({ busy }) => activities(busy).has(name)));
  each(byId("activities"), seen, () => document.createElement("li"), (item, name) => {
    item.className = `activity ${name}`;
    text(item, phrase(name));
  });
}

function showState(cell, state) {
  text(cell, phrase(state));
  mark(cell, "state", isBad(state) ? "bad" : state);
}

// The share of each activity, those of any kind of waiting together.
function activities(busy) {
  const sums = new Map();
  for (const [name, share] of Object.entries(busy)) {
    const known = ACTIVITIES.includes(name) ? name : "waiting";
    sums.set(known, (sums.get(known) ?? 0) + share);
  }
  return sums;
}

function showBusy(cell, busy) {
  const sums = activities(busy);
  const parts = ACTIVITIES.filter((name) => sums.get(name) > 0).map((name) => [name, sums.get(name)]);
  shares(cell, parts, parts.map(([name, share]) => `${phrase(name)} ${percent(share)}`).join(phrase("comma")));
}

export function showSources({ sources }) {
  each(byId("sources"), arranged("sources", sources), makeSource, (card, source) => {
    const [title, state, list] = card.children;
    foreign(title, source.name);
    showState(state, source.state);
    pairs(list, sourceFacts(source));
    mark(list, "state", isBad(source.state) ? "wrong" : "fine");
  });
  orEmpty(byId("sources"), sources);
}

function makeSource() {
  const card = document.createElement("article");
  const parts = ["h3", "p", "dl"].map((name) => document.createElement(name));
  parts[1].className = "state";
  parts[2].className = "facts";
  card.append(...parts);
  return card;
}

function place({ epoch, sequence }) {
  return phrase("cursor_value", { epoch, sequence: number(sequence) });
}

function lagRecords(records) {
  return records === 0 ? phrase("lag_nothing") : phrase("lag_records", { records: number(records) });
}

function sourceFacts(source) {
  const behind = [
    source.lag_records === null ? null : lagRecords(source.lag_records),
    source.lag_seconds === null ? null : phrase("lag_age", { age: duration(source.lag_seconds) }),
  ].filter((part) => part !== null);
  return [
    [phrase("cursor"), source.cursor ? place(source.cursor) : phrase("none")],
    [phrase("lag"), behind.join(phrase("comma")) || phrase("unknown")],
    [phrase("debt"), number(source.debt)],
    [phrase("last_page"), source.last_page_at ? moment(source.last_page_at) : phrase("none")],
    [phrase("busy"), percent(source.busy)],
    [phrase("last_error"), source.last_error ?? phrase("none")],
  ];
}

export function showNewest({ newest }) {
  rows(byId("newest"), newest, [
    ["seen_at", (cell, sighting) => time(cell, sighting.seen_at, moment(sighting.seen_at))],
    ["address", (cell, sighting) => foreign(cell, sighting.ip, "code")],
    ["country", (cell, sighting) => text(cell, country(sighting.country))],
    ["network", (cell, sighting) => foreign(cell, sighting.network ?? phrase("unknown"))],
    ["type", (cell, sighting) => foreign(cell, sighting.cleanup ? phrase("cleaned", sighting) : sighting.botnet_type)],
  ]);
  orEmpty(byId("newest"), newest);
}

export function showTop({ top }) {
  for (const name of ["networks", "types"]) {
    const most = Math.max(1, ...top[name].map(([, count]) => count));
    each(byId(name), top[name], makeBar, (bar, [label, count]) => {
      bar.style.setProperty("--share", count / most);
      foreign(bar.children[0], label);
      text(bar.children[1], number(count));
    });
    orEmpty(byId(name), top[name]);
  }
}

function makeBar() {
  const bar = document.createElement("li");
  bar.append(document.createElement("span"), document.createElement("span"));
  return bar;
}
