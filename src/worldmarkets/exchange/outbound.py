"""Events in the words of people: names for numbers, decimals for quanta, lots and ticks.

One table says what the fields of every event mean; whatever is written to a stream, a receipt or a history is written
from it.  Times become milliseconds, amounts become text, contracts and orders keep their ids.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from worldmarkets.core import codes
from worldmarkets.core.codec import EVENT_NAMES, EVENTS, decode_events, result_name
from worldmarkets.core.records import Event
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
    "true_up_threshold": "cash", "limit": "cash",
    "amount": "quanta", "balance": "quanta", "principal": "quanta", "interest": "quanta", "left": "quanta",
    "fee": "quanta",
    "rate_bp": "rate", "cap_bp": "rate",
    "mark": "mark",
    "time_us": "time", "due_us": "time", "expiry_us": "time", "next_us": "time", "when_us": "time", "window_us": "time",
    "maker": "account", "short_account": "account", "lender": "account", "former": "account", "other": "account",
    "to": "account", "rounding_account": "account",
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
}
# What the code of an event's head says.
_CODES: dict[int, Callable[[int], str]] = {
    codes.TRADED: side_name,
    codes.REJECTED: result_name,
    codes.REPEATED: result_name,
    codes.ORDER_CANCELLED: lambda code: result_name(code).removeprefix("REASON_"),
    codes.QUOTE_REFUSED: result_name,
    codes.WORK_DEFERRED: result_name,
}
_UNITS = ("_ticks", "_lots", "_bp", "_us")


def format_units(units: int, decimals: int) -> str:
    """Return `units / 10**decimals` as text, exactly and without zeros at its end."""
    if decimals == 0:
        return str(units)
    whole, part = divmod(abs(units), 10**decimals)
    text = f"{whole}.{part:0{decimals}}".rstrip("0").rstrip(".") if part else str(whole)
    return f"-{text}" if units < 0 else text


class Writer:
    """Writes the events of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._name_account = lru_cache(1 << 16)(self._name_account_of)
        self._plans: dict[int, list[tuple[str, str, str]]] = {}

    def write_all(self, events: bytes | memoryview) -> list[dict[str, Any]]:
        """Return encoded events in words."""
        return [self.write(event) for event in decode_events(events)]

    def write(self, event: Any) -> dict[str, Any]:
        """Return an event in words: its name, what it is about, and its fields."""
        kind = event.kind
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = _plan(kind)
        said: dict[str, Any] = {"event": EVENT_NAMES[kind], "sequence": event.sequence}
        if event.account:
            said["account"] = self._name_account(event.account)
        market = self._exchange.listing.markets[event.market - 1] if event.market else None
        if market is not None:
            said["market"] = market.symbol
        if kind in _CODES:
            said["code"] = _CODES[kind](event.code)
        elif event.code:
            said["code"] = event.code
        for field, name, meaning in plan:
            said[name] = self._say(meaning, getattr(event, field), event, market)
        return said

    def _say(self, meaning: str, value: int, event: Any, market: Any) -> Any:
        listing = self._exchange.listing
        if meaning == "number":
            return value
        if meaning == "size" and market is not None:
            return format_units(value * market.lot_quanta, market.asset.decimals)
        if meaning == "price" and market is not None:
            return format_price(market, value)
        if meaning == "cash":
            return format_units(value, listing.numeraire.decimals)
        if meaning == "quanta":
            asset = getattr(event, "asset", 0)
            return format_units(value, listing.assets[asset - 1].decimals) if asset else value
        if meaning == "rate":
            return f"{format_units(value, 2)}%"
        if meaning == "mark":
            return format_units(value, MARK_DECIMALS)
        if meaning == "time":
            return value // 1_000
        if meaning == "account":
            return self._name_account(value) if value else None
        if meaning == "asset":
            return listing.assets[value - 1].symbol if 0 < value <= len(listing.assets) else None
        if meaning == "side":
            return side_name(value)
        return value

    def _name_account_of(self, number: int) -> str:
        account = self._exchange.get_account(number)
        return f"{account.address}#{account.index}"


def format_price(market: Any, ticks: int) -> str:
    """Return a price of a market in ticks as text: in a loan book a rate such as "5.5%"."""
    if market.kind == "loan":
        return f"{format_units(ticks, 2)}%"
    places = -int(min(market.tick.as_tuple().exponent, 0))
    return format_units(ticks * int(market.tick.scaleb(places)), places)


def _plan(kind: int) -> list[tuple[str, str, str]]:
    """Which fields of a kind of event are said, under which name, and what they mean."""
    record = EVENTS.get(kind, Event)
    found = []
    for field, _ in record.fields():
        if field in record.HEAD or field.startswith("spare") or record is Event:
            continue
        meaning = _OTHERWISE.get(kind, {}).get(field) or _FIELDS.get(field, "number")
        name = field
        for unit in _UNITS:
            if meaning != "number":
                name = name.removesuffix(unit)
        found.append((field, "size" if name == "lots" else name, meaning))
    return found
