"""The core check sees what core may not contain, and lets a reasoned escape pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import check_core


def get_texts(source: str, module: str = "book", **options: bool) -> list[str]:
    return [text for _, text in check_core.check_source(source, module, **options)]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("fee = 0.5", "float literal 0.5"),
        ("fee = 1e8", "float literal"),
        ("half = whole / 2", "true division"),
        ("whole /= 2", "true division"),
        ("def f(x: cython.double): ...", "float type 'double'"),
        ("x = float(y)", "float type 'float'"),
        ("x = {1, 2}", "a set has no order"),
        ("x = {y for y in z}", "a set has no order"),
        ("x = set(y)", "a set has no order"),
        ("x = hash(y)", "hash() varies"),
        ("import time", "may not import time"),
        ("from os import path", "may not import os"),
        ("import logging.handlers", "may not import logging"),
        ("import random, socket", "may not import socket"),
        ("async def f(): ...", "synchronous"),
        ("import hashlib", "only host-side"),
        ("x = y ** 2", "**"),
        ("x **= 2", "**"),
        ("view[i] += x", "through a subscript"),
        ("view[i].field += x", "through a subscript"),
        ("self.rows[i].key.low -= x", "through a subscript"),
        ("def f(x: 'longlong'): ...", "quoted annotation"),
        ("def f() -> 'Order': ...", "quoted annotation"),
        ("x: 'longlong' = 0", "quoted annotation"),
    ],
)
def test_a_broken_rule_is_named(source: str, message: str) -> None:
    assert any(message in text for text in get_texts(source))


@pytest.mark.parametrize(
    "source",
    [
        "order.quantity -= lots",
        "words[i] |= bit",
        "words[i] >>= 1",
        "x = a // b + a % b",
        "x = -y",
        "f(**options)",
        "from worldmarkets.core.timers import Timers",
        "pairs = {1: 2}",
        "def f(x: longlong) -> None: ...",
    ],
)
def test_what_keeps_the_rules_passes(source: str) -> None:
    assert get_texts(source) == []


def test_a_host_side_module_may_use_python_freely_but_not_floats() -> None:
    assert get_texts("import hashlib, mmap, ctypes\nsize = 2 ** bits\nview[0] += 1", "records") == []
    assert get_texts("x = 0.5", "records") == ["float literal 0.5"]
    assert get_texts("import time", "digest") == ["core may not import time"]
    assert get_texts("import os\nsource = here / name", "") == []


def test_an_escape_needs_a_reason_and_a_rule_to_break() -> None:
    assert get_texts("x = y ** 2  # check: ok bounded by 2**31 above") == []
    assert get_texts("x = (\n    y ** 2\n)  # check: ok bounded") == ["** is not checked for overflow", UNUSED]
    assert get_texts("x = f(\n    set(),\n    1 / y,\n)")[0].startswith("a set")
    assert get_texts("x = y ** 2  # check: ok") == ["** is not checked for overflow: the escape gives no reason"]
    assert get_texts("x = y  # check: ok nothing to see") == [UNUSED]
    assert get_texts("text = '# check: ok in a string'") == []


UNUSED = "escape on a line that breaks no rule"


def test_unary_minus_is_listed_when_asked_for() -> None:
    assert get_texts("x = -y\nz = -1") == []
    assert check_core.check_source("x = -y\nz = -1", "book", warn_unary_minus=True) == [
        (1, "unary minus is not checked for overflow (warning)")
    ]


def test_this_repository_keeps_the_rules() -> None:
    assert check_core.check(Path(__file__).parents[2] / "src/worldmarkets/core") == []
