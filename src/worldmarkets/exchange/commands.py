"""Command records: made with their numbers checked, and put together as bundles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from worldmarkets.core import codes
from worldmarkets.core.records import Command, Record, SetMark
from worldmarkets.exchange.errors import UnitError
from worldmarkets.exchange.units import Amount

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange


def make(record: type[Record], /, **fields: int) -> Record:
    """Return a command.  Raises UnitError for a number that its field does not hold."""
    try:
        return record(**fields)
    except OverflowError as error:
        name, _, value = str(error).rpartition(".")[2].partition(" = ")
        raise UnitError(f"{name} {value} is out of range") from None


def make_bundle(account: int, commands: Sequence[Record], time_us: int) -> list[Record]:
    """Return an account's commands under the head of a bundle, all stamped.  Raises UnitError beyond 255 of them."""
    for command in commands:
        command.time_us = time_us
    head = make(Command, kind=codes.BUNDLE, account=account, time_us=time_us, count=len(commands))
    return [head, *commands]


def make_mark(exchange: Exchange, asset: str, price: Amount, sources: int = 3, agreeing: int = 3) -> Record:
    """Return the command that sets a mark now, as the median of `sources` of which `agreeing` lie together."""
    listed = exchange.listing.asset(asset)
    return make(
        SetMark, kind=codes.SET_MARK, asset=listed.number, price=listed.to_mark(price), time_us=exchange.time_us,
        source_time_us=exchange.time_us, sources=sources, agreeing=agreeing,
    )  # fmt: skip
