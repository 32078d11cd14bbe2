// The page of new intents: starts the search, shows what it found, and names a group by one Enter.

import { el, keep, say } from "/widget/dom.js";
import { count, enter, when } from "./admin.js";
import { call } from "./api.js";
import { notice } from "./notices.js";
import { searching } from "./searching.js";

const PLACE = "/api/admin/intents";
const NAME = "[a-z][a-z0-9_]{1,59}";

const button = document.getElementById("search");
const state = document.getElementById("state");
const groups = document.getElementById("groups");
const named = document.getElementById("named");
const cards = new Map();
const look = searching({ button, state, place: PLACE, start: "/api/admin/intent-searches", render });

if (await enter(state)) {
  look();
}

function render(found) {
  say(state, told(found));
  const keys = found.groups.map((group) => `${found.search.started_at} ${group.key}`);
  for (const key of [...cards.keys()]) if (!keys.includes(key)) cards.delete(key);
  keep(groups, found.groups.map((group, at) => card(keys[at], group, found.search.started_at)));
  named.replaceChildren(...found.named.map(line));
  document.getElementById("namedpart").hidden = !found.named.length;
}

function told({ search: last, groups: left }) {
  if (!last) return "The log has not been searched yet.";
  if (last.state === "running") return "Searching… Imported conversations are read for the first time, which can take minutes.";
  if (last.state === "failed") return last.error;
  const looked = `${when(last.finished_at)}: ${count(last.conversations, "conversation")}, ${last.unsure.toLocaleString()} of them open with something that the models are unsure of.`;
  if (last.grouped) return `${looked} ${left.length ? count(left.length, "group") + " to name." : "All groups are named."}`;
  return `${looked} No group of five or more asks for the same.`;
}

// A card is made once for each group, so that what an admin has typed stays.
function card(key, group, started_at) {
  if (!cards.has(key)) cards.set(key, made(group, started_at));
  return cards.get(key);
}

function made(group, started_at) {
  const id = `name-${group.key}`;
  const input = el("input", {
    id,
    value: group.name,
    pattern: NAME,
    title: "Small letters, digits and _, a letter first, such as gift_wrapping",
    maxlength: 60,
    required: true,
    autocomplete: "off",
    spellcheck: "false",
  });
  const send = el("button", { class: "button strong", type: "submit" }, "Name");
  const form = el("form", {}, el("label", { for: id }, "Intent"), input, send);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    name(input, send, { started_at, group: group.key });
  });
  const facts = [count(group.size, "message"), `alike ${Math.round(group.cohesion * 100)} %`];
  return el(
    "li",
    { class: "group" },
    form,
    el("ul", { class: "said" }, group.examples.map((text) => el("li", {}, text.slice(0, 300)))),
    el("p", { class: "facts" }, [...facts, ...group.keywords].join(" · ")),
  );
}

async function name(input, send, group) {
  send.disabled = true;
  const after = input.closest("li").nextElementSibling;
  try {
    const intent = await call("POST", PLACE, { ...group, name: input.value.trim() });
    notice(`${intent.name}: recognised from now on, by ${count(intent.count, "example")}.`);
    await look();
    (after?.querySelector("input") ?? button).focus();
  } catch (problem) {
    if (problem.status !== 404) return notice(problem.message);
    notice("Somebody has named this group or searched again meanwhile. This is what there is now.");
    look();
  } finally {
    send.disabled = false;
  }
}

function line(intent) {
  const remove = el("button", { class: "quiet", type: "button" }, "Remove");
  remove.addEventListener("click", async () => {
    if (!remove.classList.contains("danger")) {
      remove.classList.add("danger");
      return say(remove, "Really remove");
    }
    try {
      await call("DELETE", `${PLACE}/${intent.id}`, {});
      notice(`${intent.name} was removed.`);
    } catch (problem) {
      notice(problem.message);
    }
    look();
  });
  const examples = intent.examples.join(" · ") || "Every example has been erased.";
  return el("li", {}, el("strong", {}, intent.name), el("span", { class: "soft", title: examples }, `${count(intent.count, "example")}: ${examples}`), remove);
}
