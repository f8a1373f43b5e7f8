"""Accounts and money that comes, goes, and moves between accounts."""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.mandates import Mandates
from worldmarkets.core.matching import Matching
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Asset,
        Event,
        Funds,
        Latch,
        OpenAccount,
        Position,
        Switch,
        as_account_opened,
        as_funds_moved,
        as_switched,
    )
    from worldmarkets.core.units import MAX_POSITIONS, MAX_SUPPLY


@cython.final
@cython.cclass
class FundsFlow:
    """Opening accounts, deposits, withdrawals, transfers, settings."""

    state: State
    ledger: Ledger
    mandates: Mandates
    matching: Matching
    admission: Admission
    outbox: Outbox

    def __init__(self, state: State, ledger: Ledger, matching: Matching, admission: Admission, outbox: Outbox):
        self.state = state
        self.ledger = ledger
        self.mandates = matching.mandates
        self.matching = matching
        self.admission = admission
        self.outbox = outbox

    def open_account(self, command: pointer[OpenAccount]) -> longlong:
        """Open a sub-account of an owner, with a position in the numeraire."""
        owner: longlong = self.ledger.find_owner(command.owner_high, command.owner_middle, command.owner_low)
        account: longlong
        if owner != NONE and self.ledger.find_account(owner, command.index) != NONE:
            return self.admission.refuse(ACCOUNT_EXISTS, 0, self.ledger.find_account(owner, command.index),
                                         command.index)  # fmt: skip
        account = self.ledger.open_account(command.owner_high, command.owner_middle, command.owner_low, command.index)
        event = as_account_opened(self.outbox.emit(ACCOUNT_OPENED, 0, 0, account))
        event.owner_high = command.owner_high
        event.owner_middle = command.owner_middle
        event.owner_low = command.owner_low
        event.index = command.index
        return OK

    def check_funds(self, command: pointer[Funds]) -> longlong:
        """Return the code of what is wrong with a movement of funds by itself."""
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if not self.state.has_asset(command.asset):
            return self.admission.refuse(UNKNOWN_ASSET, 0, 0, command.asset)
        if command.amount <= 0:
            return self.admission.refuse(AMOUNT_NOT_POSITIVE, 1, command.amount, command.asset)
        if command.amount > MAX_SUPPLY:
            return self.admission.refuse(AMOUNT_TOO_LARGE, MAX_SUPPLY, command.amount, command.asset)
        return OK

    def deposit(self, command: pointer[Funds]) -> longlong:
        """Credit what arrived from outside."""
        code: longlong = self.check_funds(command)
        before: longlong
        if code != OK:
            return code
        asset = self.state.assets.edit(command.asset)
        if command.amount > MAX_SUPPLY - asset.supply:
            return self.admission.refuse(AMOUNT_TOO_LARGE, MAX_SUPPLY - asset.supply, command.amount, command.asset)
        if asset.collateral_cap > 0 and asset.supply + command.amount > asset.collateral_cap:
            return self.admission.refuse(COLLATERAL_CAP, asset.collateral_cap, asset.supply + command.amount,
                                         command.asset)  # fmt: skip
        if not self.ledger.has_room(command.account, command.asset):
            return self.admission.refuse(POSITIONS_LIMIT, MAX_POSITIONS, MAX_POSITIONS, command.account)
        asset.supply += command.amount
        before = self.mandates.open_flow(command.account)
        position = self.ledger.edit(self.ledger.need(command.account, command.asset))
        position.balance += command.amount
        self.mandates.close_flow(command.account, before)
        self.ledger.note_creditor(command.account)
        self.note_brought(command.account, command.asset, command.amount)
        self.report(DEPOSITED, command.account, command.asset, 0, command.amount, position.balance)
        return OK

    def withdraw(self, command: pointer[Funds]) -> longlong:
        """Debit what leaves for outside; the account must stand without its unrealised profit."""
        code: longlong = self.check_leaving(command)
        before: longlong
        if code != OK:
            return code
        asset = self.state.assets.edit(command.asset)
        before = self.mandates.open_flow(command.account)
        position = self.ledger.edit(self.ledger.find(command.account, command.asset))
        asset.supply -= command.amount
        position.balance -= command.amount
        self.mandates.close_flow(command.account, before)
        self.report(WITHDRAWN, command.account, command.asset, 0, command.amount, position.balance)
        return self.admit()

    def transfer(self, command: pointer[Funds]) -> longlong:
        """Move funds to another account."""
        code: longlong
        before: longlong
        before_to: longlong
        if not self.state.has_account(command.to):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.to)
        if command.to == command.account:
            return self.admission.refuse(SAME_ACCOUNT, 0, 0, command.to)
        if self.state.is_closing(command.to):
            return self.admission.refuse(COUNTERPARTY_CLOSING, 0, 0, command.to)
        code = self.check_leaving(command)
        if code != OK:
            return code
        if not self.ledger.has_room(command.to, command.asset):
            return self.admission.refuse(POSITIONS_LIMIT, MAX_POSITIONS, MAX_POSITIONS, command.to)
        before = self.mandates.open_flow(command.account)
        before_to = self.mandates.open_flow(command.to)
        self.ledger.move(command.account, command.to, command.asset, command.amount)
        self.mandates.close_flow(command.account, before)
        self.mandates.close_flow(command.to, before_to)
        self.note_brought(command.to, command.asset, command.amount)
        self.report(TRANSFERRED, command.account, command.asset, command.to, command.amount,
                    self.ledger.get_balance(command.account, command.asset))  # fmt: skip
        return self.admit()

    def note_brought(self, account: longlong, asset: longlong, amount: longlong) -> None:
        """Count what is brought to a latched account, at the mark: its receipt tells that from what prices did."""
        if self.state.accounts.rows[account].latch != NONE:
            latch = self.state.latches.edit(self.state.accounts.rows[account].latch)
            latch.brought += self.matching.atlas.compute_notional(asset, amount)

    def check_leaving(self, command: pointer[Funds]) -> longlong:
        """Return the code that forbids funds to leave, and note how the account stands."""
        code: longlong = self.check_funds(command)
        balance: longlong
        if code != OK:
            return code
        balance = self.ledger.get_balance(command.account, command.asset)
        if balance < command.amount:
            return self.admission.refuse(BALANCE, command.amount, balance, command.asset)
        if self.state.accounts.rows[command.account].ious > 0:
            return self.admission.refuse(OVERDUE_IOU, 0, self.state.accounts.rows[command.account].ious,
                                         command.account)  # fmt: skip
        if not self.matching.is_bundle:
            self.admission.take(self.matching.taker, command.account)
        self.matching.taker.is_cautious = True
        return OK

    def admit(self) -> longlong:
        """Return OK, or the code with which the acting account may not stand; a bundle asks at its end."""
        return OK if self.matching.is_bundle else self.admission.check(self.matching.taker)

    def configure(self, command: pointer[Switch]) -> longlong:
        """Choose a setting: the order in which contracts are given up, whether others may compress them, or whether
        overdue loans that it gave are kept.
        """
        if not self.state.has_account(command.account):
            return self.admission.refuse(UNKNOWN_ACCOUNT, 0, 0, command.account)
        if command.setting > KEEP_OVERDUE or command.value > (WEAKEST_FIRST if command.setting == GIVE_UP else 1):
            return self.admission.refuse(BAD_COMBINATION, WEAKEST_FIRST, command.value, command.account)
        account = self.state.accounts.edit(command.account)
        if command.setting == COMPRESSION:
            account.is_compressible = command.value
        elif command.setting == KEEP_OVERDUE:
            account.keeps_overdue = command.value
        else:
            account.give_up = command.value
        event = as_switched(self.outbox.emit(ACCOUNT_CONFIGURED, 0, 0, command.account))
        event.value = command.value
        event.setting = command.setting
        return OK

    def report(self, kind: longlong, account: longlong, asset: longlong, to: longlong, amount: longlong,
               balance: longlong) -> None:  # fmt: skip
        """Report a movement of funds."""
        event = as_funds_moved(self.outbox.emit(kind, 0, 0, account))
        event.amount = amount
        event.balance = balance
        event.asset = asset
        event.to = to
