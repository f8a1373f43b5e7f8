"""A bundle as it is put together: commands that happen together or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from worldmarkets.schemas.commands import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    Command,
    PlaceOrder,
    RepayLoan,
    Transfer,
)

Number = str | int | Decimal


def say(number: Number | None) -> str:
    """Return a number as commands have it: text, "" for none.  Raises TypeError for a float, which is not exact."""
    if number is None:
        return ""
    if isinstance(number, bool) or not isinstance(number, str | int | Decimal):
        raise TypeError(f"{number!r} is not a decimal string, an integer or a Decimal")
    return f"{number:f}" if isinstance(number, Decimal) else str(number)


class Legs:
    """Commands, one after another; each method adds one and returns the same object."""

    def __init__(self) -> None:
        self.legs: list[Command] = []

    def __len__(self) -> int:
        return len(self.legs)

    def add(self, *commands: Command) -> Legs:
        """Add any commands."""
        self.legs.extend(commands)
        return self

    def order(self, market: str, side: str, size: Number, price: Number | None = None, **options: Any) -> Legs:
        """Add an order, with the fields of `PlaceOrder`; without a price it is one at the market."""
        return self.add(make_order(market, side, size, price, **options))

    def buy(self, market: str, size: Number, price: Number | None = None, **options: Any) -> Legs:
        """Add an order to buy; in a loan book, to borrow."""
        return self.order(market, "buy", size, price, **options)

    def sell(self, market: str, size: Number, price: Number | None = None, **options: Any) -> Legs:
        """Add an order to sell; in a loan book, to lend."""
        return self.order(market, "sell", size, price, **options)

    def borrow(self, market: str, size: Number, rate: Number, **options: Any) -> Legs:
        """Add an order of a loan book to borrow at up to a yearly rate such as "5.5%"."""
        return self.order(market, "buy", size, rate, **options)

    def lend(self, market: str, size: Number, rate: Number, **options: Any) -> Legs:
        """Add an order of a loan book to lend at a yearly rate or more."""
        return self.order(market, "sell", size, rate, **options)

    def cancel(self, order: int = 0, *, client_id: int = 0) -> Legs:
        """Add the cancellation of an order."""
        return self.add(CancelOrder(order=order, client_id=client_id))

    def cancel_all(self, market: str = "", side: str = "") -> Legs:
        """Add the cancellation of all orders."""
        return self.add(CancelAll(market=market, side=side))

    def amend(self, order: int, size: Number | None = None, price: Number | None = None) -> Legs:
        """Add a change of an order."""
        return self.add(AmendOrder(order=order, size=say(size), price=say(price)))

    def repay(self, loan: int, amount: Number | None = None) -> Legs:
        """Add the repayment of a loan, in part or whole."""
        return self.add(RepayLoan(loan=loan, amount=say(amount)))

    def transfer(self, asset: str, amount: Number, to_owner: str, to_account: int = 0) -> Legs:
        """Add a transfer to another account."""
        return self.add(Transfer(asset=asset, amount=say(amount), to_owner=to_owner, to_account=to_account))


def make_order(market: str, side: str, size: Number, price: Number | None = None, **options: Any) -> PlaceOrder:
    """Return an order, with the fields of `PlaceOrder`; without a price it is one at the market."""
    said: dict[str, Any] = {
        name: say(value) if isinstance(value, Decimal) else value for name, value in options.items()
    }
    return PlaceOrder(market=market, side=side, size=say(size), price=say(price), **said)
