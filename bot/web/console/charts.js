// Charts in SVG from plain data: lines, bands, bars, dots and marks on one pair of axes; bars of names.
//
// chart({ title, x, y, layers, marks, empty }) gives a <figure> that redraws itself to its width.
//   title   what is shown, one line; y's unit stands beside it
//   x       { kind: "day" | "number", label, from, to, format }   days are "2026-11-29"; from and to default to the data's
//   y       { label, from, to, format }                            from defaults to 0, to to the data's; format(number) says one
//   layers  drawn in order, each { kind, name, tone, points, … }:
//             line   points [{ x, y }]; y null breaks it; `dashed`
//             band   points [{ x, low, high }]
//             bars   points [{ x, to, y }]: a histogram's from `x` to `to`, or a day's
//             dots   points [{ x, y, size }]
//           tone is 1 to 4, the same for what belongs together; `silent` layers are not read out
//   marks   [{ x, name }] lines across with a name on top; [{ y, name }] along
//   empty   a sentence in the place of the drawing where no layer has a point
// bars({ title, rows, format, from, to }) gives one bar a row: rows [{ name, value, low, high, note, tone }].
//
// Arrows or the pointer move along x and read out what is there. All figures stand in a table for screen
// readers, too. Colours are charts.css's; link it on the page. No library, no style attribute.

import { el } from "/widget/dom.js";

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 234;
const EDGE = { top: 40, right: 14, bottom: 28, left: 46 };
const LETTER = 6.6;
const DAY_MS = 86400000;

// svg("path", { d: "…" }, children…)
export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(props))
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, String(value));
  node.append(...children.flat().filter(Boolean));
  return node;
}

export function chart(options) {
  const readout = el("p", { class: "readout", "aria-live": "polite" });
  const plot = el("div", { class: "plot" });
  const figure = el("figure", { class: "chart" }, el("figcaption", {}, options.title), legend(options.layers), plot, readout);
  if (!options.layers.some((layer) => layer.points.length)) {
    plot.append(el("p", { class: "soft" }, options.empty ?? "Nothing to draw yet."));
    return figure;
  }
  figure.append(tableOf(options));
  const cursor = { at: null };
  let width = 0;
  const draw = () => plot.replaceChildren(drawn(options, width, cursor, readout));
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now && now !== width) {
      width = now;
      draw();
    }
  }).observe(plot);
  return figure;
}

function legend(layers) {
  const named = layers.filter((layer) => layer.name && !layer.unlisted);
  if (named.length < 2) return null;
  const key = (layer) => el("li", { class: `key tone${layer.tone ?? 1} ${layer.kind}${layer.dashed ? " dashed" : ""}` }, layer.name);
  return el("ul", { class: "legend" }, named.map(key));
}

// Scales.

const number = (x, value) => (x.kind === "day" ? Date.parse(value) / DAY_MS : value);

function scales({ x, y, layers, marks = [] }, width) {
  const points = layers.flatMap((layer) => layer.points);
  const wide = layers.some((layer) => layer.kind === "bars" && x.kind === "day") ? 1 : 0;
  const across = points.flatMap((p) => [number(x, p.x), ...(p.to === undefined ? [] : [number(x, p.to)])]);
  const up = points.flatMap((p) => [p.y, p.high]).concat(marks.map((mark) => mark.y)).filter((value) => value !== undefined && value !== null);
  const left = x.from === undefined ? Math.min(...across) : number(x, x.from);
  const right = (x.to === undefined ? Math.max(...across) : number(x, x.to)) + wide;
  const bottom = y.from ?? 0;
  const most = (y.to ?? Math.max(...up, bottom)) - bottom;
  const step = nice(most / 4);
  const top = y.to ?? bottom + Math.max(1, Math.ceil(most / step - 1e-9)) * step;
  const inner = { width: Math.max(40, width - EDGE.left - EDGE.right), height: HEIGHT - EDGE.top - EDGE.bottom };
  const span = right - left || 1;
  return {
    left, right, bottom, top, step, wide,
    x: (value) => EDGE.left + ((number(x, value) - left) / span) * inner.width,
    at: (value) => EDGE.left + ((value - left) / span) * inner.width,
    y: (value) => EDGE.top + inner.height - ((Math.min(Math.max(value, bottom), top) - bottom) / (top - bottom || 1)) * inner.height,
    ...inner,
  };
}

// The next round number, so that the axis ends on one.
function nice(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

const plain = (value) => value.toLocaleString([], { maximumSignificantDigits: 3 });
const shortDay = (days) => new Date(days * DAY_MS).toLocaleDateString([], { day: "numeric", month: "short", timeZone: "UTC" });
const said = (axis, value) => (axis.format ? axis.format(value) : axis.kind === "day" ? shortDay(number(axis, value)) : plain(value));

// Drawing.

function drawn(options, width, cursor, readout) {
  const { layers, marks = [] } = options;
  const scale = scales(options, width);
  const root = svg("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`,
    width,
    height: HEIGHT,
    role: "img",
    tabindex: 0,
    "aria-label": `${options.title}. Left and right arrows read out the figures.`,
  });
  root.append(...axes(options, scale, width), ...layers.map((layer) => drawLayer(layer, scale, options)), ...drawMarks(marks, scale));
  const line = svg("line", { class: "cursor", y1: EDGE.top, y2: EDGE.top + scale.height });
  root.append(line);
  follow(root, line, options, scale, cursor, readout);
  return root;
}

function axes({ x, y }, scale, width) {
  const out = [];
  for (let value = scale.bottom; value <= scale.top + scale.step * 1e-6; value += scale.step) {
    const at = scale.y(value);
    out.push(svg("line", { class: value > scale.bottom ? "grid" : "axis", x1: EDGE.left, x2: width - EDGE.right, y1: at, y2: at }));
    out.push(svg("text", { class: "tick", x: EDGE.left - 7, y: at + 4, "text-anchor": "end" }, said(y, value)));
  }
  for (const value of ticksOf(x, scale)) {
    const at = scale.at(value + scale.wide / 2);
    const anchor = at < EDGE.left + 24 ? "start" : at > width - EDGE.right - 24 ? "end" : "middle";
    const words = x.kind === "day" ? shortDay(value) : said(x, value);
    out.push(svg("text", { class: "tick", x: at, y: HEIGHT - 9, "text-anchor": anchor }, words));
  }
  const label = [y.label, x.label && `by ${x.label}`].filter(Boolean).join(" ");
  return [...out, svg("text", { class: "label", x: EDGE.left, y: 12 }, label)];
}

// Days are counted back from the last one, in whole steps; numbers are round. A day's bar stands on its day.
function ticksOf(x, scale) {
  const last = scale.right - scale.wide;
  const count = Math.max(1, Math.min(6, Math.floor(scale.width / 90)));
  const ticks = [];
  if (x.kind === "day") {
    const step = Math.max(1, Math.ceil((last - scale.left) / count));
    for (let day = last; day >= scale.left; day -= step) ticks.unshift(day);
    return ticks;
  }
  const step = nice((last - scale.left) / count);
  for (let at = Math.ceil(scale.left / step); at * step <= last + step * 1e-6; at++) ticks.push(Number((at * step).toPrecision(12)));
  return ticks;
}

function drawLayer(layer, scale, { x }) {
  const tone = `tone${layer.tone ?? 1}`;
  if (layer.kind === "band") return svg("path", { class: `band ${tone}`, d: bandPath(layer.points, scale) });
  if (layer.kind === "line") return svg("g", { class: tone }, lineParts(layer, scale));
  if (layer.kind === "dots")
    return svg("g", { class: `dots ${tone}` }, layer.points.map((p) => svg("circle", { cx: scale.x(p.x), cy: scale.y(p.y), r: p.size ?? 2.5 })));
  return svg("g", { class: `filled ${tone}` }, layer.points.map((p) => {
    const from = scale.x(p.x);
    const to = p.to === undefined ? scale.at(number(x, p.x) + 1) : scale.x(p.to);
    const gap = Math.min(1.5, (to - from) / 5);
    return svg("rect", { x: from + gap / 2, width: Math.max(0.5, to - from - gap), y: scale.y(p.y), height: scale.y(scale.bottom) - scale.y(p.y) });
  }));
}

function bandPath(points, scale) {
  const there = points.filter((p) => p.low !== null && p.high !== null);
  if (!there.length) return "";
  const along = (list, key) => list.map((p) => `${scale.x(p.x).toFixed(1)},${scale.y(p[key]).toFixed(1)}`).join("L");
  return `M${along(there, "high")}L${along([...there].reverse(), "low")}Z`;
}

// A point with no neighbour would be an invisible line, so it is a dot.
function lineParts(layer, scale) {
  const runs = [[]];
  for (const p of layer.points) {
    if (p.y === null || p.y === undefined) runs.push([]);
    else runs.at(-1).push(p);
  }
  const place = (p) => `${scale.x(p.x).toFixed(1)},${scale.y(p.y).toFixed(1)}`;
  return runs.filter((run) => run.length).map((run) =>
    run.length === 1
      ? svg("circle", { class: "alone", cx: scale.x(run[0].x), cy: scale.y(run[0].y), r: 3 })
      : svg("path", { class: `line${layer.dashed ? " dashed" : ""}`, d: `M${run.map(place).join("L")}` }),
  );
}

// Names that would run into each other are left to the read-out and the table.
function drawMarks(marks, scale) {
  let free = -Infinity;
  const inOrder = [...marks].sort((a, b) => (a.x === undefined ? 1 : b.x === undefined ? -1 : scale.x(a.x) - scale.x(b.x)));
  return inOrder.flatMap((mark) => {
    if (mark.x === undefined) {
      const at = scale.y(mark.y);
      return [
        svg("line", { class: "mark", x1: EDGE.left, x2: EDGE.left + scale.width, y1: at, y2: at }),
        svg("text", { class: "name", x: EDGE.left + scale.width - 3, y: at - 4, "text-anchor": "end" }, mark.name),
      ];
    }
    const at = scale.x(mark.x);
    const line = svg("line", { class: "mark", x1: at, x2: at, y1: EDGE.top - 14, y2: EDGE.top + scale.height }, svg("title", {}, mark.name));
    const long = mark.name.length * LETTER;
    const right = at + long + 4 > EDGE.left + scale.width;
    const begin = right ? at - long - 4 : at + 4;
    if (begin < Math.max(free, EDGE.left)) return [line];
    free = begin + long + 8;
    return [line, svg("text", { class: "name", x: right ? at - 4 : at + 4, y: EDGE.top - 6, "text-anchor": right ? "end" : "start" }, mark.name)];
  });
}

// Reading out.

function placesOf({ x, layers }) {
  const places = new Map(layers.filter((layer) => !layer.silent).flatMap((layer) => layer.points).map((p) => [p.x, number(x, p.x)]));
  return [...places].sort((a, b) => a[1] - b[1]).map(([value]) => value);
}

function follow(root, line, options, scale, cursor, readout) {
  const places = placesOf(options);
  const show = (at) => {
    cursor.at = at;
    line.setAttribute("class", at === null ? "cursor" : "cursor on");
    if (at === null) return readout.replaceChildren();
    line.setAttribute("x1", scale.x(places[at]));
    line.setAttribute("x2", scale.x(places[at]));
    readout.textContent = sentence(options, places[at]);
  };
  root.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") show(null);
    if (!by) return;
    event.preventDefault();
    const start = by > 0 ? 0 : places.length - 1;
    show(cursor.at === null ? start : Math.min(places.length - 1, Math.max(0, cursor.at + by)));
  });
  root.addEventListener("pointermove", (event) => {
    const here = event.clientX - root.getBoundingClientRect().left;
    const far = (place) => Math.abs(scale.x(place) - here);
    show(places.reduce((best, place, at) => (far(place) < far(places[best]) ? at : best), 0));
  });
  root.addEventListener("pointerleave", () => document.activeElement === root || show(null));
  root.addEventListener("blur", () => show(null));
  if (cursor.at !== null) show(Math.min(cursor.at, places.length - 1));
}

function value(layer, p, y) {
  if (p.low !== undefined && p.y === undefined) return `${said(y, p.low)} to ${said(y, p.high)}`;
  return p.y === null ? null : said(y, p.y);
}

function sentence({ x, y, layers, marks = [] }, place) {
  // The figure first, then its range.
  const inOrder = layers.filter((layer) => !layer.silent).sort((a, b) => (a.kind === "band") - (b.kind === "band"));
  const parts = inOrder.flatMap((layer) =>
    layer.points.filter((p) => p.x === place).map((p) => [layer.name, value(layer, p, y)]),
  );
  const told = parts.filter(([, words]) => words !== null).map(([name, words]) => (name ? `${name} ${words}` : words));
  const begun = marks.filter((mark) => mark.x === place).map((mark) => mark.name);
  return `${said(x, place)}: ${[...told, ...begun].join(" · ")}`;
}

// The same figures for who does not see the drawing.
function tableOf({ title, x, y, layers, marks = [] }) {
  const shown = layers.filter((layer) => !layer.silent);
  const head = el("tr", {}, [x.label ?? "", ...shown.map((layer) => layer.name ?? y.label)].map((name) => el("th", { scope: "col" }, name)));
  const rows = placesOf({ x, layers }).map((place) => {
    const cells = shown.map((layer) => {
      const point = layer.points.find((p) => p.x === place);
      return el("td", {}, (point && value(layer, point, y)) ?? "");
    });
    return el("tr", {}, el("th", { scope: "row" }, x.kind === "day" ? place : said(x, place)), cells);
  });
  const notes = marks.map((mark) => `${mark.name}: ${mark.x === undefined ? said(y, mark.y) : said(x, mark.x)}`).join("; ");
  return el("div", { class: "unseen" }, el("table", {}, el("caption", {}, notes ? `${title}. ${notes}` : title), el("thead", {}, head), el("tbody", {}, rows)));
}

// One bar a name, as a list: it needs no table beside it.
export function bars({ title, rows, format = plain, from = 0, to, empty }) {
  const end = to ?? nice(Math.max(...rows.map((row) => row.high ?? row.value), from));
  const share = (value) => ((Math.min(Math.max(value, from), end) - from) / (end - from || 1)) * 100;
  const line = (row) => {
    // From nothing to the value, wherever nothing lies between the ends.
    const [left, right] = [share(0), share(row.value)].sort((a, b) => a - b);
    const bar = svg("rect", { class: `filled tone${row.tone ?? 1}`, x: `${left}%`, y: 3, width: `${right - left}%`, height: 10, rx: 2 });
    const reach = row.low === undefined ? [] : [svg("line", { class: "reach", x1: `${share(row.low)}%`, x2: `${share(row.high)}%`, y1: 8, y2: 8 })];
    const words = [format(row.value), row.low === undefined ? null : `(${format(row.low)} to ${format(row.high)})`, row.note];
    return el(
      "li",
      {},
      el("span", { class: "who" }, row.name),
      svg("svg", { class: "strip", height: 16, "aria-hidden": "true" }, svg("rect", { class: "track", x: "0", y: 3, width: "100%", height: 10, rx: 2 }), bar, reach),
      el("span", { class: "told" }, words.filter(Boolean).join(" ")),
    );
  };
  const body = rows.length ? el("ul", { class: "bars" }, rows.map(line)) : el("p", { class: "soft" }, empty ?? "Nothing to draw yet.");
  return el("figure", { class: "chart" }, el("figcaption", {}, title), body);
}
