"""Readers of recorded markets: order book streams here, candles and funding rates in `worldmarkets.recorded.bars`.

Two recordings of the same minutes can be read as one, in the order in which they were received:

    heapq.merge(read(perp, ETH_PERP), read(spot, ETH_SPOT), key=lambda message: message.received_ns)
"""

from worldmarkets.recorded.book import Agreement, Book, compare
from worldmarkets.recorded.errors import GapError, ReadError, RecordedError
from worldmarkets.recorded.l2 import (
    BTC_PERP,
    ETH_PERP,
    ETH_SPOT,
    BestBidOffer,
    DepthUpdate,
    Instrument,
    Level,
    Message,
    Snapshot,
    Tally,
    Trade,
    read,
)
from worldmarkets.recorded.samples import SAMPLES, sample

__all__ = [
    "BTC_PERP",
    "ETH_PERP",
    "ETH_SPOT",
    "SAMPLES",
    "Agreement",
    "BestBidOffer",
    "Book",
    "DepthUpdate",
    "GapError",
    "Instrument",
    "Level",
    "Message",
    "ReadError",
    "RecordedError",
    "Snapshot",
    "Tally",
    "Trade",
    "compare",
    "read",
    "sample",
]
