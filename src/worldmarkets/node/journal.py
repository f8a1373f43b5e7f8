"""The journal: every mini-block, durable before anybody hears of it, in one SQLite file.

One row a mini-block; its hash covers the one before, so that the last hash stands for the whole log.  Beside the
command records a row keeps the signed messages that they came from, and the digest of the events of the block before:
a replay that gives other events stops where it does.

SQLite runs with a write-ahead log and `synchronous=FULL`: once `append` returns, the block survives a crash of the
process and of the machine.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from worldmarkets.node.errors import JournalError

FORMAT = 1
HASH_BYTES = 32
NO_HASH = bytes(HASH_BYTES)
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY,   -- from 1, without a gap
    first INTEGER NOT NULL,       -- the sequence of the first command
    count INTEGER NOT NULL,       -- how many commands, bundles counting as one
    time_us INTEGER NOT NULL,
    commands BLOB NOT NULL,       -- 64 bytes a record
    signed BLOB NOT NULL,         -- the signed messages: MessagePack, a list of (place, message)
    events BLOB NOT NULL,         -- the digest of the events of the block before
    hash BLOB NOT NULL
) STRICT;
CREATE TABLE checkpoints (
    block INTEGER PRIMARY KEY,    -- after which
    digest TEXT NOT NULL          -- the digest of the state
) STRICT;
CREATE TABLE deposits (
    id TEXT PRIMARY KEY,          -- what its source calls it
    block INTEGER NOT NULL,       -- in which it was credited
    place INTEGER NOT NULL        -- as which command, from 0
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Block:
    """A mini-block: commands that got their numbers and their time together."""

    number: int
    first: int
    count: int
    time_us: int
    commands: bytes
    signed: bytes
    events: bytes

    def compute_hash(self, before: bytes) -> bytes:
        """Return the block's hash, over the hash of the block before and everything in this one."""
        digest = hashlib.blake2b(before, digest_size=HASH_BYTES)
        for number in (self.number, self.first, self.count, self.time_us, len(self.commands), len(self.signed)):
            digest.update(number.to_bytes(8, "little"))
        digest.update(self.commands)
        digest.update(self.signed)
        digest.update(self.events)
        return digest.digest()


def hash_events(events: bytes | memoryview) -> bytes:
    """Return the digest of the events that a block gave."""
    return hashlib.blake2b(events, digest_size=HASH_BYTES).digest()


class Journal:
    """The log of one venue.  `last` is the number of the last block, `head` its hash."""

    def __init__(self, path: Path, genesis: str) -> None:
        """Open the journal of the genesis with this hash, or begin it.  Raises JournalError; writes nothing then."""
        self.path = path
        is_new = not path.exists()
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            if is_new or not self._read_tables():
                self._begin(genesis)
            self._check(genesis)
            self.last, self.head, self._next, self.time_us = self._find_last()
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{path} cannot be read as a journal: {error}") from error

    def _read_tables(self) -> set[str]:
        return {name for (name,) in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def _begin(self, genesis: str) -> None:
        self._db.executescript(f"BEGIN; {_TABLES}")
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", [("format", str(FORMAT)), ("genesis", genesis)])
        self._db.execute("COMMIT")

    def _check(self, genesis: str) -> None:
        if not {"meta", "blocks", "checkpoints", "deposits"} <= self._read_tables():
            raise JournalError(f"{self.path} is a database, but not a journal of worldmarkets")
        meta = dict(self._db.execute("SELECT name, value FROM meta"))
        if meta.get("format") != str(FORMAT):
            raise JournalError(
                f"{self.path} has format {meta.get('format')}, and this version reads {FORMAT}: "
                "run the version that wrote it, or a newer one"
            )
        if meta.get("genesis") != genesis:
            raise JournalError(f"{self.path} belongs to genesis {meta.get('genesis')}, not to {genesis}")

    def _find_last(self) -> tuple[int, bytes, int, int]:
        row = self._db.execute(
            "SELECT number, hash, first + count, time_us FROM blocks ORDER BY number DESC LIMIT 1"
        ).fetchone()
        return row or (0, NO_HASH, 1, 0)

    @property
    def next_sequence(self) -> int:
        """The number of the next command."""
        return self._next

    def append(self, block: Block, deposits: Sequence[tuple[str, int]] = ()) -> None:
        """Write a block; it is durable when this returns.  Raises JournalError; the block is not in the log then.

        `deposits` are the ids of those in it and their places; they are kept with the block, or neither is.
        """
        if block.number != self.last + 1 or block.first != self._next:
            raise JournalError(f"block {block.number} from command {block.first} does not follow block {self.last}")
        after = block.compute_hash(self.head)
        try:
            if deposits:
                self._db.execute("BEGIN")
                rows = [(deposit, block.number, place) for deposit, place in deposits]
                self._db.executemany("INSERT INTO deposits VALUES (?, ?, ?)", rows)
            self._db.execute(
                "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (block.number, block.first, block.count, block.time_us, block.commands, block.signed, block.events,
                 after),
            )  # fmt: skip
            if deposits:
                self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise JournalError(f"block {block.number} could not be written to {self.path}: {error}") from error
        self.last, self.head, self._next, self.time_us = block.number, after, block.first + block.count, block.time_us

    def has_deposit(self, deposit: str) -> bool:
        """Say whether a deposit has been credited."""
        return self._db.execute("SELECT 1 FROM deposits WHERE id = ?", (deposit,)).fetchone() is not None

    def read_deposits(self, after: int = 0) -> dict[int, list[tuple[str, int]]]:
        """Return the ids and places of the deposits in the blocks after one, by block."""
        found: dict[int, list[tuple[str, int]]] = {}
        for deposit, block, place in self._db.execute("SELECT * FROM deposits WHERE block > ?", (after,)):
            found.setdefault(block, []).append((deposit, place))
        return found

    def forget_deposit(self, deposit: str) -> None:
        """Forget a deposit that the exchange refused, so that it may come again.  Raises JournalError."""
        try:
            self._db.execute("DELETE FROM deposits WHERE id = ?", (deposit,))
        except sqlite3.Error as error:
            raise JournalError(f"a deposit could not be forgotten in {self.path}: {error}") from error

    def read(self, after: int = 0, head: bytes | None = None) -> Iterator[Block]:
        """Yield the blocks after one, each checked against the hash of the one before.  Raises JournalError.

        `head` is the hash of block `after`, if it is known; else it is read here.
        """
        before = self.read_hash(after)
        if head is not None and head != before:
            raise JournalError(f"block {after} of {self.path} is not the one that was seen there before")
        number, first = after, None
        cursor = self._db.execute(
            "SELECT number, first, count, time_us, commands, signed, events, hash FROM blocks WHERE number > ? "
            "ORDER BY number",
            (after,),
        )
        try:
            for *fields, found in cursor:
                block = Block(*fields)
                if block.number != number + 1 or (first is not None and block.first != first):
                    raise JournalError(f"{self.path}: block {number + 1} is missing")
                if (expected := block.compute_hash(before)) != found:
                    raise JournalError(f"{self.path}: block {block.number} was changed or is torn")
                before, number, first = expected, block.number, block.first + block.count
                yield block
        except sqlite3.DatabaseError as error:
            raise JournalError(f"{self.path} cannot be read after block {number}: {error}") from error

    def read_hash(self, number: int) -> bytes:
        """Return the hash of a block.  Raises JournalError when there is no such block."""
        if number == 0:
            return NO_HASH
        row = self._db.execute("SELECT hash FROM blocks WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise JournalError(f"{self.path} has no block {number}: its last one is {self.last}")
        return bytes(row[0])

    def note_checkpoint(self, block: int, digest: str) -> None:
        """Keep the digest of the state after a block.  Raises JournalError."""
        try:
            self._db.execute("INSERT OR IGNORE INTO checkpoints VALUES (?, ?)", (block, digest))
        except sqlite3.Error as error:
            raise JournalError(f"a checkpoint could not be written to {self.path}: {error}") from error

    def read_checkpoints(self, after: int = 0) -> dict[int, str]:
        """Return the digests of the state after the blocks from `after` on."""
        return dict(self._db.execute("SELECT block, digest FROM checkpoints WHERE block >= ?", (after,)))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
