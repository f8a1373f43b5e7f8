"""Whose envelopes are taken: signers, the nonces that they used, and the accounts that they are delegates of.

Signatures are verified outside; what comes in is the address that made one.  A nonce is used once, whatever became of
the command it came with.  The highest ones of a key are kept: a new one must be none of them and, once there are as
many as are kept, above the lowest.

An account's mandates hang in a list of which the index names the first.  A mandate that was revoked leaves it, and
lasts on its own until the last order is gone that it answers for.
"""

from __future__ import annotations

import cython
from cython import longlong, ulonglong

from worldmarkets.core.state import State
from worldmarkets.core.tables import (
    AccountTable,
    GrantTable,
    MandateTable,
    NonceTable,
    OrderTable,
    OwnerTable,
    SignerTable,
)

if not cython.compiled:
    from worldmarkets.core.codes import MANDATE_GOOD, NONCE_TOO_LOW, NONCE_USED, NONE, OK
    from worldmarkets.core.records import Account, Grant, Mandate, Nonce, Order, Owner, Signer
    from worldmarkets.core.units import MAX_NONCES
    from worldmarkets.core.wide import bit


@cython.final
@cython.cclass
class Keys:
    """Signers, nonces, mandates.  `least` is the lowest nonce that the last one refused could have been."""

    state: State
    accounts: AccountTable
    owners: OwnerTable
    signers: SignerTable
    nonces: NonceTable
    mandates: MandateTable
    grants: GrantTable
    orders: OrderTable
    least: longlong

    def __init__(self, state: State):
        self.state = state
        self.accounts = state.accounts
        self.owners = state.owners
        self.signers = state.signers
        self.nonces = state.nonces
        self.mandates = state.mandates
        self.grants = state.grants
        self.orders = state.orders
        self.least = 0

    # Signers.

    def find(self, high: ulonglong, middle: ulonglong, low: longlong) -> longlong:
        """Return the row of an address that is a signer already, or 0."""
        return self.state.signer_index.find(high, middle, low)

    def need(self, high: ulonglong, middle: ulonglong, low: longlong) -> longlong:
        """Return the row of an address as a signer, made if it was not there."""
        row: longlong = self.find(high, middle, low)
        if row == NONE:
            row = self.signers.allocate()
            signer = self.signers.edit(row)
            signer.high = high
            signer.middle = middle
            signer.low = low
            self.state.signer_index.insert(high, middle, low, row)
        return row

    def is_owner(self, row: longlong, account: longlong) -> cython.bint:
        """Say whether a signer's address is that of an account's owner."""
        signer = self.signers.read(row)
        owner = self.owners.read(self.accounts.rows[account].owner)
        return signer.low == owner.low and signer.middle == owner.middle and signer.high == owner.high

    # Nonces.

    def use_nonce(self, row: longlong, value: longlong) -> longlong:
        """Keep a nonce of at least 1 as used; return OK, or the code of why it may not be used, with nothing changed.

        Nonces mostly rise: the highest is looked at first.
        """
        signer = self.signers.read(row)
        lower: longlong = signer.last
        self.least = 1
        if signer.nonces == MAX_NONCES:
            self.least = self.nonces.rows[self.nonces.rows[lower].next].nonce + 1
        if value < self.least - 1:
            return NONCE_TOO_LOW
        while lower != NONE and self.nonces.rows[lower].nonce > value:
            lower = self.nonces.rows[lower].previous
            if lower == signer.last:
                lower = NONE
        if lower != NONE and self.nonces.rows[lower].nonce == value:
            return NONCE_USED
        self.keep_nonce(row, value, lower)
        return OK

    def keep_nonce(self, row: longlong, value: longlong, lower: longlong) -> None:
        """Put a nonce above the one in row `lower` (0: below all); of too many the lowest makes room.

        They are a ring, so that a nonce above all others takes the place of the lowest where that stands.
        """
        signer = self.signers.edit(row)
        last: longlong = signer.last
        place: longlong
        if signer.nonces < MAX_NONCES:
            signer.nonces += 1
            place = self.nonces.allocate()
            self.link_nonce(place, last if lower == NONE else lower)
        else:
            place = self.nonces.rows[last].next
            if lower != last and lower != place:
                self.unlink_nonce(place)
                self.link_nonce(place, lower)
        nonce = self.nonces.edit(place)
        nonce.nonce = value
        if lower == last:
            signer.last = place

    def link_nonce(self, place: longlong, before: longlong) -> None:
        """Put a nonce into a ring behind another; without one it is a ring of its own."""
        nonce = self.nonces.edit(place)
        if before == NONE:
            nonce.next = nonce.previous = place
        else:
            lower = self.nonces.edit(before)
            higher = self.nonces.edit(lower.next)
            nonce.next = lower.next
            nonce.previous = before
            higher.previous = place
            lower.next = place

    def unlink_nonce(self, place: longlong) -> None:
        """Take a nonce out of its ring."""
        lower = self.nonces.edit(self.nonces.rows[place].previous)
        higher = self.nonces.edit(self.nonces.rows[place].next)
        lower.next = self.nonces.rows[place].next
        higher.previous = self.nonces.rows[place].previous

    # Mandates.

    def get_first(self, account: longlong) -> longlong:
        """Return the first of an account's mandates, or 0."""
        return self.state.mandate_index.find(account, 0, 0)

    def find_mandate(self, account: longlong, signer: longlong) -> longlong:
        """Return the mandate under which a signer acts for an account, or 0.  An account has few."""
        row: longlong = self.get_first(account)
        while row != NONE and self.mandates.rows[row].signer != signer:
            row = self.mandates.rows[row].next
        return row

    def count_mandates(self, account: longlong) -> longlong:
        """Return how many delegates an account has."""
        row: longlong = self.get_first(account)
        count: longlong = 0
        while row != NONE:
            count += 1
            row = self.mandates.rows[row].next
        return count

    def add_mandate(self, account: longlong, signer: longlong, expiry_us: longlong) -> longlong:
        """Return the row of a signer's mandate for an account, which allows nothing yet."""
        row: longlong = self.mandates.allocate()
        first: longlong = self.get_first(account)
        mandate = self.mandates.edit(row)
        mandate.account = account
        mandate.signer = signer
        mandate.expiry_us = expiry_us
        if first == NONE:
            self.state.mandate_index.insert(account, 0, 0, row)
        else:
            head = self.mandates.edit(first)
            mandate.next = head.next
            head.next = row
        return row

    def unlink(self, row: longlong, state: longlong) -> None:
        """Take a mandate from its account's list; it goes when no order of it is left."""
        mandate = self.mandates.edit(row)
        account: longlong = mandate.account
        before: longlong = self.get_first(account)
        if before == row:
            self.state.mandate_index.remove(row)
            if mandate.next != NONE:
                self.state.mandate_index.insert(account, 0, 0, mandate.next)
        else:
            while self.mandates.rows[before].next != row:
                before = self.mandates.rows[before].next
            previous = self.mandates.edit(before)
            previous.next = mandate.next
        mandate.next = NONE
        mandate.state = state
        self.release_if_idle(row)

    def release_if_idle(self, row: longlong) -> None:
        """Release a mandate that is no key's any more and answers for no order."""
        grant: longlong
        following: longlong
        if self.mandates.rows[row].state != MANDATE_GOOD and self.mandates.rows[row].orders == 0:
            grant = self.mandates.rows[row].first_grant
            while grant != NONE:
                following = self.grants.rows[grant].next
                self.grants.release(grant)
                grant = following
            self.mandates.release(row)

    def claim(self, slot: longlong, row: longlong) -> None:
        """Let a mandate (0: the owner itself) answer for an order from now on."""
        order = self.orders.edit(slot)
        former: longlong = order.mandate
        if former != row:
            order.mandate = row
            if row != NONE:
                mandate = self.mandates.edit(row)
                mandate.orders += 1
            if former != NONE:
                self.drop_order(former)

    def hold(self, row: longlong) -> None:
        """Keep a mandate while one of its orders is filled; `drop_order` lets it go."""
        mandate = self.mandates.edit(row)
        mandate.orders += 1

    def drop_order(self, row: longlong) -> None:
        """Count an order less that a mandate answers for."""
        mandate = self.mandates.edit(row)
        mandate.orders -= 1
        self.release_if_idle(row)

    # Markets of a mandate.

    def has_market(self, row: longlong, market: longlong) -> cython.bint:
        """Say whether a mandate allows a market."""
        grant: longlong
        if self.mandates.rows[row].has_all_markets:
            return True
        grant = self.find_grant(row, market >> 6)
        return grant != NONE and self.grants.rows[grant].bits & bit(market) != 0

    def find_grant(self, row: longlong, part: longlong) -> longlong:
        """Return the row of one word of a mandate's markets, or 0."""
        grant: longlong = self.mandates.rows[row].first_grant
        while grant != NONE and self.grants.rows[grant].part != part:
            grant = self.grants.rows[grant].next
        return grant

    def set_grant(self, row: longlong, part: longlong, bits: ulonglong) -> None:
        """Write one word of a mandate's markets."""
        place: longlong = self.find_grant(row, part)
        if place == NONE:
            place = self.grants.allocate()
            mandate = self.mandates.edit(row)
            added = self.grants.edit(place)
            added.part = part
            added.next = mandate.first_grant
            mandate.first_grant = place
        grant = self.grants.edit(place)
        grant.bits = bits
