"""A price over HTTP, from a real server on the loopback: the path to it, its time, and everything that goes wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import HttpSourceSettings
from worldmarkets.node.sources import Price
from worldmarkets.node.sources.http import HttpSource, SourceError, read_price

NOW = 1_767_225_600_000_000


class Answers(BaseHTTPRequestHandler):
    """Answers every request with the status and body that the server holds."""

    def do_GET(self) -> None:
        status, body = self.server.answer  # type: ignore[attr-defined]
        if status == 0:
            self.server.release.wait(5)  # type: ignore[attr-defined]
            return
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    serving.release = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    yield serving
    serving.release.set()  # type: ignore[attr-defined]
    serving.shutdown()
    serving.server_close()
    thread.join()


def read(server: ThreadingHTTPServer, status: int, body: bytes, **options: object) -> HttpSource:
    server.answer = status, body  # type: ignore[attr-defined]
    settings = HttpSourceSettings(
        name="test", asset="ETH", url=f"http://127.0.0.1:{server.server_port}/", path="data.0.price", **options
    )  # type: ignore[arg-type]
    source = HttpSource(settings, ManualClock(NOW))

    async def once() -> None:
        async with httpx.AsyncClient() as client:
            await source.read(client)

    asyncio.run(once())
    return source


def test_a_price_is_read_exactly(server: ThreadingHTTPServer) -> None:
    source = read(server, 200, b'{"data": [{"price": 2000.1}]}')  # as a float it would be 2000.0999...
    assert source.get("ETH", NOW) == Price(200_010_000_000, NOW)
    source = read(server, 200, b'{"data": [{"price": "2000.123456789"}]}')
    assert source.get("ETH", NOW) == Price(200_012_345_679, NOW)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (500, b"{}", "status 500"),
        (302, b"{}", "status 302"),
        (200, b"<html>", "not JSON"),
        (200, b'{"data": []}', "no data.0.price"),
        (200, b'{"data": [{"price": -1}]}', "no price"),
        (200, b'{"data": [{"price": true}]}', "no number"),
        (200, b'{"data": [{"price": "abc"}]}', "no number"),
        (200, b'{"data": [{"price": "1e999999"}]}', "no price"),
        (200, b"[" * (1 << 20) + b"1", "too large"),
    ],
)
def test_what_is_no_price_is_refused(server: ThreadingHTTPServer, status: int, body: bytes, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read(server, status, body)


@pytest.mark.parametrize("time", [1_767_225_600, 1_767_225_600_000, NOW, NOW * 1_000, "1767225600.0"])
def test_a_time_is_told_by_its_size(time: object) -> None:
    found = {"price": Decimal("1"), "at": time}
    assert read_price(found, "price", "at", 0) == Price(10**8, NOW)
    assert read_price(found, "price", "", 5) == Price(10**8, 5)


def test_a_server_that_does_not_answer_is_left_and_one_that_comes_back_is_taken_up(server: ThreadingHTTPServer) -> None:
    settings = HttpSourceSettings(name="test", asset="ETH", url=f"http://127.0.0.1:{server.server_port}/", path="price",
                                  every_seconds=0.01, timeout_seconds=0.2)  # fmt: skip
    source = HttpSource(settings, ManualClock(NOW))

    async def story() -> None:
        server.answer = 0, b""  # type: ignore[attr-defined]
        reading = asyncio.create_task(source.run())
        while source.failures < 2:
            await asyncio.sleep(0.01)
        assert source.get("ETH", NOW) is None
        server.answer = 200, b'{"price": 5}'  # type: ignore[attr-defined]
        server.release.set()  # type: ignore[attr-defined]
        while source.get("ETH", NOW) is None:
            await asyncio.sleep(0.01)
        assert source.get("ETH", NOW) == Price(5 * 10**8, NOW)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(asyncio.wait_for(story(), 20))
