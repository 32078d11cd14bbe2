// The list of keys, in a dialog, with the switch for those who don't want single-key shortcuts.

import { el } from "/widget/dom.js";

const SWITCH = "deskhand.console.keys";
const TABLE = [
  ["J", "Next conversation (in a text: Alt+J)"],
  ["K", "Previous conversation (Alt+K)"],
  ["1 2 3", "Put a suggestion into the reply"],
  ["E", "Edit the selected suggestion"],
  ["← →", "Select another suggestion"],
  ["R", "Reject the selected suggestion"],
  ["C", "Write a reply"],
  ["N", "Private note on or off"],
  ["Enter", "Send"],
  ["Shift+Enter", "New line"],
  ["Esc", "Clear, close, leave the text"],
  ["A", "Assign to me"],
  ["T", "Take over from the bot"],
  ["Alt+E", "Resolve or reopen"],
  ["?", "This list"],
];
const dialog = document.getElementById("help");

export const isOpen = () => dialog.open;

export function singleKeys() {
  try {
    return localStorage.getItem(SWITCH) !== "off";
  } catch {
    return true;
  }
}

export function start() {
  document.getElementById("helper").addEventListener("click", show);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

export function show() {
  const box = el("input", { type: "checkbox", checked: singleKeys(), onchange: () => keep(box.checked) });
  dialog.replaceChildren(
    el("h2", { id: "helptitle" }, "Keyboard"),
    el(
      "dl",
      {},
      TABLE.flatMap(([keys, words]) => [
        el(
          "dt",
          {},
          keys.split(" ").map((key) => el("kbd", {}, key)),
        ),
        el("dd", {}, words),
      ]),
    ),
    el("label", {}, box, " Single letters and arrows as shortcuts"),
    el("form", { method: "dialog" }, el("button", { class: "button strong" }, "Close")),
  );
  dialog.showModal();
}

function keep(on) {
  try {
    localStorage.setItem(SWITCH, on ? "on" : "off");
  } catch {
    // Without storage the switch can't last; that is all.
  }
}
