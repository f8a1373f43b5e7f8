"""An index: from a key of three words to a row.

Linear hashing: the index grows one bucket at an insertion, so that no command ever pays for rehashing the whole.  The
entry of a record has the record's own row number; buckets hold the first entry of a chain.
"""

from __future__ import annotations

import cython
from cython import longlong, ulonglong

from worldmarkets.core.tables import BucketTable, EntryTable, IndexStateTable

if not cython.compiled:
    from worldmarkets.core.codes import NONE
    from worldmarkets.core.records import Bucket, Entry, IndexState
    from worldmarkets.core.wide import bucket_hash, prefetch

FIRST_MASK = 63


@cython.final
@cython.cclass
class Index:
    """Keys of one kind of record."""

    entries: EntryTable
    buckets: BucketTable
    states: IndexStateTable
    number: longlong

    def __init__(self, entries: EntryTable, buckets: BucketTable, states: IndexStateTable, number):
        self.entries = entries
        self.buckets = buckets
        self.states = states
        self.number = number

    def open(self) -> None:
        """Lay out an empty index."""
        self.states.cover(self.number)
        state = self.states.edit(self.number)
        state.mask = FIRST_MASK
        self.buckets.cover(FIRST_MASK + 1)

    def get_bucket(self, hashed: longlong) -> longlong:
        """Return the row of the bucket that a hash falls in."""
        place: longlong
        mask: longlong
        state = self.states.read(self.number)
        mask = state.mask
        place = hashed & mask
        if place < state.split:
            place = hashed & (2 * mask + 1)
        return place + 1

    def find(self, a: ulonglong, b: ulonglong, c: longlong) -> longlong:
        """Return the row with this key, or 0."""
        row: longlong
        row = self.buckets.rows[self.get_bucket(bucket_hash(a, b, c))].first
        while row != NONE:
            entry = self.entries.read(row)
            if entry.a == a and entry.b == b and entry.c == c:
                return row
            row = entry.next
        return NONE

    def foresee_bucket(self, a: ulonglong, b: ulonglong, c: longlong) -> None:
        """Ask the processor for the bucket of a key."""
        prefetch(self.buckets.read(self.get_bucket(bucket_hash(a, b, c))), 1)

    def foresee_entry(self, a: ulonglong, b: ulonglong, c: longlong) -> longlong:
        """Ask the processor for the first entry of a key's bucket, and return its row, or 0."""
        row: longlong = self.buckets.rows[self.get_bucket(bucket_hash(a, b, c))].first
        prefetch(self.entries.read(row), 1)
        return row

    def foresee_split(self) -> None:
        """Ask the processor for the bucket that is divided next."""
        row: longlong = self.buckets.rows[self.states.rows[self.number].split + 1].first
        prefetch(self.entries.read(row), 1)
        prefetch(self.buckets.read(self.states.rows[self.number].split + 2), 1)

    def insert(self, a: ulonglong, b: ulonglong, c: longlong, row: longlong) -> None:
        """Give `row` this key; the key is not there yet."""
        place: longlong
        place = self.get_bucket(bucket_hash(a, b, c))
        bucket = self.buckets.edit(place)
        self.entries.cover(row)
        entry = self.entries.edit(row)
        entry.a = a
        entry.b = b
        entry.c = c
        entry.next = bucket.first
        bucket.first = row
        state = self.states.edit(self.number)
        state.count += 1
        if state.count > state.mask + state.split:
            self.split()
            self.foresee_split()

    def remove(self, row: longlong) -> None:
        """Take the key of `row` out."""
        place: longlong
        before: longlong
        entry = self.entries.edit(row)
        place = self.get_bucket(bucket_hash(entry.a, entry.b, entry.c))
        before = self.buckets.rows[place].first
        if before == row:
            bucket = self.buckets.edit(place)
            bucket.first = entry.next
        else:
            while self.entries.rows[before].next != row:
                before = self.entries.rows[before].next
            previous = self.entries.edit(before)
            previous.next = entry.next
        entry.a = 0
        entry.b = 0
        entry.c = 0
        entry.next = NONE
        state = self.states.edit(self.number)
        state.count -= 1

    def split(self) -> None:
        """Divide the next bucket in two."""
        row: longlong
        following: longlong
        mask: longlong
        state = self.states.edit(self.number)
        mask = state.mask
        old: longlong = state.split
        new: longlong = old + mask + 1
        self.buckets.cover(new + 1)
        low = self.buckets.edit(old + 1)
        high = self.buckets.edit(new + 1)
        row = low.first
        low.first = NONE
        while row != NONE:
            entry = self.entries.edit(row)
            following = entry.next
            if bucket_hash(entry.a, entry.b, entry.c) & (2 * mask + 1) == new:
                entry.next = high.first
                high.first = row
            else:
                entry.next = low.first
                low.first = row
            row = following
        state.split += 1
        if state.split > mask:
            state.mask = 2 * mask + 1
            state.split = 0
