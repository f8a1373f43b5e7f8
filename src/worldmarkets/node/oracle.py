"""The oracle: marks as the median of independent sources, sent as commands of the node.

An asset's median is that of the sources with a fresh price, when they are enough.  It is sent when it moved, and
otherwise before the feed is stale.  How many sources there are and how many agree goes with it, and the engine's guards
decide; a mark that they refuse is tried again with the next median.  Source: docs/spec/marks.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import structlog

from worldmarkets.core import codes
from worldmarkets.core.codec import decode_events, result_name
from worldmarkets.core.records import SetMark
from worldmarkets.exchange.commands import make
from worldmarkets.node.config import OracleSettings
from worldmarkets.node.errors import Refused
from worldmarkets.node.sources import Price, Source

if TYPE_CHECKING:
    from worldmarkets.node.node import Node
    from worldmarkets.node.sequencer import Told

SECOND_US = 1_000_000
MILLION = 1_000_000
RETRY_US = SECOND_US  # after a mark that was refused
log = structlog.get_logger()


class Median(NamedTuple):
    """The price between the sources' prices, how many sources there are, and how many of them lie near it.

    `time_us` is that of the oldest price that counts.
    """

    price: int
    time_us: int
    sources: int
    agreeing: int


def compute_median(prices: Sequence[Price | None], settings: OracleSettings, now_us: int) -> Median | None:
    """Return the median of the prices that are fresh, the lower of the middle two; None when they are too few.

    Sources without a fresh price count as sources that do not agree.
    """
    oldest = now_us - settings.max_age_seconds * SECOND_US
    fresh = sorted(price for price in prices if price is not None and oldest <= price.time_us <= now_us)
    if len(fresh) < max(settings.quorum or len(prices) // 2 + 1, 1):
        return None
    middle = fresh[(len(fresh) - 1) // 2].price
    near = [one for one in fresh if abs(one.price - middle) * MILLION <= settings.agreement_ppm * middle]
    return Median(middle, min(one.time_us for one in near), len(prices), len(near))


@dataclass(slots=True)
class Feed:
    """What was last sent of one asset."""

    number: int
    sources: list[Source] = field(default_factory=list)
    price: int = 0
    source_time_us: int = 0
    sent_us: int = 0
    is_waiting: bool = False
    is_silent: bool = False
    refused: int = 0


class Oracle:
    """Sends the marks of a node."""

    def __init__(self, node: Node, sources: Sequence[Source], settings: OracleSettings) -> None:
        self._node = node
        self._settings = settings
        self.sources = sources
        self.feeds: dict[str, Feed] = {}
        for source in sources:
            for symbol in source.assets:
                asset = node.exchange.listing.asset(symbol)
                feed = self.feeds.setdefault(symbol, Feed(asset.number))
                feed.sources.append(source)
                feed.source_time_us = node.exchange.read_row("assets", asset.number).mark_time_us

    async def run(self) -> None:
        """Read the sources and send marks until cancelled."""
        async with asyncio.TaskGroup() as group:
            for source in self.sources:
                group.create_task(source.run())
            group.create_task(self._look_again())

    async def _look_again(self) -> None:
        while True:
            if self._node.is_ready:
                self.look()
            await asyncio.sleep(self._settings.look_ms / 1_000)

    def look(self) -> None:
        """Send a mark for every asset that needs one."""
        now_us = self._node.clock.now_us()
        for symbol, feed in self.feeds.items():
            if feed.is_waiting:
                continue
            prices = [source.get(symbol, now_us) for source in feed.sources]
            median = compute_median(prices, self._settings, now_us)
            if (median is None) != feed.is_silent:
                feed.is_silent = median is None
                log.warning("too few sources" if feed.is_silent else "sources are back", asset=symbol)
            if median is not None and self._is_due(feed, median, now_us):
                self._send(symbol, feed, median, now_us)

    def _is_due(self, feed: Feed, median: Median, now_us: int) -> bool:
        if feed.refused and now_us - feed.sent_us < RETRY_US:
            return False
        if now_us - feed.sent_us >= self._settings.refresh_seconds * SECOND_US:
            return True
        return abs(median.price - feed.price) * MILLION >= self._settings.move_ppm * feed.price

    def _send(self, symbol: str, feed: Feed, median: Median, now_us: int) -> None:
        time_us = max(median.time_us, feed.source_time_us)  # of the marks of one asset none is older than the last
        command = make(
            SetMark, kind=codes.SET_MARK, asset=feed.number, price=median.price, source_time_us=time_us,
            sources=median.sources, agreeing=median.agreeing,
        )  # fmt: skip
        try:
            self._node.send(command, tell=lambda told: self._note(symbol, feed, told))
        except Refused:
            return  # the queue is full, or the node stops: the next look tries again
        feed.price, feed.source_time_us, feed.sent_us, feed.is_waiting = median.price, time_us, now_us, True

    def _note(self, symbol: str, feed: Feed, told: Told) -> None:
        feed.is_waiting = False
        last = decode_events(told.events)[-1]
        if last.kind != codes.REJECTED:
            feed.refused = 0
            return
        feed.refused += 1
        if feed.refused == 1:
            log.warning("mark refused", asset=symbol, code=result_name(last.code), needed=last.needed, had=last.had)
