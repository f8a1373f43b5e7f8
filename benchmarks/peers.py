"""Other order books, each driven the way it wants, beside ours driven the same way.

Both are Python packages called once an operation, so ours is too: `core.book_calls_per_s` is the bare book and
`core.venue_calls_per_s` the whole exchange (a spot market, accounts without debt, events out), one 64-byte record a
call, encoded from Python numbers.  A peer that is not installed is skipped, with a message: the group `bench` installs
LightMatchingEngine, and `pip install liquibook` the other, whose package names no licence.
"""

from __future__ import annotations

import importlib
import struct
import sys
from collections.abc import Callable

import numpy as np

from benchmarks import book, measure, mix, venue
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.engine import Engine

TRADERS = 16


def run_lightmatchingengine(log: book.Log) -> float:
    """LightMatchingEngine (MIT): pure Python dictionaries and lists."""
    module = importlib.import_module("lightmatchingengine.lightmatchingengine")
    engine = module.LightMatchingEngine()
    orders: dict[int, object] = {}
    volume = 0
    begin = 0.0
    for number, step in enumerate(log.steps):
        if number == log.warm:
            begin = measure.clock()
        if step.is_cancel:
            engine.cancel_order(orders[step.order], "X")
            continue
        order, trades = engine.add_order("X", step.price, step.lots, 1 if step.side == c.BUY else 2)
        if trades:
            volume += sum(trade.trade_qty * trade.trade_price for trade in trades)
        if step.rests:
            orders[number] = order.order_id
        elif order.leaves_qty:
            engine.cancel_order(order.order_id, "X")
    seconds = measure.clock() - begin
    assert volume == 2 * log.volume, "LightMatchingEngine traded otherwise"  # it reports both sides of a trade
    return 1e9 * seconds / log.size


def run_liquibook(log: book.Log) -> float:
    """Liquibook (C++) through its Python wrapper."""
    module = importlib.import_module("liquibook")

    class Fills(module.OrderListener):  # type: ignore[misc]
        volume = 0

        def on_fill(self, passive: object, aggressive: object, quantity: int, cost: int) -> None:
            self.volume += quantity * cost

        def on_accept(self, order: object) -> None:
            pass

        def on_cancel(self, order: object) -> None:
            pass

    def apply(listener: Fills | None) -> float:
        market = module.DepthOrderBook()
        if listener:
            market.set_order_listener(listener)
        orders: dict[int, object] = {}
        begin = 0.0
        for number, step in enumerate(log.steps):
            if number == log.warm:
                begin = measure.clock()
            if step.is_cancel:
                market.cancel(orders.pop(step.order))
                continue
            order = module.SimpleOrder(step.side == c.BUY, step.price, step.lots)
            if step.rests:
                orders[number] = order
                market.add(order)
            else:
                market.add(order, module.oc_immediate_or_cancel)
        return 1e9 * (measure.clock() - begin) / log.size

    listener = Fills()
    apply(listener)
    assert listener.volume == log.volume, "Liquibook traded otherwise"
    return apply(None)


PEERS = {"lightmatchingengine": run_lightmatchingengine, "liquibook": run_liquibook}

# The head and the body of a place and of a cancel, as the bytes of their records.
PLACE = struct.Struct("<qqBBHIHBBBBHIIqqq")
CANCEL = struct.Struct("<qqBBHIqqqIHBBq")


class Caller:
    """Our side: encodes one command a call from Python values, as a peer takes them."""

    def __init__(self, log: book.Log, market: int, accounts: int) -> None:
        self.log = log
        self.market = market
        self.accounts = accounts

    def run(self, apply: Callable[[bytes], object], ids: dict[int, int]) -> float:
        """Apply the log, a command a call; return the nanoseconds a call."""
        log, market, accounts = self.log, self.market, self.accounts
        place, cancel = PLACE.pack, CANCEL.pack
        begin = 0.0
        for number, step in enumerate(log.steps):
            if number == log.warm:
                begin = measure.clock()
            if step.is_cancel:
                account = 1 + step.order % (accounts - 1)
                apply(cancel(0, venue.START_US, c.CANCEL_ORDER, 0, 0, account, ids[step.order], 0, 0, 0, 0, 0, 0, 0))
            else:
                until = c.GOOD_TILL_CANCEL if step.rests else c.IMMEDIATE_OR_CANCEL
                account = 1 + number % (accounts - 1) if step.rests else accounts  # the last never meets itself
                apply(place(0, venue.START_US, c.PLACE_ORDER, 0, 0, account, market, step.side, until,
                            0, 0, 0, step.price, 0, step.lots, 0, 0))  # fmt: skip
        return 1e9 * (measure.clock() - begin) / log.size


def run_book_calls(log: book.Log) -> float:
    """Return the nanoseconds a call of our bare book."""
    from worldmarkets.core.drive import run_book

    engine = venue.open_engine()
    sums = [0, 0, 0]

    def apply(command: bytes) -> None:
        trades, volume, rested = run_book(engine, engine.load(command))
        sums[0] += trades
        sums[1] += volume
        sums[2] += rested

    seconds = Caller(log, book.MARKET, TRADERS).run(apply, log.ids)
    assert tuple(sums) == (log.trades, log.volume, log.rested), "our book and the model differ"
    return seconds


def run_venue_calls(log: book.Log) -> float:
    """Return the nanoseconds a call of the whole exchange: a spot market and accounts without debt."""
    engine, market = open_spot()
    caller = Caller(log, market, TRADERS)
    ids: dict[int, int] = {}
    volume = 0
    number = -1

    def learn(command: bytes) -> None:
        nonlocal volume, number
        number += 1
        rows = np.frombuffer(engine.apply(command), mix.EVENT)
        assert not np.any(rows["kind"] == c.REJECTED), "the exchange rejected a command"
        for row in rows[rows["kind"] == c.TRADED]:
            volume += int(row["c"]) * (int(row["e"]) & 0xFFFFFFFF)
        if rows[0]["kind"] == c.ORDER_PLACED:
            ids[number] = int(rows[0]["a"])

    caller.run(learn, ids)
    assert volume == log.volume, "the exchange and the model differ"
    engine, market = open_spot()
    return caller.run(engine.apply, ids)


def open_spot() -> tuple[Engine, int]:
    """Return an engine with a spot market and a few rich accounts, and the market."""
    engine = venue.open_engine()
    asset = 2
    market = engine.governance.add_market(c.SPOT, asset, venue.LOT_QUANTA, venue.TICK_VALUE)
    log: list[r.Record] = []
    for account in range(1, TRADERS + 1):
        log.append(r.OpenAccount(time_us=venue.START_US, kind=c.OPEN_ACCOUNT, owner_high=account))
        for held in (c.NUMERAIRE, asset):
            log.append(r.Funds(time_us=venue.START_US, kind=c.DEPOSIT, account=account, asset=held, amount=10**15))
    log.append(r.SetMark(time_us=venue.START_US, kind=c.SET_MARK, asset=asset, price=venue.MARK,
                         source_time_us=venue.START_US, sources=3, agreeing=3))  # fmt: skip
    engine.apply(venue.encode(log))
    return engine, market


def measure_all(commands: int = 20_000) -> dict[str, float]:
    """Return calls a second of ours and of the peers that are installed."""
    log = book.write_log(commands, resting=2_000)
    runs: dict[str, Callable[[], float]] = {
        "core.book_calls_per_s": lambda: run_book_calls(log),
        "core.venue_calls_per_s": lambda: run_venue_calls(log),
    }
    for name, run in PEERS.items():
        try:
            importlib.import_module(name)
        except ImportError:
            print(f"peers: {name} is not installed and is left out", file=sys.stderr)
            continue
        runs[f"peer.{name}.book_commands_per_s"] = lambda run=run: run(log)
    return {name: 1e9 / ns for name, ns in zip(runs, measure.medians(runs.values()), strict=True)}


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all().items():
        print(f"{name:48} {figure:16,.0f}")
