// The strip above the composer: up to three drafts, each with its number key, its match and its source.
// Says what is going on where there are none: being drafted, stale, or why not.

import { el } from "/widget/dom.js";
import { two } from "./chips.js";
import { insert } from "./composer.js";
import { withGaps } from "./marks.js";
import { askReason } from "./reasons.js";
import { canWrite, change, isStale, on, state, usable } from "./store.js";
import { handoff, plain, source } from "./words.js";

const DRAFTING_MS = 30000;
const strip = document.getElementById("strip");
let look = "";
let timer = 0;

export function start() {
  on(["suggestion", "selected", "messages", "mode", "draft", "conversation", "models", "openId"], render);
}

// The candidate that the keys E and R mean.
export const selected = () => usable().find(([, number]) => number === state.selected + 1) ?? usable()[0] ?? null;

export function choose(number) {
  const found = usable().find(([, key]) => key === number);
  if (!found) return false;
  change({ selected: number - 1 });
  insert(found[0], state.suggestion);
  return true;
}

export function rejectSelected() {
  const found = selected();
  if (found) askReason(found[0], strip.querySelector(`[data-number="${found[1]}"]`));
}

// Another suggestion becomes the selected one; false where there is none.
export function moveSelection(by) {
  const numbers = usable().map(([, number]) => number);
  if (!numbers.length) return false;
  const at = Math.max(0, numbers.indexOf(state.selected + 1));
  change({ selected: numbers[(at + by + numbers.length) % numbers.length] - 1 });
  return true;
}

function render() {
  const line = standing();
  const now = JSON.stringify([
    line,
    state.suggestion,
    state.selected,
    state.draft?.position,
    state.mode,
    isStale(state.suggestion?.based_on_seq ?? 0),
  ]);
  strip.hidden = !line && !cards().length;
  if (now === look) return;
  look = now;
  strip.replaceChildren(
    ...(line ? [el("p", { class: "standing", role: "status" }, line)] : []),
    ...(cards().length ? [el("ol", { class: "cards" }, cards().map(card))] : []),
  );
}

function cards() {
  const { suggestion, mode } = state;
  if (!suggestion || suggestion.state === "decided" || mode === "note" || !canWrite()) return [];
  return suggestion.candidates.slice(0, 3);
}

// One line about the drafts, "" where there is nothing to say.
function standing() {
  clearTimeout(timer);
  const { suggestion, models, mode, messages, conversation } = state;
  const latest = messages.findLast((message) => message.kind === "customer");
  if (mode === "note" || !latest || conversation?.status === "resolved") return "";
  if (messages.some((message) => ["agent", "bot"].includes(message.kind) && message.seq > latest.seq)) return "";
  const isOld = suggestion && (suggestion.state === "stale" || isStale(suggestion.based_on_seq));
  if (suggestion && !isOld) {
    if (!suggestion.candidates.length)
      return `No suggestion: ${handoff(suggestion.why || "none was good enough")}.`;
    return "";
  }
  const old =
    isOld && suggestion.candidates.length
      ? "These drafts are older than the customer’s latest message and can’t be sent. "
      : "";
  if (models === "loading") return `${old}Models are loading, drafts will appear.`;
  const age = Date.now() - Date.parse(latest.at);
  if (age > DRAFTING_MS) return old;
  timer = setTimeout(render, DRAFTING_MS - age + 50);
  return `${old}${old ? "New ones are being written…" : "Drafting a reply…"}`;
}

function card(candidate, at) {
  const number = at + 1;
  const { suggestion } = state;
  const stale = suggestion.state === "stale" || isStale(suggestion.based_on_seq);
  const gone = Boolean(candidate.outcome) || suggestion.state !== "open";
  const used = state.draft?.suggestion_id === suggestion.id && state.draft.position === candidate.position;
  const titles = basis(candidate.evidence);
  const classes = [
    "card",
    stale && "stale",
    gone && "gone",
    candidate.outcome === "rejected" && "rejected",
    used && "used",
    number === selected()?.[1] && "selected",
  ];
  return el(
    "li",
    { class: classes.filter(Boolean).join(" "), "data-number": number },
    el(
      "button",
      {
        class: "words",
        type: "button",
        disabled: stale || gone,
        onclick: () => choose(number),
        "aria-label": `Suggestion ${number}, match ${two(candidate.score)}: ${candidate.text}`,
        "aria-description": titles,
        "aria-pressed": String(used),
        "aria-keyshortcuts": String(number),
      },
      el("kbd", { class: "key" }, String(number)),
      el("span", { class: "draft" }, withGaps(candidate.text, candidate.unfilled)),
    ),
    el(
      "p",
      { class: "facts" },
      el("span", { title: "How well the ranking model thinks it fits, 0 to 1" }, `match ${two(candidate.score)}`),
      el("span", { title: titles, class: titles && "sourced" }, source(candidate.source)),
      // The text is cut to some lines: what it lacks has to be seen all the same.
      candidate.unfilled.length > 0 &&
        el("span", { class: "gap" }, `lacks ${candidate.unfilled.map(plain).join(", ")}`),
      stale && el("span", { class: "chip" }, "stale"),
      candidate.outcome && el("span", { class: "chip" }, plain(candidate.outcome)),
      !stale &&
        !gone &&
        el(
          "button",
          {
            class: "quiet reject",
            type: "button",
            title: "Reject (R)",
            "aria-label": `Reject suggestion ${number}`,
            "aria-haspopup": "menu",
            onclick: (event) => {
              change({ selected: at });
              askReason(candidate, event.currentTarget.closest(".card"));
            },
          },
          "×",
        ),
    ),
  );
}

// What the draft leans on, a line each, to be read while pointing at its source; null where it is nothing.
function basis(evidence) {
  const lines = evidence.filter(({ title }) => title).map(({ kind, title }) => `• ${source(kind)}: ${title}`);
  return lines.length ? ["Leans on", ...lines].join("\n") : null;
}
