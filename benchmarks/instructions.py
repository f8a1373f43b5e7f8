"""Instructions a command, and where they go: the stable measure, since time on a shared machine drifts by half.

The mix runs under valgrind's callgrind, counting only inside `Engine.step` and what looks ahead of it.  Without
valgrind the figure is left out.
"""

from __future__ import annotations

import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks import measure, mix, venue
from worldmarkets.core.snapshot import read_snapshot

# Valgrind grants a program less address space than the tables reserve.
CAPACITY = {"nodes": 1 << 15, "children": 1 << 21, "levels": 1 << 21, "orders": 1 << 19, "clients": 1 << 19,
            "owners": 1 << 19, "accounts": 1 << 19, "figures": 1 << 19, "positions": 1 << 19, "perps": 1 << 19,
            "loans": 1 << 19, "timers": 1 << 19, "places": 1 << 19}  # fmt: skip

COUNTED = ("*6Engine_step*", "*9Foresight_look_far*", "*9Foresight_look_near*", "*9Foresight_look_next*")


def apply(path: Path) -> None:
    """Apply a pickled log: what callgrind runs."""
    log: mix.Log = pickle.loads(path.read_bytes())
    engine = read_snapshot(log.snapshot)
    for batch in venue.split(log.commands):
        engine.apply(batch)


def count(log: mix.Log) -> Counter[str]:
    """Return the instructions that each function spent on the commands of a log.  Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "log", Path(folder) / "callgrind"
        path.write_bytes(pickle.dumps(log))
        subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
             *(f"--toggle-collect={name}" for name in COUNTED),
             sys.executable, "-m", "benchmarks.instructions", str(path)],
            cwd=measure.ROOT, check=True, capture_output=True,
        )  # fmt: skip
        return read_profile(out.read_text())


def read_profile(text: str) -> Counter[str]:
    """Return the instructions of each function itself, from callgrind's output."""
    names: dict[str, str] = {}
    spent: Counter[str] = Counter()
    function = ""
    is_call = False
    for line in text.splitlines():
        if found := re.match(r"(c?fn)=\((\d+)\)(?: (.*))?$", line):
            word, number, name = found.groups()
            if name:
                names[number] = name
            if word == "fn":
                function = names[number]
        elif line.startswith("calls="):
            is_call = True
        elif found := re.match(r"[+\-*\d]\d* (\d+)$", line):
            if not is_call:
                spent[function] += int(found[1])
            is_call = False
    return spent


def shorten(name: str) -> str:
    """Return the name of a compiled function as its source has it: `Book.append`."""
    found = re.match(r"__pyx_f\w*?_4core_(.+)", name)
    if not found:
        return name
    rest, parts = found[1], []
    while match := re.match(r"(\d+)(.*)", rest):
        size = int(match[1])
        parts.append(match[2][:size])
        rest = match[2][size:].removeprefix("_")
    return ".".join([*parts[-1:], rest]) if rest else ".".join(parts)


def measure_all(commands: int = 1 << 15, accounts: int = 10_000, top: int = 0) -> dict[str, float]:
    """Return instructions a command of the mix; with `top`, print the functions that spend most."""
    if not shutil.which("valgrind"):
        print("instructions: valgrind is not installed, so instructions are not counted", file=sys.stderr)
        return {}
    log = mix.write_log(commands, accounts, capacity=CAPACITY)
    spent = count(log)
    total = sum(spent.values())
    for name, instructions in spent.most_common(top):
        print(f"{instructions / log.size:9.1f} {100 * instructions / total:6.1f} %  {shorten(name)}")
    return {"core.instructions_per_command": total / log.size}


if __name__ == "__main__":
    measure.require_compiled()
    if len(sys.argv) > 1:
        apply(Path(sys.argv[1]))
    else:
        for name, figure in measure_all(top=40).items():
            print(f"{name:32} {figure:16,.1f}")
