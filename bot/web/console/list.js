// The left column: filters and one line for each conversation.

import { el, keep, say } from "/widget/dom.js";
import { briefly, fullOf } from "/widget/times.js";
import { loadMore, openConversation, setFilter } from "./actions.js";
import { dot } from "./chips.js";
import { on, state } from "./store.js";
import { channel, mood, status } from "./words.js";

const FILTERS = ["open", "pending", "resolved", "all"];
const EMPTY = {
  open: "Nothing is open.",
  pending: "Nothing is pending.",
  resolved: "Nothing is resolved yet.",
  all: "No conversations yet.",
};

const list = document.getElementById("list");
const note = document.getElementById("listnote");
const more = document.getElementById("more");
const rows = new Map();

export function start() {
  document
    .getElementById("filters")
    .append(
      ...FILTERS.map((name) =>
        el(
          "button",
          { class: "tab", type: "button", "data-filter": name, onclick: () => setFilter(name) },
          name === "all" ? "All" : status(name),
        ),
      ),
    );
  more.addEventListener("click", loadMore);
  on(["items", "openId", "filter", "next", "listed"], render);
  render();
}

function render() {
  for (const tab of document.querySelectorAll("#filters .tab")) {
    tab.setAttribute("aria-pressed", String(tab.dataset.filter === state.filter));
  }
  const wanted = new Set(state.items.map((item) => item.conversation.id));
  for (const id of [...rows.keys()]) if (!wanted.has(id)) rows.delete(id);
  keep(list, state.items.map(row));
  list.setAttribute("aria-busy", String(!state.listed));
  note.hidden = state.items.length > 0 || !state.listed;
  say(note, EMPTY[state.filter]);
  more.hidden = !state.next;
}

function row(item) {
  const { id } = item.conversation;
  const isOpen = id === state.openId;
  const look = JSON.stringify([item, isOpen, isOpen ? 0 : item.unread]);
  let known = rows.get(id);
  if (!known) {
    const button = el("button", { class: "row", type: "button", onclick: () => openConversation(id) });
    known = { node: el("li", {}, button), button };
    rows.set(id, known);
  }
  if (known.look !== look) {
    if (isOpen && !known.wasOpen) known.node.scrollIntoView({ block: "nearest" });
    known.wasOpen = isOpen;
    known.look = look;
    known.button.setAttribute("aria-current", String(isOpen));
    known.button.classList.toggle("unread", item.unread > 0 && !isOpen);
    known.button.replaceChildren(...content(item, isOpen));
  }
  return known.node;
}

function content({ conversation, customer, last_message: last, mood: feeling, unread }, isOpen) {
  const at = last?.at ?? conversation.updated_at;
  const urgent = ["high", "urgent"].includes(conversation.priority);
  return [
    el("span", { class: "name" }, customer.display_name),
    el("time", { datetime: at, title: fullOf(at) }, briefly(at)),
    el("span", { class: "last" }, last ? preview(last) : channel(conversation.channel)),
    el(
      "span",
      { class: "signs" },
      urgent && el("span", { class: "sign strong" }, conversation.priority),
      conversation.handoff_reason && conversation.status !== "resolved" && el("span", { class: "sign" }, "person"),
      state.filter === "all" &&
        conversation.status !== "open" &&
        el("span", { class: "sign" }, status(conversation.status).toLowerCase()),
      unread > 0 &&
        !isOpen &&
        el("span", { class: "count" }, String(unread), el("span", { class: "unseen" }, " unread")),
      feeling &&
        el(
          "span",
          { class: "mood", title: `Mood: ${mood(feeling)}` },
          dot(feeling),
          el("span", { class: "unseen" }, `Mood ${feeling}`),
        ),
    ),
  ];
}

function preview({ kind, text, automatic }) {
  const who = { agent: "Us: ", bot: automatic ? "Auto: " : "Us: ", note: "Note: " }[kind] ?? "";
  return who + text.replace(/\s+/g, " ").slice(0, 160);
}
