"""Who is who: accounts by owner and index, by number, and by the names people give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worldmarkets.core import codes
from worldmarkets.core.records import OpenAccount, Record
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.addresses import is_address, join_address, split_address
from worldmarkets.exchange.commands import make
from worldmarkets.exchange.errors import UnknownName
from worldmarkets.exchange.tables import get_table

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange


def make_open(owner: bytes, index: int) -> Record:
    """Return the command that opens an owner's sub-account.  Raises UnitError for an index out of range."""
    high, middle, low = split_address(owner)
    return make(
        OpenAccount, kind=codes.OPEN_ACCOUNT, owner_high=high, owner_middle=middle, owner_low=low, index=index
    )  # fmt: skip


class Registry:
    """The accounts of one exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._by_owner: dict[tuple[bytes, int], Account] = {}
        self._by_number: dict[int, Account] = {}
        for number in range(1, get_table(exchange.engine.state, "accounts").last_row() + 1):
            row = exchange.read_row("accounts", number)
            owner = exchange.read_row("owners", row.owner)
            self._add(number, (owner.high, owner.middle, owner.low), row.index)

    def __len__(self) -> int:
        return len(self._by_number)

    @property
    def accounts(self) -> list[Account]:
        """Every account, in the order they were opened."""
        return list(self._by_number.values())

    def find(self, owner: bytes, index: int) -> Account | None:
        """Return an owner's sub-account, or None."""
        return self._by_owner.get((owner, index))

    def get(self, number: int) -> Account:
        """Return the account with a number.  Raises UnknownName."""
        if number not in self._by_number:
            raise UnknownName(f"there is no account {number}")
        return self._by_number[number]

    def note(self, event: Any) -> None:
        """Take up an account from the event of its opening."""
        self._add(event.account, (event.owner_high, event.owner_middle, event.owner_low), event.index)

    def forget(self, after: int) -> None:
        """Forget the accounts beyond the first `after`: a preview that opened them was taken back."""
        for number in [number for number in self._by_number if number > after]:
            account = self._by_number.pop(number)
            del self._by_owner[account.owner, account.index]

    def _add(self, number: int, words: tuple[int, int, int], index: int) -> None:
        owner = join_address(*words)
        name = f"0x{owner.hex()}" + (f"#{index}" if index else "")
        self._by_owner[owner, index] = self._by_number[number] = Account(self._exchange, number, name, owner, index)

    @staticmethod
    def call(account: Account, name: str) -> Account:
        """Let an account go by the word it was asked for with."""
        if not is_address(name):
            account.name = f"{name}#{account.index}" if account.index else name
        return account
