// The page of learning: what became of suggestions over time, by version and by intent, as drawings and as CSV.

import { el, say } from "/widget/dom.js";
import { count, enter } from "./admin.js";
import { call } from "./api.js";
import { bars, chart } from "./charts.js";
import { notice } from "./notices.js";
import { plain } from "./words.js";

const MOST_INTENTS = 20;
const FIELDS = ["shown", "accepted", "edited", "rejected", "ignored", "silent", "automatic", "saved", "sent"];
const SHARES = ["acceptance", "low", "high", "edit_distance", "coverage"];

const state = document.getElementById("state");
const filter = document.getElementById("filter");
const days = document.getElementById("days");
const intent = document.getElementById("intent");
const csv = document.getElementById("csv");
const figures = document.getElementById("figures");
const charts = document.getElementById("charts");
let shown = null;
let asked = 0;

if (await enter(state)) {
  filter.hidden = false;
  filter.addEventListener("change", look);
  filter.addEventListener("submit", (event) => event.preventDefault());
  csv.addEventListener("click", download);
  look();
}

async function look() {
  const mine = ++asked;
  const query = new URLSearchParams({ days: days.value });
  if (intent.value) query.set("intent", intent.value === "unread" ? "" : intent.value);
  try {
    const found = await call("GET", `/api/admin/learning?${query}`);
    if (mine !== asked) return;
    shown = found;
    render();
  } catch (problem) {
    if (mine !== asked) return;
    // A shorter time may not know the intent that was chosen for a longer one.
    if (problem.status === 422 && intent.value) {
      notice("No message of these days had this intent: all are shown.");
      intent.value = "";
      look();
    } else say(state, problem.status === 401 ? "You are signed out. Please sign in again." : problem.message);
  }
}

const percent = (value) => `${(value * 100).toLocaleString([], { maximumFractionDigits: value < 0.1 ? 1 : 0 })} %`;
const whole = (value) => Math.round(value).toLocaleString();
const decided = (tally) => tally.accepted + tally.edited + tally.rejected + tally.ignored;
const named = (code) => (code ? plain(code) : "not read");

function render() {
  const { total, intents, points } = shown;
  const chosen = intent.value;
  intent.replaceChildren(
    el("option", { value: "" }, "All"),
    ...intents.map((one) => el("option", { value: one.intent || "unread" }, named(one.intent))),
  );
  intent.value = chosen;
  csv.disabled = !points.length;
  const any = points.some((point) => decided(point.counts) || point.counts.automatic);
  say(state, any ? told(total) : "");
  figures.replaceChildren(...(any ? figuresOf(total) : []));
  charts.replaceChildren(...(any ? drawings() : [empty(total)]));
}

function told(total) {
  const undecided = total.shown - decided(total);
  const rest = undecided ? `, ${count(undecided, "was", "were")} overtaken or still ${undecided === 1 ? "waits" : "wait"}` : "";
  return `${count(total.shown, "suggestion")} shown to agents${rest}; nothing to suggest ${count(total.silent, "time")}.`;
}

function empty(total) {
  const waiting = total.shown ? `${count(total.shown, "suggestion has", "suggestions have")} been shown, and none was decided yet.` : "No suggestion was made in this time.";
  return el(
    "div",
    { class: "hint" },
    el("p", {}, `${waiting} The curves begin with the first suggestion that an agent sends, edits or rejects. Then this page shows:`),
    el(
      "ul",
      {},
      el("li", {}, "how many suggestions are sent unchanged, with the range that the number may be off by"),
      el("li", {}, "how far agents change the others, and how many characters they need not type"),
      el("li", {}, "a line where another model version began to serve, and the same for each intent"),
    ),
  );
}

function figuresOf(total) {
  const box = (name, value, more) => el("div", {}, el("dt", {}, name), el("dd", {}, value, more && el("span", { class: "soft" }, ` ${more}`)));
  return [
    box("Sent unchanged", total.acceptance === null ? "–" : percent(total.acceptance), total.acceptance === null ? null : `${percent(total.low)} to ${percent(total.high)}`),
    box("Sent after a change", whole(total.edited), total.edit_distance === null ? null : `changed by ${percent(total.edit_distance)}`),
    box("Characters not typed", whole(total.saved), total.sent ? `${percent(total.saved / total.sent)} of what was sent` : null),
    box("Answered by itself", whole(total.automatic), total.coverage ? percent(total.coverage) : null),
  ];
}

// Drawings.

function drawings() {
  const versions = [...new Set(shown.points.map((point) => point.version))].filter((version) => of(version).some(({ counts }) => counts.shown || counts.automatic));
  const x = { kind: "day", label: "day", from: firstDay(), to: shown.until };
  const marks = shown.boundaries.filter((mark) => mark.at >= x.from).map((mark) => ({ x: mark.at, name: mark.version }));
  const tone = (version) => (versions.indexOf(version) % 4) + 1;
  const lines = (key) =>
    versions.map((version) => ({ kind: "line", name: version, tone: tone(version), points: of(version).map((point) => ({ x: point.day, y: point.recent[key] })) }));
  const about = `each point: the last ${shown.recent_days} days`;
  return [
    chart({
      title: `Suggestions sent unchanged, of those that agents decided (${about})`,
      x,
      y: { label: "sent unchanged", from: 0, to: 1, format: percent },
      layers: [...versions.map((version) => band(version, tone(version))), ...lines("acceptance")],
      marks,
    }),
    chart({
      title: `How far agents change what they edit (${about})`,
      x,
      y: { label: "changed part of the text", format: percent },
      layers: lines("edit_distance"),
      marks,
      empty: "No suggestion was edited in this time.",
    }),
    chart({
      title: "Characters that agents did not type",
      x,
      y: { label: "characters", format: whole },
      layers: [{ kind: "bars", name: "characters not typed", tone: 1, points: savedByDay() }],
      marks,
      empty: "Nothing was sent from a suggestion in this time.",
    }),
    ...(shown.total.automatic ? [coverage(x, lines("coverage"), marks, about)] : []),
    byIntent(),
  ];
}

const coverage = (x, layers, marks, about) =>
  chart({ title: `Messages that were answered automatically (${about})`, x, y: { label: "answered by itself", from: 0, format: percent }, layers, marks });

const of = (version) => shown.points.filter((point) => point.version === version);

// The drawing begins with the first suggestion, a week before it at most: else a young house shows a void.
function firstDay() {
  const first = Date.parse(shown.points[0].day) - 86400000;
  return first > Date.parse(shown.since) ? new Date(first).toISOString().slice(0, 10) : shown.since;
}

function band(version, tone) {
  const points = of(version).filter((point) => point.recent.acceptance !== null);
  return {
    kind: "band",
    name: `${version}, 95 % range`,
    unlisted: true,
    tone,
    points: points.map((point) => ({ x: point.day, low: point.recent.low, high: point.recent.high })),
  };
}

function savedByDay() {
  const sums = new Map();
  for (const { day, counts } of shown.points) sums.set(day, (sums.get(day) ?? 0) + counts.saved);
  return [...sums].map(([day, saved]) => ({ x: day, y: saved }));
}

function byIntent() {
  const rows = shown.intents
    .filter((one) => decided(one.counts) && (shown.intent === null || shown.intent === one.intent))
    .sort((a, b) => decided(b.counts) - decided(a.counts));
  return bars({
    title: rows.length > MOST_INTENTS ? `Sent unchanged, by intent (the ${MOST_INTENTS} most frequent)` : "Sent unchanged, by intent",
    rows: rows.slice(0, MOST_INTENTS).map(({ intent: code, counts }) => ({
      name: named(code),
      value: counts.acceptance,
      low: counts.low,
      high: counts.high,
      note: `of ${decided(counts).toLocaleString()}`,
    })),
    format: percent,
    to: 1,
    empty: "No suggestion of a known intent was decided yet.",
  });
}

// What stands in the drawings, a line for each day and version.
function download() {
  const head = ["day", "version", ...FIELDS, ...SHARES.map((name) => `${name}_${shown.recent_days}d`)];
  const rows = shown.points.map(({ day, version, counts, recent }) => [
    day,
    version,
    ...FIELDS.map((name) => counts[name]),
    ...SHARES.map((name) => recent[name] ?? ""),
  ]);
  const text = [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
  const link = el("a", { href: URL.createObjectURL(new Blob([`${text}\r\n`], { type: "text/csv" })), download: `learning-${shown.since}-${shown.until}.csv` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

const cell = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : value);
