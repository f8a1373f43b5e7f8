"""Replay: a log of encoded commands read from disk, applied, and the digest compared; and snapshots."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import measure, mix, venue
from worldmarkets.core.digest import compute_digest
from worldmarkets.core.snapshot import read_snapshot, write_snapshot


def time_replay(path: Path, log: mix.Log) -> float:
    """Return the seconds from an open file to a state whose digest is right."""
    engine = read_snapshot(log.snapshot)
    begin = measure.clock()
    with path.open("rb") as file:
        while batch := file.read(64 * venue.BATCH):
            engine.apply(batch)
    digest = compute_digest(engine.state)
    seconds = measure.clock() - begin
    assert digest == log.state, "the replay ended in another state"
    return seconds


def time_snapshots(log: mix.Log) -> tuple[float, float, int]:
    """Return the seconds to write and to read a snapshot of the state after the mix, and its bytes."""
    engine = read_snapshot(log.snapshot)
    for batch in venue.split(log.commands):
        engine.apply(batch)
    begin = measure.clock()
    data = write_snapshot(engine)
    middle = measure.clock()
    restored = read_snapshot(data)
    end = measure.clock()
    assert compute_digest(restored.state) == log.state
    return middle - begin, end - middle, len(data)


def measure_all(commands: int = 1 << 18, accounts: int = 10_000) -> dict[str, float]:
    """Return the figures of replay and snapshots."""
    log = mix.write_log(commands, accounts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "commands"
        path.write_bytes(log.commands)
        seconds = measure.median(lambda: time_replay(path, log))
    snapshots = [time_snapshots(log) for _ in range(measure.RUNS)]
    write, read = (sorted(row[part] for row in snapshots)[len(snapshots) // 2] for part in (0, 1))
    megabytes = snapshots[0][2] / 1e6
    return {
        "core.replay_commands_per_s": log.size / seconds,
        "core.snapshot_mb_per_s": megabytes / write,
        "core.restore_mb_per_s": megabytes / read,
        "core.snapshot_mb": megabytes,
    }


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all().items():
        print(f"{name:32} {figure:16,.2f}")
