"""A short cut of the packaged recording, replayed whole; and the full recordings where they are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from worldmarkets.core import COMPILED
from worldmarkets.core.digest import compute_digest
from worldmarkets.exchange import Exchange
from worldmarkets.recorded import ETH_PERP, ETH_SPOT, sample
from worldmarkets.sim.portfolios import BasisTrader
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
    assert long.perp_lots == long.most_lots - 4 * (long.most_lots // 20)  # a fifth given up, and nothing else
    assert -31 * replay.venue.eth_one < short.eth_quanta < -29 * replay.venue.eth_one
    assert by_name["maker"].fills > 0
    for portfolio in replay.portfolios:
        for sample_ in portfolio.samples:
            assert list(sample_.values) == sorted(sample_.values, reverse=True)  # V falls as severity rises
            assert sample_.resilience_ppm >= 1_000_000 or portfolio is long  # everybody else stays free
            assert sample_.resilience_ppm > 990_000


def test_loans_are_made_repaid_extended_and_lent_again(replay: Replay) -> None:
    report = build_report(replay)
    assert min(report.loans_made, report.loans_repaid, report.loans_returned) > 0
    assert report.loans_extended == 1
    borrowers = {replay.names[loan.borrower] for loan in replay.desk.loans.values()}
    assert borrowers == {"basis", "short", "maker"}


def test_a_lender_leaves_a_loan_to_a_new_one_and_an_order_borrows(replay: Replay) -> None:
    moved = [loan for loan in replay.desk.loans.values() if loan.former]
    assert [(replay.names[loan.former], replay.names[loan.lender]) for loan in moved] == [("lender", "lender 2")]
    assert replay.desk.borrowed_in_orders > 0
    tenors = {replay.venue.get_market(loan.market).tenor_hours for loan in replay.desk.loans.values()}
    assert tenors == {24, 240}


def test_what_the_desk_says_of_contracts_is_what_the_engine_has(replay: Replay) -> None:
    exchange = Exchange(replay.venue.genesis, engine=replay.desk.engine)
    for portfolio in replay.portfolios:
        account = exchange.get_account(portfolio.account)
        perps = {perp.id: abs(perp.size) for perp in account.perps}
        mine = {number: contract.lots for number, contract in replay.desk.contracts.items()
                if portfolio.account in (contract.long, contract.short)}  # fmt: skip
        assert {number: int(size * 1000) for number, size in perps.items()} == mine
        loans = {
            loan.id: loan for loan in replay.desk.loans.values() if portfolio.account in (loan.lender, loan.borrower)
        }
        assert {loan.id for loan in account.loans} == set(loans)
        for loan in account.loans:
            other = loans[loan.id].lender if loan.side == "borrowed" else loans[loan.id].borrower
            assert loan.counterparty.number == other
            assert loan.rate * 100 == loans[loan.id].rate_bp


def test_compression_keeps_positions_and_leaves_a_forest(replay: Replay) -> None:
    found, compression = build_report(replay), replay.compression
    assert compression is not None
    assert found.compression.after == compression.contracts_after < found.compression.before
    for party in compression.parties:
        number = party.account.number
        net = sum(contract.lots * (1 if contract.long == number else -1) for contract in replay.desk.contracts.values()
                  if number in (contract.long, contract.short))  # fmt: skip
        assert net == int(party.position * 1000)
    basis = found.portfolios[0]
    assert basis.contracts_before == basis.contracts_after > 0  # it does not allow it


def test_no_order_of_the_basis_trader_goes_beyond_its_limit() -> None:
    """Without its policy they would; what others hand over may."""
    replay = Replay(load(sample("perp_ethusdt"), ETH_PERP, 4), load(sample("spot_ethusdt"), ETH_SPOT, 4), 4)
    basis = replay.portfolios[0]
    assert isinstance(basis, BasisTrader)
    hedge, grown = basis.hedge, []

    def watch() -> None:
        before = {one.other: one.lent + one.profit + one.shock for one in replay.get_exposures(basis.account)}
        hedge()
        after = {one.other: one.lent + one.profit + one.shock for one in replay.get_exposures(basis.account)}
        grown.extend(total for other, total in after.items() if total > before.get(other, 0))

    basis.hedge = watch  # type: ignore[method-assign]
    replay.run()
    limit = basis.max_exposure * replay.venue.usdm_one
    assert len(grown) > 20
    assert limit * 9 // 10 < max(grown) <= limit


def test_compression_changes_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[int]] = []
    compress = Replay._compress

    def watch(replay: Replay) -> None:
        for step in (lambda: None, lambda: compress(replay)):
            step()
            get = replay.desk.engine.get_value
            found.append([get(account, rung) for account in replay.desk.accounts for rung in (0, 300_000, 1_000_000)])

    monkeypatch.setattr(Replay, "_compress", watch)
    run(2)
    assert found[0] == found[1]


def test_the_maker_quotes_by_mass_quote_alone_and_none_is_refused(replay: Replay) -> None:
    quoted = replay.desk.quoted
    assert min(quoted["placed"], quoted["moved"]) > 0
    assert quoted["refused"] == 0
    for makers in replay.makers.values():
        for side in makers.sides:
            if side.guest is not None:
                assert makers.quotes[side.guest.id] is side.guest


@pytest.mark.slow
@pytest.mark.skipif(not COMPILED, reason="takes a minute interpreted")
def test_everything_new_happens_in_the_packaged_sample() -> None:
    replay = Replay(load(sample("perp_ethusdt"), ETH_PERP), load(sample("spot_ethusdt"), ETH_SPOT))
    replay.run()
    report = build_report(replay)
    summary = report.summary
    assert (summary.bbo_compared, summary.bbo_late_compared) == (700, 52)
    assert (summary.bbo_equal, summary.bbo_late_equal) == (700, 52)
    assert (report.refusals, report.violations) == ([], [])
    by_name = {portfolio.name: portfolio for portfolio in report.portfolios}
    happened = {(event.portfolio, event.kind) for event in report.events}
    assert happened == {
        ("basis", "take-profit"), ("long", "stop"), ("long", "state"), ("long", "switch"), ("maker", "pulled"),
        ("lender", "loan"),
    }  # fmt: skip
    assert {span.state for span in by_name["long"].states} == {"free", "margin call"}
    assert all({span.state for span in one.states} == {"free"} for one in report.portfolios if one.name != "long")
    assert by_name["basis"].exposure_limit == 1_500
    assert by_name["maker"].fee_standing.cut_tomorrow > 0
    assert min(report.quoted[name] for name in ("placed", "moved", "kept", "pulled")) > 0
    assert report.quoted["refused"] == 0
    assert report.compression.after < report.compression.before // 2
    assert report.borrowed_in_orders > 0
    assert len(report.fundings) == 4
    for curve in report.curves:
        assert all(None not in rates for rates in curve.rates)
    # Reduce-only orders outlive the switch: the stop of the long fired after it.
    times = {(event.portfolio, event.kind): event.time for event in report.events}
    assert times["long", "switch"] < times["long", "stop"]


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
