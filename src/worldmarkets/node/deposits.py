"""Deposits: what arrived from outside, credited exactly once.

Whoever brings a deposit gives it an id of its own.  The journal keeps the ids in the transaction that makes the block
durable, so a deposit that is brought again, by a source that starts over or after a crash, is credited once.  No key
moves a balance: a deposit is a command of the node itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
import structlog

from worldmarkets.core import codes
from worldmarkets.core.codec import result_name
from worldmarkets.exchange import UnitError, UnknownName
from worldmarkets.exchange.inbound import Scribe
from worldmarkets.exchange.registry import make_open
from worldmarkets.node.errors import Refused
from worldmarkets.schemas.commands import Address, Text, Uint32

if TYPE_CHECKING:
    from worldmarkets.node.node import Node

RETRY_SECONDS = 1.0
log = structlog.get_logger()


class Deposit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Funds that arrived for an account; the amount is a decimal number of the asset.

    `id` is unique over everything that was ever brought: of a chain, its transaction and the place in it.
    """

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    owner: Address
    asset: Text
    amount: Text
    account: Uint32 = 0


class DepositSource(Protocol):
    """Where deposits come from: the bridge of a chain."""

    def follow(self) -> AsyncIterator[Deposit]:
        """Yield every confirmed deposit at least once, those that cannot be undone any more; then wait for others."""


class Deposits:
    """Credits deposits to the accounts of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._passing: dict[str, asyncio.Future[bool]] = {}

    async def follow(self, source: DepositSource) -> None:
        """Credit what a source brings, each until it is taken: what the exchange refuses comes again later."""
        async for deposit in source.follow():
            while True:
                try:
                    await self.credit(deposit)
                    break
                except Refused as error:
                    log.warning("deposit waits", id=deposit.id, code=error.code, reason=error.message)
                    await asyncio.sleep(RETRY_SECONDS)

    async def credit(self, deposit: Deposit) -> bool:
        """Credit a deposit, and open its account if there is none; say whether it is new.  Raises Refused.

        When this returns, the deposit is durable.
        """
        if (passing := self._passing.get(deposit.id)) is not None:
            await asyncio.wait([passing])
            return False if not passing.exception() else await self.credit(deposit)
        if self._node.journal.has_deposit(deposit.id):
            return False
        future = self._passing[deposit.id] = asyncio.get_running_loop().create_future()
        try:
            await self._send(deposit)
        except BaseException as error:
            future.set_exception(error if isinstance(error, Refused) else Refused("NOT_READY", "the node stopped"))
            future.exception()  # that nobody waited for it is no news
            raise
        else:
            future.set_result(True)
        finally:
            del self._passing[deposit.id]
        return True

    async def _send(self, deposit: Deposit) -> None:
        exchange = self._node.exchange
        try:
            listed = exchange.listing.asset(deposit.asset)
            if listed.to_quanta(deposit.amount) <= 0:
                raise UnitError(f"amount of {deposit.asset}: {deposit.amount} is not above zero")
        except UnknownName as error:
            raise Refused("UNKNOWN_NAME", str(error)) from None
        except UnitError as error:
            raise Refused("UNIT", str(error)) from None
        try:
            account = exchange.find_account(deposit.owner, deposit.account).number
        except UnknownName:
            self._check(await self._node.send_and_wait(make_open(bytes.fromhex(deposit.owner[2:]), deposit.account)))
            account = exchange.find_account(deposit.owner, deposit.account).number
        scribe = Scribe(exchange, account)
        try:
            scribe.deposit(deposit.asset, deposit.amount)
        except UnitError as error:  # more than a command can say
            raise Refused("UNIT", str(error)) from None
        try:
            self._check(await self._node.send_and_wait(*scribe.commands, deposit=deposit.id))
        except Refused as error:
            if error.code == "DEPOSIT":
                self._node.journal.forget_deposit(deposit.id)
            raise

    @staticmethod
    def _check(events: list[Any]) -> None:
        last = events[-1]
        if last.kind == codes.REJECTED:
            raise Refused("DEPOSIT", f"the exchange refuses it: {result_name(last.code)}", last.needed, last.had)
