// The page of articles: searches resolved conversations, shows drafts to edit, publishes or dismisses them.

import { el, keep, say } from "/widget/dom.js";
import { count, enter, when } from "./admin.js";
import { call } from "./api.js";
import { notice } from "./notices.js";
import { searching } from "./searching.js";

const PLACE = "/api/admin/article-drafts";

const button = document.getElementById("search");
const state = document.getElementById("state");
const progress = document.getElementById("progress");
const drafts = document.getElementById("drafts");
const cards = new Map();
const look = searching({ button, state, place: PLACE, start: "/api/admin/article-searches", render });

if (await enter(state)) {
  look();
  published();
}

function render({ search: last, items }) {
  const running = last?.state === "running";
  progress.hidden = !running;
  if (running && last.of) Object.assign(progress, { max: last.of, value: last.done });
  else progress.removeAttribute("value");
  say(state, told(last, items));
  const ids = items.map((draft) => draft.id);
  for (const id of [...cards.keys()]) if (!ids.includes(id)) cards.delete(id);
  keep(drafts, items.map(card));
}

function told(last, items) {
  if (!last) return "No search has been made yet.";
  if (last.state === "running") return `${last.stage ?? "Beginning"}…${last.of ? ` ${last.done.toLocaleString()} of ${last.of.toLocaleString()}` : ""}`;
  if (last.state === "failed") return last.error;
  const looked = `${when(last.said_at)}: ${count(last.conversations, "resolved conversation")}, ${count(last.groups, "question")} asked by several customers.`;
  const answered = last.answered ? ` ${last.answered.toLocaleString()} answered by an article already.` : "";
  const known = last.known ? ` ${last.known.toLocaleString()} decided on before.` : "";
  return `${looked}${answered}${known} ${items.length ? `${count(items.length, "draft")} to decide on.` : "Nothing to decide on."}`;
}

// A card is made once for each draft, so that what an admin has typed stays.
function card(draft) {
  if (!cards.has(draft.id)) cards.set(draft.id, made(draft));
  return cards.get(draft.id);
}

function made(draft) {
  const id = (name) => `${name}-${draft.id}`;
  const title = el("input", { id: id("title"), name: "title", value: draft.title, required: true, maxlength: 200, autocomplete: "off" });
  const slug = el("input", { id: id("slug"), name: "slug", value: draft.slug, required: true, maxlength: 80, pattern: "[a-z0-9\\-]+", title: "Small letters, digits and hyphens", autocomplete: "off", spellcheck: "false" });
  const body = el("textarea", { id: id("body"), name: "body", required: true, maxlength: 20000, rows: 6, spellcheck: "true" });
  body.value = draft.body;
  const refusal = el("p", { class: "refusal", role: "alert" });
  const publish = el("button", { class: "button strong", type: "submit" }, "Publish");
  const dismiss = el("button", { class: "quiet", type: "button" }, "Dismiss");
  const form = el(
    "form",
    { "aria-label": draft.title },
    el("label", { for: title.id }, "Title"),
    title,
    el("label", { for: slug.id }, "Address"),
    slug,
    el("label", { for: body.id }, "Text"),
    body,
    el("div", { class: "acts" }, publish, dismiss, refusal),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    decide(form, refusal, async () => {
      const article = await call("POST", `${PLACE}/${draft.id}/approve`, { slug: slug.value.trim(), title: title.value.trim(), body: body.value.trim(), intent: null });
      notice(`“${article.title}” is published. Suggestions lean on it in a moment.`);
      published();
    });
  });
  dismiss.addEventListener("click", () => {
    if (!dismiss.classList.contains("danger")) {
      dismiss.classList.add("danger");
      return say(dismiss, "Really dismiss for good");
    }
    decide(form, refusal, async () => {
      await call("POST", `${PLACE}/${draft.id}/dismiss`, {});
      notice("Dismissed. This is not proposed again.");
    });
  });
  dismiss.addEventListener("blur", () => {
    dismiss.classList.remove("danger");
    say(dismiss, "Dismiss");
  });
  return el("li", { class: "draft" }, form, el("p", { class: "facts" }, facts(draft)), sources(draft));
}

function facts(draft) {
  const near = draft.best_title === null ? "there is no article yet" : `nearest article: “${draft.best_title}”, too far (${Math.round(draft.best_score * 100)} %)`;
  return `${count(draft.customers, "customer")} asked · ${near}`;
}

function sources(draft) {
  const links = draft.conversations.map((one, at) => el("li", {}, el("a", { href: `/console/#${one}`, target: "_blank", rel: "noopener" }, `Conversation ${at + 1}`)));
  return el("details", {}, el("summary", {}, `Made of ${count(draft.conversations.length, "conversation")}`), el("ul", { class: "made" }, links));
}

// Decides, and goes on to the next card.
async function decide(form, refusal, work) {
  const buttons = form.querySelectorAll("button");
  for (const one of buttons) one.disabled = true;
  say(refusal, "");
  const after = form.closest("li").nextElementSibling;
  try {
    await work();
    await look();
    (after?.querySelector("input") ?? button).focus();
  } catch (problem) {
    if (problem.status === 404) return look();
    say(refusal, problem.message);
  } finally {
    for (const one of buttons) one.disabled = false;
  }
}

async function published() {
  try {
    const { items } = await call("GET", "/api/articles");
    document.getElementById("published").hidden = !items.length;
    document.getElementById("articles").replaceChildren(
      ...items.map((one) => el("li", {}, el("strong", {}, one.title), el("span", { class: "soft", title: one.body }, one.body), el("span", { class: "when" }, when(one.updated_at)))),
    );
  } catch (problem) {
    notice(problem.message);
  }
}
