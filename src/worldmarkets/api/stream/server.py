"""The stream of a node: a WebSocket server, its connections, and what they have in common."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus

from picows import (
    WSListener,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from worldmarkets.api.stream.connection import Connection
from worldmarkets.api.stream.hub import Hub
from worldmarkets.api.stream.pump import Pump
from worldmarkets.node.errors import NodeError, Refused
from worldmarkets.node.node import Node
from worldmarkets.schemas.stream import Close

PATHS = (b"/", b"/v1/stream")
RETRY_SECONDS = 0.1  # between attempts to submit what a connection left, while the door is crowded
RETRIES = 100
_PASSING = ("RATE_LIMIT", "OVERLOADED")
logging.getLogger("picows.worldmarkets").setLevel(logging.CRITICAL)  # what clients do wrong fills no log


class Stream:
    """Serves a node's stream.

    stream = Stream(node)
    await stream.start("127.0.0.1", 8001)
    """

    def __init__(self, node: Node) -> None:
        self.node = node
        self.limits = node.config.stream
        self.hub = Hub(node, self.limits.kept_messages)
        self.pump = Pump()
        self.connections: set[Connection] = set()
        self.is_leaving = False
        self._server: asyncio.Server | None = None
        self._farewells: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> None:
        """Listen; with port 0 on one that is free, which `port` then says.  Raises NodeError."""
        try:
            self._server = await ws_create_server(
                self._welcome, host, port, max_frame_size=self.limits.message_bytes, enable_auto_pong=False,
                enable_auto_ping=True, logger_name=logging.getLogger("picows.worldmarkets"), backlog=4_096,
            )  # fmt: skip
        except OSError as error:
            raise NodeError(f"port {port} of {host} cannot be used: {error.strerror}") from error

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def leave(self) -> None:
        """Take no more connections and orders, and submit what connections left for their end, while the node runs."""
        self.is_leaving = True
        if self._server is not None:
            self._server.close()
        for connection in self.connections:
            self.submit_farewells(connection)
        if self._farewells:
            await asyncio.wait(self._farewells)

    async def stop(self) -> None:
        """Send what there is to send and close every connection: after `leave`, and after the node has ended."""
        await asyncio.sleep(0)
        for connection in list(self.connections):
            connection.close(Close.GOING_AWAY, "the venue stops")

    def _welcome(self, request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener | None:
        if request.path.partition(b"?")[0] not in PATHS:
            return None
        if len(self.connections) >= self.limits.connections:
            full = WSUpgradeResponse.create_error_response(HTTPStatus.SERVICE_UNAVAILABLE, b"too many connections")
            return WSUpgradeResponseWithListener(full, None)
        return Connection(self)

    def forget(self, connection: Connection) -> None:
        """Forget a connection that has ended, and submit what it left for this moment."""
        self.connections.discard(connection)
        for name in connection.channels:
            self.hub.remove(name, connection)
        connection.channels.clear()
        self.submit_farewells(connection)

    def submit_farewells(self, connection: Connection) -> None:
        """Submit what a connection left for its end."""
        farewells = list(connection.farewells.values())
        connection.farewells.clear()
        for message in farewells:
            task = asyncio.create_task(self._submit(message))
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)

    async def _submit(self, message: bytes) -> None:
        for _ in range(RETRIES):
            try:
                await self.node.submit(message)
                return
            except Refused as error:
                if error.code not in _PASSING:
                    return
            await asyncio.sleep(RETRY_SECONDS)
