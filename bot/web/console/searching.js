// A search of the log that the server does by itself: a button starts it, and the page looks until it is done.

import { say } from "/widget/dom.js";
import { call } from "./api.js";
import { notice } from "./notices.js";

const LOOK_AGAIN_MS = 1500;

// `place` is where its findings are read, `start` where one is asked for; `render` is given what was found.
// Gives the function that looks now.
export function searching({ button, state, place, start, render }) {
  let waiting = null;

  async function look() {
    clearTimeout(waiting);
    let running = true;
    try {
      const found = await call("GET", place);
      running = found.search?.state === "running";
      button.disabled = running;
      render(found);
    } catch (problem) {
      if (problem.status === 401) return location.replace("/console/");
      say(state, problem.message);
      running = problem.status === 0;
    }
    if (running) waiting = setTimeout(look, LOOK_AGAIN_MS);
  }

  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await call("POST", start, {});
    } catch (problem) {
      notice(problem.message);
    }
    look();
  });
  return look;
}
