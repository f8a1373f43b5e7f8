"""Webhooks: addresses of the operator's choice that are told of margin calls, latches, ends of rungs and close-outs.

The history is the queue: what happened stands there for ever, in the order of its numbers.  Each hook has a place in
it, kept in the node's folder.  What lies behind that is sent, again and again with growing pauses until it is taken;
only then the place moves on.  So nothing waits in memory, the venue waits for nobody, and over every kind of stop each
event is told at least once.

With a secret a message is signed as Standard Webhooks 1.0 has it: the receiver knows whose it is and when it left.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
from pathlib import Path

import httpx
import msgspec
import numpy as np
import structlog

from worldmarkets.core import codes
from worldmarkets.core.codec import RECORD_BYTES
from worldmarkets.exchange.errors import UnknownName
from worldmarkets.node.config import WebhookSettings
from worldmarkets.node.errors import NodeError
from worldmarkets.node.history import History
from worldmarkets.node.history.reads import Kept
from worldmarkets.node.node import Node
from worldmarkets.node.sequencer import Applied

KINDS = (
    codes.MARGIN_CALLED, codes.MARGIN_CURE, codes.LATCHED, codes.RUNG_ENDED, codes.RUNG_COST, codes.CLOSE_OUT_BEGUN,
    codes.CLOSE_OUT_DONE,
)  # fmt: skip
MOST = 100  # events of one message
TIMEOUT_SECONDS = 10.0
FIRST_PAUSE_SECONDS = 1.0  # after a message that was not taken, and twice as long after each that follows
LONGEST_PAUSE_SECONDS = 300.0
log = structlog.get_logger()
_decode = msgspec.json.Decoder(dict[str, int]).decode


class Webhooks:
    """The webhooks of a node.  `failures` counts messages that were not taken since the start."""

    def __init__(self, node: Node, history: History, hooks: list[WebhookSettings]) -> None:
        self._path = Path(node.config.data) / "webhooks.json"
        self.places = _read_places(self._path) if hooks else {}
        self.failures = 0
        self._node = node
        self._history = history
        self._hooks = [_Hook(self, settings, node, history) for settings in hooks]
        self._tasks: list[asyncio.Task[None]] = []
        self._http: httpx.AsyncClient | None = None

    def start(self) -> None:
        """Send from now on what the hooks have not been told yet."""
        if self._hooks:
            self._node.sequencer.listen(self._note)
            self._http = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
            self._tasks = [asyncio.create_task(hook.run(self._http), name="webhook") for hook in self._hooks]

    async def stop(self) -> None:
        """Send no more; what is left is sent after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.aclose()

    def _note(self, applied: Applied) -> None:
        if np.isin(np.frombuffer(applied.events, np.uint8)[8::RECORD_BYTES], KINDS).any():
            for hook in self._hooks:
                hook.news.set()

    def save(self) -> None:
        """Keep the places of all hooks.  Raises OSError."""
        passing = self._path.with_suffix(".passing")
        with open(passing, "wb") as file:
            file.write(msgspec.json.encode(self.places))
            file.flush()
            os.fsync(file.fileno())
        os.replace(passing, self._path)


class _Hook:
    """One address, and what it is told."""

    def __init__(self, owner: Webhooks, settings: WebhookSettings, node: Node, history: History) -> None:
        self._owner = owner
        self._settings = settings
        self._node = node
        self._history = history
        self.news = asyncio.Event()

    async def run(self, http: httpx.AsyncClient) -> None:
        """Tell everything that lies behind the hook's place, then what happens, until cancelled."""
        pause = FIRST_PAUSE_SECONDS
        url = self._settings.url
        while True:
            try:
                if url not in self._owner.places:
                    await self._begin()
                found = await self._find()
                if not found:
                    await self.news.wait()
                    continue
                await self._send(http, found)
                await self._move_on(found[-1].number)
                pause = FIRST_PAUSE_SECONDS
            except Exception as error:  # whatever it is, trading goes on, and so does this
                self._owner.failures += 1
                log.warning("webhook failed; it is tried again", url=url, seconds=pause, error=repr(error))
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _begin(self) -> None:
        """Take the place of a new hook: it is told what happens from now on."""
        while not await self._history.settle():
            pass
        await self._move_on(self._history.events)

    async def _move_on(self, place: int) -> None:
        self._owner.places[self._settings.url] = place
        await asyncio.get_running_loop().run_in_executor(None, self._owner.save)

    async def _find(self) -> list[Kept]:
        """Return what the hook has not been told yet, once the history is level; none when there is nothing."""
        while True:
            self.news.clear()
            is_level = await self._history.settle()
            accounts = self._find_accounts()
            place = self._owner.places[self._settings.url]
            found: list[Kept] = []
            if accounts or not self._settings.accounts:
                found = await self._history.ask(
                    lambda past: past.find_following(KINDS, place, MOST, accounts)  # noqa: B023 - it is awaited here
                )
            if found or is_level:
                return found

    def _find_accounts(self) -> list[int]:
        """Return the numbers of the hook's accounts, as far as they are open."""
        found = []
        for name in self._settings.accounts:
            owner, _, index = name.partition("#")
            with contextlib.suppress(UnknownName):
                found.append(self._node.exchange.find_account(owner, int(index)).number)
        return found

    async def _send(self, http: httpx.AsyncClient, found: list[Kept]) -> None:
        """Send a message.  Raises httpx.HTTPError unless it is taken: answered with a status from 200 to 299."""
        write = self._node.writer.write_row
        said = [{"number": one.number, "time": one.time_us // 1_000, "event": write(one.event)} for one in found]
        body = msgspec.json.encode({"genesis": self._node.domain.genesis, "events": said})
        headers = {"content-type": "application/json"}
        if self._settings.secret:
            name = f"{found[0].number}-{found[-1].number}"
            headers |= sign(self._settings.secret, name, self._node.clock.now_us() // 1_000_000, body)
        response = await http.post(self._settings.url, content=body, headers=headers)
        if not response.is_success:
            raise httpx.HTTPStatusError(f"status {response.status_code}", request=response.request, response=response)


def sign(secret: str, name: str, seconds: int, body: bytes) -> dict[str, str]:
    """Return the headers that say which message this is, when it left, and by whom: an HMAC-SHA256 of all three parts.

    `secret` is `whsec_` and the key in base64, `seconds` since 1970.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{seconds}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-id": name, "webhook-timestamp": str(seconds), "webhook-signature": signature}


def _read_places(path: Path) -> dict[str, int]:
    """Return the places of hooks by their address.  Raises NodeError."""
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise NodeError(f"{path} cannot be read: {error}; without it hooks begin anew") from error
