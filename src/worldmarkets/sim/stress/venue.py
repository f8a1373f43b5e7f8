"""The venue that crashes are replayed on: a few of the packaged assets, with or without the engine's ladder."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import msgspec

from worldmarkets.exchange import Exchange
from worldmarkets.exchange.genesis import load_genesis

CAPACITY = {
    "orders": 1 << 18, "clients": 1 << 10, "accounts": 1 << 14, "owners": 1 << 14, "positions": 1 << 17,
    "figures": 1 << 17, "perps": 1 << 20, "loans": 1 << 18,
}  # fmt: skip
LOWEST_PPM = (
    3_000,
    2_000,
    1_000,
)  # rungs so low that the engine's own ladder acts only once an account is worth less than nothing


def open_venue(assets: Collection[str], opens: datetime, has_rungs: bool) -> Exchange:
    """Return a venue of some of the packaged assets, with their markets, opened at a time.

    Without rungs the engine leaves everybody alone who is worth more than nothing: for policies that are not its own.
    """
    packaged = load_genesis()
    listed = [asset for asset in packaged.assets if asset.symbol in {packaged.assets[0].symbol, *assets}]
    markets = [market for market in packaged.markets if market.asset in {asset.symbol for asset in listed}]
    initial, unwind, auction = LOWEST_PPM
    rungs = {} if has_rungs else {"initial_ppm": initial, "unwind_ppm": unwind, "auction_ppm": auction}
    venue = msgspec.structs.replace(packaged.venue, opens=opens, has_ladder=True, **rungs)
    return Exchange(msgspec.structs.replace(packaged, venue=venue, assets=listed, markets=markets), capacity=CAPACITY)
