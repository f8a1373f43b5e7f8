"""Bids of the backstop book: offers to take slices of portfolios, priced as a share d of what they lose in the shock.

The book is a book like the others, with one side: a bid is an ask in it, so that the lowest d is the best and comes
first, and of equal ones the oldest.  A bid never meets an order; an auction takes it (flows/auction.py).  Sizes are
notional, in lots of the numeraire; a tick is a thousandth of the shock loss.  Source: docs/spec/auction.md.
"""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Asset,
        Bid,
        Market,
        Order,
        PlaceBid,
        Venue,
    )
    from worldmarkets.core.units import MAX_BID_TICKS, MAX_CASH, MAX_LOTS, MILLION
    from worldmarkets.core.wide import mul_div_ceil


@cython.final
@cython.cclass
class Bids:
    """Places and amends bids, and says what each takes."""

    state: State
    orders: Orders
    admission: Admission
    matching: Matching

    def __init__(self, state: State, orders: Orders, admission: Admission, matching: Matching):
        self.state = state
        self.orders = orders
        self.admission = admission
        self.matching = matching

    def place(self, command: pointer[PlaceBid]) -> longlong:
        """Rest a bid.  Returns OK or the code of its rejection."""
        account: longlong = command.account
        market: longlong = command.market
        price: longlong = command.price_ticks
        code: longlong
        client: longlong
        loss_ppm: longlong
        slot: longlong
        row: longlong
        if not self.state.has_account(account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, account)
        code = self.check_groups(command)
        if code != OK:
            return code
        if not self.state.has_market(market) or market != self.state.venue.rows[1].backstop_market:
            return self.admission.refuse(UNKNOWN_MARKET, self.state.venue.rows[1].backstop_market, market, market)
        code = self.check_form(command)
        if code != OK:
            return code
        if command.client_id != 0:
            client = self.orders.find_client(account, command.client_id)
            if client != NONE:
                return self.matching.repeat(client)
        loss_ppm = self.compute_loss_ppm(command)
        code = self.check_carried(account, market, price, command.lots, loss_ppm)
        if code != OK:
            return code
        slot = self.matching.create(self.state.accounts.rows[account].cash, market, SELL, price, command.lots,
                                    command.flags)  # fmt: skip
        row = self.state.bids.allocate()
        bid = self.state.bids.edit(row)
        bid.order = slot
        bid.loss_ppm = loss_ppm
        bid.group_a = command.group_a
        bid.group_b = command.group_b
        bid.group_c = command.group_c
        bid.group_d = command.group_d
        order = self.state.orders.edit(slot)
        order.bid = row
        order.loss_per_lot = self.compute_loss(market, price, loss_ppm)
        if command.time_in_force == GOOD_TILL_TIME:
            order.expiry_us = command.expiry_us
        if command.client_id != 0:
            self.orders.remember_client(slot, command.client_id)
        self.matching.report_placed(slot, command.time_in_force)
        self.orders.rest(slot)
        return OK

    def check_groups(self, command: pointer[PlaceBid]) -> longlong:
        """Return UNKNOWN_GROUP for a group that there is not, or that is the numeraire's."""
        code: longlong = self.check_group(command.group_a)
        if code == OK:
            code = self.check_group(command.group_b)
        if code == OK:
            code = self.check_group(command.group_c)
        return code if code != OK else self.check_group(command.group_d)

    def check_group(self, group: longlong) -> longlong:
        """Return UNKNOWN_GROUP unless a group is one that assets have, or none."""
        last: longlong = self.state.groups.get_used()
        if group > last or (group != NONE and group == self.state.assets.rows[NUMERAIRE].group):
            return self.admission.refuse(UNKNOWN_GROUP, last, group, group)
        return OK

    def check_form(self, command: pointer[PlaceBid]) -> longlong:
        """Return the code of what is wrong with a bid by itself."""
        rules = self.state.markets.read(command.market)
        venue = self.state.venue.read(1)
        lots: longlong = command.lots
        if lots <= 0:
            return self.admission.refuse(SIZE_NOT_POSITIVE, 1, lots, command.market)
        if lots < rules.minimum_lots:
            return self.admission.refuse(SIZE_TOO_SMALL, rules.minimum_lots, lots, command.market)
        if lots > MAX_LOTS:
            return self.admission.refuse(SIZE_TOO_LARGE, MAX_LOTS, lots, command.market)
        if command.price_ticks == 0 or command.price_ticks > rules.max_ticks:
            return self.admission.refuse(PRICE_OUT_OF_RANGE, rules.max_ticks, command.price_ticks, command.market)
        if lots > MAX_CASH // rules.lot_quanta:
            return self.admission.refuse(NOTIONAL_TOO_LARGE, MAX_CASH, lots, command.market)
        if command.time_in_force == GOOD_TILL_TIME and command.expiry_us <= venue.time_us:
            return self.admission.refuse(EXPIRY_PAST, venue.time_us, command.expiry_us, command.market)
        if not self.is_combination(command):
            return self.admission.refuse(BAD_COMBINATION, 0, command.flags, command.time_in_force)
        if venue.mode != OPEN:
            return self.admission.refuse(VENUE_MODE, OPEN, venue.mode, 0)
        if rules.mode != OPEN and rules.mode != POST_ONLY_MODE:
            return self.admission.refuse(MARKET_MODE, OPEN, rules.mode, command.market)
        return OK

    def is_combination(self, command: pointer[PlaceBid]) -> cython.bint:
        """Say whether a bid's options go together: it rests, until cancelled or until a time."""
        is_resting: cython.bint = command.time_in_force == GOOD_TILL_CANCEL or command.time_in_force == GOOD_TILL_TIME
        return is_resting and command.flags == 0 and command.client_id >= 0

    def check_carried(self, account: longlong, market: longlong, price: longlong, lots: longlong,
                      loss_ppm: longlong) -> longlong:  # fmt: skip
        """Return the code that keeps an account from resting a bid: its limits, or what all its orders could lose."""
        code: longlong
        if self.state.accounts.rows[account].limits != 0:
            code = self.matching.limits.check_order(self.state.accounts.rows[account].cash, market, SELL, price, lots,
                                                    0, GOOD_TILL_CANCEL)  # fmt: skip
            if code != OK:
                return code
        if self.matching.is_bundle:  # its end asks once for all
            return OK
        return self.matching.check_open_orders(account, lots * self.compute_loss(market, price, loss_ppm))

    def amend(self, slot: longlong, price: longlong, lots: longlong) -> longlong:
        """Put a bid at the back of another price, or of its own with more lots; what it takes stays."""
        order = self.state.orders.read(slot)
        loss_ppm: longlong = self.state.bids.rows[order.bid].loss_ppm
        code: longlong
        self.orders.withdraw(slot)
        code = self.check_carried(order.account, order.market, price, lots, loss_ppm)
        if code != OK:
            return code
        changed = self.state.orders.edit(slot)
        changed.price_ticks = price
        changed.lots = lots
        changed.loss_per_lot = self.compute_loss(order.market, price, loss_ppm)
        self.orders.report_amended(slot, False)
        self.orders.rest(slot)
        return OK

    # What a bid takes, and could lose.

    def is_covering(self, row: longlong, group: longlong) -> cython.bint:
        """Say whether a bid takes what is in a group; one that names none takes everything."""
        bid = self.state.bids.read(row)
        if bid.group_a == NONE and bid.group_b == NONE and bid.group_c == NONE and bid.group_d == NONE:
            return True
        return group == bid.group_a or group == bid.group_b or group == bid.group_c or group == bid.group_d

    def compute_loss_ppm(self, command: pointer[PlaceBid]) -> longlong:
        """Return what the notional that a bid takes may lose in the design shock, by the worst asset of its groups.

        The shock of the price, the cost of exit, the basis, and the haircut of a claim: hedges lose less.
        """
        row: longlong
        worst: longlong = 0
        is_any: cython.bint = command.group_a | command.group_b | command.group_c | command.group_d == NONE
        for row in range(1, self.state.venue.rows[1].assets + 1):
            asset = self.state.assets.read(row)
            if is_any or (
                asset.group == command.group_a
                or asset.group == command.group_b
                or asset.group == command.group_c
                or asset.group == command.group_d
            ):
                worst = max(worst, min(asset.price_shock_ppm, MILLION) + asset.slippage_ppm + asset.basis_ppm)
        return worst + self.state.venue.rows[1].lent_haircut_ppm

    def compute_loss(self, market: longlong, price: longlong, loss_ppm: longlong) -> longlong:
        """Return what one lot of a bid may lose: the shock loss of its notional, less the share d that it is paid."""
        lot: longlong = mul_div_ceil(self.state.markets.rows[market].lot_quanta, loss_ppm, MILLION)
        return mul_div_ceil(lot, MAX_BID_TICKS - price, MAX_BID_TICKS)
