"""`world` itself, and its small commands."""

from pathlib import Path

import pytest

import worldmarkets
from tests.cli.conftest import Run
from tests.exchange.venues import SMALL
from worldmarkets import Exchange


def test_version_and_info(world: Run) -> None:
    assert world("--version").stdout == f"world {worldmarkets.__version__}\n"
    done = world("info")
    assert done.stdout.startswith(f"worldmarkets {worldmarkets.__version__}, core ")
    assert "numpy" in done.stdout


def test_without_a_command_it_says_what_there_is(world: Run) -> None:
    done = world()
    assert done.returncode == 2
    for command in ("margin", "audit", "info", "replay", "conformance"):
        assert command in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trade"], "No such command 'trade'"),
        (["margin"], "Missing argument"),
        (["margin", "nowhere.json"], "nowhere.json: No such file or directory"),
        (["margin", "."], "Is a directory"),
        (["margin", "x.json", "--yaml"], "No such option: --yaml"),
        (["audit", "nowhere"], "nowhere: No such file or directory"),
        (["audit", "pyproject.toml"], "pyproject.toml: not a snapshot"),
    ],
)
def test_whoever_asks_wrongly_gets_one_line(world: Run, arguments: list[str], message: str) -> None:
    done = world(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("world: ")
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


@pytest.fixture
def exchange() -> Exchange:
    exchange = Exchange(capacity=SMALL)
    exchange.marks({"ETH": "2000"})
    for name in ("maker", "trader"):
        exchange.account(name).deposit("USDM", 10_000)
    exchange.account("maker").sell("ETH-PERP", "1", "2000")
    exchange.account("trader").buy("ETH-PERP", "1", "2000")
    return exchange


def test_a_sound_snapshot_is_ok(world: Run, exchange: Exchange, tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(exchange.snapshot())
    done = world("audit", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"digest {exchange.digest()}" in done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [["1", "ok"], ["2", "ok"], ["3", "ok"]]


def test_a_broken_state_is_told(world: Run, exchange: Exchange, tmp_path: Path) -> None:
    from worldmarkets.core.records import Position

    table = exchange.engine.state.positions
    broken = Position.from_buffer(table.view(1, 2))
    broken.balance += 1
    broken.lots += 1
    path = tmp_path / "state"
    path.write_bytes(exchange.snapshot())
    done = world("audit", path)
    assert done.returncode == 1
    assert " 1 1 violations" in done.stdout
    assert "asset 1: 20000000001 held, 20000000000 deposited" in done.stdout


def test_a_torn_snapshot_is_refused(world: Run, exchange: Exchange, tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(exchange.snapshot()[:-1])
    done = world("audit", path)
    assert done.returncode == 2
    assert "torn" in done.stderr
