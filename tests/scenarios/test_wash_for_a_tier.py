"""Wash trading for a fee tier, at many venues since there are tiers: two accounts of one hand trade with one another
until the rate of all that follows is lower.  Here a tier counts for the part of what was paid above its threshold, so
what is paid to get there comes back in part only.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, open_stage
from worldmarkets import Exchange
from worldmarkets.exchange import Account

BUSINESS = 6  # trades of 5,000 USDM a day


def do_business(exchange: Exchange, trader: Account, days: int) -> None:
    maker = exchange.account("maker")
    for _ in range(days):
        exchange.step(days=1)
        exchange.mark("USDC", "1")
        for turn in range(BUSINESS):
            maker.cancel_all()
            maker.order("USDC/USDM", "sell" if turn % 2 else "buy", "5_000", "1")
            trader.order("USDC/USDM", "buy" if turn % 2 else "sell", "5_000", "1")


def open_business() -> tuple[Exchange, Account]:
    exchange = open_stage()
    enter(exchange, "maker", USDM="1_000_000", USDC="1_000_000")
    return exchange, enter(exchange, "trader", USDM="1_000_000", USDC="1_000_000")


@pytest.mark.parametrize("rounds", [4, 60])
def test_washing_costs_more_than_its_tier_earns(rounds: int) -> None:
    ends = []
    for washing in (0, rounds):
        exchange, trader = open_business()
        friend = enter(exchange, "friend", USDM="1_000_000", USDC="1_000_000")
        do_business(exchange, trader, 32)
        before = trader.fee_standing
        for turn in range(washing):
            friend.order("USDC/USDM", "sell" if turn % 2 else "buy", "10_000", "1")
            trader.order("USDC/USDM", "buy" if turn % 2 else "sell", "10_000", "1")
        do_business(exchange, trader, 31)
        assert not washing or trader.fee_standing.taker_cut >= before.taker_cut
        ends.append(trader.nav + friend.nav)
    assert ends[1] < ends[0]
    assert ends[0] - ends[1] > D(rounds) * 10  # of 10 and 5 USDM a round, at least two thirds are lost


@pytest.mark.both
def test_a_round_trip_never_gains() -> None:
    """Invariant 11, at the edge of a tier and with its cut: between two owners of one hand fees only go out."""
    exchange, trader = open_business()
    friend = enter(exchange, "friend", USDM="1_000_000", USDC="1_000_000")
    do_business(exchange, trader, 33)
    wealth = trader.nav + friend.nav
    for price in ("1", "1.005", "0.995"):
        for one, another in ((trader, friend), (friend, trader)):
            one.buy("USDC/USDM", "10_000", price)
            another.sell("USDC/USDM", "10_000", price)
            assert trader.nav + friend.nav < wealth
            wealth = trader.nav + friend.nav
