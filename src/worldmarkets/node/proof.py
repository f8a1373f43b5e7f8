"""The proof of a receipt: a rung of the ladder recomputed from the log and the genesis alone.

The log is replayed from its first block: each must follow from the one before, and give the events that it gave.  How
the account stood when the rung began and ended is worked out from what it held and owed at those instants, by the
formula of docs/spec/valuation.md; what the rung cost comes from marks, fills and payments.  What the receipt says is
only compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from worldmarkets.core import codes
from worldmarkets.core.codec import RECORD_BYTES, decode_events
from worldmarkets.core.units import GRID, MAX_BID_TICKS, MILLION
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.genesis import Genesis
from worldmarkets.exchange.ladder import Receipt, pair_rungs, read_receipt
from worldmarkets.exchange.units import MARK_DECIMALS
from worldmarkets.node.errors import RecoveryError
from worldmarkets.node.instants import Instant, Watched, watch
from worldmarkets.node.journal import NO_HASH, Block, Journal, hash_events
from worldmarkets.node.recovery import Progress, name_block, replay_block

ROUNDING = 2  # quanta that the core's figure of a group may lie beside the exact one


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a receipt: what the log says, what was recomputed, and how far apart rounding may put them.

    In units of `10**-decimals`; a resilience of -1 is none.
    """

    name: str
    said: int
    found: int
    tolerance: int
    decimals: int

    @property
    def is_equal(self) -> bool:
        """Whether the two are the same."""
        return abs(self.said - self.found) <= self.tolerance


@dataclass(frozen=True, slots=True)
class Proof:
    """A receipt, and each of its figures recomputed.  `fills` are those of the exchange's own orders."""

    receipt: Receipt
    account: str
    figures: tuple[Figure, ...]
    fills: int

    @property
    def is_good(self) -> bool:
        """Whether everything came out."""
        return all(figure.is_equal for figure in self.figures)


def prove(
    journal: Journal, genesis: Genesis, sequence: int, on_progress: Progress = lambda done, total: None
) -> list[Proof]:  # fmt: skip
    """Return the proofs of the receipts that a command gave; none when it gave none.

    Raises JournalError, RecoveryError for a log that does not come out.
    """
    said: list[Any] = []
    first = Exchange(genesis)

    def find(exchange: Exchange, events: memoryview) -> None:
        said.extend(event for event in decode_events(events) if event.sequence == sequence)

    _replay(journal, first, sequence, find, on_progress=on_progress)
    ends = pair_rungs(said)
    if not ends:
        return []
    again = Exchange(genesis)
    trials = [_Trial(event, cost) for event, cost in ends]
    watched: dict[int, Watched] = {}
    accounts = sorted({event.account for event, _ in ends})

    def look(exchange: Exchange, number: int, command: bytes) -> None:
        watched[number] = watch(exchange, command, accounts)
        for trial in trials:
            trial.prepare(exchange, number, watched[number].instants)

    def hear(exchange: Exchange, events: memoryview) -> None:
        for number, own in _split_events(events):
            if number in watched and watched[number].events != hash_events(own):
                raise RecoveryError(f"command {number} gives other events in the interpreted core")
            for trial in trials:
                trial.hear(exchange, number, decode_events(own))

    stops = {event.first_sequence for event, _ in ends} | {sequence}
    _replay(journal, again, sequence, hear, stops, look, on_progress)
    return [trial.judge(again, read_receipt(again, *pair)) for trial, pair in zip(trials, ends, strict=True)]


def _replay(
    journal: Journal, exchange: Exchange, until: int, hear: Callable[[Exchange, memoryview], None],
    stops: set[int] = frozenset(), look: Callable[[Exchange, int, bytes], None] | None = None,  # type: ignore[assignment]
    on_progress: Progress = lambda done, total: None,
) -> None:  # fmt: skip
    """Replay up to a command, with every check that recovery makes; `look` sees the exchange before each stop."""
    last = NO_HASH
    is_there = False
    for block in journal.read():
        if block.events != last:
            raise RecoveryError(f"block {block.number - 1} gives other events than it gave when it was journalled")
        if is_there:
            return
        numbers = range(block.first, block.first + block.count)
        if look is not None and stops.intersection(numbers):
            parts = []
            for number, command in zip(numbers, split_commands(block), strict=True):
                if number in stops:
                    look(exchange, number, command)
                parts.append(exchange.apply_block(command))
            events = memoryview(b"".join(parts))
            name_block(exchange, block, events)
        else:
            events = replay_block(exchange, block)
        hear(exchange, events)
        last, is_there = hash_events(events), until in numbers
        on_progress(block.number, journal.last)


def split_commands(block: Block) -> Iterator[bytes]:
    """Yield the commands of a block, each with the records that belong to it."""
    start = 0
    while start < len(block.commands):
        kind = block.commands[start + 16]
        count = block.commands[start + 17] if codes.HEAD_KINDS >> kind & 1 else 0
        end = start + (1 + count) * RECORD_BYTES
        yield block.commands[start:end]
        start = end


def _split_events(events: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the events of each command of a block."""
    start = 0
    while start < len(events):
        number = events[start : start + 8]
        end = start
        while end < len(events) and events[end : end + 8] == number:
            end += RECORD_BYTES
        yield int.from_bytes(number, "little"), events[start:end]
        start = end


class _Trial:
    """One receipt, while the log is replayed."""

    def __init__(self, ended: Any, cost: Any) -> None:
        self._ended = ended
        self._cost = cost
        self._begun: Instant | None = None
        self._over: Instant | None = None
        self._units: dict[int, int] = {}
        self._slice: list[int] = []  # of the exchange's order at hand: its id, market, side, lots, cash
        self._slippage = self._fees = self._discount = self._brought = self._fills = 0

    def prepare(self, exchange: Exchange, number: int, instants: Sequence[Instant]) -> None:
        """Take up what was seen within a command at which the rung began or ended."""
        own = [one for one in instants if (one.account, one.rung) == (self._ended.account, self._ended.code)]
        if number == self._ended.first_sequence:
            self._begun = next((one for one in reversed(own) if not one.is_end), None)
            rows = exchange.table("assets")
            self._units = {asset: int(rows["unit"][asset]) for asset in range(1, len(rows))}
        if number == self._ended.sequence:
            over = [one for one in own if one.is_end and one.follows == self._cost.code]
            self._over = over[-1] if over else None

    def hear(self, exchange: Exchange, number: int, events: Sequence[Any]) -> None:
        """Count what the events of a command between the beginning and the end of the rung cost."""
        if not self._ended.first_sequence <= number <= self._ended.sequence:
            return
        start = self._begun.place if number == self._ended.first_sequence and self._begun else 0
        end = self._over.place if number == self._ended.sequence and self._over else len(events)
        for place, event in enumerate(events):
            if event.kind == codes.MARK_SET:
                self._close_slice(exchange)
                asset = exchange.listing.asset(event.asset)
                scale = asset.decimals + MARK_DECIMALS - exchange.listing.numeraire.decimals
                self._units[event.asset] = event.price * GRID // 10**scale
            if start <= place < end:
                self._count(exchange, event)

    def _count(self, exchange: Exchange, event: Any) -> None:
        account = self._ended.account
        if event.kind == codes.ORDER_PLACED and event.account == account and event.flags & codes.ENGINE_ORDER:
            self._close_slice(exchange)
            self._slice = [event.order_id, event.market, event.side, 0, 0]
        elif event.kind == codes.TRADED and self._slice and event.taker_order == self._slice[0]:
            self._slice[3] += event.lots
            self._slice[4] += event.lots * event.price_ticks * exchange.listing.market(event.market).tick_value
            self._fees += event.taker_fee
            self._fills += 1
        elif event.kind == codes.BACKSTOP_TAKEN and event.account == account:
            self._discount += event.loss * event.price_ticks // MAX_BID_TICKS
        elif (event.kind == codes.DEPOSITED and event.account == account) or (
            event.kind == codes.TRANSFERRED and event.to == account
        ):
            self._brought += -(-event.amount * self._units[event.asset] // GRID)

    def _close_slice(self, exchange: Exchange) -> None:
        """Count what a slice gave away against the mark, which is rounded up."""
        if self._slice:
            _, number, side, lots, cash = self._slice
            market = exchange.listing.market(number)
            worth = -(-self._units[market.asset.number] * market.lot_quanta * lots // GRID)
            self._slippage += worth - cash if side == codes.SELL else cash - worth
            self._slice = []

    def judge(self, exchange: Exchange, receipt: Receipt) -> Proof:
        """Compare what the receipt says with what was found."""
        self._close_slice(exchange)
        ended, cost, begun, over = self._ended, self._cost, self._begun, self._over
        cash = exchange.listing.numeraire.decimals
        if begun is None or over is None:  # no such rung began, or ended, there
            figures = [Figure("beginning and end", 2, (begun is not None) + (over is not None), 0, 0)]
        else:
            lost = begun.nav - over.nav + self._brought - self._slippage - self._fees - self._discount
            before, after = ROUNDING * begun.groups, ROUNDING * over.groups
            figures = [
                Figure("version of the marks", ended.mark_version, begun.mark_version, 0, 0),
                Figure("net asset value before", ended.value_before, begun.nav, before, cash),
                Figure("net asset value after", ended.value_after, over.nav, after, cash),
                Figure("available margin before", ended.initial_before, begun.margin, before, cash),
                Figure("available margin after", ended.initial_after, over.margin, after, cash),
                Figure("resilience before", cost.resilience_before_ppm, begun.resilience_ppm, _get_slack(begun), 6),
                Figure("resilience after", cost.resilience_after_ppm, over.resilience_ppm, _get_slack(over), 6),
                Figure("lost to price", cost.lost_to_price, lost, before + after, cash),
                Figure("lost to slippage", cost.lost_to_slippage, self._slippage, 0, cash),
                Figure("fees", cost.fees, self._fees, 0, cash),
                Figure("discount", cost.discount, self._discount, 0, cash),
                Figure("brought", cost.brought, self._brought, 0, cash),
            ]
        account = exchange.get_account(ended.account)
        return Proof(receipt, f"{account.address}#{account.index}", tuple(figures), self._fills)


def _get_slack(instant: Instant) -> int:
    """Return by how many ppm rounding may move where V is zero."""
    fall = max(instant.nav - instant.margin, 1)
    return 1 + ROUNDING * instant.groups * MILLION // fall
