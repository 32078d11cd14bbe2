// The page of the audit log: filters, pages that go on where the last one ended, and the log as a file.

import { el, say } from "/widget/dom.js";
import { enter } from "./admin.js";
import { call } from "./api.js";
import { notice } from "./notices.js";

const PLACE = "/api/admin/audit";
const DAY = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
const TIME = { hour: "2-digit", minute: "2-digit" };

const state = document.getElementById("state");
const days = document.getElementById("days");
const more = document.getElementById("more");
const filter = document.getElementById("filter");
const fields = ["actor", "action", "day"].map((name) => document.getElementById(name));
let next = null;
let asked = 0;

if (await enter(state)) {
  try {
    await names();
  } catch (problem) {
    say(state, problem.message);
  }
  restore();
  filter.hidden = false;
  filter.addEventListener("submit", (event) => event.preventDefault());
  for (const field of fields) field.addEventListener("change", anew);
  document.getElementById("all").addEventListener("click", () => {
    for (const field of fields) field.value = "";
    fields[0].focus();
    anew();
  });
  more.addEventListener("click", () => look(next));
  anew();
}

async function names() {
  const { actors, actions } = await call("GET", `${PLACE}/names`);
  fields[0].append(...actors.map((name) => el("option", { value: name }, name)));
  fields[1].append(...actions.map((name) => el("option", { value: name }, spaced(name))));
}

function spaced(name) {
  return name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
}

// The filter stands in the address, so that a reload or a link shows the same.
function restore() {
  const given = new URLSearchParams(location.search);
  for (const field of fields) field.value = given.get(field.id) ?? "";
}

function query() {
  const [actor, action, day] = fields.map((field) => field.value);
  const found = new URLSearchParams();
  if (actor) found.set("actor", actor);
  if (action) found.set("action", action);
  if (day) {
    const [year, month, date] = day.split("-").map(Number);
    found.set("since", new Date(year, month - 1, date).toISOString());
    found.set("until", new Date(year, month - 1, date + 1).toISOString());
  }
  return found;
}

function anew() {
  const shown = new URLSearchParams(fields.filter((field) => field.value).map((field) => [field.id, field.value]));
  history.replaceState(null, "", shown.size ? `?${shown}` : location.pathname);
  document.getElementById("all").hidden = !shown.size;
  for (const format of ["csv", "jsonl"]) {
    const link = document.getElementById(format);
    link.href = `${PLACE}/export?${new URLSearchParams([...query(), ["format", format]])}`;
    link.hidden = false;
  }
  look(null);
}

async function look(before) {
  const turn = ++asked;
  more.disabled = true;
  const wanted = query();
  if (before) wanted.set("before", before);
  try {
    const page = await call("GET", `${PLACE}?${wanted}`);
    if (turn !== asked) return; // another filter was chosen meanwhile
    if (!before) days.replaceChildren();
    const first = render(page.items);
    next = page.next;
    more.hidden = next === null;
    say(state, days.childElementCount ? "" : "Nothing like this is in the log.");
    if (before) first?.focus();
  } catch (problem) {
    if (turn !== asked) return;
    if (problem.status === 401) return location.replace("/console/");
    if (before) notice(problem.message);
    else say(state, problem.message);
  } finally {
    more.disabled = false;
  }
}

// Adds entries below those that are there; gives the first line that is new.
function render(items) {
  let first = null;
  for (const entry of items) {
    const at = new Date(entry.at);
    const day = at.toLocaleDateString([], DAY);
    let list = days.lastElementChild?.querySelector("ul");
    if (days.lastElementChild?.dataset.day !== day) {
      list = el("ul", { class: "entries" });
      days.append(el("section", { "data-day": day }, el("h2", {}, day), list));
    }
    const line = el(
      "li",
      { tabindex: -1 },
      el("time", { datetime: entry.at, title: at.toLocaleString() }, at.toLocaleTimeString([], TIME)),
      el(
        "div",
        {},
        el("p", {}, el("b", {}, entry.actor), ` ${entry.said}`),
        entry.details && el("p", { class: "soft" }, entry.details),
      ),
    );
    list.append(line);
    first ??= line;
  }
  return first;
}
