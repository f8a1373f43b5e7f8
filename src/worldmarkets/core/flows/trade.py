"""What is done with resting orders and open perp contracts: cancel, amend, true up."""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Client,
        ContractChange,
        Market,
        Order,
        OrderChange,
        Perp,
        Side,
        Venue,
    )
    from worldmarkets.core.units import MAX_CASH, MAX_FILLS, MAX_LOTS, MAX_SUPPLY


@cython.final
@cython.cclass
class TradeFlow:
    """Cancels, amendments and true-ups."""

    state: State
    orders: Orders
    matching: Matching
    admission: Admission
    perps: Perps
    outbox: Outbox

    def __init__(self, state: State, orders: Orders, matching: Matching, admission: Admission, perps: Perps,
                 outbox: Outbox):  # fmt: skip
        self.state = state
        self.orders = orders
        self.matching = matching
        self.admission = admission
        self.perps = perps
        self.outbox = outbox

    def find(self, command: pointer[OrderChange]) -> longlong:
        """Return the row of the order a command names, by its id or by its client id, or 0."""
        client: longlong
        if command.order_id != 0 or command.client_id == 0:
            return self.orders.find(command.order_id)
        client = self.orders.find_client(command.account, command.client_id)
        return NONE if client == NONE else self.orders.find(self.state.clients.rows[client].order_id)

    def check_owned(self, slot: longlong, account: longlong, order_id: longlong) -> longlong:
        """Return the code that keeps an account from changing an order."""
        if not self.state.has_account(account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, account)
        if slot == NONE:
            return self.admission.refuse(UNKNOWN_ORDER, 0, 0, order_id)
        if self.state.orders.rows[slot].account != account:
            return self.admission.refuse(NOT_OWNER, 0, 0, order_id)
        return OK

    def cancel(self, command: pointer[OrderChange]) -> longlong:
        """Cancel one order."""
        slot: longlong = self.find(command)
        code: longlong = self.check_owned(slot, command.account, command.order_id)
        if code != OK:
            return code
        self.orders.cancel(slot, REASON_REQUESTED, 0, 0)
        return OK

    def cancel_all(self, command: pointer[OrderChange]) -> longlong:
        """Cancel an account's orders, of one market (or all) and one side (2: both), newest first.

        At most `max_fills` a command; what remains is left for the next, and WORK is said of it.
        """
        slot: longlong
        following: longlong
        count: longlong = 0
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if command.market != NONE and not self.state.has_market(command.market):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, command.market)
        slot = self.state.accounts.rows[command.account].first_order
        while slot != NONE and count < MAX_FILLS:
            order = self.state.orders.read(slot)
            following = order.account_next
            if (command.market == NONE or order.market == command.market) and (
                command.side > SELL or order.side == command.side
            ):
                self.orders.cancel(slot, REASON_REQUESTED, 0, 0)
            count += 1
            slot = following
        return OK

    def amend(self, command: pointer[OrderChange]) -> longlong:
        """Change a resting order's price and size.  It keeps its place only when its size falls at the same price."""
        slot: longlong = self.find(command)
        code: longlong = self.check_owned(slot, command.account, command.order_id)
        lots: longlong = command.lots
        price: longlong = command.price_ticks
        time_in_force: longlong
        if code != OK:
            return code
        order = self.state.orders.read(slot)
        rules = self.state.markets.read(order.market)
        if lots <= 0:
            return self.admission.refuse(SIZE_NOT_POSITIVE, 1, lots, order.market)
        if lots < rules.minimum_lots:
            return self.admission.refuse(SIZE_TOO_SMALL, rules.minimum_lots, lots, order.market)
        if lots > MAX_LOTS:
            return self.admission.refuse(SIZE_TOO_LARGE, MAX_LOTS, lots, order.market)
        if price <= 0 or price > rules.max_ticks:
            return self.admission.refuse(PRICE_OUT_OF_RANGE, rules.max_ticks, price, order.market)
        if lots > MAX_SUPPLY // rules.lot_quanta or not self.matching.is_cash_bounded(order.market, price, lots):
            return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_CASH, lots, order.market)
        if order.expiry_us != 0 and order.expiry_us <= self.state.venue.rows[1].time_us:
            return self.admission.refuse(EXPIRY_PAST, self.state.venue.rows[1].time_us, order.expiry_us, order.market)
        if price == order.price_ticks and lots <= order.lots:
            if lots < order.lots:
                self.orders.reduce(slot, order.lots - lots)
            self.matching.report_amended(slot, True)
            return OK
        if self.state.venue.rows[1].mode != OPEN:
            return self.admission.refuse(VENUE_MODE, OPEN, self.state.venue.rows[1].mode, 0)
        if rules.mode != OPEN and not (rules.mode == POST_ONLY_MODE and order.flags & POST_ONLY):
            return self.admission.refuse(MARKET_MODE, OPEN, rules.mode, order.market)
        if order.flags & POST_ONLY:
            self.matching.sweep_touch(order.market, order.side, price)
        if order.flags & POST_ONLY and self.matching.is_crossing(order.market, order.side, price):
            return self.admission.refuse(WOULD_CROSS, 0, price, order.market)
        if not self.matching.is_bundle:
            self.admission.take(self.matching.taker, command.account)
        self.orders.withdraw(slot)
        time_in_force = GOOD_TILL_TIME if order.expiry_us != 0 else GOOD_TILL_CANCEL
        code = self.matching.check_order(order.position, order.market, order.side, price, lots, order.flags,
                                         time_in_force)  # fmt: skip
        if code != OK:
            return code
        changed = self.state.orders.edit(slot)
        changed.price_ticks = price
        changed.lots = lots
        changed.loss_per_lot = self.matching.compute_loss(order.market, order.side, price, order.flags)
        self.matching.report_amended(slot, False)
        return self.matching.execute(slot, time_in_force)

    def true_up(self, command: pointer[ContractChange]) -> longlong:
        """True a perp contract up on request of either side."""
        row: longlong = self.perps.find_id(command.contract_id)
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if row == NONE:
            return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, command.contract_id)
        perp = self.perps.perps.read(row)
        if perp.long_account != command.account and perp.short_account != command.account:
            return self.admission.refuse(NOT_OWNER, 0, 0, command.contract_id)
        if not self.matching.is_bundle:
            self.admission.take(self.matching.taker, command.account)
        other: longlong = perp.short_account if perp.long_account == command.account else perp.long_account
        self.admission.take(self.matching.maker, other)
        self.perps.true_up(row, command.account)
        if not self.matching.is_bundle:
            code: longlong = self.admission.check(self.matching.taker)
            if code != OK:
                return code
        return self.admission.check(self.matching.maker)
