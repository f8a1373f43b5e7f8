"""`world plan`, `world policy`, `world whatif` and `world receipt` against a venue, and against its log."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.cli.conftest import Run
from tests.client.shop import serve_apart
from tests.node.test_proof import close_out, find_receipts, record
from tests.node.venue import MAKER, TAKER
from worldmarkets.cli.session import write_key
from worldmarkets.node.config import Config, Limits
from worldmarkets.node.recovery import get_journal_path

Ask = Callable[..., CompletedProcess[str]]
PLAN = [
    {"step": "top-up", "account": 1, "share": "50%"},
    {"step": "close", "market": "ETH-PERP", "slippage": "0.5%"},
]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory, world: Run) -> Iterator[Ask]:
    """Run `world` as the maker of a venue that runs meanwhile."""
    folder = tmp_path_factory.mktemp("venue")
    write_key(folder / "key.json", MAKER)
    with serve_apart(folder, limits=Limits(previews=10_000)) as shop:

        def run(*arguments: str, stdin: str = "") -> CompletedProcess[str]:
            return world(*arguments, "--url", shop.url, "--key", folder / "key.json", stdin=stdin)

        yield run


def test_a_plan_is_set_from_a_file_and_shown_as_one(ask: Ask) -> None:
    assert "no plan of its own" in ask("plan", "show").stdout
    refused = ask("plan", "set", "-", stdin=json.dumps(PLAN))
    assert refused.returncode == 2 and "step 1" in refused.stderr and "has no account 1" in refused.stderr
    assert ask("plan", "set", "-", "--preview", stdin=json.dumps(PLAN[1:])).returncode == 0
    assert json.loads(ask("plan", "show", "--json").stdout) == []
    assert ask("plan", "set", "-", stdin=json.dumps(PLAN[1:])).returncode == 0
    assert ask("plan", "show").stdout == " 1  close   ETH-PERP  100%, at most 0.5% from the mark\n"
    shown = ask("plan", "show", "--json").stdout
    assert ask("plan", "set", "-", stdin=shown).returncode == 0 and ask("plan", "show", "--json").stdout == shown
    for text in ('{"step": "close"}', '[{"step": "close", "markt": "ETH-PERP"}]', "["):
        done = ask("plan", "set", "-", stdin=text)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1
    assert ask("plan", "set", "-", stdin="[]").returncode == 0
    assert "no plan of its own" in ask("plan", "show").stdout


def test_a_policy_is_made_what_a_file_says(ask: Ask) -> None:
    policy = json.loads(ask("policy", "show", "--json").stdout)
    assert (policy["max_exposure"], policy["terms"]) == (None, [])
    other = f"{TAKER.address}#0"
    wanted = policy | {
        "max_exposure": "5000", "survives": "0.6", "give_up": "oldest-first",
        "terms": [{"counterparty": other, "owner": False, "denied": False, "limit": "250"}],
    }  # fmt: skip
    assert ask("policy", "set", "-", stdin=json.dumps(wanted)).returncode == 0
    assert json.loads(ask("policy", "show", "--json").stdout) == wanted
    said = ask("policy", "show").stdout
    assert "5000" in said and f"at most 250{' ' * 19}{other}" in said and "oldest-first" in said
    assert "says this already" in ask("policy", "set", "-", stdin=json.dumps(wanted)).stdout
    denied = wanted | {"terms": [{"counterparty": other, "owner": True, "denied": True, "limit": None}]}
    assert ask("policy", "set", "-", stdin=json.dumps(denied)).returncode == 0
    assert json.loads(ask("policy", "show", "--json").stdout) == denied
    assert f"every account of {TAKER.address}" in ask("policy", "show").stdout
    assert ask("policy", "set", "-", stdin=json.dumps(policy)).returncode == 0
    assert json.loads(ask("policy", "show", "--json").stdout) == policy
    wrong = policy | {"terms": [{"counterparty": other, "owner": True, "denied": False, "limit": "5"}]}
    assert ask("policy", "set", "-", stdin=json.dumps(wrong)).returncode == 2


def test_what_if(ask: Ask) -> None:
    done = ask("whatif", "--move", "ETH=-20%", "--move", "BTC=50000")
    assert done.returncode == 0, done.stderr
    assert "ETH at 1600, BTC at 50000" in done.stdout and "available margin" in done.stdout
    found = json.loads(ask("whatif", "--move", "ETH=-20%", "--json").stdout)
    assert (found["marks"]["ETH"], found["is_over"], found["missing"]) == ("1600", True, "0")
    for wrong in ("ETH", "ETH=-20", "XXX=-20%"):
        assert ask("whatif", "--move", wrong).returncode == 2
    assert "there is none" in ask("receipt", "list").stdout


# Of the log.


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A venue, stopped, that has gone through a close-out."""
    return record(tmp_path_factory.mktemp("closed"), close_out)


def verify(world: Run, config: Config, sequence: int, *more: str | Path) -> CompletedProcess[str]:
    return world("receipt", "verify", str(sequence), "--data", config.data, "--genesis", config.genesis, *more)


def test_a_receipt_is_verified_and_an_altered_one_is_not(world: Run, closed: Config, tmp_path: Path) -> None:
    (ended,) = find_receipts(closed)
    done = verify(world, closed, ended.sequence)
    assert done.returncode == 0, done.stderr
    assert "yes: it follows from the log and the genesis" in done.stdout and "net asset value before" in done.stdout
    assert f"close-out of {TAKER.address}#0" in done.stdout
    found = json.loads(verify(world, closed, ended.sequence, "--json").stdout)
    (proof,) = found["proofs"]
    figures = {name: figure["log"] for name, figure in proof["figures"].items()}
    served = {
        "account": proof["account"], "rung": "close-out", "follows": proof["follows"], "time": 1,
        "first_sequence": proof["first_sequence"], "sequence": proof["sequence"],
        "margin_before": "-806", "margin_after": figures["available margin after"].rstrip("0").rstrip("."),
        "nav_before": "-206", "nav_after": figures["net asset value after"].rstrip("0").rstrip("."),
        "lost_to_price": figures["lost to price"].rstrip("0").rstrip("."), "lost_to_slippage": "0", "fees": "0",
        "discount": "0", "brought": "0", "resilience_before": None, "resilience_after": "10",
    }  # fmt: skip
    path = tmp_path / "receipt.json"
    path.write_text(json.dumps(served))
    done = verify(world, closed, ended.sequence, "--receipt", path)
    assert done.returncode == 0, done.stdout
    path.write_text(json.dumps(served | {"nav_before": "-106"}))
    done = verify(world, closed, ended.sequence, "--receipt", path)
    assert done.returncode == 1
    assert "the receipt served says otherwise: nav_before -106, the log -206" in done.stdout
    assert done.stdout.endswith("no: it does not come out\n")


def test_a_tampered_journal_proves_nothing(world: Run, closed: Config, tmp_path: Path) -> None:
    (ended,) = find_receipts(closed)
    shutil.copytree(closed.data, tmp_path / "data")
    path = get_journal_path(tmp_path / "data")
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("UPDATE blocks SET time_us = time_us + 1 WHERE number = 9")
    db.close()
    done = world("receipt", "verify", str(ended.sequence), "--data", tmp_path / "data", "--genesis", closed.genesis)
    assert done.returncode == 1
    assert done.stdout.startswith("no: ") and "block 9 was changed or is torn" in done.stdout


def test_a_command_without_a_receipt_and_a_folder_without_a_log(world: Run, closed: Config, tmp_path: Path) -> None:
    done = verify(world, closed, 3)
    assert (done.returncode, done.stdout) == (2, "") and "command 3 gave no receipt" in done.stderr
    done = world("receipt", "verify", "3", "--data", tmp_path)
    assert done.returncode == 2 and "there is no journal" in done.stderr
