"""Slices: a share of what one account has becomes another's.

A slice takes the share f of every balance, of every loan either way and of every perp contract that it covers, integers
floored.  A part below a minimum size stays, and a rest below it goes along.  The numeraire's balance never moves: what
is paid for the slice is paid in it, and both are one sum.  When there are more contracts than the bound of work allows
they go whole instead, in the order in which the account gives contracts up, until the share of their sum is reached.
Source: docs/spec/auction.md.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.bids import Bids
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.policy import Policies
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import BALANCE_TAKEN, LOAN_IOU, LOAN_NO_RELEND, MAY_REDUCE, NONE, NUMERAIRE, SETTLING
    from worldmarkets.core.records import (
        Account,
        Asset,
        Event,
        Figure,
        Loan,
        Market,
        Perp,
        Position,
        Venue,
        as_funds_moved,
    )
    from worldmarkets.core.units import BILLION, MAX_EXITS, MAX_LOANS, MAX_SLICES, MAX_SUPPLY
    from worldmarkets.core.wide import magnitude, mul_div_floor


def fit_minimum(part: longlong, whole: longlong, minimum: longlong) -> longlong:
    """Return what of a part goes so that neither it nor the rest is below a minimum: nothing, the part, or the whole.

    Of a whole that is below the minimum itself, the nearer of nothing and all.
    """
    if part < minimum:
        return whole if whole < minimum and 2 * part >= whole else 0
    return whole if whole - part < minimum else part


@cython.final
@cython.cclass
class Slices:
    """Measures what a bid covers of an account, and moves a share of it.

    Of what was measured last: `loss` is its shock loss and `notional` its size, both in numeraire quanta.  Of what was
    moved last: `moved` is its size, `contracts` how many were touched; and what it asks of its new owner's admission.
    """

    state: State
    ledger: Ledger
    atlas: Atlas
    policies: Policies
    oracle: Oracle
    perps: Perps
    loans: Loans
    bids: Bids
    outbox: Outbox
    loss: longlong
    notional: longlong
    moved: longlong
    contracts: longlong
    is_borrowing: cython.bint
    is_crowding: cython.bint
    account: longlong
    taker: longlong
    share_ppb: longlong
    left: longlong
    is_whole: cython.bint

    def __init__(self, state: State, ledger: Ledger, atlas: Atlas, policies: Policies, oracle: Oracle, perps: Perps,
                 loans: Loans, bids: Bids, outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.atlas = atlas
        self.policies = policies
        self.oracle = oracle
        self.perps = perps
        self.loans = loans
        self.bids = bids
        self.outbox = outbox
        self.loss = 0
        self.notional = 0
        self.moved = 0
        self.contracts = 0
        self.is_borrowing = False
        self.is_crowding = False
        self.account = NONE
        self.taker = NONE
        self.share_ppb = 0
        self.left = 0
        self.is_whole = False

    # What is covered.

    def measure(self, account: longlong, bid: longlong) -> None:
        """Measure what a bid covers of an account: the loss, the notional, and whether contracts go whole."""
        figure: longlong = self.state.accounts.rows[account].first_group
        row: longlong
        self.loss = 0
        self.notional = 0
        self.contracts = 0
        while figure != NONE:
            if self.bids.is_covering(bid, self.state.figures.rows[figure].group):
                self.loss += self.atlas.get_figure(figure, 0, False)
                self.loss -= self.atlas.get_figure(figure, self.state.venue.rows[1].initial_ppm, False)
                row = self.state.figures.rows[figure].first_position
                while row != NONE:
                    if self.may_move(row):
                        self.measure_position(row)
                    row = self.state.positions.rows[row].next
            figure = self.state.figures.rows[figure].next
        self.is_whole = self.contracts > MAX_SLICES

    def may_move(self, row: longlong) -> cython.bint:
        """Say whether what an account has of an asset may change hands: the state of its feed lets it be sold."""
        return self.oracle.get_allowed(self.oracle.get_feed(self.state.positions.rows[row].asset)) & MAY_REDUCE != 0

    def measure_position(self, row: longlong) -> None:
        """Add what an account has of an asset to the notional, and its contracts, counted a little beyond the bound."""
        position = self.state.positions.read(row)
        if position.asset != NUMERAIRE:
            self.count(self.atlas.compute_notional(position.asset, position.balance))
        self.count(self.atlas.compute_notional(position.asset, position.borrowed))
        self.count(self.atlas.compute_notional(position.asset, position.lent))
        self.contracts += position.loans
        contract: longlong = position.first_lent
        while contract != NONE and self.contracts <= MAX_SLICES:
            self.contracts += 1
            contract = self.loans.loans.rows[contract].lender_next
            if contract == position.first_lent:
                break
        if position.lots != 0:
            self.count(self.atlas.compute_worth(self.state.assets.rows[position.asset].perp_market,
                                                magnitude(position.lots)))  # fmt: skip
            contract = position.first_perp
            while contract != NONE and self.contracts <= MAX_SLICES:
                self.contracts += 1
                contract = self.perps.get_following(contract, row, False)

    def count(self, worth: longlong) -> None:
        """Add to the notional, within its bound."""
        self.notional = min(self.notional + worth, MAX_SUPPLY)

    # Moving.

    def move(self, account: longlong, taker: longlong, bid: longlong, share_ppb: longlong) -> None:
        """Let `taker` have a share of what a bid covers of an account; what cannot change hands stays."""
        figure: longlong = self.state.accounts.rows[account].first_group
        row: longlong
        self.account = account
        self.taker = taker
        self.share_ppb = share_ppb
        self.left = MAX_SLICES
        self.moved = 0
        self.is_borrowing = False
        self.is_crowding = False
        while figure != NONE:
            if self.bids.is_covering(bid, self.state.figures.rows[figure].group):
                row = self.state.figures.rows[figure].first_position
                while row != NONE:
                    if self.may_move(row) and self.ledger.has_room(taker, self.state.positions.rows[row].asset):
                        self.move_position(row, self.ledger.need(taker, self.state.positions.rows[row].asset))
                    row = self.state.positions.rows[row].next
            figure = self.state.figures.rows[figure].next
        self.contracts = MAX_SLICES - self.left

    def move_position(self, row: longlong, target: longlong) -> None:
        """Move the share of what an account has of one asset."""
        position = self.state.positions.read(row)
        amount: longlong
        if position.asset != NUMERAIRE:
            amount = self.compute_share(position.balance)
            if amount > 0:
                self.ledger.move_between(row, target, amount)
                event = as_funds_moved(self.outbox.emit(BALANCE_TAKEN, 0, 0, self.account))
                event.amount = amount
                event.balance = position.balance
                event.asset = position.asset
                event.to = self.taker
                self.note(self.atlas.compute_notional(position.asset, amount))
        if position.first_borrowed != NONE:
            self.move_debts(row, target)
        if position.first_lent != NONE:
            self.move_claims(row, target)
        if position.lots != 0 and not self.is_settling(position.asset):
            self.move_perps(row, target)

    def is_settling(self, asset: longlong) -> cython.bint:
        """Say whether the perp market of an asset has ended: its contracts are being closed."""
        return self.state.markets.rows[self.state.assets.rows[asset].perp_market].mode == SETTLING

    def compute_share(self, whole: longlong) -> longlong:
        """Return the share of a whole, rounded down."""
        return mul_div_floor(whole, self.share_ppb, BILLION)

    def compute_part(self, whole: longlong, target: longlong, total: longlong) -> longlong:
        """Return how much of one contract goes: its part of `target` of `total`; all that is wanted if none is parted.
        """
        return min(whole, target) if self.is_whole else mul_div_floor(whole, target, total)

    def note(self, worth: longlong) -> None:
        """Add to the size of what moved, within its bound."""
        self.moved = min(self.moved + worth, MAX_SUPPLY)

    def move_debts(self, row: longlong, target: longlong) -> None:
        """Let the new owner owe the share of what an account borrowed of an asset."""
        position = self.state.positions.read(row)
        minimum: longlong = self.state.assets.rows[position.asset].minimum_principal
        total: longlong = position.borrowed
        wanted: longlong = self.compute_share(total)
        debt: longlong = position.first_borrowed
        following: longlong
        part: longlong
        while debt != NONE and self.left > 0:
            loan = self.loans.loans.read(debt)
            following = NONE if loan.borrower_next == position.first_borrowed else loan.borrower_next
            part = fit_minimum(self.compute_part(loan.principal, wanted, total), loan.principal, minimum)
            if part > 0 and self.may_assume(debt, target, part):
                self.note(self.atlas.compute_notional(loan.asset, part))
                self.loans.assume(debt, self.taker, part)
                self.is_borrowing = True
                self.left -= 1
                if self.is_whole:
                    wanted -= part
            debt = following

    def may_assume(self, row: longlong, target: longlong, part: longlong) -> cython.bint:
        """Say whether the new owner may owe a part of a loan: it is not due, and no lender is of the same owner.

        Its policy is asked; the lender's is not: who takes the loan over is free when it did.
        """
        loan = self.loans.loans.read(row)
        return (
            loan.due_us > self.state.venue.rows[1].time_us
            and not self.loans.is_frozen(row)
            and not self.ledger.is_same_owner(loan.lender, self.taker)
            and not self.policies.is_denied(self.taker, loan.lender)
            and self.state.positions.rows[target].loans < MAX_LOANS
            and (part == loan.principal or self.has_loan_to_spare(loan.borrower, loan.asset))
        )

    def has_loan_to_spare(self, borrower: longlong, asset: longlong) -> cython.bint:
        """Say whether one of a borrower's loans may be parted."""
        return self.state.positions.rows[self.ledger.find(borrower, asset)].loans < MAX_LOANS // 2

    def move_claims(self, row: longlong, target: longlong) -> None:
        """Let the new owner be the lender of the share of what an account lent of an asset."""
        position = self.state.positions.read(row)
        minimum: longlong = self.state.assets.rows[position.asset].minimum_principal
        total: longlong = position.lent
        wanted: longlong = self.compute_share(total)
        claim: longlong = position.first_lent
        following: longlong
        part: longlong
        while claim != NONE and self.left > 0:
            loan = self.loans.loans.read(claim)
            following = NONE if loan.lender_next == position.first_lent else loan.lender_next
            part = 0
            if not loan.flags & LOAN_IOU:  # they are in no sum of principals
                part = fit_minimum(self.compute_part(loan.principal, wanted, total), loan.principal, minimum)
            if part > 0 and self.may_lend(claim, target, part):
                self.note(self.atlas.compute_notional(loan.asset, part))
                self.loans.novate(claim, self.taker, part, loan.lender_rate_bp, loan.flags & LOAN_NO_RELEND)
                self.left -= 1
                if self.is_whole:
                    wanted -= part
            claim = following

    def may_lend(self, row: longlong, target: longlong, part: longlong) -> cython.bint:
        """Say whether the new owner may be the lender of a part of a loan, as whoever takes a lender's place may."""
        loan = self.loans.loans.read(row)
        lot: longlong = self.state.markets.rows[loan.market].lot_quanta
        lots: longlong = (part + lot - 1) // lot
        return (
            loan.due_us > self.state.venue.rows[1].time_us
            and not self.loans.is_frozen(row)
            and not self.ledger.is_same_owner(loan.borrower, self.taker)
            and self.loans.count_shares(row) < MAX_EXITS
            and (part == loan.principal or self.has_loan_to_spare(loan.borrower, loan.asset))
            and self.policies.fit_taken(target, loan.borrower, loan.market, lots) == lots
        )

    def move_perps(self, row: longlong, target: longlong) -> None:
        """Let the new owner be the party of the share of an account's contracts in a market."""
        position = self.state.positions.read(row)
        taker = self.state.positions.read(target)
        market: longlong = self.state.assets.rows[position.asset].perp_market
        wanted: longlong = self.compute_share(magnitude(position.lots))
        open_before: longlong = max(position.lots, 0) + max(taker.lots, 0)
        held: longlong = magnitude(taker.lots)
        total: longlong
        contract: longlong
        following: longlong
        part: longlong
        if position.lots > 0:
            contract = self.perps.find(self.account, self.taker, market)
        else:
            contract = self.perps.find(self.taker, self.account, market)
        if contract != NONE:  # what the two have between themselves goes first
            wanted -= self.hand_over(contract, row, target, min(wanted, self.perps.perps.rows[contract].lots))
        total = magnitude(position.lots)
        contract = self.perps.get_start(row) if wanted > 0 else NONE
        while contract != NONE and self.left > 0:
            following = self.perps.get_following(contract, row, self.perps.is_backwards(row))
            part = self.perps.perps.rows[contract].lots
            part = fit_minimum(self.compute_part(part, wanted, total), part,
                               self.state.markets.rows[market].minimum_lots)  # fmt: skip
            if part > 0:
                part = self.hand_over(contract, row, target, part)
                if self.is_whole:
                    wanted -= part
            contract = following
        rules = self.state.markets.edit(market)
        rules.open_interest += max(position.lots, 0) + max(taker.lots, 0) - open_before
        if magnitude(taker.lots) > held and rules.open_interest > rules.crowded_lots:
            self.is_crowding = True

    def hand_over(self, contract: longlong, row: longlong, target: longlong, lots: longlong) -> longlong:
        """Let the new owner be the party of a contract for up to `lots`; return for how many it is."""
        market: longlong = self.perps.perps.rows[contract].market
        done: longlong = self.perps.hand_over(contract, row, target, lots, self.left, self.taker)
        self.left -= self.perps.slices
        self.note(self.atlas.compute_worth(market, done))
        return done
