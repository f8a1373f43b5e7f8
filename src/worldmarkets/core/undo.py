"""The undo log, and the tables that write through it.

Nothing changes a row but through `edit`, which keeps the row as it was before its first write since the last mark.
So a command, a bundle, a fill or a preview is taken back by putting the kept rows back, newest first.
"""

from __future__ import annotations

import cython
from cython import address, longlong, uchar, uint, ulonglong

from worldmarkets.core import memory, records, units

if not cython.compiled:
    from worldmarkets.core.codes import NONE
    from worldmarkets.core.records import Kept, Pool, Seen, address
    from worldmarkets.core.units import LOG_BYTES, LOG_ENTRIES, SEEN_MASK
    from worldmarkets.core.wide import copy_bytes, zero_bytes  # the compiled core's; interpreted, slices do



class Exhausted(Exception):
    """A table is full.  The command that needed one row more is taken back and rejected with CAPACITY."""


@cython.final
@cython.cclass
class Undo:
    """The log of first writes."""

    epoch: ulonglong
    seen: Seen[::1]
    length: longlong
    filled: longlong
    entries: Kept[::1]
    kept: uchar[::1]
    tables: list

    def __init__(self):
        self.epoch = 1
        self.length = 0
        self.filled = 0
        self.seen = records.rows(records.Seen, records.SEEN_ROWS)
        self.entries = records.rows(records.Kept, units.LOG_ENTRIES)
        space = memory.reserve(units.LOG_BYTES)
        self.kept = space if cython.compiled else memoryview(space)
        self.tables = []

    def begin(self) -> longlong:
        """Open a level and return its mark."""
        self.epoch += 1
        return self.length

    @cython.boundscheck(False)
    @cython.overflowcheck(False)
    def keep(self, table: Table, row: longlong) -> cython.int:
        """Keep a row of `table` as it is now, and remember that it was.

        What was kept is remembered in a small table that stays in the cache; a row pushed out of it is kept once more,
        which rollback, newest first, undoes rightly.
        """
        size: longlong = table.row_bytes
        start: longlong = row * size
        if row < 0 or row >= table.capacity or self.filled + size > LOG_BYTES or self.length >= LOG_ENTRIES:
            return self.overflow(table, row)
        seen = address(self.seen[(row ^ table.salt) & SEEN_MASK])
        seen.key = table.first_key | row
        seen.epoch = self.epoch
        entry = address(self.entries[self.length])
        entry.row = row
        entry.table = table.number
        entry.size = size
        if cython.compiled:
            copy_bytes(address(self.kept[self.filled]), address(table.bytes[start]), size)
        else:
            self.kept[self.filled : self.filled + size] = table.bytes[start : start + size]
        self.filled += size
        self.length += 1
        return 0

    def overflow(self, table: Table, row: longlong) -> cython.int:
        """Say that a row cannot be kept.  Raises `Exhausted`."""
        raise Exhausted(f"no room to keep row {row} of table {table.number}")

    def rollback(self, mark: longlong) -> None:
        """Put back every row written since `mark`."""
        table: Table
        start: longlong
        size: longlong
        while self.length > mark:
            self.length -= 1
            entry = address(self.entries[self.length])
            size = entry.size
            self.filled -= size
            table = self.tables[entry.table]
            start = entry.row * size
            if cython.compiled:
                copy_bytes(address(table.bytes[start]), address(self.kept[self.filled]), size)
            else:
                table.bytes[start : start + size] = self.kept[self.filled : self.filled + size]
        self.epoch += 1

    def commit(self) -> None:
        """Close the outermost level: what was written stays."""
        self.length = 0
        self.filled = 0


@cython.cclass
class Table:
    """Rows of one record, over reserved memory that never moves.  Row 0 is never used: it stands for none."""

    undo: Undo
    number: longlong
    row_bytes: longlong
    words: longlong
    capacity: longlong
    salt: longlong
    first_key: ulonglong
    bytes: uchar[::1]
    links: uint[::1]
    pools: Pool[::1]
    pool_table: Table

    def __init__(self, undo, number, record, capacity, pool_table, huge_pages):
        self.undo = undo
        self.number = number
        self.row_bytes = records.size_of(record)
        self.words = self.row_bytes // 4
        self.capacity = capacity
        space = memory.reserve(self.row_bytes * capacity, huge_pages)
        rows = records.rows(record, capacity, space)
        self.bytes = memoryview(space)
        self.links = memoryview(space)[: len(space) // 4 * 4].cast("I")
        self.salt = 97 * number
        self.first_key = number << 32
        self.bind(rows)
        self.pool_table = self if pool_table is None else pool_table
        self.pools = rows if pool_table is None else self.pool_table.pools

    def save(self, row: longlong) -> None:
        """Keep `row` if this is its first write since the last mark."""
        seen = address(self.undo.seen[(row ^ self.salt) & SEEN_MASK])
        if seen.epoch != self.undo.epoch or seen.key != (self.first_key | row):
            self.undo.keep(self, row)

    def allocate(self) -> longlong:
        """Return a row of zeros.  Raises `Exhausted` when the table is full."""
        row: longlong
        self.pool_table.save(self.number)
        pool = address(self.pools[self.number])
        row = pool.free
        if row != NONE:
            self.save(row)
            pool.free = self.links[row * self.words]
            self.links[row * self.words] = 0
        else:
            row = pool.used
            row += 1
            if row >= self.capacity:
                raise Exhausted(f"table {self.number} is full with {self.capacity - 1} rows")
            pool.used = row
            self.save(row)
        pool.count += 1
        pool.serial += 1
        return row

    def get_serial(self) -> longlong:
        """Return how many rows were ever given out: the last one's number."""
        return self.pools[self.number].serial

    def release(self, row: longlong) -> None:
        """Clear `row` and put it on the free list."""
        self.save(row)
        self.pool_table.save(self.number)
        pool = address(self.pools[self.number])
        if cython.compiled:
            zero_bytes(address(self.bytes[row * self.row_bytes]), self.row_bytes)
        else:
            self.bytes[row * self.row_bytes : (row + 1) * self.row_bytes] = bytes(self.row_bytes)
        self.links[row * self.words] = pool.free
        pool.free = row
        pool.count -= 1

    def cover(self, row: longlong) -> None:
        """Count rows up to `row` as used, in a table whose rows are numbered by another.  Raises `Exhausted`."""
        if row >= self.capacity:
            raise Exhausted(f"table {self.number} is full with {self.capacity - 1} rows")
        if self.pools[self.number].used < row:
            self.pool_table.save(self.number)
            pool = address(self.pools[self.number])
            pool.used = row

    def get_used(self) -> longlong:
        """Return the highest row ever used."""
        return self.pools[self.number].used

    def last_row(self):
        """Return the highest row ever used, for the shell."""
        return self.pools[self.number].used

    def view(self, start, stop):
        """Return the bytes of rows `start` to `stop` as a memoryview, not copied."""
        return memoryview(self.bytes)[start * self.row_bytes : stop * self.row_bytes]
