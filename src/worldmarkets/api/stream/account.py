"""What the channel of an account says: what it has, and the events that it took part in."""

from __future__ import annotations

from typing import Any

from worldmarkets.api.http.accounts import read_account, read_loans, read_orders, read_perps, say_order
from worldmarkets.core import codes, records
from worldmarkets.core.codec import EVENTS
from worldmarkets.exchange import UnknownName
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.outbound import Writer

MOST = 1_000  # orders, loans and perps of a snapshot, each
_ORDERS = ("order_id", "other_id", "taker_order", "maker_order")


class AccountSource:
    """An account: a snapshot has its orders and contracts, an update the events and what they left.

    Contracts are as the events after the snapshot made them; orders that changed are there as they are now, those that
    are gone by their ids.
    """

    def __init__(self, account: Account, writer: Writer) -> None:
        self._account = account
        self._writer = writer

    def snapshot(self) -> dict[str, Any]:
        """Return everything."""
        return {
            "account": read_account(self._account),
            "orders": read_orders(self._account, 0, MOST).orders,
            "loans": read_loans(self._account, 0, MOST).loans,
            "perps": read_perps(self._account, 0, MOST).perps,
        }

    def update(self, events: list[memoryview]) -> dict[str, Any]:
        """Return what some events of the account came to."""
        orders, gone = [], []
        for number in self._find_orders(events):
            try:
                row = self._account.exchange.find_order(number)
            except UnknownName:
                gone.append(number)
                continue
            if row.account == self._account.number:
                orders.append(say_order(self._account.exchange, self._account.reader.view_order(row)))
        return {
            "events": [self._writer.write_row(event) for event in events],
            "account": read_account(self._account),
            "orders": orders,
            "gone": gone,
        }

    def _find_orders(self, events: list[memoryview]) -> list[int]:
        """Return the orders of the account that some events are about."""
        found: dict[int, None] = {}
        for event in events:
            row: Any = EVENTS.get(event[8], records.Event).from_buffer_copy(event)
            if row.kind == codes.TRADED:
                found[row.taker_order if row.account == self._account.number else row.maker_order] = None
            elif row.account == self._account.number:
                found.update((getattr(row, name), None) for name in _ORDERS if hasattr(row, name))
        found.pop(0, None)
        return list(found)
