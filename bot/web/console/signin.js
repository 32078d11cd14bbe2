// The door: the sign-in form, a password of one's own in place of a given one, and the way out.

import { say } from "/widget/dom.js";
import * as api from "./api.js";
import { change, state } from "./store.js";

const form = document.getElementById("signin");
const own = document.getElementById("own");
const refusal = document.getElementById("refusal");
const ownRefusal = document.getElementById("ownrefusal");

export function start() {
  form.addEventListener("submit", enter);
  own.addEventListener("submit", choose);
  document.getElementById("signout").addEventListener("click", leave);
}

// Whoever still has a password that somebody else chose is asked for one of their own first.
export function ask() {
  const given = Boolean(state.account?.must_change);
  form.hidden = given;
  own.hidden = !given;
  say(refusal, "");
  say(ownRefusal, "");
  if (!given) form.email.focus();
  else (own.current.value ? own.chosen : own.current).focus();
}

async function enter(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say(refusal, "");
  try {
    const { account } = await api.signIn(form.email.value.trim(), form.password.value);
    if (account.must_change) own.current.value = form.password.value;
    form.reset();
    change({ account });
  } catch (problem) {
    say(refusal, problem.status === 429 ? "Too many tries. Please wait some minutes." : problem.message);
    form.password.select();
  } finally {
    button.disabled = false;
  }
}

async function choose(event) {
  event.preventDefault();
  const button = own.querySelector("button");
  if (own.chosen.value !== own.again.value) {
    say(ownRefusal, "The two are not the same. Please type yours once more.");
    return own.again.select();
  }
  button.disabled = true;
  say(ownRefusal, "");
  try {
    await api.changePassword(own.current.value, own.chosen.value);
    own.reset();
    change({ account: (await api.session()).account });
  } catch (problem) {
    say(ownRefusal, problem.status === 429 ? "Too many tries. Please wait some minutes." : problem.message);
    if (problem.status === 401) change({ account: null });
    else (problem.pointer === "/current" ? own.current : own.chosen).select();
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
