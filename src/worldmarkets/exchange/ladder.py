"""An account's unwind plan, where it stands on the ladder, and the receipts of rungs that it left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from worldmarkets.core import codes
from worldmarkets.core.codec import RECORD_BYTES, decode_events, encode
from worldmarkets.core.records import Command, PlanStep, Record
from worldmarkets.core.units import MILLION, SECOND
from worldmarkets.exchange.breakdown import compute_resilience, compute_value, read_holdings
from worldmarkets.exchange.commands import make, make_mark
from worldmarkets.exchange.errors import UnitError
from worldmarkets.exchange.results import Standing
from worldmarkets.exchange.units import Amount, from_time, from_units, parse, to_severity, to_share

if TYPE_CHECKING:
    from worldmarkets.exchange.desk import Desk
    from worldmarkets.exchange.exchange import Exchange

KINDS = {
    codes.PLAN_CANCEL: "cancel", codes.PLAN_TOP_UP: "top-up", codes.PLAN_REPAY: "repay", codes.PLAN_CLOSE: "close",
    codes.PLAN_SELL: "sell", codes.PLAN_HEDGE: "hedge",
}  # fmt: skip
TRADES = (codes.PLAN_CLOSE, codes.PLAN_SELL, codes.PLAN_HEDGE)  # whose subject is a market
STATES = ("free", "margin call", "unwind", "auction", "close-out")  # as numbered in the core
REASONS = {codes.INSOLVENT: "insolvent", codes.OUT_OF_TIME: "out of time", codes.RECOVERED: "recovered"}
LOOK_AGAIN = 20  # seconds after which `compute_what_if` repeats its marks, before a feed is stale, and looks again
SHOWN = timedelta(minutes=20)  # longer than both clocks of the packaged venue


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an unwind plan: what is done, to what, how much of it, and how far from the mark at most.

    `subject` is an order, a loan, a market, or the number of an account, as the kind says.
    """

    kind: str
    subject: int | str
    share: str | int = "100%"
    slippage: str | int = "1%"

    @classmethod
    def cancel(cls, order: int) -> Step:
        """Cancel an order: one that is reduce-only, since the latch cancels all others."""
        return cls("cancel", order)

    @classmethod
    def top_up(cls, account: Desk[Any], share: str | int = "100%") -> Step:
        """Move what is short from another account of the owner, up to a share of its numeraire."""
        return cls("top-up", account.number, share)

    @classmethod
    def repay(cls, loan: int, share: str | int = "100%") -> Step:
        """Repay a loan with up to a share of the balance of its asset."""
        return cls("repay", loan, share)

    @classmethod
    def close(cls, market: str, share: str | int = "100%", slippage: str | int = "1%") -> Step:
        """Close a share of a perp position."""
        return cls("close", market, share, slippage)

    @classmethod
    def sell(cls, market: str, share: str | int = "100%", slippage: str | int = "1%") -> Step:
        """Sell a share of a holding, in its spot market."""
        return cls("sell", market, share, slippage)

    @classmethod
    def hedge(cls, market: str, share: str | int = "100%", slippage: str | int = "1%") -> Step:
        """Offset a share of the net worth of a market's group in that perp market."""
        return cls("hedge", market, share, slippage)


@dataclass(frozen=True, slots=True)
class LadderStanding:
    """Where a latched account stands: its rung, what is left of its clocks, and what the rung has cost so far.

    `step` is that of its own plan which it has come to, and `place` its number from 1; None and 0 when it is through.
    """

    rung: str
    since: datetime
    unwind_left: timedelta
    auction_left: timedelta
    is_paused: bool
    step: Step | None
    place: int
    slices: int
    slippage: Decimal
    fees: Decimal
    brought: Decimal
    lowest_resilience: Decimal | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a rung of the ladder was: the state before and after, and what was lost to what.

    `lost_to_price`, `lost_to_slippage`, `fees` and `discount`, less `brought`, sum to the fall of the net asset value.
    """

    account: int
    rung: str
    follows: str
    first_sequence: int
    sequence: int
    margin_before: Decimal
    margin_after: Decimal
    nav_before: Decimal
    nav_after: Decimal
    lost_to_price: Decimal
    lost_to_slippage: Decimal
    fees: Decimal
    discount: Decimal
    brought: Decimal
    resilience_before: Decimal | None
    resilience_after: Decimal | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What would become of an account if marks moved: how it stands before, at those marks, and in the end.

    `receipts` are those of the rungs that it would leave on the way; `is_over` says whether it is off the ladder after
    the time that `passed`.
    """

    marks: dict[str, Decimal]
    before: Standing
    moved: Standing
    after: Standing
    receipts: tuple[Receipt, ...]
    passed: timedelta
    is_over: bool


def state_name(number: int) -> str:
    """Return the name of a state of an account."""
    return STATES[number] if number < len(STATES) else str(number)


def reason_name(number: int) -> str:
    """Return why an account is closed out."""
    return REASONS.get(number, str(number))


def make_plan(exchange: Exchange, number: int, steps: Sequence[Step]) -> list[Record]:
    """Return the command that sets a plan, with its steps."""
    numbers = {name: kind for kind, name in KINDS.items()}
    legs: list[Record] = []
    for step in steps:
        if step.kind not in numbers:
            raise UnitError(f"there is no step {step.kind!r}; there is {', '.join(numbers)}")
        kind = numbers[step.kind]
        is_traded = kind in TRADES
        subject = exchange.listing.market(str(step.subject)).number if is_traded else int(step.subject)
        legs.append(
            make(
                PlanStep,
                kind=codes.PLAN_STEP,
                account=number,
                step=kind,
                subject=subject,
                share_ppm=0 if kind == codes.PLAN_CANCEL else to_share(step.share, MILLION, "share"),
                slippage_ppm=to_share(step.slippage, MILLION, "slippage") if is_traded else 0,
            )  # fmt: skip
        )
    return [make(Command, kind=codes.SET_PLAN, account=number, count=len(legs)), *legs]


def read_step(exchange: Exchange, row: int) -> Step:
    """Return a step of a plan by its row."""
    step: Any = exchange.read_row("steps", row)
    subject: int | str = step.subject
    if step.step in TRADES:
        subject = exchange.listing.market(step.subject).symbol
    share, slippage = (
        f"{(from_units(part, 6) * 100).normalize():f}%" for part in (step.share_ppm, step.slippage_ppm)
    )  # fmt: skip
    return Step(KINDS[step.step], subject, share, slippage)


def read_plan(exchange: Exchange, number: int) -> list[Step]:
    """Return the steps of an account's plan."""
    row: int = exchange.read_row("accounts", number).plan
    steps = []
    while row:
        steps.append(read_step(exchange, row))
        row = exchange.read_row("steps", row).next
    return steps


def read_standing(exchange: Exchange, number: int) -> LadderStanding | None:
    """Return where an account stands on the ladder; None when it is not latched."""
    row = exchange.read_row("accounts", number).latch
    if not row:
        return None
    latch: Any = exchange.read_row("latches", row)
    venue: Any = exchange.read_row("venue", 1)
    cash = exchange.listing.numeraire.from_quanta
    running = 0 if latch.is_paused else exchange.time_us - latch.counted_us
    unwind = latch.unwind_us + running * (latch.rung == codes.STATE_UNWIND)
    auction = latch.auction_us + running * (latch.rung == codes.STATE_AUCTION)
    return LadderStanding(
        state_name(latch.rung),
        from_time(latch.latched_us),
        timedelta(microseconds=max(venue.unwind_clock_us - unwind, 0)),
        timedelta(microseconds=max(venue.auction_clock_us - auction, 0)),
        bool(latch.is_paused),
        read_step(exchange, latch.step) if latch.step else None,
        exchange.read_row("steps", latch.step).place if latch.step else 0,
        latch.slices,
        cash(latch.slippage),
        cash(latch.fees),
        cash(latch.brought),
        _resilience(latch.lowest_ppm),
    )  # fmt: skip


def pair_rungs(events: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return the receipts among events as what they are: RUNG_ENDED, and RUNG_COST right after it."""
    return [
        (ended, cost)
        for ended, cost in zip(events, events[1:], strict=False)
        if ended.kind == codes.RUNG_ENDED and cost.kind == codes.RUNG_COST
    ]


def read_receipts(exchange: Exchange, events: Sequence[Any]) -> list[Receipt]:
    """Return the receipts among events."""
    return [read_receipt(exchange, ended, cost) for ended, cost in pair_rungs(events)]


def read_receipt(exchange: Exchange, ended: Any, cost: Any) -> Receipt:
    """Return the receipt that two events are."""
    cash = exchange.listing.numeraire.from_quanta
    return Receipt(
        ended.account,
        state_name(ended.code),
        state_name(cost.code),
        ended.first_sequence,
        ended.sequence,
        cash(ended.initial_before),
        cash(ended.initial_after),
        cash(ended.value_before),
        cash(ended.value_after),
        cash(cost.lost_to_price),
        cash(cost.lost_to_slippage),
        cash(cost.fees),
        cash(cost.discount),
        cash(cost.brought),
        _resilience(cost.resilience_before_ppm),
        _resilience(cost.resilience_after_ppm),
    )  # fmt: skip


def compute_what_if(
    exchange: Exchange, number: int, moves: Mapping[str, str | Amount], duration: timedelta = SHOWN,
    may_go_on: Callable[[], bool] = lambda: True,
) -> WhatIf:  # fmt: skip
    """Move marks, let time pass against the book as it is until an account is off the ladder, and take all that back.

    It ends after `duration`, or when `may_go_on` says no, in any case.  Raises UnitError, UnknownName, Rejected.
    """
    account = exchange.get_account(number)
    moved = {asset: _move(exchange, asset, change) for asset, change in moves.items()}
    at_marks = _compute_standing(exchange, number, moved)
    receipts: list[Receipt] = []

    def note(events: Sequence[Any]) -> None:
        receipts.extend(receipt for receipt in read_receipts(exchange, events) if receipt.account == number)

    with exchange.preview():
        begun_us, before = exchange.time_us, account.standing
        for asset, price in moved.items():
            note(exchange.mark(asset, price).events)
        marks = exchange.prices
        commands = [make_mark(exchange, asset, price) for asset, price in marks.items()][1:]  # the first has none
        until_us = begun_us + duration // timedelta(microseconds=1)
        while _is_on_ladder(exchange, number) and exchange.time_us < until_us and may_go_on():
            is_early = exchange.time_us < begun_us + LOOK_AGAIN * SECOND
            events = exchange.apply_block(_make_block(commands, exchange.time_us, 1 if is_early else LOOK_AGAIN))
            while exchange.read_row("venue", 1).next_due_us <= exchange.time_us and may_go_on():
                events += exchange.apply_block(_make_block([], exchange.time_us, 0))
            if codes.RUNG_ENDED in events[8::RECORD_BYTES]:
                note(decode_events(events))
        passed = timedelta(microseconds=exchange.time_us - begun_us)
        is_over = not _is_on_ladder(exchange, number)
        return WhatIf(marks, before, at_marks, account.standing, tuple(receipts), passed, is_over)


def _compute_standing(exchange: Exchange, number: int, marks: Mapping[str, Decimal]) -> Standing:
    """Return how an account would stand at other marks, before the ladder does anything."""
    cash = exchange.listing.numeraire.from_quanta
    units = {}
    for symbol, price in marks.items():
        listed = exchange.listing.asset(symbol)
        asset: Any = exchange.read_row("assets", listed.number)
        units[listed.number] = asset.unit // asset.mark * listed.to_mark(price)
    groups = read_holdings(exchange, number)
    rungs = [to_severity(severity) for severity in exchange.rungs.values()]
    values = [compute_value(groups, severity, units) for severity in (0, *rungs)]
    state = sum(value < 0 for value in (*values[1:], values[0])) if values[1] < 0 else codes.STATE_FREE
    if exchange.read_row("accounts", number).latch and state == codes.STATE_MARGIN_CALL:
        state = codes.STATE_UNWIND
    nav, initial, unwind, auction = map(cash, values)
    resilience = _resilience(compute_resilience(groups, units))
    return Standing(nav, initial, unwind, auction, resilience, state_name(state))


def _make_block(marks: Sequence[Any], time_us: int, seconds: int) -> bytes:
    """Return marks, and the commands that let seconds pass one by one, encoded."""
    for mark in marks:
        mark.time_us = mark.source_time_us = time_us
    times = range(time_us + SECOND, time_us + (seconds + 1) * SECOND, SECOND) if seconds else [time_us]
    return encode([*marks, *(Command(kind=codes.ADVANCE_TIME, time_us=when) for when in times)])


def _is_on_ladder(exchange: Exchange, number: int) -> bool:
    return bool(exchange.engine.get_state(number) >= codes.STATE_UNWIND)


def _move(exchange: Exchange, asset: str, change: str | Amount) -> Decimal:
    """Return the price of an asset after a change such as "-20%", or the price that is named."""
    price = exchange.prices.get(exchange.listing.asset(asset).symbol)
    if price is None:
        raise UnitError(f"{asset} has no mark yet")
    if isinstance(change, str) and change.endswith("%"):
        return (price * (1 + parse(change.removesuffix("%"), "change") / 100)).quantize(Decimal("1E-8"))
    return parse(change, "price")


def _resilience(ppm: int) -> Decimal | None:
    return None if ppm < 0 else from_units(ppm, 6)
