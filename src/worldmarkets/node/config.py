"""What an operator decides about a node: a TOML file, with every field at its default when left out."""

from __future__ import annotations

import tomllib
from pathlib import Path

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


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a node."""

    data: str = "data"
    genesis: str = ""  # a TOML file; empty: the packaged one
    host: str = "127.0.0.1"
    http_port: int = 8_000
    stream_port: int = 8_001
    chain_id: int = 6_342
    snapshot_blocks: int = 100_000
    snapshots_kept: int = 3
    limits: Limits = Limits()
    stream: StreamLimits = StreamLimits()


def load_config(path: Path | None) -> Config:
    """Return the settings of a file, or the defaults.  Raises NodeError."""
    if path is None:
        return Config()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Config)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise NodeError(f"{path}: {str(error).replace('`$.', '`')}") from error
