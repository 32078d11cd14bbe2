// One visitor's conversation with us, kept complete through reloads, gaps and lost connections.
// Joins the socket, the REST api, the messages and the outbox. Knows nothing of the page that shows it.

import * as api from "./api.js";
import { Messages } from "./messages.js";
import { Outbox } from "./outbox.js";
import { Socket } from "./socket.js";
import * as storage from "./storage.js";

const ACK_MS = 8000;
const BIGGEST_FRAME = 12000;
const POLL_AFTER = 2;
const FULL_PAGE = 500;

export class Visit extends EventTarget {
  messages = new Messages();
  connection = "stopped";
  locale = null;
  complete = false;
  #acks = new Map();
  #asked = 0;
  #failures = 0;
  #seen = 0;
  #outbox = new Outbox({
    send: (entry) => this.#send(entry),
    onSent: (entry, ack) => {
      this.messages.acknowledge(entry.client_msg_id, ack);
      if (this.connection !== "live") this.#catchUp();
      this.#changed();
    },
    onRefused: (entry) => {
      this.messages.mark(entry.client_msg_id, "failed");
      this.#changed();
    },
  });
  #socket = new Socket({
    path: "/api/customer/ws",
    prepare: async () => ({ type: "hello", token: await api.visitor(this.locale), last_seq: this.messages.cursor }),
    onFrame: (frame) => this.#take(frame),
    onState: (state, why) => this.#enter(state, why),
    onQuiet: () => this.#resume(),
  });

  start() {
    for (const entry of this.#outbox.entries()) this.messages.addUnsent(entry);
    this.#changed();
    this.#socket.start();
    addEventListener("online", () => this.#outbox.flush());
  }

  stop() {
    this.#socket.stop();
  }

  say(text) {
    this.messages.addUnsent(this.#outbox.add(text));
    this.#changed();
    this.#outbox.flush();
  }

  retry(client_msg_id) {
    this.messages.mark(client_msg_id, "waiting");
    this.#changed();
    this.#outbox.retry(client_msg_id);
  }

  discard(client_msg_id) {
    this.#outbox.settle(client_msg_id);
    this.messages.remove(client_msg_id);
    this.#changed();
  }

  typing(on) {
    this.#socket.send({ type: "typing", on });
  }

  // The visitor has everything up to here before their eyes.
  seen(seq) {
    if (seq > this.#seen && this.#socket.send({ type: "seen", seq })) this.#seen = seq;
  }

  async askForPerson() {
    if (!this.messages.conversation) return this.say("I would like to talk to a person, please.");
    await api.askForPerson();
    this.messages.conversation.with_person = true;
    this.#changed();
  }

  #send(entry) {
    const frame = { type: "send", client_msg_id: entry.client_msg_id, text: entry.text };
    // Sockets have a limit on frames that is far below what a long message may need.
    const small = new TextEncoder().encode(JSON.stringify(frame)).length < BIGGEST_FRAME;
    if (!small || !this.#socket.send(frame)) return api.post(entry);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settle(entry.client_msg_id, new api.Problem(0)), ACK_MS);
      this.#acks.set(entry.client_msg_id, { resolve, reject, timer });
    });
  }

  #settle(client_msg_id, outcome) {
    const waiting = this.#acks.get(client_msg_id);
    if (!waiting) return;
    this.#acks.delete(client_msg_id);
    clearTimeout(waiting.timer);
    if (outcome instanceof api.Problem) waiting.reject(outcome);
    else waiting.resolve(outcome);
  }

  #take(frame) {
    switch (frame.type) {
      case "welcome":
        this.#page(frame);
        this.#outbox.flush();
        break;
      case "catch_up":
        this.#page(frame);
        break;
      case "ack":
        this.#settle(frame.client_msg_id, frame);
        break;
      case "message":
        this.#message(frame);
        break;
      case "conversation":
        if (frame.conversation.id === this.messages.conversation?.id)
          this.messages.conversation = frame.conversation;
        this.#changed();
        break;
      case "typing":
        if (frame.who === "agent") this.#emit("typing", frame);
        break;
      case "error":
        this.#trouble(frame);
        break;
    }
  }

  // A page of history; where it belongs to another conversation, we begin anew.
  #page({ conversation, messages, last_seq }) {
    if (conversation && conversation.id !== this.messages.conversation?.id) {
      const begun = this.messages.cursor > 0;
      this.messages.restart(conversation);
      if (begun) {
        this.#catchUp();
        return;
      }
    } else if (conversation) {
      this.messages.conversation = conversation;
    }
    const before = this.messages.cursor;
    // A long history comes in several pages; only what follows after the last of them is news.
    this.#arrived(messages, this.messages.addPage(messages, last_seq), this.complete);
    this.complete ||= last_seq - before < FULL_PAGE;
    this.#changed();
  }

  #message({ conversation_id, message }) {
    const known = this.messages.conversation;
    if (known && known.id !== conversation_id) this.messages.restart(null);
    this.messages.conversation ??= { id: conversation_id, resolved: false, with_person: false };
    const { fresh, gap } = this.messages.add(message);
    this.#arrived([message], fresh ? [message] : [], true);
    if (gap) this.#resumeSoon();
    this.#changed();
  }

  #arrived(messages, fresh, isNews) {
    // Our own message has come back from the server: that is as good as its ack.
    for (const { kind, client_msg_id } of messages) if (kind === "customer") this.#outbox.settle(client_msg_id);
    if (isNews) for (const message of fresh) if (message.kind !== "customer") this.#emit("news", message);
  }

  #trouble({ client_msg_id, problem }) {
    if (client_msg_id) this.#settle(client_msg_id, new api.Problem(problem.status, problem));
    // The visitor isn't known here any more: a new one, with the unsent messages of the old.
    else if (problem.status === 401) {
      storage.forgetToken();
      this.messages.restart(null);
      this.#changed();
    }
  }

  #resumeSoon() {
    clearTimeout(this.#asked);
    this.#asked = setTimeout(() => this.#resume(), 250);
  }

  #resume() {
    return this.#socket.send({ type: "resume", last_seq: this.messages.cursor });
  }

  // Without a socket, by REST: as far as the history goes.
  async #catchUp() {
    try {
      for (let more = true; more;) {
        const before = this.messages.cursor;
        this.#page(await api.history(before));
        more = this.messages.cursor - before >= FULL_PAGE;
      }
    } catch (problem) {
      if (!(problem instanceof api.Problem)) throw problem;
    }
  }

  #enter(state, why) {
    if (state !== "live") {
      for (const id of [...this.#acks.keys()]) this.#settle(id, new api.Problem(0));
      this.#emit("typing", { on: false, name: "" });
    }
    this.#failures = state === "live" ? 0 : this.#failures + (state === "waiting");
    if (state === "waiting" && this.#failures >= POLL_AFTER && navigator.onLine) {
      this.#catchUp();
      this.#outbox.flush();
    }
    this.connection = state;
    this.#emit("connection", { state, why });
  }

  #changed() {
    this.#emit("change", null);
  }

  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
