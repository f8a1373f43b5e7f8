"""The end of markets in a venue that has lived: every contract closes at the median, worked out from the log."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.properties.campaign import (
    BTC,
    ETH,
    HOUR,
    PERP_BTC,
    PERP_ETH,
    PERP_STETH,
    SECOND,
    STETH,
    Chapter,
    encode,
    read_events,
)
from tests.properties.test_campaign import only
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.audit import compute_violations

MINUTE = 60 * SECOND
PERPS = {PERP_BTC: BTC, PERP_ETH: ETH, PERP_STETH: STETH}


class Life:
    """A venue after a chapter of trading, and its clock."""

    def __init__(self, seed: int, commands: int):
        self.chance = random.Random(seed)
        self.world = Chapter(seed, only()).run(commands).world
        self.now = int(self.world.rows("venue")["time_us"][1])
        self.marks: dict[int, dict[int, int]] = {asset: {} for asset in PERPS.values()}
        self.events: list = []

    def send(self, record, **values) -> list:
        events = read_events(self.world.apply(encode(record, time_us=self.now, **values)))
        self.events += events
        return events

    def advance(self, now: int) -> None:
        """Let time pass and do everything that is due, whatever it leads to."""
        self.now = now
        self.send(r.Command, kind=c.ADVANCE_TIME)
        while int(self.world.rows("venue")["next_due_us"][1]) <= self.now:
            self.send(r.Command, kind=c.ADVANCE_TIME)

    def mark(self, asset: int, price: int) -> None:
        events = self.send(r.SetMark, kind=c.SET_MARK, asset=asset, price=price, source_time_us=self.now, sources=3,
                             agreeing=3)  # fmt: skip
        if any(event.kind == c.MARK_SET for event in events):
            self.marks[asset][self.now // MINUTE] = price

    def get_median(self, asset: int, now: int) -> int:
        """The lower median of the last marks of the sixty minutes that end with `now`'s."""
        last = now // MINUTE
        prices = sorted(price for minute, price in self.marks[asset].items() if last - 60 < minute <= last)
        return prices[(len(prices) - 1) // 2] if prices else int(self.world.rows("assets")["mark"][asset])


def run_end(seed: int, commands: int) -> Counter[str]:
    life = Life(seed, commands)
    world = life.world
    counts: Counter[str] = Counter()
    for market in range(1, len(world.market_terms) + 1):
        assert life.send(r.ProposeChange, kind=c.PROPOSE_CHANGE, flags=c.ADMINISTRATOR, guard=c.MARKET_END,
                         subject=market)[0].kind == c.PARAMETER_PROPOSED  # fmt: skip
    end = life.now + 48 * HOUR
    life.advance(end - HOUR - 10 * MINUTE)
    while life.now < end - MINUTE:
        life.now += life.chance.randrange(1, 4 * MINUTE)
        if life.now < end:
            asset = life.chance.choice(list(PERPS.values()))
            mark = int(world.rows("assets")["mark"][asset])
            life.mark(asset, mark * life.chance.randrange(970, 1_031) // 1_000)
    life.advance(end - 1)
    before = {int(row["id"]): row.copy() for row in world.live("perps")}
    indexes = world.rows("markets")["funding_index"].copy()
    assert compute_violations(world.engine) == []
    life.events.clear()
    life.advance(end)
    for _ in range(400):
        if not int(world.rows("venue")["changes"][1]):
            break
        life.advance(life.now + SECOND)
    paid = {event.contract_id: event for event in life.events if event.kind == c.TRUED_UP}
    closed = {event.contract_id: event for event in life.events if event.kind == c.PERP_CHANGED}
    settled = {event.market: event for event in life.events if event.kind == c.MARKET_SETTLED}
    assert set(settled) == set(range(1, len(world.market_terms) + 1))
    assert set(closed) == set(paid) == set(before)
    for contract, row in before.items():
        terms = world.market_terms[row["market"] - 1]
        asset = PERPS[int(row["market"])]
        decimals = world.asset_terms[asset - 1]["decimals"]
        price = life.get_median(asset, end)
        assert settled[int(row["market"])].price == price
        worth = int(row["lots"]) * terms["lot_quanta"] * price * 10**6 // 10 ** (8 + decimals)
        owed = (int(indexes[row["market"]]) - int(row["funding_index"])) * int(row["lots"])
        funding = -(-owed // 10**6)
        event = paid[contract]
        assert (event.paid, event.funding, event.cost) == (worth - int(row["cost"]) - funding, funding, worth)
        assert (closed[contract].lots, closed[contract].change_lots, closed[contract].code) == (
            0, -int(row["lots"]), c.SETTLED,
        )  # fmt: skip
        assert event.account == row["long_account"] and event.short_account == row["short_account"]
        counts["contracts"] += 1
        counts["with an IOU"] += event.owed > 0
    counts["cancelled"] = sum(e.kind == c.ORDER_CANCELLED and e.code == c.REASON_SETTLING for e in life.events)
    assert not len(world.live("perps"))
    assert not len(world.live("orders"))
    assert not world.rows("markets")["open_interest"].any()
    assert (world.rows("markets")["mode"][1:] == c.SETTLING).all()
    positions = world.rows("positions")
    assert not positions["lots"].any() and not positions["cost"].any() and not positions["funding_low"].any()
    loans = world.live("loans")
    assert (loans[loans["flags"] & c.LOAN_IOU == 0]["due_us"] <= life.now).all()
    assert compute_violations(world.engine) == []
    return counts


@pytest.mark.parametrize("seed", range(2))
def test_every_contract_closes_at_the_median(seed: int) -> None:
    counts = run_end(7_000 + seed, 1_200)
    assert counts["contracts"] > 10, counts


@pytest.mark.slow
def test_every_outcome_is_met() -> None:
    counts: Counter[str] = Counter()
    for seed in range(6):
        counts.update(run_end(7_100 + seed, 2_000))
    assert min(counts[name] for name in ("contracts", "with an IOU", "cancelled")) >= 10, counts
