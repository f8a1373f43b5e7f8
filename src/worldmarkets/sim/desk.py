"""The desk between a replay and its engine: it sends commands, counts and times them, and reads every event.

All time spent in the engine is spent in `Desk.send`; what that measures is the commands' decoding, their execution and
the encoding of their events, not the work of the replay around it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from time import perf_counter

import msgspec

from worldmarkets.core import codes, records
from worldmarkets.core.engine import Engine
from worldmarkets.sim import wire
from worldmarkets.sim.venue import Market

_PLACED, _CANCELLED, _TRADED, _PERP_CHANGED = (
    codes.ORDER_PLACED, codes.ORDER_CANCELLED, codes.TRADED, codes.PERP_CHANGED,
)  # fmt: skip
_LOW = (1 << 32) - 1


class Quote:
    """An order that rests in the engine's book, or is on its way there (`id` 0)."""

    __slots__ = ("account", "id", "lots", "price", "side")

    def __init__(self, account: int, side: int, price: int, lots: int) -> None:
        self.id = 0
        self.account = account
        self.side = side
        self.price = price
        self.lots = lots


class Fill(msgspec.Struct, frozen=True):
    """A fill as one of its parties sees it; `fee` is that party's, in numeraire quanta."""

    market: int
    account: int
    other: int
    is_buy: bool
    is_taker: bool
    price: int
    lots: int
    fee: int


class Contract(msgspec.Struct):
    """A perp contract between two accounts."""

    market: int
    long: int
    short: int
    lots: int


class Loan(msgspec.Struct):
    """A loan between two accounts; `principal` in quanta."""

    id: int
    market: int
    asset: int
    lender: int
    borrower: int
    principal: int
    rate_bp: int
    due_us: int
    is_iou: bool = False
    extensions: int = 0


class Funding(msgspec.Struct, frozen=True):
    """A market's funding at the end of a period."""

    time_us: int
    market: int
    rate_ppb: int
    lots: int


class Refusal(msgspec.Struct, frozen=True):
    """A command that the engine rejected, and its numbers."""

    time_us: int
    account: int
    code: int
    command: int
    needed: int
    had: int


class Desk:
    """An engine, and what its events said so far."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now_us = 0
        self.commands = 0
        self.engine_s = 0.0
        self.events: Counter[int] = Counter()
        self.fills: Counter[int] = Counter()  # by market
        self.lots: Counter[int] = Counter()
        self.volume: defaultdict[tuple[int, int, int], int] = defaultdict(int)  # lots by market, taker's side, second
        self.cut_short: Counter[int] = Counter()  # lots of takers that found no order they could fill
        self.repaired = 0
        self.accounts: list[int] = []
        self.contracts: dict[int, Contract] = {}
        self.loans: dict[int, Loan] = {}
        self.loans_made = self.loans_repaid = self.loans_returned = 0
        self.fundings: list[Funding] = []
        self.refusals: list[Refusal] = []
        self.watchers: dict[int, Callable[[Fill], None]] = {}  # fills of an account
        self.on_filled: dict[int, Callable[[int, int], None]] = {}  # a market's resting orders: order, lots left
        self.on_cancelled: dict[int, Callable[[int, int], bool]] = {}  # order, reason; False: not one of those

    def send(self, commands: list[bytes], placed: dict[int, Quote] | None = None) -> None:
        """Applies commands in one batch. `placed` names by their place those whose orders are to learn their ids."""
        if not commands:
            return
        batch = b"".join(commands)
        start = perf_counter()
        events = self.engine.apply(batch)
        self.engine_s += perf_counter() - start
        base = self.commands + 1
        self.commands += len(commands)
        for number, (sequence, kind, code, market, account, a, b, c, d, e, f) in enumerate(wire.iterate_events(events)):
            if kind == _PLACED:
                if placed is not None and (quote := placed.get(sequence - base)) is not None:
                    quote.id = a
                elif e >> 32 & codes.RETURNED:
                    self.loans_returned += 1
            elif kind == _TRADED:
                self._read_fill(code, market, account, b, c, d, e, f)
            elif kind == _CANCELLED:
                self._read_cancelled(code, market, a, c)
            elif kind == _PERP_CHANGED:
                self._read_perp(code, market, account, a, b, e & _LOW)
            else:
                self._read_other(kind, events, number)

    def send_one(self, command: bytes) -> None:
        """Applies one command."""
        self.send([command])

    def get_best(self, market: Market) -> tuple[int, int, int, int]:
        """Returns (bid, bid lots, ask, ask lots) as they stand in the engine's book; zeros where a side is empty."""
        best: tuple[int, int, int, int] = self.engine.get_best(market.number)
        return best

    def _read_fill(
        self, side: int, market: int, taker: int, maker_order: int, lots: int, left: int, e: int, f: int
    ) -> None:
        maker, price = e >> 32, e & _LOW
        self.fills[market] += 1
        self.lots[market] += lots
        self.volume[market, side, self.now_us // 1_000_000] += lots
        if (on_filled := self.on_filled.get(market)) is not None:
            on_filled(maker_order, left)
        if taker in self.watchers:
            fee = (f & _LOW) - ((f & 1 << 31) << 1)
            self.watchers[taker](Fill(market, taker, maker, side == codes.BUY, True, price, lots, fee))
        if maker in self.watchers:
            self.watchers[maker](Fill(market, maker, taker, side != codes.BUY, False, price, lots, f >> 32))

    def _read_cancelled(self, reason: int, market: int, order: int, lots: int) -> None:
        if reason == codes.REASON_REQUESTED:
            return
        on_cancelled = self.on_cancelled.get(market)
        if on_cancelled is None or not on_cancelled(order, reason):
            self.cut_short[market] += lots

    def _read_perp(self, cause: int, market: int, long: int, contract: int, lots: int, short: int) -> None:
        self.repaired += cause in (codes.REPAIRED, codes.CROSSED)
        if lots:
            self.contracts[contract] = Contract(market, long, short, lots)
        else:
            self.contracts.pop(contract, None)

    def _read_other(self, kind: int, events: bytes, number: int) -> None:
        self.events[kind] += 1
        if kind == codes.ACCOUNT_OPENED:
            self.accounts.append(wire.read_event(records.AccountOpened, events, number).account)
        elif kind == codes.LOAN_OPENED:
            event = wire.read_event(records.LoanOpened, events, number)
            is_iou = bool(event.loan_flags & codes.LOAN_IOU)
            self.loans_made += not is_iou
            self.loans[event.contract_id] = Loan(
                event.contract_id, event.market, event.asset, event.lender, event.account, event.principal,
                event.rate_bp, event.due_us, is_iou,
            )  # fmt: skip
        elif kind == codes.LOAN_REPAID:
            event = wire.read_event(records.LoanRepaid, events, number)
            loan = self.loans[event.contract_id]
            self.loans_repaid += not loan.is_iou
            loan.principal = event.left
            if event.left == 0:
                del self.loans[event.contract_id]
        elif kind == codes.LOAN_EXTENDED:
            event = wire.read_event(records.LoanExtended, events, number)
            loan = self.loans[event.contract_id]
            loan.rate_bp, loan.due_us, loan.extensions = event.rate_bp, event.due_us, loan.extensions + 1
        elif kind == codes.FUNDING_SET:
            event = wire.read_event(records.FundingSet, events, number)
            self.fundings.append(Funding(event.time_us, event.market, event.rate_ppb, event.lots))
        elif kind == codes.REJECTED:
            event = wire.read_event(records.Rejected, events, number)
            self.refusals.append(
                Refusal(self.now_us, event.account, event.code, event.command_kind, event.needed, event.had)
            )
