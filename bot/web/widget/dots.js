// The dots that say somebody is writing. They go when the writer stops, when the message has come,
// when the connection is lost, and in any case after a few seconds without a new sign.

import { say } from "./dom.js";

const BELIEVED_MS = 6000;

export class Dots {
  #line = document.getElementById("typing");
  #name = document.getElementById("typist");
  #timer = 0;

  show(name) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.hide(), BELIEVED_MS);
    say(this.#name, name ? `${name} is writing` : "Somebody is writing");
    this.#line.hidden = false;
  }

  hide() {
    clearTimeout(this.#timer);
    this.#line.hidden = true;
  }
}
