"""The command line as its users run it: a process of its own, or, where speed counts, in this one."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def world() -> Run:
    """Run `world` with arguments, and text on its standard input."""

    def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        program = "from worldmarkets.cli import main; main()"
        command = [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120, encoding="utf-8")

    return run
