// The door: the sign-in form and the way out.

import { say } from "/widget/dom.js";
import * as api from "./api.js";
import { change } from "./store.js";

const form = document.getElementById("signin");
const refusal = document.getElementById("refusal");

export function start() {
  form.addEventListener("submit", enter);
  document.getElementById("signout").addEventListener("click", leave);
}

export function ask() {
  say(refusal, "");
  form.email.focus();
}

async function enter(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say(refusal, "");
  try {
    const { account } = await api.signIn(form.email.value.trim(), form.password.value);
    form.reset();
    change({ account });
  } catch (problem) {
    say(refusal, problem.status === 429 ? "Too many tries. Please wait some minutes." : problem.message);
    form.password.select();
  } finally {
    button.disabled = false;
  }
}

async function leave() {
  try {
    await api.signOut();
  } catch {
    // Where the server can't be asked, the cookie stays; the page at least shows nothing any more.
  }
  change({ account: null });
}
