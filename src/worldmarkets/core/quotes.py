"""Slots: the protected orders of an account in a market, and the quotes among them, which a side and a level name.

A slot lives as long as its order.  It hangs in its maker's list, so that a maker's quotes are found and pulled without
a look at its other orders.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.index import Index
from worldmarkets.core.state import State
from worldmarkets.core.tables import AccountTable, MakerTable, OrderTable, SlotTable

if not cython.compiled:
    from worldmarkets.core.codes import NONE
    from worldmarkets.core.records import Account, Maker, Order, Slot
    from worldmarkets.core.units import SIDES


@cython.final
@cython.cclass
class Quotes:
    """Makers and their slots."""

    accounts: AccountTable
    makers: MakerTable
    orders: OrderTable
    slots: SlotTable
    maker_index: Index
    slot_index: Index

    def __init__(self, state: State):
        self.accounts = state.accounts
        self.makers = state.makers
        self.orders = state.orders
        self.slots = state.slots
        self.maker_index = state.maker_index
        self.slot_index = state.slot_index

    def find_maker(self, account: longlong, market: longlong) -> longlong:
        """Return the row of an account as a maker of a market, or 0."""
        return self.maker_index.find(account, market, 0)

    def need_maker(self, account: longlong, market: longlong) -> longlong:
        """Return the row of an account as a maker of a market, made if it was not there."""
        row: longlong = self.find_maker(account, market)
        if row == NONE:
            row = self.makers.allocate()
            record = self.accounts.edit(account)
            maker = self.makers.edit(row)
            maker.account = account
            maker.market = market
            maker.next = record.first_maker
            record.first_maker = row
            self.maker_index.insert(account, market, 0, row)
        return row

    def find(self, account: longlong, market: longlong, side: longlong, level: longlong) -> longlong:
        """Return the slot of a quote, or 0."""
        return self.slot_index.find(account, market * SIDES + side, level)

    def add(self, maker_row: longlong, order_row: longlong) -> longlong:
        """Return a new slot for an order of a maker."""
        row: longlong = self.slots.allocate()
        maker = self.makers.edit(maker_row)
        account = self.accounts.edit(maker.account)
        slot = self.slots.edit(row)
        slot.order = order_row
        slot.maker = maker_row
        slot.next = maker.first_quote
        if maker.first_quote != NONE:
            head = self.slots.edit(maker.first_quote)
            head.previous = row
        maker.first_quote = row
        maker.quotes += 1
        account.quotes += 1
        order = self.orders.edit(order_row)
        order.quote = row
        return row

    def name(self, row: longlong, account: longlong, market: longlong, side: longlong, level: longlong) -> None:
        """Let a slot go by a side and a level."""
        slot = self.slots.edit(row)
        slot.level = level
        slot.is_named = 1
        self.slot_index.insert(account, market * SIDES + side, level, row)

    def drop(self, row: longlong) -> None:
        """Release the slot of an order that is gone."""
        slot = self.slots.read(row)
        maker = self.makers.edit(slot.maker)
        account = self.accounts.edit(maker.account)
        if slot.is_named:
            self.slot_index.remove(row)
        if slot.previous == NONE:
            maker.first_quote = slot.next
        else:
            before = self.slots.edit(slot.previous)
            before.next = slot.next
        if slot.next != NONE:
            after = self.slots.edit(slot.next)
            after.previous = slot.previous
        maker.quotes -= 1
        account.quotes -= 1
        self.slots.release(row)

    def get_level(self, order_row: longlong) -> longlong:
        """Return the level that an order quotes, or 0."""
        return self.slots.rows[self.orders.rows[order_row].quote].level
