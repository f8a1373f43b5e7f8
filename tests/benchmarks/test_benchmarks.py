import json
import shutil
from pathlib import Path

import pytest

from benchmarks import __main__ as everything
from benchmarks import (
    atlas,
    book,
    instructions,
    ladder,
    measure,
    memory,
    mix,
    node,
    peers,
    quotes,
    replay,
    restart,
    scale,
    sweep,
    venue,
)

ACCOUNTS = 40
COMMANDS = 512


@pytest.fixture(scope="module")
def log() -> mix.Log:
    return mix.write_log(COMMANDS, ACCOUNTS, 16)


@pytest.fixture(scope="module")
def operations() -> book.Log:
    return book.write_log(COMMANDS, resting=100)


@pytest.mark.parametrize("markets", [1, 16])
def test_everyone_holds_two_perps_of_different_groups(markets: int) -> None:
    for account in range(1, 500):
        first, second = venue.perp_markets(account, markets)
        assert 1 <= first <= markets
        assert 1 <= second <= venue.PERPS
        assert (first - 1) // 2 != (second - 1) // 2


def test_the_mix_trades_and_cancels_and_gives_the_same_twice(log: mix.Log) -> None:
    assert log.size == COMMANDS
    assert log.counts["fills"] > COMMANDS // 20
    assert log.counts["rejected"] < COMMANDS // 20
    mix.check(log)
    assert mix.run(log) > 0


def test_a_mix_that_ends_elsewhere_is_noticed(log: mix.Log) -> None:
    with pytest.raises(AssertionError, match="different states"):
        mix.run(mix.Log(log.snapshot, log.commands[:-64], log.events, log.state, log.counts))


def test_our_bare_book_agrees_with_the_dictionaries(operations: book.Log) -> None:
    assert operations.trades > 0
    assert book.run_core(operations) > 0


@pytest.mark.skipif(not shutil.which("c++"), reason="there is no C++ compiler")
def test_the_twin_agrees_with_the_dictionaries(operations: book.Log, tmp_path) -> None:
    assert book.run_twin(book.build_twin(tmp_path), operations, turns=3) > 0


def test_ours_called_once_a_command_agrees_too(operations: book.Log) -> None:
    assert peers.run_book_calls(operations) > 0
    assert peers.run_venue_calls(operations) > 0


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_agrees_with_the_dictionaries(name: str, operations: book.Log) -> None:
    pytest.importorskip(name)
    assert peers.PEERS[name](operations) > 0


def test_values_and_memory_are_measured() -> None:
    assert set(atlas.measure_all(10)) == {"atlas.v_full_ns", "atlas.v_incremental_ns", "atlas.v_kept_ns"}
    found = memory.populate(ACCOUNTS)
    assert found["after"]["accounts"] > found["before"]["accounts"]


def test_mass_quotes_end_where_single_amendments_do() -> None:
    assert quotes.measure_all(turns=4, accounts=ACCOUNTS)["core.quotes_per_s"] > 0


def test_replay_and_snapshots_end_where_the_mix_did(log: mix.Log, tmp_path) -> None:
    path = tmp_path / "commands"
    path.write_bytes(log.commands)
    assert replay.time_replay(path, log) > 0
    assert replay.time_snapshots(log)[2] > 0


def test_a_profile_is_read_without_what_was_called() -> None:
    name = "__pyx_f_12worldmarkets_4core_4book_4Book_append"
    spent = instructions.read_profile(f"fn=(1) {name}\n10 5\ncfn=(2) memcpy\ncalls=2 0\n11 40\n12 1\nfn=(2)\n9 40\n")
    assert spent == {name: 6, "memcpy": 40}
    assert instructions.shorten(name) == "Book.append"


def test_the_table_shows_figures_and_aims(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setattr(everything, "OUT", tmp_path / "out.json")
    monkeypatch.setattr(everything, "PARTS", (("one", lambda: {"core.cpp_ratio": 1.5}),))
    monkeypatch.setattr(measure, "require_compiled", lambda: None)
    assert everything.main() == 0
    assert json.loads((tmp_path / "out.json").read_text()) == {"core.cpp_ratio": 1.5}
    assert "core.cpp_ratio" in capsys.readouterr().out


def test_the_sweep_and_the_many_accounts_are_measured(monkeypatch) -> None:
    monkeypatch.setattr(sweep, "WARM", 8)
    monkeypatch.setattr(sweep, "MARKS", 8)
    found = sweep.measure_all(300)
    assert found["atlas.sweep_visited"] > 0
    assert scale.measure_mix(300, 2_048) > 0


def test_the_ladder_is_measured_in_a_crash() -> None:
    found = ladder.measure_all(10_000, 1_000)
    assert found["ladder.latched"] > 90
    assert found["ladder.miniblock_ms_p50"] <= found["ladder.miniblock_ms_p99"] <= found["ladder.miniblock_ms_worst"]


def test_a_restart_of_signed_commands_comes_out(log: mix.Log, tmp_path: Path) -> None:
    digest = restart.write_journal(tmp_path, log)
    assert restart.time_restart(tmp_path, log.size, digest) > 0


def test_a_venue_of_its_own_is_measured_over_its_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, count in {"LATENCIES": 20, "SINGLES": 80, "BUNDLES": 8, "READS": 16}.items():
        monkeypatch.setattr(node, name, count)
    figures = node.measure_all(1)
    assert all(figure > 0 for figure in figures.values()) and len(figures) == 7
