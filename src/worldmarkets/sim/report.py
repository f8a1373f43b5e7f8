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
from worldmarkets.exchange.ladder import STATES
from worldmarkets.sim.desk import Happening
from worldmarkets.sim.portfolios import RUNGS_PPM, Portfolio
from worldmarkets.sim.replay import Exposure, Replay
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


class Span(msgspec.Struct):
    """A time that an account spent in one state, in seconds."""

    state: str
    start: float
    end: float


class ExposureResult(msgspec.Struct):
    """What a portfolio is exposed to one counterparty, in USDM."""

    other: str
    lent: float
    profit: float
    shock: float
    total: float


class FeeResult(msgspec.Struct):
    """What a portfolio paid, in USDM, and the share in percent that its tier cuts off: today, and from tomorrow."""

    maker: float
    taker: float
    month: float
    cut: float
    cut_tomorrow: float
    next_tier: float | None  # what must be paid in thirty days until the next tier begins


class Event(msgspec.Struct):
    """Something that happened to a portfolio by itself: `kind` is what a chart marks, `price` the mark then."""

    time: float
    portfolio: str
    kind: str
    text: str
    price: float | None


class CurveResult(msgspec.Struct):
    """The loan curve of an asset: the best rate offered for each tenor, percent a year, at three times."""

    asset: str
    days: list[float]
    times: list[float]
    rates: list[list[float | None]]  # one list a time


class CompressionResult(msgspec.Struct):
    """Contracts of the perpetual before and after compression, and what it took."""

    before: int
    after: int
    circles: int
    commands: int
    parties: int


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
    states: list[Span]
    exposures: list[ExposureResult]  # the largest, after compression
    exposed_to: int
    largest_before: float  # before compression
    exposure_limit: float | None
    fee_standing: FeeResult
    contracts_before: int
    contracts_after: int


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
    curves: list[CurveResult]
    events: list[Event]
    quoted: dict[str, int]  # what mass quotes did, and how many quotes protection pulled
    borrowed_in_orders: int
    trued_up: int
    others_in_trouble: int  # accounts beside the portfolios that were ever in another state than free
    compression: CompressionResult


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
        curves=[_describe_curve(replay, asset) for asset in venue.curves],
        events=_describe_events(replay),
        quoted={**desk.quoted, "pulled": sum(makers.pulled for makers in replay.makers.values())},
        borrowed_in_orders=desk.borrowed_in_orders,
        trued_up=desk.events[codes.TRUED_UP],
        others_in_trouble=_count_others(replay),
        compression=_describe_compression(replay),
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
    exposures = replay.get_exposures(portfolio.account)
    before = replay.exposures_before[portfolio.account][:1]
    return PortfolioResult(
        name=portfolio.name,
        title=portfolio.title,
        story=portfolio.story,
        times=[_get_second(replay, sample.time_us) for sample in samples],
        values=[[round(sample.values[rung] / one, 2) for sample in samples] for rung in range(len(RUNGS_PPM))],
        resilience=[sample.resilience_ppm / MILLION for sample in samples],
        fills=portfolio.fills,
        fees=(portfolio.maker_fees + portfolio.taker_fees) / one,
        perp_eth=portfolio.perp_lots / 10**replay.venue.perp.lot_decimals,
        counterparties=counterparties,
        others=others,
        refusals=_count_refusals(replay, portfolio.account),
        states=_get_spans(replay, portfolio),
        exposures=[_describe_exposure(replay, exposure) for exposure in exposures[:LARGEST]],
        exposed_to=len(exposures),
        largest_before=max((_describe_exposure(replay, exposure).total for exposure in before), default=0.0),
        exposure_limit=limit / one if (limit := _get_limit(replay, portfolio)) else None,
        fee_standing=_describe_fees(replay, portfolio),
        contracts_before=replay.contracts_before[portfolio.account],
        contracts_after=sum(portfolio.account in (perp.long, perp.short) for perp in replay.desk.contracts.values()),
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
        tenor = ", " + replay.venue.get_market(loan.market).symbol.rpartition("-")[2] if loan.market else ""
        extended = ", extended" if loan.extensions else ""
        size = f"{loan.principal / one:,.10g} {token}"
        found.append(Counterparty(replay.names[other], f"{verb} at {loan.rate_bp / 100:.2f} %{tenor}{extended}", size))
    lot = 10**venue.perp.lot_decimals
    contracts = [
        (contract.lots, replay.names[contract.short if contract.long == account else contract.long],
         "long against" if contract.long == account else "short against")
        for contract in desk.contracts.values() if account in (contract.long, contract.short)
    ]  # fmt: skip
    contracts.sort(key=lambda contract: (-contract[0], contract[1]))
    found += [Counterparty(name, what, f"{lots / lot:,.3f} ETH") for lots, name, what in contracts[:LARGEST]]
    return found, max(len(contracts) - LARGEST, 0)


def _get_spans(replay: Replay, portfolio: Portfolio) -> list[Span]:
    """Returns the states of a portfolio as the engine reported them, one after another."""
    spans = [Span(STATES[0], 0.0, 0.0)]
    for happening in replay.desk.happenings:
        if happening.kind == codes.ACCOUNT_STATE and happening.account == portfolio.account:
            spans[-1].end = _get_second(replay, happening.time_us)
            spans.append(Span(STATES[happening.code], spans[-1].end, 0.0))
    spans[-1].end = _get_second(replay, replay.end_us)
    return spans


def _count_others(replay: Replay) -> int:
    changed = {one.account for one in replay.desk.happenings if one.kind == codes.ACCOUNT_STATE}
    return len(changed.difference(portfolio.account for portfolio in replay.portfolios))


def _describe_exposure(replay: Replay, exposure: Exposure) -> ExposureResult:
    one = replay.venue.usdm_one
    parts = [round(part / one, 2) for part in (exposure.lent, exposure.profit, exposure.shock)]
    return ExposureResult(replay.names[exposure.other], parts[0], parts[1], parts[2], round(sum(parts), 2))


def _get_limit(replay: Replay, portfolio: Portfolio) -> int:
    policy = replay.desk.read_row("accounts", portfolio.account).policy
    return int(replay.desk.read_row("policies", policy).max_exposure) if policy else 0


def _describe_fees(replay: Replay, portfolio: Portfolio) -> FeeResult:
    """Returns what was paid and what it cuts; tomorrow's cut is the rule of docs/spec/fees.md over today's fees."""
    one = replay.venue.usdm_one
    month, today, _, _, cut_ppm = replay.desk.engine.get_fees(portfolio.account)
    paid = month + today
    tiers = [(int(tier.fees) * one, tier.taker_cut_ppm) for tier in replay.venue.genesis.tiers]
    tomorrow = sum(max(paid - start, 0) * cut for start, cut in tiers) // paid if paid > 0 else 0
    ahead = [start - paid for start, _ in tiers if start > paid]
    return FeeResult(
        portfolio.maker_fees / one, portfolio.taker_fees / one, month / one, cut_ppm / 10_000, tomorrow / 10_000,
        round(min(ahead) / one, 2) if ahead else None,
    )  # fmt: skip


def _describe_curve(replay: Replay, asset: str) -> CurveResult:
    """Returns an asset's curve when every tenor is first on offer, half way, and at the end."""
    books = replay.venue.curves[asset]
    ticks = [(tick.time_us, tick.usdm_rates if asset == "USDM" else tick.eth_rates) for tick in replay.ticks]
    whole = [tick for tick in ticks if all(tick[1])] or ticks
    shown = [whole[0], whole[len(whole) // 2], whole[-1]]
    return CurveResult(
        asset, [book.tenor_hours / 24 for book in books], [_get_second(replay, time_us) for time_us, _ in shown],
        [[rate / 100 or None for rate in rates] for _, rates in shown],
    )  # fmt: skip


def _describe_events(replay: Replay) -> list[Event]:
    """Returns what happened to portfolios by itself, in order of time; what one switch cancelled is one event."""
    found: list[Event] = []
    names = {portfolio.account: portfolio.name for portfolio in replay.portfolios}
    marks = iter(replay.ticks)
    tick = next(marks, None)
    mark = None
    for happening in replay.desk.happenings:
        while tick is not None and tick.time_us <= happening.time_us:
            mark, tick = tick.mark / 10**8, next(marks, None)
        if happening.account not in names:
            continue
        kind, text = _describe_happening(replay, happening)
        event = Event(_get_second(replay, happening.time_us), names[happening.account], kind, text, mark)
        last = found[-1] if found else None
        is_more = kind == "switch" and last is not None and (last.time, last.kind) == (event.time, kind)
        if kind and not is_more:
            found.append(event)
    return found


def _describe_happening(replay: Replay, happening: Happening) -> tuple[str, str]:
    """Returns the kind of an event, empty when it is not to be shown, and what it came to."""
    market = {book.number: book for book in (replay.venue.perp, replay.venue.spot)}.get(happening.market)
    lot = 10**market.lot_decimals if market else 1
    match happening.kind:
        case codes.ORDER_TRIGGERED:
            kind = "take-profit" if happening.subject % 2 else "stop"
            return kind, f"{kind} over {happening.amount / lot:,.3f} ETH fired, its partner is gone"
        case codes.PROTECTION_TRIPPED:
            quotes = {0: "no other quote was left", 1: "a quote pulled"}
            pulled = quotes.get(happening.amount, f"{happening.amount} quotes pulled")
            return "pulled", f"limit of fills in {market.symbol if market else ''} reached: {pulled}"
        case codes.ORDER_CANCELLED if happening.code == codes.REASON_DEAD_MAN:
            count = replay.desk.reasons[happening.account, codes.REASON_DEAD_MAN]
            return "switch", f"dead man's switch cancelled {count} orders"
        case codes.LOAN_MOVED:
            amount = f"{happening.amount / replay.venue.usdm_one:,.0f} USDM"
            return "loan", f"left a loan of {amount} to {replay.names[happening.subject]}"
        case codes.ACCOUNT_STATE:
            return "state", f"{STATES[happening.subject]}, then {STATES[happening.code]}"
    return "", ""


def _describe_compression(replay: Replay) -> CompressionResult:
    done = replay.compression
    if done is None:
        return CompressionResult(0, 0, 0, 0, 0)
    return CompressionResult(
        done.contracts_before, len(replay.desk.contracts), len(done.circles), len(done.batches()), len(done.parties)
    )  # fmt: skip


def _count_refusals(replay: Replay, account: int | None) -> list[str]:
    counts = Counter(result_name(refusal.code) for refusal in replay.desk.refusals
                     if account is None or refusal.account == account)  # fmt: skip
    return [f"{count} {name}" for name, count in sorted(counts.items())]


def _get_ticks(replay: Replay) -> dict[str, list[float | None]]:
    """Returns the venue second by second: prices in USDM, basis in basis points, rates in percent a year.

    `firm` is the mid of the perpetual's firm depth over the mark, in basis points.
    """
    columns: dict[str, list[float | None]] = {
        name: [] for name in ("time", "perp", "spot", "mark", "perp_spread", "spot_spread", "basis", "usdm_rate",
                              "eth_rate", "usdm_1d", "usdm_30d", "firm")
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
        columns["usdm_rate"].append(tick.usdm_rates[1] / 100 or None)
        columns["eth_rate"].append(tick.eth_rates[1] / 100 or None)
        columns["usdm_1d"].append(tick.usdm_rates[0] / 100 or None)
        columns["usdm_30d"].append(tick.usdm_rates[2] / 100 or None)
        firm = tick.firm / (2 * 10**replay.venue.perp.tick_decimals)
        columns["firm"].append(round((firm / mark - 1) * 10_000, 3) if firm else None)
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
