"""A whole venue over loopback sockets: orders to durable receipts, throughput, and reads.

The venue is a process of its own, with its gateway, sequencer, journal on this disk and core on one loop; the clients
share the machine's other core with its journal thread, its history and its verifier.  Bundles are signed beforehand:
what is measured is the venue, and not the client's key.  Every signature is checked by the venue, every receipt is read
and must say OK.

python -m benchmarks.node
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

import msgspec
import uvloop

from benchmarks import measure
from worldmarkets.client.pipe import Pipe
from worldmarkets.schemas.commands import Bundle, CancelAll, Command, PlaceOrder
from worldmarkets.schemas.signing import Domain, Signer

ACCOUNTS = 50
WINDOW = 32  # requests under way on a connection that measures throughput
LATENCIES = 3_000
SINGLES = 20_000
BUNDLES, LEGS = 1_000, 100
READS = 4_000
CANCEL_EVERY = 400  # orders of an account that rest before it cancels them
MARKET = "ETH-PERP"


def name_signer(number: int) -> Signer:
    """Return the key of an account."""
    return Signer((number + 1).to_bytes(32, "big"))


# The venue.


async def serve(folder: Path) -> None:
    """Run a venue with funded accounts and a mark, and print its ports."""
    from worldmarkets.api.server import Server
    from worldmarkets.core import codes
    from worldmarkets.core.records import Funds, SetMark
    from worldmarkets.exchange.commands import make
    from worldmarkets.exchange.registry import make_open
    from worldmarkets.node.config import Config, Limits, StreamLimits

    text = files("worldmarkets.exchange").joinpath("genesis.toml").read_text(encoding="utf-8")
    genesis = folder / "genesis.toml"
    genesis.write_text(text.replace("[venue]\n", "[venue]\nrequires_signatures = true\n"))
    many = 10**9
    config = Config(
        data=str(folder / "data"), genesis=str(genesis), http_port=0, stream_port=0, snapshot_blocks=many,
        limits=Limits(key_commands=many, account_commands=many), stream=StreamLimits(messages=many),
    )  # fmt: skip
    server = Server.open(config)
    await server.start()
    node = server.node
    cash, eth = node.exchange.listing.numeraire, node.exchange.listing.asset("ETH")
    for number in range(ACCOUNTS):
        owner = name_signer(number).address
        await node.send_and_wait(make_open(bytes.fromhex(owner[2:]), 0))
        account = node.exchange.find_account(owner).number
        funds = make(Funds, kind=codes.DEPOSIT, account=account, asset=cash.number, amount=cash.to_quanta(10**6))
        await node.send_and_wait(funds)

    async def mark() -> None:
        while True:  # a feed that is not stale
            await node.send_and_wait(
                make(SetMark, kind=codes.SET_MARK, asset=eth.number, price=eth.to_mark("2000"), sources=3, agreeing=3,
                     source_time_us=node.clock.now_us())
            )  # fmt: skip
            await asyncio.sleep(5)

    task = asyncio.create_task(mark())
    await asyncio.sleep(0.2)
    server.settle()
    print("serving:", server.http_port, server.stream.port, node.domain.chain_id, node.domain.genesis, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    task.cancel()
    await server.close()


# The clients.


class Maker:
    """Signs bundles of one account: orders that rest in the book, and now and then a cancel of all."""

    def __init__(self, number: int, domain: Domain) -> None:
        self.signer = name_signer(number)
        self.domain = domain
        self.orders = 0
        self.nonce = time.time_ns() // 1_000

    def sign(self, legs: int = 1) -> bytes:
        """Return the message of a bundle."""
        bundle = Bundle(
            owner=self.signer.address, account=0, nonce=self.nonce, expiry=(time.time_ns() // 10**6) + 3_600_000,
            legs=[self._draw() for _ in range(legs)],
        )  # fmt: skip
        self.nonce += 1
        return msgspec.json.encode(self.signer.sign(self.domain, bundle))

    def _draw(self) -> Command:
        self.orders += 1
        if self.orders % CANCEL_EVERY == 0:
            return CancelAll()
        side, away = ("buy", -1) if self.orders % 2 else ("sell", 1)
        price = 2_000 + away * (1 + self.orders % 20)
        return PlaceOrder(market=MARKET, side=side, size="0.01", price=str(price), client_id=self.nonce)


async def connect(url: str) -> Pipe:
    """Open a connection that hears of nothing but its own orders."""
    return await Pipe.connect(url, lambda channel, text: None, lambda pipe: None)


async def pace(pipe: Pipe, messages: list[bytes]) -> list[float]:
    """Send messages one after another; return what each took, in milliseconds."""
    taken = []
    for message in messages:
        begin = time.perf_counter()
        receipt = await pipe.submit(message)
        taken.append(1e3 * (time.perf_counter() - begin))
        assert receipt.accepted, receipt
    return taken


async def flood(pipe: Pipe, messages: list[bytes]) -> None:
    """Send messages with a window of them under way."""
    room = asyncio.Semaphore(WINDOW)

    def done(future: asyncio.Future[object]) -> None:
        room.release()
        assert future.result().accepted  # type: ignore[attr-defined]

    futures = []
    for message in messages:
        await room.acquire()
        future = pipe.submit(message)
        future.add_done_callback(done)
        futures.append(future)
    await asyncio.gather(*futures)


async def read(port: int, path: str, count: int) -> None:
    """Ask for a page many times over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        size = int(next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split()[1])
        await reader.readexactly(size)
    writer.close()


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """Return the seconds that some work takes."""
    begin = time.perf_counter()
    await work()
    return time.perf_counter() - begin


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of them lies."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def measure_venue(http: int, stream: int, domain: Domain) -> dict[str, float]:
    """Return the figures of one running venue."""
    url = f"ws://127.0.0.1:{stream}/v1/stream"
    makers = [Maker(number, domain) for number in range(ACCOUNTS)]
    pipes = [await connect(url) for _ in range(ACCOUNTS)]
    await pace(pipes[0], [makers[0].sign() for _ in range(300)])  # warm
    alone = await pace(pipes[0], [makers[0].sign() for _ in range(LATENCIES)])
    work = [(pipe, [maker.sign() for _ in range(100)]) for pipe, maker in zip(pipes, makers, strict=True)]
    together = [one for many in await asyncio.gather(*(pace(*part) for part in work)) for one in many]
    few = list(zip(pipes, makers, strict=True))[:8]
    singles = [(pipe, [maker.sign() for _ in range(SINGLES // len(few))]) for pipe, maker in few]
    seconds = await timed(lambda: asyncio.gather(*(flood(*part) for part in singles)))
    bundles = [(pipe, [maker.sign(LEGS) for _ in range(BUNDLES // len(few))]) for pipe, maker in few]
    bundled = await timed(lambda: asyncio.gather(*(flood(*part) for part in bundles)))
    path = f"/v1/book?market={MARKET}&depth=10"
    reads = await timed(lambda: asyncio.gather(*(read(http, path, READS // 8) for _ in range(8))))
    for pipe in pipes:
        pipe.close()
    return {
        "venue.receipt_p50_ms": statistics.median(alone),
        "venue.receipt_p99_ms": percentile(alone, 0.99),
        "venue.receipt_p50_ms.connections_50": statistics.median(together),
        "venue.receipt_p99_ms.connections_50": percentile(together, 0.99),
        "venue.signed_orders_per_s": SINGLES / seconds,
        "venue.bundled_commands_per_s": (BUNDLES // len(few) * len(few)) * LEGS / bundled,
        "venue.http_reads_per_s": READS // 8 * 8 / reads,
    }


def run_once() -> dict[str, float]:
    """Return the figures of a new venue in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.node", "serve", folder], cwd=measure.ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None and process.stdout is not None
        try:
            line = next(line for line in process.stdout if line.startswith("serving:"))
            http, stream, chain, genesis = line.split()[-4:]
            domain = Domain(chain_id=int(chain), genesis=genesis)
            return uvloop.run(measure_venue(int(http), int(stream), domain))
        finally:
            process.stdin.write("\n")
            process.stdin.close()
            process.stdout.read()
            process.stdout.close()
            process.wait(60)


def measure_all(runs: int = 3) -> dict[str, float]:
    """Return the median of each figure over a few venues."""
    found = [run_once() for _ in range(runs)]
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


if __name__ == "__main__":
    measure.require_compiled()
    if sys.argv[1:2] == ["serve"]:
        uvloop.run(serve(Path(sys.argv[2])))
    else:
        for name, figure in measure_all(*map(int, sys.argv[1:2])).items():
            print(f"{name:40} {figure:14,.2f}")
