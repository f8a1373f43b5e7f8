"""What an order has beyond an ordinary one: a time at which it leaves, a trigger that it waits for, a partner.

An ordinary order has no row here, and pays for none of it but the test of one field.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.state import State
from worldmarkets.core.tables import ConditionTable, OrderTable
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import NONE, ORDER_EXPIRY, PARKED, RESTING
    from worldmarkets.core.records import Condition, Order


@cython.final
@cython.cclass
class Conditions:
    """The conditions of orders; a pair of orders is a pair of conditions that name one another."""

    conditions: ConditionTable
    orders: OrderTable
    timers: Timers

    def __init__(self, state: State, timers: Timers):
        self.conditions = state.conditions
        self.orders = state.orders
        self.timers = timers

    def attach(self, slot: longlong) -> longlong:
        """Return the row of an order's condition, made if there was none."""
        row: longlong = self.orders.rows[slot].condition
        if row == NONE:
            row = self.conditions.allocate()
            condition = self.conditions.edit(row)
            condition.order = slot
            order = self.orders.edit(slot)
            order.condition = row
        return row

    def detach(self, slot: longlong) -> None:
        """Release an order's condition: its timer is cancelled, its partner stands alone."""
        row: longlong = self.orders.rows[slot].condition
        self.separate(slot)
        if self.conditions.rows[row].timer != NONE:
            self.timers.cancel(self.conditions.rows[row].timer)
        self.conditions.release(row)
        order = self.orders.edit(slot)
        order.condition = NONE

    def note_place(self, slot: longlong, place: longlong) -> None:
        """Note where an order with a condition is: in the book, parked at its trigger, or in neither."""
        condition = self.conditions.edit(self.orders.rows[slot].condition)
        condition.place = place

    def is_parked(self, slot: longlong) -> cython.bint:
        """Say whether an order waits for its trigger."""
        row: longlong = self.orders.rows[slot].condition
        return row != NONE and self.conditions.rows[row].place == PARKED

    def is_waiting(self, slot: longlong) -> cython.bint:
        """Say whether an order with a condition has not been triggered yet."""
        return self.conditions.rows[self.orders.rows[slot].condition].trigger_ticks != 0

    def await_expiry(self, slot: longlong) -> None:
        """Have an order leave at its expiry, if it has one."""
        row: longlong
        timer: longlong
        if self.orders.rows[slot].expiry_us != 0:
            row = self.attach(slot)
            if self.conditions.rows[row].timer == NONE:
                timer = self.timers.schedule(ORDER_EXPIRY, slot, self.orders.rows[slot].expiry_us)
                condition = self.conditions.edit(row)
                condition.timer = timer

    def forget_expiry(self, slot: longlong) -> None:
        """Cancel an order's timer."""
        condition = self.conditions.edit(self.orders.rows[slot].condition)
        if condition.timer != NONE:
            self.timers.cancel(condition.timer)
            condition.timer = NONE

    def note_expired(self, slot: longlong) -> None:
        """Forget an order's timer, which came due."""
        condition = self.conditions.edit(self.orders.rows[slot].condition)
        condition.timer = NONE

    def pair(self, slot: longlong, other: longlong) -> None:
        """Make two orders partners, each of which rests or is parked."""
        row: longlong = self.attach(slot)
        other_row: longlong = self.attach(other)
        one = self.conditions.edit(row)
        one.partner = other_row
        one.place = max(one.place, RESTING)
        two = self.conditions.edit(other_row)
        two.partner = row
        two.place = max(two.place, RESTING)

    def get_partner(self, slot: longlong) -> longlong:
        """Return the order that an order is paired with, or 0."""
        row: longlong = self.orders.rows[slot].condition
        return NONE if row == NONE else self.conditions.rows[self.conditions.rows[row].partner].order

    def separate(self, slot: longlong) -> longlong:
        """Part an order from its partner and return that order, or 0."""
        row: longlong = self.orders.rows[slot].condition
        partner: longlong = self.conditions.rows[row].partner
        if partner == NONE:
            return NONE
        one = self.conditions.edit(row)
        one.partner = NONE
        two = self.conditions.edit(partner)
        two.partner = NONE
        return two.order
