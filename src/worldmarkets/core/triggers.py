"""Stops and take-profits: orders that wait for the mark, and for nothing else, to pass their trigger.

They are parked in a ladder of their own, two sides a market: one for marks that rise, one for marks that fall.  A mark
that passes triggers notes how far it went and puts the side into the queue of timed work; each item there places the
one order whose trigger was passed first, and among those at one trigger the oldest, as a new order would be.
"""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.book import Book
from worldmarkets.core.conditions import Conditions
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.mandates import Mandates
from worldmarkets.core.matching import Matching
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.orders import get_ladder_side
    from worldmarkets.core.records import (
        Account,
        Asset,
        Condition,
        Event,
        Market,
        Order,
        OrderChange,
        PlaceOrder,
        Side,
        Venue,
        as_order_placed,
        as_order_triggered,
    )
    from worldmarkets.core.units import (
        LADDER_TOP,
        MAX_CASH,
        MAX_POSITIONS,
        MAX_TRIGGERS,
        SIDES,
    )


@cython.final
@cython.cclass
class Triggers:
    """Parks orders, and places them once the mark has passed their triggers."""

    state: State
    ledger: Ledger
    ladder: Book
    timers: Timers
    conditions: Conditions
    orders: Orders
    oracle: Oracle
    admission: Admission
    mandates: Mandates
    matching: Matching
    outbox: Outbox

    def __init__(
        self, state: State, ledger: Ledger, ladder: Book, timers: Timers, conditions: Conditions, orders: Orders,
        oracle: Oracle, admission: Admission, matching: Matching, outbox: Outbox,
    ):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.ladder = ladder
        self.timers = timers
        self.conditions = conditions
        self.orders = orders
        self.oracle = oracle
        self.admission = admission
        self.mandates = matching.mandates
        self.matching = matching
        self.outbox = outbox

    # Parking.

    def park(self, command: pointer[PlaceOrder]) -> longlong:
        """Park an order at its trigger.  Returns OK or the code of its rejection.

        Only its form is checked: what it would do to its account is asked when it is triggered.
        """
        account: longlong = command.account
        market: longlong = command.market
        code: longlong
        client: longlong
        position: longlong
        slot: longlong
        row: longlong
        if not self.state.has_account(account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, account)
        if not self.state.has_market(market):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, market)
        code = self.matching.check_form(command)
        if code != OK:
            return code
        rules = self.state.markets.read(market)
        if command.client_id != 0:
            client = self.orders.find_client(account, command.client_id)
            if client != NONE:
                return self.matching.repeat(client)
        row = get_ladder_side(market, command.side, command.flags)
        code = self.check_ahead(row, command.trigger_ticks)
        if code != OK:
            return code
        if not self.ledger.has_room(account, rules.asset):
            return self.admission.refuse(POSITIONS_LIMIT, MAX_POSITIONS, MAX_POSITIONS, account)
        if self.state.accounts.rows[account].triggers >= MAX_TRIGGERS:
            return self.admission.refuse(TRIGGERS_LIMIT, MAX_TRIGGERS, MAX_TRIGGERS, account)
        position = self.ledger.need(account, rules.asset)
        if self.state.accounts.rows[account].limits != 0:
            code = self.matching.limits.check_order(position, market, command.side, command.trigger_ticks,
                                                    command.lots, command.flags, GOOD_TILL_CANCEL)  # fmt: skip
            if code != OK:
                return code
        code = self.check_mandate(market, command.flags, command.trigger_ticks, command.price_ticks, command.lots)
        if code != OK:
            return code
        slot = self.matching.create(
            position, market, command.side, command.price_ticks, command.lots,
            command.flags,
        )  # fmt: skip
        if self.mandates.active != NONE:
            self.orders.keys.claim(slot, self.mandates.active)
        order = self.state.orders.edit(slot)
        order.self_trade = command.self_trade
        if command.time_in_force == GOOD_TILL_TIME:
            order.expiry_us = command.expiry_us
        if command.client_id != 0:
            self.orders.remember_client(slot, command.client_id)
        condition = self.conditions.conditions.edit(self.conditions.attach(slot))
        condition.time_in_force = command.time_in_force
        self.matching.report_placed(slot, command.time_in_force)
        event = as_order_placed(self.outbox.get_last())
        event.trigger_ticks = command.trigger_ticks
        self.orders.park(slot, row, command.trigger_ticks)
        return OK

    def check_mandate(self, market: longlong, flags: longlong, trigger: longlong, price: longlong, lots: longlong
                      ) -> longlong:  # fmt: skip
        """Return the code when a delegate's order is more than its mandate allows, at its trigger or its limit."""
        if self.mandates.active == NONE:
            return OK
        return self.mandates.check_order(market, trigger if flags & MARKET else max(trigger, price), lots)

    def compute_rank(self, row: longlong) -> longlong:
        """Return the lowest rank on a side of the ladder that the mark has passed: triggers there and above."""
        market: longlong = row >> 1
        if row & 1 == UP:
            return LADDER_TOP - self.oracle.compute_mark_ticks(market, False)
        return self.oracle.compute_mark_ticks(market, True)

    def check_ahead(self, row: longlong, trigger_ticks: longlong) -> longlong:
        """Return the code for a trigger that the mark has passed already, or a mark whose triggers are still placed."""
        rank: longlong = self.ladder.get_rank(row, trigger_ticks)
        passed: longlong = self.compute_rank(row)
        side = self.state.trigger_sides.read(row)
        if side.passed_rank != 0:
            passed = min(passed, side.passed_rank)
        if rank >= passed:
            return self.admission.refuse(
                TRIGGER_PASSED, LADDER_TOP - passed if row & 1 == UP else passed, trigger_ticks, row >> 1
            )
        return OK

    def amend(self, slot: longlong, command: pointer[OrderChange]) -> longlong:
        """Change the size, price or trigger of a parked order.  Its size and price were found in order.

        It goes behind the others at its trigger when the trigger changes or the size grows.
        """
        order = self.state.orders.edit(slot)
        row: longlong = self.orders.get_ladder_side(slot)
        rules = self.state.markets.read(order.market)
        lots: longlong = command.lots
        trigger: longlong = order.price_ticks
        code: longlong
        if command.trigger_ticks != 0:
            trigger = command.trigger_ticks
        if trigger == order.price_ticks and lots <= order.lots:
            condition = self.conditions.conditions.edit(order.condition)
            condition.price_ticks = command.price_ticks
            if lots < order.lots:
                self.orders.reduce(slot, order.lots - lots)
            self.orders.report_amended(slot, True)
            return OK
        code = self.check_mandate(order.market, order.flags, trigger, command.price_ticks, lots)
        if code != OK:
            return code
        if self.state.venue.rows[1].mode != OPEN:
            return self.admission.refuse(VENUE_MODE, OPEN, self.state.venue.rows[1].mode, 0)
        if rules.mode != OPEN:
            return self.admission.refuse(MARKET_MODE, OPEN, rules.mode, order.market)
        if trigger != order.price_ticks:
            code = self.check_ahead(row, trigger)
            if code != OK:
                return code
        self.orders.withdraw(slot)
        order.lots = lots
        order.price_ticks = command.price_ticks
        self.orders.park(slot, row, trigger)
        self.orders.report_amended(slot, False)
        return OK

    # Triggering.

    def note_mark(self, asset: longlong) -> None:
        """Note which triggers a new mark of an asset has passed."""
        spot: longlong = self.state.assets.rows[asset].spot_market
        perp: longlong = self.state.assets.rows[asset].perp_market
        if spot != NONE:
            self.note_passed(SIDES * spot + DOWN)
            self.note_passed(SIDES * spot + UP)
        if perp != NONE:
            self.note_passed(SIDES * perp + DOWN)
            self.note_passed(SIDES * perp + UP)

    def note_passed(self, row: longlong) -> None:
        """Note how far the mark has passed the triggers of a side, and queue their placing."""
        rank: longlong
        if self.state.trigger_sides.rows[row].best != 0:
            rank = self.compute_rank(row)
            if self.state.trigger_sides.rows[row].best >= rank:
                side = self.state.trigger_sides.edit(row)
                if side.passed_rank == 0:
                    side.passed_rank = rank
                    self.timers.schedule(TRIGGERS, row, self.state.venue.rows[1].time_us)
                side.passed_rank = min(side.passed_rank, rank)

    def place_next(self, row: longlong, due_us: longlong) -> None:
        """Place the next order of a side whose trigger was passed; more of them are the next item of work.

        Where nothing can trade nothing is placed, and the triggers wait for a mark that passes them later.
        """
        side = self.state.trigger_sides.edit(row)
        if side.best != 0 and side.best >= side.passed_rank and self.can_trade(row >> 1):
            self.place(self.ladder.get_first(row))
            side = self.state.trigger_sides.edit(row)
            if side.best != 0 and side.best >= side.passed_rank:
                self.timers.schedule(TRIGGERS, row, due_us)
            else:
                side.passed_rank = 0
        else:
            side.passed_rank = 0

    def can_trade(self, market: longlong) -> cython.bint:
        """Say whether orders of any kind may be placed in a market."""
        rules = self.state.markets.read(market)
        return (
            self.state.venue.rows[1].mode == OPEN
            and rules.mode == OPEN
            and self.state.assets.rows[rules.asset].feed != FEED_HALTED
        )

    def place(self, slot: longlong) -> None:
        """Place a parked order as if it were new.  One that is refused is cancelled, with the code as reason."""
        undo: longlong = self.state.undo.begin()
        events: longlong = self.outbox.length
        code: longlong = self.enter(slot)
        if code != OK:
            self.state.undo.rollback(undo)
            self.outbox.length = events
            if code < RESULT_CODES:
                self.orders.cancel(slot, code, self.admission.needed, self.admission.had)
            else:
                self.orders.cancel(slot, code, 0, 0)

    def enter(self, slot: longlong) -> longlong:
        """Take an order from its trigger, check it as a new one, and match it.  Returns OK or why it may not be."""
        trigger: longlong = self.state.orders.rows[slot].price_ticks
        time_in_force: longlong
        price: longlong
        lots: longlong
        code: longlong
        self.orders.withdraw(slot)
        order = self.state.orders.edit(slot)
        market: longlong = order.market
        condition = self.conditions.conditions.edit(order.condition)
        time_in_force = condition.time_in_force
        condition.trigger_ticks = 0
        price = order.price_ticks
        lots = order.lots
        if order.expiry_us != 0 and order.expiry_us <= self.state.venue.rows[1].time_us:
            return REASON_EXPIRED
        if order.flags & MARKET:
            price = self.matching.compute_bound(market, order.side, price)
        if order.flags & REDUCE_ONLY:
            lots = min(lots, self.matching.get_reducible(order.position, order.side))
            if lots <= 0:
                return self.admission.refuse(NOTHING_TO_REDUCE, order.lots, 0, market)
        if not self.matching.is_cash_bounded(market, price, lots):
            return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_CASH, lots, market)
        self.admission.take(self.matching.taker, order.account)
        code = self.matching.check_order(order.position, market, order.side, price, lots, order.flags, time_in_force, 0)
        if code != OK:
            return code
        order.price_ticks = price
        order.lots = lots
        order.loss_per_lot = self.matching.compute_loss(market, order.side, price, order.flags)
        event = as_order_triggered(self.outbox.emit(ORDER_TRIGGERED, 0, market, order.account))
        event.order_id = order.id
        event.client_id = self.orders.get_client_id(slot)
        event.lots = lots
        event.mark = self.state.assets.rows[self.state.markets.rows[market].asset].mark
        event.price_ticks = price
        event.trigger_ticks = trigger
        return self.matching.execute(slot, time_in_force)
