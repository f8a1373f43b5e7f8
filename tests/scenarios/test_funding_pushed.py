"""Funding pushed by small orders, seen in many thin perpetuals: whoever holds the other side quotes next to nothing far
from the index, and funding follows the quote.  Here the mid is that of firm depth, weighted by how long it stood, a
step is bounded, and what the push earns in funding has an end.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, open_stage


@pytest.mark.both
def test_dust_in_front_of_a_book_moves_no_funding() -> None:
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="1_000_000")
    whale = enter(exchange, "whale", USDM="1_000_000")
    pusher = enter(exchange, "pusher", USDM="50_000")
    maker.buy("ETH-PERP", "20", "1990")
    maker.sell("ETH-PERP", "20", "2010")
    whale.sell("ETH-PERP", "10", "1990")
    for price in range(2000, 2009):
        pusher.buy("ETH-PERP", "0.5", price)  # 4.5 of 5: nearly firm, above the mark by up to 0.4 %
    exchange.step(hours=1)
    exchange.mark("ETH", "2000")
    pusher.buy("ETH-PERP", "0.1", "2010")
    exchange.step(hours=7)
    rate = exchange.market("ETH-PERP").funding_rate
    assert (
        D("-0.00001") <= rate <= 0
    )  # the mid is 2,000 as before, where the last half lot of firm depth is the maker's


@pytest.mark.both
def test_a_flash_of_size_counts_for_as_long_as_it_stood() -> None:
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="1_000_000")
    pusher = enter(exchange, "pusher", USDM="1_000_000")
    maker.buy("ETH-PERP", "20", "1990")
    maker.sell("ETH-PERP", "20", "2010")
    exchange.step(hours=3)
    exchange.mark("ETH", "2000")
    flash = pusher.buy("ETH-PERP", "50", "2009").order  # for a second of three hours, the one in which there is a trade
    exchange.step(seconds=1)
    enter(exchange, "taker", USDM="10_000").buy("ETH-PERP", "0.1", "2010")
    pusher.cancel(flash)
    exchange.step(hours=5)
    assert abs(exchange.market("ETH-PERP").funding_rate) < D("0.0000005")


@pytest.mark.both
def test_a_real_push_is_bounded_by_step_and_level() -> None:
    exchange = open_stage()
    pusher = enter(exchange, "pusher", USDM="10_000_000")
    other = enter(exchange, "other", USDM="10_000_000")
    rates = [D(0)]
    for _ in range(70):
        exchange.mark("ETH", "2000")
        pusher.buy("ETH-PERP", "6", "2500")
        pusher.sell("ETH-PERP", "6", "2501")
        exchange.step(seconds=20)
        other.buy("ETH-PERP", "0.01", "2501")
        pusher.cancel_all()
        exchange.step(hours=8)
        rates.append(exchange.market("ETH-PERP").funding_rate)
    steps = [after - before for before, after in zip(rates, rates[1:], strict=False)]
    assert max(steps) == D("0.00005")
    assert rates[-1] == D("0.003")  # and no further
