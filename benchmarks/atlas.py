"""Nanoseconds of V: from scratch, and from the figures kept when one group is out of date.

The account has a balance, a loan and two perps in two groups.  The loop is inside the compiled core; a loop with
nothing out of date is timed too, and what is reported as incremental includes that.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import measure, venue
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.engine import Engine

SEVERITY_PPM = 1_000_000
ACCOUNT = 1


def find_figures(engine: Engine, account: int) -> list[int]:
    """Return the rows of an account's figures, one a group."""
    state = engine.state
    row = r.Account.from_buffer(state.accounts.view(account, account + 1)).first_group
    found = []
    while row:
        found.append(row)
        row = r.Figure.from_buffer(state.figures.view(row, row + 1)).next
    return found


def time_loop(loop: Callable[[int], object], count: int) -> float:
    """Return the nanoseconds a turn of a loop of `count` turns."""
    begin = measure.clock()
    loop(count)
    return 1e9 * (measure.clock() - begin) / count


def measure_all(count: int = 200_000) -> dict[str, float]:
    """Return the figures of the valuation."""
    from worldmarkets.core.drive import run_initial, run_value

    engine = venue.open_engine()
    for batch in venue.split(venue.build_population(200, 16)):
        engine.apply(batch)
    figures = find_figures(engine, ACCOUNT)
    assert len(figures) == 3, "the account has the numeraire and two groups"
    assert run_value(engine, ACCOUNT, SEVERITY_PPM, 1) == run_initial(engine, ACCOUNT, 0, 1)
    assert engine.get_value(ACCOUNT, SEVERITY_PPM) == run_value(engine, ACCOUNT, SEVERITY_PPM, 1)
    perp = figures[0]  # groups are in the order opened, newest first: a perp's
    full, incremental, kept = measure.medians(
        (
            lambda: time_loop(lambda n: run_value(engine, ACCOUNT, SEVERITY_PPM, n), count),
            lambda: time_loop(lambda n: run_initial(engine, ACCOUNT, perp, n), count),
            lambda: time_loop(lambda n: run_initial(engine, ACCOUNT, c.NONE, n), count),
        )
    )
    return {"atlas.v_full_ns": full, "atlas.v_incremental_ns": incremental, "atlas.v_kept_ns": kept}


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all().items():
        print(f"{name:32} {figure:16,.2f}")
