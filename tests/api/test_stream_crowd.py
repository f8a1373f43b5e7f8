"""A crowd: thousands of connections that say nothing cost those who trade little."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.api.floor import Floor, play
from tests.node.venue import MAKER, Desk
from worldmarkets.node.config import Limits
from worldmarkets.schemas.commands import CancelAll

MANY = 10_000
# Another process holds the crowd, so that each process has its own limit of open files.
CROWD = """
import asyncio, resource, sys
port, many = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (many + 100,) * 2)
TEXT = b'{"op":"subscribe","id":1,"channels":["marks"]}'
HELLO = (b"GET / HTTP/1.1\\r\\nHost: x\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n"
         b"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n")
async def join():
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HELLO)
    assert b"101" in await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"\\x81" + bytes([0x80 | len(TEXT)]) + bytes(4) + TEXT)
    await reader.read(1)
    return reader, writer
async def main():
    crowd = []
    for _ in range(many // 100):
        crowd += await asyncio.gather(*[join() for _ in range(100)])
    print(len(crowd), flush=True)
    sys.stdin.read()
asyncio.run(main())
"""


@pytest.mark.slow
def test_ten_thousand_idle_connections_leave_room_for_one_that_trades(tmp_path: Path) -> None:
    """Each listens to the marks; one goes on trading, and a mark reaches all of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < MANY + 200:
        pytest.skip(f"a process may open {hard} files here, and this needs {MANY + 200}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (MANY + 200, hard))

    async def story(floor: Floor) -> None:
        maker = Desk(floor.node, MAKER)
        crowd = subprocess.Popen(
            [sys.executable, "-c", CROWD, str(floor.stream.port), str(MANY)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert crowd.stdin is not None and crowd.stdout is not None
        try:
            loop = asyncio.get_running_loop()
            joined = await asyncio.wait_for(loop.run_in_executor(None, crowd.stdout.readline), 300)
            assert int(joined) == MANY and len(floor.stream.connections) == MANY
            async with floor.connect() as talk:
                took = []
                for _ in range(200):
                    start = time.perf_counter()
                    assert (await talk.pipe.submit(maker.sign(CancelAll()))).accepted
                    took.append(time.perf_counter() - start)
                before = time.perf_counter()
                await floor.mark("ETH", "2001")
                await talk.pipe.submit(maker.sign(CancelAll()))
                print(f"median {sorted(took)[100] * 1e3:.2f} ms; a mark to all: {time.perf_counter() - before:.2f} s")
            assert len(floor.stream.connections) >= MANY
        finally:
            crowd.stdin.close()
            crowd.wait(60)
            crowd.stdout.close()

    try:
        play(tmp_path, story, limits=Limits(key_commands=100_000, account_commands=100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
