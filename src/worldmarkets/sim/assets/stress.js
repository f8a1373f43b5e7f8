"use strict";
const percent = (digits) => (value) => short(digits).format(100 * value) + " %";
const MEASURES = {
  kept_share: ["Kept", "of what accounts held when latched: still theirs at the end", percent(1), 1],
  bad_debt: ["Bad debt", "claims that nobody paid, USDM", whole.format, -1],
  loss_beyond_price: ["Lost beyond price", "to slippage, fees and discounts, of that notional", percent(2), -1],
  contagion_accounts: ["Contagion", "accounts less than free through another's default", whole.format, -1],
  hedges_broken: ["Hedges broken", "accounts whose net delta was raised for them", whole.format, -1],
};
const WHY = {
  kept_share: "The ladder sells only what frees an account. Where the price goes on falling it sells again and again, " +
    "and whoever is closed out in the end keeps nothing. A queue leaves on what the book does not take near the mark: " +
    "that counts as kept, and where the price turns in time it was.",
  bad_debt: "The ladder begins later, at V(0.6) rather than V(1), sells no more than frees the account and no more than " +
    "a part of depth a second. So more is still on when the price jumps or falls through the rest of the margin, and " +
    "less is left to pay with. Whoever sells everything at the first sign has nothing left to lose.",
  loss_beyond_price: "Many slices pay a fee each and cross a thin book again each time; bidders of the backstop book are " +
    "paid a discount; and of an account whose clock runs out the creditors receive assets at less than the mark. A queue " +
    "that closes at a price between two accounts crosses no book at all.",
  contagion_accounts: "Contagion follows defaults: where more accounts are closed out, or owe more, more of their " +
    "counterparties lose a part of a claim or the other leg of a hedge.",
  hedges_broken: "A close-out ends every contract of the defaulter, at the mark. Whoever was hedged with it has one leg " +
    "left. The rivals' venue closes out too; where they have sold earlier there are fewer close-outs.",
};
const policies = report.policies;
const names = policies.map((one) => one.name);
const ladder = policies[0];
const clock = (seconds) => {
  const minutes = Math.round((report.begin_s + seconds) / 60);
  return String(Math.floor(minutes / 60) % 24).padStart(2, "0") + ":" + String(minutes % 60).padStart(2, "0");
};

// The best value of a measure, and whether one is as good.
const best = (measures, name) => {
  const values = names.map((policy) => measures[policy][name]);
  return MEASURES[name][3] > 0 ? Math.max(...values) : Math.min(...values);
};
const isSame = (one, other) => Math.abs(one - other) <= 1e-9 * Math.max(Math.abs(one), Math.abs(other), 1e-3);

document.getElementById("title").textContent = `${report.crash}: one crash, three policies`;
document.getElementById("subtitle").textContent =
  `${report.begin} to ${report.end}. ${whole.format(report.setting.accounts)} portfolios, seed ${report.setting.seed}` +
  (report.setting.depth === 1 ? "" : `, depth x ${report.setting.depth}`) +
  (report.setting.leverage === 1 ? "" : `, leverage x ${report.setting.leverage}`) +
  `. Bars are recorded; paths between them, portfolios and depth are modelled.` +
  (report.note && ` ${report.note[0].toUpperCase()}${report.note.slice(1)}.`);
const first = (asset) => ladder.course[`price ${asset}`];
for (const asset of report.assets) {
  const path = first(asset);
  tile(percent(1)(Math.min(...path) / path[0] - 1), `${asset} at its lowest, from ${short(0).format(path[0])}`);
}
for (const one of policies) {
  tile(`${whole.format(one.latched)}, ${whole.format(one.closed_out)}`, `latched, closed out under ${one.name}` +
    (one.deleveraged ? `; ${whole.format(one.deleveraged)} deleveraged against their will` : ""));
}

const main = Object.fromEntries(policies.map((one) => [one.name, one.measures]));
for (const [name, [title, note, form]] of Object.entries(MEASURES)) {
  const box = card("measures", title, note[0].toUpperCase() + note.slice(1) + ".");
  const rows = add(box, "div", undefined, "rows");
  const most = Math.max(...names.map((policy) => main[policy][name])) || 1;
  names.forEach((policy, place) => {
    const value = main[policy][name];
    bar(rows, policy, value ? [[0, value / most, "c" + place, form(value)]] : [], form(value));
    if (isSame(value, best(main, name)) && names.some((other) => !isSame(main[other][name], value))) {
      rows.lastChild.classList.add("best");
    }
  });
}
const duelBox = card("measures", "Account by account",
  "Of the accounts that either policy latched: how many ended worth more under the ladder, how many less (by over 1 % " +
  "of what they began with), and the sum of all differences.");
fill(add(add(duelBox, "div", undefined, "scroll"), "table"), ["against", "better off", "worse off", "even", "sum, USDM"],
  report.duels.map((duel) => [duel.rival, whole.format(duel.better), whole.format(duel.worse), whole.format(duel.even),
    (duel.sum > 0 ? "+" : "") + whole.format(duel.sum)]), [1, 2, 3, 4]);

const course = ladder.course, times = course.seconds;
const indexed = report.assets.map((asset) => [asset, first(asset).map((price) => 100 * price / first(asset)[0])]);
const latched = policies.map((one, place) => [`latched, ${one.name}`, one.course.latched,
  { digits: 0, unit: "", line: { scale: "right", stroke: color("c" + place), dash: [5, 4], width: 1.4,
    paths: uPlot.paths.stepped({ align: 1 }) } }]);
chart("prices", "Prices, and accounts latched so far",
  "Marks, 100 at the beginning. On the right, dashed: how many accounts each policy has latched.", times,
  [...indexed.map(([asset, values], place) => [asset, values,
    { line: { stroke: color(["ink", "soft", "c3"][place]), width: 2 } }]), ...latched],
  "", { wide: true, right: true, rightSize: 56, at: clock, digits: 1, axisDigits: 0 });
chart("prices", "Depth", `Of ${report.assets[0]}'s books, as a share of the calm one.`, times,
  [["depth", course.depth.map((share) => 100 * share)]], " %", { at: clock, digits: 0, range: [0, 105] });
chart("prices", "Bad debt so far", "Claims that close-outs left unpaid, thousand USDM.", times,
  policies.map((one, place) => [one.name, one.course["bad debt"].map((value) => value / 1000),
    { line: { stroke: color("c" + place), paths: uPlot.paths.stepped({ align: 1 }) } }]),
  "", { at: clock, digits: 1, range: (_, low, high) => [0, Math.max(high * 1.1, 1)] });

// States stand on one another, the worst lowest; the legend says each one's own count.
const STATES = ["margin call", "unwind", "auction", "close-out"];
const height = Math.max(...policies.map((one) => Math.max(...times.map((_, at) =>
  STATES.reduce((sum, state) => sum + one.course[state][at], 0)))), 1);
for (const one of policies) {
  const piles = STATES.map((state, place) => [state, times.map((_, at) =>
    STATES.slice(place).reduce((sum, each) => sum + one.course[each][at], 0)),
  { line: { stroke: color("s" + (place + 1)), fill: color("s" + (place + 1)), width: 0,
    value: (_, value, series, at) => at == null ? "–" : whole.format(one.course[state][at]) } }]);
  chart("states", one.name, "", times, piles, "", { at: clock, digits: 0, size: 46, range: [0, height * 1.05] });
}

const kinds = Object.keys(ladder.kinds);
fill(document.getElementById("kinds"), ["portfolio", "accounts", ...names.flatMap((name) => [`latched, ${name}`, "kept"])],
  kinds.map((kind) => [kind, whole.format(ladder.kinds[kind].accounts), ...policies.flatMap((one) => {
    const { latched, notional, kept } = one.kinds[kind];
    return [whole.format(latched), notional ? percent(0)(kept / notional) : "–"];
  })]), names.flatMap((_, place) => [2 * place + 2, 2 * place + 3]).concat(1));

// The table of sensitivities: three values a measure.
const table = document.getElementById("rows");
if (report.rows.length > 1) {
  document.getElementById("reduced").textContent =
    `Each line is all three policies again; all but the first with ${whole.format(report.cell_accounts)} portfolios, so ` +
    "that it takes minutes. Books are not scaled with them: fewer portfolios meet relatively deeper ones. Green is the " +
    "best of three, red is the ladder where a rival does better.";
  const head = add(table, "thead"), top = add(head, "tr"), sub = add(head, "tr");
  add(top, "th"); add(sub, "th");
  for (const [title] of Object.values(MEASURES)) {
    add(top, "th", title, "first").colSpan = names.length;
    names.forEach((name, place) => add(sub, "th", name, place ? "n" : "n first"));
  }
  const body = add(table, "tbody");
  for (const row of report.rows) {
    const line = add(body, "tr");
    add(line, "td", row.words);
    for (const [name, [, , form]] of Object.entries(MEASURES)) {
      names.forEach((policy, place) => {
        const value = row.measures[policy][name];
        const differs = names.some((other) => !isSame(row.measures[other][name], value));
        const kind = differs && isSame(value, best(row.measures, name)) ? " best"
          : place === 0 && row.lost.includes(name) ? " lost" : "";
        add(line, "td", form(value), "n" + (place ? "" : " first") + kind);
      });
    }
  }
} else {
  document.getElementById("reduced").textContent = "Not asked for: --no-sensitivity.";
}

const lost = document.getElementById("lost");
const list = add(lost, "ul");
for (const [name, [title, , form]] of Object.entries(MEASURES)) {
  const rows = report.rows.filter((row) => row.lost.includes(name));
  if (!rows.length) continue;
  const worst = rows[0];
  const item = add(list, "li");
  add(item, "b", title + (report.rows.length > 1 ? `, in ${rows.length} of ${report.rows.length} lines` : ""));
  item.append(` (${worst.words}: ${names.map((policy) => `${policy} ${form(worst.measures[policy][name])}`).join(", ")}). ` +
    WHY[name]);
}
if (!list.children.length) list.remove();
const full = report.duels[0];
add(lost, "p", `Account by account it is the same choice seen from inside. Of ${whole.format(full.better + full.worse +
  full.even)} accounts, ${whole.format(full.worse)} would have been better off had everything been sold at the first ` +
  `sign, and ${whole.format(full.better)} would not. Whoever is left a position is left its next move: where the price ` +
  "comes back it was right to sell little, where it falls on it was right to sell all.");

for (const story of report.stories) {
  const held = Object.entries(story.held).map(([leg, size]) => `${short(4).format(size)} ${leg}`).join(", ");
  const [own, rival] = story.sides;
  const box = card("stories", story.title, `${story.name}: began with ${whole.format(story.equity)} USDM, and held ${held} ` +
    `when it was latched. It ended worth ${whole.format(own.worth)} under the ladder and ${whole.format(rival.worth)} under ` +
    `${rival.policy}.`);
  for (const side of story.sides) {
    add(box, "h3", side.policy);
    const scroll = add(box, "div", undefined, "scroll");
    const rows = side.acts.map((act) => [clock(act.seconds), act.what, act.asset
      ? `${short(4).format(act.size)} ${act.asset}` : act.size ? `${whole.format(act.size)} USDM` : "",
    act.price ? short(2).format(act.price) : "", act.mark ? short(2).format(act.mark) : ""]);
    if (rows.length) fill(add(scroll, "table"), ["at", "what", "size", "price", "mark"], rows, [2, 3, 4]);
    else add(scroll, "p", "Nothing: it was never below.");
  }
}

const made = document.getElementById("made");
for (const text of [
  `Recorded are bars (${report.bars.join("; ")}), small extracts of public recordings of Binance and Bybit. Modelled, each ` +
    "with its seed: the path between the four prices of a bar, who holds what, and how deep the books are; depth within " +
    "five minutes of a move of 3 % is a tenth of the calm one. No venue publishes its users' portfolios, so the " +
    "distribution is an assumption; the guide says which.",
  "An account counts as latched from the moment the policy first acts on it: below V(0.6) for the ladder, below V(1) for " +
    "the rivals, or when a price has brought it below nothing. Kept is, leg by leg, the smaller of what it held then and " +
    "at the end, at the marks of then. Hedges and contagion are counted for everybody, the rivals' close-outs included.",
  `It took ${short(0).format(report.seconds)} s in ${report.jobs} processes; the three runs above took ` +
    policies.map((one) => `${short(1).format(one.cpu_s)} s (${one.name})`).join(", ") + ` of a core. ` +
    `${report.machine}; the core is ${report.compiled ? "compiled" : "interpreted"}.`,
  `The same again: world stress ${report.crash} --accounts ${report.setting.accounts} --seed ${report.setting.seed} ` +
    `--depth ${report.setting.depth} --leverage ${report.setting.leverage}`,
]) add(made, "p", text);

fit();
addEventListener("resize", fit);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
