"""The engine: command records in, event records out.

A command is applied whole or not at all.  It is numbered and its time is taken; then it runs inside one level of the
undo log.  A rejection, an exhausted table or an internal error takes everything back and leaves one event that says so.
"""

from __future__ import annotations

import cython
from cython import address, longlong

from worldmarkets.core.queries import Queries
from worldmarkets.core.undo import Exhausted

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Command,
        Event,
        Signed,
        Venue,
        address,
        as_place_order,
        as_rejected,
        as_signed,
    )
    from worldmarkets.core.units import EVENTS_A_COMMAND, FAR, MAX_TIME, NEAR, NEXT
    from worldmarkets.core.wide import bit


@cython.final
@cython.cclass
class Engine(Queries):
    """The exchange as a state machine."""

    inbox_bytes: object
    capacity: longlong
    own_events: longlong
    preview_mark: longlong
    preview_events: longlong
    preview_sequence: longlong
    preview_time_us: longlong
    fault_at: longlong

    def __init__(self, capacity=None, inbox=1 << 16, outbox=1 << 20, huge_pages=False):
        if outbox < EVENTS_A_COMMAND:
            raise ValueError(f"an outbox has room for what one command may report: {EVENTS_A_COMMAND} events")
        super().__init__(capacity, inbox, outbox, huge_pages)
        self.inbox_bytes = memoryview(self.inbox).cast("B")
        self.capacity = inbox
        self.own_events = 0
        self.fault_at = 0

    def load(self, commands):
        """Fill the inbox with encoded commands (64 bytes each) and return how many.  Raises ValueError when torn."""
        size = len(commands)
        if size % 64 or size > 64 * self.capacity:
            raise ValueError(f"{size} bytes are not at most {self.capacity} whole command records of 64 bytes")
        self.inbox_bytes[:size] = commands
        return size // 64

    def run(self, count: longlong, start: longlong = 0):
        """Apply commands `start` to `count` of the inbox; return how many records were taken.

        It ends early, before a command, when the outbox has no room for all that the command may report.
        """
        place: longlong = start
        seen: longlong = start
        while place < count:
            if self.outbox.get_room() < EVENTS_A_COMMAND:
                break
            while seen <= place:
                self.foresee(seen, count)
                seen += 1
            place += self.step(place, count)
        return place - start

    def foresee(self, place: longlong, count: longlong) -> None:
        """Look at the commands ahead, each three times before its turn."""
        if place + FAR < count:
            self.foresight.look_far(address(self.inbox[place + FAR]))
        if place + NEAR < count:
            self.foresight.look_near(address(self.inbox[place + NEAR]))
        if place + NEXT < count:
            self.foresight.look_next(address(self.inbox[place + NEXT]))

    def apply(self, commands):
        """Apply encoded commands and return the events they gave, encoded."""
        self.outbox.length = 0
        count = self.load(commands)
        parts = []
        done = 0
        while done < count:
            taken = self.run(count, done)
            done += taken
            parts.append(bytes(self.outbox.view(0, self.outbox.length)))
            self.outbox.length = 0
        return b"".join(parts)

    def step(self, place: longlong, count: longlong) -> longlong:
        """Apply one command, with its legs and in its envelope if it has any; return how many records that was."""
        command = address(self.inbox[place])
        taken: longlong = 1
        whole: longlong
        code: longlong
        mark: longlong
        events: longlong = self.outbox.length
        if self.is_head(command.kind):
            taken = min(1 + command.count, count - place)
        whole = taken
        code = self.stamp(place)
        if code == OK and command.kind == SIGNED:
            code = self.open_envelope(place, taken)
            if code != ENVELOPE:  # from here on it is about the command inside
                place += 1
                taken -= 1
                command = address(self.inbox[place])
        elif code == OK and self.state.venue.rows[1].requires_signatures:
            code = self.authority.check_unsigned(command.kind)
        mark = self.state.undo.begin()
        clock_us: longlong = self.work.clock_us
        self.groups.leg = 0
        if code == OK:
            self.matching.is_careful = False
            code = self.attempt(place, taken)
            self.matching.is_careful = True
            if self.matching.has_failed:
                self.state.undo.rollback(mark)
                self.outbox.length = events
                self.work.clock_us = clock_us
                code = self.attempt(place, taken)
        if code != OK:
            self.state.undo.rollback(mark)
            self.outbox.length = events
            self.reject(place, code)
        elif self.outbox.length == self.own_events:
            self.outbox.emit(UNCHANGED, command.kind, 0, command.account)
        if not self.is_preview:
            self.state.undo.commit()
        if whole != taken:
            self.authority.mandate = NONE
            self.mandates.active = NONE
        return whole

    def open_envelope(self, place: longlong, taken: longlong) -> longlong:
        """Use an envelope's nonce, and return the code that keeps the command inside from being done.

        The nonce is written before the level that takes a rejected command back.
        """
        mark: longlong = self.state.undo.begin()
        envelope = as_signed(address(self.inbox[place]))
        if taken < 2 or taken != 1 + envelope.count:
            return self.admission.refuse(ENVELOPE, 1 + envelope.count, taken, envelope.account)
        try:
            return self.authority.open(envelope, address(self.inbox[place + 1]))
        except Exhausted:
            self.state.undo.rollback(mark)
            return self.admission.refuse(CAPACITY, 0, 0, 0)

    def attempt(self, place: longlong, taken: longlong) -> longlong:
        """Run a command or a bundle, whatever happens inside.  Returns OK or the code of its rejection."""
        self.matching.has_failed = False
        self.groups.leg = 0
        try:
            return self.perform(place, taken)
        except Exhausted:
            return self.admission.refuse(CAPACITY, 0, 0, 0)
        except Exception:
            return self.admission.refuse(INTERNAL, 0, 0, 0)

    def is_head(self, kind: longlong) -> cython.bint:
        """Say whether more records belong to a command of this kind: legs, or what is in an envelope."""
        return kind < COMMAND_KINDS and bit(kind) & HEAD_KINDS != 0

    def stamp(self, place: longlong) -> longlong:
        """Number a command and take its time, which never runs backwards.

        A rejected command keeps both, so they are written beside the undo log; a preview puts them back itself.
        """
        command = address(self.inbox[place])
        venue = address(self.state.venue.rows[1])
        venue.sequence += 1
        self.outbox.sequence = venue.sequence
        if command.sequence != 0 and command.sequence != venue.sequence:
            return self.admission.refuse(MALFORMED, venue.sequence, command.sequence, 0)
        if command.time_us < venue.time_us or command.time_us > MAX_TIME:
            return self.admission.refuse(TIME_BACKWARDS, venue.time_us, command.time_us, 0)
        self.work.clock_us = venue.time_us
        venue.time_us = command.time_us
        return OK

    def reject(self, place: longlong, code: longlong) -> None:
        """Say that a command changed nothing, and why."""
        command = address(self.inbox[place])
        self.matching.is_bundle = False
        event = as_rejected(self.outbox.emit(REJECTED, code, 0, command.account))
        event.needed = self.admission.needed
        event.had = self.admission.had
        event.subject = self.admission.subject
        event.command_kind = command.kind
        event.leg = self.groups.leg
        if command.kind == PLACE_ORDER:
            event.client_id = as_place_order(command).client_id
        if code == INTERNAL:
            self.work.fall()

    def perform(self, place: longlong, taken: longlong) -> longlong:
        """Run a command or a bundle.  Returns OK or the code of its rejection."""
        command = address(self.inbox[place])
        now_us: longlong = self.state.venue.rows[1].time_us
        code: longlong
        self.matching.reset_work()
        self.matching.is_bundle = False
        self.mandates.active = NONE
        self.admission.refuse(OK, 0, 0, 0)
        self.work.items = 0
        if self.state.venue.rows[1].next_due_us <= now_us:
            self.work.run_due(now_us)
        self.own_events = self.outbox.length
        self.orders.sweep_clients()
        if self.authority.mandate != NONE:
            self.mandates.begin(self.authority.mandate)
        if self.state.is_closing(command.account):
            code = self.admission.refuse(ACCOUNT_CLOSING, 0, 0, command.account)
        elif self.is_head(command.kind):
            code = self.groups.run(place, taken)
        else:
            code = self.dispatch.run(command)
        if code == OK and self.mandates.active != NONE:
            code = self.mandates.finish()
        if code == OK and self.state.venue.rows[1].first_creditor != NONE:
            self.work.settle_creditors()
        if code == OK and self.state.venue.rows[1].first_urgent != NONE:
            self.sweep.settle_urgent()
        if code == OK and self.state.venue.rows[1].first_changed != NONE:
            self.work.take_changed()
        if self.fault_at != 0 and self.state.venue.rows[1].sequence == self.fault_at:
            self.work.fail()
        return code

    # Previews: run anything, look at the state it leaves, take it back.

    def open_preview(self):
        """Start a preview: commands run as ever until `close_preview` takes them back."""
        if self.is_preview:
            raise RuntimeError("a preview is open already")
        self.preview_mark = self.state.undo.begin()
        self.preview_events = self.outbox.length
        self.preview_sequence = self.state.venue.rows[1].sequence
        self.preview_time_us = self.state.venue.rows[1].time_us
        self.is_preview = True

    def close_preview(self):
        """Take everything back that was applied since `open_preview`."""
        self.state.undo.rollback(self.preview_mark)
        self.state.undo.commit()
        venue = address(self.state.venue.rows[1])
        venue.sequence = self.preview_sequence
        venue.time_us = self.preview_time_us
        self.outbox.length = self.preview_events
        self.outbox.sequence = self.preview_sequence
        self.is_preview = False

    def preview_auction(self, account: longlong, elapsed_us: longlong):
        """Let bids take slices of an account as `elapsed_us` into its auction; return the events, encoded.

        Only the ladder auctions accounts, so this runs within a preview alone.
        """
        if not self.is_preview:
            raise RuntimeError("an auction is previewed within a preview")
        start: longlong = self.outbox.length
        self.auction_flow.step(account, elapsed_us, self.state.venue.rows[1].auction_clock_us, NONE)
        self.work.settle_creditors()
        return bytes(self.outbox.view(start, self.outbox.length))

    def start_close_out(self, account: longlong, reason: longlong):
        """Let timed work close an account out from the next command on, as the ladder does; for tests of it alone."""
        is_begun = self.close_out_flow.begin(account, reason)
        self.state.undo.commit()
        return is_begun

    def set_close_out_work(self, size: longlong):
        """Let one item of timed work do so little of a close-out, so that tests see what lies between its steps."""
        self.close_out_flow.work_size = size

    # Faults, for tests of what happens when the core is wrong.

    def set_fault(self, sequence: longlong):
        """Make the command of this number fail inside, once it has run."""
        self.fault_at = sequence

    def set_work_fault(self, kind: longlong, subject: longlong = 0):
        """Make timed work of this kind, on this subject or on any, fail inside, until told otherwise (0)."""
        self.work.fault_work = kind
        self.work.fault_subject = subject
