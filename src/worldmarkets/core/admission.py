"""Admission: the one rule that every command of an account ends in.

An account stands before a command as `Admission.take` sees it; `Admission.check` says whether it may stand where the
command left it.  Without debt and perps nothing needs to be valued.

Two guards ask for more of new risk.  In a perp market whose open interest nears its cap, whoever opens must be able to
carry margins that rise to the whole notional.  Once an asset's feed has been halted for a day its holdings carry
nothing new; what counts at the last mark must then not become worse either, so that no command makes an account less
than free.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.atlas import Atlas
from worldmarkets.core.bounds import Bounds
from worldmarkets.core.state import State
from worldmarkets.core.tables import AccountTable, AssetTable, FigureTable, MarketTable, PositionTable, VenueTable

if not cython.compiled:
    from worldmarkets.core.codes import MARGIN, MARGIN_WORSE, NONE, OK, PRICE_BAND, WITHDRAWABLE
    from worldmarkets.core.records import Account, Asset, Figure, Market, Position, Venue
    from worldmarkets.core.units import MILLION
    from worldmarkets.core.wide import magnitude, mul_div_ceil


@cython.final
@cython.cclass
class Standing:
    """How an account stood before: V at the initial rung, and below it also V at unwind and at its resilience.

    `at_mark` is V(initial) with suspended holdings at their last mark, or 0 when that is more.  The rest is what the
    command did so far: what asks for more than V(initial) >= 0, and whether a part of a fee was waived.
    """

    account: longlong
    initial: longlong
    unwind: longlong
    resilience_ppm: longlong
    at_resilience: longlong
    at_mark: longlong
    is_cautious: cython.bint
    is_outside: cython.bint
    is_crowding: cython.bint
    is_waived: cython.bint

    def __init__(self):
        self.account = 0
        self.initial = 0
        self.unwind = 0
        self.resilience_ppm = 0
        self.at_resilience = 0
        self.at_mark = 0
        self.is_cautious = False
        self.is_outside = False
        self.is_crowding = False
        self.is_waived = False


@cython.final
@cython.cclass
class Admission:
    """Decides on standings; `needed`, `had` and `subject` are the numbers of the last refusal."""

    atlas: Atlas
    bounds: Bounds
    accounts: AccountTable
    assets: AssetTable
    figures: FigureTable
    markets: MarketTable
    positions: PositionTable
    venue: VenueTable
    code: longlong
    needed: longlong
    had: longlong
    subject: longlong

    def __init__(self, state: State, atlas: Atlas, bounds: Bounds):
        self.atlas = atlas
        self.bounds = bounds
        self.accounts = state.accounts
        self.assets = state.assets
        self.figures = state.figures
        self.markets = state.markets
        self.positions = state.positions
        self.venue = state.venue
        self.refuse(OK, 0, 0, 0)

    def is_exempt(self, account: longlong) -> cython.bint:
        """Say whether an account has neither debt nor perps, so that it cannot be worth less than zero."""
        return self.accounts.rows[account].contracts == 0

    def take(self, standing: Standing, account: longlong) -> None:
        """Note how an account stands."""
        standing.account = account
        standing.is_cautious = False
        standing.is_outside = False
        standing.is_crowding = False
        standing.is_waived = False
        standing.initial = 0
        standing.at_mark = 0
        if not self.is_exempt(account):
            standing.initial = self.bounds.get_floor(account)
            if standing.initial < 0:  # it may only have sunk with trades and moves
                standing.initial = self.bounds.renew(account)
            if self.venue.rows[1].suspended != 0:
                standing.at_mark = min(self.atlas.compute_value(account, self.venue.rows[1].initial_ppm), 0)
        if standing.initial < 0:
            standing.unwind = self.atlas.compute_admitted(account, self.venue.rows[1].unwind_ppm)
            standing.resilience_ppm = max(self.atlas.compute_resilience(account), 0)
            standing.at_resilience = self.atlas.compute_admitted(account, standing.resilience_ppm)

    def check(self, standing: Standing) -> longlong:
        """Return OK, or the code with which the account may not stand as it does now."""
        account: longlong = standing.account
        now: longlong
        code: longlong
        if self.is_exempt(account):
            return OK
        if self.is_safe(standing):
            return OK
        now = self.atlas.get_initial(account)
        if standing.is_crowding:
            code = self.check_crowding(account, now)
            if code != OK:
                return code
        if self.venue.rows[1].suspended != 0:
            code = self.check_at_mark(standing)
            if code != OK:
                return code
        if now < 0:
            if standing.initial >= 0:
                return self.refuse(MARGIN, 0, now, self.venue.rows[1].initial_ppm)
            return self.check_below(standing, now)
        if standing.is_cautious or standing.is_outside:
            now = self.atlas.compute_cautious(account, self.venue.rows[1].initial_ppm)
            if now < 0:
                return self.refuse(WITHDRAWABLE, 0, now, self.venue.rows[1].initial_ppm)
        return OK

    def is_safe(self, standing: Standing) -> cython.bint:
        """Say whether bounds alone tell that an account may stand as it does now."""
        return (
            not standing.is_crowding
            and not standing.is_cautious
            and not standing.is_outside
            and self.venue.rows[1].suspended == 0
            and self.bounds.get_floor(standing.account) >= 0
        )

    def check_below(self, standing: Standing, now: longlong) -> longlong:
        """Return the code for an account that was below the initial rung already: nothing may have become worse."""
        if now < standing.initial:
            return self.refuse(MARGIN_WORSE, standing.initial, now, self.venue.rows[1].initial_ppm)
        value: longlong = self.atlas.compute_admitted(standing.account, self.venue.rows[1].unwind_ppm)
        if value < standing.unwind:
            return self.refuse(MARGIN_WORSE, standing.unwind, value, self.venue.rows[1].unwind_ppm)
        value = self.atlas.compute_admitted(standing.account, standing.resilience_ppm)
        if value < standing.at_resilience:
            return self.refuse(MARGIN_WORSE, standing.at_resilience, value, standing.resilience_ppm)
        if standing.is_outside:
            return self.refuse(PRICE_BAND, 0, now, self.venue.rows[1].initial_ppm)
        if standing.is_cautious:
            return self.refuse(WITHDRAWABLE, 0, now, self.venue.rows[1].initial_ppm)
        return OK

    def check_at_mark(self, standing: Standing) -> longlong:
        """Return the code for an account that a command leaves less than free, or worse so, at the last marks."""
        now: longlong = self.atlas.compute_value(standing.account, self.venue.rows[1].initial_ppm)
        if now < standing.at_mark:
            return self.refuse(MARGIN_WORSE if standing.at_mark < 0 else MARGIN, standing.at_mark, now,
                               self.venue.rows[1].initial_ppm)  # fmt: skip
        return OK

    # Crowded markets.

    def check_crowding(self, account: longlong, value: longlong) -> longlong:
        """Return MARGIN when V(initial) does not carry what crowded markets ask of an account that opens in one."""
        needed: longlong = self.compute_crowding(account, NONE, 0)
        if value < needed:
            return self.refuse(MARGIN, needed, value, self.venue.rows[1].initial_ppm)
        return OK

    def compute_crowding(self, account: longlong, market: longlong, opening: longlong) -> longlong:
        """Return how much V(initial) an account needs for its perps in crowded markets, beside their own shock.

        As if `opening` lots more were open in `market` (or none, 0), by the account and in all.  Units: numeraire
        quanta.  Rounds up, once a market.
        """
        total: longlong = 0
        lots: longlong
        more: longlong
        figure: longlong = self.accounts.rows[account].first_group
        row: longlong
        while figure != NONE:
            row = self.figures.rows[figure].first_position
            while row != NONE:
                position = self.positions.read(row)
                asset = self.assets.read(position.asset)
                if asset.perp_market != NONE:
                    more = opening if asset.perp_market == market else 0
                    lots = magnitude(position.lots) + more
                    if lots > 0:
                        total += mul_div_ceil(
                            self.atlas.compute_worth(asset.perp_market, lots),
                            self.compute_crowding_ppm(asset.perp_market, more), MILLION,
                        )  # fmt: skip
                row = position.next
            figure = self.figures.rows[figure].next
        return total

    def compute_crowding_ppm(self, market: longlong, more: longlong) -> longlong:
        """Return the margin that a perp market asks for beyond its design shock, with `more` lots open in it.

        Nothing up to the crowded part of its cap; then a straight line up to the whole notional at the cap.  Rounds up.
        """
        rules = self.markets.read(market)
        shock: longlong
        cap: longlong = rules.open_interest_cap
        beyond: longlong = min(rules.open_interest + more, cap) - rules.crowded_lots
        if cap == 0 or beyond <= 0:
            return 0
        shock = mul_div_ceil(self.assets.rows[rules.asset].price_shock_ppm, self.venue.rows[1].initial_ppm, MILLION)
        return mul_div_ceil(max(MILLION - shock, 0), beyond, cap - rules.crowded_lots)

    def refuse(self, code: longlong, needed: longlong, had: longlong, subject: longlong) -> longlong:
        """Keep the numbers of a refusal and return its code."""
        self.code = code
        self.needed = needed
        self.had = had
        self.subject = subject
        return code
