// Erasing a customer, for admins: a quiet button in the panel that asks twice and says what went.

import { el, say } from "/widget/dom.js";
import { loadList, openConversation, tellProblem } from "./actions.js";
import * as api from "./api.js";
import { notice } from "./notices.js";
import { state } from "./store.js";

// What stands below the facts of a customer; nothing for who may not erase.
export function erasing(customer) {
  if (state.account?.role !== "admin") return [];
  const what = el("p", { class: "soft" });
  const button = el("button", { class: "quiet danger", type: "button" }, "Erase customer…");
  const keep = el("button", { class: "quiet", type: "button", hidden: true }, "Keep");
  let asked = 0;
  const ask = (words, question) => {
    say(what, question);
    say(button, words);
    keep.hidden = !asked;
  };
  keep.addEventListener("click", () => {
    asked = 0;
    ask("Erase customer…", "");
    button.focus();
  });
  button.addEventListener("click", () => {
    asked += 1;
    if (asked === 1) ask("Erase", "All conversations and drafts of this customer are removed for good, and models that learned from them are replaced.");
    else if (asked === 2) ask("Yes, erase for good", `This can’t be taken back. Erase ${customer.display_name || "this customer"}?`);
    else erase(customer, button, keep);
  });
  return [
    el("div", { class: "erase", "data-of": customer.id }, el("p", { class: "id", title: "The customer’s id, for the command line" }, `Id ${customer.id}`), what, el("div", {}, button, keep)),
  ];
}

async function erase(customer, button, keep) {
  button.disabled = keep.disabled = true;
  say(button, "Erasing…");
  try {
    const report = await api.erase(customer.id);
    notice(told(report));
    if (state.customer?.id === customer.id) await openConversation(null);
    await loadList();
  } catch (problem) {
    tellProblem(problem);
    say(button, "Try again");
    button.disabled = keep.disabled = false;
  }
}

function told({ rows, tainted }) {
  const messages = rows.messages ?? 0;
  const models = tainted.length ? ` ${tainted.join(", ")} learned from them: a clean training is asked for.` : "";
  return `The customer and ${messages} ${messages === 1 ? "message" : "messages"} were erased.${models}`;
}
