"""docs/guide/commands.md says what the commands do: its example is run, its keys are those that are printed."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from tests.cli.conftest import Run
from worldmarkets.sim.report import Summary

GUIDE = Path(__file__).parents[2] / "docs/guide"


@pytest.fixture(scope="module")
def page() -> str:
    return (GUIDE / "commands.md").read_text(encoding="utf-8")


def test_the_portfolio_of_the_page_is_worth_what_it_says(world: Run, page: str) -> None:
    portfolio, answer = re.findall(r"^```json\n(.*?)^```", page, re.M | re.S)[-2:]
    done = world("margin", "--json", "-", stdin=portfolio)
    assert (done.returncode, done.stdout) == (0, answer)
    assert all(f"| `{key}` |" in page for key in json.loads(answer))


def test_every_key_of_a_replay_is_named() -> None:
    named = set(re.findall(r"`(\w+)`", (GUIDE / "replay.md").read_text(encoding="utf-8")))
    assert named >= {field.name for field in msgspec.structs.fields(Summary)}
