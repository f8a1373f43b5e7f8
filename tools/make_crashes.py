"""Make the bars of crashes that come with the package from full recordings: python tools/make_crashes.py FOLDER.

FOLDER is laid out as docs/guide/stress.md says: candles/*.parquet and a tar of perpetuals around 2025-10-10.
"""

import io
import lzma
import sys
from pathlib import Path

import polars as pl

from worldmarkets.recorded.crashes import CRASHES, Crash
from worldmarkets.sim.stress.bars import read_full

TARGET = Path(__file__).resolve().parent.parent / "src/worldmarkets/recorded/crashes"


def main(folder: Path) -> None:
    """Writes the bars."""
    for crash in CRASHES.values():
        for asset, (name, _) in crash.bars.items():
            write(crash, name, read_full(folder, crash, asset))


def write(crash: Crash, name: str, bars: pl.DataFrame) -> None:
    """Writes the bars of one asset in one crash."""
    text = io.BytesIO()
    bars.with_columns(pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv(text)
    packed = lzma.compress(text.getvalue(), preset=9 | lzma.PRESET_EXTREME)
    (TARGET / f"{crash.name}_{name}.csv.xz").write_bytes(packed)
    print(f"{crash.name} {name}: {len(bars)} bars, {len(packed)} bytes")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
