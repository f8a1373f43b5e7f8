"""How an owner lets other keys act for an account, and stops them."""

from __future__ import annotations

import cython
from cython import longlong, pointer, ulonglong

from worldmarkets.core.admission import Admission
from worldmarkets.core.conditions import Conditions
from worldmarkets.core.keys import Keys
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        KeyChange,
        Mandate,
        Order,
        SetMandate,
        Signer,
        Venue,
        as_key_changed,
        as_mandate_set,
    )
    from worldmarkets.core.units import MARKET_PARTS, MAX_EXPOSURE, MAX_FILLS, MAX_KEYS, MAX_LOOKS, MAX_TIME, NO_LIMIT


@cython.final
@cython.cclass
class KeysFlow:
    """Adds keys, writes their mandates, revokes them."""

    state: State
    keys: Keys
    conditions: Conditions
    orders: Orders
    matching: Matching
    admission: Admission
    outbox: Outbox

    def __init__(self, state: State, keys: Keys, conditions: Conditions, orders: Orders, matching: Matching,
                 admission: Admission, outbox: Outbox):  # fmt: skip
        self.state = state
        self.keys = keys
        self.conditions = conditions
        self.orders = orders
        self.matching = matching
        self.admission = admission
        self.outbox = outbox

    def add(self, command: pointer[KeyChange]) -> longlong:
        """Make a key a delegate of an account; its mandate allows nothing yet."""
        account: longlong = command.account
        code: longlong = self.check_address(account, command.key_high, command.key_middle, command.key_low)
        signer: longlong
        if code != OK:
            return code
        if command.flags != 0:
            return self.admission.refuse(BAD_COMBINATION, 0, command.flags, account)
        if command.expiry_us <= self.state.venue.rows[1].time_us:
            return self.admission.refuse(EXPIRY_PAST, self.state.venue.rows[1].time_us, command.expiry_us, account)
        signer = self.keys.need(command.key_high, command.key_middle, command.key_low)
        if self.keys.find_mandate(account, signer) != NONE:
            return self.admission.refuse(KEY_EXISTS, 0, 0, account)
        if self.keys.count_mandates(account) >= MAX_KEYS:
            return self.admission.refuse(KEYS_LIMIT, MAX_KEYS, MAX_KEYS, account)
        self.keys.add_mandate(account, signer, command.expiry_us)
        self.report(KEY_ADDED, command, 0)
        return OK

    def check_address(self, account: longlong, high: ulonglong, middle: ulonglong, low: longlong) -> longlong:
        """Return the code of an account that is not there, or of an address that cannot be its delegate."""
        signer: longlong
        role: longlong = NONE
        if not self.state.has_account(account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, account)
        signer = self.keys.find(high, middle, low)
        if signer != NONE:
            role = self.keys.signers.rows[signer].role
        if role != NONE or (high == 0 and middle == 0 and low == 0) or self.is_owner(account, high, middle, low):
            return self.admission.refuse(KEY_RESERVED, 0, role, account)
        return OK

    def is_owner(self, account: longlong, high: ulonglong, middle: ulonglong, low: longlong) -> cython.bint:
        """Say whether an address is that of an account's owner."""
        return self.state.owner_index.find(high, middle, low) == self.state.accounts.rows[account].owner

    def set_mandate(self, command: pointer[SetMandate]) -> longlong:
        """Write one term of a delegate's mandate."""
        row: longlong
        code: longlong
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        row = self.find(command.account, command.key_high, command.key_middle, command.key_low)
        if row == NONE:
            return self.admission.refuse(UNKNOWN_DELEGATE, 0, 0, command.account)
        code = self.check_term(command)
        if code != OK:
            return code
        self.write_term(row, command)
        event = as_mandate_set(self.outbox.emit(MANDATE_SET, 0, 0, command.account))
        event.key_high = command.key_high
        event.key_middle = command.key_middle
        event.key_low = command.key_low
        event.field = command.field
        event.part = command.part
        event.value = command.value
        event.bits = command.bits
        return OK

    def check_term(self, command: pointer[SetMandate]) -> longlong:
        """Return the code of a term that is none, says more than one thing, or lies out of bounds."""
        field: longlong = command.field
        is_set: cython.bint = field == TERM_KINDS or field == TERM_MARKETS
        most: longlong = MAX_EXPOSURE
        least: longlong = NO_LIMIT
        if field < TERM_KINDS or field > TERM_EXPIRY or command.flags != 0:
            return self.admission.refuse(BAD_COMBINATION, TERM_EXPIRY, field, command.account)
        if (is_set and command.value != 0) or (not is_set and command.bits != 0):
            return self.admission.refuse(BAD_COMBINATION, 0, field, command.account)
        if command.part != 0 and (field != TERM_MARKETS or command.part >= MARKET_PARTS):
            return self.admission.refuse(MANDATE_RANGE, MARKET_PARTS - 1, command.part, field)
        if field == TERM_KINDS and command.bits & MANDATE_KINDS != command.bits:
            return self.admission.refuse(MANDATE_RANGE, MANDATE_KINDS, 0, field)
        if is_set:
            return OK
        if field == TERM_ALL_MARKETS:
            least = 0
            most = 1
        elif field == TERM_EXPIRY:
            least = self.state.venue.rows[1].time_us + 1
            most = MAX_TIME
        if command.value < least:
            return self.admission.refuse(MANDATE_RANGE, least, command.value, field)
        if command.value > most:
            return self.admission.refuse(MANDATE_RANGE, most, command.value, field)
        return OK

    def write_term(self, row: longlong, command: pointer[SetMandate]) -> None:
        """Write a term that was checked."""
        field: longlong = command.field
        mandate = self.keys.mandates.edit(row)
        if field == TERM_KINDS:
            mandate.kinds = command.bits
        elif field == TERM_MARKETS:
            self.keys.set_grant(row, command.part, command.bits)
        elif field == TERM_ALL_MARKETS:
            mandate.has_all_markets = command.value
        elif field == TERM_ORDER:
            mandate.order_notional = command.value
        elif field == TERM_DAY:
            mandate.day_notional = command.value
        elif field == TERM_LOSS:
            mandate.day_loss = command.value
        elif field == TERM_FLOOR:
            mandate.floor = command.value
        else:
            mandate.expiry_us = command.value

    def revoke(self, command: pointer[KeyChange]) -> longlong:
        """Take a key from an account, with the orders that it placed or amended last, unless they are to be kept."""
        row: longlong
        cancelled: longlong = 0
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if command.flags > KEEP_ORDERS or command.expiry_us != 0:
            return self.admission.refuse(BAD_COMBINATION, KEEP_ORDERS, command.flags, command.account)
        row = self.find(command.account, command.key_high, command.key_middle, command.key_low)
        if row == NONE:
            return self.admission.refuse(UNKNOWN_DELEGATE, 0, 0, command.account)
        if command.flags == KEEP_ORDERS:
            self.keys.unlink(row, MANDATE_KEPT)
        else:
            cancelled = self.cancel_orders(row)
            self.keys.unlink(row, MANDATE_REVOKED)
        self.report(KEY_REVOKED, command, cancelled)
        return OK

    def find(self, account: longlong, high: ulonglong, middle: ulonglong, low: longlong) -> longlong:
        """Return the mandate of an address for an account, or 0."""
        signer: longlong = self.keys.find(high, middle, low)
        return NONE if signer == NONE else self.keys.find_mandate(account, signer)

    def cancel_orders(self, row: longlong) -> longlong:
        """Cancel the orders of a mandate, newest first; return how many.

        At most MAX_FILLS in a command, of MAX_LOOKS looked at.  What is left can never be filled again.
        """
        account: longlong = self.keys.mandates.rows[row].account
        slot: longlong = self.state.accounts.rows[account].first_order
        following: longlong
        count: longlong = 0
        while (
            slot != NONE
            and self.keys.mandates.rows[row].orders > 0
            and self.matching.looks < MAX_LOOKS
            and self.matching.cancels < MAX_FILLS
        ):
            order = self.state.orders.read(slot)
            following = order.account_next
            if order.mandate == row:
                if order.condition != NONE and following != NONE and self.conditions.get_partner(slot) == following:
                    following = self.state.orders.rows[following].account_next  # its partner leaves with it
                self.orders.cancel(slot, REASON_KEY_REVOKED, 0, 0)
                self.matching.cancels += 1
                count += 1
            self.matching.looks += 1
            slot = following
        return count

    def report(self, kind: longlong, command: pointer[KeyChange], cancelled: longlong) -> None:
        """Report a key that was added or revoked."""
        event = as_key_changed(self.outbox.emit(kind, 0, 0, command.account))
        event.key_high = command.key_high
        event.key_middle = command.key_middle
        event.key_low = command.key_low
        event.cancelled = cancelled
        event.expiry_us = command.expiry_us
