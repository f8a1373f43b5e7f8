"use strict";
const report = JSON.parse(document.getElementById("data").textContent);
const summary = report.summary;
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
  const box = add(card(parent, title, note), "div", undefined, "chart");
  const digits = options.digits ?? 2;
  const axis = (extra) => ({
    stroke: color("soft"), grid: { stroke: color("grid"), width: 1 }, ticks: { stroke: color("grid"), width: 1 },
    font: "12px system-ui, sans-serif", ...extra,
  });
  const names = new Intl.NumberFormat("en-US", { maximumFractionDigits: options.axisDigits ?? digits });
  const axes = [
    axis({ values: (_, values) => values.map((value) => value + " s") }),
    axis({ values: (_, values) => values.map((value) => names.format(value)), size: options.size ?? 62 }),
  ];
  const scales = { x: { time: false } };
  if (options.range) scales.y = { range: options.range };
  if (options.right) {
    axes.push(axis({ side: 1, scale: "right", grid: { show: false }, size: 44,
      values: (_, values) => values.map((value) => short(1).format(value)) }));
    scales.right = { range: (_, low, high) => [0, Math.max(high * 1.1, 1)] };
  }
  const lines = series.map(([label, , extra = {}], place) => ({
    label, stroke: color("c" + (place % 4)), width: 1.6, points: { show: false }, spanGaps: true,
    value: (_, value) => value == null ? "–" : short(extra.digits ?? digits).format(value) + (extra.unit ?? unit),
    ...extra.line,
  }));
  const plot = new uPlot({
    width: 560, height: 250, scales, axes, cursor: { drag: { x: true, y: false } },
    hooks: { setCursor: [showEnd] },
    series: [{ label: "at", value: (_, value) => value == null ? "–" : short(1).format(value) + " s" }, ...lines],
  }, [times, ...series.map(([, values]) => values)], box);
  charts.push([plot, box]);
}

// While the pointer is elsewhere, the legend says how it ended.
function showEnd(plot) {
  if (plot.cursor.idx == null) plot.setLegend({ idx: plot.data[0].length - 1 });
}

function fit() {
  for (const [plot, box] of charts) plot.setSize({ width: box.clientWidth, height: 250 });
  requestAnimationFrame(() => charts.forEach(([plot]) => showEnd(plot)));
}

const bars = (place) => ({ line: { paths: uPlot.paths.bars({ size: [0.9, 8] }), fill: color("c" + place), width: 0 } });
const steps = { line: { paths: uPlot.paths.stepped({ align: 1 }) } };
const isGood = summary.bbo_equal === summary.bbo_compared && summary.bbo_late_equal === summary.bbo_late_compared;

document.getElementById("title").textContent = "ETH perpetual and spot, replayed inside the engine";
document.getElementById("subtitle").textContent =
  `Recorded ${report.begin} to ${report.end}: ${short(1).format(summary.recorded_s)} seconds of both books and every ` +
  `trade, with ${report.portfolios.length} portfolios on top.`;
tile(`${whole.format(summary.bbo_equal)} / ${whole.format(summary.bbo_compared)}`,
  `best bid and offer equal to the recorded; late: ${summary.bbo_late_equal} / ${summary.bbo_late_compared}`,
  isGood ? "good" : "bad");
tile(whole.format(summary.bbo_corrections), "levels corrected beside the recording");
tile(whole.format(summary.commands), "commands");
tile(whole.format(summary.trades), "trades");
tile(whole.format(summary.commands_per_s), "commands a second in the engine");
tile(whole.format(report.accounts), "accounts");

const ticks = report.ticks;
chart("market", "Price", "USDM for one ETH. The mark is the median of both mids and the last spot trade.", ticks.time,
  [["perpetual, mid", ticks.perp], ["spot, mid", ticks.spot, { line: { width: 3 } }],
    ["mark", ticks.mark, { line: { width: 1 } }]], " USDM");
chart("market", "Basis", "The perpetual's mid over the spot mid, in basis points.", ticks.time,
  [["perpetual over spot", ticks.basis]], " bp", { digits: 2 });
chart("market", "Spread", "Best offer less best bid, USDM.", ticks.time,
  [["perpetual", ticks.perp_spread, steps], ["spot", ticks.spot_spread, steps]], " USDM",
  { range: (_, low, high) => [0, Math.max(high * 1.15, 0.02)] });
chart("market", "Loan rates", "The best rate offered in each ten-day loan book, percent a year.", ticks.time,
  [["USDM", ticks.usdm_rate, steps], ["ETH", ticks.eth_rate, steps]], " %");
const volume = report.volume;
chart("market", "Trades in the perpetual", "ETH a second: bought by takers above zero, sold by them below.",
  volume.time, [["bought", volume.perp_bought, bars(0)], ["sold", volume.perp_sold, bars(1)]], " ETH",
  { digits: 3, axisDigits: 0 });
chart("market", "Trades in spot", "ETH a second: bought by takers above zero, sold by them below.",
  volume.time, [["bought", volume.spot_bought, bars(0)], ["sold", volume.spot_sold, bars(1)]], " ETH",
  { digits: 3, axisDigits: 0 });
const funding = report.fundings;
const fundingNote = `Percent of the mark a period; above zero longs pay. The period is ${report.funding_period_s} s, ` +
  "shortened from 8 h so that a recording of minutes sees some.";
if (funding.length) {
  const end = ticks.time[ticks.time.length - 1];
  chart("market", "Funding", fundingNote, [0, ...funding.map((period) => period.time), end],
    [["rate of the period", [0, ...funding.map((period) => period.rate_ppb / 1e7),
      funding[funding.length - 1].rate_ppb / 1e7], steps]], " %", { digits: 4, axisDigits: 3 });
} else {
  add(card("market", "Funding", fundingNote), "p", "No period ended within this cut.");
}

for (const portfolio of report.portfolios) {
  const last = portfolio.values.map((values) => values[values.length - 1]);
  const note = `${portfolio.story} At the end V(0) = ${whole.format(last[0])}, V(1) = ` +
    `${whole.format(last[last.length - 1])} USDM; ${whole.format(portfolio.fills)} fills, ` +
    `${short(2).format(portfolio.fees)} USDM of fees.`;
  chart("portfolios", portfolio.title, note, portfolio.times,
    [...report.rungs.map((rung, place) => [`V(${rung})`, portfolio.values[place], { digits: 0 }]),
      ["resilience", portfolio.resilience, { unit: "", digits: 2,
        line: { scale: "right", stroke: color("soft"), dash: [4, 4], width: 1.2 } }]],
    " USDM", { right: true, digits: 0, size: 72 });
  const box = card("counterparties", portfolio.title);
  const rows = portfolio.counterparties.map((one) => [one.other, one.what, one.size]);
  if (portfolio.others) rows.push([`${portfolio.others} more`, "perpetuals", ""]);
  const scroll = add(box, "div", undefined, "scroll");
  if (rows.length) fill(add(scroll, "table"), ["with", "what", "size"], rows, [2]);
  else add(scroll, "p", "Nothing open.");
}

fill(document.getElementById("books"),
  ["market", "updates", "best bid and offer compared", "equal", "compared late", "equal", "levels corrected",
    "recorded trades", "recorded ETH", "of it filled", "orders at the end"],
  report.books.map((book) => [book.market, whole.format(book.updates), whole.format(book.compared),
    whole.format(book.equal), whole.format(book.late_compared), whole.format(book.late_equal),
    whole.format(book.corrections), whole.format(book.recorded_trades), short(2).format(book.recorded_eth),
    short(1).format(100 * (1 - book.unfilled_eth / (book.recorded_eth || 1))) + " %", whole.format(book.orders)]),
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
fill(document.getElementById("speed"), ["figure", "value"], [
  ["digest of the state", summary.digest],
  ["commands", whole.format(summary.commands)],
  ["time in the engine", short(2).format(summary.engine_s) + " s: decoding, executing, writing events"],
  ["commands a second", whole.format(summary.commands_per_s)],
  ["whole replay", short(2).format(summary.replay_s) + " s, with the work around the engine"],
  ["core", summary.compiled ? "compiled" : "interpreted"],
  ["machine", report.machine],
  ["perpetuals open, re-paired", `${whole.format(report.contracts)}, ${whole.format(report.repaired)}`],
  ["loans made, repaid, extended, returned to the book", `${report.loans_made}, ${report.loans_repaid}, ` +
    `${report.loans_extended}, ${report.loans_returned}`],
  ["invariants of the state at the end", report.violations.join("; ") || "all hold"],
  ["refused commands", report.refusals.join(", ") || "none"],
], []);

const made = document.getElementById("made");
for (const text of [
  `Two recordings, ${report.books.map((book) => book.file).join(" and ")}, hold the depth updates, trades and best ` +
    "bids and offers of one exchange. The engine holds a venue of its own with four books: spot, perpetual, and loans " +
    "in USDM and ETH.",
  "At every depth update, resting orders of 64 maker accounts a book are brought to the recorded size of each level, " +
    "removals first. The cross-market maker carries a part of the best level: its quote is part of the recorded size, " +
    "not on top of it. A recorded trade comes in before the update that reflects it, as an immediate-or-cancel order " +
    "of one of eight takers. What it asks for beyond the last update's book, orders placed and taken between two " +
    "updates, finds nothing.",
  "Where a trade here took other orders than the recorded one, or a portfolio took some, the next update puts back " +
    "what is missing; each such level that the update itself does not name is counted as corrected. At every update " +
    "id for which a best bid and offer was recorded too, prices and sizes are read from the engine's book and " +
    "compared. Quotes that stand behind their update in the file are counted apart, as late.",
  "The flow is recorded; margin, loans, funding, fees and counterparties are the engine's. The market does not answer " +
    "to the portfolios: what they take is back at the next update.",
]) add(made, "p", text);

fit();
addEventListener("resize", fit);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
