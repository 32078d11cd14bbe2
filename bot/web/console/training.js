// The page of training: begins a round, shows how far it is, cancels it, keeps the schedule, lists what came of rounds.

import { el, keep, say } from "/widget/dom.js";
import { count, enter, when } from "./admin.js";
import { call } from "./api.js";
import { badge, checks, figures } from "./gate.js";
import { notice } from "./notices.js";

const LOOK_MS = 2000;
const REST_MS = 15000;
const WHY = { "asked for": "asked for", nightly: "nightly", weekly: "weekly", erasure: "after a customer was erased" };

const $ = (id) => document.getElementById(id);
const state = $("state");
let waiting = null;
let known = null;

if (await enter(state)) {
  const hours = Array.from({ length: 24 }, (_, hour) => el("option", { value: hour }, `${String(hour).padStart(2, "0")}:00`));
  $("hour").append(...hours);
  $("begin").addEventListener("click", begin);
  $("when").addEventListener("change", fit);
  $("schedule").addEventListener("submit", save);
  look();
}

async function look() {
  clearTimeout(waiting);
  let pause = REST_MS;
  try {
    const found = await call("GET", "/api/admin/training-runs");
    if (known === null) fill(found.schedule);
    known = found;
    render(found);
    if (found.items.some(going)) pause = LOOK_MS;
  } catch (problem) {
    say(state, problem.status === 401 ? "You are signed out. Please sign in again." : problem.message);
    if (problem.status === 401) return;
  }
  waiting = setTimeout(look, pause);
}

const going = (run) => run.state === "queued" || run.state === "running";

async function ask(method, path, body, done) {
  try {
    await call(method, path, body);
    if (done) notice(done);
  } catch (problem) {
    notice(problem.message);
  }
  await look();
}

async function begin() {
  $("begin").disabled = true;
  await ask("POST", "/api/admin/training-runs", {}, "A round begins within seconds.");
}

function render(found) {
  const current = found.items.find(going);
  $("begin").disabled = Boolean(current);
  say(state, `${count(found.reviewed, "conversation")} reviewed by agents since the last round.`);
  $("now").hidden = !current;
  if (current) $("now").replaceChildren(...running(current));
  $("plan").hidden = false;
  const next = found.next ? `Next: ${when(found.next)}, by the server's clock.` : "";
  say($("following"), [next, "A round that was missed is caught up once. Customers are answered meanwhile."].filter(Boolean).join(" "));
  const ended = found.items.filter((run) => !going(run));
  $("past").hidden = !ended.length;
  keep($("runs"), ended.map(item));
}

function running(run) {
  const told = run.progress;
  const title = run.state === "queued" ? "A round is about to begin" : "A round is running";
  const stop = el("button", { class: "button", type: "button", onclick: () => cancel(run, stop) }, run.cancelled ? "Ending…" : "Cancel");
  stop.disabled = run.cancelled;
  const head = el("p", { class: "line" }, el("strong", {}, title), el("span", { class: "soft" }, begun(run)), stop);
  if (!told) return [head, el("p", { class: "why" }, "Freezing the conversations that it learns from…")];
  const bar = el("progress", { max: Math.max(1, told.total), value: told.done, "aria-label": told.what });
  return [head, bar, el("p", { class: "why" }, `${told.what}: ${told.done.toLocaleString()} of ${told.total.toLocaleString()}${left(told)}`)];
}

function left({ done, total, since }) {
  if (!done || done >= total) return "";
  const seconds = ((Date.now() - Date.parse(since)) / 1000 / done) * (total - done);
  if (!Number.isFinite(seconds) || seconds < 5) return "";
  return seconds < 90 ? `, about ${Math.round(seconds)} s left of this step` : `, about ${Math.round(seconds / 60)} min left of this step`;
}

const begun = (run) => `${WHY[run.options.why] ?? run.options.why ?? "asked for"}, ${when(run.started_at ?? run.created_at)}`;

function cancel(run, stop) {
  stop.disabled = true;
  ask("POST", `/api/admin/training-runs/${run.id}/cancel`, {}, "The round ends within seconds.");
}

const items = new Map();

// A line is made once for each round, so that what somebody has unfolded stays so.
function item(run) {
  if (!items.has(run.id)) items.set(run.id, made(run));
  return items.get(run.id);
}

function made(run) {
  const { report } = run;
  const head = el(
    "p",
    { class: "line" },
    badge(run.state, run.cancelled && "cancelled"),
    el("strong", {}, run.version ?? "no version"),
    el("span", { class: "soft" }, begun(run)),
    run.version && el("a", { href: `/console/models.html#${run.version}` }, "Look at it"),
  );
  const learned = report.conversations
    ? `learned from ${count(report.conversations, "conversation")} in ${Math.max(1, Math.round(report.seconds / 60))} min`
    : "";
  const told = [learned, figures(report)].filter(Boolean).join(" · ");
  const reasons = report.gate?.reasons ?? [];
  return el(
    "li",
    {},
    head,
    told && el("p", { class: "why" }, told),
    run.error && el("p", { class: "why bad" }, run.error),
    reasons.length > 0 && el("p", { class: "why bad" }, reasons.join(" · ")),
    report.gate?.checks?.length > 0 && el("details", {}, el("summary", {}, "What the gate looked at"), checks(report.gate)),
  );
}

// The schedule.

function fill(schedule) {
  $("when").value = schedule.when;
  $("weekday").value = schedule.weekday;
  $("hour").value = schedule.hour;
  $("reviewed").value = schedule.after_reviewed ?? "";
  $("minutes").value = schedule.minutes;
  $("promote").value = schedule.promote;
  fit();
}

function fit() {
  $("day").hidden = $("when").value !== "weekly";
  $("time").hidden = $("when").value === "off";
}

function save(event) {
  event.preventDefault();
  const body = {
    when: $("when").value,
    hour: Number($("hour").value),
    weekday: Number($("weekday").value),
    after_reviewed: $("reviewed").value ? Number($("reviewed").value) : null,
    minutes: Number($("minutes").value),
    promote: $("promote").value,
  };
  ask("PUT", "/api/admin/training-schedule", body, "Saved.");
}
