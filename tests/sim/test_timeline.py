"""Recordings as one line of time, worked by hand; test_replay.py counts the quotes of the full files."""

import json
from pathlib import Path

import pytest

from worldmarkets.recorded import ETH_PERP, ETH_SPOT, ReadError, sample
from worldmarkets.sim.timeline import Aggressor, Update, load, merge


def write(path: Path, *bodies: dict) -> Path:
    lines = [f"{number} {json.dumps(body)}" for number, body in enumerate(bodies, 1)]
    path.write_text("\n".join(lines) + "\n")
    return path


def depth(time_ms: int, first: int, last: int, bids: list, asks: list) -> dict:
    data = {"e": "depthUpdate", "E": time_ms, "s": "ETHUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return {"stream": "ethusdt@depth@100ms", "data": data}


def trade(time_ms: int, number: int, price: str, is_sell: bool) -> dict:
    data = {"e": "trade", "T": time_ms, "t": number, "p": price, "q": "0.5", "m": is_sell}
    return {"stream": "ethusdt@trade", "data": data}


def quote(update: int, bid: str, ask: str) -> dict:
    return {"stream": "ethusdt@bookTicker", "data": {"u": update, "b": bid, "B": "1", "a": ask, "A": "2"}}


@pytest.fixture
def spot(tmp_path: Path) -> Path:
    snapshot = {"lastUpdateId": 11, "bids": [["99.00", "1"], ["98.00", "4"]], "asks": [["101.00", "2"]]}
    return write(
        tmp_path / "spot.txt",
        depth(1000, 10, 12, [["98.00", "3"]], []),
        trade(900, 1, "99.00", True),
        quote(13, "100.00", "101.00"),
        snapshot,
        trade(1150, 3, "101.00", False),
        depth(1100, 13, 13, [["100.00", "1"]], []),
        trade(1050, 2, "99.00", True),
        depth(1200, 14, 15, [], [["101.00", "1.5"]]),
        quote(15, "100.00", "101.00"),
        trade(1300, 4, "101.00", False),
    )


def test_the_first_update_is_the_whole_book_with_what_came_before_the_snapshot(spot: Path) -> None:
    first = load(spot, ETH_SPOT).items[0]
    assert isinstance(first, Update)
    assert (first.update_id, first.time_us, first.quote) == (12, 1_000_000, None)
    assert dict(first.bids) == {9900: 100_000, 9800: 300_000}
    assert dict(first.asks) == {10100: 200_000}


def test_a_trade_stands_before_the_first_update_that_can_show_it(spot: Path) -> None:
    recording = load(spot, ETH_SPOT)
    order = [item.trade_id if isinstance(item, Aggressor) else f"u{item.update_id}" for item in recording.items]
    assert order == ["u12", 2, "u13", 3, "u15"]
    assert (recording.trades, recording.trades_before, recording.trades_after) == (2, 1, 1)


def test_quotes_are_early_or_late(spot: Path) -> None:
    updates = [item for item in load(spot, ETH_SPOT).items if isinstance(item, Update)]
    assert [(update.quote is not None, update.is_late) for update in updates] == [
        (False, False), (True, False), (True, True),
    ]  # fmt: skip


def test_a_cut_ends_in_time(spot: Path) -> None:
    recording = load(spot, ETH_SPOT, seconds=0.15)
    assert (recording.start_us, recording.end_us) == (1_000_000, 1_100_000)
    assert [item.time_us for item in recording.items] == [1_000_000, 1_050_000, 1_100_000]


def test_without_a_snapshot_there_is_nothing_to_replay(tmp_path: Path) -> None:
    path = write(tmp_path / "spot.txt", depth(1000, 10, 12, [], []), trade(1100, 1, "99.00", True))
    with pytest.raises(ReadError, match="no snapshot"):
        load(path, ETH_SPOT)


def test_merged_recordings_are_in_order_of_time() -> None:
    recordings = [load(sample("perp_ethusdt"), ETH_PERP, 3), load(sample("spot_ethusdt"), ETH_SPOT, 3)]
    end_us = recordings[0].start_us + 2_000_000
    times = [item.time_us for item in merge(recordings, end_us)]
    assert times == sorted(times)
    assert {item.kind for item in merge(recordings, end_us)} == {"perp", "spot"}
    assert times[-1] <= end_us
