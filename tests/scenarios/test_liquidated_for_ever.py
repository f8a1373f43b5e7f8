"""Drift and Mango v4, bugs found in their first years: an account that was "being liquidated" could not be brought to
an end, nor come out of it: a leg too small to sell, a market that was shut, an order that nobody could cancel.  Here
every latched account is free again, or closed out, by a time that can be named: its clocks, which add up.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scenarios.stage import enter, open_stage, trade
from worldmarkets import Exchange
from worldmarkets.exchange import Account, Step

pytestmark = pytest.mark.both

CLOCKS = 15 * 60  # seconds: ten minutes to unwind, five of auction


def open_venue() -> tuple[Exchange, Account, Account]:
    """A venue, somebody with plenty, and a trader with 1,000."""
    exchange = open_stage(has_ladder=True)
    return exchange, enter(exchange, "maker", USDM="2_000_000", ETH="100"), enter(exchange, "trader", USDM="1_000")


def hold_what_nobody_buys() -> tuple[Exchange, Account]:
    """3 ETH long, and not one bid in the book."""
    exchange, maker, trader = open_venue()
    trade(trader, maker, "ETH-PERP", "3", "2000")
    return exchange, trader


def rest_an_order_that_is_kept() -> tuple[Exchange, Account]:
    """3 ETH long, and an own reduce-only order at a price that never comes."""
    exchange, trader = hold_what_nobody_buys()
    trader.sell("ETH-PERP", "3", "5000", reduce_only=True)
    return exchange, trader


def plan_what_cannot_be_done() -> tuple[Exchange, Account]:
    """A plan whose steps all find nothing."""
    exchange, trader = hold_what_nobody_buys()
    empty = exchange.account("trader", index=1)
    trader.set_plan([Step.top_up(empty), Step.sell("SOL/USDM"), Step.hedge("ETH-PERP"),
                     Step.close("ETH-PERP", "100%", "0.01%")])  # fmt: skip
    return exchange, trader


def trade_in_a_market_that_is_shut() -> tuple[Exchange, Account]:
    """3 ETH long in a market that takes cancellations only."""
    exchange, trader = hold_what_nobody_buys()
    exchange.set_mode("cancel_only", "ETH-PERP")
    return exchange, trader


def owe_what_cannot_be_bought() -> tuple[Exchange, Account]:
    """Sold 3 borrowed ETH, which nobody sells back."""
    exchange, maker, trader = open_venue()
    maker.lend("ETH", "3", "5%")
    trader.borrow("ETH", "3", "5%")
    trade(maker, trader, "ETH/USDM", "3", "2000")
    return exchange, trader


def hold_dust() -> tuple[Exchange, Account]:
    """The least that can be borrowed, against an asset of which no order is that small."""
    exchange, maker, trader = open_venue()
    trader.withdraw("USDM", "1_000")
    trader.deposit("ETH", "0.0065")
    maker.lend("USDM", "10", "5%")
    trader.borrow("USDM", "10", "5%")
    trader.withdraw("USDM", "10")
    return exchange, trader


STORIES = {
    hold_what_nobody_buys: "1760", rest_an_order_that_is_kept: "1760", plan_what_cannot_be_done: "1760",
    trade_in_a_market_that_is_shut: "1760", owe_what_cannot_be_bought: "2220", hold_dust: "1640",
}  # fmt: skip


def fall(exchange: Exchange, price: str) -> None:
    exchange.step(minutes=2)
    exchange.mark("ETH", price, sources=5, agreeing=5)


@pytest.mark.parametrize("tell", STORIES, ids=lambda tell: tell.__name__)
def test_it_ends_when_its_clocks_have_run_out(tell: Callable[[], tuple[Exchange, Account]]) -> None:
    exchange, trader = tell()
    fall(exchange, STORIES[tell])
    assert trader.ladder is not None and trader.nav > 0
    exchange.step(seconds=CLOCKS - 5)
    assert trader.ladder is not None and trader.ladder.rung == "auction"  # nobody bought it: it had all its time
    exchange.step(seconds=10)
    assert (trader.ladder, trader.closing, trader.loans, trader.perps, trader.orders) == (None, None, [], [], [])
    assert trader.state == "free" and trader.nav > 0  # what its creditors did not get is its own
    assert exchange.read_row("venue", 1).latched == 0
    trader.deposit("USDM", "1_000")
    trader.withdraw("USDM", "1_000")  # and it is an account like any other
    assert exchange.audit() == []


def test_clocks_add_up_over_a_price_that_comes_and_goes() -> None:
    """Every half minute the price is between margin call and unwind: never well enough to be free."""
    exchange, trader = hold_what_nobody_buys()
    fall(exchange, "1760")
    for turn in range(40):
        exchange.step(seconds=30)
        if trader.ladder is None:
            break
        exchange.mark("ETH", ("1860", "1760")[turn % 2])
        assert trader.available_margin < 0
    assert turn * 30 <= CLOCKS + 60
    assert trader.perps == [] and trader.state == "free"
    assert exchange.audit() == []


def test_two_who_owe_one_another_come_to_an_end() -> None:
    """Each long of what the other is short of, and both at the end of what they have."""
    exchange = open_stage(has_ladder=True)
    maker = enter(exchange, "maker", USDM="2_000_000")
    one, other = enter(exchange, "one", USDM="2_500"), enter(exchange, "other", USDM="2_500")
    trade(one, other, "ETH-PERP", "5", "2000")
    trade(other, one, "BTC-PERP", "0.1", "60000")
    trade(one, maker, "SOL-PERP", "20", "150")
    trade(other, maker, "SOL-PERP", "20", "150")
    exchange.step(minutes=2)
    exchange.mark("SOL", "60", sources=5, agreeing=5)
    exchange.mark("ETH", "1990")
    assert {one.state, other.state} <= {"unwind", "auction", "close-out"}
    exchange.step(seconds=CLOCKS + 10)
    assert one.ladder is other.ladder is None and one.state == other.state == "free"
    assert one.perps == []  # closed out; and the other one is rid of what held the two together
    assert {perp.counterparty for perp in other.perps} <= {maker}
    assert exchange.read_row("venue", 1).latched == 0
    assert exchange.audit() == []
