"""Bars of three crashes that come with the package: a few hours each, as CSV."""

from __future__ import annotations

import io
import lzma
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files

import polars as pl

from worldmarkets.recorded.bars import TIME


@dataclass(frozen=True, slots=True)
class Crash:
    """A crash: when it is replayed, and from which bars: by asset the name of the packaged file, and its minutes."""

    name: str
    begin: datetime
    end: datetime
    bars: dict[str, tuple[str, int]]
    note: str = ""


CRASHES = {
    crash.name: crash
    for crash in (
        Crash(
            "crash-2025-10-10",
            datetime(2025, 10, 10, 20, 30, tzinfo=UTC),
            datetime(2025, 10, 10, 22, 0, tzinfo=UTC),
            {"BTC": ("spot_btcusdt_5m", 5), "ETH": ("perp_ethusdt_15m", 15), "SOL": ("perp_solusdt_30m", 30)},
        ),
        Crash(
            "crash-2024-08-05",
            datetime(2024, 8, 5, 0, 0, tzinfo=UTC),
            datetime(2024, 8, 5, 3, 0, tzinfo=UTC),
            {"BTC": ("perp_btcusdt_5m", 5), "ETH": ("perp_ethusdt_15m", 15), "SOL": ("perp_solusdt_5m", 5)},
        ),
        Crash(
            "crash-2020-03-12",
            datetime(2020, 3, 12, 9, 0, tzinfo=UTC),
            datetime(2020, 3, 13, 3, 0, tzinfo=UTC),
            {"BTC": ("spot_btcusdt_1h", 60), "ETH": ("spot_ethusdt_1h", 60)},
            "hourly bars of BTC and ETH are all there is of 2020; what happened within an hour is modelled",
        ),
    )
}


def read_crash_bars(crash: Crash, asset: str) -> pl.DataFrame:
    """Return the packaged bars of an asset in a crash: time, open, high, low, close."""
    data = files(__name__).joinpath(f"{crash.name}_{crash.bars[asset][0]}.csv.xz").read_bytes()
    prices = dict.fromkeys(("open", "high", "low", "close"), pl.Float64())
    table = pl.read_csv(io.BytesIO(lzma.decompress(data)), schema_overrides=prices)
    return table.with_columns(pl.col("time").str.to_datetime(time_unit="us", time_zone="UTC").cast(TIME))
