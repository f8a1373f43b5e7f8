"""The ladder under crashes, from the margin call to the default fund: the campaign of `crashes.py`."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.properties.crashes import LEAST, run_crash
from tests.properties.soak import SEED, chapters

CHAPTERS = 24
SIZE = 220  # commands of a chapter, about


@pytest.mark.slow
def test_crashes_down_the_whole_ladder():
    counts: Counter[str] = Counter()
    commands = 0
    for seed in range(SEED * 1_000, SEED * 1_000 + CHAPTERS):
        crash = run_crash(seed)
        counts += crash.counts
        commands += crash.commands
    print(commands, dict(sorted(counts.items())))
    assert commands > CHAPTERS * SIZE // 2
    for name, least in LEAST.items():
        assert counts[name] >= least, (name, dict(counts))


def test_a_crash():
    crash = run_crash(SEED)
    assert crash.counts["latched"] > 0 and crash.counts["commands OK"] > 0


@pytest.mark.both
def test_a_small_crash_interpreted_too():
    crash = run_crash(2, traders=4, moves=5)
    assert crash.counts["latched"] > 0


@pytest.mark.soak
def test_many_crashes():
    counts: Counter[str] = Counter()
    commands = 0
    for number in chapters("ladder", SIZE):
        crash = run_crash((SEED << 20) + number)
        counts += crash.counts
        commands += crash.commands
    print(commands, dict(sorted(counts.items())))
    for name, least in LEAST.items():
        assert counts[name] >= least * (number + 1) // CHAPTERS // 2, (name, dict(counts))
