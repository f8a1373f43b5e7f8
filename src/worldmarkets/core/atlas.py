"""ATLAS: what an account is worth after a shock of severity `m`.

One function values one group of one account; everything else is sums and signs of it.  Units: a leg is counted in grid
steps of 10**-11 numeraire quanta, shocks in parts per billion, so a group is accumulated over one denominator,
`GRID * BILLION`, and floored once.  Rounds: a shock at a severity finer than a thousandth, the haircut of a claim and
the cost beyond depth are rounded against the account at the grid.  Source: docs/spec/valuation.md.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.state import State
from worldmarkets.core.tables import (
    AccountTable,
    AssetTable,
    FigureTable,
    GroupTable,
    LoanTable,
    MarketTable,
    PositionTable,
    PromisesTable,
    VenueTable,
)

if not cython.compiled:
    from worldmarkets.core.codes import FEED_SUSPENDED, NONE
    from worldmarkets.core.interest import compute_hours, compute_interest
    from worldmarkets.core.records import Account, Asset, Figure, Group, Loan, Market, Position, Promises, Venue
    from worldmarkets.core.units import (
        BASIS,
        BILLION,
        FUNDING_ONE,
        GRID,
        HOURS_A_YEAR,
        MAX_EXIT,
        MAX_LEG,
        MAX_SEVERITY,
        MAX_SUPPLY,
    )
    from worldmarkets.core.wide import (
        bit,
        clamp_wide,
        floor_grid,
        narrow_floor,
        quadratic_cost,
        wide,
        wide_div_ceil,
        wide_of,
    )


@cython.final
@cython.cclass
class Atlas:
    """Valuation of accounts."""

    accounts: AccountTable
    assets: AssetTable
    figures: FigureTable
    groups: GroupTable
    markets: MarketTable
    loans: LoanTable
    promises: PromisesTable
    positions: PositionTable
    venue: VenueTable
    is_admission: cython.bint  # what is computed now decides an admission: suspended holdings count nothing

    def __init__(self, state: State):
        self.accounts = state.accounts
        self.assets = state.assets
        self.figures = state.figures
        self.groups = state.groups
        self.markets = state.markets
        self.loans = state.loans
        self.promises = state.promises
        self.positions = state.positions
        self.venue = state.venue
        self.is_admission = False

    @cython.overflowcheck(False)
    def compute_figure(
        self,
        figure: longlong,
        severity_ppm: longlong,
        cautious: cython.bint,
        changed: longlong,
        balance_change: longlong,
        lots_change: longlong,
        cost_change: longlong,
    ) -> longlong:
        """Return what one group of an account is worth at a severity, in numeraire quanta, floored.

        `changed` names a position (or 0) that is valued as if its balance, lots and cost had changed by the three
        last arguments.  `cautious` gives V-: positive unrealised profit and claims by IOU count nothing.
        """
        up: wide = 0
        down: wide = 0
        basis: wide = 0
        adjusted: wide
        claim: wide
        notional: wide
        fixed: wide
        exit_cost: wide
        net: wide
        unit: wide
        leg: wide = MAX_LEG
        most: wide = MAX_EXIT
        balance: longlong
        lots: longlong
        cost: longlong
        shock: longlong
        slippage: longlong
        haircut: longlong
        row: longlong
        leg *= GRID
        most *= GRID
        haircut = (severity_ppm * self.venue.rows[1].lent_haircut_ppm + 999) // 1000
        row = self.figures.rows[figure].first_position
        while row != NONE:
            position = self.positions.read(row)
            asset = self.assets.read(position.asset)
            balance = position.balance - position.owed
            lots = position.lots
            cost = position.cost
            if row == changed:
                balance += balance_change
                lots += lots_change
                cost += cost_change
            if position.first_due_us != 0 and position.first_due_us < self.venue.rows[1].time_us:
                balance -= self.compute_accrued(row)
            if position.promises != NONE:
                balance += self.compute_promised(position.promises, cautious)
            unit = asset.unit
            if asset.is_numeraire:  # worth what it says, whatever the shock; a claim has its haircut
                adjusted = unit * balance
                if position.lent > 0:
                    claim = clamp_wide(unit * position.lent, leg)
                    adjusted += claim - wide_div_ceil(claim * haircut, BILLION)
                adjusted = clamp_wide(adjusted, leg) * BILLION
                up += adjusted
                down += adjusted
                row = position.next
                continue
            shock = min(BILLION, (severity_ppm * asset.price_shock_ppm + 999) // 1000)
            slippage = (severity_ppm * asset.slippage_ppm + 999) // 1000
            adjusted = unit * balance
            if position.lent > 0:
                claim = clamp_wide(unit * position.lent, leg)
                adjusted += claim - wide_div_ceil(claim * haircut, BILLION)
            adjusted = clamp_wide(adjusted, leg)
            if adjusted > 0 and asset.holding_cap > 0:
                net = asset.holding_cap
                net *= GRID
                if adjusted > net:
                    adjusted = net
            if asset.feed == FEED_SUSPENDED and self.is_admission and adjusted > 0:
                adjusted = 0
            exit_cost = adjusted if adjusted >= 0 else -adjusted
            if asset.depth > 0:
                exit_cost = quadratic_cost(exit_cost, asset.depth, most)
            exit_cost *= slippage
            up += adjusted * (BILLION + shock) - exit_cost
            down += adjusted * (BILLION - shock) - exit_cost
            net = adjusted
            if lots != 0 or position.lots != 0:  # what a close would bring counts, too
                market = self.markets.read(asset.perp_market)
                notional = unit * market.lot_quanta
                notional = clamp_wide(notional * lots, leg)
                fixed = market.funding_index
                fixed *= position.lots  # funding is owed on what is held: a change owes none yet
                fixed = (fixed - wide_of(position.funding_high, position.funding_low)) * (GRID // FUNDING_ONE)
                claim = cost
                fixed += claim * GRID
                if cautious and notional > fixed:
                    fixed = notional
                fixed = clamp_wide(fixed, 2 * leg)
                if fixed < -leg:  # a short is never owed more than its leg counts for
                    fixed = -leg
                up += notional * (BILLION + shock) - fixed * BILLION
                down += notional * (BILLION - shock) - fixed * BILLION
                if asset.depth > 0:
                    claim = notional if notional >= 0 else -notional
                    exit_cost = (quadratic_cost(claim, asset.depth, most) - claim) * slippage
                    up -= exit_cost
                    down -= exit_cost
                net += notional
            if asset.basis_ppm > 0:
                net = net if net >= 0 else -net
                basis += net * ((severity_ppm * asset.basis_ppm + 999) // 1000)
            row = position.next
        return floor_grid((up if up < down else down) - basis)

    def is_accruing(self, account: longlong) -> cython.bint:
        """Say whether an account's value falls with time: it owes by IOU, or a loan of its is overdue."""
        record = self.accounts.read(account)
        return record.ious > 0 or (record.first_due_us != 0 and record.first_due_us < self.venue.rows[1].time_us)

    def compute_accrued(self, position: longlong) -> longlong:
        """Return the interest that counts beside `owed`: of overdue loans beyond their tenor."""
        total: longlong = 0
        hours: longlong
        first: longlong = self.positions.rows[position].first_borrowed
        row: longlong = first
        while True:
            loan = self.loans.read(row)
            hours = compute_hours(loan.interest_from_us, self.venue.rows[1].time_us) - loan.tenor_hours
            if hours > 0:
                total += compute_interest(loan.principal, loan.rate_bp, hours)
            row = loan.borrower_next
            if row == first:
                break
        return total

    @cython.overflowcheck(False)
    def compute_promised(self, row: longlong, cautious: cython.bint) -> longlong:
        """Return what IOUs add to a balance: claims (none when `cautious`), less debts with their interest so far.

        However many there are, their interest is one product: hours are those of the clock.  Rounds: against the payer.
        """
        promises = self.promises.read(row)
        interest: wide = compute_hours(0, self.venue.rows[1].time_us)
        interest = interest * wide_of(promises.weight_high, promises.weight_low)
        interest -= wide_of(promises.base_high, promises.base_low)
        interest = wide_div_ceil(interest, BASIS * HOURS_A_YEAR)
        return (0 if cautious else promises.iou_lent) - promises.iou_owed - narrow_floor(interest, 1)

    def compute_value(self, account: longlong, severity_ppm: longlong) -> longlong:
        """Return V(account, severity) from scratch, in numeraire quanta."""
        self.is_admission = False
        return self.sum_figures(account, severity_ppm, False)

    def compute_admitted(self, account: longlong, severity_ppm: longlong) -> longlong:
        """Return V(account, severity) as admission takes it: holdings of suspended assets count nothing."""
        self.is_admission = True
        return self.sum_figures(account, severity_ppm, False)

    def compute_cautious(self, account: longlong, severity_ppm: longlong) -> longlong:
        """Return V-(account, severity): positive unrealised profit, IOU claims and suspended holdings at zero."""
        self.is_admission = True
        return self.sum_figures(account, severity_ppm, True)

    def sum_figures(self, account: longlong, severity_ppm: longlong, cautious: cython.bint) -> longlong:
        """Return the sum of an account's figures at a severity."""
        total: longlong = 0
        row: longlong = self.accounts.rows[account].first_group
        while row != NONE:
            total += self.compute_figure(row, severity_ppm, cautious, NONE, 0, 0, 0)
            row = self.figures.rows[row].next
        return total

    def compute_cautious_with(self, account: longlong, position: longlong, balance: longlong) -> longlong:
        """Return V-(account, initial) as if one position's balance had changed."""
        figure: longlong = self.positions.rows[position].figure
        initial: longlong = self.venue.rows[1].initial_ppm
        return (
            self.compute_cautious(account, initial)
            - self.compute_figure(figure, initial, True, NONE, 0, 0, 0)
            + self.compute_figure(figure, initial, True, position, balance, 0, 0)
        )

    def get_figure(self, row: longlong, severity_ppm: longlong, is_admission: cython.bint) -> longlong:
        """Return what one group of an account is worth from scratch, or what admission takes it for."""
        self.is_admission = is_admission
        return self.compute_figure(row, severity_ppm, False, NONE, 0, 0, 0)

    def get_initial(self, account: longlong) -> longlong:
        """Return V(account, initial), recomputing the groups that were touched or whose mark has moved."""
        total: longlong = 0
        initial: longlong = self.venue.rows[1].initial_ppm
        row: longlong = self.accounts.rows[account].first_group
        is_accruing: cython.bint = self.is_accruing(account)
        while row != NONE:
            kept = self.figures.read(row)
            if is_accruing or not self.is_kept(row):
                self.is_admission = True
                figure = self.figures.edit(row)
                figure.value = self.compute_figure(row, initial, False, NONE, 0, 0, 0)
                figure.version = 0 if is_accruing else self.groups.rows[kept.group].version
            total += kept.value
            row = kept.next
        if self.accounts.rows[account].stale != 0:
            record = self.accounts.edit(account)
            record.stale = 0
        return total

    def is_kept(self, figure: longlong) -> cython.bint:
        """Say whether a figure is up to date: its marks have not moved, and its positions were not touched."""
        kept = self.figures.read(figure)
        return (
            kept.version == self.groups.rows[kept.group].version
            and self.accounts.rows[kept.account].stale & bit(kept.group) == 0
        )

    def compute_initial_with(
        self, account: longlong, position: longlong, balance: longlong, lots: longlong, cost: longlong, cash: longlong
    ) -> longlong:
        """Return V(account, initial) as if one position and the numeraire balance had changed."""
        figure: longlong = self.positions.rows[position].figure
        value: longlong = self.get_initial(account)
        initial: longlong = self.venue.rows[1].initial_ppm
        self.is_admission = True
        return (
            value
            + cash
            - self.figures.rows[figure].value
            + self.compute_figure(figure, initial, False, position, balance, lots, cost)
        )

    def compute_resilience(self, account: longlong) -> longlong:
        """Return the largest severity in ppm, up to ten, at which the account is worth nothing less than zero.

        -1 when it is worth less than zero today.  Found by bisection on V, which falls as severity rises.
        """
        low: longlong = 0
        high: longlong = MAX_SEVERITY
        middle: longlong
        if self.compute_value(account, 0) < 0:
            return -1
        if self.compute_value(account, high) >= 0:
            return high
        while high - low > 1:
            middle = (low + high) // 2
            if self.compute_value(account, middle) >= 0:
                low = middle
            else:
                high = middle
        return low

    @cython.overflowcheck(False)
    def compute_notional(self, asset: longlong, quanta: longlong) -> longlong:
        """Return what `quanta` >= 0 of an asset are worth at the mark, in numeraire quanta: up, at most 10**18."""
        worth: wide = quanta
        worth = wide_div_ceil(worth * self.assets.rows[asset].unit, GRID)
        return narrow_floor(clamp_wide(worth, MAX_SUPPLY), 1)

    @cython.overflowcheck(False)
    def compute_worth(self, market: longlong, lots: longlong) -> longlong:
        """Return what `lots` >= 0 of a market are worth at the mark, in numeraire quanta: up, at most 10**18."""
        row = self.markets.read(market)
        worth: wide = self.assets.rows[row.asset].unit
        worth *= row.lot_quanta
        worth = wide_div_ceil(worth * lots, GRID)  # a lot is worth at most MAX_LOT_VALUE
        return narrow_floor(clamp_wide(worth, MAX_SUPPLY), 1)
