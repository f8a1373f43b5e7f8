"""The channels of a stream, and what each round of blocks says in them.

A block is looked through once, in the round of the loop after it was applied, together with those that came meanwhile;
only channels that somebody listens to, or listened to a while ago, cost anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from worldmarkets.api.stream.account import AccountSource
from worldmarkets.api.stream.channel import Channel, Listener
from worldmarkets.api.stream.scan import Scan
from worldmarkets.api.stream.sources import BestSource, BookSource, FundingSource, MarksSource, Tape, TradesSource
from worldmarkets.core import codes, records
from worldmarkets.exchange import UnknownName
from worldmarkets.exchange.listing import Market
from worldmarkets.node.node import Node
from worldmarkets.node.sequencer import Applied

LINGER_US = 60_000_000  # how long a channel that nobody listens to is kept for who comes back
MARKS, FUNDING = "marks", "funding"
KINDS = ("book", "bbo", "trades", "account", MARKS, FUNDING)


class UnknownChannel(Exception):
    """There is no such channel; the message says what is wrong with its name."""


class Hub:
    """Finds channels, and says in them what happens."""

    def __init__(self, node: Node, kept: int) -> None:
        self._node = node
        self._exchange = node.exchange
        self._kept = kept
        self._tape = Tape(node.exchange)
        self._channels: dict[str, Channel] = {}
        self._books: dict[int, list[Channel]] = {}  # book and bbo, by market
        self._trades: dict[int, Channel] = {}
        self._accounts: dict[int, Channel] = {}
        self._blocks: list[Applied] = []
        self._sequence = node.journal.next_sequence - 1
        self._time_us = node.exchange.time_us
        self._next_look_us = 0
        node.sequencer.listen(self._take)

    def __len__(self) -> int:
        return len(self._channels)

    # Who listens.

    def find(self, name: str) -> Channel:
        """Return a channel.  Raises UnknownChannel."""
        channel = self._channels.get(name)
        if channel is None:
            self.flush()
            channel = self._open(name)
        return channel

    def add(self, name: str, listener: Listener, after: int) -> None:
        """Let somebody listen to a channel.  Raises UnknownChannel."""
        channel = self.find(name)
        self.flush()
        channel.add(listener, after, self._time_us // 1_000)

    def remove(self, name: str, listener: Listener) -> None:
        """Let somebody listen no longer."""
        channel = self._channels[name]
        channel.listeners.pop(listener, None)
        channel.idle_since_us = self._node.clock.now_us()

    def _open(self, name: str) -> Channel:
        kind, _, about = name.partition(".")
        if kind in (MARKS, FUNDING) and not about:
            source: Any = MarksSource(self._exchange) if kind == MARKS else FundingSource(self._exchange)
            return self._keep(name, source)
        if kind == "account":
            account = self._find_account(about)
            channel = self._keep(name, AccountSource(account, self._node.writer))
            self._accounts[account.number] = channel
            return channel
        if kind not in _BOOKS and kind != "trades":
            raise UnknownChannel(f"there is no channel {name!r}; there is {', '.join(KINDS)}")
        try:
            market = self._exchange.listing.market(about)
        except UnknownName as error:
            raise UnknownChannel(str(error)) from None
        if kind == "trades":
            channel = self._trades[market.number] = self._keep(name, TradesSource(self._tape, market))
            return channel
        channel = self._keep(name, _BOOKS[kind](self._exchange, market))
        self._books.setdefault(market.number, []).append(channel)
        return channel

    def _keep(self, name: str, source: Any) -> Channel:
        channel = self._channels[name] = Channel(name, source, self._sequence, self._kept)
        return channel

    def _find_account(self, about: str) -> Any:
        owner, _, index = about.partition(".")
        if not (len(owner) == 42 and owner.startswith("0x") and index.isdecimal() and owner == owner.lower()):
            raise UnknownChannel("the channel of an account is account.<owner, 0x and 40 small digits>.<index>")
        try:
            return self._exchange.find_account(owner, int(index))
        except (UnknownName, ValueError) as error:
            raise UnknownChannel(str(error)) from None

    def _forget_idle(self, now_us: int) -> None:
        """Forget channels that nobody has listened to for a while."""
        for name, channel in list(self._channels.items()):
            if not channel.listeners and channel.idle_since_us + LINGER_US < now_us:
                del self._channels[name]
                self._books = {market: [one for one in of if one is not channel] for market, of in self._books.items()}
                self._trades = {market: one for market, one in self._trades.items() if one is not channel}
                self._accounts = {account: one for account, one in self._accounts.items() if one is not channel}

    # What happens.

    def _take(self, applied: Applied) -> None:
        if not self._blocks:
            asyncio.get_running_loop().call_soon(self.flush)
        self._blocks.append(applied)

    def flush(self) -> None:
        """Say what the blocks since the last time did."""
        blocks, self._blocks = self._blocks, []
        if not blocks:
            return
        last = blocks[-1].block
        self._sequence, self._time_us = last.first + last.count - 1, last.time_us
        traded: dict[int, int] = {}
        for applied in blocks:  # the tape needs each block's own time
            for event in Scan(applied.events).find(codes.TRADED):
                market = self._tape.add(event, applied.block.time_us)
                traded[market] = traded.get(market, 0) + 1
        if self._channels:
            self._say(Scan(b"".join([applied.events for applied in blocks])), traded)
            if last.time_us >= self._next_look_us:
                self._next_look_us = last.time_us + LINGER_US // 4
                self._forget_idle(last.time_us)

    def _say(self, scan: Scan, traded: dict[int, int]) -> None:
        for market in scan.get_markets():
            for channel in self._books.get(market, ()):
                self._publish(channel, channel.source.update())
        for market, count in traded.items():
            if (found := self._trades.get(market)) is not None:
                self._publish(found, found.source.update(count))
        if (marks := self._channels.get(MARKS)) is not None:
            moved = [*scan.find(codes.MARK_SET), *scan.find(codes.FEED_SET)]
            if moved:
                assets = dict.fromkeys(_get_asset(event) for event in moved)
                self._publish(marks, marks.source.update(list(assets)))
        if (funding := self._channels.get(FUNDING)) is not None:
            if set_ := scan.find(codes.FUNDING_SET):
                self._publish(funding, funding.source.update([_get_market(event) for event in set_]))
        if self._accounts:
            theirs = scan.find_by_account(np.fromiter(self._accounts, np.uint32, len(self._accounts)))
            for account, events in theirs.items():
                channel = self._accounts[account]
                self._publish(channel, channel.source.update(events))

    def _publish(self, channel: Channel, body: dict[str, Any] | None) -> None:
        if body is not None:
            channel.publish(self._sequence, self._time_us // 1_000, body)


_BOOKS: dict[str, Callable[[Any, Market], Any]] = {"book": BookSource, "bbo": BestSource}


def _get_asset(event: memoryview) -> int:
    record = records.MarkSet if event[8] == codes.MARK_SET else records.Switched
    return int(record.from_buffer_copy(event).asset)


def _get_market(event: memoryview) -> int:
    return int(records.FundingSet.from_buffer_copy(event).market)
