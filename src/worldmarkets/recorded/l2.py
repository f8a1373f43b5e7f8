"""A streaming reader of raw order book recordings of Binance, spot and USD-M perpetuals.

A line is the time of receipt in nanoseconds, a space, and the exchange's JSON. Messages come out in file order, which
is the order of receipt. The clock of receipt and the clock of the exchange differ: compare times only within one.
"""

import gzip
import lzma
import zlib
from collections.abc import Iterator
from functools import lru_cache, partial
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Literal, TypeAlias, cast

import msgspec

from worldmarkets.recorded.decimals import parse_decimal
from worldmarkets.recorded.errors import ReadError

Level: TypeAlias = tuple[int, int]
"""A price in ticks and the quantity there in lots."""


class Instrument(msgspec.Struct, frozen=True):
    """What a recording is about, and its units: a tick is 0.1 ** `tick_decimals`, a lot 0.1 ** `lot_decimals`."""

    symbol: str
    kind: Literal["perp", "spot"]
    tick_decimals: int
    lot_decimals: int

    def __post_init__(self) -> None:
        if self.kind not in ("perp", "spot"):
            raise ValueError(f"kind is perp or spot, not {self.kind!r}")
        if self.tick_decimals < 0 or self.lot_decimals < 0:
            raise ValueError("tick_decimals and lot_decimals cannot be negative")


BTC_PERP = Instrument("BTCUSDT", "perp", tick_decimals=1, lot_decimals=3)
ETH_PERP = Instrument("ETHUSDT", "perp", tick_decimals=2, lot_decimals=3)
# Orders of 0.0001 are the smallest, but a few old ones still rest in the book from when 0.00001 was.
ETH_SPOT = Instrument("ETHUSDT", "spot", tick_decimals=2, lot_decimals=5)


class DepthUpdate(msgspec.Struct, frozen=True, gc=False):
    """The levels that changed with the update ids `first_id` to `last_id`, at their new quantity; 0 removes a level.

    Units: levels in (ticks, lots), in the order of the recording (spot: best first; perpetuals: by ascending price).
    `previous_id` is the `last_id` of the update before; spot recordings have None, and their ids have no holes instead.
    `event_time_us` is when the last change was made; spot recordings know only when the update was sent.
    """

    received_ns: int
    first_id: int
    last_id: int
    previous_id: int | None
    event_time_us: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """The best levels of the book after the update `last_id`, up to 1,000 a side, best first.

    A snapshot was asked for by hand, so it stands behind the updates received before it: `Book` sorts that out.
    Units: levels in (ticks, lots). `event_time_us` is None in spot recordings.
    """

    received_ns: int
    last_id: int
    event_time_us: int | None
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One fill in the book. The seller was the taker when `buyer_is_maker`.

    Units: `price` in ticks, `quantity` in lots, both positive. One order that fills several makers gives several
    trades with the same `event_time_us`. Trades carry no update id: nearly always a trade is part of the first depth
    update whose `event_time_us` is not before its own. The order of the lines says less, as the streams overtake
    each other.
    """

    received_ns: int
    event_time_us: int
    trade_id: int
    price: int
    quantity: int
    buyer_is_maker: bool


class BestBidOffer(msgspec.Struct, frozen=True, gc=False):
    """The best bid and the best ask just after the update `update_id`.

    Units: prices in ticks, quantities in lots. `event_time_us` is None in spot recordings.
    """

    received_ns: int
    update_id: int
    bid: int
    bid_quantity: int
    ask: int
    ask_quantity: int
    event_time_us: int | None


Message: TypeAlias = DepthUpdate | Snapshot | Trade | BestBidOffer


class Tally(msgspec.Struct):
    """How many lines were read, and what became of them; the other counts add up to `lines`.

    Left out of the messages: `trades_outside_book` (insurance fund, auto-deleveraging: they touched no order),
    `trades_empty` (no price or no quantity), `other_streams` (streams that are not read here).
    """

    lines: int = 0
    depth_updates: int = 0
    snapshots: int = 0
    trades: int = 0
    best_bid_offers: int = 0
    trades_outside_book: int = 0
    trades_empty: int = 0
    other_streams: int = 0


def read(path: str | PathLike[str], instrument: Instrument, tally: Tally | None = None) -> Iterator[Message]:
    """Yields the messages of a recording (.gz, .xz, or plain text) in file order, counting the lines in `tally`.

    Raises: ReadError, naming the file and the line, when the file ends in the middle of its compression, a line
    is torn or is not such a message, a value is not a multiple of the tick or lot, or another instrument appears.
    """
    parser = _Parser(instrument, Tally() if tally is None else tally)
    for number, line in _read_lines(path):
        try:
            message = parser.parse(line)
        except (msgspec.MsgspecError, ValueError) as error:
            raise ReadError(path, number, str(error)) from error
        if message is not None:
            yield message


def _read_lines(path: str | PathLike[str]) -> Iterator[tuple[int, bytes]]:
    try:
        file = _open(path)
    except OSError as error:
        raise ReadError(path, None, str(error)) from error
    number = 0
    try:
        with file:
            for line in file:
                number += 1
                yield number, line
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ReadError(path, number + 1, str(error)) from error


def _open(path: str | PathLike[str]) -> IO[bytes]:
    match Path(path).suffix:
        case ".gz":
            return cast(IO[bytes], gzip.open(fspath(path), "rb"))
        case ".xz":
            return lzma.open(fspath(path), "rb")
        case _:
            return open(path, "rb")


# The exchange's JSON. Times are in milliseconds: T when it happened, E when it was sent.
_Levels: TypeAlias = list[tuple[str, str]]


class _Line(msgspec.Struct):
    stream: str | None = None
    data: msgspec.Raw = msgspec.Raw()


class _Depth(msgspec.Struct):
    E: int
    U: int
    u: int
    b: _Levels
    a: _Levels
    T: int | None = None
    pu: int | None = None


class _Snapshot(msgspec.Struct):
    lastUpdateId: int
    bids: _Levels
    asks: _Levels
    T: int | None = None


class _Trade(msgspec.Struct):
    T: int
    t: int
    p: str
    q: str
    m: bool
    X: str = "MARKET"


class _Ticker(msgspec.Struct):
    u: int
    b: str
    B: str
    a: str
    A: str
    T: int | None = None


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_depth = msgspec.json.Decoder(_Depth).decode
_decode_snapshot = msgspec.json.Decoder(_Snapshot).decode
_decode_trade = msgspec.json.Decoder(_Trade).decode
_decode_ticker = msgspec.json.Decoder(_Ticker).decode


class _Parser:
    """Lines of one instrument to messages, counted."""

    def __init__(self, instrument: Instrument, tally: Tally) -> None:
        self.symbol = instrument.symbol.lower()
        self.is_perp = instrument.kind == "perp"
        self.tally = tally
        # The same few thousand texts come again and again.
        self.ticks = lru_cache(1 << 16)(partial(parse_decimal, decimals=instrument.tick_decimals))
        self.lots = lru_cache(1 << 16)(partial(parse_decimal, decimals=instrument.lot_decimals))

    def parse(self, line: bytes) -> Message | None:
        """Returns the message of a line, or None when it is one that is only counted."""
        stamp, _, body = line.partition(b" ")
        if not stamp.isdigit():
            raise ValueError("the line does not begin with a time of receipt")
        received_ns = int(stamp)
        self.tally.lines += 1
        envelope = _decode_line(body)
        if envelope.stream is None:
            return self.snapshot(received_ns, body)
        symbol, _, channel = envelope.stream.partition("@")
        if symbol != self.symbol:
            raise ValueError(f"the stream is {envelope.stream!r}, and {self.symbol.upper()} was expected")
        if channel == "bookTicker":
            return self.best_bid_offer(received_ns, envelope.data)
        if channel == "trade":
            return self.trade(received_ns, envelope.data)
        if channel == "depth" or channel.startswith("depth@"):
            return self.depth_update(received_ns, envelope.data)
        self.tally.other_streams += 1
        return None

    def depth_update(self, received_ns: int, data: msgspec.Raw) -> DepthUpdate:
        raw = _decode_depth(data)
        if (raw.pu is not None) != self.is_perp:
            raise ValueError("depth updates of perpetuals name the update before (pu), those of spot do not")
        self.tally.depth_updates += 1
        time_ms = raw.E if raw.T is None else raw.T
        bids, asks = self.levels(raw.b), self.levels(raw.a)
        return DepthUpdate(received_ns, raw.U, raw.u, raw.pu, time_ms * 1000, bids, asks)

    def snapshot(self, received_ns: int, body: bytes) -> Snapshot:
        raw = _decode_snapshot(body)
        self.tally.snapshots += 1
        return Snapshot(received_ns, raw.lastUpdateId, _to_us(raw.T), self.levels(raw.bids), self.levels(raw.asks))

    def trade(self, received_ns: int, data: msgspec.Raw) -> Trade | None:
        raw = _decode_trade(data)
        if raw.X != "MARKET":
            self.tally.trades_outside_book += 1
            return None
        price, quantity = self.ticks(raw.p), self.lots(raw.q)
        if price == 0 or quantity == 0:
            self.tally.trades_empty += 1
            return None
        self.tally.trades += 1
        return Trade(received_ns, raw.T * 1000, raw.t, price, quantity, raw.m)

    def best_bid_offer(self, received_ns: int, data: msgspec.Raw) -> BestBidOffer:
        raw = _decode_ticker(data)
        self.tally.best_bid_offers += 1
        bid, bid_quantity = self.ticks(raw.b), self.lots(raw.B)
        ask, ask_quantity = self.ticks(raw.a), self.lots(raw.A)
        return BestBidOffer(received_ns, raw.u, bid, bid_quantity, ask, ask_quantity, _to_us(raw.T))

    def levels(self, raw: _Levels) -> tuple[Level, ...]:
        ticks, lots = self.ticks, self.lots
        return tuple([(ticks(price), lots(quantity)) for price, quantity in raw])


def _to_us(time_ms: int | None) -> int | None:
    return None if time_ms is None else time_ms * 1000
