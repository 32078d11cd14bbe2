// Drafts of two versions side by side, at moments that an agent has really answered; on demand without names.

import { el, keep, say } from "/widget/dom.js";
import { count, when } from "./admin.js";
import { call } from "./api.js";
import { STATES, percent } from "./gate.js";
import { withGaps } from "./marks.js";
import { notice } from "./notices.js";
import { lines } from "./stream.js";
import { source } from "./words.js";

const SIDES = ["left", "right"];

const part = Object.fromEntries(
  ["compare", "choice", "left", "right", "blind", "go", "stop", "verdict", "working", "doing", "tally", "moments", "others", "close"].map(
    (id) => [id, document.getElementById(id)],
  ),
);
const bar = part.working.querySelector("progress");
let versions = [];
let serving = null;
let abort = null;
// What is shown: names, moments with their places, and in a blind comparison what was picked.
let shown = { left: "", right: "", blind: false, moments: [] };

part.choice.addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
part.stop.addEventListener("click", () => abort?.abort());
part.others.addEventListener("click", more);
part.close.addEventListener("click", clear);
addEventListener("pagehide", () => abort?.abort());
part.left.addEventListener("change", () => differ(part.left, part.right));
part.right.addEventListener("change", () => differ(part.right, part.left));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const pick = { 1: 0, 2: 1, 0: "equal" }[event.key];
  const next = shown.blind ? shown.moments.find((one) => one.picked === null) : null;
  if (pick === undefined || !next || event.target.matches?.("textarea, select, input:not([type=checkbox])")) return;
  event.preventDefault();
  choose(next, pick);
});

// Called after every look at the versions: the choice stays where it still can.
export function offer(found) {
  serving = found.serving;
  versions = found.items.filter((one) => !one.tainted || one.state === "live");
  if (!versions.some((one) => one.version === "starter"))
    versions = [...versions, { version: "starter", state: "", metrics: {}, created_at: "" }];
  part.compare.hidden = versions.length < 2;
  if (part.compare.hidden) return;
  const newest = versions.toSorted((a, b) => b.created_at.localeCompare(a.created_at));
  const live = newest.find((one) => one.version === serving) ?? newest.find((one) => one.state === "live");
  const left = part.left.value || (live ?? versions.at(-1)).version;
  const others = newest.filter((one) => one.version !== left);
  const right = part.right.value || (others.find((one) => one.state === "candidate") ?? others[0]).version;
  for (const [select, chosen] of [[part.left, left], [part.right, right]]) {
    select.replaceChildren(...newest.map((one) => el("option", { value: one.version }, named(one))));
    select.value = newest.some((one) => one.version === chosen) ? chosen : newest[0].version;
  }
  differ(part.left, part.right);
}

function named({ version, state }) {
  if (version === serving) return `${version} (serves now)`;
  return state === "" || state === "live" ? version : `${version} (${STATES[state]})`;
}

// Two different ones are compared: the other choice gives way.
function differ(chosen, other) {
  if (chosen.value !== other.value) return;
  const free = [...other.options].find((option) => option.value !== chosen.value);
  other.value = free.value;
}

function begin() {
  clear();
  more();
}

function clear() {
  abort?.abort();
  shown = { left: part.left.value, right: part.right.value, blind: part.blind.checked, moments: [] };
  part.moments.replaceChildren();
  part.others.hidden = true;
  summary();
  part.go.focus();
}

async function more() {
  const mine = shown;
  abort?.abort();
  const stop = (abort = new AbortController());
  busy(true);
  try {
    const body = { left: mine.left, right: mine.right, skip: mine.moments.length };
    for await (const line of lines("/api/admin/models/compare", body, stop.signal)) {
      if (mine !== shown) return;
      if (line.kind === "working") working(line);
      else if (line.kind === "moment") add(line.moment);
      else if (line.kind === "failed") notice(line.said);
      else end(line);
    }
  } catch (problem) {
    if (!stop.signal.aborted) notice(problem.status === 401 ? "You are signed out. Please sign in again." : problem.message);
  } finally {
    if (abort === stop) {
      busy(false);
      summary();
    }
  }
}

function busy(now) {
  part.working.hidden = part.stop.hidden = !now;
  part.go.disabled = part.left.disabled = part.right.disabled = part.blind.disabled = part.others.disabled = now;
  if (!now) return part.stop === document.activeElement && part.go.focus();
  bar.removeAttribute("value");
  say(part.doing, "Starting…");
}

function working({ doing, done, total }) {
  if (done) {
    bar.max = total;
    bar.value = done;
  } else bar.removeAttribute("value");
  // Who drafts when would tell which side is whose only if sides were in that order: they are shuffled.
  const words = `${doing[0].toUpperCase()}${doing.slice(1)}`;
  say(part.doing, done ? `${words}: ${done} of ${total}` : `${words}…`);
}

function end({ more, unread }) {
  part.others.hidden = !more;
  if (unread) notice(`Deskhand still reads ${count(unread, "past reply", "past replies")}: the drafts lean on the others.`);
  if (shown.blind) focusNext();
}

function add(moment) {
  const swapped = shown.blind && Math.random() < 0.5;
  const one = { ...moment, order: swapped ? ["right", "left"] : SIDES, picked: null, noted: false, node: null };
  shown.moments.push(one);
  one.node = card(one);
  part.moments.append(one.node);
  summary();
}

const hidden = (one) => shown.blind && one.picked === null;

function card(one) {
  const sides = one.order.map((side, at) => draft(one, side, at));
  const earlier = one.turns.slice(0, -1);
  return el(
    "li",
    { class: `moment${hidden(one) ? " hidden-names" : ""}`, tabindex: -1 },
    el(
      "p",
      { class: "facts" },
      el("span", {}, when(one.at)),
      one.read_by.length > 0 && el("span", { class: "warn" }, `${one.read_by.join(" and ")} read this conversation in training`),
      el("a", { class: "quiet", href: `/console/#${one.conversation_id}` }, "Open the conversation"),
    ),
    earlier.length > 0 &&
      el("details", {}, el("summary", {}, count(earlier.length, "earlier message")), el("ol", { class: "earlier" }, earlier.map(turn))),
    el("ol", { class: "earlier" }, one.turns.slice(-1).map(turn)),
    el(
      "div",
      { class: "beside" },
      el("section", { class: "side truth", "aria-label": "What the agent sent" }, el("h3", {}, "What the agent sent"), el("p", { class: "words" }, one.reply)),
      ...sides,
    ),
    hidden(one) && picks(one),
  );
}

const turn = ({ role, text }) => el("li", {}, el("span", { class: "who" }, role === "customer" ? "Customer" : "Agent"), el("p", {}, text));

function draft(one, side, at) {
  const name = hidden(one) ? `Draft ${at + 1}` : shown[side];
  const [first, ...rest] = one[side];
  const marks = [
    !hidden(one) && one.closer === side && el("span", { class: "badge" }, "closer"),
    shown.blind && one.picked === side && el("span", { class: "badge candidate" }, "your pick"),
  ];
  return el(
    "section",
    { class: `side${!hidden(one) && one.closer === side ? " closer" : ""}`, "aria-label": `Drafts of ${name}` },
    el("h3", {}, name, " ", ...marks),
    first ? words(first) : el("p", { class: "soft" }, "No draft was good enough to be shown."),
    first && !hidden(one) && el("p", { class: "facts" }, near(first), el("span", {}, source(first.source))),
    rest.length > 0 &&
      el(
        "details",
        {},
        el("summary", {}, `${count(rest.length, "other draft")}`),
        el("ol", { class: "rest" }, rest.map((other) => el("li", {}, words(other), !hidden(one) && el("p", { class: "facts" }, near(other))))),
      ),
  );
}

const words = ({ text, unfilled }) => el("p", { class: "words" }, withGaps(text, unfilled));
const near = ({ similarity }) =>
  el("span", { title: "Cosine of the two sentence vectors, values as slots" }, `${percent(Math.round(similarity * 100) / 100)} like what was sent`);

function picks(one) {
  const button = (key, label, pick) =>
    el("button", { class: "button", type: "button", "aria-keyshortcuts": key, onclick: () => choose(one, pick) }, el("kbd", {}, key), ` ${label}`);
  return el("p", { class: "picks" }, button("1", "Draft 1", 0), button("2", "Draft 2", 1), button("0", "Equally good", "equal"));
}

function choose(one, pick) {
  one.picked = pick === "equal" ? pick : one.order[pick];
  const made = card(one);
  one.node.replaceWith(made);
  one.node = made;
  summary();
  focusNext();
}

function focusNext() {
  const next = shown.moments.find((one) => one.picked === null);
  const node = next?.node ?? part.tally;
  node.scrollIntoView({ block: next ? "start" : "center" });
  next?.node.focus({ preventScroll: true });
}

// The line on top: how many, which is nearer by how much, and what that is worth.
function summary() {
  const { moments, blind, left, right } = shown;
  const seen = moments.filter((one) => !hidden(one));
  say(part.verdict, blind && seen.length < moments.length ? waiting(moments.length - seen.length) : told(seen));
  const next = blind && moments.find((one) => one.picked === null);
  for (const one of moments) one.node.classList.toggle("next", one === next);
  part.close.hidden = !moments.length;
  const whole = blind && moments.length > 0 && seen.length === moments.length;
  const mine = tally(moments);
  say(part.tally, whole ? `You preferred ${left} in ${mine.left}, ${right} in ${mine.right}, and neither in ${mine.equal}.` : "");
  if (whole && part.stop.hidden) note();
}

const tally = (moments) =>
  Object.fromEntries([...SIDES, "equal"].map((side) => [side, moments.filter((one) => one.picked === side).length]));
const waiting = (number) => `${count(number, "conversation")} to judge: press 1 or 2 for the better draft, 0 where they are equally good. Then you see which was which.`;

function told(seen) {
  if (!seen.length) return "";
  const mean = (of) => seen.reduce((sum, one) => sum + of(one), 0) / seen.length;
  const first = (side) => mean((one) => one[side][0]?.similarity ?? 0);
  const best = (side) => mean((one) => Math.max(0, ...one[side].map((draft) => draft.similarity)));
  const { left, right } = shown;
  const points = (from, to) => `${to >= from ? "+" : "−"}${Math.abs((to - from) * 100).toFixed(1)} points`;
  const closer = (side) => seen.filter((one) => one.closer === side).length;
  const read = seen.filter((one) => one.read_by.length).length;
  return [
    `${count(seen.length, "conversation")}: the first draft of ${right} is closer to what was sent in ${closer("right")}, that of ${left} in ${closer("left")}, ${closer("equal")} alike.`,
    `${right} against ${left}: ${points(first("left"), first("right"))} of similarity for the first draft, ${points(best("left"), best("right"))} for the best of three.`,
    read && `${read} of them were read in training, which proves little.`,
    `${count(seen.length, "conversation")} ${seen.length === 1 ? "says" : "say"} little; ${decides()}`,
  ]
    .filter(Boolean)
    .join(" ");
}

// The questions of the trial that the newer of the two went through, where it says how many.
function decides() {
  const tried = [shown.right, shown.left].map((name) => versions.find((one) => one.version === name)?.metrics.gate?.questions);
  const asked = tried.find(Boolean);
  return asked ? `the gate's ${count(asked, "question")} decide.` : "what the gate has asked decides.";
}

// Once for each showing, when all of it was judged: counts alone, for the audit log.
async function note() {
  const { left, right, moments } = shown;
  const fresh = moments.filter((one) => !one.noted);
  if (!fresh.length) return;
  for (const one of fresh) one.noted = true;
  const mine = tally(fresh);
  try {
    await call("POST", "/api/admin/models/picks", { left, right, for_left: mine.left, for_right: mine.right, equal: mine.equal });
  } catch (problem) {
    notice(problem.message);
  }
}
