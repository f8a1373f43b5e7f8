"""What an operator decides about a node: a TOML file, with every field at its default when left out."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec

from worldmarkets.node.errors import NodeError


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is shed at the door, a second; the engine has limits of its own."""

    key_commands: int = 2_000  # of one key, legs of bundles counted
    account_commands: int = 4_000  # of one account
    previews: int = 50  # of one key: they occupy the live core
    burst_seconds: int = 3  # how long a key may save up
    message_bytes: int = 1 << 18


class StreamLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the connections of the stream may take."""

    connections: int = 12_000
    subscriptions: int = 256  # of one connection
    messages: int = 20_000  # of one connection, a second
    message_bytes: int = (1 << 18) + 256  # of one message: the largest bundle, and what stands around it
    parts: int = 64  # that one message may come in
    unread_bytes: int = 1 << 22  # that may wait for a connection to read them, before it is cut off
    kept_messages: int = 512  # of one channel, for who resumes


GIFT = {"USDM": "100000", "BTC": "1", "ETH": "20", "stETH": "10", "SOL": "200", "MEGA": "50000", "USDC": "20000",
        "USDT": "20000"}  # fmt: skip


class FaucetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the faucet gives.  It is for development: with it on, funds are worth nothing."""

    on: bool = False
    gifts: int = 10  # to one account, for ever
    gifts_a_minute: int = 120  # to everybody
    amounts: dict[str, str] = msgspec.field(default_factory=GIFT.copy)


class OracleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a mark is sent, and what it needs.  A feed is stale after 30 s without one."""

    look_ms: int = 250  # how often the sources are compared
    move_ppm: int = 20  # a median that moved by this is sent
    refresh_seconds: int = 10  # and any other after so long
    max_age_seconds: int = 15  # a price older than this does not count
    agreement_ppm: int = 5_000  # how near the median a source agrees with it
    quorum: int = 0  # how many sources must have a price; 0: more than half of them


class HttpSourceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A price that is read over HTTP.  `path` leads to it in the JSON, `time_path` to its time: "data.0.price"."""

    name: str
    asset: str
    url: str
    path: str
    time_path: str = ""  # seconds, milliseconds, microseconds or nanoseconds since 1970; empty: when it was read
    every_seconds: float = 2.0
    timeout_seconds: float = 2.0


SECRET = "^(whsec_([A-Za-z0-9+/]{4}){8,21}([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)?$"  # 24 to 65 bytes in base64


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An address that is told of margin calls, latches, ends of rungs and close-outs."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://")]
    accounts: list[Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{40}#[0-9]{1,10}$")]] = []  # none: of all
    secret: Annotated[str, msgspec.Meta(pattern=SECRET)] = ""  # signs its messages; empty: they are not signed


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a node."""

    data: str = "data"
    genesis: str = ""  # a TOML file; empty: the packaged one
    host: str = "127.0.0.1"
    http_port: int = 8_000
    stream_port: int = 8_001
    chain_id: int = 6_342
    verifies_apart: bool = True  # with a process of its own for signatures, once many come at once
    snapshot_blocks: int = 100_000
    snapshots_kept: int = 3
    limits: Limits = Limits()
    stream: StreamLimits = StreamLimits()
    development: bool = False  # play a recorded market, with trading agents; keys of development rule
    oracle: OracleSettings = OracleSettings()
    sources: list[HttpSourceSettings] = []
    faucet: FaucetSettings = FaucetSettings()
    webhooks: list[WebhookSettings] = []


def load_config(path: Path | None) -> Config:
    """Return the settings of a file, or the defaults.  Raises NodeError."""
    if path is None:
        return Config()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Config)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise NodeError(f"{path}: {str(error).replace('`$.', '`')}") from error
