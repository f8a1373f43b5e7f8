"""Auctions of random portfolios: every slice is the naive one, and harms nobody who did not ask for it."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.properties import soak
from tests.properties.auctions import Chapter

ROUNDS = 8
AT_LEAST = {  # of ten chapters
    "auction": 40, "slice": 50, "freed": 15, "paid by the bidder": 6, "paid to the bidder": 30, "of some groups": 20,
    "bid gone": 15, "torn up": 3, "crossed": 15, "true-up owed": 2, "loan assumed": 15, "claim moved": 3,
    "held against the model": 20,
}  # fmt: skip


def run_chapters(numbers: range) -> Counter[str]:
    counts: Counter[str] = Counter()
    for number in numbers:
        Chapter(number, counts).play(ROUNDS)
    return counts


@pytest.mark.slow
@pytest.mark.parametrize("part", range(2))
def test_slices_are_naive_ones_and_harm_nobody(part: int) -> None:
    counts = run_chapters(range(10 * part, 10 * part + 10))
    scarce = {what: counts[what] for what, least in AT_LEAST.items() if counts[what] < least}
    assert not scarce, (scarce, counts)


@pytest.mark.both
def test_a_short_campaign_of_auctions() -> None:
    counts = run_chapters(range(100, 102))
    assert counts["slice"] >= 5 and counts["held against the model"] >= 3, counts


@pytest.mark.soak
def test_a_long_campaign_of_auctions() -> None:
    counts: Counter[str] = Counter()
    for number in soak.chapters("auctions", 40):
        Chapter(soak.SEED * 1_000_003 + number, counts).play(ROUNDS)
    print(dict(counts))
