// Which language is spoken, and how it says words, numbers, times and countries.

import { WORDS } from "./words.js";

const REMEMBERED = "language";
const LOCALES = { en: "en", zh: "zh-CN" };

const formats = new Map(); // to make one takes far longer than to use it

let spoken = remembered() ?? preferred(navigator.languages);

function remembered() {
  try {
    const language = localStorage.getItem(REMEMBERED);
    return language in LOCALES ? language : null;
  } catch {
    return null; // storage is forbidden
  }
}

function preferred(languages) {
  return languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in LOCALES) ?? "en";
}

export function language() {
  return spoken;
}

export function speak(chosen) {
  spoken = chosen;
  try {
    localStorage.setItem(REMEMBERED, chosen);
  } catch {
    // storage is forbidden: the choice holds until the page is left
  }
  translate();
}

// Says the words of index.html anew.
export function translate() {
  document.documentElement.lang = LOCALES[spoken];
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = phrase(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = phrase(element.dataset.label);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.ariaPressed = String(button.dataset.language === spoken);
  }
}

// The text of that name; a name that has none is what the engine said, and stands as it is.
export function phrase(name, values = {}) {
  const text = Object.hasOwn(WORDS[spoken], name) ? WORDS[spoken][name] : name;
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

// One of Intl's formats in the language spoken.
function format(kind, options) {
  const name = `${spoken} ${kind} ${Object.entries(options)}`;
  if (!formats.has(name)) formats.set(name, new Intl[kind](LOCALES[spoken], options));
  return formats.get(name);
}

export function number(value, digits = 0) {
  if (value === null || value === undefined) return "–";
  return format("NumberFormat", { maximumFractionDigits: digits }).format(value);
}

export function rate(value) {
  return number(value, value < 10 ? 1 : 0);
}

export function percent(share) {
  if (share === null || share === undefined) return "–";
  const digits = share > 0.99 ? 1 : 0;
  return format("NumberFormat", { style: "percent", maximumFractionDigits: digits }).format(share);
}

export function short(value) {
  return format("NumberFormat", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

// The two largest units, as in "2 h 5 min".
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const units = [
    ["days", Math.floor(whole / 86400)],
    ["hours", Math.floor(whole / 3600) % 24],
    ["minutes", Math.floor(whole / 60) % 60],
    ["seconds", whole % 60],
  ];
  const first = units.findIndex(([, count]) => count > 0);
  if (first === -1) return phrase("seconds", { n: 0 });
  const largest = units.slice(first, first + 2).filter(([, count]) => count > 0);
  return largest.map(([unit, n]) => phrase(unit, { n })).join(" ");
}

export function moment(iso) {
  const then = new Date(iso);
  const day = then.toDateString() === new Date().toDateString() ? {} : { month: "2-digit", day: "2-digit" };
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  return format("DateTimeFormat", { ...day, ...clock }).format(then);
}

export function country(code) {
  if (!code) return phrase("unknown");
  try {
    return format("DisplayNames", { type: "region" }).of(code);
  } catch {
    return code; // not shaped like a country's code
  }
}
