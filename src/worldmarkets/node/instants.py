"""How accounts stood at the very instants within a command at which rungs of the ladder began and ended.

A program of its own: the core runs interpreted in it, so that its steps can be watched.  It takes up a snapshot,
applies one command, and prints what it saw.

python -m worldmarkets.node.instants FOLDER ACCOUNT,ACCOUNT    with WORLDMARKETS_PURE=1
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from worldmarkets.core import COMPILED
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.breakdown import compute_resilience, compute_value, read_holdings
from worldmarkets.node.errors import NodeError
from worldmarkets.node.journal import NO_HASH, hash_events
from worldmarkets.node.snapshots import Snapshots

COMMAND = "command"  # the file of the command's records


class Instant(msgspec.Struct, frozen=True):
    """How an account stood when a rung began, or ended (`follows` is the state that followed).

    `place` is how many events the command had given by then.  Figures are in quanta and ppm, and `groups` is how many
    were floored; they are worked out from the account's rows and the marks, not asked of the core.
    """

    account: int
    rung: int
    is_end: bool
    follows: int
    place: int
    mark_version: int
    nav: int
    margin: int
    resilience_ppm: int
    groups: int


class Watched(msgspec.Struct, frozen=True):
    """What was seen while a command was applied, and the digest of the events that it gave."""

    instants: list[Instant]
    events: bytes


def watch(exchange: Exchange, command: bytes, accounts: Sequence[int]) -> Watched:
    """See a command applied before it is: the exchange stays as it is.  Raises NodeError."""
    with tempfile.TemporaryDirectory(prefix="worldmarkets-instants-") as folder:
        Snapshots(Path(folder)).write(exchange, 0, NO_HASH, NO_HASH)
        Path(folder, COMMAND).write_bytes(command)
        done = subprocess.run(
            [sys.executable, "-m", __name__, folder, ",".join(map(str, accounts))], capture_output=True,
            env={**os.environ, "WORLDMARKETS_PURE": "1"},
        )  # fmt: skip
    if done.returncode:
        raise NodeError(f"the interpreted core failed: {done.stderr.decode().strip()}")
    return msgspec.json.decode(done.stdout, type=Watched)


def main(folder: Path, accounts: Sequence[int]) -> None:
    """Apply the command of a folder to its snapshot, and print what was seen of some accounts."""
    assert not COMPILED, "set WORLDMARKETS_PURE=1"
    snapshots = Snapshots(folder)
    exchange = snapshots.read(snapshots.find()[0]).exchange
    found: list[Instant] = []
    flow: Any = exchange.engine.ladder_flow
    begin, end = flow.begin_rung, flow.end_rung

    def begin_rung(account: int, resilience_ppm: int) -> None:
        if account in accounts:
            state = exchange.read_row("accounts", account).state
            found.append(_look(exchange, account, state, is_end=False, follows=0))
        begin(account, resilience_ppm)

    def end_rung(account: int, following: int) -> None:
        if account in accounts:
            rung = exchange.read_row("latches", exchange.read_row("accounts", account).latch).rung
            found.append(_look(exchange, account, rung, is_end=True, follows=following))
        end(account, following)

    flow.begin_rung, flow.end_rung = begin_rung, end_rung
    events = exchange.engine.apply((folder / COMMAND).read_bytes())
    sys.stdout.buffer.write(msgspec.json.encode(Watched(found, hash_events(events))))


def _look(exchange: Exchange, account: int, rung: int, *, is_end: bool, follows: int) -> Instant:
    venue = exchange.read_row("venue", 1)
    exchange.time_us = venue.time_us  # of the work that is done just now
    groups = read_holdings(exchange, account)
    return Instant(
        account, rung, is_end, follows, exchange.engine.outbox.length, venue.mark_version, compute_value(groups, 0, {}),
        compute_value(groups, venue.initial_ppm, {}), compute_resilience(groups, {}), len(groups),
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(account) for account in sys.argv[2].split(",")])
