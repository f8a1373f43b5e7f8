"""Paradex, January 2026: after a migration a price of zero reached the risk engine, accounts were liquidated at it, and
the chain was rolled back.  Here a price that is zero, negative, stale, from the future or out of bounds is refused
where it enters, and changes nothing; and what comes back after a restart is compared by one digest.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.scenarios.stage import enter, open_stage, refused, trade
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.records import SetMark


def send(exchange: Exchange, price: int, age: timedelta = timedelta(0)) -> str:
    """Send a raw price of BTC, scaled by 1e8, observed `age` ago; return the code of the answer."""
    now = exchange.time_us
    source_us = now - age // timedelta(microseconds=1)
    return exchange.submit(
        SetMark(kind=codes.SET_MARK, asset=2, price=price, source_time_us=source_us, time_us=now, sources=5, agreeing=5)
    ).code


@pytest.mark.both
def test_a_price_that_cannot_be_never_reaches_v() -> None:
    exchange = open_stage()
    maker, trader = enter(exchange, "maker", USDM="100_000"), enter(exchange, "trader", USDM="10_000")
    trade(trader, maker, "BTC-PERP", "1", "60000")
    before = trader.standing, maker.standing

    assert send(exchange, 0) == "MARK_NOT_POSITIVE"
    assert send(exchange, -60_000 * 10**8) == "MARK_NOT_POSITIVE"
    assert send(exchange, -(2**63)) == "MARK_NOT_POSITIVE"
    assert send(exchange, 2**63 - 1) == "MARK_OUT_OF_RANGE"
    assert send(exchange, 10**16 + 1) == "MARK_OUT_OF_RANGE"
    assert send(exchange, 59_000 * 10**8, timedelta(seconds=31)) == "MARK_STALE"
    assert send(exchange, 59_000 * 10**8, -timedelta(seconds=1)) == "MARK_STALE"
    with refused("MARK_STEP"):
        exchange.mark("BTC", "0.00000001", sources=5, agreeing=2)
    assert (trader.standing, maker.standing) == before
    assert exchange.prices["BTC"] == 60_000

    exchange.step(seconds=5)
    assert send(exchange, 59_990 * 10**8) == "OK"
    assert send(exchange, 59_000 * 10**8, timedelta(seconds=3)) == "MARK_STALE"  # older than the one taken


@pytest.mark.both
def test_what_comes_back_is_what_was() -> None:
    exchange = open_stage()
    maker, trader = enter(exchange, "maker", USDM="100_000"), enter(exchange, "trader", USDM="10_000")
    trade(trader, maker, "BTC-PERP", "1", "60000")
    kept = exchange.snapshot()
    restored = Exchange.restore(kept)
    assert restored.digest() == exchange.digest()
    assert restored.audit() == []
    assert restored.account("trader").standing == trader.standing
    for venue in (exchange, restored):
        venue.step(seconds=10)
        venue.mark("BTC", "58000")
        venue.account("trader").sell("BTC-PERP", "0.5", "58000")
    assert restored.digest() == exchange.digest()

    damaged = bytearray(kept)
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(ValueError, match=r"."):
        Exchange.restore(bytes(damaged))
