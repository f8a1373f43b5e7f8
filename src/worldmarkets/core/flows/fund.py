"""Staking in the default fund, leaving it, and being covered by it."""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.flows.funds import FundsFlow
from worldmarkets.core.fund import Fund
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import Account, Event, Funds, Stake, Switch, Venue, as_cover_set
    from worldmarkets.core.units import DUE_RETRY, FUND_DELAY, FUND_MINIMUM, MAX_SUPPLY


@cython.final
@cython.cclass
class FundFlow:
    """Commands about the default fund."""

    state: State
    ledger: Ledger
    timers: Timers
    fund: Fund
    funds_flow: FundsFlow
    admission: Admission
    outbox: Outbox

    def __init__(self, state: State, ledger: Ledger, timers: Timers, fund: Fund, funds_flow: FundsFlow,
                 admission: Admission, outbox: Outbox):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.timers = timers
        self.fund = fund
        self.funds_flow = funds_flow
        self.admission = admission
        self.outbox = outbox

    def stake(self, command: pointer[Funds]) -> longlong:
        """Put numeraire into the fund, as a withdrawal would take it out of the account."""
        code: longlong
        shares: longlong
        row: longlong
        if command.asset != NUMERAIRE:
            return self.admission.refuse(UNKNOWN_ASSET, NUMERAIRE, command.asset, command.asset)
        code = self.funds_flow.check_leaving(command)
        if code != OK:
            return code
        if command.amount < FUND_MINIMUM:
            return self.admission.refuse(SIZE_TOO_SMALL, FUND_MINIMUM, command.amount, 0)
        venue = self.state.venue.edit(1)
        if venue.fund_shares > 0 and venue.fund_shares // venue.fund >= MAX_SUPPLY // command.amount:
            return self.admission.refuse(AMOUNT_TOO_LARGE, MAX_SUPPLY, command.amount, command.asset)
        shares = self.fund.compute_shares(command.amount)
        row = self.fund.need(command.account)
        stake = self.state.stakes.edit(row)
        stake.shares += shares
        venue.fund += command.amount
        venue.fund_shares += shares
        self.ledger.change_cash(self.state.accounts.rows[command.account].cash, -command.amount)
        self.fund.report(row, command.amount)
        return self.funds_flow.admit()

    def unstake(self, command: pointer[Funds]) -> longlong:
        """Let `amount` shares (0: all) leave the fund after its delay; more of them start the delay anew."""
        row: longlong
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        row = self.fund.find(command.account)
        if command.amount < 0:
            return self.admission.refuse(AMOUNT_NOT_POSITIVE, 1, command.amount, NUMERAIRE)
        if row == NONE or self.state.stakes.rows[row].shares == 0:
            return self.admission.refuse(BALANCE, 1, 0, NUMERAIRE)
        stake = self.state.stakes.edit(row)
        if command.amount > stake.shares - stake.leaving:
            return self.admission.refuse(BALANCE, command.amount, stake.shares - stake.leaving, NUMERAIRE)
        stake.leaving += stake.shares - stake.leaving if command.amount == 0 else command.amount
        if stake.timer != NONE:
            self.timers.cancel(stake.timer)
        stake.timer = self.timers.schedule(STAKE_LEAVES, row, self.state.venue.rows[1].time_us + FUND_DELAY)
        self.fund.report(row, 0)
        return OK

    def leave(self, row: longlong) -> None:
        """Pay out what leaves the fund now; to nobody that is being closed out."""
        stake = self.state.stakes.edit(row)
        stake.timer = NONE
        if self.state.is_closing(stake.account):
            stake.timer = self.timers.schedule(STAKE_LEAVES, row, self.state.venue.rows[1].time_us + DUE_RETRY)
        else:
            self.fund.redeem(row, stake.leaving)

    def set_cover(self, command: pointer[Switch]) -> longlong:
        """Be covered from the end of the fund's delay on (1), or no longer (0)."""
        row: longlong
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if command.value > 1:
            return self.admission.refuse(BAD_COMBINATION, 1, command.value, command.account)
        row = self.fund.need(command.account)
        stake = self.state.stakes.edit(row)
        if command.value == 0:
            stake.covered_from_us = 0
        elif stake.covered_from_us == 0:
            stake.covered_from_us = self.state.venue.rows[1].time_us + FUND_DELAY
        event = as_cover_set(self.outbox.emit(COVER_SET, 0, 0, command.account))
        event.from_us = stake.covered_from_us
        self.fund.drop(row)
        return OK
