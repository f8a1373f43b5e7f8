"""`world stress` from the outside."""

import json

import pytest

from tests.cli.conftest import Run


@pytest.mark.slow
def test_the_command_prints_one_object(world: Run) -> None:
    done = world("stress", "crash-2020-03-12", "--accounts", "12", "--json")
    assert done.returncode == 0, done.stderr
    policies = json.loads(done.stdout)["policies"]
    assert set(policies) == {"ladder", "full", "adl"}
    names = {"kept_share", "bad_debt", "loss_beyond_price", "contagion_accounts", "hedges_broken"}
    assert all(set(measures) == names for measures in policies.values())
    assert world("stress", "crash-1929").returncode == 2
