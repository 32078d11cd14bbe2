// Live events into the store. After every reconnect, and when a message is missing, the newest state
// comes by REST: an event is a wake-up, the database is the truth.

import { say } from "/widget/dom.js";
import { Socket } from "/widget/socket.js";
import { loadList, openConversation, reload } from "./actions.js";
import * as api from "./api.js";
import { notice } from "./notices.js";
import { change, mendMessages, putMessages, putSummary, state } from "./store.js";

const TYPING_MS = 6000;
const early = new Map();
let first = true;

const socket = new Socket({
  path: "/api/agent/ws",
  prepare: async () => {
    change({ account: (await api.session()).account });
    return { type: "hello" };
  },
  onFrame: take,
  onState: (connection, why) => {
    change({ connection });
    if (why === "unauthenticated") {
      socket.stop();
      change({ account: null });
    }
  },
  onQuiet: () => (state.openId ? lookAt(state.openId) : false),
});

export function start() {
  first = true;
  socket.start();
}

export const stop = () => socket.stop();
export const typing = (on) => socket.send({ type: "typing", conversation_id: state.openId, on });
export const lookAt = (id) => socket.send({ type: "open", conversation_id: id });

function take(event) {
  const here = event.conversation_id === state.openId;
  switch (event.type) {
    case "welcome":
      // The first list and conversation come with the start of the page.
      if (!first) refresh();
      first = false;
      break;
    case "opened":
      if (here && event.last_seq > lastSeq()) reload();
      break;
    case "conversation":
      putSummary(event.conversation);
      break;
    case "message":
      if (here) takeMessage(event.message);
      if (event.message.kind === "customer") stopTyping(event.conversation_id, "customer");
      break;
    case "analysis":
      if (!here) break;
      takeAnalysis(event);
      break;
    case "suggestions":
      if (here) takeSuggestion(event.suggestion);
      break;
    case "delivery":
      if (here) mendMessages(event.message_ids, { delivery: event.state });
      break;
    case "automatic":
      notice(event.on ? `Automatic replies have begun. ${event.why}` : `Automatic replies have stopped. ${event.why}`);
      break;
    case "erased":
      dropCustomer(event.customer_id);
      break;
    case "typing":
      takeTyping(event);
      break;
  }
}

function refresh() {
  loadList();
  if (state.openId) reload();
}

const lastSeq = () => state.messages.findLast((message) => message.seq !== null)?.seq ?? 0;

function takeMessage(message) {
  const gap = message.seq > lastSeq() + 1;
  putMessages([{ ...message, analysis: message.analysis ?? early.get(message.id) ?? null }]);
  early.delete(message.id);
  // Read out once, here: the row itself changes again when the reading arrives.
  if (message.kind === "customer")
    say(document.getElementById("announcer"), `${state.customer?.display_name ?? "Customer"}: ${message.text}`);
  if (gap && !state.loading) reload();
}

// A reading may come before its message.
function takeAnalysis({ message_id, analysis }) {
  if (state.messages.some((message) => message.id === message_id)) mendMessages([message_id], { analysis });
  else early.set(message_id, analysis);
}

// Another admin erased a customer: what this console still shows of them goes.
function dropCustomer(id) {
  change({ items: state.items.filter((item) => item.customer.id !== id) });
  if (state.customer?.id === id) openConversation(null);
}

// New drafts replace the old. "None any more" leaves stale ones in sight until there are new ones.
function takeSuggestion(suggestion) {
  if (suggestion) change({ suggestion, selected: suggestion.id === state.suggestion?.id ? state.selected : 0 });
  else if (state.suggestion) change({ suggestion: { ...state.suggestion, state: "stale" } });
}

function takeTyping({ conversation_id, who, name, on }) {
  if (who === "agent" && name === state.account?.name) return;
  const key = `${conversation_id} ${who}`;
  clearTimeout(state.typing.get(key)?.timer);
  if (!on) return stopTyping(conversation_id, who);
  const timer = setTimeout(() => stopTyping(conversation_id, who), TYPING_MS);
  state.typing.set(key, { name, who, timer });
  change({ typing: state.typing });
}

function stopTyping(conversation_id, who) {
  if (state.typing.delete(`${conversation_id} ${who}`)) change({ typing: state.typing });
}
