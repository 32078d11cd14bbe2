// Where the visitor writes: Enter sends, Shift+Enter makes a new line, the field grows with the text.

const TYPING_EVERY_MS = 3000;
const TYPING_ENDS_MS = 5000;

export class Composer {
  #form = document.getElementById("composer");
  #field = document.getElementById("text");
  #send = document.querySelector("#composer .send");
  #onTyping;
  #lastTyping = 0;
  #pauseTimer = 0;

  constructor({ onSend, onTyping }) {
    this.#onTyping = onTyping;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#field.value.trim();
      if (!text) return;
      this.#field.value = "";
      this.#stopTyping();
      this.#fit();
      onSend(text);
      this.focus();
    });
    this.#field.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    this.#field.addEventListener("input", () => {
      this.#fit();
      if (this.#field.value.trim()) this.#typing();
      else this.#stopTyping();
    });
    this.#fit();
  }

  focus() {
    this.#field.focus();
  }

  #fit() {
    this.#send.disabled = !this.#field.value.trim();
    this.#field.style.height = "auto";
    this.#field.style.height = `${Math.min(132, this.#field.scrollHeight)}px`;
  }

  #typing() {
    const now = Date.now();
    clearTimeout(this.#pauseTimer);
    this.#pauseTimer = setTimeout(() => this.#stopTyping(), TYPING_ENDS_MS);
    if (now - this.#lastTyping < TYPING_EVERY_MS) return;
    this.#lastTyping = now;
    this.#onTyping(true);
  }

  #stopTyping() {
    clearTimeout(this.#pauseTimer);
    if (this.#lastTyping) this.#onTyping(false);
    this.#lastTyping = 0;
  }
}
