// The world, each country in the shade of how many sightings it has.

import { svg } from "./charts.js";

const SHADES = 6;
const WIDTH = 1000;

// The Equal Earth projection (Šavrič, Patterson, Jenny, 2018), in units of the globe's radius.
const [A1, A2, A3, A4] = [1.340264, -0.081106, 0.000893, 0.003796];
const HALF_WIDTH = Math.PI / (Math.sqrt(3) / 2) / A1;
const [NORTH, SOUTH] = [84, -57];

function projected(longitude, latitude) {
  const [x, y] = onGlobe(longitude, latitude);
  return [SCALE * (x + HALF_WIDTH), SCALE * (TOP - y)];
}

function onGlobe(longitude, latitude) {
  const radian = Math.PI / 180;
  const m = Math.sqrt(3) / 2;
  const l = Math.asin(m * Math.sin(latitude * radian));
  const l6 = l ** 6;
  const x = (longitude * radian * Math.cos(l)) / (m * (A1 + 3 * A2 * l * l + l6 * (7 * A3 + 9 * A4 * l * l)));
  return [x, l * (A1 + A2 * l * l + l6 * (A3 + A4 * l * l))];
}

const SCALE = WIDTH / (2 * HALF_WIDTH);
const TOP = onGlobe(0, NORTH)[1];
const HEIGHT = Math.ceil(SCALE * (TOP - onGlobe(0, SOUTH)[1]));

export class WorldMap {
  constructor(place, legend) {
    this.place = place;
    this.legend = legend;
    this.shapes = new Map();
  }

  // `world` is world.json: outlines and, for what is too small to have one, points.
  draw(world) {
    this.picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "map" });
    for (const [code, rings] of Object.entries(world.outlines)) {
      this.add(code, svg("path", { d: rings.map(outline).join("") }));
    }
    for (const [code, [longitude, latitude]] of Object.entries(world.points)) {
      const [x, y] = projected(longitude / 10, latitude / 10);
      this.add(code, svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 3 }));
    }
    this.place.replaceChildren(this.picture);
  }

  add(code, shape) {
    shape.dataset.country = code;
    shape.append(svg("title"));
    this.shapes.set(code, shape);
    this.picture.append(shape);
  }

  // `counts` of [code, sightings]; `name` and `number` say a country and a count.
  color(counts, { label, name, number }) {
    const told = [label, ...counts].join();
    if (!this.picture || this.told === told) return;
    this.told = told;
    const known = new Map(counts);
    const steps = bounds([...known.values()]);
    for (const [code, shape] of this.shapes) {
      const count = known.get(code) ?? 0;
      shape.setAttribute("class", `land shade-${shade(count, steps)}`);
      shape.firstElementChild.textContent = code ? `${name(code)}: ${number(count)}` : "";
    }
    this.picture.ariaLabel = label;
    this.legend.replaceChildren(...steps.map((bound, index) => this.sample(index + 1, number(bound))));
  }

  sample(index, text) {
    const item = document.createElement("span");
    const square = svg("rect", { width: 10, height: 10, class: `shade-${index}` });
    item.append(svg("svg", { viewBox: "0 0 10 10", class: "sample", "aria-hidden": "true" }, square), `≥ ${text}`);
    return item;
  }
}

function outline(ring) {
  const points = [];
  for (let index = 0; index < ring.length; index += 2) {
    points.push(projected(ring[index] / 10, ring[index + 1] / 10).map((value) => value.toFixed(1)).join(","));
  }
  return `M${points.join("L")}Z`;
}

// 0 is no sighting.
function shade(count, steps) {
  return steps.filter((bound) => count >= bound).length;
}

// From how many sightings on each shade is given: steps of equal ratio between the fewest and the most, none twice.
function bounds(counts) {
  if (counts.length === 0) return [];
  const [fewest, most] = [Math.min(...counts), Math.max(...counts)];
  const steps = Array.from({ length: SHADES }, (_, step) => rounded(fewest * (most / fewest) ** (step / SHADES)));
  return [...new Set(steps)];
}

function rounded(value) {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.floor(value / power) * power;
}
