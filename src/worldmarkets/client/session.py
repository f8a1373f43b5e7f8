"""A connection to a stream that comes back: it resumes its channels, and sends again what had no answer.

Sending again cannot do anything twice: the bytes are the same, so the nonce is, and the venue executes a nonce once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec

from worldmarkets.client.errors import Closed, Disconnected, OutcomeUnknown, RefusedError
from worldmarkets.client.pipe import Pipe
from worldmarkets.schemas.answers import Receipt, Refusal
from worldmarkets.schemas.stream import NEVER, Request, Subscribe, Unsubscribe

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0  # seconds between attempts to connect; each is twice the one before
PASSING = ("OVERLOADED", "NOT_READY")  # refusals after which the same is tried again
USED = ("NONCE_USED", "NONCE_TOO_LOW")
MARGIN_MS = 1_000  # how long after a bundle's expiry the venue's clock surely is beyond it
FAR = 10_000  # messages that a subscription keeps for a reader that is slow
Find = Callable[[str, int], Awaitable[Receipt | None]]


class _Said(msgspec.Struct):
    sequence: int
    previous: int = NEVER


class _Sent(msgspec.Struct):
    nonce: int
    expiry: int


_read_head = msgspec.json.Decoder(_Said).decode


class Subscription:
    """The messages of one channel, decoded: `async for message in subscription`.

    What is missed while the connection is down is resumed, or a snapshot comes; who falls behind by too many messages
    gets a snapshot, too.
    """

    def __init__(self, session: Session, channel: str) -> None:
        self.channel = channel
        self.last = NEVER
        self._session = session
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(self, text: bytes) -> None:
        """Keep a message; ask for a snapshot when one was missed."""
        head = _read_head(text)
        is_snapshot = b'"snapshot":' in text[:200]
        if not is_snapshot and head.previous != self.last:
            if self.last != NEVER:
                self.last = NEVER
                self._session.subscribe_again(self)
            return
        if self._queue.qsize() >= FAR:
            while not self._queue.empty():
                self._queue.get_nowait()
            self.last = NEVER
            self._session.subscribe_again(self)
            return
        self.last = head.sequence
        self._queue.put_nowait(text)

    def end(self) -> None:
        """Let the reader stop."""
        self._queue.put_nowait(None)

    async def next(self) -> dict[str, Any]:
        """Return the next message.  Raises Closed."""
        text = await self._queue.get()
        if text is None:
            self.end()
            raise Closed("the client was closed")
        message: dict[str, Any] = msgspec.json.decode(text)
        return message

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        with suppress(Closed):
            while True:
                yield await self.next()


class Session:
    """A connection that is kept up from `start` to `close`."""

    def __init__(self, url: str, find_receipt: Find) -> None:
        self._url = url
        self._find_receipt = find_receipt
        self._pipe: Pipe | None = None
        self._is_up = asyncio.Event()
        self._is_down = asyncio.Event()
        self._is_closed = False
        self._closing = asyncio.Event()
        self._subscriptions: dict[str, Subscription] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._asked: set[asyncio.Future[Any]] = set()
        self.greet: list[Callable[[Pipe], Awaitable[None]]] = []  # done with every new connection
        self.connections = 0

    async def start(self) -> None:
        """Connect.  Raises Disconnected when the first attempt fails."""
        await self._open()
        self._keeper = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Close the connection and end every subscription."""
        self._is_closed = True
        self._closing.set()
        self._is_down.set()
        self._is_up.set()  # who waits for a connection learns that there will be none
        if self._keeper is not None:
            await self._keeper  # an attempt to connect is not left half done
        if self._pipe is not None:
            self._pipe.close()
        for subscription in self._subscriptions.values():
            subscription.end()

    async def _open(self) -> None:
        pipe = await Pipe.connect(self._url, self._hear, self._lose)
        self._pipe = pipe
        self._is_down.clear()
        self.connections += 1
        if self._subscriptions:
            seen = {one.channel: one.last for one in self._subscriptions.values() if one.last != NEVER}
            self._ask(pipe, Subscribe(channels=list(self._subscriptions), after=seen))
        for greet in self.greet:
            with suppress(Disconnected, RefusedError):
                await greet(pipe)
        if not pipe.is_open:
            raise Disconnected("the connection broke as it was made")
        self._is_up.set()

    async def _keep(self) -> None:
        """Connect again whenever the connection is lost."""
        pause = FIRST_PAUSE
        while not self._closing.is_set():  # also after it was opened: opening forgets that it was down
            await self._is_down.wait()
            if self._closing.is_set():
                break
            try:
                await self._open()
                pause = FIRST_PAUSE
            except Disconnected:
                self._is_down.set()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), pause * random.uniform(0.5, 1))
                pause = min(pause * 2, LONGEST_PAUSE)

    def _lose(self, pipe: Pipe) -> None:
        if pipe is self._pipe:
            self._is_up.clear()
            self._is_down.set()

    def _hear(self, channel: str, text: bytes) -> None:
        if (subscription := self._subscriptions.get(channel)) is not None:
            subscription.put(text)

    def _ask(self, pipe: Pipe, request: Request) -> None:
        """Send a request whose answer nobody waits for."""
        future = pipe.request(request)
        self._asked.add(future)
        future.add_done_callback(self._drop)

    def _drop(self, future: asyncio.Future[Any]) -> None:
        self._asked.discard(future)
        if not future.cancelled():
            future.exception()

    # Requests.

    async def connect(self) -> Pipe:
        """Return the connection, once there is one.  Raises Closed."""
        while True:
            if self._is_closed:
                raise Closed("the client was closed")
            if self._pipe is not None and self._pipe.is_open and self._is_up.is_set():
                return self._pipe
            await self._is_up.wait()
            await asyncio.sleep(0)

    async def request(self, request: Request) -> bytes:
        """Return the answer to a request that changes nothing; it is asked again when the connection broke."""
        while True:
            pipe = await self.connect()
            with suppress(Disconnected):
                answer: bytes = await pipe.request(request)
                return answer

    async def subscribe(self, channel: str) -> Subscription:
        """Listen to a channel.  Raises RefusedError."""
        found = self._subscriptions.get(channel)
        if found is None:
            found = self._subscriptions[channel] = Subscription(self, channel)
            try:
                await self.request(Subscribe(channels=[channel]))
            except BaseException:
                del self._subscriptions[channel]
                raise
        return found

    async def unsubscribe(self, channel: str) -> None:
        """Listen to a channel no longer."""
        if (found := self._subscriptions.pop(channel, None)) is not None:
            found.end()
            await self.request(Unsubscribe(channels=[channel]))

    def subscribe_again(self, subscription: Subscription) -> None:
        """Ask for a snapshot of a channel."""
        if self._pipe is not None and self._pipe.is_open:
            self._ask(self._pipe, Subscribe(channels=[subscription.channel]))

    # Commands.

    async def submit(self, signer: str, message: bytes) -> Receipt:
        """Send a signed bundle until there is an answer.  Raises RefusedError, OutcomeUnknown, Closed.

        Whatever happens to connections, it is executed once at most.
        """
        sent = msgspec.json.decode(message, type=_Sent)
        is_doubtful = False  # whether an attempt before may have come through
        pause = FIRST_PAUSE
        while True:
            try:
                async with asyncio.timeout(self._get_patience(sent.expiry)):
                    receipt = await (await self.connect()).submit(message)
            except (Disconnected, TimeoutError) as error:
                if isinstance(error, TimeoutError) or self._get_patience(sent.expiry) <= 0:
                    return await self.resolve(signer, message)
                is_doubtful = True
                await asyncio.sleep(0)
                continue
            except RefusedError as error:
                if error.code in PASSING and self._get_patience(sent.expiry) > 0:
                    await asyncio.sleep(pause * random.uniform(0.5, 1))
                    pause = min(pause * 2, LONGEST_PAUSE)
                    continue
                if is_doubtful and error.code == "EXPIRED":
                    found = await self._look(signer, sent.nonce, message)
                    if found is not None:
                        return found
                raise
            if is_doubtful and receipt.code in USED:  # the venue keeps receipts for a while only
                return await self._look(signer, sent.nonce, message) or receipt
            return receipt

    async def resolve(self, signer: str, message: bytes) -> Receipt:
        """Return what became of a bundle that was sent.  Raises OutcomeUnknown; RefusedError when nothing did."""
        sent = msgspec.json.decode(message, type=_Sent)
        found = await self._look(signer, sent.nonce, message)
        if found is not None:
            return found
        if self._get_patience(sent.expiry) > 0:
            raise OutcomeUnknown(message)
        raise RefusedError(Refusal(code="EXPIRED", message="the bundle has expired and was not executed"))

    async def _look(self, signer: str, nonce: int, message: bytes) -> Receipt | None:
        try:
            return await self._find_receipt(signer, nonce)
        except Disconnected:
            raise OutcomeUnknown(message) from None

    def _get_patience(self, expiry_ms: int) -> float:
        """Return for how many seconds a bundle may still be executed."""
        return max((expiry_ms + MARGIN_MS - time.time_ns() // 1_000_000) / 1_000, 0)
