"""What a study showed, as plain figures for the page: measures, courses, sensitivities, and where the ladder loses."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from worldmarkets.core import COMPILED
from worldmarkets.recorded.crashes import CRASHES
from worldmarkets.sim.stress.outcome import MEASURES, Act, Fate, Outcome, Setting
from worldmarkets.sim.stress.study import CELL_ACCOUNTS, Study

LADDER = "ladder"
RIVALS = ("full", "adl")
EVEN = 0.01  # of its equity: within it an account is as well off here as there
MOST_ACTS = 14
BETTER = {"kept_share": 1}  # a larger one is better; of all others a smaller one


class PolicyResult(msgspec.Struct):
    """One policy on the portfolios of the main run; `course` has one column a name."""

    name: str
    measures: dict[str, float]
    latched: int
    notional: float
    closed_out: int
    deleveraged: int
    refused: int
    cpu_s: float
    course: dict[str, list[float]]
    kinds: dict[str, dict[str, float]]


class Row(msgspec.Struct):
    """A line of the table of sensitivities: by policy its measures, and the measures in which the ladder loses."""

    words: str
    setting: Setting
    measures: dict[str, dict[str, float]]
    lost: list[str]


class Duel(msgspec.Struct):
    """The ladder against a rival, account by account: of those that either latched, how many ended with more, how many
    with less, and the sum of all differences in numeraire.
    """

    rival: str
    better: int
    worse: int
    even: int
    sum: float


class Side(msgspec.Struct):
    """One account's fate under one policy."""

    policy: str
    worth: float
    latched: float | None
    acts: list[Act]


class Story(msgspec.Struct):
    """One account under the ladder and under a rival."""

    title: str
    name: str
    kind: str
    equity: float
    held: dict[str, float]
    sides: list[Side]


class StressReport(msgspec.Struct):
    """Everything the page shows."""

    crash: str
    note: str
    begin: str
    end: str
    begin_s: float
    assets: list[str]
    bars: list[str]
    setting: Setting
    cell_accounts: int
    policies: list[PolicyResult]
    rows: list[Row]
    duels: list[Duel]
    stories: list[Story]
    jobs: int
    seconds: float
    machine: str
    compiled: bool


def build_report(study: Study) -> StressReport:
    """Return the report of a study."""
    crash = CRASHES[study.crash]
    outcomes = study.outcomes
    lines = [("the run above", study.setting, outcomes)]
    lines += [(cell.words, cell.setting, cell.outcomes) for cell in study.cells]
    return StressReport(
        crash=crash.name,
        note=crash.note,
        begin=crash.begin.strftime("%Y-%m-%d %H:%M UTC"),
        end=crash.end.strftime("%Y-%m-%d %H:%M UTC"),
        begin_s=crash.begin.hour * 3_600.0 + crash.begin.minute * 60.0,
        assets=list(crash.bars),
        bars=[f"{asset}: {name}" for asset, (name, _) in crash.bars.items()],
        setting=study.setting,
        cell_accounts=min(study.setting.accounts, CELL_ACCOUNTS),
        policies=[_describe_policy(outcome) for outcome in outcomes.values()],
        rows=[_describe_row(words, setting, done) for words, setting, done in lines],
        duels=[_fight(outcomes[LADDER], outcomes[rival]) for rival in RIVALS],
        stories=list(_tell(outcomes)),
        jobs=study.jobs,
        seconds=round(study.seconds, 1),
        machine=f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        compiled=COMPILED,
    )


def find_lost(measures: dict[str, dict[str, float]]) -> list[str]:
    """Return the measures in which some rival is better than the ladder."""
    return [
        name
        for name in MEASURES
        if any(
            (measures[rival][name] - measures[LADDER][name]) * BETTER.get(name, -1) > 1e-9 * abs(measures[LADDER][name])
            for rival in RIVALS
        )
    ]


def _describe_policy(outcome: Outcome) -> PolicyResult:
    kinds: dict[str, dict[str, float]] = {}
    for fate in outcome.fates:
        kind = kinds.setdefault(fate.kind, {"accounts": 0, "latched": 0, "notional": 0.0, "kept": 0.0})
        kind["accounts"] += 1
        kind["latched"] += fate.latched is not None
        kind["notional"] += fate.notional
        kind["kept"] += fate.kept
    names = outcome.course[0].keys() if outcome.course else ()
    course = {name: [round(row[name], 6) for row in outcome.course] for name in names}
    return PolicyResult(
        outcome.policy, _round(outcome), outcome.latched, outcome.notional, outcome.closed_out, outcome.deleveraged,
        outcome.refused, round(outcome.cpu_s, 1), course, kinds,
    )  # fmt: skip


def _round(outcome: Outcome) -> dict[str, float]:
    return {name: round(float(value), 8) for name, value in outcome.get_measures().items()}


def _describe_row(words: str, setting: Setting, outcomes: dict[str, Outcome]) -> Row:
    measures = {name: _round(outcome) for name, outcome in outcomes.items()}
    return Row(words, setting, measures, find_lost(measures))


# Account by account.


def _pair(one: Outcome, other: Outcome) -> Iterator[tuple[Fate, Fate]]:
    """Yield the accounts that either policy latched, with their fates under both: they are the same portfolios."""
    for fate, twin in zip(one.fates, other.fates, strict=True):
        if fate.latched is not None or twin.latched is not None:
            yield fate, twin


def _fight(ladder: Outcome, rival: Outcome) -> Duel:
    gains = [((fate.worth - twin.worth), fate.equity) for fate, twin in _pair(ladder, rival)]
    better = sum(gain > EVEN * equity for gain, equity in gains)
    worse = sum(-gain > EVEN * equity for gain, equity in gains)
    return Duel(rival.policy, better, worse, len(gains) - better - worse, round(sum(gain for gain, _ in gains), 2))


def _tell(outcomes: dict[str, Outcome]) -> Iterator[Story]:
    """Tell of the account that did worst under the ladder against full liquidation, and of the one that did best."""
    ladder, full = outcomes[LADDER], outcomes["full"]
    pairs = [(fate, twin) for fate, twin in _pair(ladder, full) if fate.latched is not None]
    pairs.sort(key=lambda pair: (pair[0].worth - pair[1].worth) / pair[0].equity)
    for title, found in (("The account that lost most by the ladder", pairs[:1]),
                         ("The account that gained most by it", pairs[-1:])):  # fmt: skip
        for fate, twin in found:
            sides = [Side(outcome.policy, round(one.worth, 2), one.latched, list(_shorten(one.acts)))
                     for outcome, one in ((ladder, fate), (full, twin))]  # fmt: skip
            yield Story(title, fate.name, fate.kind, fate.equity, twin.held or fate.held, sides)


def _shorten(acts: list[Act]) -> Iterator[Act]:
    """Put together what was done in one stretch, and leave out the middle of what is long."""
    merged: list[Act] = []
    for act in acts:
        last = merged[-1] if merged else None
        if last is not None and act.price and (last.what, last.asset, last.mark) == (act.what, act.asset, act.mark):
            size = last.size + act.size
            price = (last.price * last.size + act.price * act.size) / size
            merged[-1] = replace(last, size=size, price=price)
        elif last is None or act.what != "latched" or last.what != "latched":
            merged.append(act)
    if len(merged) > MOST_ACTS:
        left = len(merged) - MOST_ACTS + 1
        merged[MOST_ACTS // 2 : MOST_ACTS // 2 + left] = [Act(merged[MOST_ACTS // 2].seconds, f"and {left} more")]
    yield from merged
