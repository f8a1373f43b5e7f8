"""A short cut of the packaged recording, replayed whole; and the full recordings where they are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from worldmarkets.core import COMPILED
from worldmarkets.core.digest import compute_digest
from worldmarkets.recorded import ETH_PERP, ETH_SPOT, sample
from worldmarkets.sim.replay import Replay, ReplayError
from worldmarkets.sim.report import build_report
from worldmarkets.sim.timeline import load

SECONDS = 12 if COMPILED else 3


def run(seconds: float) -> Replay:
    perp = load(sample("perp_ethusdt"), ETH_PERP, seconds)
    spot = load(sample("spot_ethusdt"), ETH_SPOT, seconds)
    replay = Replay(perp, spot, seconds)
    replay.run()
    return replay


@pytest.fixture(scope="module")
def replay() -> Replay:
    return run(SECONDS)


def test_every_best_bid_and_offer_is_the_recorded_one(replay: Replay) -> None:
    for agreement in replay.agreements.values():
        assert agreement.compared > 0
        assert agreement.equal == agreement.compared
        assert agreement.late_equal == agreement.late_compared
        assert agreement.first_difference == ""


def test_nothing_is_refused_and_every_invariant_holds(replay: Replay) -> None:
    report = build_report(replay)
    assert report.refusals == []
    assert report.violations == []


def test_the_portfolios_live_through_their_stories(replay: Replay) -> None:
    by_name = {portfolio.name: portfolio for portfolio in replay.portfolios}
    basis, short, long = by_name["basis"], by_name["short"], by_name["long"]
    assert basis.eth_quanta > 0
    assert abs(basis.eth_quanta + basis.perp_lots * replay.venue.perp.lot_quanta) < replay.venue.eth_one // 10
    assert long.perp_lots == 80_000
    assert -31 * replay.venue.eth_one < short.eth_quanta < -29 * replay.venue.eth_one
    assert by_name["maker"].fills > 0
    for portfolio in replay.portfolios:
        for sample_ in portfolio.samples:
            assert list(sample_.values) == sorted(sample_.values, reverse=True)  # V falls as severity rises
            assert sample_.resilience_ppm >= 1_000_000  # everybody stays free


def test_loans_are_made_repaid_extended_and_lent_again(replay: Replay) -> None:
    report = build_report(replay)
    assert min(report.loans_made, report.loans_repaid, report.loans_returned) > 0
    assert report.loans_extended == 1
    borrowers = {replay.names[loan.borrower] for loan in replay.desk.loans.values()}
    assert borrowers == {"basis", "short", "maker"}


def test_the_same_replay_has_the_same_digest(replay: Replay) -> None:
    again = run(SECONDS)
    assert compute_digest(again.desk.engine.state) == compute_digest(replay.desk.engine.state)
    assert again.desk.commands == replay.desk.commands


def test_recordings_of_different_times_are_refused() -> None:
    perp = load(sample("perp_ethusdt"), ETH_PERP, 1)
    spot = load(sample("spot_ethusdt"), ETH_SPOT, 1)
    spot.start_us += 10_000_000
    spot.end_us += 10_000_000
    with pytest.raises(ReplayError, match="no time in common"):
        Replay(perp, spot)


@pytest.mark.skipif(not COMPILED, reason="there is nothing to compare with")
def test_compiled_and_interpreted_give_one_digest() -> None:
    program = "from worldmarkets.cli.replay import app; app()"
    found = []
    for pure in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", program, "l2", "--json", "--seconds", "2"],
            env={**os.environ, "WORLDMARKETS_PURE": pure}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        found.append(json.loads(done.stdout))
    compiled, interpreted = found
    assert (compiled["compiled"], interpreted["compiled"]) == (True, False)
    assert compiled["digest"] == interpreted["digest"]
    assert compiled["commands"] == interpreted["commands"] > 5_000


@pytest.mark.slow
@pytest.mark.skipif(not COMPILED, reason="takes minutes interpreted")
def test_the_full_recordings(shared: Path) -> None:
    folder = shared / "data" / "l2"
    perp = load(folder / "usdm_ethusdt_20240808.gz", ETH_PERP)
    spot = load(folder / "spot_ethusdt_20240808.gz", ETH_SPOT)
    replay = Replay(perp, spot)
    replay.run()
    found = {kind: (a.compared, a.equal, a.late_compared, a.late_equal) for kind, a in replay.agreements.items()}
    assert found == {"perp": (471, 471, 80, 80), "spot": (577, 577, 0, 0)}
    report = build_report(replay)
    assert (report.refusals, report.violations) == ([], [])
