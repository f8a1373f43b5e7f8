"""The layer check sees arrows that point the wrong way, however they are spelled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import check_layers


def write_tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / "worldmarkets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_arrows_that_point_the_right_way_pass(tmp_path: Path) -> None:
    source = write_tree(
        tmp_path,
        {
            "__init__.py": "from worldmarkets.exchange import Exchange\n",
            "core/__init__.py": "",
            "core/units.py": "",
            "core/codes.py": "from worldmarkets.core import units\n",
            "core/book.py": "from worldmarkets.core.ledger import Ledger\nfrom . import codes\n",
            "core/ledger.py": "",
            "core/contracts/__init__.py": "",
            "core/contracts/perp.py": "from worldmarkets.core.contracts import loan\n",
            "core/contracts/loan.py": "from cython.cimports.worldmarkets.core.book import Book\n",
            "exchange/__init__.py": "from worldmarkets import core, schemas\n",
            "schemas/__init__.py": "from worldmarkets.core import codes\n",
            "client/__init__.py": "from worldmarkets.schemas import Order\nfrom worldmarkets import __version__\n",
            "cli/__init__.py": "from worldmarkets.sim import replay\nimport worldmarkets.node\n",
            "sim/__init__.py": "",
            "node/__init__.py": "",
        },
    )
    assert check_layers.check(source) == []


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("core/units.py", "from worldmarkets.core import codes", "core.codes is not above core.units"),
        ("core/units.py", "from .engine import Engine", "core.engine is not above core.units"),
        ("core/book.py", "def late():\n    import worldmarkets.core.matching", "core.matching is not above core.book"),
        ("core/book.py", "from cython.cimports.worldmarkets.core import engine", "core.engine is not above core.book"),
        ("core/book.pxd", "from worldmarkets.core.engine cimport Engine", "core.engine is not above core.book"),
        ("core/contracts/loan.py", "from . import perp", "core.contracts.perp is not above core.contracts.loan"),
        ("core/contracts/loan.py", "from ..orders import place", "core.orders is not above core.contracts.loan"),
        ("core/book.py", "import worldmarkets.core", "core.__init__ is not above core.book"),
        ("core/gossip.py", "", "core.gossip has no place in the layers"),
        ("core/book.py", "from worldmarkets.schemas import Order", "core may not import schemas"),
        ("core/book.py", "from worldmarkets import __version__", "core imports nothing else of ours"),
        ("client/__init__.py", "from worldmarkets.exchange import Exchange", "client may not import exchange"),
        ("schemas/order.py", "from worldmarkets.exchange import Exchange", "schemas may not import exchange"),
        ("node/sequencer.py", "from worldmarkets import api", "node may not import api"),
        ("sim/replay.py", "from worldmarkets.cli import app", "sim may not import cli"),
        ("extras/__init__.py", "from worldmarkets import core", "package 'extras' has no place"),
    ],
)
def test_an_arrow_that_points_the_wrong_way_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    packages = ["core", "core/contracts", "schemas", "exchange", "api", "cli"]
    modules = ["core/engine.py", "core/matching.py", "core/codes.py", "core/orders.py", "core/contracts/perp.py"]
    files = {f"{package}/__init__.py": "" for package in packages} | dict.fromkeys(modules, "") | {name: text + "\n"}
    problems = check_layers.check(write_tree(tmp_path, files))
    assert len(problems) == 1
    assert message in problems[0]


def test_this_repository_keeps_its_layers() -> None:
    assert check_layers.check(Path(__file__).parents[2] / "src") == []
