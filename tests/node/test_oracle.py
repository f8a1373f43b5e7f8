"""The oracle: the median of fresh sources, sent when it moved or before it is stale; the engine's guards decide."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.node.test_node import run
from tests.node.venue import START_US, open_node
from worldmarkets.core import codes
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import OracleSettings
from worldmarkets.node.node import Node
from worldmarkets.node.oracle import Oracle, compute_median
from worldmarkets.node.sources import Price
from worldmarkets.node.sources.played import PlayedSource

SECOND = 1_000_000
NOW = START_US
SETTINGS = OracleSettings()


def price(dollars: int, age_s: int = 0) -> Price:
    return Price(dollars * 10**8, NOW - age_s * SECOND)


class Fixed:
    """A source that says what it is told to."""

    def __init__(self, name: str, found: Price | None) -> None:
        self.name = name
        self.assets = ("ETH",)
        self.found = found

    async def run(self) -> None:
        """Nothing to read."""

    def get(self, asset: str, now_us: int) -> Price | None:
        """Return what it was told."""
        return self.found


def test_the_median_of_three_and_who_agrees() -> None:
    found = compute_median([price(2_000), price(2_009), price(2_300)], SETTINGS, NOW)
    assert found == (2_009 * 10**8, NOW, 3, 2)  # 2,000 lies within half a per cent of 2,009, and 2,300 does not
    assert compute_median([price(2_000), price(2_009), price(2_020), price(2_030)], SETTINGS, NOW)[0] == 2_009 * 10**8


def test_a_price_that_is_old_or_of_the_future_does_not_count() -> None:
    assert compute_median([price(2_000), price(2_001, age_s=16), None], SETTINGS, NOW) is None  # one of three
    assert compute_median([price(2_000), price(2_001, age_s=-1), None], SETTINGS, NOW) is None
    found = compute_median([price(2_000, age_s=3), price(2_001, age_s=15), None], SETTINGS, NOW)
    assert found == (2_000 * 10**8, NOW - 15 * SECOND, 3, 2)  # as old as the oldest that counts
    assert compute_median([], SETTINGS, NOW) is None


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=9), st.integers(0, 8))
def test_fewer_than_half_of_the_sources_cannot_move_the_median_out_of_the_others(prices: list[int], bad: int) -> None:
    honest = [Price(one, NOW) for one in prices]
    liars = [Price(10**15, NOW)] * min(bad, (len(honest) - 1) // 2)
    found = compute_median([*honest, *liars], OracleSettings(quorum=1), NOW)
    assert found is not None and min(prices) <= found.price <= max(prices)


def read_mark(node: Node) -> str:
    return str(node.exchange.prices.get("ETH"))


def test_it_sends_what_moved_and_what_would_be_stale(tmp_path: Path) -> None:
    clock = ManualClock(NOW)
    sources = [Fixed(name, price(2_000)) for name in "abc"]

    async def story(node: Node) -> None:
        oracle = Oracle(node, sources, SETTINGS)
        sent, send = [], node.send
        node.send = lambda *commands, **options: (sent.append(commands[0].kind), send(*commands, **options))

        async def look() -> int:
            sent.clear()
            oracle.look()
            while any(feed.is_waiting for feed in oracle.feeds.values()):
                await asyncio.sleep(0.01)
            return sent.count(codes.SET_MARK)

        def say(dollars: float) -> None:
            for source in sources:
                source.found = Price(int(dollars * 10**8), clock.now_us())

        assert await look() == 1 and read_mark(node) == "2000.00000000"
        clock.advance(SECOND)
        say(2_000.01)
        assert await look() == 0  # five millionths
        say(2_000.05)
        assert await look() == 1 and read_mark(node) == "2000.05000000"
        clock.advance(10 * SECOND)
        say(2_000.05)
        assert await look() == 1  # as it was, ten seconds later: a feed is stale after thirty
        # A step beyond the shock of 12 % that only one of three sources sees is never sent: it is no median.
        sources[0].found = Price(3_000 * 10**8, clock.now_us())
        assert await look() == 0
        # All three see it: the engine's guard lets it pass, as three agree.
        say(3_000)
        assert await look() == 1 and read_mark(node) == "3000.00000000"
        # Two see a further one and the third is gone: the guard refuses the step, and the mark stands.
        say(4_000)
        sources[2].found = None
        clock.advance(2 * SECOND)
        assert await look() == 1 and read_mark(node) == "3000.00000000"
        assert oracle.feeds["ETH"].refused == 1
        assert await look() == 0  # not at once again
        clock.advance(2 * SECOND)
        say(3_001)
        assert await look() == 1 and read_mark(node) == "3001.00000000"
        assert node.exchange.audit() == []

    run(open_node(tmp_path, clock), story)


def test_played_sources_disagree_a_little_and_always_the_same_way() -> None:
    prices = {"ETH": lambda time_us: 2_000 * 10**8}
    one, other = (PlayedSource(name, prices, seed=7, noise_ppm=50) for name in ("one", "other"))
    again = PlayedSource("one", prices, seed=7, noise_ppm=50)
    moments = range(NOW, NOW + 60 * SECOND, SECOND)
    found = [one.get("ETH", moment) for moment in moments]
    assert found == [again.get("ETH", moment) for moment in moments]
    assert found != [other.get("ETH", moment) for moment in moments]
    assert len({price.price for price in found}) > 10
    assert all(abs(price.price - 2_000 * 10**8) <= 2_000 * 10**8 * 50 // 10**6 for price in found)
