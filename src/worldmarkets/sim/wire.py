"""Command records written and event records read in bulk, by the layouts that the core declares.

The core's own records are `ctypes` structures: clear, and too slow to build half a million of. Here a command is one
call of `struct`, its format taken from the record's fields.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeAlias

from worldmarkets.core import codes, records

_FORMATS = {"i64": "q", "u64": "Q", "i32": "i", "u32": "I", "u16": "H", "u8": "B"}

RECORD_BYTES = 64
NUMERAIRE: int = codes.NUMERAIRE

RawEvent: TypeAlias = tuple[int, int, int, int, int, int, int, int, int, int, int]
"""Sequence, kind, code, market, account, and the six 64-bit words of the body."""


def _get_layout(record: type[records.Record]) -> struct.Struct:
    layout = struct.Struct("<" + "".join(_FORMATS[kind] for _, kind in record.fields()))
    assert layout.size == RECORD_BYTES, record
    return layout


_place = _get_layout(records.PlaceOrder).pack
_change = _get_layout(records.OrderChange).pack
_contract = _get_layout(records.ContractChange).pack
_funds = _get_layout(records.Funds).pack
_open = _get_layout(records.OpenAccount).pack
_mark = _get_layout(records.SetMark).pack
_plain = _get_layout(records.Command).pack
_iterate = _get_layout(records.Event).iter_unpack


def place_order(
    time_us: int,
    account: int,
    market: int,
    side: int,
    price_ticks: int,
    lots: int,
    time_in_force: int = 0,
    flags: int = 0,
) -> bytes:
    """An order; no borrowing, no client id, no expiry."""
    return _place(
        0, time_us, codes.PLACE_ORDER, 0, flags, account, market, side, time_in_force, 0, 0, 0, price_ticks, 0, lots,
        0, 0,
    )  # fmt: skip


def cancel_order(time_us: int, account: int, order_id: int) -> bytes:
    """The end of a resting order."""
    return _change(0, time_us, codes.CANCEL_ORDER, 0, 0, account, order_id, 0, 0, 0, 0, 0, 0, 0, 0)


def amend_order(time_us: int, account: int, order_id: int, price_ticks: int, lots: int) -> bytes:
    """A resting order's new size; at the same price and smaller it keeps its place in the queue."""
    return _change(0, time_us, codes.AMEND_ORDER, 0, 0, account, order_id, 0, lots, price_ticks, 0, 0, 0, 0, 0)


def repay_loan(time_us: int, account: int, contract_id: int, amount: int) -> bytes:
    """Repayment of a part of a loan's principal, in quanta; 0 repays it whole."""
    return _contract(0, time_us, codes.REPAY_LOAN, 0, 0, account, contract_id, amount, 0, 0, 0, 0)


def extend_loan(time_us: int, account: int, contract_id: int, rate_bp: int) -> bytes:
    """A loan's extension by a full tenor, at no more than `rate_bp`."""
    return _contract(0, time_us, codes.EXTEND_LOAN, 0, 0, account, contract_id, 0, rate_bp, 0, 0, 0)


def deposit(time_us: int, account: int, asset: int, amount: int) -> bytes:
    """A deposit, in quanta."""
    return _funds(0, time_us, codes.DEPOSIT, 0, 0, account, amount, asset, 0, 0, 0, 0)


def open_account(time_us: int, owner: int) -> bytes:
    """The first account of an owner, whose address is the number `owner`."""
    return _open(0, time_us, codes.OPEN_ACCOUNT, 0, 0, 0, 0, 0, owner, 0, 0, 0)


def set_mark(time_us: int, asset: int, price: int, sources: int, agreeing: int) -> bytes:
    """A mark as of now, numeraire a token scaled by 1e8."""
    return _mark(0, time_us, codes.SET_MARK, 0, 0, 0, price, time_us, asset, sources, agreeing, 0, 0)


def advance_time(time_us: int) -> bytes:
    """The clock alone."""
    return _plain(0, time_us, codes.ADVANCE_TIME, 0, 0, 0, 0, 0, 0, 0, 0)


def iterate_events(events: bytes) -> Iterator[RawEvent]:
    """The events of a batch, in order."""
    return _iterate(events)


def read_event(kind: type[records.Record], events: bytes, number: int) -> records.Record:
    """The event at place `number` of a batch as the record of its kind."""
    return kind.from_buffer_copy(events, RECORD_BYTES * number)
