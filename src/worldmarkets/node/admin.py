"""What an operator may ask of a running node: over a Unix socket in its folder, which only its user may open.

A request is one line of JSON, and so is its answer.  No key opens this door, and none is asked for: who may write to
the node's folder has the node.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from worldmarkets.node.deposits import Deposit
from worldmarkets.node.errors import NodeError, Refused

if TYPE_CHECKING:
    from worldmarkets.node.node import Node

LINE_BYTES = 1 << 16
_PATH_BYTES = 100  # what the address of a socket surely holds


class Status(msgspec.Struct, frozen=True, tag="status", tag_field="do"):
    """Say how the node does."""


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot", tag_field="do"):
    """Write a snapshot of now."""


class Audit(msgspec.Struct, frozen=True, tag="audit", tag_field="do"):
    """Check the invariants of the state as it is; the node stands still for as long."""


class Credit(msgspec.Struct, frozen=True, tag="deposit", tag_field="do"):
    """Credit a deposit."""

    deposit: Deposit


Request = Status | Snapshot | Audit | Credit


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was found, or why not."""

    found: dict[str, Any] = {}
    code: str = ""
    message: str = ""


_decode = msgspec.json.Decoder(Request).decode


def get_socket_path(data: Path) -> Path:
    """The socket's place in a node's folder."""
    return data / "admin.sock"


@contextlib.contextmanager
def _shorten(path: Path) -> Iterator[str]:
    """Give a socket's path as one that fits into its address, however deep the folder lies."""
    if len(os.fsencode(path)) <= _PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class Admin:
    """Answers the operator of a node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._path = get_socket_path(Path(node.config.data))
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Open the socket.  Raises NodeError."""
        self._path.unlink(missing_ok=True)  # of a process that was killed: the folder's lock is ours
        listening = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)  # no moment in which others could open it
        try:
            with _shorten(self._path) as path:
                listening.bind(path)
        except OSError as error:
            listening.close()
            raise NodeError(f"{self._path} cannot be opened: {error.strerror}") from error
        finally:
            os.umask(before)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LINE_BYTES)

    async def close(self) -> None:
        """Close the socket, and take it away."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):  # one who left, or wrote without end
            while line := await reader.readline():
                writer.write(msgspec.json.encode(await self.answer(line)) + b"\n")
                await writer.drain()
        writer.close()

    async def answer(self, line: bytes) -> Answer:
        """Return the answer to a request."""
        try:
            return Answer(await self._do(_decode(line)))
        except msgspec.DecodeError as error:
            return Answer(code="MALFORMED", message=str(error))
        except Refused as error:
            return Answer(code=error.code, message=error.message)
        except NodeError as error:
            return Answer(code="FAILED", message=str(error))

    async def _do(self, request: Request) -> dict[str, Any]:
        node = self._node
        match request:
            case Status():
                return read_status(node)
            case Snapshot():
                return {"digest": node.snapshot(), "block": node.sequencer.applied}
            case Audit():
                return {"violations": node.exchange.audit(), "digest": node.exchange.digest()}
            case Credit(deposit):
                return {"id": deposit.id, "is_new": await node.deposits.credit(deposit)}


def read_status(node: Node) -> dict[str, Any]:
    """Return how a node does, in figures."""
    exchange = node.exchange
    return {
        "ready": node.is_ready, "genesis": node.domain.genesis, "chain_id": node.domain.chain_id,
        "block": node.sequencer.applied, "sequence": exchange.read_row("venue", 1).sequence,
        "time": exchange.time_us // 1_000, "waiting": node.sequencer.waiting,
        "accounts": len(exchange.accounts), "replayed": node.replayed, "feeds": exchange.feeds,
        "modes": {market.symbol: market.mode for market in exchange.markets},
        "failure": str(node.sequencer.failure or ""),
    }  # fmt: skip


def ask(data: Path, request: Request) -> dict[str, Any]:
    """Ask the node of a folder from another process.  Raises NodeError when none runs, or with what it answers."""
    path = get_socket_path(data)
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(60)
        try:
            with _shorten(path) as short:
                asking.connect(short)
            asking.sendall(msgspec.json.encode(request) + b"\n")
            with asking.makefile("rb") as file:
                line = file.readline()
        except OSError as error:
            raise NodeError(f"no node runs in {data}: {error.strerror or error}") from error
    if not line:
        raise NodeError(f"the node in {data} stopped before it answered")
    answer = msgspec.json.decode(line, type=Answer)
    if answer.code:
        raise NodeError(f"{answer.code}: {answer.message}")
    return answer.found
