// The messages of the conversation, each once and in order, and the cursor up to which none is missing.
// Knows no network and no page. A message of the visitor's that isn't stored yet has no seq and stands last.

export class Messages {
  #known = new Map();
  #byClientId = new Map();
  conversation = null;
  cursor = 0;

  // From a page of history, which has everything up to last_seq. Returns the messages that are new here.
  addPage(messages, last_seq) {
    const fresh = messages.filter((message) => this.#put(message));
    this.cursor = Math.max(this.cursor, last_seq);
    return fresh;
  }

  // One live message: {fresh, gap}. After a gap the owner should ask for what lies before it.
  add(message) {
    const fresh = this.#put(message);
    const gap = message.seq > this.cursor + 1;
    if (message.seq === this.cursor + 1) this.cursor = message.seq;
    return { fresh, gap };
  }

  addUnsent({ client_msg_id, text, at, order }) {
    if (this.#byClientId.has(client_msg_id)) return;
    const message = { id: null, seq: null, kind: "customer", text, at, client_msg_id, order, state: "waiting" };
    this.#byClientId.set(client_msg_id, message);
  }

  // The ack says where it stands; the cursor stays, since what lies before may not have come yet.
  acknowledge(client_msg_id, { id, seq, at }) {
    const message = this.#byClientId.get(client_msg_id);
    if (!message || message.id) return;
    Object.assign(message, { id, seq, at, state: "sent" });
    this.#known.set(id, message);
  }

  mark(client_msg_id, state) {
    const message = this.#byClientId.get(client_msg_id);
    if (message && !message.id) message.state = state;
  }

  remove(client_msg_id) {
    this.#byClientId.delete(client_msg_id);
  }

  // Another conversation, or another visitor: only what is unsent stays.
  restart(conversation) {
    for (const message of this.#known.values()) this.#byClientId.delete(message.client_msg_id);
    this.#known.clear();
    this.cursor = 0;
    this.conversation = conversation;
  }

  inOrder() {
    const unsent = [...this.#byClientId.values()].filter((message) => !message.id);
    return [
      ...[...this.#known.values()].sort((a, b) => a.seq - b.seq),
      ...unsent.sort((a, b) => a.order - b.order),
    ];
  }

  #put(message) {
    if (this.#known.has(message.id)) return false;
    const mine = message.kind === "customer" && this.#byClientId.get(message.client_msg_id);
    const stored = Object.assign(mine || {}, message, { state: "sent" });
    this.#known.set(stored.id, stored);
    if (stored.kind === "customer") this.#byClientId.set(stored.client_msg_id, stored);
    return !mine;
  }
}
