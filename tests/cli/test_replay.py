"""`world replay l2`: what it prints, what it writes, and how it fails."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from worldmarkets.cli.replay import app
from worldmarkets.recorded import sample


def run(*arguments: str):
    return CliRunner().invoke(app, ["l2", *arguments])


def test_json_is_one_object_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("--json", "--seconds", "2")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert {"digest", "bbo_compared", "bbo_equal", "bbo_corrections", "commands", "trades", "commands_per_s"} <= set(
        found
    )
    assert found["bbo_compared"] == found["bbo_equal"] > 0
    assert len(found["digest"]) == 64
    assert set(found) == {
        "digest", "bbo_compared", "bbo_equal", "bbo_corrections", "commands", "trades", "commands_per_s",
        "bbo_late_compared", "bbo_late_equal", "recorded_trades", "recorded_s", "engine_s", "replay_s", "compiled",
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == []  # a page only when asked for


def test_the_report_and_its_page(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    result = run("--seconds", "2", "--out", str(folder))
    assert result.exit_code == 0, result.output
    parts = (
        "ETH-PERP", "basis", "owes at", "digest", "all hold", "shortened from 8 h", "USDM curve", "cut tomorrow",
        "Exposure to counterparties", "contracts before", "by mass quote", "left to a new lender", "dead man's switch",
    )  # fmt: skip
    for part in parts:
        assert part in result.stdout
    assert (folder / "replay.html").read_text().startswith("<!doctype html>")


def test_files_by_name(tmp_path: Path) -> None:
    files = ("--perp", str(sample("perp_ethusdt")), "--spot", str(sample("spot_ethusdt")))
    named, packaged = run("--json", "--seconds", "2", *files), run("--json", "--seconds", "2")
    assert json.loads(named.stdout)["digest"] == json.loads(packaged.stdout)["digest"]


@pytest.mark.parametrize("damage", ["missing", "torn", "swapped", "no book"])
def test_a_bad_file_is_one_line_and_exit_code_2(tmp_path: Path, damage: str) -> None:
    perp, spot = tmp_path / "perp.xz", sample("spot_ethusdt")
    if damage == "torn":
        perp.write_bytes(sample("perp_ethusdt").read_bytes()[:5_000])
    elif damage == "swapped":
        perp = spot
    elif damage == "no book":
        perp = tmp_path / "perp.txt"
        perp.write_text("")
    result = run("--json", "--perp", str(perp), "--spot", str(spot))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("world: ")
    assert result.stderr.count("\n") == 1


def test_one_file_alone_is_refused(tmp_path: Path) -> None:
    result = run("--perp", str(tmp_path / "perp.gz"))
    assert result.exit_code == 2
    assert "both" in result.stderr
