"""What is done with resting orders and open perp contracts: cancel, amend, true up."""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission, Standing
from worldmarkets.core.bids import Bids
from worldmarkets.core.conditions import Conditions
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.mandates import Mandates
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.policy import Policies
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers
from worldmarkets.core.triggers import Triggers

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Client,
        ContractChange,
        Market,
        Order,
        OrderChange,
        OrderPair,
        Perp,
        Side,
        Timeout,
        Timer,
        Venue,
        as_dead_man_set,
        as_orders_paired,
    )
    from worldmarkets.core.units import (
        MAX_CASH,
        MAX_FILLS,
        MAX_LOOKS,
        MAX_LOTS,
        MAX_SUPPLY,
        MAX_TIMEOUT,
        MILLION,
        SECOND,
    )


@cython.final
@cython.cclass
class TradeFlow:
    """Cancels, amendments and true-ups."""

    state: State
    timers: Timers
    conditions: Conditions
    orders: Orders
    mandates: Mandates
    matching: Matching
    triggers: Triggers
    bids: Bids
    admission: Admission
    perps: Perps
    policies: Policies
    outbox: Outbox
    long_side: Standing
    short_side: Standing

    def __init__(
        self, state: State, timers: Timers, conditions: Conditions, orders: Orders, matching: Matching,
        triggers: Triggers, bids: Bids, admission: Admission, perps: Perps, policies: Policies,
        outbox: Outbox,
    ):  # fmt: skip
        self.state = state
        self.timers = timers
        self.conditions = conditions
        self.triggers = triggers
        self.bids = bids
        self.orders = orders
        self.mandates = matching.mandates
        self.matching = matching
        self.admission = admission
        self.perps = perps
        self.policies = policies
        self.outbox = outbox
        self.long_side = Standing()
        self.short_side = Standing()

    def find(self, command: pointer[OrderChange]) -> longlong:
        """Return the row of the order a command names, by its id or by its client id, or 0."""
        return self.orders.find_named(command.account, command.order_id, command.client_id)

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

        At most MAX_FILLS are cancelled and MAX_LOOKS looked at in a command.  Of what remains WORK is said, and the
        next one goes on from there, round the list; in a bundle nothing may remain.
        """
        slot: longlong
        left: longlong
        following: longlong
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if command.market != NONE and not self.state.has_market(command.market):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, command.market)
        account = self.state.accounts.edit(command.account)
        slot = account.cancel_next
        left = account.order_count
        account.cancel_next = NONE
        while left > 0 and self.matching.looks < MAX_LOOKS and self.matching.cancels < MAX_FILLS:
            if slot == NONE:
                slot = account.first_order
            if slot == NONE:
                break
            order = self.state.orders.read(slot)
            following = order.account_next
            if (command.market == NONE or order.market == command.market) and (
                command.side > SELL or order.side == command.side
            ):
                if order.condition != NONE and following != NONE and self.conditions.get_partner(slot) == following:
                    following = self.state.orders.rows[following].account_next  # its partner leaves with it
                self.orders.cancel(slot, REASON_REQUESTED, 0, 0)
                self.matching.cancels += 1
            self.matching.looks += 1
            left -= 1
            slot = following
        if left > 0 and account.order_count > 0:
            if self.matching.is_bundle:
                return self.admission.refuse(WORK, MAX_FILLS, self.matching.cancels, command.market)
            account.cancel_next = slot
            self.outbox.emit(WORK_DEFERRED, WORK, command.market, command.account)
        return OK

    def amend(self, command: pointer[OrderChange]) -> longlong:
        """Change a resting order's price and size.  It keeps its place only when its size falls at the same price."""
        slot: longlong = self.find(command)
        code: longlong = self.check_owned(slot, command.account, command.order_id)
        lots: longlong = command.lots
        price: longlong = command.price_ticks
        time_in_force: longlong
        is_parked: cython.bint
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
        if order.mandate != self.mandates.active:
            self.orders.keys.claim(slot, self.mandates.active)
        is_parked = order.condition != NONE and self.conditions.is_parked(slot)
        if is_parked and order.flags & MARKET:
            if price <= 0 or price > MILLION:
                return self.admission.refuse(SLIPPAGE_OUT_OF_RANGE, MILLION, price, order.market)
            price = 1
        if price <= 0 or price > rules.max_ticks or command.trigger_ticks > rules.max_ticks:
            return self.admission.refuse(PRICE_OUT_OF_RANGE, rules.max_ticks, price, order.market)
        if lots > MAX_SUPPLY // rules.lot_quanta or not self.matching.is_cash_bounded(order.market, price, lots):
            return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_CASH, lots, order.market)
        if order.expiry_us != 0 and order.expiry_us <= self.state.venue.rows[1].time_us:
            return self.admission.refuse(EXPIRY_PAST, self.state.venue.rows[1].time_us, order.expiry_us, order.market)
        if is_parked:
            return self.triggers.amend(slot, command)
        if command.trigger_ticks != 0:
            return self.admission.refuse(BAD_COMBINATION, 0, command.trigger_ticks, order.market)
        if price == order.price_ticks and lots <= order.lots:
            if lots < order.lots:
                self.orders.reduce(slot, order.lots - lots)
            self.orders.report_amended(slot, True)
            return OK
        if self.state.venue.rows[1].mode != OPEN:
            return self.admission.refuse(VENUE_MODE, OPEN, self.state.venue.rows[1].mode, 0)
        if rules.mode != OPEN and not (rules.mode == POST_ONLY_MODE and order.flags & POST_ONLY):
            return self.admission.refuse(MARKET_MODE, OPEN, rules.mode, order.market)
        if order.flags & POST_ONLY:
            self.matching.sweep_touch(order.market, order.side, price)
        if order.flags & POST_ONLY and self.matching.find_touch(command.account, order.market, order.side, price) != 0:
            return self.admission.refuse(WOULD_CROSS, 0, price, order.market)
        if order.bid != NONE:
            return self.bids.amend(slot, price, lots)
        if not self.matching.is_bundle:
            self.admission.take(self.matching.taker, command.account)
        self.orders.withdraw(slot)
        time_in_force = GOOD_TILL_TIME if order.expiry_us != 0 else GOOD_TILL_CANCEL
        code = self.matching.check_order(order.position, order.market, order.side, price, lots, order.flags,
                                         time_in_force, order.borrow_rate_bp)  # fmt: skip
        if code == OK and self.mandates.active != NONE:
            code = self.mandates.check_order(order.market, price, lots)
        if code != OK:
            return code
        changed = self.state.orders.edit(slot)
        changed.price_ticks = price
        changed.lots = lots
        changed.loss_per_lot = self.matching.compute_loss(order.market, order.side, price, order.flags)
        changed.fees_paid = 0  # it lost its place: for the fee cap it is a new order
        self.orders.report_amended(slot, False)
        return self.matching.execute(slot, time_in_force)

    def pair(self, command: pointer[OrderPair]) -> longlong:
        """Make two orders of an account, in one market, partners: what one fills, the other loses."""
        slot: longlong = self.orders.find_named(command.account, command.order_id, command.client_id)
        other: longlong = self.orders.find_named(command.account, command.other_id, command.other_client_id)
        code: longlong
        if other == NONE:
            code = self.check_owned(other, command.account, command.other_id)
        else:
            code = self.check_owned(slot, command.account, command.order_id)
        if code == OK:
            code = self.check_owned(other, command.account, command.other_id)
        if code != OK:
            return code
        one = self.state.orders.read(slot)
        two = self.state.orders.read(other)
        if slot == other or one.market != two.market:
            return self.admission.refuse(BAD_COMBINATION, one.market, two.market, two.id)
        if self.conditions.get_partner(slot) != NONE:
            return self.admission.refuse(ALREADY_PAIRED, 0, 0, one.id)
        if self.conditions.get_partner(other) != NONE:
            return self.admission.refuse(ALREADY_PAIRED, 0, 0, two.id)
        self.conditions.pair(slot, other)
        event = as_orders_paired(self.outbox.emit(ORDERS_PAIRED, 0, one.market, command.account))
        event.order_id = one.id
        event.other_id = two.id
        event.client_id = self.orders.get_client_id(slot)
        event.other_client_id = self.orders.get_client_id(other)
        return OK

    # The dead man's switch.

    def set_dead_man(self, command: pointer[Timeout]) -> longlong:
        """Have all of an account's orders but reduce-only ones cancelled after a time, unless this is sent again."""
        timeout: longlong = command.timeout_us
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if timeout != 0 and not SECOND <= timeout <= MAX_TIMEOUT:
            return self.admission.refuse(TIMEOUT_OUT_OF_RANGE, MAX_TIMEOUT, timeout, command.account)
        account = self.state.accounts.edit(command.account)
        event = as_dead_man_set(self.outbox.emit(DEAD_MAN_SET, 0, 0, command.account))
        if timeout != 0:
            event.due_us = self.state.venue.rows[1].time_us + timeout
        if account.dead_man != NONE and timeout != 0:
            self.timers.delay(account.dead_man, event.due_us)
        elif account.dead_man != NONE:
            self.timers.cancel(account.dead_man)
            account.dead_man = NONE
        elif timeout != 0:
            account.dead_man = self.timers.schedule(DEAD_MAN, command.account, event.due_us)
        return OK

    def go_off(self, account: longlong, due_us: longlong) -> None:
        """Do what a dead man's switch is for."""
        record = self.state.accounts.edit(account)
        record.dead_man = NONE
        self.orders.start_sweep(account, REASON_DEAD_MAN)
        self.sweep(account, due_us)

    def sweep(self, account: longlong, due_us: longlong) -> None:
        """Go on cancelling an account's orders; what is left is the next item of work."""
        if self.orders.sweep(account):
            self.timers.schedule(ORDERS_SWEEP, account, due_us)

    def true_up(self, command: pointer[ContractChange]) -> longlong:
        """True a perp contract up on request of either side, or of anybody when it lies beyond a side's threshold."""
        row: longlong = self.perps.find_id(command.contract_id)
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if row == NONE:
            return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, command.contract_id)
        if self.perps.is_frozen(row):
            return self.admission.refuse(COUNTERPARTY_CLOSING, 0, 0, command.contract_id)
        perp = self.perps.perps.read(row)
        if perp.long_account != command.account and perp.short_account != command.account:
            return self.true_up_beyond(row)
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

    def true_up_beyond(self, row: longlong) -> longlong:
        """True up a perp contract that lies beyond either side's threshold; that side bears the rounding."""
        perp = self.perps.perps.read(row)
        if self.perps.is_frozen(row):
            return self.admission.refuse(COUNTERPARTY_CLOSING, 0, 0, perp.id)
        gain: longlong = self.perps.compute_mark_value(perp.market, perp.lots) - perp.cost
        actor: longlong = perp.long_account
        code: longlong
        gain -= self.perps.compute_funding(row, NONE)
        if not self.policies.is_beyond(actor, gain):
            actor = perp.short_account
            if not self.policies.is_beyond(actor, gain):
                return self.admission.refuse(NOT_OWNER, 0, gain, perp.id)
        self.admission.take(self.long_side, perp.long_account)
        self.admission.take(self.short_side, perp.short_account)
        self.perps.true_up(row, actor)
        code = self.admission.check(self.long_side)
        return code if code != OK else self.admission.check(self.short_side)
