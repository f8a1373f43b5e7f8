"""Addresses: twenty bytes, as people write them and in the three words of a record."""

from __future__ import annotations

import hashlib
import re

ADDRESS_BYTES = 20
_ADDRESS = re.compile(rf"0x[0-9a-fA-F]{{{2 * ADDRESS_BYTES}}}")


def is_address(name: str) -> bool:
    """Say whether a name is an address itself: "0x" and 40 hexadecimal digits."""
    return _ADDRESS.fullmatch(name) is not None


def get_address(name: str) -> bytes:
    """Return the address that a name stands for: an address itself, or the start of the hash of any other word."""
    return bytes.fromhex(name[2:]) if is_address(name) else hashlib.sha256(name.encode()).digest()[:ADDRESS_BYTES]


def split_address(address: bytes) -> tuple[int, int, int]:
    """Return an address as the words of a record: high and middle of 64 bits, low of 32."""
    return (
        int.from_bytes(address[:8], "big"), int.from_bytes(address[8:16], "big"), int.from_bytes(address[16:], "big")
    )  # fmt: skip


def join_address(high: int, middle: int, low: int) -> bytes:
    """Return the address that the words of a record are."""
    return (high << 96 | middle << 32 | low).to_bytes(ADDRESS_BYTES, "big")
