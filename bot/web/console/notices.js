// Short sentences at the lower edge that go by themselves, at times with one thing to do.

import { el } from "/widget/dom.js";

const SHOWN_MS = 8000;
const place = document.getElementById("notices");

export function notice(words, action, work) {
  for (const old of place.children) if (old.dataset.words === words) old.remove();
  const node = el("p", { class: "notice", "data-words": words }, el("span", {}, words));
  const remove = () => node.remove();
  if (action) {
    node.append(el("button", { class: "quiet", type: "button", onclick: () => (work(), remove()) }, action));
  }
  node.append(el("button", { class: "quiet", type: "button", "aria-label": "Dismiss", onclick: remove }, "×"));
  place.append(node);
  while (place.children.length > 3) place.firstChild.remove();
  let timer = setTimeout(remove, SHOWN_MS);
  node.addEventListener("pointerenter", () => clearTimeout(timer));
  node.addEventListener("pointerleave", () => (timer = setTimeout(remove, SHOWN_MS)));
}
