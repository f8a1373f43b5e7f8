"""The sweep: which accounts need a new look when marks move, and what state that look finds them in.

Every account with contracts is filed under the value of the sum of moves at which its figures expire, and, while its
value falls with time, under the time at which it next does.  A mark or a time step visits those filed under what has
passed, at most `sweep_visits` of them with all commands of one time; the rest stays queued and is gone on with at the
next, in the order of account numbers, round and round.  Source: docs/spec/valuation.md, "When a figure expires".
"""

from __future__ import annotations

import cython
from cython import address, longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.bounds import Bounds
from worldmarkets.core.files import Files
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.tables import (
    AccountTable,
    FigureTable,
    LatchTable,
    LoanTable,
    PositionTable,
    PromisesTable,
    VenueTable,
    WordTable,
)

if not cython.compiled:
    from worldmarkets.core.codes import (
        ACCOUNT_STATE,
        NONE,
        STATE_AUCTION,
        STATE_CLOSE_OUT,
        STATE_FREE,
        STATE_MARGIN_CALL,
        STATE_UNWIND,
    )
    from worldmarkets.core.interest import compute_hours
    from worldmarkets.core.records import (
        Account,
        Event,
        Figure,
        Latch,
        Loan,
        Position,
        Promises,
        Venue,
        Word,
        address,
        as_account_state,
    )
    from worldmarkets.core.units import (
        FAR_PPB,
        FETCH_GROUPS,
        HOUR,
        LOANS_A_VISIT,
        MAX_SWEEP,
        VISIT_BATCH,
    )
    from worldmarkets.core.wide import (
        bit,
        highest_bit,
        magnitude,
        prefetch,
    )



@cython.final
@cython.cclass
class Sweep:
    """States of accounts, and when to look at each again."""

    atlas: Atlas
    bounds: Bounds
    outbox: Outbox
    accounts: AccountTable
    figures: FigureTable
    latches: LatchTable
    loans: LoanTable
    positions: PositionTable
    promises: PromisesTable
    venue: VenueTable
    files: Files
    time_files: Files
    touched: WordTable
    batch: longlong[::1]
    left: longlong
    visited: longlong
    reach: longlong
    sensitivity: longlong

    def __init__(self, state: State, atlas: Atlas, bounds: Bounds, outbox: Outbox):
        self.atlas = atlas
        self.bounds = bounds
        self.outbox = outbox
        self.accounts = state.accounts
        self.figures = state.figures
        self.latches = state.latches
        self.loans = state.loans
        self.positions = state.positions
        self.promises = state.promises
        self.venue = state.venue
        self.files = state.files
        self.time_files = state.time_files
        self.touched = state.touched
        self.batch = memoryview(bytearray(8 * VISIT_BATCH)).cast("q")
        self.left = 0
        self.visited = 0
        self.reach = 0
        self.sensitivity = 0

    # Visits.

    def open(self) -> None:
        """Begin a mark or a time step: file the accounts whose contracts changed, before anything moves."""
        words: longlong = self.touched.get_used()
        turn: longlong
        row: longlong = self.venue.rows[1].touched_cursor
        count: longlong = 0
        self.count_left()
        if self.left > 0 and self.venue.rows[1].touched_count > 0:
            for turn in range(words):
                row = row % words + 1
                while self.touched.rows[row].bits != 0 and count < self.left:
                    self.batch[count] = self.take(row)
                    count += 1
                    if count == VISIT_BATCH:
                        self.refile(count)
                        count = 0
                if count >= self.left:
                    break
            self.refile(count)
            venue = self.venue.edit(1)
            venue.touched_cursor = row % words

    def count_left(self) -> None:
        """Count how many accounts may still be looked at: those of one time share one budget, as a mini-block's do."""
        if self.venue.rows[1].swept_us != self.venue.rows[1].time_us:
            venue = self.venue.edit(1)
            venue.swept_us = venue.time_us
            venue.swept = 0
        swept: longlong = self.venue.rows[1].swept
        self.left = self.venue.rows[1].sweep_visits - swept

    def refile(self, count: longlong) -> None:
        """File the accounts of the batch anew; what may have another state is looked at once the mark has moved."""
        place: longlong
        self.fetch(count)
        for place in range(count):
            if self.accounts.rows[self.batch[place]].contracts == 0:
                self.dismiss(self.batch[place])
            else:
                self.reach = self.compute_safe_reach(self.batch[place])
                if self.reach == 0:
                    self.reach = FAR_PPB
                    if self.measure(self.batch[place], self.venue.rows[1].initial_ppm) < 0:
                        self.reach = -1
                self.file(self.batch[place])
        self.left -= count
        self.visited += count

    def compute_safe_reach(self, account: longlong) -> longlong:
        """Return how far marks may move by what bounds alone say of an account; 0 when they say nothing.

        A floor bounds the whole move since it was computed, so its reach counts from there.
        """
        record = self.accounts.read(account)
        if record.state != STATE_FREE:
            return -1
        if self.venue.rows[1].suspended != 0:
            return 0
        self.bounds.get_floor(account)
        if record.sensitivity == 0:
            return 0
        return max(
            self.bounds.compute_reach(record.floor, record.sensitivity)
            - (self.venue.rows[1].moved_ppb - record.floor_moved_ppb),
            0,
        )

    def file(self, account: longlong) -> None:
        """File an account under its reach, unless it stands early enough already and not much too early."""
        moved: longlong = self.venue.rows[1].moved_ppb
        key: longlong = self.files.get(account)
        if key > moved + self.reach or key < moved + self.reach // 2:
            self.files.file(account, moved + self.reach)
        self.file_time(account)

    def take(self, row: longlong) -> longlong:
        """Return an account whose contracts changed, of the 64 of a row, and strike it off."""
        word = self.touched.edit(row)
        place: longlong = highest_bit(word.bits)
        venue = self.venue.edit(1)
        venue.touched_count -= 1
        word.bits ^= bit(place)
        return 64 * (row - 1) + place

    def settle_urgent(self) -> None:
        """Look at accounts that are not free and whose contracts changed; beyond the bound they wait for the next one.

        So a command ends with the states of all that it could improve.
        """
        count: longlong = 0
        self.left = MAX_SWEEP
        while count < MAX_SWEEP and self.venue.rows[1].first_urgent != NONE:
            venue = self.venue.edit(1)
            record = self.accounts.edit(venue.first_urgent)
            self.batch[0] = venue.first_urgent
            venue.first_urgent = record.next_urgent
            record.next_urgent = NONE
            record.is_urgent = 0
            self.visit(1)
            count += 1

    def close(self) -> None:
        """End a mark or a time step: visit the accounts whose figures have expired, then those whose time has come."""
        limit: longlong = self.venue.rows[1].moved_ppb
        least: longlong = self.files.get_least()
        if least != 0 and least < limit:
            cursor: longlong = self.visit_filed(self.files, limit, self.venue.rows[1].sweep_cursor)
            if cursor != self.venue.rows[1].sweep_cursor:
                venue = self.venue.edit(1)
                venue.sweep_cursor = cursor
        limit = self.venue.rows[1].time_us
        least = self.time_files.get_least()
        if least != 0 and least < limit:
            self.visit_filed(self.time_files, limit, NONE)
        swept: longlong = self.venue.rows[1].sweep_visits - self.left
        if swept != self.venue.rows[1].swept:
            venue = self.venue.edit(1)
            venue.swept = swept

    def visit_filed(self, files: Files, limit: longlong, cursor: longlong) -> longlong:
        """Visit accounts filed under less than `limit`, on from the one after `cursor`; return the last one visited."""
        last: longlong = self.accounts.get_used()
        start: longlong = cursor + 1
        found: longlong
        count: longlong
        is_round: cython.bint = False
        while self.left > 0:
            count = 0
            while count < VISIT_BATCH and count < self.left:
                found = files.find(start, limit, last)
                if found == NONE:
                    break
                self.batch[count] = found
                start = found + 1
                count += 1
            if count == 0:
                if is_round or start == 1:
                    break
                is_round = True  # from the first account on again, once
                start = 1
                continue
            cursor = self.batch[count - 1]
            self.fetch(count)
            self.visit(count)
        return cursor

    def visit(self, count: longlong) -> None:
        """Look at the accounts of the batch."""
        place: longlong
        for place in range(count):
            self.left -= 1
            if self.accounts.rows[self.batch[place]].contracts == 0:
                self.dismiss(self.batch[place])
            else:
                self.look(self.batch[place])
        self.visited += count

    def fetch(self, count: longlong) -> None:
        """Ask the processor for the rows of a batch of accounts: step by step for all, so that they come together."""
        place: longlong
        figure: longlong
        turn: longlong
        step: longlong
        for place in range(count):
            prefetch(self.accounts.read(self.batch[place]), 2)
            prefetch(address(self.time_files.keys[self.time_files.get_place(self.batch[place])]), 1)
        for place in range(count):
            prefetch(self.figures.read(self.accounts.rows[self.batch[place]].first_group), 1)
        for turn in range(FETCH_GROUPS):
            for place in range(count):
                figure = self.accounts.rows[self.batch[place]].first_group
                for step in range(turn):
                    figure = self.figures.rows[figure].next
                kept = self.figures.read(figure)
                prefetch(self.positions.read(kept.first_position), 2)
                prefetch(self.figures.read(kept.next), 1)

    def dismiss(self, account: longlong) -> None:
        """Forget an account without contracts: whatever the prices, it is free."""
        value: longlong
        self.files.file(account, NONE)
        self.time_files.file(account, NONE)
        if self.accounts.rows[account].state != STATE_FREE and self.get_least(account) != STATE_CLOSE_OUT:
            value = self.atlas.compute_value(account, self.venue.rows[1].initial_ppm)
            self.set_state(account, STATE_FREE, value, value, self.venue.rows[1].initial_ppm)

    def look(self, account: longlong) -> None:
        """Value an account at the rungs that decide its state, keep the state, and file the account anew."""
        venue = self.venue.read(1)
        before: longlong = self.accounts.rows[account].state
        state: longlong = STATE_FREE
        rung: longlong = venue.initial_ppm
        self.reach = FAR_PPB
        initial: longlong = self.measure(account, rung)
        value: longlong = initial
        if initial < 0:
            if before < STATE_UNWIND:
                rung = venue.unwind_ppm
                value = self.measure(account, rung)
                state = STATE_MARGIN_CALL
            if before >= STATE_UNWIND or value < 0:
                rung = venue.auction_ppm
                value = self.measure(account, rung)
                state = STATE_UNWIND
                if value < 0:
                    rung = 0
                    value = self.measure(account, rung)
                    state = STATE_AUCTION if value >= 0 else STATE_CLOSE_OUT
        least: longlong = self.get_least(account)
        if least == STATE_CLOSE_OUT or (state != STATE_FREE and state < least):
            state = least
        self.file(account)
        if state != before:
            self.set_state(account, state, initial, value, rung)

    def set_state(
        self, account: longlong, state: longlong, initial: longlong, value: longlong, rung_ppm: longlong
    ) -> None:
        """Keep an account's new state and report it."""
        record = self.accounts.edit(account)
        event = as_account_state(self.outbox.emit(ACCOUNT_STATE, state, 0, account))
        event.value = value
        event.initial_value = initial
        event.rung_ppm = rung_ppm
        event.before = record.state
        record.state = state
        if record.latch != NONE and state < STATE_UNWIND:
            record.was_freed = 1
        if self.venue.rows[1].has_ladder and (
            record.was_freed or state == STATE_MARGIN_CALL or (state >= STATE_UNWIND and record.latch == NONE)
        ):
            self.note_change(account)

    def note_change(self, account: longlong) -> None:
        """Put an account behind those that have a new state for the ladder to see, unless it stands there."""
        record = self.accounts.edit(account)
        if not record.is_changed:
            venue = self.venue.edit(1)
            record.is_changed = 1
            if venue.last_changed == NONE:
                venue.first_changed = account
            else:
                last = self.accounts.edit(venue.last_changed)
                last.next_changed = account
            venue.last_changed = account

    def get_least(self, account: longlong) -> longlong:
        """Return the least state that the ladder's clocks allow an account that is not free: STATE_FREE, any."""
        return self.latches.rows[self.accounts.rows[account].latch].least

    def file_time(self, account: longlong) -> None:
        """File an account under the time after which it is worth less if nothing else moves."""
        key: longlong = self.accounts.rows[account].first_due_us
        if self.atlas.is_accruing(account):
            key = self.find_tick(account)
        self.time_files.file(account, key)

    def find_tick(self, account: longlong) -> longlong:
        """Return the time after which the next hour of interest counts: of IOUs, and of loans beyond their tenor."""
        now: longlong = self.venue.rows[1].time_us
        least: longlong = 0
        count: longlong = 0
        hours: longlong
        row: longlong
        place: longlong
        figure: longlong = self.accounts.rows[account].first_group
        while figure != NONE:
            place = self.figures.rows[figure].first_position
            while place != NONE:
                row = self.positions.rows[place].promises
                if row != NONE and self.promises.rows[row].ious > 0:  # theirs are the hours of the clock
                    hours = compute_hours(0, now) * HOUR
                    if least == 0 or hours < least:
                        least = hours
                row = self.positions.rows[place].first_borrowed
                while row != NONE:
                    loan = self.loans.read(row)
                    hours = compute_hours(loan.interest_from_us, now)
                    if hours < loan.tenor_hours:
                        hours = loan.tenor_hours
                    hours = loan.interest_from_us + hours * HOUR
                    if least == 0 or hours < least:
                        least = hours
                    count += 1
                    row = loan.borrower_next
                    if row == self.positions.rows[place].first_borrowed:
                        break
                place = self.positions.rows[place].next
            figure = self.figures.rows[figure].next
        self.left -= count // LOANS_A_VISIT
        return least

    # The bound.

    def measure(self, account: longlong, severity_ppm: longlong) -> longlong:
        """Return V(account, severity), and shorten `reach` to how far marks may move before its sign could change."""
        total: longlong = 0
        is_accruing: cython.bint = self.atlas.is_accruing(account)
        is_kept: cython.bint = (
            severity_ppm == self.venue.rows[1].initial_ppm and not is_accruing and self.venue.rows[1].suspended == 0
        )
        row: longlong = self.accounts.rows[account].first_group
        self.sensitivity = 0
        self.bounds.rounding = 2
        while row != NONE:
            kept = self.figures.read(row)
            if is_kept and self.atlas.is_kept(row):
                total += kept.value
            else:
                total += self.atlas.get_figure(row, severity_ppm, False)  # suspended holdings at their last mark
            self.sensitivity += self.bounds.compute_sensitivity(row, severity_ppm, is_accruing)
            row = kept.next
        slack: longlong = magnitude(total) - self.bounds.rounding
        self.reach = min(self.reach, self.bounds.compute_reach(slack, self.sensitivity))
        return total

    # What the shell asks.

    def compute_state(self, account: longlong) -> longlong:
        """Return an account's state from scratch: the signs of V at the rungs, and the latch that it is under."""
        record = self.accounts.read(account)
        venue = self.venue.read(1)
        least: longlong = self.get_least(account)
        if least == STATE_CLOSE_OUT:
            return STATE_CLOSE_OUT
        if record.contracts == 0 or self.atlas.compute_value(account, venue.initial_ppm) >= 0:
            return STATE_FREE
        if record.state < STATE_UNWIND and self.atlas.compute_value(account, venue.unwind_ppm) >= 0:
            return STATE_MARGIN_CALL
        if self.atlas.compute_value(account, venue.auction_ppm) >= 0:
            return max(STATE_UNWIND, least)
        return STATE_AUCTION if self.atlas.compute_value(account, 0) >= 0 else STATE_CLOSE_OUT

    def is_waiting(self, account: longlong) -> cython.bint:
        """Say whether an account waits to be looked at."""
        key: longlong = self.files.get(account)
        due: longlong = self.time_files.get(account)
        return (
            self.touched.rows[(account >> 6) + 1].bits & bit(account) != 0
            or (key != NONE and key < self.venue.rows[1].moved_ppb)
            or (due != NONE and due < self.venue.rows[1].time_us)
        )

    def is_behind(self) -> cython.bint:
        """Say whether any account waits to be looked at: one lookup, however many there are."""
        return self.venue.rows[1].touched_count != 0 or self.is_late()

    def is_late(self) -> cython.bint:
        """Say whether a look that marks or time have made due is still to come: one lookup."""
        venue = self.venue.read(1)
        key: longlong = self.files.get_least()
        due: longlong = self.time_files.get_least()
        return (
            venue.first_urgent != NONE
            or (key != NONE and key < venue.moved_ppb)
            or (due != NONE and due < venue.time_us)
        )

    def count_backlog(self) -> longlong:
        """Return how many accounts wait to be looked at."""
        count: longlong = 0
        account: longlong
        for account in range(1, self.accounts.get_used() + 1):
            if self.is_waiting(account):
                count += 1
        return count

    def count_missed(self) -> longlong:
        """Return how many accounts that do not wait have another state from scratch than the one kept."""
        missed: longlong = 0
        account: longlong = 1
        last: longlong = self.accounts.get_used()
        count: longlong
        place: longlong
        while account <= last:
            count = min(VISIT_BATCH, last - account + 1)
            for place in range(count):
                self.batch[place] = account + place
            self.fetch(count)
            for place in range(count):
                if not self.is_waiting(account + place):
                    if self.accounts.rows[account + place].state != self.compute_state(account + place):
                        missed += 1
            account += count
        return missed
