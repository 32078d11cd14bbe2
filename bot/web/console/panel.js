// The right column: who the customer is and what is known of this conversation.

import { el } from "/widget/dom.js";
import { fullOf } from "/widget/times.js";
import { erasing } from "./erase.js";
import { on, state } from "./store.js";
import { togglePanel } from "./talkbar.js";
import { channel, handoff, language, plain, status } from "./words.js";

const panel = document.getElementById("panel");
let erase = null;

export function start() {
  on(["customer", "conversation", "messages", "suggestion", "openId"], render);
}

function render() {
  const { customer, conversation } = state;
  if (!customer || !conversation) return panel.replaceChildren();
  // A question that is being asked stays: messages come in meanwhile.
  if (erase?.dataset.of !== customer.id) [erase] = erasing(customer);
  panel.replaceChildren(
    el(
      "button",
      { class: "icon close", type: "button", "aria-label": "Close customer details", onclick: togglePanel },
      "×",
    ),
    el("h2", {}, customer.display_name),
    facts([
      ["E-mail", customer.email],
      ["Language", customer.locale && language(customer.locale)],
      ["First seen", fullOf(customer.created_at)],
      ["Channel", channel(conversation.channel)],
    ]),
    el("h3", {}, "Conversation"),
    facts([
      ["Status", status(conversation.status)],
      ["Priority", conversation.priority === "normal" ? null : conversation.priority],
      ["Handed over", conversation.handoff_reason && handoff(conversation.handoff_reason)],
      ["Tags", conversation.tags.join(", ")],
      ["Began", fullOf(conversation.created_at)],
    ]),
    ...mentioned(),
    ...model(),
    ...(erase ? [erase] : []),
  );
}

// What the customer has named so far, each value once, the latest last.
function mentioned() {
  const values = new Map();
  for (const message of state.messages) {
    if (message.kind !== "customer") continue;
    for (const { type, value, text } of message.analysis?.entities ?? []) {
      const known = values.get(type) ?? new Set();
      values.set(type, known.add(value || text));
    }
  }
  if (!values.size) return [];
  return [
    el("h3", {}, "Mentioned"),
    facts([...values].map(([type, found]) => [plain(type), [...found].join(", ")])),
  ];
}

function model() {
  const { suggestion } = state;
  if (!suggestion?.model_version) return [];
  return [
    el("h3", {}, "Drafts"),
    facts([
      ["Model", suggestion.model_version],
      ["Made in", `${(suggestion.latency_ms / 1000).toFixed(1)} s`],
    ]),
  ];
}

function facts(rows) {
  return el(
    "dl",
    {},
    rows.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
  );
}
