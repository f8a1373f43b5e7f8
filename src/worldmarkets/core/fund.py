"""The default fund: what accounts staked, as shares of one pool of numeraire, and who is covered by it.

Who stakes earns a part of the interest that covered accounts receive, and bears what the fund pays them when somebody
they dealt with is closed out.  Income and losses change the pool and not the shares, so each is one sum, however many
there are that staked.  It never pays more than a part of what is in it.  Rounds: shares and payments down, the price of
cover up.  Source: docs/spec/fund.md.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.ledger import Ledger
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import COVER_CHARGED, NONE, STAKE_CHANGED
    from worldmarkets.core.records import Account, Event, Stake, Venue, as_cover_charged, as_stake_changed
    from worldmarkets.core.units import MILLION
    from worldmarkets.core.wide import mul_div_ceil, mul_div_floor


@cython.final
@cython.cclass
class Fund:
    """Stakes and cover."""

    state: State
    ledger: Ledger
    timers: Timers
    outbox: Outbox

    def __init__(self, state: State, ledger: Ledger, timers: Timers, outbox: Outbox):
        self.state = state
        self.ledger = ledger
        self.timers = timers
        self.outbox = outbox

    def find(self, account: longlong) -> longlong:
        """Return the row of what an account staked, and whether it is covered; or 0."""
        return self.state.stake_index.find(account, 0, 0)

    def need(self, account: longlong) -> longlong:
        """Return that row, made if it was not there."""
        row: longlong = self.find(account)
        if row == NONE:
            row = self.state.stakes.allocate()
            stake = self.state.stakes.edit(row)
            stake.account = account
            self.state.stake_index.insert(account, 0, 0, row)
        return row

    def drop(self, row: longlong) -> None:
        """Forget a row that says nothing."""
        stake = self.state.stakes.read(row)
        if stake.shares == 0 and stake.covered_from_us == 0:
            self.state.stake_index.remove(row)
            self.state.stakes.release(row)

    def compute_shares(self, amount: longlong) -> longlong:
        """Return the shares that an amount buys: down."""
        venue = self.state.venue.read(1)
        return amount if venue.fund_shares == 0 else mul_div_floor(amount, venue.fund_shares, venue.fund)

    def compute_worth(self, shares: longlong) -> longlong:
        """Return what shares are worth, in numeraire quanta: down."""
        venue = self.state.venue.read(1)
        return 0 if venue.fund_shares == 0 else mul_div_floor(shares, venue.fund, venue.fund_shares)

    def redeem(self, row: longlong, shares: longlong) -> longlong:
        """Give an account what `shares` of its stake are worth; return how much."""
        amount: longlong = self.compute_worth(shares)
        venue = self.state.venue.edit(1)
        stake = self.state.stakes.edit(row)
        account: longlong = stake.account
        venue.fund -= amount
        venue.fund_shares -= shares
        stake.shares -= shares
        stake.leaving -= min(stake.leaving, shares)
        if stake.leaving == 0 and stake.timer != NONE:
            self.timers.cancel(stake.timer)
            stake.timer = NONE
        self.ledger.change_cash(self.state.accounts.rows[account].cash, amount)
        self.ledger.note_creditor(account)
        self.report(row, -amount)
        self.drop(row)
        return amount

    def seize(self, account: longlong) -> None:
        """Give an account that is closed out its whole stake at once: it is its creditors'."""
        row: longlong = self.find(account)
        if row != NONE and self.state.stakes.rows[row].shares > 0:
            self.redeem(row, self.state.stakes.rows[row].shares)

    def report(self, row: longlong, amount: longlong) -> None:
        """Report a stake after `amount` was added to it or (negative) taken out."""
        stake = self.state.stakes.read(row)
        venue = self.state.venue.read(1)
        event = as_stake_changed(self.outbox.emit(STAKE_CHANGED, 0, 0, stake.account))
        event.amount = amount
        event.shares = stake.shares
        event.leaving = stake.leaving
        event.fund = venue.fund
        event.fund_shares = venue.fund_shares

    # Cover.

    def is_covered(self, account: longlong, now_us: longlong) -> cython.bint:
        """Say whether an account's cover has begun."""
        row: longlong = self.find(account)
        return row != NONE and 0 < self.state.stakes.rows[row].covered_from_us <= now_us

    def charge(self, lender: longlong, interest: longlong) -> None:
        """Take the price of cover off numeraire interest that a covered lender received: up, at most what it has."""
        venue = self.state.venue.edit(1)
        price: longlong
        if venue.fund_shares > 0 and interest > 0 and self.is_covered(lender, venue.time_us):
            price = min(mul_div_ceil(interest, venue.fund_price_ppm, MILLION), self.ledger.get_cash(lender))
            self.ledger.change_cash(self.state.accounts.rows[lender].cash, -price)
            venue.fund += price
            event = as_cover_charged(self.outbox.emit(COVER_CHARGED, 0, 0, lender))
            event.amount = price
            event.interest = interest
            event.fund = venue.fund

    def reserve(self, unpaid: longlong) -> longlong:
        """Take out what the fund pays of `unpaid` claims of one close-out, at most its limit; return it."""
        venue = self.state.venue.edit(1)
        cover: longlong = min(unpaid, mul_div_floor(venue.fund, venue.fund_limit_ppm, MILLION))
        venue.fund -= cover
        return cover

    def give_back(self, amount: longlong) -> None:
        """Put back what was reserved and not paid."""
        venue = self.state.venue.edit(1)
        venue.fund += amount
