"""The end of a market: orders cancelled, perps closed at the median mark of the last hour, loans due at once.

It is done with commands of the clock, a bounded part with each.  Whatever contract the market gets in the meantime,
from an account that another takes over, is found by looking again until there is none.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import (
        CHANGE_WORKING,
        LOAN,
        LOAN_IOU,
        MARKET_MODE_SET,
        MARKET_SETTLED,
        NONE,
        PERP,
        REASON_SETTLING,
        SETTLING,
    )
    from worldmarkets.core.records import (
        Asset,
        Change,
        Event,
        Loan,
        Market,
        Perp,
        Side,
        Venue,
        as_market_settled,
        as_switched,
    )
    from worldmarkets.core.units import SETTLE_CONTRACTS, SETTLE_ORDERS, SETTLE_ROWS, SIDES


@cython.final
@cython.cclass
class Settling:
    """Ends markets, a bounded part a command."""

    state: State
    orders: Orders
    perps: Perps
    loans: Loans
    oracle: Oracle
    outbox: Outbox

    def __init__(self, state: State, orders: Orders, perps: Perps, loans: Loans, oracle: Oracle, outbox: Outbox):
        self.state = state
        self.orders = orders
        self.perps = perps
        self.loans = loans
        self.oracle = oracle
        self.outbox = outbox

    def begin(self, row: longlong) -> None:
        """Put the market of a change into settling, and freeze the price its perps close at."""
        change = self.state.changes.edit(row)
        market = self.state.markets.edit(change.subject)
        market.mode = SETTLING
        change.state = CHANGE_WORKING
        change.a = self.oracle.compute_median(market.asset)
        change.b = 0
        change.c = 0
        change.d = self.oracle.compute_unit(market.asset, change.a)
        if change.d < 0:  # the median is out of bounds: the mark never is
            change.a = self.state.assets.rows[market.asset].mark
            change.d = self.state.assets.rows[market.asset].unit
        event = as_switched(self.outbox.emit(MARKET_MODE_SET, 0, change.subject, 0))
        event.value = SETTLING

    def work(self, row: longlong) -> cython.bint:
        """Do a bounded part of a market's end.  Returns whether it has ended."""
        change = self.state.changes.edit(row)
        market: longlong = change.subject
        kind: longlong = self.state.markets.rows[market].kind
        is_done: cython.bint = True
        if not self.cancel_orders(market):
            return False
        if kind == PERP:
            is_done = self.close_perps(row)
        elif kind == LOAN:
            is_done = self.call_loans(row)
        if is_done:
            event = as_market_settled(self.outbox.emit(MARKET_SETTLED, 0, market, 0))
            event.price = change.a
            event.contracts = change.b
            event.time_us = self.state.venue.rows[1].time_us
        return is_done

    def cancel_orders(self, market: longlong) -> cython.bint:
        """Cancel resting orders, bids first, best first, then those that wait for a mark; say whether none is left."""
        count: longlong = 0
        side: longlong
        resting: longlong
        for side in range(2 * SIDES):
            resting = self.get_first(SIDES * market, side)
            while resting != NONE:
                if count == SETTLE_ORDERS:
                    return False
                self.orders.cancel(resting, REASON_SETTLING, 0, 0)
                count += 1
                resting = self.get_first(SIDES * market, side)
        return True

    def get_first(self, first: longlong, side: longlong) -> longlong:
        """Return the first order of a side: of the book's, then of the trigger ladder's."""
        if side < SIDES:
            return self.orders.book.get_first(first + side)
        return self.orders.ladder.get_first(first + side - SIDES)

    def close_perps(self, row: longlong) -> cython.bint:
        """Close contracts at the frozen price, in the order of their rows.  Returns whether none is left."""
        change = self.state.changes.edit(row)
        market = self.state.markets.edit(change.subject)
        closed: longlong = 0
        looked: longlong = 0
        while market.open_interest > 0 and closed < SETTLE_CONTRACTS and looked < SETTLE_ROWS:
            change.c += 1
            if change.c > self.state.perps.get_used():
                change.c = 1
            looked += 1
            perp = self.state.perps.read(change.c)
            if perp.market == change.subject and perp.lots > 0 and not self.perps.is_frozen(change.c):
                market.open_interest -= perp.lots
                self.perps.close_at(change.c, change.d)
                closed += 1
        change.b += closed
        return market.open_interest == 0

    def call_loans(self, row: longlong) -> cython.bint:
        """Let loans of the market fall due now, in the order of their rows.  Returns whether all of them are."""
        change = self.state.changes.edit(row)
        now: longlong = self.state.venue.rows[1].time_us
        called: longlong = 0
        looked: longlong = 0
        while change.c < self.state.loans.get_used() and called < SETTLE_CONTRACTS and looked < SETTLE_ROWS:
            change.c += 1
            looked += 1
            loan = self.state.loans.read(change.c)
            if (
                loan.principal > 0
                and loan.market == change.subject
                and loan.due_us > now
                and not loan.flags & LOAN_IOU
            ):
                self.loans.call(change.c, now)
                called += 1
        change.b += called
        return change.c >= self.state.loans.get_used()
