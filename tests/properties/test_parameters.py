"""Changes of parameters beside a calendar in exact fractions: every value at every time, and every refusal."""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest

from tests.models import naive_parameters as naive
from tests.properties import soak
from tests.properties.campaign import START_US, Genesis, World, encode, read_events
from worldmarkets.core import codes as c
from worldmarkets.core import guards
from worldmarkets.core import records as r
from worldmarkets.core.audit import compute_violations

HOUR = naive.HOUR
MILLION = 10**6
SEED = int(os.environ.get("WORLDMARKETS_SEED", "1"))
NUMBERS = {guard.name: guard.number for guard in guards.GUARDS}
ROLES = {"administrator": c.ADMINISTRATOR, "guardian": c.GUARDIAN, "nobody": 0}
CODE_NAMES = {value: name for name, value in list(vars(c).items()) if name.isupper()}
CODE_NAMES = {getattr(c, n): n for n in list(vars(c))[list(vars(c)).index("OK") : list(vars(c)).index("RESULT_CODES")]}
FREQUENT = ("OK", "ROLE", "LOOSENING", "CHANGE_PENDING", "PARAMETER_RANGE", "UNKNOWN_ASSET", "UNKNOWN_MARKET",
            "UNKNOWN_CHANGE", "CHANGE_EMPTY")  # fmt: skip


def get_slots(guard: str) -> dict[str, str]:
    """The field of the command that each field of a guard stands in."""
    return {field.name: slot for slot, field in zip("abcde", guards.GUARDS[NUMBERS[guard] - 1].fields, strict=True)
            if field is not None}  # fmt: skip


class Calendar:
    """An engine, and the calendar beside it."""

    def __init__(self, seed: int):
        self.chance = random.Random(seed)
        self.world = World(Genesis())
        self.now = START_US
        self.counts: Counter[str] = Counter()
        self.most_tiers = 0
        self.ids: dict[int, int] = {}  # of the engine, by the calendar's
        values = {}
        for guard, (kind, _) in naive.GUARDS.items():
            if kind == "tier":
                continue  # there is none yet
            count = {"asset": len(self.world.asset_terms), "market": len(self.world.market_terms), "venue": 0}[kind]
            for subject in range(1, count + 1) if count else (0,):
                if (guard, subject) != ("asset risk", 1):
                    values[guard, subject] = self.read(guard, subject)
        books = {
            number: (terms["asset"], terms["lot_quanta"])
            for number, terms in enumerate(self.world.market_terms, 1)
            if terms["kind"] == c.LOAN
        }
        members = int(self.world.rows("groups")["assets"][naive.SHARED_GROUP])
        self.model = naive.NaiveParameters(values, books, members, self.now)

    def read(self, guard: str, subject: int) -> dict[str, int]:
        """What the engine's tables say of a guard."""
        kind, fields = naive.GUARDS[guard]
        table = {"asset": "assets", "market": "markets", "venue": "venue", "tier": "tiers"}[kind]
        row = self.world.rows(table)[subject or 1]
        return {field: int(row[field]) for field in fields}

    def send(self, record, **values) -> tuple[str, list]:
        events = read_events(self.world.apply(encode(record, time_us=self.now, **values)))
        code = events[0].code if len(events) == 1 and events[0].kind == c.REJECTED else c.OK
        return CODE_NAMES[code], events

    def wait(self, duration_us: int) -> None:
        """Let time pass, all of it at once, and do what has come due."""
        self.now += duration_us
        while True:
            assert self.send(r.Command, kind=c.ADVANCE_TIME)[0] == "OK"
            if int(self.world.rows("venue")["next_due_us"][1]) > self.now:
                break
        before = set(self.model.changes)
        self.model.advance(self.now)
        self.match_new(set(self.model.changes) - before)

    def match_new(self, numbers) -> None:
        """Learn the engine's ids of changes that a step has made, in the order they were made."""
        rows = self.world.rows("changes")
        known = set(self.ids.values())
        fresh = sorted(int(row["id"]) for row in rows if row["state"] and int(row["id"]) not in known)
        self.ids.update(zip(sorted(numbers), fresh, strict=True))

    def propose(self) -> None:
        guard = self.chance.choice([*naive.GUARDS, "asset risk", "asset risk", "venue risk", "end of a market"])
        role = self.chance.choices(list(ROLES), (8, 4, 1))[0]
        if guard == "end of a market":
            subject = self.chance.randrange(0, self.model.market_count + 2)
            expected = self.model.propose(role, guard, subject, {})
            self.answer(expected, self.send(r.ProposeChange, kind=c.PROPOSE_CHANGE, flags=ROLES[role],
                                            guard=c.MARKET_END, subject=subject))  # fmt: skip
            return
        kind = naive.GUARDS[guard][0]
        count = {"asset": self.model.asset_count, "market": self.model.market_count, "venue": 0,
                 "tier": len(self.model.tiers) + 1}[kind]  # fmt: skip
        subject = self.chance.randrange(0, count + 2) if count and self.chance.random() < 0.1 else 0
        if count and not subject:
            subject = self.chance.randrange(1, count + 1)
        old = self.model.values.get((guard, subject)) or self.model.values.get((guard, 2), naive.NO_TIER)
        new = self.draw(guard, old)
        expected = self.model.propose(role, guard, subject, new)
        body = {get_slots(guard)[field]: value for field, value in new.items()}
        self.answer(expected, self.send(r.ProposeChange, kind=c.PROPOSE_CHANGE, flags=ROLES[role],
                                        guard=NUMBERS[guard], subject=subject, **body))  # fmt: skip

    def draw(self, guard: str, old: dict[str, int]) -> dict[str, int]:
        """New values: some as before, some near, some anywhere within their bounds or a little beyond."""
        new = dict(old)
        for field, (_, low, high) in naive.GUARDS[guard][1].items():
            draw = self.chance.random()
            if draw < 0.45:
                continue
            if draw < 0.85:
                new[field] = max(low, min(high, old[field] * self.chance.randrange(50, 200) // 100))
            elif draw < 0.95 and field in naive.LIMITS:
                new[field] = self.chance.choice((0, 10 ** self.chance.randrange(6, 18)))
            elif draw < 0.97:
                new[field] = high + 1 if high < 2**32 - 1 else high
            if field in ("initial_ppm", "unwind_ppm", "auction_ppm") and self.chance.random() < 0.95:
                new[field] = new[field] // 1_000 * 1_000
        if guard == "fee tier" and self.chance.random() < 0.8:
            new = {"fees": self.chance.choice((0, 1, 2, 5, 9)) * self.chance.randrange(1, 9) * 10**6,
                   "maker_cut_ppm": self.chance.randrange(50_000),
                   "taker_cut_ppm": self.chance.randrange(50_000)}  # fmt: skip
            new = new if new["fees"] else naive.NO_TIER
        if guard == "asset risk" and self.chance.random() < 0.8:
            most = naive.get_most_cap(new)
            if most is not None:
                new["holding_cap"] = self.chance.choice(
                    (0, most, max(most // 2, 1), min(old["holding_cap"] or 1, most))
                )
        return new

    def cancel(self) -> None:
        role = self.chance.choices(list(ROLES), (4, 4, 1))[0]
        number = self.chance.choice([*self.model.changes, 10**9]) if self.chance.random() < 0.9 else 0
        expected = self.model.cancel(role, number)
        self.answer(expected, self.send(r.ContractChange, kind=c.CANCEL_CHANGE, flags=ROLES[role],
                                        contract_id=self.ids.get(number, 77)))  # fmt: skip

    def list_asset(self) -> None:
        role = self.chance.choices(list(ROLES), (8, 1, 1))[0]
        risk = {"depth": 10 ** self.chance.randrange(9, 13), "price_shock_ppm": self.chance.randrange(10, 800) * 1_000,
                "slippage_ppm": self.chance.randrange(1, 60_000),
                "basis_ppm": self.chance.randrange(50_000)}  # fmt: skip
        risk["holding_cap"] = max(naive.get_most_cap({**risk}) // self.chance.randrange(1, 4), 1)
        limits = {"collateral_cap": self.chance.choice((0, 10**14)), "minimum_principal": 10**6}
        group = self.chance.choice((0, naive.SHARED_GROUP))
        expected = self.model.list(role, "new asset", {"risk": risk, "limits": limits, "group": group})
        self.answer(expected, self.send(r.ListAsset, kind=c.LIST_ASSET, flags=ROLES[role], decimals=6, group=group,
                                        collateral_cap=limits["collateral_cap"], minimum_digits=6, **risk))  # fmt: skip

    def list_market(self) -> None:
        role = self.chance.choices(list(ROLES), (8, 1, 1))[0]
        limits = {"open_interest_cap": self.chance.choice((0, 5_000)), "minimum_lots": self.chance.randrange(1, 9)}
        limits["band_ppm"] = 10_000
        fees = {**self.read("market fees", 1)}
        expected = self.model.list(role, "new market", {"limits": limits, "fees": fees})
        if expected == "OK":
            self.list_time_fees()
        self.answer(expected, self.send(r.ListMarket, kind=c.LIST_MARKET, flags=ROLES[role], market_kind=c.LOAN,
                                        asset=1, lot_quanta=10**6, tick_value=1, minimum_lots=limits["minimum_lots"],
                                        open_interest_cap=limits["open_interest_cap"], tenor_hours=48))  # fmt: skip

    def list_time_fees(self) -> None:
        """Without a market to take its fees from, a new one has none."""
        list(self.model.changes.values())[-1].new["fees"] = {"maker_ppm": 0, "fee_cap": 0, "taker_ppm": 0}

    def answer(self, expected: str, answer: tuple[str, list]) -> None:
        code, events = answer
        assert code == expected, (code, expected, events)
        self.counts[code] += 1
        proposed = [event for event in events if event.kind == c.PARAMETER_PROPOSED]
        for number in set(self.model.changes) - set(self.ids):
            self.ids[number] = proposed[0].change_id

    def check(self) -> None:
        for (guard, subject), values in self.model.values.items():
            assert self.read(guard, subject) == values, (guard, subject)
        assert int(self.world.rows("venue")["tiers"][1]) == len(self.model.tiers)
        self.most_tiers = max(self.most_tiers, len(self.model.tiers))
        under_way = {int(row["id"]): row for row in self.world.rows("changes") if row["state"]}
        assert set(under_way) == {self.ids[number] for number in self.model.changes}
        for number, change in self.model.changes.items():
            row = under_way[self.ids[number]]
            assert (int(row["next_us"]), int(row["step"])) == (change.due, change.step)
            if change.guard in naive.GUARDS:
                assert int(row["steps"]) == change.steps
        modes = self.world.rows("markets")["mode"]
        assert [market for market in range(1, len(modes)) if modes[market] == c.SETTLING] == sorted(self.model.settling)

    def run(self, steps: int) -> Calendar:
        for number in range(steps):
            self.wait(self.chance.choice((0, 1, HOUR // 2, HOUR, HOUR, 7 * HOUR, 50 * HOUR)))
            draw = self.chance.random()
            act = (self.propose if draw < 0.7 else self.cancel if draw < 0.85
                   else self.list_asset if draw < 0.92 else self.list_market)  # fmt: skip
            if (act == self.list_asset and self.model.asset_count > 30) or (
                act == self.list_market and self.model.market_count > 30
            ):
                act = self.propose
            before = self.world.digest()
            act()
            if self.counts["OK"] == 0:
                assert self.world.digest() == before
            self.check()
            if number % 10 == 0:
                assert compute_violations(self.world.engine) == []
        assert compute_violations(self.world.engine) == []
        return self


@pytest.mark.both
@pytest.mark.parametrize("seed", range(3))
def test_every_value_at_every_time(seed: int) -> None:
    calendar = Calendar(100 * SEED + seed).run(300)
    assert calendar.counts["OK"] > 40


@pytest.mark.slow
def test_every_outcome_is_met() -> None:
    counts: Counter[str] = Counter()
    tiers = 0
    for seed in range(7):
        calendar = Calendar(100 * SEED + 10 + seed).run(400)
        counts.update(calendar.counts)
        tiers = max(tiers, calendar.most_tiers)
    assert tiers > 1
    for name in FREQUENT:
        assert counts[name] >= 10, (name, counts)


@pytest.mark.soak
@pytest.mark.parametrize("share", range(4))
def test_soak_parameters(share: int) -> None:
    for number in soak.chapters("parameters", 1_000, 4):
        Calendar(SEED * 10**6 + share * 10**5 + number).run(1_000)


def test_the_model_and_the_core_know_the_same_fields() -> None:
    known = {guard.name: {field.name for field in guard.fields if field is not None} for guard in guards.GUARDS}
    del known["end of a market"]
    assert known == {name: set(fields) for name, (_, fields) in naive.GUARDS.items()}
