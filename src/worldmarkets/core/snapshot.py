"""Snapshots: the bytes of every table up to its high-water mark, under a header and over a hash of all of it.

Layout: 8 bytes of magic, the length of a JSON header as 8 bytes little-endian, the header (format version, the layout
of each table, the capacities), the tables' bytes in order, 32 bytes of BLAKE2b over everything before.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from worldmarkets.core.digest import DIGEST_BYTES, get_rows
from worldmarkets.core.engine import Engine
from worldmarkets.core.records import TABLES

MAGIC = b"WMSTATE\x00"
VERSION = 1


class SnapshotError(ValueError):
    """A snapshot that cannot be restored: torn, of another format, or not a snapshot."""


def write_snapshot(engine: Engine) -> bytes:
    """Return an engine's whole state as bytes."""
    tables = [
        {"name": name, "row_bytes": table.row_bytes, "rows": get_rows(table), "capacity": table.capacity,
         "fields": record.fields()}
        for (name, record), table in zip(TABLES, engine.state.all, strict=True)
    ]  # fmt: skip
    header = json.dumps({"version": VERSION, "tables": tables}, separators=(",", ":")).encode()
    parts = [MAGIC, len(header).to_bytes(8, "little"), header]
    parts += [table.view(0, get_rows(table)) for table in engine.state.all]
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(part)
    return b"".join([*parts, digest.digest()])


def read_header(data: bytes) -> dict[str, Any]:
    """Return the header of a snapshot, checked against its hash.  Raises SnapshotError."""
    if len(data) < 16 + DIGEST_BYTES or data[:8] != MAGIC:
        raise SnapshotError("not a snapshot of worldmarkets")
    body = memoryview(data)[:-DIGEST_BYTES]
    if hashlib.blake2b(body, digest_size=DIGEST_BYTES).digest() != data[-DIGEST_BYTES:]:
        raise SnapshotError("the snapshot is torn or was changed: its hash does not match")
    size = int.from_bytes(data[8:16], "little")
    header: dict[str, Any] = json.loads(data[16 : 16 + size])
    if header["version"] != VERSION:
        raise SnapshotError(f"the snapshot has format {header['version']}; this version reads {VERSION}")
    header["start"] = 16 + size
    return header


def read_snapshot(data: bytes, inbox: int = 1 << 16, outbox: int = 1 << 20, huge_pages: bool = False) -> Engine:
    """Return an engine with the state of a snapshot.  Raises SnapshotError; nothing is half restored."""
    header = read_header(data)
    layout = [[name, [list(field) for field in record.fields()]] for name, record in TABLES]
    if [[table["name"], table["fields"]] for table in header["tables"]] != layout:
        raise SnapshotError("the snapshot's tables are laid out otherwise than this version's")
    if header["start"] + sum(t["row_bytes"] * t["rows"] for t in header["tables"]) + DIGEST_BYTES != len(data):
        raise SnapshotError("the snapshot's length does not match its header")
    capacity = {table["name"]: table["capacity"] for table in header["tables"]}
    engine = Engine(capacity, inbox, outbox, huge_pages)
    start = header["start"]
    for table, entry in zip(engine.state.all, header["tables"], strict=True):
        size = entry["row_bytes"] * entry["rows"]
        table.view(0, entry["rows"])[:] = memoryview(data)[start : start + size]
        start += size
    return engine
