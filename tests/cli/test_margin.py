"""`world margin`: figures that others computed, and what a person sees."""

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from worldmarkets.cli.margin import make_answer
from worldmarkets.cli.plot import draw
from worldmarkets.exchange.portfolio import read_portfolios

PORTFOLIOS = Path(__file__).parent / "portfolios.json"
QUANTA = Decimal("0.00001")


def _compare(answer: dict[str, Any], expected: dict[str, Any]) -> None:
    for figure in ("nav", "available_margin", "v_unwind"):
        assert abs(Decimal(answer[figure]) - Decimal(expected[figure])) <= QUANTA, (answer["name"], figure)
    if expected["resilience"] is None:
        assert answer["resilience"] is None
    else:
        assert abs(Decimal(answer["resilience"]) - Decimal(expected["resilience"])) <= Decimal("0.0001")


@pytest.mark.both
def test_figures_computed_apart_from_this_code() -> None:
    text = PORTFOLIOS.read_bytes()
    portfolios, is_list = read_portfolios(text)
    assert is_list
    for portfolio, given in zip(portfolios, json.loads(text), strict=True):
        answer = make_answer(portfolio.value())
        assert answer["name"] == given["name"]
        _compare(answer, given["expect"])
        assert portfolio.exchange.audit() == []


def test_every_vector_in_a_few_seconds(shared: Path) -> None:
    text = (shared / "conformance/margin/vectors.json").read_bytes()
    begin = time.perf_counter()
    portfolios, _ = read_portfolios(text)
    answers = [make_answer(portfolio.value()) for portfolio in portfolios]
    assert time.perf_counter() - begin < 20
    for answer, given in zip(answers, json.loads(text), strict=True):
        _compare(answer, given["expect"])


def test_a_list_is_answered_with_a_list_and_one_with_one(world: Run, tmp_path: Path) -> None:
    done = world("margin", PORTFOLIOS, "--json")
    assert done.returncode == 0
    answers = json.loads(done.stdout)
    assert len(answers) == len(json.loads(PORTFOLIOS.read_text()))
    one = tmp_path / "one.json"
    one.write_text(json.dumps(json.loads(PORTFOLIOS.read_text())[0]))
    done = world("margin", "--json", one)
    assert json.loads(done.stdout) == answers[0]
    assert list(answers[0]) == ["name", "nav", "available_margin", "v_unwind", "resilience"]
    for answer in answers:
        for figure in ("nav", "available_margin", "v_unwind", "resilience"):
            assert answer[figure] is None or len(answer[figure].partition(".")[2]) == 6
    assert json.loads(world("margin", "-", "--json", stdin="[]").stdout) == []


def test_a_person_sees_groups_legs_prices_and_the_curve(world: Run) -> None:
    done = world("margin", PORTFOLIOS)
    assert done.returncode == 0
    for line in ("By group, at severity 1", "By leg, at severity 1", "Price at which each rung is reached", "V by sev"):
        assert done.stdout.count(line) == len(json.loads(PORTFOLIOS.read_text()))
    assert "close-out" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{", "not JSON"),
        ("{}", "name: missing"),
        ('[{"name": 1}]', "[0].name: Expected `str`, got `int`"),
    ],
)
def test_bad_input_is_one_line_that_names_the_field(world: Run, text: str, field: str) -> None:
    done = world("margin", "-", "--json", stdin=text)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert field in done.stderr


def test_a_name_over_several_lines_is_still_one_line(world: Run) -> None:
    portfolio = json.loads(PORTFOLIOS.read_text())[0]
    portfolio["portfolio"]["balances"]["no\nsuch\nasset \ud800"] = "1"
    done = world("margin", "-", stdin=json.dumps(portfolio))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_a_drawing_has_its_shape() -> None:
    lines = draw([10.0, 5.0, -10.0], width=20, height=6)
    assert [len(line) for line in lines] == [20] * 6
    assert lines[0][0] != "\u2800"
    assert lines[-1][-1] != "\u2800"
    assert set("".join(draw([0.0, 0.0], 4, 2))) != {"\u2800"}
