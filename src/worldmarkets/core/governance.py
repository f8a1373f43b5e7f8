"""What a venue consists of: assets, markets, parameters; and the switches that stop trading in them."""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.admission import Admission
from worldmarkets.core.book import Book
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import Asset, Event, Group, Market, Switch, Tier, Venue, as_switched
    from worldmarkets.core.units import (
        DAY,
        GRID,
        GRID_DECIMALS,
        LADDER_TOP,
        MAX_ASSETS,
        MAX_BASIS_PPM,
        MAX_CUT_PPM,
        MAX_FEE_CAP,
        MAX_FILLS,
        MAX_GROUP_ASSETS,
        MAX_LOTS,
        MAX_MARKETS,
        MAX_RATE_BP,
        MAX_SLIPPAGE_PPM,
        MAX_SUPPLY,
        MAX_TENOR_HOURS,
        MAX_TICKS,
        MAX_TIERS,
        MAX_VISITS,
        MILLION,
        NEVER,
        PRICE_ONE,
        SIDES,
    )
    from worldmarkets.core.wide import mul_div_ceil, mul_div_floor


def require(is_right, message):
    """Raise ValueError unless a value of the genesis is in bounds."""
    if not is_right:
        raise ValueError(message)


@cython.final
@cython.cclass
class Governance:
    """Defines a venue at its genesis, and switches markets and feeds by command."""

    state: State
    book: Book
    ladder: Book
    timers: Timers
    admission: Admission
    oracle: Oracle
    outbox: Outbox

    def __init__(self, state: State, book: Book, ladder: Book, timers: Timers, admission: Admission, oracle: Oracle,
                 outbox: Outbox):  # fmt: skip
        self.state = state
        self.book = book
        self.ladder = ladder
        self.timers = timers
        self.admission = admission
        self.oracle = oracle
        self.outbox = outbox

    def open_venue(self, time_us, rungs_ppm=(1_000_000, 600_000, 300_000), lent_haircut_ppm=20_000,
                   open_order_multiple=5, iou_penalty_bp=500, max_fills=MAX_FILLS, funding_period_us=28_800_000_000,
                   funding_cutoff_us=1_800_000_000, funding_step_ppb=50_000, funding_cap_ppb=3_000_000,
                   crowding_ppm=800_000, tiers=(), sweep_visits=MAX_VISITS):  # fmt: skip
        """Set the venue's parameters.  Units: ppm, ppb, microseconds.  Raises ValueError out of bounds.

        `tiers` are (fees paid in thirty days in numeraire quanta, maker cut, taker cut), the cuts beside those before.
        """
        initial, unwind, auction = rungs_ppm
        require(0 < auction < unwind < initial <= 10 * MILLION, "rungs must fall: initial > unwind > auction > 0")
        require(initial % 1000 == unwind % 1000 == auction % 1000 == 0, "rungs are multiples of a thousandth")
        require(0 <= lent_haircut_ppm <= MILLION // 10, "lent_haircut is at most 10 %")
        require(0 < open_order_multiple <= 1000, "open_order_multiple is 1..1000")
        require(0 <= iou_penalty_bp < MAX_RATE_BP, "iou_penalty is a rate in basis points")
        require(0 < max_fills <= MAX_FILLS, f"max_fills is 1..{MAX_FILLS}")
        require(0 <= funding_cutoff_us < funding_period_us <= DAY, "a funding window ends within its period of a day")
        require(0 < crowding_ppm <= MILLION, "crowding is a share of the open-interest cap, 1..1,000,000 ppm")
        require(0 <= funding_step_ppb <= funding_cap_ppb <= 10_000_000, "funding step <= cap <= 1 %")
        require(0 < sweep_visits <= MAX_VISITS, f"sweep_visits is 1..{MAX_VISITS}")
        venue = self.state.venue.edit(1)
        venue.time_us = time_us
        venue.initial_ppm = initial
        venue.unwind_ppm = unwind
        venue.auction_ppm = auction
        venue.lent_haircut_ppm = lent_haircut_ppm
        venue.open_order_multiple = open_order_multiple
        venue.iou_penalty_bp = iou_penalty_bp
        venue.max_fills = max_fills
        venue.funding_period_us = funding_period_us
        venue.funding_cutoff_us = funding_cutoff_us
        venue.funding_step_ppb = funding_step_ppb
        venue.funding_cap_ppb = funding_cap_ppb
        venue.crowding_ppm = crowding_ppm
        self.set_tiers(tiers)
        venue.numeraire_dollar = PRICE_ONE
        venue.mark_version = 1
        venue.moved_ppb = 2  # an account that waits stands one below
        venue.sweep_visits = sweep_visits
        venue.mode = OPEN
        self.state.undo.commit()

    def set_tiers(self, tiers):
        """Set the tiers of fees.  Raises ValueError out of bounds."""
        require(len(tiers) <= MAX_TIERS, f"at most {MAX_TIERS} tiers")
        least = 0
        venue = self.state.venue.edit(1)
        for fees, maker, taker in tiers:
            require(least < fees <= MAX_SUPPLY, "the fees of tiers rise, from above zero")
            require(min(maker, taker) >= 0, "a tier takes nothing less off than the one before")
            least = fees
            venue.tiers += 1
            row: longlong = venue.tiers
            self.state.tiers.cover(row)
            tier = self.state.tiers.edit(row)
            tier.fees = fees
            tier.maker_cut_ppm = maker
            tier.taker_cut_ppm = taker
        require(sum(tier[1] for tier in tiers) <= MAX_CUT_PPM, f"all tiers take off at most {MAX_CUT_PPM} ppm")
        require(sum(tier[2] for tier in tiers) <= MAX_CUT_PPM, f"all tiers take off at most {MAX_CUT_PPM} ppm")

    def add_group(self):
        """Return the number of a new risk group."""
        row: longlong = self.state.groups.allocate()
        group = self.state.groups.edit(row)
        group.version = 1
        self.state.undo.commit()
        return row

    def add_asset(self, decimals, group, price_shock_ppm=0, slippage_ppm=0, basis_ppm=0, depth=0, holding_cap=0,
                  collateral_cap=0, minimum_principal=1):  # fmt: skip
        """Return the number of a new asset; the first is the numeraire.

        Units: shocks in ppm, `depth` and `holding_cap` in numeraire quanta (0: unlimited), `collateral_cap` and
        `minimum_principal` in the asset's quanta.  Raises ValueError out of bounds.
        """
        row: longlong = self.state.venue.rows[1].assets + 1
        require(row < MAX_ASSETS, f"at most {MAX_ASSETS - 1} assets")
        require(0 <= decimals <= 18, "decimals are 0..18")
        if row != NUMERAIRE:
            require(decimals <= self.state.assets.rows[NUMERAIRE].decimals + GRID_DECIMALS - 8,
                    "an asset has at most three decimals more than the numeraire")  # fmt: skip
        require(0 <= price_shock_ppm <= MILLION, "the price shock is at most 100 %")
        require(0 <= slippage_ppm <= MAX_SLIPPAGE_PPM, f"the slippage shock is at most {MAX_SLIPPAGE_PPM} ppm")
        require(0 <= basis_ppm <= MAX_BASIS_PPM, f"the basis shock is at most {MAX_BASIS_PPM} ppm")
        require(0 <= depth <= MAX_SUPPLY and 0 <= holding_cap <= MAX_SUPPLY, "depth or holding cap out of bounds")
        require(0 <= collateral_cap <= MAX_SUPPLY, "collateral cap out of bounds")
        require(0 < minimum_principal <= MAX_SUPPLY, "minimum principal out of bounds")
        if depth > 0 and slippage_ppm > 0:
            most = depth * max(MILLION - price_shock_ppm - basis_ppm, 0) // (2 * slippage_ppm)
            require(holding_cap <= most, f"holding_cap is at most depth * (1 - rp - rb) / (2 * rs) = {most}")
            holding_cap = holding_cap or most
        members = self.state.groups.rows[group].assets
        require(members < MAX_GROUP_ASSETS, f"a group has at most {MAX_GROUP_ASSETS} assets")
        self.state.assets.cover(row)
        venue = self.state.venue.edit(1)
        venue.assets = row
        shared = self.state.groups.edit(group)
        shared.assets += 1
        asset = self.state.assets.edit(row)
        asset.decimals = decimals
        asset.group = group
        asset.price_shock_ppm = price_shock_ppm
        asset.slippage_ppm = slippage_ppm
        asset.basis_ppm = basis_ppm
        asset.depth = depth
        asset.holding_cap = holding_cap
        asset.collateral_cap = collateral_cap
        asset.minimum_principal = minimum_principal
        if row == NUMERAIRE:
            asset.is_numeraire = 1
            asset.mark = PRICE_ONE
            asset.unit = GRID
            asset.feed = FEED_VALID
        self.state.undo.commit()
        return row

    def add_market(self, kind, asset, lot_quanta, tick_value=1, max_ticks=MAX_TICKS, minimum_lots=1, maker_ppm=0,
                   taker_ppm=0, fee_cap=MAX_FEE_CAP, tenor_hours=0, open_interest_cap=0, band_ppm=0,
                   firm_lots=0):  # fmt: skip
        """Return the number of a new market of an asset.

        Units: `tick_value` in numeraire quanta per lot and tick, fees in ppm, caps in lots.  A loan book's prices
        are rates in basis points.  Raises ValueError out of bounds.
        """
        row: longlong = self.state.venue.rows[1].markets + 1
        side: longlong
        require(row < MAX_MARKETS, f"at most {MAX_MARKETS - 1} markets")
        require(kind in (SPOT, PERP, LOAN), "a market is spot, perp or loan")
        require(self.state.has_asset(asset), f"no asset {asset}")
        require(kind == LOAN or asset != NUMERAIRE, "the numeraire has a loan book only")
        require(0 < lot_quanta <= MAX_SUPPLY, "lot_quanta out of bounds")
        require(0 < tick_value <= MAX_SUPPLY // LADDER_TOP, "tick_value out of bounds")
        require(0 < max_ticks <= MAX_TICKS, f"max_ticks is 1..{MAX_TICKS}")
        require(minimum_lots > 0, "minimum_lots is at least 1")
        require(0 <= taker_ppm <= MILLION // 10, "the taker fee is at most 10 %")
        require(-taker_ppm // 2 <= maker_ppm <= MILLION // 10, "a maker rebate is at most half of the taker fee")
        require(0 <= fee_cap <= MAX_FEE_CAP, "fee cap out of bounds")
        require(kind != LOAN or 0 < tenor_hours <= MAX_TENOR_HOURS, "a loan book needs a tenor in hours")
        require(0 <= open_interest_cap <= MAX_SUPPLY and 0 <= band_ppm <= MILLION, "cap or band out of bounds")
        record = self.state.assets.edit(asset)
        require(0 <= firm_lots <= MAX_LOTS, "firm depth out of bounds")
        require(kind != PERP or record.perp_market == NONE, "an asset has one perp market")
        require(kind != SPOT or record.spot_market == NONE, "an asset has one spot market")
        self.state.markets.cover(row)
        venue = self.state.venue.edit(1)
        venue.markets = row
        market = self.state.markets.edit(row)
        market.kind = kind
        market.mode = OPEN
        market.asset = asset
        market.lot_quanta = lot_quanta
        market.tick_value = tick_value
        market.max_ticks = min(max_ticks, MAX_RATE_BP) if kind == LOAN else max_ticks
        market.minimum_lots = minimum_lots
        if kind == LOAN:  # no loan is opened below its asset's minimum
            market.minimum_lots = max(minimum_lots, mul_div_ceil(record.minimum_principal, 1, lot_quanta))
        market.maker_ppm = maker_ppm
        market.taker_ppm = taker_ppm
        market.fee_cap = fee_cap
        market.tenor_hours = tenor_hours
        market.open_interest_cap = open_interest_cap
        market.crowded_lots = MAX_SUPPLY
        if open_interest_cap > 0:
            market.crowded_lots = mul_div_floor(open_interest_cap, venue.crowding_ppm, MILLION)
        market.mid_time_us = NEVER  # no perp market: nothing looks at its mid
        market.band_ppm = band_ppm or max(4 * record.slippage_ppm, MILLION // 100)
        if kind == SPOT:
            record.spot_market = row
        elif kind == PERP:
            record.perp_market = row
            market.window_start_us = venue.time_us
            market.mid_time_us = venue.time_us
            market.firm_lots = firm_lots
            market.next_funding_us = (venue.time_us // venue.funding_period_us + 1) * venue.funding_period_us
            market.window_end_us = market.next_funding_us - venue.funding_cutoff_us
            if market.window_end_us <= venue.time_us:
                market.window_end_us += venue.funding_period_us
            self.timers.schedule(FUNDING_PERIOD, row, market.next_funding_us)
        elif record.loan_market == NONE:
            record.loan_market = row
        for side in range(SIDES):
            self.book.open_side(SIDES * row + side)
            self.ladder.open_side(SIDES * row + side)
        self.state.undo.commit()
        return row

    def set_market_mode(self, command: pointer[Switch]) -> longlong:
        """Set the mode of a market, or of the venue (market 0)."""
        if command.market != NONE and not self.state.has_market(command.market):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, command.market)
        if command.value > OPEN:
            return self.admission.refuse(BAD_COMBINATION, OPEN, command.value, command.market)
        if command.market == NONE:
            venue = self.state.venue.edit(1)
            venue.mode = command.value
        else:
            market = self.state.markets.edit(command.market)
            market.mode = command.value
        event = as_switched(self.outbox.emit(MARKET_MODE_SET, 0, command.market, 0))
        event.value = command.value
        return OK

    def set_feed(self, command: pointer[Switch]) -> longlong:
        """Halt an asset's feed, or let it run again."""
        if not self.state.has_asset(command.asset) or command.asset == NUMERAIRE:
            return self.admission.refuse(UNKNOWN_ASSET, 0, 0, command.asset)
        if command.value != FEED_HALTED and command.value != FEED_VALID:
            return self.admission.refuse(BAD_COMBINATION, FEED_HALTED, command.value, command.asset)
        if self.state.assets.rows[command.asset].mark == 0:
            return self.admission.refuse(MARK_MISSING, 1, 0, command.asset)
        if command.value == FEED_HALTED:
            self.oracle.halt(command.asset)
        else:
            self.oracle.resume(command.asset)
        event = as_switched(self.outbox.emit(FEED_SET, 0, 0, 0))
        event.asset = command.asset
        event.value = self.state.assets.rows[command.asset].feed
        return OK
