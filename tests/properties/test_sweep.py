"""The sweep beside a naive one: an account that was not looked at must be in the state that a look would find.

`WORLDMARKETS_CAMPAIGN` scales the share under `-m soak`; a failure names its seed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter

import pytest

from tests.models.naive_ladder import FREE, NaiveLadder
from tests.properties import soak
from tests.properties.campaign import BTC, ETH, FIRST_MARKS, STETH, USDM, Chapter, Every, encode
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.digest import compute_digest
from worldmarkets.core.engine import Engine
from worldmarkets.core.units import FAR_PPB, HOUR, MAX_VISITS

USD = 10**6
START_US = 1_700_000_000_000_000
NEVER = 1 << 60
QUIET = Every(**dict.fromkeys(Every.__dataclass_fields__, NEVER))
SMALL = {"nodes": 1 << 12, "children": 1 << 18, "levels": 1 << 18, "orders": 1 << 14, "clients": 1 << 10}


# Beside the naive exchange: every value of the ladder is that of the model written from the protocol.


class LadderChapter(Chapter):
    """A chapter whose accounts' states are those of the naive ladder over the naive exchange."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, QUIET)
        self.generator.move_mark = self.move_mark
        self.generator.rescue = self.generator.place
        self.generator.bundle = self.generator.nonsense = self.generator.probe = self.generator.go_to_the_edge
        self.ladder = NaiveLadder(lambda account, severity: self.shadow.model.compute_value(account, severity))
        self.held: dict[int, object] = {}

    def move_mark(self) -> bytes:
        """Move a mark by a few percent, confirmed by every source."""
        asset = self.random.choice((BTC, ETH, ETH, STETH))
        price = int(self.generator.mark(asset) * (1 + self.random.uniform(-0.1, 0.1)))
        return self.generator.set_mark(asset, min(max(price, FIRST_MARKS[asset] // 3), FIRST_MARKS[asset] * 3))

    def get_held(self) -> dict[int, object]:
        """Return what each account has, by the model."""
        held: dict[int, object] = {}
        for (account, asset), row in sorted(self.shadow.model.sum_positions().items()):
            held[account] = (*held.get(account, ()), asset, *sorted(row.items()))
        return held

    def step(self, commands: list[bytes]) -> None:
        super().step(commands)
        kind, events = commands[0][16], self.events[-1]
        held = self.get_held()
        if kind in (c.SET_MARK, c.ADVANCE_TIME) and events[-64 + 8] != c.REJECTED:
            for account in range(1, self.world.accounts() + 1):
                self.counts[f"ladder state {self.ladder.look(account)}"] += 1
        else:  # whoever is not free and changed is looked at when the command is done
            for account, state in self.ladder.states.items():
                if state != FREE and held.get(account) != self.held.get(account):
                    self.ladder.look(account)
        self.held = held
        for account, kept in enumerate(self.world.rows("accounts")["state"].tolist()):
            assert account == 0 or kept == self.ladder.get(account), f"account {account} is kept in state {kept}"


@pytest.mark.both
@pytest.mark.slow
def test_states_are_those_of_the_naive_ladder():
    counts: Counter[str] = Counter()
    for seed in range(7_000, 7_003):
        chapter = LadderChapter(seed)
        chapter.run(900 if COMPILED else 150)
        counts += chapter.counts
        assert not compute_violations(chapter.world.engine)
    print({name: count for name, count in sorted(counts.items()) if name.startswith("ladder")})
    latched = counts["ladder state 2"] + counts["ladder state 3"]
    assert not COMPILED or min(counts["ladder state 1"], latched + 1, counts["ladder state 4"]) > 1


# Many accounts, random simultaneous marks, funding: values from scratch by the engine itself, tested elsewhere.

DEPTH = 2_000_000 * USD
RISKS = (  # group, rp, rs, rb, depth, holding cap
    (2, 100_000, 3_000, 0, 0, 0),
    (3, 120_000, 4_000, 5_000, DEPTH, 0),
    (3, 120_000, 8_000, 15_000, DEPTH // 10, DEPTH),
    (4, 400_000, 30_000, 0, DEPTH // 50, 0),
)
MARK = 2_000 * 10**8
TICK = 40
MID = 2 * USD // TICK  # of a lot of 2 USD


class Venue:
    """A venue of perp and spot markets in four assets whose accounts hold whatever a seed gives them."""

    def __init__(self, seed: int, accounts: int, trades: int = 3, risks: tuple = RISKS,
                 lot_quanta: int = 100_000, tick: int = TICK, **options: int) -> None:  # fmt: skip
        self.chance = random.Random(seed)
        self.engine = engine = Engine(SMALL)
        engine.state.open()
        rules = engine.governance
        rules.open_venue(START_US, **options)
        for _ in range(4):
            rules.add_group()
        rules.add_asset(6, 1)
        for group, shock, slippage, basis, depth, cap in risks:
            rules.add_asset(8, group, shock, slippage, basis, depth, cap)
        self.assets = range(2, 2 + len(risks))
        for kind in (c.PERP, c.SPOT):
            for asset in self.assets:
                rules.add_market(kind, asset, lot_quanta, tick)
        self.loans = 2 * len(risks) + 1
        rules.add_market(c.LOAN, USDM, USD, tenor_hours=240)
        self.now = START_US
        self.prices = dict.fromkeys(self.assets, MARK)
        self.accounts = accounts
        self.visited = 0
        self.populate(trades * accounts)

    def send(self, record: type[r.Record], kind: int, account: int = 0, **values: int) -> bytes:
        return self.engine.apply(encode(record, kind=kind, time_us=self.now, account=account, **values))

    def mark(self, asset: int) -> None:
        self.send(r.SetMark, c.SET_MARK, asset=asset, price=self.prices[asset], source_time_us=self.now, sources=3,
                  agreeing=3)  # fmt: skip

    def trade(self, seller: int, buyer: int, market: int, lots: int, price: int = MID) -> None:
        for account, side in ((seller, c.SELL), (buyer, c.BUY)):
            self.send(r.PlaceOrder, c.PLACE_ORDER, account, market=market, side=side, price_ticks=price, lots=lots)

    def populate(self, trades: int) -> None:
        """Give every account deposits, and some of them perps, holdings, loans."""
        chance = self.chance
        lender = self.accounts + 1
        for account in range(1, lender + 1):
            self.send(r.OpenAccount, c.OPEN_ACCOUNT, owner_high=account, owner_low=account)
            self.send(r.Funds, c.DEPOSIT, account, asset=USDM, amount=50_000 * USD * (100 if account == lender else 1))
        for asset in self.assets:
            self.mark(asset)
        self.send(r.PlaceOrder, c.PLACE_ORDER, lender, market=self.loans, side=c.SELL, price_ticks=500, lots=4_000_000)
        for account in range(1, lender):
            if chance.random() < 0.3:
                self.send(r.Funds, c.DEPOSIT, account, asset=chance.choice(self.assets),
                          amount=int(10 ** chance.uniform(6, 11)))  # fmt: skip
            if chance.random() < 0.6:
                self.send(r.PlaceOrder, c.PLACE_ORDER, account, market=self.loans, side=c.BUY, price_ticks=600,
                          lots=chance.randint(100, 40_000))  # fmt: skip
        for _ in range(trades):
            seller, buyer = chance.sample(range(1, lender), 2)
            market = chance.choice(self.assets) - 1 + chance.choice((0, 0, len(RISKS)))
            self.trade(seller, buyer, market, int(10 ** chance.uniform(1, 5)))

    def lean_out(self, account: int, left: int) -> None:
        """Let an account withdraw until V(1) is `left`, if it can."""
        value = self.engine.get_value(account, 10**6)
        if value > left:
            self.send(r.Funds, c.WITHDRAW, account, asset=USDM, amount=value - left)

    def check(self, counts: Counter[str]) -> None:
        """Compare every kept state with the one from scratch."""
        engine = self.engine
        states = r.Account * (self.accounts + 2)
        kept = states.from_buffer(engine.state.accounts.view(0, self.accounts + 2))
        for account in range(1, self.accounts + 1):
            found = engine.get_state(account)
            counts[f"state {found}"] += 1
            assert kept[account].state == found, f"account {account}: {kept[account].state} kept, {found} from scratch"
        assert engine.get_missed() == 0
        counts["valued"] += self.accounts
        counts["visited"] += engine.get_visited() - self.visited
        self.visited = engine.get_visited()


def run_marks(seed: int, accounts: int, turns: int) -> Counter[str]:
    """Move marks at random and compare every account after every command; return what was seen."""
    counts: Counter[str] = Counter()
    venue = Venue(seed, accounts)
    chance = venue.chance
    for account in range(1, accounts + 1, 2):
        venue.lean_out(account, chance.choice((0, 1, 10, 10**6, chance.randrange(10**9))))
    venue.send(r.Command, c.ADVANCE_TIME)
    venue.check(counts)
    for turn in range(turns):
        venue.now += chance.choice((1, 10**6, 3 * 10**6))
        size = chance.choice((0.00001, 0.0005, 0.0005, 0.002, 0.002, 0.01, 0.05, 0.1))
        if chance.random() < 0.02:
            size = 0.5
        for asset in venue.chance.sample(venue.assets, chance.randint(1, 4)):
            price = venue.prices[asset] * (1 + chance.uniform(-size, size))
            venue.prices[asset] = int(min(max(price, MARK // 8), 8 * MARK))
            venue.mark(asset)
            venue.check(counts)
        if chance.random() < 0.3:
            venue.trade(*chance.sample(range(1, accounts + 1), 2), chance.choice(venue.assets) - 1, 50,
                        max(venue.prices[2] * MID // MARK, 1))  # fmt: skip
        if chance.random() < 0.1:
            venue.lean_out(chance.randint(1, accounts), chance.choice((0, 1, 10**5)))
        if chance.random() < 0.05:
            venue.now += chance.choice((HOUR, 8 * HOUR, 9 * HOUR, 30 * HOUR, 250 * HOUR))
            venue.send(r.Command, c.ADVANCE_TIME)
            venue.check(counts)
        if turn % 20 == 0:
            assert not compute_violations(venue.engine)
    assert not compute_violations(venue.engine)
    return counts


@pytest.mark.both
@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_missed(seed):
    counts = run_marks(seed, 60, 150 if COMPILED else 20)
    print(dict(sorted(counts.items())), "missed: 0")
    assert counts["visited"] < 0.9 * counts["valued"], "the sweep looked at nearly everybody"
    if COMPILED:
        assert min(counts[f"state {state}"] for state in range(5)) > 20


@pytest.mark.soak
@pytest.mark.skipif(not COMPILED, reason="a campaign is run compiled")
def test_nobody_is_missed_in_a_long_campaign():
    total: Counter[str] = Counter()
    for number in soak.chapters("sweep", 400):
        seed = 1_000 * soak.SEED + number
        try:
            total += run_marks(seed, random.Random(seed).choice((20, 60, 200)), 400)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
    print(dict(sorted(total.items())), "missed: 0")


@pytest.mark.both
@pytest.mark.parametrize("lots", [100, 5_000, 60_000, 400_000])
@pytest.mark.parametrize("step", [-0.01, 0.003, 0.09, -0.5])
def test_an_account_beyond_the_depth_is_not_missed(lots, step):
    """The fourth asset's depth is 40,000 USD: beyond it a move of 10 % moves the slippage by 21 %."""
    counts: Counter[str] = Counter()
    venue = Venue(1, 4)
    for account in range(1, 5):
        venue.send(r.Funds, c.DEPOSIT, account, asset=USDM, amount=10**10 * USD)
    venue.trade(1, 2, 4, lots)
    venue.trade(3, 4, 3, lots)
    venue.send(r.Command, c.ADVANCE_TIME)
    for account, left in ((1, 0), (2, 7), (3, 10**6), (4, 10**9)):
        venue.lean_out(account, left)
    for turn in range(12):
        venue.now += 10**6
        asset = (5, 4)[turn % 2]
        venue.prices[asset] = int(venue.prices[asset] * (1 + step))
        venue.mark(asset)
        venue.check(counts)


@pytest.mark.both
def test_slippage_beyond_the_depth_is_part_of_the_sensitivity():
    """200,000 USD of an asset held and as much sold by perp: the prices cancel, the slippage of both does not."""
    counts: Counter[str] = Counter()
    venue = Venue(1, 2, trades=0)
    venue.send(r.Funds, c.DEPOSIT, 2, asset=USDM, amount=10**8 * USD)
    venue.send(r.Funds, c.DEPOSIT, 1, asset=5, amount=10**10)
    venue.send(r.PlaceOrder, c.PLACE_ORDER, 1, market=venue.loans, side=c.BUY, price_ticks=600, lots=120_000)
    venue.trade(1, 2, 4, 100_000)
    venue.send(r.Command, c.ADVANCE_TIME)
    value = venue.engine.get_value(1, 10**6)
    venue.send(r.Funds, c.WITHDRAW, 1, asset=USDM, amount=value - 500 * USD)
    left = venue.engine.get_value(1, 10**6)
    assert 0 < left < 2_000 * USD, left
    venue.send(r.Command, c.ADVANCE_TIME)
    assert venue.engine.get_reach(1) < 10**7
    for _ in range(12):
        venue.prices[5] = venue.prices[5] * 1_003 // 1_000
        venue.mark(5)
        venue.check(counts)
    assert counts["state 1"] > 0


@pytest.mark.both
@pytest.mark.parametrize("rate_ppb", [3_000_000, -3_000_000])
def test_a_step_of_funding_misses_nobody(rate_ppb):
    counts: Counter[str] = Counter()
    venue = Venue(2, 20)
    for account in range(1, 21):
        venue.lean_out(account, 5 * account * USD)
    for market in venue.engine.state.markets.view(1, 5), venue.engine.state.markets.view(2, 5):
        r.Market.from_buffer(market).funding_rate_ppb = rate_ppb
    venue.send(r.Command, c.ADVANCE_TIME)
    for _ in range(6):
        venue.now += 4 * HOUR
        venue.send(r.Command, c.ADVANCE_TIME)
        venue.check(counts)
    assert counts["state 1"] > 0


def test_the_reach_of_a_leveraged_account_is_that_of_the_page():
    """1,000 USDM, long 5,000 of the first asset: V(1) = 500, K = 5,000 * 1.1; 500 / (1.25 * 5,500) = 7.27 %."""
    engine = Engine(SMALL)
    engine.state.open()
    rules = engine.governance
    rules.open_venue(START_US)
    for _ in range(2):
        rules.add_group()
    rules.add_asset(6, 1)
    rules.add_asset(8, 2, 100_000)
    rules.add_market(c.PERP, 2, 100_000, TICK)

    def send(record, kind, account=0, **values):
        engine.apply(encode(record, kind=kind, time_us=START_US, account=account, **values))

    def mark(price):
        send(r.SetMark, c.SET_MARK, asset=2, price=price, source_time_us=START_US, sources=3, agreeing=3)

    for account in (1, 2):
        send(r.OpenAccount, c.OPEN_ACCOUNT, owner_high=account, owner_low=account)
        send(r.Funds, c.DEPOSIT, account, asset=USDM, amount=1_000 * USD)
    mark(MARK)
    send(r.PlaceOrder, c.PLACE_ORDER, 1, market=1, side=c.SELL, price_ticks=MID, lots=2_500)
    send(r.PlaceOrder, c.PLACE_ORDER, 2, market=1, side=c.BUY, price_ticks=MID, lots=2_500)
    assert engine.get_value(2, 10**6) == 500 * USD
    assert engine.get_reach(2) is None, "nobody has looked yet"
    send(r.Command, c.ADVANCE_TIME)
    assert 72_500_000 < engine.get_reach(2) <= 72_727_273
    visited = engine.get_visited()
    mark(MARK * 1_005 // 1_000)
    assert engine.get_visited() == visited, "half a percent passes them by"
    mark(MARK * 91 // 100)
    assert engine.get_visited() == visited + 2
    mark(MARK * 90 // 100)
    assert engine.get_value(2, 10**6) == 50 * USD
    mark(MARK * 88 // 100)  # 1,000 - 600 - 440 is below zero; at 0.6: 400 - 264
    assert (engine.get_state(2), engine.get_state(1)) == (c.STATE_MARGIN_CALL, c.STATE_FREE)


@pytest.mark.both
def test_a_small_budget_is_gone_on_with_in_order():
    """With five visits a time the queue stands until time steps have worked it off, and then nobody is missed."""
    venue = Venue(3, 40, sweep_visits=5)
    while venue.engine.is_behind():
        venue.now += 1
        venue.send(r.Command, c.ADVANCE_TIME)
    venue.prices[2] = MARK // 2
    venue.now += 10**6
    visited = venue.engine.get_visited()
    venue.mark(2)
    assert venue.engine.get_visited() == visited + 5
    backlog = [venue.engine.get_backlog()]
    assert backlog[0] > 10
    venue.send(r.Command, c.ADVANCE_TIME)
    assert venue.engine.get_visited() == visited + 5, "the commands of one time share one budget"
    while venue.engine.is_behind():
        assert venue.engine.get_missed() == 0, "who does not wait has the right state"
        venue.now += 1
        venue.send(r.Command, c.ADVANCE_TIME)
        backlog.append(venue.engine.get_backlog())
    assert backlog == sorted(backlog, reverse=True)
    assert len(backlog) == -(-backlog[0] // 5) + 1
    venue.check(Counter())


@pytest.mark.both
def test_a_latch_is_held_until_the_account_is_free():
    """Long 5,000 on 1,000: at -18 % it is latched; at -14 % V(0.6) is above zero again, and it stays in unwind."""
    engine = Engine(SMALL)
    engine.state.open()
    rules = engine.governance
    rules.open_venue(START_US)
    for _ in range(2):
        rules.add_group()
    rules.add_asset(6, 1)
    rules.add_asset(8, 2, 100_000)
    rules.add_market(c.PERP, 2, 100_000, TICK)
    seen = []

    def send(record, kind, account=0, **values):
        events = engine.apply(encode(record, kind=kind, time_us=START_US, account=account, **values))
        for start in range(0, len(events), 64):
            if events[start + 8] == c.ACCOUNT_STATE:
                event = r.AccountState.from_buffer_copy(events[start : start + 64])
                seen.append((event.account, event.before, event.code, event.rung_ppm, event.value, event.initial_value))

    for account in (1, 2):
        send(r.OpenAccount, c.OPEN_ACCOUNT, owner_high=account, owner_low=account)
        send(r.Funds, c.DEPOSIT, account, asset=USDM, amount=(1_000 if account == 2 else 10**6) * USD)
    for percent in (100, 0, 82, 86, 81, 79, 81):
        if percent:
            send(r.SetMark, c.SET_MARK, asset=2, price=MARK * percent // 100, source_time_us=START_US, sources=3,
                 agreeing=3)  # fmt: skip
        else:
            send(r.PlaceOrder, c.PLACE_ORDER, 1, market=1, side=c.SELL, price_ticks=MID, lots=2_500)
            send(r.PlaceOrder, c.PLACE_ORDER, 2, market=1, side=c.BUY, price_ticks=MID, lots=2_500)
    assert seen == [
        (2, c.STATE_FREE, c.STATE_AUCTION, 0, 100 * USD, -310 * USD),  # V(0.3) = 100 - 123
        (2, c.STATE_AUCTION, c.STATE_UNWIND, 300_000, 171 * USD, -130 * USD),  # V(0.6) = 300 - 258 would be no latch
        (2, c.STATE_UNWIND, c.STATE_AUCTION, 0, 50 * USD, -355 * USD),
        (2, c.STATE_AUCTION, c.STATE_CLOSE_OUT, 0, -50 * USD, -445 * USD),
        (2, c.STATE_CLOSE_OUT, c.STATE_AUCTION, 0, 50 * USD, -355 * USD),
    ]
    seen.clear()
    send(r.Funds, c.DEPOSIT, 2, asset=USDM, amount=355 * USD)  # the command itself ends with the new state
    assert seen == [(2, c.STATE_AUCTION, c.STATE_FREE, 1_000_000, 0, 0)]


@pytest.mark.both
def test_whoever_is_worth_less_with_time_is_looked_at_in_time():
    """A loan of 240 hours, then overdue: each hour of interest counts, with marks that stand still."""
    counts: Counter[str] = Counter()
    venue = Venue(5, 30, trades=0)
    for account in range(1, 31):
        venue.lean_out(account, account % 4)
    venue.now += 239 * HOUR
    for _ in range(200):
        venue.now += HOUR // 3
        venue.send(r.Command, c.ADVANCE_TIME)
        venue.check(counts)
    print(dict(sorted(counts.items())))
    assert 30 < counts["visited"] < counts["valued"]
    assert len([name for name in counts if name.startswith("state")]) > 1


def test_a_mark_passes_by_whoever_cannot_be_at_an_edge():
    """Holdings without debt are never looked at; a hedged account far from the rungs has the longest reach."""
    venue = Venue(7, 30)
    venue.send(r.Command, c.ADVANCE_TIME)
    engine = venue.engine
    reaches = [engine.get_reach(account) for account in range(1, 31)]
    assert max(reach or 0 for reach in reaches) <= FAR_PPB
    venue.prices[2] += 1
    visited = engine.get_visited()
    venue.mark(2)
    assert engine.get_visited() - visited <= 3


@pytest.mark.skipif(not COMPILED, reason="compares the compiled core with the interpreted one")
def test_compiled_equals_interpreted(tmp_path):
    code = "from tests.properties.test_sweep import make_digest\nprint(make_digest())\n"
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "WORLDMARKETS_PURE": "1"}, check=True,
                          capture_output=True, text=True)  # fmt: skip
    assert done.stdout.split()[-1] == make_digest()


def make_digest() -> str:
    """Return the digest of a state after marks, trades and time."""
    venue = Venue(11, 20, sweep_visits=16)
    for turn in range(40):
        venue.now += 10**6 if turn % 7 else 9 * HOUR
        for asset in venue.assets:
            venue.prices[asset] = int(venue.prices[asset] * (1 + venue.chance.uniform(-0.03, 0.03)))
            venue.mark(asset)
    return compute_digest(venue.engine.state)


def test_bounds_of_the_budget():
    with pytest.raises(ValueError, match="sweep_visits"):
        Venue(1, 2, sweep_visits=MAX_VISITS + 1)
    with pytest.raises(ValueError, match="sweep_visits"):
        Venue(1, 2, sweep_visits=0)
