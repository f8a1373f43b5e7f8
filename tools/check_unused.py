"""Find what nothing uses: constants, fields of tables that are never read, names imported or defined for nobody.

Names are counted by their spelling, imports aside, so that what it finds is unused for certain.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tools.twins import load

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("src", "tools", "benchmarks", "tests", "examples")
PRODUCT = ("src", "tools", "benchmarks", "examples")  # a test alone gives nothing a use
KEPT = {"EVENT_KINDS"}  # what tests and readers of events ask for
IN_WORDS = re.compile(r"spare\d*|k\d")  # fields that only fill a row, or are reached as words of it


class Module:
    """One source file: its tree, what it imports, and how often it names what."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text()
        self.tree = ast.parse(text, str(path))
        lines = text.splitlines()
        self.imported: list[str] = []
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.asname or alias.name for alias in node.names]
                self.imported += [] if getattr(node, "module", "") == "__future__" else names
                for line in range(node.lineno - 1, node.end_lineno or node.lineno):
                    lines[line] = ""
        self.text = "\n".join(lines)
        self.words = Counter(re.findall(r"\w+", self.text))

    def find_constants(self) -> Iterator[str]:
        """Yield the upper-case names that the module assigns."""
        for node in self.tree.body:
            for target in node.targets if isinstance(node, ast.Assign) else ():
                if isinstance(target, ast.Name) and target.id.isupper():
                    yield target.id

    def find_functions(self) -> Iterator[str]:
        """Yield the functions and methods that it defines, but for those that Python itself calls."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
                yield node.name


def read_modules(root: Path, folders: tuple[str, ...]) -> list[Module]:
    """Return every module below some folders, but for those that are written by a tool."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("*.py"))
    return [Module(path) for path in paths if path.name != "tables.py" or path.parent.name != "core"]


def count(modules: list[Module]) -> Counter[str]:
    """Return how often modules name what."""
    total: Counter[str] = Counter()
    for module in modules:
        total.update(module.words)
    return total


def check(root: Path = ROOT) -> list[str]:
    """Return what nothing uses, a line each."""
    modules = read_modules(root, PRODUCT)
    everywhere = count(read_modules(root, SOURCES))
    used = count(modules)
    core = [module for module in modules if "core" in module.path.relative_to(root).parts]
    problems = []
    for module in core:
        name = module.path.relative_to(root).as_posix()
        if module.path.stem in ("units", "codes"):
            problems += [f"{name}: {key} is used by nothing" for key in module.find_constants()
                         if used[key] < 2 and key not in KEPT]  # fmt: skip
        problems += [f"{name}: {key} is called by nothing" for key in module.find_functions() if everywhere[key] < 2]
        if module.path.name != "__init__.py":  # types of records are imported for the compiler
            problems += [f"{name}: {key} is imported for nothing" for key in sorted(set(module.imported))
                         if (key.islower() or key.isupper()) and not module.words[key]]  # fmt: skip
    records = load("records")
    text = "\n".join(module.text for module in modules if module.path.stem != "records")
    for record in sorted({record for _, record in records.TABLES}, key=lambda record: record.__name__):
        for field, _ in record.fields():
            is_read = re.search(rf"\.{field}\b(?!\s*=[^=])|[\"']{field}[\"']", text)
            if not is_read and not IN_WORDS.fullmatch(field):
                problems.append(f"records.py: {record.__name__}.{field} is never read")
    return problems


def main() -> int:
    """Print what nothing uses; 1 when there is any."""
    problems = check()
    print(*problems or ["unused: nothing"], sep="\n")
    return bool(problems)


if __name__ == "__main__":
    raise SystemExit(main())
