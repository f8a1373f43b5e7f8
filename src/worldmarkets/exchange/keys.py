"""Keys: the envelopes that commands come in when they are signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from worldmarkets.core import codes
from worldmarkets.core.records import Record, Signed
from worldmarkets.core.units import HOUR
from worldmarkets.exchange.addresses import split_address
from worldmarkets.exchange.commands import make
from worldmarkets.exchange.units import to_time

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange


def make_envelope(
    exchange: Exchange, signer: bytes, commands: Sequence[Record], nonce: int | None, expiry: datetime | None
) -> list[Record]:
    """Return a command with its legs in an envelope, stamped with the exchange's time."""
    high, middle, low = split_address(signer)
    head: Any = commands[0]
    envelope = make(
        Signed, kind=codes.SIGNED, account=head.account, count=len(commands), time_us=exchange.time_us,
        signer_high=high, signer_middle=middle, signer_low=low,
        nonce=get_next_nonce(exchange, signer) if nonce is None else nonce,
        expiry_us=exchange.time_us + HOUR if expiry is None else to_time(expiry),
    )  # fmt: skip
    return [envelope, *commands]


def get_next_nonce(exchange: Exchange, signer: bytes) -> int:
    """Return the nonce one above the highest that a signer used."""
    row = exchange.engine.get_signer(*split_address(signer))
    return exchange.read_row("nonces", exchange.read_row("signers", row).last).nonce + 1 if row else 1
