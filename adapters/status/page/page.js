// The status page: what /api/events tells of the engine, once a second.

import { country, number, phrase, speak, translate } from "./language.js";
import { prepareLetters, showLetters } from "./letters.js";
import { follow } from "./live.js";
import { WorldMap } from "./map.js";
import * as sections from "./sections.js";
import { byId, orEmpty, rows, text } from "./table.js";

const map = new WorldMap(byId("map"), byId("map-legend"));
let picture = null;

function show(next) {
  picture = next;
  byId("main").ariaBusy = "false";
  for (const part of Object.values(sections)) part(picture);
  showLetters(picture);
  showCountries(picture.top.countries);
}

function showCountries(counts) {
  const most = counts.length ? country(counts[0][0]) : "";
  const label = counts.length ? phrase("map_label", { countries: counts.length, most }) : phrase("map_empty");
  map.color(counts, { label, name: country, number });
  rows(byId("countries"), counts, [
    ["country", (cell, [code]) => text(cell, country(code))],
    ["sightings", (cell, [, count]) => text(cell, number(count)), "number"],
  ]);
  orEmpty(byId("countries"), counts);
}

function say(state) {
  byId("connection").className = `pill ${{ live: "good", lost: "bad" }[state] ?? "waiting"}`;
  byId("connection-text").dataset.word = state;
  text(byId("connection-text"), phrase(state));
  document.body.classList.toggle("stale", state === "lost");
}

function speakAnew(chosen) {
  speak(chosen);
  if (picture) show(picture);
}

for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => speakAnew(button.dataset.language));
}
translate();
prepareLetters();
follow("/api/events", show, say);
map.draw(await (await fetch("/static/world.json")).json());
if (picture) showCountries(picture.top.countries);
