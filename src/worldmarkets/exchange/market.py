"""A market as it stands: its book, its trades, its figures."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from worldmarkets.core import codes
from worldmarkets.core.units import MILLION, PPB_ONE
from worldmarkets.exchange.listing import Market
from worldmarkets.exchange.units import from_time, from_units

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from worldmarkets.exchange.account import Account
    from worldmarkets.exchange.exchange import Exchange

MODES = ("prelaunch", "cancel_only", "post_only", "open", "settling")
FEEDS = ("none", "valid", "stale", "volatile", "halted", "suspended")


class Level(NamedTuple):
    """A price and the size that rests there.  In a loan book the price is the yearly rate in percent."""

    price: Decimal
    size: Decimal


class Depth(NamedTuple):
    """Both sides of a book, best first."""

    bids: list[Level]
    asks: list[Level]


class CurveRate(NamedTuple):
    """One tenor of an asset's rates: the best bid borrows, the best ask lends, in percent a year."""

    tenor: timedelta
    market: str
    bid: Level | None
    ask: Level | None


class Trade(NamedTuple):
    """A trade; `side` is the taker's."""

    time: datetime
    market: str
    side: str
    price: Decimal
    size: Decimal
    taker: int
    maker: int


class MarketView:
    """A market, read when it is asked."""

    def __init__(self, exchange: Exchange, listed: Market) -> None:
        self._exchange = exchange
        self.listed = listed

    def __repr__(self) -> str:
        return f"<Market {self.listed.number} {self.symbol}>"

    @property
    def symbol(self) -> str:
        """Its name."""
        return self.listed.symbol

    @property
    def kind(self) -> str:
        """spot, perp or loan."""
        return self.listed.kind

    @property
    def _row(self) -> Any:
        return self._exchange.read_row("markets", self.listed.number)

    @property
    def mode(self) -> str:
        """What may happen in it now."""
        return MODES[self._row.mode]

    def depth(self, levels: int = 10, account: Account | None = None) -> Depth:
        """Return the best levels of both sides.  In a loan book bids borrow and asks lend.

        With an account, only what policies let that account trade: each order as if it alone were met.
        """
        return Depth(self._side(codes.BUY, levels, account), self._side(codes.SELL, levels, account))

    def _side(self, side: int, levels: int, account: Account | None = None) -> list[Level]:
        engine = self._exchange.engine
        if account is None:
            found = engine.get_levels(self.listed.number, side, levels)
        else:
            found = engine.get_dealable(account.number, self.listed.number, side, levels)
        return [Level(self.listed.from_ticks(ticks), self.listed.from_lots(lots)) for ticks, lots in found]

    @property
    def bid(self) -> Level | None:
        """The best bid; in a loan book the highest rate bid for a loan."""
        return next(iter(self._side(codes.BUY, 1)), None)

    @property
    def ask(self) -> Level | None:
        """The best ask; in a loan book the lowest rate asked for lending."""
        return next(iter(self._side(codes.SELL, 1)), None)

    @property
    def mid(self) -> Decimal | None:
        """The price between best bid and best ask."""
        bid, ask = self.bid, self.ask
        return None if bid is None or ask is None else (bid.price + ask.price) / 2

    @property
    def trades(self) -> list[Trade]:
        """The latest trades in it, oldest first, as far as the exchange keeps them."""
        return [trade for trade in self._exchange.trades if trade.market == self.symbol]

    @property
    def mark(self) -> Decimal | None:
        """The mark of its asset."""
        return self._exchange.prices.get(self.listed.asset.symbol)

    @property
    def band(self) -> tuple[Decimal, Decimal]:
        """The lowest and the highest price that lie in the band around the mark."""
        row = self._row
        return self.listed.from_ticks(row.band_low_ticks), self.listed.from_ticks(row.band_high_ticks)

    @property
    def open_interest(self) -> Decimal:
        """The size of all perp contracts, one side counted."""
        return self.listed.from_lots(self._row.open_interest)

    @property
    def opening_margin(self) -> Decimal:
        """The share of its notional that who opens in a perp market must have: the design shock, more when crowded."""
        venue = self._exchange.read_row("venue", 1)
        asset = self._exchange.read_row("assets", self.listed.asset.number)
        shock = -(-asset.price_shock_ppm * venue.initial_ppm // MILLION)
        return from_units(shock + self._exchange.engine.get_crowding(self.listed.number, 0), 6)

    @property
    def funding_rate(self) -> Decimal:
        """The funding rate of a period, as a share of the mark; positive is paid by the long side."""
        return from_units(self._row.funding_rate_ppb, len(str(PPB_ONE)) - 1)

    @property
    def next_funding(self) -> datetime:
        """When the period ends."""
        return from_time(self._row.next_funding_us)

    @property
    def funding_paid(self) -> Decimal:
        """What the long side of one whole token has paid in funding since the venue opened."""
        one = Decimal(self._row.funding_index) / 10**6  # quanta a lot
        return self._exchange.listing.numeraire.from_quanta(1) * one / self.listed.lot
