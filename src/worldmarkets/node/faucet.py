"""The faucet: test funds for whoever asks, in a venue of development.

It is off unless the settings turn it on.  How much there is for one account is bounded for ever, also across starts,
since each gift is a deposit with a number of its own; how often anybody asks is bounded a minute.
"""

from __future__ import annotations

import asyncio

from worldmarkets.node.clock import Clock
from worldmarkets.node.config import FaucetSettings
from worldmarkets.node.deposits import Deposit, Deposits
from worldmarkets.node.door import Buckets
from worldmarkets.node.errors import Refused
from worldmarkets.node.journal import Journal


class Faucet:
    """Gives test funds."""

    def __init__(self, settings: FaucetSettings, deposits: Deposits, journal: Journal, clock: Clock) -> None:
        self.settings = settings
        self._deposits = deposits
        self._journal = journal
        self._clock = clock
        self._giving = asyncio.Lock()
        self._asked = Buckets(settings.gifts_a_minute, 1)

    async def give(self, owner: str, account: int = 0) -> dict[str, str]:
        """Credit one gift, opening the account if need be; return the amount of each asset.  Raises Refused."""
        settings = self.settings
        if not settings.on:
            raise Refused("FAUCET_OFF", "this venue has no faucet")
        if not self._asked.take("all", 1, self._clock.now_us() // 60):  # a minute counts as a second
            raise Refused("RATE_LIMIT", "the faucet is asked too often", settings.gifts_a_minute, 1)
        async with self._giving:
            number = self._find_next(owner.lower(), account)
            for asset, amount in settings.amounts.items():
                name = make_id(owner.lower(), account, number, asset)
                await self._deposits.credit(Deposit(id=name, owner=owner, account=account, asset=asset, amount=amount))
        return dict(settings.amounts)

    def _find_next(self, owner: str, account: int) -> int:
        last = next(reversed(self.settings.amounts))
        for number in range(1, self.settings.gifts + 1):
            if not self._journal.has_deposit(make_id(owner, account, number, last)):
                return number
        raise Refused("FAUCET_EMPTY", "this account has had all of its test funds", self.settings.gifts,
                      self.settings.gifts)  # fmt: skip


def make_id(owner: str, account: int, number: int, asset: str) -> str:
    """Return the id of a gift."""
    return f"faucet/{owner}/{account}/{number}/{asset}"
