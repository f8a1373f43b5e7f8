"""The mix: 45 % place, 40 % cancel, 15 % crossing, by accounts that each have a loan and two perps.

The commands are made once, against an engine that tells the order ids; every timed run applies the same bytes to a
fresh engine, in batches of 256, loading them and taking the events out as a sequencer would.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

import numpy as np

from benchmarks import measure, venue
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.digest import compute_digest
from worldmarkets.core.engine import Engine
from worldmarkets.core.snapshot import read_snapshot, write_snapshot

PLACES, CANCELS = 0.45, 0.40
CROSSING_TICKS = 50  # how far beyond the mark a crossing order goes
MARK_EVERY = 16  # batches
EVENT = np.dtype([("sequence", "i8"), ("kind", "u1"), ("code", "u1"), ("market", "u2"), ("account", "u4"),
                  ("a", "i8"), ("b", "i8"), ("c", "i8"), ("d", "i8"), ("e", "i8"), ("f", "i8")])  # fmt: skip


@dataclass(frozen=True)
class Log:
    """The state that the mix starts from, its commands, and what they must give."""

    snapshot: bytes
    commands: bytes
    events: str  # digest of the events
    state: str  # digest of the state afterwards
    counts: dict[str, int]

    @property
    def size(self) -> int:
        """How many commands the mix has."""
        return len(self.commands) // 64


class Writer:
    """Makes the commands of the mix, following the engine's answers to know which orders rest."""

    def __init__(self, engine: Engine, accounts: int, markets: int, seed: int) -> None:
        self.engine = engine
        self.accounts = accounts
        self.markets = markets
        self.chance = random.Random(seed)
        self.perps = venue.count_perps(markets)
        self.mids = [venue.MID_TICKS] * (self.perps + 1)
        self.live: list[tuple[int, int]] = []  # (order, account)
        self.places: dict[int, int] = {}  # order: its place in `live`
        self.left: dict[int, int] = {}
        self.now = venue.START_US

    def follow(self, events: bytes) -> None:
        """Learn from events which orders rest."""
        rows = np.frombuffer(events, EVENT)
        rows = rows[(rows["kind"] >= c.ORDER_PLACED) & (rows["kind"] <= c.TRADED)]
        for kind, account, a, b, lots in zip(
            *(rows[name].tolist() for name in ("kind", "account", "a", "b", "c")), strict=True
        ):
            if kind == c.ORDER_PLACED:
                self.places[a] = len(self.live)
                self.live.append((a, account))
                self.left[a] = lots
            elif kind == c.ORDER_CANCELLED:
                self.forget(a)
            elif kind == c.TRADED:
                for order in (a, b):
                    if order in self.left:
                        self.left[order] -= lots
                        if self.left[order] == 0:
                            self.forget(order)

    def forget(self, order: int) -> None:
        """Drop an order that is gone, or whose cancellation is written."""
        if order not in self.left:
            return
        place = self.places.pop(order)
        last = self.live.pop()
        if last[0] != order:
            self.live[place] = last
            self.places[last[0]] = place
        del self.left[order]

    def write(self, number: int) -> bytes:
        """Return the commands of one batch."""
        self.now += venue.BLOCK_US
        batch: list[r.Record] = []
        if number % MARK_EVERY == 0:
            batch.append(self.move_mark(number // MARK_EVERY % self.perps))
        while len(batch) < venue.BATCH:
            batch.append(self.draw())
        for command in batch:
            command.time_us = self.now
        return venue.encode(batch)

    def draw(self) -> r.Record:
        """Return one command of the mix."""
        chance = self.chance
        kind = chance.random()
        if PLACES <= kind < PLACES + CANCELS and self.live:
            order, account = self.live[chance.randrange(len(self.live))]
            self.forget(order)
            return r.OrderChange(kind=c.CANCEL_ORDER, account=account, order_id=order)
        account = chance.randint(1, self.accounts)
        market = venue.choose_market(chance, account, self.markets)
        if kind < PLACES:
            away = 1 + int(chance.expovariate(1 / venue.SPREAD_TICKS))
            side, lots, until = chance.randrange(2), chance.randint(10, 50), c.GOOD_TILL_CANCEL
        else:
            away, side, lots, until = -CROSSING_TICKS, chance.randrange(2), chance.randint(2, 20), c.IMMEDIATE_OR_CANCEL
        price = self.mids[market] - away if side == c.BUY else self.mids[market] + away
        return venue.place(account, market, side, price, lots, time_in_force=until)

    def move_mark(self, number: int) -> r.Record:
        """Return a new mark of one asset, a few ticks from its start."""
        self.mids[number + 1] = venue.MID_TICKS + self.chance.randint(-5, 5)
        price = self.mids[number + 1] * venue.TICK_VALUE * 10**10 // venue.LOT_QUANTA
        return r.SetMark(kind=c.SET_MARK, asset=number + 2, price=price, source_time_us=self.now, sources=3, agreeing=3)


def write_log(
    commands: int, accounts: int = 10_000, markets: int = 16, seed: int = 1, capacity: dict[str, int] | None = None,
    has_policies: bool = False,
) -> Log:  # fmt: skip
    """Return a log of the mix, of at least `commands` commands in whole batches.

    With `has_policies` half of the accounts have a policy of their own.
    """
    engine = venue.open_engine(venue.count_perps(markets), **capacity or {})
    writer = Writer(engine, accounts, markets, seed)
    population = venue.build_population(accounts, markets, seed)
    if has_policies:
        population += venue.build_policies(accounts, seed)
    for batch in venue.split(population):
        events = engine.apply(batch)
        assert not np.any(np.frombuffer(events, EVENT)["kind"] == c.REJECTED), "the set-up was rejected"
        writer.follow(events)
    snapshot = write_snapshot(engine)
    log: list[bytes] = []
    digest = hashlib.blake2b(digest_size=16)
    kinds = np.zeros(c.EVENT_KINDS, np.int64)
    for number in range(-(-commands // venue.BATCH)):
        log.append(writer.write(number))
        events = engine.apply(log[-1])
        writer.follow(events)
        digest.update(events)
        kinds += np.bincount(np.frombuffer(events, EVENT)["kind"], minlength=c.EVENT_KINDS)
    counts = {
        "fills": int(kinds[c.TRADED]),
        "slices": int(kinds[c.PERP_CHANGED]),
        "rejected": int(kinds[c.REJECTED]),
        "events": int(kinds.sum()),
        "resting": len(writer.live),
    }
    return Log(snapshot, b"".join(log), digest.hexdigest(), compute_digest(engine.state), counts)


def check(log: Log) -> None:
    """Fail unless another engine gives the same events."""
    engine = read_snapshot(log.snapshot, huge_pages=True)
    digest = hashlib.blake2b(digest_size=16)
    for batch in venue.split(log.commands):
        digest.update(engine.apply(batch))
    assert digest.hexdigest() == log.events, "two engines gave different events for the same commands"


def run(log: Log) -> float:
    """Return the seconds that a fresh engine takes for the commands of the mix."""
    engine = read_snapshot(log.snapshot, huge_pages=True)
    batches = list(venue.split(log.commands))
    begin = measure.clock()
    for batch in batches:
        engine.apply(batch)
    seconds = measure.clock() - begin
    assert compute_digest(engine.state) == log.state, "two engines ended in different states"
    return seconds


def measure_all(commands: int = 1 << 18, accounts: int = 10_000) -> dict[str, float]:
    """Return commands and fills a second with one market, with sixteen and with 256, and with policies."""
    figures: dict[str, float] = {}
    for markets in (1, 16, 256):
        log = write_log(commands, accounts, markets)
        check(log)
        seconds = measure.median(lambda log=log: run(log))
        figures[f"core.commands_per_s.markets_{markets}"] = log.size / seconds
        figures[f"core.fills_per_s.markets_{markets}"] = log.counts["fills"] / seconds
        figures[f"core.command_ns.markets_{markets}"] = 1e9 * seconds / log.size
        figures[f"core.mix_rejected.markets_{markets}"] = log.counts["rejected"] / log.size
    figures["core.markets_256_ratio"] = (
        figures["core.commands_per_s.markets_16"] / figures["core.commands_per_s.markets_256"]
    )  # fmt: skip
    return figures | measure_policies(commands, accounts)


def measure_policies(commands: int = 1 << 18, accounts: int = 10_000) -> dict[str, float]:
    """Return commands and fills a second with half of the accounts on policies, and how much slower than with none.

    Both run in turn, so that a machine that slows down slows both.
    """
    plain, ruled = write_log(commands, accounts), write_log(commands, accounts, has_policies=True)
    check(ruled)
    without, seconds = measure.medians((lambda: run(plain), lambda: run(ruled)))
    return {
        "core.commands_per_s.policies": ruled.size / seconds,
        "core.fills_per_s.policies": ruled.counts["fills"] / seconds,
        "core.policies_ratio": seconds / without,
    }


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all().items():
        print(f"{name:40} {figure:16,.2f}")
