"""Fees: parts per million of a fill's cash, rounded up, at most a cap an order, into the numeraire's fee account.

Tiers take a cut off an owner's fees, by the fees that it paid in the thirty days before today.  Like the rates of an
income tax a tier counts for the part of them above its threshold alone, and a day's cuts come off no more fees than
those thirty days had: what washing would earn is worth less than it costs (docs/spec/fees.md).
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.ledger import Ledger
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import NONE, NUMERAIRE
    from worldmarkets.core.records import Account, Asset, FeeDay, Market, Owner, Position, Tier, Venue
    from worldmarkets.core.units import DAY, FEE_DAYS, MAX_DAY_FEES, MILLION
    from worldmarkets.core.wide import mul_div_ceil, narrow_floor, wide


@cython.final
@cython.cclass
class Fees:
    """What a fill costs, and where it goes."""

    state: State
    ledger: Ledger
    full: longlong  # what the fee computed last would have been without a cut

    def __init__(self, state: State, ledger: Ledger):
        self.state = state
        self.ledger = ledger
        self.full = 0

    def compute(self, account: longlong, market: longlong, is_taker: cython.bint, cash: longlong,
                paid: longlong) -> longlong:  # fmt: skip
        """Return the fee of a fill, in numeraire quanta; `paid` is what the order paid before.  Negative: a rebate."""
        row = self.state.markets.read(market)
        ppm: longlong = row.taker_ppm if is_taker else row.maker_ppm
        self.full = 0
        if ppm <= 0:
            return mul_div_ceil(cash, ppm, MILLION) if ppm < 0 else 0
        self.full = max(min(mul_div_ceil(cash, ppm, MILLION), row.fee_cap - paid), 0)  # a cap may have come down
        if self.state.venue.rows[1].tiers == 0:
            return self.full
        return self.full - self.compute_cut(self.state.accounts.rows[account].owner, is_taker)

    def compute_cut(self, row: longlong, is_taker: cython.bint) -> longlong:
        """Return what an owner's tiers take off the fee at hand, rounded down."""
        owner = self.state.owners.read(row)
        if self.state.venue.rows[1].time_us >= owner.day_ends_us:
            self.begin_day(row)
        part: longlong = min(self.full, max(owner.window_fees - owner.today_full, 0))
        return part * (owner.taker_cut_ppm if is_taker else owner.maker_cut_ppm) // MILLION

    def charge(self, account: longlong, fee: longlong) -> cython.bint:
        """Take the fee computed last from an account, or give it a rebate.

        Returns False, with nothing moved, if it is not there.
        """
        if fee == 0:
            return True
        row: longlong = self.state.accounts.rows[account].cash
        if self.state.positions.rows[row].balance < fee:
            return False
        self.ledger.change_cash(row, -fee)
        venue = self.state.assets.edit(NUMERAIRE)
        venue.fees += fee
        if fee < 0:
            self.ledger.note_creditor(account)
        elif self.state.venue.rows[1].tiers != 0:
            owner = self.state.owners.edit(self.state.accounts.rows[account].owner)
            owner.today_paid = min(owner.today_paid + fee, MAX_DAY_FEES)
            owner.today_full = min(owner.today_full + self.full, MAX_DAY_FEES)
        return True

    # Thirty days.

    def begin_day(self, row: longlong) -> None:
        """Close an owner's last day, forget those more than thirty days ago, and set its cuts for today."""
        today: longlong = self.state.venue.rows[1].time_us // DAY
        owner = self.state.owners.edit(row)
        if owner.today_paid > 0:
            self.append_day(row, owner.day_ends_us // DAY - 1, owner.today_paid)
        while owner.first_day != NONE and self.state.fee_days.rows[owner.first_day].day < today - FEE_DAYS:
            self.drop_day(row)
        owner.today_paid = 0
        owner.today_full = 0
        owner.day_ends_us = (today + 1) * DAY
        owner.maker_cut_ppm = self.compute_average(owner.window_fees, False)
        owner.taker_cut_ppm = self.compute_average(owner.window_fees, True)

    def append_day(self, row: longlong, day: longlong, paid: longlong) -> None:
        """Put a day that is over at the end of an owner's list."""
        added: longlong = self.state.fee_days.allocate()
        owner = self.state.owners.edit(row)
        record = self.state.fee_days.edit(added)
        record.paid = paid
        record.day = day
        record.owner = row
        record.next = NONE
        if owner.last_day != NONE:
            last = self.state.fee_days.edit(owner.last_day)
            last.next = added
        else:
            owner.first_day = added
        owner.last_day = added
        owner.window_fees += paid

    def drop_day(self, row: longlong) -> None:
        """Forget the oldest day of an owner's list."""
        owner = self.state.owners.edit(row)
        first: longlong = owner.first_day
        gone = self.state.fee_days.read(first)
        owner.window_fees -= gone.paid
        owner.first_day = gone.next
        if gone.next == NONE:
            owner.last_day = NONE
        self.state.fee_days.release(first)

    @cython.overflowcheck(False)
    def compute_average(self, fees: longlong, is_taker: cython.bint) -> longlong:
        """Return the cut in ppm that `fees` paid in thirty days earn: of each tier for the part above it, on average.

        Rounds down.
        """
        total: wide = 0
        part: wide
        tier: longlong
        if fees <= 0:
            return 0
        for tier in range(1, self.state.venue.rows[1].tiers + 1):
            row = self.state.tiers.read(tier)
            if fees > row.fees:
                part = fees - row.fees
                total += part * (row.taker_cut_ppm if is_taker else row.maker_cut_ppm)
        return narrow_floor(total, fees)
