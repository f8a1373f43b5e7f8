"""A venue with a stream on a port of its own, for tests: who plays, the marks, and the clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.node.venue import MAKER, TAKER, fund, make_config
from worldmarkets.api.stream import Stream
from worldmarkets.client.pipe import Pipe
from worldmarkets.core import codes
from worldmarkets.core.records import SetMark
from worldmarkets.exchange.commands import make
from worldmarkets.node.clock import Clock, SystemClock
from worldmarkets.node.node import Node
from worldmarkets.schemas import stream as said

MARKS = {"USDM": "1", "BTC": "60000", "ETH": "2000"}


async def mark(node: Node, asset: str, price: str) -> None:
    """Take a mark from three sources that agree."""
    listed = node.exchange.listing.asset(asset)
    await node.send_and_wait(
        make(SetMark, kind=codes.SET_MARK, asset=listed.number, price=listed.to_mark(price), sources=3, agreeing=3,
             source_time_us=node.clock.now_us())
    )  # fmt: skip


class Floor:
    """A running node with its stream."""

    def __init__(self, node: Node, stream: Stream) -> None:
        self.node = node
        self.stream = stream

    @property
    def url(self) -> str:
        """Where the stream is."""
        return f"ws://127.0.0.1:{self.stream.port}/v1/stream"

    async def mark(self, asset: str, price: str) -> None:
        """Set a mark."""
        await mark(self.node, asset, price)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Talk]:
        """Open a connection for as long as a block lasts."""
        talk = Talk()
        talk.pipe = await Pipe.connect(self.url, talk.note, talk.lose)
        try:
            yield talk
        finally:
            talk.pipe.close()


class Talk:
    """A connection, and everything that its channels said, decoded."""

    pipe: Pipe

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.is_lost = asyncio.Event()
        self._news = asyncio.Event()

    def note(self, channel: str, text: bytes) -> None:
        """Keep a message."""
        self.heard.append(msgspec.json.decode(text))
        self._news.set()

    def lose(self, pipe: Pipe) -> None:
        """Keep that it broke."""
        self.is_lost.set()

    async def ask(self, request: said.Request) -> dict[str, Any]:
        """Send a request and return its answer, decoded."""
        answer: dict[str, Any] = msgspec.json.decode(await self.pipe.request(request))
        return answer

    async def wait_for(self, is_it: Callable[[dict[str, Any]], bool], seconds: float = 20) -> dict[str, Any]:
        """Return the first message of a channel that is looked for."""
        async with asyncio.timeout(seconds):
            while True:
                for message in self.heard:
                    if is_it(message):
                        return message
                self._news.clear()
                await self._news.wait()


Story = Callable[[Floor], Awaitable[None]]


def play(folder: Path, story: Story, clock: Clock | None = None, **options: Any) -> None:
    """Run a venue with a funded maker and taker for as long as a story lasts."""

    async def live() -> None:
        node = Node.open(make_config(folder, **options), clock or SystemClock())
        task = asyncio.create_task(node.run())
        await asyncio.sleep(0)
        stream = Stream(node)
        await stream.start("127.0.0.1", 0)
        floor = Floor(node, stream)
        try:
            for asset, price in MARKS.items():
                await floor.mark(asset, price)
            for signer in (MAKER, TAKER):
                await fund(node, signer, USDM="1_000_000", ETH="500", BTC="20")
            await story(floor)
        finally:
            await stream.leave()
            node.stop()
            await task
            await stream.stop()
            node.close()

    asyncio.run(live())
