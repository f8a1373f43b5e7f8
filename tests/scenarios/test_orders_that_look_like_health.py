"""Mango v4 and Drift, bugs found in their first years: what open orders would bring was counted as if it were there
already, so that they made an account look healthier than it was.  Here an order counts as the worse of filled and not
filled: resting it adds nothing to V, filled alone at its limit it must leave the account admitted, and what all of them
together could lose is bounded.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, get_largest_withdrawal, open_stage, refused, trade


@pytest.mark.both
def test_a_resting_order_adds_nothing() -> None:
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="100_000", ETH="20")
    trader = enter(exchange, "trader", USDM="1_000")
    trade(trader, maker, "ETH-PERP", "2", "2000")
    worth, can_leave = trader.standing, get_largest_withdrawal(trader)

    trader.sell("ETH-PERP", "1", "4000")  # were it filled, a profit of 2,000
    trader.sell("ETH-PERP", "1", "3000", reduce_only=True)

    assert trader.standing == worth
    assert get_largest_withdrawal(trader) == can_leave
    with refused("MARGIN"):
        trader.buy("ETH-PERP", "3", "2000")  # the exits above do not make room for it


@pytest.mark.both
def test_an_order_is_taken_at_its_worst() -> None:
    exchange = open_stage()
    trader = enter(exchange, "trader", USDM="1_000")
    with refused("MARGIN"):
        trader.buy("ETH-PERP", "5", "2000")  # 10,000 * 12 % is more than 1,000
    with refused("MARGIN"):
        trader.buy("ETH-PERP", "1", "2900")  # filled, it would have lost 900 at once
    with refused("MARGIN"):
        trader.sell("ETH-PERP", "1", "1100")
    accepted = 0
    while trader.submit.buy("ETH-PERP", "1", "1999"):  # each alone is fine; together they are bounded
        accepted += 1
    assert accepted == 20  # 5 * 1,000 / (1,999 * 12.4 %)
    with refused("OPEN_ORDERS"):
        trader.buy("ETH-PERP", "1", "1999")


@pytest.mark.both
def test_quotes_that_can_no_longer_be_carried_go_when_they_are_met() -> None:
    exchange = open_stage()
    maker, trader = enter(exchange, "maker", USDM="1_000"), enter(exchange, "trader", USDM="100_000")
    for price in ("2000", "1999", "1998", "1997"):
        maker.buy("ETH-PERP", "3", price)
    result = trader.sell("ETH-PERP", "12", "1990")
    assert D(3) <= result.filled < 12
    assert maker.state == "free"
    assert maker.available_margin >= 0
    assert [order.size for order in maker.orders] == []  # those it could not carry were cancelled, not filled
