"""The history's file: a table for each kind of event, one for receipts, and how far it has got, in DuckDB.

What a block gave is written in one transaction with the block's number: whatever happens, each event is there once or
not yet.  Every event has a number, counted from the genesis on, which is the same in every replay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import structlog

from worldmarkets.core import codes
from worldmarkets.core.codec import EVENTS, RECORD_BYTES
from worldmarkets.core.records import Event, Signed
from worldmarkets.exchange.listing import Listing
from worldmarkets.node.errors import NodeError
from worldmarkets.node.history.topics import KINDS, get_fields, get_table, write_columns
from worldmarkets.node.journal import Block

_SIGNED = np.dtype(Signed)
_IS_HEAD = np.array([codes.HEAD_KINDS >> kind & 1 for kind in range(64)], np.bool_)
_RECEIPTS = (
    "signer_high UBIGINT, signer_middle UBIGINT, signer_low UINTEGER, nonce BIGINT, sequence BIGINT, block_us BIGINT, "
    "account UINTEGER"
)
_META = "format VARCHAR, genesis VARCHAR, block BIGINT, hash BLOB, events BIGINT"
# Names and units, so that whoever reads the file needs nothing else: `one` is a quantum, `tick` a tick's price.
_ASSETS = "number USMALLINT, symbol VARCHAR, decimals UTINYINT, one DECIMAL(19, 18)"
_MARKETS = "number USMALLINT, symbol VARCHAR, kind VARCHAR, asset USMALLINT, lot_quanta BIGINT, tick DECIMAL(28, 18)"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Happened:
    """A block, the events that it gave, and its hash in the journal."""

    block: Block
    events: bytes | memoryview
    hash: bytes


def compute_format() -> str:
    """Return what the tables are: another kind of event, or another field of one, is another format."""
    said = "".join(f"{get_table(kind)}({write_columns(kind)})" for kind in KINDS)
    return hashlib.blake2b(f"{said}{_RECEIPTS}{_META}{_ASSETS}{_MARKETS}".encode(), digest_size=8).hexdigest()


def quote(names: Iterable[str]) -> str:
    """Return names of columns in SQL."""
    return ", ".join(f'"{name}"' for name in names)


class Store:
    """One history.  `block` is the last block that it holds, `events` how many events there were up to it."""

    def __init__(self, path: Path, genesis: str) -> None:
        """Open the history of a genesis, or begin it.  Raises NodeError.

        One of another format is put aside: the journal has everything that was in it.
        """
        self.path = path
        self._genesis = genesis
        self.db = self._connect()
        found = self._read_meta()
        if found is not None and found[0] != compute_format():
            self.db.close()
            aside = path.with_name(f"{path.stem}-{found[0]}{path.suffix}")
            path.rename(aside)
            log.warning("history has another format and is made anew from the journal", aside=str(aside))
            self.db = self._connect()
            found = None
        if found is None:
            self._begin()
            found = self._read_meta()
        assert found is not None
        _, of, self.block, self.hash, self.events = found
        if of != genesis:
            self.db.close()
            raise NodeError(f"{path} belongs to genesis {of}, not to {genesis}")

    def _connect(self) -> duckdb.DuckDBPyConnection:
        try:
            return duckdb.connect(self.path, config={"threads": 1, "memory_limit": "512MB"})
        except duckdb.Error as error:
            raise NodeError(f"{self.path} cannot be opened as a history: {error}") from error

    def _read_meta(self) -> tuple[str, str, int, bytes, int] | None:
        tables = {name for (name,) in self.db.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if not tables:
            return None
        if "meta" not in tables:
            raise NodeError(f"{self.path} is a database, but not a history of worldmarkets")
        found: Any = self.db.execute("SELECT * FROM meta").fetchone()
        return found

    def _begin(self) -> None:
        self.db.execute("BEGIN")
        for kind in KINDS:
            self.db.execute(f"CREATE TABLE {get_table(kind)} ({write_columns(kind)})")
        for name, columns in (
            ("receipts", _RECEIPTS), ("meta", _META), ("listed_assets", _ASSETS), ("listed_markets", _MARKETS),
        ):  # fmt: skip
            self.db.execute(f"CREATE TABLE {name} ({columns})")
        self.db.execute("INSERT INTO meta VALUES (?, ?, 0, ?, 0)", [compute_format(), self._genesis, bytes(32)])
        self.db.execute("COMMIT")

    def write_listing(self, listing: Listing) -> None:
        """Keep what is listed: names and units."""
        self.db.execute("BEGIN")
        self.db.execute("DELETE FROM listed_assets")
        self.db.executemany(
            "INSERT INTO listed_assets VALUES (?, ?, ?, ?::DECIMAL(19, 18))",
            [
                [asset.number, asset.symbol, asset.decimals, f"{asset.from_quanta(1):f}"]
                for asset in listing.assets
            ],
        )  # fmt: skip
        self.db.execute("DELETE FROM listed_markets")
        if listing.markets:
            self.db.executemany(
                "INSERT INTO listed_markets VALUES (?, ?, ?, ?, ?, ?::DECIMAL(28, 18))",
                [
                    [market.number, market.symbol, market.kind, market.asset.number, market.lot_quanta,
                     f"{market.from_ticks(1):f}"]
                    for market in listing.markets
                ],
            )  # fmt: skip
        self.db.execute("COMMIT")

    def write(self, blocks: Sequence[Happened]) -> None:
        """Write blocks that follow the last one, all of them or none.  Raises duckdb.Error."""
        assert [one.block.number for one in blocks] == [self.block + 1 + place for place in range(len(blocks))]
        events = np.frombuffer(b"".join(one.events for one in blocks), np.uint8).reshape(-1, RECORD_BYTES)
        counts = [len(one.events) // RECORD_BYTES for one in blocks]
        times = np.repeat(np.array([one.block.time_us for one in blocks], np.int64), counts)
        numbers = np.arange(self.events + 1, self.events + 1 + len(events), dtype=np.int64)
        last = blocks[-1]
        self.db.execute("BEGIN")
        try:
            kinds = events[:, 8]
            present = np.flatnonzero(np.bincount(kinds, minlength=256)).tolist()
            for kind in KINDS:
                if kind in present:
                    self._insert(kind, events, np.flatnonzero(kinds == kind), numbers, times)
            self._insert_receipts([one.block for one in blocks])
            self.db.execute(
                "UPDATE meta SET block = ?, hash = ?, events = ?",
                [last.block.number, last.hash, self.events + len(events)],
            )
            self.db.execute("COMMIT")
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.block, self.hash, self.events = last.block.number, last.hash, self.events + len(events)

    def _insert(
        self, kind: int, events: np.ndarray, which: np.ndarray, numbers: np.ndarray, times: np.ndarray
    ) -> None:  # fmt: skip
        rows = np.ascontiguousarray(events[which]).view(np.dtype(EVENTS.get(kind, Event))).reshape(-1)
        columns = {"event_number": numbers[which], "sequence": rows["sequence"], "block_us": times[which]}
        for name in ("code", "market", "account", *(name for name, _ in get_fields(kind))):
            columns[name] = rows[name]
        self._append(get_table(kind), columns)

    def _insert_receipts(self, blocks: Sequence[Block]) -> None:
        """Note who sent each signed command: commands stand one behind the other, each followed by what it holds."""
        found: list[np.ndarray] = []
        sequences: list[int] = []
        times: list[int] = []
        for block in blocks:
            records = np.frombuffer(block.commands, _SIGNED)
            sizes = np.where(_IS_HEAD[records["kind"]], records["count"], 0).tolist()
            kinds = records["kind"].tolist()
            places = []
            place = 0
            for sequence in range(block.first, block.first + block.count):
                if kinds[place] == codes.SIGNED:
                    places.append(place)
                    sequences.append(sequence)
                    times.append(block.time_us)
                place += 1 + sizes[place]
            found.append(records[places])
        if sequences:
            rows = np.concatenate(found)
            columns = {name: rows[name] for name in ("signer_high", "signer_middle", "signer_low", "nonce")}
            columns |= {"sequence": np.array(sequences, np.int64), "block_us": np.array(times, np.int64)}
            self._append("receipts", columns | {"account": rows["account"]})

    def _append(self, table: str, columns: dict[str, np.ndarray]) -> None:
        passing = {name: np.ascontiguousarray(column) for name, column in columns.items()}
        self.db.register("passing", passing)
        try:
            self.db.execute(f"INSERT INTO {table} SELECT {quote(passing)} FROM passing")
        finally:
            self.db.unregister("passing")

    def close(self) -> None:
        """Close the file."""
        self.db.close()
