"""The ladder: what the exchange does with an account that can no longer carry what it holds.

The sweep says in what state an account is; the ladder acts on those that are latched, and on no other.  Every latched
account has one turn a round, in the order of its resilience as last measured, then of its number; a round begins a
second after the one before, or when that one is through.  A turn is one item of timed work.

Source: docs/spec/ladder.md.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.flows.auction import AuctionFlow
from worldmarkets.core.flows.closeout import CloseOutFlow
from worldmarkets.core.flows.margin_call import MarginCall
from worldmarkets.core.flows.unwind import Unwind
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.sweep import Sweep
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import (
        FEED_HALTED,
        INSOLVENT,
        LADDER,
        LATCHED,
        NONE,
        OUT_OF_TIME,
        RUNG_COST,
        RUNG_ENDED,
        STATE_AUCTION,
        STATE_CLOSE_OUT,
        STATE_FREE,
        STATE_MARGIN_CALL,
        STATE_UNWIND,
    )
    from worldmarkets.core.records import (
        Account,
        Asset,
        Figure,
        Latch,
        Position,
        Step,
        Venue,
        as_latched,
        as_rung_cost,
        as_rung_ended,
    )
    from worldmarkets.core.units import LADDER_PACE, LADDER_ROUND, ROUND_BITS


@cython.final
@cython.cclass
class LadderFlow:
    """Latches, their clocks and turns, and the receipts of their rungs."""

    state: State
    timers: Timers
    atlas: Atlas
    sweep: Sweep
    auction_flow: AuctionFlow
    close_out_flow: CloseOutFlow
    margin_call: MarginCall
    unwind: Unwind
    outbox: Outbox

    def __init__(
        self, state: State, timers: Timers, atlas: Atlas, sweep: Sweep, margin_call: MarginCall, unwind: Unwind,
        auction_flow: AuctionFlow, close_out_flow: CloseOutFlow, outbox: Outbox,
    ):  # fmt: skip
        self.state = state
        self.timers = timers
        self.atlas = atlas
        self.sweep = sweep
        self.auction_flow = auction_flow
        self.close_out_flow = close_out_flow
        self.margin_call = margin_call
        self.unwind = unwind
        self.outbox = outbox

    # Who comes and goes.

    def take_changed(self) -> None:
        """See to the first account with a new state: latch it, call it for margin, or let it go when it is free."""
        account: longlong = self.strike_off()
        record = self.state.accounts.read(account)
        if record.was_freed:
            self.let_go(account)
        if record.state >= STATE_UNWIND and record.latch == NONE:
            self.latch(account)
        elif record.state == STATE_MARGIN_CALL and record.latch == NONE:
            self.margin_call.call(account)

    def put_behind(self) -> None:
        """Let the first account with a new state wait behind the others: it could not be seen to."""
        self.sweep.note_change(self.strike_off())

    def strike_off(self) -> longlong:
        """Return the first account with a new state, and forget that it has."""
        venue = self.state.venue.edit(1)
        account: longlong = venue.first_changed
        record = self.state.accounts.edit(account)
        venue.first_changed = record.next_changed
        if venue.first_changed == NONE:
            venue.last_changed = NONE
        record.next_changed = NONE
        record.is_changed = 0
        return account

    def latch(self, account: longlong) -> None:
        """Put an account onto the ladder: its clocks begin, and its first turn is in this round."""
        row: longlong = self.state.latches.allocate()
        venue = self.state.venue.edit(1)
        venue.latched += 1
        record = self.state.accounts.edit(account)
        record.latch = row
        latch = self.state.latches.edit(row)
        latch.account = account
        latch.latched_us = venue.time_us
        latch.counted_us = venue.time_us
        self.begin_rung(account, self.atlas.compute_resilience(account))
        latch.lowest_ppm = latch.resilience_ppm
        event = as_latched(self.outbox.emit(LATCHED, record.state, 0, account))
        event.initial = latch.initial
        event.value = latch.value
        event.mark_version = latch.mark_version
        event.resilience_ppm = latch.resilience_ppm
        event.steps = self.unwind.begin(account)
        event.plan_sequence = self.state.steps.rows[record.plan].sequence
        self.queue(account, venue.ladder_round, latch.resilience_ppm)
        self.wake(venue.time_us)

    def let_go(self, account: longlong) -> None:
        """Take an account that is free, or closed out, off the ladder."""
        record = self.state.accounts.edit(account)
        self.end_rung(account, STATE_FREE)
        self.state.latch_files.file(account, NONE)
        self.state.latches.release(record.latch)
        record.latch = NONE
        record.was_freed = 0
        venue = self.state.venue.edit(1)
        venue.latched -= 1

    # Turns.

    def queue(self, account: longlong, number: longlong, resilience_ppm: longlong) -> None:
        """Give an account its turn in a round."""
        self.state.latch_files.file(account, (number << ROUND_BITS) + resilience_ppm + 2)

    def wake(self, due_us: longlong) -> None:
        """Let the next turn be taken at a time, unless one is due already."""
        venue = self.state.venue.edit(1)
        if venue.ladder_timer == NONE:
            venue.ladder_timer = self.timers.schedule(LADDER, 1, due_us)

    def find_turn(self) -> longlong:
        """Return the account whose turn it is; 0 while its round may not begin yet, or when nobody is latched."""
        venue = self.state.venue.read(1)
        least: longlong = self.state.latch_files.get_least()
        if least >> ROUND_BITS > venue.ladder_round and venue.time_us < venue.round_us + LADDER_ROUND:
            return NONE
        return self.state.latch_files.find(1, least + 1, self.state.accounts.get_used())

    def run(self, account: longlong) -> None:
        """Take the turn of the account that stands first, if it is anybody's; the next turn is timed work again."""
        venue = self.state.venue.edit(1)
        venue.ladder_timer = NONE
        if account != NONE:
            self.begin_round(account)
            self.advance(account)
            self.wake(venue.time_us + LADDER_PACE)
        elif self.state.latch_files.get_least() != NONE:
            self.wake(venue.round_us + LADDER_ROUND)

    def begin_round(self, account: longlong) -> None:
        """Let the round begin in which an account has its turn, if that is the first of it."""
        number: longlong = self.state.latch_files.get(account) >> ROUND_BITS
        venue = self.state.venue.edit(1)
        if number > venue.ladder_round:
            venue.ladder_round = number
            venue.round_us = venue.time_us

    def pass_over(self, account: longlong) -> None:
        """Let an account whose turn failed have the next one a round later, where it stood: it holds up nobody."""
        self.begin_round(account)
        self.state.latch_files.file(account, self.state.latch_files.get(account) + (1 << ROUND_BITS))

    def advance(self, account: longlong) -> None:
        """Take an account's turn: count its clocks, see where it stands, act, and queue it for the next round."""
        record = self.state.accounts.read(account)
        latch = self.state.latches.edit(record.latch)
        self.count_clocks(account)
        self.sweep.look(account)
        if record.was_freed:
            self.let_go(account)
        else:
            if record.state != latch.rung:
                self.end_rung(account, record.state)
                self.begin_rung(account, self.atlas.compute_resilience(account))
            if record.closing == NONE:
                self.act(account)
            self.sweep.look(account)
            if record.was_freed:
                self.let_go(account)
            else:
                self.queue_next(account)

    def act(self, account: longlong) -> None:
        """Do what the rung of a latched account is for."""
        rung: longlong = self.state.latches.rows[self.state.accounts.rows[account].latch].rung
        if rung != STATE_CLOSE_OUT:
            self.unwind.run(account)
        if rung == STATE_AUCTION and not self.unwind.is_cured(account):
            self.auction(account)
        elif rung == STATE_CLOSE_OUT:
            self.close_out_flow.begin(account, INSOLVENT if self.atlas.compute_value(account, 0) < 0 else OUT_OF_TIME)

    def auction(self, account: longlong) -> None:
        """Let bids take slices of an account, as far as its clock has raised what is accepted."""
        latch = self.state.latches.edit(self.state.accounts.rows[account].latch)
        latch.bid = self.auction_flow.step(account, latch.auction_us, self.state.venue.rows[1].auction_clock_us,
                                           latch.bid)  # fmt: skip
        latch.discount += self.auction_flow.discount
        latch.slices += self.auction_flow.takes

    def queue_next(self, account: longlong) -> None:
        """Give an account its turn in the next round, by its resilience as it is now."""
        latch = self.state.latches.edit(self.state.accounts.rows[account].latch)
        resilience: longlong = self.atlas.compute_resilience(account)
        latch.lowest_ppm = min(latch.lowest_ppm, resilience)
        self.queue(account, self.state.venue.rows[1].ladder_round + 1, resilience)

    # Clocks.

    def count_clocks(self, account: longlong) -> None:
        """Count the time since the last turn on the clock of the rung, and note what the clocks allow from now on.

        The clocks stand still while the account holds a halted asset; once that is suspended they run on.
        """
        latch = self.state.latches.edit(self.state.accounts.rows[account].latch)
        venue = self.state.venue.read(1)
        passed: longlong = venue.time_us - latch.counted_us
        latch.counted_us = venue.time_us
        if not latch.is_paused and latch.rung == STATE_UNWIND:
            latch.unwind_us += passed
        elif not latch.is_paused and latch.rung == STATE_AUCTION:
            latch.auction_us += passed
        latch.is_paused = self.is_halted(account)
        if latch.auction_us >= venue.auction_clock_us:
            latch.least = STATE_CLOSE_OUT
        elif latch.unwind_us >= venue.unwind_clock_us:
            latch.least = max(latch.least, STATE_AUCTION)

    def is_halted(self, account: longlong) -> cython.bint:
        """Say whether an account has a position in an asset whose feed is halted, for less than a day."""
        figure: longlong = self.state.accounts.rows[account].first_group
        row: longlong
        while figure != NONE:
            row = self.state.figures.rows[figure].first_position
            while row != NONE:
                position = self.state.positions.read(row)
                if self.state.assets.rows[position.asset].feed == FEED_HALTED and (
                    position.lots != 0 or position.balance != 0 or position.owed != 0 or position.lent != 0
                ):
                    return True
                row = position.next
            figure = self.state.figures.rows[figure].next
        return False

    # Receipts.

    def begin_rung(self, account: longlong, resilience_ppm: longlong) -> None:
        """Note how an account stands at the beginning of a rung."""
        record = self.state.accounts.read(account)
        venue = self.state.venue.read(1)
        latch = self.state.latches.edit(record.latch)
        latch.rung = record.state
        latch.rung_us = venue.time_us
        latch.sequence = venue.sequence
        latch.mark_version = venue.mark_version
        latch.initial = self.atlas.compute_value(account, venue.initial_ppm)
        latch.value = self.atlas.compute_value(account, 0)
        latch.resilience_ppm = resilience_ppm
        latch.brought = 0
        latch.slippage = 0
        latch.fees = 0
        latch.discount = 0
        latch.slices = 0

    def end_rung(self, account: longlong, following: longlong) -> None:
        """Give the receipt of the rung that an account leaves for the state `following`."""
        venue = self.state.venue.read(1)
        latch = self.state.latches.read(self.state.accounts.rows[account].latch)
        value: longlong = self.atlas.compute_value(account, 0)
        event = as_rung_ended(self.outbox.emit(RUNG_ENDED, latch.rung, 0, account))
        event.first_sequence = latch.sequence
        event.mark_version = latch.mark_version
        event.initial_before = latch.initial
        event.initial_after = self.atlas.compute_value(account, venue.initial_ppm)
        event.value_before = latch.value
        event.value_after = value
        cost = as_rung_cost(self.outbox.emit(RUNG_COST, following, 0, account))
        cost.lost_to_slippage = latch.slippage
        cost.fees = latch.fees
        cost.discount = latch.discount
        cost.brought = latch.brought
        cost.lost_to_price = latch.value - value + latch.brought - latch.slippage - latch.fees - latch.discount
        cost.resilience_before_ppm = latch.resilience_ppm
        cost.resilience_after_ppm = self.atlas.compute_resilience(account)
