"""Readers of candles and of funding rates, one function per format, each giving a polars DataFrame.

Every frame has a column `time`, Datetime in microseconds, UTC, strictly increasing within a symbol; missing
candles stay missing. Prices, volumes and rates are Float64: they feed studies and simulations, and are no amounts of
the exchange.
"""

import io
import lzma
import tarfile
from collections.abc import Callable
from os import PathLike
from pathlib import PurePosixPath

import polars as pl

from worldmarkets.recorded.errors import ReadError

TIME = pl.Datetime("us", "UTC")
_OHLCV = {name: pl.Float64() for name in ("open", "high", "low", "close", "volume")}


def read_candles(path: str | PathLike[str]) -> pl.DataFrame:
    """Returns the candles of a parquet file: time, open, high, low, close, volume.

    Units: `time` is the opening of the candle; prices in the quote asset; volume in the base asset (0 for mark prices).
    Raises: ReadError when the file is damaged, lacks a column, or its times do not rise.
    """
    return _read_parquet(path, {"date": ("time", TIME), **_same(_OHLCV)})


def read_candle_funding(path: str | PathLike[str]) -> pl.DataFrame:
    """Returns the funding rates of a parquet file laid out as candles, with the rate as opening price: time, rate.

    Units: `time` is the settlement, a few milliseconds late now and then; `rate` is a share of the position's value
    for the interval that ends then (0.0001 is one basis point), positive when the longs pay.
    Raises: ReadError when the file is damaged, lacks a column, or its times do not rise.
    """
    return _read_parquet(path, {"date": ("time", TIME), "open": ("rate", pl.Float64())})


def read_funding_archive(path: str | PathLike[str], symbol: str | None = None) -> pl.DataFrame:
    """Returns the funding rates of a tar of SYMBOL.csv.xz files, of one symbol or of all.

    Columns: symbol, time, interval_hours, rate.
    Units: `time` and `rate` as in `read_candle_funding`; `interval_hours` Int64, mostly 8 (1, 2 and 4 occur).
    Raises: ReadError when the archive is damaged, has no such symbol, or a file in it is not such a table.
    """
    columns: _Columns = {
        "calc_time": ("time", TIME),
        "funding_interval_hours": ("interval_hours", pl.Int64()),
        "last_funding_rate": ("rate", pl.Float64()),
    }
    return _read_archive(path, ".csv.xz", symbol, columns, lzma.decompress, pl.col("calc_time").cast(pl.Int64) * 1000)


def read_candle_archive(path: str | PathLike[str], interval: str, symbol: str | None = None) -> pl.DataFrame:
    """Returns the candles of a tar of SYMBOL_INTERVAL.csv files (interval: 1h, 30m), of one symbol or of all.

    Columns: symbol, time, open, high, low, close, volume, turnover.
    Units: as in `read_candles`; turnover in the quote asset.
    Raises: ReadError when the archive is damaged, has no such symbol or interval, or a file in it is not such a table.
    """
    columns: _Columns = {"timestamp": ("time", TIME), **_same(_OHLCV), "turnover": ("turnover", pl.Float64())}
    time = pl.col("timestamp").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", time_zone="UTC")
    return _read_archive(path, f"_{interval}.csv", symbol, columns, bytes, time)


# Column in the file -> column of the frame and its type.
_Columns = dict[str, tuple[str, pl.DataType]]


def _same(columns: dict[str, pl.Float64]) -> _Columns:
    return {name: (name, dtype) for name, dtype in columns.items()}


def _read_parquet(path: str | PathLike[str], columns: _Columns) -> pl.DataFrame:
    try:
        with open(path, "rb") as file:
            return _select(pl.read_parquet(file), columns)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise ReadError(path, None, str(error)) from error


def _read_archive(
    path: str | PathLike[str],
    ending: str,
    symbol: str | None,
    columns: _Columns,
    unpack: Callable[[bytes], bytes],
    time: pl.Expr,
) -> pl.DataFrame:
    """One frame from the files SYMBOL + ending of a tar, by symbol; `time` is the first column as a time."""
    frames: dict[str, pl.DataFrame] = {}
    name = "the archive"
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                found = name.removesuffix(ending)
                content = archive.extractfile(member) if found != name and symbol in (None, found) else None
                if content is None:
                    continue
                # Everything is text first, so that types do not depend on what the first rows look like.
                table = pl.read_csv(io.BytesIO(unpack(content.read())), infer_schema=False)
                frame = _select(table.with_columns(time), columns)
                frames[found] = frame.select(pl.lit(found).alias("symbol"), pl.all())
    except (OSError, EOFError, ValueError, tarfile.TarError, lzma.LZMAError, pl.exceptions.PolarsError) as error:
        raise ReadError(path, None, f"{name}: {error}") from error
    if not frames:
        raise ReadError(path, None, f"there is no {symbol or '*'}{ending} in it")
    return pl.concat(frames[found] for found in sorted(frames))


def _select(table: pl.DataFrame, columns: _Columns) -> pl.DataFrame:
    """The columns wanted, under our names and types; checks that times rise."""
    if missing := columns.keys() - set(table.columns):
        raise ValueError(f"there is no column {', '.join(sorted(missing))}")
    frame = table.select(pl.col(old).cast(dtype).alias(new) for old, (new, dtype) in columns.items())
    time = frame["time"]
    if time.null_count() or (time.diff().dt.total_microseconds() <= 0).any():
        raise ValueError("times are missing or do not rise")
    return frame
