// The shop's wishes for our looks: name, greeting, accent colour, light or dark. Anything odd is ignored.

import { say } from "./dom.js";

const root = document.documentElement;

export function dress({ name, greeting, accent, theme }) {
  if (typeof name === "string" && name.trim()) {
    say(document.getElementById("name"), name.slice(0, 80));
    document.title = name.slice(0, 80);
  }
  if (typeof greeting === "string" && greeting.trim())
    say(document.getElementById("greeting"), greeting.slice(0, 400));
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  else delete root.dataset.theme;
  if (/^#[0-9a-f]{6}$/i.test(accent ?? "")) {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(accent.slice(at, at + 2), 16));
    root.style.setProperty("--accent", accent);
    root.style.setProperty("--on-accent", r * 0.299 + g * 0.587 + b * 0.114 > 150 ? "#10201f" : "#ffffff");
  }
}
