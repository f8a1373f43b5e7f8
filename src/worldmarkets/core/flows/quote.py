"""Mass quotes: many quotes replaced in one command, each accepted or refused on its own; and what protects a maker.

A mass quote is done in two passes.  First every quote that it names and that will not keep its place leaves the book,
so that a maker never stands in its own way; then each is put in, in the order of the records.  What the account's
resting orders may lose is worked out once, and counted down in whole numbers.
"""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.atlas import Atlas
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.limits import Limits
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.protection import Protection
from worldmarkets.core.quotes import Quotes
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.limits import tighten
    from worldmarkets.core.records import (
        Account,
        Event,
        Limit,
        Maker,
        Market,
        MassQuote,
        Order,
        PlaceOrder,
        Protect,
        Quote,
        SetLimits,
        Slot,
        Venue,
        as_limits_set,
        as_protection_set,
        as_quote_refused,
        as_quoted,
    )
    from worldmarkets.core.units import (
        DAY,
        MAX_CASH,
        MAX_LIMITED_ORDERS,
        MAX_LOTS,
        MAX_ORDER_LOSS,
        MAX_POSITIONS,
        MAX_SUPPLY,
        MILLISECOND,
    )


@cython.final
@cython.cclass
class QuoteFlow:
    """Mass quotes, protections and limits."""

    state: State
    ledger: Ledger
    atlas: Atlas
    quotes: Quotes
    limits: Limits
    orders: Orders
    protection: Protection
    matching: Matching
    admission: Admission
    outbox: Outbox
    most_loss: longlong
    margin: longlong
    is_valued: cython.bint
    placed: longlong
    moved: longlong
    kept: longlong
    withdrawn: longlong
    pulled: longlong
    refused: longlong

    def __init__(self, state: State, ledger: Ledger, atlas: Atlas, quotes: Quotes, limits: Limits, orders: Orders,
                 protection: Protection, matching: Matching, admission: Admission, outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.atlas = atlas
        self.quotes = quotes
        self.limits = limits
        self.orders = orders
        self.protection = protection
        self.matching = matching
        self.admission = admission
        self.outbox = outbox
        self.most_loss = 0
        self.margin = 0
        self.begin()

    def begin(self) -> None:
        """Start the counts of a mass quote."""
        self.is_valued = False
        self.placed = 0
        self.moved = 0
        self.kept = 0
        self.withdrawn = 0
        self.pulled = 0
        self.refused = 0

    def check_head(self, command: pointer[MassQuote]) -> longlong:
        """Return the code of what is wrong with a mass quote as a whole."""
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if command.market != NONE and not self.state.has_market(command.market):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, command.market)
        if command.flags & ~(ALL_OR_NONE | PULL_OTHERS):
            return self.admission.refuse(BAD_COMBINATION, 0, command.flags, 0)
        return OK

    # The first pass.

    def clear(self, command: pointer[Quote], is_named: cython.bint) -> None:
        """Take the quote that a record names out of the book, unless it keeps its place.

        `is_named` marks it as one that this command names: others are going to be pulled.
        """
        row: longlong = self.find(command)
        if row != NONE:
            if is_named:
                named = self.state.slots.edit(row)
                named.touched = self.state.venue.rows[1].sequence
            kept = self.state.slots.read(row)
            if not kept.is_out and not self.keeps_place(kept.order, command):
                slot = self.state.slots.edit(row)
                slot.is_out = 1
                self.orders.withdraw(slot.order)

    def find(self, command: pointer[Quote]) -> longlong:
        """Return the slot that a record names, or 0."""
        if command.side > SELL:
            return NONE
        return self.quotes.find(command.account, command.market, command.side, command.level)

    def keeps_place(self, order_row: longlong, command: pointer[Quote]) -> cython.bint:
        """Say whether an order keeps its place as the quote that a record says: no larger, at the same price."""
        order = self.state.orders.read(order_row)
        return (
            order.price_ticks == command.price_ticks
            and 0 < command.lots <= order.lots
            and order.flags == command.flags
            and order.self_trade == command.self_trade
            and order.expiry_us == (command.expiry_us if command.time_in_force == GOOD_TILL_TIME else 0)
        )

    def pull_others(self, command: pointer[MassQuote]) -> None:
        """Pull the account's quotes, of one market or of all, that this command did not name."""
        row: longlong = self.state.accounts.rows[command.account].first_maker
        slot_row: longlong
        following: longlong
        while row != NONE:
            maker = self.state.makers.read(row)
            if command.market == NONE or maker.market == command.market:
                slot_row = maker.first_quote
                while slot_row != NONE:
                    slot = self.state.slots.read(slot_row)
                    following = slot.next
                    if slot.is_named and slot.touched != self.state.venue.rows[1].sequence:
                        self.orders.cancel(slot.order, REASON_REQUESTED, 0, 0)
                        self.pulled += 1
                    slot_row = following
            row = maker.next

    # The second pass.

    def enter(self, command: pointer[Quote], order: pointer[PlaceOrder], leg: longlong) -> longlong:
        """Put one quote in; `order` is the same record as an order.  Returns OK or why it was refused."""
        row: longlong = self.find(command)
        code: longlong
        if row != NONE and not self.state.slots.rows[row].is_out:
            if self.keeps_place(self.state.slots.rows[row].order, command):
                code = self.keep(row, command)
                if code != OK:
                    self.refuse(row, command, code, leg)
                return code
            slot = self.state.slots.edit(row)
            slot.is_out = 1
            self.orders.withdraw(slot.order)
        code = self.check_slot(command)
        if code == OK and command.lots == 0:
            if row != NONE:
                self.withdrawn += 1
                self.orders.discard(self.state.slots.rows[row].order, REASON_REQUESTED, 0, 0)
            return OK
        if code == OK:
            code = self.place_or_undo(row, command, order)
        if code != OK:
            self.refuse(row, command, code, leg)
        return code

    def place_or_undo(self, row: longlong, command: pointer[Quote], order: pointer[PlaceOrder]) -> longlong:
        """Place a quote; one that is refused leaves nothing behind: expired orders that it met, a new position."""
        code: longlong
        mark: longlong
        events: longlong = self.outbox.length
        crosses: cython.bint = self.matching.is_crossing(command.market, command.side, command.price_ticks)
        if not (crosses and command.flags & POST_ONLY) and (
            row != NONE or self.ledger.find(command.account, self.state.markets.rows[command.market].asset) != NONE
        ):
            return self.place(row, command, order, crosses)
        mark = self.state.undo.begin()
        code = self.place(row, command, order, crosses)
        if code != OK:
            self.state.undo.rollback(mark)
            self.outbox.length = events
        return code

    def claim(self, order_row: longlong) -> None:
        """Let the mandate under which this is done, or the owner itself, answer for a quote."""
        if self.state.orders.rows[order_row].mandate != self.matching.mandates.active:
            self.orders.keys.claim(order_row, self.matching.mandates.active)

    def check_slot(self, command: pointer[Quote]) -> longlong:
        """Return the code of a record that names no slot there could be."""
        if not self.state.has_market(command.market):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, command.market)
        if command.side > SELL:
            return self.admission.refuse(BAD_COMBINATION, 0, command.flags, command.time_in_force)
        return OK

    def keep(self, row: longlong, command: pointer[Quote]) -> longlong:
        """Let a quote stand at its place, smaller or as it is, or return the code of why it may not."""
        order_row: longlong = self.state.slots.rows[row].order
        resting = self.state.orders.read(order_row)
        least: longlong = self.state.markets.rows[command.market].minimum_lots
        now: longlong = self.state.venue.rows[1].time_us
        code: longlong = OK
        if command.lots < least:
            code = self.admission.refuse(SIZE_TOO_SMALL, least, command.lots, command.market)
        elif resting.expiry_us != 0 and resting.expiry_us <= now:
            code = self.admission.refuse(EXPIRY_PAST, now, resting.expiry_us, command.market)
        if code != OK:
            self.orders.withdraw(order_row)
            return code
        self.kept += 1
        self.claim(order_row)
        if command.lots < resting.lots:
            self.orders.reduce(order_row, resting.lots - command.lots)
        self.orders.report_amended(order_row, True)
        return OK

    def refuse(self, row: longlong, command: pointer[Quote], code: longlong, leg: longlong) -> None:
        """Report a quote that is not taken, and the end of the one that it was to replace."""
        needed: longlong = self.admission.needed
        had: longlong = self.admission.had
        self.refused += 1
        event = as_quote_refused(self.outbox.emit(QUOTE_REFUSED, code, command.market, command.account))
        event.needed = needed
        event.had = had
        event.subject = self.admission.subject
        event.lots = command.lots
        event.price_ticks = command.price_ticks
        event.level = command.level
        event.side = command.side
        event.leg = leg
        if row != NONE:
            self.orders.discard(self.state.slots.rows[row].order, code, needed, had)

    def place(self, row: longlong, command: pointer[Quote], order: pointer[PlaceOrder],
              crosses: cython.bint) -> longlong:  # fmt: skip
        """Place a quote, in the order of its slot `row` or in a new one.  Returns OK or the code of its refusal."""
        account: longlong = command.account
        market: longlong = command.market
        side: longlong = command.side
        price: longlong = command.price_ticks
        order_row: longlong
        position: longlong
        loss: longlong
        is_new: cython.bint = row == NONE
        code: longlong = self.matching.check_form(order)
        if code == OK and not self.is_quotable(command):
            code = self.admission.refuse(BAD_COMBINATION, 0, command.flags, command.time_in_force)
        if code != OK:
            return code
        if crosses and command.flags & POST_ONLY:
            self.matching.sweep_touch(market, side, price)
            price = self.matching.compute_passive(order, price)
            if price == 0:
                return WOULD_CROSS
            if price != command.price_ticks and not self.matching.is_cash_bounded(market, price, command.lots):
                return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_CASH, command.lots, market)
        rules = self.state.markets.read(market)
        if row == NONE and not self.ledger.has_room(account, rules.asset):
            return self.admission.refuse(POSITIONS_LIMIT, MAX_POSITIONS, MAX_POSITIONS, account)
        if row == NONE:
            code = self.protection.check(account, market)
            if code == OK:
                code = self.protection.check_room(account)
            if code != OK:
                return code
            position = self.ledger.need(account, rules.asset)
        else:
            position = self.state.orders.rows[self.state.slots.rows[row].order].position
        self.matching.is_bundle = True  # what resting quotes may lose is asked of all of them together
        code = self.matching.check_order(position, market, side, price, command.lots, command.flags,
                                         command.time_in_force, 0)  # fmt: skip
        self.matching.is_bundle = False
        if code == OK and self.matching.mandates.active != NONE:
            code = self.matching.mandates.check_order(market, price, command.lots)
        loss = self.matching.compute_loss(market, side, price, command.flags)
        if code == OK:
            code = self.check_loss(account, command.lots * loss)
        if code != OK:
            return code
        if row == NONE:
            self.placed += 1
            order_row = self.matching.create(position, market, side, price, command.lots, command.flags)
            row = self.protection.attach(account, market, order_row)
            self.quotes.name(row, account, market, side, command.level)
            changed = self.state.orders.edit(order_row)
        else:
            self.moved += 1
            slot = self.state.slots.edit(row)
            slot.is_out = 0
            order_row = slot.order
            changed = self.state.orders.edit(order_row)
            changed.price_ticks = price
            changed.lots = command.lots
            changed.loss_per_lot = loss
            changed.fees_paid = 0
            changed.flags = command.flags
        self.claim(order_row)
        changed.self_trade = command.self_trade
        self.orders.set_expiry(order_row, command.expiry_us if command.time_in_force == GOOD_TILL_TIME else 0)
        if is_new:
            self.matching.report_placed(order_row, command.time_in_force)
        else:
            self.orders.report_amended(order_row, False)
        if crosses and not command.flags & POST_ONLY:
            self.is_valued = False  # its fills change what the account is worth
            self.admission.take(self.matching.taker, account)
            return self.matching.execute(order_row, command.time_in_force)
        self.orders.rest(order_row)
        return OK

    def is_quotable(self, command: pointer[Quote]) -> cython.bint:
        """Say whether a quote's options are among those that quotes have."""
        return (
            not command.flags & ~(POST_ONLY | SLIDE | NO_RELEND)
            and command.trigger_ticks == 0
            and command.borrow_rate_bp == 0
            and command.spare2 == 0
            and (command.time_in_force == GOOD_TILL_CANCEL or command.time_in_force == GOOD_TILL_TIME)
        )

    def check_loss(self, account: longlong, more: longlong) -> longlong:
        """Return OPEN_ORDERS when an account's resting orders, and `more`, could lose more than its multiple of V."""
        multiple: longlong = self.state.venue.rows[1].open_order_multiple
        loss: longlong = self.state.accounts.rows[account].order_loss + more
        if loss == 0:
            return OK
        if not self.is_valued:
            self.is_valued = True
            self.margin = self.atlas.get_initial(account)
            self.most_loss = MAX_ORDER_LOSS
            if self.margin < MAX_ORDER_LOSS // multiple:
                self.most_loss = multiple * max(self.margin, 0)
        if loss > self.most_loss:
            return self.admission.refuse(OPEN_ORDERS, loss, self.margin, multiple)
        return OK

    def finish(self, command: pointer[MassQuote]) -> None:
        """Report a mass quote that was done."""
        event = as_quoted(self.outbox.emit(QUOTED, 0, command.market, command.account))
        event.placed = self.placed
        event.moved = self.moved
        event.kept = self.kept
        event.withdrawn = self.withdrawn
        event.pulled = self.pulled
        event.refused = self.refused

    # Protections and limits.

    def check_figures(self, account: longlong, market: longlong, one: longlong, other: longlong,
                      notional: longlong) -> longlong:  # fmt: skip
        """Return the code of what is wrong with the limits of an account in a market: two in lots, one in cash."""
        if not self.state.has_account(account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, account)
        if not self.state.has_market(market):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, market)
        if one < 0 or one > MAX_LOTS:
            return self.admission.refuse(LIMITS_OUT_OF_RANGE, MAX_LOTS, one, market)
        if other < 0 or other > MAX_LOTS:
            return self.admission.refuse(LIMITS_OUT_OF_RANGE, MAX_LOTS, other, market)
        if notional < 0 or notional > MAX_SUPPLY:
            return self.admission.refuse(LIMITS_OUT_OF_RANGE, MAX_SUPPLY, notional, market)
        return OK

    def protect(self, command: pointer[Protect]) -> longlong:
        """Set what protects an account in a market; a window begins.  What is tripped stays so until it is reset."""
        code: longlong = self.check_figures(command.account, command.market, command.max_lots, command.max_delta,
                                            command.max_notional)  # fmt: skip
        has_limit: cython.bint = command.max_lots != 0 or command.max_delta != 0 or command.max_notional != 0
        row: longlong
        if code != OK:
            return code
        if command.interval_ms > DAY // MILLISECOND or has_limit != (command.interval_ms != 0):
            return self.admission.refuse(LIMITS_OUT_OF_RANGE, DAY // MILLISECOND, command.interval_ms, command.market)
        if command.cooloff_ms > DAY // MILLISECOND:
            return self.admission.refuse(LIMITS_OUT_OF_RANGE, DAY // MILLISECOND, command.cooloff_ms, command.market)
        row = self.quotes.need_maker(command.account, command.market)
        maker = self.state.makers.edit(row)
        maker.max_lots = command.max_lots
        maker.max_notional = command.max_notional
        maker.max_delta = command.max_delta
        maker.interval_us = command.interval_ms * MILLISECOND
        maker.cooloff_us = command.cooloff_ms * MILLISECOND
        self.protection.begin_window(row, 0)
        event = as_protection_set(self.outbox.emit(PROTECTION_SET, 0, command.market, command.account))
        event.max_lots = command.max_lots
        event.max_notional = command.max_notional
        event.max_delta = command.max_delta
        event.interval_ms = command.interval_ms
        event.cooloff_ms = command.cooloff_ms
        return OK

    def reset_protection(self, command: pointer[Protect]) -> longlong:
        """Let an account's protected orders into a market again, and count its fills from nothing."""
        row: longlong
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if not self.state.has_market(command.market):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, command.market)
        row = self.quotes.find_maker(command.account, command.market)
        if row == NONE or (self.state.makers.rows[row].interval_us == 0 and self.state.makers.rows[row].tripped == 0):
            return self.admission.refuse(UNKNOWN_PROTECTION, 0, 0, command.market)
        self.protection.reset(row)
        self.outbox.emit(PROTECTION_RESET, 0, command.market, command.account)
        return OK

    def is_tightening(self, command: pointer[SetLimits]) -> cython.bint:
        """Say whether none of the venue's limits would allow more than it does."""
        limit = self.state.limits.read(self.limits.find(command.account, command.market))  # row 0: no limits
        return (
            tighten(limit.venue_order_lots, command.max_order_lots) == command.max_order_lots
            and tighten(limit.venue_position_lots, command.max_position_lots) == command.max_position_lots
            and tighten(limit.venue_notional, command.max_notional) == command.max_notional
            and tighten(limit.venue_orders, command.max_orders) == command.max_orders
        )

    def set_limits(self, command: pointer[SetLimits]) -> longlong:
        """Set what an account may do in a market: by its own will, or by the venue's.  Neither touches the other's."""
        code: longlong = self.check_figures(command.account, command.market, command.max_order_lots,
                                            command.max_position_lots, command.max_notional)  # fmt: skip
        by_venue: cython.bint = command.kind == SET_VENUE_LIMITS
        count: longlong
        if code != OK:
            return code
        if by_venue and command.flags == GUARDIAN and not self.is_tightening(command):
            return self.admission.refuse(LOOSENING, ADMINISTRATOR, command.flags, command.market)
        count = self.state.accounts.rows[command.account].order_count
        if count > MAX_LIMITED_ORDERS and self.limits.find(command.account, command.market) == NONE:
            return self.admission.refuse(WORK, MAX_LIMITED_ORDERS, count, command.market)
        row: longlong = self.limits.need(command.account, command.market)
        limit = self.state.limits.edit(row)
        if by_venue:
            limit.venue_order_lots = command.max_order_lots
            limit.venue_position_lots = command.max_position_lots
            limit.venue_notional = command.max_notional
            limit.venue_orders = command.max_orders
        else:
            limit.max_order_lots = command.max_order_lots
            limit.max_position_lots = command.max_position_lots
            limit.max_notional = command.max_notional
            limit.max_orders = command.max_orders
        self.limits.drop_if_empty(row)
        event = as_limits_set(self.outbox.emit(LIMITS_SET, by_venue, command.market, command.account))
        event.max_order_lots = command.max_order_lots
        event.max_position_lots = command.max_position_lots
        event.max_notional = command.max_notional
        event.max_orders = command.max_orders
        return OK
