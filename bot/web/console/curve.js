// The risk and coverage curve as SVG: share of messages answered alone against the share of wrong replies.

import { el } from "/widget/dom.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 300;
const EDGE = { top: 16, right: 16, bottom: 46, left: 52 };
const TICKS = 4;

function shape(tag, props, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

// `points` from strict to loose as the api gives them; `choice` is the tolerated rate with its point, if any.
export function draw(figure, points, choice) {
  const width = Math.max(280, figure.clientWidth);
  const tolerated = choice.percent / 100;
  const loosest = points.at(-1);
  const worst = Math.max(tolerated * 2, loosest.bound * 1.2, ...points.map((one) => one.rate * 1.2));
  const most = { x: roomFor(loosest.coverage), y: roomFor(worst) };
  const x = (share) => EDGE.left + (share / most.x) * (width - EDGE.left - EDGE.right);
  const y = (share) => HEIGHT - EDGE.bottom - (share / most.y) * (HEIGHT - EDGE.top - EDGE.bottom);
  const line = (name) => points.map((one) => `${x(one.coverage).toFixed(1)},${y(one[name]).toFixed(1)}`);
  const words = caption(choice);
  const picture = shape(
    "svg",
    { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": words },
    shape("clipPath", { id: "inside" }, shape("rect", { x: 0, y: EDGE.top - 2, width, height: HEIGHT })),
    ...grid(x, y, most, width),
    shape(
      "g",
      { "clip-path": "url(#inside)" },
      shape("polygon", { class: "between", points: [...line("rate"), ...line("bound").reverse()].join(" ") }),
      shape("polyline", { class: "boundline", points: line("bound").join(" ") }),
      shape("polyline", { class: "rateline", points: line("rate").join(" ") }),
    ),
    shape("line", { class: "toleratedline", x1: x(0), x2: width - EDGE.right, y1: y(tolerated), y2: y(tolerated) }),
    ...(choice.point ? mark(x(choice.point.coverage), y(choice.point.bound), y(0)) : []),
  );
  figure.replaceChildren(picture, legend(choice), el("figcaption", {}, words));
}

function grid(x, y, most, width) {
  const parts = [];
  for (let step = 0; step <= TICKS; step += 1) {
    const [across, up] = [(most.x * step) / TICKS, (most.y * step) / TICKS];
    parts.push(shape("line", { class: "gridline", x1: x(0), x2: width - EDGE.right, y1: y(up), y2: y(up) }));
    parts.push(shape("text", { class: "tick", x: EDGE.left - 8, y: y(up) + 4, "text-anchor": "end" }, `${digits(up)} %`));
    parts.push(shape("text", { class: "tick", x: x(across), y: HEIGHT - EDGE.bottom + 18, "text-anchor": "middle" }, digits(across)));
  }
  const middle = (x(0) + width - EDGE.right) / 2;
  return [...parts, shape("text", { class: "tick", x: middle, y: HEIGHT - 6, "text-anchor": "middle" }, "of 100 messages answered alone")];
}

const mark = (x, y, ground) => [
  shape("line", { class: "chosenline", x1: x, x2: x, y1: y, y2: ground }),
  shape("circle", { class: "chosen", cx: x, cy: y, r: 5.5 }),
];

function legend({ percent, point }) {
  const entry = (kind, text) => el("li", {}, el("span", { class: `sample ${kind}` }), text);
  return el(
    "ul",
    { class: "legend" },
    entry("rateline", "wrong among reviewed"),
    entry("boundline", "at most, with 95 % certainty"),
    entry("toleratedline", `tolerated: ${percent} %`),
    point && entry("chosen", `from score ${point.threshold.toFixed(2)}`),
  );
}

function caption({ percent, point, why }) {
  if (!point) return why;
  const seen = `Of ${point.reviewed.toLocaleString()} reviewed suggestions that score ${point.threshold.toFixed(2)} or more, ${point.errors.toLocaleString()} could not have gone out as they were`;
  return `At ${percent} % tolerated, ${Math.round(point.coverage * 100)} of 100 messages would be answered alone. ${seen}; with 95 % certainty at most ${(point.bound * 100).toFixed(1)} % are wrong.`;
}

// The next round share above, so that ticks are whole numbers where they can be.
const roomFor = (share) => [0.04, 0.08, 0.12, 0.2, 0.4, 0.6, 0.8].find((room) => share <= room) ?? 1;
const digits = (share) => Number((share * 100).toFixed(1)).toLocaleString();
