"""Funding beside a naive model: firm mids weighted by time, windows, clamps, periods that pass at once."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

from tests.models.naive_funding import NaiveFunding
from tests.properties import soak
from tests.properties.campaign import DTYPES, encode, read_events
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.engine import Engine
from worldmarkets.core.units import ORDER_SLOT_BITS

MINUTE = 60 * 10**6
HOUR = 60 * MINUTE
START_US = 1_700_006_400_000_000 // (8 * HOUR) * (8 * HOUR) + HOUR
SMALL = {"nodes": 1 << 10, "children": 1 << 16, "levels": 1 << 16, "orders": 1 << 12, "clients": 1 << 8}
ASSET, MARKET, FIRM, TICKS = 2, 1, 50, 20_000


def take(levels: list[tuple[int, int]], price: int, lots: int) -> None:
    """Take lots off a level of a side; it goes when nothing is left there."""
    levels[:] = [(at, left - lots * (at == price)) for at, left in levels if at != price or left > lots]


class Market:
    """A perp market with three owners, and its funding worked out beside."""

    def __init__(self) -> None:
        self.engine = Engine(SMALL)
        self.engine.state.open()
        rules = self.engine.governance
        rules.open_venue(START_US, funding_step_ppb=400_000, funding_cap_ppb=2_000_000)
        rules.add_asset(6, rules.add_group())
        rules.add_asset(8, rules.add_group(), 100_000)
        rules.add_market(c.PERP, ASSET, 10**6, tick_value=1_000, firm_lots=FIRM, max_ticks=1 << 20)
        self.now = START_US
        self.model = NaiveFunding(FIRM, 8 * HOUR, HOUR // 2, 400_000, 2_000_000, START_US)
        self.counts: Counter[str] = Counter()
        self.index = Fraction(0)
        for owner in range(1, 4):
            self.send(r.OpenAccount, c.OPEN_ACCOUNT, owner_high=owner)
            self.send(r.Funds, c.DEPOSIT, owner, asset=1, amount=10**13)
        self.mark(TICKS)

    def mark(self, ticks: int) -> None:
        """A lot, a hundredth of a token, is worth `ticks` ticks of a thousandth."""
        events = self.send(r.SetMark, c.SET_MARK, asset=ASSET, price=ticks * 10**7, source_time_us=self.now, sources=3,
                           agreeing=3)  # fmt: skip
        assert events[-1].kind == c.MARK_SET
        self.marked = self.now
        self.model.worth = Fraction(ticks)

    def get_book(self) -> tuple[list, list]:
        return tuple(self.engine.get_levels(MARKET, side, 10_000) for side in (c.BUY, c.SELL))

    def get_book_without(self, order_id: int) -> tuple[list, list]:
        """The book as an order that is amended to another price leaves it: gone from there, and not yet back."""
        table = self.engine.state.orders
        slot = order_id & (1 << ORDER_SLOT_BITS) - 1
        order = np.frombuffer(table.view(slot, slot + 1), DTYPES["orders"])[0]
        book = self.get_book()
        if order["id"] == order_id:
            take(book[order["side"]], int(order["price_ticks"]), int(order["lots"]))
        return book

    def send(self, record, kind: int, account: int = 0, **values) -> list:
        before = self.get_book_without(values["order_id"]) if kind == c.AMEND_ORDER else self.get_book()
        incoming = values.get("order_id")
        worth = self.model.worth
        data = encode(record, time_us=self.now, kind=kind, account=account, **values)
        events = read_events(self.engine.apply(data))
        for event in events:
            if event.kind == c.FUNDING_SET:
                self.counts["periods"] += 1
                was = self.model.rate
                assert event.rate_ppb == self.model.end_period(event.time_us), event
                change = abs(self.model.rate - was)
                self.counts["steps"] += change > 0
                self.counts["clamped"] += change == 400_000
                self.counts["capped"] += abs(self.model.rate) == 2_000_000
                self.index += self.model.rate * worth * 1_000 // 1_000  # millionths of a quantum a lot, rounded down
                assert event.index == self.index
            elif event.kind == c.TRADED:
                self.counts["trades"] += 1
                self.counts["trades without a mid"] += not self.model.mids
                self.model.trade(self.now, event.lots, *before)
                take(before[1 - event.code], event.price_ticks, event.lots)
            elif event.kind == c.ORDER_PLACED:
                incoming = event.order_id
            elif event.kind == c.ORDER_CANCELLED and event.order_id != incoming:
                take(before[event.side], event.price_ticks, event.lots)
        self.model.see(self.now, *self.get_book())
        return events


def run(seed: int, steps: int) -> Counter:
    chance = random.Random(seed)
    market = Market()
    ticks = TICKS
    orders: list[tuple[int, int]] = []
    for step in range(steps):
        draw = chance.random()
        if draw < 0.3:
            market.now += chance.choice((1, 10**6, MINUTE, 20 * MINUTE))
        elif draw < 0.36:
            market.now += chance.choice((HOUR, 3 * HOUR, 8 * HOUR, 30 * HOUR))
            market.send(r.Command, c.ADVANCE_TIME)
        if chance.random() < 0.1 or market.now > market.marked + 20 * 10**6:
            ticks = max(min(ticks + chance.randrange(-9, 10), TICKS + 40), TICKS - 40)
            market.mark(ticks)
        account = chance.randrange(1, 4)
        if draw < 0.72:
            lean = 20 if step // 100 % 2 else -20
            price = TICKS + lean + chance.randrange(-40, 41)
            side = chance.randrange(2)
            lots = chance.choice((1, 5, 20, 60, 200))
            for event in market.send(r.PlaceOrder, c.PLACE_ORDER, account, market=MARKET, side=side, price_ticks=price,
                                     lots=lots, time_in_force=chance.choice((0, 0, 1))):  # fmt: skip
                if event.kind == c.ORDER_PLACED:
                    orders.append((account, event.order_id))
        elif draw < 0.9 and orders:
            owner, order = orders.pop(chance.randrange(len(orders)))
            market.send(r.OrderChange, c.CANCEL_ORDER, owner, order_id=order)
        elif draw < 0.95 and orders:
            owner, order = chance.choice(orders)
            market.send(r.OrderChange, c.AMEND_ORDER, owner, order_id=order, lots=chance.choice((3, 40)),
                        price_ticks=TICKS + chance.randrange(-60, 61))  # fmt: skip
        else:
            market.send(r.OrderChange, c.CANCEL_ALL, account, side=2)
        if step % 100 == 0:
            assert not compute_violations(market.engine)
    return market.counts


@pytest.mark.both
@pytest.mark.parametrize("seed", range(3))
def test_funding_is_that_of_the_naive_model(seed: int) -> None:
    counts = run(seed, 1_500)
    for name, least in (("trades", 250), ("periods", 70), ("steps", 12), ("clamped", 3), ("capped", 1)):
        assert counts[name] >= least, counts


@pytest.mark.soak
def test_soak_of_funding() -> None:
    for chapter in soak.chapters("funding", 2_000):
        run(1_000 * soak.SEED + chapter, 2_000)


def place(market: Market, account: int, side: int, ticks: int, lots: int) -> list:
    return market.send(r.PlaceOrder, c.PLACE_ORDER, account, market=MARKET, side=side, price_ticks=ticks, lots=lots)


@pytest.mark.both
def test_the_worked_example() -> None:
    """The mid is 20,010 for two hours and 20,030 for two more: 20,020 against a mark of 20,000 is half a thousandth."""
    market = Market()
    place(market, 1, c.BUY, 20_000, FIRM)
    place(market, 1, c.SELL, 20_020, FIRM)
    market.now += 2 * HOUR
    market.mark(TICKS)
    market.send(r.OrderChange, c.CANCEL_ALL, 1, market=MARKET, side=c.SELL)
    place(market, 1, c.SELL, 20_060, FIRM)
    market.now += 2 * HOUR
    market.mark(TICKS)
    assert place(market, 2, c.BUY, 20_060, 1)[-1].kind == c.PERP_CHANGED
    market.now += 3 * HOUR  # 08:00
    (event,) = (e for e in market.send(r.Command, c.ADVANCE_TIME) if e.kind == c.FUNDING_SET)
    assert event.rate_ppb == 400_000  # 20,020 / 40,000 - 1/2 = 0.0005, and a step is at most 0.0004 here


@pytest.mark.both
def test_a_crowd_of_small_orders_moves_nothing() -> None:
    """Fifteen levels of orders of a lot in front of a book, 49 lots together, are less than its firm depth of 50."""
    market = Market()
    place(market, 1, c.BUY, 19_990, 10 * FIRM)
    place(market, 1, c.SELL, 20_010, 10 * FIRM)
    for price in range(49):
        place(market, 2, c.SELL, 20_009 - price % 15, 1)
    market.now += HOUR
    market.mark(TICKS)
    place(market, 3, c.BUY, 20_009, 1)
    assert market.model.mids[-1][1] == 20_000
    market.now += 7 * HOUR
    (event,) = (e for e in market.send(r.Command, c.ADVANCE_TIME) if e.kind == c.FUNDING_SET)
    assert event.rate_ppb == 0
