"""Hyperliquid, March 2025 (JELLY): a trader opened a large position in a thin market and withdrew its margin, so that
the venue's own pool inherited the position when it was liquidated, then moved the price.  Here a withdrawal asks what
is left to bear the whole design shock, without any unrealised profit: after it the account is free.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, get_largest_withdrawal, open_stage, refused, trade


@pytest.mark.both
@pytest.mark.parametrize("price", ["0.4", "0.3", "0.44"])
def test_after_any_withdrawal_the_account_is_free(price: str) -> None:
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="2_000_000")
    trader = enter(exchange, "trader", USDM="100_000")
    trade(maker, trader, "MEGA-PERP", "300_000", "0.4")
    exchange.step(minutes=2)
    exchange.mark("MEGA", price)

    most = get_largest_withdrawal(trader)
    with refused("WITHDRAWABLE", "MARGIN"):
        trader.withdraw("USDM", most + 1)
    with refused("WITHDRAWABLE", "MARGIN"):
        trader.transfer(maker, "USDM", most + 1)
    with refused("WITHDRAWABLE", "MARGIN"), trader.bundle() as bundle:  # nor in two steps of one bundle
        bundle.withdraw("USDM", most)
        bundle.transfer(maker, "USDM", "1")
    trader.withdraw("USDM", most)

    assert trader.state == "free"
    assert trader.available_margin >= 0
    assert 0 <= trader.cautious_value() < D("0.001")
    exchange.mark("MEGA", str(D(price) * D("1.39")))  # nearly the whole design shock, against it
    assert trader.nav > 0  # its own money still bears it


@pytest.mark.both
def test_resting_orders_do_not_hide_what_is_held() -> None:
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="2_000_000")
    trader = enter(exchange, "trader", USDM="100_000")
    trade(maker, trader, "MEGA-PERP", "300_000", "0.4")
    most = get_largest_withdrawal(trader)
    trader.buy("MEGA-PERP", "300_000", "0.2", reduce_only=True)  # an exit that may never come
    assert get_largest_withdrawal(trader) == most
