// The page of people: who works here, what they may do, and a password that is shown once.

import { el, keep, say } from "/widget/dom.js";
import { enter, when } from "./admin.js";
import { call } from "./api.js";
import { notice } from "./notices.js";

const PLACE = "/api/admin/accounts";
const ROLES = [
  ["viewer", "Viewer"],
  ["agent", "Agent"],
  ["admin", "Admin"],
];

const state = document.getElementById("state");
const form = document.getElementById("add");
const refusal = document.getElementById("refusal");
const given = document.getElementById("given");
const people = document.getElementById("people");
const lines = new Map();

const me = await enter(state);
if (me) {
  form.addEventListener("submit", add);
  await look();
}

async function look() {
  try {
    render((await call("GET", PLACE)).items);
  } catch (problem) {
    if (problem.status === 401) return location.replace("/console/");
    say(state, problem.message);
  }
}

function render(found) {
  document.getElementById("desk").hidden = false;
  const order = [...found].sort((a, b) => a.disabled - b.disabled || a.name.localeCompare(b.name));
  keep(people, order.map(line));
}

// A line is made anew only where its account has changed, so that the focus stays where it is.
function line(account) {
  const known = lines.get(account.id);
  const stamp = JSON.stringify(account);
  if (known?.dataset.stamp === stamp) return known;
  const focused = known?.contains(document.activeElement) ? document.activeElement.dataset.act : null;
  const node = made(account);
  node.dataset.stamp = stamp;
  lines.set(account.id, node);
  if (focused) queueMicrotask(() => (node.querySelector(`[data-act="${focused}"]`) ?? node.querySelector("button, select"))?.focus());
  return node;
}

function made(account) {
  const own = account.id === me.id;
  const roles = el(
    "select",
    { "aria-label": `Role of ${account.name}`, "data-act": "role" },
    ROLES.map(([value, name]) => el("option", { value, selected: value === account.role }, name)),
  );
  roles.addEventListener("change", () => changeRole(account, roles));
  const acts = el("div", { class: "acts" });
  if (!account.disabled) acts.append(act("reset", `Reset the password of ${account.name}`, "Reset password", () => reset(account)));
  if (account.disabled) acts.append(act("lock", `Enable ${account.name}`, "Enable", () => lock(account, "enable")));
  else if (!own) acts.append(act("lock", `Disable ${account.name}`, "Disable", () => lock(account, "disable")));
  return el(
    "li",
    { class: account.disabled ? "locked" : "" },
    el("div", { class: "who" }, el("strong", {}, account.name), ...tags(account, own), el("span", { class: "soft" }, `${account.email} · ${seen(account)}`)),
    roles,
    acts,
  );
}

function tags(account, own) {
  const names = [own && "You", account.disabled && "Disabled", !account.disabled && account.must_change && "Has a given password"];
  return names.filter(Boolean).map((name) => el("span", { class: "tagged" }, name));
}

function seen({ last_signed_in_at: at }) {
  return at ? `signed in ${when(at)}` : "never signed in";
}

// A button that asks once more before it does what ends somebody's work.
function act(name, label, words, work) {
  const button = el("button", { class: "quiet", type: "button", "aria-label": label, "data-act": name }, words);
  button.addEventListener("click", () => {
    if (name === "lock" && words === "Enable") return work();
    if (button.classList.contains("danger")) return work();
    button.classList.add("danger");
    button.removeAttribute("aria-label");
    say(button, `Really ${words.toLowerCase()}`);
  });
  button.addEventListener("blur", () => {
    button.classList.remove("danger");
    button.setAttribute("aria-label", label);
    say(button, words);
  });
  return button;
}

async function add(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  say(refusal, "");
  try {
    const fields = { name: form.elements.name.value.trim(), email: form.elements.email.value.trim(), role: form.elements.role.value };
    const { account, password } = await call("POST", PLACE, fields);
    form.reset();
    show(account, password);
  } catch (problem) {
    say(refusal, problem.message);
  } finally {
    button.disabled = false;
  }
  await look();
}

// The only moment in which this password can be read.
function show(account, password) {
  const secret = el("code", { tabindex: 0, "aria-label": "Password" }, password);
  const copy = el("button", { class: "button", type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(password);
      say(copy, "Copied");
    } catch {
      getSelection().selectAllChildren(secret);
      notice("Your browser does not let pages copy. The password is selected: press Ctrl+C.");
    }
  });
  const done = el("button", { class: "quiet", type: "button" }, "I have passed it on");
  done.addEventListener("click", () => {
    given.hidden = true;
    given.replaceChildren();
    form.elements.name.focus();
  });
  given.replaceChildren(
    el("p", {}, `${account.name} (${account.email}) signs in with this password. It is shown this once.`),
    el("p", { class: "line" }, secret, copy, done),
    el("p", { class: "soft" }, "Right after signing in they choose one of their own."),
  );
  given.hidden = false;
  copy.focus();
}

async function reset(account) {
  try {
    const made = await call("POST", `${PLACE}/${account.id}/password`, {});
    show(made.account, made.password);
  } catch (problem) {
    notice(problem.message);
  }
  await look();
}

async function lock(account, verb) {
  try {
    await call("POST", `${PLACE}/${account.id}/${verb}`, {});
    notice(verb === "disable" ? `${account.name} is signed out everywhere and can't sign in.` : `${account.name} can sign in again.`);
  } catch (problem) {
    notice(problem.message);
  }
  await look();
}

async function changeRole(account, roles) {
  try {
    const { account: now } = await call("POST", `${PLACE}/${account.id}/role`, { role: roles.value });
    notice(`${now.name} is ${now.role === "agent" || now.role === "admin" ? "an" : "a"} ${now.role} from now on, and has to sign in again.`);
  } catch (problem) {
    roles.value = account.role;
    notice(problem.message);
  }
  await look();
}
