"""What every script of the benchmarks needs: medians, the machine's name, the commit, the compiled core."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from worldmarkets import core

ROOT = Path(__file__).resolve().parent.parent
RUNS = int(os.environ.get("WORLDMARKETS_BENCH_RUNS", "5"))
# Processor time: everything measured runs in one thread and waits for nothing, and other programs are not its business.
clock = time.process_time


def require_compiled() -> None:
    """Refuse to measure the interpreted core."""
    if not core.COMPILED:
        raise SystemExit("benchmarks measure the compiled core: run `make build`, and unset WORLDMARKETS_PURE")


def median(run: Callable[[], float], runs: int = RUNS) -> float:
    """Return the median of several runs."""
    return statistics.median(run() for _ in range(runs))


def medians(pair: Iterable[Callable[[], float]], runs: int = RUNS) -> list[float]:
    """Return the median of each of several measurements, made in turn so that a busy machine slows all alike."""
    calls = list(pair)
    rows = [[run() for run in calls] for _ in range(runs)]
    return [statistics.median(column) for column in zip(*rows, strict=True)]


def name_machine() -> str:
    """Return the processor, how many of it, and the Python."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def name_commit() -> str:
    """Return the commit that is measured, with a plus when the tree differs from it."""
    try:
        commit = _git("rev-parse", "--short", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--", "src") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
