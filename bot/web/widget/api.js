// The visitor's side of the REST api. Every refusal becomes a Problem; no answer at all, too (status 0).

import * as storage from "./storage.js";

const PATIENCE_MS = 15000;

export class Problem extends Error {
  constructor(status, document = {}) {
    super(document.detail || document.title || "No connection");
    this.status = status;
    this.code = document.code || "";
  }

  // Trying the same again can help: nobody answered, or not now.
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

async function call(method, path, body, token) {
  const headers = { "X-Deskhand": "1" };
  if (body) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  const given = { method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: "omit" };
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), PATIENCE_MS);
  let response, document;
  try {
    response = await fetch(path, { ...given, signal: abort.signal });
    document = await response.json();
  } catch {
    throw new Problem(response && !response.ok ? response.status : 0);
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new Problem(response.status, document);
  return document;
}

let making = null;

// The visitor's token; the first call on a browser makes one.
export async function visitor(locale) {
  const kept = storage.token();
  if (kept) return kept;
  making ??= call("POST", "/api/customer/session", locale ? { locale } : {}).finally(() => (making = null));
  const made = await making;
  // Another tab may have been quicker.
  if (!storage.token()) storage.keepToken(made.token);
  return storage.token();
}

// Where the token is no longer known, the next try begins as a new visitor.
async function asVisitor(method, path, body) {
  const token = await visitor();
  try {
    return await call(method, path, body, token);
  } catch (problem) {
    if (problem.status === 401 && storage.token() === token) {
      storage.forgetToken();
      throw new Problem(503, { detail: "The visitor is not known any more", code: "unauthenticated" });
    }
    throw problem;
  }
}

export const history = (after) => asVisitor("GET", `/api/customer/conversation?after=${after}`);
export const post = ({ client_msg_id, text }) =>
  asVisitor("POST", "/api/customer/messages", { client_msg_id, text });
export const askForPerson = () => asVisitor("POST", "/api/customer/person", {});
