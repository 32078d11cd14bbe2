// The agents' side of the REST api. Every refusal becomes a Problem; no answer at all, too (status 0).

const PATIENCE_MS = 15000;
const ERASING_MS = 120000;

export class Problem extends Error {
  constructor(status, document = {}) {
    super(document.detail || document.title || "The server can't be reached.");
    this.status = status;
    this.pointer = document.errors?.[0]?.pointer ?? "";
    this.code = document.code || (document.type || "").split(/[:/]/).at(-1);
  }
}

export async function call(method, path, body, patience = PATIENCE_MS) {
  const headers = method === "GET" ? {} : { "X-Deskhand": "1", "Content-Type": "application/json" };
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), patience);
  let response, document;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      cache: "no-store",
      signal: abort.signal,
    });
    document = response.status === 204 ? {} : await response.json();
  } catch {
    throw new Problem(response && !response.ok ? response.status : 0);
  } finally {
    clearTimeout(timer);
  }
  if (!response.ok) throw new Problem(response.status, document);
  return document;
}

export const session = () => call("GET", "/api/session");
export const signIn = (email, password) => call("POST", "/api/session", { email, password });
export const changePassword = (current, chosen) => call("POST", "/api/session/password", { current, new: chosen });
export const signOut = () => call("DELETE", "/api/session");

export function list({ status, before }) {
  const query = new URLSearchParams({ limit: "50" });
  if (status) query.set("status", status);
  if (before) query.set("before", before);
  return call("GET", `/api/conversations?${query}`);
}

export const open = (id) => call("GET", `/api/conversations/${id}`);
export const post = (id, message) => call("POST", `/api/conversations/${id}/messages`, message);
export const reject = (id, position, reason) => call("POST", `/api/suggestions/${id}/reject`, { position, reason });
export const setStatus = (id, status) => call("POST", `/api/conversations/${id}/status`, { status });
export const assign = (id, account_id) => call("POST", `/api/conversations/${id}/assignee`, { account_id });
export const takeOver = (id) => call("POST", `/api/conversations/${id}/takeover`, {});
export const erase = (customer_id) => call("DELETE", `/api/admin/customers/${customer_id}`, {}, ERASING_MS);
export const handBack = (id) => call("POST", `/api/conversations/${id}/handback`, {});

// {models: "ok" | "loading" | "failed", ...}; a node that isn't ready says so with 503 and the same body.
export async function readiness() {
  const response = await fetch("/ready", { cache: "no-store" });
  return response.json();
}
