"""The check of unused names finds them, and nothing that is used."""

from __future__ import annotations

from tools import check_unused


def write(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_nothing_uses_is_found(tmp_path):
    write(tmp_path, "src/core/units.py", "USED = 1\nFORGOTTEN = 2\n")
    write(tmp_path, "src/core/book.py", "from units import USED, magnitude\n\n\ndef look():\n    return USED\n")
    write(tmp_path, "tests/test_book.py", "from book import look\n\nlook()\n")
    problems = [line for line in check_unused.check(tmp_path) if not line.startswith("records.py")]
    assert problems == [
        "src/core/book.py: magnitude is imported for nothing",
        "src/core/units.py: FORGOTTEN is used by nothing",
    ]


def test_the_core_has_nothing_unused():
    assert check_unused.check() == []
