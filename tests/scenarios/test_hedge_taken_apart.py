"""Hyperliquid and others, 10 October 2025: when losers could not pay, a queue closed 2.1 billion of other traders'
profitable positions; who was hedged lost one leg and was left with the other.  Here every perpetual has a named
counterparty: when that one reduces, the contract finds a new one, trued up at the mark, and nobody's size changes but
the size of whoever trades.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, open_stage, trade


@pytest.mark.both
def test_a_hedge_stays_whole_when_its_counterparty_leaves() -> None:
    exchange = open_stage()
    hedger = enter(exchange, "hedger", ETH="10", USDM="2_000")
    loser, other = enter(exchange, "loser", USDM="3_000"), enter(exchange, "other", USDM="50_000")
    trade(loser, hedger, "ETH-PERP", "10", "2000")
    exchange.step(minutes=2)
    exchange.mark("ETH", "1850")
    exchange.step(minutes=2)
    exchange.mark("ETH", "1850")
    assert loser.state != "free"
    nav = hedger.nav

    other.buy("ETH-PERP", "10", "1840")  # the loser gets 10 less than the mark; that is between those two
    assert loser.sell("ETH-PERP", "10", "1840", reduce_only=True).filled == 10

    (contract,) = hedger.perps
    assert (contract.size, contract.counterparty, contract.entry) == (-10, other, 1850)
    assert hedger.balances["USDM"] == 2_000 + 1_500 - D("10")  # 150 a token was paid; 10 was the fee of its own sale
    assert hedger.nav == nav
    assert hedger.state == "free"
    exchange.step(minutes=2)
    exchange.mark("ETH", "1500")
    assert hedger.nav == nav  # both legs are there


@pytest.mark.both
def test_a_hedge_stays_whole_while_its_counterparty_is_worth_less_than_nothing() -> None:
    exchange = open_stage()
    hedger = enter(exchange, "hedger", ETH="10", USDM="2_000")
    loser = enter(exchange, "loser", USDM="3_000")
    bystander, maker = enter(exchange, "bystander", USDM="20_000"), enter(exchange, "maker", USDM="200_000")
    trade(loser, hedger, "ETH-PERP", "10", "2000")
    trade(bystander, maker, "ETH-PERP", "5", "2000")
    exchange.step(minutes=2)
    exchange.mark("ETH", "1600")
    assert loser.nav < 0
    for _ in range(3):  # trading goes on
        exchange.step(minutes=2)
        exchange.mark("ETH", "1600")
        trade(maker, bystander, "ETH-PERP", "1", "1600")
    assert [perp.size for perp in hedger.perps] == [-10]
    assert sum(perp.size for perp in bystander.perps) == 2  # by its own trades
    assert [perp.size for perp in loser.perps] == [10]
