"""A node's restart: a journal of signed commands read, checked block by block, replayed, and its state compared.

The commands are the mix (mix.py), each in the envelope of its account's owner, in mini-blocks of 256.  Signatures are
not checked again: the journal says who signed, and its hashes that it says so since.

python -m benchmarks.restart [COMMANDS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import measure, mix, venue
from worldmarkets.core import codes as c
from worldmarkets.core.engine import Engine
from worldmarkets.core.snapshot import read_snapshot
from worldmarkets.core.units import MAX_TIME
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.genesis import Asset, Genesis, Market, Venue
from worldmarkets.exchange.units import from_time
from worldmarkets.node.journal import NO_HASH, Block, Journal, hash_events
from worldmarkets.node.recovery import recover
from worldmarkets.node.snapshots import Snapshots

COMMANDS = 1 << 20
GENESIS_HASH = "00" * 32


def name_venue() -> Genesis:
    """Return a genesis that names what the measured venue lists."""
    numbers = range(1, venue.PERPS + 1)
    return Genesis(
        venue=Venue(opens=from_time(venue.START_US)),
        assets=[
            Asset(symbol="USDM", decimals=6),
            *(Asset(symbol=f"A{number}", decimals=8, group=f"G{(number + 1) // 2}") for number in numbers),
        ],
        markets=[
            *(Market(symbol=f"P{n}", kind="perp", asset=f"A{n}", lot="0.001", tick="0.04") for n in numbers),
            Market(symbol="LOAN", kind="loan", asset="USDM", lot="1", tenor_hours=240),
        ],
    )


def wrap(commands: bytes) -> bytes:
    """Put every command of an account into an envelope of its owner; marks are the sequencer's own."""
    rows = np.frombuffer(commands, np.int64).reshape(-1, 8)
    head = rows[:, 2].view(np.uint64)
    is_signed = (head & 0xFF) != c.SET_MARK
    account = (head >> np.uint64(32)).astype(np.int64)
    envelopes = np.zeros_like(rows)
    envelopes[:, 1] = rows[:, 1]
    envelopes[:, 2] = c.SIGNED | 1 << 8 | account << 32
    envelopes[:, 3] = account  # the owners of venue.py: the account's number high and low
    envelopes[:, 5] = account
    envelopes[:, 6] = np.arange(1, len(rows) + 1)
    envelopes[:, 7] = MAX_TIME
    both = np.stack([envelopes, rows], axis=1).reshape(-1, 8)
    return both[np.stack([is_signed, np.ones_like(is_signed)], axis=1).reshape(-1)].tobytes()


def write_journal(folder: Path, log: mix.Log) -> str:
    """Journal the mix from its first state on, with that as a snapshot; return the digest of the last state."""
    engine: Engine = read_snapshot(log.snapshot)
    exchange = Exchange(name_venue(), engine=engine)
    journal = Journal(folder / "journal.sqlite", GENESIS_HASH)
    Snapshots(folder / "snapshots").write(exchange, 0, NO_HASH, NO_HASH)
    first, events = exchange.read_row("venue", 1).sequence + 1, NO_HASH
    journal._next = first
    for number, batch in enumerate(venue.split(log.commands), 1):
        commands, count = wrap(batch), len(batch) // 64
        time_us = int.from_bytes(batch[8:16], "little")
        journal.append(Block(number, first, count, time_us, commands, b"", events))
        events = hash_events(exchange.apply_block(commands))
        first += count
    journal.note_checkpoint(journal.last, exchange.digest())
    rejected = exchange.read_row("venue", 1).internal_errors
    assert rejected == 0, "a command failed inside"
    journal.close()
    return exchange.digest()


def time_restart(folder: Path, commands: int, digest: str) -> float:
    """Return the seconds from a folder to an exchange that is what the journal says."""
    begin = time.perf_counter()
    journal = Journal(folder / "journal.sqlite", GENESIS_HASH)
    recovered = recover(journal, Snapshots(folder / "snapshots"), name_venue())
    seconds = time.perf_counter() - begin
    assert recovered.exchange.digest() == digest and recovered.replayed == commands
    journal.close()
    return seconds


def measure_all(commands: int = COMMANDS, accounts: int = 10_000) -> dict[str, float]:
    """Return the figures of a restart."""
    log = mix.write_log(commands, accounts)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        digest = write_journal(folder, log)
        seconds = measure.median(lambda: time_restart(folder, log.size, digest), 3)
        size = (folder / "journal.sqlite").stat().st_size
    return {
        "venue.replay_commands_per_s": log.size / seconds,
        "venue.replay_commands": float(log.size),
        "venue.journal_bytes_per_command": size / log.size,
    }


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all(*map(int, sys.argv[1:2])).items():
        print(f"{name:34} {figure:16,.2f}")
