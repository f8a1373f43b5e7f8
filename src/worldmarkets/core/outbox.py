"""Where events are written: a buffer that the shell reads, and one more for previews."""

from __future__ import annotations

import cython
from cython import address, longlong, pointer

from worldmarkets.core import records

if not cython.compiled:
    from worldmarkets.core.records import Event, address


@cython.final
@cython.cclass
class Outbox:
    """Events of the commands applied, in order.  `length` counts them."""

    rows: Event[::1]
    length: longlong
    capacity: longlong
    sequence: longlong

    def __init__(self, capacity):
        self.rows = records.rows(records.Event, capacity)
        self.capacity = capacity
        self.length = 0
        self.sequence = 0

    def emit(self, kind: longlong, code: longlong, market: longlong, account: longlong) -> pointer[Event]:
        """Return the next event with its head filled in and its body clear."""
        event = address(self.rows[self.length])
        event.sequence = self.sequence
        event.kind = kind
        event.code = code
        event.market = market
        event.account = account
        event.a = 0
        event.b = 0
        event.c = 0
        event.d = 0
        event.e = 0
        event.f = 0
        self.length += 1
        return event

    def get_last(self) -> pointer[Event]:
        """Return the event emitted last."""
        return address(self.rows[self.length - 1])

    def get_room(self) -> longlong:
        """Return how many events more fit."""
        return self.capacity - self.length

    def view(self, start, stop):
        """Return the bytes of events `start` to `stop` as a memoryview, not copied."""
        return memoryview(self.rows).cast("B")[64 * start : 64 * stop]
