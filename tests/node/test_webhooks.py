"""Webhooks are told everything once at least, whatever fails, and keep nobody waiting."""

from __future__ import annotations

import asyncio
import base64
import hmac
import threading
from collections.abc import Awaitable, Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.api.served import serve
from tests.node.crash import bid, fall, open_long, watch
from tests.node.venue import MAKER, START_US, TAKER
from worldmarkets.api.server import Server
from worldmarkets.node import webhooks
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import Config, WebhookSettings, load_config
from worldmarkets.node.errors import NodeError
from worldmarkets.node.webhooks import Webhooks

TRADER = f"{TAKER.address}#0"
UNWIND = ["MARGIN_CALLED", "MARGIN_CURE", "LATCHED", "RUNG_ENDED", "RUNG_COST"]


class Receiver:
    """Takes messages, or answers as the statuses say, one a message: 0 breaks the connection, -1 never answers."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.tried: list[list[dict[str, Any]]] = []
        self.messages: list[tuple[Message, bytes]] = []
        self.taken: list[dict[str, Any]] = []
        self._is_over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    @property
    def names(self) -> list[str]:
        return [one["event"]["event"] for one in self.taken]

    def _make_handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                events = msgspec.json.decode(body)["events"]
                receiver.tried.append(events)
                receiver.messages.append((self.headers, body))
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                if status < 0:
                    receiver._is_over.wait(60)
                elif status:
                    self.send_response(status)
                    self.send_header("content-length", "0")
                    self.end_headers()
                if 200 <= status < 300:
                    receiver.taken += events

            def log_message(self, *said: object) -> None:
                pass

        return Handler

    async def wait_for(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                await asyncio.sleep(0.02)


def live(
    folder: Path,
    clock: ManualClock,
    url: str,
    story: Callable[[Server], Awaitable[None]],
    *names: str,
    secret: str = "",
) -> None:
    """Serve a venue with one hook for as long as a story lasts."""

    async def tell(server: Server, client: httpx.AsyncClient) -> None:
        await story(server)

    serve(folder, tell, clock=clock, webhooks=[WebhookSettings(url=url, accounts=list(names), secret=secret)])


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "FIRST_PAUSE_SECONDS", 0.01)


async def crash(server: Server, clock: ManualClock) -> None:
    """A margin call, a latch and the end of an unwind."""
    await open_long(server.node)
    await fall(server.node, clock, "1890")
    await bid(server.node, 1760)
    await fall(server.node, clock, "1760")
    await watch(server.node, clock, 5)


def test_what_happens_to_an_account_is_told_in_order_and_tried_again_until_it_is_taken(tmp_path: Path) -> None:
    clock, receiver = ManualClock(START_US), Receiver(500, 0, 302)

    async def story(server: Server) -> None:
        await crash(server, clock)
        await receiver.wait_for(lambda: len(receiver.taken) >= len(UNWIND))
        assert server.webhooks.failures == 3

    with receiver:
        live(tmp_path, clock, receiver.url, story, TRADER)
    assert receiver.names == UNWIND
    assert receiver.tried[0][0] == receiver.tried[1][0] == receiver.tried[2][0] == receiver.taken[0]
    numbers = [one["number"] for one in receiver.taken]
    assert numbers == sorted(set(numbers))
    called = receiver.taken[0]["event"]
    assert (called["account"], called["missing"]) == (TRADER, "44.75")


def test_it_goes_on_where_it_was_after_a_stop(tmp_path: Path) -> None:
    clock, receiver = ManualClock(START_US), Receiver()

    async def begin(server: Server) -> None:
        await open_long(server.node)
        await fall(server.node, clock, "1890")
        await receiver.wait_for(lambda: len(receiver.taken) == 2)

    async def go_on(server: Server) -> None:  # while nobody takes anything
        receiver.statuses = [503] * 1_000
        await bid(server.node, 1760)
        await fall(server.node, clock, "1760")
        await watch(server.node, clock, 5)

    async def end(server: Server) -> None:
        receiver.statuses = []
        await receiver.wait_for(lambda: len(receiver.taken) >= len(UNWIND))

    with receiver:
        for story in (begin, go_on, end):
            live(tmp_path, clock, receiver.url, story)
    assert receiver.names == UNWIND


def test_a_new_hook_is_told_what_happens_from_then_on(tmp_path: Path) -> None:
    clock, receiver, late = ManualClock(START_US), Receiver(), Receiver()

    async def begin(server: Server) -> None:
        await open_long(server.node)
        await fall(server.node, clock, "1890")
        await receiver.wait_for(lambda: len(receiver.taken) == 2)

    async def go_on(server: Server) -> None:
        await bid(server.node, 1760)
        await fall(server.node, clock, "1760")
        await watch(server.node, clock, 5)
        await late.wait_for(lambda: len(late.taken) >= 3)

    with receiver, late:
        live(tmp_path, clock, receiver.url, begin)
        live(tmp_path, clock, late.url, go_on)
    assert late.names == UNWIND[2:]


def test_the_signature_is_that_of_the_standard() -> None:
    """Against the example in the documentation of Standard Webhooks."""
    headers = webhooks.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_says_whose_it_is_and_when_it_left(tmp_path: Path) -> None:
    clock, receiver = ManualClock(START_US), Receiver(500)
    key = bytes(range(32))
    secret = f"whsec_{base64.b64encode(key).decode()}"

    async def story(server: Server) -> None:
        await open_long(server.node)
        await fall(server.node, clock, "1890")
        await receiver.wait_for(lambda: len(receiver.taken) == 2)

    with receiver:
        live(tmp_path, clock, receiver.url, story, secret=secret)
    for headers, body in receiver.messages:
        name, seconds = headers["webhook-id"], headers["webhook-timestamp"]
        events = msgspec.json.decode(body)["events"]
        assert name == f"{events[0]['number']}-{events[-1]['number']}"
        assert int(seconds) == clock.now_us() // 10**6
        said = hmac.digest(key, f"{name}.{seconds}.".encode() + body, "sha256")
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(said).decode()}"


def test_a_hook_that_hangs_keeps_nobody_waiting(tmp_path: Path) -> None:
    clock, receiver = ManualClock(START_US), Receiver(-1)

    async def story(server: Server) -> None:
        async with asyncio.timeout(20):
            await crash(server, clock)
            await receiver.wait_for(lambda: len(receiver.tried) == 1)
            await fall(server.node, clock, "1700")

    with receiver:
        live(tmp_path, clock, receiver.url, story)
        assert receiver.taken == []


def test_a_hook_is_told_of_its_own_accounts_alone(tmp_path: Path) -> None:
    clock, receiver = ManualClock(START_US), Receiver()

    async def story(server: Server) -> None:
        await crash(server, clock)
        await server.history.settle()
        await asyncio.sleep(0.3)

    with receiver:
        live(tmp_path, clock, receiver.url, story, f"{MAKER.address}#0", f"{TAKER.address}#7")
    assert receiver.tried == []


def test_settings_and_a_file_of_places_that_make_no_sense(tmp_path: Path) -> None:
    for text in (
        'url = "ftp://x"', 'url = "http://x"\naccounts = ["0x12"]', "accounts = []", 'url = "http://x"\nsecret = "abc"',
    ):  # fmt: skip
        path = tmp_path / "venue.toml"
        path.write_text(f"[[webhooks]]\n{text}\n")
        with pytest.raises(NodeError, match="webhooks"):
            load_config(path)
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "operator.md").read_text(encoding="utf-8")
    path.write_text(f"[[webhooks]]{guide.partition('[[webhooks]]')[2].partition('```')[0]}")
    (hook,) = load_config(path).webhooks
    assert hook.accounts and hook.secret.endswith("="), "as the operator's guide has it"
    (tmp_path / "webhooks.json").write_text("{")
    node: Any = type("Node", (), {"config": Config(data=str(tmp_path))})
    with pytest.raises(NodeError, match="cannot be read"):
        Webhooks(node, node, [WebhookSettings(url="http://127.0.0.1:1")])
