"""Collateral whose price nobody knows, as when a token is halted after a theft or a chain stops: it goes on counting at
its last price, and real money is borrowed against it.  Here a halted asset cannot be traded, after a day what is held
of it carries nothing new, and still nobody is thrown out for that alone.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, open_stage, refused


def open_halted():  # type: ignore[no-untyped-def]
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="1_000_000", BTC="10")
    maker.lend("USDM", "500_000", "5%")
    holder = enter(exchange, "holder", MEGA="100_000")  # 40,000 USDM, worth much less in the design shock
    holder.borrow("USDM", "5_000", "5%")
    exchange.halt("MEGA")
    return exchange, maker, holder


def pass_a_day(exchange) -> None:  # type: ignore[no-untyped-def]
    exchange.step(hours=24)
    exchange.mark("ETH", "2000")
    exchange.mark("BTC", "60000")


@pytest.mark.both
def test_for_a_day_the_last_mark_counts_and_then_nothing_new_stands_on_it() -> None:
    exchange, maker, holder = open_halted()
    holder.borrow("USDM", "1_000", "5%")
    with refused("FEED_STATE"):
        holder.sell("MEGA/USDM", "1_000", "0.4")
    pass_a_day(exchange)
    maker.lend("USDM", "10_000", "5%")
    for act in (
        lambda: holder.borrow("USDM", "10", "5%"),
        lambda: holder.withdraw("USDM", "10"),
        lambda: holder.transfer(maker, "USDM", "10"),
        lambda: holder.withdraw("MEGA", "10"),
        lambda: holder.buy("ETH-PERP", "0.01", "2000"),
    ):
        with refused("WITHDRAWABLE", "MARGIN", "MARGIN_WORSE"):
            act()
    assert holder.state == "free"  # nobody is thrown out because a day has passed
    assert exchange.audit() == []


@pytest.mark.both
def test_a_question_does_not_decide_what_a_mark_finds() -> None:
    """Admission counts what is halted as nothing, the ladder at its last mark: whichever was asked last."""
    exchange, _, holder = open_halted()
    pass_a_day(exchange)
    for price in ("2001", "2002"):
        holder.deposit("USDM", "1")  # its contracts changed: the next mark looks at it
        with refused("MARGIN"):
            holder.buy("ETH-PERP", "0.01", price)
        exchange.mark("ETH", price)
        assert holder.state == "free"
        assert exchange.audit() == []


@pytest.mark.both
def test_what_reduces_risk_goes_on() -> None:
    exchange, maker, holder = open_halted()
    maker.buy("BTC-PERP", "1", "59990")
    maker.sell("BTC-PERP", "1", "60000")
    holder.buy("BTC-PERP", "0.02", "60000")
    pass_a_day(exchange)
    maker.cancel_all()
    maker.buy("BTC-PERP", "1", "59990")
    assert holder.sell("BTC-PERP", "0.02", "59990", reduce_only=True).filled == D("0.02")
    holder.repay(holder.loans[0].id, "2_000")
    holder.deposit("USDM", "100")
    assert holder.state == "free"


@pytest.mark.both
def test_closing_a_hedge_may_not_hurt_at_the_last_mark_either() -> None:
    """With its holding at zero a hedge looks like a risk; at the last mark it holds the account up."""
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="1_000_000")
    maker.lend("USDM", "100_000", "5%")
    hedger = enter(exchange, "hedger", stETH="10", USDM="100")
    maker.buy("ETH-PERP", "10", "2000")
    hedger.sell("ETH-PERP", "10", "2000")
    hedger.borrow("USDM", "18_000", "5%")
    hedger.withdraw("USDM", "17_500")
    assert hedger.state == "free"
    exchange.halt("stETH")
    pass_a_day(exchange)
    maker.sell("ETH-PERP", "10", "2000")
    result = hedger.buy("ETH-PERP", "9", "2000", reduce_only=True)
    assert not result.filled and result.cancelled[0].reason == "MARGIN"
    assert hedger.buy("ETH-PERP", "1", "2000", reduce_only=True).filled == 1  # as far as it leaves the account free
    assert hedger.state == "free" and exchange.audit() == []


@pytest.mark.both
def test_when_the_feed_runs_again_all_is_as_before() -> None:
    exchange, maker, holder = open_halted()
    pass_a_day(exchange)
    exchange.halt("MEGA", False)
    assert exchange.feeds["MEGA"] == "stale"
    maker.lend("USDM", "10_000", "5%")
    assert holder.borrow("USDM", "10", "5%").filled == 10  # the last mark values it, as any stale one does
