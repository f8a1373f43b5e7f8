"""One crash under one policy: the same accounts, books, agents and prices, and what became of everybody."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from time import process_time
from typing import Any

import numpy as np
import polars as pl

from worldmarkets.core import codes
from worldmarkets.core.codec import decode_events
from worldmarkets.exchange import Account, Bundle, Rejected
from worldmarkets.exchange.ladder import STATES
from worldmarkets.exchange.listing import Asset
from worldmarkets.exchange.market import MarketView
from worldmarkets.exchange.results import Fill
from worldmarkets.recorded.crashes import Crash
from worldmarkets.sim import wire
from worldmarkets.sim.portfolios import RUNGS_PPM
from worldmarkets.sim.stress.everybody import Everybody, Holdings
from worldmarkets.sim.stress.makers import Maker
from worldmarkets.sim.stress.outcome import Act, Fate, Latched, Outcome, Setting, compute_notional, measure_legs
from worldmarkets.sim.stress.path import list_bars, make_path
from worldmarkets.sim.stress.policies import Policy
from worldmarkets.sim.stress.population import Holding, draw_population
from worldmarkets.sim.stress.venue import open_venue

STEPS = 900  # into which a crash is divided, about
LENDERS, BIDDERS = 8, 12
PLENTY = 10**10
SPARE = 1.015  # a buyer borrows for what its order may cost at worst: 1 % of slippage, and fees
MILLION = 1_000_000
SAMPLES = 180  # of the course of things, for charts
SOURCES = 3  # of every mark, all of them agreeing

# The kinds of event that a run counts by.
_TOLD = np.zeros(256, np.bool_)
_TOLD[[codes.LATCHED, codes.TRADED, codes.BACKSTOP_TAKEN, codes.RUNG_COST, codes.CONTRACT_COUNTED, codes.CLAIM_PAID,
       codes.CLOSE_OUT_DONE]] = True  # fmt: skip


class Run:
    """A venue in a crash."""

    def __init__(self, crash: Crash, bars: Mapping[str, pl.DataFrame], policy: Policy, setting: Setting) -> None:
        self.crash = crash
        self.policy = policy
        self.setting = setting
        self.seconds = int((crash.end - crash.begin).total_seconds())
        self.step_seconds = max(1, self.seconds // STEPS)
        self.paths = make_paths(crash, bars, self.step_seconds, self.seconds, setting.seed)
        self.assets = list(self.paths)
        self.exchange = open_venue(
            {asset: self.paths[asset][0] for asset in self.assets}, crash.begin, policy.has_rungs
        )
        self.everybody = Everybody(self.exchange)
        self.cash = self.exchange.listing.numeraire.symbol
        self.spots = {asset: self.exchange.market(f"{asset}/{self.cash}") for asset in self.assets}
        self.perps = {asset: self.exchange.market(f"{asset}-PERP") for asset in self.assets}
        self.makers: dict[str, list[Maker]] = {}
        self.people: dict[int, Holding] = {}
        self.latched: dict[int, Latched] = {}
        self.deleveraged: set[int] = set()
        self.broken: set[int] = set()
        self.contagion: set[int] = set()
        self.outcome = Outcome(policy.name, setting)
        self.place = 0
        self._free: set[int] = set()
        self._others: set[int] = set()
        self._held: Holdings | None = None

    # The course of a run.

    def play(self) -> Outcome:
        """Set everybody up, let the crash come, and return what came of it."""
        begin = process_time()
        self._set_marks(0)
        self._open_makers()
        self._open_people()
        steps = self.seconds // self.step_seconds
        for self.place in range(1, steps + 1):
            self._step()
            if self.place % max(1, steps // SAMPLES) == 0:
                self._sample()
        self._conclude()
        self.outcome.cpu_s = process_time() - begin
        return self.outcome

    def _step(self) -> None:
        """Let time pass to the next prices, and let the policy act; nobody of the crowd does anything meanwhile."""
        before = self._held or self.everybody.read()
        self._pass_time(self.crash.begin + timedelta(seconds=self.place * self.step_seconds))
        self._set_marks(self.place)
        for asset, makers in self.makers.items():
            for maker in makers:
                maker.follow(self.paths[asset][self.place])
        self.policy.act(self)
        self._held = self.everybody.read()
        self.broken |= self.everybody.find_worse(before, self._held) & self.people.keys()

    def _pass_time(self, target: datetime) -> None:
        """Let time pass.  Prices stand still meanwhile: who is less than free afterwards is so by what was done."""
        if target > self.exchange.time:
            self._advance((target - self.exchange.time) // timedelta(microseconds=1))

    def _advance(self, microseconds: int) -> None:
        if microseconds or self.exchange.read_row("venue", 1).latched:
            engine = self.exchange.engine
            self._free = {number for number in self.people if engine.get_value(number, MILLION) >= 0}
        target = self.exchange.time_us + microseconds
        while (due := self.exchange.read_row("venue", 1).next_due_us) <= target:
            self._apply(wire.advance_time(max(due, self.exchange.time_us)))
        self._apply(wire.advance_time(target))

    def _apply(self, command: bytes) -> None:
        events = self.exchange.apply_block(command)
        kinds = np.frombuffer(events, np.uint8)[8 :: wire.RECORD_BYTES]
        assert kinds[-1] != codes.REJECTED
        for place in np.flatnonzero(_TOLD[kinds]).tolist():
            self._read(decode_events(events[place * wire.RECORD_BYTES : (place + 1) * wire.RECORD_BYTES]))

    def _set_marks(self, place: int) -> None:
        """Set all marks; what one makes due is done before the next, so that no close-out falls together with one."""
        for asset, path in self.paths.items():
            self._mark(asset, path[place])
            self._advance(0)
        self._mark(self.cash, 1.0)
        self._advance(0)

    def _mark(self, symbol: str, price: float) -> None:
        asset = self.exchange.listing.asset(symbol)
        self._apply(wire.set_mark(self.exchange.time_us, asset.number, round(price * 10**6) * 100, SOURCES, SOURCES))

    def _read(self, events: Sequence[Any]) -> None:
        """Count what the engine says of its rungs and close-outs."""
        cash = self.exchange.listing.numeraire
        for event in events:
            match event.kind:
                case codes.LATCHED:
                    self.note_latched(self.exchange.get_account(event.account))
                case codes.TRADED:
                    self._note_trade(event)
                case codes.BACKSTOP_TAKEN:
                    self._note_act(event.account, "slice taken by a bidder", size=float(event.lots))
                case codes.RUNG_COST:
                    self._charge(event.account, event.lost_to_slippage + event.fees + event.discount)
                    if event.code == codes.STATE_FREE and event.account in self.latched:
                        self._note_act(event.account, "free again")
                case codes.CONTRACT_COUNTED:
                    self._others.add(event.other)
                case codes.CLAIM_PAID if event.code == codes.AS_BALANCE:
                    self._note_payment(event)
                case codes.CLOSE_OUT_DONE:
                    if event.code != codes.RECOVERED:
                        self.outcome.closed_out += 1
                        self.outcome.bad_debt += float(cash.from_quanta(event.unpaid))
                        self._note_act(event.account, "closed out")
                        self._note_contagion(self._others & self._free)
                    self._others.clear()

    def _note_contagion(self, were_free: set[int]) -> None:
        """Note those who were free before somebody else's default, and are not after it."""
        for number in were_free:
            if self.exchange.engine.get_value(number, MILLION) < 0:
                self.contagion.add(number)

    def _note_trade(self, event: Any) -> None:
        """Note what the engine traded for an account; what it cost is in the receipt of the rung."""
        market = self.exchange.listing.market(event.market)
        what = "bought" if event.code == codes.BUY else "sold"
        size, price = market.from_lots(event.lots), market.from_ticks(event.price_ticks)
        self._note_act(event.account, f"{what} {market.kind}", market.asset, float(size), float(price))

    def _note_payment(self, event: Any) -> None:
        """Count what a creditor was given at less than the mark."""
        asset = self.exchange.listing.asset(event.asset)
        mark = self.exchange.prices.get(asset.symbol, Decimal(1))
        given = asset.from_quanta(event.amount) * mark
        self._charge(event.account, max(self.exchange.listing.numeraire.to_quanta(f"{given:.6f}") - event.value, 0))

    def _charge(self, number: int, quanta: int) -> None:
        if number in self.latched:
            self.latched[number].cost += self.exchange.listing.numeraire.from_quanta(quanta)

    def _note_act(self, number: int, what: str, asset: Asset | None = None, size: float = 0, price: float = 0) -> None:
        if number in self.latched:
            mark = float(self.get_mark(asset.symbol)) if asset else 0.0
            symbol = asset.symbol if asset else ""
            self.latched[number].acts.append(Act(self._get_seconds(), what, symbol, size, price, mark))

    def _get_seconds(self) -> float:
        return (self.exchange.time - self.crash.begin).total_seconds()

    # Who is there.

    def _open_makers(self) -> None:
        for asset in self.assets:
            depth = float(self._find_asset(asset).depth or 0) * self.setting.depth
            self.makers[asset] = []
            for market in (self.spots[asset], self.perps[asset]):
                account = self.exchange.account(f"maker {market.symbol}")
                account.deposit(self.cash, PLENTY)
                account.deposit(asset, str(int(PLENTY / 10 / self.paths[asset][0])))
                self.makers[asset].append(Maker(self.exchange, account, market.symbol, depth, self.step_seconds))
        for number in range(LENDERS):
            lender = self.exchange.account(f"lender {number}")
            lender.deposit(self.cash, PLENTY // 100)
            lender.lend(self.cash, PLENTY // 200, rate=f"{5 + number}%")
        if self.policy.has_rungs:
            for number in range(BIDDERS):
                bidder = self.exchange.account(f"bidder {number}")
                bidder.deposit(self.cash, 2_000_000)
                bidder.submit.bid_backstop(1_000_000, Decimal(f"0.{5 + 5 * number:02}"))

    def _open_people(self) -> None:
        shocks = {asset: self._find_asset(asset).price_shock_ppm / MILLION for asset in self.assets}
        population = draw_population(self.setting.accounts, shocks, self.setting.seed, self.setting.leverage)
        for asset, makers in self.makers.items():
            for maker in makers:
                maker.follow(self.paths[asset][0])
        for holding in population:
            account = self.exchange.account(holding.name)
            account.deposit(self.cash, f"{holding.equity:.2f}")
            self._take(account, holding)
            self.people[account.number] = holding
            if len(self.people) % 20 == 0:
                for makers in self.makers.values():
                    for maker in makers:
                        maker.quote()

    def _take(self, account: Account, holding: Holding) -> None:
        """Let an account get what it sets out to have, at once or not at all; those that are refused are counted."""
        notional, asset = holding.notional, holding.asset
        try:
            with account.bundle() as legs:
                if holding.kind in ("long", "short", "pair"):
                    self._open_perp(legs, asset, notional if holding.kind != "short" else -notional)
                    if holding.other:
                        self._open_perp(legs, holding.other, -notional)
                else:
                    lacking = notional * SPARE - holding.equity
                    if lacking > 10:
                        legs.borrow(self.cash, int(lacking), "30%")
                    market = self.spots[asset]
                    legs.buy(market.symbol, _round(notional / self.paths[asset][0], market), None, slippage="1%")
                    if holding.kind == "basis":
                        self._open_perp(legs, asset, -notional)
        except Rejected:
            self.outcome.refused += 1

    def _open_perp(self, legs: Bundle, asset: str, notional: float) -> None:
        market = self.perps[asset]
        side = "buy" if notional > 0 else "sell"
        legs.order(market.symbol, side, _round(abs(notional) / self.paths[asset][0], market), None, slippage="1%")

    # What policies ask and say.

    def list_below(self) -> list[Account]:
        """Return the accounts of people with V(account, 1) below zero, the least resilient first.

        Those that are worth less than nothing are the engine's: it closes them out.
        """
        engine = self.exchange.engine
        below = []
        contracts = self.exchange.table("accounts")["contracts"]
        for number in self.people:
            if contracts[number] and engine.get_value(number, MILLION) < 0 <= engine.get_value(number, 0):
                below.append((engine.get_resilience(number), number))
        return [self.exchange.get_account(number) for _, number in sorted(below)]

    def note_latched(self, account: Account) -> None:
        """Note what an account holds when it first comes below."""
        if account.number not in self.people:
            return
        if account.number not in self.latched:
            held, marks = measure_legs(account, self.cash), self.exchange.prices
            notional = compute_notional(held, marks)
            self.latched[account.number] = Latched(self._get_seconds(), account.value(0), held, marks, notional)
        self._note_act(account.number, "latched")

    def note_fills(self, account: Account, fills: Sequence[Fill], asset: str, what: str) -> None:
        """Count what forced fills of an account gave away against the mark, and their fees."""
        if account.number not in self.latched:
            return
        mark = self.get_mark(asset)
        for fill in fills:
            given = (mark - fill.price if fill.side == "sell" else fill.price - mark) * fill.size
            self.latched[account.number].cost += given + fill.fee
            self._note_act(account.number, what, self.exchange.listing.asset(asset), float(fill.size),
                           float(fill.price))  # fmt: skip

    @contextmanager
    def watch(self, other: Account) -> Iterator[None]:
        """Watch somebody whose position is closed because another cannot pay."""
        was_free, held = other.value(1) >= 0, measure_legs(other, self.cash)
        yield
        if measure_legs(other, self.cash) != held:
            self.deleveraged.add(other.number)
            if was_free:
                self._note_contagion({other.number})

    @contextmanager
    def without_makers(self, asset: str) -> Iterator[None]:
        """Empty an asset's perp book of the makers' quotes for a moment."""
        maker = self.makers[asset][1]
        maker.pull()
        yield
        maker.quote()

    def rank(self, asset: str, is_long: bool, against: Account) -> list[tuple[Account, Decimal]]:
        """Return the accounts on the other side and their sizes, the highest profit times leverage first.

        Profit is a share of the notional, and leverage the notional over what the account is worth: so their product
        is the profit over what the account is worth.
        """
        number, lot = self.exchange.listing.asset(asset).number, self.perps[asset].listed.lot
        held, mark = self.everybody.read(), float(self.get_mark(asset))
        sizes, profits = held.perp[:, number], held.perp[:, number] * mark - held.cost[:, number]
        ranked = []
        for other in np.flatnonzero((sizes < 0 if is_long else sizes > 0) & (profits > 0)).tolist():
            value = self.exchange.engine.get_value(other, 0)
            if other in self.people and other != against.number and value > 0:
                ranked.append((-profits[other] / value, other))
        lots = [(other, round(abs(sizes[other]) / float(lot))) for _, other in sorted(ranked)]
        return [(self.exchange.get_account(other), count * lot) for other, count in lots]

    def get_mark(self, asset: str) -> Decimal:
        """Return the mark of an asset."""
        return self.exchange.prices[asset]

    def get_tolerance(self, asset: str) -> str:
        """Return how far from the mark a rival's taker order in a perp may go: one and a half slippage shocks."""
        return f"{self._find_asset(asset).slippage_ppm * 15 // 1_000 / 100:.2f}%"

    def _find_asset(self, symbol: str) -> Any:
        return next(asset for asset in self.exchange.genesis.assets if asset.symbol == symbol)

    # What came of it.

    def _sample(self) -> None:
        states = [0] * len(STATES)
        engine = self.exchange.engine
        contracts = self.exchange.table("accounts")["contracts"]
        for number in self.people:
            if contracts[number]:
                states[engine.get_state(number) if self.policy.has_rungs else self._judge(number)] += 1
        row = {"seconds": float(self.place * self.step_seconds)}
        row |= {f"price {asset}": path[self.place] for asset, path in self.paths.items()}
        row |= dict(zip(STATES, map(float, states), strict=True))
        row["latched"] = float(len(self.latched))
        row["bad debt"] = self.outcome.bad_debt
        row["depth"] = self.makers[self.assets[0]][1].compute_depth_share()
        self.outcome.course.append(row)

    def _judge(self, number: int) -> int:
        """The state that an account would have on a venue with the usual rungs."""
        return sum(self.exchange.engine.get_value(number, rung) < 0 for rung in RUNGS_PPM)

    def _conclude(self) -> None:
        """Add everything up; rungs that are not over yet cost what they have so far."""
        outcome = self.outcome
        for latch in self.exchange.table("latches")[1:]:
            if latch["account"]:
                self._charge(int(latch["account"]), int(latch["slippage"] + latch["fees"] + latch["discount"]))
        outcome.fates = [self._describe(number) for number in self.people]
        outcome.latched = len(self.latched)
        outcome.deleveraged = len(self.deleveraged)
        outcome.hedges_broken = len(self.broken)
        outcome.contagion_accounts = len(self.contagion)
        latched = [fate for fate in outcome.fates if fate.latched is not None]
        outcome.notional = sum(fate.notional for fate in latched)
        if outcome.notional:
            outcome.kept_share = sum(fate.kept for fate in latched) / outcome.notional
            outcome.loss_beyond_price = sum(fate.cost for fate in latched) / outcome.notional
        outcome.bad_debt += sum(-min(fate.worth, 0.0) for fate in outcome.fates)
        outcome.violations = self.exchange.audit()

    def _describe(self, number: int) -> Fate:
        """What became of an account."""
        holding, account = self.people[number], self.exchange.get_account(number)
        plain = Fate(holding.name, holding.kind, holding.equity, float(account.value(0)))
        latched = self.latched.get(number)
        if latched is None:
            return plain
        kept = latched.compute_kept(measure_legs(account, self.cash))
        held = {f"{asset} {leg}": float(size) for (asset, leg), size in latched.held.items() if size}
        return replace(plain, latched=latched.seconds, notional=float(latched.notional), kept=float(kept),
                       cost=float(latched.cost), held=held, acts=latched.acts)  # fmt: skip


def make_paths(
    crash: Crash, bars: Mapping[str, pl.DataFrame], step_seconds: int, seconds: int, seed: int
) -> dict[str, list[float]]:
    """Return a path for every asset; the one with the shortest bars guides the others."""
    order = sorted(crash.bars, key=lambda asset: (crash.bars[asset][1], asset))
    paths: dict[str, list[float]] = {}
    for asset in order:
        minutes = crash.bars[asset][1]
        chance = random.Random(f"path {asset} {seed}")
        is_longer = minutes > crash.bars[order[0]][1]
        guide = paths[order[0]] if is_longer else None
        paths[asset] = make_path(list_bars(bars[asset], minutes, crash.begin), step_seconds, seconds, chance, guide)
    return {asset: paths[asset] for asset in crash.bars}


def _round(size: float, market: MarketView) -> Decimal:
    return (Decimal(size) / market.listed.lot).to_integral_value(ROUND_DOWN) * market.listed.lot
