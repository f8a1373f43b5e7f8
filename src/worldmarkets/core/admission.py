"""Admission: the one rule that every command of an account ends in.

An account stands before a command as `Admission.take` sees it; `Admission.check` says whether it may stand where the
command left it.  Without debt and perps nothing needs to be valued.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.state import State
from worldmarkets.core.tables import AccountTable, VenueTable

if not cython.compiled:
    from worldmarkets.core.codes import MARGIN, MARGIN_WORSE, OK, PRICE_BAND, WITHDRAWABLE
    from worldmarkets.core.records import Account, Venue


@cython.final
@cython.cclass
class Standing:
    """How an account stood before: V at the initial rung, and below it also V at unwind and at its resilience."""

    account: longlong
    initial: longlong
    unwind: longlong
    resilience_ppm: longlong
    at_resilience: longlong
    is_cautious: cython.bint
    is_outside: cython.bint

    def __init__(self):
        self.account = 0
        self.initial = 0
        self.unwind = 0
        self.resilience_ppm = 0
        self.at_resilience = 0
        self.is_cautious = False
        self.is_outside = False


@cython.final
@cython.cclass
class Admission:
    """Decides on standings; `needed`, `had` and `subject` are the numbers of the last refusal."""

    atlas: Atlas
    accounts: AccountTable
    venue: VenueTable
    code: longlong
    needed: longlong
    had: longlong
    subject: longlong

    def __init__(self, state: State, atlas: Atlas):
        self.atlas = atlas
        self.accounts = state.accounts
        self.venue = state.venue
        self.refuse(OK, 0, 0, 0)

    def is_exempt(self, account: longlong) -> cython.bint:
        """Say whether an account has neither debt nor perps, so that it cannot be worth less than zero."""
        return self.accounts.rows[account].contracts == 0

    def take(self, standing: Standing, account: longlong) -> None:
        """Note how an account stands."""
        standing.account = account
        standing.is_cautious = False
        standing.is_outside = False
        standing.initial = 0
        if not self.is_exempt(account):
            standing.initial = self.atlas.get_initial(account)
        if standing.initial < 0:
            standing.unwind = self.atlas.compute_value(account, self.venue.rows[1].unwind_ppm)
            standing.resilience_ppm = max(self.atlas.compute_resilience(account), 0)
            standing.at_resilience = self.atlas.compute_value(account, standing.resilience_ppm)

    def check(self, standing: Standing) -> longlong:
        """Return OK, or the code with which the account may not stand as it does now."""
        account: longlong = standing.account
        now: longlong
        if self.is_exempt(account):
            return OK
        now = self.atlas.get_initial(account)
        if now < 0:
            if standing.initial >= 0:
                return self.refuse(MARGIN, 0, now, self.venue.rows[1].initial_ppm)
            return self.check_below(standing, now)
        if standing.is_cautious or standing.is_outside:
            now = self.atlas.compute_cautious(account, self.venue.rows[1].initial_ppm)
            if now < 0:
                return self.refuse(WITHDRAWABLE, 0, now, self.venue.rows[1].initial_ppm)
        return OK

    def check_below(self, standing: Standing, now: longlong) -> longlong:
        """Return the code for an account that was below the initial rung already: nothing may have become worse."""
        if now < standing.initial:
            return self.refuse(MARGIN_WORSE, standing.initial, now, self.venue.rows[1].initial_ppm)
        if standing.is_cautious:
            return self.refuse(WITHDRAWABLE, 0, now, self.venue.rows[1].initial_ppm)
        if standing.is_outside:
            return self.refuse(PRICE_BAND, 0, now, self.venue.rows[1].initial_ppm)
        now = self.atlas.compute_value(standing.account, self.venue.rows[1].unwind_ppm)
        if now < standing.unwind:
            return self.refuse(MARGIN_WORSE, standing.unwind, now, self.venue.rows[1].unwind_ppm)
        now = self.atlas.compute_value(standing.account, standing.resilience_ppm)
        if now < standing.at_resilience:
            return self.refuse(MARGIN_WORSE, standing.at_resilience, now, standing.resilience_ppm)
        return OK

    def refuse(self, code: longlong, needed: longlong, had: longlong, subject: longlong) -> longlong:
        """Keep the numbers of a refusal and return its code."""
        self.code = code
        self.needed = needed
        self.had = had
        self.subject = subject
        return code
