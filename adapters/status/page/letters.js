// The dead letters, and what it takes to retry one: a token, which only this tab remembers.

import { moment, number, phrase } from "./language.js";
import { byId, foreign, mark, orEmpty, rows, text, time } from "./table.js";

const TOKEN = "token";

const retrying = new Set(); // ids of letters whose answer is awaited
let asked = null; // the letter that waits for a token
let shown = null;

export function showLetters({ dead_letters: letters }) {
  shown = letters;
  const newest = letters?.newest ?? [];
  const focused = document.activeElement?.dataset?.letter;
  text(byId("letters-count"), number(total(letters)));
  text(byId("letters-empty"), phrase(letters ? "no_letters" : "letters_unknown"));
  rows(byId("letters"), newest, [
    ["reason", (cell, letter) => foreign(cell, letter.reason)],
    ["source", (cell, letter) => foreign(cell, letter.source)],
    ["type", (cell, letter) => foreign(cell, letter.botnet_type ?? phrase("unknown"))],
    ["since", (cell, letter) => time(cell, letter.at, moment(letter.at))],
    ["retry", showButton, "action"],
  ]);
  orEmpty(byId("letters"), newest);
  if (focused) stay(focused);
}

// A new letter moves the others down: who was about to retry one stays there, and is at no other when it is gone.
function stay(id) {
  const buttons = [...byId("letters").querySelectorAll("button")];
  const button = buttons.find((each) => each.dataset.letter === id) ?? byId("letters-title");
  if (button !== document.activeElement) button.focus();
}

// Those of the database and of the queue; null before either was asked.
function total(letters) {
  const known = [letters?.count, letters?.in_queue].filter((count) => count !== null && count !== undefined);
  return known.length ? known.reduce((sum, count) => sum + count, 0) : null;
}

function showButton(cell, letter) {
  if (!cell.firstElementChild) {
    const made = document.createElement("button");
    made.type = "button";
    cell.append(made);
  }
  const button = cell.firstElementChild;
  const busy = retrying.has(letter.id);
  text(button, phrase(busy ? "retrying" : "retry"));
  button.ariaLabel = phrase("retry_label", letter);
  mark(button, "letter", String(letter.id));
  button.disabled = busy;
  button.onclick = () => retry(letter);
}

async function retry(letter) {
  const token = sessionStorage.getItem(TOKEN);
  if (!token) {
    ask(letter, "");
    return;
  }
  retrying.add(letter.id);
  showLetters({ dead_letters: shown });
  const [status, answer] = await post(letter.id, token);
  retrying.delete(letter.id);
  showLetters({ dead_letters: shown });
  if (status === 401) {
    sessionStorage.removeItem(TOKEN);
    ask(letter, phrase("token_refused"));
  } else {
    tell(letter, status, answer);
  }
}

// Status and JSON of the answer; a status of 0 is no answer.
async function post(id, token) {
  try {
    const headers = { Authorization: `Bearer ${token}` };
    const response = await fetch(`/api/dead-letters/${encodeURIComponent(id)}/retry`, { method: "POST", headers });
    return [response.status, await response.json()];
  } catch {
    return [0, { reason: phrase("retry_unreachable") }];
  }
}

function tell(letter, status, answer) {
  const done = status === 200;
  const message = byId("letters-message");
  message.classList.toggle("bad", !done);
  const reason = answer.reason || answer.result || status;
  text(message, phrase(done ? "retry_done" : "retry_failed", { id: letter.id, reason }));
  byId("letters-title").focus();
}

function ask(letter, refused) {
  asked = letter;
  byId("token").value = "";
  text(byId("token-refused"), refused);
  byId("token-dialog").showModal();
}

export function prepareLetters() {
  const dialog = byId("token-dialog");
  byId("token-cancel").addEventListener("click", () => dialog.close());
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(TOKEN, byId("token").value);
    dialog.close();
    retry(asked);
  });
}
