"""A crash under all policies, and again with other depths, leverages and seeds: each run in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter

from worldmarkets.recorded.crashes import CRASHES
from worldmarkets.sim.stress.bars import read_bars
from worldmarkets.sim.stress.outcome import Outcome, Setting
from worldmarkets.sim.stress.policies import get_policies
from worldmarkets.sim.stress.run import Run

POLICIES = tuple(policy.name for policy in get_policies())
CELL_ACCOUNTS = 600  # a run for the table of sensitivities has so many, or as many as were asked for if those are fewer
DEPTHS, LEVERAGES, SEEDS = (0.3, 3.0), (0.75, 1.25), 3
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Task:
    """One run: a crash by name, a policy by name, what it is drawn with, and where full recordings are."""

    crash: str
    policy: str
    setting: Setting
    data: Path | None
    is_cell: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """A line of the table of sensitivities: what is other than in the line above all, and what came of it."""

    words: str
    setting: Setting
    outcomes: dict[str, Outcome]


@dataclass(frozen=True, slots=True)
class Study:
    """What came of a crash under each policy, by its name, and of the smaller runs."""

    crash: str
    setting: Setting
    outcomes: dict[str, Outcome]
    cells: list[Cell]
    jobs: int
    seconds: float


def play(crash: str, setting: Setting, data: Path | None, has_cells: bool, on_progress: Progress | None = None,
         jobs: int = 0) -> Study:  # fmt: skip
    """Play a crash under every policy, in `jobs` processes (0: one a core).  Raises ReadError, OSError."""
    begin = perf_counter()
    read_bars(CRASHES[crash], data)  # what cannot be read is known at once, and here
    jobs = jobs or os.cpu_count() or 1
    cells = list(list_cells(setting)) if has_cells else []
    settings = [("", setting), *cells]
    tasks = [Task(crash, policy, one, data, bool(words)) for words, one in settings for policy in POLICIES]
    found: dict[Task, Outcome] = {}
    with _without_threads(), ProcessPoolExecutor(min(jobs, len(tasks)), get_context("spawn")) as pool:
        futures = {pool.submit(play_one, task): task for task in tasks}
        for future in as_completed(futures):
            found[futures[future]] = future.result()
            if on_progress is not None:
                on_progress(len(found), len(tasks))
    outcomes = [{task.policy: found[task] for task in tasks if task.setting == one and task.is_cell == bool(words)}
                for words, one in settings]  # fmt: skip
    return Study(
        crash, setting, outcomes[0],
        [Cell(words, one, done) for (words, one), done in zip(cells, outcomes[1:], strict=True)],
        jobs, perf_counter() - begin,
    )  # fmt: skip


def play_one(task: Task) -> Outcome:
    """Play one run; of a smaller one only the measures are kept."""
    crash = CRASHES[task.crash]
    policy = next(policy for policy in get_policies() if policy.name == task.policy)
    outcome = Run(crash, read_bars(crash, task.data), policy, task.setting).play()
    return replace(outcome, fates=[], course=[]) if task.is_cell else outcome


def list_cells(setting: Setting) -> Iterator[tuple[str, Setting]]:
    """Yield the smaller runs, with what is other in them."""
    base = replace(setting, accounts=min(setting.accounts, CELL_ACCOUNTS))
    yield f"{base.accounts:,} portfolios", base
    for depth in DEPTHS:
        yield f"depth x {depth:g}", replace(base, depth=base.depth * depth)
    for leverage in LEVERAGES:
        yield f"leverage x {leverage:g}", replace(base, leverage=base.leverage * leverage)
    for step in range(1, SEEDS + 1):
        yield f"seed {base.seed + step}", replace(base, seed=base.seed + step)


@contextmanager
def _without_threads() -> Iterator[None]:
    """Let the processes' libraries use one thread each: the cores are taken by the processes."""
    name = "POLARS_MAX_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
