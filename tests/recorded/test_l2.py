import gzip
import lzma
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from worldmarkets.recorded import (
    BTC_PERP,
    ETH_PERP,
    ETH_SPOT,
    BestBidOffer,
    DepthUpdate,
    Instrument,
    Message,
    ReadError,
    Snapshot,
    Tally,
    Trade,
    read,
)

PERP = """\
100 {"stream":"ethusdt@depth@0ms","data":{"e":"depthUpdate","E":8,"T":7,"s":"ETHUSDT","U":11,"u":14,"pu":9,\
"b":[["2681.62","1.165"],["2681.6","0.000"]],"a":[]}}
101 {"stream":"ethusdt@bookTicker","data":{"e":"bookTicker","u":14,"s":"ETHUSDT","b":"2681.62","B":"1.165",\
"a":"2681.63","A":"73.077","T":7,"E":8}}
102 {"stream":"ethusdt@trade","data":{"e":"trade","E":9,"T":9,"s":"ETHUSDT","t":5,"p":"2681.63","q":"0.006",\
"X":"MARKET","m":false}}
103 {"lastUpdateId":14,"E":9,"T":8,"bids":[["2681.62","1.165"]],"asks":[["2681.63","73.077"],["2682.00","2"]]}
"""
SPOT = """\
200 {"stream":"ethusdt@bookTicker","data":{"u":31,"s":"ETHUSDT","b":"2683.80000000","B":"3.02920000",\
"a":"2683.81000000","A":"31.43950000"}}
201 {"stream":"ethusdt@depth@100ms","data":{"e":"depthUpdate","E":8,"s":"ETHUSDT","U":30,"u":31,\
"b":[["2683.80000000","3.02920000"]],"a":[["5000.00000000","2292.22972000"]]}}
202 {"lastUpdateId":31,"bids":[["2683.80000000","3.02920000"]],"asks":[]}
203 {"stream":"ethusdt@trade","data":{"e":"trade","E":9,"s":"ETHUSDT","t":6,"p":"2683.81000000","q":"0.00200000",\
"T":9,"m":true,"M":true}}
"""
TRADE = '{"stream":"ethusdt@trade","data":{"E":9,"T":9,"t":5,"p":"%s","q":"%s","X":"%s","m":false}}'

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: str | bytes, name: str = "recording") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return to_file


def test_a_perpetual_recording(write: Write) -> None:
    assert list(read(write(PERP), ETH_PERP)) == [
        DepthUpdate(100, 11, 14, 9, 7000, bids=((268162, 1165), (268160, 0)), asks=()),
        BestBidOffer(101, 14, 268162, 1165, 268163, 73077, event_time_us=7000),
        Trade(102, 9000, 5, 268163, 6, buyer_is_maker=False),
        Snapshot(103, 14, 8000, bids=((268162, 1165),), asks=((268163, 73077), (268200, 2000))),
    ]


def test_a_spot_recording(write: Write) -> None:
    assert list(read(write(SPOT), ETH_SPOT)) == [
        BestBidOffer(200, 31, 268380, 302920, 268381, 3143950, event_time_us=None),
        DepthUpdate(201, 30, 31, None, 8000, bids=((268380, 302920),), asks=((500000, 229222972),)),
        Snapshot(202, 31, None, bids=((268380, 302920),), asks=()),
        Trade(203, 9000, 6, 268381, 200, buyer_is_maker=True),
    ]


def test_the_compression_makes_no_difference(write: Write) -> None:
    plain = list(read(write(PERP), ETH_PERP))
    assert list(read(write(gzip.compress(PERP.encode()), "recording.gz"), ETH_PERP)) == plain
    assert list(read(write(lzma.compress(PERP.encode()), "recording.xz"), ETH_PERP)) == plain
    assert list(read(str(write(PERP)), ETH_PERP)) == plain


def test_messages_cannot_be_changed(write: Write) -> None:
    for message in read(write(PERP), ETH_PERP):
        with pytest.raises(AttributeError):
            message.received_ns = 0  # type: ignore[misc]


def test_trades_that_touched_no_order_are_counted_and_left_out(write: Write) -> None:
    trades = [
        ("2681.63", "0.006", "MARKET"),
        ("2681.63", "0.006", "INSURANCE_FUND"),
        ("0", "0", "NA"),
        ("0", "0.006", "MARKET"),
        ("2681.63", "0.000", "MARKET"),
    ]
    tally = Tally()
    messages = list(read(write("".join(f"1 {TRADE % trade}\n" for trade in trades)), ETH_PERP, tally))
    assert messages == [Trade(1, 9000, 5, 268163, 6, buyer_is_maker=False)]
    assert tally == Tally(lines=5, trades=1, trades_outside_book=2, trades_empty=2)


def test_other_streams_are_counted_and_left_out(write: Write) -> None:
    lines = '1 {"stream":"ethusdt@markPrice","data":{"p":"x"}}\n2 {"stream":"ethusdt@depth20@100ms","data":{}}\n'
    tally = Tally()
    assert list(read(write(lines), ETH_PERP, tally)) == []
    assert tally == Tally(lines=2, other_streams=2)


def test_an_empty_recording_has_no_messages(write: Write) -> None:
    assert list(read(write(""), ETH_PERP)) == []


def test_messages_come_before_the_line_that_cannot_be_read(write: Write) -> None:
    messages = read(write(PERP + "104 {"), ETH_PERP)
    assert [next(messages).received_ns for _ in range(4)] == [100, 101, 102, 103]
    with pytest.raises(ReadError, match="line 5"):
        next(messages)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (PERP.splitlines()[0][:-20], "malformed"),  # torn: the end of the line stands where the text went on
        ("104 {]", "JSON is malformed"),
        ("104", "does not begin with a time of receipt"),
        ("104 ", "malformed|truncated"),
        ("", "does not begin with a time of receipt"),
        ('{"lastUpdateId":14,"bids":[],"asks":[]}', "does not begin with a time of receipt"),
        ("-5 {}", "does not begin with a time of receipt"),
        ("104 {}", "missing required field `lastUpdateId`"),
        ('104 {"stream":"ethusdt@trade"}', "truncated"),
        ("104 " + TRADE % ("2681.635", "0.006", "MARKET"), "'2681.635' is not a multiple of 0.01"),
        ("104 " + TRADE % ("2681.63", "0.0065", "MARKET"), "'0.0065' is not a multiple of 0.001"),
        ("104 " + TRADE % ("-2681.63", "0.006", "MARKET"), "'-2681.63' is not a decimal number"),
        ('104 {"stream":"ethusdt@trade","data":{"T":9,"t":5,"p":2681.63,"q":"1","m":true}}', "Expected `str`"),
        (SPOT.splitlines()[1], "do not"),  # a spot update in a perpetual's recording
        ('104 {"stream":"btcusdt@trade","data":{}}', "'btcusdt@trade', and ETHUSDT was expected"),
    ],
)
def test_a_bad_line_is_named(write: Write, line: str, reason: str) -> None:
    path = write(PERP + line + "\n")
    with pytest.raises(ReadError, match=reason) as caught:
        list(read(path, ETH_PERP))
    assert (caught.value.path, caught.value.line) == (str(path), 5)
    assert str(caught.value).startswith(f"{path}, line 5: ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_bytes_that_are_no_text_are_refused(write: Write) -> None:
    with pytest.raises(ReadError, match="line 1"):
        list(read(write(b'1 {"stream":"ethusdt@\xff"}\n'), ETH_PERP))


@pytest.mark.parametrize("ending", [".gz", ".xz"])
@pytest.mark.parametrize("damage", [lambda packed: packed[:-9], lambda packed: b"not it", lambda packed: packed[:30]])
def test_a_damaged_archive_is_refused(write: Write, ending: str, damage: Callable[[bytes], bytes]) -> None:
    pack = gzip.compress if ending == ".gz" else lzma.compress
    path = write(damage(pack(PERP.encode() * 1000)), f"recording{ending}")
    with pytest.raises(ReadError) as caught:
        list(read(path, ETH_PERP))
    assert caught.value.path == str(path)
    assert caught.value.line is not None


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="No such file") as caught:
        list(read(tmp_path / "nothing.gz", ETH_PERP))
    assert caught.value.line is None


def test_an_instrument_has_a_known_kind_and_units() -> None:
    with pytest.raises(ValueError, match="perp or spot"):
        Instrument("ETHUSDT", "future", 2, 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negative"):
        Instrument("ETHUSDT", "perp", -1, 3)


@pytest.mark.parametrize(
    ("name", "instrument", "expected"),
    [
        (
            "usdm_ethusdt_20240808.gz",
            ETH_PERP,
            Tally(lines=74_655, depth_updates=6_586, snapshots=1, trades=14_076, best_bid_offers=53_992),
        ),
        (
            "usdm_btcusdt_20240808.gz",
            BTC_PERP,
            Tally(lines=93_954, depth_updates=6_551, snapshots=1, trades=21_313, best_bid_offers=66_089),
        ),
        (
            "spot_ethusdt_20240808.gz",
            ETH_SPOT,
            Tally(lines=33_618, depth_updates=3_434, snapshots=1, trades=6_106, best_bid_offers=24_077),
        ),
        (
            "spot_ethusdt_20240809.gz",
            ETH_SPOT,
            Tally(lines=46_126, depth_updates=3_036, snapshots=0, trades=8_409, best_bid_offers=34_681),
        ),
    ],
)
def test_the_full_recordings(shared: Path, name: str, instrument: Instrument, expected: Tally) -> None:
    tally = Tally()
    messages = list(read(shared / "data/l2" / name, instrument, tally))
    assert tally == expected
    check_order(messages)


def check_order(messages: list[Message]) -> None:
    """What every good recording has: receipt and ids rise, and no trade is missing."""
    received = [message.received_ns for message in messages]
    assert received == sorted(received)
    trades = [message.trade_id for message in messages if isinstance(message, Trade)]
    assert trades == list(range(trades[0], trades[0] + len(trades)))
    for kind in (Trade, DepthUpdate):
        times = [message.event_time_us for message in messages if isinstance(message, kind)]
        assert times == sorted(times)
    quotes = [message.update_id for message in messages if isinstance(message, BestBidOffer)]
    assert quotes == sorted(set(quotes))
