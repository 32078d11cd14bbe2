// The public snippet, as any shop would embed it: a queue for calls, and one call to boot.
// launcher.js, loaded after it, works off what has been queued.

window.Deskhand =
  window.Deskhand ||
  function () {
    (window.Deskhand.q = window.Deskhand.q || []).push(arguments);
  };

window.Deskhand("boot", {
  name: "Tern & Thistle",
  greeting: "Hello! Ask us about an order, a return, a size, or anything else.",
  accent: "#0f6466",
});

addEventListener("DOMContentLoaded", () => {
  document.getElementById("ask").addEventListener("click", () => window.Deskhand("open"));
});
