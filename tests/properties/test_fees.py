"""Fees and tiers beside a naive model, and what washing earns."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.models.naive_fees import NaiveFees
from tests.properties import soak
from tests.properties.campaign import encode, read_events
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.engine import Engine

DAY_US = 86_400 * 10**6
START_US = 19_700 * DAY_US + 5 * 3_600 * 10**6
SMALL = {"nodes": 1 << 10, "children": 1 << 16, "levels": 1 << 16, "orders": 1 << 12, "clients": 1 << 8}
TIERS = [(3_000_000, 40_000, 50_000), (9_000_000, 0, 50_000), (30_000_000, 100_000, 100_000)]
RATES = ((1_000, 500), (700, -300), (250, 0), (100, 100))  # taker and maker, one market each
CAP = 2_000_000


def make_marks(now: int) -> list[bytes]:
    return [
        encode(r.SetMark, time_us=now, kind=c.SET_MARK, asset=2 + n, price=100 * 10**8, source_time_us=now, sources=3,
               agreeing=3)
        for n in range(len(RATES))
    ]  # fmt: skip


def open_engine(tiers: list[tuple[int, int, int]]) -> Engine:
    """A venue with a spot market for each of RATES, six owners of two accounts each, and marks that never matter."""
    engine = Engine(SMALL)
    engine.state.open()
    rules = engine.governance
    rules.open_venue(START_US, tiers=tiers)
    rules.add_asset(6, rules.add_group())
    for taker, maker in RATES:
        asset = rules.add_asset(6, rules.add_group())
        rules.add_market(c.SPOT, asset, 10**6, tick_value=10**6, taker_ppm=taker, maker_ppm=maker, fee_cap=CAP)
    send = make_marks(START_US)
    for owner in range(6):
        for index in range(2):
            send.append(encode(r.OpenAccount, time_us=START_US, kind=c.OPEN_ACCOUNT, owner_high=owner + 1, index=index))
    for account in range(1, 13):
        for asset in range(1, 2 + len(RATES)):
            send.append(encode(r.Funds, time_us=START_US, kind=c.DEPOSIT, account=account, asset=asset, amount=10**14))
    assert not any(event.kind == c.REJECTED for event in read_events(engine.apply(b"".join(send))))
    return engine


class Market:
    """Two orders that meet, again and again, beside the model."""

    def __init__(self, tiers: list[tuple[int, int, int]]) -> None:
        self.engine = open_engine(tiers)
        self.model = NaiveFees(tiers)
        self.now = START_US
        self.counts: Counter[str] = Counter()

    def place(self, account: int, market: int, side: int, lots: int, until: int = c.GOOD_TILL_CANCEL) -> list:
        data = encode(r.PlaceOrder, time_us=self.now, kind=c.PLACE_ORDER, account=account, market=market, side=side,
                      price_ticks=100, lots=lots, time_in_force=until)  # fmt: skip
        events = read_events(self.engine.apply(data))
        for event in events:
            assert event.kind != c.REJECTED, event
            if event.kind == c.TRADED:
                self.check(event, market)
        return events

    def check(self, event, market: int) -> None:
        taker_ppm, maker_ppm = RATES[market - 1]
        owners = [f"owner {(account - 1) // 2}" for account in (event.account, event.maker)]
        cash = event.lots * event.price_ticks * 10**6
        fees = self.model.fill(self.now // DAY_US, (owners[0], event.taker_order), (owners[1], event.maker_order), cash,
                               taker_ppm, maker_ppm, CAP)  # fmt: skip
        assert (event.taker_fee, event.maker_fee) == fees
        self.counts["fills"] += 1
        self.counts["rebates"] += event.maker_fee < 0
        self.counts["capped"] += self.model.orders[event.taker_order] == CAP
        self.counts["cut"] += self.model.compute_cut(owners[0], self.now // DAY_US, True) > 0
        month = self.model.get_month(owners[0], self.now // DAY_US)
        self.counts["spent"] += 0 < month < self.model.full.get((owners[0], self.now // DAY_US), 0)
        assert event.taker_fee + event.maker_fee >= 0, "invariant 11"


def run(seed: int, steps: int) -> Counter:
    chance = random.Random(seed)
    market = Market(TIERS)
    for step in range(steps):
        if chance.random() < 0.12:
            market.now += chance.choice((1, 3_600 * 10**6, DAY_US, DAY_US, 4 * DAY_US, 31 * DAY_US))
            market.engine.apply(b"".join(make_marks(market.now)))
        book = chance.randrange(1, 1 + len(RATES))
        maker = chance.randrange(1, 13)
        taker = chance.choice([a for a in range(1, 13) if (a - 1) // 2 != (maker - 1) // 2])
        side = chance.randrange(2)
        lots = int(2 ** chance.uniform(0, 7 if chance.random() < 0.9 else 16))
        market.place(maker, book, side, lots)
        for _ in range(chance.choice((1, 1, 1, 3))):
            market.place(taker, book, 1 - side, max(lots // 3, 1), c.IMMEDIATE_OR_CANCEL)
        market.engine.apply(encode(r.OrderChange, time_us=market.now, kind=c.CANCEL_ALL, account=maker, side=2))
        owner = f"owner {(taker - 1) // 2}"
        day = market.now // DAY_US
        month, paid, full, maker_cut, taker_cut = market.engine.get_fees(taker)
        assert (month, maker_cut, taker_cut) == (
            market.model.get_month(owner, day), market.model.compute_cut(owner, day, False),
            market.model.compute_cut(owner, day, True),
        )  # fmt: skip
        assert (paid, full) == (market.model.paid.get((owner, day), 0), market.model.full.get((owner, day), 0))
        if step % 50 == 0:
            assert not compute_violations(market.engine)
    return market.counts


@pytest.mark.both
@pytest.mark.parametrize("seed", range(3))
def test_fees_are_those_of_the_naive_model(seed: int) -> None:
    counts = run(seed, 400)
    for name, least in (("fills", 150), ("rebates", 20), ("capped", 5), ("cut", 20), ("spent", 5)):
        assert counts[name] >= least, counts


@pytest.mark.soak
def test_soak_of_fees() -> None:
    for chapter in soak.chapters("fees", 5_000):
        run(1_000 * soak.SEED + chapter, 5_000)


def test_the_worked_example() -> None:
    """20,000 USDM in thirty days: (19,000 * 5 % + 10,000 * 5 %) / 20,000 = 7.25 %."""
    usdm = 10**6
    model = NaiveFees([(1_000 * usdm, 50_000, 50_000), (10_000 * usdm, 50_000, 50_000), (100_000 * usdm, 10**5, 10**5)])
    model.paid["owner", 0] = 20_000 * usdm
    assert model.compute_cut("owner", 1, True) == 72_500
    assert model.take("owner", 1, 1, True, 2_000 * usdm, 1_000, 10 * usdm) == 1_855_000


# What washing earns.  A schedule is what an owner trades on each day, in full fees; it washes `f` on one of them.


def get_paid(schedule: list[int], washed: dict[int, int], tiers: list[tuple[int, int, int]]) -> int:
    """Return all the fees that an owner pays over a schedule, those of its washing included."""
    model = NaiveFees(tiers)
    total = 0
    for day, full in enumerate(schedule):
        for part in (washed.get(day, 0), full):
            if part:
                total += model.take("owner", total, day, True, part * 1_000, 1_000, 10**18)
    return total


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("steady", [100_000] * 90),
        ("steady at the edge of a tier", [10_000 // 3] * 90),
        ("once a week", [700_000 if day % 7 == 0 else 0 for day in range(90)]),
        ("growing by a tenth a day", [int(1_000 * 1.1**day) for day in range(90)]),
        ("dwindling", [int(5_000_000 * 0.93**day) for day in range(90)]),
        ("one great day", [1_000] * 40 + [10**9] + [1_000] * 49),
        ("random", [random.Random(7).randrange(400_000) for _ in range(90)]),
    ],
)
def test_washing_never_pays(name: str, schedule: list[int]) -> None:
    """Whenever and however much is washed, less than half of it comes back: a rebate may give the other half."""
    tiers = [(100_000, 100_000, 100_000), (1_000_000, 100_000, 100_000)]
    alone = get_paid(schedule, {}, tiers)
    for day in (5, 39, 60):
        for washed in (10_000, 100_000, 1_000_000, 30_000_000):
            extra = get_paid(schedule, {day: washed}, tiers) - alone
            cost = get_paid(schedule[: day + 1], {day: washed}, tiers) - get_paid(schedule[: day + 1], {}, tiers)
            assert extra > cost / 2, f"{name}: {washed} washed on day {day} cost {cost} and {extra} in the end"


def test_a_cliff_would_pay() -> None:
    """The property is that of the tiers: with a rate for everything above an edge, topping up earns."""
    edge, cut, month = 3_000_000, 0.1, 2_990_000
    assert cut * month > edge - month
