"""Timed work: one queue, ordered by due time and then by serial, whatever the work is.

The queue is a binary heap in a table of places; each place holds the row of a timer, and a timer knows its place, so
that it can be taken out from anywhere.  Asking whether something is due reads one field of the venue.
What the work of each kind is, `work.py` says (`Work.do_due`).
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.state import State
from worldmarkets.core.tables import PlaceTable, TimerTable, VenueTable

if not cython.compiled:
    from worldmarkets.core.codes import NONE
    from worldmarkets.core.records import Place, Timer, Venue
    from worldmarkets.core.units import NEVER


@cython.final
@cython.cclass
class Timers:
    """The queue of timed work."""

    timers: TimerTable
    places: PlaceTable
    venue: VenueTable

    def __init__(self, state: State):
        self.timers = state.timers
        self.places = state.places
        self.venue = state.venue

    def schedule(self, kind: longlong, subject: longlong, due_us: longlong) -> longlong:
        """Return the row of a new timer: work of `kind` on the row `subject` of its table, to be done at `due_us`."""
        row: longlong = self.timers.allocate()
        venue = self.venue.edit(1)
        venue.timer_serial += 1
        venue.timer_count += 1
        timer = self.timers.edit(row)
        timer.due_us = due_us
        timer.serial = venue.timer_serial
        timer.kind = kind
        timer.subject = subject
        self.places.cover(venue.timer_count)
        self.put(venue.timer_count, row)
        self.rise(row)
        self.note_first()
        return row

    def cancel(self, row: longlong) -> None:
        """Take a timer out of the queue and release it."""
        place: longlong = self.timers.rows[row].place
        venue = self.venue.edit(1)
        last: longlong = self.places.rows[venue.timer_count].timer
        self.put(venue.timer_count, NONE)
        venue.timer_count -= 1
        self.timers.release(row)
        if last != row:
            self.put(place, last)
            self.rise(last)
            self.sink(last)
        self.note_first()

    def delay(self, row: longlong, due_us: longlong) -> None:
        """Put a timer off: it goes behind all that is due at its new time."""
        venue = self.venue.edit(1)
        venue.timer_serial += 1
        timer = self.timers.edit(row)
        timer.due_us = due_us
        timer.serial = venue.timer_serial
        self.rise(row)
        self.sink(row)
        self.note_first()

    def get_first(self) -> longlong:
        """Return the timer that is due first, or 0."""
        return NONE if self.venue.rows[1].timer_count == 0 else self.places.rows[1].timer

    def is_before(self, row: longlong, other: longlong) -> cython.bint:
        """Say whether a timer stands before another in the order of due time and serial."""
        one = self.timers.read(row)
        two = self.timers.read(other)
        return one.due_us < two.due_us or (one.due_us == two.due_us and one.serial < two.serial)

    def put(self, number: longlong, row: longlong) -> None:
        """Put a timer, or none, in a place."""
        place = self.places.edit(number)
        place.timer = row
        if row != NONE:
            timer = self.timers.edit(row)
            timer.place = number

    def rise(self, row: longlong) -> None:
        """Move a timer up the heap past those it stands before."""
        place: longlong = self.timers.rows[row].place
        above: longlong
        while place > 1:
            above = self.places.rows[place >> 1].timer
            if not self.is_before(row, above):
                break
            self.put(place, above)
            place >>= 1
        self.put(place, row)

    def sink(self, row: longlong) -> None:
        """Move a timer down the heap past those that stand before it."""
        place: longlong = self.timers.rows[row].place
        count: longlong = self.venue.rows[1].timer_count
        below: longlong
        while 2 * place <= count:
            below = 2 * place
            if below < count and self.is_before(self.places.rows[below + 1].timer, self.places.rows[below].timer):
                below += 1
            if not self.is_before(self.places.rows[below].timer, row):
                break
            self.put(place, self.places.rows[below].timer)
            place = below
        self.put(place, row)

    def note_first(self) -> None:
        """Keep the time of the first timer where every command sees it."""
        venue = self.venue.edit(1)
        venue.next_due_us = NEVER
        if venue.timer_count > 0:
            venue.next_due_us = self.timers.rows[self.places.rows[1].timer].due_us
