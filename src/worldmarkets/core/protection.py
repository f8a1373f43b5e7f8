"""Market-maker protection: what may be filled of an account's protected orders in a market within an interval.

A window begins with the first fill and ends an interval later; the next fill begins another, with counts of nothing.
The fill that reaches a limit stands.  It pulls every protected order of the account in the market, before anything else
can match, and no protected order comes in until the account resets its protection or its cool-off has passed.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.admission import Admission
from worldmarkets.core.limits import Limits
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.quotes import Quotes
from worldmarkets.core.state import State
from worldmarkets.core.tables import MakerTable, SlotTable

if not cython.compiled:
    from worldmarkets.core.codes import (
        BUY,
        BY_DELTA,
        BY_LOTS,
        BY_NOTIONAL,
        NONE,
        OK,
        PROTECTION_ACTIVE,
        PROTECTION_TRIPPED,
        QUOTES_LIMIT,
        REASON_PROTECTION,
    )
    from worldmarkets.core.records import Account, Event, Maker, Slot, Venue, as_protection_tripped
    from worldmarkets.core.units import MAX_QUOTES
    from worldmarkets.core.wide import magnitude


@cython.final
@cython.cclass
class Protection:
    """Counts fills of protected orders and pulls them."""

    state: State
    quotes: Quotes
    limits: Limits
    orders: Orders
    admission: Admission
    outbox: Outbox
    makers: MakerTable
    slots: SlotTable
    pulls: longlong

    def __init__(self, state: State, quotes: Quotes, limits: Limits, orders: Orders, admission: Admission,
                 outbox: Outbox):  # fmt: skip
        self.state = state
        self.quotes = quotes
        self.limits = limits
        self.orders = orders
        self.admission = admission
        self.outbox = outbox
        self.makers = state.makers
        self.slots = state.slots
        self.pulls = 0

    def get_maker(self, slot: longlong) -> longlong:
        """Return the maker of a slot."""
        return self.slots.rows[slot].maker

    def check(self, account: longlong, market: longlong) -> longlong:
        """Return the code that keeps a protected order out: a protection that was tripped."""
        row: longlong = self.quotes.find_maker(account, market)
        if row == NONE or self.makers.rows[row].tripped == 0:
            return OK
        maker = self.makers.read(row)
        now: longlong = self.state.venue.rows[1].time_us
        if maker.cooloff_us == 0 or now < maker.tripped_us + maker.cooloff_us:
            return self.admission.refuse(PROTECTION_ACTIVE, maker.tripped_us + maker.cooloff_us, now, market)
        return OK

    def check_room(self, account: longlong) -> longlong:
        """Return the code that forbids one protected order more."""
        count: longlong = self.state.accounts.rows[account].quotes
        if count >= MAX_QUOTES:
            return self.admission.refuse(QUOTES_LIMIT, MAX_QUOTES, count + 1, account)
        return OK

    def attach(self, account: longlong, market: longlong, order: longlong) -> longlong:
        """Return the slot of a new protected order; a protection that cooled off counts from nothing again."""
        row: longlong = self.quotes.need_maker(account, market)
        if self.makers.rows[row].tripped != 0:
            self.reset(row)
        return self.quotes.add(row, order)

    def reset(self, row: longlong) -> None:
        """Let protected orders in again, and count from nothing."""
        maker = self.makers.edit(row)
        maker.tripped = 0
        maker.tripped_us = 0
        self.begin_window(row, 0)

    def begin_window(self, row: longlong, now: longlong) -> None:
        """Count from nothing, in a window that begins now, or (0) with the next fill."""
        maker = self.makers.edit(row)
        maker.window_us = now
        maker.lots = 0
        maker.notional = 0
        maker.delta = 0

    def count_fill(self, row: longlong, side: longlong, price: longlong, lots: longlong) -> None:
        """Count a fill of a protected order on `side`, and pull the others when it reaches a limit."""
        now: longlong = self.state.venue.rows[1].time_us
        reached: longlong = 0
        if self.makers.rows[row].interval_us != 0:
            maker = self.makers.edit(row)
            if maker.window_us == 0 or now >= maker.window_us + maker.interval_us:
                self.begin_window(row, now)
            if maker.max_lots != 0:
                maker.lots += lots
                if maker.lots >= maker.max_lots:
                    reached = BY_LOTS
            if maker.max_notional != 0:
                maker.notional += self.limits.compute_notional(maker.market, price, lots)
                if reached == 0 and maker.notional >= maker.max_notional:
                    reached = BY_NOTIONAL
            if maker.max_delta != 0:
                maker.delta += lots if side == BUY else -lots
                if reached == 0 and magnitude(maker.delta) >= maker.max_delta:
                    reached = BY_DELTA
            if reached != 0:
                self.trip(row, reached)

    def trip(self, row: longlong, reached: longlong) -> None:
        """Pull every protected order of a maker, say which limit was reached, and keep new ones out."""
        maker = self.makers.edit(row)
        pulled: longlong = maker.quotes
        maker.tripped = reached
        maker.tripped_us = self.state.venue.rows[1].time_us
        event = as_protection_tripped(self.outbox.emit(PROTECTION_TRIPPED, reached, maker.market, maker.account))
        event.lots = maker.lots
        event.notional = maker.notional
        event.delta = maker.delta
        event.window_us = maker.window_us
        event.pulled = pulled
        self.pulls += 1 + pulled
        while self.makers.rows[row].first_quote != NONE:
            self.orders.cancel(self.slots.rows[self.makers.rows[row].first_quote].order, REASON_PROTECTION, 0, 0)
