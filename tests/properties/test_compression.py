"""Compression beside the naive exchange and on random graphs of contracts: no position and no V changes.

Invariants of docs/spec/invariants.md; a failure names its seed.
"""

from __future__ import annotations

import os
import random
from collections import Counter, defaultdict

import pytest

from tests.exchange.venues import SMALL
from tests.properties import soak
from tests.properties.campaign import (
    MILLION,
    Chapter,
    Generator,
    check_aggregates,
    check_lists,
    check_supply,
    check_zero_sum,
    get_sums,
    read_events,
    replay_interpreted,
)
from worldmarkets import Exchange
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c
from worldmarkets.core import records as r

SEED = int(os.environ.get("WORLDMARKETS_SEED", "1"))
SEVERITIES = (0, 300_000, 600_000, MILLION, 2 * MILLION, 10 * MILLION)
COMMANDS = 6_000 if COMPILED else 700
GRAPHS = 24 if COMPILED else 2
PERPS = (5, 6, 7)  # markets of the campaign's venue

# What the campaigns together must have seen at least.
LEAST = {
    "applied": 120, "circles": 130, "gone": 130, "trued up": 300, "funding": 20, "IOU": 1, "by a party": 20,
    "NOT_A_CIRCLE": 20, "NOT_CONSENTED": 20, "UNKNOWN_CONTRACT": 5, "SIZE_TOO_SMALL": 2, "SIZE_TOO_LARGE": 2,
    "SIZE_NOT_POSITIVE": 3, "BUNDLE_SIZE": 3, "BUNDLE_ACCOUNT": 3, "UNKNOWN_ACCOUNT": 1, "FEED_STATE": 1,
}  # fmt: skip


def find_circle(perps: list[dict], rng: random.Random) -> list[dict]:
    """Return contracts of a circle, found by walking at random from one to the next; [] when the walk ends."""
    by_short, by_long = defaultdict(list), defaultdict(list)
    for perp in perps:
        by_short[perp["short"]].append(perp)
        by_long[perp["long"]].append(perp)
    walk = [rng.choice(perps)]
    while len(walk) < 12:
        grows = len(walk) % 2 == 1
        near = by_short[walk[-1]["short"]] if grows else by_long[walk[-1]["long"]]
        near = [perp for perp in near if perp is not walk[-1]]
        if not near:
            return []
        closing = [perp for perp in near if grows and perp["long"] == walk[0]["long"] and len(walk) > 2]
        walk.append(rng.choice(closing or near))
        if closing:
            return walk if len({perp["id"] for perp in walk}) == len(walk) else []
    return []


class Compressor(Generator):
    """The campaign's generator, which also lets accounts consent, and compresses."""

    def next(self) -> list[bytes]:
        if not self.queue:
            draw = self.random.random()
            if draw < 0.04:
                value = int(self.random.random() < 0.9)
                return [self.encode(r.Switch, c.CONFIGURE_ACCOUNT, self.account(), setting=c.COMPRESSION, value=value)]
            if draw < 0.16:
                return self.compress()
        return super().next()

    def switch(self) -> bytes:
        return self.place()  # halts are the matter of the campaign

    def compress(self) -> list[bytes]:
        pick = self.random.random
        rows = self.world.live("perps")
        market = self.random.choice(PERPS)
        willing = self.world.rows("accounts")["is_compressible"]
        names = ("id", "long_account", "short_account", "lots", "market")
        every = [dict(zip(("id", "long", "short", "lots", "market"), row, strict=True))
                 for row in rows[list(names)].tolist()]  # fmt: skip
        perps = [perp for perp in every if perp["market"] == market]
        if pick() < 0.8:
            perps = [perp for perp in perps if willing[perp["long"]] and willing[perp["short"]]]
        if not perps:
            return [self.place()]
        actor = self.account()
        legs: list[tuple[int, int]] = []
        for _ in range(self.random.choice((1, 1, 1, 2, 3))):
            circle = next(filter(None, (find_circle(perps, self.random) for _ in range(20))), [])
            if circle:
                lots = min(perp["lots"] for perp in circle[::2])
                legs += [(perp["id"], lots) for perp in circle]
                for place, perp in enumerate(circle):
                    perp["lots"] += lots if place % 2 else -lots
                perps = [perp for perp in perps if perp["lots"]]
                if pick() < 0.2:
                    actor = circle[0]["long"]
        if not legs or pick() < 0.2:
            self.spoil_legs(legs, every)
        if pick() < 0.02:  # none, or too many
            legs = self.random.choice(([], (65 * legs)[:70]))
        parts = [self.encode(r.ContractChange, c.COMPRESS, actor, contract_id=a, amount=b) for a, b in legs]
        if legs and pick() < 0.02:
            parts[-1] = self.encode(r.ContractChange, c.TRUE_UP, actor, contract_id=legs[-1][0])
        if pick() < 0.01:
            actor = 99
            parts = [self.encode(r.ContractChange, c.COMPRESS, actor, contract_id=a, amount=b) for a, b in legs]
        return [self.encode(r.Command, c.COMPRESS, actor, count=len(legs)), *parts]

    def spoil_legs(self, legs: list, every: list[dict]) -> None:
        """Make circles wrong in one way."""
        perp = self.random.choice(every)
        wrong = self.random.randrange(8)
        if not legs or wrong == 0:
            legs.append((perp["id"], perp["lots"]))
        elif wrong == 1:
            legs.pop()
        elif wrong == 2:
            legs[self.random.randrange(len(legs))] = (perp["id"], legs[0][1])
        elif wrong == 3:
            legs[-1] = (self.random.getrandbits(40), legs[-1][1])
        elif wrong == 4:
            lots = self.random.choice((0, -1, 10**14 + 1))
            legs[:] = [(identity, lots) for identity, _ in legs]
        elif wrong == 5:
            change = self.random.choice((1, -1))
            legs[:] = [(identity, max(lots + change, 1)) for identity, lots in legs]
        elif wrong == 6:
            legs.reverse()
        else:
            legs += legs[:4]


class Circles(Chapter):
    """A chapter with compression in it, which asks of each that no position and no V changed."""

    def __init__(self, seed: int, **options):
        super().__init__(seed, **options)
        self.generator = Compressor(self.world, seed)
        self.seen: Counter[str] = Counter()

    def step(self, commands: list[bytes]) -> None:
        if commands[0][16] != c.COMPRESS:
            super().step(commands)
            return
        world, engine = self.world, self.world.engine
        actor = int.from_bytes(commands[0][20:24], "little")
        super().step([commands[0][:16] + bytes([c.ADVANCE_TIME]) + bytes(47)])  # what V is at the command's time
        before = self.get_positions(), [world.values(m) for m in SEVERITIES]
        perps = world.live("perps")
        reached = world.rows("markets")["funding_index"].tolist()
        behind = {int(perp["id"]) for perp in perps if perp["funding_index"] != reached[perp["market"]]}
        owing = world.rows("accounts")["ious"].tolist()
        super().step(commands)
        events = read_events(self.events[-1])
        if events[0].kind == c.REJECTED:
            self.seen[self.get_code(events[0])] += 1
            return
        (done,) = [event for event in events if event.kind == c.COMPRESSED]
        assert done.gone >= done.circles > 0
        assert len(world.live("perps")) == len(perps) - done.gone
        assert self.get_positions() == before[0], "a position changed"
        trued_up = [event for event in events if event.kind == c.TRUED_UP]
        rests = sum(event.contract_id in behind for event in trued_up)  # funding that is no whole quantum
        interest: Counter[int] = Counter()  # of IOUs repaid from what a true-up paid: no claim on it counted before
        for event in events:
            if event.kind == c.LOAN_REPAID:
                interest[event.lender] += event.interest
                interest[event.account] += event.left == 0  # V counted the part of a quantum that ends with it as one
        for severity, was in zip(SEVERITIES, before[1], strict=True):
            for account, value in enumerate(was, 1):
                now = engine.get_value(account, severity)
                least = value - rests if account == actor else value
                assert least <= now <= value + rests + interest[account], f"V({account}, {severity}) {value} -> {now}"
        self.seen["applied"] += 1
        self.seen["circles"] += done.circles
        self.seen["gone"] += done.gone
        self.seen["trued up"] += len(trued_up)
        self.seen["funding"] += any(event.funding != 0 for event in trued_up)
        self.seen["IOU"] += world.rows("accounts")["ious"].tolist() != owing
        self.seen["by a party"] += any(
            event.kind == c.PERP_CHANGED and actor in (event.account, event.short_account) for event in events
        )

    def get_best_lend(self) -> int:
        """Return the best lend rate as timed work leaves it that is done before the command."""
        head = self.log[-1][:16] + bytes([c.ADVANCE_TIME]) + bytes(47)
        self.world.engine.open_preview()
        self.world.apply(head)
        best = super().get_best_lend()
        self.world.engine.close_preview()
        return best

    def get_positions(self) -> list[tuple]:
        rows = self.world.rows("positions")
        return rows[["account", "asset", "lots", "borrowed", "lent"]].tolist()

    @staticmethod
    def get_code(event) -> str:
        return next(name for name, value in vars(c).items() if value == event.code and name in CODES)


CODES = frozenset(LEAST) | {"MARGIN", "MARGIN_WORSE", "MARKET_MODE", "VENUE_MODE", "CAPACITY", "TIME_BACKWARDS"}


def run_chapters(seeds: range, commands: int) -> Counter[str]:
    seen: Counter[str] = Counter()
    for seed in seeds:
        chapter = Circles(seed).run(commands)
        check_supply(chapter.world)
        check_zero_sum(chapter.world)
        check_aggregates(chapter.world)
        check_lists(chapter.world)
        seen += chapter.seen
    return seen


@pytest.mark.both
@pytest.mark.slow
def test_compression_among_all_that_happens():
    """Invariants 1 to 8 and the naive exchange, with circles compressed between trades, loans, marks and funding."""
    seen = run_chapters(range(1_000 * SEED, 1_000 * SEED + (3 if COMPILED else 1)), COMMANDS)
    print(dict(seen))
    if COMPILED:
        missed = {name: seen[name] for name, least in LEAST.items() if seen[name] < least}
        assert not missed, f"too few of {missed}"


@pytest.mark.soak
def test_soak_of_compression():
    for number in soak.chapters("compression", 5_000):
        Circles(SEED * 1_000 + 500 + number).run(5_000)


@pytest.mark.skipif(not COMPILED, reason="compares the compiled core with the interpreted one")
def test_compiled_equals_interpreted(tmp_path):
    """Invariant 7, with compressions in the log."""
    chapter = Circles(SEED + 3).run(2_500)
    assert chapter.seen["applied"] > 5
    log = tmp_path / "log"
    log.write_bytes(b"".join(chapter.log))
    interpreted = replay_interpreted(log, f"World(Genesis.of({chapter.seed}))")
    assert interpreted == get_sums(chapter.world, b"".join(chapter.events))


def make_graph(seed: int) -> tuple[Exchange, random.Random]:
    """A venue where many have traded a perp with one another, at many prices, for days."""
    rng = random.Random(seed)
    exchange = Exchange(capacity={**SMALL, "perps": 8_192, "orders": 8_192})
    count = rng.choice((5, 12, 40))
    accounts = [exchange.account(f"account {number}") for number in range(count)]
    for account in accounts:
        account.deposit("USDM", rng.choice(("3_000", "20_000", "1_000_000")))
        if rng.random() < 0.85:
            account.allow_compression()
    price = 2_000
    for _ in range(rng.choice((1, 2, 4))):
        exchange.step(hours=8)
        price += rng.randrange(-40, 41)
        exchange.mark("ETH", f"{price}.{rng.randrange(10**8):08d}")
        for _ in range(rng.choice((40, 150))):
            buyer, seller = rng.sample(accounts, 2)
            size = f"0.{rng.randrange(10, 9999):04d}"
            traded = str(price + rng.randrange(-4, 5))
            seller.submit.sell("ETH-PERP", size, traded)
            buyer.submit.buy("ETH-PERP", size, traded, ioc=True)
            seller.cancel_all()
    price += rng.randrange(-20, 21)
    exchange.mark("ETH", f"{price}.{rng.randrange(10**8):08d}")
    return exchange, rng


def get_pairs(exchange: Exchange) -> list[tuple[int, int]]:
    rows = exchange.table("perps")
    rows = rows[rows["lots"] > 0]
    return list(zip(rows["long_account"].tolist(), rows["short_account"].tolist(), strict=True))


def has_circle(pairs: list[tuple[int, int]]) -> bool:
    root: dict[int, int] = {}

    def find(node: int) -> int:
        while root.get(node, node) != node:
            node = root[node]
        return node

    for long, short in pairs:
        a, b = find(long), find(short)
        if a == b:
            return True
        root[a] = b
    return False


@pytest.mark.both
@pytest.mark.parametrize("seed", range(SEED * 100, SEED * 100 + GRAPHS))
def test_a_proposal_leaves_no_circle_and_changes_nobody(seed):
    exchange, rng = make_graph(seed)
    sender = rng.choice(exchange.accounts)
    proposal = exchange.propose_compression("ETH-PERP", sender)
    pairs = get_pairs(exchange)
    consenting = {account.number for account in exchange.accounts if account.allows_compression or account == sender}
    before = {account: [account.value(m) for m in ("0", "0.3", "0.6", "1", "2", "10")] for account in exchange.accounts}
    sizes = {account: [p.perp for p in account.positions] for account in exchange.accounts}
    supply = exchange.table("positions")["balance"].sum()

    results = exchange.compress(proposal, sender)

    left = get_pairs(exchange)
    inner = [pair for pair in left if consenting.issuperset(pair)]
    assert not has_circle(inner)
    assert has_circle([pair for pair in pairs if consenting.issuperset(pair)]) == bool(proposal)
    assert (len(pairs), len(left)) == (proposal.contracts_before, proposal.contracts_after)
    assert set(left) <= set(pairs)  # nobody got a counterparty that it had not
    assert len(left) <= len(pairs) - len(proposal.circles)
    touched = sum(len(circle.legs) for circle in proposal.circles)
    for account, values in before.items():
        assert sizes[account] == [p.perp for p in account.positions]
        for was, m in zip(values, ("0", "0.3", "0.6", "1", "2", "10"), strict=True):
            change = (account.value(m) - was) * 10**6
            assert abs(change) <= touched if account == sender else 0 <= change <= touched, f"V({account}, {m})"
    for party in proposal.parties:
        assert party.contracts_after == sum(party.account.number in pair for pair in left)
        assert party.contracts_before == sum(party.account.number in pair for pair in pairs)
        assert sum(p.size for p in party.account.perps) == party.position
    assert supply == exchange.table("positions")["balance"].sum()
    assert exchange.audit() == []
    assert all(len(result.events) < 16 * 64 for result in results)
    assert not exchange.propose_compression("ETH-PERP", sender)
