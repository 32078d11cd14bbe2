// The small menu that asks why a draft is rejected. Arrows, digits, Enter and Esc; focus goes back after it.

import { el } from "/widget/dom.js";
import { reject } from "./actions.js";
import { REASONS } from "./words.js";

let close = null;

export const isOpen = () => close !== null;

export function askReason(candidate, card) {
  if (close) close();
  if (!card) return;
  const before = document.activeElement;
  const items = REASONS.map(([reason, words], at) =>
    el(
      "button",
      { type: "button", role: "menuitem", tabindex: "-1", onclick: () => pick(reason) },
      el("kbd", {}, String(at + 1)),
      words,
    ),
  );
  const menu = el(
    "div",
    { class: "menu", role: "menu", "aria-label": "Why is it no good?", onkeydown: keys },
    items,
  );
  const outside = (event) => !menu.contains(event.target) && close();
  close = () => {
    close = null;
    document.removeEventListener("pointerdown", outside);
    const hadFocus = menu.contains(document.activeElement);
    menu.remove();
    if (hadFocus && before?.isConnected) before.focus();
    else if (hadFocus) document.getElementById("scroll").focus();
  };
  document.addEventListener("pointerdown", outside);
  place(menu, card);
  items[0].focus();

  function pick(reason) {
    close();
    reject(candidate, reason);
  }

  function keys(event) {
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) items[(to + items.length) % items.length].focus();
    else if (/^[1-5]$/.test(event.key)) pick(REASONS[event.key - 1][0]);
    else if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key !== "Enter" && event.key !== " ") return;
    else return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
  }
}

// Outside the strip, which is redrawn with every event.
function place(menu, card) {
  const box = card.getBoundingClientRect();
  document.body.append(menu);
  menu.style.left = `${Math.max(8, Math.min(box.right - menu.offsetWidth, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(8, box.top - menu.offsetHeight - 6)}px`;
}
