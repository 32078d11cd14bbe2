// Uploading a file: dropped or chosen, sent as it is with its progress, and given up on demand.

import { say } from "/widget/dom.js";
import { notice } from "./notices.js";

const $ = (id) => document.getElementById(id);

const UNITS = [
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "KB"],
];

export function sized(bytes) {
  const [unit, name] = UNITS.find(([unit]) => bytes >= unit) ?? UNITS.at(-1);
  const number = Math.max(0.1, bytes / unit);
  return `${number.toLocaleString([], { maximumFractionDigits: number < 10 ? 1 : 0 })} ${name}`;
}

// Calls `done` when a file has arrived; `most()` is how many bytes one may have.
export function listen(most, done) {
  const drop = $("drop");
  const input = $("file");
  let sending = null;
  const take = (files) => {
    if (!files.length) return;
    if (sending) return notice("A file is being uploaded. Wait for it, or cancel it.");
    if (files.length > 1) notice("One file at a time: the first one is taken.");
    const file = files[0];
    if (!file.size) return notice(`${file.name} is empty. Export it again.`);
    if (file.size > most()) return notice(`${file.name} is larger than ${sized(most())}. Pack it with gzip, or split it.`);
    sending = send(file, (arrived) => {
      sending = null;
      if (arrived) done();
    });
  };
  input.addEventListener("change", () => {
    take(input.files);
    input.value = "";
  });
  // The whole page takes what is dropped: a file beside the frame would replace the page.
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget === null && drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  $("abort").addEventListener("click", () => sending?.abort());
  addEventListener("beforeunload", (event) => sending && event.preventDefault());
}

function send(file, ended) {
  const request = new XMLHttpRequest();
  const began = Date.now();
  show(true);
  say($("what"), `${file.name}, ${sized(file.size)}`);
  say($("speed"), "");
  $("sent").value = 0;
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    $("sent").value = loaded / total;
    const left = ((Date.now() - began) / 1000 / loaded) * (total - loaded);
    say($("speed"), `${sized(loaded)} of ${sized(total)}${left > 5 ? `, about ${left < 90 ? `${Math.round(left)} s` : `${Math.round(left / 60)} min`} left` : ""}`);
  });
  request.addEventListener("loadend", () => {
    show(false);
    const arrived = request.status === 201;
    if (!arrived) notice(refusal(request));
    ended(arrived);
  });
  request.open("POST", `/api/admin/imports?${new URLSearchParams({ name: file.name })}`);
  request.setRequestHeader("X-Deskhand", "1");
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
  return request;
}

function refusal(request) {
  if (request.status === 401) return "You are signed out. Please sign in again.";
  try {
    return JSON.parse(request.responseText).detail;
  } catch {
    return "The upload did not arrive. Nothing is kept of it; please try again.";
  }
}

function show(sending) {
  $("sending").hidden = !sending;
  $("drop").hidden = sending;
  (sending ? $("abort") : $("file")).focus();
}
