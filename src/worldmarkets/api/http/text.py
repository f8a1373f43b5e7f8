"""Numbers as they leave the venue: decimals as text without zeros at their end, times in milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import overload

from worldmarkets.exchange.account import Account
from worldmarkets.exchange.listing import Market

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@overload
def say(number: Decimal) -> str: ...
@overload
def say(number: None) -> None: ...
@overload
def say(number: Decimal | None) -> str | None: ...
def say(number: Decimal | None) -> str | None:
    """Return a decimal as text, exactly; None stays None."""
    if number is None:
        return None
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def say_price(market: Market, price: Decimal | None) -> str | None:
    """Return a price of a market, in a loan book a rate such as "5.5%"."""
    text = say(price)
    return text if text is None or market.kind != "loan" else f"{text}%"


def say_rate(percent: Decimal) -> str:
    """Return a yearly rate in percent."""
    return f"{say(percent)}%"


@overload
def say_time(when: datetime) -> int: ...
@overload
def say_time(when: None) -> None: ...
@overload
def say_time(when: datetime | None) -> int | None: ...
def say_time(when: datetime | None) -> int | None:
    """Return a time in milliseconds since 1970; None stays None."""
    return None if when is None else (when - _EPOCH) // _MILLISECOND


def say_account(account: Account) -> str:
    """Return an account's owner and index, as events name it."""
    return f"{account.address}#{account.index}"
