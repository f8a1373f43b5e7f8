"""Marks and their guards: what price is taken, what a feed's state is, and which actions that state allows.

The table of states and actions is data: the constants `FEED_*_ALLOWS` of codes.py, which docs/spec/marks.md shows.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import (
        FEED_HALTED,
        FEED_HALTED_ALLOWS,
        FEED_NONE,
        FEED_NONE_ALLOWS,
        FEED_SET,
        FEED_STALE_ALLOWS,
        FEED_STALE_STATE,
        FEED_STATE,
        FEED_SUSPENDED,
        FEED_SUSPENDED_ALLOWS,
        FEED_SUSPENSION_DUE,
        FEED_VALID,
        FEED_VALID_ALLOWS,
        FEED_VOLATILE,
        FEED_VOLATILE_ALLOWS,
        MARK_NOT_POSITIVE,
        MARK_OUT_OF_RANGE,
        MARK_SET,
        MARK_STALE,
        MARK_STEP,
        NONE,
        NUMERAIRE,
        OK,
    )
    from worldmarkets.core.records import Asset, Event, Group, Market, Sample, Venue, as_mark_set, as_switched
    from worldmarkets.core.units import (
        BILLION,
        EXPIRE_PPB,
        FEED_STALE,
        FEED_SUSPENSION,
        FEED_WINDOW,
        GRID,
        GRID_DECIMALS,
        LADDER_TOP,
        MAX_LEG,
        MAX_LOT_VALUE,
        MAX_LOTS,
        MAX_MARK,
        MAX_OPEN_VALUE,
        MAX_SUPPLY,
        MAX_UNIT,
        MILLION,
        MINUTE,
        PRICE_ONE,
        SAMPLE_BITS,
        SAMPLES,
    )
    from worldmarkets.core.wide import (
        clamp_wide,
        magnitude,
        mul_div_ceil,
        narrow_floor,
        wide,
        wide_div_ceil,
        wide_div_floor,
    )


@cython.final
@cython.cclass
class Oracle:
    """Prices as they are taken from commands."""

    state: State
    timers: Timers
    outbox: Outbox
    needed: longlong
    had: longlong

    def __init__(self, state: State, timers: Timers, outbox: Outbox):
        self.state = state
        self.timers = timers
        self.outbox = outbox
        self.needed = 0
        self.had = 0

    @cython.overflowcheck(False)
    def compute_unit(self, asset: longlong, price: longlong) -> longlong:
        """Return what one quantum of an asset is worth in grid steps at a price scaled by 1e8, or -1 out of bounds.

        unit = price * 10**(GRID_DECIMALS + numeraire decimals - decimals - 8), exact: genesis bounds the decimals.
        """
        power: longlong = GRID_DECIMALS - 8
        power += self.state.assets.rows[NUMERAIRE].decimals
        power -= self.state.assets.rows[asset].decimals
        unit: longlong = price
        while power > 0:
            if unit > MAX_UNIT // 10:
                return -1
            unit *= 10
            power -= 1
        if not self.is_lot_bounded(self.state.assets.rows[asset].perp_market, unit):
            return -1
        if not self.is_lot_bounded(self.state.assets.rows[asset].spot_market, unit):
            return -1
        market: longlong = self.state.assets.rows[asset].perp_market
        if market != NONE and self.state.markets.rows[market].open_interest > self.compute_open_bound(market, unit):
            return -1
        return unit

    @cython.overflowcheck(False)
    def compute_open_bound(self, market: longlong, unit: longlong) -> longlong:
        """Return how many lots a perp market's open interest may have, so that its worth stays within its bound."""
        row = self.state.markets.read(market)
        worth: wide = unit
        most: wide = MAX_OPEN_VALUE
        lots: longlong = MAX_LOTS
        if unit > 0:
            lots = narrow_floor(clamp_wide(wide_div_floor(most * GRID, worth * row.lot_quanta), MAX_SUPPLY), 1)
        return lots

    @cython.overflowcheck(False)
    def is_lot_bounded(self, market: longlong, unit: longlong) -> cython.bint:
        """Say whether a lot of a market is worth no more than its bound."""
        worth: wide = unit
        most: wide = MAX_LOT_VALUE
        return market == NONE or worth * self.state.markets.rows[market].lot_quanta <= most * GRID

    @cython.overflowcheck(False)
    def is_lot_worth_bounded(self, asset: longlong, lot_quanta: longlong) -> cython.bint:
        """Say whether a lot of a new market is worth no more than its bound at the asset's mark."""
        worth: wide = self.state.assets.rows[asset].unit
        most: wide = MAX_LOT_VALUE
        return worth * lot_quanta <= most * GRID

    def compute_move(self, old: longlong, new: longlong) -> longlong:
        """Return how far a price moved, in ppm of the old one, rounded up; beyond a millionfold it counts as that."""
        change: longlong = magnitude(new - old)
        if change // old >= MILLION:
            return MILLION * MILLION
        return mul_div_ceil(change, MILLION, old)

    def compute_growth(self, old: longlong, new: longlong) -> longlong:
        """Return what a mark adds to the sum of moves, in ppb, rounded up; the first one lets every figure expire."""
        change: longlong = magnitude(new - old)
        if old == 0 or change >= old:
            return EXPIRE_PPB
        return min(mul_div_ceil(change, BILLION, old), EXPIRE_PPB)

    def check_mark(self, asset: longlong, price: longlong, source_time_us: longlong, sources: longlong,
                   agreeing: longlong) -> longlong:  # fmt: skip
        """Return the code with which a price is refused, or OK."""
        row = self.state.assets.read(asset)
        now: longlong = self.state.venue.rows[1].time_us
        step: longlong
        self.needed = 1
        self.had = price
        if price <= 0:
            return MARK_NOT_POSITIVE
        self.needed = MAX_MARK
        if price > MAX_MARK or self.compute_unit(asset, price) < 0:
            return MARK_OUT_OF_RANGE
        self.needed = now - FEED_STALE
        self.had = source_time_us
        if source_time_us < now - FEED_STALE or source_time_us < row.mark_time_us or source_time_us > now:
            return MARK_STALE
        if row.mark > 0:
            step = self.compute_move(row.mark, price)
            if step > row.price_shock_ppm and (agreeing < 3 or 2 * agreeing < sources):
                self.needed = row.price_shock_ppm
                self.had = step
                return MARK_STEP
        if row.feed >= FEED_HALTED:  # the last mark before the halt stands
            self.needed = FEED_VALID
            self.had = row.feed
            return FEED_STATE
        return OK

    def apply_mark(self, asset: longlong, price: longlong, source_time_us: longlong) -> None:
        """Take a price that passed the guards as the asset's mark."""
        venue = self.state.venue.edit(1)
        row = self.state.assets.edit(asset)
        move: longlong
        if row.window_mark == 0 or source_time_us - row.window_time_us > FEED_WINDOW:
            row.window_mark = price if row.mark == 0 else row.mark
            row.window_time_us = source_time_us
        move = self.compute_move(row.window_mark, price)
        if 2 * move > row.price_shock_ppm and not row.is_numeraire:
            row.volatile_until_us = source_time_us + FEED_WINDOW
        venue.mark_version += 1
        if not row.is_numeraire:
            venue.moved_ppb += self.compute_growth(row.mark, price)
        row.mark = price
        row.mark_time_us = source_time_us
        self.keep_sample(asset, price)
        if row.feed == FEED_NONE:
            row.feed = FEED_VALID
        if row.is_numeraire:  # the dollar price of the numeraire guards the feeds; it values nothing
            venue.numeraire_dollar = price
        else:
            row.unit = self.compute_unit(asset, price)
            group = self.state.groups.edit(row.group)
            group.version = venue.mark_version
            if row.spot_market != NONE:
                self.set_band(row.spot_market)
            if row.perp_market != NONE:
                self.set_band(row.perp_market)
        event = as_mark_set(self.outbox.emit(MARK_SET, 0, 0, 0))
        event.price = price
        event.version = venue.mark_version
        event.time_us = source_time_us
        event.asset = asset
        event.feed = self.get_feed(asset)

    def keep_sample(self, asset: longlong, price: longlong) -> None:
        """Keep a mark as the last one of its minute; an hour of minutes is kept."""
        minute: longlong = self.state.venue.rows[1].time_us // MINUTE
        sample = self.state.samples.edit((asset << SAMPLE_BITS) + minute % SAMPLES)
        sample.minute = minute
        sample.mark = price

    def compute_median(self, asset: longlong) -> longlong:
        """Return the median of the last marks of each minute of the last hour, the lower of the middle two.

        Minutes without a mark do not count; without any the mark is returned.
        """
        last: longlong = self.state.venue.rows[1].time_us // MINUTE
        first: longlong = asset << SAMPLE_BITS
        count: longlong = 0
        below: longlong
        equal: longlong
        place: longlong
        other: longlong
        for place in range(first, first + SAMPLES):
            if self.is_recent(place, last):
                count += 1
        for place in range(first, first + SAMPLES):
            if self.is_recent(place, last):
                below = 0
                equal = 0
                sample = self.state.samples.read(place)
                for other in range(first, first + SAMPLES):
                    if self.is_recent(other, last):
                        if self.state.samples.rows[other].mark < sample.mark:
                            below += 1
                        elif self.state.samples.rows[other].mark == sample.mark:
                            equal += 1
                if below <= (count - 1) // 2 < below + equal:
                    return sample.mark
        return self.state.assets.rows[asset].mark

    def is_recent(self, place: longlong, last: longlong) -> cython.bint:
        """Say whether a sample is of the hour that ends with minute `last`."""
        sample = self.state.samples.read(place)
        return sample.mark > 0 and sample.minute > last - SAMPLES

    @cython.overflowcheck(False)
    def compute_ticks(self, market: longlong, ppm: longlong, is_up: cython.bint) -> longlong:
        """Return `ppm` parts of the mark as a price in ticks within the book, rounded up or down."""
        return min(max(self.divide_mark(market, ppm, is_up), 1), self.state.markets.rows[market].max_ticks)

    def compute_mark_ticks(self, market: longlong, is_up: cython.bint) -> longlong:
        """Return the mark in ticks, rounded up or down; at most the top of the ladder."""
        return min(self.divide_mark(market, MILLION, is_up), LADDER_TOP)

    @cython.overflowcheck(False)
    def divide_mark(self, market: longlong, ppm: longlong, is_up: cython.bint) -> longlong:
        """Return `ppm` parts of the mark in ticks, rounded up or down."""
        row = self.state.markets.read(market)
        worth: wide = row.lot_quanta
        tick: wide = row.tick_value
        worth *= self.state.assets.rows[row.asset].unit
        worth *= ppm
        tick *= GRID
        tick *= MILLION
        return narrow_floor(wide_div_ceil(worth, tick) if is_up else wide_div_floor(worth, tick), 1)

    def set_band(self, market: longlong) -> None:
        """Set the prices within which a fill is in the band around the mark."""
        row = self.state.markets.edit(market)
        row.band_low_ticks = self.compute_ticks(market, max(MILLION - row.band_ppm, 0), True)
        row.band_high_ticks = self.compute_ticks(market, MILLION + row.band_ppm, False)
        self.set_worth(market)

    @cython.overflowcheck(False)
    def set_worth(self, market: longlong) -> None:
        """Set between which quanta a lot is worth, and up to how many lots a position is worth as much apiece.

        Beyond half of the depth, or of what a leg counts for, costs of exit and clamps could reach.
        """
        row = self.state.markets.edit(market)
        asset = self.state.assets.read(row.asset)
        worth: wide = row.lot_quanta
        most: longlong = MAX_LEG // 4
        worth *= asset.unit
        row.lot_low = narrow_floor(worth, GRID)
        row.lot_high = narrow_floor(wide_div_ceil(worth, GRID), 1)
        if asset.depth > 0:
            most = min(most, asset.depth // 2)
        row.linear_lots = most // max(row.lot_high, 1)

    def get_feed(self, asset: longlong) -> longlong:
        """Return the state of an asset's feed at the venue's time."""
        row = self.state.assets.read(asset)
        venue = self.state.venue.read(1)
        if row.feed != FEED_VALID:
            return row.feed
        if row.volatile_until_us > venue.time_us or magnitude(venue.numeraire_dollar - PRICE_ONE) > PRICE_ONE // 50:
            return FEED_VOLATILE
        if venue.time_us - row.mark_time_us > FEED_STALE and not row.is_numeraire:
            return FEED_STALE_STATE
        return FEED_VALID

    def get_allowed(self, feed: longlong) -> longlong:
        """Return what a state of its feed allows in an asset, as a sum of MAY_ constants."""
        if feed == FEED_VALID:
            return FEED_VALID_ALLOWS
        if feed == FEED_STALE_STATE:
            return FEED_STALE_ALLOWS
        if feed == FEED_VOLATILE:
            return FEED_VOLATILE_ALLOWS
        if feed == FEED_HALTED:
            return FEED_HALTED_ALLOWS
        return FEED_NONE_ALLOWS if feed == FEED_NONE else FEED_SUSPENDED_ALLOWS

    # Halts.

    def halt(self, asset: longlong) -> None:
        """Halt an asset's feed from now on; one halted already keeps its clock."""
        row = self.state.assets.edit(asset)
        if row.feed == FEED_VALID:
            row.feed = FEED_HALTED
            row.halt_timer = self.timers.schedule(
                FEED_SUSPENSION_DUE, asset, self.state.venue.rows[1].time_us + FEED_SUSPENSION
            )

    def resume(self, asset: longlong) -> None:
        """Let an asset's feed run again; its mark is as old as it is."""
        row = self.state.assets.edit(asset)
        if row.halt_timer != NONE:
            self.timers.cancel(row.halt_timer)
        if row.feed == FEED_SUSPENDED:
            self.count_suspended(asset, -1)
        row.feed = FEED_VALID
        row.halt_timer = NONE

    def suspend(self, asset: longlong) -> None:
        """Suspend a feed that was halted for a day: what is held of the asset carries nothing new from now on."""
        row = self.state.assets.edit(asset)
        row.feed = FEED_SUSPENDED
        row.halt_timer = NONE
        self.count_suspended(asset, 1)
        event = as_switched(self.outbox.emit(FEED_SET, 0, 0, 0))
        event.asset = asset
        event.value = FEED_SUSPENDED

    def count_suspended(self, asset: longlong, change: longlong) -> None:
        """Count suspended assets; every figure that this one counts in is out of date."""
        venue = self.state.venue.edit(1)
        group = self.state.groups.edit(self.state.assets.rows[asset].group)
        venue.suspended += change
        venue.mark_version += 1
        group.version = venue.mark_version
