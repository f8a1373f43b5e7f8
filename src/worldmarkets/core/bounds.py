"""Bounds on V: how little an account is worth at least, told without valuing it.

An account that was valued keeps what came out as its `floor`, with its `sensitivity`: by how much V moves at most for a
relative move of the marks.  Trades shift both by what they surely leave; whatever else touches the account forgets
them.  While the floor decides, nothing needs to be valued; where it does not, the exact value is computed, so that no
answer depends on bounds.  Source: docs/spec/valuation.md, "Floors".
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.state import State
from worldmarkets.core.tables import (
    AccountTable,
    AssetTable,
    FigureTable,
    MarketTable,
    PositionTable,
    VenueTable,
)

if not cython.compiled:
    from worldmarkets.core.codes import NONE
    from worldmarkets.core.records import Account, Asset, Figure, Market, Position, Venue
    from worldmarkets.core.units import (
        BILLION,
        FAR_PPB,
        FUNDING_WEIGHT,
        GRID,
        MAX_EXIT,
        MAX_LEG,
        MAX_SENSITIVITY,
        MILLION,
        NEAR_PPB,
        NO_BOUND,
    )
    from worldmarkets.core.wide import (
        clamp_wide,
        high_of,
        highest_bit,
        magnitude,
        mul_div_ceil,
        narrow_floor,
        quadratic_cost,
        wide,
        wide_div_ceil,
        wide_div_floor,
    )


@cython.final
@cython.cclass
class Bounds:
    """Floors and sensitivities of accounts."""

    atlas: Atlas
    accounts: AccountTable
    assets: AssetTable
    figures: FigureTable
    markets: MarketTable
    positions: PositionTable
    venue: VenueTable
    rounding: longlong
    growth: longlong

    def __init__(self, state: State, atlas: Atlas):
        self.atlas = atlas
        self.accounts = state.accounts
        self.assets = state.assets
        self.figures = state.figures
        self.markets = state.markets
        self.positions = state.positions
        self.venue = state.venue
        self.rounding = 0
        self.growth = 0

    def get_floor(self, account: longlong) -> longlong:
        """Return what V(account, initial) is at least; exact when the account keeps no floor that tells."""
        record = self.accounts.read(account)
        moved: longlong = self.venue.rows[1].moved_ppb - record.floor_moved_ppb
        if not self.has_floor(account):
            return self.renew(account)
        if moved == 0:
            return record.floor
        return record.floor - mul_div_ceil(record.sensitivity * (5 if moved <= NEAR_PPB else 7), moved, 4 * BILLION)

    def has_floor(self, account: longlong) -> cython.bint:
        """Say whether an account keeps a floor that tells: none does when time alone moves what the account is worth.

        Nor while holdings are suspended, or once marks have moved further than sensitivities reach.
        """
        record = self.accounts.read(account)
        venue = self.venue.read(1)
        return (
            record.sensitivity != 0
            and venue.moved_ppb - record.floor_moved_ppb <= FAR_PPB
            and venue.suspended == 0
            and not self.atlas.is_accruing(account)
        )

    def renew(self, account: longlong) -> longlong:
        """Return V(account, initial), exactly, and keep it as the account's floor if it may have one."""
        value: longlong = self.atlas.get_initial(account)
        sensitivity: longlong = 0
        row: longlong = self.accounts.rows[account].first_group
        if self.venue.rows[1].suspended != 0 or self.atlas.is_accruing(account):
            return value
        self.rounding = 2
        while row != NONE:
            sensitivity += self.compute_sensitivity(row, self.venue.rows[1].initial_ppm, False)
            row = self.figures.rows[row].next
        if sensitivity < MAX_SENSITIVITY:
            record = self.accounts.edit(account)
            record.floor = value - self.rounding
            record.floor_moved_ppb = self.venue.rows[1].moved_ppb
            record.sensitivity = sensitivity
        return value

    def compute_change(self, market: longlong, held: longlong, lots: longlong, cost: longlong) -> longlong:
        """Return by how much V(initial) of a position of `held` lots rises at least when `lots` at `cost` join it.

        `growth` is what they add to the sensitivity at most.  NO_BOUND where costs of exit or clamps could reach.
        """
        row = self.markets.read(market)
        asset = self.assets.read(row.asset)
        initial: longlong = self.venue.rows[1].initial_ppm
        rate: longlong = min(MILLION, initial * asset.price_shock_ppm // MILLION + 1)
        size: longlong = magnitude(lots)
        worth: longlong
        self.growth = 0
        if size + magnitude(held) > row.linear_lots:
            return NO_BOUND
        rate += initial * asset.basis_ppm // MILLION + 1
        worth = size * row.lot_high
        self.growth = worth + mul_div_ceil(worth, rate, MILLION)
        if lots > 0:
            worth = size * row.lot_low
        else:
            worth = -worth
        return worth - cost - (self.growth - size * row.lot_high) - 2

    def compute_reach(self, slack: longlong, sensitivity: longlong) -> longlong:
        """Return by how many ppb marks may move, in all, so that V moves by less than `slack`: see the proof."""
        most: longlong = sensitivity
        shift: longlong
        if slack <= 0 or most >= MAX_SENSITIVITY:
            return 0
        if slack >= most:
            return FAR_PPB
        shift = max(highest_bit(most) - 31, 0)  # so that the products fit
        slack >>= shift
        most = (most >> shift) + 1
        return max(min(4 * BILLION // 5 * slack // most, NEAR_PPB), min(4 * BILLION // 7 * slack // most, FAR_PPB))

    @cython.overflowcheck(False)
    def compute_sensitivity(self, figure: longlong, severity_ppm: longlong, is_accruing: cython.bint) -> longlong:
        """Return K of one group: what a relative move of its prices multiplies at most, in numeraire quanta, up.

        Adds to `rounding` what integers make the value's steps larger than its moves.
        """
        total: wide = 0
        perps: wide = 0
        held: wide
        claim: wide
        adjusted: wide
        notional: wide
        deep: wide
        leg: wide = MAX_LEG
        most: wide = MAX_EXIT
        half: wide
        balance: longlong
        slippage: longlong
        haircut: longlong
        row: longlong
        is_linear: cython.bint
        leg *= GRID
        most *= GRID
        half = MAX_LEG // 2
        half *= GRID
        haircut = (severity_ppm * self.venue.rows[1].lent_haircut_ppm + 999) // 1000
        row = self.figures.rows[figure].first_position
        while row != NONE:
            position = self.positions.read(row)
            asset = self.assets.read(position.asset)
            self.rounding += 2
            if asset.is_numeraire:
                row = position.next
                continue
            balance = position.balance - position.owed
            if is_accruing and position.loans > 0:
                balance -= self.atlas.compute_accrued(row)
            if position.promises != NONE:
                balance += self.atlas.compute_promised(position.promises, False)
            slippage = (severity_ppm * asset.slippage_ppm + 999) // 1000
            held = asset.unit
            held *= balance
            adjusted = held
            is_linear = -half < held < half
            if position.lent > 0:
                claim = asset.unit
                claim = clamp_wide(claim * position.lent, leg)
                is_linear = is_linear and claim < half
                if held < 0 and not is_linear:
                    return MAX_SENSITIVITY
                adjusted += claim - wide_div_ceil(claim * haircut, BILLION)
            adjusted = clamp_wide(adjusted, leg)
            deep = asset.depth
            deep *= GRID
            if adjusted > 0 and asset.holding_cap > 0:
                claim = asset.holding_cap
                claim *= GRID
                is_linear = is_linear and 5 * adjusted < 3 * claim
                if adjusted > claim:
                    adjusted = claim
            notional = 0
            if position.lots != 0:
                notional = asset.unit
                notional *= self.markets.rows[asset.perp_market].lot_quanta
                notional = clamp_wide(notional * position.lots, leg)
                is_linear = is_linear and -half < notional < half
            held = adjusted + notional
            adjusted = adjusted if adjusted >= 0 else -adjusted
            notional = notional if notional >= 0 else -notional
            held = held if held >= 0 else -held
            if not is_linear:
                held = adjusted + notional
            total += held * (
                BILLION
                + min(BILLION, (severity_ppm * asset.price_shock_ppm + 999) // 1000)
                + (severity_ppm * asset.basis_ppm + 999) // 1000
            )
            perps += notional
            if asset.depth == 0 or 5 * adjusted < 3 * deep:
                total += adjusted * slippage
            else:
                claim = quadratic_cost(adjusted, asset.depth, most)
                total += 2 * claim * slippage
                self.rounding += self.compute_rounding(claim, adjusted)
            if asset.depth != 0 and 5 * notional >= 3 * deep:
                claim = quadratic_cost(notional, asset.depth, most)
                total += 2 * claim * slippage
                self.rounding += self.compute_rounding(claim, notional)
            row = position.next
        perps *= BILLION // FUNDING_WEIGHT
        balance = high_of(total if total > perps else perps)  # 2**64 steps are 0.18447 quanta
        return min((balance // 10_000 + 1) * 1_845, MAX_SENSITIVITY)

    @cython.overflowcheck(False)
    def compute_rounding(self, cost: wide, value: wide) -> longlong:
        """Return how many quanta L(x) differs at most for the hundredth of a quantum that x is rounded up by."""
        return narrow_floor(wide_div_floor(cost, 8 * (wide_div_floor(value, GRID) + 1)), GRID) + 1
