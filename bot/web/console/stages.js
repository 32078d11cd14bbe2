// The candidate that is tried, on the page of models: its stage, its figures as they come in, and its buttons.
//
// watch({ card, sure, changed, promote }) fills the card and looks again now and then; `changed` is called when a
// stage has begun or ended. buttons(version) and ended(version) are what a version's line says of stages.

import { el, keep, say } from "/widget/dom.js";
import { count, when } from "./admin.js";
import { call } from "./api.js";
import { bars, chart } from "./charts.js";
import { badge, percent } from "./gate.js";
import { notice } from "./notices.js";

const PATH = "/api/admin/models/stages";
const LOOK_MS = 15000;
const STEPS = [
  ["candidate", "Candidate"],
  ["shadow", "Shadow"],
  ["canary", "Canary"],
  ["live", "Live"],
];
const KINDS = { shadow: "in shadow", canary: "canary" };
const ENDS = { passed: "passed", returned: "came back", stopped: "was stopped" };

let page = null;
let known = { running: null, ended: [] };
let waiting = null;
let drawn = "";

export async function watch(given) {
  page = given;
  await look(true);
}

async function look(first = false) {
  clearTimeout(waiting);
  try {
    const found = await call("GET", PATH);
    const moved = !first && identity(found) !== identity(known);
    known = found;
    show();
    if (moved) await page.changed();
  } catch (problem) {
    if (problem.status === 401) return;
  }
  waiting = setTimeout(() => look(), LOOK_MS);
}

const identity = ({ running, ended }) => [running?.id, running?.ready, ended[0]?.id].join(" ");

async function act(path, body, words) {
  try {
    const { stage } = await call("POST", path, body);
    notice(words(stage));
  } catch (problem) {
    notice(problem.message);
  }
  await look();
}

// A version's line.

export function buttons({ version, state, tainted }) {
  if (state !== "candidate" || tainted || known.running) return null;
  const shadow = el("button", { class: "button", type: "button", title: "It drafts unseen beside the version that serves" }, "Try in shadow");
  shadow.addEventListener("click", () => {
    shadow.disabled = true;
    say(shadow, "Loading…");
    act("/api/admin/models/shadow", { version }, ({ percent: share }) => `${version} drafts unseen for ${share} % of the messages.`);
  });
  return [shadow, canary(version)];
}

function canary(version) {
  const button = el("button", { class: "button", type: "button", title: "It serves a share of the conversations" }, "Canary");
  const begin = () => {
    button.disabled = true;
    act("/api/admin/models/canary", { version }, ({ percent: share }) => `${version} serves ${share} % of the conversations.`);
  };
  button.addEventListener("click", () => page.sure(button, "Really serve customers", begin));
  return button;
}

export function ended(version) {
  const last = known.ended.find((one) => one.version === version);
  if (!last || known.running?.version === version) return null;
  const words = `${last.kind === "shadow" ? "Shadow" : "Canary"} ${ENDS[last.state]}, ${when(last.ended_at)}: ${last.reason}`;
  return el("p", { class: last.state === "returned" ? "why bad" : "why" }, words);
}

// The card.

function show() {
  const { card } = page;
  const stage = known.running;
  card.hidden = !stage;
  const wanted = stage ? `${stage.id} ${stage.ready} ${known.loaded}` : "";
  if (card.dataset.shows !== wanted) {
    card.dataset.shows = wanted;
    card.replaceChildren(...(stage ? headOf(stage) : []));
    drawn = "";
  }
  const figures = stage && (known.shadow ?? known.canary);
  const now = JSON.stringify(figures);
  if (!figures || now === drawn) return;
  drawn = now;
  keep(card.querySelector(".figures"), stage.kind === "shadow" ? shadowFigures(stage, figures) : canaryFigures(stage, figures));
}

function headOf(stage) {
  const of = stage.kind === "shadow" ? "drafts unseen for" : "serves";
  const things = stage.kind === "shadow" ? "messages" : "conversations";
  const told = `${of} ${stage.percent} % of the ${things}, beside ${stage.champion}, since ${when(stage.created_at)}`;
  const size = known.megabytes ? `, ${known.megabytes.toLocaleString()} MB and what libraries add` : "";
  const memory = known.loaded ? `Two versions are loaded, which costs every node the memory of a second one${size}.` : "This node is loading it.";
  return [
    el("p", { class: "line" }, badge(stage.kind, KINDS[stage.kind]), el("strong", {}, stage.version), el("span", { class: "soft" }, told), el("span", { class: "verbs" }, verbs(stage))),
    steps(stage),
    el("p", { class: "soft small" }, memory),
    el("div", { class: "figures trial" }),
  ];
}

function verbs(stage) {
  const stop = el("button", { class: "button", type: "button" }, "Stop");
  stop.addEventListener("click", () => page.sure(stop, "Really stop", () => act(`${PATH}/stop`, {}, () => `${stage.champion} has all conversations again.`)));
  if (stage.kind === "shadow") return [canary(stage.version), stop];
  const promote = el("button", { class: stage.ready ? "button strong" : "button", type: "button" }, "Promote");
  promote.addEventListener("click", () => page.sure(promote, "Really promote", () => page.promote(stage.version).then(() => look())));
  return [promote, stop];
}

function steps({ kind, ready }) {
  const at = STEPS.findIndex(([name]) => name === kind);
  const step = ([name, words], index) =>
    el(
      "li",
      { class: index < at ? "past" : "", "aria-current": index === at ? "step" : null },
      el("span", { class: "step" }, words),
      ready && index === at + 1 && el("span", { class: "badge" }, name === "live" ? "ready to promote" : "ready to go on"),
    );
  return el("ol", { class: "steps", "aria-label": "The way of a candidate" }, STEPS.map(step));
}

const points = (value) => `${value > 0 ? "+" : ""}${(value * 100).toFixed(1)}`;

function shadowFigures(stage, { drafted, own, own_first: first, every, every_first: everyFirst, course }) {
  const verdict = own.verdict === "too few" ? own.said : `${own.verdict}: ${points(own.mean)} points (${points(own.low)} to ${points(own.high)})`;
  const seen = `It has drafted for ${count(drafted, "message")}; agents have answered ${every.moments.toLocaleString()} of them since, ${own.moments.toLocaleString()} in their own words.`;
  const next = `It is judged at ${count(stage.next_look, "moment")} of agents' own words: a worse one ends by itself.`;
  const rows = [
    ["best of three, own words", own],
    ["first draft, own words", first],
    ["best of three, all moments", every],
    ["first draft, all moments", everyFirst],
  ].flatMap(([name, one]) => [
    { name, value: one.candidate, note: "candidate", tone: 1 },
    { name: "", value: one.champion, note: `champion, ${count(one.moments, "moment")}`, tone: 2 },
  ]);
  return [
    el("p", { class: `verdict ${own.verdict.replace(" ", "-")}` }, capital(verdict)),
    el("p", { class: "why" }, `${seen} ${next}`),
    gainChart(course),
    bars({ title: "How like what was sent the drafts are (0 to 100 %)", rows, format: percent, to: 1 }),
    el("p", { class: "why" }, "Where agents take a draft, it is the champion's: all moments favour it. Where they write themselves, it had failed: those favour the candidate a little. The canary decides between the two."),
  ];
}

function gainChart(course) {
  const most = Math.max(0.05, ...course.flatMap((one) => [Math.abs(one.low), Math.abs(one.high)]));
  const end = [0.05, 0.1, 0.2, 0.4, 1].find((one) => one >= most); // of which half is a round number, too
  return chart({
    title: "Candidate less champion: points of likeness to agents' own words, as moments came in, with the 95 % interval",
    x: { kind: "number", label: "moments", from: 0 },
    y: { label: "points", from: -end, to: end, format: points },
    layers: [
      { kind: "band", name: "95 % interval", tone: 1, points: course.map((one) => ({ x: one.moments, low: one.low, high: one.high })) },
      { kind: "line", name: "gain", tone: 1, points: course.map((one) => ({ x: one.moments, y: one.mean })) },
    ],
    marks: [{ y: 0, name: "no difference" }],
    empty: "Nothing to draw yet: no agent has answered in their own words.",
  });
}

function canaryFigures(stage, { candidate, champion, enough, said }) {
  const left = Math.max(0, enough - candidate.decisions);
  const ready = stage.ready ? "Enough was decided without harm: ready to promote." : left ? `${count(left, "more decision")} needed without harm before it is ready.` : "";
  const next = `It is judged at ${count(stage.next_look, "decision")}: a worse one goes back by itself, and so does one that fails or is much slower.`;
  const row = (one, tone) => ({
    name: one.version,
    value: one.share,
    low: one.low,
    high: one.high,
    note: `of ${count(one.decisions, "decision")} in ${count(one.conversations, "conversation")}`,
    tone,
  });
  const pace = [candidate, champion].filter((one) => one.slowest !== null).map((one) => `${one.version} ${one.slowest.toFixed(1)} s`);
  const slow = pace.length ? `The slowest twentieth of the messages takes: ${pace.join(", ")}.` : "";
  const failed = stage.errors ? `Its models failed on ${count(stage.errors, "message")}; the champion answered those.` : "";
  return [
    el("p", { class: "verdict" }, capital(said)),
    el("p", { class: "why" }, [ready, next, slow, failed].filter(Boolean).join(" ")),
    bars({
      title: "Drafts that agents sent as they were or lightly edited, with 95 % intervals",
      rows: [row(candidate, 1), row(champion, 2)].filter((_, at) => [candidate, champion][at].decisions),
      format: percent,
      to: 1,
      empty: "Nothing was decided yet.",
    }),
  ];
}

const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);
