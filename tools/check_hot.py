"""No function of the compiled core calls Python on the path of a command, but for those named here.

Cython marks such lines yellow in its annotation; this reads the C that it wrote.  Raising, and what serves raising, may
stand anywhere: it is off the path.  Counting references to the core's own objects costs an addition.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "build/cython/src/worldmarkets/core"

# Functions with C signatures that may call Python, and why.
COLD = {
    "Engine.attempt": "catches what goes wrong inside a command",
    "Engine.open_envelope": "catches a table that is full, as above",
    "Work.run_item": "catches what goes wrong inside an item of timed work",
    "Work.take_changed": "catches what goes wrong with one account that has a new state",
    "Work.fail": "raises for a test",
    "CompressionFlow.join": "looks a party up in a list: a rare command",
    "CompressionFlow.check_parties": "looks a party up in a list: a rare command",
    "Governance.check_transition": "looks a pair of modes up: an administrator's command",
    "Index.open": "runs once, when a state is laid out",
    "Undo.rollback": "looks a table up in a list: only what is taken back pays",
    "Undo.overflow": "raises: the undo log is full",
    "Table.allocate": "raises when a table is full",
    "Table.cover": "raises when a table is full",
}
# Classes all of whose functions may, and why.
COLD_CLASSES = {
    "Parameters": "changes of parameters: few commands, of an administrator, that walk tables of fields",
}
ALLOWED = re.compile(
    r"__Pyx_(X?INCREF|X?DECREF|X?DECREF_SET|X?GOTREF|X?GIVEREF|RaiseBufferIndexError|RaiseUnboundLocalError"
    r"|AddTraceback|WriteUnraisable|Raise|EnsureGIL\w*|RefNanny\w*|div_\w+|mod_\w+|\w+_checking_overflow"
    r"|UNARY_NEG_WOULD_OVERFLOW|\w*PY_LONG_LONG)|PyErr_\w+|PyExc_\w+|__PYX_\w+"
)
FUNCTION = re.compile(r"^static [^\n;]*?\b__pyx_f_\w*?4core_(\w+)\([^\n;]*\) \{\n(.*?)^\}", re.S | re.M)
CALL = re.compile(r"\b(_*Py[A-Za-z]*_\w+|__Pyx_\w+|__PYX_\w+)\s*\(")


def read_name(mangled: str) -> str:
    """`Book.append` of `4book_4Book_append`."""
    parts: list[str] = []
    while found := re.match(r"(\d+)", mangled):
        size = int(found[1])
        start = found.end()
        parts.append(mangled[start : start + size])
        mangled = mangled[start + size :].removeprefix("_")
    return ".".join([*parts[1:][-1:], mangled]) if len(parts) > 1 else mangled


def find_calls(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the functions of a C file that call Python, and what they call."""
    for mangled, body in FUNCTION.findall(text):
        calls = sorted({name for name in CALL.findall(body) if not ALLOWED.fullmatch(name)})
        if calls:
            yield read_name(mangled), calls


def main(folder: Path = SOURCES) -> int:
    """Print what breaks the rule; return 1 when anything does."""
    sources = sorted(folder.rglob("*.c"))
    if not sources:
        print(f"{folder} holds no C: build the core first", file=sys.stderr)
        return 1
    bad = [
        f"{path.stem}.c: {name} calls {', '.join(calls)}"
        for path in sources
        for name, calls in find_calls(path.read_text(encoding="utf-8"))
        if name not in COLD and name.split(".")[0] not in COLD_CLASSES
    ]
    print(
        "\n".join(bad) or f"hot: no function of {len(sources)} compiled modules calls Python on the path of a command"
    )
    return bool(bad)


if __name__ == "__main__":
    raise SystemExit(main())
