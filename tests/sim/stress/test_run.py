"""Small crashes: what is counted is what happened, and the same seed gives the same again."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from worldmarkets.recorded.crashes import CRASHES, read_crash_bars
from worldmarkets.sim.stress.bars import read_bars
from worldmarkets.sim.stress.outcome import Setting
from worldmarkets.sim.stress.policies import Full, Ladder, Policy, Queue
from worldmarkets.sim.stress.population import KINDS, draw_population
from worldmarkets.sim.stress.run import Run

CRASH = CRASHES["crash-2025-10-10"]
SMALL = Setting(accounts=40, seed=3)


def play(policy: Policy, setting: Setting = SMALL) -> Run:
    run = Run(CRASH, read_bars(CRASH), policy, setting)
    run.play()
    return run


@pytest.mark.parametrize("name", CRASHES)
def test_the_packaged_bars_cover_their_crash(name: str) -> None:
    crash = CRASHES[name]
    for asset, (_, minutes) in crash.bars.items():
        bars = read_crash_bars(crash, asset)
        assert bars["time"][0] <= crash.begin
        assert bars["time"][-1] + timedelta(minutes=minutes) >= crash.end
        assert (bars["low"] <= bars.select("open", "close").min_horizontal()).all()
        assert bars["low"].min() < 0.95 * bars["open"][0], "it is no crash"


@pytest.mark.slow
@pytest.mark.parametrize("policy", [Ladder, Full, Queue])
def test_a_small_crash_latches_some_keeps_every_invariant_and_repeats(policy: type[Policy]) -> None:
    run = play(policy())
    outcome = run.outcome
    assert outcome.latched > 3 and outcome.violations == []
    assert 0 <= outcome.kept_share <= 1 and outcome.bad_debt >= 0
    assert set(run.latched) <= set(run.people)
    assert play(policy()).outcome.get_measures() == outcome.get_measures()


@pytest.mark.slow
def test_full_liquidation_leaves_numeraire_alone() -> None:
    run = play(Full())
    for number in run.latched:
        positions = run.exchange.get_account(number).positions
        assert sum(abs(one.perp) for one in positions) < Decimal("0.5")


def test_everybody_is_free_at_the_start() -> None:
    run = Run(CRASH, read_bars(CRASH), Full(), Setting(accounts=60))
    run._set_marks(0)
    run._open_makers()
    run._open_people()
    assert run.list_below() == []
    assert {holding.kind for holding in run.people.values()} == set(KINDS)
    assert run.outcome.refused == 0
    held = run.everybody.read()
    for number, holding in run.people.items():
        asset = run.exchange.listing.asset(holding.asset).number
        size = holding.notional / run.paths[holding.asset][0]
        sign = -1 if holding.kind == "short" else 1
        has_spot, has_perp = holding.kind in ("margin", "basis", "holder"), holding.kind in ("long", "short", "pair")
        assert held.spot[number, asset] == pytest.approx(size * has_spot, rel=0.01, abs=1e-4)
        assert held.perp[number, asset] == pytest.approx(
            -size if holding.kind == "basis" else sign * size * has_perp, rel=0.01, abs=1e-4
        )


def test_the_same_seed_draws_the_same_people() -> None:
    shocks = {"BTC": 0.1, "ETH": 0.12}
    assert draw_population(50, shocks, 1) == draw_population(50, shocks, 1) != draw_population(50, shocks, 2)
