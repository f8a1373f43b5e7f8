"""A venue in one process: the server, its oracle, the operator's socket and, in development, the agents.

It knows no terminal: what it is at is told to a `Watch`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import msgspec

from worldmarkets.core import codes
from worldmarkets.node.admin import Admin
from worldmarkets.node.config import Config, FaucetSettings
from worldmarkets.node.errors import NodeError
from worldmarkets.node.oracle import Oracle
from worldmarkets.node.sources import Source

if TYPE_CHECKING:
    from worldmarkets.api.server import Server
    from worldmarkets.node.node import Node
    from worldmarkets.sim.agents.crew import Crew
    from worldmarkets.sim.agents.played import Market

Watch = Callable[[str, int, int], None]  # what is being done, how much of it is done, of how much
NOISE_PPM = (20, 40, 60)  # how far the played sources are off at most
FIRST_MARKS_SECONDS = 30


def make_development(data: Path, http_port: int = 8_000, stream_port: int = 8_001) -> Config:
    """Return the settings of a venue of development, whose genesis stands in its folder from the first start on."""
    from worldmarkets.sim.agents.keys import write_genesis

    data.mkdir(parents=True, exist_ok=True)
    genesis = data / "genesis.toml"
    if not genesis.exists():
        passing = genesis.with_suffix(".passing")
        passing.write_text(write_genesis(datetime.now(UTC)), encoding="utf-8")
        passing.replace(genesis)
    return Config(data=str(data), genesis=str(genesis), http_port=http_port, stream_port=stream_port, development=True,
                  faucet=FaucetSettings(on=True))  # fmt: skip


class Venue:
    """A venue that runs until `stop`.  `agents` says whether a venue of development has any."""

    def __init__(self, config: Config, *, agents: bool = True, watch: Watch = lambda what, done, total: None) -> None:
        self.config = config
        self.server: Server | None = None
        self.crew: Crew | None = None
        self.traded = asyncio.Event()
        self._agents = agents and config.development
        self._watch = watch
        self._stopping = asyncio.Event()
        self._lock: TextIO | None = None

    @property
    def node(self) -> Node:
        """Its node; only once it is open."""
        assert self.server is not None
        return self.server.node

    @property
    def is_served(self) -> bool:
        """Whether it takes commands, over both of its ports."""
        return self.server is not None and self.server.is_serving and self.node.is_ready

    def stop(self) -> None:
        """Have `run` leave in order."""
        self._stopping.set()

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Open, serve until `stop`, and leave a snapshot behind.  Raises NodeError.

        `on_ready` is called when the venue takes commands and its markets are open.
        """
        data = Path(self.config.data)
        self._lock = lock_folder(data)
        try:
            await self._run(data, on_ready)
        finally:
            self._lock.close()

    async def _run(self, data: Path, on_ready: Callable[[], None]) -> None:
        from worldmarkets.api.server import Server

        self.server = Server.open(self.config, on_progress=lambda done, total: self._watch("recovering", done, total))
        market = self._load_market()
        oracle = Oracle(self.node, self._make_sources(market), self.config.oracle)
        admin = Admin(self.node)
        self.node.sequencer.listen(lambda applied: self._look_for_trades(applied.events))
        tasks = [asyncio.create_task(self.server.run())]
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await self._wait_for(lambda: self.is_served, tasks[0])
            self.server.settle()
            await admin.start()
            self._note_address(data)
            tasks.append(asyncio.create_task(oracle.run()))
            tasks.append(asyncio.create_task(self._open_markets(oracle, market, on_ready)))
            waiting: set[asyncio.Task[object]] = {stopping, *tasks}
            while not (stopping.done() or tasks[0].done()):
                ended, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if any(task.exception() for task in ended):
                    break
        finally:
            stopping.cancel()
            for task in tasks[1:]:
                task.cancel()
            left = await asyncio.gather(*tasks[1:], return_exceptions=True)
            await admin.close()
            self.server.stop()
            with contextlib.suppress(FileNotFoundError):
                (data / "venue.json").unlink()
            await tasks[0]
            for failed in left:
                if isinstance(failed, Exception):
                    raise failed

    async def _wait_for(self, is_there: Callable[[], bool], task: asyncio.Task[None]) -> None:
        while not is_there() and not task.done():
            await asyncio.sleep(0.02)
        if task.done():
            task.result()

    async def _open_markets(self, oracle: Oracle, market: Market | None, on_ready: Callable[[], None]) -> None:
        """Wait for the first marks, then let the agents in."""
        exchange, waited = self.node.exchange, 0.0
        while waited < FIRST_MARKS_SECONDS and any(exchange.feeds[asset] != "valid" for asset in oracle.feeds):
            there = sum(exchange.feeds[asset] == "valid" for asset in oracle.feeds)
            self._watch("waiting for marks", there, len(oracle.feeds))
            await asyncio.sleep(0.05)
            waited += 0.05
        if self._agents and market is not None:
            from worldmarkets.sim.agents.crew import Crew

            self.crew = Crew(self.node, self.node.deposits, market)
            await self.crew.fund(lambda done, total: self._watch("funding agents", done, total))
            on_ready()
            await self.crew.run()
        else:
            on_ready()

    def _load_market(self) -> Market | None:
        if not self.config.development:
            return None
        from worldmarkets.sim.agents.played import load_market

        self._watch("reading the recorded market", 0, 1)
        return load_market()

    def _make_sources(self, market: Market | None) -> list[Source]:
        """Return the sources of the settings and, in development, three that read the played market."""
        from worldmarkets.node.sources.http import HttpSource
        from worldmarkets.node.sources.played import PlayedSource

        sources: list[Source] = [HttpSource(settings, self.node.clock) for settings in self.config.sources]
        if market is not None:
            taken = {asset for source in sources for asset in source.assets}
            for place, (prices, noise_ppm) in enumerate(zip(market.prices, NOISE_PPM, strict=True), 1):
                free = {asset: price for asset, price in prices.items() if asset not in taken}
                sources.append(PlayedSource(f"played {place}", free, place, noise_ppm))
        return sources

    def _look_for_trades(self, events: memoryview) -> None:
        if not self.traded.is_set() and codes.TRADED in bytes(events)[8::64]:
            self.traded.set()

    def _note_address(self, data: Path) -> None:
        """Say in the folder where the venue is: whoever asked for any port finds it there."""
        found = {"pid": os.getpid(), "http": self.http_url, "stream": self.stream_url}
        passing = data / "venue.json.passing"
        passing.write_bytes(msgspec.json.encode(found))
        passing.replace(data / "venue.json")

    @property
    def http_url(self) -> str:
        """Where its HTTP interface is."""
        assert self.server is not None
        return f"http://{self.config.host}:{self.server.http_port}"

    @property
    def stream_url(self) -> str:
        """Where its stream is."""
        assert self.server is not None
        return f"ws://{self.config.host}:{self.server.stream.port}"


def lock_folder(data: Path) -> TextIO:
    """Take a folder for this process.  Raises NodeError when another one has it."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        file = open(data / "lock", "w")  # noqa: SIM115 - held for as long as the process runs
    except OSError as error:
        raise NodeError(f"{data} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise NodeError(f"another process runs the venue in {data}: stop it, or use another --data") from None
    return file
