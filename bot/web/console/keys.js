// The keyboard. Letters count only outside text fields and can be switched off (in the help);
// digits also count in an empty composer. help.js shows the same list: change both.

import { assignToMe, step, takeOver, toggleResolved } from "./actions.js";
import * as composer from "./composer.js";
import * as help from "./help.js";
import * as reasons from "./reasons.js";
import { canWrite, state } from "./store.js";
import { choose, moveSelection, rejectSelected, selected } from "./suggestions.js";

const LETTERS = {
  j: () => step(1),
  k: () => step(-1),
  e: () => selected() && choose(selected()[1]),
  r: rejectSelected,
  c: composer.focus,
  n: composer.toggleNote,
  a: assignToMe,
  t: () => state.conversation?.owner === "bot" && takeOver(),
};
const READING = new Set(["j", "k"]);

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.getElementById("desk").hidden) return;
    if (help.isOpen() || reasons.isOpen()) return;
    if (handled(event)) event.preventDefault();
  });
}

function handled(event) {
  const { target } = event;
  const inText =
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
  const inComposer = target.id === "text";
  if (event.altKey && !event.ctrlKey && !event.metaKey) return withAlt(event);
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (inComposer && event.key === "Enter" && !event.shiftKey) return (composer.send(), true);
  if (event.key === "Escape" && (inComposer || !inText)) return (composer.clear(), true);
  if (/^[1-3]$/.test(event.key) && canWrite()) {
    if (inComposer ? !composer.isEmpty() || state.mode === "note" : inText) return false;
    return choose(Number(event.key));
  }
  return !inText && letter(event);
}

// By place on the keyboard: with Alt some layouts make other signs of the letters.
function withAlt(event) {
  const work = { KeyJ: () => step(1), KeyK: () => step(-1), KeyE: canWrite() && toggleResolved }[event.code];
  if (!work) return false;
  work();
  return true;
}

function letter(event) {
  if (event.key === "?") return (help.show(), true);
  if (!help.singleKeys()) return false;
  const key = event.key.toLowerCase();
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") return arrow(event);
  if (!Object.hasOwn(LETTERS, key) || event.shiftKey) return false;
  if (!READING.has(key) && (!state.openId || !canWrite())) return false;
  LETTERS[key]();
  return true;
}

function arrow(event) {
  return moveSelection(event.key === "ArrowRight" ? 1 : -1);
}
