"""A path goes through what bars say, and nowhere else."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from worldmarkets.sim.stress.path import Bar, make_path

PRICE = st.floats(10, 1_000)


@st.composite
def bars(draw: st.DrawFn) -> list[Bar]:
    made = []
    for number in range(draw(st.integers(1, 5))):
        prices = sorted(draw(st.lists(PRICE, min_size=4, max_size=4)))
        opens, closes = draw(st.permutations(prices[1:3]))
        made.append(Bar(600 * number, 600 * number + 600, opens, prices[3], prices[0], closes))
    return made


@given(bars=bars(), step=st.sampled_from([5, 10, 30, 60, 120]), seed=st.integers(0, 99))
def test_a_path_meets_every_extreme_and_never_leaves_its_bar(bars: list[Bar], step: int, seed: int) -> None:
    seconds = bars[-1].end
    path = make_path(bars, step, seconds, random.Random(seed))
    assert len(path) == seconds // step + 1
    for bar in bars:
        inside = path[bar.begin // step : bar.end // step]
        assert inside[0] == bar.open
        assert min(inside) == bar.low and max(inside) == bar.high
    assert path == make_path(bars, step, seconds, random.Random(seed))


def test_extremes_of_longer_bars_are_where_the_guide_has_its_own() -> None:
    guide = [100.0] * 3 + [90.0] + [100.0] * 3 + [105.0] + [100.0] * 3
    bar = Bar(0, 100, 50.0, 55.0, 40.0, 50.0)
    path = make_path([bar], 10, 100, random.Random(1), guide)
    assert (path.index(40.0), path.index(55.0)) == (3, 7)
