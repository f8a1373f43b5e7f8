"""Every benchmark in one table, and in `benchmarks/out.json`: a flat object of dotted names to numbers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import (
    atlas,
    book,
    instructions,
    ladder,
    measure,
    memory,
    mix,
    node,
    peers,
    quotes,
    replay,
    restart,
    scale,
    sweep,
)

OUT = Path(__file__).with_name("out.json")
PARTS: tuple[tuple[str, Callable[[], dict[str, float]]], ...] = (
    ("the mix", mix.measure_all),
    ("quotes", quotes.measure_all),
    ("the bare book", book.measure_all),
    ("peers", peers.measure_all),
    ("values", atlas.measure_all),
    ("the sweep", sweep.measure_all),
    ("the ladder", ladder.measure_all),
    ("a million accounts", scale.measure_all),
    ("memory", memory.measure_all),
    ("replay and snapshots", replay.measure_all),
    ("the venue", node.measure_all),
    ("a restart", restart.measure_all),
    ("instructions", instructions.measure_all),
)
# What we aim at: the figure and whether it should be at least or at most that.
AIMS = {
    "core.commands_per_s.markets_1": (">=", 5e6),
    "core.commands_per_s.markets_16": (">=", 3e6),
    "core.policies_ratio": ("<=", 1.3),
    "core.cpp_ratio": ("<=", 2.0),
    "core.bytes_per_account": ("<=", 1024.0),
    "core.accounts_1m_ratio": ("<=", 1.5),
    "core.markets_256_ratio": ("<=", 1.5),
    "atlas.sweep_1m_ms": ("<=", 10.0),
    "ladder.latched_per_s": (">=", 5e3),
    "ladder.miniblock_ms_p99": ("<=", 10.0),
    "venue.receipt_p50_ms": ("<=", 1.0),
    "venue.signed_orders_per_s": (">=", 1e4),
    "venue.bundled_commands_per_s": (">=", 1e5),
    "venue.replay_commands_per_s": (">=", 1e6),
}


def digits_of(aim: float) -> int:
    """Return how many decimals an aim is shown with: a ratio has one."""
    return 1 if aim < 10 else 0


def show(figures: dict[str, float], machine: str, commit: str) -> Table:
    """Return the table of all figures, with the aims that some have."""
    table = Table(title=f"worldmarkets {commit}\n{machine}", title_justify="left")
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("aim", justify="right")
    for name, figure in figures.items():
        word, aim = AIMS.get(name, ("", 0.0))
        digits = 0 if abs(figure) >= 1000 else 2
        table.add_row(name, f"{figure:,.{digits}f}", f"{word} {aim:,.{digits_of(aim)}f}" if word else "")
    return table


def main() -> int:
    """Run everything; 1 when a part failed."""
    measure.require_compiled()
    figures: dict[str, float] = {}
    failed = 0
    for title, part in PARTS:
        print(f"measuring {title} ...", file=sys.stderr, flush=True)
        try:
            figures |= part()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{title} could not be measured: {error}", file=sys.stderr)
            failed = 1
    OUT.write_text(json.dumps(figures, indent=1) + "\n")
    Console().print(show(figures, measure.name_machine(), measure.name_commit()))
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
