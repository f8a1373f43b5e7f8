"""Command records written and event records read in bulk, by the layouts that the core declares.

The core's own records are `ctypes` structures: clear, and too slow to build half a million of. Here a command is one
call of `struct`, its format taken from the record's fields.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import count
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
_quote = _get_layout(records.Quote).pack
_mass_quote = _get_layout(records.MassQuote).pack
_protect = _get_layout(records.Protect).pack
_policy = _get_layout(records.SetPolicy).pack
_switch = _get_layout(records.Switch).pack
_timeout = _get_layout(records.Timeout).pack
_pair = _get_layout(records.OrderPair).pack
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
    borrow_rate_bp: int = 0,
    trigger_ticks: int = 0,
    client_id: int = 0,
) -> bytes:
    """An order without expiry.  With a trigger it waits for the mark; a MARKET one's price is its slippage in ppm."""
    return _place(
        0, time_us, codes.PLACE_ORDER, 0, flags, account, market, side, time_in_force, 0, 0, borrow_rate_bp,
        price_ticks, trigger_ticks, lots, client_id, 0,
    )  # fmt: skip


def mass_quote(time_us: int, account: int, market: int, quotes: Sequence[tuple[int, int, int]]) -> bytes:
    """Post-only quotes in a market, as (side, price in ticks, lots); those of a side are at levels 0, 1 and so on.

    No lots withdraw a quote.
    """
    head = _mass_quote(0, time_us, codes.MASS_QUOTE, len(quotes), 0, account, market, 0, 0, 0, 0, 0)
    levels = {codes.BUY: count(), codes.SELL: count()}
    return head + b"".join(
        _quote(0, time_us, codes.QUOTE, 0, codes.POST_ONLY, account, market, side, 0, 0, 0, 0, price, 0, lots,
               next(levels[side]), 0, 0)
        for side, price, lots in quotes
    )  # fmt: skip


def protect(time_us: int, account: int, market: int, lots: int, interval_ms: int, cooloff_ms: int) -> bytes:
    """Market-maker protection: so many lots filled within an interval pull the quotes, for the cool-off."""
    return _protect(0, time_us, codes.SET_PROTECTION, 0, 0, account, lots, 0, 0, interval_ms, cooloff_ms, market, 0)


def set_policy(time_us: int, account: int, max_exposure: int, threshold: int, severity_ppm: int) -> bytes:
    """Terms for counterparties: most exposure to one, profit to be paid out beyond, severity to survive; 0: none."""
    return _policy(
        0, time_us, codes.SET_POLICY, 0, 0, account, max_exposure, threshold, severity_ppm, 0, 0
    )  # fmt: skip


def configure_account(time_us: int, account: int, setting: int, value: int) -> bytes:
    """A setting of an account."""
    return _switch(0, time_us, codes.CONFIGURE_ACCOUNT, 0, 0, account, 0, 0, value, setting, 0, 0, 0)


def set_dead_man(time_us: int, account: int, timeout_us: int) -> bytes:
    """The dead man's switch, armed or renewed; 0 disarms it."""
    return _timeout(0, time_us, codes.SET_DEAD_MAN, 0, 0, account, timeout_us, 0, 0, 0, 0)


def pair_orders(time_us: int, account: int, client_id: int, other_client_id: int) -> bytes:
    """Two orders made partners, by their client ids: what one fills the other loses."""
    return _pair(0, time_us, codes.PAIR_ORDERS, 0, 0, account, 0, client_id, 0, other_client_id, 0)


def bundle(time_us: int, account: int, commands: Sequence[bytes]) -> bytes:
    """Commands of an account that happen together or not at all."""
    return _plain(0, time_us, codes.BUNDLE, len(commands), 0, account, 0, 0, 0, 0, 0) + b"".join(commands)


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


def exit_loan(time_us: int, account: int, contract_id: int, rate_bp: int) -> bytes:
    """A lender's exit from a whole loan: others who lend at `rate_bp` or less take its place."""
    return _contract(0, time_us, codes.EXIT_LOAN, 0, 0, account, contract_id, 0, rate_bp, 0, 0, 0)


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
