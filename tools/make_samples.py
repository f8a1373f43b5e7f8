"""Make the recordings that come with the package from the full ones: python tools/make_samples.py FOLDER.

FOLDER holds usdm_ethusdt_20240808.gz and spot_ethusdt_20240808.gz. Each is cut, from its start, at the same moment
of receipt, LENGTH_S after both are running. The same input always gives the same bytes (with the same liblzma).
"""

import gzip
import lzma
import sys
from pathlib import Path

SAMPLES = Path(__file__).resolve().parent.parent / "src/worldmarkets/recorded/samples"
SOURCES = {"perp_ethusdt": "usdm_ethusdt_20240808.gz", "spot_ethusdt": "spot_ethusdt_20240808.gz"}
LENGTH_S = 240
LIMIT_BYTES = 1_800_000


def main(folder: Path) -> None:
    """Writes the samples."""
    recordings = {name: gzip.decompress((folder / source).read_bytes()) for name, source in SOURCES.items()}
    lines = {name: recording.splitlines(keepends=True) for name, recording in recordings.items()}
    end_ns = max(received_ns(recording[0]) for recording in lines.values()) + LENGTH_S * 10**9
    for name, recording in lines.items():
        kept = [line for line in recording if received_ns(line) < end_ns]
        packed = lzma.compress(b"".join(kept), preset=9 | lzma.PRESET_EXTREME)
        if len(packed) >= LIMIT_BYTES:
            sys.exit(f"{name} takes {len(packed)} bytes, and {LIMIT_BYTES} is the limit: shorten LENGTH_S")
        (SAMPLES / f"{name}.xz").write_bytes(packed)
        print(f"{name}: {len(kept)} lines, {len(packed)} bytes")


def received_ns(line: bytes) -> int:
    """Returns the time of receipt that a line begins with."""
    return int(line.partition(b" ")[0])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
