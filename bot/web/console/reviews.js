// Replies that went out by themselves, one after the other, to be judged by R or W.

import { el, keep } from "/widget/dom.js";
import { when } from "./admin.js";
import { call } from "./api.js";
import { notice } from "./notices.js";

const PLACE = "/api/admin/automatic/reviews";
const WHO = { customer: "Customer", agent: "Agent", bot: "Automatic reply" };

const queue = document.getElementById("queue");
let items = [];
let card = null;
let sent = Promise.resolve();
const judged = new Set(); // on their way to the server, where a look may still find them waiting
let changed = () => {};

// `after` is called when a verdict was given, since it may change how things stand.
export function start(after) {
  changed = after;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !items.length) return;
    const verdict = { r: "right", w: "wrong" }[event.key.toLowerCase()];
    if (!verdict || event.target.matches?.("textarea, select, input:not([type=radio])")) return;
    event.preventDefault();
    judge(verdict);
  });
}

export async function look() {
  try {
    items = (await call("GET", PLACE)).items.filter(({ id }) => !judged.has(id));
    show();
  } catch (problem) {
    if (problem.status !== 401) notice(problem.message);
  }
}

function show() {
  if (!items.length) {
    card = null;
    return keep(queue, [el("p", { class: "nothingtodo" }, "Nothing to review at the moment.")]);
  }
  if (card?.id !== items[0].id) card = { id: items[0].id, node: made(items[0]) };
  keep(queue, [card.node]);
}

function made({ conversation_id, reply, at, score, before }) {
  const verdict = (value, key, words) =>
    el("button", { class: "button", type: "button", onclick: () => judge(value) }, el("kbd", {}, key), ` ${words}`);
  return el(
    "article",
    { class: "review", "aria-label": "An automatic reply to review" },
    el("ol", { class: "turns" }, before.map(turn), el("li", { class: "turn judged" }, el("span", { class: "who" }, "Deskhand answered by itself"), el("p", {}, reply))),
    el(
      "footer",
      {},
      verdict("right", "R", "Right"),
      verdict("wrong", "W", "Wrong"),
      el("span", { class: "soft" }, `${when(at)} · score ${score.toFixed(2)}`),
      el("a", { class: "quiet", href: `/console/#${conversation_id}` }, "Open the conversation"),
    ),
  );
}

const turn = ({ kind, text }) => el("li", { class: `turn ${kind}` }, el("span", { class: "who" }, WHO[kind]), el("p", {}, text));

// The next reply is shown at once: whoever judges by keys is not to wait for the server, nor to be unheard by it.
function judge(verdict) {
  const [{ id }, ...rest] = items;
  const focused = queue.contains(document.activeElement);
  judged.add(id);
  items = rest;
  show();
  if (focused) queue.querySelector("button")?.focus();
  sent = sent.then(() => tell(id, verdict));
}

async function tell(id, verdict) {
  try {
    await call("POST", `${PLACE}/${id}`, { verdict });
    notice(`Judged ${verdict}.`, "Undo", () => undo(id));
  } catch (problem) {
    notice(problem.status === 404 ? "This reply is gone: its customer was erased." : problem.message);
  }
  judged.delete(id);
  await changed();
}

async function undo(id) {
  try {
    await call("POST", `${PLACE}/${id}`, { verdict: null });
  } catch (problem) {
    notice(problem.message);
  }
  await changed();
}
