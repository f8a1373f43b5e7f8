"""What a delegate key may do under its mandate: which commands, in which markets, how much, and down to where.

`active` is the mandate of the command that is being done, 0 when it is no delegate's.  Orders that a delegate placed
or amended last stay under its mandate while they rest: their fills are asked too.
"""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.atlas import Atlas
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.keys import Keys
from worldmarkets.core.limits import Limits
from worldmarkets.core.orders import Orders
from worldmarkets.core.state import State
from worldmarkets.core.tables import MandateTable

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Command,
        Mandate,
        Market,
        Order,
        Venue,
        as_contract_change,
        as_mass_quote,
        as_order_change,
        as_order_pair,
        as_place_order,
        as_protect,
        as_quote,
        as_set_limits,
    )
    from worldmarkets.core.units import ALL_MARKETS, DAY, NO_LIMIT
    from worldmarkets.core.wide import bit


@cython.final
@cython.cclass
class Mandates:
    """The terms of mandates, asked before a command, at fills, and after it."""

    state: State
    keys: Keys
    orders: Orders
    perps: Perps
    loans: Loans
    limits: Limits
    atlas: Atlas
    admission: Admission
    mandates: MandateTable
    active: longlong
    margin_before: longlong

    def __init__(
        self, state: State, keys: Keys, orders: Orders, perps: Perps, loans: Loans, limits: Limits, atlas: Atlas,
        admission: Admission,
    ):  # fmt: skip
        self.state = state
        self.keys = keys
        self.orders = orders
        self.perps = perps
        self.loans = loans
        self.limits = limits
        self.atlas = atlas
        self.admission = admission
        self.mandates = state.mandates
        self.active = NONE
        self.margin_before = 0

    # Around a command.

    def begin(self, row: longlong) -> None:
        """Let what follows be done under a mandate, and note how its account stands."""
        self.active = row
        if self.is_valued(row):
            self.margin_before = self.get_margin(row)
            self.begin_day(row)

    def finish(self) -> longlong:
        """Return the code with which an account may not stand after a delegate's command."""
        row: longlong = self.active
        code: longlong = OK
        self.active = NONE
        if self.is_valued(row) and self.get_margin(row) < self.margin_before:
            code = self.check_standing(row)
        return code

    def is_valued(self, row: longlong) -> cython.bint:
        """Say whether a mandate asks what its account is worth."""
        mandate = self.mandates.read(row)
        return mandate.floor != NO_LIMIT or mandate.day_loss != NO_LIMIT

    def get_margin(self, row: longlong) -> longlong:
        """Return V(initial) of a mandate's account."""
        return self.atlas.compute_value(self.mandates.rows[row].account, self.state.venue.rows[1].initial_ppm)

    def check_standing(self, row: longlong) -> longlong:
        """Return the code when a mandate's account stands below its floor, or lost more today than it may."""
        mandate = self.mandates.read(row)
        margin: longlong = self.get_margin(row)
        loss: longlong
        if mandate.floor != NO_LIMIT and margin < mandate.floor:
            return self.admission.refuse(MANDATE_FLOOR, mandate.floor, margin, mandate.account)
        if mandate.day_loss != NO_LIMIT:
            self.begin_day(row)
            loss = mandate.opening - self.atlas.compute_value(mandate.account, 0)
            if loss > mandate.day_loss:
                return self.admission.refuse(MANDATE_LOSS, mandate.day_loss, loss, mandate.account)
        return OK

    def begin_day(self, row: longlong) -> None:
        """Start a mandate's counts of a day, when it is another one."""
        today: longlong = self.state.venue.rows[1].time_us // DAY
        if self.mandates.rows[row].day != today:
            mandate = self.mandates.edit(row)
            mandate.day = today
            mandate.turnover = 0
            mandate.opening = self.atlas.compute_value(mandate.account, 0)

    # Which commands, and where.

    def check_kind(self, row: longlong, kind: longlong) -> longlong:
        """Return MANDATE_KIND unless a mandate allows a kind of command."""
        mandate = self.mandates.read(row)
        if kind < COMMAND_KINDS and bit(kind) & mandate.kinds != 0:
            return OK
        return self.admission.refuse(MANDATE_KIND, kind, 0, mandate.account)

    def check_command(self, command: pointer[Command]) -> longlong:
        """Return the code that keeps a delegate from a command: a kind or a market that its mandate does not name."""
        code: longlong = self.check_kind(self.active, command.kind)
        return code if code != OK else self.check_place(command)

    def check_place(self, command: pointer[Command]) -> longlong:
        """Return MANDATE_MARKET when a command is about a market, or the whole account, beyond the mandate."""
        market: longlong = self.find_market(command)
        slot: longlong
        if market != NONE:
            if not self.has_market(market):
                return self.forbid(market)
            if command.kind == PLACE_ORDER and as_place_order(command).borrow_rate_bp != 0:
                return self.check_books(market, as_place_order(command).side)
            if command.kind == AMEND_ORDER:
                slot = self.find_order(command)
                if self.state.orders.rows[slot].borrow_rate_bp != 0:
                    return self.check_books(market, self.state.orders.rows[slot].side)
        return OK

    def has_market(self, market: longlong) -> cython.bint:
        """Say whether the active mandate allows a market, or (ALL_MARKETS) what is about none in particular."""
        if market == ALL_MARKETS:
            return self.mandates.rows[self.active].has_all_markets != 0
        return self.keys.has_market(self.active, market)

    def forbid(self, market: longlong) -> longlong:
        """Refuse a market."""
        return self.admission.refuse(MANDATE_MARKET, market, 0, self.mandates.rows[self.active].account)

    def check_books(self, market: longlong, side: longlong) -> longlong:
        """Return MANDATE_MARKET unless the mandate allows every loan book that a spot order may borrow in."""
        asset: longlong = self.state.markets.rows[market].asset if side == SELL else NUMERAIRE
        book: longlong = self.state.assets.rows[asset].loan_market
        while book != NONE:
            if not self.has_market(book):
                return self.forbid(book)
            book = self.state.markets.rows[book].next_book
        return OK

    def find_market(self, command: pointer[Command]) -> longlong:
        """Return the market that a command is about: ALL_MARKETS for more than one, 0 for what is not there."""
        kind: longlong = command.kind
        market: longlong = NONE
        slot: longlong
        if kind == PLACE_ORDER:
            return as_place_order(command).market
        if kind == QUOTE:
            return as_quote(command).market
        if kind == CANCEL_ORDER or kind == AMEND_ORDER or kind == PAIR_ORDERS:
            slot = self.find_order(command)
            return NONE if slot == NONE else self.state.orders.rows[slot].market
        if kind == MASS_QUOTE and not command.flags & PULL_OTHERS:
            return NONE
        if kind == TRUE_UP or kind == COMPRESS or kind == CONFIGURE_LOAN or self.is_about_loan(kind):
            return self.find_contract_market(command)
        if kind == CANCEL_ALL:
            market = as_order_change(command).market
        elif kind == MASS_QUOTE:
            market = as_mass_quote(command).market
        elif kind == SET_PROTECTION or kind == RESET_PROTECTION:
            market = as_protect(command).market
        elif kind == SET_LIMITS:
            market = as_set_limits(command).market
        return ALL_MARKETS if market == NONE else market

    def is_about_loan(self, kind: longlong) -> cython.bint:
        """Say whether a kind of command names a loan."""
        return kind == REPAY_LOAN or kind == EXTEND_LOAN or kind == EXIT_LOAN or kind == RENEW_LOAN

    def find_order(self, command: pointer[Command]) -> longlong:
        """Return the row of the order that a command names first, or 0."""
        if command.kind == PAIR_ORDERS:
            pair = as_order_pair(command)
            return self.orders.find_named(command.account, pair.order_id, pair.client_id)
        change = as_order_change(command)
        return self.orders.find_named(command.account, change.order_id, change.client_id)

    def find_contract_market(self, command: pointer[Command]) -> longlong:
        """Return the market of the contract that a command names: ALL_MARKETS for an account's choice and for IOUs."""
        change = as_contract_change(command)
        row: longlong
        market: longlong
        if command.kind == TRUE_UP or command.kind == COMPRESS:
            row = self.perps.find_id(change.contract_id)
            return NONE if row == NONE else self.perps.perps.rows[row].market
        if command.kind == CONFIGURE_LOAN and change.contract_id == 0:
            return ALL_MARKETS
        row = self.loans.find(change.contract_id)
        if row == NONE:
            return NONE
        market = self.loans.loans.rows[row].market
        return ALL_MARKETS if market == NONE else market

    # How much.

    def check_order(self, market: longlong, price: longlong, lots: longlong) -> longlong:
        """Return the code when an order of a delegate comes to more than its mandate allows, by itself or in a day."""
        mandate = self.mandates.read(self.active)
        notional: longlong = self.limits.compute_notional(market, price, lots)
        filled: longlong = 0
        if mandate.order_notional != NO_LIMIT and notional > mandate.order_notional:
            return self.admission.refuse(MANDATE_ORDER, mandate.order_notional, notional, market)
        if mandate.day == self.state.venue.rows[1].time_us // DAY:
            filled = mandate.turnover
        if mandate.day_notional != NO_LIMIT and filled + notional > mandate.day_notional:
            return self.admission.refuse(MANDATE_DAY, mandate.day_notional, filled + notional, market)
        return OK

    def count_fill(self, row: longlong, market: longlong, price: longlong, lots: longlong, is_reducing: cython.bint
                   ) -> longlong:  # fmt: skip
        """Count a fill of an order under a mandate; return the code or reason with which that forbids it, or OK.

        The command that is being done is asked how its account stands when it ends, others at every fill; what only
        reduces is never asked.
        """
        now: longlong = self.state.venue.rows[1].time_us
        mandate = self.mandates.edit(row)
        if mandate.state == MANDATE_REVOKED:
            return self.admission.refuse(REASON_KEY_REVOKED, 0, 0, mandate.account)
        if now > mandate.expiry_us:
            return self.admission.refuse(KEY_EXPIRED, now, mandate.expiry_us, mandate.account)
        self.begin_day(row)
        mandate.turnover += self.limits.compute_notional(market, price, lots)
        if mandate.day_notional != NO_LIMIT and mandate.turnover > mandate.day_notional:
            return self.admission.refuse(MANDATE_DAY, mandate.day_notional, mandate.turnover, market)
        return OK if row == self.active or is_reducing else self.check_standing(row)

    # Money that comes and goes.

    def open_flow(self, account: longlong) -> longlong:
        """Return what an account with delegates is worth, before money comes or goes; 0 without any."""
        return 0 if self.keys.get_first(account) == NONE else self.atlas.compute_value(account, 0)

    def close_flow(self, account: longlong, before: longlong) -> None:
        """Let what came or went be neither gain nor loss of the day."""
        row: longlong = self.keys.get_first(account)
        change: longlong
        if row != NONE:
            change = self.atlas.compute_value(account, 0) - before
            while row != NONE:
                mandate = self.mandates.edit(row)
                mandate.opening += change
                row = mandate.next
