"""Events in the words of people: names for numbers, decimals for quanta, lots and ticks.

One table says what the fields of every event mean; whatever is written to a stream, a receipt or a history is written
from it.  Times become milliseconds, amounts become text, contracts and orders keep their ids.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from worldmarkets.core import codes
from worldmarkets.core.codec import EVENT_NAMES, EVENTS, RECORD_BYTES, result_name
from worldmarkets.core.records import Event, Record
from worldmarkets.exchange.ladder import reason_name, state_name
from worldmarkets.exchange.listing import Market
from worldmarkets.exchange.results import side_name
from worldmarkets.exchange.units import MARK_DECIMALS

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange

# What a field is, by its name; an event may have it otherwise below.  What is not here is a plain number.
_FIELDS = {
    "lots": "size", "maker_left": "size", "change_lots": "size", "max_order_lots": "size", "max_position_lots": "size",
    "max_lots": "size", "max_delta": "size",
    "price_ticks": "price", "trigger_ticks": "price",
    "cost": "cash", "paid": "cash", "owed": "cash", "funding": "cash", "taker_fee": "cash", "maker_fee": "cash",
    "value": "cash", "initial_value": "cash", "notional": "cash", "max_notional": "cash", "max_exposure": "cash",
    "true_up_threshold": "cash", "limit": "cash", "initial": "cash", "missing": "cash", "unwind_value": "cash",
    "initial_before": "cash", "initial_after": "cash", "value_before": "cash", "value_after": "cash",
    "lost_to_price": "cash", "lost_to_slippage": "cash", "fees": "cash", "discount": "cash", "brought": "cash",
    "claim": "cash", "claims": "cash", "holdings": "cash", "lent": "cash", "unpaid": "cash",
    "fund": "cash", "shares": "cash", "leaving": "cash", "fund_shares": "cash",
    "amount": "quanta", "balance": "quanta", "principal": "quanta", "interest": "quanta", "left": "quanta",
    "fee": "quanta", "remainder": "quanta",
    "rate_bp": "rate", "cap_bp": "rate",
    "mark": "mark", "up": "mark", "down": "mark",
    "severity_ppm": "severity", "rung_ppm": "severity", "resilience_ppm": "severity",
    "resilience_before_ppm": "severity", "resilience_after_ppm": "severity",
    "time_us": "time", "due_us": "time", "expiry_us": "time", "next_us": "time", "when_us": "time", "window_us": "time",
    "from_us": "time",
    "maker": "account", "short_account": "account", "lender": "account", "former": "account", "other": "account",
    "to": "account", "rounding_account": "account", "bidder": "account", "creditor": "account",
    "asset": "asset",
}  # fmt: skip
_OTHERWISE: dict[int, dict[str, str]] = {
    codes.MARK_SET: {"price": "mark"},
    codes.INTEREST_SHARED: {"owed": "quanta"},
    codes.ORDER_PLACED: {"side": "side"},
    codes.ORDER_CANCELLED: {"side": "side"},
    codes.QUOTE_REFUSED: {"side": "side"},
    codes.MARKET_SETTLED: {"price": "mark"},
    codes.PROTECTION_TRIPPED: {"delta": "size"},
    codes.BACKSTOP_TAKEN: {"loss": "cash"},
    codes.ACCOUNT_STATE: {"before": "state", "initial_value": "cash"},
    codes.STEP_ENDED: {"left": "number"},  # lots of a market, or quanta of what was repaid
    codes.STAKE_CHANGED: {"amount": "cash"},
    codes.COVER_CHARGED: {"amount": "cash", "interest": "cash"},
    codes.CONTRACT_COUNTED: {"amount": "number"},  # lots of a perp, or quanta of a loan
    codes.LOAN_DELIVERED: {"principal": "number", "interest": "number"},  # of the loan's asset, not of what was given
}
# What the code of an event's head says.
SAYS_CODE: dict[int, Callable[[int], str]] = {
    codes.ACCOUNT_STATE: state_name,
    codes.LATCHED: state_name,
    codes.RUNG_ENDED: state_name,
    codes.RUNG_COST: state_name,
    codes.MARGIN_CURE: side_name,
    codes.CLOSE_OUT_BEGUN: reason_name,
    codes.CLOSE_OUT_COUNTED: reason_name,
    codes.CLOSE_OUT_DONE: reason_name,
    codes.TRADED: side_name,
    codes.REJECTED: result_name,
    codes.REPEATED: result_name,
    codes.ORDER_CANCELLED: lambda code: result_name(code).removeprefix("REASON_"),
    codes.QUOTE_REFUSED: result_name,
    codes.WORK_DEFERRED: result_name,
}
_FORMATS = {"i64": "q", "u64": "Q", "i32": "i", "u32": "I", "u16": "H", "u8": "B"}
_HEAD = ("sequence", "kind", "code", "market", "account")


def get_meaning(kind: int, field: str) -> str | None:
    """Return what a field of a kind of event means, as one of the words of the table.  None: it is a plain number."""
    meaning = _OTHERWISE.get(kind, {}).get(field) or _FIELDS.get(field)
    return None if meaning == "number" else meaning


def name_field(kind: int, field: str) -> str:
    """Return what a field of a kind of event is called in words: without the unit that it no longer has."""
    word = field if get_meaning(kind, field) is None else re.sub("_(ticks|lots|bp|us|ppm)$", "", field)
    return "size" if word == "lots" else word


def say_code(kind: int, code: int) -> str | int:
    """Return what the code of an event's head says."""
    return SAYS_CODE[kind](code) if kind in SAYS_CODE else code


def format_units(units: int, decimals: int) -> str:
    """Return `units / 10**decimals` as text, exactly and without zeros at its end."""
    if decimals == 0:
        return str(units)
    whole, part = divmod(abs(units), 10**decimals)
    text = f"{whole}.{part:0{decimals}}".rstrip("0") if part else str(whole)
    return f"-{text}" if units < 0 else text


def format_price(market: Market, ticks: int) -> str:
    """Return a price of a market in ticks as text: in a loan book a rate such as "5.5%"."""
    if market.kind == "loan":
        return f"{format_units(ticks, 2)}%"
    places = -int(min(market.tick.as_tuple().exponent, 0))
    return format_units(ticks * int(market.tick.scaleb(places)), places)


def skip_timed(events: memoryview) -> memoryview:
    """Return a command's own events: those of timed work that it did first come before, and are somebody else's."""
    for start in range(len(events) - RECORD_BYTES, -1, -RECORD_BYTES):
        if events[start + 8] == codes.WORK_DONE:
            return events[start + RECORD_BYTES :]
    return events


class Writer:
    """Writes the events of one exchange.

    What a number is in words is kept: the same prices, sizes and accounts come again and again.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._plans: dict[int, _Plan] = {}
        self._name_account = lru_cache(1 << 16)(self._name_account_of)
        self._says: dict[str, Callable[[int, int, int], Any]] = {
            "size": lru_cache(1 << 16)(self._say_size),
            "price": lru_cache(1 << 16)(self._say_price),
            "cash": lru_cache(1 << 16)(self._say_cash),
            "quanta": lru_cache(1 << 16)(self._say_quanta),
            "rate": lambda value, market, asset: f"{format_units(value, 2)}%",
            "mark": lambda value, market, asset: format_units(value, MARK_DECIMALS),
            "time": lambda value, market, asset: value // 1_000,
            "account": lambda value, market, asset: self._name_account(value) if value else None,
            "asset": lambda value, market, asset: self._name_asset(value),
            "side": lambda value, market, asset: side_name(value),
            "state": lambda value, market, asset: state_name(value),
            "severity": lambda value, market, asset: None if value < 0 else format_units(value, 6),
        }

    def write_all(self, events: bytes | memoryview) -> list[dict[str, Any]]:
        """Return encoded events in words."""
        return [self.write_row(events[start : start + RECORD_BYTES]) for start in range(0, len(events), RECORD_BYTES)]

    def write(self, event: Record) -> dict[str, Any]:
        """Return an event in words."""
        return self.write_row(bytes(event))

    def write_row(self, row: bytes | memoryview) -> dict[str, Any]:
        """Return an encoded event in words: its name, what it is about, and its fields."""
        kind = row[8]
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = self._make_plan(kind)
        values = plan.unpack(row)
        sequence, _, code, market, account = values[:5]
        said: dict[str, Any] = {"event": plan.name, "sequence": sequence}
        if account:
            said["account"] = self._name_account(account)
        if market:
            said["market"] = self._exchange.listing.markets[market - 1].symbol
        if plan.say_code is not None:
            said["code"] = plan.say_code(code)
        elif code:
            said["code"] = code
        asset = values[plan.asset] if plan.asset else 0
        for name, place, say in plan.fields:
            said[name] = values[place] if say is None else say(values[place], market, asset)
        return said

    def _make_plan(self, kind: int) -> _Plan:
        record = EVENTS.get(kind, Event)
        fields = record.fields()
        names = [name for name, _ in fields]
        assert tuple(names[: len(_HEAD)]) == _HEAD
        said = []
        for place, name in enumerate(names):
            if name in _HEAD or name.startswith("spare") or record is Event:
                continue
            meaning = get_meaning(kind, name)
            said.append((name_field(kind, name), place, None if meaning is None else self._says[meaning]))
        layout = struct.Struct("<" + "".join(_FORMATS[form] for _, form in fields))
        asset = names.index("asset") if "asset" in names else 0
        return _Plan(EVENT_NAMES.get(kind, str(kind)), layout.unpack, SAYS_CODE.get(kind), asset, tuple(said))

    def _name_account_of(self, number: int) -> str:
        account = self._exchange.get_account(number)
        return f"{account.address}#{account.index}"

    def _name_asset(self, number: int) -> str | None:
        assets = self._exchange.listing.assets
        return assets[number - 1].symbol if 0 < number <= len(assets) else None

    def _say_size(self, value: int, market: int, asset: int) -> str | int:
        if not market:
            return value
        listed = self._exchange.listing.markets[market - 1]
        return format_units(value * listed.lot_quanta, listed.asset.decimals)

    def _say_price(self, value: int, market: int, asset: int) -> str | int:
        return format_price(self._exchange.listing.markets[market - 1], value) if market else value

    def _say_cash(self, value: int, market: int, asset: int) -> str:
        return format_units(value, self._exchange.listing.numeraire.decimals)

    def _say_quanta(self, value: int, market: int, asset: int) -> str | int:
        """In the units of the event's asset, or of the asset of its market's book."""
        listing = self._exchange.listing
        if asset:
            return format_units(value, listing.assets[asset - 1].decimals)
        return format_units(value, listing.markets[market - 1].asset.decimals) if market else value


class _Plan(NamedTuple):
    """How a kind of event is said: where in the record its asset stands (0: nowhere), and what each field becomes."""

    name: str
    unpack: Callable[[Any], tuple[int, ...]]
    say_code: Callable[[int], str] | None
    asset: int
    fields: tuple[tuple[str, int, Callable[[int, int, int], Any] | None], ...]
