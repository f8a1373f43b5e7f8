"""Parameters as state: what may change is proposed, waits or ramps, and takes effect with commands of the clock.

Loosening waits for the venue's delay.  Tightening takes effect at once where it only limits new risk, and ramps in
hourly steps where it changes what an account is worth.  What neither loosens nor tightens waits, so that everybody has
notice.  One change at a time of one guard.  Source: docs/spec/parameters.md; the fields are data in guards.py.
"""

from __future__ import annotations

import cython
from cython import address, longlong, pointer

from worldmarkets.core import guards, records
from worldmarkets.core.admission import Admission
from worldmarkets.core.flows.settling import Settling
from worldmarkets.core.governance import Governance
from worldmarkets.core.oracle import Oracle
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State
from worldmarkets.core.timers import Timers

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Asset,
        Change,
        Command,
        ContractChange,
        Event,
        Group,
        Market,
        ProposeChange,
        Tier,
        Venue,
        address,
        as_list_asset,
        as_list_market,
        as_listed,
        as_parameter_changed,
    )
    from worldmarkets.core.units import (
        EXPIRE_PPB,
        MAX_CHANGES,
        MAX_CUT_PPM,
        MAX_LOT_VALUE,
        MAX_TICKS,
        MAX_TIERS,
        ORDER_SLOT_BITS,
        RAMP_STEP,
        SETTLE_PAUSE,
    )


@cython.final
@cython.cclass
class Parameters:
    """Proposals, their schedule, and the steps that carry them out."""

    state: State
    timers: Timers
    admission: Admission
    governance: Governance
    settling: Settling
    oracle: Oracle
    outbox: Outbox
    scratch: Command[::1]

    def __init__(self, state: State, timers: Timers, admission: Admission, governance: Governance, settling: Settling,
                 oracle: Oracle, outbox: Outbox):  # fmt: skip
        self.state = state
        self.timers = timers
        self.admission = admission
        self.governance = governance
        self.settling = settling
        self.oracle = oracle
        self.outbox = outbox
        self.scratch = records.rows(records.Command, 1)

    # Proposing.

    def propose(self, command: pointer[ProposeChange]) -> longlong:
        """Propose new values for the fields of one guard, all of them together."""
        number: longlong = command.guard
        subject: longlong = command.subject
        role: longlong = command.flags
        code: longlong = self.governance.check_role(role, True)
        steps: longlong = 1
        if code != OK:
            return code
        code = self.check_subject(number, subject)
        if code != OK:
            return code
        guard = guards.find_guard(number)
        new = [command.a, command.b, command.c, command.d, command.e]
        old = self.get_values(number, subject)
        new = guards.complete(guard, new)
        code = self.check_values(guard, new)
        if code == OK:
            code = self.check_beside(number, subject, new)
        if code != OK:
            return code
        directions = guards.compute_directions(guard, old, new)
        is_looser: cython.bint = number == MARKET_END or 1 in directions or 2 in directions
        if is_looser and role == GUARDIAN:
            return self.admission.refuse(LOOSENING, ADMINISTRATOR, role, number)
        code = self.check_room(number, subject)
        if code != OK:
            return code
        if number == MARKET_END:
            if self.state.markets.rows[subject].mode == SETTLING:
                return self.admission.refuse(MODE_TRANSITION, SETTLING, SETTLING, subject)
        elif old == new:
            return self.admission.refuse(CHANGE_EMPTY, 0, 0, number)
        is_ramped: cython.bint = guards.is_ramped(guard) and -1 in directions
        if is_ramped:
            steps = guards.compute_steps(guard, old, new, self.state.venue.rows[1].parameter_delay_us)
        row: longlong = self.create(number, subject, role, old, new)
        change = self.state.changes.edit(row)
        venue = self.state.venue.read(1)
        change.is_looser = is_looser
        change.steps = steps
        change.next_us = venue.time_us
        if is_looser:
            self.schedule(row, venue.time_us + venue.parameter_delay_us)
        elif is_ramped:
            change.state = CHANGE_RAMPING
            self.schedule(row, venue.time_us + RAMP_STEP)
        self.report(PARAMETER_PROPOSED, row, old, new)
        if change.timer == NONE:  # a limit on new risk: at once
            self.move(row, 0)
            self.forget(row)
        return OK

    def check_subject(self, number: longlong, subject: longlong) -> longlong:
        """Return the code of what is wrong with what a proposal is about."""
        guard = guards.find_guard(number)
        if guard is None:
            return self.admission.refuse(UNKNOWN_PARAMETER, GUARD_KINDS - 1, number, 0)
        if guard.scope == guards.SCOPE_ASSET:
            if not self.state.has_asset(subject) or (number == ASSET_RISK and subject == NUMERAIRE):
                return self.admission.refuse(UNKNOWN_ASSET, 0, 0, subject)
        elif guard.scope == guards.SCOPE_MARKET:
            if not self.state.has_market(subject):
                return self.admission.refuse(UNKNOWN_MARKET, 0, 0, subject)
        elif guard.scope == guards.SCOPE_TIER:
            most: longlong = min(self.state.venue.rows[1].tiers + 1, MAX_TIERS)
            if not 0 < subject <= most:
                return self.admission.refuse(UNKNOWN_PARAMETER, most, subject, number)
        elif subject != NONE:
            return self.admission.refuse(UNKNOWN_PARAMETER, 0, subject, number)
        return OK

    def check_values(self, guard, values) -> longlong:
        """Return the code of what is wrong with new values by themselves."""
        broken = guards.find_out_of_bounds(guard, values)
        if broken is not None:
            return self.admission.refuse(PARAMETER_RANGE, broken[0], broken[1], broken[2])
        for slot, field in enumerate(guard.fields):
            if field is None and values[slot] != 0:
                return self.admission.refuse(BAD_COMBINATION, 0, values[slot], slot)
        return OK

    def check_beside(self, guard: longlong, subject: longlong, values) -> longlong:
        """Return PARAMETER_RANGE when new values of a guard do not go with what stands beside them."""
        if guard == FEE_TIER:
            return self.check_tier(subject, values[0], values[2], values[3])
        return self.check_minimum(guard, subject, values[1])

    def check_tier(self, subject: longlong, fees: longlong, maker_ppm: longlong, taker_ppm: longlong) -> longlong:
        """Return PARAMETER_RANGE when a tier would not stand between its neighbours, or all would cut too much.

        One above the last is new; fees of 0 take the last one away.
        """
        tiers: longlong = self.state.venue.rows[1].tiers
        row: longlong
        if subject > tiers + 1 or (fees == 0 and subject < tiers):
            return self.admission.refuse(PARAMETER_RANGE, tiers, subject, 0)
        if fees == 0:
            return OK if maker_ppm + taker_ppm == 0 else self.admission.refuse(PARAMETER_RANGE, 1, 0, 0)
        if subject > 1 and fees <= self.state.tiers.rows[subject - 1].fees:
            return self.admission.refuse(PARAMETER_RANGE, self.state.tiers.rows[subject - 1].fees + 1, fees, 0)
        if subject < tiers and fees >= self.state.tiers.rows[subject + 1].fees:
            return self.admission.refuse(PARAMETER_RANGE, self.state.tiers.rows[subject + 1].fees - 1, fees, 0)
        for row in range(1, tiers + 1):
            if row != subject:
                maker_ppm += self.state.tiers.rows[row].maker_cut_ppm
                taker_ppm += self.state.tiers.rows[row].taker_cut_ppm
        if maker_ppm > MAX_CUT_PPM:
            return self.admission.refuse(PARAMETER_RANGE, MAX_CUT_PPM, maker_ppm, 2)
        if taker_ppm > MAX_CUT_PPM:
            return self.admission.refuse(PARAMETER_RANGE, MAX_CUT_PPM, taker_ppm, 3)
        return OK

    def check_minimum(self, guard: longlong, subject: longlong, value: longlong) -> longlong:
        """Return PARAMETER_RANGE when a loan book would take less than the minimum principal of its asset."""
        row: longlong
        if guard == MARKET_LIMITS:
            asset = self.state.assets.read(self.state.markets.rows[subject].asset)
            least: longlong = self.governance.get_minimum_lots(subject, asset.minimum_principal)
            if value < least:
                return self.admission.refuse(PARAMETER_RANGE, least, value, 1)
        elif guard == ASSET_LIMITS:
            for row in range(1, self.state.venue.rows[1].markets + 1):
                market = self.state.markets.read(row)
                if market.asset == subject and market.minimum_lots < self.governance.get_minimum_lots(row, value):
                    return self.admission.refuse(PARAMETER_RANGE, market.minimum_lots, value, 1)
        return OK

    def check_room(self, guard: longlong, subject: longlong) -> longlong:
        """Return the code that keeps one more change of a guard from being made."""
        row: longlong = self.find_of(guard, subject)
        if row != NONE:
            return self.admission.refuse(CHANGE_PENDING, 0, guard, self.state.changes.rows[row].id)
        if self.state.venue.rows[1].changes >= MAX_CHANGES:
            return self.admission.refuse(CHANGES_LIMIT, MAX_CHANGES, MAX_CHANGES, 0)
        return OK

    def find_of(self, guard: longlong, subject: longlong) -> longlong:
        """Return the row of the change of a guard that is under way, or 0.  Listings do not exclude one another."""
        row: longlong
        if guard >= GUARD_KINDS:
            return NONE
        for row in range(1, self.state.changes.get_used() + 1):
            change = self.state.changes.read(row)
            if change.state != 0 and change.guard == guard and change.subject == subject:
                return row
        return NONE

    def create(self, guard, subject, role, old, new) -> longlong:
        """Return the row of a new change, without a schedule yet."""
        row: longlong = self.state.changes.allocate()
        venue = self.state.venue.edit(1)
        venue.changes += 1
        venue.change_serial += 1
        change = self.state.changes.edit(row)
        change.id = venue.change_serial << ORDER_SLOT_BITS | row
        change.guard = guard
        change.subject = subject
        change.role = role
        change.steps = 1
        change.state = CHANGE_WAITING
        change.a = new[0]
        change.b = new[1]
        change.c = new[2]
        change.d = new[3]
        change.e = new[4]
        change.from_a = old[0]
        change.from_b = old[1]
        change.from_c = old[2]
        change.from_d = old[3]
        change.from_e = old[4]
        return row

    def cancel(self, command: pointer[ContractChange]) -> longlong:
        """Call a change off; where it has got to, it stays.  The guardian calls off what loosens."""
        code: longlong = self.governance.check_role(command.flags, True)
        row: longlong = command.contract_id & ((1 << ORDER_SLOT_BITS) - 1)
        if code != OK:
            return code
        if row == NONE or row > self.state.changes.get_used() or self.state.changes.rows[row].id != command.contract_id:
            return self.admission.refuse(UNKNOWN_CHANGE, 0, 0, command.contract_id)
        change = self.state.changes.read(row)
        if not change.is_looser and command.flags == GUARDIAN:
            return self.admission.refuse(LOOSENING, ADMINISTRATOR, command.flags, change.guard)
        if change.state == CHANGE_WORKING:
            return self.admission.refuse(MODE_TRANSITION, SETTLING, SETTLING, change.subject)
        self.call_off(row, 0)
        return OK

    def call_off(self, row: longlong, code: longlong) -> None:
        """Report a change that will not go on, and forget it."""
        change = self.state.changes.read(row)
        new = self.get_target(row)
        if change.guard < GUARD_KINDS:
            self.report(PARAMETER_CANCELLED, row, self.get_values(change.guard, change.subject), new, code)
        else:
            self.report(PARAMETER_CANCELLED, row, new, new, code)
        self.forget(row)

    def forget(self, row: longlong) -> None:
        """Release a change that is done, and its timer."""
        venue = self.state.venue.edit(1)
        if self.state.changes.rows[row].timer != NONE:
            self.timers.cancel(self.state.changes.rows[row].timer)
        venue.changes -= 1
        self.state.changes.release(row)

    # Listing.  `scratch` holds the command in hand, or that of the listing whose time has come.

    def list_asset(self, command: pointer[Command]) -> longlong:
        """Propose a new asset."""
        code: longlong = self.governance.check_role(command.flags, False)
        self.load(command.a, command.b, command.c, command.d, command.e)
        return code if code != OK else self.propose_listing(NEW_ASSET, command.flags, self.check_asset())

    def list_market(self, command: pointer[Command]) -> longlong:
        """Propose a new market."""
        code: longlong = self.governance.check_role(command.flags, False)
        self.load(command.a, command.b, command.c, command.d, command.e)
        return code if code != OK else self.propose_listing(NEW_MARKET, command.flags, self.check_market())

    def load(self, a: longlong, b: longlong, c: longlong, d: longlong, e: longlong) -> None:
        """Put the body of a listing into the scratch command."""
        command = address(self.scratch[0])
        command.a = a
        command.b = b
        command.c = c
        command.d = d
        command.e = e

    def propose_listing(self, guard: longlong, role: longlong, code: longlong) -> longlong:
        """Let a listing that was checked wait for its delay."""
        if code != OK:
            return code
        code = self.check_room(guard, 0)
        if code != OK:
            return code
        command = address(self.scratch[0])
        terms = [command.a, command.b, command.c, command.d, command.e]
        row: longlong = self.create(guard, 0, role, [0] * 5, terms)
        change = self.state.changes.edit(row)
        change.is_looser = True
        self.schedule(row, self.state.venue.rows[1].time_us + self.state.venue.rows[1].parameter_delay_us)
        self.report(PARAMETER_PROPOSED, row, [0] * 5, [0] * 5)
        return OK

    def check_asset(self) -> longlong:
        """Return the code of what is wrong with a new asset: the bounds of genesis, with its depth and cap named."""
        asset = as_list_asset(address(self.scratch[0]))
        own: longlong = self.state.assets.rows[NUMERAIRE].group
        code: longlong = self.governance.check_asset(*self.get_asset_terms(asset.group or own))
        if code != OK:
            return code
        if asset.minimum_digits > 18:
            return self.admission.refuse(PARAMETER_RANGE, 18, asset.minimum_digits, 9)
        if asset.depth == 0 or asset.holding_cap == 0:
            return self.admission.refuse(PARAMETER_RANGE, 1, 0, 10)
        if asset.group == own:
            return self.admission.refuse(PARAMETER_RANGE, 0, asset.group, 11)
        return OK

    def get_asset_terms(self, group):
        """Return the terms of a new asset as `Governance.create_asset` takes them."""
        asset = as_list_asset(address(self.scratch[0]))
        minimum = 1
        for _ in range(min(asset.minimum_digits, 18)):
            minimum *= 10
        return (asset.decimals, group, asset.price_shock_ppm, asset.slippage_ppm, asset.basis_ppm, asset.depth,
                asset.holding_cap, asset.collateral_cap, minimum)  # fmt: skip

    def check_market(self) -> longlong:
        """Return the code of what is wrong with a new market: the bounds of genesis, and a lot's worth at the mark."""
        market = as_list_market(address(self.scratch[0]))
        if market.fees_like != NONE and not self.state.has_market(market.fees_like):
            return self.admission.refuse(UNKNOWN_MARKET, 0, 0, market.fees_like)
        code: longlong = self.governance.check_market(*self.get_market_terms())
        if code == OK and not self.oracle.is_lot_worth_bounded(market.asset, market.lot_quanta):
            return self.admission.refuse(PARAMETER_RANGE, MAX_LOT_VALUE, market.lot_quanta, 4)
        return code

    def get_market_terms(self):
        """Return the terms of a new market as `Governance.create_market` takes them."""
        market = as_list_market(address(self.scratch[0]))
        fees = self.state.markets.read(market.fees_like)
        return (market.market_kind, market.asset, market.lot_quanta, market.tick_value, MAX_TICKS, market.minimum_lots,
                fees.maker_ppm, fees.taker_ppm, fees.fee_cap, market.tenor_hours, market.open_interest_cap,
                0, 0)  # fmt: skip

    def launch(self, row: longlong, now_us: longlong) -> None:
        """Make an asset or a market of a listing whose time has come; one that no longer fits is called off."""
        change = self.state.changes.edit(row)
        self.load(change.a, change.b, change.c, change.d, change.e)
        code: longlong = self.check_asset() if change.guard == NEW_ASSET else self.check_market()
        if code != OK:
            self.call_off(row, code)
        elif change.guard == NEW_ASSET:
            self.launch_asset(row, now_us)
        else:
            self.launch_market(row)

    def launch_asset(self, row: longlong, now_us: longlong) -> None:
        """List an asset that counts nothing, and let its holding cap rise from nothing: the listing becomes a ramp."""
        change = self.state.changes.edit(row)
        group: longlong = as_list_asset(address(self.scratch[0])).group
        if group == NONE:
            group = self.governance.create_group()
        terms = self.get_asset_terms(group)
        number: longlong = self.governance.create_asset(*terms)
        asset = self.state.assets.edit(number)
        asset.holding_cap = 1
        new = [terms[5], terms[6], terms[2], terms[3], terms[4]]
        old = [terms[5], 1, terms[2], terms[3], terms[4]]
        event = as_listed(self.outbox.emit(ASSET_LISTED, 0, 0, 0))
        event.change_id = change.id
        event.number = number
        role: longlong = change.role
        self.forget(row)
        row = self.create(ASSET_RISK, number, role, old, new)
        change = self.state.changes.edit(row)
        venue = self.state.venue.read(1)
        change.state = CHANGE_RAMPING
        change.is_looser = True
        change.steps = guards.compute_steps(guards.find_guard(ASSET_RISK), old, new, venue.parameter_delay_us)
        self.schedule(row, now_us + RAMP_STEP)
        self.report(PARAMETER_PROPOSED, row, old, new)

    def launch_market(self, row: longlong) -> None:
        """List a market in prelaunch."""
        number: longlong = self.governance.create_market(*self.get_market_terms())
        market = self.state.markets.edit(number)
        market.mode = PRELAUNCH
        if market.kind < LOAN and self.state.assets.rows[market.asset].mark > 0:
            self.oracle.set_band(number)
        event = as_listed(self.outbox.emit(MARKET_LISTED, 0, number, 0))
        event.change_id = self.state.changes.rows[row].id
        event.number = number
        self.forget(row)

    # The schedule.

    def schedule(self, row: longlong, next_us: longlong) -> None:
        """Note when the next step of a change is due, in the queue of timed work."""
        change = self.state.changes.edit(row)
        change.next_us = next_us
        change.timer = self.timers.schedule(PARAMETER_CHANGE, row, next_us)

    def advance(self, row: longlong, now_us: longlong) -> None:
        """Take the step of a change whose time has come; the command that brings the news is of `now_us`.

        The step after it is due an hour from then: one that is late puts the rest off, and two are never closer.
        """
        change = self.state.changes.edit(row)
        guard: longlong = change.guard
        change.timer = NONE
        if guard >= GUARD_KINDS:
            self.launch(row, now_us)
        elif guard == MARKET_END:
            self.work(row, now_us)
        elif self.check_beside(guard, change.subject, self.get_target(row)) != OK:
            self.call_off(row, PARAMETER_RANGE)
        elif change.step + 1 == change.steps:
            self.move(row, 0)
            self.forget(row)
        else:
            self.move(row, max(now_us, change.next_us) + RAMP_STEP)
            self.schedule(row, change.next_us)

    def work(self, row: longlong, now_us: longlong) -> None:
        """Do a part of a market's end; the rest follows soon."""
        if self.state.changes.rows[row].state == CHANGE_WAITING:
            self.settling.begin(row)
        if self.settling.work(row):
            self.forget(row)
        else:
            self.schedule(row, now_us + SETTLE_PAUSE)

    def move(self, row: longlong, next_us: longlong) -> None:
        """Move all fields of a change's guard together, by one step; the next one is due at `next_us`, if any."""
        change = self.state.changes.edit(row)
        guard = guards.find_guard(change.guard)
        old = self.get_values(change.guard, change.subject)
        change.step += 1
        change.state = CHANGE_RAMPING
        change.next_us = next_us
        new = guards.compute_values(guard, self.get_start(row), self.get_target(row), change.step, change.steps)
        self.set_values(change.guard, change.subject, new)
        self.report(PARAMETER_CHANGED, row, old, new)

    def report(self, kind, row, old, new, code=None):
        """Report every field of a change that moves; a listing or the end of a market has one line of its own."""
        change = self.state.changes.read(row)
        guard = guards.find_guard(change.guard)
        slots = [0]
        if guard is not None and change.guard != MARKET_END:
            slots = [slot for slot in range(5) if guard.fields[slot] is not None and old[slot] != new[slot]]
        for slot in slots:
            market = change.subject if guard is not None and guard.scope == guards.SCOPE_MARKET else 0
            event = as_parameter_changed(self.outbox.emit(kind, change.role if code is None else code, market, 0))
            event.change_id = change.id
            event.old = old[slot]
            event.new = new[slot]
            event.when_us = change.next_us
            event.subject = change.subject
            event.step = change.step
            event.steps = change.steps
            event.guard = change.guard
            event.field = slot

    # Reading and writing the fields.

    def get_target(self, row: longlong):
        """Return the values that a change is to end at."""
        change = self.state.changes.read(row)
        return [change.a, change.b, change.c, change.d, change.e]

    def get_start(self, row: longlong):
        """Return the values that a change began at."""
        change = self.state.changes.read(row)
        return [change.from_a, change.from_b, change.from_c, change.from_d, change.from_e]

    def get_values(self, guard: longlong, subject: longlong):
        """Return the values of a guard's fields, by slot."""
        venue = self.state.venue.read(1)
        if guard == ASSET_RISK or guard == ASSET_LIMITS:
            asset = self.state.assets.read(subject)
            if guard == ASSET_RISK:
                return [asset.depth, asset.holding_cap, asset.price_shock_ppm, asset.slippage_ppm, asset.basis_ppm]
            return [asset.collateral_cap, asset.minimum_principal, 0, 0, 0]
        if guard == MARKET_LIMITS or guard == MARKET_FEES or guard == MARKET_FUNDING:
            market = self.state.markets.read(subject)
            if guard == MARKET_LIMITS:
                return [market.open_interest_cap, market.minimum_lots, market.band_ppm, 0, 0]
            if guard == MARKET_FUNDING:
                return [market.firm_lots, 0, 0, 0, 0]
            return [market.maker_ppm, market.fee_cap, market.taker_ppm, 0, 0]
        if guard == VENUE_RISK:
            return [venue.lent_haircut_ppm, 0, venue.initial_ppm, venue.unwind_ppm, venue.auction_ppm]
        if guard == VENUE_ORDERS:
            return [venue.open_order_multiple, 0, venue.max_fills, venue.crowding_ppm, 0]
        if guard == VENUE_RATES:
            return [venue.fund_price_ppm, venue.fund_limit_ppm, venue.iou_penalty_bp, venue.funding_step_ppb,
                    venue.funding_cap_ppb]  # fmt: skip
        if guard == VENUE_DELAY:
            return [venue.parameter_delay_us, 0, 0, 0, 0]
        if guard == VENUE_LOANS:
            return [venue.renewal_window_us, 0, venue.renewal_fee_ppm, 0, 0]
        if guard == FEE_TIER and subject <= venue.tiers:
            tier = self.state.tiers.read(subject)
            return [tier.fees, 0, tier.maker_cut_ppm, tier.taker_cut_ppm, 0]
        if guard == VENUE_LADDER:
            return [venue.unwind_clock_us, venue.auction_clock_us, venue.slice_ppm, 0, 0]
        return [0, 0, 0, 0, 0]

    def set_values(self, guard: longlong, subject: longlong, values):
        """Set the fields of a guard; where accounts are worth something else by it, their figures are out of date."""
        venue = self.state.venue.edit(1)
        if guard == ASSET_RISK:
            asset = self.state.assets.edit(subject)
            asset.depth, asset.holding_cap, asset.price_shock_ppm, asset.slippage_ppm, asset.basis_ppm = values
            self.expire(asset.group, asset.group)
            if asset.perp_market != NONE and asset.mark > 0:
                self.oracle.set_worth(asset.perp_market)
        elif guard == ASSET_LIMITS:
            asset = self.state.assets.edit(subject)
            asset.collateral_cap, asset.minimum_principal = values[0], values[1]
        elif guard == MARKET_LIMITS:
            market = self.state.markets.edit(subject)
            market.open_interest_cap, market.minimum_lots, market.band_ppm = values[0], values[1], values[2]
            self.governance.set_crowding(subject)
            if market.kind < LOAN and self.state.assets.rows[market.asset].mark > 0:
                self.oracle.set_band(subject)
        elif guard == MARKET_FEES:
            market = self.state.markets.edit(subject)
            market.maker_ppm, market.fee_cap, market.taker_ppm = values[0], values[1], values[2]
        elif guard == VENUE_RISK:
            venue.lent_haircut_ppm = values[0]
            venue.initial_ppm, venue.unwind_ppm, venue.auction_ppm = values[2], values[3], values[4]
            self.expire(1, self.state.groups.get_used())
        elif guard == VENUE_ORDERS:
            venue.open_order_multiple, venue.max_fills, venue.crowding_ppm = values[0], values[2], values[3]
            for row in range(1, venue.markets + 1):
                self.governance.set_crowding(row)
        elif guard == VENUE_RATES:
            venue.fund_price_ppm, venue.fund_limit_ppm = values[0], values[1]
            venue.iou_penalty_bp, venue.funding_step_ppb, venue.funding_cap_ppb = values[2], values[3], values[4]
        elif guard == MARKET_FUNDING:
            market = self.state.markets.edit(subject)
            market.firm_lots = values[0]
        elif guard == VENUE_DELAY:
            venue.parameter_delay_us = values[0]
        elif guard == VENUE_LOANS:
            venue.renewal_window_us, venue.renewal_fee_ppm = values[0], values[2]
        elif guard == FEE_TIER:
            self.state.tiers.cover(subject)
            tier = self.state.tiers.edit(subject)
            tier.fees, tier.maker_cut_ppm, tier.taker_cut_ppm = values[0], values[2], values[3]
            venue.tiers = max(venue.tiers, subject) if tier.fees > 0 else subject - 1
        elif guard == VENUE_LADDER:
            venue.unwind_clock_us, venue.auction_clock_us, venue.slice_ppm = values[0], values[1], values[2]

    def expire(self, first: longlong, last: longlong) -> None:
        """Raise the mark version of groups, and the sum of moves, so that every account is looked at anew."""
        row: longlong
        venue = self.state.venue.edit(1)
        venue.mark_version += 1
        venue.parameter_epoch += 1
        venue.moved_ppb += EXPIRE_PPB
        for row in range(first, last + 1):
            group = self.state.groups.edit(row)
            group.version = venue.mark_version
