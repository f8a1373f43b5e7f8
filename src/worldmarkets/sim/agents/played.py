"""What is played: the prices, depth and trades that agents bring to the markets of a venue.

Everything is a function of time alone, so that sources and agents see one market, and a venue that starts again goes
on where the clock is.  Of ETH it is the packaged recording, spot and perpetual, in a loop; where the end meets the
beginning, the difference is taken back over `SEAM_US`.  stETH follows ETH.  The others have no recording: they are
SYNTHETIC, a seeded walk around the price that `WALKS` says, with a depth in proportion to their parameters.

Prices are in units of a mark (1e-8), sizes in 1e-8 of a token.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, Protocol

from worldmarkets.sim.agents.films import BASIS, FRAME_US, ONE, Film, Sight, load_films

SECOND_US = 1_000_000
SEAM_US = 20 * SECOND_US
SHAPE = (10, 12, 15, 20, 25, 30, 35, 40, 45, 50)  # of a synthetic book: ten-thousandths of the depth, by bucket


class Played(Protocol):
    """One market."""

    def see(self, time_us: int) -> Sight:
        """Return its book at a time."""

    def get_flow(self, from_us: int, to_us: int) -> tuple[int, int]:
        """Return the sizes that takers bought and sold between two times."""


# Of a recording.


class RecordedMarket:
    """A recorded market in a loop."""

    def __init__(self, film: Film) -> None:
        self._frames = film.frames
        self.length_us = len(film.frames) * FRAME_US
        self._seam = film.frames[-1].mid - film.frames[0].mid
        self._times = [time_us for time_us, _ in film.trades]
        self._bought = [0, *accumulate(max(size, 0) for _, size in film.trades)]
        self._sold = [0, *accumulate(max(-size, 0) for _, size in film.trades)]

    def see(self, time_us: int) -> Sight:
        """Return the book at a time."""
        phase = time_us % self.length_us
        frame = self._frames[phase // FRAME_US]
        if phase >= SEAM_US:
            return frame
        shift = self._seam * (SEAM_US - phase) // SEAM_US
        return frame._replace(bid=frame.bid + shift, ask=frame.ask + shift)

    def get_flow(self, from_us: int, to_us: int) -> tuple[int, int]:
        """Return the sizes that takers bought and sold between two times."""
        bought = sold = 0
        while from_us < to_us:
            phase = from_us % self.length_us
            end = min(phase + to_us - from_us, self.length_us)
            first, last = bisect_right(self._times, phase), bisect_right(self._times, end)
            bought += self._bought[last] - self._bought[first]
            sold += self._sold[last] - self._sold[first]
            from_us += end - phase
        return bought, sold


# Of no recording.


class Walk(NamedTuple):
    """A synthetic price: around what, how it moves in a second, its spread in basis points, what its depth is."""

    price: float
    second_bp: float
    spread_bp: float
    depth: float


# As in the packaged genesis: the prices its caps were worked out with, and its depths in USDM.
WALKS = {
    "BTC": Walk(60_000, 0.8, 0.4, 20e6),
    "SOL": Walk(150, 1.3, 1.0, 3e6),
    "MEGA": Walk(0.4, 3.0, 6.0, 250e3),
    "USDC": Walk(1, 0.02, 0.5, 10e6),
    "USDT": Walk(1, 0.03, 0.5, 10e6),
}
_PERIODS_S = (3, 11, 41, 149, 547, 2003, 7351)


class SyntheticMarket:
    """A market that walks: its price is a sum of seeded noises, slower ones wider, as a walk's are."""

    def __init__(self, name: str, walk: Walk, seed: int, premium_bp: float = 0.0) -> None:
        self._name = f"{seed}/{name}"
        self._walk = walk
        self._premium = 1 + premium_bp / BASIS
        self._draw = lru_cache(1 << 12)(self._draw_number)

    def _draw_number(self, period: int, step: int) -> float:
        """Return a number from -1 to 1."""
        text = f"{self._name}/{period}/{step}".encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=6).digest(), "big") / (1 << 47) - 1

    def get_price(self, time_us: int) -> int:
        """Return the price between the sides at a time."""
        total = 0.0
        for period in _PERIODS_S:
            step, rest = divmod(time_us, period * SECOND_US)
            share = rest / (period * SECOND_US)
            share = share * share * (3 - 2 * share)
            here, there = self._draw(period, step), self._draw(period, step + 1)
            total += math.sqrt(period) * (here + (there - here) * share)
        return round(self._walk.price * self._premium * (1 + self._walk.second_bp * total / BASIS) * ONE)

    def see(self, time_us: int) -> Sight:
        """Return the book at a time."""
        mid = self.get_price(time_us)
        half = round(mid * self._walk.spread_bp / 2 / BASIS)
        second = time_us // SECOND_US
        token = mid / ONE
        sides = []
        for side in (1, 2):
            swing = [1 + 0.5 * self._draw(-side, second // 4 * 16 + place) for place in range(len(SHAPE))]
            sides.append(
                tuple(
                    round(self._walk.depth * part / BASIS * factor / token * ONE)
                    for part, factor in zip(SHAPE, swing, strict=True)
                )
            )
        return Sight(mid - half, mid + half, *sides)

    def get_flow(self, from_us: int, to_us: int) -> tuple[int, int]:
        """Return the sizes that takers bought and sold between two times."""
        sizes = [0, 0]
        size = self._walk.depth * 2 / BASIS / self._walk.price * ONE
        for second in range(from_us // SECOND_US + 1, to_us // SECOND_US + 1):
            number = self._draw(0, second)
            if abs(number) > 0.6:  # two seconds in five
                sizes[number < 0] += round(size * (abs(number) - 0.6) * 5)
        return sizes[0], sizes[1]


class Following:
    """A market that follows another at a ratio, with a shape of its own: stETH follows ETH."""

    def __init__(self, other: Played, own: SyntheticMarket) -> None:
        self._other = other
        self._own = own

    def see(self, time_us: int) -> Sight:
        """Return the book at a time."""
        own = self._own.see(time_us)
        mid = self._other.see(time_us).mid
        return own._replace(bid=own.bid * mid // ONE, ask=own.ask * mid // ONE,
                            bids=_scale(own.bids, mid), asks=_scale(own.asks, mid))  # fmt: skip

    def get_flow(self, from_us: int, to_us: int) -> tuple[int, int]:
        """Return the sizes that takers bought and sold between two times."""
        bought, sold = self._own.get_flow(from_us, to_us)
        mid = self._other.see(to_us).mid
        return bought * ONE // mid, sold * ONE // mid


def _scale(sizes: Sequence[int], mid: int) -> tuple[int, ...]:
    return tuple(size * ONE // mid for size in sizes)


class Market(NamedTuple):
    """All that is played: each market of the venue by its symbol, and the prices of each asset that a source gives."""

    markets: dict[str, Played]
    prices: list[dict[str, Callable[[int], int]]]


def load_market(seed: int = 1) -> Market:
    """Return what is played."""
    films = load_films()
    spot = RecordedMarket(films["spot"])
    markets: dict[str, Played] = {"ETH/USDM": spot, "ETH-PERP": RecordedMarket(films["perp"])}
    ratio = SyntheticMarket("stETH", Walk(0.9992, 0.03, 2.0, 2e6), seed)
    markets["stETH/USDM"] = Following(spot, ratio)
    for symbol, walk in WALKS.items():
        markets[f"{symbol}/USDM"] = SyntheticMarket(symbol, walk, seed)
        if not symbol.startswith("USD"):
            markets[f"{symbol}-PERP"] = SyntheticMarket(symbol, walk, seed, premium_bp=1.5)
    return Market(markets, [_get_prices(markets, place) for place in range(3)])


def _get_prices(markets: dict[str, Played], place: int) -> dict[str, Callable[[int], int]]:
    """Return the prices of one source of three: of ETH the spot's, the perpetual's, and the mean of both."""
    spot, perp = markets["ETH/USDM"], markets["ETH-PERP"]
    eth = (
        lambda time_us: spot.see(time_us).mid,
        lambda time_us: perp.see(time_us).mid,
        lambda time_us: (spot.see(time_us).mid + perp.see(time_us).mid) // 2,
    )[place]
    prices: dict[str, Callable[[int], int]] = {"USDM": lambda time_us: ONE, "ETH": eth}
    for symbol in ("stETH", *WALKS):
        prices[symbol] = _get_mid(markets[f"{symbol}/USDM"])
    return prices


def _get_mid(market: Played) -> Callable[[int], int]:
    return lambda time_us: market.see(time_us).mid
