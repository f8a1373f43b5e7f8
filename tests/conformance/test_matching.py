"""Order messages replayed on the engine: the benchmark's scenarios and edge cases, and a scenario of our own."""

import json
import lzma
from hashlib import sha256

import pytest
from typer.testing import CliRunner

from tests.conformance.own_scenario import LARGEST, ORDERS, REPORTS, compute_reports, encode, make_messages
from worldmarkets.cli.conformance import app
from worldmarkets.core import COMPILED
from worldmarkets.sim.conformance import (
    CANCEL,
    MODIFY,
    NEW,
    ConformanceError,
    Message,
    parse_messages,
    read_cases,
    replay,
)

MOST = (1 << 32) - 1  # lots of one message


@pytest.fixture(scope="module")
def matching(shared):
    folder = shared / "conformance" / "matching"
    if not folder.is_dir():
        pytest.skip(f"the benchmark's messages are not in {folder}")
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["matching", *map(str, arguments)])


def say(kind, order_id, side=0, lots=10, price=100, is_immediate=False):
    return kind, side, is_immediate, lots, order_id, price


def get_reports(*messages):
    told = [Message(*message[:4], place, *message[4:]) for place, message in enumerate(messages)]
    return replay(told).split("\n")


# Cases that nobody here wrote.


@pytest.mark.parametrize("name", ["normal", "swing-25"])
def test_the_reports_of_a_scenario_are_equal(matching, name):
    expected = lzma.decompress((matching / f"reports_{name}_s23_n20000.txt.xz").read_bytes())
    result = run(matching / f"orders_{name}_s23_n20000.bin.xz")
    assert result.exit_code == 0
    assert result.stdout_bytes == expected


@pytest.mark.both
def test_the_reports_of_every_edge_case_are_equal(matching):
    cases = read_cases(matching / "edge_cases.json")
    hashes = [case["sha256"] for case in json.loads((matching / "edge_cases.json").read_bytes())]
    assert len(cases) == 17
    for case, digest in zip(cases, hashes, strict=True):
        reports = replay(case.messages)
        assert reports == case.reports, case.name
        assert sha256(reports.encode()).hexdigest() == digest


def test_several_cases_are_checked(matching):
    result = run(matching / "edge_cases.json")
    assert result.exit_code == 0
    assert result.stdout.endswith("17 of 17 equal\n")


# Our own.


@pytest.mark.both
def test_the_reports_of_the_kept_scenario_are_equal():
    result = run(ORDERS)
    assert result.exit_code == 0
    assert result.stdout_bytes == REPORTS.read_bytes()


def test_the_kept_scenario_is_what_its_program_writes():
    messages = make_messages("own", 600)
    assert ORDERS.read_bytes() == encode(messages)
    assert REPORTS.read_text() == compute_reports(messages)
    assert {line[0] for line in REPORTS.read_text().split("\n")} == set("012345")


@pytest.mark.both
@pytest.mark.parametrize("seed", range(10))
def test_the_reports_are_those_of_the_naive_book(seed):
    messages = make_messages(seed, 1_500 if COMPILED else 300)
    assert replay(messages) == compute_reports(messages)


def test_an_id_may_be_used_again_once_its_order_is_gone():
    assert get_reports(say(NEW, 7), say(CANCEL, 7), say(NEW, 7, side=1), say(CANCEL, 7)) == [
        "0,0,0,7,100,10", "2,1,0,7,100", "0,2,1,7,100,10", "2,3,1,7,100",
    ]  # fmt: skip


def test_the_id_of_an_order_that_rests_is_not_taken_twice():
    assert get_reports(say(NEW, 7), say(NEW, 7, side=1, price=90), say(CANCEL, 7)) == ["0,0,0,7,100,10", "2,2,0,7,100"]


def test_a_modify_loses_its_place_even_when_only_its_size_falls():
    reports = get_reports(say(NEW, 1), say(NEW, 2), say(MODIFY, 1, lots=5), say(NEW, 3, side=1))
    assert reports[-1] == "1,3,100,10,2,3"


def test_the_trades_of_a_modify_stand_before_its_own_line():
    reports = get_reports(say(NEW, 1, side=1), say(NEW, 2, price=90), say(MODIFY, 2, lots=15))
    assert reports[2:] == ["1,2,100,10,1,2", "3,2,0,2,100,15"]


def test_a_modify_keeps_the_side_of_its_order():
    assert get_reports(say(NEW, 1, side=1), say(MODIFY, 1, side=0, price=90))[-1] == "3,1,1,1,90,10"


def test_a_refused_modify_leaves_the_order():
    reports = get_reports(say(NEW, 1), say(MODIFY, 1, lots=0), say(CANCEL, 1))
    assert reports == ["0,0,0,1,100,10", "5,1,1", "2,2,0,1,100"]


def test_every_id_and_price_of_64_bits_is_taken():
    lowest, highest = -(1 << 63), (1 << 63) - 1
    reports = get_reports(
        say(NEW, LARGEST, side=1, price=highest), say(NEW, 0, price=lowest), say(NEW, 5, price=highest, lots=MOST)
    )  # fmt: skip
    assert reports[2:] == [f"0,2,0,5,{highest},{MOST}", f"1,2,{highest},10,{LARGEST},5"]


@pytest.mark.parametrize("kind", [NEW, MODIFY])
def test_an_order_may_take_more_fills_than_one_command(kind):
    makers = [say(NEW, number, side=1, lots=1) for number in range(3_000)]
    reports = get_reports(*makers, say(NEW, 9_000, price=1), say(kind, 9_000 if kind == MODIFY else 9_001, lots=4_000))
    trades = [line for line in reports if line[0] == "1"]
    taker = 9_000 if kind == MODIFY else 9_001
    assert trades == [f"1,3001,100,1,{number},{taker}" for number in range(3_000)]
    line = f"{3 if kind == MODIFY else 0},3001,0,{taker},100,4000"
    assert reports[3_001 if kind == NEW else -1] == line


# What cannot be replayed.


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.bin", b"short", "torn header"),
        ("a.bin", bytes(16), "bad magic"),
        ("a.bin", ORDERS.read_bytes()[:-1], "torn record"),
        ("a.bin", ORDERS.read_bytes()[:-40], "599 records, though the header says 600"),
        ("a.bin", encode([(3, 0, 0, 1, 0, 1, 1)]), "record 0: type 3"),
        ("a.bin.xz", lzma.compress(ORDERS.read_bytes())[:-20], "not a whole .xz file"),
        ("a.json", b"[", "not JSON"),
        ("a.json", b"3", "neither a case"),
        ("a.json", b'[{"type": 0, "side": 0, "qty": -1, "order_id": 1, "price": 1}]', "message 0: qty is -1"),
        ("a.json", b'{"case": "x", "messages": [{"type": 0}]}', "case x: message 0: side is None"),
        ("none.bin", None, "No such file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path, name, data, reason):
    if data is not None:
        (tmp_path / name).write_bytes(data)
    result = run(tmp_path / name)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_more_lots_than_a_market_holds_are_refused():
    huge = [Message(NEW, 0, False, MOST, place, place, place) for place in range(30_000)]
    with pytest.raises(ConformanceError, match="one market does not hold"):
        replay(huge)


def test_a_case_that_differs_is_named(tmp_path):
    cases = [{"case": name, "messages": [], "reports": lines} for name, lines in (("good", []), ("bad", ["0,0"]))]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    result = run(tmp_path / "cases.json")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == ["bad: differs at line 1: '' instead of '0,0'", "1 of 2 equal"]


def test_a_recording_reads_back():
    messages = make_messages("again", 50)
    assert parse_messages(encode(messages)) == messages
