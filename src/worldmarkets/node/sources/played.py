"""A source that reads prices from a played market: for development.

Several of them read the same price, each a little late and a little off, the same way in every run with the same seed,
so that they disagree as sources do and their median means something.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping

from worldmarkets.node.sources import Price

MILLION = 1_000_000
HOLD_US = 500_000  # how long a disagreement lasts


class PlayedSource:
    """Prices of a played market.  `prices` gives that of an asset at a time, in units of a mark.

    `noise_ppm` is how far off it is at most, `lag_us` how late.
    """

    def __init__(
        self, name: str, prices: Mapping[str, Callable[[int], int]], seed: int = 0, noise_ppm: int = 50,
        lag_us: int = 100_000,
    ) -> None:  # fmt: skip
        self.name = name
        self.assets = tuple(prices)
        self._prices = prices
        self._seed = seed
        self._noise_ppm = noise_ppm
        self._lag_us = lag_us

    async def run(self) -> None:
        """Wait: its prices are worked out when they are asked for."""
        await asyncio.Event().wait()

    def get(self, asset: str, now_us: int) -> Price | None:
        """Return the price a little ago, a little off."""
        time_us = now_us - self._lag_us
        price = self._prices[asset](time_us)
        return Price(price + price * self._draw(asset, time_us // HOLD_US) // MILLION, time_us)

    def _draw(self, asset: str, step: int) -> int:
        """Return how far off it is in a step of time, in ppm: from -noise to noise."""
        text = f"{self._seed}/{self.name}/{asset}/{step}".encode()
        number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
        return number % (2 * self._noise_ppm + 1) - self._noise_ppm
