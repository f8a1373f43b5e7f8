"""The way back: the newest snapshot that is whole, and the journal from there, checked as it is replayed.

A replay must give the events that were journalled block by block, and the digests of the state at every checkpoint on
the way.  Otherwise nothing starts: a state that nobody has vouched for takes no order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from worldmarkets.core import codes
from worldmarkets.core.codec import decode_events
from worldmarkets.core.snapshot import SnapshotError
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.genesis import Genesis
from worldmarkets.exchange.inbound import name_listings
from worldmarkets.node.errors import RecoveryError
from worldmarkets.node.journal import NO_HASH, Block, Journal, hash_events
from worldmarkets.node.snapshots import Restored, Snapshots
from worldmarkets.schemas.commands import SignedBundle

Progress = Callable[[int, int], None]
Replayed = Callable[[Block, memoryview], None]
_decode_signed = msgspec.msgpack.Decoder(list[tuple[int, bytes]]).decode
_decode_bundle = msgspec.json.Decoder(SignedBundle).decode


@dataclass(frozen=True, slots=True)
class Recovered:
    """The exchange as the journal leaves it, and the digest of the last block's events."""

    exchange: Exchange
    events: bytes
    replayed: int


def recover(
    journal: Journal, snapshots: Snapshots, genesis: Genesis, *, on_block: Replayed | None = None,
    on_progress: Progress | None = None,
) -> Recovered:  # fmt: skip
    """Return the exchange after the last block of a journal.  Raises JournalError, RecoveryError.

    `on_block` sees every block that is replayed, with its events.
    """
    start = find_start(journal, snapshots) or Restored(Exchange(genesis), 0, NO_HASH, NO_HASH, "")
    exchange, last = start.exchange, start.events
    checkpoints = journal.read_checkpoints(start.block)
    deposits = journal.read_deposits(start.block)
    if start.block:
        _check_digest(start.block, checkpoints.pop(start.block, start.digest), start.digest)
    replayed = 0
    for block in journal.read(start.block, start.hash):
        if block.events != last:
            raise RecoveryError(f"block {block.number - 1} gives other events than it gave when it was journalled")
        events = replay_block(exchange, block)
        last = hash_events(events)
        replayed += block.count
        for deposit, place in deposits.get(block.number, ()):
            if is_rejected(events, block.first + place):  # the node stopped before it could say so
                journal.forget_deposit(deposit)
        if block.number in checkpoints:
            _check_digest(block.number, checkpoints[block.number], exchange.digest())
        if on_block is not None:
            on_block(block, events)
        if on_progress is not None:
            on_progress(block.number, journal.last)
    return Recovered(exchange, last, replayed)


def find_start(journal: Journal, snapshots: Snapshots, most: int | None = None) -> Restored | None:
    """Return the newest snapshot that is whole and belongs to a journal, of block `most` or before it."""
    last = journal.last if most is None else most
    for path in snapshots.find():
        try:
            found = snapshots.read(path)
        except (SnapshotError, OSError, ValueError):
            continue  # the journal has it all: an older one, or none, only takes longer
        if found.block <= last and journal.read_hash(found.block) == found.hash:
            return found
    return None


def replay_block(exchange: Exchange, block: Block) -> memoryview:
    """Apply a block and return its events."""
    events = memoryview(exchange.apply_block(block.commands))
    name_block(exchange, block, events)
    return events


def name_block(exchange: Exchange, block: Block, events: memoryview) -> None:
    """Keep the names of what the block's commands list."""
    if b'"List' in block.signed:
        for place, message in _decode_signed(block.signed):
            if b'"List' in message:
                own = [event for event in decode_events(events) if event.sequence == block.first + place]
                name_listings(exchange, _decode_bundle(message), own)


def is_rejected(events: bytes | memoryview, sequence: int) -> bool:
    """Say whether a command among those of a block was rejected."""
    own = [event for event in decode_events(events) if event.sequence == sequence]
    return bool(own) and own[-1].kind == codes.REJECTED


def _check_digest(block: int, journalled: str, found: str) -> None:
    if journalled != found:
        raise RecoveryError(f"after block {block} the state has digest {found}, and {journalled} was journalled")


def get_journal_path(data: Path) -> Path:
    """The journal's place in a node's folder."""
    return data / "journal.sqlite"
