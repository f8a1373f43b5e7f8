"""Prices between bars: modelled, and never outside what a bar says.

A bar has four prices and no times.  Here a price goes through them in the order that is likelier (a falling bar: open,
high, low, close; a rising one: open, low, high, close), at drawn moments, straight but for a noise that dies away at
each of the four and never leaves the bar.  Where another asset has shorter bars, the extremes of the longer ones are
placed where that asset had its own: crashes are common to all.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

NOISE = 0.15  # of a bar's range, at most


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: when it opens and closes, in seconds from the beginning, and its four prices."""

    begin: int
    end: int
    open: float
    high: float
    low: float
    close: float


def list_bars(frame: pl.DataFrame, minutes: int, begin: datetime) -> list[Bar]:
    """Return the bars of a frame, with times counted from `begin`."""
    return [
        Bar(int((time - begin).total_seconds()), int((time - begin).total_seconds()) + 60 * minutes, *prices)
        for time, *prices in frame.select("time", "open", "high", "low", "close").iter_rows()
    ]


def make_path(
    bars: Sequence[Bar], step_seconds: int, seconds: int, chance: random.Random, guide: Sequence[float] | None = None
) -> list[float]:
    """Return a price for every step from 0 to `seconds`.

    `guide` is the path of an asset with shorter bars, at the same steps.
    """
    prices: list[float] = []
    for bar in bars:
        first, last = -(-max(bar.begin, 0) // step_seconds), min(bar.end, seconds) // step_seconds
        steps = [step for step in range(first, last + 1) if bar.begin <= step * step_seconds < bar.end]
        if steps and len(prices) == steps[0]:
            prices += _fill(bar, len(steps), chance, None if guide is None else guide[steps[0] : steps[-1] + 1])
    while len(prices) <= seconds // step_seconds:
        prices.append(prices[-1] if bars[-1].end > seconds else bars[-1].close)
    return prices


def _fill(bar: Bar, count: int, chance: random.Random, guide: Sequence[float] | None) -> list[float]:
    """The prices of a bar at `count` steps: from its open to its close, with both extremes met."""
    if count < 4:
        return [bar.open, bar.high, bar.low][:count] if bar.close < bar.open else [bar.open, bar.low, bar.high][:count]
    falls = bar.close < bar.open
    places = sorted(chance.sample(range(1, count - 1), 2))
    if guide is not None and len(guide) == count:
        inner = range(1, count - 1)
        deepest, highest = min(inner, key=guide.__getitem__), max(inner, key=guide.__getitem__)
        if deepest != highest:
            falls, places = highest < deepest, sorted((deepest, highest))
    middle = (bar.high, bar.low) if falls else (bar.low, bar.high)
    knots = [(0, bar.open), (places[0], middle[0]), (places[1], middle[1]), (count - 1, bar.close)]
    prices: list[float] = []
    for (left, one), (right, other) in zip(knots, knots[1:], strict=False):
        for place in range(left, right):
            share = (place - left) / (right - left)
            noise = NOISE * (bar.high - bar.low) * share * (1 - share) * chance.gauss(0, 1)
            prices.append(min(max(one + (other - one) * share + noise, bar.low), bar.high))
    prices.append(bar.close)
    return prices
