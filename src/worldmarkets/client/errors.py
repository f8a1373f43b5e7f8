"""What can come of a request other than what was asked for."""

from __future__ import annotations

from worldmarkets.schemas.answers import Receipt, Refusal


class ClientError(Exception):
    """Anything that went wrong between a program and a venue."""


class Disconnected(ClientError):
    """The venue could not be reached, or the connection broke; what was under way may or may not have happened."""


class Closed(ClientError):
    """The client was closed."""


class RefusedError(ClientError):
    """The venue turned a request away before it did anything: `code`, `message` and the numbers of the limit."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.code = refusal.code
        self.message = refusal.message
        self.needed = refusal.needed
        self.had = refusal.had


class RejectedError(ClientError):
    """A bundle broke a rule and changed nothing: `code` is the rule, with its numbers; `receipt` has the rest."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__(receipt.message or receipt.code)
        self.receipt = receipt
        self.code = receipt.code
        self.needed = receipt.needed
        self.had = receipt.had
        self.leg = receipt.leg


class OutcomeUnknown(ClientError):
    """A bundle was sent, and the venue could not be asked what became of it before it expired.

    `message` are the signed bytes: `client.resolve(message)` asks again, and sends nothing.
    """

    def __init__(self, message: bytes) -> None:
        super().__init__("a bundle was sent, and the venue cannot be reached to ask what became of it")
        self.message = message
