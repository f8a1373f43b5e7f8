"""The venue that crashes are replayed on: a few of the packaged assets, with or without the engine's ladder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec

from worldmarkets.exchange import Exchange
from worldmarkets.exchange.genesis import load_genesis

CAPACITY = {
    "orders": 1 << 18, "clients": 1 << 10, "accounts": 1 << 14, "owners": 1 << 14, "positions": 1 << 17,
    "figures": 1 << 17, "perps": 1 << 20, "loans": 1 << 18,
}  # fmt: skip
CAP_DEPTHS = 20  # open interest is capped at so many times the depth, as in the packaged venue, at the prices of then
LOWEST_PPM = (
    3_000,
    2_000,
    1_000,
)  # rungs so low that the engine's own ladder acts only once an account is worth less than nothing


def open_venue(prices: Mapping[str, float], opens: datetime, has_rungs: bool) -> Exchange:
    """Return a venue of some of the packaged assets, with their markets, opened at a time, at their prices then.

    Without rungs the engine leaves everybody alone who is worth more than nothing: for policies that are not its own.
    """
    packaged = load_genesis()
    listed = [asset for asset in packaged.assets if asset.symbol in {packaged.assets[0].symbol, *prices}]
    depths = {asset.symbol: float(asset.depth or 0) for asset in listed}
    caps = {asset: str(int(CAP_DEPTHS * depths[asset] / price)) for asset, price in prices.items()}
    markets = [
        msgspec.structs.replace(market, open_interest_cap=caps[market.asset]) if market.kind == "perp" else market
        for market in packaged.markets
        if market.asset in depths
    ]
    initial, unwind, auction = LOWEST_PPM
    rungs = {} if has_rungs else {"initial_ppm": initial, "unwind_ppm": unwind, "auction_ppm": auction}
    venue = msgspec.structs.replace(packaged.venue, opens=opens, has_ladder=True, **rungs)
    return Exchange(msgspec.structs.replace(packaged, venue=venue, assets=listed, markets=markets), capacity=CAPACITY)
