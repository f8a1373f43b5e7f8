"""Sends what channels said to one connection after another, a part of them each round of the loop.

A crowd that listens does not hold up those who trade: between two parts the loop takes and answers orders.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

PART = 128


class Waiting(Protocol):
    """Somebody who has something to send."""

    def flush(self) -> None:
        """Send it."""


class Pump:
    """The connections whose turn will come."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()

    def add(self, waiting: Waiting) -> None:
        """Let somebody wait for its turn."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        self._waiting.append(waiting)

    def _run(self) -> None:
        for _ in range(min(PART, len(self._waiting))):
            self._waiting.popleft().flush()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
