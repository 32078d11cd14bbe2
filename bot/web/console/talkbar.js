// The head of the open conversation: who, in which state, and what can be done with it as a whole.

import { el, keep, say } from "/widget/dom.js";
import { assignToMe, handBack, openConversation, takeOver, toggleResolved } from "./actions.js";
import { canWrite, on, state } from "./store.js";
import { handoff, status } from "./words.js";

const actions = document.getElementById("actions");
const buttons = {
  take: el(
    "button",
    { class: "button", type: "button", title: "Take over from the bot (T)", onclick: takeOver },
    "Take over",
  ),
  back: el(
    "button",
    { class: "button", type: "button", title: "Let the bot answer again", onclick: handBack },
    "Give to bot",
  ),
  assign: el("button", { class: "button", type: "button", title: "A", onclick: assignToMe }),
  resolve: el("button", { class: "button", type: "button", title: "Alt+E", onclick: toggleResolved }),
  panel: el(
    "button",
    {
      class: "icon panelswitch",
      type: "button",
      "aria-label": "Customer details",
      "aria-expanded": "false",
      onclick: togglePanel,
    },
    "i",
  ),
};

export function start() {
  document.getElementById("back").addEventListener("click", () => openConversation(null));
  on(["conversation", "customer", "openId", "account"], render);
}

function render() {
  const { conversation, customer, openId } = state;
  document.getElementById("open").hidden = !openId;
  document.getElementById("nothing").hidden = Boolean(openId);
  document.getElementById("desk").classList.toggle("reading", Boolean(openId));
  say(document.getElementById("who"), customer?.display_name ?? "…");
  say(document.getElementById("status"), conversation ? standing(conversation) : "");
  document.title = customer ? `${customer.display_name} · Deskhand` : "Deskhand";
  if (!conversation) return keep(actions, []);
  say(buttons.assign, conversation.assignee_id === state.account?.id ? "Unassign" : "Assign to me");
  say(buttons.resolve, conversation.status === "resolved" ? "Reopen" : "Resolve");
  const writer = canWrite();
  keep(
    actions,
    [
      writer && (conversation.owner === "bot" ? buttons.take : buttons.back),
      writer && buttons.assign,
      writer && buttons.resolve,
      buttons.panel,
    ].filter(Boolean),
  );
}

function standing({ status: code, owner, assignee_id, handoff_reason }) {
  const parts = [status(code), owner === "bot" ? "not taken over" : "with a person"];
  if (assignee_id)
    parts.push(
      assignee_id === state.account?.id ? "yours" : `assigned to ${state.names.get(assignee_id) ?? "a colleague"}`,
    );
  if (handoff_reason) parts.push(handoff(handoff_reason).toLowerCase());
  return parts.join(" · ");
}

export function togglePanel() {
  const shown = document.getElementById("desk").classList.toggle("withpanel");
  buttons.panel.setAttribute("aria-expanded", String(shown));
}
