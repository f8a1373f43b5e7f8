"""Funding: a rate an interval from the trades of a window, and one cumulative index a perp market.

rate = old + sum(lots * mid / (2 * mark)) / sum(lots) - 1/2, the step and the level bounded; `mid` is the time-weighted
mid of firm depth over the window so far: of the prices at which each side's book has given a market's `firm_lots`.
At each period's end the index grows by rate * mark.  Only the clock moves it.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.book import Book
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import BUY, FUNDING_PERIOD, FUNDING_SET, SELL
    from worldmarkets.core.records import Asset, Event, Group, Level, Market, Side, Venue, as_funding_set
    from worldmarkets.core.units import (
        EXPIRE_PPB,
        FUNDING_ONE,
        FUNDING_WEIGHT,
        GRID,
        LADDER_TOP,
        MAX_FIRM_LEVELS,
        MAX_INDEX,
        MAX_WEIGHT_PPB,
        PPB_ONE,
        SIDES,
    )
    from worldmarkets.core.wide import (
        clamp_wide,
        high_of,
        low_of,
        magnitude,
        narrow_floor,
        wide,
        wide_div_ceil,
        wide_div_floor,
        wide_of,
    )


@cython.final
@cython.cclass
class Funding:
    """Windows, rates and indexes of the perp markets."""

    state: State
    book: Book
    timers: Timers
    outbox: Outbox

    def __init__(self, state: State, book: Book, timers: Timers, outbox: Outbox):
        self.state = state
        self.book = book
        self.timers = timers
        self.outbox = outbox

    def observe_mid(self, market: longlong) -> None:
        """Count the mid of a book that is about to change: as it stands it stood since it last changed.

        While a side has no firm depth the last mid counts; before there was any, nothing does.
        """
        now: longlong = self.state.venue.rows[1].time_us
        mid: longlong = self.compute_mid(market)
        since: longlong
        if now >= self.state.markets.rows[market].window_end_us:
            self.close_window(market)
        row = self.state.markets.edit(market)
        since = max(row.mid_time_us, row.window_start_us)
        if mid > 0:
            row.mid = mid
        if row.mid > 0 and now > since:
            row.mid_sum += row.mid * (now - since)
            row.mid_span_us += now - since
        row.mid_time_us = now

    def compute_mid(self, market: longlong) -> longlong:
        """Return twice the mid of a book's firm depth in ticks, or 0 when a side has none or the two cross."""
        lots: longlong = self.state.markets.rows[market].firm_lots
        bid: longlong = self.find_firm(SIDES * market + BUY, lots)
        ask: longlong = self.find_firm(SIDES * market + SELL, lots)
        return bid + LADDER_TOP - ask if bid > 0 and ask > 0 and bid < LADDER_TOP - ask else 0

    def find_firm(self, side: longlong, lots: longlong) -> longlong:
        """Return the rank at which a side has given `lots`, or 0 when its first levels do not."""
        rank: longlong = self.state.sides.rows[side].best
        left: longlong = lots
        count: longlong = 0
        if self.state.sides.rows[side].lots < lots:
            return 0
        while rank > 0 and count < MAX_FIRM_LEVELS:
            left -= self.state.levels.rows[self.book.get_level(side, rank)].lots
            if left <= 0:
                return rank
            rank = self.book.find_below(side, rank)
            count += 1
        return 0

    def observe_trade(self, market: longlong, lots: longlong) -> None:
        """Count a trade in its market's window."""
        venue = self.state.venue.read(1)
        row = self.state.markets.read(market)
        if venue.time_us >= row.window_end_us:
            self.close_window(market)
        if row.mid == 0:  # before any mid has stood: the book as it is
            changed = self.state.markets.edit(market)
            changed.mid = self.compute_mid(market)
        if row.mid > 0:
            self.weigh_trade(market, lots)

    @cython.overflowcheck(False)
    def weigh_trade(self, market: longlong, lots: longlong) -> None:
        """Add lots * mid / (2 * mark) of a trade to its market's window."""
        row = self.state.markets.edit(market)
        total: wide
        lot_mark: wide
        twice_mid: longlong = row.mid if row.mid_span_us == 0 else row.mid_sum // row.mid_span_us
        lot_mark = row.lot_quanta
        lot_mark *= self.state.assets.rows[row.asset].unit
        total = twice_mid * row.tick_value
        total = clamp_wide(wide_div_floor(total * PPB_ONE * (GRID // 4), lot_mark), MAX_WEIGHT_PPB)
        total = total * lots + wide_of(row.weight_high, row.weight_low)
        row.weight_high = high_of(total)
        row.weight_low = low_of(total)
        row.window_lots += lots

    @cython.overflowcheck(False)
    def close_window(self, market: longlong) -> None:
        """Set the rate from the window's trades and open the next window.  No trades: no step."""
        venue = self.state.venue.read(1)
        row = self.state.markets.edit(market)
        step: longlong = 0
        if row.window_lots > 0:
            step = narrow_floor(wide_of(row.weight_high, row.weight_low), row.window_lots) - PPB_ONE // 2
            step = min(max(step, -venue.funding_step_ppb), venue.funding_step_ppb)
        row.funding_rate_ppb = min(max(row.funding_rate_ppb + step, -venue.funding_cap_ppb), venue.funding_cap_ppb)
        row.weight_high = 0
        row.weight_low = 0
        row.window_lots = 0
        row.mid_sum = 0
        row.mid_span_us = 0
        passed: longlong = (venue.time_us - row.window_end_us) // venue.funding_period_us
        row.window_start_us = row.window_end_us + passed * venue.funding_period_us
        row.window_end_us = row.window_start_us + venue.funding_period_us

    @cython.overflowcheck(False)
    def compute_growth(self, market: longlong, step: longlong) -> longlong:
        """Return what a step of an index adds to the sum of moves, in ppb: its part of a lot's mark, weighted."""
        row = self.state.markets.read(market)
        lot: wide = row.lot_quanta
        part: wide = step
        lot *= self.state.assets.rows[row.asset].unit
        if step == 0 or row.open_interest == 0:
            return 0
        if lot == 0:
            return EXPIRE_PPB
        part = wide_div_ceil(part * GRID * (FUNDING_WEIGHT * PPB_ONE), lot * FUNDING_ONE)
        return narrow_floor(clamp_wide(part, EXPIRE_PPB), 1)

    def end_period(self, market: longlong) -> None:
        """End a perp market's funding period: its index grows by rate * mark, and the next period is scheduled."""
        if self.state.venue.rows[1].time_us >= self.state.markets.rows[market].window_end_us:
            self.close_window(market)
        self.settle_period(market)
        row = self.state.markets.edit(market)
        row.next_funding_us += self.state.venue.rows[1].funding_period_us
        self.timers.schedule(FUNDING_PERIOD, market, row.next_funding_us)

    @cython.overflowcheck(False)
    def settle_period(self, market: longlong) -> None:
        """Add one period's funding to a market's index."""
        venue = self.state.venue.edit(1)
        row = self.state.markets.edit(market)
        growth: wide = row.lot_quanta
        growth *= self.state.assets.rows[row.asset].unit
        growth = wide_div_floor(growth * row.funding_rate_ppb, GRID * (PPB_ONE // FUNDING_ONE))
        before: longlong = row.funding_index
        row.funding_index = min(max(before + narrow_floor(growth, 1), -MAX_INDEX), MAX_INDEX)
        venue.moved_ppb += self.compute_growth(market, magnitude(row.funding_index - before))
        venue.mark_version += 1
        group = self.state.groups.edit(self.state.assets.rows[row.asset].group)
        group.version = venue.mark_version
        event = as_funding_set(self.outbox.emit(FUNDING_SET, 0, market, 0))
        event.rate_ppb = row.funding_rate_ppb
        event.index = row.funding_index
        event.mark = self.state.assets.rows[row.asset].mark
        event.lots = row.open_interest
        event.time_us = row.next_funding_us
