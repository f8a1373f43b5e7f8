"""Who may send what: the envelope that a command comes in, and the kinds that each sort of key may send.

The same at every replay: it asks for nothing but the state and the command.  What is not allowed is denied.
"""

from __future__ import annotations

import cython
from cython import longlong, pointer, ulonglong

from worldmarkets.core.admission import Admission
from worldmarkets.core.keys import Keys
from worldmarkets.core.mandates import Mandates
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import (
        BUNDLE,
        COMMAND_KINDS,
        DELEGATE,
        ENVELOPE,
        ENVELOPE_EXPIRED,
        HEAD_KINDS,
        KEY_EXPIRED,
        KEY_FORBIDDEN,
        MANDATE_KINDS,
        NONCE_TOO_LOW,
        NONE,
        OK,
        OPEN_ACCOUNT,
        OWNER_KINDS,
        ROLE,
        SEQUENCER_KINDS,
        SIGNED,
        UNKNOWN_ACCOUNT,
        UNKNOWN_KEY,
        UNSIGNED,
        VENUE_KINDS,
    )
    from worldmarkets.core.records import Command, Mandate, Signed, Signer, Venue, as_open_account
    from worldmarkets.core.wide import bit


@cython.final
@cython.cclass
class Authority:
    """Decides on envelopes, and on commands that came without one.

    `mandate` is the one under which the command in the last envelope is sent, 0 when that is no delegate's.
    """

    state: State
    keys: Keys
    mandates: Mandates
    admission: Admission
    mandate: longlong

    def __init__(self, state: State, keys: Keys, mandates: Mandates, admission: Admission):
        self.state = state
        self.keys = keys
        self.mandates = mandates
        self.admission = admission
        self.mandate = NONE

    def check_unsigned(self, kind: longlong) -> longlong:
        """Return UNSIGNED for a command that needs an envelope: any but what the sequencer itself sends."""
        return OK if self.is_among(kind, SEQUENCER_KINDS) else self.admission.refuse(UNSIGNED, 1, 0, kind)

    def is_among(self, kind: longlong, kinds: ulonglong) -> cython.bint:
        """Say whether a kind of command is one of a set of them."""
        return kind < COMMAND_KINDS and bit(kind) & kinds != 0

    def open(self, envelope: pointer[Signed], command: pointer[Command]) -> longlong:
        """Use an envelope's nonce, and return the code that keeps its signer from sending the command inside.

        A nonce that was used stays so, whatever is said of the command.
        """
        signer: longlong
        code: longlong
        code = self.check_form(envelope, command)
        if code != OK:
            return code
        if envelope.expiry_us < self.state.venue.rows[1].time_us:
            return self.admission.refuse(ENVELOPE_EXPIRED, self.state.venue.rows[1].time_us, envelope.expiry_us,
                                         envelope.account)  # fmt: skip
        if envelope.nonce < 1:
            return self.admission.refuse(NONCE_TOO_LOW, 1, envelope.nonce, envelope.account)
        signer = self.find_signer(envelope, command)
        if signer == NONE:
            return self.admission.refuse(UNKNOWN_KEY, 0, 0, envelope.account)
        code = self.keys.use_nonce(signer, envelope.nonce)
        if code != OK:
            return self.admission.refuse(code, self.keys.least, envelope.nonce, envelope.account)
        return self.check_right(signer, command)

    def check_form(self, envelope: pointer[Signed], command: pointer[Command]) -> longlong:
        """Return ENVELOPE unless an envelope holds exactly one command, about the account that it names."""
        records: longlong = 1
        if command.kind == SIGNED:
            return self.admission.refuse(ENVELOPE, 0, SIGNED, envelope.account)
        if self.is_among(command.kind, HEAD_KINDS):
            records += command.count
        if records != envelope.count:
            return self.admission.refuse(ENVELOPE, records, envelope.count, envelope.account)
        if command.account != envelope.account:
            return self.admission.refuse(ENVELOPE, command.account, envelope.account, envelope.account)
        return OK

    def find_signer(self, envelope: pointer[Signed], command: pointer[Command]) -> longlong:
        """Return the row of an envelope's signer, 0 for one that nobody knows.

        Known are roles, delegates, owners of accounts, and whoever opens its own first one.
        """
        row: longlong = self.keys.find(envelope.signer_high, envelope.signer_middle, envelope.signer_low)
        if row == NONE and (
            self.is_opening(envelope, command)
            or self.state.owner_index.find(envelope.signer_high, envelope.signer_middle, envelope.signer_low) != NONE
        ):
            row = self.keys.need(envelope.signer_high, envelope.signer_middle, envelope.signer_low)
        return row

    def is_opening(self, envelope: pointer[Signed], command: pointer[Command]) -> cython.bint:
        """Say whether a command opens an account of the envelope's signer."""
        if command.kind != OPEN_ACCOUNT:
            return False
        new = as_open_account(command)
        return (
            new.owner_high == envelope.signer_high
            and new.owner_middle == envelope.signer_middle
            and new.owner_low == envelope.signer_low
        )

    def check_right(self, signer: longlong, command: pointer[Command]) -> longlong:
        """Return the code that keeps a signer from sending a command."""
        role: longlong = self.keys.signers.rows[signer].role
        if role != NONE:
            return self.check_role(role, command)
        if command.kind == OPEN_ACCOUNT:
            return self.check_opening(signer, command)
        if not self.is_among(command.kind, OWNER_KINDS):
            return self.forbid(NONE, command)
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        return OK if self.keys.is_owner(signer, command.account) else self.check_delegate(signer, command)

    def check_delegate(self, signer: longlong, command: pointer[Command]) -> longlong:
        """Return the code that keeps a delegate from sending a command as a whole; its legs are asked in their turn."""
        mandate: longlong = self.keys.find_mandate(command.account, signer)
        now: longlong = self.state.venue.rows[1].time_us
        if mandate == NONE:
            return self.forbid(NONE, command)
        if now > self.keys.mandates.rows[mandate].expiry_us:
            return self.admission.refuse(KEY_EXPIRED, now, self.keys.mandates.rows[mandate].expiry_us,
                                         command.account)  # fmt: skip
        if not self.is_among(command.kind, MANDATE_KINDS | 1 << BUNDLE):
            return self.forbid(DELEGATE, command)
        self.mandate = mandate
        return OK

    def check_role(self, role: longlong, command: pointer[Command]) -> longlong:
        """Return the code that keeps a role of the venue from sending a command: it acts for no account."""
        if not self.is_among(command.kind, VENUE_KINDS):
            return self.forbid(role, command)
        if command.flags != role:
            return self.admission.refuse(ROLE, role, command.flags, command.kind)
        return OK

    def check_opening(self, signer: longlong, command: pointer[Command]) -> longlong:
        """Return the code that keeps a signer from opening an account: everybody opens their own."""
        new = as_open_account(command)
        record = self.keys.signers.read(signer)
        if record.high == new.owner_high and record.middle == new.owner_middle and record.low == new.owner_low:
            return OK
        return self.forbid(NONE, command)

    def forbid(self, sort: longlong, command: pointer[Command]) -> longlong:
        """Refuse a command to a key of a sort: a role of the venue, DELEGATE, or (0) one that it is no matter of."""
        return self.admission.refuse(KEY_FORBIDDEN, command.kind, sort, command.account)
