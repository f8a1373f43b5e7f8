"""What is said over the stream: requests of a client, answers to them, and messages of channels; JSON in text frames.

Every request has an `id` of the client's choosing that comes back with its answer; answers to orders come when they are
durable, which may be out of order.  Messages of channels have no `id`.
"""

from __future__ import annotations

import enum
from typing import Union, get_args

import msgspec

from worldmarkets.schemas import reads
from worldmarkets.schemas.answers import Receipt, Refusal

NOTHING = msgspec.Raw(b"null")
NEVER = -1  # the last sequence seen by who has seen none


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op", tag=str.lower):
    """Something a client asks for; `op` names what."""

    id: int = 0


class Submit(Request, frozen=True):
    """Execute a signed bundle; answered with its receipt once it is durable."""

    bundle: msgspec.Raw


class Preview(Request, frozen=True):
    """Run a signed bundle and take it back."""

    bundle: msgspec.Raw


class Subscribe(Request, frozen=True):
    """Receive channels from now on; `after` names the last sequence seen of those that were received before."""

    channels: list[str]
    after: dict[str, int] = {}


class Unsubscribe(Request, frozen=True):
    """Receive channels no longer."""

    channels: list[str]


class CancelOnDisconnect(Request, frozen=True, tag="cancel_on_disconnect"):
    """Leave a signed bundle of CancelAll legs with the venue, to be executed when this connection ends.

    One is kept of each account; without a bundle those left before are forgotten.
    """

    bundle: msgspec.Raw = NOTHING


class Ping(Request, frozen=True):
    """Ask for the venue's time."""


class Venue(Request, frozen=True):
    """Ask what a signature is for: the chain and the genesis of the venue."""


AnyRequest = Union[Submit, Preview, Subscribe, Unsubscribe, CancelOnDisconnect, Ping, Venue]  # noqa: UP007
REQUESTS: tuple[type[Request], ...] = get_args(AnyRequest)


class Answer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The answer to a request: one of its fields.

    `subscribed` and `unsubscribed` name channels; `armed_until` is when what was left expires, in milliseconds since
    1970; `time` is the venue's, in microseconds.
    """

    id: int
    receipt: Receipt | None = None
    refusal: Refusal | None = None
    preview: reads.Preview | None = None
    subscribed: list[str] | None = None
    unsubscribed: list[str] | None = None
    armed_until: int | None = None
    time: int | None = None
    chain_id: int | None = None
    genesis: str | None = None


# What the stream says beyond the codes of the door.
STREAM_CODES = {
    "UNKNOWN_CHANNEL": "there is no such channel",
    "SUBSCRIPTIONS": "the connection has as many subscriptions as it may have",
    "NOT_A_CANCEL": "a bundle that is left for the end of a connection may only cancel all orders",
}


class Close(enum.IntEnum):
    """The codes that a connection is closed with.  Source: RFC 6455, 7.4; from 4000 on they are the venue's."""

    GOING_AWAY = 1_001
    PROTOCOL = 1_002
    UNSUPPORTED = 1_003
    TOO_BIG = 1_009
    INTERNAL = 1_011
    SLOW = 4_008  # what was sent was not read
    FLOOD = 4_029  # it went on sending too much
