// Puts what was said into what is there: nothing is rebuilt that is still right, and nothing is ever read as markup.

import { phrase } from "./language.js";

export function byId(id) {
  return document.getElementById(id);
}

export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

export function mark(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

// One child of `parent` for each item, made by `make` where it is missing and brought up to date by `fill`.
export function each(parent, items, make, fill) {
  while (parent.childElementCount > items.length) parent.lastElementChild.remove();
  while (parent.childElementCount < items.length) parent.append(make());
  for (const [index, item] of items.entries()) fill(parent.children[index], item);
}

// A table's rows; a column is [name of its heading, function of cell and item, class]. Where the table has become a
// stack of cards, on a phone, each cell says its heading itself.
export function rows(body, items, columns) {
  each(body, items, () => row(columns), (line, item) => {
    for (const [index, [title, fill]] of columns.entries()) {
      mark(line.children[index], "title", phrase(title));
      fill(line.children[index], item);
    }
  });
}

// Shows a list that has something in it, and the sentence beside it where it has nothing.
export function orEmpty(list, items) {
  byId(`${list.id}-empty`).hidden = items.length > 0;
  (list.closest("table") ?? list).hidden = items.length === 0;
}

function row(columns) {
  const line = document.createElement("tr");
  for (const [, , className] of columns) {
    const cell = document.createElement("td");
    if (className) cell.className = className;
    line.append(cell);
  }
  return line;
}

// What others have written: kept apart from the direction of the text around it.
export function foreign(element, value, tag = "bdi") {
  if (!element.firstElementChild) element.replaceChildren(document.createElement(tag));
  text(element.firstElementChild, value);
}

export function time(element, iso, said) {
  if (!element.firstElementChild) element.replaceChildren(document.createElement("time"));
  const shown = element.firstElementChild;
  if (iso) shown.dateTime = iso;
  text(shown, said);
}

// Names and values of a <dl>.
export function pairs(list, entries) {
  each(list, entries, pair, (group, [name, value]) => {
    text(group.children[0], name);
    text(group.children[1], value);
  });
}

function pair() {
  const group = document.createElement("div");
  group.append(document.createElement("dt"), document.createElement("dd"));
  return group;
}
