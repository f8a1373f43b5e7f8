"""What the channels say: one class a kind, each with all there is and with what a round of blocks changed.

Prices, sizes and amounts are text, as in receipts.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from worldmarkets.core import codes, records
from worldmarkets.core.units import PPB_ONE
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.listing import Market
from worldmarkets.exchange.market import FEEDS
from worldmarkets.exchange.outbound import format_price, format_units
from worldmarkets.exchange.results import side_name
from worldmarkets.exchange.units import MARK_DECIMALS

BOOK_LEVELS = 1_000  # of each side; what rests beyond is not shown
TRADES_KEPT = 100  # of a market, for its snapshot
_SIDES = {"bids": codes.BUY, "asks": codes.SELL}
_Levels = list[tuple[int, int]]


class BookSource:
    """The book of a market, best first: `[price, size]`, and in updates the levels that changed; size 0 is none."""

    def __init__(self, exchange: Exchange, market: Market) -> None:
        self._engine = exchange.engine
        self._market = market
        self._levels = {side: self._read(number) for side, number in _SIDES.items()}

    def _read(self, side: int) -> _Levels:
        levels: _Levels = self._engine.get_levels(self._market.number, side, BOOK_LEVELS)
        return levels

    def snapshot(self) -> dict[str, Any]:
        """Return both sides."""
        return {side: self._say(levels) for side, levels in self._levels.items()}

    def update(self) -> dict[str, Any] | None:
        """Return what changed since the last time; None when nothing did."""
        changed: dict[str, Any] = {}
        for side, number in _SIDES.items():
            before, now = self._levels[side], self._read(number)
            if now != before:
                self._levels[side] = now
                gone = {ticks for ticks, _ in before}.difference([ticks for ticks, _ in now])
                changed[side] = self._say([*((ticks, 0) for ticks in gone), *set(now).difference(before)])
        return changed or None

    def _say(self, levels: _Levels) -> list[tuple[str, str]]:
        market = self._market
        lot, decimals = market.lot_quanta, market.asset.decimals
        return [(format_price(market, ticks), format_units(lots * lot, decimals)) for ticks, lots in levels]


class BestSource:
    """The best bid and offer of a market: `[price, size]`, or null."""

    def __init__(self, exchange: Exchange, market: Market) -> None:
        self._engine = exchange.engine
        self._market = market
        self._best = self._engine.get_best(market.number)

    def snapshot(self) -> dict[str, Any]:
        """Return both."""
        bid, bid_lots, ask, ask_lots = self._best
        return {"bid": self._say(bid, bid_lots), "ask": self._say(ask, ask_lots)}

    def update(self) -> dict[str, Any] | None:
        """Return both when one changed."""
        best = self._engine.get_best(self._market.number)
        if best == self._best:
            return None
        self._best = best
        return self.snapshot()

    def _say(self, ticks: int, lots: int) -> tuple[str, str] | None:
        market = self._market
        if not lots:
            return None
        return format_price(market, ticks), format_units(lots * market.lot_quanta, market.asset.decimals)


class Tape:
    """The latest trades of every market, as events, kept whether or not somebody listens."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._kept: dict[int, deque[tuple[records.Traded, int]]] = {}

    def add(self, event: memoryview, time_us: int) -> int:
        """Keep a trade and return its market."""
        trade = records.Traded.from_buffer_copy(event)
        market: int = trade.market
        self._kept.setdefault(market, deque(maxlen=TRADES_KEPT)).append((trade, time_us))
        return market

    def read(self, market: int, latest: int = TRADES_KEPT) -> list[dict[str, Any]]:
        """Return the latest trades of a market, oldest first."""
        kept = list(self._kept.get(market, ()))
        return [self._say(trade, time_us) for trade, time_us in kept[max(len(kept) - latest, 0) :]]

    def _say(self, trade: Any, time_us: int) -> dict[str, Any]:
        market = self._exchange.listing.market(trade.market)
        return {
            "sequence": trade.sequence,
            "time": time_us // 1_000,
            "side": side_name(trade.code),
            "price": format_price(market, trade.price_ticks),
            "size": format_units(trade.lots * market.lot_quanta, market.asset.decimals),
            "maker_order": trade.maker_order,
            "taker_order": trade.taker_order,
        }


class TradesSource:
    """The trades of a market; `side` is the taker's."""

    def __init__(self, tape: Tape, market: Market) -> None:
        self._tape = tape
        self._market = market

    def snapshot(self) -> dict[str, Any]:
        """Return the latest."""
        return {"trades": self._tape.read(self._market.number)}

    def update(self, count: int) -> dict[str, Any]:
        """Return the last `count` of them."""
        return {"trades": self._tape.read(self._market.number, count)}


class MarksSource:
    """The mark of every asset, and the state of its feed."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def snapshot(self) -> dict[str, Any]:
        """Return all of them."""
        return self.update([asset.number for asset in self._exchange.listing.assets])

    def update(self, assets: list[int]) -> dict[str, Any]:
        """Return those of some assets."""
        return {"marks": {self._exchange.listing.assets[asset - 1].symbol: self._say(asset) for asset in assets}}

    def _say(self, asset: int) -> dict[str, Any]:
        row = self._exchange.read_row("assets", asset)
        mark = format_units(row.mark, MARK_DECIMALS) if row.mark else None
        return {"mark": mark, "feed": FEEDS[self._exchange.engine.get_feed(asset)], "time": row.mark_time_us // 1_000}


class FundingSource:
    """The funding rate of every perp market: a share of the mark a period, and when the period ends."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def snapshot(self) -> dict[str, Any]:
        """Return all of them."""
        return self.update([market.number for market in self._exchange.listing.markets if market.kind == "perp"])

    def update(self, markets: list[int]) -> dict[str, Any]:
        """Return those of some markets."""
        return {"funding": {self._exchange.listing.markets[number - 1].symbol: self._say(number) for number in markets}}

    def _say(self, market: int) -> dict[str, Any]:
        row = self._exchange.read_row("markets", market)
        return {"rate": format_units(row.funding_rate_ppb, len(str(PPB_ONE)) - 1), "next": row.next_funding_us // 1_000}
