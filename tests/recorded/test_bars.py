import io
import lzma
import tarfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from worldmarkets.recorded import ReadError
from worldmarkets.recorded.bars import read_candle_archive, read_candle_funding, read_candles, read_funding_archive

START = datetime(2024, 8, 5, tzinfo=UTC)
LATER = datetime(2024, 8, 5, 0, 15, tzinfo=UTC)
CANDLES = pl.DataFrame(
    {
        "date": [START, LATER],
        "open": [2.0, 3.0],
        "high": [4.0, 3.5],
        "low": [1.0, 2.5],
        "close": [3.0, 3.0],
        "volume": [10, 20],
    }
)
FUNDING = (
    "calc_time,funding_interval_hours,last_funding_rate\n1577836800000,8,-0.00012359\n1577865600005,4,0.00010000\n"
)
BYBIT = "timestamp,open,high,low,close,volume,turnover\n2025-10-10 21:00:00,3.4,3.5,0.56,2.7,10,27.5\n"


def make_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def funding(tmp_path: Path) -> Path:
    rates = lzma.compress(FUNDING.encode())
    files = {"./ETHUSDT.csv.xz": rates, "./BTCUSDT.csv.xz": rates, "./README.md": b"rates"}
    return make_tar(tmp_path / "funding.tar", files)


@pytest.fixture
def bybit(tmp_path: Path) -> Path:
    files = {"folder/SUIUSDT_1h.csv": BYBIT.encode(), "folder/SUIUSDT_30m.csv": BYBIT.replace("3.4", "3.3").encode()}
    return make_tar(tmp_path / "bybit.tar.xz", files)


def test_candles(tmp_path: Path) -> None:
    CANDLES.write_parquet(tmp_path / "candles.parquet")
    frame = read_candles(tmp_path / "candles.parquet")
    assert frame.schema == {"time": pl.Datetime("us", "UTC")} | dict.fromkeys(CANDLES.columns[1:], pl.Float64())
    assert frame.row(1) == (LATER, 3.0, 3.5, 2.5, 3.0, 20.0)


def test_candle_funding(tmp_path: Path) -> None:
    CANDLES.write_parquet(tmp_path / "funding.parquet")
    frame = read_candle_funding(tmp_path / "funding.parquet")
    assert frame.rows() == [(START, 2.0), (LATER, 3.0)]
    assert frame.columns == ["time", "rate"]


def test_funding_archive(funding: Path) -> None:
    frame = read_funding_archive(funding)
    assert frame.columns == ["symbol", "time", "interval_hours", "rate"]
    assert frame["symbol"].to_list() == ["BTCUSDT", "BTCUSDT", "ETHUSDT", "ETHUSDT"]
    ethusdt = read_funding_archive(funding, "ETHUSDT")
    assert ethusdt.rows() == frame.rows()[2:]
    assert ethusdt.row(1) == ("ETHUSDT", datetime(2020, 1, 1, 8, 0, 0, 5000, tzinfo=UTC), 4, 0.0001)
    assert ethusdt["time"].to_physical()[1] == 1577865600005_000


def test_candle_archive(bybit: Path) -> None:
    frame = read_candle_archive(bybit, "1h")
    assert frame.columns == ["symbol", "time", "open", "high", "low", "close", "volume", "turnover"]
    assert frame.rows() == [("SUIUSDT", datetime(2025, 10, 10, 21, tzinfo=UTC), 3.4, 3.5, 0.56, 2.7, 10.0, 27.5)]
    assert read_candle_archive(bybit, "30m", "SUIUSDT")["open"].to_list() == [3.3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frame: frame.drop("close", "volume"), "there is no column close, volume"),
        (lambda frame: frame.reverse(), "do not rise"),
        (lambda frame: pl.concat([frame, frame[-1:]]), "do not rise"),
        (lambda frame: frame.with_columns(date=pl.lit(None, pl.Datetime("ms", "UTC"))), "missing"),
        (lambda frame: frame.with_columns(open=pl.lit("high")), "conversion"),
    ],
)
def test_candles_that_are_none_are_refused(
    tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], reason: str
) -> None:
    path = tmp_path / "candles.parquet"
    change(CANDLES).write_parquet(path)
    with pytest.raises(ReadError, match=reason) as caught:
        read_candles(path)
    assert (caught.value.path, caught.value.line) == (str(path), None)


def test_damaged_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "candles.parquet").write_bytes(b"PAR1 and no more")
    for name in ("candles.parquet", "nothing.parquet"):
        with pytest.raises(ReadError, match=name):
            read_candles(tmp_path / name)
        with pytest.raises(ReadError, match=name):
            read_funding_archive(tmp_path / name)


@pytest.mark.parametrize("length", [600, 700, 1000])
def test_a_truncated_archive_is_refused(funding: Path, length: int) -> None:
    content = funding.read_bytes()
    funding.write_bytes(content[:length])
    with pytest.raises(ReadError, match="funding.tar"):
        read_funding_archive(funding, "BTCUSDT")


def test_a_truncated_compressed_archive_is_refused(bybit: Path) -> None:
    bybit.write_bytes(bybit.read_bytes()[:120])
    with pytest.raises(ReadError, match="bybit.tar.xz"):
        read_candle_archive(bybit, "1h")


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"calc_time\n",
        b"calc_time,funding_interval_hours,last_funding_rate\nsoon,8,0.1\n",
        b"calc_time,funding_interval_hours,last_funding_rate\n2,8,0.1\n1,8,0.1\n",
        b"rate\n1\n",
    ],
)
def test_a_bad_table_is_named(tmp_path: Path, table: bytes) -> None:
    path = make_tar(tmp_path / "funding.tar", {"BTCUSDT.csv.xz": lzma.compress(table)})
    with pytest.raises(ReadError, match=r"funding\.tar: BTCUSDT\.csv\.xz: "):
        read_funding_archive(path)


def test_an_unknown_symbol_or_interval_is_refused(funding: Path, bybit: Path) -> None:
    with pytest.raises(ReadError, match=r"there is no DOGEUSDT\.csv\.xz in it"):
        read_funding_archive(funding, "DOGEUSDT")
    with pytest.raises(ReadError, match=r"there is no \*_5m\.csv in it"):
        read_candle_archive(bybit, "5m")


def test_the_full_candles(shared: Path) -> None:
    folder = shared / "data/candles"
    frames = {path.name: read_candles(path) for path in sorted(folder.glob("*.parquet")) if "funding" not in path.name}
    assert len(frames) == 14
    assert frames["perp_ETHUSDT_15m_2023-01_2025-12.parquet"].height == 102_784
    for name, frame in frames.items():
        assert frame.null_count().sum_horizontal().item() == 0, name
        assert frame.filter(pl.col("low") > pl.min_horizontal("open", "close")).is_empty(), name
        assert frame.filter(pl.col("high") < pl.max_horizontal("open", "close")).is_empty(), name
        if name.startswith("perp_"):  # no gaps
            assert frame["time"].diff().n_unique() == 2, name


def test_the_full_funding_rates_agree_between_formats(shared: Path) -> None:
    data = shared / "data"
    rates = read_funding_archive(data / "funding_binance_um_8h.tar")
    assert (rates.height, rates["symbol"].n_unique()) == (222_922, 63)
    for asset in ("BTC", "ETH"):
        candles = read_candle_funding(data / f"candles/perp_{asset}USDT_8h-funding_2023-01_2025-12.parquet")
        both = candles.join(rates.filter(symbol=f"{asset}USDT"), on="time")
        assert both.height == candles.height == 3_212
        assert both.filter(pl.col("rate") != pl.col("rate_right")).is_empty()


@pytest.mark.parametrize("interval", ["1h", "30m"])
def test_the_full_bybit_candles(shared: Path, interval: str) -> None:
    frame = read_candle_archive(shared / "data/bybit_perps_2025-10_1h_30m.tar.xz", interval)
    assert frame["symbol"].n_unique() == 50
    crash = frame.filter(pl.col("time").dt.date() == date(2025, 10, 10), symbol="SUIUSDT")
    assert (crash["high"].max(), crash["low"].min()) == (3.4788, 0.5608)
