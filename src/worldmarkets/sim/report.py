"""What a replay showed, as plain figures: for the terminal, for JSON and for the page."""

from __future__ import annotations

import platform
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from worldmarkets.core import COMPILED, codes
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.codec import result_name
from worldmarkets.core.digest import compute_digest
from worldmarkets.sim.portfolios import RUNGS_PPM, Portfolio
from worldmarkets.sim.replay import Replay
from worldmarkets.sim.timeline import SECOND_US, Kind

MILLION = 1_000_000
LARGEST = 5  # counterparties named one by one


class BookResult(msgspec.Struct):
    """One rebuilt book. `late` counts quotes that stand behind their update in the recording."""

    market: str
    file: str
    updates: int
    compared: int
    equal: int
    late_compared: int
    late_equal: int
    corrections: int
    first_difference: str
    recorded_trades: int
    recorded_eth: float
    fills: int
    filled_eth: float
    unfilled_eth: float
    orders: int


class Counterparty(msgspec.Struct):
    """What a portfolio has open with one other account."""

    other: str
    what: str
    size: str


class PortfolioResult(msgspec.Struct):
    """One portfolio: its story, its curve over time in USDM, and how it ended."""

    name: str
    title: str
    story: str
    times: list[float]
    values: list[list[float]]  # one list a rung
    resilience: list[float]
    fills: int
    fees: float
    perp_eth: float
    counterparties: list[Counterparty]
    others: int
    refusals: list[str]


class Summary(msgspec.Struct):
    """What `--json` prints. `bbo_late_*` are counted apart: see `BookResult`."""

    digest: str
    bbo_compared: int
    bbo_equal: int
    bbo_corrections: int
    commands: int
    trades: int
    commands_per_s: int
    bbo_late_compared: int
    bbo_late_equal: int
    recorded_trades: int
    recorded_s: float
    engine_s: float
    replay_s: float
    compiled: bool


class Report(msgspec.Struct):
    """Everything a page or a terminal shows."""

    summary: Summary
    begin: str
    end: str
    machine: str
    funding_period_s: int
    rungs: list[float]
    books: list[BookResult]
    portfolios: list[PortfolioResult]
    accounts: int
    contracts: int
    repaired: int
    loans_made: int
    loans_repaid: int
    loans_returned: int
    loans_extended: int
    orders_lost: int
    refusals: list[str]
    violations: list[str]  # invariants that the state at the end breaks
    ticks: dict[str, list[float | None]]
    volume: dict[str, list[float]]
    fundings: list[dict[str, float]]


def build_report(replay: Replay) -> Report:
    """Returns the report of a replay that has run."""
    desk, venue = replay.desk, replay.venue
    kinds: tuple[Kind, ...] = ("perp", "spot")
    books = [_describe_book(replay, kind) for kind in kinds]
    summary = Summary(
        digest=compute_digest(desk.engine.state),
        bbo_compared=sum(book.compared for book in books),
        bbo_equal=sum(book.equal for book in books),
        bbo_corrections=sum(book.corrections for book in books),
        commands=desk.commands,
        trades=sum(desk.fills.values()),
        commands_per_s=round(desk.commands / desk.engine_s) if desk.engine_s else 0,
        bbo_late_compared=sum(book.late_compared for book in books),
        bbo_late_equal=sum(book.late_equal for book in books),
        recorded_trades=replay.aggressors,
        recorded_s=(replay.end_us - replay.start_us) / SECOND_US,
        engine_s=round(desk.engine_s, 3),
        replay_s=round(replay.wall_s, 3),
        compiled=COMPILED,
    )
    return Report(
        summary=summary,
        begin=_format_time(replay.start_us),
        end=_format_time(replay.end_us),
        machine=f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        funding_period_s=venue.funding_period_s,
        rungs=[rung / MILLION for rung in RUNGS_PPM],
        books=books,
        portfolios=[_describe_portfolio(replay, portfolio) for portfolio in replay.portfolios],
        accounts=len(desk.accounts),
        contracts=len(desk.contracts),
        repaired=desk.repaired,
        loans_made=desk.loans_made,
        loans_repaid=desk.loans_repaid,
        loans_returned=desk.loans_returned,
        loans_extended=desk.events[codes.LOAN_EXTENDED],
        orders_lost=sum(makers.lost for makers in replay.makers.values()),
        refusals=_count_refusals(replay, None),
        violations=compute_violations(desk.engine),
        ticks=_get_ticks(replay),
        volume=_get_volume(replay),
        fundings=[
            {"time": _get_second(replay, funding.time_us), "rate_ppb": funding.rate_ppb}
            for funding in desk.fundings
        ],
    )  # fmt: skip


def _describe_book(replay: Replay, kind: Kind) -> BookResult:
    desk, market, makers = replay.desk, replay.markets[kind], replay.makers[kind]
    agreement, lot = replay.agreements[kind], 10**market.lot_decimals
    return BookResult(
        market=market.symbol,
        file=Path(replay.recordings[kind].path).name,
        updates=replay.updates[kind],
        compared=agreement.compared,
        equal=agreement.equal,
        late_compared=agreement.late_compared,
        late_equal=agreement.late_equal,
        corrections=makers.corrections,
        first_difference=agreement.first_difference,
        recorded_trades=replay.aggressors_of[kind],
        recorded_eth=replay.aggressor_lots[kind] / lot,
        fills=desk.fills[market.number],
        filled_eth=desk.lots[market.number] / lot,
        unfilled_eth=replay.unfilled_lots[kind] / lot,
        orders=len(makers.quotes),
    )


def _describe_portfolio(replay: Replay, portfolio: Portfolio) -> PortfolioResult:
    one = replay.venue.usdm_one
    samples = portfolio.samples
    counterparties, others = _get_counterparties(replay, portfolio)
    return PortfolioResult(
        name=portfolio.name,
        title=portfolio.title,
        story=portfolio.story,
        times=[_get_second(replay, sample.time_us) for sample in samples],
        values=[[round(sample.values[rung] / one, 2) for sample in samples] for rung in range(len(RUNGS_PPM))],
        resilience=[sample.resilience_ppm / MILLION for sample in samples],
        fills=portfolio.fills,
        fees=portfolio.fees / one,
        perp_eth=portfolio.perp_lots / 10**replay.venue.perp.lot_decimals,
        counterparties=counterparties,
        others=others,
        refusals=_count_refusals(replay, portfolio.account),
    )


def _get_counterparties(replay: Replay, portfolio: Portfolio) -> tuple[list[Counterparty], int]:
    """Returns all loans and the largest perp contracts of a portfolio, and how many more contracts there are."""
    account, venue, desk = portfolio.account, replay.venue, replay.desk
    found = []
    for loan in sorted(desk.loans.values(), key=lambda loan: (loan.asset, loan.rate_bp, loan.id)):
        if account not in (loan.lender, loan.borrower):
            continue
        other, verb = (loan.borrower, "lent") if account == loan.lender else (loan.lender, "owes")
        token, one = ("USDM", venue.usdm_one) if loan.asset == venue.usdm else ("ETH", venue.eth_one)
        extended = ", extended" if loan.extensions else ""
        size = f"{loan.principal / one:,.10g} {token}"
        found.append(Counterparty(replay.names[other], f"{verb} at {loan.rate_bp / 100:.2f} %{extended}", size))
    lot = 10**venue.perp.lot_decimals
    contracts = [
        (contract.lots, replay.names[contract.short if contract.long == account else contract.long],
         "long against" if contract.long == account else "short against")
        for contract in desk.contracts.values() if account in (contract.long, contract.short)
    ]  # fmt: skip
    contracts.sort(key=lambda contract: (-contract[0], contract[1]))
    found += [Counterparty(name, what, f"{lots / lot:,.3f} ETH") for lots, name, what in contracts[:LARGEST]]
    return found, max(len(contracts) - LARGEST, 0)


def _count_refusals(replay: Replay, account: int | None) -> list[str]:
    counts = Counter(result_name(refusal.code) for refusal in replay.desk.refusals
                     if account is None or refusal.account == account)  # fmt: skip
    return [f"{count} {name}" for name, count in sorted(counts.items())]


def _get_ticks(replay: Replay) -> dict[str, list[float | None]]:
    """Returns the venue second by second: prices in USDM, basis in basis points, rates in percent a year."""
    columns: dict[str, list[float | None]] = {
        name: [] for name in ("time", "perp", "spot", "mark", "perp_spread", "spot_spread", "basis", "usdm_rate",
                              "eth_rate")
    }  # fmt: skip
    for tick in replay.ticks:
        mark = tick.mark / 10**8
        middles: list[float | None] = []
        for kind, best in (("perp", tick.perp), ("spot", tick.spot)):
            bid, _, ask, _ = best
            unit = 10 ** (replay.venue.perp if kind == "perp" else replay.venue.spot).tick_decimals
            middles.append(round((bid + ask) / 2 / unit, 4) if bid and ask else None)
            columns[f"{kind}_spread"].append(round((ask - bid) / unit, 4) if bid and ask else None)
            columns[kind].append(middles[-1])
        perp, spot = middles
        columns["time"].append(_get_second(replay, tick.time_us))
        columns["mark"].append(mark)
        columns["basis"].append(None if perp is None or spot is None else round((perp / spot - 1) * 10_000, 3))
        columns["usdm_rate"].append(tick.usdm_rate_bp / 100 or None)
        columns["eth_rate"].append(tick.eth_rate_bp / 100 or None)
    return columns


def _get_volume(replay: Replay) -> dict[str, list[float]]:
    """Returns what takers bought (above zero) and sold (below), in ETH, second by second."""
    first, last = replay.start_us // SECOND_US, replay.end_us // SECOND_US
    columns: dict[str, list[float]] = {"time": [float(second - first) for second in range(first, last + 1)]}
    for kind, market in replay.markets.items():
        lot = 10**market.lot_decimals
        for name, side, sign in (("bought", codes.BUY, 1), ("sold", codes.SELL, -1)):
            columns[f"{kind}_{name}"] = [
                round(sign * replay.desk.volume.get((market.number, side, second), 0) / lot, 3)
                for second in range(first, last + 1)
            ]
    return columns


def _get_second(replay: Replay, time_us: int) -> float:
    return round((time_us - replay.start_us) / SECOND_US, 3)


def _format_time(time_us: int) -> str:
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    return when.strftime("%Y-%m-%d %H:%M:%S UTC")


def to_json(part: Any) -> str:
    """Returns a part of a report as JSON."""
    return msgspec.json.encode(part).decode()
