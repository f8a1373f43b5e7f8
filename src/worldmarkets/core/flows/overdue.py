"""The close-out of one overdue contract: its lender is paid from what the borrower has, up to that contract's claim.

First in the loan's own asset, then in numeraire, then in other holdings, those that move least first, at the mark less
slippage and half the price shock.  Each delivery is admitted like a command of the borrower and taken back where it is
not, so that nothing else of the portfolio is unwound.  A lender may keep the loan instead, as an IOU at the penalty
rate.  Source: docs/spec/loans.md.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.admission import Admission, Standing
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import FEED_VALID, IN_KIND, LOAN_DELIVERED, LOAN_DUE, LOAN_IOU, NONE, NUMERAIRE, OK
    from worldmarkets.core.records import Account, Asset, Event, Loan, Position, Venue, as_loan_delivered
    from worldmarkets.core.units import BASIS, GRID, HOURS_A_YEAR, MAX_SUPPLY, MILLION, OVERDUE_PAUSE
    from worldmarkets.core.wide import clamp_wide, mul_div_floor, narrow_floor, wide, wide_div_ceil, wide_div_floor


@cython.final
@cython.cclass
class OverdueFlow:
    """Closes overdue loans out, each for itself."""

    state: State
    ledger: Ledger
    loans: Loans
    admission: Admission
    oracle: Oracle
    outbox: Outbox
    standing: Standing
    principal: longlong
    interest: longlong

    def __init__(self, state: State, ledger: Ledger, loans: Loans, admission: Admission, oracle: Oracle,
                 outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.loans = loans
        self.admission = admission
        self.oracle = oracle
        self.outbox = outbox
        self.standing = Standing()
        self.principal = 0
        self.interest = 0

    def close(self, row: longlong) -> None:
        """Close an overdue loan out as far as it goes now; what is left is tried again."""
        loan = self.loans.loans.read(row)
        identity: longlong = loan.id
        if self.state.accounts.rows[loan.lender].keeps_overdue and not loan.flags & LOAN_IOU:
            self.loans.turn_into_iou(row)
        else:
            self.deliver_all(row, identity)
        if self.loans.find(identity) != NONE:
            left = self.loans.loans.edit(row)
            left.timer = self.loans.timers.schedule(LOAN_DUE, row, self.state.venue.rows[1].time_us + OVERDUE_PAUSE)

    def deliver_all(self, row: longlong, identity: longlong) -> None:
        """Deliver what the borrower has, in order, until the loan is repaid."""
        loan = self.loans.loans.read(row)
        borrower: longlong = loan.borrower
        asset: longlong = loan.asset
        shock: longlong = -1
        last: longlong = NONE
        position: longlong
        self.deliver(row, asset)
        if asset != NUMERAIRE and self.loans.find(identity) != NONE:
            self.deliver(row, NUMERAIRE)
        position = self.ledger.find_holding(borrower, shock, last)
        while position != NONE and self.loans.find(identity) != NONE:
            last = self.state.positions.rows[position].asset
            shock = self.state.assets.rows[last].price_shock_ppm
            if last != asset and last != NUMERAIRE:
                self.deliver(row, last)
            position = self.ledger.find_holding(borrower, shock, last)

    def deliver(self, row: longlong, asset: longlong) -> None:
        """Deliver of one asset what the loan still asks for; take it back where the borrower is not admitted for it."""
        loan = self.loans.loans.read(row)
        borrower: longlong = loan.borrower
        balance: longlong = self.ledger.get_balance(borrower, asset)
        undo: longlong = self.state.undo.begin()
        events: longlong = self.outbox.length
        if balance > 0 and self.ledger.has_room(loan.lender, asset) and (
            asset == loan.asset
            or (self.oracle.get_feed(asset) == FEED_VALID and self.oracle.get_feed(loan.asset) == FEED_VALID)
        ):
            self.admission.take(self.standing, borrower)
            self.pay(row, asset, balance)
            if self.admission.check(self.standing) != OK:
                self.state.undo.rollback(undo)
                self.outbox.length = events

    def compute_unit(self, asset: longlong) -> longlong:
        """Return grid steps that a delivered quantum counts: the mark, less slippage and half the shock; down."""
        rules = self.state.assets.read(asset)
        part: longlong = 2 * MILLION - 2 * rules.slippage_ppm - rules.price_shock_ppm
        return mul_div_floor(rules.unit, max(part, 0), 2 * MILLION)

    @cython.overflowcheck(False)
    def convert(self, amount: longlong, unit: longlong, other: longlong, is_up: cython.bint) -> longlong:
        """Return how much at `other` grid steps a quantum is worth `amount` at `unit`, up or down; at most 10**18."""
        worth: wide = amount
        worth *= unit
        worth = wide_div_ceil(worth, other) if is_up else wide_div_floor(worth, other)
        return narrow_floor(clamp_wide(worth, MAX_SUPPLY), 1)

    def pay(self, row: longlong, asset: longlong, balance: longlong) -> None:
        """Pay what `balance` of an asset covers of a loan, and no more than it owes.

        Rounds: against the borrower, what is delivered up, once.
        """
        loan = self.loans.loans.read(row)
        lender: longlong = loan.lender
        borrower: longlong = loan.borrower
        identity: longlong = loan.id
        own: longlong = self.state.assets.rows[loan.asset].unit
        unit: longlong = own if asset == loan.asset else self.compute_unit(asset)
        amount: longlong = 0
        self.principal = 0
        if unit > 0 and own > 0:
            self.fit(row, self.convert(balance, unit, own, False))
            amount = self.convert(self.principal + self.interest, own, unit, True)
        if self.principal > 0 and amount <= balance:
            assert self.ledger.move(borrower, lender, asset, amount)
            self.loans.retire(row, self.principal, self.interest, OK if asset == loan.asset else IN_KIND)
            event = as_loan_delivered(self.outbox.emit(LOAN_DELIVERED, 0, 0, borrower))
            event.contract_id = identity
            event.amount = amount
            event.value = self.convert(amount, unit, GRID, False)
            event.principal = self.principal
            event.interest = self.interest
            event.lender = lender
            event.asset = asset

    def fit(self, row: longlong, budget: longlong) -> None:
        """Find the principal that a budget in the loan's asset repays, with the interest on it.

        Less than the asset's minimum principal is not left; of an IOU the interest on all of it is paid first.
        """
        loan = self.loans.loans.read(row)
        now: longlong = self.state.venue.rows[1].time_us
        least: longlong = self.state.assets.rows[loan.asset].minimum_principal
        year: longlong = BASIS * HOURS_A_YEAR
        principal: longlong
        if loan.flags & LOAN_IOU:
            self.interest = self.loans.compute_due(row, loan.principal, now)
            self.principal = min(loan.principal, max(budget - self.interest, 0))
        else:
            principal = min(
                mul_div_floor(budget, year, year + loan.rate_bp * self.loans.compute_hours(row, now)), loan.principal
            )  # fmt: skip
            while principal > 0 and principal + self.loans.compute_due(row, principal, now) > budget:
                principal -= 1
            if principal < loan.principal and loan.principal - principal < least:
                principal = max(loan.principal - least, 0)
            self.principal = principal
            self.interest = self.loans.compute_due(row, principal, now)
