// Saying how a file is to be read: its format, whose it is, and for a table which column holds what and who is who.

import { el } from "/widget/dom.js";

export const FORMATS = {
  uniform: "JSON lines of Deskhand",
  table: "Table (CSV, TSV)",
  zendesk: "Zendesk export",
  intercom: "Intercom export",
  chatwoot: "Chatwoot export",
};
const FIELDS = {
  conversation: "Which conversation",
  role: "Who wrote it",
  text: "What was written",
  time: "When",
  customer: "Customer’s name",
  email: "Customer’s e-mail",
};
const SHOWN = 5;
const MOST_ROLES = 12;

const options = (pairs, chosen) => pairs.map(([value, name]) => el("option", { value, selected: value === chosen }, name));

// A form for the upload that `found` describes; `send(body)` has it read again.
export function reading({ upload, head, columns, roles }, send) {
  const given = upload.options;
  const format = el("select", {}, options([["", "told by the file"], ...Object.entries(FORMATS)], given.format ?? ""));
  const source = el("input", { maxlength: 60, value: given.source ?? "", placeholder: "told by the file", autocomplete: "off" });
  const table = head ? new Table(head, columns, roles, given.mapping ?? {}) : null;
  const form = el(
    "form",
    { class: "reading" },
    el("label", {}, "Format", format),
    el("label", { title: "Two desks may number their conversations alike; a name for each keeps them apart." }, "Name of the source", source),
    table?.node,
    el("button", { class: "button", type: "submit" }, "Read it this way"),
  );
  if (table) format.addEventListener("change", () => (table.node.hidden = !["", "table"].includes(format.value)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const told = table && !table.node.hidden ? table.told() : { columns: {}, roles: {} };
    send({ format: format.value || null, source: source.value.trim(), ...told });
  });
  return form;
}

// The first rows, a choice above each column, and below it the people of the role column.
class Table {
  constructor([names, ...rows], columns, roles, mapping) {
    Object.assign(this, { names, rows, known: roles, mapping });
    const fieldOf = (at) => Object.keys(columns).find((field) => columns[field] === at) ?? "";
    this.choices = names.map((name, at) =>
      el("select", { "aria-label": `What ${name || `column ${at + 1}`} holds`, onchange: () => this.chosen(at) }, options([["", "not used"], ...Object.entries(FIELDS)], fieldOf(at))),
    );
    const heads = names.map((name, at) => el("th", { scope: "col" }, el("b", {}, name || `column ${at + 1}`), this.choices[at]));
    const lines = rows.slice(0, SHOWN).map((row) => el("tr", {}, names.map((_, at) => el("td", { title: row[at] ?? "" }, row[at] ?? ""))));
    const grid = el("table", {}, el("caption", { class: "unseen" }, "The first rows of the table"), el("thead", {}, el("tr", {}, heads)), el("tbody", {}, lines));
    this.people = el("fieldset", { class: "roles" });
    this.node = el("div", { class: "reading" }, el("div", { class: "rows", tabindex: 0, role: "region", "aria-label": "The first rows of the table" }, grid), this.people);
    this.ask();
  }

  // A field stands in one column: who chooses it here takes it away there.
  chosen(at) {
    const field = this.choices[at].value;
    for (const [other, choice] of this.choices.entries()) if (other !== at && field && choice.value === field) choice.value = "";
    this.ask();
  }

  ask() {
    const at = this.choices.findIndex((choice) => choice.value === "role");
    const values = at < 0 ? [] : [...new Set(this.rows.map((row) => (row[at] ?? "").trim()).filter(Boolean))].slice(0, MOST_ROLES);
    this.who = values.map((value) => {
      const told = this.known[value.toLowerCase()];
      const first = told ? `${told === "customer" ? "a customer" : "an agent"} (as it says)` : "please choose";
      const pairs = [["", first], ["customer", "a customer"], ["agent", "an agent"]];
      return [value, el("select", {}, options(pairs, this.mapping[value] ?? ""))];
    });
    this.people.hidden = !values.length;
    this.people.replaceChildren(el("legend", {}, "Who is who"), ...this.who.map(([value, choice]) => el("label", {}, value, choice)));
  }

  told() {
    const columns = {};
    for (const [at, choice] of this.choices.entries()) if (choice.value) columns[choice.value] = this.names[at];
    return { columns, roles: Object.fromEntries(this.who.filter(([, choice]) => choice.value).map(([value, choice]) => [value, choice.value])) };
  }
}
