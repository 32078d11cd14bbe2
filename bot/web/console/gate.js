// What the gate decided, for the pages of training and models: its checks as a list, figures as words.

import { el } from "/widget/dom.js";

export const STATES = {
  queued: "waiting",
  running: "running",
  published: "passed",
  refused: "refused",
  failed: "failed",
  candidate: "candidate",
  live: "serves now",
  retired: "served before",
};

export const badge = (name, words) => el("span", { class: `badge ${name}` }, words || STATES[name] || name);

export const percent = (value) => `${(value * 100).toLocaleString([], { maximumFractionDigits: 1 })} %`;

// "similarity 58.5 % (retrieval alone 49.3 %)" of a version's figures; empty where it has none.
export function figures({ suggestions, retrieval_only }) {
  if (!suggestions) return "";
  const mine = `best of three suggestions like the agent's reply: ${percent(suggestions.similarity_at_3)}`;
  return retrieval_only ? `${mine}, plain retrieval ${percent(retrieval_only.similarity_at_3)}` : mine;
}

export function checks(gate) {
  const row = ({ passed, said }) =>
    el("li", { class: passed ? "" : "failed" }, el("span", { class: "sign" }, passed ? "passed" : "failed"), el("span", {}, said));
  return el("ul", { class: "checks", "aria-label": "What the gate looked at" }, gate.checks.map(row));
}
