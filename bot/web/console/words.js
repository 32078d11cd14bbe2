// Codes of the api in the words of the console.

const MOODS = { negative: "Negative", neutral: "Neutral", positive: "Positive" };
const SOURCES = { generated: "generated", reply: "past reply", article: "article" };
const STATES = {
  pending: "Sending…",
  sent: "Sent",
  delivered: "Delivered",
  failed: "Not delivered",
  unknown: "Not known whether it arrived",
};
const STATUSES = { open: "Open", pending: "Pending", snoozed: "Snoozed", resolved: "Resolved" };
const HANDOFFS = {
  asked_for_person: "Asked for a person",
  very_angry: "Very upset",
  sensitive_intent: "Needs a person’s judgement",
  unknown_language: "Language without a model",
  repeated_failure: "Asked the same several times",
};

export const REASONS = [
  ["wrong_facts", "Wrong facts"],
  ["off_topic", "Off topic"],
  ["tone", "Tone"],
  ["incomplete", "Incomplete"],
  ["other", "Other"],
];

export const plain = (code) => code.replaceAll("_", " ");
export const mood = (code) => MOODS[code] ?? plain(code);
export const source = (code) => SOURCES[code] ?? plain(code);
export const delivery = (code) => STATES[code] ?? "";
export const status = (code) => STATUSES[code] ?? plain(code);
export const handoff = (code) => HANDOFFS[code] ?? plain(code);
export const channel = (code) => ({ web: "Web chat", slack: "Slack" })[code] ?? plain(code);

export function language(code) {
  try {
    return new Intl.DisplayNames(undefined, { type: "language" }).of(code);
  } catch {
    return code;
  }
}
