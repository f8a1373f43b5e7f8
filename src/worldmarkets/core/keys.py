"""Whose envelopes are taken: signers and the nonces that they used.

Signatures are verified outside; what comes in is the address that made one.  A nonce is used once, whatever became of
the command it came with.  The highest ones of a key are kept: a new one must be none of them and, once there are as
many as are kept, above the lowest.
"""

from __future__ import annotations

import cython
from cython import longlong, ulonglong

from worldmarkets.core.state import State
from worldmarkets.core.tables import AccountTable, NonceTable, OwnerTable, SignerTable

if not cython.compiled:
    from worldmarkets.core.codes import NONCE_TOO_LOW, NONCE_USED, NONE, OK
    from worldmarkets.core.records import Account, Nonce, Owner, Signer
    from worldmarkets.core.units import MAX_NONCES


@cython.final
@cython.cclass
class Keys:
    """Signers and their nonces.  `least` is the lowest nonce that the last one refused could have been."""

    state: State
    accounts: AccountTable
    owners: OwnerTable
    signers: SignerTable
    nonces: NonceTable
    least: longlong

    def __init__(self, state: State):
        self.state = state
        self.accounts = state.accounts
        self.owners = state.owners
        self.signers = state.signers
        self.nonces = state.nonces
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
        """Keep a signer's nonce as used; return OK, or the code of why it may not be used, with nothing changed.

        Nonces mostly rise: the highest is looked at first.
        """
        signer = self.signers.read(row)
        lower: longlong = signer.last
        self.least = 1
        if signer.nonces == MAX_NONCES:
            self.least = self.nonces.rows[signer.first].nonce + 1
        if value < self.least - 1 or value < 1:
            return NONCE_TOO_LOW
        while lower != NONE and self.nonces.rows[lower].nonce > value:
            lower = self.nonces.rows[lower].previous
        if lower != NONE and self.nonces.rows[lower].nonce == value:
            return NONCE_USED
        self.keep_nonce(row, value, lower)
        return OK

    def keep_nonce(self, row: longlong, value: longlong, lower: longlong) -> None:
        """Put a nonce above the one in row `lower` (0: below all); of too many the lowest is forgotten."""
        signer = self.signers.edit(row)
        place: longlong
        if signer.nonces == MAX_NONCES:
            place = signer.first
            signer.first = self.nonces.rows[place].next
            second = self.nonces.edit(signer.first)
            second.previous = NONE
            if lower == place:
                lower = NONE
        else:
            place = self.nonces.allocate()
            signer.nonces += 1
        nonce = self.nonces.edit(place)
        nonce.nonce = value
        nonce.previous = lower
        nonce.next = signer.first
        if lower != NONE:
            below = self.nonces.edit(lower)
            nonce.next = below.next
            below.next = place
        else:
            signer.first = place
        if nonce.next != NONE:
            above = self.nonces.edit(nonce.next)
            above.previous = place
        else:
            signer.last = place
