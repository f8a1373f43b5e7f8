"""A channel: what is said of one thing, numbered, encoded once for all who listen, and kept for who resumes.

A message carries the `sequence` of the last command that it counts in and, unless it is a snapshot, the `previous` one:
the sequence of the message before it in the same channel.  Who has another one has missed something.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

import msgspec

from worldmarkets.api.stream.frames import make_frame

_encode = msgspec.json.Encoder().encode


class Listener(Protocol):
    """Somebody who is sent frames."""

    def send(self, frame: bytes) -> None:
        """Send a frame."""


class Channel:
    """One channel.  `source` is one of `sources.py`; `last` is the sequence of its last message."""

    def __init__(self, name: str, source: Any, sequence: int, kept: int) -> None:
        self.name = name
        self.source = source
        self.last = sequence
        self.listeners: dict[Listener, None] = {}
        self.idle_since_us = 0  # when the last listener left
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=kept)  # the sequence before, and the frame

    def publish(self, sequence: int, time_ms: int, body: dict[str, Any]) -> None:
        """Say something new to all."""
        frame = make_frame(_encode({
            "channel": self.name, "sequence": sequence, "previous": self.last, "time": time_ms, **body,
        }))  # fmt: skip
        self._kept.append((self.last, frame))
        self.last = sequence
        for listener in self.listeners:
            listener.send(frame)

    def add(self, listener: Listener, after: int, time_ms: int) -> None:
        """Let somebody listen: from the message after one, if it is still kept, else from a snapshot."""
        self.listeners[listener] = None
        missed = self._find_missed(after)
        if missed is None:
            listener.send(make_frame(_encode({
                "channel": self.name, "sequence": self.last, "time": time_ms, "snapshot": self.source.snapshot(),
            })))  # fmt: skip
            return
        for frame in missed:
            listener.send(frame)

    def _find_missed(self, after: int) -> list[bytes] | None:
        """Return the messages after one; None when they are not all there."""
        if after == self.last:
            return []
        for place, (previous, _) in enumerate(self._kept):
            if previous == after:
                return [frame for _, frame in list(self._kept)[place:]]
        return None
