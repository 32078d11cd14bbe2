// One WebSocket that comes back by itself. Knows JSON frames with a "type" and that the answer
// to the first one is "welcome"; what they mean is its owner's business.
//
// States: "connecting", "live" (after the welcome), "waiting" (for the next try), "stopped".

import { pause } from "./backoff.js";

const WELCOME_MS = 10000;
const QUIET_MS = 40000;
const ANSWER_MS = 10000;

export class Socket {
  #path;
  #prepare;
  #onFrame;
  #onState;
  #onQuiet;
  #ws = null;
  #attempt = 0;
  #timer = 0;
  #watch = 0;
  #round = 0;
  state = "stopped";

  // prepare(): promise of the hello frame; onQuiet(): sends something that will be answered, or returns false.
  constructor({ path, prepare, onFrame, onState, onQuiet }) {
    this.#path = path;
    this.#prepare = prepare;
    this.#onFrame = onFrame;
    this.#onState = onState;
    this.#onQuiet = onQuiet;
    addEventListener("online", () => this.wake());
    addEventListener("offline", () => this.state === "live" && this.#lost("offline"));
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.wake();
    });
  }

  start() {
    if (this.state === "stopped") this.#connect();
  }

  stop() {
    this.#drop();
    this.#enter("stopped", "");
  }

  // Try now instead of later; when live, look whether the other side still answers.
  wake() {
    if (this.state === "waiting") {
      this.#attempt = 0;
      this.#connect();
    } else if (this.state === "live") {
      this.#probe();
    }
  }

  // True when it went onto the wire; that says nothing of its arrival.
  send(frame) {
    if (this.state !== "live") return false;
    this.#ws.send(JSON.stringify(frame));
    return true;
  }

  async #connect() {
    this.#drop();
    const round = this.#round;
    this.#enter("connecting", "");
    let hello;
    try {
      hello = await this.#prepare();
    } catch (error) {
      if (round === this.#round) this.#lost(error.code || "unreachable");
      return;
    }
    if (round !== this.#round) return;
    const ws = new WebSocket(`${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${this.#path}`);
    this.#ws = ws;
    this.#timer = setTimeout(() => this.#lost("silent"), WELCOME_MS);
    ws.onopen = () => ws.send(JSON.stringify(hello));
    ws.onclose = (event) => round === this.#round && this.#lost(event.code);
    ws.onmessage = (event) => round === this.#round && this.#take(event.data);
  }

  #take(data) {
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame.type === "welcome") {
      clearTimeout(this.#timer);
      this.#attempt = 0;
      this.#enter("live", "");
    }
    this.#listen();
    this.#onFrame(frame);
  }

  // A connection can die without a word: after a long quiet ask, and give up on no answer.
  #listen() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#probe(), QUIET_MS);
  }

  #probe() {
    clearTimeout(this.#watch);
    if (this.state !== "live") return;
    if (this.#onQuiet() === false) this.#listen();
    else this.#watch = setTimeout(() => this.#lost("silent"), ANSWER_MS);
  }

  #lost(why) {
    this.#drop();
    this.#timer = setTimeout(() => this.#connect(), pause(this.#attempt));
    this.#attempt += 1;
    this.#enter("waiting", why);
  }

  // Leave the old connection at once; its close may take minutes to be noticed.
  #drop() {
    this.#round += 1;
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
    if (this.#ws) this.#ws.close();
    this.#ws = null;
  }

  #enter(state, why) {
    this.state = state;
    this.#onState(state, why);
  }
}
