"""Accounts filed under a key, so that those with the least keys are found at once.

A row has eight keys: of eight accounts, or the least keys of eight rows of the level below.  A row is laid out when its
first account is filed, and stands behind those of all accounts before; so the rows grow with the accounts, and where
one stands follows from its level and number.  Key 0 stands for none.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.tables import FileTable

if not cython.compiled:
    from worldmarkets.core.codes import NONE
    from worldmarkets.core.records import File
    from worldmarkets.core.units import FILE_LEVELS


@cython.final
@cython.cclass
class Files:
    """The key of every account, and the least keys above them."""

    table: FileTable
    keys: longlong[::1]

    def __init__(self, table: FileTable):
        self.table = table
        self.keys = table.view(0, table.capacity).cast("q")

    def get_row(self, level: longlong, number: longlong) -> longlong:
        """Return where row `number` of a level stands: behind all rows whose first account is of a block before."""
        block: longlong = number << 3 * level
        row: longlong = 1 + level
        shift: longlong
        for shift in range(0, 3 * FILE_LEVELS, 3):
            row += (block + (1 << shift) - 1) >> shift
        return row

    def get_place(self, account: longlong) -> longlong:
        """Return where an account's key stands."""
        return 8 * self.get_row(0, account >> 3) + (account & 7)

    def get(self, account: longlong) -> longlong:
        """Return the key of an account, 0 when it is not filed."""
        return self.keys[self.get_place(account)]

    def get_least(self) -> longlong:
        """Return the least key of all, 0 when nothing is filed."""
        return self.compute_least(FILE_LEVELS)

    def compute_least(self, row: longlong) -> longlong:
        """Return the least key of a row, 0 when it has none."""
        least: longlong = 0
        key: longlong
        place: longlong
        for place in range(8 * row, 8 * row + 8):
            key = self.keys[place]
            if key != 0 and (least == 0 or key < least):
                least = key
        return least

    def file(self, account: longlong, key: longlong) -> None:
        """File an account under a key, or under none."""
        number: longlong = account
        level: longlong
        row: longlong
        place: longlong
        for level in range(FILE_LEVELS):
            row = self.get_row(level, number >> 3)
            place = 8 * row + (number & 7)
            if self.keys[place] == key:
                break
            self.table.cover(row)
            self.table.save(row)
            self.keys[place] = key
            key = self.compute_least(row)
            number >>= 3

    def find(self, start: longlong, limit: longlong, last: longlong) -> longlong:
        """Return the first account from `start` to `last` whose key is below `limit`, 0 when there is none."""
        level: longlong = 0
        number: longlong = start
        row: longlong
        slot: longlong
        key: longlong
        while level < FILE_LEVELS and number << 3 * level <= last:
            row = 8 * self.get_row(level, number >> 3)
            slot = number & 7
            while slot < 8:
                key = self.keys[row + slot]
                if key != 0 and key < limit:
                    break
                slot += 1
            if slot == 8:  # none in this row: go on behind it, one level up
                number = (number >> 3) + 1
                level += 1
            elif level == 0:
                return (number & ~7) + slot
            else:
                number = ((number & ~7) + slot) << 3
                level -= 1
        return NONE
