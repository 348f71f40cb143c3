// Small charts as SVG. Every one redraws itself in place, so that what is unchanged stays as it is.

import { text } from "./table.js";

const SVG = "http://www.w3.org/2000/svg";

export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...children);
  return made;
}

// The picture in `place`, made at the first call.
function drawn(place, make) {
  if (!place.firstElementChild) place.append(make());
  return place.firstElementChild;
}

// A round number at or above the largest value.
function ceiling(largest) {
  if (largest <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(largest));
  return [1, 1.5, 2, 3, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= largest);
}

// Values over time, `points` of [second, value]; `ticks` are texts from left to right below.
export function area(place, points, { seconds, label, ticks, say }) {
  const chart = drawn(place, makeArea);
  const last = points.length ? points[points.length - 1][0] : 0;
  const top = ceiling(Math.max(0, ...points.map(([, value]) => value)));
  const line = points
    .filter(([second]) => second >= last - seconds)
    .map(([second, value]) => [1000 * (1 - (last - second) / seconds), 200 * (1 - value / top)])
    .map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`);
  const first = line.length ? line[0].split(",")[0] : 0;
  chart.querySelector("svg").ariaLabel = label;
  chart.querySelector(".line").setAttribute("d", line.length ? `M${line.join("L")}` : "");
  chart.querySelector(".fill").setAttribute("d", line.length ? `M${first},200L${line.join("L")}L1000,200Z` : "");
  put(chart.querySelector(".heights"), [say(top), say(top / 2), "0"]);
  put(chart.querySelector(".ticks"), ticks);
}

function makeArea() {
  const shade = svg("linearGradient", { id: "shade", x1: 0, y1: 0, x2: 0, y2: 1 });
  shade.append(svg("stop", { offset: 0, class: "shade-top" }), svg("stop", { offset: 1, class: "shade-bottom" }));
  const grid = [0, 100, 200].map((y) => svg("line", { x1: 0, x2: 1000, y1: y, y2: y, class: "grid" }));
  const picture = svg("svg", { viewBox: "0 0 1000 200", preserveAspectRatio: "none", role: "img" });
  const [fill, line] = [svg("path", { class: "fill", fill: "url(#shade)" }), svg("path", { class: "line" })];
  picture.append(svg("defs", {}, shade), ...grid, fill, line);
  const [heights, ticks] = [element("div", "heights"), element("div", "ticks")];
  heights.ariaHidden = ticks.ariaHidden = "true";
  return element("div", "area", heights, picture, ticks);
}

// How full something is: `marks` of [value, text] stand on a scale that ends at `limit`, or at what is there.
export function gauge(place, { value, limit, marks, label, state }) {
  const chart = drawn(place, makeGauge);
  const end = Math.max(limit, value, 1);
  const meter = chart.querySelector("svg");
  meter.ariaLabel = label;
  meter.ariaValueMax = end;
  meter.ariaValueNow = value;
  chart.dataset.state = state;
  chart.querySelector(".filled").setAttribute("width", (1000 * value) / end);
  const places = marks.map(([at]) => (1000 * at) / end);
  chart.querySelector(".marks").replaceChildren(
    ...places.map((x) => svg("line", { x1: x, x2: x, y1: 0, y2: 20, class: "mark" })),
  );
  put(chart.querySelector(".ticks"), marks.map(([, text]) => text));
  for (const [index, tick] of [...chart.querySelectorAll(".ticks > *")].entries()) {
    tick.style.setProperty("--at", `${places[index] / 10}%`);
  }
}

function makeGauge() {
  const facts = { role: "meter", "aria-valuemin": 0 };
  const picture = svg("svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", ...facts });
  picture.append(
    svg("rect", { width: 1000, height: 20, class: "track" }),
    svg("rect", { width: 0, height: 20, class: "filled" }),
    svg("g", { class: "marks" }),
  );
  const ticks = element("div", "ticks");
  ticks.ariaHidden = "true";
  return element("div", "gauge", picture, ticks);
}

// Shares of a whole, side by side; `parts` of [class, share].
export function shares(place, parts, label) {
  const facts = { viewBox: "0 0 1000 20", preserveAspectRatio: "none", role: "img", class: "shares" };
  const picture = drawn(place, () => svg("svg", facts));
  if (picture.ariaLabel === label) return; // it says all that is drawn
  picture.ariaLabel = label;
  let begin = 0;
  picture.replaceChildren(
    ...parts.map(([name, share]) => {
      const part = svg("rect", { x: 1000 * begin, width: 1000 * share, height: 20, class: `activity ${name}` });
      begin += share;
      return part;
    }),
  );
}

// One text each into the children of `place`.
function put(place, texts) {
  while (place.childElementCount < texts.length) place.append(document.createElement("span"));
  while (place.childElementCount > texts.length) place.lastElementChild.remove();
  for (const [index, said] of texts.entries()) text(place.children[index], said);
}
