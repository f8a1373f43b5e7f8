"""A whole venue on ports of its own, for clients; and a line to it that can be cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.api.floor import MARKS, mark
from tests.node.venue import MAKER, TAKER, fund, make_config
from worldmarkets.api.server import Server
from worldmarkets.client import AsyncClient

LIMITS_OFF = 100_000


class Shop:
    """A running venue."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.node = server.node
        self.url = f"http://127.0.0.1:{server.http_port}"
        self.stream_url = f"ws://127.0.0.1:{server.stream.port}/"

    def client(self, **options: Any) -> AsyncClient:
        """A client of the venue, of the maker unless it is said otherwise."""
        return AsyncClient(self.url, **{"stream_url": self.stream_url, "signer": MAKER, **options})


async def open_shop(folder: Path, **options: Any) -> Shop:
    """Serve a venue with marks, and funds of a maker and a taker."""
    server = Server.open(make_config(folder, http_port=0, stream_port=0, **options))
    await server.start()
    while not server.node.is_ready:
        await asyncio.sleep(0.01)
    for asset, price in MARKS.items():
        await mark(server.node, asset, price)
    if not server.node.exchange.accounts:
        for signer in (MAKER, TAKER):
            await fund(server.node, signer, USDM="1_000_000", ETH="500", BTC="20")
    return Shop(server)


def play(folder: Path, story: Callable[[Shop], Awaitable[None]], **options: Any) -> None:
    """Run a venue for as long as a story lasts."""

    async def live() -> None:
        shop = await open_shop(folder, **options)
        try:
            await story(shop)
        finally:
            await shop.server.close()

    asyncio.run(live())


@contextmanager
def serve_apart(folder: Path, **options: Any) -> Iterator[Shop]:
    """Run a venue in a thread of its own, for clients that wait."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        shop = asyncio.run_coroutine_threadsafe(open_shop(folder, **options), loop).result(120)
        try:
            yield shop
        finally:
            asyncio.run_coroutine_threadsafe(shop.server.close(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Line:
    """A line to a port that breaks after so many bytes, counted both ways; 0: it holds."""

    def __init__(self, port: int, draw: Callable[[], int]) -> None:
        self._port = port
        self._draw = draw
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[Any]] = set()
        self._ends: list[asyncio.StreamWriter] = []
        self.cuts = 0

    async def start(self) -> int:
        """Listen; return the port."""
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Cut everything."""
        assert self._server is not None
        self._server.close()
        for end in self._ends:
            end.close()
        if self._pipes:
            await asyncio.wait(self._pipes)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        assert me is not None
        self._pipes.add(me)
        me.add_done_callback(self._pipes.discard)
        left = self._draw() or 1 << 60

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            nonlocal left
            while data := await source.read(4_096):
                left -= len(data)
                if left < 0:  # a part of it still goes through
                    sink.write(data[: max(len(data) + left, 0)])
                    self.cuts += 1
                    raise ConnectionError
                sink.write(data)
                await sink.drain()
            raise ConnectionError

        back = None
        self._ends.append(writer)
        with suppress(OSError):
            try:
                there, back = await asyncio.open_connection("127.0.0.1", self._port)
                self._ends.append(back)
                await asyncio.gather(carry(reader, back), carry(there, writer))
            finally:
                for end in (writer, back):
                    if end is not None:
                        end.close()
