"""What is done with a loan at its due time, in the order that its borrower chose, as far as the step before left.

Pay and extend; borrow anew from the book, at most at the borrower's cap; repay from the balance; sell holdings within
the band and buy the asset.  Each step is admitted like a command of the borrower, and taken back where it is not.
What is left then is overdue: it keeps accruing, and nothing else of the portfolio is touched.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.admission import Admission
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.flows.borrow import BorrowFlow
from worldmarkets.core.flows.overdue import OverdueFlow
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.matching import Matching
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Asset,
        Event,
        Figure,
        Loan,
        Market,
        Position,
        Side,
        Venue,
        as_loan_overdue,
    )
    from worldmarkets.core.units import (
        BASIS,
        DUE_DOUBLINGS,
        DUE_FILLS,
        DUE_RETRY,
        DUE_ROUNDS,
        DUE_SKIPS,
        HOURS_A_YEAR,
        LADDER_TOP,
        MAX_CASH,
        MAX_LOANS,
        MAX_LOTS,
        MAX_POSITIONS,
        MAX_SKIPS,
        MILLION,
        OVERDUE_PAUSE,
        SIDES,
    )
    from worldmarkets.core.wide import mul_div_ceil, mul_div_floor


@cython.final
@cython.cclass
class DueFlow:
    """Loans at their due time."""

    state: State
    ledger: Ledger
    loans: Loans
    timers: Timers
    matching: Matching
    admission: Admission
    oracle: Oracle
    borrow_flow: BorrowFlow
    overdue_flow: OverdueFlow
    outbox: Outbox

    def __init__(self, state: State, ledger: Ledger, loans: Loans, matching: Matching, admission: Admission,
                 oracle: Oracle, borrow_flow: BorrowFlow, overdue_flow: OverdueFlow, outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.loans = loans
        self.timers = loans.timers
        self.matching = matching
        self.admission = admission
        self.oracle = oracle
        self.borrow_flow = borrow_flow
        self.overdue_flow = overdue_flow
        self.outbox = outbox

    def run(self, row: longlong) -> None:
        """Do what is to be done with a loan that falls due now; while a party is being closed out it waits.

        An overdue loan is closed out where the venue has a ladder, and waits for its parties elsewhere.
        """
        loan = self.loans.loans.edit(row)
        loan.timer = NONE
        if self.loans.is_frozen(row):
            loan.timer = self.loans.timers.schedule(LOAN_DUE, row, self.state.venue.rows[1].time_us + DUE_RETRY)
        elif not loan.flags & LOAN_IS_OVERDUE:
            self.follow_plan(row)
        elif self.state.venue.rows[1].has_ladder != 0:
            self.overdue_flow.close(row)

    def follow_plan(self, row: longlong) -> None:
        """Take the steps of a loan's plan, each for what the one before left."""
        loan = self.loans.loans.read(row)
        identity: longlong = loan.id
        plan: longlong = loan.plan
        if loan.flags & LOAN_IOU:
            plan = STEP_NONE
        elif plan == 0:
            plan = PLAN_DEFAULT
        while plan > 0 and self.is_due(identity) and loan.timer == NONE:
            self.take_step(row, plan & 15)
            plan >>= 4
        if self.is_due(identity) and loan.timer == NONE:
            self.fall_overdue(row)

    def is_due(self, identity: longlong) -> cython.bint:
        """Say whether a loan is still there, and due."""
        row: longlong = self.loans.find(identity)
        return row != NONE and self.loans.loans.rows[row].due_us <= self.state.venue.rows[1].time_us

    def take_step(self, row: longlong, step: longlong) -> None:
        """Take one step of a plan within its part of the work of a command.

        Where that was used up before the step was done, the loan waits for another round: whoever fills a book with
        offers that cannot deliver, or will not, puts the step off, and no later step is taken for it.
        """
        fills: longlong = max(0, self.state.venue.rows[1].max_fills - DUE_FILLS)
        skips: longlong = MAX_SKIPS - (DUE_SKIPS << self.loans.loans.rows[row].rounds)
        fills_before: longlong = self.matching.fills
        skips_before: longlong = self.matching.skips
        is_used_up: cython.bint
        is_kept: cython.bint
        is_nearer: cython.bint
        identity: longlong = self.loans.loans.rows[row].id
        principal: longlong = self.loans.loans.rows[row].principal
        self.matching.fills = fills  # as if so much of what a command may do was done
        self.matching.skips = skips
        self.matching.passes = 0
        is_kept = self.try_step(row, step)
        is_used_up = self.matching.fills >= self.state.venue.rows[1].max_fills or self.matching.skips >= MAX_SKIPS
        fills = self.matching.fills - fills
        skips = self.matching.skips - skips
        self.matching.fills = fills_before + fills
        self.matching.skips = skips_before + skips
        if is_kept and is_used_up and self.is_due(identity):
            is_nearer = skips > self.matching.passes or self.loans.loans.rows[row].principal < principal
            self.go_on(row, is_nearer)

    def go_on(self, row: longlong, is_nearer: cython.bint) -> None:
        """Let a loan have another round, behind all that is due now, if the last one repaid a part or removed an order.

        One that only passed orders over may pass over twice as many next time, until it has been through enough.
        """
        loan = self.loans.loans.edit(row)
        if is_nearer or loan.rounds < DUE_DOUBLINGS:
            loan.rounds += not is_nearer
            loan.timer = self.timers.schedule(LOAN_DUE, row, self.state.venue.rows[1].time_us)

    def try_step(self, row: longlong, step: longlong) -> cython.bint:
        """Take one step of a plan; one that its borrower would not be admitted for is taken back.  Says which."""
        undo: longlong = self.state.undo.begin()
        events: longlong = self.outbox.length
        borrower: longlong = self.loans.loans.rows[row].borrower
        lender: longlong = self.loans.loans.rows[row].lender
        market: longlong = self.loans.loans.rows[row].market
        rate: longlong = self.loans.loans.rows[row].lender_rate_bp
        is_returning: cython.bint = not self.loans.loans.rows[row].flags & LOAN_NO_RELEND
        before: longlong = self.loans.loans.rows[row].principal
        identity: longlong = self.loans.loans.rows[row].id
        code: longlong = OK
        self.admission.take(self.matching.taker, borrower)
        if step == STEP_EXTEND:
            code = self.extend(row)
        elif step == STEP_REBORROW:
            self.borrow_anew(row)
        elif step == STEP_REPAY:
            self.repay(row, self.ledger.get_balance(borrower, self.loans.loans.rows[row].asset))
        elif step == STEP_SELL:
            self.sell(row)
        if code == OK:
            code = self.admission.check(self.matching.taker)
        if code != OK:
            self.state.undo.rollback(undo)
            self.outbox.length = events
            return False
        if is_returning:
            if self.loans.find(identity) != NONE:
                before -= self.loans.loans.rows[row].principal
            if before > 0:
                self.borrow_flow.return_to_book(lender, market, before, rate)
        return True

    def extend(self, row: longlong) -> longlong:
        """Pay the interest due and extend the loan, as its borrower could; return the code that forbids it."""
        code: longlong = self.borrow_flow.check_extensible(row, self.loans.loans.rows[row].cap_bp)
        self.matching.taker.is_cautious = True
        if code == OK:
            self.borrow_flow.prolong(row, 0)
        return code

    def borrow_anew(self, row: longlong) -> None:
        """Borrow what repays the loan from its book, at most at the borrower's cap, and repay with it."""
        loan = self.loans.loans.read(row)
        rules = self.state.markets.read(loan.market)
        position: longlong = self.ledger.find(loan.borrower, loan.asset)
        interest: longlong = self.loans.compute_due(row, loan.principal, self.state.venue.rows[1].time_us)
        spare: longlong = min(self.state.positions.rows[position].balance, interest)
        had: longlong = self.state.positions.rows[position].balance
        lots: longlong = (loan.principal + interest - spare + rules.lot_quanta - 1) // rules.lot_quanta
        lots = min(max(lots, rules.minimum_lots), MAX_LOTS)
        if self.state.positions.rows[position].loans < MAX_LOANS:
            self.trade(position, loan.market, BUY, loan.cap_bp, lots)
        had = self.state.positions.rows[position].balance - had
        if had > 0:
            self.repay(row, had + spare)

    def repay(self, row: longlong, budget: longlong) -> None:
        """Repay as much of a loan as `budget` covers with the interest on it; less than the minimum is not left."""
        loan = self.loans.loans.read(row)
        now: longlong = self.state.venue.rows[1].time_us
        least: longlong = self.state.assets.rows[loan.asset].minimum_principal
        year: longlong = BASIS * HOURS_A_YEAR
        principal: longlong = mul_div_floor(budget, year, year + loan.rate_bp * self.loans.compute_hours(row, now))
        principal = min(principal, loan.principal)
        while principal > 0 and principal + self.loans.compute_due(row, principal, now) > budget:
            principal -= 1
        if principal < loan.principal and loan.principal - principal < least:
            principal = loan.principal - least
        if principal > 0:
            self.loans.repay(row, principal, self.loans.compute_due(row, principal, now))

    def trade(self, position: longlong, market: longlong, side: longlong, price: longlong, lots: longlong) -> None:
        """Send an order of the exchange's own for a borrower; what does not fill at once is cancelled."""
        rules = self.state.markets.read(market)
        slot: longlong
        if rules.mode != OPEN or self.state.venue.rows[1].mode != OPEN or lots <= 0 or price <= 0:
            lots = 0
        if lots > 0 and self.matching.check_risk(position, market, side, lots) == OK:
            slot = self.matching.create(position, market, side, price, lots, 0)
            self.matching.report_placed(slot, IMMEDIATE_OR_CANCEL)
            self.matching.execute(slot, IMMEDIATE_OR_CANCEL)

    def sell(self, row: longlong) -> None:
        """Sell holdings within the band, those that move least first, buy the loan's asset, and repay with it."""
        loan = self.loans.loans.read(row)
        account: longlong = loan.borrower
        asset: longlong = loan.asset
        interest: longlong = self.loans.compute_due(row, loan.principal, self.state.venue.rows[1].time_us)
        missing: longlong = loan.principal + interest - self.ledger.get_balance(account, asset)
        if missing > 0:
            if asset == NUMERAIRE:
                self.raise_cash(account, missing, asset)
            else:
                self.buy(account, asset, missing)
            self.repay(row, self.ledger.get_balance(account, asset))

    def raise_cash(self, account: longlong, missing: longlong, kept: longlong) -> None:
        """Sell holdings, those that move least first and `kept` not at all, until `missing` numeraire came in."""
        wanted: longlong = self.ledger.get_cash(account) + missing
        position: longlong = self.find_holding(account, kept, -1, 0)
        turn: longlong
        for turn in range(MAX_POSITIONS):
            if position == NONE or self.ledger.get_cash(account) >= wanted:
                break
            self.sell_holding(position, wanted)
            asset: longlong = self.state.positions.rows[position].asset
            position = self.find_holding(account, kept, self.state.assets.rows[asset].price_shock_ppm, asset)

    def find_holding(self, account: longlong, kept: longlong, shock: longlong, asset: longlong) -> longlong:
        """Return the position that is sold after those of a price shock and asset: the next higher of both, or 0."""
        row: longlong = self.ledger.find_holding(account, shock, asset)
        while row != NONE:
            asset = self.state.positions.rows[row].asset
            rules = self.state.assets.read(asset)
            if rules.spot_market != NONE and asset != kept:
                break
            row = self.ledger.find_holding(account, rules.price_shock_ppm, asset)
        return row

    def sell_holding(self, row: longlong, wanted: longlong) -> None:
        """Sell of one holding, within the band, what brings the account's numeraire to `wanted` after fees."""
        position = self.state.positions.read(row)
        market: longlong = self.state.assets.rows[position.asset].spot_market
        rules = self.state.markets.read(market)
        turn: longlong
        missing: longlong
        bid: longlong
        lot: longlong
        had: longlong
        for turn in range(DUE_ROUNDS):
            missing = wanted - self.ledger.get_cash(position.account)
            bid = self.state.sides.rows[SIDES * market + BUY].best
            had = position.balance
            if missing <= 0 or bid < rules.band_low_ticks or self.oracle.get_feed(position.asset) != FEED_VALID:
                break
            lot = bid * rules.tick_value - mul_div_ceil(bid * rules.tick_value, rules.taker_ppm, MILLION)
            if lot <= 0:
                break
            lot = min(max(missing // lot + 1, rules.minimum_lots), MAX_LOTS)
            self.trade(row, market, SELL, max(rules.band_low_ticks, 1), min(had // rules.lot_quanta, lot))
            if position.balance == had:
                break

    def buy(self, account: longlong, asset: longlong, missing: longlong) -> None:
        """Buy `missing` of an asset within the band, with numeraire held and from selling other holdings."""
        market: longlong = self.state.assets.rows[asset].spot_market
        row: longlong = self.ledger.find(account, asset)
        wanted: longlong = self.state.positions.rows[row].balance + missing
        turn: longlong
        had: longlong
        lots: longlong
        lot: longlong
        ask: longlong
        if market != NONE:
            rules = self.state.markets.read(market)
            for turn in range(DUE_ROUNDS):
                had = self.state.positions.rows[row].balance
                ask = LADDER_TOP - self.state.sides.rows[SIDES * market + SELL].best
                if had >= wanted or ask > rules.band_high_ticks or self.oracle.get_feed(asset) != FEED_VALID:
                    break
                lots = max((wanted - had + rules.lot_quanta - 1) // rules.lot_quanta, rules.minimum_lots)
                lot = ask * rules.tick_value + mul_div_ceil(ask * rules.tick_value, rules.taker_ppm, MILLION)
                lots = min(lots, MAX_CASH // lot)
                if lots * lot > self.ledger.get_cash(account):
                    self.raise_cash(account, lots * lot - self.ledger.get_cash(account), asset)
                lots = min(lots, self.ledger.get_cash(account) // lot)
                self.trade(row, market, BUY, rules.band_high_ticks, lots)
                if self.state.positions.rows[row].balance == had:
                    break

    def fall_overdue(self, row: longlong) -> None:
        """Mark a loan as overdue and tell both sides.

        In an hour this contract alone is closed out (`overdue.py`); until then its borrower, or anyone by renewing it,
        can still cure it.
        """
        loan = self.loans.loans.edit(row)
        loan.flags |= LOAN_IS_OVERDUE
        loan.timer = self.loans.timers.schedule(LOAN_DUE, row, self.state.venue.rows[1].time_us + OVERDUE_PAUSE)
        event = as_loan_overdue(self.outbox.emit(LOAN_OVERDUE, 0, loan.market, loan.borrower))
        event.contract_id = loan.id
        event.principal = loan.principal
        event.interest = self.loans.compute_due(row, loan.principal, self.state.venue.rows[1].time_us)
        event.due_us = loan.due_us
        event.lender = loan.lender
        event.asset = loan.asset
