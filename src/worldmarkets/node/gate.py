"""The gate: learns who signed messages, in the order in which they came.

A few are seen to on the spot.  When many come at once they go to a process of their own, as one batch, while the loop
goes on with blocks and receipts; what comes meanwhile is the next batch.  That process is started when it is first
worth it; until it is there, and if it is lost, everything is seen to on the spot.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from worldmarkets.node.verifier import Found, Verifier, find_signer
from worldmarkets.schemas.commands import SignedBundle
from worldmarkets.schemas.signing import Domain

FEW_LEGS = 8  # up to so many are hashed and recovered sooner than they are sent away
BATCH_LEGS = 1_024  # a batch goes no further: nobody waits for more
log = structlog.get_logger()


class Waiting(NamedTuple):
    """A message whose signer is not known yet, and who is told."""

    message: bytes
    bundle: SignedBundle
    then: Callable[[Found], None]


class Gate:
    """Tells who signed what, one after another.  `apart`: with a process of its own for many at once."""

    def __init__(self, domain: Domain, *, apart: bool) -> None:
        self._domain = domain
        self._apart = apart
        self._waiting: deque[Waiting] = deque()
        self._verifier: Verifier | None = None
        self._starting: asyncio.Task[None] | None = None
        self._away: asyncio.Task[None] | None = None
        self._is_due = False

    def ask(self, message: bytes, bundle: SignedBundle, then: Callable[[Found], None]) -> None:
        """Have `then` called with who signed a message, after those of all messages before."""
        self._waiting.append(Waiting(message, bundle, then))
        self._look_soon()

    async def close(self) -> None:
        """Answer what waits and end the process, if there is one."""
        self._apart = False
        for task in (self._starting, self._away):
            if task is not None:
                await task
        while self._waiting:
            self._tell(self._take())
        if self._verifier is not None:
            await self._verifier.close()
            self._verifier = None

    def _look_soon(self) -> None:
        """Look when the loop has heard everybody who speaks now."""
        if not self._is_due and self._away is None:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._is_due = False
        if self._away is not None or not self._waiting:
            return
        batch = self._take()
        if self._apart and sum(len(one.bundle.legs) for one in batch) > FEW_LEGS:
            if self._verifier is not None:
                self._away = asyncio.create_task(self._send_away(self._verifier, batch))
                return
            if self._starting is None:
                self._starting = asyncio.create_task(self._start())
        self._tell(batch)
        if self._waiting:
            self._look_soon()

    def _take(self) -> list[Waiting]:
        batch, legs = [], 0
        while self._waiting and legs < BATCH_LEGS:
            batch.append(self._waiting.popleft())
            legs += len(batch[-1].bundle.legs)
        return batch

    def _tell(self, batch: list[Waiting]) -> None:
        for one in batch:
            one.then(find_signer(self._domain, one.bundle))

    async def _start(self) -> None:
        try:
            self._verifier = await Verifier.start(self._domain)
        except (OSError, EOFError) as error:
            self._give_up(error)

    async def _send_away(self, verifier: Verifier, batch: list[Waiting]) -> None:
        try:
            found = await verifier.find([one.message for one in batch])
        except (OSError, EOFError) as error:
            self._give_up(error)
            await verifier.close()
            self._tell(batch)
        else:
            for one, who in zip(batch, found, strict=True):
                one.then(who)
        self._away = None
        self._look_soon()

    def _give_up(self, error: Exception) -> None:
        """Go on without the process."""
        log.error("no verifier", error=str(error) or type(error).__name__)
        self._verifier, self._apart = None, False
