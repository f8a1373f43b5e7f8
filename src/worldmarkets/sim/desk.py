"""The desk between a replay and its engine: it sends commands, counts and times them, and reads every event.

All time spent in the engine is spent in `Desk.send`; what that measures is the commands' decoding, their execution and
the encoding of their events, not the work of the replay around it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from time import perf_counter
from typing import Any

import msgspec

from worldmarkets.core import codes, records
from worldmarkets.core.engine import Engine
from worldmarkets.exchange.tables import get_record, get_table
from worldmarkets.sim import wire
from worldmarkets.sim.venue import Market

_PLACED, _CANCELLED, _TRADED, _PERP_CHANGED = (
    codes.ORDER_PLACED, codes.ORDER_CANCELLED, codes.TRADED, codes.PERP_CHANGED,
)  # fmt: skip
_LOW = (1 << 32) - 1
_BY_ITSELF = (codes.REASON_PAIRED, codes.REASON_DEAD_MAN)  # why orders of portfolios leave that were no takers


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
    former: int = 0  # the lender that left it last


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


class Happening(msgspec.Struct, frozen=True):
    """Something that the engine did to an account by itself, or that ended an order other than by trade.

    `kind` and `code` are the event's; `amount` is lots, quotes or quanta, and `subject` a client id, the state before
    or the new lender, as the kind has it.
    """

    time_us: int
    account: int
    kind: int
    code: int
    market: int
    amount: int
    subject: int = 0


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
        self.happenings: list[Happening] = []
        self.reasons: Counter[tuple[int, int]] = Counter()  # orders that left, by account and reason
        self.quoted: Counter[str] = Counter()  # what mass quotes did: placed, moved, kept, withdrawn, refused
        self.borrowed_in_orders = 0  # loans that an order in another book took
        self.on_happening: dict[int, Callable[[Happening], None]] = {}  # of an account
        self.watchers: dict[int, Callable[[Fill], None]] = {}  # fills of an account
        self.on_filled: dict[int, Callable[[int, int], None]] = {}  # a market's resting orders: order, lots left
        self.on_cancelled: dict[int, Callable[[int, int], bool]] = {}  # order, reason; False: not one of those

    def send(
        self, commands: list[bytes], placed: dict[int, Quote] | None = None, quoted: dict[int, Quote] | None = None
    ) -> None:
        """Applies commands in one batch: each an item, a mass quote or a bundle with its records.

        `placed` names by their place those whose orders are to learn their ids; `quoted`, by side, the quotes of a
        mass quote.
        """
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
                quote = placed.get(sequence - base) if placed else None
                if quote is None and quoted:
                    quote = quoted.get(e >> 48 & 255)
                if quote is not None and quote.account == account:
                    quote.id = a
                elif e >> 32 & codes.RETURNED:
                    self.loans_returned += 1
            elif kind == _TRADED:
                self._read_fill(code, market, account, b, c, d, e, f)
            elif kind == _CANCELLED:
                self._read_cancelled(code, market, account, a, c)
            elif kind == _PERP_CHANGED:
                self._read_perp(code, market, account, a, b, e & _LOW)
            elif kind == codes.QUOTE_REFUSED and quoted:
                quoted[wire.read_event(records.QuoteRefused, events, number).side].id = 0
            elif kind != codes.ORDER_AMENDED:
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

    def settle(self) -> None:
        """Lets the engine do all timed work that is due by now, a bounded piece a command."""
        while self.read_row("venue", 1).next_due_us <= self.now_us:
            self.send_one(wire.advance_time(self.now_us))

    def read_row(self, table: str, row: int) -> Any:
        """Returns a copy of one row of a table of the core."""
        return get_record(table).from_buffer_copy(get_table(self.engine.state, table).view(row, row + 1))

    def _happen(self, account: int, kind: int, code: int, market: int, amount: int, subject: int = 0) -> None:
        happening = Happening(self.now_us, account, kind, code, market, amount, subject)
        self.happenings.append(happening)
        if account in self.on_happening:
            self.on_happening[account](happening)

    def _read_cancelled(self, reason: int, market: int, account: int, order: int, lots: int) -> None:
        self.reasons[account, reason] += 1
        if reason == codes.REASON_REQUESTED:
            return
        if reason in _BY_ITSELF:
            self._happen(account, _CANCELLED, reason, market, lots)
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
        elif kind == codes.LOAN_MOVED:
            self._read_moved(wire.read_event(records.LoanMoved, events, number))
        elif kind == codes.ORDER_TRIGGERED:
            event = wire.read_event(records.OrderTriggered, events, number)
            self._happen(event.account, kind, event.code, event.market, event.lots, event.client_id)
        elif kind == codes.PROTECTION_TRIPPED:
            event = wire.read_event(records.ProtectionTripped, events, number)
            self._happen(event.account, kind, event.code, event.market, event.pulled)
        elif kind == codes.ACCOUNT_STATE:
            event = wire.read_event(records.AccountState, events, number)
            self._happen(event.account, kind, event.code, 0, event.initial_value, event.before)
        elif kind == codes.QUOTED:
            event = wire.read_event(records.Quoted, events, number)
            for name in ("placed", "moved", "kept", "withdrawn", "refused"):
                self.quoted[name] += getattr(event, name)
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

    def _read_moved(self, event: records.LoanMoved) -> None:
        """Puts a new lender in a loan, or in the part of it that became a loan of its own."""
        source = self.loans[event.from_contract_id]
        if event.contract_id != event.from_contract_id:
            source.principal -= event.principal
            source = self.loans[event.contract_id] = msgspec.structs.replace(
                source, id=event.contract_id, principal=event.principal
            )
        source.former, source.lender = event.former, event.lender
        self._happen(event.former, codes.LOAN_MOVED, 0, event.market, event.principal, event.lender)
