// The conversation on the screen: bubbles, days, times, states. Reads Messages, changes nothing in them.

import { el, keep } from "./dom.js";
import { dayKey, dayOf, fullOf, timeOf } from "./times.js";

const SAME_BREATH_MS = 5 * 60 * 1000;
const ADDRESS = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

export class Thread {
  #log;
  #scroll;
  #newer;
  #actions;
  #rows = new Map();
  #days = new Map();
  #following = true;

  // actions: {retry(id), discard(id), person()}
  constructor(actions) {
    this.#log = document.getElementById("log");
    this.#scroll = document.getElementById("scroll");
    this.#newer = document.getElementById("newer");
    this.#actions = actions;
    this.#newer.addEventListener("click", () => this.toEnd());
    this.#scroll.addEventListener("scroll", () => {
      this.#following = this.atEnd;
      if (this.#following) this.#newer.hidden = true;
    });
    // A keyboard that opens, or a line below, must not push the latest message out of sight.
    const observer = new ResizeObserver(() => this.#following && this.toEnd());
    observer.observe(this.#scroll);
    observer.observe(this.#log);
  }

  get atEnd() {
    return this.#scroll.scrollHeight - this.#scroll.scrollTop - this.#scroll.clientHeight < 60;
  }

  toEnd() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#newer.hidden = true;
  }

  show(messages, { complete, withPerson }) {
    const count = this.#rows.size;
    keep(this.#log, this.#nodes(messages, withPerson));
    if (complete) this.#log.setAttribute("aria-busy", "false");
    if (this.#following || (this.#rows.size > count && messages.at(-1)?.state === "waiting")) this.toEnd();
    else if (this.#rows.size > count) this.#newer.hidden = false;
  }

  #nodes(messages, withPerson) {
    const nodes = [];
    const keys = new Set();
    const days = new Set();
    messages.forEach((message, at) => {
      const before = messages[at - 1];
      const after = messages[at + 1];
      const day = dayKey(message.at);
      if (!before || dayKey(before.at) !== day) {
        days.add(day);
        nodes.push(this.#day(day, message.at));
      }
      const key = message.client_msg_id && message.kind === "customer" ? message.client_msg_id : message.id;
      keys.add(key);
      nodes.push(
        this.#row(key, message, {
          first: !together(before, message),
          last: !together(message, after),
          person:
            message.automatic && !withPerson && !messages.slice(at + 1).some((later) => later.kind !== "customer"),
        }),
      );
    });
    for (const key of [...this.#rows.keys()]) if (!keys.has(key)) this.#rows.delete(key);
    for (const key of [...this.#days.keys()]) if (!days.has(key)) this.#days.delete(key);
    return nodes;
  }

  #day(key, at) {
    if (!this.#days.has(key)) this.#days.set(key, el("p", { class: "day" }));
    const node = this.#days.get(key);
    if (node.textContent !== dayOf(at)) node.textContent = dayOf(at);
    return node;
  }

  // A row is made once and its parts are mended in place, so that it isn't read out again.
  #row(key, message, place) {
    const look = JSON.stringify([message.state, message.at, message.automatic, place]);
    const known = this.#rows.get(key);
    if (known?.look === look) return known.node;
    const row = known ?? { node: el("div"), bubble: el("p", { class: "bubble" }, withLinks(message)) };
    row.look = look;
    const mine = message.kind === "customer";
    row.node.className = ["line", mine && "mine", place.first && "first", message.state].filter(Boolean).join(" ");
    keep(
      row.node,
      [!mine && place.first && author(message), row.bubble, this.#meta(message, place)].filter(Boolean),
    );
    this.#rows.set(key, row);
    return row.node;
  }

  #meta(message, { last, person }) {
    const { client_msg_id: id } = message;
    if (message.state === "failed") {
      return el(
        "p",
        { class: "meta" },
        "Not sent. ",
        el("button", { class: "plain", type: "button", onclick: () => this.#actions.retry(id) }, "Try again"),
        el("button", { class: "plain", type: "button", onclick: () => this.#actions.discard(id) }, "Discard"),
      );
    }
    if (message.state === "waiting") return el("p", { class: "meta" }, "Sending…");
    if (!last && !person) return null;
    return el(
      "p",
      { class: "meta" },
      el("time", { datetime: message.at, title: fullOf(message.at) }, timeOf(message.at)),
      message.kind === "customer" && " · Sent",
      person &&
        el("button", { class: "plain", type: "button", onclick: () => this.#actions.person() }, "Talk to a person"),
    );
  }
}

function author(message) {
  if (message.automatic) return el("p", { class: "name" }, el("span", { class: "tag" }, "Automatic reply"));
  return el("p", { class: "name" }, message.author_name || "Customer service");
}

function together(a, b) {
  if (!a || !b || a.kind !== b.kind || a.author_name !== b.author_name || a.automatic || b.automatic) return false;
  return a.state === b.state && new Date(b.at) - new Date(a.at) < SAME_BREATH_MS && dayKey(a.at) === dayKey(b.at);
}

// Our own people's addresses can be followed; they are shown as they are.
function withLinks({ kind, text }) {
  if (kind === "customer") return [text];
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(ADDRESS)) {
    parts.push(text.slice(from, found.index));
    parts.push(el("a", { href: found[0], target: "_blank", rel: "noopener noreferrer nofollow" }, found[0]));
    from = found.index + found[0].length;
  }
  return [...parts, text.slice(from)];
}
