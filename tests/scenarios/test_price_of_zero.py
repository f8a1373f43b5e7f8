"""Paradex, January 2026: after a migration a price of zero reached the risk engine, accounts were liquidated at it, and
the chain was rolled back.  Here a price that is zero, negative, stale, from the future or out of bounds is refused
where it enters, and changes nothing; and what comes back after a restart is compared by one digest.
"""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from tests.node.test_node import run
from tests.node.venue import MAKER, START_US, TAKER, Desk, fund, make_config
from tests.scenarios.stage import enter, open_stage, refused, trade
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.records import SetMark
from worldmarkets.exchange.commands import make
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.errors import RecoveryError
from worldmarkets.node.node import Node
from worldmarkets.schemas.commands import PlaceOrder


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


@pytest.mark.both
def test_an_unwind_goes_on_where_it_was() -> None:
    """In the middle of an unwind the venue is put away and taken out again: the same turns, to the same digest."""
    exchange = open_stage(has_ladder=True, slice_ppm=100)  # of 10 million: 1,000 a second
    maker, trader = enter(exchange, "maker", USDM="100_000"), enter(exchange, "trader", USDM="1_000")
    trade(trader, maker, "ETH-PERP", "3", "2000")
    maker.buy("ETH-PERP", "3", "1755")
    exchange.step(minutes=2)
    exchange.mark("ETH", "1760")
    exchange.step(seconds=1)
    assert trader.ladder is not None and trader.ladder.slices > 0
    restored = Exchange.restore(exchange.snapshot())
    again = restored.account("trader")
    assert again.ladder == trader.ladder
    for venue in (exchange, restored):
        venue.step(seconds=30)
    assert restored.digest() == exchange.digest()
    assert again.ladder is trader.ladder is None and again.state == "free"


async def set_mark(node: Node, price: str) -> None:
    eth = node.exchange.listing.asset("ETH")
    command = make(SetMark, kind=codes.SET_MARK, asset=eth.number, price=eth.to_mark(price), sources=3, agreeing=3,
                   source_time_us=node.clock.now_us())  # fmt: skip
    await node.send_and_wait(command)


@pytest.mark.slow
def test_nobody_is_unwound_by_a_state_that_nobody_vouches_for(tmp_path: Path) -> None:
    """A node with a latched account stops.  When it comes back it unwinds only if the state is the one it had."""
    found: list[str] = []

    async def fall(node: Node) -> None:
        await fund(node, MAKER, USDM="100_000")
        await fund(node, TAKER, USDM="1_000")
        await set_mark(node, "2000")
        maker, taker = Desk(node, MAKER), Desk(node, TAKER)
        assert (await maker.send(PlaceOrder(market="ETH-PERP", side="sell", size="3", price="2000"))).accepted
        assert (await taker.send(PlaceOrder(market="ETH-PERP", side="buy", size="3", price="2000"))).accepted
        assert (await maker.send(PlaceOrder(market="ETH-PERP", side="buy", size="3", price="1755"))).accepted
        await set_mark(node, "1760")
        assert node.exchange.find_account(TAKER.address).ladder.slices == 0

    async def wait(node: Node) -> None:
        clock.advance(10 * 10**6)
        await set_mark(node, "1760")
        found.append(node.exchange.find_account(TAKER.address).state)

    clock = ManualClock(START_US)
    config = make_config(tmp_path)
    genesis = tmp_path / "genesis.toml"
    genesis.write_text(genesis.read_text().replace("has_ladder = false", "has_ladder = true"))
    run(Node.open(config, clock), fall)
    database = sqlite3.connect(tmp_path / "data/journal.sqlite")
    (block, digest) = database.execute("SELECT block, digest FROM checkpoints ORDER BY block DESC").fetchone()
    database.execute("UPDATE checkpoints SET digest = ? WHERE block = ?", ("00" * 32, block))
    database.commit()
    with pytest.raises(RecoveryError, match="was journalled"):
        Node.open(config, clock)
    assert found == []
    database.execute("UPDATE checkpoints SET digest = ? WHERE block = ?", (digest, block))
    database.commit()
    database.close()
    run(Node.open(config, clock), wait)
    assert found == ["free"]
