// The page of the policy: hours, sensitive intents, anger and languages, for all channels or for one.

import { el, say } from "/widget/dom.js";
import { enter } from "./admin.js";
import { call } from "./api.js";
import { notice } from "./notices.js";

const PLACE = "/api/admin/rules";
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_NAMES = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const OFFICE = "09:00-17:00";
const ANGER = {
  very: "The very angry: very negative, and in angry words, with a complaint, or for the second time in a row",
  upset: "Whoever is very negative, at the first message",
  never: "Nobody for this alone",
};
const HOURS = { always: "Somebody is always there", week: "These hours" };

const state = document.getElementById("state");
const form = document.getElementById("rules");
const channel = document.getElementById("channel");
const refusal = document.getElementById("refusal");
const field = (id) => document.getElementById(id);
const ruleOf = (name) => all.channels.find((one) => one.channel === name);
const listed = (names) => names.map((name) => name.replaceAll("_", " ")).join(", ");
const parts = (text) => text.split(/[,;\s]+/).filter(Boolean);
const ticked = (place) => [...field(place).querySelectorAll("input:checked")].map((box) => box.value);
const collected = () => JSON.stringify(rules());
let all = null;
let shown = "default";
let saved = "";

if (await enter(state)) {
  try {
    all = await call("GET", PLACE);
    build();
    show();
    form.hidden = false;
  } catch (problem) {
    say(state, problem.message);
  }
}

function build() {
  field("zones").append(...Intl.supportedValuesOf("timeZone").map((zone) => el("option", { value: zone })));
  field("days").append(...DAYS.map((day, at) => el("p", { class: "day" }, el("label", { for: day }, DAY_NAMES[at]), el("input", { id: day, placeholder: "closed", autocomplete: "off", spellcheck: "false" }))));
  ticks("intents", all.intents, (name) => name.replaceAll("_", " "));
  const names = new Intl.DisplayNames(["en"], { type: "language" });
  ticks("tongues", all.languages, (code) => names.of(code) ?? code);
  form.addEventListener("submit", save);
  form.addEventListener("change", (event) => event.target === channel || follow());
  form.addEventListener("input", (event) => event.target.removeAttribute("aria-invalid"));
  channel.addEventListener("change", another);
  addEventListener("beforeunload", (event) => collected() !== saved && event.preventDefault());
}

function ticks(place, values, named) {
  const sorted = [...values].sort((a, b) => named(a).localeCompare(named(b)));
  field(place).append(
    ...sorted.map((value) => {
      const id = `${place}-${value}`;
      return el("span", { class: "tick" }, el("input", { type: "checkbox", id, value }), el("label", { for: id }, named(value)));
    }),
  );
}

// Radio buttons; those of one channel begin with what it has where it has no rule of its own.
function choices(place, options) {
  const name = place.replace("kind", "");
  const lines = Object.entries(options).map(([value, words]) => {
    const id = `${name}-is-${value}`;
    return el("span", { class: "choice" }, el("input", { type: "radio", name, value, id }), el("label", { for: id }, words));
  });
  field(place).replaceChildren(...lines);
}


function show() {
  const own = ruleOf(shown);
  const everywhere = ruleOf("default");
  const one = shown !== "default";
  const same = one ? { same: "As for all channels" } : {};
  choices("hourskind", { ...same, ...HOURS });
  choices("sensitivekind", one ? { ...same, own: "These" } : { same: "As shipped: " + listed(all.shipped.sensitive), own: "These" });
  choices("angerkind", { ...same, ...ANGER });
  choices("languageskind", one ? { ...same, own: "These" } : { same: "As shipped: English", own: "These" });
  const week = own.hours && own.hours !== "always" ? own.hours : null;
  form.elements.hours.value = week ? "week" : (own.hours ?? (one ? "same" : "always"));
  fillWeek(week);
  form.elements.sensitive.value = own.sensitive ? "own" : "same";
  tick("intents", own.sensitive ?? everywhere.sensitive ?? all.shipped.sensitive);
  form.elements.anger.value = own.anger ?? (one ? "same" : all.shipped.anger);
  form.elements.languages.value = own.languages ? "own" : "same";
  tick("tongues", own.languages ?? everywhere.languages ?? all.shipped.languages);
  field("example").hidden = !own.example;
  say(field("example"), own.open ? `Open now. After closing, customers will read: ${own.example}` : `Closed now. Customers read: ${own.example}`);
  say(refusal, "");
  follow();
  saved = collected();
}


function fillWeek(week) {
  field("zone").value = week?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  DAYS.forEach((day, at) => (field(day).value = week ? week.week[day].join(", ") : at < 5 ? OFFICE : ""));
  field("closed").value = week?.closed_on.join(", ") ?? "";
  field("sentence").value = week?.sentence ?? all.shipped.sentence;
}

function tick(place, names) {
  for (const box of field(place).querySelectorAll("input")) box.checked = names.includes(box.value);
}

// What belongs to a choice is there while it is chosen.
function follow() {
  field("week").hidden = form.elements.hours.value !== "week";
  field("intents").classList.toggle("on", form.elements.sensitive.value === "own");
  field("tongues").classList.toggle("on", form.elements.languages.value === "own");
}


function rules() {
  const kind = form.elements.hours.value;
  const sentence = field("sentence").value.trim();
  const week = {
    zone: field("zone").value.trim(),
    week: Object.fromEntries(DAYS.map((day) => [day, parts(field(day).value.replace(/\s*[-–]\s*/g, "-"))])),
    closed_on: parts(field("closed").value),
    sentence: sentence === all.shipped.sentence || !sentence ? null : sentence,
  };
  const anger = form.elements.anger.value;
  return {
    channel: shown,
    hours: kind === "week" ? week : kind === "always" && shown !== "default" ? "always" : null,
    sensitive: form.elements.sensitive.value === "own" ? ticked("intents") : null,
    languages: form.elements.languages.value === "own" ? ticked("tongues") : null,
    anger: anger === "same" || (shown === "default" && anger === all.shipped.anger) ? null : anger,
  };
}


async function another() {
  if (collected() !== saved) {
    channel.value = shown;
    return notice("There are changes that are not saved yet.", "Drop them", () => {
      saved = "";
      show();
    });
  }
  shown = channel.value;
  show();
}

async function save(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say(refusal, "");
  for (const wrong of form.querySelectorAll("[aria-invalid]")) wrong.removeAttribute("aria-invalid");
  try {
    all = await call("PUT", PLACE, rules());
    show();
    notice("Saved. In force from the next message on.");
  } catch (problem) {
    refuse(problem);
  } finally {
    button.disabled = false;
  }
}

// Says what is wrong and goes where it is; what was typed stays.
function refuse(problem) {
  const [, top, next, last] = problem.pointer.split("/");
  const places = { zone: "zone", closed_on: "closed", sentence: "sentence", week: last ?? "mon" };
  const wrong = top === "hours" && next ? field(places[next]) : null;
  if (wrong?.id === "closed") say(refusal, "Write days as 2026-12-25, with commas between.");
  else if (top === "languages" && !next) say(refusal, "Serve at least one language.");
  else say(refusal, problem.message);
  if (wrong) {
    wrong.setAttribute("aria-invalid", "true");
    wrong.setAttribute("aria-describedby", "refusal");
    wrong.focus();
  }
}
