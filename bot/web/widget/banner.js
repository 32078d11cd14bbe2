// One line below the header when the connection isn't there. A short hiccup is not worth a word.

import { say } from "./dom.js";

const WORTH_SAYING_MS = 2500;

export class Banner {
  #line = document.getElementById("banner");
  #timer = 0;

  show(state) {
    clearTimeout(this.#timer);
    if (state === "live" || state === "stopped") this.#line.hidden = true;
    else if (!navigator.onLine) this.#say("You are offline. What you write is sent as soon as you are back.");
    else if (this.#line.hidden) this.#timer = setTimeout(() => this.#say("Connecting again…"), WORTH_SAYING_MS);
    else this.#say("Connecting again…");
  }

  #say(text) {
    say(this.#line, text);
    this.#line.hidden = false;
  }
}
