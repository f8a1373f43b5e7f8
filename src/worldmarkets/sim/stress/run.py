"""One crash under one policy: the same accounts, books, agents and prices, and what became of everybody."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

import polars as pl

from worldmarkets.core import codes
from worldmarkets.exchange import Account
from worldmarkets.exchange.market import MarketView
from worldmarkets.exchange.results import Fill
from worldmarkets.recorded.crashes import Crash
from worldmarkets.sim.stress.makers import Maker
from worldmarkets.sim.stress.path import list_bars, make_path
from worldmarkets.sim.stress.policies import Policy
from worldmarkets.sim.stress.population import Holding, draw_population
from worldmarkets.sim.stress.venue import open_venue

STEPS = 900  # into which a crash is divided, about
LENDERS, BIDDERS = 8, 12
PLENTY = 10**10
MILLION = 1_000_000
SAMPLES = 180  # of the course of things, for charts
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is drawn with: how many accounts, which seed, and what is scaled for the table of sensitivities."""

    accounts: int = 3_000
    seed: int = 1
    depth: float = 1.0
    leverage: float = 1.0


@dataclass(slots=True)
class Latched:
    """An account from the moment it came below: what it held then, at the marks of then."""

    time: int
    value: Decimal
    held: Mapping[tuple[str, str], Decimal]
    marks: Mapping[str, Decimal]
    notional: Decimal
    cost: Decimal = Decimal(0)


@dataclass(slots=True)
class Outcome:
    """What came of a run.  Amounts are numeraire; `course` has what charts need, a row a sample."""

    policy: str
    latched: int = 0
    notional: float = 0.0
    kept_share: float = 1.0
    bad_debt: float = 0.0
    loss_beyond_price: float = 0.0
    contagion_accounts: int = 0
    hedges_broken: int = 0
    closed_out: int = 0
    deleveraged: int = 0
    violations: list[str] = field(default_factory=list)
    course: list[dict[str, float]] = field(default_factory=list)
    by_kind: dict[str, dict[str, float]] = field(default_factory=dict)

    def get_measures(self) -> dict[str, float | int]:
        """The measures that policies are compared by."""
        names = ("kept_share", "bad_debt", "loss_beyond_price", "contagion_accounts", "hedges_broken")
        return {name: getattr(self, name) for name in names}


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
        self.exchange = open_venue(self.assets, crash.begin, policy.has_rungs)
        self.cash = self.exchange.listing.numeraire.symbol
        self.spots = {asset: self.exchange.market(f"{asset}/{self.cash}") for asset in self.assets}
        self.perps = {asset: self.exchange.market(f"{asset}-PERP") for asset in self.assets}
        self.makers: dict[str, list[Maker]] = {}
        self.people: dict[int, Holding] = {}
        self.latched: dict[int, Latched] = {}
        self.deleveraged: set[int] = set()
        self.broken: set[int] = set()
        self.contagion: set[int] = set()
        self.outcome = Outcome(policy.name)
        self.place = 0
        self._deltas: dict[int, dict[str, Decimal]] = {}
        self._free: set[int] = set()
        self._creditors: set[int] = set()

    # The course of a run.

    def play(self, on_progress: Progress | None = None) -> Outcome:
        """Set everybody up, let the crash come, and return what came of it."""
        self._set_marks(0)
        self._open_makers()
        self._open_people()
        steps = self.seconds // self.step_seconds
        for self.place in range(1, steps + 1):
            self._step()
            if self.place % max(1, steps // SAMPLES) == 0:
                self._sample()
            if on_progress is not None:
                on_progress(self.place, steps)
        return self._conclude()

    def _step(self) -> None:
        self._pass_time()
        self._set_marks(self.place)
        for asset, makers in self.makers.items():
            for maker in makers:
                maker.quote(self.paths[asset][self.place])
        self._note_engine()
        self.policy.act(self)

    def _pass_time(self) -> None:
        before = self.exchange.time
        target = self.crash.begin + timedelta(seconds=self.place * self.step_seconds)
        if target > before:
            self._remember()
            self._read(self.exchange.at(target))
            self._note_engine()

    def _set_marks(self, place: int) -> None:
        for asset, path in self.paths.items():
            self._read(self.exchange.mark(asset, Decimal(f"{path[place]:.6f}")).events)
        self._read(self.exchange.mark(self.cash, "1").events)

    def _read(self, events: Sequence[Any]) -> None:
        """Count what the engine says of its rungs and close-outs."""
        cash = self.exchange.listing.numeraire
        for event in events:
            if event.kind == codes.RUNG_COST and event.account in self.latched:
                given = event.lost_to_slippage + event.fees + event.discount
                self.latched[event.account].cost += cash.from_quanta(given)
            elif event.kind == codes.CLAIM_PAID:
                self._creditors.add(event.creditor)
            elif event.kind == codes.CLOSE_OUT_DONE:
                self.outcome.closed_out += 1
                self.outcome.bad_debt += float(cash.from_quanta(event.unpaid))
                if event.unpaid:
                    self._note_contagion()
                self._creditors.clear()

    def _note_contagion(self) -> None:
        """Note those who were free before a close-out that did not pay them whole, and are not any more."""
        for number in self._creditors & self._free:
            if self.exchange.engine.get_value(number, MILLION) < 0:
                self.contagion.add(number)

    # Who is there.

    def _open_makers(self) -> None:
        for asset in self.assets:
            depth = float(self._find_asset(asset).depth or 0) * self.setting.depth
            self.makers[asset] = []
            for market in (self.spots[asset], self.perps[asset]):
                account = self.exchange.account(f"maker {market.symbol}")
                account.deposit(self.cash, PLENTY)
                account.deposit(asset, str(int(PLENTY / 10 / self.paths[asset][0])))
                maker = Maker(self.exchange, account, market.symbol, depth, self.step_seconds)
                self.makers[asset].append(maker)
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
        for makers in self.makers.values():
            for maker in makers:
                maker.quote(self.paths[_get_asset(maker)][0])
        for holding in population:
            account = self.exchange.account(holding.name)
            account.deposit(self.cash, f"{holding.equity:.2f}")
            self._take(account, holding)
            self.people[account.number] = holding
            if len(self.people) % 20 == 0:
                for makers in self.makers.values():
                    for maker in makers:
                        maker.quote(self.paths[_get_asset(maker)][0])

    def _take(self, account: Account, holding: Holding) -> None:
        """Let an account get what it sets out to have; what the venue refuses it does without."""
        notional = holding.notional
        if holding.kind in ("long", "short", "pair"):
            self._open_perp(account, holding.asset, notional if holding.kind != "short" else -notional)
            if holding.other:
                self._open_perp(account, holding.other, -notional)
        else:
            lacking = notional - 0.99 * holding.equity
            if lacking > 10:
                account.submit.borrow(self.cash, int(lacking), "30%")
            market = self.spots[holding.asset]
            size = _round(notional / self.paths[holding.asset][0], market)
            account.submit.buy(market.symbol, size, None, slippage="1%")
            if holding.kind == "basis":
                self._open_perp(account, holding.asset, -notional)

    def _open_perp(self, account: Account, asset: str, notional: float) -> None:
        market = self.perps[asset]
        size = _round(abs(notional) / self.paths[asset][0], market)
        if size > 0:
            account.submit.order(market.symbol, "buy" if notional > 0 else "sell", size, None, slippage="1%")

    # What policies ask and say.

    def list_below(self) -> list[Account]:
        """Return the accounts of people with V(account, 1) below zero, the least resilient first."""
        engine = self.exchange.engine
        below = []
        contracts = self.exchange.table("accounts")["contracts"]
        for number in self.people:
            if contracts[number] and engine.get_value(number, MILLION) < 0 <= engine.get_value(number, 0):
                below.append((engine.get_resilience(number), number))
        return [self.exchange.get_account(number) for _, number in sorted(below)]

    def note_latched(self, account: Account) -> None:
        """Note what an account holds when it first comes below."""
        if account.number in self.latched or account.number not in self.people:
            return
        held = measure_legs(account, self.cash)
        marks = self.exchange.prices
        notional = sum((abs(size) * marks[asset] for (asset, _), size in held.items()), Decimal(0))
        self.latched[account.number] = Latched(self.place, account.value(0), held, marks, notional)

    def note_fills(self, account: Account, fills: Sequence[Fill], market: str) -> None:
        """Count what forced fills of an account gave away against the mark, and their fees."""
        if account.number not in self.latched:
            return
        mark = self.get_mark(self.exchange.listing.market(market).asset.symbol)
        for fill in fills:
            given = (mark - fill.price if fill.side == "sell" else fill.price - mark) * fill.size
            self.latched[account.number].cost += given + fill.fee

    @contextmanager
    def watch(self, account: Account, is_forced_on: bool = False) -> Iterator[None]:
        """Watch the net delta of an account while something is done in its name."""
        before = measure_deltas(account, self.cash)
        yield
        if account.number in self.people and is_worse(before, measure_deltas(account, self.cash)):
            self.broken.add(account.number)

    @contextmanager
    def without_makers(self, asset: str) -> Iterator[None]:
        """Empty an asset's perp book of the makers' quotes for a moment."""
        maker = self.makers[asset][1]
        maker.pull()
        yield
        maker.quote(self.paths[asset][self.place])

    def rank(self, asset: str, is_long: bool, against: Account) -> list[tuple[Account, Decimal]]:
        """Return the opposite accounts and sizes, the highest profit times leverage first."""
        found = []
        for number in self.people:
            if number == against.number:
                continue
            account = self.exchange.get_account(number)
            position = next((one for one in account.positions if one.asset == asset), None)
            if position is None or position.perp == 0 or (position.perp < 0) != is_long:
                continue
            mark = self.get_mark(asset)
            profit = position.perp * mark - position.perp_cost
            value = account.value(0)
            if profit > 0 and value > 0:
                leverage = abs(position.perp) * mark / value
                found.append((profit / (abs(position.perp) * mark) * leverage, number, abs(position.perp)))
        found.sort(key=lambda one: (-one[0], one[1]))
        return [(self.exchange.get_account(number), size) for _, number, size in found]

    def get_mark(self, asset: str) -> Decimal:
        """Return the mark of an asset."""
        return self.exchange.prices[asset]

    def get_tolerance(self, asset: str) -> str:
        """Return how far from the mark a rival's taker order in a perp may go: one and a half slippage shocks."""
        return f"{self._find_asset(asset).slippage_ppm * 15 // 1_000 / 100:.2f}%"

    # What the engine did.

    def _remember(self) -> None:
        """Remember the deltas of those whom the engine may act on, and who is free."""
        engine = self.exchange.engine
        self._free = {number for number in self.people if engine.get_value(number, MILLION) >= 0}
        if not self.policy.has_rungs:
            return
        states = self.exchange.table("accounts")["state"]
        self._deltas = {
            number: measure_deltas(self.exchange.get_account(number), self.cash)
            for number in self.people
            if states[number] >= codes.STATE_UNWIND
        }

    def _note_engine(self) -> None:
        """Note who is latched by the engine, and whose delta it raised."""
        if not self.policy.has_rungs:
            return
        states = self.exchange.table("accounts")["state"]
        for number in self.people:
            if states[number] >= codes.STATE_UNWIND:
                self.note_latched(self.exchange.get_account(number))
        for number, before in self._deltas.items():
            if is_worse(before, measure_deltas(self.exchange.get_account(number), self.cash)):
                self.broken.add(number)
        self._deltas = {}

    def _find_asset(self, symbol: str) -> Any:
        return next(asset for asset in self.exchange.genesis.assets if asset.symbol == symbol)

    # What came of it.

    def _sample(self) -> None:
        states = [0] * 5
        engine = self.exchange.engine
        contracts = self.exchange.table("accounts")["contracts"]
        for number in self.people:
            if contracts[number]:
                states[engine.get_state(number) if self.policy.has_rungs else self._judge(number)] += 1
        row = {"seconds": float(self.place * self.step_seconds)}
        row |= {f"price {asset}": path[self.place] for asset, path in self.paths.items()}
        row |= dict(zip(("free", "margin call", "unwind", "auction", "close-out"), map(float, states), strict=True))
        row["latched"] = float(len(self.latched))
        row["depth"] = self.makers[self.assets[0]][1].compute_depth_share()
        self.outcome.course.append(row)

    def _judge(self, number: int) -> int:
        """The state that an account would have on a venue with the usual rungs."""
        engine = self.exchange.engine
        for state, severity in ((4, 0), (3, 300_000), (2, 600_000), (1, MILLION)):
            if engine.get_value(number, severity) < 0:
                return state
        return 0

    def _conclude(self) -> Outcome:
        outcome = self.outcome
        outcome.latched = len(self.latched)
        outcome.deleveraged = len(self.deleveraged)
        outcome.hedges_broken = len(self.broken)
        outcome.contagion_accounts = len(self.contagion)
        notional = kept = cost = Decimal(0)
        for number, latched in self.latched.items():
            held = measure_legs(self.exchange.get_account(number), self.cash)
            still = sum((_keep(before, held.get(leg, Decimal(0))) * latched.marks[leg[0]]
                         for leg, before in latched.held.items()), Decimal(0))  # fmt: skip
            notional, kept, cost = notional + latched.notional, kept + still, cost + latched.cost
            kind = outcome.by_kind.setdefault(self.people[number].kind, {"latched": 0, "notional": 0.0, "kept": 0.0})
            kind["latched"] += 1
            kind["notional"] += float(latched.notional)
            kind["kept"] += float(still)
        outcome.notional = float(notional)
        outcome.kept_share = float(kept / notional) if notional else 1.0
        outcome.loss_beyond_price = float(cost / notional) if notional else 0.0
        outcome.bad_debt += sum(
            -float(self.exchange.get_account(number).value(0))
            for number in self.people
            if self.exchange.engine.get_value(number, 0) < 0
        )
        outcome.violations = self.exchange.audit()
        return outcome


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


def measure_legs(account: Account, cash: str) -> dict[tuple[str, str], Decimal]:
    """Return what an account holds of each asset but the numeraire: its spot, less debts, and its perp."""
    legs = {}
    for position in account.positions:
        if position.asset != cash:
            legs[position.asset, "spot"] = position.balance - position.borrowed + position.lent
            legs[position.asset, "perp"] = position.perp
    return legs


def measure_deltas(account: Account, cash: str) -> dict[str, Decimal]:
    """Return the net delta of an account in every asset but the numeraire: its spot and its perp together."""
    deltas: dict[str, Decimal] = {}
    for (asset, _), size in measure_legs(account, cash).items():
        deltas[asset] = deltas.get(asset, Decimal(0)) + size
    return deltas


def is_worse(before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> bool:
    """Say whether the delta of any asset grew, beyond what a lot is."""
    return any(
        abs(after.get(asset, Decimal(0))) > abs(before.get(asset, Decimal(0))) * Decimal("1.0001") + Decimal("0.002")
        for asset in {*before, *after}
    )


def _keep(before: Decimal, after: Decimal) -> Decimal:
    """How much of a holding is still there; one that turned over is gone."""
    return min(abs(before), abs(after)) if before * after > 0 else Decimal(0)


def _round(size: float, market: MarketView) -> Decimal:
    return (Decimal(size) / market.listed.lot).to_integral_value(ROUND_DOWN) * market.listed.lot


def _get_asset(maker: Maker) -> str:
    return str(maker.market.listed.asset.symbol)
