"""One client's connection: its requests in, answers and channels out, and the limits that keep others safe from it.

What is sent gathers while the loop runs its round and goes out as one write; answers do not wait for the turn of
channels.  What is sent but not read is bounded: a client that does not read is cut off, and can resume.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from picows import WSFrame, WSListener, WSMsgType, WSTransport

from worldmarkets.api.http.accounts import say_standing
from worldmarkets.api.stream.frames import make_frame
from worldmarkets.api.stream.hub import UnknownChannel
from worldmarkets.node.errors import Refused
from worldmarkets.schemas import stream
from worldmarkets.schemas.answers import Receipt, Refusal
from worldmarkets.schemas.commands import CancelAll
from worldmarkets.schemas.reads import Preview
from worldmarkets.schemas.stream import NEVER, Answer, Close

if TYPE_CHECKING:
    from worldmarkets.api.stream.server import Stream

FAREWELL_SECONDS = 5  # how long a connection that is being cut off may take to read why
FLOOD_SECONDS = 3  # after so many seconds of too many messages in a row it is cut off
log = structlog.get_logger()
_decode = msgspec.json.Decoder(stream.AnyRequest).decode
_encode = msgspec.json.Encoder().encode


class Connection(WSListener):
    """A connection, from its handshake to its end."""

    def __init__(self, server: Stream) -> None:
        super().__init__()
        self._server = server
        self._node = server.node
        self._limits = server.limits
        self._loop = asyncio.get_running_loop()
        self._transport: WSTransport
        self._out: list[bytes] = []
        self._parts: list[bytes] | None = None
        self._second, self._count, self._floods = 0, 0, 0
        self._is_answering = self._is_waiting = False
        self.is_open = False
        self.channels: set[str] = set()
        self.farewells: dict[tuple[str, int], bytes] = {}  # what to submit when it ends, by owner and account
        self._handlers: dict[type[stream.Request], Callable[[Any], None]] = {
            stream.Submit: self._submit,
            stream.Preview: self._preview,
            stream.Subscribe: self._subscribe,
            stream.Unsubscribe: self._unsubscribe,
            stream.CancelOnDisconnect: self._arm,
            stream.Ping: self._ping,
            stream.Venue: self._tell_venue,
        }

    # Of the connection.

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Begin."""
        self._transport = transport
        self._pipe = transport.underlying_transport
        self.is_open = True
        self._server.connections.add(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """End: what was left for this moment is submitted."""
        self.is_open = False
        self._out.clear()
        self._server.forget(self)

    def pause_writing(self) -> None:
        """Do nothing: what waits is measured when more is sent."""

    def resume_writing(self) -> None:
        """Do nothing: what waits is measured when more is sent."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame; a message may come in several."""
        if not self.is_open:
            return
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin and self._parts is None:
            self._take(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._gather(frame)
        elif kind == WSMsgType.PING:
            if self._may_send():
                self.flush()
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.CLOSE:
            self.flush()
            self.is_open = False
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif kind == WSMsgType.BINARY:
            self.close(Close.UNSUPPORTED, "text frames only")

    def _gather(self, frame: WSFrame) -> None:
        """Keep a part of a message until its last one is there."""
        if (frame.msg_type == WSMsgType.TEXT) != (self._parts is None):
            self.close(Close.PROTOCOL, "a part of a message out of place")
            return
        self._parts = self._parts or []
        self._parts.append(frame.get_payload_as_bytes())
        if sum(map(len, self._parts)) > self._limits.message_bytes or len(self._parts) > self._limits.parts:
            self.close(Close.TOO_BIG, "the message is too large")
        elif frame.fin:
            message, self._parts = b"".join(self._parts), None
            self._take(message)

    def close(self, code: Close, reason: str) -> None:
        """Say why and close; a client that does not even read that is dropped after a while."""
        if not self.is_open:
            return
        self.flush()
        self.is_open = False
        self._transport.send_close(code, reason)  # type: ignore[arg-type]
        self._transport.disconnect()
        self._loop.call_later(FAREWELL_SECONDS, self._transport.disconnect, False)

    # Out.

    def send(self, frame: bytes) -> None:
        """Send a frame of a channel when it is this connection's turn."""
        self._out.append(frame)
        if not self._is_waiting:
            self._is_waiting = True
            self._server.pump.add(self)

    def flush(self) -> None:
        """Send what waits to be sent, in one write."""
        self._is_waiting = False
        if self._out and self.is_open:
            frames, self._out = self._out, []
            if self._may_send():
                self._pipe.write(b"".join(frames))

    def _may_send(self) -> bool:
        """Say whether the client reads what it is sent; cut it off if not."""
        if self._pipe.get_write_buffer_size() <= self._limits.unread_bytes:
            return True
        self._out.clear()
        self.close(Close.SLOW, "SLOW_CONSUMER: what was sent was not read; resume from the last sequence")
        return False

    def _answer(self, answer: Answer) -> None:
        if self.is_open:
            if not self._is_answering:
                self._is_answering = True
                self._loop.call_soon(self._flush_answers)
            self._out.append(make_frame(_encode(answer)))

    def _flush_answers(self) -> None:
        self._is_answering = False
        self.flush()

    def _refuse(self, request: int, code: str, message: str, needed: int = 0, had: int = 0) -> None:
        self._answer(Answer(id=request, refusal=Refusal(code=code, message=message, needed=needed, had=had)))

    # In.

    def _take(self, message: bytes) -> None:
        second = int(self._loop.time())
        if second != self._second:
            self._floods = self._floods + 1 if self._count > self._limits.messages else 0
            self._second, self._count = second, 0
        self._count += 1
        if self._count > self._limits.messages:
            if self._floods >= FLOOD_SECONDS:
                self.close(Close.FLOOD, "RATE_LIMIT: too many messages")
            elif self._count == self._limits.messages + 1:
                self._refuse(0, "RATE_LIMIT", "too many messages on this connection; they are not read for a second",
                             self._limits.messages, self._count)  # fmt: skip
            return
        try:
            request = _decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(_find_id(message), "MALFORMED", str(error))
            return
        try:
            self._handlers[type(request)](request)
        except Refused as error:
            self._refuse(request.id, error.code, error.message, error.needed, error.had)
        except Exception:  # a fault of ours ends this connection, and no other
            log.exception("stream request failed", op=type(request).__name__)
            self.close(Close.INTERNAL, "INTERNAL")

    def _submit(self, request: stream.Submit) -> None:
        if self._server.is_leaving:
            raise Refused("NOT_READY", "the venue stops")
        future = self._node.submit_soon(bytes(request.bundle))
        future.add_done_callback(partial(self._receive, request.id))

    def _receive(self, request: int, future: asyncio.Future[Receipt]) -> None:
        error = None if future.cancelled() else future.exception()
        if isinstance(error, Refused):
            self._refuse(request, error.code, error.message, error.needed, error.had)
        elif future.cancelled() or error is not None:
            self._refuse(request, "NOT_READY", "the venue stopped before this was durable; ask again")
        else:
            self._answer(Answer(id=request, receipt=future.result()))

    def _preview(self, request: stream.Preview) -> None:
        receipt, before, after = self._node.preview(bytes(request.bundle))
        said = Preview(receipt=receipt, before=say_standing(before), after=say_standing(after))
        self._answer(Answer(id=request.id, preview=said))

    def _subscribe(self, request: stream.Subscribe) -> None:
        wanted = self.channels.union(request.channels)
        if len(wanted) > self._limits.subscriptions:
            self._refuse(request.id, "SUBSCRIPTIONS", stream.STREAM_CODES["SUBSCRIPTIONS"],
                         self._limits.subscriptions, len(wanted))  # fmt: skip
            return
        hub = self._server.hub
        try:
            for name in request.channels:
                hub.find(name)
        except UnknownChannel as error:
            self._refuse(request.id, "UNKNOWN_CHANNEL", str(error))
            return
        self._answer(Answer(id=request.id, subscribed=request.channels))
        for name in dict.fromkeys(request.channels):
            hub.add(name, self, request.after.get(name, NEVER))
        self.channels = wanted

    def _unsubscribe(self, request: stream.Unsubscribe) -> None:
        found = self.channels.intersection(request.channels)
        for name in found:
            self._server.hub.remove(name, self)
        self.channels -= found
        self._answer(Answer(id=request.id, unsubscribed=sorted(found)))

    def _arm(self, request: stream.CancelOnDisconnect) -> None:
        message = bytes(request.bundle)
        if message == b"null":
            self.farewells.clear()
            self._answer(Answer(id=request.id, armed_until=0))
            return
        bundle = self._node.door.read(message)
        if not all(isinstance(leg, CancelAll) for leg in bundle.legs):
            self._refuse(request.id, "NOT_A_CANCEL", stream.STREAM_CODES["NOT_A_CANCEL"])
            return
        self._node.door.identify(bundle)
        account = (bundle.owner.lower(), bundle.account)
        if account not in self.farewells and len(self.farewells) >= self._limits.subscriptions:
            self._refuse(request.id, "SUBSCRIPTIONS", stream.STREAM_CODES["SUBSCRIPTIONS"])
            return
        self.farewells[account] = message
        self._answer(Answer(id=request.id, armed_until=bundle.expiry))

    def _ping(self, request: stream.Ping) -> None:
        self._answer(Answer(id=request.id, time=self._node.clock.now_us()))

    def _tell_venue(self, request: stream.Venue) -> None:
        domain = self._node.domain
        self._answer(Answer(id=request.id, chain_id=domain.chain_id, genesis=domain.genesis))


def _find_id(message: bytes) -> int:
    """Return the id of a message that is not a request, if it has one."""
    try:
        return msgspec.json.decode(message, type=_Numbered).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return 0


class _Numbered(msgspec.Struct):
    id: int = 0
