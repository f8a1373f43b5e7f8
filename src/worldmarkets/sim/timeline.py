"""Recordings of two markets as one line of time: what the books were at each update, and the trades in between.

A trade carries no update id: it stands before the first update whose event time is not before its own, the update
that shows what it took. What a recording says before its first whole book, its snapshot, cannot be replayed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from os import PathLike, fspath
from typing import Literal, TypeAlias

import msgspec

from worldmarkets.recorded import (
    BestBidOffer,
    Book,
    DepthUpdate,
    Instrument,
    Level,
    Message,
    ReadError,
    Snapshot,
    Tally,
    Trade,
    read,
)

SECOND_US = 1_000_000
TRAILING_US = 3 * SECOND_US  # a quote may be received this long after the update it belongs to

Kind: TypeAlias = Literal["perp", "spot"]


class Update(msgspec.Struct, frozen=True):
    """A book's new levels, in (ticks, lots); 0 lots remove a level. The first of a recording gives the whole book.

    `quote` is the recorded best bid and offer with the same update id, if there is one; `is_late` when it stands
    behind the update in the file.
    """

    kind: Kind
    time_us: int
    update_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    quote: BestBidOffer | None
    is_late: bool


class Aggressor(msgspec.Struct, frozen=True):
    """A recorded trade, as the order of its taker: up to `lots` at `price` ticks or better."""

    kind: Kind
    time_us: int
    trade_id: int
    price: int
    lots: int
    is_sell: bool


Item: TypeAlias = Update | Aggressor


class Recording(msgspec.Struct):
    """One market's recording, ready to be replayed: `items` in order of time.

    `trades_before` and `trades_after` count recorded trades that no update of the replay reflects.
    """

    kind: Kind
    path: str
    instrument: Instrument
    items: list[Item]
    tally: Tally
    start_us: int
    end_us: int
    updates: int
    trades: int
    trades_before: int
    trades_after: int


def load(
    path: str | PathLike[str],
    instrument: Instrument,
    seconds: float | None = None,
    watch: Callable[[int], None] | None = None,
) -> Recording:
    """Reads a recording, or about its first `seconds` from its first whole book on.

    `watch` is called now and then with the number of lines read.

    Raises: ReadError when the file cannot be read or never holds a whole book; GapError when updates are missing.
    """
    tally = Tally()
    length_us = None if seconds is None else int(seconds * SECOND_US)
    kind = instrument.kind
    updates, quotes, trades = _collect(read(path, instrument, tally), length_us, tally, watch)
    if not updates:
        raise ReadError(path, None, "there is no snapshot of the book with an update after it")
    start_us, end_us = updates[0][0], updates[-1][0]
    steps = list(_join(kind, updates, quotes))
    kept = sorted((t for t in trades if start_us < t.event_time_us <= end_us), key=_get_trade_order)
    aggressors = [
        Aggressor(kind, trade.event_time_us, trade.trade_id, trade.price, trade.quantity, trade.buyer_is_maker)
        for trade in kept
    ]
    streams: tuple[Iterable[Item], ...] = (aggressors, steps)  # at one time, trades come first
    items = list(heapq.merge(*streams, key=_get_time))
    before = sum(trade.event_time_us <= start_us for trade in trades)
    return Recording(
        kind, fspath(path), instrument, items, tally, start_us, end_us, len(steps), len(kept),
        before, len(trades) - len(kept) - before,
    )  # fmt: skip


def merge(recordings: Iterable[Recording], end_us: int | None = None) -> Iterator[Item]:
    """Yields the items of several recordings in order of time, up to and with `end_us`."""
    for item in heapq.merge(*(recording.items for recording in recordings), key=_get_time):
        if end_us is not None and item.time_us > end_us:
            return
        yield item


def _get_time(item: Item) -> int:
    return item.time_us


def _get_trade_order(trade: Trade) -> tuple[int, int]:
    return trade.event_time_us, trade.trade_id


_Change: TypeAlias = tuple[int, int, tuple[Level, ...], tuple[Level, ...], int]


def _collect(
    messages: Iterable[Message], length_us: int | None, tally: Tally, watch: Callable[[int], None] | None
) -> tuple[list[_Change], dict[int, tuple[int, BestBidOffer]], list[Trade]]:
    """Splits a recording into the changes of its book (time, id, bids, asks, place), its quotes by id, its trades."""
    book = Book()
    changes: list[_Change] = []
    quotes: dict[int, tuple[int, BestBidOffer]] = {}
    trades: list[Trade] = []
    time_us = stop_us = 0
    is_whole = False  # the next change gives the whole book
    for place, message in enumerate(messages):
        if watch is not None and not place & 1023:
            watch(tally.lines)
        match message:
            case BestBidOffer():
                quotes.setdefault(message.update_id, (place, message))
            case Trade():
                trades.append(message)
            case Snapshot():
                is_whole = book.last_id is None or message.last_id > book.last_id
                old = (dict(book.bids), dict(book.asks))
                book.apply(message)
                if is_whole and (message.event_time_us or time_us) and book.last_id is not None:
                    time_us = max(time_us, message.event_time_us or 0)
                    changes.append((time_us, book.last_id, *_get_whole(book, old), place))
                    is_whole = False
            case DepthUpdate():
                book.apply(message)
                time_us = max(time_us, message.event_time_us)
                if book.last_id != message.last_id:
                    continue
                if is_whole:
                    changes.append((time_us, book.last_id, *_get_whole(book, ({}, {})), place))
                    is_whole = False
                else:
                    changes.append((time_us, book.last_id, message.bids, message.asks, place))
        if length_us is not None and changes:
            stop_us = changes[0][0] + length_us
            if time_us > stop_us + TRAILING_US:
                break
    if length_us is not None:
        changes = [change for change in changes if change[0] <= stop_us]
    return changes, quotes, trades


def _get_whole(book: Book, old: tuple[dict[int, int], dict[int, int]]) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Returns the bids and asks of a book whole, with those of the book before that are gone at 0 lots."""
    gone_bids = tuple((price, 0) for price in old[0] if price not in book.bids)
    gone_asks = tuple((price, 0) for price in old[1] if price not in book.asks)
    return gone_bids + tuple(book.bids.items()), gone_asks + tuple(book.asks.items())


def _join(kind: Kind, changes: list[_Change], quotes: dict[int, tuple[int, BestBidOffer]]) -> Iterator[Update]:
    """Yields the changes with the quote of the same update id beside them; the first one gets none."""
    for number, (time_us, update_id, bids, asks, place) in enumerate(changes):
        found = quotes.get(update_id) if number else None
        is_late = found is not None and found[0] > place
        yield Update(kind, time_us, update_id, bids, asks, found[1] if found else None, is_late)
