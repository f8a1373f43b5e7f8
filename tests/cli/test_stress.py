"""`world stress` from the outside."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from worldmarkets.recorded.crashes import CRASHES


@pytest.mark.slow
def test_the_command_prints_one_object(world: Run) -> None:
    done = world("stress", "crash-2020-03-12", "--accounts", "12", "--json")
    assert done.returncode == 0, done.stderr
    policies = json.loads(done.stdout)["policies"]
    assert set(policies) == {"ladder", "full", "adl"}
    names = {"kept_share", "bad_debt", "loss_beyond_price", "contagion_accounts", "hedges_broken"}
    assert all(set(measures) == names for measures in policies.values())
    assert world("stress", "crash-1929").returncode == 2


@pytest.mark.slow
def test_a_page_goes_where_it_is_asked_for(world: Run, tmp_path: Path) -> None:
    done = world("stress", "crash-2020-03-12", "--accounts", "12", "--no-sensitivity", "--jobs", "1",
                 "--out", str(tmp_path))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "crash-2020-03-12.html") in done.stdout
    assert "one crash, three policies" in (tmp_path / "crash-2020-03-12.html").read_text()


def test_the_help_names_every_crash(world: Run) -> None:
    said = world("stress", "--help").stdout
    assert all(name in said for name in CRASHES)
