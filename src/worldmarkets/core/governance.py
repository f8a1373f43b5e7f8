"""What a venue consists of: assets, markets, parameters; and the switches that stop trading in them."""

from __future__ import annotations

import cython
from cython import longlong, pointer, ulonglong

from worldmarkets.core import guards
from worldmarkets.core.admission import Admission
from worldmarkets.core.book import Book
from worldmarkets.core.keys import Keys
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import Asset, Event, Group, Market, Signer, Switch, Tier, Venue, as_switched
    from worldmarkets.core.units import (
        DAY,
        GRID,
        GRID_DECIMALS,
        HOUR,
        LADDER_TOP,
        MAX_ASSETS,
        MAX_BASIS_PPM,
        MAX_BID_TICKS,
        MAX_BOOKS,
        MAX_CLOCK,
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
        MINIMUM_SOURCES,
        MINUTE,
        NEVER,
        PRICE_ONE,
        SAMPLE_BITS,
        SAMPLES,
        SECOND,
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
    keys: Keys
    book: Book
    ladder: Book
    timers: Timers
    admission: Admission
    oracle: Oracle
    outbox: Outbox
    message: object

    def __init__(self, state: State, keys: Keys, book: Book, ladder: Book, timers: Timers, admission: Admission,
                 oracle: Oracle, outbox: Outbox):  # fmt: skip
        self.state = state
        self.keys = keys
        self.book = book
        self.ladder = ladder
        self.timers = timers
        self.admission = admission
        self.oracle = oracle
        self.outbox = outbox
        self.message = ""

    def open_venue(self, time_us, rungs_ppm=(1_000_000, 600_000, 300_000), lent_haircut_ppm=20_000,
                   open_order_multiple=5, iou_penalty_bp=500, fund_price_ppm=50_000, fund_limit_ppm=200_000,
                   max_fills=MAX_FILLS, funding_period_us=28_800_000_000,
                   funding_cutoff_us=1_800_000_000, funding_step_ppb=50_000, funding_cap_ppb=3_000_000,
                   crowding_ppm=800_000, tiers=(), sweep_visits=MAX_VISITS, parameter_delay_us=2 * DAY,
                   requires_signatures=False, renewal_window_us=6 * HOUR, renewal_fee_ppm=10_000, has_ladder=False,
                   unwind_clock_us=10 * MINUTE, auction_clock_us=5 * MINUTE, slice_ppm=100_000):  # fmt: skip
        """Set the venue's parameters.  Units: ppm, ppb, microseconds.  Raises ValueError out of bounds.

        `tiers` are (fees paid in thirty days in numeraire quanta, maker cut, taker cut), the cuts beside those before.
        """
        initial, unwind, auction = rungs_ppm
        require(0 < auction < unwind < initial <= 10 * MILLION, "rungs must fall: initial > unwind > auction > 0")
        require(initial % 1000 == unwind % 1000 == auction % 1000 == 0, "rungs are multiples of a thousandth")
        require(0 <= lent_haircut_ppm <= MILLION // 10, "lent_haircut is at most 10 %")
        require(0 < open_order_multiple <= 1000, "open_order_multiple is 1..1000")
        require(0 <= fund_price_ppm <= 500_000, "cover costs at most half of the interest received")
        require(0 <= fund_limit_ppm <= 900_000, "a default takes at most nine tenths of the fund")
        require(0 <= iou_penalty_bp < MAX_RATE_BP, "iou_penalty is a rate in basis points")
        require(0 < max_fills <= MAX_FILLS, f"max_fills is 1..{MAX_FILLS}")
        require(0 <= funding_cutoff_us < funding_period_us <= DAY, "a funding window ends within its period of a day")
        require(0 < crowding_ppm <= MILLION, "crowding is a share of the open-interest cap, 1..1,000,000 ppm")
        require(0 <= funding_step_ppb <= funding_cap_ppb <= 10_000_000, "funding step <= cap <= 1 %")
        require(0 < sweep_visits <= MAX_VISITS, f"sweep_visits is 1..{MAX_VISITS}")
        require(DAY <= parameter_delay_us <= 30 * DAY, "the delay of parameters is 24 hours to 30 days")
        require(0 <= renewal_window_us <= DAY, "anybody may renew a loan a day before it is due at most")
        require(0 <= renewal_fee_ppm <= MILLION, "the fee of a renewal is at most the book's minimum")
        require(SECOND <= unwind_clock_us <= MAX_CLOCK, "the unwind clock is a second to a day")
        require(SECOND <= auction_clock_us <= MAX_CLOCK, "the auction clock is a second to a day")
        require(0 < slice_ppm <= MILLION, "slice is a share of depth, 1..1,000,000 ppm")
        venue = self.state.venue.edit(1)
        venue.time_us = time_us
        venue.parameter_delay_us = parameter_delay_us
        venue.initial_ppm = initial
        venue.unwind_ppm = unwind
        venue.auction_ppm = auction
        venue.lent_haircut_ppm = lent_haircut_ppm
        venue.open_order_multiple = open_order_multiple
        venue.iou_penalty_bp = iou_penalty_bp
        venue.fund_price_ppm = fund_price_ppm
        venue.fund_limit_ppm = fund_limit_ppm
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
        venue.requires_signatures = requires_signatures
        venue.renewal_window_us = renewal_window_us
        venue.renewal_fee_ppm = renewal_fee_ppm
        venue.has_ladder = has_ladder
        venue.unwind_clock_us = unwind_clock_us
        venue.auction_clock_us = auction_clock_us
        venue.slice_ppm = slice_ppm
        venue.mode = OPEN
        self.state.undo.commit()

    def add_role(self, address: bytes, role):
        """Give a 20-byte address a role: ADMINISTRATOR or GUARDIAN.  Raises ValueError when it has one."""
        require(len(address) == 20 and any(address), "an address is 20 bytes, not all zero")
        require(role in (ADMINISTRATOR, GUARDIAN), "a role is administrator or guardian")
        high: ulonglong = int.from_bytes(address[:8], "big")
        middle: ulonglong = int.from_bytes(address[8:16], "big")
        row: longlong = self.keys.need(high, middle, int.from_bytes(address[16:], "big"))
        signer = self.keys.signers.edit(row)
        require(signer.role == NONE, f"0x{address.hex()} has a role already")
        signer.role = role
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
        row = self.create_group()
        self.state.undo.commit()
        return row

    def create_group(self) -> longlong:
        """Return the number of a new risk group, not committed."""
        row: longlong = self.state.groups.allocate()
        group = self.state.groups.edit(row)
        group.version = 1
        return row

    def find_wrong(self, *rules):
        """Return OK, or the code of the first of `rules` that does not hold, with its message and numbers kept.

        A rule is (whether it holds, message, needed, had, and the code where it is not PARAMETER_RANGE).
        """
        self.message = ""
        for place, (is_right, message, needed, had, *code) in enumerate(rules):
            if not is_right:
                self.message = message
                return self.admission.refuse(code[0] if code else PARAMETER_RANGE, needed, had, place)
        return OK

    def check_asset(self, decimals, group, price_shock_ppm, slippage_ppm, basis_ppm, depth, holding_cap, collateral_cap,
                    minimum_principal):  # fmt: skip
        """Return the code of what is wrong with a new asset; `message` says it in words."""
        row = self.state.venue.rows[1].assets + 1
        most_decimals = 18 if row == NUMERAIRE else min(
            18, self.state.assets.rows[NUMERAIRE].decimals + GRID_DECIMALS - 8)  # fmt: skip
        most = guards.compute_most_cap(depth, price_shock_ppm, slippage_ppm, basis_ppm) or MAX_SUPPLY
        is_group = 0 < group <= self.state.groups.get_used()
        members = self.state.groups.rows[group].assets if is_group else 0
        return self.find_wrong(
            (row < MAX_ASSETS, f"at most {MAX_ASSETS - 1} assets", MAX_ASSETS - 1, row, CAPACITY),
            (0 <= decimals <= 18, "decimals are 0..18", 18, decimals),
            (decimals <= most_decimals, "an asset has at most three decimals more than the numeraire", most_decimals,
             decimals),
            (0 <= price_shock_ppm <= MILLION, "the price shock is at most 100 %", MILLION, price_shock_ppm),
            (0 <= slippage_ppm <= MAX_SLIPPAGE_PPM, f"the slippage shock is at most {MAX_SLIPPAGE_PPM} ppm",
             MAX_SLIPPAGE_PPM, slippage_ppm),
            (0 <= basis_ppm <= MAX_BASIS_PPM, f"the basis shock is at most {MAX_BASIS_PPM} ppm", MAX_BASIS_PPM,
             basis_ppm),
            (0 <= depth <= MAX_SUPPLY, "depth or holding cap out of bounds", MAX_SUPPLY, depth),
            (0 <= holding_cap <= MAX_SUPPLY, "depth or holding cap out of bounds", MAX_SUPPLY, holding_cap),
            (0 <= collateral_cap <= MAX_SUPPLY, "collateral cap out of bounds", MAX_SUPPLY, collateral_cap),
            (0 < minimum_principal <= MAX_SUPPLY, "minimum principal out of bounds", MAX_SUPPLY, minimum_principal),
            (holding_cap <= most, f"holding_cap is at most depth * (1 - rp - rb) / (2 * rs) = {most}", most,
             holding_cap),
            (is_group, f"no group {group}", self.state.groups.get_used(), group),
            (members < MAX_GROUP_ASSETS, f"a group has at most {MAX_GROUP_ASSETS} assets", MAX_GROUP_ASSETS, members),
        )  # fmt: skip

    def create_asset(self, decimals, group, price_shock_ppm, slippage_ppm, basis_ppm, depth, holding_cap,
                     collateral_cap, minimum_principal):  # fmt: skip
        """Return the number of a new asset whose terms were checked, not committed."""
        row: longlong = self.state.venue.rows[1].assets + 1
        self.state.assets.cover(row)
        self.state.samples.cover((row << SAMPLE_BITS) + SAMPLES)
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
        asset.holding_cap = holding_cap or guards.compute_most_cap(depth, price_shock_ppm, slippage_ppm, basis_ppm)
        asset.collateral_cap = collateral_cap
        asset.minimum_principal = minimum_principal
        return row

    def add_asset(self, decimals, group, price_shock_ppm=0, slippage_ppm=0, basis_ppm=0, depth=0, holding_cap=0,
                  collateral_cap=0, minimum_principal=1):  # fmt: skip
        """Return the number of a new asset; the first is the numeraire.

        Units: shocks in ppm, `depth` and `holding_cap` in numeraire quanta (0: unlimited), `collateral_cap` and
        `minimum_principal` in the asset's quanta.  Raises ValueError out of bounds.
        """
        terms = (decimals, group, price_shock_ppm, slippage_ppm, basis_ppm, depth, holding_cap, collateral_cap,
                 minimum_principal)  # fmt: skip
        require(self.check_asset(*terms) == OK, self.message)
        row: longlong = self.create_asset(*terms)
        asset = self.state.assets.edit(row)
        if row == NUMERAIRE:
            asset.is_numeraire = 1
            asset.mark = PRICE_ONE
            asset.unit = GRID
            asset.feed = FEED_VALID
        self.state.undo.commit()
        return row

    def check_market(self, kind, asset, lot_quanta, tick_value, max_ticks, minimum_lots, maker_ppm, taker_ppm, fee_cap,
                     tenor_hours, open_interest_cap, band_ppm, firm_lots):  # fmt: skip
        """Return the code of what is wrong with a new market; `message` says it in words."""
        row = self.state.venue.rows[1].markets + 1
        is_asset = self.state.has_asset(asset)
        most = MAX_SUPPLY // LADDER_TOP
        perp = self.state.assets.rows[asset].perp_market if is_asset else 0
        spot = self.state.assets.rows[asset].spot_market if is_asset else 0
        backstop = self.state.venue.rows[1].backstop_market
        return self.find_wrong(
            (row < MAX_MARKETS, f"at most {MAX_MARKETS - 1} markets", MAX_MARKETS - 1, row, CAPACITY),
            (kind in (SPOT, PERP, LOAN, BACKSTOP), "a market is spot, perp, loan or backstop", BACKSTOP, kind),
            (is_asset, f"no asset {asset}", self.state.venue.rows[1].assets, asset, UNKNOWN_ASSET),
            (kind >= LOAN or asset != NUMERAIRE, "the numeraire has no spot and no perp market", LOAN, kind),
            (kind != BACKSTOP or asset == NUMERAIRE, "the backstop book is the numeraire's", NUMERAIRE, asset),
            (0 < lot_quanta <= MAX_SUPPLY, "lot_quanta out of bounds", MAX_SUPPLY, lot_quanta),
            (0 < tick_value <= most, "tick_value out of bounds", most, tick_value),
            (0 < max_ticks <= MAX_TICKS, f"max_ticks is 1..{MAX_TICKS}", MAX_TICKS, max_ticks),
            (minimum_lots > 0, "minimum_lots is at least 1", 1, minimum_lots),
            (0 <= taker_ppm <= MILLION // 10, "the taker fee is at most 10 %", MILLION // 10, taker_ppm),
            (-taker_ppm // 2 <= maker_ppm <= MILLION // 10, "a maker rebate is at most half of the taker fee",
             -taker_ppm // 2, maker_ppm),
            (0 <= fee_cap <= MAX_FEE_CAP, "fee cap out of bounds", MAX_FEE_CAP, fee_cap),
            (kind != LOAN or 0 < tenor_hours <= MAX_TENOR_HOURS, "a loan book needs a tenor in hours", MAX_TENOR_HOURS,
             tenor_hours),
            (0 <= open_interest_cap <= MAX_SUPPLY, "cap or band out of bounds", MAX_SUPPLY, open_interest_cap),
            (0 <= band_ppm <= MILLION, "cap or band out of bounds", MILLION, band_ppm),
            (0 <= firm_lots <= MAX_LOTS, "firm depth out of bounds", MAX_LOTS, firm_lots),
            (kind != PERP or perp == NONE, "an asset has one perp market", NONE, perp),
            (kind != SPOT or spot == NONE, "an asset has one spot market", NONE, spot),
            (kind != BACKSTOP or backstop == NONE, "a venue has one backstop book", NONE, backstop),
        )  # fmt: skip

    def add_market(self, kind, asset, lot_quanta, tick_value=1, max_ticks=MAX_TICKS, minimum_lots=1, maker_ppm=0,
                   taker_ppm=0, fee_cap=MAX_FEE_CAP, tenor_hours=0, open_interest_cap=0, band_ppm=0,
                   firm_lots=0):  # fmt: skip
        """Return the number of a new market of an asset.

        Units: `tick_value` in numeraire quanta per lot and tick, fees in ppm, caps in lots.  A loan book's prices
        are rates in basis points, the backstop book's thousandths of a shock loss.  Raises ValueError out of bounds.
        """
        terms = (kind, asset, lot_quanta, tick_value, max_ticks, minimum_lots, maker_ppm, taker_ppm, fee_cap,
                 tenor_hours, open_interest_cap, band_ppm, firm_lots)  # fmt: skip
        require(self.check_market(*terms) == OK, self.message)
        row = self.create_market(*terms)
        self.state.undo.commit()
        return row

    def create_market(self, kind, asset, lot_quanta, tick_value, max_ticks, minimum_lots, maker_ppm, taker_ppm, fee_cap,
                      tenor_hours, open_interest_cap, band_ppm, firm_lots):  # fmt: skip
        """Return the number of a new market whose terms were checked, open, not committed."""
        row: longlong = self.state.venue.rows[1].markets + 1
        side: longlong
        record = self.state.assets.edit(asset)
        self.state.markets.cover(row)
        venue = self.state.venue.edit(1)
        venue.markets = row
        market = self.state.markets.edit(row)
        market.kind = kind
        market.mode = OPEN
        market.asset = asset
        market.lot_quanta = lot_quanta
        market.tick_value = tick_value
        market.max_ticks = max_ticks
        if kind == LOAN:
            market.max_ticks = min(max_ticks, MAX_RATE_BP)
        elif kind == BACKSTOP:
            market.max_ticks = min(max_ticks, MAX_BID_TICKS)
        market.minimum_lots = max(minimum_lots, self.get_minimum_lots(row, record.minimum_principal))
        market.maker_ppm = maker_ppm
        market.taker_ppm = taker_ppm
        market.fee_cap = fee_cap
        market.tenor_hours = tenor_hours
        market.open_interest_cap = open_interest_cap
        self.set_crowding(row)
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
        elif kind == LOAN:
            self.add_book(row)
        else:
            venue.backstop_market = row
        for side in range(SIDES):
            self.book.open_side(SIDES * row + side)
            self.ladder.open_side(SIDES * row + side)
        return row

    def add_book(self, row: longlong) -> None:
        """Hang a loan book into the list of its asset's: the first 8, where orders borrow and IOUs take their rate."""
        asset = self.state.assets.edit(self.state.markets.rows[row].asset)
        last: longlong = asset.loan_market
        count: longlong = 1
        if last == NONE:
            asset.loan_market = row
        else:
            while self.state.markets.rows[last].next_book != NONE:
                last = self.state.markets.rows[last].next_book
                count += 1
            if count < MAX_BOOKS:
                market = self.state.markets.edit(last)
                market.next_book = row

    def set_crowding(self, market: longlong) -> None:
        """Set the open interest beyond which a market is crowded, from its cap."""
        row = self.state.markets.edit(market)
        row.crowded_lots = MAX_SUPPLY
        if row.open_interest_cap > 0:
            row.crowded_lots = mul_div_floor(row.open_interest_cap, self.state.venue.rows[1].crowding_ppm, MILLION)

    def get_minimum_lots(self, market: longlong, minimum_principal: longlong) -> longlong:
        """Return the least size in a market: no loan is opened below its asset's minimum."""
        rules = self.state.markets.read(market)
        return mul_div_ceil(minimum_principal, 1, rules.lot_quanta) if rules.kind == LOAN else 1

    def check_role(self, flags: longlong, is_open_to_guardian: cython.bint) -> longlong:
        """Return ROLE unless the sender's role is one that may send the command at all: the one place that says so."""
        if flags == ADMINISTRATOR or (flags == GUARDIAN and is_open_to_guardian):
            return OK
        return self.admission.refuse(ROLE, ADMINISTRATOR, flags, 0)

    def check_transition(self, old: longlong, new: longlong, role: longlong, market: longlong) -> longlong:
        """Return the code that keeps a role from changing a mode."""
        roles = guards.TRANSITIONS.get((old, new), ())
        if old == new or role in roles:
            return OK
        if roles:
            return self.admission.refuse(LOOSENING, old, new, market)
        return self.admission.refuse(MODE_TRANSITION, old, new, market)

    def check_launch(self, market: longlong) -> longlong:
        """Return the code that keeps a market in prelaunch: its asset needs a valid mark of enough sources."""
        number: longlong = self.state.markets.rows[market].asset
        asset = self.state.assets.read(number)
        feed: longlong = self.oracle.get_feed(number)
        if asset.is_numeraire:
            return OK
        if asset.mark == 0:
            return self.admission.refuse(MARK_MISSING, 1, 0, number)
        if asset.sources < MINIMUM_SOURCES:
            return self.admission.refuse(SOURCES_FEW, MINIMUM_SOURCES, asset.sources, number)
        if feed != FEED_VALID:
            return self.admission.refuse(FEED_STATE, FEED_VALID, feed, number)
        return OK

    def set_market_mode(self, command: pointer[Switch]) -> longlong:
        """Set the mode of a market, or of the venue (market 0)."""
        code: longlong = self.check_role(command.flags, True)
        old: longlong = self.state.venue.rows[1].mode
        if code != OK:
            return code
        if command.market != NONE:
            if not self.state.has_market(command.market):
                return self.admission.refuse(UNKNOWN_MARKET, 0, 0, command.market)
            old = self.state.markets.rows[command.market].mode
        if command.value > OPEN:
            return self.admission.refuse(BAD_COMBINATION, OPEN, command.value, command.market)
        code = self.check_transition(old, command.value, command.flags, command.market)
        if code != OK:
            return code
        if command.market == NONE:
            venue = self.state.venue.edit(1)
            venue.mode = command.value
        else:
            if old == PRELAUNCH and command.value != PRELAUNCH:
                code = self.check_launch(command.market)
                if code != OK:
                    return code
            market = self.state.markets.edit(command.market)
            market.mode = command.value
        event = as_switched(self.outbox.emit(MARKET_MODE_SET, 0, command.market, 0))
        event.value = command.value
        return OK

    def set_feed(self, command: pointer[Switch]) -> longlong:
        """Halt an asset's feed, or let it run again, which the administrator does."""
        code: longlong = self.check_role(command.flags, True)
        if code != OK:
            return code
        if not self.state.has_asset(command.asset) or command.asset == NUMERAIRE:
            return self.admission.refuse(UNKNOWN_ASSET, 0, 0, command.asset)
        if command.value != FEED_HALTED and command.value != FEED_VALID:
            return self.admission.refuse(BAD_COMBINATION, FEED_HALTED, command.value, command.asset)
        if command.flags == GUARDIAN and command.value != FEED_HALTED:
            return self.admission.refuse(LOOSENING, FEED_HALTED, command.value, command.asset)
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
