// The page of automatic replies: how far Deskhand may go, what that would mean, and what it has sent.

import { el, say } from "/widget/dom.js";
import { count, enter } from "./admin.js";
import { call } from "./api.js";
import { draw } from "./curve.js";
import { notice } from "./notices.js";
import * as reviews from "./reviews.js";

const PLACE = "/api/admin/automatic";
const LOOK_AGAIN_MS = 20000;
const USUAL_RATE = 5;
const MODES = [
  ["off", "Nothing", "No suggestions are made."],
  ["draft", "Suggestions for agents", "An agent decides about every reply."],
  ["automatic", "Automatic replies", "Sure replies go out by themselves, marked as automatic, with the offer of a person."],
];

const state = document.getElementById("state");
const form = document.getElementById("choice");
const refusal = document.getElementById("refusal");
const figure = document.getElementById("curve");
const sentences = new Map();
let now = null;

if (await enter(state)) {
  build();
  form.addEventListener("submit", save);
  form.addEventListener("change", () => (say(refusal, ""), show()));
  new ResizeObserver(() => now && curve()).observe(figure);
  reviews.start(look);
  await look();
  if (now) choose(now.mode, now.tolerated ?? USUAL_RATE);
  setInterval(() => document.hidden || look(), LOOK_AGAIN_MS);
}

function build() {
  const modes = document.getElementById("modes");
  for (const [value, name, about] of MODES) modes.append(radio("mode", value, name, el("span", { class: "soft" }, about)));
  const rates = document.getElementById("rates");
  for (const percent of [1, 2, 5, 10]) {
    const sentence = el("span", { class: "soft" });
    sentences.set(percent, sentence);
    rates.append(radio("rate", percent, `${percent} in 100`, sentence));
  }
}

function radio(group, value, name, about) {
  const id = `${group}-${value}`;
  const input = el("input", { type: "radio", name: group, value, id, "aria-describedby": `${id}-about` });
  about.id = `${id}-about`;
  return el("div", { class: "option" }, input, el("label", { for: id }, name), about);
}

function choose(mode, percent) {
  form.elements.mode.value = mode;
  form.elements.rate.value = String(percent);
  show();
}

async function look() {
  try {
    now = await call("GET", PLACE);
  } catch (problem) {
    say(state, problem.status === 401 ? "You are signed out. Please sign in again." : problem.message);
    return;
  }
  document.getElementById("desk").hidden = false;
  show();
  await reviews.look();
}

async function save(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say(refusal, "");
  try {
    now = await call("PUT", PLACE, { mode: form.elements.mode.value, tolerated: rate() });
    choose(now.mode, now.tolerated);
    notice("Saved. In force from the next message on.");
  } catch (problem) {
    say(refusal, problem.status === 409 ? `Not switched on. ${problem.message}` : problem.message);
  } finally {
    button.disabled = false;
  }
}

function rate() {
  return Number(form.elements.rate.value) || USUAL_RATE;
}

function show() {
  if (!now) return;
  state.dataset.state = now.state;
  state.replaceChildren(...told());
  for (const one of now.choices) say(sentences.get(one.percent), outlook(one));
  say(document.getElementById("seen"), seen());
  const { right, wrong, waiting } = now.reviews;
  say(
    document.getElementById("judged"),
    `Of 100 automatic replies, ${now.review_percent} are put before you. So far ${right.toLocaleString()} right, ${wrong.toLocaleString()} wrong; ${waiting.toLocaleString()} to go.`,
  );
  curve();
}

function told() {
  const strong = (text) => el("strong", {}, text);
  if (now.state === "on") {
    const share = Math.round(now.coverage * 100);
    return [strong("On."), ` Suggestions of ${now.version} that score ${now.floor.toFixed(2)} or more go out by themselves: about ${share} of 100 messages.`];
  }
  if (now.state === "waiting") return [strong("Paused."), ` ${now.why}`];
  if (now.state === "stopped") return [strong("Stopped by itself."), ` ${now.why} Save again to begin anew, once enough suggestions are reviewed.`];
  if (now.mode === "off") return [strong("Off."), " Deskhand suggests nothing."];
  return [strong("Off."), " Every suggestion waits for an agent."];
}

function outlook({ point, missing, why }) {
  if (point) return `${Math.round(point.coverage * 100)} of 100 messages would be answered alone`;
  if (!now.version) return why;
  const more = `${now.reviewed && !why.startsWith(String(missing)) ? "at least " : ""}${count(missing, "more reviewed suggestion")}`;
  return `${more} needed`;
}

function seen() {
  if (!now.version) return "The models are still loading.";
  if (!now.reviewed) return `No suggestion of ${now.version} has been reviewed yet. Every model version needs reviews of its own: agents give them by sending, editing or rejecting suggestions.`;
  const good = now.reviewed - now.errors;
  return `${count(now.reviewed, "suggestion")} of ${now.version} reviewed; ${good.toLocaleString()} could have gone out as ${good === 1 ? "it was" : "they were"}. Every model version needs reviews of its own.`;
}

function curve() {
  document.getElementById("curvepart").hidden = !now.version;
  figure.hidden = now.curve.length < 2;
  if (!figure.hidden) draw(figure, now.curve, now.choices.find((one) => one.percent === rate()));
}
