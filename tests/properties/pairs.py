"""Campaigns of a pair: the engine and a naive model, given the same commands, chapter by chapter."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any


def run_campaign(seed: object, commands: int, chapter: int, make: Callable, step: Callable) -> Counter[str]:
    """Run one campaign in chapters of `chapter` commands; return what happened how often.

    `make()` is a new pair, which counts its `steps` and, in `counts`, what happened; `step(pair, chance)` sends one
    command.
    """
    counts: Counter[str] = Counter()
    for start in range(0, commands, chapter):
        pair: Any = make()
        chance = random.Random(f"{seed} {start}")
        while pair.steps < min(chapter, commands - start):
            step(pair, chance)
        counts += pair.counts
        counts["commands"] += pair.steps
    return counts


def check_counts(counts: Counter[str], at_least: dict[str, float]) -> None:
    """Hold a campaign to what a thousand commands do at least; the rare ones may be missing from a short campaign."""
    thousands = counts["commands"] / 1000
    scarce = {what: counts[what] for what, least in at_least.items() if counts[what] < int(least * thousands)}
    assert not scarce, scarce
