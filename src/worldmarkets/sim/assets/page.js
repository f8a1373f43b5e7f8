"use strict";
const report = JSON.parse(document.getElementById("data").textContent);
const style = getComputedStyle(document.documentElement);
const color = (name) => style.getPropertyValue("--" + name).trim();
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const short = (digits) => new Intl.NumberFormat("en-US", { maximumFractionDigits: digits });
const charts = [];

function add(parent, tag, text, kind) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  parent.appendChild(element);
  return element;
}

function tile(value, label, kind) {
  const element = add(document.getElementById("tiles"), "div", undefined, "tile " + (kind || ""));
  add(element, "b", value);
  add(element, "span", label);
}

function fill(table, head, rows, numbers) {
  const line = add(add(table, "thead"), "tr");
  head.forEach((text, place) => add(line, "th", text, numbers.includes(place) ? "n" : ""));
  const body = add(table, "tbody");
  for (const row of rows) {
    const tr = add(body, "tr");
    row.forEach((text, place) => add(tr, "td", text, numbers.includes(place) ? "n" : ""));
  }
}

function card(parent, title, note) {
  const element = add(document.getElementById(parent), "div", undefined, "card");
  add(element, "h3", title);
  if (note) add(element, "p", note);
  return element;
}

// series: [label, values, options]; unit: the text behind a value; axes: where a second scale stands on the right
function chart(parent, title, note, times, series, unit, options = {}) {
  const element = card(parent, title, note);
  if (options.wide) element.classList.add("wide");
  const box = add(element, "div", undefined, "chart");
  const digits = options.digits ?? 2;
  const axis = (extra) => ({
    stroke: color("soft"), grid: { stroke: color("grid"), width: 1 }, ticks: { stroke: color("grid"), width: 1 },
    font: "12px system-ui, sans-serif", ...extra,
  });
  const names = new Intl.NumberFormat("en-US", { maximumFractionDigits: options.axisDigits ?? digits });
  const axes = [
    axis({ values: (_, values) => values.map(options.at ?? ((value) => value + " s")),
      ...(options.at && { incrs: [300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600] }) }),
    axis({ values: (_, values) => values.map((value) => names.format(value)), size: options.size ?? 62 }),
  ];
  if (options.xs) axes[0] = axis({ splits: () => options.xs, values: (_, values) => values.map((value) => value + " d") });
  const scales = { x: { time: false } };
  if (options.xRange) scales.x.range = options.xRange;
  if (options.range) scales.y = { range: options.range };
  if (options.right) {
    axes.push(axis({ side: 1, scale: "right", grid: { show: false }, size: options.rightSize ?? 44,
      values: (_, values) => values.map((value) => short(1).format(value)) }));
    scales.right = { range: options.rightRange ?? ((_, low, high) => [0, Math.max(high * 1.1, 1)]) };
  }
  const lines = series.map(([label, , extra = {}], place) => ({
    label, stroke: color("c" + (place % 4)), width: 1.6, points: { show: false }, spanGaps: true,
    value: (_, value) => value == null ? "–" : short(extra.digits ?? digits).format(value) + (extra.unit ?? unit),
    ...extra.line,
  }));
  const plot = new uPlot({
    width: 560, height: 250, scales, axes, cursor: { drag: { x: true, y: false } },
    hooks: { setCursor: [showEnd], draw: options.draw ? [options.draw] : [] },
    series: [{ label: "at", value: (_, value) => value == null ? "–" :
      options.at ? options.at(value) : short(1).format(value) + (options.xUnit ?? " s") }, ...lines],
  }, [times, ...series.map(([, values]) => values)], box);
  plot.shown = options.shown ?? times.length - 1;
  charts.push([plot, box]);
  return box;
}

function key(parent, entries) {
  const element = add(parent, "div", undefined, "key");
  for (const [sign, name, label] of entries) {
    const entry = add(element, "span");
    const mark = add(entry, "i", sign || undefined, sign ? "" : "box");
    mark.style[sign ? "color" : "background"] = color(name);
    entry.appendChild(document.createTextNode(label));
  }
}

// A row of boxes: [from, to, colour, title], as shares of the whole.
function bar(parent, label, boxes, value, limit) {
  add(parent, "span", label);
  const element = add(parent, "div", undefined, "bar");
  for (const [from, to, name, title] of boxes) {
    const box = add(element, "i");
    box.style.left = `${100 * from}%`;
    box.style.width = `max(${100 * (to - from)}%, 1px)`;
    box.style.background = color(name);
    box.title = title;
  }
  if (limit !== undefined) add(element, "u").style.left = `calc(${100 * limit}% - 2px)`;
  add(parent, "span", value);
}

// While the pointer is elsewhere, the legend says how it ended; of a loan curve, the tenor in the middle.
function showEnd(plot) {
  if (plot.cursor.idx == null) plot.setLegend({ idx: plot.shown ?? plot.data[0].length - 1 });
}

function fit() {
  for (const [plot, box] of charts) plot.setSize({ width: box.clientWidth, height: 250 });
  requestAnimationFrame(() => charts.forEach(([plot]) => showEnd(plot)));
}

const bars = (place) => ({ line: { paths: uPlot.paths.bars({ size: [0.9, 8] }), fill: color("c" + place), width: 0 } });
const steps = { line: { paths: uPlot.paths.stepped({ align: 1 }) } };
