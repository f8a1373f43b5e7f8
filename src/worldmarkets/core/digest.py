"""The digest of a state: one hash over the bytes of every table, as far as each was ever used."""

from __future__ import annotations

import hashlib

from worldmarkets.core.records import TABLES
from worldmarkets.core.state import State

DIGEST_BYTES = 32


def compute_digest(state: State) -> str:
    """Return the BLAKE2b-256 of a state in hexadecimal.

    Hashed are, for each table in the order of `TABLES`: its name, its row size, how many rows were used, their bytes.
    """
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for (name, _), table in zip(TABLES, state.all, strict=True):
        used = get_rows(table)
        digest.update(f"{name}:{table.row_bytes}:{used};".encode())
        digest.update(table.view(0, used))
    return digest.hexdigest()


def get_rows(table: object) -> int:
    """Return how many rows of a table its bytes are taken of: row 0 and every row up to the highest used."""
    return table.last_row() + 1  # type: ignore[attr-defined]
