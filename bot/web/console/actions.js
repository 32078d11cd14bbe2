// The verbs of the console: open, send, reject, resolve … Each asks the server and puts what it says
// into the store; refusals are told in plain words and the newest state is fetched.

import { newId } from "/widget/ids.js";
import * as api from "./api.js";
import { notice } from "./notices.js";
import { change, dropUnsent, isStale, putMessages, putSummary, putUnsent, state } from "./store.js";

const unsure = new Map();
let line = Promise.resolve();

export async function loadList() {
  const filter = state.filter;
  try {
    const { items, next } = await api.list({ status: filter === "all" ? null : filter });
    if (filter === state.filter) change({ items, next, listed: true });
  } catch (problem) {
    tellProblem(problem);
  }
}

export async function loadMore() {
  const { filter, next } = state;
  try {
    const page = await api.list({ status: filter === "all" ? null : filter, before: next });
    if (filter !== state.filter) return;
    const known = new Set(state.items.map((item) => item.conversation.id));
    change({
      items: [...state.items, ...page.items.filter((item) => !known.has(item.conversation.id))],
      next: page.next,
    });
  } catch (problem) {
    tellProblem(problem);
  }
}

export function setFilter(filter) {
  change({ filter, items: [], next: null, listed: false });
  return loadList();
}

export async function openConversation(id) {
  if (id === state.openId) return;
  change({
    openId: id,
    loading: true,
    conversation: null,
    customer: null,
    messages: [],
    suggestion: null,
    selected: 0,
    mode: "reply",
    draft: null,
  });
  history.replaceState(null, "", id ? `#${id}` : location.pathname);
  if (id) await reload();
  else change({ loading: false });
}

// The whole newest state of the open conversation.
export async function reload() {
  const id = state.openId;
  try {
    const opened = await api.open(id);
    if (id !== state.openId) return;
    change({
      conversation: opened.conversation,
      customer: opened.customer,
      suggestion: opened.suggestion,
      loading: false,
    });
    putMessages(opened.messages);
  } catch (problem) {
    if (id !== state.openId) return;
    if (problem.status === 404 || problem.status === 422) openConversation(null);
    change({ loading: false });
    tellProblem(problem);
  }
}

// Step through the list with the keyboard; +1 is down.
export function step(by) {
  if (!state.items.length) return;
  const at = state.items.findIndex((item) => item.conversation.id === state.openId);
  const next = at < 0 ? (by > 0 ? 0 : state.items.length - 1) : at + by;
  const item = state.items[next];
  if (item) openConversation(item.conversation.id);
}

// Shows the message at once and sends it when those before it have been sent.
// Resolves to true when it is stored; else the text is the writer's again.
export function send(id, text, kind, draft) {
  // The same words after a try of unknown outcome are the same message: it is stored only once.
  const what = JSON.stringify([id, kind, text]);
  const client_msg_id = unsure.get(what) ?? newId();
  putUnsent(text, kind === "note" ? "note" : "agent", client_msg_id);
  const sent = line.then(() => deliver(id, { client_msg_id, text, kind }, draft, what));
  line = sent.catch(() => {});
  return sent;
}

async function deliver(id, message, draft, what) {
  const origin = message.kind === "reply" ? originOf(id, draft) : {};
  try {
    const { message: stored } = await postTwice(id, { ...message, ...origin });
    unsure.delete(what);
    if (id !== state.openId) return true;
    putMessages([stored]);
    if (message.kind === "reply" && state.suggestion?.based_on_seq < stored.seq) change({ suggestion: null });
    return true;
  } catch (problem) {
    dropUnsent(message.client_msg_id);
    if (problem.status === 0 || problem.status >= 500) unsure.set(what, message.client_msg_id);
    else unsure.delete(what);
    tellProblem(problem);
    if (problem.status === 409 && id === state.openId) await reload();
    return false;
  }
}

// What the ledger should know of a reply: its draft, or that the drafts on the table were no help.
function originOf(id, draft) {
  if (draft) {
    const { suggestion_id, position, based_on_seq } = draft;
    return { suggestion_id, position, based_on_seq };
  }
  const { suggestion, openId } = state;
  if (id !== openId || suggestion?.state !== "open" || isStale(suggestion.based_on_seq)) return {};
  return { suggestion_id: suggestion.id, based_on_seq: suggestion.based_on_seq };
}

// Where no answer came it may still have got through: the same id is stored only once.
async function postTwice(id, message) {
  try {
    return await api.post(id, message);
  } catch (problem) {
    if (problem.status !== 0) throw problem;
    return api.post(id, message);
  }
}

export async function reject(candidate, reason) {
  const { suggestion } = state;
  try {
    await api.reject(suggestion.id, candidate.position, reason);
    if (state.suggestion?.id !== suggestion.id) return;
    const candidates = state.suggestion.candidates.map((other) =>
      other.position === candidate.position ? { ...other, outcome: "rejected" } : other,
    );
    change({ suggestion: { ...state.suggestion, candidates } });
  } catch (problem) {
    tellProblem(problem);
    if (problem.status === 409) await reload();
  }
}

async function mend(work) {
  const id = state.openId;
  if (!id) return;
  try {
    const { conversation } = await work(id);
    if (id === state.openId && conversation) change({ conversation });
    const item = state.items.find((other) => other.conversation.id === id);
    if (item && conversation) putSummary({ ...item, conversation });
  } catch (problem) {
    tellProblem(problem);
    await reload();
  }
}

export const toggleResolved = () =>
  mend((id) => api.setStatus(id, state.conversation?.status === "resolved" ? "open" : "resolved"));
export const assignToMe = () =>
  mend((id) => api.assign(id, state.conversation?.assignee_id === state.account.id ? null : state.account.id));
export const takeOver = () => mend((id) => api.takeOver(id));
export const handBack = () => mend((id) => api.handBack(id));

const WORDS = {
  "stale-suggestion": "Not sent: the customer has written since this draft was made. Their new message is below.",
  "already-decided": "A colleague was quicker: these drafts have been decided. This is the newest state.",
  "too-many": "Too many requests. Please wait a moment.",
  forbidden: "Your account may not do this.",
};

export function tellProblem(problem) {
  if (!(problem instanceof api.Problem)) throw problem;
  if (problem.status === 401) change({ account: null });
  else notice(WORDS[problem.code] ?? problem.message);
}
