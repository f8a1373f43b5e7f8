"""What is listed: assets and markets by name and by number, and their units."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from worldmarkets.exchange import genesis as source
from worldmarkets.exchange.errors import UnknownName
from worldmarkets.exchange.units import MARK_DECIMALS, Amount, from_units, parse, to_grid, to_rate, to_units

_T = TypeVar("_T")
TICKS = {"loan": Decimal("0.01"), "backstop": Decimal("0.001")}  # percent a year; shares of a shock loss


@dataclass(frozen=True, slots=True)
class Asset:
    """A listed token."""

    number: int
    symbol: str
    decimals: int
    group: str

    def to_quanta(self, amount: Amount, what: str = "amount") -> int:
        """Return an amount in quanta, exactly."""
        return to_units(amount, self.decimals, f"{what} of {self.symbol}:")

    def from_quanta(self, quanta: int) -> Decimal:
        """Return quanta as an amount."""
        return from_units(quanta, self.decimals)

    def to_mark(self, price: Amount) -> int:
        """Return a price of one token as a mark."""
        return to_units(price, MARK_DECIMALS, f"price of {self.symbol}:")


@dataclass(frozen=True, slots=True)
class Market:
    """A listed book.  In a loan book a price is a yearly rate, in percent; in the backstop book a share of a loss."""

    number: int
    symbol: str
    kind: str
    asset: Asset
    lot: Decimal
    tick: Decimal
    tenor_hours: int = 0
    lot_quanta: int = field(default=0, repr=False)
    tick_value: int = field(default=0, repr=False)

    def to_lots(self, size: Amount) -> int:
        """Return a size in lots.  Raises UnitError between two lots."""
        return to_grid(size, self.lot, f"size of {self.symbol}:", "its lot")

    def from_lots(self, lots: int) -> Decimal:
        """Return lots as a size."""
        return from_units(lots * self.lot_quanta, self.asset.decimals)

    def to_ticks(self, price: Amount) -> int:
        """Return a price in ticks.  Raises UnitError between two ticks."""
        if self.kind == "loan":
            if isinstance(price, Decimal):
                price = f"{price}%"
            return to_rate(price, f"rate of {self.symbol}:")
        return to_grid(price, self.tick, f"price of {self.symbol}:", "its tick")

    @lru_cache(1 << 16)  # noqa: B019 - markets are few, and live as long as their venue
    def read_size(self, size: str) -> int:
        """Return a size in lots, as `to_lots` does; what it was for the same text before is kept."""
        return self.to_lots(size)

    @lru_cache(1 << 16)  # noqa: B019
    def read_price(self, price: str) -> int:
        """Return a price in ticks, as `to_ticks` does; what it was for the same text before is kept."""
        return self.to_ticks(price)

    def from_ticks(self, ticks: int) -> Decimal:
        """Return ticks as a price."""
        places = -int(min(self.tick.as_tuple().exponent, 0))
        return from_units(ticks * to_units(self.tick, places), places)


class Listing:
    """Every asset and market of a venue, found by name or by number."""

    def __init__(self, genesis: source.Genesis) -> None:
        self.reload(genesis)

    def reload(self, genesis: source.Genesis) -> None:
        """Read what is listed anew."""
        self.assets: list[Asset] = []
        self.markets: list[Market] = []
        for number, asset in enumerate(genesis.assets, 1):
            self.assets.append(Asset(number, asset.symbol, asset.decimals, asset.group))
        self._assets = {asset.symbol: asset for asset in self.assets}
        cash = genesis.assets[0].decimals
        for number, market in enumerate(genesis.markets, 1):
            of = self._assets[market.asset]
            is_priced = market.kind in source.PRICED
            tick = parse(market.tick) if is_priced and market.tick is not None else TICKS[market.kind]
            value = source.compute_tick_value(market, cash) if is_priced else 1
            quanta = of.to_quanta(market.lot)
            listed = Market(
                number, market.symbol, market.kind, of, parse(market.lot), tick, market.tenor_hours, quanta, value
            )
            self.markets.append(listed)
        self._markets = {market.symbol: market for market in self.markets}

    @property
    def numeraire(self) -> Asset:
        """The asset everything is valued in."""
        return self.assets[0]

    def asset(self, name: str | int) -> Asset:
        """Return an asset by its symbol or its number.  Raises UnknownName."""
        found = self._assets.get(name) if isinstance(name, str) else _at(self.assets, name)
        if found is None:
            raise UnknownName(f"there is no asset {name}; there are {', '.join(self._assets)}")
        return found

    def market(self, name: str | int) -> Market:
        """Return a market by its symbol or its number.  Raises UnknownName."""
        found = self._markets.get(name) if isinstance(name, str) else _at(self.markets, name)
        if found is None:
            raise UnknownName(f"there is no market {name}; there are {', '.join(self._markets)}")
        return found

    def backstop_market(self) -> Market:
        """Return the book of bids for slices of portfolios.  Raises UnknownName."""
        for market in self.markets:
            if market.kind == "backstop":
                return market
        raise UnknownName("there is no backstop book")

    def loan_market(self, asset: str, tenor: str | None = None) -> Market:
        """Return the loan book of an asset: its first one, or that of a tenor such as "30D".  Raises UnknownName."""
        if asset in self._markets:
            return self._markets[asset]
        books = [m for m in self.markets if m.kind == "loan" and m.asset == self.asset(asset)]
        for book in books:
            if tenor is None or tenor.upper() in (f"{book.tenor_hours}H", f"{book.tenor_hours / 24:g}D"):
                return book
        tenors = ", ".join(f"{book.tenor_hours / 24:g}D" for book in books) or "none"
        raise UnknownName(f"there is no loan book of {asset} for {tenor or 'any tenor'}; there is {tenors}")


def _at(listed: list[_T], number: int) -> _T | None:
    return listed[number - 1] if 0 < number <= len(listed) else None
