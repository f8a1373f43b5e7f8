"""The page of a replay needs nothing beside it, and holds everything."""

import itertools
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from worldmarkets.recorded import ETH_PERP, ETH_SPOT, sample
from worldmarkets.sim.page import render_page
from worldmarkets.sim.replay import Replay
from worldmarkets.sim.report import Report, build_report
from worldmarkets.sim.timeline import load

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Collects what the page would load, the text of its scripts, and elements left open."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.scripts: dict[str, str] = {}
        self.open: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.loads += [str(values[name]) for name in ("src", "href", "data", "srcset") if name in values]
        if tag not in VOID:
            self.open.append((tag, values.get("id") or f"#{len(self.scripts)}"))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][0] == "script":
            name = self.open[-1][1]
            self.scripts[name] = self.scripts.get(name, "") + data


@pytest.fixture(scope="module")
def report() -> Report:
    replay = Replay(load(sample("perp_ethusdt"), ETH_PERP, 2), load(sample("spot_ethusdt"), ETH_SPOT, 2), 2)
    replay.run()
    return build_report(replay)


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render_page(report)


def test_it_loads_nothing(page: str) -> None:
    reader = Reader()
    reader.feed(page)
    assert reader.loads == []
    assert reader.open == []
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|import\(|new WebSocket", page)


def test_it_is_whole(page: str) -> None:
    assert page.startswith("<!doctype html>")
    assert not re.search(r"/\*(UPLOT_CSS|UPLOT_JS|PAGE_JS|DATA)\*/", page)
    assert "uPlot" in page
    assert "prefers-color-scheme" in page
    assert "shortened from 8 h" in page


def test_it_carries_every_series(page: str, report: Report) -> None:
    reader = Reader()
    reader.feed(page)
    data = json.loads(reader.scripts["data"])
    assert data["summary"]["digest"] == report.summary.digest
    assert {len(column) for column in data["ticks"].values()} == {len(report.ticks["time"])}
    assert set(data["volume"]) == {"time", "perp_bought", "perp_sold", "spot_bought", "spot_sold"}
    assert [one["name"] for one in data["portfolios"]] == ["basis", "long", "short", "lender", "maker", "lender 2"]
    for one in data["portfolios"]:
        assert len(one["values"]) == len(data["rungs"]) == 4
        assert {len(curve) for curve in one["values"]} == {len(one["times"])} == {len(one["resilience"])}
        assert len(one["times"]) > 10


def test_it_carries_what_the_engine_did_by_itself(page: str, report: Report) -> None:
    reader = Reader()
    reader.feed(page)
    data = json.loads(reader.scripts["data"])
    for one in data["portfolios"]:
        spans = one["states"]
        assert (spans[0]["start"], spans[-1]["end"]) == (0, data["summary"]["recorded_s"])
        assert all(before["end"] == after["start"] for before, after in itertools.pairwise(spans))
        assert all(
            abs(part["lent"] + part["profit"] + part["shock"] - part["total"]) < 0.02 for part in one["exposures"]
        )
        assert one["contracts_after"] <= one["contracts_before"]
        standing = one["fee_standing"]
        assert abs(standing["maker"] + standing["taker"] - one["fees"]) < 1e-6
    assert [curve["asset"] for curve in data["curves"]] == ["USDM", "ETH"]
    assert all(curve["days"] == [1, 10, 30] for curve in data["curves"])
    assert {event["kind"] for event in data["events"]} <= {"state", "stop", "take-profit", "pulled", "switch", "loan"}
    assert any(event["kind"] == "loan" for event in data["events"])
    assert data["others_in_trouble"] == 0
    assert any(value is not None for value in data["ticks"]["firm"])
    assert data["compression"]["after"] < data["compression"]["before"]


@pytest.mark.parametrize("part", ["states", "events", "exposures", "compression", "fees", "tiers", "portfolios"])
def test_every_part_has_its_place_and_its_script(page: str, part: str) -> None:
    assert f'id="{part}"' in page
    reader = Reader()
    reader.feed(page)
    assert any(f'"{part}"' in script for name, script in reader.scripts.items() if name != "data")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="there is no browser to draw it with")
def test_a_browser_draws_all_of_it(page: str, tmp_path: Path) -> None:
    path = tmp_path / "replay.html"
    path.write_text(page, encoding="utf-8")
    drawn = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000",
         f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert drawn.count("<canvas") == 15  # nine of the market, six of portfolios
    assert drawn.count('class="bar"') > 6
    for text in ("Account states over time", "USDM loan curve", "firm mid over mark", "Market-maker protection",
                 "Its policy allows 1,500", "contracts became"):  # fmt: skip
        assert text in drawn


def test_data_cannot_end_its_element(report: Report) -> None:
    report.machine = "</script><b>"
    reader = Reader()
    reader.feed(render_page(report))
    assert json.loads(reader.scripts["data"])["machine"] == "</script><b>"
