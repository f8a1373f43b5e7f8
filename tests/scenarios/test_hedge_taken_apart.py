"""Hyperliquid and others, 10 October 2025: when losers could not pay, a queue closed 2.1 billion of other traders'
profitable positions; who was hedged lost one leg and was left with the other.  Here every perpetual has a named
counterparty: when that one reduces, the contract finds a new one, trued up at the mark, and nobody's size changes but
the size of whoever trades.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, look, open_stage, trade
from worldmarkets.core import codes as c


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
    exchange = open_stage(has_ladder=False)
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


@pytest.mark.both
def test_whoever_cannot_pay_is_closed_out_with_its_own_pairs_and_nobody_elses() -> None:
    """ETH falls by 30 % at once, past the margins of three; the ladder runs to its end.

    The highest profits at the highest leverage, which a queue would close first, are those of the winners, whose
    contracts are with somebody sound.
    """
    exchange = open_stage(has_ladder=True)
    sound = enter(exchange, "sound", USDM="5_000_000")
    winners = [enter(exchange, f"winner {number}", USDM="3_000") for number in range(4)]
    hedged = [enter(exchange, f"hedged {number}", ETH="10", USDM="3_000") for number in range(3)]
    losers = [enter(exchange, f"loser {number}", USDM="3_500") for number in range(3)]
    called = enter(exchange, "called", USDM="100_000")
    for winner in winners:
        trade(sound, winner, "ETH-PERP", "10", "2000")
    for loser, other in zip(losers, hedged, strict=True):
        trade(loser, other, "ETH-PERP", "10", "2000")
        trade(other, sound, "BTC-PERP", "0.01", "60000")
    trade(called, sound, "ETH-PERP", "130", "2000")
    elsewhere = {account: look(account) for account in (sound, *winners, called)}
    kept = [[perp for perp in one.perps if perp.market == "BTC-PERP"] for one in hedged]

    exchange.step(minutes=2)
    events = list(exchange.mark("ETH", "1400", sources=5, agreeing=5).events)
    assert called.state == "margin call"  # nobody touches it either
    assert [loser.state for loser in losers] == ["close-out"] * 3
    for command in exchange.pass_time(exchange.time_us + 20 * 60 * 10**6):
        events += command

    assert {account: look(account) for account in elsewhere} == elsewhere
    pairs = {loser.number for loser in losers} | {one.number for one in hedged}
    changed = {number for event in events if event.kind == c.PERP_CHANGED
               for number in (event.account, event.short_account)}  # fmt: skip
    assert changed == pairs
    assert all(loser.perps == [] for loser in losers)
    assert [one.perps for one in hedged] == kept  # the contract with a loser ended, at the mark; no other did
    for one in hedged:
        assert one.balances["ETH"] == 10 and one.state == "free"
        assert one.balances["USDM"] > 3_000 + 3_400  # all that the loser had
    assert exchange.audit() == []
