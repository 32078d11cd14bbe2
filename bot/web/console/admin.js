// The head of every admin page: the ways between them, who is signed in, and nobody who isn't an admin.

import { el, say } from "/widget/dom.js";
import { call } from "./api.js";

const PAGES = [
  ["data", "Data"],
  ["learning", "Learning"],
  ["training", "Training"],
  ["models", "Models"],
  ["intents", "New intents"],
  ["articles", "Articles"],
  ["automatic", "Automatic replies"],
  ["policy", "Policy"],
  ["people", "People"],
  ["audit", "Audit"],
];

// Draws the head; gives the account, or null after saying in `state` why there is nothing to do here.
export async function enter(state) {
  const here = location.pathname.split("/").at(-1).replace(".html", "");
  const me = el("p", { class: "me" });
  const mark = el("p", { class: "mark" }, el("img", { src: "/console/icon.svg", alt: "", width: 22, height: 22 }), " Deskhand");
  const ways = PAGES.map(([file, name]) =>
    el("a", { href: `/console/${file}.html`, ...(file === here ? { "aria-current": "page" } : {}) }, name),
  );
  const nav = el("nav", { class: "ways", "aria-label": "Admin pages" }, ...ways);
  const back = el("a", { class: "quiet", href: "/console/" }, "Conversations");
  document.getElementById("bar").replaceChildren(mark, nav, back, me);
  nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  try {
    const { account } = await call("GET", "/api/session");
    say(me, account.name);
    if (account.must_change) location.replace("/console/"); // the door asks for a password of their own
    if (account.role === "admin") return account;
    say(state, "Only admins work on this page. Please ask one of them.");
  } catch (problem) {
    if (problem.status === 401) location.replace("/console/");
    else say(state, problem.message);
  }
  return null;
}

export const count = (number, word, many = `${word}s`) =>
  `${number.toLocaleString()} ${number === 1 ? word : many}`;
export const when = (at) => new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
