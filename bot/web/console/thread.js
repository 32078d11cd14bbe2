// The open conversation as it was said: customer, us, the bot, notes and events, with what was read in it.

import { el, keep, say } from "/widget/dom.js";
import { dayKey, dayOf, fullOf, timeOf } from "/widget/times.js";
import { chips } from "./chips.js";
import { marked } from "./marks.js";
import { on, state } from "./store.js";
import { delivery } from "./words.js";

const log = document.getElementById("log");
const scroll = document.getElementById("scroll");
const typing = document.getElementById("typing");
const rows = new Map();
let shownId = null;
let following = true;

export function start() {
  on(["messages", "openId", "loading"], render);
  on(["typing", "openId"], renderTyping);
  // Who reads the end goes on reading it when lines are added or the suggestions take room.
  scroll.addEventListener(
    "scroll",
    () => (following = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 60),
  );
  const observer = new ResizeObserver(() => following && toEnd());
  observer.observe(scroll);
  observer.observe(log);
}

function toEnd() {
  scroll.scrollTop = scroll.scrollHeight;
}

function render() {
  const fresh = shownId !== state.openId;
  if (fresh) {
    rows.clear();
    following = true;
  }
  log.setAttribute("aria-busy", String(state.loading));
  const nodes = [];
  state.messages.forEach((message, at) => {
    const before = state.messages[at - 1];
    if (!before || dayKey(before.at) !== dayKey(message.at)) nodes.push(day(message.at));
    nodes.push(row(message));
  });
  keep(log, nodes);
  if (following || state.messages.at(-1)?.seq === null) toEnd();
  if (!state.loading) shownId = state.openId;
}

function day(at) {
  const key = dayKey(at);
  if (!rows.has(key)) rows.set(key, { node: el("p", { class: "day" }) });
  const { node } = rows.get(key);
  say(node, dayOf(at));
  return node;
}

// By client id where there is one, so that our message stays the same row when it has been stored.
function row(message) {
  const key = message.client_msg_id ?? message.id;
  const look = JSON.stringify([message.text, message.delivery, message.seq, message.analysis]);
  const known = rows.get(key);
  if (known?.look === look) return known.node;
  const node = known?.node ?? el("article");
  node.className = `message ${message.kind}${message.automatic ? " automatic" : ""}${message.seq === null ? " unsent" : ""}`;
  node.replaceChildren(...content(message));
  rows.set(key, { node, look });
  return node;
}

function content(message) {
  const time = el("time", { datetime: message.at, title: fullOf(message.at) }, timeOf(message.at));
  if (message.kind === "activity") return [el("p", { class: "event" }, message.text, " · ", time)];
  const entities = message.kind === "customer" ? (message.analysis?.entities ?? []) : [];
  const arrived = ["agent", "bot"].includes(message.kind) && delivery(message.delivery);
  return [
    el(
      "p",
      { class: "head" },
      el("span", { class: "author" }, author(message)),
      message.automatic && el("span", { class: "chip" }, "Automatic reply"),
      message.kind === "note" && el("span", { class: "chip" }, "Private note"),
      time,
    ),
    el("p", { class: "text" }, marked(message.text, entities)),
    message.kind === "customer" && message.analysis && chips(message.analysis),
    arrived && el("p", { class: `arrival ${message.delivery}` }, arrived),
  ].filter(Boolean);
}

function author({ kind, author_id, author_name }) {
  if (kind === "customer") return state.customer?.display_name ?? "Customer";
  if (author_id && author_id === state.account?.id) return "You";
  return author_name || (kind === "bot" ? "Deskhand" : "Colleague");
}

function renderTyping() {
  const writers = ["customer", "agent"].map((who) => state.typing.get(`${state.openId} ${who}`)).filter(Boolean);
  typing.hidden = writers.length === 0;
  say(
    typing,
    writers
      .map(({ who, name }) =>
        who === "agent" ? `${name} is writing an answer…` : `${name || "The customer"} is writing…`,
      )
      .join(" "),
  );
  if (following) toEnd();
}
