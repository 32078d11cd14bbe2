// Where the agent writes: a reply, with or without a draft under it, or a private note.
// Knows which draft the text came from; a draft with gaps or older than the customer's latest
// message doesn't go out. Unsent text stays with its conversation.

import { say } from "/widget/dom.js";
import { send as sendOff } from "./actions.js";
import * as live from "./live.js";
import { firstGap } from "./marks.js";
import { notice } from "./notices.js";
import { canWrite, change, isStale, on, state, usable } from "./store.js";
import { source } from "./words.js";

const TYPING_EVERY_MS = 3000;
const field = document.getElementById("text");
const hint = document.getElementById("hint");
const origin = document.getElementById("origin");
const button = document.getElementById("send");
const touch = matchMedia("(pointer: coarse)");
const kept = new Map();
let shownId = null;
let lastTyping = 0;

export function start() {
  document.getElementById("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  field.addEventListener("input", edited);
  field.addEventListener("blur", stopTyping);
  document.getElementById("asreply").addEventListener("click", () => setMode("reply"));
  document.getElementById("asnote").addEventListener("click", () => setMode("note"));
  addEventListener("resize", fit);
  on(["openId"], switchConversation);
  on(["openId", "mode", "draft", "messages", "suggestion", "account"], render);
}

export const isEmpty = () => field.value.trim() === "";
export const focus = () => field.focus();

// Put a draft into the field; the first gap is selected, to be typed over.
export function insert(candidate, suggestion) {
  const { id: suggestion_id, based_on_seq } = suggestion;
  if (!isEmpty() && !state.draft) offerBack("Your own text made room for the draft.");
  change({ mode: "reply", draft: { suggestion_id, based_on_seq, ...candidate } });
  field.value = candidate.text;
  fit();
  field.focus();
  const gap = firstGap(candidate.text, candidate.unfilled);
  if (gap) field.setSelectionRange(gap.at, gap.at + gap.words.length);
  else field.setSelectionRange(field.value.length, field.value.length);
}

export function toggleNote() {
  setMode(state.mode === "note" ? "reply" : "note");
}

function setMode(mode) {
  // What was meant for colleagues must not become a reply by accident, nor lose its draft silently.
  change({ mode, draft: mode === "note" ? null : state.draft });
  field.focus();
}

// Esc: throw the text away (it can be had back), or leave an empty field.
export function clear() {
  if (isEmpty()) return field.blur();
  if (field.value !== state.draft?.text) offerBack("Cleared.");
  empty();
}

function offerBack(words) {
  const { draft, mode, openId } = state;
  const text = field.value;
  notice(words, "Undo", () => {
    if (state.openId !== openId) return;
    putBack({ text, draft, mode });
    field.focus();
  });
}

export async function send() {
  const text = field.value.trim();
  if (!text || !state.openId || problem(text)) return;
  const { mode, draft, openId } = state;
  const was = field.value;
  stopTyping();
  empty();
  if (!(await sendOff(openId, text, mode, draft))) giveBack(openId, { text: was, mode, draft });
}

// It was not sent: back into the field, or within reach where something else has been begun there.
function giveBack(id, old) {
  if (id !== state.openId) {
    if (!kept.has(id)) kept.set(id, old.text);
  } else if (isEmpty()) {
    putBack(old);
  } else {
    notice("An earlier text was not sent.", "Put it back", () => id === state.openId && putBack(old));
  }
}

function putBack({ text, draft, mode }) {
  field.value = text;
  change({ draft, mode });
  fit();
}

function empty() {
  field.value = "";
  change({ draft: null, mode: "reply" });
  fit();
}

// Why this text can't be sent now, "" where it can.
function problem(text) {
  const { draft, mode } = state;
  if (mode === "note" || !draft) return "";
  if (isStale(draft.based_on_seq))
    return "The customer has written since this draft was made. Read their message first.";
  const gap = firstGap(text, draft.unfilled);
  return gap ? `Fill in ${gap.words} first.` : "";
}

function edited() {
  if (isEmpty() && state.draft) change({ draft: null });
  fit();
  render();
  const now = Date.now();
  if (state.mode === "note" || isEmpty()) return stopTyping();
  if (now - lastTyping < TYPING_EVERY_MS) return;
  lastTyping = now;
  live.typing(true);
}

function stopTyping() {
  if (lastTyping && state.openId) live.typing(false);
  lastTyping = 0;
}

function switchConversation() {
  if (shownId === state.openId) return;
  if (shownId && field.value.trim()) kept.set(shownId, field.value);
  else kept.delete(shownId);
  shownId = state.openId;
  lastTyping = 0;
  // A draft that lay here comes back as own words: it may be stale by now.
  field.value = kept.get(shownId) ?? "";
  fit();
  if (shownId) live.lookAt(shownId);
}

function render() {
  const { mode, draft } = state;
  const isNote = mode === "note";
  const writer = canWrite();
  document.getElementById("composer").classList.toggle("noting", isNote);
  document.getElementById("asreply").setAttribute("aria-pressed", String(!isNote));
  document.getElementById("asnote").setAttribute("aria-pressed", String(isNote));
  document.querySelector("label[for=text]").textContent = isNote ? "Private note" : "Reply";
  field.disabled = !writer;
  field.placeholder = placeholder(writer, isNote);
  say(button, isNote ? "Add note" : "Send");
  say(origin, draft && !isNote ? `Draft: ${source(draft.source)}${isEdited(draft) ? ", edited" : ""}` : "");
  renderHint(problem(field.value));
}

function placeholder(writer, isNote) {
  if (!writer) return "You can read here, not write";
  if (isNote) return "Only your colleagues see this";
  if (!usable().length) return "Write a reply";
  return touch.matches ? "Write a reply, or tap a draft" : "Write a reply, or press 1, 2 or 3";
}

const isEdited = (draft) => field.value.trim() !== draft.text.trim();

function renderHint(words) {
  hint.hidden = !words;
  button.disabled = !canWrite() || isEmpty() || Boolean(words);
  if (hint.dataset.words === words) return;
  hint.dataset.words = words;
  hint.replaceChildren(words);
  if (!words || !state.draft || !isStale(state.draft.based_on_seq)) return;
  const own = document.createElement("button");
  Object.assign(own, { type: "button", className: "quiet", textContent: "Keep as my own words" });
  own.addEventListener("click", () => {
    change({ draft: null });
    field.focus();
  });
  hint.append(" ", own);
}

function fit() {
  field.style.height = "auto";
  field.style.height = `${Math.min(220, Math.max(56, field.scrollHeight))}px`;
}
