"""Text frames as a server sends them."""

from __future__ import annotations


def make_frame(payload: bytes) -> bytes:
    """Return a text frame.  Source: RFC 6455, 5.2."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 1 << 16:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)
