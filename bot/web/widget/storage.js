// What this browser keeps: the visitor's token and the messages that are still to be sent.
// Each message has a key of its own, so that two tabs never overwrite one another's.
// Where the browser refuses storage, memory has to do.

const TOKEN = "deskhand.visitor";
const OUT = "deskhand.out.";
const memory = new Map();

function attempt(work, otherwise) {
  try {
    return work(localStorage);
  } catch {
    return otherwise();
  }
}

const read = (key) =>
  attempt(
    (kept) => kept.getItem(key),
    () => memory.get(key),
  ) ??
  memory.get(key) ??
  null;
const write = (key, value) =>
  attempt(
    (kept) => kept.setItem(key, value),
    () => memory.set(key, value),
  );
const erase = (key) => {
  memory.delete(key);
  attempt(
    (kept) => kept.removeItem(key),
    () => {},
  );
};
const names = () => [
  ...new Set([
    ...memory.keys(),
    ...attempt(
      (kept) => Object.keys(kept),
      () => [],
    ),
  ]),
];

export const token = () => read(TOKEN);
export const keepToken = (value) => write(TOKEN, value);
export const forgetToken = () => erase(TOKEN);

// Unsent messages {client_msg_id, text, at, order}, oldest first.
export function unsent() {
  const found = [];
  for (const name of names().filter((name) => name.startsWith(OUT))) {
    try {
      found.push(JSON.parse(read(name)));
    } catch {
      erase(name);
    }
  }
  return found.filter(Boolean).sort((a, b) => a.order - b.order);
}

export const keepUnsent = (entry) => write(OUT + entry.client_msg_id, JSON.stringify(entry));
export const dropUnsent = (id) => erase(OUT + id);

export function forgetAll() {
  for (const name of names()) if (name.startsWith("deskhand.")) erase(name);
}
