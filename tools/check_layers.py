"""Import arrows point one way: between the packages of worldmarkets, and between the layers of core/."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.core_modules import ORDER, compute_place

ROOT = "worldmarkets"
_LIBRARY = frozenset({"exchange", "recorded", "schemas", "core"})
_PARTS = _LIBRARY | {"node", "api", "client", "chain"}

# Who may import whom. The arrows of docs/guide/developer.md, with the few between neighbours that they need:
# exchange and recorded speak in schemas; a gateway (api) hands commands to the sequencer (node); cli runs sim.
ALLOWED: dict[str, frozenset[str]] = {
    "core": frozenset(),
    "schemas": frozenset({"core"}),
    "recorded": frozenset({"schemas", "core"}),
    "exchange": frozenset({"schemas", "core"}),
    "client": frozenset({"schemas"}),
    "node": _LIBRARY,
    "chain": _LIBRARY,
    "api": _LIBRARY | {"node"},
    "sim": _PARTS,
    "cli": _PARTS | {"sim"},
    "ui": frozenset(),
    "": _LIBRARY,  # worldmarkets/__init__.py: the library's public names
    "__main__": frozenset({"cli"}),
}

_CIMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+cimport\s+(.+)|cimport\s+([\w., ]+))")


class Import(NamedTuple):
    """One imported module, by its whole dotted name, and the line that names it."""

    line: int
    target: str


def get_modules(source: Path) -> dict[str, list[Path]]:
    """Dotted module names below `source` with their files (a module and its .pxd twin share a name)."""
    modules: dict[str, list[Path]] = {}
    for path in sorted([*source.rglob("*.py"), *source.rglob("*.pxd")]):
        parts = path.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        modules.setdefault(name, []).append(path)
    return modules


def get_imports(path: Path, module: str, modules: dict[str, list[Path]]) -> Iterator[Import]:
    """Every import of one of our own modules in `path`, wherever in the file it stands."""
    found = _read_pxd(path) if path.suffix == ".pxd" else _read_python(path, module)
    for line, base, name in found:
        base = base.removeprefix("cython.cimports.")
        # `from package import x` is an import of the module package.x when there is one.
        target = f"{base}.{name}" if name and f"{base}.{name}" in modules else base
        if target == ROOT or target.startswith(ROOT + "."):
            yield Import(line, target)


def _read_python(path: Path, module: str) -> Iterator[tuple[int, str, str]]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                yield node.lineno, base, alias.name


def _read_pxd(path: Path) -> Iterator[tuple[int, str, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        match = _CIMPORT.match(line)
        if match and match[1]:
            for name in match[2].strip("() ").split(","):
                yield number, match[1], name.split(" as ")[0].strip()
        elif match:
            for name in match[3].split(","):
                yield number, name.split(" as ")[0].strip(), ""


def _split(module: str) -> tuple[str, str]:
    """('core', 'contracts.loan') of 'worldmarkets.core.contracts.loan'."""
    package, _, rest = module.removeprefix(ROOT).removeprefix(".").partition(".")
    return package, rest


def check_arrow(module: str, target: str) -> str | None:
    """What is wrong with `module` importing `target`, None when nothing is."""
    (package, inner), (wanted, wanted_inner) = _split(module), _split(target)
    if package == wanted:
        return _check_core_arrow(inner, wanted_inner) if package == "core" else None
    if package not in ALLOWED:
        return f"package {package!r} has no place among the arrows of tools/check_layers.py"
    if wanted == "":  # `from worldmarkets import __version__`
        return "core imports nothing else of ours" if package == "core" else None
    if wanted not in ALLOWED[package]:
        return f"{package or ROOT} may not import {wanted}"
    return None


def _check_core_arrow(inner: str, wanted: str) -> str | None:
    place, wanted_place = compute_place(inner), compute_place(wanted)
    if place is None or wanted_place is None or inner == wanted:
        return None  # a module without a place is reported once, below
    if wanted and inner and (wanted.startswith(inner + ".") or inner.startswith(wanted + ".")):
        return None  # a package and its own modules
    if wanted_place >= place:
        return f"core.{wanted or '__init__'} is not above core.{inner or '__init__'} in the layers"
    return None


def check(source: Path) -> list[str]:
    """All that points the wrong way below `source`, one line each."""
    modules = get_modules(source)
    problems = []
    for module, paths in modules.items():
        package, inner = _split(module)
        if package == "core" and compute_place(inner) is None:
            problems.append(f"{paths[0]}:1: core.{inner} has no place in the layers (tools/core_modules.py)")
        for path in paths:
            for line, target in get_imports(path, module, modules):
                problem = check_arrow(module, target)
                if problem:
                    problems.append(f"{path}:{line}: {problem}")
    return problems


def main(arguments: list[str]) -> int:
    """Check src/, or the source folder named; 1 when something points the wrong way."""
    source = Path(arguments[0]) if arguments else Path(__file__).parent.parent / "src"
    problems = check(source)
    print(*problems, sep="\n", end="\n" if problems else "")
    if not problems:
        print(f"layers: {len(get_modules(source))} modules in order ({len(ORDER)} places in core)")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
