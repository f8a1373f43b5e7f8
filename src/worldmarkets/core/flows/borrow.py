"""The life of a loan after its match: repayment, extension by the borrower or by anyone, a lender that leaves.

Principal that is repaid returns to the book.  What happens at the due time is in `flows/due.py`.
"""

from __future__ import annotations

import cython
from cython import address, longlong, pointer

from worldmarkets.core import records
from worldmarkets.core.admission import Admission, Standing
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
        Command,
        ContractChange,
        Event,
        Figure,
        Loan,
        Market,
        Order,
        Position,
        Promises,
        Side,
        Venue,
        address,
        as_loan_configured,
        as_loan_extended,
    )
    from worldmarkets.core.units import (
        HOUR,
        LADDER_TOP,
        MAX_BUNDLE,
        MAX_EXITS,
        MAX_PARTS,
        MAX_RATE_BP,
        MAX_SLICES,
        MAX_SWEEP,
        MILLION,
        SIDES,
    )
    from worldmarkets.core.wide import mul_div_ceil, mul_div_floor


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
    borrower: Standing
    returns: Command[::1]
    pending: longlong

    def __init__(self, state: State, ledger: Ledger, loans: Loans, matching: Matching, admission: Admission,
                 outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.loans = loans
        self.matching = matching
        self.admission = admission
        self.outbox = outbox
        self.borrower = Standing()
        self.returns = records.rows(records.Command, MAX_BUNDLE)
        self.pending = 0

    def check_borrower(self, row: longlong, command: pointer[ContractChange]) -> longlong:
        """Return the code that keeps an account from acting on a loan as its borrower."""
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if row == NONE:
            return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, command.contract_id)
        if self.loans.loans.rows[row].borrower != command.account:
            return self.admission.refuse(NOT_OWNER, 0, 0, command.contract_id)
        return self.check_frozen(row)

    def check_frozen(self, row: longlong) -> longlong:
        """Return COUNTERPARTY_CLOSING while a party of a loan is being closed out."""
        if self.loans.is_frozen(row):
            return self.admission.refuse(COUNTERPARTY_CLOSING, 0, 0, self.loans.loans.rows[row].id)
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
        rate: longlong = loan.lender_rate_bp
        flags: longlong = loan.flags
        if principal < 0:
            return self.admission.refuse(AMOUNT_NOT_POSITIVE, 1, principal, asset)
        if principal > loan.principal:
            return self.admission.refuse(AMOUNT_TOO_LARGE, loan.principal, principal, asset)
        if principal == 0 or loan.principal - principal < self.state.assets.rows[asset].minimum_principal:
            principal = loan.principal
        if flags & LOAN_IOU:
            principal = loan.principal  # its interest is one sum: a part is repaid by itself, when something comes in
        elif self.state.accounts.rows[command.account].latch != NONE:
            return self.repay_shares(command.account, asset, principal)
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

    def repay_shares(self, account: longlong, asset: longlong, principal: longlong) -> longlong:
        """Repay `principal` to the lenders of an asset, each by its part of what is owed: what a latched account may.

        Rounds: down; a loan keeps the asset's minimum, unless all of it goes.  Rejects: BALANCE, WORK in a bundle.
        """
        position = self.state.positions.read(self.ledger.find(account, asset))
        total: longlong = position.borrowed
        least: longlong = self.state.assets.rows[asset].minimum_principal
        count: longlong = position.loans
        row: longlong = position.first_borrowed
        now: longlong = self.state.venue.rows[1].time_us
        following: longlong
        part: longlong
        interest: longlong
        turn: longlong
        code: longlong = OK
        if self.matching.is_bundle:
            if self.matching.slices + count > MAX_SLICES:
                return self.admission.refuse(WORK, MAX_SLICES, count, asset)
            self.matching.slices += count
        else:
            self.pending = 0
            self.admission.take(self.matching.taker, account)
        for turn in range(count):
            loan = self.loans.loans.read(row)
            following = loan.borrower_next
            part = mul_div_floor(principal, loan.principal, total)
            if part < loan.principal and loan.principal - part < least:
                part = max(loan.principal - least, 0)
            interest = self.loans.compute_due(row, part, now)
            if position.balance < part + interest:
                return self.admission.refuse(BALANCE, part + interest, position.balance, asset)
            if part > 0:
                if not loan.flags & LOAN_NO_RELEND:
                    self.keep_return(loan.lender, loan.market, part, loan.lender_rate_bp)
                self.loans.repay(row, part, interest)
            row = following
        if not self.matching.is_bundle:
            code = self.admission.check(self.matching.taker)
            if code == OK:
                self.return_pending()
        return code

    def return_to_book(self, lender: longlong, market: longlong, principal: longlong, rate: longlong) -> longlong:
        """Offer repaid principal again at the lender's rate, while the lender is free; a refusal is no error.

        In a bundle it waits for the end.  Where it would trade at that rate it rests just above the best bid it could
        trade with, as far as policies say.
        """
        rules = self.state.markets.read(market)
        lots: longlong = principal // rules.lot_quanta
        position: longlong
        touch: longlong
        if self.matching.is_bundle:
            self.keep_return(lender, market, principal, rate)
            return OK
        if lots < rules.minimum_lots or lots == 0 or rules.mode != OPEN or self.state.venue.rows[1].mode != OPEN:
            return OK
        self.matching.sweep_touch(market, SELL, rate)
        touch = self.matching.find_touch(lender, market, SELL, rate)
        if touch != 0:
            rate = touch + 1
        if rate > rules.max_ticks:
            return OK
        position = self.ledger.find(lender, rules.asset)
        self.admission.take(self.matching.taker, lender)
        if self.matching.taker.initial < 0:
            return OK
        if self.matching.check_order(position, market, SELL, rate, lots, RETURNED, GOOD_TILL_CANCEL, 0) != OK:
            return OK
        self.matching.enter(position, market, SELL, rate, lots, RETURNED)
        return OK

    def keep_return(self, lender: longlong, market: longlong, principal: longlong, rate: longlong) -> None:
        """Remember principal repaid by a leg of a bundle, or to one lender of many, until the end.

        Beyond a bundle's number of legs it stays with its lender.
        """
        if self.pending < MAX_BUNDLE:
            place = address(self.returns[self.pending])
            place.account = lender
            place.a = market
            place.b = principal
            place.c = rate
            self.pending += 1

    def return_pending(self) -> None:
        """Offer again what the legs of a bundle repaid."""
        turn: longlong
        for turn in range(self.pending):
            place = address(self.returns[turn])
            self.return_to_book(place.account, place.a, place.b, place.c)
        self.pending = 0

    # Extension.

    def extend(self, command: pointer[ContractChange]) -> longlong:
        """Pay the interest due and let a loan run for a full tenor from now.

        The rate becomes the highest of the loan's, its lender's and the book's best lend rate, within the borrower's
        cap (`rate_bp` of the command; 0: the loan's).
        """
        row: longlong = self.loans.find(command.contract_id)
        code: longlong = self.check_borrower(row, command)
        if code != OK:
            return code
        cap: longlong = self.loans.loans.rows[row].cap_bp if command.rate_bp == 0 else command.rate_bp
        code = self.check_extensible(row, cap)
        if code != OK:
            return code
        if not self.matching.is_bundle:
            self.admission.take(self.matching.taker, command.account)
        self.matching.taker.is_cautious = True
        self.prolong(row, 0)
        return OK if self.matching.is_bundle else self.admission.check(self.matching.taker)

    def check_extensible(self, row: longlong, cap_bp: longlong) -> longlong:
        """Return the code that forbids to extend a loan at a rate of at most `cap_bp`."""
        loan = self.loans.loans.read(row)
        interest: longlong
        balance: longlong
        if loan.flags & (LOAN_IOU | LOAN_NO_RELEND):
            return self.admission.refuse(LOAN_NOT_EXTENSIBLE, 0, loan.flags, loan.id)
        if self.state.markets.rows[loan.market].mode == SETTLING:
            return self.admission.refuse(MARKET_MODE, OPEN, SETTLING, loan.market)
        self.admission.take(self.matching.maker, loan.lender)
        if self.matching.maker.initial < 0:
            return self.admission.refuse(LENDER_NOT_FREE, 0, self.matching.maker.initial, loan.lender)
        if self.matching.policies.is_denied(loan.lender, loan.borrower):
            return self.admission.refuse(COUNTERPARTY_DENIED, 0, 0, loan.lender)
        if self.compute_rate(row) > cap_bp:
            return self.admission.refuse(RATE_ABOVE_CAP, self.compute_rate(row), cap_bp, loan.id)
        interest = self.loans.compute_due(row, loan.principal, self.state.venue.rows[1].time_us)
        balance = self.ledger.get_balance(loan.borrower, loan.asset)
        if balance < interest:
            return self.admission.refuse(BALANCE, interest, balance, loan.asset)
        return OK

    def compute_rate(self, row: longlong) -> longlong:
        """Return the rate at which a loan is extended: the highest of its own, its lender's and the book's best."""
        loan = self.loans.loans.read(row)
        best: longlong = self.state.sides.rows[SIDES * loan.market + SELL].best
        rate: longlong = max(loan.rate_bp, loan.lender_rate_bp)
        return max(LADDER_TOP - best, rate) if best > 0 else rate

    def prolong(self, row: longlong, fee: longlong) -> None:
        """Pay a loan's interest and let it run a full tenor from now; the shares of former lenders end here."""
        now: longlong = self.state.venue.rows[1].time_us
        hours: longlong = self.loans.compute_hours(row, now)
        interest: longlong = self.loans.compute_due(row, self.loans.loans.rows[row].principal, now)
        rate: longlong = self.compute_rate(row)
        loan = self.loans.loans.edit(row)
        self.ledger.move(loan.borrower, loan.lender, loan.asset, interest)
        self.loans.settle_all(row, interest, hours)
        if loan.asset == NUMERAIRE:
            self.loans.fund.charge(loan.lender, interest)
        loan.interest_from_us += hours * HOUR
        loan.lender_from_us = loan.interest_from_us
        loan.minimum_paid = 1
        loan.rate_bp = rate
        loan.lender_rate_bp = rate
        loan.flags &= ~LOAN_IS_OVERDUE
        loan.due_us = now + loan.tenor_hours * HOUR
        self.loans.schedule(row)
        self.loans.refresh(self.ledger.find(loan.borrower, loan.asset))
        event = as_loan_extended(self.outbox.emit(LOAN_EXTENDED, 0, loan.market, loan.borrower))
        event.contract_id = loan.id
        event.interest = interest
        event.due_us = loan.due_us
        event.principal = loan.principal
        event.lender = loan.lender
        event.rate_bp = rate
        event.asset = loan.asset
        event.fee = fee

    def renew(self, command: pointer[ContractChange]) -> longlong:
        """Extend somebody's loan that is due within the venue's window, for a fee, as its borrower could.

        The fee is a part of the book's minimum, to the venue.  The borrower must stay admitted.
        """
        row: longlong = self.loans.find(command.contract_id)
        code: longlong
        fee: longlong
        balance: longlong
        is_other: cython.bint
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if row == NONE:
            return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, command.contract_id)
        code = self.check_frozen(row)
        if code != OK:
            return code
        loan = self.loans.loans.read(row)
        if loan.flags & LOAN_IOU:
            return self.admission.refuse(LOAN_NOT_EXTENSIBLE, 0, loan.flags, loan.id)
        if loan.flags & LOAN_NO_RENEWAL:
            return self.admission.refuse(RENEWAL_FORBIDDEN, 0, loan.flags, loan.id)
        venue = self.state.venue.read(1)
        if venue.time_us < loan.due_us - venue.renewal_window_us:
            return self.admission.refuse(RENEWAL_EARLY, loan.due_us - venue.renewal_window_us, venue.time_us, loan.id)
        rules = self.state.markets.read(loan.market)
        fee = mul_div_ceil(rules.minimum_lots * rules.lot_quanta, venue.renewal_fee_ppm, MILLION)
        balance = self.ledger.get_balance(command.account, loan.asset)
        if balance < fee:
            return self.admission.refuse(BALANCE, fee, balance, loan.asset)
        if not self.matching.is_bundle:
            self.admission.take(self.matching.taker, command.account)
        is_other = command.account != loan.borrower
        if is_other:
            self.admission.take(self.borrower, loan.borrower)
            self.borrower.is_cautious = True
        else:
            self.matching.taker.is_cautious = True
        position = self.ledger.edit(self.ledger.find(command.account, loan.asset))
        position.balance -= fee
        asset = self.state.assets.edit(loan.asset)
        asset.fees += fee
        code = self.check_extensible(row, loan.cap_bp)
        if code != OK:
            return code
        self.prolong(row, fee)
        if is_other:
            code = self.admission.check(self.borrower)
            if code != OK:
                return code
        return OK if self.matching.is_bundle else self.admission.check(self.matching.taker)

    def configure(self, command: pointer[ContractChange]) -> longlong:
        """Choose what is done when a loan falls due, its cap, and whether others may renew it.

        Contract 0 chooses for the loans that the account takes from now on.
        """
        row: longlong = NONE if command.contract_id == 0 else self.loans.find(command.contract_id)
        code: longlong
        if command.contract_id != 0:
            code = self.check_borrower(row, command)
            if code != OK:
                return code
        elif not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if command.rate_bp < 0 or command.rate_bp > MAX_RATE_BP:
            return self.admission.refuse(PRICE_OUT_OF_RANGE, MAX_RATE_BP, command.rate_bp, 0)
        if not self.is_plan(command.amount) or command.flags & ~LOAN_NO_RENEWAL:
            return self.admission.refuse(BAD_COMBINATION, 0, command.amount, command.contract_id)
        if row == NONE and command.rate_bp != 0:
            return self.admission.refuse(BAD_COMBINATION, 0, command.amount, command.contract_id)
        if row == NONE:
            account = self.state.accounts.edit(command.account)
            account.loan_plan = command.amount
            account.loan_flags = command.flags
        else:
            loan = self.loans.loans.edit(row)
            if loan.flags & LOAN_IOU:
                return self.admission.refuse(LOAN_NOT_EXTENSIBLE, 0, loan.flags, loan.id)
            loan.plan = command.amount
            loan.flags = loan.flags & ~LOAN_NO_RENEWAL | command.flags
            if command.rate_bp != 0:
                loan.cap_bp = command.rate_bp
        event = as_loan_configured(self.outbox.emit(LOAN_CONFIGURED, 0, 0, command.account))
        event.contract_id = command.contract_id
        event.plan = command.amount
        event.cap_bp = command.rate_bp
        event.flags = command.flags
        return OK

    def is_plan(self, plan: longlong) -> cython.bint:
        """Say whether a number is a plan: up to four different steps, four bits each; 0, or no step at all."""
        seen: longlong = 0
        step: longlong
        if plan == STEP_NONE:
            return True
        while plan > 0:
            step = plan & 15
            if step < STEP_EXTEND or step > STEP_SELL or seen & 1 << step:
                return False
            seen |= 1 << step
            plan >>= 4
        return plan == 0

    # Exit.

    def exit(self, command: pointer[ContractChange]) -> longlong:
        """Leave a loan as its lender: borrow `amount` of it (0: all) from its book at up to `rate_bp`.

        Whoever lends takes the lender's place towards the borrower, in as many parts as there are lenders.
        """
        row: longlong = self.loans.find(command.contract_id)
        amount: longlong = command.amount
        code: longlong = self.check_exit(row, command)
        position: longlong
        slot: longlong
        before: longlong
        fills: longlong
        if code != OK:
            return code
        loan = self.loans.loans.read(row)
        if amount == 0 or loan.principal - amount < self.state.assets.rows[loan.asset].minimum_principal:
            amount = loan.principal
        if not self.matching.is_bundle:
            self.admission.take(self.matching.taker, command.account)
        position = self.ledger.find(command.account, loan.asset)
        before = self.state.positions.rows[position].lent
        rules = self.state.markets.read(loan.market)
        self.matching.leaving = row
        self.matching.leaving_quanta = amount
        self.matching.leaving_lots = (amount + rules.lot_quanta - 1) // rules.lot_quanta
        fills = max(0, self.state.venue.rows[1].max_fills - MAX_PARTS - self.matching.fills)
        self.matching.fills += fills
        slot = self.matching.create(position, loan.market, BUY, command.rate_bp, self.matching.leaving_lots, 0)
        self.matching.report_placed(slot, IMMEDIATE_OR_CANCEL)
        code = self.matching.execute(slot, IMMEDIATE_OR_CANCEL)
        self.matching.leaving = NONE
        self.matching.fills -= fills
        if code == OK and self.state.positions.rows[position].lent == before:
            if OK < self.matching.stop < RESULT_CODES:
                return self.admission.refuse(self.matching.stop, self.admission.needed, self.admission.had,
                                             self.admission.subject)  # fmt: skip
            return self.admission.refuse(NO_LENDER, amount, 0, loan.asset)
        return code

    def check_exit(self, row: longlong, command: pointer[ContractChange]) -> longlong:
        """Return the code that keeps an account from leaving a loan."""
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if row == NONE:
            return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, command.contract_id)
        loan = self.loans.loans.read(row)
        if loan.lender != command.account:
            return self.admission.refuse(NOT_OWNER, 0, 0, command.contract_id)
        if self.loans.is_frozen(row):
            return self.check_frozen(row)
        if command.amount < 0:
            return self.admission.refuse(AMOUNT_NOT_POSITIVE, 1, command.amount, loan.asset)
        if command.amount > loan.principal:
            return self.admission.refuse(AMOUNT_TOO_LARGE, loan.principal, command.amount, loan.asset)
        if command.rate_bp <= 0 or command.rate_bp > MAX_RATE_BP:
            return self.admission.refuse(PRICE_OUT_OF_RANGE, MAX_RATE_BP, command.rate_bp, loan.market)
        if self.state.venue.rows[1].mode != OPEN:
            return self.admission.refuse(VENUE_MODE, OPEN, self.state.venue.rows[1].mode, 0)
        if loan.flags & LOAN_IOU or loan.due_us <= self.state.venue.rows[1].time_us:
            return self.admission.refuse(LOAN_NOT_EXITABLE, loan.due_us, self.state.venue.rows[1].time_us, loan.id)
        if self.state.markets.rows[loan.market].mode != OPEN:
            return self.admission.refuse(MARKET_MODE, OPEN, self.state.markets.rows[loan.market].mode, loan.market)
        if self.loans.count_shares(row) >= MAX_EXITS:
            return self.admission.refuse(EXITS_LIMIT, MAX_EXITS, MAX_EXITS, loan.id)
        self.admission.take(self.matching.maker, loan.borrower)
        if self.matching.maker.initial < 0:
            return self.admission.refuse(BORROWER_NOT_FREE, 0, self.matching.maker.initial, loan.borrower)
        return OK

    # IOUs.

    def settle_ious(self, account: longlong) -> None:
        """Repay what an account owes by IOU from what it has of each asset, newest first, as far as it goes.

        At most `MAX_SWEEP` at a time; what is left then waits for the next command.
        """
        left: longlong = MAX_SWEEP
        figure: longlong = self.state.accounts.rows[account].first_group
        following: longlong
        position: longlong
        next_position: longlong
        while figure != NONE:
            following = self.state.figures.rows[figure].next
            position = self.state.figures.rows[figure].first_position
            while position != NONE:
                next_position = self.state.positions.rows[position].next
                if self.state.positions.rows[position].promises != NONE:
                    left = self.settle_position(position, left)
                position = next_position
            figure = following
        if left == 0:
            self.ledger.note_creditor(account)

    def settle_position(self, position: longlong, left: longlong) -> longlong:
        """Repay up to `left` IOUs of one asset; return how many may still be repaid."""
        now: longlong = self.state.venue.rows[1].time_us
        promises: longlong = self.state.positions.rows[position].promises
        count: longlong = self.state.promises.rows[promises].ious
        row: longlong = self.state.promises.rows[promises].first_iou
        following: longlong
        balance: longlong
        interest: longlong
        while count > 0 and left > 0:
            count -= 1
            following = self.loans.loans.rows[row].borrower_next
            balance = self.state.positions.rows[position].balance
            interest = self.loans.compute_due(row, self.loans.loans.rows[row].principal, now)
            if self.loans.is_frozen(row):
                row = following
                continue
            if balance <= interest:
                break
            left -= 1
            self.loans.repay(row, min(self.loans.loans.rows[row].principal, balance - interest), interest)
            row = following
        return left
