"""Random campaigns: the invariants of docs/spec/invariants.md after every command, and the naive exchange beside.

`WORLDMARKETS_CAMPAIGN` says how many commands, `WORLDMARKETS_SEED` from which number they come; a failure names its
chapter's seed and command.
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest

from tests.properties import soak
from tests.properties.campaign import (
    CODE_NAMES,
    Chapter,
    Every,
    Genesis,
    check_wealth,
    get_sums,
    read_events,
    replay,
    replay_interpreted,
)
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c

SEED = int(os.environ.get("WORLDMARKETS_SEED", "1"))
COMMANDS = int(os.environ.get("WORLDMARKETS_CAMPAIGN", "100000" if COMPILED else "4000"))
CHAPTER = 5_000  # commands of one engine
SHARES = 4  # for as many processes
SHORT = 1_200 if COMPILED else 300
NEVER = 1 << 60

# What a share of 25,000 commands must have seen at least.
LEAST = {
    "perp OPENED": 300, "perp TORN_UP": 80, "perp REPAIRED": 600, "perp CROSSED": 200,
    "trued up on request": 300, "trued up by a fill": 600, "IOU opened": 150, "IOU repaid in full": 100,
    "IOU repaid in part": 50, "loan opened": 150, "loan repaid in full": 80, "loan repaid in part": 80,
    "loan extended": 30, "returned to the book": 30, "bundle applied": 80, "bundle rolled back": 200,
    "client id repeated": 8, "rebate": 50, "funding set": 100, "cancelled WORK": 1,
    "cancelled REASON_EXPIRED": 50, "cancelled REASON_SELF_TRADE": 50, "cancelled REASON_REDUCED": 0,
    "cancelled BALANCE": 10, "cancelled MARGIN": 5, "cancelled MARGIN_WORSE": 5,
    "self-trade mode 0": 20, "self-trade mode 1": 5, "self-trade mode 2": 5, "self-trade mode 3": 5,
    "traded in market kind 1": 100, "traded in market kind 2": 500, "traded in market kind 3": 100,
}  # fmt: skip
# Codes that no command of a campaign is answered with, and why.
NOT_REACHED = {
    **dict.fromkeys(
        (
            "UNKNOWN_PROTECTION",
            "LIMITS_OUT_OF_RANGE",
            "PROTECTION_ACTIVE",
            "QUOTES_LIMIT",
            "LIMIT_ORDER_SIZE",
            "LIMIT_OPEN_ORDERS",
            "LIMIT_POSITION",
            "LIMIT_NOTIONAL",
        ),
        "what makers have beside single orders: test_quotes.py",
    ),
    **dict.fromkeys(
        (
            "UNKNOWN_GROUP",
            "UNKNOWN_PARAMETER",
            "UNKNOWN_CHANGE",
            "PARAMETER_RANGE",
            "LOOSENING",
            "CHANGE_PENDING",
            "CHANGE_EMPTY",
            "CHANGES_LIMIT",
            "SOURCES_FEW",
        ),
        "parameters stand still here: test_parameters.py",
    ),
    **dict.fromkeys(
        (
            "UNSIGNED",
            "ENVELOPE_EXPIRED",
            "UNKNOWN_KEY",
            "NONCE_TOO_LOW",
            "NONCE_USED",
            "KEY_FORBIDDEN",
            "KEY_EXPIRED",
            "MANDATE_KIND",
            "MANDATE_MARKET",
            "UNKNOWN_DELEGATE",
            "MANDATE_BAND",
            "KEY_EXISTS",
            "KEY_RESERVED",
            "KEYS_LIMIT",
            "MANDATE_RANGE",
            "MANDATE_ORDER",
            "MANDATE_DAY",
            "MANDATE_LOSS",
            "MANDATE_FLOOR",
        ),
        "nobody signs here: tests/keys",
    ),
    **dict.fromkeys(
        ("PLAN_FROZEN", "ACCOUNT_CLOSING", "COUNTERPARTY_CLOSING"), "no ladder here: test_ladder.py, test_closeout.py"
    ),
    "PRICE_BAND": "who is below rarely fills far from the mark: tests/exchange",
    "CAPACITY": "tables are large here: test_bounds.py",
    "POSITIONS_LIMIT": "needs more than 64 assets: test_bounds.py",
    "LOANS_LIMIT": "needs 256 loans of one asset: test_bounds.py",
    "LOAN_NOT_EXITABLE": "lenders that leave: test_loans.py",
    "EXITS_LIMIT": "lenders that leave: test_loans.py",
    "BORROWER_NOT_FREE": "lenders that leave: test_loan_life.py",
    "NO_LENDER": "lenders that leave: test_loans.py",
    "RENEWAL_FORBIDDEN": "renewal by others: test_loans.py",
    "RENEWAL_EARLY": "renewal by others: test_loans.py",
    "NOT_CONSENTED": "compression: test_compression.py",
    "NOT_A_CIRCLE": "compression: test_compression.py",
    "TRIGGERS_LIMIT": "needs 256 orders that wait: tests/exchange/test_triggers.py",
    "SEVERITY_OUT_OF_RANGE": "no policies here: test_policy.py",
    "COUNTERPARTIES_LIMIT": "no policies here: test_policy.py",
    "REQUEUE_LIMIT": "no policies here: test_policy.py",
    "COUNTERPARTY_DENIED": "no policies here: test_policy.py",
    "INTERNAL": "only by a fault that a test injects: test_bounds.py",
}


def print_counts(counts: Counter, title: str) -> None:
    print(f"\n{title}")
    for name, count in sorted(counts.items()):
        print(f"  {name:42} {count:>10}")


def run_share(share: int, commands: int) -> Counter:
    """Run the chapters of one share, on one seed after another."""
    counts: Counter[str] = Counter()
    left, number, begun = commands, 0, time.perf_counter()
    while left > 0:
        chapter = Chapter(SEED * 1_000_000 + share * 100_000 + number).run(min(left, CHAPTER))
        counts.update(chapter.counts)
        left -= chapter.number
        number += 1
    rate = commands / (time.perf_counter() - begun)
    print_counts(counts, f"seed {SEED}, share {share}: {commands} commands, {rate:.0f} a second")
    return counts


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_every_invariant_holds_in_a_campaign(share):
    commands = COMMANDS // SHARES
    counts = run_share(share, commands)
    if commands >= 25_000:
        missed = {name: counts[name] for name, least in LEAST.items() if counts[name] < least}
        assert not missed, f"too few of {missed}"
        codes = {name for name in CODE_NAMES.values() if not counts["code " + name]}
        codes.discard("ENVELOPE")  # a kind at random may be that of an envelope
        assert codes == NOT_REACHED.keys(), f"codes reached or not: {codes ^ NOT_REACHED.keys()}"


def only(**every: int) -> Every:
    """Return checks at the given intervals, and none of the others."""
    return Every(**{**dict.fromkeys(Every.__dataclass_fields__, NEVER), **every})


@pytest.mark.both
def test_supply_and_zero_sum_after_every_command():
    """Invariants 1 and 2."""
    Chapter(SEED + 10, only(sums=1)).run(SHORT)


@pytest.mark.both
def test_aggregates_and_lists_after_every_few_commands():
    """Invariant 3."""
    Chapter(SEED + 20, only(lists=10, tables=1)).run(SHORT)


@pytest.mark.both
def test_a_free_account_stays_free():
    """Invariants 4 and 5, with accounts at the very edge; they are asked after every command of every chapter."""
    chapter = Chapter(SEED + 30, only())
    edge = chapter.generator.go_to_the_edge
    chapter.generator.probe = edge
    chapter.generator.nonsense = edge
    chapter.run(SHORT)


@pytest.mark.both
def test_a_rejected_command_changes_nothing():
    """Invariant 6."""
    chapter = Chapter(SEED + 40, only(digest=1)).run(SHORT)
    assert sum(count for name, count in chapter.counts.items() if name.startswith("rejected ")) > SHORT // 10


@pytest.mark.both
@pytest.mark.parametrize("batch", [1, 7, 500])
def test_the_same_log_gives_the_same_events_and_tables(batch):
    """Invariant 7, in batches of any size, and without the previews and questions that went between."""
    chapter = Chapter(SEED + 50, only(preview=3)).run(SHORT)
    world, events = replay(chapter.log, chapter.genesis, batch)
    assert b"".join(events) == b"".join(chapter.events)
    assert world.dump() == chapter.world.dump()


@pytest.mark.skipif(not COMPILED, reason="compares the compiled core with the interpreted one")
@pytest.mark.parametrize("number", [60, 63, 65])
def test_compiled_equals_interpreted(tmp_path, number):
    """Invariant 7: the same log in a process that runs the core interpreted."""
    chapter = Chapter(SEED + number, only()).run(1_500)
    log = tmp_path / "log"
    log.write_bytes(b"".join(chapter.log))
    interpreted = replay_interpreted(log, f"World(Genesis.of({chapter.seed}))")
    assert interpreted == get_sums(chapter.world, b"".join(chapter.events))


@pytest.mark.both
def test_a_preview_gives_what_applying_gives():
    """Invariant 8: the same events, and nothing left behind; also V and resilience of everybody."""
    chapter = Chapter(SEED + 70, only(preview=1)).run(SHORT // 2)
    engine = chapter.world.engine
    for _ in range(SHORT // 2):
        data = b"".join(chapter.generator.next())
        engine.open_preview()
        engine.apply(data)
        foreseen = [(engine.get_value(a, 10**6), engine.get_resilience(a)) for a in range(1, 13)]
        engine.close_preview()
        engine.apply(data)
        assert foreseen == [(engine.get_value(a, 10**6), engine.get_resilience(a)) for a in range(1, 13)]


@pytest.mark.both
@pytest.mark.parametrize("has_fees", [False, True])
def test_nothing_is_gained_from_nothing(has_fees):
    """Invariant 11: at constant marks, those who trade with one another alone never own more than they brought."""
    chapter = Chapter(SEED + 80, only(), Genesis(has_fees=has_fees), is_calm=True)
    for _ in range(SHORT):
        chapter.run(1)
        check_wealth(chapter.world)


@pytest.mark.both
def test_work_is_bounded():
    """Invariant 12, with at most two fills a command."""
    chapter = Chapter(SEED + 90, only(), Genesis(max_fills=2)).run(SHORT)
    fills = (Counter(e.taker_order for e in read_events(raw) if e.kind == c.TRADED) for raw in chapter.events)
    assert max(max(each.values(), default=0) for each in fills) == 2


@pytest.mark.soak
@pytest.mark.parametrize("share", range(SHARES))
def test_soak(share):
    counts: Counter[str] = Counter()
    for number in soak.chapters("exchange", 4 * CHAPTER, SHARES):
        counts.update(Chapter(SEED * 1_000_000 + (5 + share) * 100_000 + number).run(4 * CHAPTER).counts)
    print_counts(counts, f"seed {SEED}, share {share}")
