"""The ladder under crashes: portfolios, plans and prices at random, every turn of every latched account looked at.

A turn is a command of its own, since time goes from one due time to the next.  So what an account is worth before and
after its turn is seen here from outside, with marks that stand still.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from tests.exchange.ladders import PRICES, D, enter, only, open_ladder, own_orders
from tests.properties.soak import SEED, chapters
from worldmarkets.core import codes
from worldmarkets.core.audit import compute_violations
from worldmarkets.exchange import Account, Rejected, Step

PERPS = {"ETH-PERP": "ETH", "BTC-PERP": "BTC", "SOL-PERP": "SOL"}
STATES = ("free", "margin call", "unwind", "auction", "close-out")


class Crash:
    """A venue with traders near their edges, and prices that fall and rise."""

    def __init__(self, seed: int, traders: int):
        self.chance = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.exchange = open_ladder(unwind_clock_seconds=60, auction_clock_seconds=30, slice_ppm=20_000)
        self.prices = {asset: D(price) for asset, price in PRICES.items()}
        self.lender = enter(self.exchange, "lender", USDM="50_000_000")
        self.lender.lend("USDM", "5_000_000", rate="5%")
        self.maker = enter(self.exchange, "maker", USDM="900_000_000", ETH="90_000", BTC="900", SOL="90_000")
        self.plans: dict[int, list[int]] = {}
        self.latched: dict[int, list[int]] = {}
        self.traders = [self.enter_trader(number) for number in range(traders)]

    def enter_trader(self, number: int) -> Account:
        """Return an account with positions of some thousands, leaned out, and perhaps a plan."""
        trader = enter(self.exchange, f"trader {number}", USDM=str(self.chance.randrange(400, 1_200)))
        saver = self.exchange.account(f"trader {number}", index=1)
        saver.deposit("USDM", str(self.chance.randrange(1, 300)))
        for market, asset in self.chance.sample(sorted(PERPS.items()), self.chance.randrange(1, 4)):
            size = (D(self.chance.randrange(1_000, 6_000)) / self.prices[asset]).quantize(D("0.01")) or D("0.01")
            side, other = (trader.buy, self.maker.sell) if self.chance.random() < 0.7 else (trader.sell, self.maker.buy)
            self.maker.cancel_all(market)
            other(market, size, self.prices[asset])
            try:
                side(market, size, self.prices[asset], ioc=True)
            except Rejected:
                self.counts["refused"] += 1
        if self.chance.random() < 0.4:
            try:
                trader.borrow("USDM", "1_000", rate="6%", ioc=True)
                self.maker.sell("ETH/USDM", "0.45", self.prices["ETH"])
                trader.buy("ETH/USDM", "0.45", self.prices["ETH"], ioc=True)
            except Rejected:
                self.counts["refused"] += 1
        if self.chance.random() < 0.6:
            trader.set_plan(self.choose_plan(trader, saver))
        return trader

    def choose_plan(self, trader: Account, saver: Account) -> list[Step]:
        steps = [Step.top_up(saver, "50%"), Step.sell("ETH/USDM", "30%", "2%")]
        steps += [Step.repay(loan.id, "50%") for loan in trader.loans[:1]]
        for market in PERPS:
            make = Step.close if self.chance.random() < 0.7 else Step.hedge
            steps.append(make(market, f"{self.chance.randrange(1, 101)}%", f"{self.chance.randrange(1, 20)}bp"))
        self.chance.shuffle(steps)
        return steps[: self.chance.randrange(1, len(steps) + 1)]

    def run(self, moves: int) -> None:
        """Let prices move, and some seconds pass after each move."""
        for _ in range(moves):
            for asset in PERPS.values():
                self.prices[asset] = (self.prices[asset] * D(str(1 + self.chance.uniform(-0.07, 0.04)))).quantize(
                    D("0.1")
                )
            self.bid()
            for asset in PERPS.values():
                self.see(list(self.exchange.mark(asset, self.prices[asset]).events), {})
            self.wait(self.chance.choice((2, 5, 62)))
            assert compute_violations(self.exchange.engine) == []

    def bid(self) -> None:
        """Put thin quotes around the prices, as far as feeds allow."""
        for market, asset in PERPS.items():
            price = self.prices[asset]
            self.maker.submit.cancel_all(market)
            for level in range(1, 4):
                step = (price * level / 2_000).quantize(D("0.1")) or D("0.1")
                size = (D(self.chance.randrange(50, 900)) / price).quantize(D("0.01")) or D("0.01")
                self.maker.submit.buy(market, size, price - step)
                self.maker.submit.sell(market, size, price + step)

    def wait(self, seconds: int) -> None:
        """Let seconds pass, turn by turn."""
        target = self.exchange.time_us + seconds * 10**6
        engine = self.exchange.engine
        passing = self.exchange.pass_time(target)
        while True:
            before = {}
            for account in self.latched:
                rho = engine.get_resilience(account)
                before[account] = (rho, engine.get_value(account, max(rho, 0)), engine.get_value(account, 10**6))
            events = next(passing, None)
            if events is None:
                return
            self.see(list(events), before)

    def see(self, events: list[Any], before: dict[int, tuple[int, int, int]]) -> None:
        """Hold what a command did to the rules of the ladder."""
        engine = self.exchange.engine
        order = {event.order_id: event.account for event in own_orders(events)}
        for event in events:
            account = event.account
            if event.kind == codes.LATCHED:
                self.counts["latched"] += 1
                self.latched[account] = [0]
            elif event.kind == codes.ORDER_PLACED and event.flags & codes.ENGINE_ORDER:
                assert account in self.latched, "9: it trades latched accounts only"
                self.counts["slices"] += 1
            elif event.kind == codes.STEP_ENDED:
                assert event.place == self.latched[account][0] + 1, "9: a plan's own order"
                self.latched[account][0] = event.place
                self.counts["passed over" if event.code else "steps"] += 1
            elif event.kind == codes.RUNG_COST:
                self.counts[f"left for {STATES[event.code]}"] += 1
                if event.code == codes.STATE_FREE:
                    del self.latched[account]
            elif event.kind == codes.MARGIN_CALLED:
                self.counts["margin calls"] += 1
            elif event.kind == codes.WORK_DEFERRED:
                raise AssertionError(f"work failed: {event.as_dict()}")
        for account in set(order.values()):
            if account in before:
                rho, at_rho, initial = before[account]
                assert engine.get_value(account, max(rho, 0)) >= at_rho, "no slice lets V at rho fall"
                assert engine.get_value(account, 10**6) >= initial
        if before:  # with a mark, that could have freed it instead
            self.check_cures(events, order)

    def check_cures(self, events: list[Any], order: dict[int, int]) -> None:
        """An account that a slice freed would not be free with a lot less: a lot frees at most what it is worth."""
        for event in only(events, codes.RUNG_COST):
            traded = [fill for fill in only(events, codes.TRADED) if fill.taker_order in order]
            mine = [fill for fill in traded if fill.account == event.account]
            if event.code == codes.STATE_FREE and mine:
                market = self.exchange.listing.market(mine[-1].market)
                asset = market.asset.symbol
                lot = market.from_lots(1) * self.exchange.prices[asset]
                ended = [end for end in only(events, codes.RUNG_ENDED) if end.account == event.account][-1]
                # Sized with its fee, which is waived where there is no money for it: that much may be beyond the cure.
                waived = sum(fill.lots * fill.price_ticks for fill in mine) * market.tick_value // 1_000
                cure = self.exchange.listing.numeraire.to_quanta(lot.quantize(D("0.000001")))
                assert ended.initial_after <= cure + waived + 2
                self.counts["cured by a slice"] += 1


def run_crash(seed: int, traders: int, moves: int) -> Counter[str]:
    crash = Crash(seed, traders)
    crash.run(moves)
    crash.wait(100)  # longer than both clocks: whoever is latched still is in close-out, or free
    for account in crash.latched:
        assert crash.exchange.get_account(account).state in ("close-out", "free"), "it ends"
    assert compute_violations(crash.exchange.engine) == []
    return crash.counts


def test_crashes():
    total: Counter[str] = Counter()
    for seed in range(SEED, SEED + 6):
        counts = run_crash(seed, traders=12, moves=14)
        print(f"seed {seed}", dict(sorted(counts.items())))
        total += counts
    for name, least in {
        "latched": 20, "slices": 40, "steps": 10, "passed over": 2, "left for free": 5, "cured by a slice": 3,
        "left for auction": 3, "margin calls": 10,
    }.items():  # fmt: skip
        assert total[name] >= least, (name, total)


@pytest.mark.both
def test_a_small_crash_interpreted_too():
    counts = run_crash(3, traders=5, moves=6)
    assert counts["latched"] > 0


@pytest.mark.soak
def test_many_crashes():
    total: Counter[str] = Counter()
    for chapter in chapters("ladder", 2_000):
        total += run_crash(SEED + 1_000 + chapter, traders=12, moves=14)
    print(dict(sorted(total.items())))
