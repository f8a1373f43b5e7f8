"""`world audit STATE`: whether a snapshot keeps the invariants."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from worldmarkets.cli.errors import fail, read_bytes

# Those of docs/spec/invariants.md that a state alone can show.
INVARIANTS = {
    1: "supply: balances and venue accounts are what was deposited and not withdrawn",
    2: "zero sum: lots of a perp market sum to zero, and what is lent is borrowed",
    3: "aggregates: positions, books and figures equal the sums of what they stand for",
}


def audit(
    state: Annotated[Path, typer.Argument(help='A snapshot ("-": standard input).')],
) -> None:
    """Check the invariants that a snapshot can show; exit code 1 when one is broken."""
    from worldmarkets.core.audit import compute_violations
    from worldmarkets.core.digest import compute_digest
    from worldmarkets.core.snapshot import SnapshotError, read_snapshot

    try:
        engine = read_snapshot(read_bytes(state))
    except SnapshotError as error:
        fail(f"{state}: {error}")
    violations = list(compute_violations(engine))
    typer.echo(f"digest {compute_digest(engine.state)}")
    numbers = sorted({*INVARIANTS, *(_number(line) for line in violations)})
    for number in numbers:
        broken = [line for line in violations if _number(line) == number]
        verdict = f"{len(broken)} violations" if broken else "ok"
        typer.echo(f"{number:>2} {verdict:<14} {INVARIANTS.get(number, '')}".rstrip())
        for line in broken:
            typer.echo(f"     {line.partition(': ')[2]}")
    if violations:
        raise typer.Exit(1)


def _number(line: str) -> int:
    head = line.partition(":")[0].partition(",")[0]
    return int(head) if head.isdigit() else 0
