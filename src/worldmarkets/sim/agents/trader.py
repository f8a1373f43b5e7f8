"""An agent's hands: an account, its key, and the sending of bundles.

An agent is anybody: it signs what it sends, and is refused as others are.  When the door turns it away, it waits, twice
as long each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import structlog

from worldmarkets.exchange.account import Account
from worldmarkets.node.deposits import Deposit, Deposits
from worldmarkets.node.errors import Refused
from worldmarkets.schemas.answers import Receipt
from worldmarkets.schemas.commands import AnyCommand, Bundle
from worldmarkets.schemas.signing import Signer
from worldmarkets.sim.agents.keys import make_signer

if TYPE_CHECKING:
    from worldmarkets.node.node import Node

EXPIRY_MS = 10_000
LEAST_PAUSE, MOST_PAUSE = 0.25, 15.0
log = structlog.get_logger()


class Key:
    """An agent's key and its nonces, which all of its accounts share."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.signer: Signer = make_signer(name)
        self._nonce = 0

    def get_nonce(self, now_ms: int) -> int:
        """Return a nonce that was not used."""
        self._nonce = max(self._nonce + 1, now_ms)
        return self._nonce


class Trader:
    """One account of an agent.  `sent` and `refused` count its bundles."""

    def __init__(self, node: Node, key: Key, index: int = 0) -> None:
        self.node = node
        self.key = key
        self.index = index
        self.sent = 0
        self.refused = 0
        self._pause = LEAST_PAUSE

    @property
    def account(self) -> Account:
        """Its account; UnknownName before it is funded."""
        return self.node.exchange.find_account(self.key.signer.address, self.index)

    async def fund(self, deposits: Deposits, wanted: Mapping[str, Decimal]) -> None:
        """Bring each balance that fell below half of what is wanted up by that much, with test funds."""
        try:
            balances = self.account.balances
        except LookupError:
            balances = {}
        for asset, amount in wanted.items():
            if balances.get(asset, Decimal(0)) * 2 < amount:
                name = f"agents/{self.key.name}/{self.index}/{asset}/{self.node.clock.now_us()}"
                await deposits.credit(
                    Deposit(
                        id=name, owner=self.key.signer.address, account=self.index, asset=asset, amount=f"{amount:f}"
                    )
                )

    async def send(self, *legs: AnyCommand) -> Receipt | None:
        """Sign and send a bundle; None when the door turned it away, after a pause."""
        now_ms = self.node.clock.now_us() // 1_000
        bundle = Bundle(
            owner=self.key.signer.address, account=self.index, nonce=self.key.get_nonce(now_ms),
            expiry=now_ms + EXPIRY_MS, legs=list(legs),
        )  # fmt: skip
        self.sent += 1
        try:
            receipt = await self.node.submit(msgspec.json.encode(self.key.signer.sign(self.node.domain, bundle)))
        except Refused as error:
            self.refused += 1
            log.debug("agent turned away", agent=self.key.name, code=error.code, reason=error.message)
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, MOST_PAUSE)
            return None
        self._pause = LEAST_PAUSE
        if not receipt.accepted:
            self.refused += 1
            log.debug("agent refused", agent=self.key.name, code=receipt.code, reason=receipt.message)
        return receipt


class Agent:
    """Something that acts again and again.  `period` is the seconds between two steps."""

    name = ""
    period = 1.0

    def __init__(self) -> None:
        self.traders: list[Trader] = []

    def get_funds(self) -> list[tuple[Trader, dict[str, Decimal]]]:
        """Return what each of its accounts needs to begin with."""
        raise NotImplementedError

    async def step(self) -> None:
        """Act once."""
        raise NotImplementedError
