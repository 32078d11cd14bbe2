// What a survey found, in plain words and drawn: shares by reason, personal data, copies, broken rows.

import { el } from "/widget/dom.js";
import { count } from "./admin.js";
import { bars } from "./charts.js";
import { percent } from "./gate.js";
import { plain } from "./words.js";

const LEFT_OUT = {
  duplicate: "copies of other conversations",
  no_consent: "the customer does not consent",
  no_agent_reply: "no reply by a person",
  only_automatic: "only a machine replied",
  empty: "nothing in it that a customer saw",
  too_short: "too short to learn from",
  other_language: "a language the models don’t know",
};
const COPIES = {
  in_files_by_id: "twice in this file, same number",
  in_files_by_text: "twice in this file, same words",
  same_id_other_text: "a number used twice in this file",
  stored_by_id: "here already, same number",
  stored_by_text: "here already, same words",
};
const PERSONAL = {
  account_id: "account numbers",
  address: "addresses",
  card: "card numbers",
  email: "e-mail addresses",
  iban: "bank accounts (IBAN)",
  invoice_number: "invoice numbers",
  order_id: "order numbers",
  phone: "phone numbers",
  tracking_number: "parcel numbers",
};

// One bar for what may be learned from, one for each reason why the rest may not.
export function shares(title, eligible, notEligible, empty) {
  const reasons = Object.entries(notEligible).filter(([, number]) => number);
  const total = reasons.reduce((sum, [, number]) => sum + number, eligible);
  const row = (name, number, tone) => ({ name, value: number, tone, note: total ? `(${percent(number / total)})` : "" });
  const rows = [row("models may learn from", eligible, 1), ...reasons.map(([code, number]) => row(LEFT_OUT[code] ?? plain(code), number, 2))];
  return bars({ title, rows: total ? rows : [], format: (number) => number.toLocaleString(), to: Math.max(1, total), empty });
}

export function survey(report) {
  const drawn = (title, found, words, tone, to) => {
    const rows = Object.entries(found).map(([code, value]) => ({ name: words[code] ?? plain(code), value, tone }));
    return rows.length ? bars({ title, rows, format: (value) => value.toLocaleString(), to }) : null;
  };
  return el(
    "div",
    { class: "survey" },
    shares("What models may learn from in this file", report.eligible, report.not_eligible, "No conversation was found."),
    drawn("Copies", report.duplicates, COPIES, 4, report.conversations),
    drawn("Personal data that was found (names are not looked for)", report.personal_data, PERSONAL, 3),
  );
}

export function words(report) {
  const broken = report.broken.count;
  const known = report.conversations - report.new;
  const all = known ? `${report.new.toLocaleString()} of them ${report.new === 1 ? "is" : "are"} new` : "all new";
  const parts = [
    report.conversations ? `${count(report.conversations, "conversation")} in the file, ${all}.` : "There is no conversation in the file.",
    report.new ? `Models may learn from ${report.eligible.toLocaleString()}.` : "",
    broken ? `${count(broken, "row is", "rows are")} broken and ${broken === 1 ? "holds" : "hold"} no conversation.` : "",
  ];
  return parts.filter(Boolean).join(" ");
}

export function broken(report) {
  const { count: number, rows } = report.broken;
  if (!number) return null;
  const more = number > rows.length ? `, the first ${rows.length}` : "";
  return el(
    "details",
    { open: number <= 5 },
    el("summary", {}, `Broken rows (${number.toLocaleString()}${more})`),
    el("ul", { class: "broken", tabindex: rows.length > 5 ? 0 : null }, rows.map((row) => el("li", {}, el("b", {}, row.place), el("span", {}, row.reason)))),
  );
}
