"""Matching: one loop over a book in price-time order; what a match means depends on the kind of market."""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission, Standing
from worldmarkets.core.atlas import Atlas
from worldmarkets.core.book import Book
from worldmarkets.core.bounds import Bounds
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.fees import Fees
from worldmarkets.core.funding import Funding
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.limits import Limits
from worldmarkets.core.mandates import Mandates
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.policy import Policies
from worldmarkets.core.protection import Protection
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.contracts.spot import settle_spot
    from worldmarkets.core.interest import compute_interest
    from worldmarkets.core.records import (
        Account,
        Asset,
        Event,
        Level,
        Market,
        Order,
        PlaceOrder,
        Position,
        Side,
        Venue,
        as_order_placed,
        as_repeated,
        as_traded,
    )
    from worldmarkets.core.units import (
        LADDER_TOP,
        LOOKS_A_DEAL,
        MAX_CASH,
        MAX_LEG,
        MAX_LOANS,
        MAX_LOOKS,
        MAX_LOTS,
        MAX_ORDER_LOSS,
        MAX_POSITIONS,
        MAX_QUOTES,
        MAX_RATE_BP,
        MAX_SKIPS,
        MAX_SLICES,
        MAX_SUPPLY,
        MILLION,
    )
    from worldmarkets.core.wide import magnitude, mul_div_ceil


@cython.final
@cython.cclass
class Matching:
    """Places orders and matches them."""

    state: State
    ledger: Ledger
    book: Book
    orders: Orders
    atlas: Atlas
    bounds: Bounds
    admission: Admission
    fees: Fees
    funding: Funding
    oracle: Oracle
    perps: Perps
    loans: Loans
    limits: Limits
    mandates: Mandates
    protection: Protection
    policies: Policies
    outbox: Outbox
    taker: Standing
    maker: Standing
    lender: Standing
    is_bundle: cython.bint
    is_careful: cython.bint
    has_failed: cython.bint
    leaving: longlong
    leaving_quanta: longlong
    leaving_lots: longlong
    left: longlong
    prevented: longlong
    fills: longlong
    skips: longlong
    passes: longlong
    slices: longlong
    looks: longlong
    cancels: longlong
    paid: longlong
    stop: longlong
    passed: longlong

    def __init__(
        self, state: State, ledger: Ledger, book: Book, orders: Orders, atlas: Atlas, bounds: Bounds,
        admission: Admission, fees: Fees, funding: Funding, oracle: Oracle, perps: Perps, loans: Loans,
        policies: Policies, limits: Limits, mandates: Mandates, protection: Protection, outbox: Outbox,
    ):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.book = book
        self.orders = orders
        self.atlas = atlas
        self.bounds = bounds
        self.admission = admission
        self.fees = fees
        self.funding = funding
        self.oracle = oracle
        self.perps = perps
        self.loans = loans
        self.limits = limits
        self.mandates = mandates
        self.protection = protection
        self.policies = policies
        self.outbox = outbox
        self.taker = Standing()
        self.maker = Standing()
        self.lender = Standing()
        self.leaving = NONE
        self.leaving_quanta = 0
        self.leaving_lots = 0
        self.is_bundle = False
        self.is_careful = True
        self.has_failed = False
        self.left = 0
        self.prevented = 0
        self.paid = 0
        self.stop = OK
        self.passed = NONE
        self.reset_work()

    def reset_work(self) -> None:
        """Start the counts that bound the work of one command."""
        self.leaving = NONE
        self.fills = 0
        self.skips = 0
        self.passes = 0
        self.slices = 0
        self.looks = 0
        self.cancels = 0
        self.protection.pulls = 0

    def get_work(self) -> longlong:
        """Return the fills, skips, slices and quotes pulled since the counts were started."""
        return self.fills + self.skips + self.slices + self.protection.pulls

    # Placing.

    def place(self, command: pointer[PlaceOrder]) -> longlong:
        """Place an order: check it, match it, and rest what is left.  Returns OK or the code of its rejection."""
        account: longlong = command.account
        market: longlong = command.market
        code: longlong
        price: longlong
        lots: longlong
        slot: longlong
        client: longlong
        position: longlong
        if not self.state.has_account(account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, account)
        if not self.state.has_market(market):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, market)
        code = self.check_form(command)
        if code != OK:
            return code
        rules = self.state.markets.read(market)
        if command.client_id != 0:
            client = self.orders.find_client(account, command.client_id)
            if client != NONE:
                return self.repeat(client)
        price = command.price_ticks
        if command.flags & MARKET:
            price = self.compute_bound(market, command.side, price)
        lots = command.lots
        if command.flags & REDUCE_ONLY:
            lots = min(lots, self.get_reducible(self.ledger.find(account, rules.asset), command.side))
            if lots <= 0:
                return self.admission.refuse(NOTHING_TO_REDUCE, command.lots, 0, market)
        if command.flags & POST_ONLY:
            self.sweep_touch(market, command.side, price)
            price = self.compute_passive(command, price)
            if price == 0:
                return WOULD_CROSS
        if command.flags & (MARKET | SLIDE) and not self.is_cash_bounded(market, price, lots):
            return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_CASH, lots, market)
        if not self.ledger.has_room(account, rules.asset):
            return self.admission.refuse(POSITIONS_LIMIT, MAX_POSITIONS, MAX_POSITIONS, account)
        if command.flags & PROTECTED:
            code = self.protection.check(account, market)
            if code == OK:
                code = self.protection.check_room(account)
            if code != OK:
                return code
        position = self.ledger.need(account, rules.asset)
        if not self.is_bundle:
            self.admission.take(self.taker, account)
        code = self.check_order(position, market, command.side, price, lots, command.flags, command.time_in_force,
                                command.borrow_rate_bp)  # fmt: skip
        if code == OK and self.mandates.active != NONE:
            code = self.mandates.check_order(market, price, lots)
        if code != OK:
            return code
        slot = self.create(position, market, command.side, price, lots, command.flags & ~PROTECTED)
        if self.mandates.active != NONE:
            self.orders.keys.claim(slot, self.mandates.active)
        order = self.state.orders.edit(slot)
        order.self_trade = command.self_trade
        order.borrow_rate_bp = command.borrow_rate_bp
        if command.time_in_force == GOOD_TILL_TIME:
            order.expiry_us = command.expiry_us
        if command.client_id != 0:
            self.orders.remember_client(slot, command.client_id)
        if command.flags & PROTECTED:
            self.protection.attach(account, market, slot)
        self.report_placed(slot, command.time_in_force)
        return self.execute(slot, command.time_in_force)

    def create(self, position: longlong, market: longlong, side: longlong, price: longlong, lots: longlong,
               flags: longlong) -> longlong:  # fmt: skip
        """Return the row of a new order that neither rests nor matches yet."""
        slot: longlong = self.orders.allocate()
        order = self.state.orders.edit(slot)
        order.account = self.state.positions.rows[position].account
        order.position = position
        order.market = market
        order.side = side
        order.flags = flags
        order.price_ticks = price
        order.lots = lots
        order.loss_per_lot = self.compute_loss(market, side, price, flags)
        return slot

    def enter(self, position: longlong, market: longlong, side: longlong, price: longlong, lots: longlong,
              flags: longlong) -> None:  # fmt: skip
        """Rest an order of the engine's own making that crosses nothing."""
        slot: longlong = self.create(position, market, side, price, lots, flags)
        self.report_placed(slot, GOOD_TILL_CANCEL)
        self.orders.rest(slot)

    def report_placed(self, slot: longlong, time_in_force: longlong) -> None:
        """Report an order that was accepted."""
        order = self.state.orders.read(slot)
        event = as_order_placed(self.outbox.emit(ORDER_PLACED, 0, order.market, order.account))
        event.order_id = order.id
        event.client_id = self.orders.get_client_id(slot)
        event.lots = order.lots
        event.expiry_us = order.expiry_us
        event.price_ticks = order.price_ticks
        event.flags = order.flags
        event.side = order.side
        event.time_in_force = time_in_force
        if order.quote != NONE:
            event.flags |= PROTECTED
            event.level = self.orders.quotes.get_level(slot)

    def is_crossing(self, market: longlong, side: longlong, price: longlong) -> cython.bint:
        """Say whether an order at this price would meet one on the other side."""
        opposite: longlong = self.state.get_side(market, 1 - side)
        best: longlong = self.state.sides.rows[opposite].best
        return best != 0 and best >= self.book.get_rank(opposite, price)

    def check_form(self, command: pointer[PlaceOrder]) -> longlong:
        """Return the code of what is wrong with an order by itself, in its market."""
        rules = self.state.markets.read(command.market)
        venue = self.state.venue.read(1)
        lots: longlong = command.lots
        price: longlong = command.price_ticks
        flags: longlong = command.flags
        if lots <= 0:
            return self.admission.refuse(SIZE_NOT_POSITIVE, 1, lots, command.market)
        if lots < rules.minimum_lots:
            return self.admission.refuse(SIZE_TOO_SMALL, rules.minimum_lots, lots, command.market)
        if lots > MAX_LOTS:
            return self.admission.refuse(SIZE_TOO_LARGE, MAX_LOTS, lots, command.market)
        if flags & MARKET:
            if price <= 0 or price > MILLION:
                return self.admission.refuse(SLIPPAGE_OUT_OF_RANGE, MILLION, price, command.market)
            price = 1
        if price <= 0 or price > rules.max_ticks or command.trigger_ticks > rules.max_ticks:
            return self.admission.refuse(PRICE_OUT_OF_RANGE, rules.max_ticks, price, command.market)
        if lots > MAX_SUPPLY // rules.lot_quanta or not self.is_cash_bounded(command.market, price, lots):
            return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_CASH, lots, command.market)
        if command.time_in_force == GOOD_TILL_TIME and command.expiry_us <= venue.time_us:
            return self.admission.refuse(EXPIRY_PAST, venue.time_us, command.expiry_us, command.market)
        if not self.is_combination(command):
            return self.admission.refuse(BAD_COMBINATION, 0, flags, command.time_in_force)
        if venue.mode != OPEN:
            return self.admission.refuse(VENUE_MODE, OPEN, venue.mode, 0)
        if rules.mode != OPEN and not (rules.mode == POST_ONLY_MODE and flags & POST_ONLY):
            return self.admission.refuse(MARKET_MODE, OPEN, rules.mode, command.market)
        if self.state.assets.rows[rules.asset].mark == 0:
            return self.admission.refuse(MARK_MISSING, 1, 0, rules.asset)
        return OK

    def is_cash_bounded(self, market: longlong, price: longlong, lots: longlong) -> cython.bint:
        """Say whether an order's cash, a loan's worth, or a bid's notional is within its bound."""
        rules = self.state.markets.read(market)
        if rules.kind == LOAN or rules.kind == BACKSTOP:
            return self.atlas.compute_notional(rules.asset, lots * rules.lot_quanta) <= MAX_CASH
        return lots <= MAX_CASH // (price * rules.tick_value)

    def is_combination(self, command: pointer[PlaceOrder]) -> cython.bint:
        """Say whether an order's options go together."""
        kind: longlong = self.state.markets.rows[command.market].kind
        flags: longlong = command.flags
        if kind == BACKSTOP:  # its orders are bids, placed by a command of their own
            return False
        if command.side > SELL or command.time_in_force > GOOD_TILL_TIME or command.self_trade > DECREMENT:
            return False
        if flags & ~(PROTECTED | TAKE_PROFIT) >= RETURNED or command.client_id < 0:
            return False
        if command.borrow_rate_bp != 0 and not self.is_borrowing(command):
            return False
        if command.trigger_ticks == 0 and flags & TAKE_PROFIT:
            return False
        if command.trigger_ticks != 0 and (
            kind == LOAN or flags & (POST_ONLY | PROTECTED) or command.borrow_rate_bp != 0
        ):
            return False
        if flags & POST_ONLY and (flags & MARKET or command.time_in_force in (IMMEDIATE_OR_CANCEL, FILL_OR_KILL)):
            return False
        if flags & SLIDE and not flags & POST_ONLY:
            return False
        if flags & REDUCE_ONLY and kind != PERP:
            return False
        if flags & MARKET and (kind == LOAN or command.time_in_force in (GOOD_TILL_CANCEL, GOOD_TILL_TIME)):
            return False
        return not (flags & NO_RELEND and (kind != LOAN or command.side != SELL))

    def is_borrowing(self, command: pointer[PlaceOrder]) -> cython.bint:
        """Say whether what an order gives may be borrowed: in a spot market, when there is a loan book of it."""
        rules = self.state.markets.read(command.market)
        given: longlong = rules.asset if command.side == SELL else NUMERAIRE
        is_spot: cython.bint = rules.kind == SPOT
        return is_spot and command.borrow_rate_bp <= MAX_RATE_BP and self.state.assets.rows[given].loan_market != NONE

    def check_order(self, position: longlong, market: longlong, side: longlong, price: longlong, lots: longlong,
                    flags: longlong, time_in_force: longlong, borrow_bp: longlong) -> longlong:  # fmt: skip
        """Return the code of what forbids an order that would be filled alone at its limit, or rest whole."""
        rules = self.state.markets.read(market)
        code: longlong
        quanta: longlong = lots * rules.lot_quanta
        cash: longlong = 0 if rules.kind == LOAN else lots * price * rules.tick_value
        account: longlong = self.state.positions.rows[position].account
        fee: longlong = 0 if rules.kind == LOAN else self.fees.compute(account, market, True, cash, 0)
        value: longlong
        missing: longlong = 0
        if self.state.accounts.rows[account].limits != 0:
            code = self.limits.check_order(position, market, side, price, lots, flags, time_in_force)
            if code != OK:
                return code
        code = self.check_risk(position, market, side, lots)
        if code != OK:
            return code
        if rules.kind == SPOT or (rules.kind == LOAN and side == SELL):
            if side == SELL:
                missing = quanta - self.state.positions.rows[position].balance
                if missing > 0 and borrow_bp == 0:
                    return self.admission.refuse(BALANCE, quanta, self.state.positions.rows[position].balance,
                                                 rules.asset)  # fmt: skip
            else:
                missing = cash + fee - self.ledger.get_cash(account)
                if missing > 0 and borrow_bp == 0:
                    return self.admission.refuse(BALANCE, cash + fee, self.ledger.get_cash(account), NUMERAIRE)
        if missing > 0:
            return self.check_borrowed(position, market, side, price, lots, flags, time_in_force, borrow_bp, missing)
        if rules.kind == LOAN and side == BUY and self.state.positions.rows[position].loans >= MAX_LOANS:
            return self.admission.refuse(LOANS_LIMIT, MAX_LOANS, MAX_LOANS, rules.asset)
        if self.is_bundle:
            return OK
        if self.taker.initial < 0 and rules.kind == PERP and lots <= self.get_reducible(position, side):
            fee = 0  # it may have to pay some of it: the fill says
        if self.is_surely_free(position, market, side, lots, cash, fee):
            pass
        elif rules.kind == PERP or (rules.kind == LOAN and side == BUY) or not self.admission.is_exempt(account):
            value = self.compute_filled(position, market, side, price, lots, fee)
            code = self.check_value(value)
            if code == OK:
                code = self.check_asked(position, market, side, lots, price, value)
            if code != OK:
                return code
        if time_in_force == IMMEDIATE_OR_CANCEL or time_in_force == FILL_OR_KILL or flags & REDUCE_ONLY:
            return OK
        return self.check_open_orders(account, lots * self.compute_loss(market, side, price, flags))

    def is_surely_free(self, position: longlong, market: longlong, side: longlong, lots: longlong, cash: longlong,
                       fee: longlong) -> cython.bint:  # fmt: skip
        """Say whether bounds alone tell that a perp order, filled alone at its limit, leaves its account free."""
        rules = self.state.markets.read(market)
        record = self.state.positions.read(position)
        if (
            rules.kind != PERP
            or rules.open_interest + lots > rules.crowded_lots
            or self.state.venue.rows[1].suspended != 0
            or self.state.accounts.rows[record.account].sensitivity == 0
        ):
            return False
        if side == SELL:
            lots = -lots
            cash = -cash
        return self.taker.initial + self.bounds.compute_change(market, record.lots, lots, cash) >= fee

    def check_borrowed(self, position: longlong, market: longlong, side: longlong, price: longlong, lots: longlong,
                       flags: longlong, time_in_force: longlong, borrow_bp: longlong, missing: longlong
                       ) -> longlong:  # fmt: skip
        """Return the code of what forbids a spot order that borrows `missing` of what it gives."""
        rules = self.state.markets.read(market)
        account: longlong = self.state.positions.rows[position].account
        given: longlong = rules.asset if side == SELL else NUMERAIRE
        debt: longlong = self.ledger.need(account, given)
        cash: longlong = lots * price * rules.tick_value
        fee: longlong = self.fees.compute(account, market, True, cash, 0)
        value: longlong
        cost: longlong
        code: longlong
        if given != NUMERAIRE and self.oracle.get_feed(given) != FEED_VALID:
            return self.admission.refuse(FEED_STATE, FEED_VALID, self.oracle.get_feed(given), given)
        if self.state.positions.rows[debt].loans >= MAX_LOANS:
            return self.admission.refuse(LOANS_LIMIT, MAX_LOANS, MAX_LOANS, given)
        code = self.check_debt(debt, missing)
        if code != OK:
            return code
        if self.is_bundle:
            return OK
        cost = self.compute_debt(debt, missing, borrow_bp, self.state.markets.rows[
            self.state.assets.rows[given].loan_market].tenor_hours) - missing  # fmt: skip
        if side == BUY:
            value = self.atlas.compute_initial_with(account, position, lots * rules.lot_quanta, 0, 0,
                                                    -cash - fee - cost)  # fmt: skip
        else:
            cost += lots * rules.lot_quanta
            value = self.atlas.compute_initial_with(account, position, -cost, 0, 0, cash - fee)
        code = self.check_value(value)
        if code != OK:
            return code
        if time_in_force == IMMEDIATE_OR_CANCEL or time_in_force == FILL_OR_KILL:
            return OK
        return self.check_open_orders(account, lots * self.compute_loss(market, side, price, flags))

    def check_value(self, value: longlong) -> longlong:
        """Return MARGIN when an order that leaves its account this V(initial) leaves it less than free, and worse."""
        if value < 0 and value < self.taker.initial:
            return self.admission.refuse(MARGIN, min(self.taker.initial, 0), value,
                                         self.state.venue.rows[1].initial_ppm)  # fmt: skip
        return OK

    def compute_debt(self, position: longlong, principal: longlong, rate_bp: longlong,
                     tenor_hours: longlong) -> longlong:  # fmt: skip
        """Return by how much what a position owes grows with a loan of `principal`."""
        record = self.state.positions.read(position)
        before: longlong = compute_interest(record.borrowed, record.max_rate_bp, record.tenor_hours)
        total: longlong = record.borrowed + principal
        return (
            principal
            - before
            + compute_interest(total, max(rate_bp, record.max_rate_bp), max(tenor_hours, record.tenor_hours))
        )

    def check_open_orders(self, account: longlong, more: longlong) -> longlong:
        """Return OPEN_ORDERS when an account's resting orders, and `more`, could lose more than its multiple of V."""
        multiple: longlong = self.state.venue.rows[1].open_order_multiple
        loss: longlong = self.state.accounts.rows[account].order_loss + more
        value: longlong
        if loss == 0:
            return OK
        if loss <= MAX_ORDER_LOSS and (loss + multiple - 1) // multiple <= self.bounds.get_floor(account):
            return OK
        value = self.bounds.renew(account)
        if loss > MAX_ORDER_LOSS or (loss + multiple - 1) // multiple > max(value, 0):
            return self.admission.refuse(OPEN_ORDERS, loss, value, multiple)
        return OK

    def check_risk(self, position: longlong, market: longlong, side: longlong, lots: longlong) -> longlong:
        """Return the code that forbids new risk: the feed's state, the caps.  Reducing is not new risk."""
        rules = self.state.markets.read(market)
        feed: longlong = self.oracle.get_feed(rules.asset)
        opening: longlong
        if feed != FEED_VALID and not self.oracle.get_allowed(feed) & self.get_action(position, market, side, lots):
            return self.admission.refuse(FEED_STATE, FEED_VALID, feed, rules.asset)
        if rules.kind == PERP:
            opening = lots - self.get_reducible(position, side)
            if opening > 0:
                if rules.open_interest + opening > self.get_open_cap(market):
                    return self.admission.refuse(OPEN_INTEREST_CAP, self.get_open_cap(market),
                                                 rules.open_interest + opening, market)  # fmt: skip
                if magnitude(self.state.positions.rows[position].lots) + opening > MAX_LOTS:
                    return self.admission.refuse(SIZE_TOO_LARGE, MAX_LOTS, lots, market)
                return self.check_leg(market, magnitude(self.state.positions.rows[position].lots) + opening)
        elif rules.kind == LOAN and side == BUY:
            return self.check_debt(position, lots * rules.lot_quanta)
        return OK

    def check_leg(self, market: longlong, lots: longlong) -> longlong:
        """Return NOTIONAL_TOO_LARGE when so many lots of a perp are worth more than a leg counts for.

        What is held may count less than it is worth; what is owed, or due from another, never does.
        """
        worth: longlong
        if lots > self.state.markets.rows[market].linear_lots:
            worth = self.atlas.compute_worth(market, lots)
            if worth > MAX_LEG:
                return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_LEG, worth, market)
        return OK

    def check_debt(self, position: longlong, more: longlong) -> longlong:
        """Return NOTIONAL_TOO_LARGE when what a position owes, and `more`, is worth more than a leg counts for."""
        record = self.state.positions.read(position)
        worth: longlong
        if more > MAX_SUPPLY - min(record.owed, MAX_SUPPLY):
            return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_LEG, MAX_SUPPLY, record.asset)
        worth = self.atlas.compute_notional(record.asset, record.owed + more)
        if worth > MAX_LEG:
            return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_LEG, worth, record.asset)
        return OK

    def get_action(self, position: longlong, market: longlong, side: longlong, lots: longlong) -> longlong:
        """Return which of the actions that a feed's state allows or not an order is."""
        rules = self.state.markets.read(market)
        record = self.state.positions.read(position)
        quanta: longlong = lots * rules.lot_quanta
        net: longlong = record.balance + record.lent - record.owed
        if rules.kind == LOAN:
            return MAY_BORROW if side == BUY else MAY_LEND
        if rules.kind == PERP:
            return MAY_OPEN if lots > self.get_reducible(position, side) else MAY_REDUCE
        if side == SELL:  # what is sold beyond what is had net is sold short
            return MAY_OPEN if quanta > max(net, 0) else MAY_REDUCE
        return MAY_OPEN if quanta > max(-net, 0) else MAY_REDUCE

    def check_asked(self, position: longlong, market: longlong, side: longlong, lots: longlong, price: longlong,
                    value: longlong) -> longlong:  # fmt: skip
        """Return the code when new debt, or opening in a crowded market, asks for more than an order leaves.

        `value` is V(initial) as if the order had been filled alone at its limit.
        """
        rules = self.state.markets.read(market)
        account: longlong = self.state.positions.rows[position].account
        opening: longlong
        needed: longlong
        if rules.kind == PERP:
            opening = lots - self.get_reducible(position, side)
            if opening > 0 and rules.open_interest + opening > rules.crowded_lots:
                needed = self.admission.compute_crowding(account, market, opening)
                if value < needed:
                    return self.admission.refuse(MARGIN, needed, value, self.state.venue.rows[1].initial_ppm)
        elif rules.kind == LOAN and side == BUY:
            value = self.atlas.compute_cautious_with(
                account, position, -self.compute_interest_more(position, market, price, lots)
            )  # fmt: skip
            if value < 0:
                return self.admission.refuse(WITHDRAWABLE, 0, value, self.state.venue.rows[1].initial_ppm)
        return OK

    def compute_interest_more(self, position: longlong, market: longlong, price: longlong, lots: longlong) -> longlong:
        """Return what borrowing `lots` more at a rate takes off a position: the interest, for every loan in it."""
        rules = self.state.markets.read(market)
        quanta: longlong = lots * rules.lot_quanta
        return self.compute_debt(position, quanta, price, rules.tenor_hours) - quanta

    def get_open_cap(self, market: longlong) -> longlong:
        """Return the most lots of open interest: the market's cap, within the bound of what they may be worth."""
        rules = self.state.markets.read(market)
        lots: longlong = self.oracle.compute_open_bound(market, self.state.assets.rows[rules.asset].unit)
        return lots if rules.open_interest_cap == 0 else min(lots, rules.open_interest_cap)

    def compute_filled(self, position: longlong, market: longlong, side: longlong, price: longlong, lots: longlong,
                       fee: longlong) -> longlong:  # fmt: skip
        """Return V(initial) of a position's account as if an order had been filled alone at its limit."""
        rules = self.state.markets.read(market)
        account: longlong = self.state.positions.rows[position].account
        signed: longlong = lots if side == BUY else -lots
        quanta: longlong = signed * rules.lot_quanta
        if rules.kind == SPOT:
            return self.atlas.compute_initial_with(account, position, quanta, 0, 0,
                                                   -signed * price * rules.tick_value - fee)  # fmt: skip
        if rules.kind == PERP:
            return self.atlas.compute_initial_with(account, position, 0, signed, signed * price * rules.tick_value,
                                                   -fee)  # fmt: skip
        if side == SELL:  # a claim replaces a balance: the haircut, at the initial severity
            return self.atlas.compute_initial_with(
                account, position,
                -mul_div_ceil(lots * rules.lot_quanta, self.state.venue.rows[1].lent_haircut_ppm, MILLION), 0, 0, 0
            )  # fmt: skip
        return self.atlas.compute_initial_with(
            account, position, -self.compute_interest_more(position, market, price, lots), 0, 0, 0
        )  # fmt: skip

    def compute_loss(self, market: longlong, side: longlong, price: longlong, flags: longlong) -> longlong:
        """Return what one lot of an order loses in the design shock: what it counts for while it rests."""
        rules = self.state.markets.read(market)
        asset = self.state.assets.read(rules.asset)
        if flags & REDUCE_ONLY:
            return 0
        if rules.kind != LOAN:
            return mul_div_ceil(price * rules.tick_value, asset.price_shock_ppm + asset.slippage_ppm, MILLION)
        worth: longlong = self.atlas.compute_notional(rules.asset, rules.lot_quanta)
        if side == SELL:
            return mul_div_ceil(worth, self.state.venue.rows[1].lent_haircut_ppm, MILLION)
        return compute_interest(worth, price, rules.tenor_hours)

    def compute_bound(self, market: longlong, side: longlong, slippage_ppm: longlong) -> longlong:
        """Return the limit of a market order: the mark moved by its slippage bound, rounded inside it."""
        if side == BUY:
            return self.oracle.compute_ticks(market, MILLION + slippage_ppm, False)
        return self.oracle.compute_ticks(market, MILLION - slippage_ppm, True)

    def sweep_touch(self, market: longlong, side: longlong, price: longlong) -> None:
        """Take away expired orders that an order at this price would meet: they can never match."""
        opposite: longlong = self.state.get_side(market, 1 - side)
        resting: longlong
        while self.is_crossing(market, side, price) and self.skips < MAX_SKIPS:
            resting = self.book.get_first(opposite)
            order = self.state.orders.read(resting)
            if order.expiry_us == 0 or order.expiry_us > self.state.venue.rows[1].time_us:
                break
            self.skip(resting, REASON_EXPIRED)

    def compute_passive(self, command: pointer[PlaceOrder], price: longlong) -> longlong:
        """Return the price at which a post-only order rests, or 0 when it would trade and may not slide."""
        best: longlong = self.find_touch(command.account, command.market, command.side, price)
        touch: longlong
        if best == 0:
            return price
        touch = best if command.side == SELL else LADDER_TOP - best
        self.admission.refuse(WOULD_CROSS, touch, price, command.market)
        if not command.flags & SLIDE:
            return 0
        touch = touch + 1 if command.side == SELL else touch - 1
        return touch if 0 < touch <= self.state.markets.rows[command.market].max_ticks else 0

    def find_touch(self, account: longlong, market: longlong, side: longlong, price: longlong) -> longlong:
        """Return the rank of the best resting order that an account's order at this price would trade with, or 0.

        Looks past orders that policies keep from it, at most MAX_SKIPS of them: the one after counts as one it meets.
        """
        opposite: longlong = self.state.get_side(market, 1 - side)
        limit: longlong = self.book.get_rank(opposite, price)
        best: longlong = self.state.sides.rows[opposite].best
        resting: longlong
        looks: longlong = 0
        if best == 0 or best < limit:
            return 0
        resting = self.book.get_first(opposite)
        while (
            resting != NONE and looks < MAX_SKIPS and self.looks < MAX_LOOKS and not self.may_meet(account, resting)
        ):
            resting = self.book.get_after(opposite, resting)
            looks += 1
            self.looks += LOOKS_A_DEAL
        if resting == NONE:
            return 0
        best = self.get_rank(resting)
        return best if best >= limit else 0

    def may_meet(self, account: longlong, resting: longlong) -> cython.bint:
        """Say whether an account's order would trade with a resting one, or be kept from it as a self-trade."""
        maker = self.state.orders.read(resting)
        accounts = self.state.accounts
        if accounts.rows[account].policy == NONE and accounts.rows[maker.account].policy == NONE:
            return True
        return self.ledger.is_same_owner(account, maker.account) or self.compute_dealable(account, resting) > 0

    def compute_dealable(self, account: longlong, resting: longlong) -> longlong:
        """Return how many lots of a resting order policies would let an account trade with it, and nothing else asked.

        An account that would need a position more than it may have deals with nobody.
        """
        maker = self.state.orders.read(resting)
        rules = self.state.markets.read(maker.market)
        lots: longlong = maker.lots
        undo: longlong
        events: longlong
        slot: longlong
        position: longlong
        if maker.expiry_us != 0 and maker.expiry_us <= self.state.venue.rows[1].time_us:
            return 0
        if maker.flags & REDUCE_ONLY:
            lots = min(lots, self.get_reducible(maker.position, maker.side))
        if rules.kind == SPOT or rules.kind == BACKSTOP or (
            self.state.accounts.rows[account].policy == NONE
            and self.state.accounts.rows[maker.account].policy == NONE
            and rules.kind == LOAN
        ):
            return lots
        if not self.ledger.has_room(account, rules.asset):
            return 0
        undo = self.state.undo.begin()
        events = self.outbox.length
        position = self.ledger.need(account, rules.asset)
        slot = self.create(position, maker.market, 1 - maker.side, maker.price_ticks, lots, 0)
        lots = self.screen(slot, resting, lots)
        if lots > 0 and rules.kind == PERP:
            if maker.side == SELL:
                lots = self.perps.fill(maker.market, position, maker.position, lots,
                                       maker.price_ticks * rules.tick_value, MAX_SLICES, account)  # fmt: skip
            else:
                lots = self.perps.fill(maker.market, maker.position, position, lots,
                                       maker.price_ticks * rules.tick_value, MAX_SLICES, account)  # fmt: skip
        self.state.undo.rollback(undo)
        self.outbox.length = events
        return lots

    def get_reducible(self, position: longlong, side: longlong) -> longlong:
        """Return how many lots of a position's perp an order on this side would reduce."""
        lots: longlong = self.state.positions.rows[position].lots
        return max(-lots if side == BUY else lots, 0)

    def repeat(self, client: longlong) -> longlong:
        """Answer a client order id seen before with what it was first answered with."""
        row = self.state.clients.read(client)
        event = as_repeated(self.outbox.emit(REPEATED, row.code, 0, row.account))
        event.order_id = row.order_id
        event.client_id = row.client_id
        event.first_sequence = row.sequence
        return OK

    # Matching.

    def execute(self, slot: longlong, time_in_force: longlong) -> longlong:
        """Match an order that does not rest yet, and rest or discard what is left of it."""
        order = self.state.orders.edit(slot)
        lots: longlong = order.lots
        self.left = lots
        self.paid = order.fees_paid
        self.stop = OK
        self.passed = NONE
        self.prevented = 0
        self.orders.look(order.market)
        self.match(slot)
        order.lots = self.left
        order.fees_paid = self.paid
        if time_in_force == FILL_OR_KILL and self.left + self.prevented > 0:
            if OK < self.stop < RESULT_CODES:
                return self.stop
            return self.admission.refuse(FILL_OR_KILL_UNFILLED, self.left + self.prevented, 0, order.market)
        if order.condition != NONE:
            self.orders.follow(slot, lots - self.left - self.prevented, self.left == 0)
        if self.left == 0:
            self.orders.release(slot)
            return OK
        if self.is_bundle and OK < self.stop < RESULT_CODES:
            return self.stop
        if OK < self.stop < RESULT_CODES:
            self.orders.discard(slot, self.stop, self.admission.needed, self.admission.had)
        elif self.stop != OK:
            self.orders.discard(slot, self.stop, 0, 0)
        elif time_in_force == IMMEDIATE_OR_CANCEL:
            self.orders.discard(slot, REASON_IMMEDIATE, 0, 0)
        elif self.left < self.state.markets.rows[order.market].minimum_lots and not order.flags & REDUCE_ONLY:
            self.orders.discard(slot, REASON_DUST, self.state.markets.rows[order.market].minimum_lots, self.left)
        else:
            self.orders.rest(slot)
        return OK

    def match(self, slot: longlong) -> None:
        """Fill an order against the other side of its book while prices cross; `stop` says why it ended early."""
        order = self.state.orders.read(slot)
        opposite: longlong = self.state.get_side(order.market, 1 - order.side)
        limit: longlong = self.book.get_rank(opposite, order.price_ticks)
        now: longlong = self.state.venue.rows[1].time_us
        max_fills: longlong = self.state.venue.rows[1].max_fills
        resting: longlong
        lots: longlong
        least: longlong = 1
        if self.state.markets.rows[order.market].kind == LOAN:
            least = self.state.markets.rows[order.market].minimum_lots
        is_screened: cython.bint = self.state.accounts.rows[order.account].policy != NONE
        side = self.state.sides.read(opposite)
        while self.left > 0 and side.best >= limit and self.stop == OK:
            if (
                self.fills >= max_fills
                or self.skips >= MAX_SKIPS
                or self.slices >= MAX_SLICES
                or self.protection.pulls >= MAX_QUOTES
            ):
                self.stop = self.admission.refuse(WORK, max_fills, self.fills, order.market)
                break
            resting = self.book.get_first(opposite)
            if self.passed != NONE:
                resting = self.book.get_after(opposite, self.passed)
                if resting == NONE or self.get_rank(resting) < limit:
                    break
            maker = self.state.orders.read(resting)
            if maker.expiry_us != 0 and maker.expiry_us <= now:
                self.skip(resting, REASON_EXPIRED)
                continue
            if self.ledger.is_same_owner(order.account, maker.account):
                self.prevent_self_trade(slot, resting)
                continue
            lots = min(self.left, maker.lots)
            if lots < least:  # what is left would be a loan below the minimum
                self.stop = REASON_DUST
                break
            if maker.flags & REDUCE_ONLY:
                lots = min(lots, self.get_reducible(maker.position, maker.side))
                if lots == 0:
                    self.skip(resting, REASON_REDUCED)
                    continue
            if order.flags & REDUCE_ONLY:
                lots = min(lots, self.get_reducible(order.position, order.side))
                if lots == 0:
                    self.stop = REASON_REDUCED
                    break
            if is_screened or self.state.accounts.rows[maker.account].policy != NONE:
                lots = self.screen(slot, resting, lots)
                if lots == 0:
                    self.pass_over(resting)
                    continue
            self.fill(slot, resting, lots)

    def get_rank(self, slot: longlong) -> longlong:
        """Return the rank of a resting order."""
        order = self.state.orders.read(slot)
        return self.book.get_rank(order.side, order.price_ticks)

    def screen(self, slot: longlong, resting: longlong, lots: longlong) -> longlong:
        """Return how many of `lots` two orders may trade as far as their owners' policies alone say.

        Perps: owners of whom one denies the other only tear up what they have between themselves; what limits and
        severities allow is found slice by slice.  Spot needs no policy.
        """
        order = self.state.orders.read(slot)
        maker = self.state.orders.read(resting)
        kind: longlong = self.state.markets.rows[order.market].kind
        row: longlong
        if kind == SPOT:
            return lots
        if kind == LOAN:
            if self.leaving != NONE:
                row = self.loans.loans.rows[self.leaving].borrower
                return self.policies.fit_taken(maker.position, row, order.market, lots)
            if order.side == SELL:
                return self.policies.fit_loan(order.position, maker.position, order.market, lots, maker.price_ticks)
            return self.policies.fit_loan(maker.position, order.position, order.market, lots, maker.price_ticks)
        if not self.policies.are_apart(order.account, maker.account):
            return lots
        if order.side == SELL:
            row = self.perps.find(order.account, maker.account, order.market)
        else:
            row = self.perps.find(maker.account, order.account, order.market)
        return 0 if row == NONE else min(lots, self.perps.perps.rows[row].lots)

    def pass_over(self, resting: longlong) -> None:
        """Go on past a resting order that policies keep from matching; it stays where it is."""
        self.skips += 1
        self.passes += 1
        self.passed = resting

    def skip(self, resting: longlong, reason: longlong) -> None:
        """Take a resting order away that may not match."""
        self.skips += 1
        self.orders.cancel(resting, reason, 0, 0)

    def prevent_self_trade(self, slot: longlong, resting: longlong) -> None:
        """Keep an owner from trading with itself, as the incoming order asks."""
        maker = self.state.orders.read(resting)
        mode: longlong = self.state.orders.rows[slot].self_trade
        lots: longlong
        if mode == CANCEL_RESTING:
            self.skip(resting, REASON_SELF_TRADE)
        elif mode == CANCEL_INCOMING:
            self.stop = REASON_SELF_TRADE
        elif mode == CANCEL_BOTH:
            self.skip(resting, REASON_SELF_TRADE)
            self.stop = REASON_SELF_TRADE
        else:
            lots = min(self.left, maker.lots)
            self.left -= lots
            self.prevented += lots
            self.orders.report_cancelled(slot, lots, REASON_SELF_TRADE, 0, 0)
            if lots == maker.lots:
                self.skip(resting, REASON_SELF_TRADE)
            else:
                self.orders.reduce(resting, lots)
                if maker.lots < self.state.markets.rows[maker.market].minimum_lots and not maker.flags & REDUCE_ONLY:
                    self.skip(resting, REASON_DUST)
                else:
                    self.orders.report_amended(resting, True)
                self.stop = REASON_SELF_TRADE

    def fill(self, slot: longlong, resting: longlong, lots: longlong) -> None:
        """Fill up to `lots` of an order against a resting one, if both sides may stand where it leaves them.

        A fill that the maker cannot carry is taken back and the maker's order cancelled; one that the taker cannot
        carry is taken back and `stop` set.  Hardly any fill fails, so only a careful run pays for a level of the undo
        log a fill; otherwise `has_failed` asks for the whole command once more, carefully.
        """
        order = self.state.orders.read(slot)
        maker = self.state.orders.read(resting)
        undo: longlong = self.state.undo.begin() if self.is_careful else 0
        events: longlong = self.outbox.length
        taker_left: longlong = self.left
        taker_paid: longlong = self.paid
        was_cautious: cython.bint = self.taker.is_cautious
        was_outside: cython.bint = self.taker.is_outside
        was_crowding: cython.bint = self.taker.is_crowding
        culprit: longlong
        code: longlong
        maker_account: longlong = maker.account
        price: longlong = maker.price_ticks
        held: longlong = maker.position
        protected: longlong = NONE if maker.quote == NONE else self.protection.get_maker(maker.quote)
        made_by: longlong = maker.mandate
        is_reducing: cython.bint = maker.flags & REDUCE_ONLY != 0
        if made_by != NONE:
            self.orders.keys.hold(made_by)
        self.fills += 1
        self.perps.foresee_contract(order.position)
        self.perps.foresee_contract(maker.position)
        self.admission.take(self.maker, maker_account)
        self.perps.foresee_parties(order.position)
        self.perps.foresee_parties(maker.position)
        if not self.is_bundle:
            self.taker.account = order.account
        culprit = self.settle(slot, resting, lots)
        code = self.admission.code
        if culprit == 0:
            code = OK if self.is_bundle else self.admission.check(self.taker)
            if code != OK:
                culprit = order.account
            else:
                code = self.admission.check(self.maker)
                if code != OK:
                    culprit = maker_account
        if culprit == 0 and (
            self.state.accounts.rows[maker_account].limits != 0 or self.state.accounts.rows[order.account].limits != 0
        ):
            culprit = self.count_limits(order.market, order.side, order.position, held, price, taker_left - self.left)
            code = self.admission.code
        if culprit == 0 and (made_by != NONE or order.mandate != NONE):
            culprit = self.count_mandates(slot, made_by, is_reducing, maker_account, price, taker_left - self.left)
            code = self.admission.code
        if culprit == NOBODY:
            if made_by != NONE:
                self.orders.keys.drop_order(made_by)
            self.outbox.length = events
            self.fills -= 1
            self.pass_over(resting)
        elif culprit != 0 and not self.is_careful:
            self.has_failed = True
            self.stop = code
        elif culprit != 0:
            self.state.undo.rollback(undo)
            self.outbox.length = events
            self.left = taker_left
            self.paid = taker_paid
            self.taker.is_cautious = was_cautious
            self.taker.is_outside = was_outside
            self.taker.is_crowding = was_crowding
            if culprit == maker_account:
                self.skips += 1
                self.orders.cancel(resting, code, self.admission.needed, self.admission.had)
            else:
                self.stop = code
        elif protected != NONE:
            self.protection.count_fill(protected, 1 - order.side, price, taker_left - self.left)

    def count_limits(self, market: longlong, side: longlong, taken: longlong, made: longlong, price: longlong,
                     lots: longlong) -> longlong:  # fmt: skip
        """Count a fill towards the limits of both sides; return 0, or the account for which it is one too many."""
        if self.limits.count_fill(taken, market, side, price, lots) != OK:
            return self.state.positions.rows[taken].account
        if self.limits.count_fill(made, market, 1 - side, price, lots) != OK:
            return self.state.positions.rows[made].account
        return 0

    def count_mandates(self, slot: longlong, made_by: longlong, is_reducing: cython.bint, maker: longlong,
                       price: longlong, lots: longlong) -> longlong:  # fmt: skip
        """Count a fill under the mandates of both sides; return 0, or the account for which it is beyond them."""
        order = self.state.orders.read(slot)
        if order.mandate != NONE and OK != self.mandates.count_fill(
            order.mandate, order.market, price, lots, order.flags & REDUCE_ONLY != 0
        ):
            return order.account
        if made_by != NONE:
            if self.mandates.count_fill(made_by, order.market, price, lots, is_reducing) != OK:
                return maker
            self.orders.keys.drop_order(made_by)
        return 0

    def forbid_outside(self, slot: longlong, resting: longlong) -> longlong:
        """Return the account for which a fill outside the band is beyond a mandate, 0 when there is none."""
        order = self.state.orders.read(slot)
        maker = self.state.orders.read(resting)
        rules = self.state.markets.read(order.market)
        edge: longlong = rules.band_low_ticks if maker.price_ticks < rules.band_low_ticks else rules.band_high_ticks
        self.admission.refuse(MANDATE_BAND, edge, maker.price_ticks, order.market)
        if order.mandate != NONE:
            return order.account
        return maker.account if maker.mandate != NONE else 0

    def settle(self, slot: longlong, resting: longlong, lots: longlong) -> longlong:
        """Settle a fill and its fees.  Returns 0, the account whose balance does not cover its part, or NOBODY.

        NOBODY is at fault when policies allow none of it.
        """
        order = self.state.orders.read(slot)
        maker = self.state.orders.read(resting)
        market: longlong = order.market
        rules = self.state.markets.read(market)
        price: longlong = maker.price_ticks
        buyer: longlong = order.account if order.side == BUY else maker.account
        seller: longlong = maker.account if order.side == BUY else order.account
        bought: longlong = order.position if order.side == BUY else maker.position
        sold: longlong = maker.position if order.side == BUY else order.position
        event = as_traded(self.outbox.emit(TRADED, order.side, market, order.account))
        cash: longlong
        fee: longlong
        event.taker_order = order.id
        event.maker_order = maker.id
        event.price_ticks = price
        event.maker = maker.account
        if rules.kind == LOAN:
            fee = self.settle_loan(slot, resting, bought, sold, lots)
            if fee != 0:
                return fee
        elif rules.kind == PERP:
            cash = rules.open_interest
            lots = self.settle_perp(market, bought, sold, lots, price, order.account)
            if lots == 0:
                return NOBODY
            if rules.open_interest > cash and rules.open_interest > self.get_open_cap(market):
                self.admission.refuse(OPEN_INTEREST_CAP, self.get_open_cap(market), rules.open_interest, market)
                return order.account
            if self.check_leg(market, self.state.positions.rows[bought].lots) != OK:  # a long, if it opened
                return buyer
            if self.check_leg(market, -self.state.positions.rows[sold].lots) != OK:
                return seller
        else:
            cash = lots * price * rules.tick_value
            if order.borrow_rate_bp != 0 or maker.borrow_rate_bp != 0:
                fee = self.borrow_missing(slot, resting, lots, cash)
                if fee != 0:
                    return fee
            self.admission.refuse(BALANCE, cash, self.ledger.get_cash(buyer), NUMERAIRE)
            if self.ledger.get_cash(buyer) >= cash:
                self.admission.refuse(BALANCE, lots * rules.lot_quanta, self.state.positions.rows[sold].balance,
                                      rules.asset)  # fmt: skip
            fee = settle_spot(self.ledger, buyer, seller, bought, sold, lots * rules.lot_quanta, cash)
            if fee != 0:
                return fee
        if rules.kind != LOAN:
            if price < rules.band_low_ticks or price > rules.band_high_ticks:
                self.taker.is_outside = True
                self.maker.is_outside = True
                fee = self.forbid_outside(slot, resting)
                if fee != 0:
                    return fee
            cash = lots * price * rules.tick_value
            fee = self.fees.compute(order.account, market, True, cash, self.paid)
            if self.taker.initial < 0:
                fee = self.limit_fee(self.taker, market, order.position, order.side, fee)
            if not self.fees.charge(order.account, fee):
                self.admission.refuse(BALANCE, fee, self.ledger.get_cash(order.account), NUMERAIRE)
                return order.account
            event.taker_fee = fee
            self.paid += fee
            fee = max(self.fees.compute(maker.account, market, False, cash, maker.fees_paid), -(fee // 2))
            if self.maker.initial < 0:
                fee = self.limit_fee(self.maker, market, maker.position, maker.side, fee)
            if not self.fees.charge(maker.account, fee):
                self.admission.refuse(BALANCE, fee, self.ledger.get_cash(maker.account), NUMERAIRE)
                return maker.account
            event.maker_fee = fee
            changed = self.state.orders.edit(resting)
            changed.fees_paid += max(fee, 0)
        event.lots = lots
        event.maker_left = maker.lots - lots
        self.left -= lots
        if maker.condition != NONE:
            self.orders.follow(resting, lots, lots == maker.lots)
        self.orders.reduce(resting, lots)
        if 0 < event.maker_left < rules.minimum_lots and not maker.flags & REDUCE_ONLY:
            self.orders.cancel(resting, REASON_DUST, rules.minimum_lots, event.maker_left)
        return 0

    def limit_fee(self, standing: Standing, market: longlong, position: longlong, side: longlong,
                  fee: longlong) -> longlong:  # fmt: skip
        """Return what of a fee an account that was less than free pays for a fill.

        A fill that did nothing but reduce a perp costs no more than it has, and nothing below the auction rung: who has
        lost its numeraire, or nearly all, must still be able to reduce.  Nobody gets there by commands of its own.
        """
        record = self.state.positions.read(position)
        most: longlong = 0
        is_open: cython.bint = record.lots > 0 if side == BUY else record.lots < 0
        if self.state.markets.rows[market].kind != PERP or is_open:
            return fee
        if standing.resilience_ppm >= self.state.venue.rows[1].auction_ppm:
            most = self.ledger.get_cash(record.account)
        if fee > most:
            standing.is_waived = True
        return min(fee, most)

    def settle_perp(self, market: longlong, bought: longlong, sold: longlong, lots: longlong, price: longlong,
                    actor: longlong) -> longlong:  # fmt: skip
        """Fill in a perp market; return how many lots the budget of contract slices allowed."""
        rules = self.state.markets.edit(market)
        buyer = self.state.positions.read(bought)
        seller = self.state.positions.read(sold)
        before: longlong = max(buyer.lots, 0) + max(seller.lots, 0)
        bought_before: longlong = buyer.lots
        sold_before: longlong = seller.lots
        lots = self.perps.fill(market, bought, sold, lots, price * rules.tick_value, MAX_SLICES - self.slices, actor)
        if lots == 0:
            return 0
        self.slices += self.perps.slices
        rules.open_interest += max(buyer.lots, 0) + max(seller.lots, 0) - before
        if rules.open_interest > rules.crowded_lots:
            self.note_crowding(buyer.account, seller.account, actor, buyer.lots > max(bought_before, 0),
                               seller.lots < min(sold_before, 0))  # fmt: skip
        self.funding.observe_trade(market, lots)
        return lots

    def note_crowding(self, buyer: longlong, seller: longlong, actor: longlong, is_buyer_opening: cython.bint,
                      is_seller_opening: cython.bint) -> None:  # fmt: skip
        """Note who of a fill's two sides opened in a crowded market: admission asks more of them."""
        if is_buyer_opening:
            if buyer == actor:
                self.taker.is_crowding = True
            else:
                self.maker.is_crowding = True
        if is_seller_opening:
            if seller == actor:
                self.taker.is_crowding = True
            else:
                self.maker.is_crowding = True

    def settle_loan(self, slot: longlong, resting: longlong, debt: longlong, claim: longlong,
                    lots: longlong) -> longlong:  # fmt: skip
        """Move a principal from the lender's to the borrower's position and write its contract.

        Returns 0, or the account that cannot carry its part.
        """
        order = self.state.orders.read(slot)
        maker = self.state.orders.read(resting)
        rules = self.state.markets.read(order.market)
        lender: longlong = self.state.positions.rows[claim].account
        borrower: longlong = self.state.positions.rows[debt].account
        principal: longlong = lots * rules.lot_quanta
        flags: longlong = LOAN_NO_RELEND if (order.flags | maker.flags) & NO_RELEND else 0
        if self.leaving != NONE:
            return self.settle_exit(debt, claim, lots, maker.price_ticks, flags)
        if self.state.positions.rows[debt].loans >= MAX_LOANS:
            self.admission.refuse(LOANS_LIMIT, MAX_LOANS, MAX_LOANS, rules.asset)
            return borrower
        feed: longlong = self.oracle.get_feed(rules.asset)
        if not self.oracle.get_allowed(feed) & MAY_BORROW:
            self.admission.refuse(FEED_STATE, FEED_VALID, feed, rules.asset)
            return borrower
        if self.check_debt(debt, principal) != OK:
            return borrower
        self.admission.refuse(BALANCE, principal, self.state.positions.rows[claim].balance, rules.asset)
        if not self.ledger.move_between(claim, debt, principal):
            return lender
        if borrower == order.account:
            self.taker.is_cautious = True
        else:
            self.maker.is_cautious = True
        self.loans.open(
            lender, borrower, order.market, rules.asset, principal, maker.price_ticks,
            order.price_ticks if borrower == order.account else maker.price_ticks, flags, rules.tenor_hours
        )  # fmt: skip
        return 0

    def settle_exit(self, freed: longlong, claim: longlong, lots: longlong, rate_bp: longlong,
                    flags: longlong) -> longlong:  # fmt: skip
        """Put a new lender in the place of one that leaves a loan, for as much as `lots` cover.

        Returns 0, or the account that cannot carry its part.  An owner's accounts do not lend to one another.
        """
        loan = self.loans.loans.read(self.leaving)
        rules = self.state.markets.read(loan.market)
        lender: longlong = self.state.positions.rows[claim].account
        done: longlong = (self.leaving_lots - self.left) * rules.lot_quanta
        principal: longlong = min(lots * rules.lot_quanta, self.leaving_quanta - done)
        debt: longlong = self.ledger.find(loan.borrower, loan.asset)
        if self.ledger.is_same_owner(lender, loan.borrower):
            self.admission.refuse(REASON_SELF_TRADE, 0, 0, loan.market)
            return lender
        if principal < loan.principal and self.state.positions.rows[debt].loans >= MAX_LOANS // 2:
            self.admission.refuse(LOANS_LIMIT, MAX_LOANS // 2, self.state.positions.rows[debt].loans, loan.asset)
            return self.state.positions.rows[freed].account
        self.admission.refuse(BALANCE, principal, self.state.positions.rows[claim].balance, loan.asset)
        if not self.ledger.move_between(claim, freed, principal):
            return lender
        self.loans.novate(self.leaving, lender, principal, rate_bp, flags)
        return 0

    # What a spot order lacks.

    def borrow_missing(self, slot: longlong, resting: longlong, lots: longlong, cash: longlong) -> longlong:
        """Let either side of a spot fill borrow what it lacks, as its order allows.

        Returns 0, or the account that could not: its order is answered with BALANCE.
        """
        order = self.state.orders.read(slot)
        maker = self.state.orders.read(resting)
        if order.borrow_rate_bp != 0 and not self.cover(slot, True, lots, cash, self.paid):
            return order.account
        if maker.borrow_rate_bp != 0 and not self.cover(resting, False, lots, cash, maker.fees_paid):
            return maker.account
        return 0

    def cover(self, slot: longlong, is_taker: cython.bint, lots: longlong, cash: longlong,
              paid: longlong) -> cython.bint:  # fmt: skip
        """Borrow what a spot order's account lacks of what it gives in a fill, and its fee; say whether it has it."""
        order = self.state.orders.read(slot)
        rules = self.state.markets.read(order.market)
        given: longlong = rules.asset if order.side == SELL else NUMERAIRE
        need: longlong = lots * rules.lot_quanta
        if order.side == BUY:
            need = cash + max(self.fees.compute(order.account, order.market, is_taker, cash, paid), 0)
        need -= self.ledger.get_balance(order.account, given)
        if need > 0:
            if is_taker:
                self.taker.is_cautious = True
            else:
                self.maker.is_cautious = True
            return self.borrow(slot, given, need)
        return True

    def borrow(self, slot: longlong, asset: longlong, missing: longlong) -> cython.bint:
        """Take `missing` of an asset from its loan books, the lowest rate first, at rates up to the order's bound.

        Says whether all of it came; what did stays only if the fill that needs it does.
        """
        order = self.state.orders.read(slot)
        debt: longlong = self.ledger.need(order.account, asset)
        wanted: longlong = missing + self.state.positions.rows[debt].balance
        resting: longlong
        self.admission.refuse(BALANCE, wanted, self.state.positions.rows[debt].balance, asset)
        if self.oracle.get_feed(asset) != FEED_VALID and asset != NUMERAIRE:
            return False
        while self.state.positions.rows[debt].balance < wanted:
            if self.fills >= self.state.venue.rows[1].max_fills or self.skips >= MAX_SKIPS:
                break
            if self.state.positions.rows[debt].loans >= MAX_LOANS:
                break
            if self.check_debt(debt, wanted - self.state.positions.rows[debt].balance) != OK:
                break
            resting = self.find_lender(slot, asset, debt)
            if resting == NONE:
                break
            self.borrow_once(slot, resting, debt, wanted - self.state.positions.rows[debt].balance)
        self.admission.refuse(BALANCE, wanted, self.state.positions.rows[debt].balance, asset)
        return self.state.positions.rows[debt].balance >= wanted

    def find_lender(self, slot: longlong, asset: longlong, debt: longlong) -> longlong:
        """Return the cheapest offer of an asset, within a spot order's bound, that policies allow it; 0 for none."""
        cap: longlong = self.state.orders.rows[slot].borrow_rate_bp
        market: longlong = self.state.assets.rows[asset].loan_market
        found: longlong = NONE
        resting: longlong
        while market != NONE:
            if self.state.markets.rows[market].mode == OPEN:
                resting = self.find_offer(slot, market, debt, cap)
                if resting != NONE:
                    found = resting
                    cap = self.state.orders.rows[resting].price_ticks - 1  # of equals the first listed book
            market = self.state.markets.rows[market].next_book
        return found

    def find_offer(self, slot: longlong, market: longlong, debt: longlong, cap: longlong) -> longlong:
        """Return the first offer of a book, at `cap` or below, that policies let a spot order take; 0 for none."""
        side: longlong = self.state.get_side(market, SELL)
        resting: longlong = self.book.get_first(side)
        while resting != NONE and self.state.orders.rows[resting].price_ticks <= cap and self.skips < MAX_SKIPS:
            if self.fit_offer(slot, resting, debt, self.state.markets.rows[market].minimum_lots) > 0:
                return resting
            self.skips += 1
            resting = self.book.get_after(side, resting)
        return NONE

    def fit_offer(self, slot: longlong, resting: longlong, debt: longlong, lots: longlong) -> longlong:
        """Return how many of `lots` of an offer policies let a spot order's account borrow."""
        maker = self.state.orders.read(resting)
        account: longlong = self.state.orders.rows[slot].account
        if self.state.accounts.rows[account].policy == NONE and self.state.accounts.rows[maker.account].policy == NONE:
            return lots
        return self.policies.fit_loan(maker.position, debt, maker.market, lots, maker.price_ticks)

    def borrow_once(self, slot: longlong, resting: longlong, debt: longlong, missing: longlong) -> None:
        """Borrow from an offer, or take it away when its owner may not or cannot lend."""
        order = self.state.orders.read(slot)
        maker = self.state.orders.read(resting)
        rules = self.state.markets.read(maker.market)
        lots: longlong = max((missing + rules.lot_quanta - 1) // rules.lot_quanta, rules.minimum_lots)
        undo: longlong
        events: longlong
        code: longlong
        made_by: longlong = maker.mandate
        market: longlong = maker.market
        rate: longlong = maker.price_ticks
        if maker.expiry_us != 0 and maker.expiry_us <= self.state.venue.rows[1].time_us:
            self.skip(resting, REASON_EXPIRED)
        elif self.ledger.is_same_owner(order.account, maker.account):
            self.skip(resting, REASON_SELF_TRADE)
        else:
            undo = self.state.undo.begin()
            events = self.outbox.length
            self.fills += 1
            if made_by != NONE:
                self.orders.keys.hold(made_by)
            self.admission.take(self.lender, maker.account)
            lots = self.fit_offer(slot, resting, debt, min(lots, maker.lots))
            code = self.lend(slot, resting, debt, lots)
            if code == OK:
                code = self.admission.check(self.lender)
            if code == OK and made_by != NONE:
                code = self.mandates.count_fill(made_by, market, rate, lots, False)
                self.orders.keys.drop_order(made_by)
            if code != OK:
                self.state.undo.rollback(undo)
                self.outbox.length = events
                self.skips += 1
                self.orders.cancel(resting, code, self.admission.needed, self.admission.had)

    def lend(self, slot: longlong, resting: longlong, debt: longlong, lots: longlong) -> longlong:
        """Lend `lots` of a resting offer to a spot order's account; return OK, or BALANCE when they are not there."""
        order = self.state.orders.read(slot)
        maker = self.state.orders.read(resting)
        rules = self.state.markets.read(maker.market)
        principal: longlong = lots * rules.lot_quanta
        flags: longlong = LOAN_NO_RELEND if maker.flags & NO_RELEND else 0
        event = as_traded(self.outbox.emit(TRADED, BUY, maker.market, order.account))
        event.taker_order = order.id
        event.maker_order = maker.id
        event.lots = lots
        event.maker_left = maker.lots - lots
        event.price_ticks = maker.price_ticks
        event.maker = maker.account
        if not self.ledger.move_between(maker.position, debt, principal):
            return self.admission.refuse(BALANCE, principal, self.state.positions.rows[maker.position].balance,
                                         rules.asset)  # fmt: skip
        self.loans.open(
            maker.account, order.account, maker.market, rules.asset, principal, maker.price_ticks,
            order.borrow_rate_bp, flags, rules.tenor_hours
        )  # fmt: skip
        self.orders.reduce(resting, lots)
        if 0 < event.maker_left < rules.minimum_lots:
            self.orders.cancel(resting, REASON_DUST, rules.minimum_lots, event.maker_left)
        return OK
