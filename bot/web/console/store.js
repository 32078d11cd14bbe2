// What the console knows at this moment, and who wants to hear of changes. No network, no page.

import { newId } from "/widget/ids.js";

export const state = {
  account: null,
  connection: "connecting",
  models: "ok",
  filter: "open",
  items: [],
  next: null,
  listed: false,
  openId: null,
  loading: false,
  conversation: null,
  customer: null,
  messages: [],
  suggestion: null,
  selected: 0,
  typing: new Map(),
  names: new Map(),
  mode: "reply",
  draft: null,
};

const listeners = [];
let changed = null;

// render() is called once, soon after any of these keys has changed.
export function on(keys, render) {
  listeners.push({ keys, render });
}

export function change(patch) {
  Object.assign(state, patch);
  if (!changed) {
    changed = new Set();
    queueMicrotask(tell);
  }
  for (const key of Object.keys(patch)) changed.add(key);
}

function tell() {
  const keys = changed;
  changed = null;
  for (const listener of listeners) if (listener.keys.some((key) => keys.has(key))) listener.render();
}

export const canWrite = () => state.account && state.account.role !== "viewer";

// The list: newest activity first, one line a conversation, as the filter has it.
export function putSummary(summary) {
  const { conversation } = summary;
  const others = state.items.filter((item) => item.conversation.id !== conversation.id);
  const fits = state.filter === "all" || state.filter === conversation.status;
  const known = others.length < state.items.length;
  // Without a full list, an old conversation that belongs below the last line waits for "Show more".
  const last = others.at(-1);
  const below = !known && state.next && last && activity(summary) < activity(last);
  const items = fits && !below ? [...others, summary].sort((a, b) => activity(b) - activity(a)) : others;
  change({ items });
  if (conversation.id === state.openId) change({ conversation, customer: summary.customer });
}

const activity = ({ conversation, last_message }) => Date.parse(last_message?.at ?? conversation.updated_at);

// The answer to a send may come after the news of its delivery: what has arrived is not on its way again.
const ON_THE_WAY = ["pending", "sent", "delivered"];
const farther = (known, fresh) =>
  ON_THE_WAY.includes(fresh) && ON_THE_WAY.indexOf(known) > ON_THE_WAY.indexOf(fresh) ? known : fresh;

// Messages of the open conversation, each once, by seq; ours on their way stand last.
export function putMessages(messages) {
  const ids = new Set(messages.map((message) => message.id));
  const mine = new Set(messages.map((message) => message.client_msg_id).filter(Boolean));
  const known = new Map(state.messages.map((message) => [message.id, message]));
  const others = state.messages.filter(
    (old) => !ids.has(old.id) && !(old.seq === null && mine.has(old.client_msg_id)),
  );
  const merged = messages.map((message) => ({
    ...message,
    delivery: farther(known.get(message.id)?.delivery, message.delivery),
    analysis: message.analysis ?? known.get(message.id)?.analysis ?? null,
  }));
  const place = (message) => message.seq ?? Infinity;
  change({ messages: [...others, ...merged].sort((a, b) => place(a) - place(b) || 0) });
  for (const { author_id, author_name } of messages)
    if (author_id && author_name) state.names.set(author_id, author_name);
}

export function putUnsent(text, kind, client_msg_id) {
  const message = {
    id: newId(),
    seq: null,
    kind,
    text,
    at: new Date().toISOString(),
    author_name: state.account.name,
    author_id: state.account.id,
    automatic: false,
    delivery: "pending",
    analysis: null,
    client_msg_id,
  };
  change({ messages: [...state.messages, message] });
}

export function dropUnsent(client_msg_id) {
  change({
    messages: state.messages.filter((message) => message.seq !== null || message.client_msg_id !== client_msg_id),
  });
}

export function mendMessages(ids, patch) {
  const wanted = new Set(ids);
  change({
    messages: state.messages.map((message) => (wanted.has(message.id) ? { ...message, ...patch } : message)),
  });
}

// The seq of the customer's latest message: what was drafted before it is stale.
export function lastCustomerSeq() {
  return state.messages.findLast((message) => message.kind === "customer" && message.seq !== null)?.seq ?? 0;
}

export const isStale = (based_on_seq) => based_on_seq < lastCustomerSeq();

// The candidates that can be used now, as [candidate, number key].
export function usable() {
  const { suggestion } = state;
  if (!suggestion || suggestion.state !== "open" || isStale(suggestion.based_on_seq)) return [];
  return suggestion.candidates
    .slice(0, 3)
    .map((candidate, at) => [candidate, at + 1])
    .filter(([candidate]) => !candidate.outcome);
}
