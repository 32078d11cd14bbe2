// The widget: puts the parts together and passes news between them, the visit and the shop's page.

import { Banner } from "./banner.js";
import { Composer } from "./composer.js";
import { say } from "./dom.js";
import { Dots } from "./dots.js";
import * as host from "./host.js";
import * as storage from "./storage.js";
import { dress } from "./theme.js";
import { Thread } from "./thread.js";
import { Visit } from "./visit.js";

const visit = new Visit();
const banner = new Banner();
const dots = new Dots();
const person = document.getElementById("person");
const thread = new Thread({
  retry: (id) => visit.retry(id),
  discard: (id) => visit.discard(id),
  person: askForPerson,
});
const composer = new Composer({
  onSend: (text) => visit.say(text),
  onTyping: (on) => visit.typing(on),
});
let shown = host.alone;
let unread = 0;

async function askForPerson() {
  person.disabled = true;
  try {
    await visit.askForPerson();
  } catch {
    say(document.getElementById("who"), "That did not get through, please try again");
  } finally {
    person.disabled = false;
    composer.focus();
  }
}

function show() {
  const conversation = visit.messages.conversation;
  const withPerson = Boolean(conversation?.with_person);
  thread.show(visit.messages.inOrder(), { complete: visit.complete, withPerson });
  say(document.getElementById("who"), withPerson ? "Our team has your conversation" : "Customer service");
  person.hidden = withPerson;
  markSeen();
}

function markSeen() {
  if (!shown || document.visibilityState !== "visible") return;
  visit.seen(visit.messages.cursor);
  count(0);
}

function count(number) {
  if (number === unread) return;
  unread = number;
  host.tell("unread", { count: unread });
}

visit.addEventListener("change", show);
visit.addEventListener("connection", ({ detail }) => banner.show(detail.state));
visit.addEventListener("typing", ({ detail }) => {
  if (!detail.on) return dots.hide();
  const follow = thread.atEnd;
  dots.show(detail.name);
  if (follow) thread.toEnd();
});
visit.addEventListener("news", ({ detail: message }) => {
  dots.hide();
  host.tell("message", {
    message: { id: message.id, kind: message.kind, at: message.at, automatic: message.automatic },
  });
  if (!shown) count(unread + 1);
});

document.addEventListener("visibilitychange", markSeen);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing) host.tell("close");
});
document.getElementById("close").addEventListener("click", () => host.tell("close"));
document.getElementById("close").hidden = host.alone;
person.addEventListener("click", askForPerson);

function forget() {
  visit.stop();
  storage.forgetAll();
  host.tell("forgotten");
}

host.listen({
  options: ({ options }) => {
    dress(options ?? {});
    visit.locale = typeof options?.locale === "string" ? options.locale : navigator.language;
  },
  shown: () => {
    shown = true;
    thread.toEnd();
    composer.focus();
    markSeen();
  },
  hidden: () => (shown = false),
  forget,
});

if (host.onlyForget) {
  forget();
} else {
  visit.locale = navigator.language;
  visit.start();
  host.tell("ready");
}
