"""Unwinding: what the exchange trades for a latched account, one slice at a time.

First its orders go, all but reduce-only ones.  Then the steps of its own plan, in its order, and when those are through
the default plan: of all legs the one that frees most V(initial) for what it costs.  A slice is an order of the
exchange's own, immediate or cancel, within the band and within its market's budget; it is tried first and taken back
where the account would not be admitted for it, and it is no larger than what cures the account.
Source: docs/spec/ladder.md.
"""

from __future__ import annotations

import cython
from cython import address, longlong

from worldmarkets.core.admission import Admission
from worldmarkets.core.atlas import Atlas
from worldmarkets.core.fees import Fees
from worldmarkets.core.flows.borrow import BorrowFlow
from worldmarkets.core.flows.due import DueFlow
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.matching import Matching
from worldmarkets.core.orders import Orders
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import *
    from worldmarkets.core.records import (
        Account,
        Asset,
        Event,
        Figure,
        Latch,
        Loan,
        Market,
        Order,
        Position,
        Side,
        Step,
        Venue,
        address,
        as_funds_moved,
        as_step_ended,
        as_traded,
    )
    from worldmarkets.core.units import (
        LADDER_FILLS,
        LADDER_ROUND,
        LADDER_SKIPS,
        LADDER_TOP,
        LADDER_TRIES,
        MAX_CASH,
        MAX_LOTS,
        MAX_SKIPS,
        MAX_SUPPLY,
        MILLION,
        SIDES,
        STEPS_A_TURN,
    )
    from worldmarkets.core.wide import (
        clamp_wide,
        magnitude,
        mul_div_ceil,
        mul_div_floor,
        narrow_floor,
        wide,
        wide_div_floor,
    )


@cython.final
@cython.cclass
class Unwind:
    """Slices of plans."""

    state: State
    ledger: Ledger
    atlas: Atlas
    admission: Admission
    fees: Fees
    orders: Orders
    matching: Matching
    borrow_flow: BorrowFlow
    due_flow: DueFlow
    outbox: Outbox
    market: longlong
    side: longlong
    lots: longlong
    position: longlong
    freed: longlong
    cost: longlong
    passed: longlong[::1]
    count: longlong
    is_waived: cython.bint  # no fee is counted for reducing a perp: below the auction rung it costs none

    def __init__(
        self, state: State, ledger: Ledger, atlas: Atlas, admission: Admission, fees: Fees, orders: Orders,
        matching: Matching, borrow_flow: BorrowFlow, due_flow: DueFlow, outbox: Outbox,
    ):  # fmt: skip
        self.state = state
        self.ledger = ledger
        self.atlas = atlas
        self.admission = admission
        self.fees = fees
        self.orders = orders
        self.matching = matching
        self.borrow_flow = borrow_flow
        self.due_flow = due_flow
        self.outbox = outbox
        self.passed = memoryview(bytearray(8 * STEPS_A_TURN)).cast("q")
        self.is_waived = False
        self.forget()

    def forget(self) -> None:
        """Forget the legs of the turn before."""
        self.market = NONE
        self.side = BUY
        self.lots = 0
        self.position = NONE
        self.freed = 0
        self.cost = 0
        self.count = 0

    def begin(self, account: longlong) -> longlong:
        """Freeze the plan of an account that is latched, and let its orders go; return the steps of the plan."""
        record = self.state.accounts.read(account)
        latch = self.state.latches.edit(record.latch)
        row: longlong = record.plan
        steps: longlong = 0
        latch.step = row
        while row != NONE:
            steps += 1
            row = self.state.steps.rows[row].next
        self.orders.start_sweep(account, REASON_LADDER)
        return steps

    def run(self, account: longlong) -> None:
        """Take the unwind's part of an account's turn: one slice, and the steps before it that need no market."""
        looks: longlong = 0
        is_over: cython.bint = not self.cancel_orders(account)
        latch = self.state.latches.read(self.state.accounts.rows[account].latch)
        self.is_waived = self.atlas.compute_value(account, self.state.venue.rows[1].auction_ppm) < 0
        while latch.step != NONE and not is_over and looks < STEPS_A_TURN and not self.is_cured(account):
            is_over = self.take_step(account)
            looks += 1
        if latch.step == NONE and not is_over and not self.is_cured(account):
            self.take_default(account)

    def is_cured(self, account: longlong) -> cython.bint:
        """Say whether an account is free again."""
        return self.atlas.compute_value(account, self.state.venue.rows[1].initial_ppm) >= 0

    def cancel_orders(self, account: longlong) -> cython.bint:
        """Cancel some of the orders that an account had at its latch; say whether none of them is left."""
        turn: longlong
        for turn in range(STEPS_A_TURN):
            if not self.orders.sweep(account):
                return True
        return False

    # The trader's own plan.

    def take_step(self, account: longlong) -> cython.bint:
        """Do a part of the step that a plan has come to; say whether the turn is over."""
        latch = self.state.latches.edit(self.state.accounts.rows[account].latch)
        step = self.state.steps.read(latch.step)
        done: longlong
        if step.step == PLAN_CANCEL:
            self.cancel(account, step.subject)
            self.end_step(account, False)
            return False
        if step.step == PLAN_TOP_UP:
            self.top_up(account, step.subject, step.share_ppm)
            self.end_step(account, False)
            return False
        if step.step == PLAN_REPAY:
            self.repay(account, step.subject, step.share_ppm)
            self.end_step(account, False)
            return False
        self.aim(account, step.step, step.subject)
        if not latch.is_begun:
            latch.is_begun = 1
            latch.left = mul_div_ceil(self.lots, step.share_ppm, MILLION)
        if min(self.lots, latch.left) == 0:
            self.end_step(account, False)
            return False
        if self.get_budget(self.market) == 0:
            return True  # others were before it: it is not the step that fails
        done = self.trade(min(self.lots, latch.left), step.slippage_ppm, step.step == PLAN_CLOSE)
        latch.left -= done
        latch.done += done
        latch.tries = 0 if done > 0 else latch.tries + 1
        if latch.left == 0 or latch.tries == LADDER_TRIES:
            self.end_step(account, latch.left > 0)
            return done > 0
        return True

    def end_step(self, account: longlong, is_passed: cython.bint) -> None:
        """Report a step that is done, or passed over, and go on to the next."""
        latch = self.state.latches.edit(self.state.accounts.rows[account].latch)
        step = self.state.steps.read(latch.step)
        event = as_step_ended(self.outbox.emit(STEP_ENDED, is_passed, 0, account))
        event.place = step.place
        event.step = step.step
        event.subject = step.subject
        event.done = latch.done
        event.left = latch.left
        latch.step = step.next
        latch.is_begun = 0
        latch.tries = 0
        latch.left = 0
        latch.done = 0

    def cancel(self, account: longlong, order_id: longlong) -> None:
        """Cancel an order that a plan names, if it is still there."""
        slot: longlong = self.orders.find(order_id)
        if slot != NONE and self.state.orders.rows[slot].account == account:
            self.orders.cancel(slot, REASON_LADDER, 0, 0)

    def top_up(self, account: longlong, source: longlong, share_ppm: longlong) -> None:
        """Move numeraire from another account of the owner: what is short, while that one stays free without profit."""
        latch = self.state.latches.edit(self.state.accounts.rows[account].latch)
        record = self.state.accounts.read(source)
        undo: longlong = self.state.undo.begin()
        events: longlong = self.outbox.length
        amount: longlong = min(
            -self.atlas.compute_value(account, self.state.venue.rows[1].initial_ppm),
            mul_div_floor(self.ledger.get_cash(source), share_ppm, MILLION),
        )  # fmt: skip
        self.admission.take(self.matching.taker, source)
        self.matching.taker.is_cautious = True
        if record.contracts > 0:
            amount = min(amount, self.atlas.compute_cautious(source, self.state.venue.rows[1].initial_ppm))
        if amount > 0 and record.ious == 0 and record.state == STATE_FREE and self.ledger.pay(source, account, amount):
            event = as_funds_moved(self.outbox.emit(TRANSFERRED, 0, 0, source))
            event.amount = amount
            event.balance = self.ledger.get_cash(source)
            event.asset = NUMERAIRE
            event.to = account
            latch.brought += amount
            latch.done = amount
            if self.admission.check(self.matching.taker) != OK:
                self.state.undo.rollback(undo)
                self.outbox.length = events

    def repay(self, account: longlong, contract_id: longlong, share_ppm: longlong) -> None:
        """Repay a loan that a plan names, as far as a share of the balance goes."""
        row: longlong = self.due_flow.loans.find(contract_id)
        latch = self.state.latches.edit(self.state.accounts.rows[account].latch)
        if row != NONE and self.state.loans.rows[row].borrower == account:
            asset: longlong = self.state.loans.rows[row].asset
            latch.done = self.repay_loan(
                row, mul_div_floor(self.ledger.get_balance(account, asset), share_ppm, MILLION)
            )

    def repay_loan(self, row: longlong, budget: longlong) -> longlong:
        """Repay a loan as far as `budget` goes, unless that made its borrower worse off; return the principal."""
        undo: longlong = self.state.undo.begin()
        events: longlong = self.outbox.length
        loan = self.state.loans.read(row)
        lender: longlong = loan.lender
        market: longlong = loan.market
        rate: longlong = loan.lender_rate_bp
        is_returning: cython.bint = not loan.flags & LOAN_NO_RELEND
        identity: longlong = loan.id
        principal: longlong = loan.principal
        if loan.flags & LOAN_IOU:
            return 0
        self.admission.take(self.matching.taker, loan.borrower)
        self.due_flow.repay(row, budget)
        if self.due_flow.loans.find(identity) != NONE:
            principal -= self.state.loans.rows[row].principal
        if self.admission.check(self.matching.taker) != OK:
            self.state.undo.rollback(undo)
            self.outbox.length = events
            return 0
        if is_returning and principal > 0:
            self.borrow_flow.return_to_book(lender, market, principal, rate)
        return principal

    def aim(self, account: longlong, kind: longlong, market: longlong) -> None:
        """Set the market, side, position and lots of a step: the whole of what it may trade."""
        asset: longlong = self.state.markets.rows[market].asset
        self.market = market
        self.position = self.ledger.find(account, asset)
        self.lots = 0
        self.side = SELL
        if kind == PLAN_HEDGE:
            self.position = self.ledger.need(account, asset) if self.ledger.has_room(account, asset) else NONE
            if self.position != NONE:
                self.aim_hedge(market)
        elif self.position != NONE and kind == PLAN_SELL:
            self.lots = self.state.positions.rows[self.position].balance // self.state.markets.rows[market].lot_quanta
        elif self.position != NONE:
            self.lots = self.state.positions.rows[self.position].lots
            if self.lots < 0:
                self.side = BUY
            self.lots = magnitude(self.lots)

    @cython.overflowcheck(False)
    def aim_hedge(self, market: longlong) -> None:
        """Aim at what offsets the net worth of a position's group in a perp market, down to a lot."""
        net: wide = 0
        lot: wide = self.state.markets.rows[market].lot_quanta
        quanta: wide
        row: longlong = self.state.figures.rows[self.state.positions.rows[self.position].figure].first_position
        while row != NONE:
            position = self.state.positions.read(row)
            asset = self.state.assets.read(position.asset)
            quanta = position.balance
            quanta += position.lent
            quanta -= position.owed
            net += quanta * asset.unit
            if position.lots != 0:
                quanta = self.state.markets.rows[asset.perp_market].lot_quanta
                net += quanta * asset.unit * position.lots
            row = position.next
        lot *= self.state.assets.rows[self.state.markets.rows[market].asset].unit
        if net < 0:
            self.side = BUY
            net = -net
        if lot > 0:
            self.lots = min(narrow_floor(clamp_wide(wide_div_floor(net, lot), MAX_SUPPLY), 1), MAX_LOTS)

    # Slices.

    def trade(self, lots: longlong, slippage_ppm: longlong, is_reducing: cython.bint) -> longlong:
        """Trade up to `lots` of what is aimed at, in one order of the exchange's own; return how many were.

        An order that trades nothing, or that its account is not admitted for, leaves no trace.  Nor does one that cured
        it with a part of the fee waived, for want of numeraire: it was too large by that part, and is sized anew.
        """
        account: longlong = self.state.positions.rows[self.position].account
        price: longlong = self.compute_limit(slippage_ppm)
        undo: longlong = self.state.undo.begin()
        events: longlong = self.outbox.length
        fills: longlong = self.matching.fills
        skips: longlong = self.matching.skips
        slices: longlong = self.matching.slices
        traded: longlong = self.attempt(account, lots, price, is_reducing)
        if traded > 0 and not self.is_waived and self.matching.taker.is_waived and self.is_cured(account):
            self.state.undo.rollback(undo)
            self.outbox.length = events
            self.matching.fills = fills
            self.matching.skips = skips
            self.matching.slices = slices
            self.is_waived = True
            traded = self.attempt(account, lots, price, is_reducing)
            self.is_waived = False
        if traded == 0:
            self.state.undo.rollback(undo)
            self.outbox.length = events
        else:
            self.count_slice(account, events)
        return traded

    def attempt(self, account: longlong, lots: longlong, price: longlong, is_reducing: cython.bint) -> longlong:
        """Send a slice of up to `lots` of what is aimed at; return how many traded, 0 when it must be taken back."""
        traded: longlong = 0
        slot: longlong
        lots = self.fit(min(lots, self.get_budget(self.market)), price)
        if lots > 0 and self.matching.check_risk(self.position, self.market, self.side, lots) == OK:
            self.admission.take(self.matching.taker, account)
            slot = self.matching.create(
                self.position, self.market, self.side, price, lots, ENGINE_ORDER | (REDUCE_ONLY if is_reducing else 0)
            )
            self.matching.report_placed(slot, IMMEDIATE_OR_CANCEL)
            self.limit_work(True)
            self.matching.execute(slot, IMMEDIATE_OR_CANCEL)
            self.limit_work(False)
            traded = lots - self.matching.left
            if traded > 0 and self.admission.check(self.matching.taker) != OK:
                traded = 0
        return traded

    def limit_work(self, is_limited: cython.bint) -> None:
        """Leave one slice a part of the fills and skips of a command, or give the rest back."""
        fills: longlong = max(0, self.state.venue.rows[1].max_fills - LADDER_FILLS)
        skips: longlong = MAX_SKIPS - LADDER_SKIPS
        if is_limited:
            self.matching.fills += fills
            self.matching.skips += skips
        else:
            self.matching.fills -= fills
            self.matching.skips -= skips

    def compute_limit(self, slippage_ppm: longlong) -> longlong:
        """Return the worst price of a slice in ticks: within its slippage limit, and within the band."""
        rules = self.state.markets.read(self.market)
        price: longlong = self.matching.compute_bound(self.market, self.side, slippage_ppm)
        return min(price, rules.band_high_ticks) if self.side == BUY else max(price, rules.band_low_ticks, 1)

    def get_best(self, market: longlong, side: longlong) -> longlong:
        """Return the best price that an order on this side could trade at, in ticks, or 0."""
        best: longlong = self.state.sides.rows[SIDES * market + 1 - side].best
        if best == 0:
            return 0
        return LADDER_TOP - best if side == BUY else best

    def get_budget(self, market: longlong) -> longlong:
        """Return how many lots latched accounts may still trade in a market within this second."""
        rules = self.state.markets.read(market)
        venue = self.state.venue.read(1)
        depth: longlong = self.state.assets.rows[rules.asset].depth
        left: longlong = mul_div_floor(depth, venue.slice_ppm, MILLION)
        if depth == 0:
            return MAX_LOTS
        if venue.time_us < rules.slice_us + LADDER_ROUND:
            left -= rules.sliced
        return max(left, 0) // max(self.atlas.compute_worth(market, 1), 1)

    def can_trade(self, limit: longlong) -> cython.bint:
        """Say whether what is aimed at can meet an order at `limit` or better."""
        best: longlong = self.get_best(self.market, self.side)
        is_open: cython.bint = (
            self.state.venue.rows[1].mode == OPEN and self.state.markets.rows[self.market].mode == OPEN
        )
        return is_open and best != 0 and (best <= limit if self.side == BUY else best >= limit)

    def fit(self, lots: longlong, limit: longlong) -> longlong:
        """Return the lots of a slice: what cures the account at the best price, or the part of `lots` that helps it.

        No slice trades at better than the best price, so that a lot fewer would not have cured the account.
        """
        account: longlong = self.state.positions.rows[self.position].account
        rules = self.state.markets.read(self.market)
        best: longlong = self.get_best(self.market, self.side)
        if lots <= 0 or not self.can_trade(limit):
            return 0
        lots = min(lots, MAX_LOTS, MAX_SUPPLY // rules.lot_quanta, MAX_CASH // (max(limit, best) * rules.tick_value))
        if rules.kind == SPOT and self.side == BUY:
            lots = min(lots, self.compute_bought(account, limit))
        return self.fit_at(lots, best)

    def fit_at(self, lots: longlong, best: longlong) -> longlong:
        """Return the part of `lots` that helps the account most at a price, and no more than what cures it."""
        account: longlong = self.state.positions.rows[self.position].account
        now: longlong = self.atlas.get_initial(account)
        cured: longlong
        low: longlong = 0
        middle: longlong
        cured = now - self.atlas.compute_value(account, self.state.venue.rows[1].initial_ppm)
        lots = self.find_peak(lots, best)
        if lots <= 0 or self.predict(lots, best) <= now:
            return 0
        if self.predict(lots, best) >= cured:
            while lots - low > 1:
                middle = (low + lots) // 2
                if self.predict(middle, best) >= cured:
                    lots = middle
                else:
                    low = middle
        return lots

    def find_peak(self, lots: longlong, best: longlong) -> longlong:
        """Return how many of `lots` would raise V(initial) most: what hedges a group helps until the group is even.

        V is concave in what is traded, so that of two places on the way the higher one is nearer to the peak.
        """
        low: longlong = 0
        third: longlong
        while lots - low > 2:
            third = (lots - low) // 3
            if self.predict(low + third, best) < self.predict(lots - third, best):
                low += third
            else:
                lots -= third
        return lots

    def compute_bought(self, account: longlong, price: longlong) -> longlong:
        """Return how many lots an account's numeraire pays for at a price, with the fee."""
        rules = self.state.markets.read(self.market)
        lot: longlong = price * rules.tick_value
        return self.ledger.get_cash(account) // max(lot + mul_div_ceil(lot, rules.taker_ppm, MILLION), 1)

    def predict(self, lots: longlong, price: longlong) -> longlong:
        """Return V(initial) as if `lots` of what is aimed at had been traded at a price, with their fee."""
        account: longlong = self.state.positions.rows[self.position].account
        rules = self.state.markets.read(self.market)
        charged: longlong = lots
        fee: longlong
        if self.is_waived and rules.kind == PERP:
            charged = max(lots - self.matching.get_reducible(self.position, self.side), 0)
        fee = self.fees.compute(account, self.market, True, charged * price * rules.tick_value, 0)
        return self.matching.compute_filled(self.position, self.market, self.side, price, lots, fee)

    def count_slice(self, account: longlong, events: longlong) -> None:
        """Count a slice towards its market's budget, and what it cost towards the account's receipt."""
        latch = self.state.latches.edit(self.state.accounts.rows[account].latch)
        rules = self.state.markets.edit(self.market)
        now: longlong = self.state.venue.rows[1].time_us
        cash: longlong = 0
        lots: longlong = 0
        worth: longlong
        row: longlong
        for row in range(events, self.outbox.length):
            event = as_traded(address(self.outbox.rows[row]))
            if event.kind == TRADED and event.account == account and event.market == self.market:
                cash += event.lots * event.price_ticks * rules.tick_value
                lots += event.lots
        worth = self.atlas.compute_worth(self.market, lots)
        if now >= rules.slice_us + LADDER_ROUND:
            rules.slice_us = now
            rules.sliced = 0
        rules.sliced += worth
        latch.slippage += worth - cash if self.side == SELL else cash - worth
        latch.fees += self.matching.paid
        latch.slices += 1

    # The default plan.

    def take_default(self, account: longlong) -> None:
        """Repay what the account's own balances can; then trade the leg that frees most V(initial) for its cost.

        One that trades nothing is passed over for the next best.
        """
        turn: longlong
        traded: longlong = 0
        self.forget()
        self.repay_all(account)
        for turn in range(STEPS_A_TURN):
            if traded == 0 and not self.is_cured(account):
                self.find_leg(account)
                if self.market != NONE:
                    traded = self.trade(
                        self.lots, self.state.markets.rows[self.market].band_ppm,
                        self.state.markets.rows[self.market].kind == PERP,
                    )  # fmt: skip
                    self.passed[self.count] = self.market
                    self.count += 1

    def find_leg(self, account: longlong) -> None:
        """Aim at the leg that frees most V(initial) per unit of cost, of those not passed over; or at none."""
        best_market: longlong = NONE
        best_side: longlong = BUY
        best_lots: longlong = 0
        best_position: longlong = NONE
        best_freed: longlong = 0
        best_cost: longlong = 1
        turn: longlong
        row: longlong
        figure: longlong = self.state.accounts.rows[account].first_group
        while figure != NONE:
            row = self.state.figures.rows[figure].first_position
            while row != NONE:
                for turn in range(SIDES):
                    self.aim_leg(row, turn == 1)
                    if self.market != NONE and self.weigh() and self.is_better(best_freed, best_cost):
                        best_market = self.market
                        best_side = self.side
                        best_lots = self.lots
                        best_position = row
                        best_freed = self.freed
                        best_cost = self.cost
                row = self.state.positions.rows[row].next
            figure = self.state.figures.rows[figure].next
        self.market = best_market
        self.side = best_side
        self.lots = best_lots
        self.position = best_position

    def aim_leg(self, row: longlong, is_perp: cython.bint) -> None:
        """Aim at closing one position's perp, or its holding or debt in the spot market; `market` is 0 without one."""
        position = self.state.positions.read(row)
        asset = self.state.assets.read(position.asset)
        quanta: longlong = position.balance
        turn: longlong
        self.position = row
        self.market = asset.perp_market if is_perp else asset.spot_market
        self.lots = position.lots
        if self.market != NONE and not is_perp:
            if quanta == 0:
                quanta = -position.borrowed
            self.lots = magnitude(quanta) // self.state.markets.rows[self.market].lot_quanta
            if quanta < 0:
                self.lots = -self.lots - 1
        self.side = SELL if self.lots > 0 else BUY
        self.lots = magnitude(self.lots)
        if self.lots == 0:
            self.market = NONE
        for turn in range(self.count):
            if self.passed[turn] == self.market:
                self.market = NONE

    def weigh(self) -> cython.bint:
        """Work out what the leg aimed at would free, and cost, at the best price; say whether it frees anything."""
        account: longlong = self.state.positions.rows[self.position].account
        rules = self.state.markets.read(self.market)
        price: longlong = self.get_best(self.market, self.side)
        cash: longlong
        worth: longlong
        self.lots = self.fit(min(self.lots, self.get_budget(self.market)), self.compute_limit(rules.band_ppm))
        if self.lots == 0:
            return False
        cash = self.lots * price * rules.tick_value
        worth = self.atlas.compute_worth(self.market, self.lots)
        self.cost = worth - cash if self.side == SELL else cash - worth
        self.cost = max(self.cost + self.fees.compute(account, self.market, True, cash, 0), 1)
        self.freed = self.predict(self.lots, price) - self.atlas.get_initial(account)
        return True

    @cython.overflowcheck(False)
    def is_better(self, freed: longlong, cost: longlong) -> cython.bint:
        """Say whether the leg aimed at frees more for its cost than another."""
        own: wide = self.freed
        other: wide = freed
        return own * cost > other * self.cost

    # Repayments.

    def repay_all(self, account: longlong) -> None:
        """Repay the account's loans from its balances, pro rata among the lenders of an asset.

        Numeraire that the fees of closing all perps may take is kept back.
        """
        figure: longlong = self.state.accounts.rows[account].first_group
        row: longlong
        budget: longlong
        while figure != NONE:
            row = self.state.figures.rows[figure].first_position
            while row != NONE:
                position = self.state.positions.read(row)
                if position.loans > 0:
                    budget = position.balance
                    if position.asset == NUMERAIRE:
                        budget -= self.compute_reserve(account)
                    if budget >= self.state.assets.rows[position.asset].minimum_principal:
                        self.repay_shares(row, budget)
                row = position.next
            figure = self.state.figures.rows[figure].next

    def repay_shares(self, row: longlong, budget: longlong) -> None:
        """Repay all loans of a position, each by its part of the budget."""
        position = self.state.positions.read(row)
        total: longlong = position.borrowed
        count: longlong = position.loans
        loan: longlong = position.first_borrowed
        following: longlong
        turn: longlong
        for turn in range(count):
            following = self.state.loans.rows[loan].borrower_next
            self.repay_loan(loan, mul_div_floor(budget, self.state.loans.rows[loan].principal, total))
            loan = following

    def compute_reserve(self, account: longlong) -> longlong:
        """Return the fees of closing all perps of an account at the mark, and of the same again."""
        total: longlong = 0
        figure: longlong = self.state.accounts.rows[account].first_group
        row: longlong
        while figure != NONE:
            row = self.state.figures.rows[figure].first_position
            while row != NONE:
                position = self.state.positions.read(row)
                if position.lots != 0:
                    market: longlong = self.state.assets.rows[position.asset].perp_market
                    total += 2 * mul_div_ceil(
                        min(self.atlas.compute_worth(market, magnitude(position.lots)), MAX_CASH),
                        self.state.markets.rows[market].taker_ppm, MILLION,
                    )  # fmt: skip
                row = position.next
            figure = self.state.figures.rows[figure].next
        return total
