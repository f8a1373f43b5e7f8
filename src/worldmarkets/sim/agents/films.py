"""The packaged recordings as films: what a book looked like four times a second, and the trades.

A venue of development must trade within a minute, and reading a recording takes longer than that on a slow machine.  So
the films are packaged beside this module, in `films.xz`; `make_film` made them, and a test compares.

Prices are in units of a mark (1e-8), sizes in 1e-8 of a token.
"""

from __future__ import annotations

import lzma
from bisect import bisect_right
from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

import msgspec

from worldmarkets.recorded import SAMPLES, sample
from worldmarkets.sim.timeline import Aggressor, Recording, Update, load

FRAME_US = 250_000
ONE = 10**8
BASIS = 10_000
# How far from the best price, in basis points, the size of a book is counted together.
BUCKETS_BP = (0.0, 0.3, 0.8, 1.5, 2.5, 4.0, 6.0, 9.0, 13.0, 20.0, 30.0)


class Sight(NamedTuple):
    """A book at a moment: its best prices, and the size in each bucket of `BUCKETS_BP` of either side."""

    bid: int
    ask: int
    bids: tuple[int, ...]
    asks: tuple[int, ...]

    @property
    def mid(self) -> int:
        """The price between."""
        return (self.bid + self.ask) // 2


class Film(msgspec.Struct, frozen=True):
    """A recorded market: its book every `FRAME_US`, and its trades: microseconds from the start, size bought or -sold.

    Trades of one side in one millisecond are one.
    """

    frames: list[Sight]
    trades: list[tuple[int, int]]


def load_films() -> dict[str, Film]:
    """Return the packaged films, by the kind of market."""
    data = files(__package__).joinpath("films.xz").read_bytes()
    return msgspec.msgpack.decode(lzma.decompress(data), type=dict[str, Film])


def make_films() -> dict[str, Film]:
    """Return the films of the packaged recordings, by the kind of market."""
    return {instrument.kind: make_film(load(sample(name), instrument)) for name, instrument in SAMPLES.items()}


def pack_films(films: dict[str, Film]) -> bytes:
    """Return the bytes that `load_films` reads."""
    return lzma.compress(msgspec.msgpack.encode(films), preset=9)


def make_film(recording: Recording) -> Film:
    """Return the film of a recording."""
    unit = 10 ** (8 - recording.instrument.lot_decimals)
    trades: dict[tuple[int, bool], int] = {}
    for item in recording.items:
        if isinstance(item, Aggressor):
            moment = (item.time_us - recording.start_us) // 1_000 * 1_000
            size = -item.lots * unit if item.is_sell else item.lots * unit
            trades[moment, item.is_sell] = trades.get((moment, item.is_sell), 0) + size
    return Film(list(_make_frames(recording)), [(moment, size) for (moment, _), size in sorted(trades.items())])


def _make_frames(recording: Recording) -> Iterator[Sight]:
    instrument = recording.instrument
    price, size = 10 ** (8 - instrument.tick_decimals), 10 ** (8 - instrument.lot_decimals)
    sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
    updates = (item for item in recording.items if isinstance(item, Update))
    update: Update | None = next(updates)
    frames = (recording.end_us - recording.start_us) // FRAME_US
    for end_us in range(recording.start_us, recording.start_us + frames * FRAME_US, FRAME_US):
        while update is not None and update.time_us <= end_us:
            for side, changes in zip(sides, (update.bids, update.asks), strict=True):
                for ticks, lots in changes:
                    if lots:
                        side[ticks] = lots
                    else:
                        side.pop(ticks, None)
            update = next(updates, None)
        bid, ask = max(sides[0]), min(sides[1])
        yield Sight(bid * price, ask * price, _count(sides[0], bid, size), _count(sides[1], ask, size))


def _count(side: dict[int, int], best: int, unit: int) -> tuple[int, ...]:
    """Return the size in each bucket of one side."""
    edges = [round(best * bp / BASIS) for bp in BUCKETS_BP[1:]]
    found = [0] * len(edges)
    for ticks, lots in side.items():
        place = bisect_right(edges, abs(ticks - best))
        if place < len(found):
            found[place] += lots
    return tuple(lots * unit for lots in found)
