// The console: starts the parts, and shows the desk to those who are signed in and the door to others.

import { loadList, openConversation } from "./actions.js";
import * as api from "./api.js";
import * as composer from "./composer.js";
import * as help from "./help.js";
import * as keys from "./keys.js";
import * as list from "./list.js";
import * as live from "./live.js";
import * as panel from "./panel.js";
import * as signin from "./signin.js";
import { change, on, state } from "./store.js";
import * as suggestions from "./suggestions.js";
import * as talkbar from "./talkbar.js";
import * as thread from "./thread.js";
import * as topbar from "./topbar.js";

const door = document.getElementById("door");
const desk = document.getElementById("desk");
const UUID = /^#[0-9a-f-]{36}$/i;

for (const part of [signin, topbar, list, talkbar, thread, suggestions, composer, panel, help, keys]) part.start();
on(["account"], admit);

function admit() {
  const wasIn = !desk.hidden;
  const isIn = Boolean(state.account && !state.account.must_change);
  desk.hidden = !isIn;
  door.hidden = isIn;
  if (isIn && !wasIn) {
    live.start();
    loadList();
    if (UUID.test(location.hash)) openConversation(location.hash.slice(1));
  } else if (!isIn) {
    live.stop();
    if (wasIn) {
      openConversation(null);
      change({ items: [], next: null, listed: false });
    }
    signin.ask();
  }
}

addEventListener("hashchange", () => UUID.test(location.hash) && openConversation(location.hash.slice(1)));

try {
  change({ account: (await api.session()).account });
} catch (problem) {
  if (problem.status !== 401) document.getElementById("refusal").textContent = problem.message;
  change({ account: null });
}
