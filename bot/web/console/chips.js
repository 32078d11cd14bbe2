// Small labels of what was read in a message: mood and intent with their probability, a foreign language.

import { el } from "/widget/dom.js";
import { language, mood, plain } from "./words.js";

// An intent that is less likely than not is no news: better no chip than a wrong one.
const LIKELY = 0.5;

export function chips(analysis) {
  const { sentiment, intent } = analysis;
  return el(
    "p",
    { class: "chips" },
    sentiment && moodChip(sentiment),
    intent?.name && intent.score >= LIKELY && chip(plain(intent.name), intent.score, "Intent and its probability"),
    isForeign(analysis) && el("span", { class: "chip" }, language(analysis.language)),
  );
}

const isForeign = ({ language: code }) => code && code !== "en" && code !== "und";

function moodChip({ label, score, negative, neutral, positive }) {
  const all = `negative ${two(negative)}, neutral ${two(neutral)}, positive ${two(positive)}`;
  const node = chip(mood(label), score, `Mood: ${all}`);
  node.classList.add("mooded");
  node.prepend(dot(label));
  return node;
}

const chip = (words, score, title) =>
  el("span", { class: "chip", title }, words, el("span", { class: "figure" }, two(score)));

export const dot = (label) => el("i", { class: `dot ${label}`, "aria-hidden": "true" });
export const two = (number) => Number(number).toFixed(2);
