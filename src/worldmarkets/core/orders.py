"""Resting orders: their rows, their place in the book and in their account's list, and what they could lose."""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.book import Book
from worldmarkets.core.limits import Limits
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.quotes import Quotes
from worldmarkets.core.state import State
from worldmarkets.core.tables import AccountTable, ClientTable, OrderTable

if not cython.compiled:
    from worldmarkets.core.codes import NONE, ORDER_CANCELLED
    from worldmarkets.core.records import Account, Client, Event, Order, Venue, as_order_cancelled
    from worldmarkets.core.units import CLIENT_ID_LIFETIME, MAX_SWEEP, ORDER_SLOT_BITS, SIDES


@cython.final
@cython.cclass
class Orders:
    """Order rows and client order ids."""

    state: State
    book: Book
    outbox: Outbox
    quotes: Quotes
    limits: Limits
    orders: OrderTable
    accounts: AccountTable
    clients: ClientTable

    def __init__(self, state: State, book: Book, outbox: Outbox, quotes: Quotes, limits: Limits):
        self.state = state
        self.book = book
        self.outbox = outbox
        self.quotes = quotes
        self.limits = limits
        self.orders = state.orders
        self.accounts = state.accounts
        self.clients = state.clients

    def allocate(self) -> longlong:
        """Return the row of a new order, numbered."""
        slot: longlong = self.orders.allocate()
        order = self.orders.edit(slot)
        order.id = self.orders.get_serial() << ORDER_SLOT_BITS | slot
        return slot

    def find(self, order_id: longlong) -> longlong:
        """Return the row of an order, or 0."""
        slot: longlong = order_id & ((1 << ORDER_SLOT_BITS) - 1)
        if slot == NONE or slot > self.orders.get_used() or self.orders.rows[slot].id != order_id:
            return NONE
        return slot

    def find_client(self, account: longlong, client_id: longlong) -> longlong:
        """Return the row of a client order id, or 0."""
        return self.state.client_index.find(account, client_id, 0)

    def get_client_id(self, slot: longlong) -> longlong:
        """Return the client order id that an order was placed with, or 0."""
        return self.clients.rows[self.orders.rows[slot].client].client_id

    def rest(self, slot: longlong) -> None:
        """Put an order into the book and its account's list."""
        order = self.orders.edit(slot)
        account = self.accounts.edit(order.account)
        order.account_previous = NONE
        order.account_next = account.first_order
        if account.first_order != NONE:
            head = self.orders.edit(account.first_order)
            head.account_previous = slot
        account.first_order = slot
        account.order_count += 1
        account.order_loss += order.lots * order.loss_per_lot
        if account.limits != 0:
            self.limits.count_order(order.account, order.market, 1)
        self.book.append(order.market * SIDES + order.side, slot)

    def reduce(self, slot: longlong, lots: longlong) -> None:
        """Take `lots` off a resting order; it leaves the book when nothing is left."""
        order = self.orders.read(slot)
        if lots == order.lots:
            self.withdraw(slot)
            self.release(slot)
        else:
            account = self.accounts.edit(order.account)
            account.order_loss -= lots * order.loss_per_lot
            self.book.reduce(order.market * SIDES + order.side, slot, lots)

    def withdraw(self, slot: longlong) -> None:
        """Take an order out of the book and its account's list; its row stays."""
        order = self.orders.read(slot)
        account = self.accounts.edit(order.account)
        account.order_count -= 1
        account.order_loss -= order.lots * order.loss_per_lot
        if account.limits != 0:
            self.limits.count_order(order.account, order.market, -1)
        if order.account_previous == NONE:
            account.first_order = order.account_next
        else:
            before = self.orders.edit(order.account_previous)
            before.account_next = order.account_next
        if order.account_next != NONE:
            after = self.orders.edit(order.account_next)
            after.account_previous = order.account_previous
        self.book.remove(order.market * SIDES + order.side, slot)

    def cancel(self, slot: longlong, reason: longlong, needed: longlong, had: longlong) -> None:
        """Take a resting order away and say why."""
        self.withdraw(slot)
        self.discard(slot, reason, needed, had)

    def discard(self, slot: longlong, reason: longlong, needed: longlong, had: longlong) -> None:
        """Report what is left of an order that does not rest, and release its row."""
        self.report_cancelled(slot, self.orders.rows[slot].lots, reason, needed, had)
        self.release(slot)

    def release(self, slot: longlong) -> None:
        """Release the row of an order that is gone, and its slot if it was protected."""
        if self.orders.rows[slot].quote != NONE:
            self.quotes.drop(self.orders.rows[slot].quote)
        self.orders.release(slot)

    def report_cancelled(self, slot: longlong, lots: longlong, reason: longlong, needed: longlong,
                         had: longlong) -> None:  # fmt: skip
        """Report that `lots` of an order are cancelled."""
        order = self.orders.read(slot)
        event = as_order_cancelled(self.outbox.emit(ORDER_CANCELLED, reason, order.market, order.account))
        event.order_id = order.id
        event.client_id = self.get_client_id(slot)
        event.lots = lots
        event.needed = needed
        event.had = had
        event.price_ticks = order.price_ticks
        event.side = order.side

    def remember_client(self, slot: longlong, client_id: longlong) -> None:
        """Keep a client order id and what it was answered with, for a day."""
        row: longlong = self.clients.allocate()
        venue = self.state.venue.edit(1)
        order = self.orders.edit(slot)
        client = self.clients.edit(row)
        client.client_id = client_id
        client.order_id = order.id
        client.sequence = venue.sequence
        client.expires_us = venue.time_us + CLIENT_ID_LIFETIME
        client.account = order.account
        order.client = row
        if venue.client_last != NONE:
            last = self.clients.edit(venue.client_last)
            last.next = row
        else:
            venue.client_first = row
        venue.client_last = row
        self.state.client_index.insert(client.account, client_id, 0, row)

    def sweep_clients(self) -> None:
        """Forget client order ids a day old, a few a command; one whose order still rests waits."""
        count: longlong = 0
        row: longlong
        venue = self.state.venue.read(1)
        while venue.client_first != NONE and count < MAX_SWEEP:
            row = venue.client_first
            client = self.clients.read(row)
            if client.expires_us > venue.time_us:
                break
            changed = self.state.venue.edit(1)
            changed.client_first = client.next
            if client.next == NONE:
                changed.client_last = NONE
            count += 1
            if self.find(client.order_id) != NONE:
                self.requeue_client(row)
                continue
            self.state.client_index.remove(row)
            self.clients.release(row)

    def requeue_client(self, row: longlong) -> None:
        """Keep a client order id for another day, at the end of the queue."""
        venue = self.state.venue.edit(1)
        client = self.clients.edit(row)
        client.next = NONE
        client.expires_us = venue.time_us + CLIENT_ID_LIFETIME
        if venue.client_last != NONE:
            last = self.clients.edit(venue.client_last)
            last.next = row
        else:
            venue.client_first = row
        venue.client_last = row
