"""The life of a loan after its match: repayment in part or whole, extension, principal that returns to the book."""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.matching import Matching
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Asset,
        ContractChange,
        Event,
        Loan,
        Market,
        Position,
        Side,
        Venue,
        as_loan_extended,
    )
    from worldmarkets.core.units import HOUR, LADDER_TOP, MAX_SUPPLY, SIDES


@cython.final
@cython.cclass
class BorrowFlow:
    """Repayments and extensions."""

    state: State
    ledger: Ledger
    loans: Loans
    matching: Matching
    admission: Admission
    outbox: Outbox

    def __init__(self, state: State, ledger: Ledger, loans: Loans, matching: Matching, admission: Admission,
                 outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.loans = loans
        self.matching = matching
        self.admission = admission
        self.outbox = outbox

    def check_borrower(self, row: longlong, command: pointer[ContractChange]) -> longlong:
        """Return the code that keeps an account from acting on a loan as its borrower."""
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if row == NONE:
            return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, command.contract_id)
        if self.loans.loans.rows[row].borrower != command.account:
            return self.admission.refuse(NOT_OWNER, 0, 0, command.contract_id)
        return OK

    def repay(self, command: pointer[ContractChange]) -> longlong:
        """Repay `amount` of a loan's principal (0: all) with the interest due on that part.

        What would leave less than the asset's minimum principal takes the rest along.
        """
        row: longlong = self.loans.find(command.contract_id)
        code: longlong = self.check_borrower(row, command)
        principal: longlong = command.amount
        interest: longlong
        balance: longlong
        if code != OK:
            return code
        loan = self.loans.loans.read(row)
        asset: longlong = loan.asset
        lender: longlong = loan.lender
        market: longlong = loan.market
        rate: longlong = loan.rate_bp
        flags: longlong = loan.flags
        if principal < 0:
            return self.admission.refuse(AMOUNT_NOT_POSITIVE, 1, principal, asset)
        if principal > loan.principal:
            return self.admission.refuse(AMOUNT_TOO_LARGE, loan.principal, principal, asset)
        if principal == 0 or loan.principal - principal < self.state.assets.rows[asset].minimum_principal:
            principal = loan.principal
        interest = self.loans.compute_due(row, principal, self.state.venue.rows[1].time_us)
        balance = self.ledger.get_balance(command.account, asset)
        if balance < principal + interest:
            return self.admission.refuse(BALANCE, principal + interest, balance, asset)
        if not self.matching.is_bundle:
            self.admission.take(self.matching.taker, command.account)
        self.loans.repay(row, principal, interest)
        if not self.matching.is_bundle:
            code = self.admission.check(self.matching.taker)
            if code != OK:
                return code
        if not flags & (LOAN_IOU | LOAN_NO_RELEND):
            return self.return_to_book(lender, market, principal, rate)
        return OK

    def return_to_book(self, lender: longlong, market: longlong, principal: longlong, rate: longlong) -> longlong:
        """Offer repaid principal again at the lender's rate, while the lender is free; a refusal is no error."""
        rules = self.state.markets.read(market)
        lots: longlong = principal // rules.lot_quanta
        if lots < rules.minimum_lots or lots == 0 or rules.mode != OPEN or self.state.venue.rows[1].mode != OPEN:
            return OK
        bundle: cython.bint = self.matching.is_bundle
        if bundle or self.matching.is_crossing(market, SELL, rate):
            return OK
        position: longlong = self.ledger.find(lender, rules.asset)
        self.admission.take(self.matching.taker, lender)
        if self.matching.taker.initial < 0:
            return OK
        if self.matching.check_order(position, market, SELL, rate, lots, RETURNED, GOOD_TILL_CANCEL) != OK:
            return OK
        self.matching.enter(position, market, SELL, rate, lots, RETURNED)
        return OK

    def extend(self, command: pointer[ContractChange]) -> longlong:
        """Pay the interest due and let a loan run for a full tenor from now.

        The rate becomes the higher of the loan's and the book's best lend rate, within the borrower's cap
        (`rate_bp` of the command; 0: the cap the loan was taken with).
        """
        row: longlong = self.loans.find(command.contract_id)
        code: longlong = self.check_borrower(row, command)
        now: longlong = self.state.venue.rows[1].time_us
        hours: longlong
        interest: longlong
        balance: longlong
        rate: longlong
        best: longlong
        cap: longlong
        if code != OK:
            return code
        loan = self.loans.loans.edit(row)
        if loan.flags & (LOAN_IOU | LOAN_NO_RELEND):
            return self.admission.refuse(LOAN_NOT_EXTENSIBLE, 0, loan.flags, command.contract_id)
        if self.state.markets.rows[loan.market].mode == SETTLING:
            return self.admission.refuse(MARKET_MODE, OPEN, SETTLING, loan.market)
        self.admission.take(self.matching.maker, loan.lender)
        if self.matching.maker.initial < 0:
            return self.admission.refuse(LENDER_NOT_FREE, 0, self.matching.maker.initial, loan.lender)
        if self.matching.policies.is_denied(loan.lender, command.account):
            return self.admission.refuse(COUNTERPARTY_DENIED, 0, 0, loan.lender)
        best = self.state.sides.rows[SIDES * loan.market + SELL].best
        rate = loan.rate_bp
        if best > 0:
            rate = max(LADDER_TOP - best, rate)
        cap = loan.cap_bp if command.rate_bp == 0 else command.rate_bp
        if rate > cap:
            return self.admission.refuse(RATE_ABOVE_CAP, rate, cap, command.contract_id)
        hours = self.loans.compute_hours(row, now)
        interest = self.loans.compute_due(row, loan.principal, now)
        balance = self.ledger.get_balance(command.account, loan.asset)
        if balance < interest:
            return self.admission.refuse(BALANCE, interest, balance, loan.asset)
        if not self.matching.is_bundle:
            self.admission.take(self.matching.taker, command.account)
        self.matching.taker.is_cautious = True
        self.ledger.move(command.account, loan.lender, loan.asset, interest)
        loan.interest_from_us += hours * HOUR
        loan.minimum_paid = 1
        loan.rate_bp = rate
        loan.due_us = now + loan.tenor_hours * HOUR
        self.loans.refresh(self.ledger.find(command.account, loan.asset))
        event = as_loan_extended(self.outbox.emit(LOAN_EXTENDED, 0, loan.market, command.account))
        event.contract_id = loan.id
        event.interest = interest
        event.due_us = loan.due_us
        event.principal = loan.principal
        event.lender = loan.lender
        event.rate_bp = rate
        event.asset = loan.asset
        return OK if self.matching.is_bundle else self.admission.check(self.matching.taker)

    def settle_ious(self, account: longlong) -> None:
        """Repay what an account owes by IOU from the numeraire it has, newest first, as far as it goes."""
        now: longlong = self.state.venue.rows[1].time_us
        position: longlong = self.state.accounts.rows[account].cash
        row: longlong = self.state.positions.rows[position].first_borrowed
        following: longlong
        left: longlong = self.state.positions.rows[position].loans  # at most MAX_LOANS and the IOUs
        balance: longlong
        interest: longlong
        principal: longlong
        while left > 0 and self.state.accounts.rows[account].ious > 0:
            left -= 1
            loan = self.loans.loans.read(row)
            following = loan.borrower_next
            if loan.flags & LOAN_IOU:
                balance = self.state.positions.rows[position].balance
                principal = loan.principal
                interest = self.loans.compute_due(row, principal, now)
                if balance >= principal + interest:
                    self.loans.repay(row, principal, interest)
                elif balance > interest:  # what is left owes what it did before: V does not change
                    principal = balance - interest
                    interest -= self.loans.compute_due(row, loan.principal - principal, now)
                    self.loans.repay(row, principal, interest)
            row = following
