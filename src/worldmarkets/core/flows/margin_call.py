"""Margin calls: what is short and what would cure it, and the resting orders that would make it worse cancelled.

Nobody touches the account otherwise; admission keeps its own commands from making anything worse.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.fees import Fees
from worldmarkets.core.flows.unwind import Unwind
from worldmarkets.core.matching import Matching
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import (
        BUY,
        LOAN,
        MARGIN_CALL,
        MARGIN_CALLED,
        MARGIN_CURE,
        NONE,
        PARKED,
        REASON_MARGIN_CALL,
        REDUCE_ONLY,
        STATE_MARGIN_CALL,
    )
    from worldmarkets.core.records import (
        Account,
        Asset,
        Condition,
        Event,
        Figure,
        Market,
        Order,
        Position,
        Venue,
        as_margin_called,
        as_margin_cure,
    )
    from worldmarkets.core.units import MAX_CURES, MAX_EXAMINED, MAX_MARK, MAX_SWEPT


@cython.final
@cython.cclass
class MarginCall:
    """Calls, cures, and cancellations."""

    state: State
    timers: Timers
    atlas: Atlas
    fees: Fees
    oracle: Oracle
    orders: Orders
    matching: Matching
    unwind: Unwind
    outbox: Outbox

    def __init__(self, state: State, timers: Timers, atlas: Atlas, fees: Fees, oracle: Oracle, orders: Orders,
                 matching: Matching, unwind: Unwind, outbox: Outbox):  # fmt: skip
        self.state = state
        self.timers = timers
        self.atlas = atlas
        self.fees = fees
        self.oracle = oracle
        self.orders = orders
        self.matching = matching
        self.unwind = unwind
        self.outbox = outbox

    def call(self, account: longlong) -> None:
        """Tell an account what is short and what would cure it, and begin to cancel what would make it worse."""
        venue = self.state.venue.read(1)
        record = self.state.accounts.edit(account)
        event = as_margin_called(self.outbox.emit(MARGIN_CALLED, 0, 0, account))
        event.missing = -self.atlas.compute_value(account, venue.initial_ppm)
        event.unwind_value = self.atlas.compute_value(account, venue.unwind_ppm)
        event.mark_version = venue.mark_version
        event.resilience_ppm = self.atlas.compute_resilience(account)
        event.orders = record.order_count
        self.report_cures(account)
        if record.sweep_next == NONE:  # what is swept already is swept whole
            record.sweep_next = record.first_order
            record.sweep_reason = REASON_MARGIN_CALL
            self.advance(account)

    # Orders.

    def advance(self, account: longlong) -> None:
        """Cancel some of the orders that would make a margin call worse; what is left is the next item of work."""
        record = self.state.accounts.edit(account)
        examined: longlong = 0
        swept: longlong = 0
        if record.sweep_reason == REASON_MARGIN_CALL and record.state == STATE_MARGIN_CALL:
            while record.sweep_next != NONE and examined < MAX_EXAMINED and swept < MAX_SWEPT:
                examined += 1
                if self.is_worsening(record.sweep_next):
                    swept += 1
                    self.orders.cancel(record.sweep_next, REASON_MARGIN_CALL, 0, 0)
                else:
                    record.sweep_next = self.state.orders.rows[record.sweep_next].account_next
            if record.sweep_next != NONE:
                self.timers.schedule(MARGIN_CALL, account, self.state.venue.rows[1].time_us)
        elif record.sweep_reason == REASON_MARGIN_CALL:
            record.sweep_next = NONE

    def is_worsening(self, slot: longlong) -> cython.bint:
        """Say whether a resting order, filled alone at its limit, would leave its account with less V(initial)."""
        order = self.state.orders.read(slot)
        fee: longlong = 0
        if order.flags & REDUCE_ONLY:
            return False
        if order.condition != NONE and self.state.conditions.rows[order.condition].place == PARKED:
            return False
        rules = self.state.markets.read(order.market)
        if rules.kind != LOAN:
            fee = self.fees.compute(
                order.account, order.market, False, order.lots * order.price_ticks * rules.tick_value, order.fees_paid
            )
        return self.matching.compute_filled(
            order.position, order.market, order.side, order.price_ticks, order.lots, fee
        ) < self.atlas.get_initial(order.account)

    # Cures.

    def report_cures(self, account: longlong) -> None:
        """Report, for the first assets of an account, how many lots to trade or which mark would free it."""
        figure: longlong = self.state.accounts.rows[account].first_group
        row: longlong
        count: longlong = 0
        self.unwind.forget()
        self.unwind.is_waived = False
        while figure != NONE and count < MAX_CURES:
            row = self.state.figures.rows[figure].first_position
            while row != NONE and count < MAX_CURES:
                position = self.state.positions.read(row)
                if not self.state.assets.rows[position.asset].is_numeraire and (
                    position.lots != 0 or position.balance != 0 or position.owed != 0 or position.lent != 0
                ):
                    count += 1
                    self.report_cure(row)
                row = position.next
            figure = self.state.figures.rows[figure].next

    def report_cure(self, row: longlong) -> None:
        """Report what in one asset would free its account, if anything does."""
        position = self.state.positions.read(row)
        account: longlong = position.account
        lots: longlong = 0
        price: longlong
        up: longlong = self.find_mark(account, position.asset, True)
        down: longlong = self.find_mark(account, position.asset, False)
        self.unwind.aim_leg(row, position.lots != 0)
        if self.unwind.market != NONE:
            price = max(self.oracle.compute_mark_ticks(self.unwind.market, self.unwind.side == BUY), 1)
            lots = self.unwind.fit_at(self.unwind.lots, price)
            if lots > 0 and self.unwind.predict(lots, price) < 0:
                lots = 0
        if lots > 0 or up > 0 or down > 0:
            event = as_margin_cure(self.outbox.emit(MARGIN_CURE, self.unwind.side, self.unwind.market, account))
            event.asset = position.asset
            event.lots = lots
            event.up = up
            event.down = down

    def find_mark(self, account: longlong, number: longlong, is_up: cython.bint) -> longlong:
        """Return the nearest mark above or below at which an account is free, to a millionth; 0: none within twice."""
        near: longlong = self.state.assets.rows[number].mark
        far: longlong = min(2 * near, MAX_MARK) if is_up else near // 2
        least: longlong = (near >> 20) + 1
        middle: longlong
        if far <= 0 or self.compute_at(account, number, far) < 0:
            return 0
        while (far - near if is_up else near - far) > least:
            middle = near + (far - near) // 2
            if self.compute_at(account, number, middle) < 0:
                near = middle
            else:
                far = middle
        return far

    def compute_at(self, account: longlong, number: longlong, mark: longlong) -> longlong:
        """Return V(account, initial) as it would be with another mark of an asset; -1 where that is out of bounds."""
        unit: longlong = self.oracle.compute_unit(number, mark)
        value: longlong = -1
        undo: longlong
        if unit > 0:
            undo = self.state.undo.begin()
            asset = self.state.assets.edit(number)
            asset.unit = unit
            value = self.atlas.compute_value(account, self.state.venue.rows[1].initial_ppm)
            self.state.undo.rollback(undo)
        return value
