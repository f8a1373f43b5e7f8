"""Who has what: owners, accounts, and one position an account and asset.

A position changes only through `edit`, which also marks the account's figure for that group as out of date
and forgets what bounds say of the account; or through `change_cash` and the sums of a perp, which know better.
"""

from __future__ import annotations

import cython
from cython import longlong, pointer, ulonglong

from worldmarkets.core.index import Index
from worldmarkets.core.state import State
from worldmarkets.core.tables import AccountTable, AssetTable, FigureTable, OwnerTable, PositionTable, WordTable

if not cython.compiled:
    from worldmarkets.core.codes import NONE, NUMERAIRE, STATE_FREE
    from worldmarkets.core.records import Account, Asset, Figure, Owner, Position, Venue, Word
    from worldmarkets.core.units import MAX_LEG, MAX_POSITIONS, MAX_SENSITIVITY, NO_BOUND
    from worldmarkets.core.wide import bit


@cython.final
@cython.cclass
class Ledger:
    """Accounts and positions."""

    state: State
    accounts: AccountTable
    owners: OwnerTable
    positions: PositionTable
    figures: FigureTable
    assets: AssetTable
    touched: WordTable
    position_index: Index

    def __init__(self, state: State):
        self.state = state
        self.accounts = state.accounts
        self.owners = state.owners
        self.positions = state.positions
        self.figures = state.figures
        self.assets = state.assets
        self.touched = state.touched
        self.position_index = state.position_index

    def find_owner(self, high: ulonglong, middle: ulonglong, low: longlong) -> longlong:
        """Return the row of an owner's address, or 0."""
        return self.state.owner_index.find(high, middle, low)

    def find_account(self, owner: longlong, index: longlong) -> longlong:
        """Return the sub-account `index` of an owner's row, or 0."""
        return self.state.account_index.find(owner, index, 0)

    def open_account(self, high: ulonglong, middle: ulonglong, low: longlong, index: longlong) -> longlong:
        """Open a sub-account and return its number."""
        row: longlong = self.find_owner(high, middle, low)
        account: longlong = self.accounts.allocate()
        if row == NONE:
            row = self.owners.allocate()
            owner = self.owners.edit(row)
            owner.high = high
            owner.middle = middle
            owner.low = low
            self.state.owner_index.insert(high, middle, low, row)
        owner = self.owners.edit(row)
        owner.accounts += 1
        record = self.accounts.edit(account)
        record.owner = row
        record.index = index
        self.state.account_index.insert(row, index, 0, account)
        record.cash = self.open_position(account, NUMERAIRE)
        return account

    def find(self, account: longlong, asset: longlong) -> longlong:
        """Return the row of an account's position in an asset, or 0."""
        return self.position_index.find(account, asset, 0)

    def has_room(self, account: longlong, asset: longlong) -> cython.bint:
        """Say whether an account has, or may still open, a position in an asset."""
        return self.accounts.rows[account].positions < MAX_POSITIONS or self.find(account, asset) != NONE

    def need(self, account: longlong, asset: longlong) -> longlong:
        """Return the row of an account's position in an asset, opened if it was not there."""
        row: longlong = self.find(account, asset)
        return row if row != NONE else self.open_position(account, asset)

    def open_position(self, account: longlong, asset: longlong) -> longlong:
        """Return the row of an empty position, in its account's figure for its group."""
        row: longlong = self.positions.allocate()
        figure_row: longlong = self.need_figure(account, self.assets.rows[asset].group)
        record = self.accounts.edit(account)
        record.positions += 1
        figure = self.figures.edit(figure_row)
        position = self.positions.edit(row)
        position.account = account
        position.asset = asset
        position.figure = figure_row
        position.next = figure.first_position
        figure.first_position = row
        figure.version = 0
        self.position_index.insert(account, asset, 0, row)
        return row

    def need_figure(self, account: longlong, group: longlong) -> longlong:
        """Return the row of an account's figure for a group, opened if it was not there."""
        row: longlong = self.accounts.rows[account].first_group
        while row != NONE:
            if self.figures.rows[row].group == group:
                return row
            row = self.figures.rows[row].next
        row = self.figures.allocate()
        record = self.accounts.edit(account)
        figure = self.figures.edit(row)
        figure.account = account
        figure.group = group
        figure.next = record.first_group
        record.first_group = row
        return row

    def edit(self, row: longlong) -> pointer[Position]:
        """Return a position to be written; the figure it counts in is out of date from now on."""
        position = self.positions.edit(row)
        self.shift(position.account, position.asset, NO_BOUND, 0)
        return position

    def shift(self, account: longlong, asset: longlong, change: longlong, growth: longlong) -> None:
        """Let an account's figure for an asset's group be out of date, and its floor follow.

        V(initial) of it rises by at least `change`, and its sensitivity by at most `growth`; NO_BOUND: nobody knows.
        """
        record = self.accounts.edit(account)
        record.stale |= bit(self.assets.rows[asset].group)
        if record.sensitivity != 0:
            if change == NO_BOUND or record.sensitivity + growth >= MAX_SENSITIVITY:
                record.sensitivity = 0
            else:
                record.floor += change
                record.sensitivity += growth
        if self.touched.rows[(account >> 6) + 1].bits & bit(account) == 0:
            self.touch(account)

    def change_cash(self, row: longlong, change: longlong) -> None:
        """Add to the balance of a position in the numeraire: V moves by as much, whatever the severity."""
        position = self.positions.edit(row)
        position.balance += change
        if position.balance > MAX_LEG // 2 - position.lent or position.owed > MAX_LEG // 2 or position.promises != NONE:
            change = NO_BOUND  # clamps could reach
        self.shift(position.account, NUMERAIRE, change, 0)

    def touch(self, account: longlong) -> None:
        """Remember an account whose contracts change: the sweep files it anew before the next mark.

        One that is not free is looked at when the command is done.
        """
        row: longlong = (account >> 6) + 1
        self.touched.cover(row)
        word = self.touched.edit(row)
        word.bits |= bit(account)
        venue = self.state.venue.edit(1)
        venue.touched_count += 1
        if self.accounts.rows[account].state != STATE_FREE and not self.accounts.rows[account].is_urgent:
            record = self.accounts.edit(account)
            record.is_urgent = 1
            record.next_urgent = venue.first_urgent
            venue.first_urgent = account

    def get_cash(self, account: longlong) -> longlong:
        """Return an account's numeraire balance, in quanta."""
        return self.positions.rows[self.accounts.rows[account].cash].balance

    def get_balance(self, account: longlong, asset: longlong) -> longlong:
        """Return an account's balance of an asset, in quanta."""
        row: longlong = self.find(account, asset)
        return 0 if row == NONE else self.positions.rows[row].balance

    def find_holding(self, account: longlong, shock_ppm: longlong, asset: longlong) -> longlong:
        """Return the position with a balance that is next after a price shock and asset, in the order of both; or 0."""
        found: longlong = NONE
        found_shock: longlong = 0
        figure: longlong = self.accounts.rows[account].first_group
        shock: longlong
        row: longlong
        while figure != NONE:
            row = self.figures.rows[figure].first_position
            while row != NONE:
                position = self.positions.read(row)
                shock = self.assets.rows[position.asset].price_shock_ppm
                if position.balance > 0 and (shock > shock_ppm or (shock == shock_ppm and position.asset > asset)):
                    if found == NONE or shock < found_shock or (
                        shock == found_shock and position.asset < self.positions.rows[found].asset
                    ):  # fmt: skip
                        found = row
                        found_shock = shock
                row = position.next
            figure = self.figures.rows[figure].next
        return found

    def move(self, payer: longlong, payee: longlong, asset: longlong, amount: longlong) -> cython.bint:
        """Move `amount` >= 0 between two accounts' balances; return False, with nothing moved, if it is not there."""
        if amount == 0:
            return True
        row: longlong = self.find(payer, asset)
        return row != NONE and self.move_between(row, self.need(payee, asset), amount)

    def pay(self, payer: longlong, payee: longlong, amount: longlong) -> cython.bint:
        """Move numeraire between two accounts; return False, with nothing moved, if it is not there."""
        return self.move_between(self.accounts.rows[payer].cash, self.accounts.rows[payee].cash, amount)

    def move_between(self, source_row: longlong, target_row: longlong, amount: longlong) -> cython.bint:
        """Move `amount` >= 0 between two positions in one asset; return False if it is not there."""
        if self.positions.rows[source_row].balance < amount:
            return False
        if amount > 0 and self.positions.rows[target_row].asset == NUMERAIRE:
            self.change_cash(source_row, -amount)
            self.change_cash(target_row, amount)
            self.note_creditor(self.positions.rows[target_row].account)
        elif amount > 0:
            source = self.edit(source_row)
            source.balance -= amount
            target = self.edit(target_row)
            target.balance += amount
            self.note_creditor(target.account)
        return True

    def note_creditor(self, account: longlong) -> None:
        """Remember an account that received something while it owes by IOU: it repays when the command is done."""
        if self.accounts.rows[account].ious > 0 and not self.accounts.rows[account].is_creditor:
            venue = self.state.venue.edit(1)
            record = self.accounts.edit(account)
            record.is_creditor = 1
            record.next_creditor = venue.first_creditor
            venue.first_creditor = account

    def take_creditor(self) -> longlong:
        """Return an account that received something while it owes by IOU, and forget it; 0 when there is none."""
        account: longlong = self.state.venue.rows[1].first_creditor
        if account != NONE:
            venue = self.state.venue.edit(1)
            record = self.accounts.edit(account)
            venue.first_creditor = record.next_creditor
            record.next_creditor = NONE
            record.is_creditor = 0
        return account

    def add_contract(self, account: longlong, change: longlong) -> None:
        """Count a contract that an account owes on: a perp either way, a loan taken."""
        record = self.accounts.edit(account)
        record.contracts += change

    def is_same_owner(self, a: longlong, b: longlong) -> cython.bint:
        """Say whether two accounts have one owner."""
        return self.accounts.rows[a].owner == self.accounts.rows[b].owner
