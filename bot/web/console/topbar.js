// The line on top: connection, models, who is signed in.

import { say } from "/widget/dom.js";
import * as api from "./api.js";
import { change, on, state } from "./store.js";

const CONNECTION = {
  live: "Live",
  connecting: "Connecting…",
  waiting: "Not connected, trying again",
  stopped: "Not connected",
};
const MODELS = {
  loading: "Models are loading, drafts will appear",
  failed: "The models could not be loaded: no drafts. See the log.",
};
const LOOK_AGAIN_MS = 4000;
const ALL_WELL_MS = 60000;

const connection = document.getElementById("connection");
const models = document.getElementById("models");

export function start() {
  on(["connection"], () => {
    say(connection, CONNECTION[state.connection]);
    connection.dataset.state = state.connection;
  });
  on(["models"], () => {
    models.hidden = !MODELS[state.models];
    say(models, MODELS[state.models] ?? "");
  });
  on(["account"], () => {
    say(document.getElementById("me"), state.account?.name ?? "");
    document.getElementById("admin").hidden = state.account?.role !== "admin";
  });
  look();
}

async function look() {
  let now = state.models;
  try {
    now = (await api.readiness()).models ?? "ok";
  } catch {
    // No answer is the connection's news, not the models'.
  }
  if (now !== state.models) change({ models: now });
  setTimeout(look, now === "ok" ? ALL_WELL_MS : LOOK_AGAIN_MS);
}
