"""One connection to a venue's stream: requests out, answers and messages of channels in.

A pipe does not come back once it broke; `session.py` opens the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from worldmarkets.client.errors import Disconnected, RefusedError
from worldmarkets.schemas.answers import Receipt, Refusal
from worldmarkets.schemas.stream import Request

MAX_FRAME = 64 << 20
_encode = msgspec.json.Encoder().encode


class Incoming(msgspec.Struct, kw_only=True):
    """An answer, or a message of a channel; of what it says only what there is to find its way by is read here."""

    id: int | None = None
    receipt: Receipt | None = None
    refusal: Refusal | None = None
    channel: str = ""


_decode = msgspec.json.Decoder(Incoming).decode


class Pipe(WSListener):
    """A connection.  `on_message(channel, text)` is called with what channels say, `on_lost()` when it broke."""

    def __init__(self, on_message: Callable[[str, bytes], None], on_lost: Callable[[Pipe], None]) -> None:
        super().__init__()
        self._on_message = on_message
        self._on_lost = on_lost
        self._transport: WSTransport | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._last = 0
        self._parts: list[bytes] = []
        self.is_open = False
        self.closed_with = (0, "")

    @classmethod
    async def connect(
        cls, url: str, on_message: Callable[[str, bytes], None], on_lost: Callable[[Pipe], None]
    ) -> Pipe:  # fmt: skip
        """Open a connection.  Raises Disconnected."""
        try:
            _, pipe = await ws_connect(
                lambda: cls(on_message, on_lost), url, max_frame_size=MAX_FRAME, enable_auto_ping=True
            )
        except Exception as error:  # of the socket, the handshake, or the URL
            raise Disconnected(f"{url} cannot be reached: {error}") from error
        if not isinstance(pipe, cls):  # picows has no listener to give when the peer left amid the handshake
            raise Disconnected(f"{url} cannot be reached: the connection was lost amid the handshake")
        return pipe

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None and self.is_open:
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()

    # Requests.

    def request(self, request: Request) -> asyncio.Future[Any]:
        """Send a request with a number of its own and return the future of its answer, as JSON."""
        numbered = msgspec.structs.replace(request, id=self._next())
        return self._send(numbered.id, _encode(numbered))

    def submit(self, bundle: bytes) -> asyncio.Future[Receipt]:
        """Send a signed bundle and return the future of its receipt; it raises RefusedError and Disconnected."""
        number = self._next()
        return self._send(number, b'{"op":"submit","id":%d,"bundle":%b}' % (number, bundle))

    def _next(self) -> int:
        self._last += 1
        return self._last

    def _send(self, number: int, text: bytes) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._transport is None or not self.is_open:
            future.set_exception(Disconnected("there is no connection"))
            return future
        self._waiting[number] = future
        self._transport.send(WSMsgType.TEXT, text)
        return future

    # What comes in.

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin."""
        self._transport = transport
        self.is_open = True

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """End: who waits for an answer hears that there is none."""
        self.is_open = False
        waiting, self._waiting = self._waiting, {}
        code, reason = self.closed_with
        lost = f"the connection was closed ({code} {reason})" if code else "the connection broke"
        for future in waiting.values():
            if not future.done():
                future.set_exception(Disconnected(lost))
        self._on_lost(self)

    def pause_writing(self) -> None:
        """Do nothing: requests are small."""

    def resume_writing(self) -> None:
        """Do nothing: requests are small."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame."""
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin:
            self._take(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._parts.append(frame.get_payload_as_bytes())
            if frame.fin:
                message, self._parts = b"".join(self._parts), []
                self._take(message)
        elif kind == WSMsgType.CLOSE:
            self.closed_with = int(frame.get_close_code()), frame.get_close_reason()  # type: ignore[call-overload]
            self.is_open = False
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()

    def _take(self, text: bytes) -> None:
        incoming = _decode(text)
        if incoming.channel:
            self._on_message(incoming.channel, text)
            return
        future = self._waiting.pop(incoming.id or 0, None)
        if future is None or future.done():
            return
        if incoming.receipt is not None:
            future.set_result(incoming.receipt)
        elif incoming.refusal is not None:
            future.set_exception(RefusedError(incoming.refusal))
        else:
            future.set_result(text)
