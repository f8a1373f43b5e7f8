"""The end of the ladder: an account's contracts are closed at mark, and what it has goes to its own creditors in kind.

Marks, funding and interest are frozen when it begins; from then on nobody but this work touches the account or a
contract of it.  What it and one other account owe each other is netted; the net claims get one ratio of everything it
has.  Nobody else pays.  The work is done in bounded steps, one account after another.  Between two steps every account
stands where its own contracts with the defaulter leave it: a pair is settled in one step.

Units: claims and values are numeraire quanta at the frozen marks.  Rounds: a claim up, a debt down, against the account
that is closed out; what a creditor receives down, once an asset.  Source: docs/spec/closeout.md.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Asset,
        Claim,
        Estate,
        EstateLine,
        Event,
        Figure,
        Latch,
        Loan,
        Market,
        Perp,
        Position,
        Promises,
        Share,
        Venue,
        as_claim_paid,
        as_close_out_begun,
        as_close_out_counted,
        as_close_out_done,
        as_contract_counted,
    )
    from worldmarkets.core.units import (
        BASIS,
        CLOSE_CONTRACTS,
        CLOSE_POSITIONS,
        CLOSE_STEP_US,
        CLOSE_WORK,
        GRID,
        HOURS_A_YEAR,
        MAX_LEG,
        MAX_LOANS,
        MAX_SUPPLY,
        MILLION,
        PPB_ONE,
    )
    from worldmarkets.core.wide import clamp_wide, mul_div_ceil, mul_div_floor, narrow_floor, wide, wide_div_ceil


@cython.final
@cython.cclass
class CloseOutFlow:
    """Closes accounts out."""

    state: State
    ledger: Ledger
    timers: Timers
    orders: Orders
    matching: Matching
    atlas: Atlas
    loans: Loans
    perps: Perps
    outbox: Outbox
    work_size: longlong
    left: longlong
    value: longlong

    def __init__(self, state: State, ledger: Ledger, timers: Timers, orders: Orders, matching: Matching, atlas: Atlas,
                 loans: Loans, perps: Perps, outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.timers = timers
        self.orders = orders
        self.matching = matching
        self.atlas = atlas
        self.loans = loans
        self.perps = perps
        self.outbox = outbox
        self.work_size = CLOSE_WORK
        self.left = 0
        self.value = 0

    # The queue.

    def begin(self, account: longlong, reason: longlong) -> cython.bint:
        """Let an account be closed out, after those that came before; return False when there is nothing to close."""
        row: longlong
        if self.state.accounts.rows[account].closing != 0 or not self.has_contracts(account):
            return False
        row = self.state.estates.allocate()
        estate = self.state.estates.edit(row)
        estate.account = account
        estate.reason = reason
        record = self.state.accounts.edit(account)
        record.closing = WAITING
        venue = self.state.venue.edit(1)
        if venue.first_estate == NONE:
            venue.first_estate = row
            self.timers.schedule(CLOSE_OUT, row, max(venue.time_us, venue.close_out_us))
        else:
            last = self.state.estates.edit(venue.last_estate)
            last.next = row
        venue.last_estate = row
        return True

    def has_contracts(self, account: longlong) -> cython.bint:
        """Say whether an account has perps, loans taken, or owes by IOU."""
        figure: longlong = self.state.accounts.rows[account].first_group
        row: longlong
        if self.state.accounts.rows[account].ious > 0:
            return True
        while figure != NONE:
            row = self.state.figures.rows[figure].first_position
            while row != NONE:
                position = self.state.positions.read(row)
                if position.first_perp != NONE or position.first_borrowed != NONE:
                    return True
                row = position.next
            figure = self.state.figures.rows[figure].next
        return False

    def work(self, row: longlong) -> None:
        """Do a bounded part of the close-out that is under way; at its end the next one's turn comes."""
        self.left = self.work_size
        while self.left > 0 and row != NONE:
            row = self.step(row)
        self.matching.slices += self.work_size - self.left
        venue = self.state.venue.edit(1)
        venue.close_out_us = venue.time_us + CLOSE_STEP_US * (self.work_size - self.left)
        if row != NONE:
            self.timers.schedule(CLOSE_OUT, row, venue.close_out_us)

    def put_behind(self, row: longlong) -> longlong:
        """Let a close-out that failed before it had begun wait behind the others; return whose turn it is.

        Once marks are frozen it stays: what another account and it have between themselves is counted already.
        """
        estate = self.state.estates.edit(row)
        venue = self.state.venue.edit(1)
        if estate.phase < FROZEN and estate.next != NONE:
            last = self.state.estates.edit(venue.last_estate)
            last.next = row
            venue.first_estate = estate.next
            venue.last_estate = row
            estate.next = NONE
        return venue.first_estate

    def step(self, row: longlong) -> longlong:
        """Take one step of a close-out; return the row of that which is under way afterwards, or 0."""
        estate = self.state.estates.edit(row)
        phase: longlong = estate.phase
        self.left -= 1
        if phase < FROZEN:
            self.leave_books(row)
        elif phase == GATHERING:
            self.gather(row)
        elif phase == NETTING and estate.claim != NONE:
            self.net(row)
        elif phase == NETTING:
            estate.phase = COUNTING
            estate.claim = estate.first_claim
        elif phase == COUNTING and estate.claim != NONE:
            self.count(row)
        elif phase == COUNTING:
            estate.phase = PAYING
            estate.claim = estate.first_claim
            self.share_out(row)
        elif estate.claim != NONE:
            self.pay(row)
        else:
            self.end(row)
        return self.state.venue.rows[1].first_estate

    def leave_books(self, row: longlong) -> None:
        """Cancel an order of the account's; when none is left, everything is frozen and the close-out begins."""
        estate = self.state.estates.edit(row)
        account = self.state.accounts.edit(estate.account)
        estate.phase = LEAVING_BOOKS
        account.closing = LEAVING_BOOKS
        if account.first_order != NONE:
            self.orders.cancel(account.first_order, REASON_CLOSE_OUT, 0, 0)
        else:
            self.freeze(row)

    def freeze(self, row: longlong) -> None:
        """Freeze marks, funding and interest, unless the account has recovered while it waited."""
        estate = self.state.estates.edit(row)
        venue = self.state.venue.read(1)
        account: longlong = estate.account
        self.loans.fund.seize(account)
        estate.value = self.atlas.compute_value(account, 0)
        estate.time_us = venue.time_us
        estate.version = venue.mark_version
        if estate.reason == INSOLVENT and estate.value >= 0 or (
            self.atlas.compute_value(account, venue.initial_ppm) >= 0
        ):
            estate.reason = RECOVERED
            self.finish(row)
        else:
            record = self.state.accounts.edit(account)
            record.closing = FROZEN
            self.freeze_marks(row)
            estate.phase = GATHERING
            estate.line = estate.first_line
            event = as_close_out_begun(self.outbox.emit(CLOSE_OUT_BEGUN, estate.reason, 0, account))
            event.value = estate.value
            event.version = estate.version
            event.time_us = estate.time_us

    def freeze_marks(self, row: longlong) -> None:
        """Keep the mark of each of the account's assets, and its perp market's funding."""
        estate = self.state.estates.edit(row)
        figure: longlong = self.state.accounts.rows[estate.account].first_group
        line_row: longlong
        position_row: longlong
        while figure != NONE:
            position_row = self.state.figures.rows[figure].first_position
            while position_row != NONE:
                position = self.state.positions.read(position_row)
                asset = self.state.assets.read(position.asset)
                line_row = self.state.estate_lines.allocate()
                line = self.state.estate_lines.edit(line_row)
                line.unit = asset.unit
                line.funding_index = self.state.markets.rows[asset.perp_market].funding_index
                line.position = position_row
                line.asset = position.asset
                line.next = estate.first_line
                estate.first_line = line_row
                position_row = position.next
            figure = self.state.figures.rows[figure].next

    def find_line(self, row: longlong, asset: longlong) -> longlong:
        """Return the line of an asset, of which the account has a position."""
        line: longlong = self.state.estates.rows[row].first_line
        while self.state.estate_lines.rows[line].asset != asset:
            line = self.state.estate_lines.rows[line].next
        return line

    @cython.overflowcheck(False)
    def compute_worth(self, line_row: longlong, quanta: longlong, is_up: cython.bint) -> longlong:
        """Return what `quanta` >= 0 are worth at the frozen mark, rounded up or down; at most `MAX_LEG`."""
        worth: wide = quanta
        most: wide = MAX_LEG
        worth = clamp_wide(worth * self.state.estate_lines.rows[line_row].unit, most * GRID)
        return narrow_floor(wide_div_ceil(worth, GRID), 1) if is_up else narrow_floor(worth, GRID)

    def compute_paid(self, row: longlong, line_row: longlong, quanta: longlong) -> longlong:
        """Return what `quanta` count when a creditor receives them: the mark, less slippage while V(0) >= 0; down."""
        worth: longlong = self.compute_worth(line_row, quanta, False)
        asset: longlong = self.state.estate_lines.rows[line_row].asset
        if self.state.estates.rows[row].value >= 0:
            worth = mul_div_floor(worth, MILLION - self.state.assets.rows[asset].slippage_ppm, MILLION)
        return worth

    # Claims.

    def need_claim(self, row: longlong, account: longlong, is_apart: longlong) -> longlong:
        """Return the row of what the account and another owe each other; one that is full of contracts is left."""
        estate = self.state.estates.edit(row)
        found: longlong = self.state.claim_index.find(account, is_apart, 0)
        if found != NONE and self.state.claims.rows[found].contracts < CLOSE_CONTRACTS:
            return found
        if found != NONE:
            self.state.claim_index.remove(found)
        found = self.state.claims.allocate()
        claim = self.state.claims.edit(found)
        claim.account = account
        claim.is_apart = is_apart
        self.state.claim_index.insert(account, is_apart, 0, found)
        if estate.last_claim == NONE:
            estate.first_claim = found
        else:
            last = self.state.claims.edit(estate.last_claim)
            last.next = found
        estate.last_claim = found
        return found

    def gather(self, row: longlong) -> None:
        """Count one contract of the account, or find the next ring of contracts: perps, loans taken, IOUs, loans given.
        """
        estate = self.state.estates.edit(row)
        contract: longlong = estate.contract
        if contract == NONE:
            contract = self.get_first(estate.line, estate.ring)
        if contract != NONE:
            if estate.ring == 0:
                self.gather_perp(row, contract)
            else:
                self.gather_loan(row, contract)
            contract = self.get_following(estate.line, estate.ring, contract)
        estate.contract = contract
        if contract == NONE:
            estate.ring += 1
            if estate.ring == 4:
                estate.ring = 0
                estate.line = self.state.estate_lines.rows[estate.line].next
            if estate.line == NONE:
                estate.phase = NETTING
                estate.claim = estate.first_claim

    def get_first(self, line: longlong, ring: longlong) -> longlong:
        """Return the first contract of a ring of one position."""
        position = self.state.positions.read(self.state.estate_lines.rows[line].position)
        if ring == 0:
            return position.first_perp
        if ring == 1:
            return position.first_borrowed
        if ring == 2:
            return NONE if position.promises == NONE else self.state.promises.rows[position.promises].first_iou
        return position.first_lent

    def get_following(self, line: longlong, ring: longlong, contract: longlong) -> longlong:
        """Return the contract after one in its ring, 0 at the end."""
        following: longlong
        if ring == 0:
            return self.perps.get_following(contract, self.state.estate_lines.rows[line].position, False)
        loan = self.loans.loans.read(contract)
        following = loan.lender_next if ring == 3 else loan.borrower_next
        return NONE if following == self.get_first(line, ring) else following

    def gather_perp(self, row: longlong, contract: longlong) -> None:
        """Count a perp as what the other side would be paid for it, or would pay."""
        account: longlong = self.state.estates.rows[row].account
        perp = self.perps.perps.edit(contract)
        gain: longlong = self.compute_gain(row, contract)
        other: longlong = perp.short_account if perp.long_account == account else perp.long_account
        lots: longlong = perp.lots if perp.long_account == account else -perp.lots
        claim = self.state.claims.edit(self.need_claim(row, other, 0))
        perp.chain = claim.first_perp
        claim.first_perp = contract
        claim.contracts += 1
        if gain >= 0:
            claim.owed = min(claim.owed + gain, MAX_SUPPLY)
        else:
            claim.claimed = min(claim.claimed - gain, MAX_SUPPLY)
        self.report_counted(row, AS_PERP, perp.id, -gain, lots, other, perp.asset)

    def compute_gain(self, row: longlong, contract: longlong) -> longlong:
        """Return what the account gained with a perp, at the frozen mark and funding."""
        perp = self.perps.perps.read(contract)
        account: longlong = self.state.estates.rows[row].account
        line = self.state.estate_lines.read(self.find_line(row, perp.asset))
        gain: longlong = self.perps.compute_gain(contract, line.unit, line.funding_index, account)
        return gain if perp.long_account == account else -gain

    def gather_loan(self, row: longlong, contract: longlong) -> None:
        """Count a loan or an IOU with its interest so far, and what former lenders claim of that for themselves."""
        estate = self.state.estates.edit(row)
        loan = self.loans.loans.edit(contract)
        is_debt: cython.bint = loan.borrower == estate.account
        kind: longlong = AS_IOU if loan.flags & LOAN_IOU else AS_LOAN
        line: longlong = self.find_line(row, loan.asset)
        quanta: longlong = loan.principal + self.loans.compute_due(contract, loan.principal, estate.time_us)
        other: longlong = loan.lender if is_debt else loan.borrower
        is_apart: longlong = 1 if is_debt and loan.flags & LOAN_IS_APART else 0
        value: longlong
        if is_debt:
            quanta -= self.end_shares(row, contract)
            value = self.compute_worth(line, quanta, True)
        else:
            value = -self.compute_worth(line, quanta, False)
        claim = self.state.claims.edit(self.need_claim(row, other, is_apart))
        loan.chain = claim.first_loan
        claim.first_loan = contract
        claim.contracts += 1
        if is_debt:
            claim.claimed = min(claim.claimed + value, MAX_SUPPLY)
        else:
            claim.owed = min(claim.owed - value, MAX_SUPPLY)
        self.report_counted(row, kind, loan.id, value, loan.principal, other, loan.asset)

    def end_shares(self, row: longlong, contract: longlong) -> longlong:
        """Let former lenders of a loan that ends claim their parts of its interest; return how much they do."""
        estate = self.state.estates.edit(row)
        loan = self.loans.loans.read(contract)
        line: longlong = self.find_line(row, loan.asset)
        share_row: longlong = loan.first_share
        total: longlong = 0
        part: longlong
        value: longlong
        if share_row == NONE:
            return 0
        while share_row != NONE:
            share = self.state.shares.read(share_row)
            part = self.loans.compute_gain(contract, share_row, estate.time_us)
            if part > 0 and share.account != estate.account and share.account != loan.lender:
                value = self.compute_worth(line, part, True)
                claim = self.state.claims.edit(self.need_claim(row, share.account, 1))
                claim.claimed = min(claim.claimed + value, MAX_SUPPLY)
                self.report_counted(row, AS_SHARE, loan.id, value, part, share.account, loan.asset)
                total += part
            share_row = share.next
        self.loans.abandon_shares(contract, estate.time_us)
        return total

    def report_counted(self, row: longlong, kind: longlong, contract_id: longlong, value: longlong, amount: longlong,
                       other: longlong, asset: longlong) -> None:  # fmt: skip
        """Report a contract and what it counts."""
        account: longlong = self.state.estates.rows[row].account
        event = as_contract_counted(self.outbox.emit(CONTRACT_COUNTED, kind, 0, account))
        event.contract_id = contract_id
        event.value = value
        event.amount = amount
        event.other = other
        event.asset = asset

    # Netting.

    def net(self, row: longlong) -> None:
        """Net what the account and one other owe each other, when the other is left owing: it pays what is due now."""
        estate = self.state.estates.edit(row)
        claim = self.state.claims.edit(estate.claim)
        self.left -= claim.contracts
        if claim.claimed <= claim.owed:
            self.settle_debtor(row, estate.claim)
        else:
            self.end_shares_given(row, estate.claim)
        estate.claim = claim.next

    def end_shares_given(self, row: longlong, claim_row: longlong) -> None:
        """End the shares of the loans that a creditor owes: it pays them by what it claims."""
        contract: longlong = self.state.claims.rows[claim_row].first_loan
        while contract != NONE:
            self.end_shares(row, contract)
            contract = self.loans.loans.rows[contract].chain

    def settle_debtor(self, row: longlong, claim_row: longlong) -> None:
        """Set off what a debtor claims: against what it owes by perps, which it pays now, then by loans, which run on.
        """
        account: longlong = self.state.estates.rows[row].account
        claim = self.state.claims.edit(claim_row)
        pool: longlong = claim.claimed
        due: longlong = self.close_perps(row, claim_row)
        used: longlong = min(pool, due)
        line = self.state.estate_lines.edit(self.find_line(row, NUMERAIRE))
        contract: longlong = claim.first_loan
        following: longlong
        pool -= used
        if due > used:
            line.lent += self.perps.pay(claim.account, account, due - used)
        while contract != NONE:
            loan = self.loans.loans.edit(contract)
            following = loan.chain
            loan.chain = NONE
            if loan.borrower == account:
                self.loans.write_off(contract, CLOSED_OUT)
            else:
                pool = self.set_off(row, contract, pool)
            contract = following
        claim.first_loan = NONE
        claim.contracts = 0

    def close_perps(self, row: longlong, claim_row: longlong) -> longlong:
        """Close the perps of the account with one other; return what the other owes by those that it lost with."""
        claim = self.state.claims.edit(claim_row)
        contract: longlong = claim.first_perp
        following: longlong
        due: longlong = 0
        while contract != NONE:
            following = self.perps.perps.rows[contract].chain
            due += max(self.compute_gain(row, contract), 0)
            self.perps.write_off(contract)
            contract = following
        claim.first_perp = NONE
        return due

    def set_off(self, row: longlong, contract: longlong, pool: longlong) -> longlong:
        """Take up to `pool` off a loan that the account gave; return what is left of the pool.

        What is left of the loan runs on, and stands in front of those of creditors.
        """
        loan = self.loans.loans.read(contract)
        line_row: longlong = self.find_line(row, loan.asset)
        line = self.state.estate_lines.edit(line_row)
        now: longlong = self.state.estates.rows[row].time_us
        year: longlong = BASIS * HOURS_A_YEAR
        value: longlong
        principal: longlong = 0
        if pool > 0:
            value = self.compute_worth(
                line_row, loan.principal + self.loans.compute_due(contract, loan.principal, now), False
            )  # fmt: skip
            if value <= pool:
                self.end_shares(row, contract)
                self.loans.write_off(contract, CLOSED_OUT)
                return pool - value
            principal = mul_div_floor(mul_div_ceil(pool, GRID, line.unit), year,
                                      year + loan.rate_bp * self.loans.compute_hours(contract, now))  # fmt: skip
        if 0 < principal < loan.principal:
            self.write_part_off(row, contract, principal)
        self.loans.unlink_lender(contract)
        self.loans.link_lender(contract)
        line.lent += loan.principal
        return 0

    def write_part_off(self, row: longlong, contract: longlong, principal: longlong) -> None:
        """Write a part of a loan off, with the interest on that part."""
        part: longlong = self.loans.take_part(contract, principal)
        self.end_shares(row, part)
        self.loans.write_off(part, CLOSED_OUT)

    # The ratio.

    def count(self, row: longlong) -> None:
        """Count one claim: that of a creditor adds up."""
        estate = self.state.estates.edit(row)
        claim = self.state.claims.edit(estate.claim)
        if claim.claimed > claim.owed:
            estate.claims += claim.claimed - claim.owed
            estate.creditors += 1
            if self.loans.fund.is_covered(claim.account, estate.time_us) and (
                not self.ledger.is_same_owner(claim.account, estate.account)
            ):
                claim.is_covered = 1
                estate.covered += claim.claimed - claim.owed
        else:
            estate.debtors += 1
        estate.claim = claim.next

    def share_out(self, row: longlong) -> None:
        """Freeze what is paid of each asset: of balances first, and of what debtors owe as far as those do not do.

        Rounds: up, against the owner, where something is left to it.
        """
        estate = self.state.estates.edit(row)
        line_row: longlong = estate.first_line
        ratio: longlong = PPB_ONE
        missing: longlong
        while line_row != NONE:
            line = self.state.estate_lines.edit(line_row)
            line.balance = self.state.positions.rows[line.position].balance
            estate.holdings = min(estate.holdings + self.compute_paid(row, line_row, line.balance), MAX_SUPPLY)
            estate.lent = min(estate.lent + self.compute_paid(row, line_row, line.lent), MAX_SUPPLY)
            line_row = line.next
        missing = max(estate.claims - estate.holdings, 0)
        line_row = estate.first_line
        while line_row != NONE:
            line = self.state.estate_lines.edit(line_row)
            if estate.claims < estate.holdings:
                line.balance = mul_div_ceil(line.balance, estate.claims, estate.holdings)
            if missing < estate.lent:
                line.lent = mul_div_ceil(line.lent, missing, estate.lent)
            line.balance_left = line.balance
            line.lent_left = line.lent
            line_row = line.next
        missing = max(missing - estate.lent, 0)
        if missing > 0 and estate.covered > 0:
            estate.cover = self.loans.fund.reserve(mul_div_floor(missing, estate.covered, estate.claims))
            estate.cover_left = estate.cover
        if estate.claims > 0:
            ratio = min(mul_div_floor(estate.holdings + estate.lent, PPB_ONE, estate.claims), PPB_ONE)
        event = as_close_out_counted(self.outbox.emit(CLOSE_OUT_COUNTED, estate.reason, 0, estate.account))
        event.claims = estate.claims
        event.holdings = estate.holdings
        event.lent = estate.lent
        event.ratio_ppb = ratio
        event.creditors = estate.creditors
        event.debtors = estate.debtors

    # Payment.

    def pay(self, row: longlong) -> None:
        """Close every contract with one creditor and give it its part of every asset; loans as far as work allows."""
        estate = self.state.estates.edit(row)
        claim = self.state.claims.read(estate.claim)
        following: longlong = claim.next
        net: longlong = claim.claimed - claim.owed
        if net > 0 and not estate.is_settled:
            self.left -= claim.contracts
            self.settle_creditor(row, net)
            estate.is_settled = 1
        if net <= 0 or self.pay_loans(row, net):
            if self.state.claim_index.find(claim.account, claim.is_apart, 0) == estate.claim:
                self.state.claim_index.remove(estate.claim)
            self.state.claims.release(estate.claim)
            estate.claim = following
            estate.first_claim = following
            estate.is_settled = 0

    def settle_creditor(self, row: longlong, net: longlong) -> None:
        """Close the contracts of the account with a creditor, and pay it its part of every balance."""
        estate = self.state.estates.edit(row)
        claim = self.state.claims.edit(estate.claim)
        contract: longlong = claim.first_loan
        following: longlong
        line_row: longlong = estate.first_line
        self.close_perps(row, estate.claim)
        while contract != NONE:
            following = self.loans.loans.rows[contract].chain
            self.loans.write_off(contract, CLOSED_OUT)
            contract = following
        claim.first_loan = NONE
        while line_row != NONE:
            line = self.state.estate_lines.edit(line_row)
            self.pay_balance(row, line_row, net, mul_div_floor(line.balance, net, estate.claims))
            line.due = mul_div_floor(line.lent, net, estate.claims)
            self.left -= 1
            line_row = line.next
        if claim.is_covered:
            self.pay_cover(row, net)

    def pay_cover(self, row: longlong, net: longlong) -> None:
        """Pay the creditor whose turn it is the default fund's part."""
        estate = self.state.estates.edit(row)
        creditor: longlong = self.state.claims.rows[estate.claim].account
        amount: longlong = mul_div_floor(estate.cover, net, estate.covered)
        if amount > 0:
            estate.cover_left -= amount
            self.ledger.change_cash(self.state.accounts.rows[creditor].cash, amount)
            self.ledger.note_creditor(creditor)
            self.value = amount
            self.report_paid(row, self.find_line(row, NUMERAIRE), AS_COVER, net, amount, 0)

    def has_room(self, account: longlong, asset: longlong) -> cython.bint:
        """Say whether a creditor has, or may be given, a position in an asset: beyond what it could open itself."""
        return (
            self.state.accounts.rows[account].positions < CLOSE_POSITIONS or self.ledger.find(account, asset) != NONE
        )

    def pay_balance(self, row: longlong, line_row: longlong, net: longlong, amount: longlong) -> None:
        """Deliver `amount` of an asset to the creditor whose turn it is, or keep it as a remainder."""
        estate = self.state.estates.edit(row)
        line = self.state.estate_lines.edit(line_row)
        creditor: longlong = self.state.claims.rows[estate.claim].account
        if amount > 0 and self.has_room(creditor, line.asset):
            assert self.ledger.move(estate.account, creditor, line.asset, amount)
            line.balance_left -= amount
            self.value = self.compute_paid(row, line_row, amount)
            estate.paid += self.value
            self.report_paid(row, line_row, AS_BALANCE, net, amount, 0)
        elif amount > 0:  # it stays in what is left, which goes to the remainders
            self.value = 0
            self.report_paid(row, line_row, AS_BALANCE, net, 0, amount)

    def pay_loans(self, row: longlong, net: longlong) -> cython.bint:
        """Hand the creditor whose turn it is its part of what debtors owe; say whether that is all of it."""
        estate = self.state.estates.edit(row)
        line_row: longlong = estate.first_line
        while line_row != NONE:
            line = self.state.estate_lines.edit(line_row)
            while line.due > 0:
                if self.left < 0:
                    return False
                self.left -= 1
                if not self.hand_over(row, line_row, net):
                    line.due = 0
            line_row = line.next
        return True

    def hand_over(self, row: longlong, line_row: longlong, net: longlong) -> cython.bint:
        """Hand over the next loan of an asset, or as much of it as is due; say whether there was one.

        A borrower with as many loans as it may have gets no other: such a loan goes whole.  What a creditor owes itself
        (its claim is not netted) it need not pay.
        """
        estate = self.state.estates.edit(row)
        line = self.state.estate_lines.edit(line_row)
        creditor: longlong = self.state.claims.rows[estate.claim].account
        loan_row: longlong = self.state.positions.rows[line.position].first_lent
        source: longlong
        amount: longlong
        if loan_row == NONE or line.lent_left == 0 or not self.has_room(creditor, line.asset):
            return False
        loan = self.loans.loans.read(loan_row)
        source = loan.id
        amount = min(min(loan.principal, line.due), line.lent_left)
        if amount < loan.principal and not loan.flags & LOAN_IOU and (
            self.state.positions.rows[self.ledger.find(loan.borrower, loan.asset)].loans >= MAX_LOANS
        ):
            amount = loan.principal
        loan_row = self.loans.take_part(loan_row, amount)
        if self.loans.loans.rows[loan_row].borrower == creditor:
            if self.loans.loans.rows[loan_row].first_share != NONE:
                self.loans.abandon_shares(loan_row, estate.time_us)
            self.loans.write_off(loan_row, CLOSED_OUT)
        else:
            self.ledger.need(creditor, line.asset)
            self.loans.hand_over(loan_row, creditor, source)
        line.due -= min(amount, line.due)
        line.lent_left -= min(amount, line.lent_left)
        self.value = self.compute_paid(row, line_row, amount)
        estate.paid += self.value
        self.report_paid(row, line_row, AS_LOAN, net, amount, 0)
        return True

    def report_paid(self, row: longlong, line_row: longlong, kind: longlong, net: longlong, amount: longlong,
                    remainder: longlong) -> None:  # fmt: skip
        """Report what a creditor received of one asset, worth `value`."""
        estate = self.state.estates.read(row)
        event = as_claim_paid(self.outbox.emit(CLAIM_PAID, kind, 0, estate.account))
        event.claim = net
        event.amount = amount
        event.value = self.value
        event.creditor = self.state.claims.rows[estate.claim].account
        event.asset = self.state.estate_lines.rows[line_row].asset
        event.remainder = remainder

    # The end.

    def end(self, row: longlong) -> None:
        """Put what could not be divided among creditors that got all there was into the venue's remainders."""
        estate = self.state.estates.edit(row)
        line_row: longlong = estate.first_line
        following: longlong
        while line_row != NONE:
            line = self.state.estate_lines.edit(line_row)
            following = line.next
            if estate.claims > 0 and line.balance_left > 0:
                position = self.ledger.edit(line.position)
                asset = self.state.assets.edit(line.asset)
                position.balance -= line.balance_left
                asset.remainders += line.balance_left
            self.state.estate_lines.release(line_row)
            line_row = following
        self.loans.fund.give_back(estate.cover_left)
        self.finish(row)

    def finish(self, row: longlong) -> None:
        """Report a close-out that is over, free the account, and let the next one's turn come."""
        estate = self.state.estates.edit(row)
        account: longlong = estate.account
        event = as_close_out_done(self.outbox.emit(CLOSE_OUT_DONE, estate.reason, 0, account))
        event.claims = estate.claims
        event.paid = estate.paid
        event.unpaid = max(estate.claims - estate.holdings - estate.lent, 0)
        record = self.state.accounts.edit(account)
        record.closing = 0
        if record.latch != NONE:  # what its clock asked for is done
            latch = self.state.latches.edit(record.latch)
            latch.least = STATE_FREE
            self.ledger.edit(record.cash)  # and it is looked at again
        event.value = self.atlas.compute_value(account, 0)
        venue = self.state.venue.edit(1)
        venue.first_estate = estate.next
        if estate.next == NONE:
            venue.last_estate = NONE
        self.state.estates.release(row)
