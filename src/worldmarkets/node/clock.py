"""The clock that stamps commands: the machine's, or one that a test moves."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Says what time it is."""

    def now_us(self) -> int:
        """Return microseconds since 1970, UTC."""


class SystemClock:
    """The machine's time."""

    def now_us(self) -> int:
        """Return microseconds since 1970, UTC."""
        return time.time_ns() // 1_000


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self, time_us: int) -> None:
        self.time_us = time_us

    def now_us(self) -> int:
        """Return microseconds since 1970, UTC."""
        return self.time_us

    def advance(self, us: int) -> None:
        """Let time pass."""
        self.time_us += us
