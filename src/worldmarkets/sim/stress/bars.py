"""The bars of a crash: the packaged ones, or those of a folder of full recordings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl

from worldmarkets.recorded.bars import read_candle_archive, read_candles
from worldmarkets.recorded.crashes import Crash, read_crash_bars

ARCHIVE = "bybit_perps_2025-10_1h_30m.tar.xz"


def read_bars(crash: Crash, folder: Path | None = None) -> dict[str, pl.DataFrame]:
    """Return the bars of every asset of a crash: time, open, high, low, close.  Raises ReadError, OSError."""
    return {
        asset: read_crash_bars(crash, asset) if folder is None else read_full(folder, crash, asset)
        for asset in crash.bars
    }


def read_full(folder: Path, crash: Crash, asset: str) -> pl.DataFrame:
    """Return an asset's bars of a crash from a folder of full recordings.  Raises ReadError, OSError."""
    name, minutes = crash.bars[asset]
    kind, symbol, interval = name.split("_")
    found = sorted((folder / "candles").glob(f"{kind}_{symbol.upper()}_{interval}_*.parquet"))
    covering = [frame for frame in map(read_candles, found) if _covers(frame, crash)]
    frame = covering[0] if covering else read_candle_archive(folder / ARCHIVE, interval, symbol.upper())
    begin = crash.begin - timedelta(minutes=crash.begin.minute % minutes if minutes < 60 else crash.begin.minute)
    inside = frame.filter((pl.col("time") >= begin) & (pl.col("time") < crash.end))
    return inside.select("time", "open", "high", "low", "close")


def _covers(frame: pl.DataFrame, crash: Crash) -> bool:
    return bool(((frame["time"] >= crash.begin) & (frame["time"] < crash.end)).any())
