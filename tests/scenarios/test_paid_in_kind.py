"""LUNA and FTT once more, from the lenders' side, and 10 October 2025: what is left when a price falls past every
margin.  Elsewhere a venue's fund paid, or winners' positions were closed for the losers'.  Here the defaulter's own
creditors get what it has, all by one ratio and in kind, and nobody else's position or balance changes by a quantum.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.stage import D, enter, look, open_stage, trade
from worldmarkets import Exchange
from worldmarkets.core import codes as c
from worldmarkets.core.records import Command
from worldmarkets.exchange import Account
from worldmarkets.exchange.commands import make

pytestmark = pytest.mark.both


def close_out(exchange: Exchange, account: Account) -> list[Any]:
    """Close an account out and return the events."""
    assert exchange.engine.start_close_out(account.number, c.INSOLVENT)
    events: list[Any] = []
    while not any(event.kind == c.CLOSE_OUT_DONE for event in events):
        events += exchange.send(make(Command, kind=c.ADVANCE_TIME, time_us=exchange.time_us + 1_000)).events
        assert exchange.audit() == []
    return events


def test_a_token_that_went_to_nothing_is_what_its_lenders_get() -> None:
    exchange = open_stage()
    first = enter(exchange, "first", USDM="30_000")
    second = enter(exchange, "second", USDM="10_000")
    believer = enter(exchange, "believer", MEGA="200_000")
    bystander = enter(exchange, "bystander", USDM="5", MEGA="7")
    for lender, amount in ((first, "15_000"), (second, "5_000")):
        lender.lend("USDM", amount, rate="5%")
        believer.borrow("USDM", amount, rate="5%")
    believer.withdraw("USDM", "20_000")
    exchange.mark("MEGA", "0.01", sources=5, agreeing=5)
    assert believer.state == "close-out"
    before = look(bystander)
    events = close_out(exchange, believer)
    assert look(bystander) == before
    token = {lender.name: round(lender.balances["MEGA"], 4) for lender in (first, second)}
    assert token == {"first": D("150_000"), "second": D("50_000")}  # three to one, as they had lent
    assert believer.balances == {} and believer.loans == []
    done = next(event for event in events if event.kind == c.CLOSE_OUT_DONE)
    assert done.unpaid == done.claims - 2_000 * 10**6  # 200,000 tokens at 0.01 are all there is
    assert round(first.nav, 4) == D("15_000") + D("1_500")  # and nothing is owed to them by anybody else


def test_a_winner_keeps_every_other_contract() -> None:
    """A hedged book has one leg with the defaulter and the other with somebody sound: only the first one ends."""
    exchange = open_stage()
    sound = enter(exchange, "sound", USDM="500_000")
    hedged = enter(exchange, "hedged", USDM="100_000")
    gambler = enter(exchange, "gambler", USDM="3_000")
    other = enter(exchange, "other", USDM="100_000")
    trade(gambler, hedged, "ETH-PERP", "10", "2000")
    trade(hedged, sound, "BTC-PERP", "0.5", "60000")
    trade(other, sound, "ETH-PERP", "20", "2000")
    exchange.mark("ETH", "1500", sources=5, agreeing=5)
    assert gambler.state == "close-out" and hedged.state == "free"
    kept = [perp for perp in hedged.perps if perp.market == "BTC-PERP"]
    before = look(sound), look(other)
    events = close_out(exchange, gambler)
    assert (look(sound), look(other)) == before
    assert hedged.perps == kept
    changed = {event.account for event in events if event.kind == c.PERP_CHANGED}
    changed |= {event.short_account for event in events if event.kind == c.PERP_CHANGED}
    assert changed == {gambler.number, hedged.number}
    assert hedged.balances["USDM"] > D("100_000") - 20 + D("2_900")  # all that the gambler had
