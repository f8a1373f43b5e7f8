"""Loops over parts of the core, for measuring them: the bare book, and the value of one account.

The bare book is the ladder and its queues under the undo log, with nothing around them: no accounts, no margin, no
events.  `benchmarks/cpp/book.cpp` does the same operations and gives the same sums.
"""

from __future__ import annotations

import cython
from cython import address, longlong

from worldmarkets.core.book import Book
from worldmarkets.core.engine import Engine
from worldmarkets.core.orders import Orders
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import CANCEL_ORDER, GOOD_TILL_CANCEL, NONE, PLACE_ORDER
    from worldmarkets.core.records import Command, Figure, Order, Side, address, as_order_change, as_place_order
    from worldmarkets.core.units import SIDES


def run_book(engine: Engine, count: longlong):
    """Apply the first `count` commands of the inbox to bare books; return (trades, sum of lots times price, orders).

    Places match at the best price and rest; cancels name an order's id.  Everything else is passed over.
    """
    state: State = engine.state
    book: Book = engine.book
    orders: Orders = engine.orders
    trades: longlong = 0
    volume: longlong = 0
    rested: longlong = 0
    place: longlong
    row: longlong
    opposite: longlong
    limit: longlong
    left: longlong
    lots: longlong
    slot: longlong
    for place in range(count):
        command = address(engine.inbox[place])
        state.undo.begin()
        if command.kind == PLACE_ORDER:
            new = as_place_order(command)
            row = SIDES * new.market + new.side
            opposite = row ^ 1
            limit = book.get_rank(opposite, new.price_ticks)
            left = new.lots
            side = state.sides.read(opposite)
            while left > 0 and side.best >= limit:
                slot = book.get_first(opposite)
                maker = state.orders.read(slot)
                lots = min(left, maker.lots)
                left -= lots
                trades += 1
                volume += lots * maker.price_ticks
                if lots == maker.lots:
                    book.remove(opposite, slot)
                    state.orders.release(slot)
                else:
                    book.reduce(opposite, slot, lots)
            if left > 0 and new.time_in_force == GOOD_TILL_CANCEL:
                slot = orders.allocate()
                order = state.orders.edit(slot)
                order.market = new.market
                order.side = new.side
                order.price_ticks = new.price_ticks
                order.lots = left
                order.account = command.account
                book.append(row, slot)
                rested += 1
        elif command.kind == CANCEL_ORDER:
            slot = orders.find(as_order_change(command).order_id)
            if slot != NONE:
                gone = state.orders.read(slot)
                book.remove(SIDES * gone.market + gone.side, slot)
                state.orders.release(slot)
        state.undo.commit()
    return trades, volume, rested


def run_value(engine: Engine, account: longlong, severity_ppm: longlong, count: longlong):
    """Value one account from scratch `count` times; return the last value."""
    value: longlong = 0
    turn: longlong
    for turn in range(count):
        value = engine.atlas.compute_value(account, severity_ppm)
    return value


def run_initial(engine: Engine, account: longlong, figure: longlong, count: longlong):
    """Value one account at the initial rung `count` times, its row `figure` out of date each time (0: none is)."""
    value: longlong = 0
    turn: longlong
    for turn in range(count):
        engine.state.undo.begin()
        if figure != NONE:
            stale = engine.state.figures.edit(figure)
            stale.version = 0
        value = engine.atlas.get_initial(account)
        engine.state.undo.commit()
    return value
