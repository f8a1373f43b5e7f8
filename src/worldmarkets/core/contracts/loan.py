"""Loans: bilateral contracts (lender, borrower, asset, principal, rate, start, due), and IOUs, which are short ones.

A lender may leave a loan: another takes its place, the borrower's terms stay, and the former lender keeps a **share**
of the interest: its own rate for the hours it lent, from then on the difference between its rate and the next lender's.
A share is settled with each interest payment, in whole quanta; what is left of one is carried.  What a share may still
have to pay is reserved in what its account owes, so paying it makes nobody worth less.  Source: docs/spec/loans.md.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.fund import Fund
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.tables import LoanTable, PositionTable, PromisesTable, ShareTable
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import (
        IN_KIND,
        INTEREST_SHARED,
        KEPT,
        LOAN_ASSUMED,
        LOAN_DUE,
        LOAN_IOU,
        LOAN_IS_APART,
        LOAN_MOVED,
        LOAN_NO_RELEND,
        LOAN_NO_RENEWAL,
        LOAN_OPENED,
        LOAN_REPAID,
        NONE,
        NUMERAIRE,
        OK,
        SELL,
        STATE_UNWIND,
    )
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
        Promises,
        Share,
        Side,
        Venue,
        as_interest_shared,
        as_loan_assumed,
        as_loan_moved,
        as_loan_opened,
        as_loan_repaid,
    )
    from worldmarkets.core.units import (
        BASIS,
        HOUR,
        HOURS_A_YEAR,
        IOU_HOURS,
        LADDER_TOP,
        MAX_RATE_BP,
        MAX_SUPPLY,
        MINIMUM_LOAN_HOURS,
        ORDER_SLOT_BITS,
    )
    from worldmarkets.core.wide import high_of, low_of, narrow_floor, wide, wide_of


@cython.final
@cython.cclass
class Loans:
    """Loan contracts and the sums over them."""

    state: State
    ledger: Ledger
    timers: Timers
    fund: Fund
    outbox: Outbox
    loans: LoanTable
    positions: PositionTable
    promises: PromisesTable
    shares: ShareTable
    amount: longlong
    rest: longlong

    def __init__(self, state: State, ledger: Ledger, timers: Timers, fund: Fund, outbox: Outbox):
        self.state = state
        self.ledger = ledger
        self.timers = timers
        self.fund = fund
        self.outbox = outbox
        self.loans = state.loans
        self.positions = state.positions
        self.promises = state.promises
        self.shares = state.shares
        self.amount = 0
        self.rest = 0

    def find(self, contract_id: longlong) -> longlong:
        """Return the row of a loan, or 0."""
        row: longlong = contract_id & ((1 << ORDER_SLOT_BITS) - 1)
        if row == NONE or row > self.loans.get_used() or self.loans.rows[row].id != contract_id:
            return NONE
        return row

    def is_frozen(self, row: longlong) -> cython.bint:
        """Say whether one of a loan's parties is being closed out, so that nobody else may touch it."""
        loan = self.loans.read(row)
        return self.state.is_frozen(loan.lender) or self.state.is_frozen(loan.borrower)

    # What is due.

    def compute_hours(self, row: longlong, now_us: longlong) -> longlong:
        """Return the hours of interest due: rounded up, at least eight once in a loan's life; an IOU's by the clock."""
        loan = self.loans.read(row)
        hours: longlong
        if loan.flags & LOAN_IOU:
            return compute_hours(0, now_us) - compute_hours(0, loan.interest_from_us)
        hours = compute_hours(loan.interest_from_us, now_us)
        if not loan.minimum_paid and hours < MINIMUM_LOAN_HOURS:
            hours = MINIMUM_LOAN_HOURS
        return hours

    @cython.overflowcheck(False)
    def compute_due(self, row: longlong, principal: longlong, now_us: longlong) -> longlong:
        """Return the interest due now on `principal` of a loan: up; of a whole IOU: down, with what it carries."""
        loan = self.loans.read(row)
        hours: longlong = self.compute_hours(row, now_us)
        due: wide = principal
        if loan.flags & LOAN_IOU:
            due = due * (loan.rate_bp * hours) + loan.carry
            return narrow_floor(due, BASIS * HOURS_A_YEAR)
        return compute_interest(principal, loan.rate_bp, hours)

    # Writing contracts.

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
        self.ledger.need(lender, asset)
        owed: longlong = self.ledger.need(borrower, asset)
        venue = self.state.venue.read(1)
        loan = self.loans.edit(row)
        loan.id = self.loans.get_serial() << ORDER_SLOT_BITS | row
        loan.principal = principal
        loan.start_us = venue.time_us
        loan.interest_from_us = venue.time_us
        loan.lender_from_us = venue.time_us
        loan.due_us = venue.time_us + tenor_hours * HOUR
        loan.lender = lender
        loan.borrower = borrower
        loan.asset = asset
        loan.market = market
        loan.rate_bp = rate_bp
        loan.lender_rate_bp = rate_bp
        loan.cap_bp = cap_bp
        loan.flags = flags
        loan.tenor_hours = tenor_hours
        if not flags & LOAN_IOU:
            loan.plan = self.state.accounts.rows[borrower].loan_plan
            loan.flags |= self.state.accounts.rows[borrower].loan_flags
        self.enter(row, owed)
        self.schedule(row)
        self.report_opened(row)
        return row

    def schedule(self, row: longlong) -> None:
        """Put the due time of a loan into the queue of timed work, in place of the one before."""
        loan = self.loans.edit(row)
        if loan.timer != NONE:
            self.timers.cancel(loan.timer)
        loan.rounds = 0
        loan.timer = self.timers.schedule(LOAN_DUE, row, loan.due_us)

    def release(self, row: longlong) -> None:
        """Take a loan's due time out of the queue, and release its row."""
        if self.loans.rows[row].timer != NONE:
            self.timers.cancel(self.loans.rows[row].timer)
        self.loans.release(row)

    def report_opened(self, row: longlong) -> None:
        """Report a contract that was written."""
        loan = self.loans.read(row)
        event = as_loan_opened(self.outbox.emit(LOAN_OPENED, 0, loan.market, loan.borrower))
        event.contract_id = loan.id
        event.principal = loan.principal
        event.due_us = loan.due_us
        event.lender = loan.lender
        event.rate_bp = loan.rate_bp
        event.asset = loan.asset
        event.loan_flags = loan.flags

    def enter(self, row: longlong, owed: longlong) -> None:
        """Put a new contract into both rings and into the sums of both parties; `owed` is the borrower's position."""
        loan = self.loans.read(row)
        self.link_lender(row)
        self.link_borrower(row, owed)
        self.count(row, loan.principal)
        self.ledger.add_contract(loan.borrower, 1)
        if loan.flags & LOAN_IOU:
            self.weigh(row, 1)
            record = self.state.accounts.edit(loan.borrower)
            record.ious += 1
            promises = self.promises.edit(self.need_promises(owed))
            promises.ious += 1
        else:
            debts = self.ledger.edit(owed)
            debts.loans += 1
            debts.max_rate_bp = max(debts.max_rate_bp, loan.rate_bp)
            debts.tenor_hours = max(debts.tenor_hours, loan.tenor_hours)
            self.note_due(owed, loan.due_us)
            self.restate(owed)

    def link_lender(self, row: longlong) -> None:
        """Put a loan at the head of its lender's ring."""
        loan = self.loans.edit(row)
        claims = self.ledger.edit(self.ledger.need(loan.lender, loan.asset))
        loan.lender_next = row
        loan.lender_previous = row
        if claims.first_lent != NONE:
            head = self.loans.edit(claims.first_lent)
            loan.lender_next = claims.first_lent
            loan.lender_previous = head.lender_previous
            tail = self.loans.edit(head.lender_previous)
            tail.lender_next = row
            head.lender_previous = row
        claims.first_lent = row

    def unlink_lender(self, row: longlong) -> None:
        """Take a loan out of its lender's ring."""
        loan = self.loans.read(row)
        claims = self.ledger.edit(self.ledger.find(loan.lender, loan.asset))
        before = self.loans.edit(loan.lender_previous)
        before.lender_next = loan.lender_next
        after = self.loans.edit(loan.lender_next)
        after.lender_previous = loan.lender_previous
        if claims.first_lent == row:
            claims.first_lent = NONE if loan.lender_next == row else loan.lender_next

    def get_first(self, row: longlong, owed: longlong) -> longlong:
        """Return the head of the ring that a contract stands in on its borrower's side: of loans, or of IOUs."""
        if self.loans.rows[row].flags & LOAN_IOU:
            return self.promises.rows[self.need_promises(owed)].first_iou
        return self.positions.rows[owed].first_borrowed

    def set_first(self, row: longlong, owed: longlong, first: longlong) -> None:
        """Set the head of the ring that a contract stands in on its borrower's side."""
        if self.loans.rows[row].flags & LOAN_IOU:
            promises = self.promises.edit(self.need_promises(owed))
            promises.first_iou = first
        else:
            debts = self.ledger.edit(owed)
            debts.first_borrowed = first

    def link_borrower(self, row: longlong, owed: longlong) -> None:
        """Put a loan at the head of its borrower's ring."""
        first: longlong = self.get_first(row, owed)
        loan = self.loans.edit(row)
        loan.borrower_next = row
        loan.borrower_previous = row
        if first != NONE:
            head = self.loans.edit(first)
            loan.borrower_next = first
            loan.borrower_previous = head.borrower_previous
            tail = self.loans.edit(head.borrower_previous)
            tail.borrower_next = row
            head.borrower_previous = row
        self.set_first(row, owed, row)

    def unlink_borrower(self, row: longlong, owed: longlong) -> None:
        """Take a loan out of its borrower's ring."""
        loan = self.loans.read(row)
        before = self.loans.edit(loan.borrower_previous)
        before.borrower_next = loan.borrower_next
        after = self.loans.edit(loan.borrower_next)
        after.borrower_previous = loan.borrower_previous
        if self.get_first(row, owed) == row:
            self.set_first(row, owed, NONE if loan.borrower_next == row else loan.borrower_next)

    # Sums.

    def need_promises(self, position: longlong) -> longlong:
        """Return the row of what stands beside a position's loans, opened if it was not there."""
        row: longlong = self.positions.rows[position].promises
        if row == NONE:
            row = self.promises.allocate()
            record = self.ledger.edit(position)
            record.promises = row
        return row

    def drop_promises(self, position: longlong) -> None:
        """Forget what stands beside a position's loans when nothing does."""
        row: longlong = self.positions.rows[position].promises
        if row != NONE:
            promises = self.promises.read(row)
            if promises.ious == 0 and promises.iou_lent == 0 and promises.share_owed == 0:
                self.promises.release(row)
                record = self.ledger.edit(position)
                record.promises = NONE

    def count(self, row: longlong, change: longlong) -> None:
        """Add a change of a loan's principal to the sums of both parties."""
        loan = self.loans.read(row)
        lent: longlong = self.ledger.find(loan.lender, loan.asset)
        owed: longlong = self.ledger.find(loan.borrower, loan.asset)
        claims = self.ledger.edit(lent)
        debts = self.ledger.edit(owed)
        if loan.flags & LOAN_IOU:
            lender = self.promises.edit(self.need_promises(lent))
            lender.iou_lent += change
            borrower = self.promises.edit(self.need_promises(owed))
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

    @cython.overflowcheck(False)
    def weigh(self, row: longlong, sign: longlong) -> None:
        """Add (1) or take away (-1) an IOU in the sums that its payer's interest is computed from."""
        loan = self.loans.read(row)
        promises = self.promises.edit(self.need_promises(self.ledger.find(loan.borrower, loan.asset)))
        part: wide = loan.principal
        total: wide
        part = part * loan.rate_bp * sign
        total = wide_of(promises.weight_high, promises.weight_low) + part
        promises.weight_high = high_of(total)
        promises.weight_low = low_of(total)
        part = part * compute_hours(0, loan.interest_from_us) - sign * loan.carry
        total = wide_of(promises.base_high, promises.base_low) + part
        promises.base_high = high_of(total)
        promises.base_low = low_of(total)

    def restate(self, position: longlong) -> None:
        """Work out what a position owes: the highest rate and longest tenor of its loans, on all of it, and shares."""
        debts = self.ledger.edit(position)
        debts.owed = debts.borrowed + compute_interest(debts.borrowed, debts.max_rate_bp, debts.tenor_hours)
        if debts.promises != NONE:
            debts.owed += self.promises.rows[debts.promises].share_owed

    def refresh(self, position: longlong) -> None:
        """Find the highest rate, the longest tenor and the first due time among a position's loans, at most 256."""
        debts = self.ledger.edit(position)
        rate: longlong = 0
        tenor: longlong = 0
        due: longlong = 0
        row: longlong = debts.first_borrowed
        while row != NONE:
            loan = self.loans.read(row)
            rate = max(rate, loan.rate_bp)
            tenor = max(tenor, loan.tenor_hours)
            if due == 0 or loan.due_us < due:
                due = loan.due_us
            row = loan.borrower_next
            if row == debts.first_borrowed:
                break
        debts.max_rate_bp = rate
        debts.tenor_hours = tenor
        self.restate(position)
        if debts.first_due_us != due:
            debts.first_due_us = due
            self.refresh_due(debts.account)

    def note_due(self, position: longlong, due: longlong) -> None:
        """Take the due time of a new loan into those of its position and account."""
        debts = self.ledger.edit(position)
        if debts.first_due_us == 0 or due < debts.first_due_us:
            debts.first_due_us = due
            account = self.state.accounts.edit(debts.account)
            if account.first_due_us == 0 or due < account.first_due_us:
                account.first_due_us = due

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
        """Let a loan fall due now: what is to be done at its due time is done next.  What it owes does not grow."""
        loan = self.loans.edit(row)
        loan.due_us = now_us
        self.schedule(row)
        self.update_shares(row)
        self.refresh(self.ledger.find(loan.borrower, loan.asset))

    # IOUs.

    def find_lend(self, asset: longlong, cap_bp: longlong) -> longlong:
        """Return the loan book of an asset that lends at the lowest rate, at most `cap_bp`; 0 when none does."""
        market: longlong = self.state.assets.rows[asset].loan_market
        found: longlong = NONE
        best: longlong = LADDER_TOP - cap_bp - 1
        while market != NONE:
            if self.state.sides.rows[2 * market + SELL].best > best:
                best = self.state.sides.rows[2 * market + SELL].best
                found = market
            market = self.state.markets.rows[market].next_book
        return found

    def open_iou(self, payee: longlong, payer: longlong, asset: longlong, amount: longlong) -> None:
        """Turn what a payer's balance does not cover into a 24-hour loan at the best lend rate plus a penalty."""
        self.open_iou_above(payee, payer, asset, amount, 0)

    def open_iou_above(self, payee: longlong, payer: longlong, asset: longlong, amount: longlong,
                       least_bp: longlong) -> None:  # fmt: skip
        """Open an IOU at the best lend rate, or `least_bp` where that is more, plus the penalty."""
        market: longlong = self.find_lend(asset, MAX_RATE_BP)
        rate: longlong = least_bp
        if market != NONE:
            rate = max(rate, LADDER_TOP - self.state.sides.rows[2 * market + SELL].best)
        else:
            market = self.state.assets.rows[asset].loan_market
        rate = min(rate + self.state.venue.rows[1].iou_penalty_bp, MAX_RATE_BP)
        self.open(payee, payer, market, asset, amount, rate, rate, LOAN_IOU, IOU_HOURS)

    @cython.overflowcheck(False)
    def pay_iou(self, row: longlong, principal: longlong, interest: longlong, cause: longlong) -> None:
        """Note that an IOU's interest and all or part of its principal are paid; less than a quantum is carried."""
        loan = self.loans.edit(row)
        owed: longlong = self.ledger.find(loan.borrower, loan.asset)
        now: longlong = self.state.venue.rows[1].time_us
        due: wide = loan.principal
        paid: wide = interest
        due = due * (loan.rate_bp * self.compute_hours(row, now)) + loan.carry - paid * (BASIS * HOURS_A_YEAR)
        self.weigh(row, -1)
        self.count(row, -principal)
        loan.principal -= principal
        loan.interest_from_us = now
        loan.carry = narrow_floor(due, 1) if loan.principal > 0 else 0
        self.weigh(row, 1)
        self.report_repaid(row, principal, interest, cause)
        if loan.principal == 0:
            self.end_iou(row, owed)

    def end_iou(self, row: longlong, owed: longlong) -> None:
        """Forget an IOU that is paid, and the part of a quantum that it still carried."""
        loan = self.loans.read(row)
        lender: longlong = loan.lender
        asset: longlong = loan.asset
        record = self.state.accounts.edit(loan.borrower)
        record.ious -= 1
        self.unlink_lender(row)
        self.unlink_borrower(row, owed)
        promises = self.promises.edit(self.need_promises(owed))
        promises.ious -= 1
        self.drop_promises(owed)
        self.ledger.add_contract(loan.borrower, -1)
        self.release(row)
        self.drop_promises(self.ledger.find(lender, asset))

    # Repayment.

    def report_repaid(self, row: longlong, principal: longlong, interest: longlong, cause: longlong) -> None:
        """Report a repayment, or by its cause what ended otherwise; the loan's principal is what is left."""
        loan = self.loans.read(row)
        event = as_loan_repaid(self.outbox.emit(LOAN_REPAID, cause, loan.market, loan.borrower))
        event.contract_id = loan.id
        event.principal = principal
        event.interest = interest
        event.left = loan.principal
        event.lender = loan.lender
        event.asset = loan.asset

    def repay(self, row: longlong, principal: longlong, interest: longlong) -> None:
        """Pay `principal` and `interest` of a loan; the borrower's balance covers both."""
        loan = self.loans.read(row)
        assert self.ledger.move(loan.borrower, loan.lender, loan.asset, principal + interest)
        self.retire(row, principal, interest, OK)

    def retire(self, row: longlong, principal: longlong, interest: longlong, cause: longlong) -> None:
        """Take what was paid off a loan; the lender has it, in the loan's asset or (IN_KIND) in another."""
        loan = self.loans.edit(row)
        owed: longlong = self.ledger.find(loan.borrower, loan.asset)
        hours: longlong = self.compute_hours(row, self.state.venue.rows[1].time_us)
        lender: longlong = loan.lender
        is_priced: cython.bint = loan.asset == NUMERAIRE
        if loan.flags & LOAN_IOU:
            self.pay_iou(row, principal, interest, cause)
        else:
            self.count(row, -principal)
            loan.principal -= principal
            self.report_repaid(row, principal, interest, cause)
            if loan.first_share != NONE:
                self.settle_shares(row, principal, interest, hours, cause == IN_KIND)
            if loan.principal == 0:
                self.end(row, owed)
            else:
                self.restate(owed)
        if is_priced and cause == OK:
            self.fund.charge(lender, interest)

    def end(self, row: longlong, owed: longlong) -> None:
        """Forget a loan that is repaid."""
        loan = self.loans.read(row)
        debts = self.ledger.edit(owed)
        is_extreme: cython.bint = (
            loan.rate_bp == debts.max_rate_bp
            or loan.tenor_hours == debts.tenor_hours
            or loan.due_us == debts.first_due_us
        )
        self.unlink_lender(row)
        self.unlink_borrower(row, owed)
        debts.loans -= 1
        self.ledger.add_contract(loan.borrower, -1)
        self.release(row)
        if is_extreme:
            self.refresh(owed)
        else:
            self.restate(owed)

    # Lenders that leave.

    def count_shares(self, row: longlong) -> longlong:
        """Return how many former lenders have a share of a loan's interest."""
        total: longlong = 0
        share: longlong = self.loans.rows[row].first_share
        while share != NONE:
            total += 1
            share = self.shares.rows[share].next
        return total

    def compute_remaining(self, row: longlong, share_row: longlong) -> longlong:
        """Return the hours from a lender's exit until the loan is due, rounded up."""
        return compute_hours(self.shares.rows[share_row].exit_us, self.loans.rows[row].due_us)

    @cython.overflowcheck(False)
    def compute_share(self, share_row: longlong, principal: longlong, hours: longlong) -> None:
        """Leave in `amount` what a share receives on `principal`, `hours` after its exit; in `rest` what is carried.

        Negative is what it pays.  Rounds: toward zero, the rest in parts of a quantum.
        """
        share = self.shares.read(share_row)
        rate: longlong = share.rate_bp
        exact: wide = principal
        whole: wide
        rate = rate * ((share.exit_us - share.from_us) // HOUR + hours)
        rate -= hours * share.next_rate_bp
        exact = exact * rate + share.carry
        if exact >= 0:
            self.amount = narrow_floor(exact, BASIS * HOURS_A_YEAR)
        else:
            self.amount = -narrow_floor(-exact, BASIS * HOURS_A_YEAR)
        whole = self.amount
        self.rest = narrow_floor(exact - whole * (BASIS * HOURS_A_YEAR), 1)

    def compute_reserve(self, share_row: longlong, principal: longlong, hours: longlong) -> longlong:
        """Return the most that a share may have to pay on `principal` until the loan is due: rounded up."""
        self.compute_share(share_row, principal, hours)
        return max(0, -self.amount) + (1 if self.rest < 0 and self.amount <= 0 else 0)

    def reserve(self, share_row: longlong, asset: longlong, reserve: longlong) -> None:
        """Set what a share reserves in what its account owes."""
        share = self.shares.edit(share_row)
        position: longlong
        if share.reserve != reserve:
            position = self.ledger.need(share.account, asset)
            promises = self.promises.edit(self.need_promises(position))
            promises.share_owed += reserve - share.reserve
            share.reserve = reserve
            self.restate(position)
            self.drop_promises(position)

    def settle_shares(self, row: longlong, principal: longlong, interest: longlong, hours: longlong,
                      is_in_kind: cython.bint) -> None:  # fmt: skip
        """Settle the shares of interest just paid on `principal`, already off the loan, between lender and former ones.

        Those that owe pay first; those that receive are paid from what came in.  What one that owes cannot pay becomes
        an IOU, to those that went short and then to the lender.  When the loan is over, what is carried is rounded
        against the former lender.  A lender that was paid in kind pays from what it has of the asset, and by IOU.
        """
        loan = self.loans.read(row)
        pool: longlong = 0 if is_in_kind else interest
        share_row: longlong = loan.first_share
        until: longlong = loan.interest_from_us + hours * HOUR
        amount: longlong
        while share_row != NONE:
            share = self.shares.edit(share_row)
            amount = self.settle_share(row, share_row, principal, until)
            if amount < 0:
                pool += self.collect_share(row, share_row, -amount, pool)
            share_row = share.next
        share_row = loan.first_share
        if is_in_kind:
            pool = self.ledger.get_balance(loan.lender, loan.asset)
        while share_row != NONE:
            share = self.shares.edit(share_row)
            if share.due > 0:
                amount = min(share.due, pool)
                pool -= amount
                self.ledger.move(loan.lender, share.account, loan.asset, amount)
                self.report_share(row, share_row, share.due, 0)
                amount = share.due - amount
                share.due = 0
                amount = self.assign(row, share.account, amount)
                if is_in_kind and amount > 0 and share.account != loan.lender:
                    self.open_iou(share.account, loan.lender, loan.asset, amount)
                    amount = 0
                share.carry += amount * (BASIS * HOURS_A_YEAR)
            share_row = share.next
        self.assign(row, loan.lender, MAX_SUPPLY)
        self.update_shares(row)

    def settle_share(self, row: longlong, share_row: longlong, principal: longlong, until_us: longlong) -> longlong:
        """Return what a share receives now (negative: pays), kept in `due`; less than a quantum is kept in `carry`."""
        share = self.shares.edit(share_row)
        hours: longlong = max(until_us - share.exit_us, 0) // HOUR
        self.compute_share(share_row, principal, min(hours, self.compute_remaining(row, share_row)))
        if self.loans.rows[row].principal == 0 and self.rest < 0:
            self.amount -= 1
            self.rest = 0
        share.carry = self.rest
        share.due = self.amount
        return self.amount

    def collect_share(self, row: longlong, share_row: longlong, amount: longlong, pool: longlong) -> longlong:
        """Take what a share owes from its account's balance; keep what is not there in `due`.  Returns what came.

        A lender that owes as a former one pays from what it has beyond the pool, which lies in its balance too.  One
        that is being closed out pays nothing: its balance is its creditors'.
        """
        share = self.shares.edit(share_row)
        loan = self.loans.read(row)
        cash: longlong = self.ledger.get_balance(share.account, loan.asset)
        if self.state.is_frozen(share.account):
            cash = 0
        elif share.account == loan.lender:
            cash -= pool
        cash = min(amount, cash)
        self.ledger.move(share.account, loan.lender, loan.asset, cash)
        share.due = cash - amount
        self.report_share(row, share_row, -amount, amount - cash)
        return cash

    def assign(self, row: longlong, payee: longlong, amount: longlong) -> longlong:
        """Turn up to `amount` of what shares could not pay into IOUs to a payee; return what is left of it."""
        loan = self.loans.read(row)
        share_row: longlong = loan.first_share
        part: longlong
        while share_row != NONE and amount > 0:
            share = self.shares.edit(share_row)
            if share.due < 0:
                part = min(amount, -share.due)
                share.due += part
                amount -= part
                if share.account != payee:
                    self.open_iou(payee, share.account, loan.asset, part)
            share_row = share.next
        return amount

    def report_share(self, row: longlong, share_row: longlong, amount: longlong, owed: longlong) -> None:
        """Report a former lender's part of an interest payment."""
        loan = self.loans.read(row)
        former: longlong = self.shares.rows[share_row].account
        event = as_interest_shared(self.outbox.emit(INTEREST_SHARED, 0, loan.market, former))
        event.contract_id = loan.id
        event.amount = amount
        event.owed = owed
        event.lender = loan.lender
        event.asset = loan.asset

    def update_shares(self, row: longlong) -> None:
        """Work out anew what the shares of a loan reserve, or forget them when the loan is over."""
        loan = self.loans.read(row)
        share_row: longlong = loan.first_share
        while share_row != NONE:
            if loan.principal > 0:
                self.reserve(share_row, loan.asset, self.compute_reserve(
                    share_row, loan.principal, self.compute_remaining(row, share_row)))  # fmt: skip
            share_row = self.shares.rows[share_row].next
        if loan.principal == 0:
            self.drop_shares(row)

    def drop_shares(self, row: longlong) -> None:
        """Forget the shares of a loan."""
        loan = self.loans.edit(row)
        share_row: longlong = loan.first_share
        following: longlong
        while share_row != NONE:
            following = self.shares.rows[share_row].next
            self.reserve(share_row, loan.asset, 0)
            self.ledger.add_contract(self.shares.rows[share_row].account, -1)
            self.shares.release(share_row)
            share_row = following
        loan.first_share = NONE

    def settle_all(self, row: longlong, interest: longlong, hours: longlong) -> None:
        """Settle the shares of an interest payment on the whole loan, and end them."""
        loan = self.loans.edit(row)
        principal: longlong = loan.principal
        if loan.first_share != NONE:
            loan.principal = 0
            self.settle_shares(row, principal, interest, hours, False)
            loan.principal = principal

    def novate(self, row: longlong, lender: longlong, principal: longlong, rate_bp: longlong,
               flags: longlong) -> longlong:  # fmt: skip
        """Put a new lender in the place of the old one for `principal` of a loan; return the row of that part.

        The principal has been paid already.  Less than all of it is split off, as a loan of its own on the same terms.
        """
        source: longlong = self.loans.rows[row].id
        part: longlong = self.take_part(row, principal)
        loan = self.loans.edit(part)
        self.add_share(part, rate_bp)
        loan.lender_rate_bp = rate_bp
        loan.flags = loan.flags & ~LOAN_NO_RELEND | flags
        self.hand_over(part, lender, source)
        return part

    def take_part(self, row: longlong, principal: longlong) -> longlong:
        """Return the row of `principal` of a loan: the loan's own, or that of a part split off."""
        owed: longlong
        if principal >= self.loans.rows[row].principal:
            return row
        owed = self.ledger.find(self.loans.rows[row].borrower, self.loans.rows[row].asset)
        return self.split(row, principal, owed)

    def hand_over(self, row: longlong, lender: longlong, source: longlong) -> None:
        """Give a loan, which was a part of the contract `source`, another lender; everything else stays as it is."""
        loan = self.loans.edit(row)
        former: longlong = loan.lender
        principal: longlong = loan.principal
        self.unlink_lender(row)
        self.count_lent(row, -principal)
        self.add_credit(former, loan.borrower, loan.asset, -principal)
        self.add_credit(lender, loan.borrower, loan.asset, principal)
        loan.lender = lender
        if self.state.accounts.rows[loan.borrower].state >= STATE_UNWIND:
            loan.flags |= LOAN_IS_APART
        self.link_lender(row)
        self.count_lent(row, principal)
        self.drop_promises(self.ledger.find(former, loan.asset))
        event = as_loan_moved(self.outbox.emit(LOAN_MOVED, 0, loan.market, loan.borrower))
        event.contract_id = loan.id
        event.from_contract_id = source
        event.principal = principal
        event.due_us = loan.due_us
        event.former = former
        event.lender = lender
        event.rate_bp = loan.lender_rate_bp
        event.asset = loan.asset

    def count_lent(self, row: longlong, change: longlong) -> None:
        """Add to what its lender has lent by a loan, or claims by an IOU."""
        loan = self.loans.read(row)
        position: longlong = self.ledger.find(loan.lender, loan.asset)
        claims = self.ledger.edit(position)
        if loan.flags & LOAN_IOU:
            promises = self.promises.edit(self.need_promises(position))
            promises.iou_lent += change
        else:
            claims.lent += change

    def assume(self, row: longlong, borrower: longlong, principal: longlong) -> longlong:
        """Put a new borrower in the place of the old one for `principal` of a loan; return the row of that part.

        Rate, due time and lender stay.  What is done at the due time is the new borrower's own choice, and its cap is
        the rate that there is.  Less than all of the loan is split off, as a loan of its own on the same terms.
        """
        source: longlong = self.loans.rows[row].id
        part: longlong = row
        former: longlong = self.loans.rows[row].borrower
        owed: longlong = self.ledger.find(former, self.loans.rows[row].asset)
        target: longlong = self.ledger.need(borrower, self.loans.rows[row].asset)
        if principal < self.loans.rows[row].principal:
            part = self.split(row, principal, owed)
        loan = self.loans.edit(part)
        self.unlink_borrower(part, owed)
        debts = self.ledger.edit(owed)
        debts.loans -= 1
        debts.borrowed -= principal
        self.ledger.add_contract(former, -1)
        self.add_credit(loan.lender, former, loan.asset, -principal)
        self.add_credit(loan.lender, borrower, loan.asset, principal)
        loan.borrower = borrower
        loan.cap_bp = loan.rate_bp
        loan.plan = self.state.accounts.rows[borrower].loan_plan
        loan.flags = loan.flags & ~LOAN_NO_RENEWAL | self.state.accounts.rows[borrower].loan_flags
        self.link_borrower(part, target)
        debts = self.ledger.edit(target)
        debts.loans += 1
        debts.borrowed += principal
        self.ledger.add_contract(borrower, 1)
        self.refresh(owed)
        self.refresh(target)
        event = as_loan_assumed(self.outbox.emit(LOAN_ASSUMED, 0, loan.market, borrower))
        event.contract_id = loan.id
        event.from_contract_id = source
        event.principal = principal
        event.due_us = loan.due_us
        event.former = former
        event.lender = loan.lender
        event.rate_bp = loan.rate_bp
        event.asset = loan.asset
        return part

    def split(self, row: longlong, principal: longlong, owed: longlong) -> longlong:
        """Make `principal` of a loan a loan of its own, with the same terms and shares; return its row.

        Of an IOU, what is less than a quantum stays with what is left.
        """
        part: longlong = self.loans.allocate()
        loan = self.loans.edit(row)
        is_iou: cython.bint = loan.flags & LOAN_IOU != 0
        if is_iou:
            self.weigh(row, -1)
        loan.principal -= principal
        if is_iou:
            self.weigh(row, 1)
        other = self.loans.edit(part)
        other.id = self.loans.get_serial() << ORDER_SLOT_BITS | part
        other.principal = principal
        other.start_us = loan.start_us
        other.due_us = loan.due_us
        other.interest_from_us = loan.interest_from_us
        other.lender = loan.lender
        other.borrower = loan.borrower
        other.asset = loan.asset
        other.market = loan.market
        other.rate_bp = loan.rate_bp
        other.cap_bp = loan.cap_bp
        other.flags = loan.flags
        other.minimum_paid = loan.minimum_paid
        other.tenor_hours = loan.tenor_hours
        other.lender_from_us = loan.lender_from_us
        other.lender_rate_bp = loan.lender_rate_bp
        other.plan = loan.plan
        self.copy_shares(row, part)
        self.link_lender(part)
        self.link_borrower(part, owed)
        debts = self.ledger.edit(owed)
        if is_iou:
            self.weigh(part, 1)
            record = self.state.accounts.edit(loan.borrower)
            record.ious += 1
            promises = self.promises.edit(self.need_promises(owed))
            promises.ious += 1
        else:
            debts.loans += 1
        self.ledger.add_contract(loan.borrower, 1)
        self.schedule(part)
        return part

    # Parties that are closed out.

    def write_off(self, row: longlong, cause: longlong) -> None:
        """End a loan or an IOU that is settled otherwise; nothing is paid here.  It has no shares."""
        loan = self.loans.edit(row)
        owed: longlong = self.ledger.find(loan.borrower, loan.asset)
        principal: longlong = loan.principal
        if loan.flags & LOAN_IOU:
            self.weigh(row, -1)
        self.count(row, -principal)
        loan.principal = 0
        self.report_repaid(row, principal, 0, cause)
        if loan.flags & LOAN_IOU:
            self.end_iou(row, owed)
        else:
            self.end(row, owed)

    def turn_into_iou(self, row: longlong) -> None:
        """Let IOUs, at the penalty rate, stand for a loan and the interest on it: to its lender, and former ones."""
        loan = self.loans.read(row)
        lender: longlong = loan.lender
        borrower: longlong = loan.borrower
        asset: longlong = loan.asset
        rate: longlong = loan.rate_bp
        now: longlong = self.state.venue.rows[1].time_us
        amount: longlong = loan.principal + self.compute_due(row, loan.principal, now)
        share_row: longlong = loan.first_share
        part: longlong
        while share_row != NONE:
            share = self.shares.read(share_row)
            part = self.compute_gain(row, share_row, now)
            if part > 0 and share.account != lender:
                self.open_iou_above(share.account, borrower, asset, part, rate)
                amount -= part
            share_row = share.next
        if loan.first_share != NONE:
            self.abandon_shares(row, now)
        self.write_off(row, KEPT)
        self.open_iou_above(lender, borrower, asset, amount, rate)

    def abandon_shares(self, row: longlong, now_us: longlong) -> None:
        """End the shares of a loan whose interest since the last payment will not be paid in its asset.

        Former lenders that owe pay the lender what they would; what the others receive is somebody else's to pay.
        """
        loan = self.loans.edit(row)
        principal: longlong = loan.principal
        until: longlong = loan.interest_from_us + self.compute_hours(row, now_us) * HOUR
        share_row: longlong = loan.first_share
        amount: longlong
        loan.principal = 0
        while share_row != NONE:
            share = self.shares.edit(share_row)
            amount = self.settle_share(row, share_row, principal, until)
            if amount < 0:
                self.collect_share(row, share_row, -amount, 0)
            else:
                share.due = 0
            share_row = share.next
        self.assign(row, loan.lender, MAX_SUPPLY)
        self.drop_shares(row)
        loan.principal = principal
        loan.lender_rate_bp = loan.rate_bp
        loan.lender_from_us = loan.interest_from_us

    def compute_gain(self, row: longlong, share_row: longlong, now_us: longlong) -> longlong:
        """Return what a share would receive now if a loan's interest were paid; 0 when it would pay."""
        hours: longlong = self.loans.rows[row].interest_from_us + self.compute_hours(row, now_us) * HOUR
        hours = max(hours - self.shares.rows[share_row].exit_us, 0) // HOUR
        self.compute_share(share_row, self.loans.rows[row].principal,
                           min(hours, self.compute_remaining(row, share_row)))  # fmt: skip
        return max(self.amount, 0)

    def copy_shares(self, row: longlong, part: longlong) -> None:
        """Give a part split off the shares of its loan, so that the two together reserve what the one did."""
        share_row: longlong = self.loans.rows[row].first_share
        asset: longlong = self.loans.rows[row].asset
        last: longlong = NONE
        copied: longlong
        hours: longlong
        while share_row != NONE:
            copied = self.shares.allocate()
            share = self.shares.edit(share_row)
            other = self.shares.edit(copied)
            other.from_us = share.from_us
            other.exit_us = share.exit_us
            other.account = share.account
            other.rate_bp = share.rate_bp
            other.next_rate_bp = share.next_rate_bp
            self.ledger.add_contract(share.account, 1)
            hours = self.compute_remaining(row, share_row)
            self.compute_share(copied, self.loans.rows[part].principal, hours)
            if self.amount <= 0 and self.rest < 0:  # the part owes whole quanta, the loan the fraction too
                other.carry = -self.rest
                share.carry += self.rest
            self.reserve(share_row, asset, self.compute_reserve(share_row, self.loans.rows[row].principal, hours))
            self.reserve(copied, asset, self.compute_reserve(copied, self.loans.rows[part].principal, hours))
            if last == NONE:
                head = self.loans.edit(part)
                head.first_share = copied
            else:
                before = self.shares.edit(last)
                before.next = copied
            last = copied
            share_row = share.next

    def add_share(self, row: longlong, next_rate_bp: longlong) -> None:
        """Note what the lender that leaves keeps of a loan's interest, when it keeps or owes anything."""
        loan = self.loans.edit(row)
        now: longlong = self.state.venue.rows[1].time_us
        since: longlong = loan.lender_from_us
        exit_us: longlong = loan.interest_from_us + max(now - loan.interest_from_us, 0) // HOUR * HOUR
        share_row: longlong
        loan.lender_from_us = exit_us
        if exit_us > since or next_rate_bp != loan.lender_rate_bp:
            share_row = self.shares.allocate()
            share = self.shares.edit(share_row)
            share.account = loan.lender
            share.from_us = since
            share.exit_us = exit_us
            share.rate_bp = loan.lender_rate_bp
            share.next_rate_bp = next_rate_bp
            share.next = loan.first_share
            loan.first_share = share_row
            self.ledger.add_contract(loan.lender, 1)
            self.reserve(share_row, loan.asset, self.compute_reserve(
                share_row, loan.principal, self.compute_remaining(row, share_row)))  # fmt: skip
