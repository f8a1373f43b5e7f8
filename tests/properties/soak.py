"""How long the campaigns of `make soak` run.

All of them together have `WORLDMARKETS_SOAK` commands, and `WORLDMARKETS_SOAK_SECONDS` of each of
`WORLDMARKETS_SOAK_JOBS` processes.  A campaign gets its part of both and goes on, chapter by chapter, until one of them
is used up.  Chapters are numbered: the seed and the number are all that a failure needs to come again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

SEED = int(os.environ.get("WORLDMARKETS_SEED", "1"))
COMMANDS = int(os.environ.get("WORLDMARKETS_SOAK", "100000"))
SECONDS = float(os.environ.get("WORLDMARKETS_SOAK_SECONDS", "inf"))
JOBS = int(os.environ.get("WORLDMARKETS_SOAK_JOBS", "1"))

# Of a hundred parts of the time, and how many commands of the whole exchange cost as much as one of these.
PARTS: dict[str, tuple[int, float]] = {
    "exchange": (18, 1),
    "book": (8, 0.5),
    "triggers": (8, 1),
    "policies": (7, 2),
    "loans": (10, 4),
    "quotes": (8, 4),
    "compression": (6, 1),
    "auctions": (4, 20),
    "sweep": (6, 10),
    "floors": (2, 10),
    "funding": (3, 10),
    "fees": (3, 5),
    "parameters": (4, 5),
    "close-outs": (4, 20),
    "ladder": (8, 5),
    "fund": (1, 5),
}
assert sum(parts for parts, _ in PARTS.values()) == 100


def chapters(name: str, size: int, processes: int = 1) -> Iterator[int]:
    """Yield the numbers of the chapters, of `size` commands each, that one of a campaign's `processes` has to run."""
    parts, cost = PARTS[name]
    commands = COMMANDS * parts / 100 / cost / processes
    seconds = SECONDS * JOBS * parts / 100 / processes
    begun, number = time.monotonic(), 0
    while number == 0 or (number * size < commands and time.monotonic() - begun < seconds):
        yield number
        number += 1
    print(f"{name}: {number * size} commands in {number} chapters, seed {SEED}, {time.monotonic() - begun:.0f} s")
