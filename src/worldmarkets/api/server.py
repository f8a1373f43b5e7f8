"""A venue in one process: a node, its history, its HTTP application and its streams, in one asyncio loop.

server = Server.open(config)
await server.run()  # until `stop`, or until the node fails
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import Iterator

import msgspec
import structlog
import uvicorn

from worldmarkets.api.http.app import make_app
from worldmarkets.api.stream import Stream
from worldmarkets.node.clock import Clock
from worldmarkets.node.config import Config
from worldmarkets.node.errors import NodeError
from worldmarkets.node.history import History
from worldmarkets.node.node import Node
from worldmarkets.node.recovery import Progress
from worldmarkets.node.webhooks import Webhooks

GRACE_SECONDS = 5  # how long requests under way may take once the server stops
COLLECTIONS = (50_000, 20, 50)  # receipts that are kept live long, and looking through them finds nothing
GAUGES = (
    ("history_block", "The last mini-block in the history."),
    ("history_failures", "Times that the history could not be written."),
    ("http_connections", "Connections to the HTTP API that are open."),
    ("webhook_failures", "Messages to webhooks that were not taken, since the start."),
)
log = structlog.get_logger()


class Server:
    """A node that is served.  `http_port` and `stream.port` are what was bound, also when the settings say 0."""

    def __init__(self, node: Node, history: History) -> None:
        self.node = node
        self.history = history
        self.app = make_app(node, history)
        self.stream = Stream(node)
        self.webhooks = Webhooks(node, history, node.config.webhooks)
        self.http_port = 0
        self.is_serving = False
        self._socket: socket.socket | None = None
        self._http: _Uvicorn | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = asyncio.Event()
        reads = (
            lambda: history.block, lambda: history.feeder.failures, self._count_connections,
            lambda: self.webhooks.failures,
        )  # fmt: skip
        for (name, what), read in zip(GAUGES, reads, strict=True):
            node.metrics.add_gauge(name, what, read)

    def _count_connections(self) -> int:
        return 0 if self._http is None else len(self._http.server_state.connections)

    @classmethod
    def open(cls, config: Config, clock: Clock | None = None, *, on_progress: Progress | None = None) -> Server:
        """Return the server of a node's folder, recovered.  Raises NodeError."""
        node = Node.open(config, clock, on_progress=on_progress)
        return cls(node, History.open(node))

    async def start(self) -> None:
        """Take commands and serve.  Raises NodeError when a port is taken."""
        config = self.node.config
        self._socket = bind(config.host, config.http_port)
        self.http_port = self._socket.getsockname()[1]
        self.history.start()
        self._tasks.append(asyncio.create_task(self.node.run(), name="node"))
        self._http = _Uvicorn(
            uvicorn.Config(
                self.app, lifespan="off", log_config=None, access_log=False, server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )  # fmt: skip
        self._tasks.append(asyncio.create_task(self._http.serve(sockets=[self._socket]), name="http"))
        await self.stream.start(config.host, config.stream_port)
        while not self._http.started and not self._tasks[-1].done():
            await asyncio.sleep(0.01)
        # What was bound, also when the settings ask for any port: clients are told the stream's.
        bound = msgspec.structs.replace(config, http_port=self.http_port, stream_port=self.stream.port)
        self.node.config = bound
        self.webhooks.start()
        self.is_serving = True
        log.info(
            "serving", host=config.host, http=self.http_port, stream=self.stream.port, block=self.node.journal.last
        )

    async def run(self) -> None:
        """Start, serve until `stop` is called or something fails, and leave in order.  Raises what failed."""
        try:
            await self.start()
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait([stopping, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        finally:
            await self.close()

    def settle(self) -> None:
        """Have the collector of this process leave alone what is here to stay, and come by seldom."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTIONS)

    def stop(self) -> None:
        """Have `run` leave; it may be called from a signal handler of the loop."""
        self._stopping.set()

    async def close(self) -> None:
        """Take no more commands, finish those under way, answer them, and leave a snapshot.  Raises what failed."""
        if self.node.is_ready:
            await self.stream.leave()
        self.node.stop()
        tasks, self._tasks = self._tasks, []
        # The node first, so that every receipt is there to be sent; then those who send them.
        done = await asyncio.gather(*tasks[:1], return_exceptions=True)
        await self.stream.stop()
        if self._http is not None:
            self._http.should_exit = True
        done += await asyncio.gather(*tasks[1:], return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
        await self.webhooks.stop()
        await self.history.stop()
        self.node.close()
        for failed in done:
            if isinstance(failed, BaseException):
                raise failed


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens.  Raises NodeError naming the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise NodeError(f"port {port} of {host} cannot be used: {error.strerror}") from error
    listening.setblocking(False)
    return listening


class _Uvicorn(uvicorn.Server):
    """Leaves signals to whoever runs the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
