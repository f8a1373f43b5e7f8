"""Nonces: the time in milliseconds, and always more than the one before."""

from __future__ import annotations

import threading
import time


class Nonces:
    """The nonces of one key.  Safe to use from several threads."""

    def __init__(self) -> None:
        self._last = 0
        self._reserved: set[int] = set()
        self._lock = threading.Lock()

    def take(self) -> int:
        """Return a nonce that is above every one taken before."""
        with self._lock:
            nonce = max(self._last + 1, time.time_ns() // 1_000_000)
            while nonce in self._reserved:
                nonce += 1
            self._reserved = {one for one in self._reserved if one > nonce}
            self._last = nonce
            return nonce

    def reserve(self, ahead_ms: int) -> int:
        """Return a nonce ahead of those that will be taken within a time, and never take it."""
        with self._lock:
            nonce = max(self._last, time.time_ns() // 1_000_000) + ahead_ms
            while nonce in self._reserved:
                nonce += 1
            self._reserved.add(nonce)
            return nonce
