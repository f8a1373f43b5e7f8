"""Compression: perp contracts that run in a circle are torn up, and nobody's position changes.

In one market an account is long or short, never both.  So a circle of contracts passes longs and shorts in turn:

    long 1 - short 1 - long 2 - short 2 - ... - short n - long 1

Going round it, the same lots are taken off the first contract, added to the second, taken off the third and so on, all
at the mark.  Each account loses on one contract what it gains on the next.  The lots are the least of those contracts
that shrink, so that at least one is gone.
"""

from __future__ import annotations

import cython
from cython import address, longlong

from worldmarkets.core.admission import Admission, Standing
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.policy import Policies
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Command,
        Event,
        Market,
        Perp,
        Venue,
        address,
        as_compressed,
        as_contract_change,
    )
    from worldmarkets.core.units import AT_MARK, MAX_LOTS, MAX_SLICES


@cython.final
@cython.cclass
class CompressionFlow:
    """Circles of contracts.  `leg` is the leg that a refusal is about, 0 for the whole."""

    state: State
    perps: Perps
    policies: Policies
    oracle: Oracle
    admission: Admission
    outbox: Outbox
    inbox: Command[::1]
    standings: list
    parties: longlong
    leg: longlong
    market: longlong
    circles: longlong
    gone: longlong
    lots: longlong

    def __init__(self, state: State, perps: Perps, oracle: Oracle, admission: Admission, outbox: Outbox, inbox):
        self.state = state
        self.perps = perps
        self.policies = perps.policies
        self.oracle = oracle
        self.admission = admission
        self.outbox = outbox
        self.inbox = inbox
        self.standings = [Standing() for _ in range(2 * MAX_SLICES + 1)]
        self.start(0)

    def start(self, market: longlong) -> None:
        """Forget the compression before."""
        self.parties = 0
        self.leg = 0
        self.market = market
        self.circles = 0
        self.gone = 0
        self.lots = 0

    def compress(self, place: longlong, taken: longlong) -> longlong:
        """Compress the circles that a head and the `taken` - 1 records after it name, one after another."""
        head = address(self.inbox[place])
        actor: longlong = head.account
        code: longlong
        first: longlong
        leg: longlong
        self.start(NONE)
        if head.count == 0 or head.count > MAX_SLICES or taken != 1 + head.count:
            return self.admission.refuse(BUNDLE_SIZE, MAX_SLICES, head.count, taken - 1)
        if not self.state.has_account(actor):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, actor)
        self.join(actor)
        for leg in range(1, taken):
            self.leg = leg
            code = self.check_leg(place + leg, actor)
            if code != OK:
                return code
        self.leg = 0
        code = self.check_market()
        if code != OK:
            return code
        first = 1
        while first < taken:
            code = self.turn(place + first, place + taken, actor)
            if code != OK:
                self.leg += first - 1
                return code
            first += self.leg
        self.leg = 0
        event = as_compressed(self.outbox.emit(COMPRESSED, 0, self.market, actor))
        event.circles = self.circles
        event.contracts = head.count
        event.gone = self.gone
        event.lots = self.lots
        return self.check_parties()

    def check_leg(self, place: longlong, actor: longlong) -> longlong:
        """Return the code that keeps a contract out of a compression by itself, and note how its parties stand."""
        command = address(self.inbox[place])
        leg = as_contract_change(command)
        row: longlong
        if command.kind != COMPRESS or command.count != 0 or command.account != actor:
            return self.admission.refuse(BUNDLE_ACCOUNT, actor, command.account, command.kind)
        row = self.perps.find_id(leg.contract_id)
        if row == NONE:
            return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, leg.contract_id)
        perp = self.perps.perps.read(row)
        if self.perps.is_frozen(row):
            return self.admission.refuse(COUNTERPARTY_CLOSING, 0, 0, leg.contract_id)
        if not self.is_consenting(perp.long_account, actor):
            return self.admission.refuse(NOT_CONSENTED, 0, 0, perp.long_account)
        if not self.is_consenting(perp.short_account, actor):
            return self.admission.refuse(NOT_CONSENTED, 0, 0, perp.short_account)
        if leg.amount <= 0:
            return self.admission.refuse(SIZE_NOT_POSITIVE, 1, leg.amount, perp.market)
        if leg.amount > MAX_LOTS:
            return self.admission.refuse(SIZE_TOO_LARGE, MAX_LOTS, leg.amount, perp.market)
        if self.market == NONE:
            self.market = perp.market
        if perp.market != self.market:
            return self.admission.refuse(NOT_A_CIRCLE, self.market, perp.market, leg.contract_id)
        self.join(perp.long_account)
        self.join(perp.short_account)
        return OK

    def is_consenting(self, account: longlong, actor: longlong) -> cython.bint:
        """Say whether an account sent the compression itself, or lets others compress its contracts."""
        return account == actor or self.state.accounts.rows[account].is_compressible != 0

    def check_market(self) -> longlong:
        """Return the code that forbids compression in a market now: contracts are struck at its mark."""
        rules = self.state.markets.read(self.market)
        feed: longlong = self.oracle.get_feed(rules.asset)
        if self.state.venue.rows[1].mode != OPEN:
            return self.admission.refuse(VENUE_MODE, OPEN, self.state.venue.rows[1].mode, 0)
        if rules.mode != OPEN:
            return self.admission.refuse(MARKET_MODE, OPEN, rules.mode, self.market)
        if feed != FEED_VALID:
            return self.admission.refuse(FEED_STATE, FEED_VALID, feed, rules.asset)
        return OK

    def turn(self, first: longlong, end: longlong, actor: longlong) -> longlong:
        """Compress the circle that starts at the record `first`; `leg` counts its contracts."""
        length: longlong = 0
        place: longlong
        row: longlong
        lots: longlong = as_contract_change(address(self.inbox[first])).amount
        least: longlong = MAX_LOTS
        start: longlong = NONE  # the long that the circle starts from
        long_account: longlong = NONE
        short_account: longlong = NONE
        cost: longlong = self.perps.compute_mark_value(self.market, lots)
        while length == 0 or long_account != start or length % 2 == 1:
            self.leg = length + 1
            if first + length == end:  # it does not close
                self.leg = length
                return self.admission.refuse(NOT_A_CIRCLE, start, long_account, self.market)
            leg = as_contract_change(address(self.inbox[first + length]))
            row = self.perps.find_id(leg.contract_id)
            if row == NONE:  # an earlier leg tore it up
                return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, leg.contract_id)
            perp = self.perps.perps.read(row)
            if leg.amount != lots:
                return self.admission.refuse(NOT_A_CIRCLE, lots, leg.amount, leg.contract_id)
            if length % 2 == 0:
                if length > 0 and perp.long_account != long_account:
                    return self.admission.refuse(NOT_A_CIRCLE, long_account, perp.long_account, leg.contract_id)
                least = min(least, perp.lots)
            elif perp.short_account != short_account:
                return self.admission.refuse(NOT_A_CIRCLE, short_account, perp.short_account, leg.contract_id)
            elif self.compute_allowed(row, lots) < lots:
                return self.admission.refuse(
                    COUNTERPARTY_DENIED, lots, self.compute_allowed(row, lots), leg.contract_id
                )  # fmt: skip
            if length == 0:
                start = perp.long_account
            long_account = perp.long_account
            short_account = perp.short_account
            length += 1
        if length < 4:  # there and back on one contract
            return self.admission.refuse(NOT_A_CIRCLE, 4, length, self.market)
        self.leg = 1
        if lots > least:
            return self.admission.refuse(SIZE_TOO_LARGE, least, lots, self.market)
        if lots < least:
            return self.admission.refuse(SIZE_TOO_SMALL, least, lots, self.market)
        for place in range(length):
            leg = as_contract_change(address(self.inbox[first + place]))
            row = self.perps.find_id(leg.contract_id)
            self.leg = place + 1
            if row == NONE:  # the circle passes twice over a contract that it tore up
                return self.admission.refuse(UNKNOWN_CONTRACT, 0, 0, leg.contract_id)
            perp = self.perps.perps.read(row)
            if place % 2 == 1:
                if not self.is_within(row, lots):  # it grew before, on the same way round
                    return self.admission.refuse(COUNTERPARTY_DENIED, lots, 0, leg.contract_id)
                self.perps.add(perp.long_position, perp.short_position, self.market, lots, cost, CIRCLED, actor)
            elif lots > perp.lots:
                return self.admission.refuse(SIZE_TOO_LARGE, perp.lots, lots, self.market)
            else:
                self.gone += lots == perp.lots
                self.perps.reduce(row, lots, CIRCLED, actor)
                self.lots += lots
        self.circles += 1
        self.leg = length
        return OK

    def compute_allowed(self, row: longlong, lots: longlong) -> longlong:
        """Return by how many of `lots` its parties' policies let a contract grow at the mark.

        Asked of the circle before it begins: between its legs a position is not what it will be.
        """
        perp = self.perps.perps.read(row)
        return self.policies.fit_perp(
            perp.long_account, perp.short_account, self.market, lots, AT_MARK, True, True
        )  # fmt: skip

    def is_within(self, row: longlong, lots: longlong) -> cython.bint:
        """Say whether a contract that grows leaves its parties' exposures within their limits."""
        perp = self.perps.perps.read(row)
        one: longlong = perp.long_account
        other: longlong = perp.short_account
        fit: longlong = lots
        if self.state.accounts.rows[one].policy != NONE:
            fit = self.policies.fit_limit(one, other, self.market, lots, AT_MARK, True)
        if fit == lots and self.state.accounts.rows[other].policy != NONE:
            fit = self.policies.fit_limit(other, one, self.market, lots, AT_MARK, False)
        return fit == lots

    def join(self, account: longlong) -> None:
        """Note how an account stands, once."""
        party: longlong
        standing: Standing
        for party in range(self.parties):
            standing = self.standings[party]
            if standing.account == account:
                break
        else:
            standing = self.standings[self.parties]
            self.admission.take(standing, account)
            self.parties += 1

    def check_parties(self) -> longlong:
        """Return OK, or the code with which one of the parties may not stand where the compression left it."""
        party: longlong
        code: longlong
        standing: Standing
        for party in range(self.parties):
            standing = self.standings[party]
            code = self.admission.check(standing)
            if code != OK:
                return code
        return OK
