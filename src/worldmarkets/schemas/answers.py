"""What a venue answers: receipts of commands, and refusals."""

from __future__ import annotations

from typing import Any

import msgspec


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a bundle came to, once it is durable.

    `code` is OK, or the rule that it broke, in which case it changed nothing; then `needed`, `had` and `subject` are
    the rule's numbers, `leg` the place of the leg that broke it (0: the whole), and `message` says it in words.
    `time` is in microseconds since 1970, `events` is what happened.
    """

    sequence: int
    time: int
    code: str
    accepted: bool = True
    message: str = ""
    needed: int = 0
    had: int = 0
    subject: int = 0
    leg: int = 0
    events: list[dict[str, Any]] = []


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was turned away before it got a number: nothing knows of it."""

    code: str
    message: str
    needed: int = 0
    had: int = 0
