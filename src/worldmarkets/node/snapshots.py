"""Snapshots of a running venue: the state after a block, so that a start need not replay all of the log.

A file is the bytes of the core's snapshot behind a header: the block, its hash, the digest of the state, and the names
of what is listed, which the core does not know.  It is written beside its place and renamed, so one that is there is
whole; which snapshots are kept is `keep`.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from worldmarkets.core.snapshot import SnapshotError
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.genesis import Asset, Genesis, Market
from worldmarkets.node.errors import NodeError

MAGIC = b"WMNODE\x00\x01"
SUFFIX = ".snapshot"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What stands before the state.

    `events` is the digest of the block's events; `assets` and `markets` are the listings under way, by their change.
    """

    block: int
    hash: bytes
    events: bytes
    digest: str
    genesis: Genesis
    assets: dict[int, Asset]
    markets: dict[int, Market]


@dataclass(frozen=True, slots=True)
class Restored:
    """An exchange as it was after a block."""

    exchange: Exchange
    block: int
    hash: bytes
    events: bytes
    digest: str


class Snapshots:
    """The snapshots in a folder."""

    def __init__(self, folder: Path, keep: int = 3) -> None:
        self.folder = folder
        self.keep = keep
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, exchange: Exchange, block: int, head: bytes, events: bytes) -> str:
        """Write the state after a block and return its digest.  Raises NodeError when the disk does not take it."""
        waiting = exchange.waiting_listings.items()
        digest = exchange.digest()
        header = msgspec.json.encode(
            Header(
                block=block, hash=head, events=events, digest=digest, genesis=exchange.genesis,
                assets={change: named for change, named in waiting if isinstance(named, Asset)},
                markets={change: named for change, named in waiting if isinstance(named, Market)},
            )
        )  # fmt: skip
        body = MAGIC + len(header).to_bytes(8, "little") + header
        place = self.folder / f"{block:012}{SUFFIX}"
        passing = place.with_suffix(".passing")
        try:
            with open(passing, "wb") as file:
                file.write(body)
                file.write(hashlib.blake2b(body, digest_size=32).digest())
                file.write(exchange.snapshot())
                file.flush()
                os.fsync(file.fileno())
            os.replace(passing, place)
            _sync_folder(self.folder)
        except OSError as error:
            passing.unlink(missing_ok=True)
            raise NodeError(f"{place} could not be written: {error}") from error
        for old in self.find()[self.keep :]:
            old.unlink(missing_ok=True)
        return digest

    def find(self) -> list[Path]:
        """The snapshots that are there, newest first."""
        return sorted(self.folder.glob(f"*{SUFFIX}"), reverse=True)

    def compute_age(self) -> float:
        """Return how many seconds ago the newest snapshot was written; -1 when there is none."""
        newest = next(iter(self.find()), None)
        return -1.0 if newest is None else max(0.0, time.time() - newest.stat().st_mtime)

    def read(self, path: Path) -> Restored:
        """Return the exchange of a snapshot.  Raises SnapshotError when it is torn or of another version."""
        data = path.read_bytes()
        size = int.from_bytes(data[8:16], "little")
        end = 16 + size
        if data[:8] != MAGIC or hashlib.blake2b(data[:end], digest_size=32).digest() != data[end : end + 32]:
            raise SnapshotError(f"{path} is torn, or no snapshot of a node")
        header = msgspec.json.decode(data[16:end], type=Header)
        exchange = Exchange.restore(data[end + 32 :], header.genesis)
        for waiting in (header.assets, header.markets):
            for change, named in waiting.items():
                exchange.name_listing(change, named)
        if exchange.digest() != header.digest:
            raise SnapshotError(f"{path} has another digest than it says")
        return Restored(exchange, header.block, header.hash, header.events, header.digest)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
