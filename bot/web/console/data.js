// The page of data: what the log holds, a file on its way in, what is in it, and what became of those before.

import { el, keep, say } from "/widget/dom.js";
import { count, enter, when } from "./admin.js";
import { call } from "./api.js";
import { FORMATS, reading } from "./columns.js";
import { badge } from "./gate.js";
import { notice } from "./notices.js";
import { broken, shares, survey, words } from "./survey.js";
import { listen, sized } from "./upload.js";

const LOOK_MS = 1000;
const REST_MS = 15000;
const STATES = { surveying: "reading", surveyed: "read", running: "importing", done: "imported", failed: "stopped", cancelled: "cancelled" };

const $ = (id) => document.getElementById(id);
const state = $("state");
const items = new Map();
let waiting = null;
let most = Infinity;
let shown = null;
let pressed = null;

if (await enter(state)) {
  $("bring").hidden = false;
  listen(() => most, look);
  look();
}

async function look() {
  clearTimeout(waiting);
  let pause = REST_MS;
  try {
    const found = await call("GET", "/api/admin/imports");
    most = found.most;
    say($("kinds"), `JSON lines, CSV, exports of Zendesk, Intercom or Chatwoot; plain or gzip, up to ${sized(most)}`);
    $("past").hidden = !found.items.length;
    keep($("uploads"), found.items.map(item));
    // What was pressed is gone with the upload's old state: the keyboard stays at that upload.
    if (document.activeElement === document.body) items.get(pressed)?.node.focus({ preventScroll: true });
    if (found.items.some(going)) pause = LOOK_MS;
    const now = found.items.map((one) => `${one.id} ${one.state}`).join();
    if (now !== shown) await showLog();
    shown = now;
  } catch (problem) {
    say(state, problem.status === 401 ? "You are signed out. Please sign in again." : problem.message);
    if (problem.status === 401) return;
  }
  waiting = setTimeout(look, pause);
}

async function showLog() {
  const log = await call("GET", "/api/admin/data");
  const own = log.conversations - log.imported;
  say(state, log.conversations ? `${count(log.conversations, "conversation")} in the log: ${own.toLocaleString()} held here, ${log.imported.toLocaleString()} imported.` : "The log is empty. Import what another desk has, or let customers write.");
  const drawn = shares("What models may learn from in the log", log.eligible, log.not_eligible);
  const note = el("p", { class: "soft small" }, "A round of training also leaves out copies and conversations in foreign languages.");
  $("log").replaceChildren(...(log.conversations ? [drawn, note] : []));
}

const going = (one) => one.state === "surveying" || one.state === "running";

async function ask(method, path, body, done) {
  pressed = path.split("/")[0];
  try {
    await call(method, `/api/admin/imports/${path}`, body);
    if (done) notice(done);
  } catch (problem) {
    notice(problem.message);
  }
  await look();
}

// An upload is drawn anew when something about it has changed; while it is read, only its progress moves.
function item(one) {
  const { progress, imported, ...rest } = one;
  const key = JSON.stringify(rest);
  let held = items.get(one.id);
  if (held?.key !== key) {
    held = { key, ...made(one) };
    items.set(one.id, held);
  }
  held.move?.(one);
  return held.node;
}

function made(one) {
  const format = FORMATS[one.format];
  const about = [format, sized(one.size), one.by, when(one.created_at)].filter(Boolean).join(" · ");
  const head = el("p", { class: "line" }, badge(one.state, STATES[one.state]), el("strong", {}, one.name), el("span", { class: "soft" }, about));
  if (going(one)) return atWork(one, head);
  const { report } = one;
  const told = report && el("p", { class: "told-plainly" }, outcome(one));
  const drawn = report && [survey(report), broken(report)];
  const details = one.state === "surveyed" || !report ? drawn : el("details", {}, el("summary", {}, "What was in it"), drawn);
  const error = one.error && el("p", { class: "why bad" }, complaint(one));
  return { node: el("li", { tabindex: -1 }, head, told, error, details, one.kept && choices(one)) };
}

// The command line's advice becomes the page's own.
function complaint(one) {
  const said = one.error.replace(/ Map it: \w+=COLUMN/, "");
  const advice = one.kept && !one.report && (one.format === "table" ? "Say below which column holds what, or upload it again." : "Say below what it is, or export and upload it again.");
  return [said, advice].filter(Boolean).join(". ");
}

function outcome(one) {
  const left = one.report.broken.count;
  if (one.state === "done") return `${count(one.imported, "conversation")} imported${left ? `, ${count(left, "broken row")} left out` : ""}. The file is deleted.`;
  const before = one.imported ? ` ${count(one.imported, "conversation was", "conversations were")} imported and ${one.imported === 1 ? "stays" : "stay"}.` : "";
  return `${words(one.report)}${before}`;
}

function atWork(one, head) {
  const stop = el("button", { class: "button", type: "button", onclick: () => cancel(one, stop) }, one.cancelled ? "Ending…" : "Cancel");
  stop.disabled = one.cancelled;
  head.append(stop);
  const bar = el("progress", { max: 1, "aria-label": one.state === "running" ? "Imported" : "Read" });
  const line = el("p", { class: "why" });
  const move = ({ progress, working, imported: stored, report, state: now }) => {
    if (!working) return bar.removeAttribute("value"), say(line, "Waits for its turn…");
    const read = progress?.conversations ?? 0;
    const share = now === "running" ? read / Math.max(1, report.conversations) : (progress?.read ?? 0) / one.size;
    bar.value = Math.min(1, share);
    const of = now === "running" ? ` of ${report.conversations.toLocaleString()}` : "";
    say(line, `${read.toLocaleString()}${of} conversations read${now === "running" ? `, ${stored.toLocaleString()} imported` : ""}. Customers are answered meanwhile, and this page may be closed.`);
  };
  return { node: el("li", { tabindex: -1 }, head, bar, line), move };
}

function cancel(one, stop) {
  stop.disabled = true;
  ask("POST", `${one.id}/cancel`, {}, "It ends within seconds. What is imported stays.");
}

// What can be done with a file that is still there.
function choices(one) {
  const { report } = one;
  const begin = report?.new ? importing(one) : [];
  const again = !report && one.state === "cancelled" && el("button", { class: "button", type: "button", onclick: () => ask("PUT", `${one.id}/reading`, keptReading(one)) }, "Read it again");
  const discard = el("button", { class: "button", type: "button", onclick: () => ask("DELETE", one.id, {}, `${one.name} is deleted.`) }, "Discard");
  const kept = el("span", { class: "soft small" }, `Kept until ${when(one.expires_at)} at most`);
  return el("div", {}, el("div", { class: "choices" }, begin, again, discard, kept), otherReading(one));
}

function importing(one) {
  const { report } = one;
  const go = el("button", { class: "button strong", type: "button" }, one.imported ? "Go on importing" : `Import ${count(report.new, "conversation")}`);
  const skip = el("input", { type: "checkbox" });
  const send = () => {
    go.disabled = true;
    ask("POST", `${one.id}/start`, { skip_broken: skip.checked });
  };
  go.addEventListener("click", send);
  if (!report.broken.count) return [go];
  go.disabled = true;
  skip.addEventListener("change", () => (go.disabled = !skip.checked));
  const label = el("label", { title: "Or mend them and upload the file again: what is here already is passed over." }, skip, `Leave out the ${count(report.broken.count, "broken row")}`);
  return [label, go];
}

const FIELDS = ["conversation", "role", "text", "time", "customer", "email"];

function keptReading({ options }) {
  const pairs = Object.entries(options.mapping ?? {});
  const part = (wanted) => Object.fromEntries(pairs.filter(([left]) => FIELDS.includes(left) === wanted));
  return { format: options.format ?? null, source: options.source ?? "", columns: part(true), roles: part(false) };
}

// Unfolded by itself where the file could not be read: then this is what to do.
function otherReading(one) {
  const place = el("div", {});
  const details = el("details", {}, el("summary", {}, "Read it in another way"), place);
  const fill = async () => {
    if (!details.open || place.hasChildNodes()) return;
    try {
      const found = await call("GET", `/api/admin/imports/${one.id}`);
      place.replaceChildren(reading(found, (body) => ask("PUT", `${one.id}/reading`, body)));
    } catch (problem) {
      notice(problem.message);
    }
  };
  details.addEventListener("toggle", fill);
  details.open = one.state === "failed" && !one.report;
  return details;
}
