"""The study in processes, and its page: everything is on it, and a browser draws it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from worldmarkets.sim.page import fill_page
from worldmarkets.sim.stress.outcome import Act, Outcome, Setting
from worldmarkets.sim.stress.report import _shorten, build_report, find_lost
from worldmarkets.sim.stress.study import CELL_ACCOUNTS, POLICIES, Study, list_cells, play

SMALL = Setting(accounts=30, seed=2)


@pytest.fixture(scope="module")
def study() -> Study:
    return play("crash-2020-03-12", SMALL, None, has_cells=False, jobs=2)


def test_a_policy_loses_where_another_is_better() -> None:
    even = Outcome("any", SMALL, kept_share=0.5, bad_debt=10.0, loss_beyond_price=0.01)
    outcomes = {name: even.get_measures() for name in POLICIES}
    assert find_lost(outcomes) == []
    for change, lost in (
        ({"kept_share": 0.6}, ["kept_share"]),
        ({"kept_share": 0.4}, []),
        ({"bad_debt": 9.0, "hedges_broken": 1}, ["bad_debt"]),
        ({"bad_debt": 11.0}, []),
        ({"contagion_accounts": -1, "loss_beyond_price": 0.009}, ["loss_beyond_price", "contagion_accounts"]),
    ):
        assert find_lost({**outcomes, "adl": {**outcomes["adl"], **change}}) == lost


def test_the_smaller_runs_change_one_thing_each() -> None:
    base = Setting(accounts=5_000, seed=7, depth=2.0)
    cells = dict(list_cells(base))
    reduced = replace(base, accounts=CELL_ACCOUNTS)
    assert cells.pop(f"{CELL_ACCOUNTS} portfolios") == reduced
    assert cells["depth x 0.3"] == replace(reduced, depth=0.6)
    assert cells["seed 9"] == replace(reduced, seed=9)
    assert len(set(cells.values())) == len(cells) == 7


def test_what_is_done_at_one_mark_is_one_line() -> None:
    acts = [Act(0, "latched"), Act(1, "sold perp", "BTC", 1, 99, 100), Act(2, "sold perp", "BTC", 3, 97, 100)]
    acts += [Act(3, "sold perp", "BTC", 1, 90, 95), Act(4, "free again")]
    told = list(_shorten(acts))
    assert [(act.what, act.size, act.price) for act in told] == [
        ("latched", 0, 0), ("sold perp", 4, 97.5), ("sold perp", 1, 90), ("free again", 0, 0),
    ]  # fmt: skip
    long = list(_shorten([Act(place, "sold perp", "BTC", 1, 90, place + 1) for place in range(40)]))
    assert len(long) == 14 and "and 27 more" in [act.what for act in long]


@pytest.mark.slow
def test_everything_is_on_the_page(study: Study) -> None:
    report = build_report(study)
    assert [policy.name for policy in report.policies] == list(POLICIES)
    for policy in report.policies:
        assert {len(column) for column in policy.course.values()} == {len(policy.course["seconds"])}
        assert sum(kind["accounts"] for kind in policy.kinds.values()) == SMALL.accounts
        assert sum(kind["latched"] for kind in policy.kinds.values()) == policy.latched
    page = fill_page("stress", report)
    data = page.partition('type="application/json">')[2].partition("</script>")[0]
    assert json.loads(data)["crash"] == "crash-2020-03-12"
    assert "http" not in page.replace("http://www.w3.org", "").partition("<script>")[0]
    assert [story.sides[0].policy for story in report.stories] == ["ladder", "ladder"]
    worst, best = (story.sides[0].worth - story.sides[1].worth for story in report.stories)
    assert worst <= best


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no browser to draw it with")
def test_a_browser_draws_all_of_it(study: Study, tmp_path: Path) -> None:
    path = tmp_path / "stress.html"
    path.write_text(fill_page("stress", build_report(study)), encoding="utf-8")
    drawn = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert drawn.count("<canvas") == 6  # three of prices, one of states a policy
    assert drawn.count('class="bar"') == 15
    for text in ("Kept", "Bad debt", "Hedges broken", "The account that lost most by the ladder", "The same again"):
        assert text in drawn
