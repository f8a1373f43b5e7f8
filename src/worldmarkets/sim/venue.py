"""The venue that recorded markets are replayed in, opened from the packaged `replay.toml`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib.resources import files

import msgspec

from worldmarkets.core.engine import Engine
from worldmarkets.exchange.genesis import Genesis, open_engine, parse_genesis
from worldmarkets.recorded import Instrument

# Rows that a long recording needs at most; what is reserved costs memory only once it is used.
CAPACITY = {"orders": 1 << 22, "clients": 1 << 10, "accounts": 1 << 12, "owners": 1 << 12, "positions": 1 << 14,
            "figures": 1 << 14, "perps": 1 << 18, "loans": 1 << 16}  # fmt: skip


class Market(msgspec.Struct, frozen=True):
    """A market of the venue and its units: a tick is 0.1 ** `tick_decimals`, in a loan book a basis point.

    `lot_quanta` is what one lot is of its asset.
    """

    number: int
    symbol: str
    asset: int
    lot_quanta: int
    lot_decimals: int
    tick_decimals: int
    tenor_hours: int = 0


class Venue(msgspec.Struct, frozen=True):
    """An open venue: its engine, its markets, and what one token is in quanta.

    `usdm_loans` and `eth_loans` are the books of ten days.
    """

    engine: Engine
    spot: Market
    perp: Market
    usdm_loans: Market
    eth_loans: Market
    curves: dict[str, list[Market]]  # an asset's loan books, the shortest tenor first
    genesis: Genesis
    usdm: int
    eth: int
    usdm_one: int
    eth_one: int
    funding_period_s: int
    price_shock_ppm: int

    def get_market(self, number: int) -> Market:
        """Returns a market by its number."""
        books = (self.spot, self.perp, *(book for curve in self.curves.values() for book in curve))
        return next(book for book in books if book.number == number)


def open_venue(time_us: int, perp: Instrument, spot: Instrument) -> Venue:
    """Returns a new venue that opens at `time_us`.

    Raises: ValueError when the recordings count in other lots or ticks than the venue.
    """
    text = files("worldmarkets.sim").joinpath("replay.toml").read_text(encoding="utf-8")
    opens = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    genesis = parse_genesis(text)
    genesis = msgspec.structs.replace(genesis, venue=msgspec.structs.replace(genesis.venue, opens=opens))
    markets = [_read_market(genesis, number) for number in range(1, len(genesis.markets) + 1)]
    for market, instrument in ((markets[0], spot), (markets[1], perp)):
        if (market.lot_decimals, market.tick_decimals) != (instrument.lot_decimals, instrument.tick_decimals):
            raise ValueError(f"{market.symbol} of the replay's venue has other lots or ticks than {instrument.symbol}")
    usdm, eth = (10**asset.decimals for asset in genesis.assets)
    spot_book, perp_book, usdm_loans, eth_loans = markets[:4]
    loans = sorted(markets[2:], key=lambda market: market.tenor_hours)
    return Venue(
        engine=open_engine(genesis, CAPACITY),
        spot=spot_book,
        perp=perp_book,
        usdm_loans=usdm_loans,
        eth_loans=eth_loans,
        curves={
            asset.symbol: [book for book in loans if book.asset == number]
            for number, asset in enumerate(genesis.assets, 1)
        },
        genesis=genesis,
        usdm=1,
        eth=2,
        usdm_one=usdm,
        eth_one=eth,
        funding_period_s=genesis.venue.funding_period_seconds,
        price_shock_ppm=genesis.assets[1].price_shock_ppm,
    )


def _read_market(genesis: Genesis, number: int) -> Market:
    market = genesis.markets[number - 1]
    asset = next(place for place, asset in enumerate(genesis.assets, 1) if asset.symbol == market.asset)
    lot_decimals = _count_decimals(market.lot)
    lot_quanta = 10 ** (genesis.assets[asset - 1].decimals - lot_decimals)
    return Market(number, market.symbol, asset, lot_quanta, lot_decimals,
                  _count_decimals(market.tick or "0.01"), market.tenor_hours)  # fmt: skip


def _count_decimals(unit: str) -> int:
    return len(unit.partition(".")[2])
