"""Loans: bilateral contracts (lender, borrower, asset, principal, rate, start, due), and IOUs, which are short ones."""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.ledger import Ledger
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.tables import LoanTable, PositionTable

if not cython.compiled:
    from worldmarkets.core.codes import LOAN_IOU, LOAN_OPENED, LOAN_REPAID, NONE, SELL
    from worldmarkets.core.interest import compute_hours, compute_interest
    from worldmarkets.core.records import (
        Account,
        Asset,
        Credit,
        Event,
        Figure,
        Loan,
        Market,
        Position,
        Side,
        Venue,
        as_loan_opened,
        as_loan_repaid,
    )
    from worldmarkets.core.units import (
        HOUR,
        IOU_HOURS,
        LADDER_TOP,
        MAX_RATE_BP,
        MINIMUM_LOAN_HOURS,
        ORDER_SLOT_BITS,
    )


@cython.final
@cython.cclass
class Loans:
    """Loan contracts and the sums over them."""

    state: State
    ledger: Ledger
    outbox: Outbox
    loans: LoanTable
    positions: PositionTable

    def __init__(self, state: State, ledger: Ledger, outbox: Outbox):
        self.state = state
        self.ledger = ledger
        self.outbox = outbox
        self.loans = state.loans
        self.positions = state.positions

    def find(self, contract_id: longlong) -> longlong:
        """Return the row of a loan, or 0."""
        row: longlong = contract_id & ((1 << ORDER_SLOT_BITS) - 1)
        if row == NONE or row > self.loans.get_used() or self.loans.rows[row].id != contract_id:
            return NONE
        return row

    def compute_hours(self, row: longlong, now_us: longlong) -> longlong:
        """Return the hours of interest due: rounded up, at least eight once in a loan's life."""
        loan = self.loans.read(row)
        hours: longlong = compute_hours(loan.interest_from_us, now_us)
        if not loan.minimum_paid and not loan.flags & LOAN_IOU and hours < MINIMUM_LOAN_HOURS:
            hours = MINIMUM_LOAN_HOURS
        return hours

    def compute_due(self, row: longlong, principal: longlong, now_us: longlong) -> longlong:
        """Return the interest due now on `principal` of a loan."""
        loan = self.loans.read(row)
        return compute_interest(principal, loan.rate_bp, self.compute_hours(row, now_us))

    def open(
        self,
        lender: longlong,
        borrower: longlong,
        market: longlong,
        asset: longlong,
        principal: longlong,
        rate_bp: longlong,
        cap_bp: longlong,
        flags: longlong,
        tenor_hours: longlong,
    ) -> longlong:
        """Write a loan contract and return its row.  The principal has been moved already; an IOU moves none."""
        row: longlong = self.loans.allocate()
        lent: longlong = self.ledger.need(lender, asset)
        owed: longlong = self.ledger.need(borrower, asset)
        venue = self.state.venue.read(1)
        loan = self.loans.edit(row)
        loan.id = self.loans.get_serial() << ORDER_SLOT_BITS | row
        loan.principal = principal
        loan.start_us = venue.time_us
        loan.interest_from_us = venue.time_us
        loan.due_us = venue.time_us + tenor_hours * HOUR
        loan.lender = lender
        loan.borrower = borrower
        loan.asset = asset
        loan.market = market
        loan.rate_bp = rate_bp
        loan.cap_bp = cap_bp
        loan.flags = flags
        loan.tenor_hours = tenor_hours
        self.link(row, lent, owed)
        self.count(row, principal)
        self.ledger.add_contract(borrower, 1)
        self.refresh(owed)
        event = as_loan_opened(self.outbox.emit(LOAN_OPENED, 0, market, borrower))
        event.contract_id = loan.id
        event.principal = principal
        event.due_us = loan.due_us
        event.lender = lender
        event.rate_bp = rate_bp
        event.asset = asset
        event.loan_flags = flags
        return row

    def link(self, row: longlong, lent: longlong, owed: longlong) -> None:
        """Put a loan at the head of its lender's and its borrower's ring."""
        loan = self.loans.edit(row)
        claims = self.ledger.edit(lent)
        debts = self.ledger.edit(owed)
        loan.lender_next = row
        loan.lender_previous = row
        loan.borrower_next = row
        loan.borrower_previous = row
        if claims.first_lent != NONE:
            head = self.loans.edit(claims.first_lent)
            loan.lender_next = claims.first_lent
            loan.lender_previous = head.lender_previous
            tail = self.loans.edit(head.lender_previous)
            tail.lender_next = row
            head.lender_previous = row
        if debts.first_borrowed != NONE:
            head = self.loans.edit(debts.first_borrowed)
            loan.borrower_next = debts.first_borrowed
            loan.borrower_previous = head.borrower_previous
            tail = self.loans.edit(head.borrower_previous)
            tail.borrower_next = row
            head.borrower_previous = row
        claims.first_lent = row
        debts.first_borrowed = row

    def unlink(self, row: longlong) -> None:
        """Take a loan out of both rings."""
        loan = self.loans.read(row)
        claims = self.ledger.edit(self.ledger.find(loan.lender, loan.asset))
        debts = self.ledger.edit(self.ledger.find(loan.borrower, loan.asset))
        before = self.loans.edit(loan.lender_previous)
        before.lender_next = loan.lender_next
        after = self.loans.edit(loan.lender_next)
        after.lender_previous = loan.lender_previous
        before = self.loans.edit(loan.borrower_previous)
        before.borrower_next = loan.borrower_next
        after = self.loans.edit(loan.borrower_next)
        after.borrower_previous = loan.borrower_previous
        if claims.first_lent == row:
            claims.first_lent = NONE if loan.lender_next == row else loan.lender_next
        if debts.first_borrowed == row:
            debts.first_borrowed = NONE if loan.borrower_next == row else loan.borrower_next

    def count(self, row: longlong, change: longlong) -> None:
        """Add a change of a loan's principal to the sums of both parties."""
        loan = self.loans.read(row)
        claims = self.ledger.edit(self.ledger.find(loan.lender, loan.asset))
        debts = self.ledger.edit(self.ledger.find(loan.borrower, loan.asset))
        if loan.flags & LOAN_IOU:
            lender = self.state.accounts.edit(loan.lender)
            borrower = self.state.accounts.edit(loan.borrower)
            lender.iou_lent += change
            borrower.iou_owed += change
        else:
            claims.lent += change
            debts.borrowed += change
            asset = self.state.assets.edit(loan.asset)
            asset.lent += change
        self.add_credit(loan.lender, loan.borrower, loan.asset, change)

    def add_credit(self, lender: longlong, borrower: longlong, asset: longlong, change: longlong) -> None:
        """Add to what one account has lent another of an asset."""
        row: longlong = self.state.credit_index.find(lender, borrower, asset)
        if row == NONE:
            row = self.state.credits.allocate()
            self.state.credit_index.insert(lender, borrower, asset, row)
        credit = self.state.credits.edit(row)
        credit.lender = lender
        credit.borrower = borrower
        credit.asset = asset
        credit.principal += change
        if credit.principal == 0:
            self.state.credit_index.remove(row)
            self.state.credits.release(row)

    def refresh(self, position: longlong) -> None:
        """Recompute what a borrower's position owes: the highest rate and longest tenor of its loans, on all of it."""
        debts = self.ledger.edit(position)
        rate: longlong = 0
        tenor: longlong = 0
        loans: longlong = 0
        due: longlong = 0
        row: longlong = debts.first_borrowed
        while row != NONE:
            loan = self.loans.read(row)
            if not loan.flags & LOAN_IOU:
                if loan.rate_bp > rate:
                    rate = loan.rate_bp
                if loan.tenor_hours > tenor:
                    tenor = loan.tenor_hours
                if due == 0 or loan.due_us < due:
                    due = loan.due_us
            loans += 1
            row = loan.borrower_next
            if row == debts.first_borrowed:
                break
        debts.max_rate_bp = rate
        debts.tenor_hours = tenor
        debts.loans = loans
        debts.owed = debts.borrowed + compute_interest(debts.borrowed, rate, tenor)
        if debts.first_due_us != due:
            debts.first_due_us = due
            self.refresh_due(debts.account)

    def refresh_due(self, account: longlong) -> None:
        """Note when the first of an account's loans falls due: from then on its value falls with time."""
        due: longlong = 0
        figure: longlong = self.state.accounts.rows[account].first_group
        row: longlong
        while figure != NONE:
            row = self.state.figures.rows[figure].first_position
            while row != NONE:
                position = self.positions.read(row)
                if position.first_due_us != 0 and (due == 0 or position.first_due_us < due):
                    due = position.first_due_us
                row = position.next
            figure = self.state.figures.rows[figure].next
        record = self.state.accounts.edit(account)
        record.first_due_us = due

    def call(self, row: longlong, now_us: longlong) -> None:
        """Let a loan fall due now.  What it owes does not change by that."""
        loan = self.loans.edit(row)
        loan.due_us = now_us
        self.refresh(self.ledger.find(loan.borrower, loan.asset))

    def open_iou(self, payee: longlong, payer: longlong, asset: longlong, amount: longlong) -> None:
        """Turn what a payer's balance does not cover into a 24-hour loan at the best lend rate plus a penalty."""
        market: longlong = self.state.assets.rows[asset].loan_market
        rate: longlong = self.state.venue.rows[1].iou_penalty_bp
        if market != NONE and self.state.sides.rows[2 * market + SELL].best > 0:
            rate += LADDER_TOP - self.state.sides.rows[2 * market + SELL].best
        rate = min(rate, MAX_RATE_BP)
        self.open(payee, payer, market, asset, amount, rate, rate, LOAN_IOU, IOU_HOURS)
        record = self.state.accounts.edit(payer)
        record.ious += 1

    def repay(self, row: longlong, principal: longlong, interest: longlong) -> None:
        """Pay `principal` and `interest` of a loan; the borrower's balance covers both."""
        loan = self.loans.edit(row)
        asset: longlong = loan.asset
        lender: longlong = loan.lender
        borrower: longlong = loan.borrower
        owed: longlong = self.ledger.find(borrower, asset)
        assert self.ledger.move(borrower, lender, asset, principal + interest)
        self.count(row, -principal)
        loan.principal -= principal
        event = as_loan_repaid(self.outbox.emit(LOAN_REPAID, 0, loan.market, borrower))
        event.contract_id = loan.id
        event.principal = principal
        event.interest = interest
        event.left = loan.principal
        event.lender = lender
        event.asset = asset
        if loan.principal == 0:
            if loan.flags & LOAN_IOU:
                record = self.state.accounts.edit(borrower)
                record.ious -= 1
            self.unlink(row)
            self.ledger.add_contract(borrower, -1)
            self.loans.release(row)
        self.refresh(owed)
