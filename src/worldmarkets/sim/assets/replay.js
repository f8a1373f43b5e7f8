"use strict";
const summary = report.summary;

// What the engine did by itself, on a chart of prices: at its time, at the mark then.
const MARKS = { "take-profit": ["▲", "good", "take-profit fired"], stop: ["▼", "s3", "stop fired"],
  pulled: ["✕", "c3", "quotes pulled"], switch: ["■", "c0", "dead man's switch"] };

function drawMarks(plot, marks) {
  const context = plot.ctx, scale = devicePixelRatio || 1;
  context.save();
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const one of marks) {
    const [sign, name] = MARKS[one.kind];
    const isLarge = one.kind !== "pulled";
    context.font = `${(isLarge ? 16 : 11) * scale}px system-ui, "DejaVu Sans", sans-serif`;
    const x = plot.valToPos(one.time, "x", true), y = plot.valToPos(one.price, "y", true);
    context.lineWidth = 3 * scale;
    context.strokeStyle = color("card");
    context.strokeText(sign, x, y);
    context.fillStyle = color(name);
    context.fillText(sign, x, y);
  }
  context.restore();
}

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
const marks = report.events.filter((one) => MARKS[one.kind] && one.price != null);
const priceBox = chart("market", "Price",
  "USDM for one ETH. The mark is the median of both mids and the last spot trade; signs stand where the engine acted.",
  ticks.time, [["perpetual, mid", ticks.perp], ["spot, mid", ticks.spot, { line: { width: 3 } }],
    ["mark", ticks.mark, { line: { width: 1 } }]], " USDM", { draw: (plot) => drawMarks(plot, marks), wide: true });
const present = Object.entries(MARKS).filter(([kind]) => marks.some((one) => one.kind === kind));
key(priceBox.parentElement, present.map(([kind, [sign, name, label]]) =>
  [sign, name, `${label} (${marks.filter((one) => one.kind === kind).length})`]));
chart("market", "Basis", "The perpetual's mid over the spot mid, in basis points.", ticks.time,
  [["perpetual over spot", ticks.basis]], " bp", { digits: 2 });
chart("market", "Spread", "Best offer less best bid, USDM.", ticks.time,
  [["perpetual", ticks.perp_spread, steps], ["spot", ticks.spot_spread, steps]], " USDM",
  { range: (_, low, high) => [0, Math.max(high * 1.15, 0.02)] });
chart("market", "Loan rates", "The best rate offered, percent a year, by tenor.", ticks.time,
  [["USDM 10 d", ticks.usdm_rate, steps], ["USDM 1 d", ticks.usdm_1d, steps], ["USDM 30 d", ticks.usdm_30d, steps],
    ["ETH 10 d", ticks.eth_rate, steps]], " %");
const funding = report.fundings;
const fundingNote = `Percent of the mark a period; above zero longs pay. The period is ${report.funding_period_s} s, ` +
  "shortened from 8 h so that a recording of minutes sees some. On the right the mid of firm depth (5 ETH a side) over " +
  "the mark, in basis points: funding averages it.";
const rateAt = (time) => funding.reduce((rate, period) => period.time <= time ? period.rate_ppb / 1e7 : rate, 0);
const far = Math.max(...ticks.firm.map((value) => Math.abs(value ?? 0)), 1);
chart("market", "Funding", fundingNote, ticks.time,
  [["rate of the period", ticks.time.map(rateAt), { ...steps, digits: 4 }],
    ["firm mid over mark", ticks.firm, { unit: " bp", digits: 2, line: { scale: "right", width: 1 } }]],
  " %", { digits: 4, axisDigits: 3, right: true, rightRange: [-far * 1.1, far * 1.1] });

for (const curve of report.curves) {
  chart("market", `${curve.asset} loan curve`, "The best rate offered for one, ten and thirty days, percent a year.",
    curve.days, curve.rates.map((rates, place) => [`at ${short(0).format(curve.times[place])} s`, rates,
      { line: { points: { show: true, size: 8 }, width: 1 + place * 0.8, dash: place ? undefined : [5, 4] } }]),
    " %", { xs: curve.days, xRange: [0, 31], xUnit: " d", shown: 1,
      range: (_, low, high) => [Math.floor(low - 0.5), Math.ceil(high + 0.5)] });
}
const volume = report.volume;
chart("market", "Trades in the perpetual", "ETH a second: bought by takers above zero, sold by them below.",
  volume.time, [["bought", volume.perp_bought, bars(0)], ["sold", volume.perp_sold, bars(1)]], " ETH",
  { digits: 3, axisDigits: 0 });
chart("market", "Trades in spot", "ETH a second: bought by takers above zero, sold by them below.",
  volume.time, [["bought", volume.spot_bought, bars(0)], ["sold", volume.spot_sold, bars(1)]], " ETH",
  { digits: 3, axisDigits: 0 });

for (const portfolio of report.portfolios) {
  const last = portfolio.values.map((values) => values[values.length - 1]);
  const note = `${portfolio.story} At the end V(0) = ${whole.format(last[0])}, V(1) = ` +
    `${whole.format(last[last.length - 1])} USDM; ${whole.format(portfolio.fills)} fills, ` +
    `${short(2).format(portfolio.fees)} USDM of fees.`;
  chart("portfolios", portfolio.title, note, portfolio.times,
    [...report.rungs.map((rung, place) => [`V(${rung})`, portfolio.values[place], { digits: 0 }]),
      ["resilience", portfolio.resilience, { unit: "", digits: 2,
        line: { scale: "right", stroke: color("soft"), dash: [4, 4], width: 1.2 } }]],
    " USDM", { right: true, digits: 0, size: Math.max(...portfolio.values[0]) < 1e6 ? 72 : 84 });
  const box = card("counterparties", portfolio.title);
  const rows = portfolio.counterparties.map((one) => [one.other, one.what, one.size]);
  if (portfolio.others) rows.push([`${portfolio.others} more`, "perpetuals", ""]);
  const scroll = add(box, "div", undefined, "scroll");
  if (rows.length) fill(add(scroll, "table"), ["with", "what", "size"], rows, [2]);
  else add(scroll, "p", "Nothing open.");
}

// States, events, exposures, compression, fees.
const length = summary.recorded_s;
const STATES = ["free", "margin call", "unwind", "auction", "close-out"];
const stateBox = card("states", "Account states over time",
  `Of the other ${whole.format(report.accounts - report.portfolios.length)} accounts, ` +
  `${report.others_in_trouble ? whole.format(report.others_in_trouble) : "none"} ever left the state free.`);
const stateRows = add(stateBox, "div", undefined, "rows");
for (const portfolio of report.portfolios) {
  const free = portfolio.states.reduce((sum, one) => sum + (one.state === "free" ? one.end - one.start : 0), 0);
  bar(stateRows, portfolio.title, portfolio.states.map((one) => [one.start / length, one.end / length,
    "s" + STATES.indexOf(one.state), `${one.state}, ${short(1).format(one.start)} to ${short(1).format(one.end)} s`]),
  `${short(1).format(100 * free / length)} % free`);
}
add(stateRows, "span");
const stateAxis = add(stateRows, "div", undefined, "axis");
const gap = [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((size) => length / size <= 8) ?? 5000;
for (let time = 0; time <= length; time += gap) {
  const mark = add(stateAxis, "i", `${short(1).format(time)} s`);
  mark.style.left = `${100 * time / length}%`;
}
add(stateRows, "span");
key(stateBox, STATES.map((state, place) => ["", "s" + place, state]));

const WORDS = { state: "state", pulled: "protection", stop: "stop", "take-profit": "take-profit", switch: "switch",
  loan: "lender's exit" };
for (const [title, note, kinds] of [
  ["Orders and loans", "Stops, take-profits, switches, lenders' exits and changes of state.",
    ["state", "stop", "take-profit", "switch", "loan"]],
  ["Market-maker protection", `Mass quotes placed ${whole.format(report.quoted.placed ?? 0)} quotes, moved ` +
    `${whole.format(report.quoted.moved ?? 0)} and left ${whole.format(report.quoted.kept ?? 0)} their place; ` +
    `${whole.format(report.quoted.refused ?? 0)} were refused.`, ["pulled"]],
]) {
  const found = report.events.filter((one) => kinds.includes(one.kind));
  const list = add(card("events", title, note), "div", undefined, "scroll list");
  const rows = found.map((one) => [`${one.time.toFixed(1)} s`, one.portfolio, one.text]);
  if (rows.length) fill(add(list, "table"), ["at", "portfolio", "what"], rows, [0]);
  else add(list, "p", "Nothing within this cut.");
}

for (const portfolio of report.portfolios) {
  const limit = portfolio.exposure_limit;
  const box = card("exposures", portfolio.title, (portfolio.exposed_to ? `${portfolio.exposed_to} counterparties.` : "") +
    (limit ? ` Its policy allows ${whole.format(limit)} to any one of them (the line).` : ""));
  const exposed = portfolio.exposures.filter((one) => one.total > 0);
  if (!exposed.length) add(box, "p", "Exposed to nobody: it owes, or has nothing open.");
  const most = 1.02 * Math.max(...exposed.map((one) => one.total), limit ?? 0);
  const rows = add(box, "div", undefined, "rows");
  for (const one of exposed) {
    const boxes = [];
    let from = 0;
    for (const [part, name] of [["lent", "c0"], ["profit", "c2"], ["shock", "c1"]]) {
      if (one[part] > 0) boxes.push([from / most, (from + one[part]) / most, name, `${part}: ${short(2).format(one[part])}`]);
      from += one[part];
    }
    bar(rows, one.other, boxes, whole.format(one.total), limit == null ? undefined : limit / most);
  }
  if (exposed.length) key(box, [["lent", "c0", "lent"], ["profit", "c2", "profit not yet paid"],
    ["shock", "c1", "design shock"]].filter(([part]) => exposed.some((one) => one[part] > 0))
    .map(([, name, label]) => ["", name, label]));
}

const compression = report.compression;
document.getElementById("compressed").textContent =
  `At the end the accounts that allow it have their circles of contracts torn up: ${whole.format(compression.before)} ` +
  `contracts became ${whole.format(compression.after)}, by ${whole.format(compression.circles)} circles among ` +
  `${whole.format(compression.parties)} accounts in ${whole.format(compression.commands)} commands. Every position and ` +
  "every V stayed. What remains stands with fewer counterparties, so the largest exposure may grow: the basis trader, " +
  "which limits its exposure, does not allow it.";
const perpetuals = report.portfolios.filter((one) => one.contracts_before);
fill(document.getElementById("compression"),
  ["portfolio", "position, ETH", "contracts before", "after", "largest exposure before, USDM", "after"],
  perpetuals.map((one) => [one.title, short(3).format(one.perp_eth), whole.format(one.contracts_before),
    whole.format(one.contracts_after), whole.format(one.largest_before), whole.format(one.exposures[0]?.total ?? 0)]),
  [1, 2, 3, 4, 5]);
document.getElementById("tiers").textContent =
  "A tier goes by what an owner paid in the thirty days before today, so what is paid in this recording cuts fees from " +
  "tomorrow on. The tomorrow shown is that of an owner who pays nothing more today.";
fill(document.getElementById("fees"),
  ["portfolio", "paid as maker, USDM", "as taker, USDM", "thirty days before, USDM", "cut today", "cut tomorrow",
    "to the next tier, USDM"],
  report.portfolios.map((one) => [one.title, short(2).format(one.fee_standing.maker),
    short(2).format(one.fee_standing.taker), short(2).format(one.fee_standing.month),
    short(2).format(one.fee_standing.cut) + " %", short(2).format(one.fee_standing.cut_tomorrow) + " %",
    one.fee_standing.next_tier == null ? "–" : short(2).format(one.fee_standing.next_tier)]),
  [1, 2, 3, 4, 5, 6]);

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
  ["loans that an order in another book took", whole.format(report.borrowed_in_orders)],
  ["contracts trued up", whole.format(report.trued_up)],
  ["perpetuals open, re-paired", `${whole.format(report.contracts)}, ${whole.format(report.repaired)}`],
  ["loans made, repaid, extended, returned to the book", `${report.loans_made}, ${report.loans_repaid}, ` +
    `${report.loans_extended}, ${report.loans_returned}`],
  ["invariants of the state at the end", report.violations.join("; ") || "all hold"],
  ["refused commands", report.refusals.join(", ") || "none"],
], []);

const made = document.getElementById("made");
for (const text of [
  `Two recordings, ${report.books.map((book) => book.file).join(" and ")}, hold the depth updates, trades and best ` +
    "bids and offers of one exchange. The engine holds a venue of its own with eight books: spot, perpetual, and loans " +
    "of one, ten and thirty days in USDM and ETH.",
  "At every depth update, resting orders of 64 maker accounts a book are brought to the recorded size of each level, " +
    "removals first. The cross-market maker carries a part of the best level, by mass quote: its quote is part of the " +
    "recorded size, not on top of it, and while its protection keeps it out the others carry all of it. A recorded trade comes in before the update that reflects it, as an immediate-or-cancel order " +
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
