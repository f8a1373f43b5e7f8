"""`world conformance`: cases that were computed apart from this code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from worldmarkets.cli.errors import fail

if TYPE_CHECKING:
    from worldmarkets.sim.conformance import Case

app = typer.Typer(no_args_is_help=True, help="Replay cases that were computed apart from this code.")


@app.callback()
def conformance() -> None:
    """Replay cases that were computed apart from this code."""


@app.command()
def matching(
    orders: Annotated[Path, typer.Argument(metavar="ORDERS", help="A recording (.bin, .bin.xz), or cases (.json).")],
) -> None:
    """Replay order messages on the engine and print the reports, without a newline at the end.

    A file of several cases is checked instead: one line a case, and exit code 1 if one differs.
    """
    from worldmarkets.sim.conformance import ConformanceError, read_cases, replay

    try:
        cases = read_cases(orders)
        if len(cases) == 1:
            typer.echo(replay(cases[0].messages), nl=False)
        elif not check(cases):
            raise typer.Exit(1)
    except ConformanceError as error:
        fail(str(error))


def check(cases: list[Case]) -> bool:
    """Print how each case compares with its reports; return whether all that have any are equal."""
    from worldmarkets.sim.conformance import replay

    compared = equal = 0
    for case in cases:
        reports = replay(case.messages)
        if case.reports is None:
            typer.echo(f"{case.name}: no reports to compare with\n{reports}")
            continue
        compared += 1
        if reports == case.reports:
            equal += 1
            typer.echo(f"{case.name}: equal, {len(case.messages)} messages")
        else:
            typer.echo(f"{case.name}: differs at line {find_difference(reports, case.reports)}")
    typer.echo(f"{equal} of {compared} equal")
    return equal == compared


def find_difference(reports: str, expected: str) -> str:
    """Return the first line, from 1, at which two different reports part, with what each has there."""
    ours, theirs = reports.split("\n"), expected.split("\n")
    pairs = enumerate(zip(ours, theirs, strict=False))
    place = next((place for place, (mine, other) in pairs if mine != other), min(len(ours), len(theirs)))
    got, wanted = (repr(lines[place]) if place < len(lines) else "nothing" for lines in (ours, theirs))
    return f"{place + 1}: {got} instead of {wanted}"
