// Messages on their way: kept in the browser until the server has acknowledged them, sent one after
// the other, and again with the same id after any doubt. Knows no socket: `send` is given to it.

import { pause } from "./backoff.js";
import { newId } from "./ids.js";
import * as storage from "./storage.js";

export class Outbox {
  #send;
  #onSent;
  #onRefused;
  #refused = new Set();
  #busy = false;
  #timer = 0;
  #attempt = 0;

  // send(entry): promise of the ack; rejects with a Problem.
  constructor({ send, onSent, onRefused }) {
    this.#send = send;
    this.#onSent = onSent;
    this.#onRefused = onRefused;
  }

  add(text) {
    const now = Date.now();
    const last = storage.unsent().at(-1);
    const order = Math.max(now, last ? last.order + 1 : 0);
    const entry = { client_msg_id: newId(), text, at: new Date(now).toISOString(), order };
    storage.keepUnsent(entry);
    return entry;
  }

  entries() {
    return storage.unsent();
  }

  has(client_msg_id) {
    return this.entries().some((entry) => entry.client_msg_id === client_msg_id);
  }

  // Send everything that waits, now. Safe to call at any time.
  async flush() {
    if (this.#busy) return;
    this.#busy = true;
    clearTimeout(this.#timer);
    try {
      for (let entry = this.#next(); entry; entry = this.#next()) {
        if (!(await this.#deliver(entry))) break;
      }
    } finally {
      this.#busy = false;
    }
  }

  retry(client_msg_id) {
    this.#refused.delete(client_msg_id);
    this.flush();
  }

  // It has arrived, whoever says so.
  settle(client_msg_id) {
    this.#refused.delete(client_msg_id);
    storage.dropUnsent(client_msg_id);
  }

  #next() {
    return this.entries().find((entry) => !this.#refused.has(entry.client_msg_id));
  }

  async #deliver(entry) {
    try {
      const ack = await this.#send(entry);
      this.#attempt = 0;
      this.settle(entry.client_msg_id);
      this.#onSent(entry, ack);
      return true;
    } catch (problem) {
      if (problem.passing === false) {
        this.#refused.add(entry.client_msg_id);
        this.#onRefused(entry, problem);
        return true;
      }
      this.#timer = setTimeout(() => this.flush(), pause(this.#attempt));
      this.#attempt += 1;
      return false;
    }
  }
}
