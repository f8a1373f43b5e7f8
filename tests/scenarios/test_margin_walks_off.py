"""Hyperliquid, March 2025 (JELLY): a trader opened a large position in a thin market and withdrew its margin, so that
the venue's own pool inherited the position when it was liquidated, then moved the price.  Here a withdrawal asks what
is left to bear the whole design shock, without any unrealised profit: after it the account is free.  And there is no
pool: a bidder of the backstop book inherits what it bid for, and loses no more of V(1) than its bid said.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, get_largest_withdrawal, look, open_stage, refused, trade
from worldmarkets.core import codes as c


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


@pytest.mark.both
def test_a_bidder_inherits_no_more_than_it_bid_for() -> None:
    """Short 300,000 MEGA at 0.40, and 0.51 a while later: 33,000 of 48,000 are lost, and the next shock costs 61,200.

    A bidder offers to take 20,000 of it for a tenth of the loss.  It may lose 45 % of that, less a tenth: 8,100.
    """
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="2_000_000")
    trader = enter(exchange, "trader", USDM="100_000")
    bidder = enter(exchange, "bidder", USDM="30_000")
    trade(maker, trader, "MEGA-PERP", "300_000", "0.4")
    trader.withdraw("USDM", get_largest_withdrawal(trader))
    bidder.bid_backstop("20_000", "0.1", groups=["MEGA"])
    exchange.step(minutes=2)
    exchange.mark("MEGA", "0.51")
    assert trader.state == "auction"
    with exchange.preview():
        (taken,) = exchange.preview_auction(trader, seconds=299)
        assert taken.size <= 20_000 and taken.loss > 0
        assert 30_000 - bidder.available_margin <= 8_100
        assert bidder.state == "free" and bidder.nav >= 30_000
        assert -bidder.perps[0].size * D("0.51") <= 20_000
        exchange.mark("MEGA", "0.714")  # the whole design shock, against it
        assert bidder.nav >= 30_000 - 8_100
        assert exchange.audit() == []


@pytest.mark.both
def test_what_nobody_bid_for_nobody_inherits() -> None:
    """The same short of 300,000 MEGA, on the ladder, while its price is driven up and up.

    One bidder stands for 20,000 of it.  A lender and a stranger with ten times as much stand for nothing: in March 2025
    they would have been the pool.
    """
    exchange = open_stage(has_ladder=True)
    maker, trader = enter(exchange, "maker", USDM="2_000_000"), enter(exchange, "trader", USDM="100_000")
    lender, stranger = enter(exchange, "lender", USDM="300_000"), enter(exchange, "stranger", USDM="300_000")
    lender.lend("USDM", "200_000", rate="5%")
    bidder = enter(exchange, "bidder", USDM="30_000")
    trade(maker, trader, "MEGA-PERP", "300_000", "0.4")
    trader.withdraw("USDM", get_largest_withdrawal(trader))
    bidder.bid_backstop("20_000", "0.1", groups=["MEGA"])
    before = look(lender), look(stranger)

    exchange.step(minutes=2)
    exchange.mark("MEGA", "0.51")
    assert trader.state == "auction"
    events = exchange.step(seconds=299)
    taken = [event for event in events if event.kind == c.BACKSTOP_TAKEN]
    assert taken and {event.bidder for event in taken} == {bidder.number}
    assert sum(event.lots for event in taken) <= 20_000
    worth = bidder.nav
    for price in ("0.6", "0.7", "0.714"):
        exchange.step(minutes=2)
        exchange.mark("MEGA", price, sources=5, agreeing=5)
        exchange.step(seconds=30)

    assert trader.perps == [] and trader.nav >= 0  # closed out: the loss is its own and its counterparty's
    assert maker.nav < 2_000_000 + 100_000  # who won no more than there was
    assert bidder.state == "free" and 0 < worth - bidder.nav <= 8_100  # the design shock, as its bid said
    assert (look(lender), look(stranger)) == before
    assert exchange.audit() == []
