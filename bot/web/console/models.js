// The page of models: versions with what their trial showed, promoting one, and going back.

import { el, keep, say } from "/widget/dom.js";
import { count, enter, when } from "./admin.js";
import { call } from "./api.js";
import { bars, chart } from "./charts.js";
import { offer } from "./compare.js";
import { badge, checks, figures, percent } from "./gate.js";
import { notice } from "./notices.js";
import { buttons, ended, watch } from "./stages.js";

const STEPS = 20;

const state = document.getElementById("state");
const list = document.getElementById("versions");
const back = document.getElementById("rollback");
const trials = new Map();
let busy = false;

if (await enter(state)) {
  back.addEventListener("click", () => sure(back, "Really roll back", () => serve("/api/admin/models/rollback", {})));
  addEventListener("hashchange", unfold);
  await watch({ card: document.getElementById("stage"), sure, changed: look, promote });
  await look();
  unfold();
}

async function look() {
  try {
    const found = await call("GET", "/api/admin/models");
    const serving = found.serving ? `${found.serving} answers customers.` : "No model is loaded yet.";
    say(state, found.items.length ? serving : `${serving} Rounds of training add versions here.`);
    back.disabled = busy || !found.items.some((one) => one.state === "retired" && !one.tainted);
    // The starter came first, whenever it was written down.
    const order = (one) => (one.version === "starter" ? "" : one.created_at);
    offer(found);
    keep(list, found.items.sort((a, b) => order(b).localeCompare(order(a))).map(item));
  } catch (problem) {
    say(state, problem.status === 401 ? "You are signed out. Please sign in again." : problem.message);
  }
}

// The second press of a button does it, so that none is done by a slip.
function sure(button, words, act) {
  if (button.dataset.sure) {
    delete button.dataset.sure;
    return act();
  }
  const before = button.textContent;
  button.dataset.sure = "1";
  button.classList.add("danger");
  say(button, words);
  setTimeout(() => {
    delete button.dataset.sure;
    button.classList.remove("danger");
    say(button, before);
  }, 6000);
}

async function serve(path, body) {
  busy = true;
  say(state, "Loading it beside the one that serves…");
  try {
    const { version } = await call("POST", path, body);
    notice(`${version.version} answers customers from now on.`);
  } catch (problem) {
    notice(problem.message);
  }
  busy = false;
  await look();
}

function promote(version) {
  return serve("/api/admin/models/promote", { version });
}

function item(version) {
  const { metrics } = version;
  const live = el("button", { class: "button", type: "button" }, "Promote");
  live.addEventListener("click", () => sure(live, "Really promote", () => promote(version.version)));
  const may = (version.state === "candidate" || version.state === "retired") && !version.tainted;
  const learned = metrics.conversations ? `learned from ${count(metrics.conversations, "conversation")}` : "";
  const told = [when(version.created_at), learned, version.parent && `tried against ${version.parent}`].filter(Boolean).join(" · ");
  return el(
    "li",
    { id: version.version },
    el(
      "p",
      { class: "line" },
      badge(version.state),
      el("strong", {}, version.version),
      version.tainted && el("span", { class: "badge tainted" }, "learned from a customer who was erased"),
      el("span", { class: "soft" }, told),
      el("span", { class: "verbs" }, buttons(version), may && live),
    ),
    ended(version.version),
    metrics.suggestions && el("p", { class: "why" }, figures(metrics)),
    version.reason && el("p", { class: version.state === "refused" ? "why bad" : "why" }, version.reason),
    metrics.gate?.checks?.length > 0 && trial(version),
  );
}

// What is unfolded is made once, and stays through a new look.
function trial({ version, metrics }) {
  if (!trials.has(version)) {
    const inside = el("div", { class: "trial" });
    const fold = el("details", {}, el("summary", {}, "What its trial showed"), checks(metrics.gate), inside);
    fold.addEventListener("toggle", () => fold.open && !inside.children.length && draw(version, inside));
    trials.set(version, fold);
  }
  return trials.get(version);
}

function unfold() {
  const wanted = document.getElementById(location.hash.slice(1));
  const fold = wanted?.querySelector("details");
  if (fold) fold.open = true;
  wanted?.scrollIntoView({ block: "start" });
}

async function draw(version, inside) {
  try {
    const { plots } = await call("GET", `/api/admin/models/report?version=${encodeURIComponent(version)}`);
    inside.replaceChildren(gains(plots.gains), similarity(plots.similarity), loss(plots.loss));
  } catch (problem) {
    inside.replaceChildren(el("p", { class: "soft" }, problem.status === 404 ? "Its plots are not on this machine." : problem.message));
  }
}

function gains(found) {
  const rows = Object.entries(found)
    .sort(([, a], [, b]) => b[0] - a[0])
    .map(([name, [value, low, high]]) => ({ name, value, low, high, tone: value < 0 ? 2 : 1 }));
  const ends = rows.flatMap((row) => [row.low, row.high, 0]);
  const points = (value) => `${value > 0 ? "+" : ""}${(value * 100).toFixed(1)}`;
  return bars({
    title: "By group of questions: points of similarity, new version less the old one, with 95 % intervals",
    rows,
    format: points,
    from: Math.min(...ends),
    to: Math.max(...ends),
    empty: "No group has twenty questions.",
  });
}

function similarity(found) {
  const layers = Object.entries(found).map(([name, values], at) => ({
    kind: "line",
    name,
    tone: at + 1,
    dashed: at > 0,
    points: shares(values),
  }));
  return chart({
    title: "How like the agent's reply the best of three is: share of questions at or above",
    x: { kind: "number", label: "similarity", from: 0, to: 1 },
    y: { label: "of the questions", from: 0, to: 1, format: percent },
    layers,
    empty: "Nothing was asked.",
  });
}

const shares = (values) =>
  Array.from({ length: STEPS + 1 }, (_, at) => {
    const least = at / STEPS;
    return { x: least, y: values.filter((value) => value >= least).length / Math.max(1, values.length) };
  });

function loss(rows) {
  return chart({
    title: "Tuning the reply model: loss on agents' words (it decides nothing)",
    x: { kind: "number", label: "step" },
    y: { label: "nats a token", format: (value) => value.toFixed(1) },
    layers: [{ kind: "line", name: "loss", tone: 1, points: rows.map((row) => ({ x: row.step, y: row.loss })) }],
    empty: "No step was logged.",
  });
}
