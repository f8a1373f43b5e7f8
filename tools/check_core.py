"""What core/ may not contain: anything inexact, unordered or from outside, and arithmetic that overflows in silence.

A line that must break a rule says why: `# check: ok <reason>`. One on a line that breaks none is reported.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.core_modules import HOST_SIDE

# Threads, clock and chance, input and output, inexact or foreign arithmetic: nowhere in core.
FORBIDDEN_IMPORTS = frozenset(
    {
        *("asyncio", "concurrent", "multiprocessing", "select", "signal", "subprocess", "threading"),
        *("datetime", "time", "random", "secrets", "uuid"),
        *("io", "logging", "os", "pathlib", "shutil", "socket", "sqlite3", "ssl", "tempfile", "urllib"),
        *("decimal", "fractions", "math", "numpy", "polars"),
    }
)
HOST_IMPORTS = frozenset({"ctypes", "hashlib", "mmap", "struct", "zlib"})  # only in modules of HOST_SIDE
LOADER = ""  # core/__init__.py: finds the compiled modules; paths there are joined with /
LOADER_IMPORTS = frozenset({"importlib", "os", "pathlib", "sys", "warnings"})
FLOAT_NAMES = frozenset({"float", "complex", "double", "longdouble", "floating"})
UNORDERED_CALLS = {"set": "a set has no order", "frozenset": "a set has no order", "hash": "hash() varies by process"}
WIDENING = (ast.Add, ast.Sub, ast.Mult, ast.LShift)
ESCAPE = re.compile(r"#\s*check:\s*ok\b[ \t]*(.*)")


class Finding(NamedTuple):
    """One broken rule at one line; `end` is the last line of the expression, where its escape may stand too."""

    line: int
    end: int
    text: str


def find(tree: ast.AST, module: str, warn_unary_minus: bool = False) -> Iterator[Finding]:
    """Every broken rule of one module (`contracts.loan`; empty for core/__init__.py), escapes not yet applied."""
    for node in ast.walk(tree):
        texts = [*_find_inexact(node, module), *_find_outside(node, module)]
        if module not in HOST_SIDE:
            texts += _find_overflow(node, warn_unary_minus)
            texts += _find_quoted(node)
        for text in texts:
            line = getattr(node, "lineno", 1)
            yield Finding(line, getattr(node, "end_lineno", None) or line, text)


def _find_inexact(node: ast.AST, module: str) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
        yield f"float literal {node.value!r}"
    elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div) and module != LOADER:
        yield "true division; money divides with // and a rounding named"
    elif isinstance(node, ast.Name) and node.id in FLOAT_NAMES:
        yield f"float type {node.id!r}"
    elif isinstance(node, ast.Attribute) and node.attr in FLOAT_NAMES:
        yield f"float type {node.attr!r}"
    elif isinstance(node, ast.Set | ast.SetComp):
        yield "a set has no order"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in UNORDERED_CALLS:
        yield UNORDERED_CALLS[node.func.id]


def _find_outside(node: ast.AST, module: str) -> Iterator[str]:
    if isinstance(node, ast.AsyncFunctionDef | ast.AsyncFor | ast.AsyncWith | ast.Await):
        yield "core is synchronous"
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        names = [node.module]
    for name in names:
        top = name.removeprefix("cython.cimports.").partition(".")[0]
        if module == LOADER and top in LOADER_IMPORTS:
            continue
        if top in FORBIDDEN_IMPORTS:
            yield f"core may not import {top}"
        elif top in HOST_IMPORTS and module not in HOST_SIDE:
            yield f"only host-side modules of core import {top}"


def _find_overflow(node: ast.AST, warn_unary_minus: bool) -> Iterator[str]:
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Pow):
        yield "** is not checked for overflow"
    if isinstance(node, ast.AugAssign) and isinstance(node.op, WIDENING) and _goes_through_subscript(node.target):
        yield "augmented assignment through a subscript is not checked for overflow: take the record or the value first"
    if warn_unary_minus and _is_unary_minus(node):
        yield "unary minus is not checked for overflow (warning)"


def _is_unary_minus(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and not isinstance(node.operand, ast.Constant)
    )


def _goes_through_subscript(target: ast.expr) -> bool:
    while isinstance(target, ast.Attribute):
        target = target.value
    return isinstance(target, ast.Subscript)


def _find_quoted(node: ast.AST) -> Iterator[str]:
    annotations: list[ast.expr | None] = []
    if isinstance(node, ast.FunctionDef):
        annotations = [node.returns]
    elif isinstance(node, ast.AnnAssign | ast.arg):
        annotations = [node.annotation]
    for annotation in annotations:
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            yield "a quoted annotation compiles as object; use `from __future__ import annotations`"


def get_escapes(source: str) -> dict[int, str]:
    """Lines that carry an escape comment, with the reason given."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    return {line: match[1].strip() for line, text in comments.items() if (match := ESCAPE.search(text))}


def check_source(source: str, module: str, warn_unary_minus: bool = False) -> list[tuple[int, str]]:
    """Lines and texts of what is wrong in the source of one module, escapes applied, in order of lines."""
    escapes = get_escapes(source)
    used: set[int] = set()
    problems = []
    for finding in find(ast.parse(source), module, warn_unary_minus):
        lines = [line for line in (finding.line, finding.end) if line in escapes]
        used.update(lines)
        if not lines:
            problems.append((finding.line, finding.text))
        elif not any(escapes[line] for line in lines):
            problems.append((finding.line, f"{finding.text}: the escape gives no reason"))
    problems += [(line, "escape on a line that breaks no rule") for line in escapes if line not in used]
    return sorted(problems)


def check(core: Path, warn_unary_minus: bool = False) -> list[str]:
    """All that is wrong below the folder `core`, one line each."""
    problems = []
    for path in sorted(core.rglob("*.py")):
        parts = path.relative_to(core).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found = check_source(path.read_text(encoding="utf-8"), module, warn_unary_minus)
        problems += [f"{path}:{line}: {text}" for line, text in found]
    return problems


def main() -> int:
    """Check src/worldmarkets/core, or the folder named; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("core", nargs="?", type=Path, default=Path(__file__).parent.parent / "src/worldmarkets/core")
    parser.add_argument(
        "--warn-unary-minus", action="store_true", help="also list unary minus on anything not a literal"
    )
    arguments = parser.parse_args()
    problems = check(arguments.core, arguments.warn_unary_minus)
    print(*problems, sep="\n", end="\n" if problems else "")
    if not problems:
        print(f"core: {len(list(arguments.core.rglob('*.py')))} modules keep the rules")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
