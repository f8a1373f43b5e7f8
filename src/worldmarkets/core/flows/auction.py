"""The auction: bidders take slices of a portfolio, for a share d of what they lose in the design shock.

A clock raises the d that is accepted from nothing to rho, V(0) / (V(0) - V(initial)): what the account can pay and
still be worth something.  A step takes the bids at or below it, best first, until the account is free.  Each slice is
done, looked at and, when the account or the bidder may not stand where it leaves them, taken back.
Source: docs/spec/auction.md.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.admission import Admission, Standing
from worldmarkets.core.atlas import Atlas
from worldmarkets.core.book import Book
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.limits import Limits
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.slices import Slices
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Bid,
        Event,
        Market,
        Order,
        Side,
        Venue,
        as_backstop_taken,
    )
    from worldmarkets.core.units import (
        BILLION,
        MAX_BID_TICKS,
        MAX_EXAMINED,
        MAX_SLICES,
        MAX_TAKES,
        MAX_TRIES,
        SLICE_ROUNDING,
        SLICE_SPARE,
    )
    from worldmarkets.core.wide import mul_div_ceil, mul_div_floor


@cython.final
@cython.cclass
class AuctionFlow:
    """Takes the bids of the backstop book.

    Over a step `takes` counts the slices, `paid` sums what bidders paid for them, and `discount` what they paid less
    than what they took is worth at the mark.  Of the attempt at hand: `loss` is the shock loss that moved, `lots` the
    notional, `price` what the bidder pays, and `cut` what that is below the worth.
    """

    state: State
    ledger: Ledger
    book: Book
    orders: Orders
    limits: Limits
    atlas: Atlas
    admission: Admission
    matching: Matching
    slices: Slices
    outbox: Outbox
    bidder: Standing
    takes: longlong
    paid: longlong
    discount: longlong
    work: longlong
    worth: longlong
    initial: longlong
    resilience_ppm: longlong
    at_resilience: longlong
    bidder_initial: longlong
    loss: longlong
    lots: longlong
    price: longlong
    cut: longlong

    def __init__(
        self, state: State, ledger: Ledger, book: Book, orders: Orders, limits: Limits, atlas: Atlas,
        admission: Admission, matching: Matching, slices: Slices, outbox: Outbox,
    ):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.book = book
        self.orders = orders
        self.limits = limits
        self.atlas = atlas
        self.admission = admission
        self.matching = matching
        self.slices = slices
        self.outbox = outbox
        self.bidder = Standing()
        self.takes = 0
        self.paid = 0
        self.discount = 0
        self.work = 0
        self.worth = 0
        self.initial = 0
        self.resilience_ppm = 0
        self.at_resilience = 0
        self.bidder_initial = 0
        self.loss = 0
        self.lots = 0
        self.price = 0
        self.cut = 0

    def step(self, account: longlong, elapsed_us: longlong, clock_us: longlong, passed: longlong) -> longlong:
        """Let bids take slices of an account that has been in auction for `elapsed_us`; return where it got to.

        That is the id of a bid, after which the next step goes on, or 0: then it begins with the best again.  Bounded:
        MAX_TAKES slices, MAX_SLICES contracts, MAX_EXAMINED bids; what is left waits for the next step.
        """
        side: longlong = self.state.get_side(self.state.venue.rows[1].backstop_market, SELL)
        resting: longlong
        accepted: longlong
        looks: longlong = 0
        self.takes = 0
        self.paid = 0
        self.discount = 0
        self.work = 0
        self.look(account)
        accepted = self.compute_accepted(elapsed_us, clock_us)
        while accepted > 0 and self.initial < 0:
            if self.takes >= MAX_TAKES or self.work >= MAX_SLICES or looks >= MAX_EXAMINED:
                break
            resting = self.find_after(side, passed)
            if resting == NONE or self.state.orders.rows[resting].price_ticks > accepted:
                passed = 0
                break
            looks += 1
            passed = self.state.orders.rows[resting].id
            self.meet(account, resting)
        self.matching.slices += self.work
        return passed if self.initial < 0 else 0

    def look(self, account: longlong) -> None:
        """Note how an account in auction stands: V(0), V(initial), its resilience and V there."""
        self.worth = self.atlas.compute_value(account, 0)
        self.initial = self.atlas.compute_value(account, self.state.venue.rows[1].initial_ppm)
        self.resilience_ppm = max(self.atlas.compute_resilience(account), 0)
        self.at_resilience = self.atlas.compute_value(account, self.resilience_ppm)

    def compute_accepted(self, elapsed_us: longlong, clock_us: longlong) -> longlong:
        """Return the highest d that is accepted, in ticks: the part of rho that the clock has gone.  Rounds down."""
        if self.state.venue.rows[1].backstop_market == NONE or self.worth <= 0 or self.initial >= 0:
            return 0
        rho_ppb: longlong = mul_div_floor(self.worth, BILLION, self.worth - self.initial)
        return mul_div_floor(rho_ppb, min(elapsed_us, clock_us), clock_us) * MAX_BID_TICKS // BILLION

    def find_after(self, side: longlong, passed: longlong) -> longlong:
        """Return the bid after one that was passed, the best one when that is none or gone; 0 when there is none."""
        slot: longlong = NONE if passed == 0 else self.orders.find(passed)
        if slot == NONE:
            return self.book.get_first(side)
        return self.book.get_after(side, slot)

    def meet(self, account: longlong, resting: longlong) -> None:
        """Let one bid take a slice, if it can.  One that has expired leaves; one of the account's own owner stays."""
        order = self.state.orders.read(resting)
        if order.expiry_us != 0 and order.expiry_us <= self.state.venue.rows[1].time_us:
            self.orders.cancel(resting, REASON_EXPIRED, 0, 0)
        elif not self.ledger.is_same_owner(account, order.account):
            self.offer(account, resting)

    def offer(self, account: longlong, resting: longlong) -> None:
        """Let a bid take as much as frees the account, or less when that is void; cancel one that is not carried."""
        order = self.state.orders.read(resting)
        share_ppb: longlong
        tries: longlong = 0
        code: longlong = NOBODY
        self.slices.measure(account, order.bid)
        share_ppb = self.compute_share(order.price_ticks, order.lots * self.state.markets.rows[order.market].lot_quanta)
        while code == NOBODY and share_ppb > 0 and tries < MAX_TRIES and self.work < MAX_SLICES:
            code = self.attempt(account, resting, share_ppb)
            tries += 1
            share_ppb //= 4
        if code == OK:
            self.look(account)
        elif code != NOBODY:
            self.orders.cancel(resting, code, self.admission.needed, self.admission.had)

    def compute_share(self, price: longlong, notional: longlong) -> longlong:
        """Return the share, in ppb, of what a bid covers that it takes: what frees the account, or all it bid for.

        Each part of the shock loss that moves frees as much, less the part d that it costs; a little more is taken for
        what integers leave behind.
        """
        share: longlong = BILLION
        loss: longlong
        if self.slices.loss <= 0 or self.slices.notional <= 0:
            return 0
        loss = mul_div_floor(self.slices.loss, MAX_BID_TICKS - price, MAX_BID_TICKS)
        if loss > -self.initial:
            share = mul_div_ceil(-self.initial, BILLION, loss)
            share = min(share + share // SLICE_SPARE + 1, BILLION)
        if notional < self.slices.notional + SLICE_ROUNDING:
            share = min(share, mul_div_floor(max(notional - SLICE_ROUNDING, 0), BILLION, self.slices.notional))
        return share

    def attempt(self, account: longlong, resting: longlong, share_ppb: longlong) -> longlong:
        """Let a bid take a share of what it covers, or take everything back.

        Returns OK, the code with which the bidder cannot carry it, or NOBODY when it is void: it is more than the bid
        is for, or does the account no good.
        """
        order = self.state.orders.read(resting)
        undo: longlong = self.state.undo.begin()
        events: longlong = self.outbox.length
        code: longlong
        event = as_backstop_taken(self.outbox.emit(BACKSTOP_TAKEN, 0, order.market, account))
        event.order_id = order.id
        event.bidder = order.account
        event.price_ticks = order.price_ticks
        event.share_ppb = share_ppb
        self.admission.take(self.bidder, order.account)
        self.bidder_initial = self.atlas.get_initial(order.account)
        code = self.settle(account, resting, share_ppb)
        if code == OK:
            code = self.check(account, resting)
        if code != OK:
            self.state.undo.rollback(undo)
            self.outbox.length = events
            return code
        event.lots = self.lots
        event.paid = self.price
        event.loss = self.loss
        self.takes += 1
        self.paid += self.price
        self.discount += self.cut
        self.finish(resting)
        return OK

    def settle(self, account: longlong, resting: longlong, share_ppb: longlong) -> longlong:
        """Move a share of what a bid covers, and pay what it changed V(0) by, less d times what it changed the loss by.

        Rounds: the discount down.  Returns OK, BALANCE, or NOBODY.
        """
        order = self.state.orders.read(resting)
        lot: longlong = self.state.markets.rows[order.market].lot_quanta
        worth: longlong
        self.slices.move(account, order.account, order.bid, share_ppb)
        self.work += max(self.slices.contracts, 1)
        self.lots = (self.slices.moved + lot - 1) // lot
        worth = self.atlas.compute_value(account, 0)
        self.loss = self.worth - self.initial - worth
        self.loss += self.atlas.compute_value(account, self.state.venue.rows[1].initial_ppm)
        if self.loss <= 0 or self.lots > order.lots:
            return NOBODY
        self.cut = mul_div_floor(self.loss, order.price_ticks, MAX_BID_TICKS)
        self.price = self.worth - worth - self.cut
        if self.price < 0:
            return OK if self.ledger.pay(account, order.account, -self.price) else NOBODY
        if self.ledger.pay(order.account, account, self.price):
            return OK
        return self.admission.refuse(BALANCE, self.price, self.ledger.get_cash(order.account), NUMERAIRE)

    def check(self, account: longlong, resting: longlong) -> longlong:
        """Return OK when account and bidder may stand where a slice leaves them, NOBODY when it is void.

        The account's V at its resilience does not fall, and V(initial) rises.  The bidder loses no more of V(initial)
        than its bid counted for, and is free.
        """
        order = self.state.orders.read(resting)
        bidder: longlong = order.account
        initial_ppm: longlong = self.state.venue.rows[1].initial_ppm
        value: longlong
        code: longlong
        if self.atlas.compute_value(account, self.resilience_ppm) < self.at_resilience:
            return NOBODY
        if self.atlas.compute_value(account, initial_ppm) <= self.initial:
            return NOBODY
        value = self.atlas.get_initial(bidder)
        if self.bidder_initial - value > self.lots * order.loss_per_lot:
            return NOBODY
        if value < 0:
            return self.admission.refuse(MARGIN, 0, value, initial_ppm)
        self.bidder.is_cautious = self.slices.is_borrowing
        self.bidder.is_crowding = self.slices.is_crowding
        code = self.admission.check(self.bidder)
        if code == OK and self.state.accounts.rows[bidder].limits != 0:
            code = self.limits.count_fill(order.position, order.market, SELL, order.price_ticks, self.lots)
        return code

    def finish(self, resting: longlong) -> None:
        """Take what a slice used up off its bid, and off the bid's partner."""
        order = self.state.orders.read(resting)
        left: longlong = order.lots - self.lots
        minimum: longlong = self.state.markets.rows[order.market].minimum_lots
        if order.condition != NONE:
            self.orders.follow(resting, self.lots, left == 0)
        self.orders.reduce(resting, self.lots)
        if 0 < left < minimum:
            self.orders.cancel(resting, REASON_DUST, minimum, left)
