"""Resting orders: their rows, their place in the book and in their account's list, and what they could lose.

An order that waits for its trigger is parked: it stands in the trigger ladder instead of the book, and loses nothing.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.book import Book
from worldmarkets.core.conditions import Conditions
from worldmarkets.core.funding import Funding
from worldmarkets.core.keys import Keys
from worldmarkets.core.limits import Limits
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.quotes import Quotes
from worldmarkets.core.state import State
from worldmarkets.core.tables import AccountTable, ClientTable, MarketTable, OrderTable, VenueTable

if not cython.compiled:
    from worldmarkets.core.codes import (
        BUY,
        DOWN,
        MARKET,
        NONE,
        NOWHERE,
        ORDER_AMENDED,
        ORDER_CANCELLED,
        PARKED,
        REASON_EXPIRED,
        REASON_PAIRED,
        REDUCE_ONLY,
        RESTING,
        TAKE_PROFIT,
        UP,
    )
    from worldmarkets.core.records import (
        Account,
        Bid,
        Client,
        Condition,
        Event,
        Market,
        Order,
        Venue,
        as_order_amended,
        as_order_cancelled,
    )
    from worldmarkets.core.units import CLIENT_ID_LIFETIME, MAX_EXAMINED, MAX_SWEEP, MAX_SWEPT, ORDER_SLOT_BITS, SIDES


def get_ladder_side(market: longlong, side: longlong, flags: longlong) -> longlong:
    """Return the side of the trigger ladder where an order belongs: a stop waits for the mark to go against it.

    A buying stop waits for the mark to rise, and a selling one for it to fall; taking profit is the other way.
    """
    is_up: cython.bint = side == BUY
    if flags & TAKE_PROFIT:
        is_up = not is_up
    return SIDES * market + (UP if is_up else DOWN)


@cython.final
@cython.cclass
class Orders:
    """Order rows, resting or parked, and client order ids."""

    state: State
    book: Book
    ladder: Book
    conditions: Conditions
    outbox: Outbox
    quotes: Quotes
    limits: Limits
    funding: Funding
    keys: Keys
    orders: OrderTable
    accounts: AccountTable
    clients: ClientTable
    markets: MarketTable
    venue: VenueTable

    def __init__(
        self, state: State, book: Book, ladder: Book, conditions: Conditions, outbox: Outbox, quotes: Quotes,
        limits: Limits, funding: Funding, keys: Keys,
    ):  # fmt: skip
        self.state = state
        self.book = book
        self.ladder = ladder
        self.conditions = conditions
        self.outbox = outbox
        self.quotes = quotes
        self.limits = limits
        self.funding = funding
        self.keys = keys
        self.markets = state.markets
        self.venue = state.venue
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

    def find_named(self, account: longlong, order_id: longlong, client_id: longlong) -> longlong:
        """Return the row of an order by its id, or by its account's client id, or 0."""
        client: longlong
        if order_id != 0 or client_id == 0:
            return self.find(order_id)
        client = self.find_client(account, client_id)
        return NONE if client == NONE else self.find(self.clients.rows[client].order_id)

    def find_client(self, account: longlong, client_id: longlong) -> longlong:
        """Return the row of a client order id, or 0."""
        return self.state.client_index.find(account, client_id, 0)

    def get_client_id(self, slot: longlong) -> longlong:
        """Return the client order id that an order was placed with, or 0."""
        return self.clients.rows[self.orders.rows[slot].client].client_id

    def rest(self, slot: longlong) -> None:
        """Put an order into the book and its account's list."""
        self.enlist(slot)
        order = self.orders.read(slot)
        self.book.append(order.market * SIDES + order.side, slot)
        if order.expiry_us != 0 or order.condition != NONE:
            self.conditions.await_expiry(slot)
            self.conditions.note_place(slot, RESTING)

    def park(self, slot: longlong, ladder_side: longlong, trigger_ticks: longlong) -> None:
        """Put an order into the trigger ladder and its account's list."""
        condition = self.conditions.conditions.edit(self.conditions.attach(slot))
        order = self.orders.edit(slot)
        condition.trigger_ticks = trigger_ticks
        condition.price_ticks = order.price_ticks
        order.price_ticks = trigger_ticks
        order.loss_per_lot = 0
        self.enlist(slot)
        account = self.accounts.edit(order.account)
        account.triggers += 1
        self.ladder.append(ladder_side, slot)
        self.conditions.await_expiry(slot)
        self.conditions.note_place(slot, PARKED)

    def enlist(self, slot: longlong) -> None:
        """Put an order into its account's list."""
        order = self.orders.edit(slot)
        self.look(order.market)
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

    def look(self, market: longlong) -> None:
        """Let funding see a perp market's book before it changes, once an instant."""
        if self.venue.rows[1].time_us > self.markets.rows[market].mid_time_us:
            self.funding.observe_mid(market)

    def reduce(self, slot: longlong, lots: longlong) -> None:
        """Take `lots` off a resting order; it leaves the book when nothing is left."""
        order = self.orders.read(slot)
        if lots == order.lots:
            self.withdraw(slot)
            self.release(slot)
        elif order.condition != NONE and self.conditions.is_parked(slot):
            self.ladder.reduce(self.get_ladder_side(slot), slot, lots)
        else:
            self.look(order.market)
            account = self.accounts.edit(order.account)
            account.order_loss -= lots * order.loss_per_lot
            self.book.reduce(order.market * SIDES + order.side, slot, lots)

    def release(self, slot: longlong) -> None:
        """Release the row of an order that is gone, its slot if it was protected, its condition, its bid."""
        if self.orders.rows[slot].quote != NONE:
            self.quotes.drop(self.orders.rows[slot].quote)
        if self.orders.rows[slot].condition != NONE:
            self.conditions.detach(slot)
        if self.orders.rows[slot].mandate != NONE:
            self.keys.drop_order(self.orders.rows[slot].mandate)
        if self.orders.rows[slot].bid != NONE:
            self.state.bids.release(self.orders.rows[slot].bid)
        self.orders.release(slot)

    def withdraw(self, slot: longlong) -> None:
        """Take an order out of the book, or the trigger ladder, and its account's list; its row stays."""
        order = self.orders.read(slot)
        self.look(order.market)
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
        if account.sweep_next == slot:
            account.sweep_next = order.account_next
        if account.cancel_next == slot:
            account.cancel_next = order.account_next
        if order.condition == NONE:
            self.book.remove(order.market * SIDES + order.side, slot)
        else:
            self.withdraw_conditional(slot)

    def withdraw_conditional(self, slot: longlong) -> None:
        """Take an order with a condition out of where it is.  One that was parked has its own price again."""
        order = self.orders.edit(slot)
        condition = self.conditions.conditions.read(order.condition)
        if condition.place == PARKED:
            self.ladder.remove(self.get_ladder_side(slot), slot)
            order.price_ticks = condition.price_ticks
            account = self.accounts.edit(order.account)
            account.triggers -= 1
        else:
            self.book.remove(order.market * SIDES + order.side, slot)
        self.conditions.note_place(slot, NOWHERE)

    def get_ladder_side(self, slot: longlong) -> longlong:
        """Return the side of the trigger ladder that an order is parked on."""
        order = self.orders.read(slot)
        return get_ladder_side(order.market, order.side, order.flags)

    def cancel(self, slot: longlong, reason: longlong, needed: longlong, had: longlong) -> None:
        """Take a resting order away and say why."""
        self.withdraw(slot)
        self.discard(slot, reason, needed, had)

    def discard(self, slot: longlong, reason: longlong, needed: longlong, had: longlong) -> None:
        """Report what is left of an order that does not rest, and release its row; its partner leaves with it."""
        partner: longlong = NONE
        if self.orders.rows[slot].condition != NONE:
            partner = self.conditions.separate(slot)
        self.report_cancelled(slot, self.orders.rows[slot].lots, reason, needed, had)
        self.release(slot)
        if partner != NONE:
            self.cancel_partner(partner)

    def cancel_partner(self, slot: longlong) -> None:
        """Cancel the former partner of an order, unless that is being matched: it goes on alone."""
        if self.conditions.conditions.rows[self.orders.rows[slot].condition].place != NOWHERE:
            self.cancel(slot, REASON_PAIRED, 0, 0)

    def follow(self, slot: longlong, lots: longlong, is_whole: cython.bint) -> None:
        """Take off an order's partner what the order filled; all of it when the order was filled whole."""
        partner: longlong = self.conditions.get_partner(slot)
        left: longlong
        minimum: longlong
        if partner != NONE and self.conditions.conditions.rows[self.orders.rows[partner].condition].place != NOWHERE:
            left = self.orders.rows[partner].lots - lots
            minimum = self.state.markets.rows[self.orders.rows[partner].market].minimum_lots
            if is_whole or left <= 0 or (left < minimum and not self.orders.rows[partner].flags & REDUCE_ONLY):
                self.conditions.separate(slot)
                self.cancel(partner, REASON_PAIRED, 0, 0)
            elif lots > 0:
                self.reduce(partner, lots)
                self.report_amended(partner, True)

    def start_sweep(self, account: longlong, reason: longlong) -> None:
        """Begin to cancel all orders that an account has now, but reduce-only ones, for one reason."""
        record = self.accounts.edit(account)
        record.sweep_next = record.first_order
        record.sweep_reason = reason

    def sweep(self, account: longlong) -> cython.bint:
        """Cancel some of the orders that are being swept; say whether there are more."""
        record = self.accounts.edit(account)
        swept: longlong = 0
        examined: longlong = 0
        while record.sweep_next != NONE and swept < MAX_SWEPT and examined < MAX_EXAMINED:
            examined += 1
            if self.orders.rows[record.sweep_next].flags & REDUCE_ONLY:
                record.sweep_next = self.orders.rows[record.sweep_next].account_next
            else:
                swept += 1
                self.cancel(record.sweep_next, record.sweep_reason, 0, 0)
        return record.sweep_next != NONE

    def set_expiry(self, slot: longlong, expiry_us: longlong) -> None:
        """Give an order that does not rest another expiry, or (0) none."""
        order = self.orders.edit(slot)
        if order.condition != NONE and order.expiry_us != expiry_us:
            self.conditions.forget_expiry(slot)
        order.expiry_us = expiry_us

    def expire(self, slot: longlong) -> None:
        """Take an order away whose time is up."""
        self.conditions.note_expired(slot)
        self.cancel(slot, REASON_EXPIRED, 0, 0)

    def report_amended(self, slot: longlong, kept: cython.bint) -> None:
        """Report an order's new price and size."""
        order = self.orders.read(slot)
        event = as_order_amended(self.outbox.emit(ORDER_AMENDED, kept, order.market, order.account))
        event.order_id = order.id
        event.client_id = self.get_client_id(slot)
        event.lots = order.lots
        event.price_ticks = order.price_ticks
        if order.condition != NONE and self.conditions.is_parked(slot):
            condition = self.conditions.conditions.read(order.condition)
            event.price_ticks = condition.price_ticks
            event.trigger_ticks = condition.trigger_ticks
        if order.quote != NONE:
            event.level = self.quotes.get_level(slot)

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
        if order.flags & MARKET and order.condition != NONE and self.conditions.is_waiting(slot):
            event.price_ticks = 0  # it never had a price

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
