"""What can go wrong around the core: the world failed, or a command did not come as far as the sequencer."""

from __future__ import annotations


class NodeError(Exception):
    """The node cannot go on, or cannot start; the message says what to do."""


class JournalError(NodeError):
    """A journal that cannot be read, or written to; nothing in it was changed."""


class RecoveryError(NodeError):
    """A state that does not come out as it was journalled; no order is taken."""


class Refused(Exception):
    """A command that was turned away at the door: it has no number, and no state knows of it.

    `code` is one of DOOR_CODES; the numbers are those of the limit.
    """

    def __init__(self, code: str, message: str, needed: int = 0, had: int = 0) -> None:
        assert code in DOOR_CODES, code
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.needed = needed
        self.had = had


# What the door says, and the HTTP status that goes with it.
DOOR_CODES = {
    "MALFORMED": 400,  # not the JSON of a signed bundle; the message names the field
    "UNIT": 400,  # a number that is not exact in the units of its asset or market
    "UNKNOWN_NAME": 404,  # no such asset, market, account or choice
    "BAD_SIGNATURE": 401,  # no key signed this
    "UNKNOWN_KEY": 403,  # a key that is neither the owner's nor anybody's delegate here
    "EXPIRED": 408,
    "RATE_LIMIT": 429,  # too many commands of one key or account in this second
    "OVERLOADED": 503,  # the queue is full
    "NOT_READY": 503,  # starting, stopping, or the state did not come out as journalled
    "TOO_LARGE": 413,  # a message beyond the size that is read
    "FAUCET_OFF": 404,  # this venue gives no test funds
    "FAUCET_EMPTY": 429,  # this account has had all the test funds that there are for one
    "DEPOSIT": 409,  # the exchange does not take a deposit; the message says why
}
