// Customers' words with what was recognised in them underlined, and drafts with their gaps in red.
// Offsets count characters (code points), as the server does, not UTF-16 units.

import { el } from "/widget/dom.js";
import { plain } from "./words.js";

const SURE = 0.6;
const SHORT = 24;

export function marked(text, entities) {
  const characters = Array.from(text);
  const parts = [];
  let from = 0;
  for (const entity of [...entities].sort((a, b) => a.start - b.start)) {
    if (entity.start < from || entity.end > characters.length || entity.start >= entity.end) continue;
    if (entity.start > from) parts.push(characters.slice(from, entity.start).join(""));
    parts.push(mark(characters.slice(entity.start, entity.end).join(""), entity));
    from = entity.end;
  }
  parts.push(characters.slice(from).join(""));
  return parts;
}

function mark(words, { type, score }) {
  const unsure = score < SURE;
  const label = unsure ? `${plain(type)}, unsure` : plain(type);
  const classes = ["entity", unsure && "unsure", words.length <= SHORT && "short"].filter(Boolean).join(" ");
  return el("mark", { class: classes, "data-label": label }, words, el("span", { class: "unseen" }, ` (${label})`));
}

// A draft's text with every "[order id]" that it lacks a value for in red.
export function withGaps(text, unfilled) {
  const parts = [];
  let rest = text;
  for (let gap = firstGap(rest, unfilled); gap; gap = firstGap(rest, unfilled)) {
    parts.push(rest.slice(0, gap.at), el("span", { class: "gap" }, gap.words));
    rest = rest.slice(gap.at + gap.words.length);
  }
  return [...parts, rest];
}

// {at, words} of the first gap that is still in the text, or null.
export function firstGap(text, unfilled) {
  const found = unfilled
    .map((slot) => `[${plain(slot)}]`)
    .map((words) => ({ words, at: text.indexOf(words) }))
    .filter(({ at }) => at >= 0)
    .sort((a, b) => a.at - b.at);
  return found[0] ?? null;
}
