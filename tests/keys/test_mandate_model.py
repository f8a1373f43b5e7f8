"""Mandates at random, beside a model that reads as the specification: what is refused, and what is never exceeded."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tests.keys.stage import Stage, collect, send
from worldmarkets.core import codes as c
from worldmarkets.core.units import DAY, MILLION
from worldmarkets.exchange import Result

ETH, PERP, BTC = 2, 9, 1  # ETH/USDM, ETH-PERP, BTC/USDM
UNIT = 10**6
EARLY = ("KEY_EXPIRED", "MANDATE_KIND", "MANDATE_MARKET", "MANDATE_ORDER", "MANDATE_DAY")


class NaiveMandate:
    """The terms, in plain numbers; `filled` by day; None is no limit."""

    def __init__(self, chance: random.Random, now_us: int, margin: int) -> None:
        self.kinds = {kind for kind in (c.PLACE_ORDER, c.CANCEL_ALL) if chance.random() < 0.9}
        self.markets = {market for market in (ETH, PERP) if chance.random() < 0.8}
        self.order = chance.choice((None, 3_000 * UNIT, 6_000 * UNIT))
        self.day = chance.choice((None, 4_000 * UNIT, 7_000 * UNIT))
        self.loss = chance.choice((None, None, 20 * UNIT, 200 * UNIT))
        self.floor = chance.choice((None, None, margin - 100 * UNIT))
        self.expiry_us = now_us + chance.choice((1, 3)) * DAY // 2
        self.filled: Counter[int] = Counter()
        self.opening: dict[int, int] = {}

    def find_refusal(self, kind: int, market: int, notional: int, now_us: int) -> str:
        """The first term that a command breaks before it is done, or "OK"."""
        if now_us > self.expiry_us:
            return "KEY_EXPIRED"
        if kind not in self.kinds:
            return "MANDATE_KIND"
        if market not in self.markets:
            return "MANDATE_MARKET"
        if kind == c.PLACE_ORDER and self.order is not None and notional > self.order:
            return "MANDATE_ORDER"
        if kind == c.PLACE_ORDER and self.day is not None and self.filled[now_us // DAY] + notional > self.day:
            return "MANDATE_DAY"
        return "OK"


class Walk:
    """Alice's delegate trades with Bob, the mark walks, days go by, and Alice rewrites the mandate now and then."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.stage = Stage()
        self.exchange = self.stage.exchange
        self.alice = self.stage.alice.number
        self.counts: Counter[str] = Counter()
        self.mine: set[int] = set()
        self.price = 2_000
        self.mandate: NaiveMandate | None = None
        self.rewrite()

    def rewrite(self) -> None:
        """Revoke the key and add it anew, with another mandate."""
        if self.mandate is not None:
            self.note(self.stage.act("revoke", "bot"))
        self.mandate = m = NaiveMandate(self.chance, self.exchange.time_us, self.get_value(MILLION))
        self.stage.act("delegate", "bot", self.exchange.time + timedelta(days=30))
        for field, values in (
            (c.TERM_KINDS, {"bits": sum(1 << kind for kind in m.kinds)}),
            (c.TERM_MARKETS, {"bits": sum(1 << market for market in m.markets)}),
            (c.TERM_ORDER, {"value": -1 if m.order is None else m.order}),
            (c.TERM_DAY, {"value": -1 if m.day is None else m.day}),
            (c.TERM_LOSS, {"value": -1 if m.loss is None else m.loss}),
            (c.TERM_FLOOR, {"value": -1 if m.floor is None else m.floor}),
            (c.TERM_EXPIRY, {"value": m.expiry_us}),
        ):
            command = self.stage.make_key(c.SET_MANDATE, "bot", field=field, **values)
            assert send(self.exchange, "alice", command).accepted

    def note(self, result: Result) -> None:
        """Follow the delegate's orders: each of its fills lies in the band and counts to its day."""
        assert self.mandate is not None
        for event in result.events:
            if event.kind == c.TRADED and event.market in (ETH, PERP):
                market = self.exchange.read_row("markets", event.market)
                for order in (event.taker_order, event.maker_order):
                    if order in self.mine:
                        assert market.band_low_ticks <= event.price_ticks <= market.band_high_ticks
                        notional = event.lots * event.price_ticks * market.tick_value
                        self.mandate.filled[self.exchange.time_us // DAY] += notional
                        self.mandate.opening.setdefault(self.exchange.time_us // DAY, self.get_value(0))
                        self.counts["fill"] += 1
            elif event.kind == c.ORDER_CANCELLED and event.order_id in self.mine:
                self.counts["cancelled " + str(event.code)] += 1

    def trade(self) -> None:
        """Something that the delegate sends."""
        kind = self.chance.choice((c.PLACE_ORDER,) * 7 + (c.CANCEL_ALL,))
        market = self.chance.choice((ETH, PERP, PERP, PERP, BTC))
        symbol = next(m.symbol for m in self.exchange.listing.markets if m.number == market)
        size = self.chance.choice(("0.2", "0.5", "1", "2"))
        price = round(self.price * self.chance.choice((0.97, 0.985, 0.995, 1, 1.005, 1.015, 1.03)))
        if kind == c.PLACE_ORDER:
            price = price if market != BTC else 60_000
            side = self.chance.choice(("buy", "sell"))
            command: Any = collect(self.stage.alice, "order", symbol, side, size, str(price))
        else:
            command = collect(self.stage.alice, "cancel_all", symbol)
        notional = round(float(size) * price * UNIT)
        assert self.mandate is not None
        m, today = self.mandate, self.exchange.time_us // DAY
        expected = m.find_refusal(kind, market, notional, self.exchange.time_us)
        is_valued = m.loss is not None or m.floor is not None
        before = self.get_value(MILLION)
        if is_valued and expected not in ("KEY_EXPIRED",):
            m.opening.setdefault(today, self.get_value(0))
        result = send(self.exchange, "bot", command)
        if expected in ("MANDATE_ORDER", "MANDATE_DAY") and result.code in ("MARGIN", "BALANCE", "OPEN_ORDERS"):
            expected = result.code  # margin is asked first
        assert result.code == expected or (expected == "OK" and result.code not in EARLY), (result.message, expected)
        self.counts[result.code] += 1
        self.mine |= {event.order_id for event in result.events if event.kind == c.ORDER_PLACED}
        self.note(result)
        if result.accepted and self.get_value(MILLION) < before:
            if m.floor is not None:
                assert self.get_value(MILLION) >= m.floor
            if m.loss is not None:
                assert m.opening[today] - self.get_value(0) <= m.loss
            self.counts["lowered"] += 1

    def get_value(self, severity_ppm: int) -> int:
        return self.exchange.engine.get_value(self.alice, severity_ppm)

    def step(self) -> None:
        act = self.chance.random()
        if act < 0.5:
            self.trade()
        elif act < 0.8:
            symbol = self.chance.choice(("ETH/USDM", "ETH-PERP", "ETH-PERP"))
            price = round(self.price * self.chance.choice((0.97, 0.99, 1, 1.01, 1.03)))
            side, size = self.chance.choice(("buy", "sell")), self.chance.choice(("0.5", "1", "2"))
            self.note(send(self.exchange, "bob", collect(self.stage.bob, "order", symbol, side, size, str(price))))
        elif act < 0.93:
            self.price = round(self.price * self.chance.choice((0.99, 0.995, 1.005, 1.01)))
            self.note(self.exchange.mark("ETH", self.price))
        elif act < 0.97:
            self.exchange.step(hours=self.chance.choice((1, 5)))
            self.exchange.marks({"ETH": self.price, "BTC": "60000"})
        else:
            self.rewrite()


@pytest.mark.both
def test_no_mandate_is_exceeded() -> None:
    counts: Counter[str] = Counter()
    for seed in range(8):
        walk = Walk(seed)
        for _ in range(400):
            walk.step()
        assert walk.exchange.audit() == []
        counts.update(walk.counts)
    print(dict(counts))
    least = {
        "OK": 200, "fill": 100, "KEY_EXPIRED": 20, "MANDATE_KIND": 20, "MANDATE_MARKET": 50, "MANDATE_ORDER": 20,
        "MANDATE_DAY": 20, "MANDATE_LOSS": 2, "MANDATE_FLOOR": 2, "lowered": 30,
        f"cancelled {c.MANDATE_BAND}": 10, f"cancelled {c.REASON_KEY_REVOKED}": 5,
    }  # fmt: skip
    missed = {name: counts[name] for name, number in least.items() if counts[name] < number}
    assert not missed, f"too few of {missed} in {dict(counts)}"
