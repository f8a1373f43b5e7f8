"""The history of a venue: everything that happened, for ever, in one DuckDB file beside the journal.

history = History.open(node)
history.start()
trades = await history.ask(lambda reads: reads.find_events(TOPICS["trades"], limit=10))
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from worldmarkets.exchange import Exchange
from worldmarkets.exchange.genesis import load_genesis
from worldmarkets.node.history.export import copy_topic
from worldmarkets.node.history.feeder import Feeder
from worldmarkets.node.history.reads import Reads
from worldmarkets.node.history.store import Store
from worldmarkets.node.journal import Journal
from worldmarkets.node.node import Node
from worldmarkets.node.recovery import get_journal_path

T = TypeVar("T")
ASKED_AT_ONCE = 2


class History:
    """The history of a node.  `block` is the last block that it holds; `readers` are the threads that are asked."""

    def __init__(self, node: Node, store: Store) -> None:
        self._node = node
        self._store = store
        self._reads = Reads(store)
        self.readers = ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="history-reads")
        config = node.config
        self.feeder = Feeder(
            store,
            lambda: Journal(get_journal_path(Path(config.data)), node.domain.genesis),
            node.snapshots,
            lambda: Exchange(load_genesis(config.genesis or None)),
        )

    @classmethod
    def open(cls, node: Node) -> History:
        """Return the history of a node's folder.  Raises NodeError."""
        return cls(node, Store(get_history_path(Path(node.config.data)), node.domain.genesis))

    @property
    def block(self) -> int:
        """The last block that it holds."""
        return self.feeder.block

    @property
    def events(self) -> int:
        """How many events there were up to that block."""
        return self._store.events

    def start(self) -> None:
        """Follow the node from now on, and catch up with what was before.  Raises NodeError."""
        sequencer = self._node.sequencer
        self._store.write_listing(self._node.exchange.listing)
        sequencer.listen(lambda applied: self.feeder.tell(applied, sequencer.applied_hash))
        self.feeder.start(sequencer.applied)

    async def ask(self, question: Callable[[Reads], T]) -> T:
        """Return the answer to a question, which is asked in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.readers, question, self._reads)

    async def read_checkpoints(self, limit: int) -> list[tuple[int, str]]:
        """Return the latest digests of the state, as (block, digest), newest first."""

        def read() -> list[tuple[int, str]]:
            path = get_journal_path(Path(self._node.config.data))
            with contextlib.closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as db:
                return db.execute(
                    "SELECT block, digest FROM checkpoints ORDER BY block DESC LIMIT ?", (limit,)
                ).fetchall()

        return await asyncio.get_running_loop().run_in_executor(self.readers, read)

    async def export(self, topic: str, form: str, path: Path, account: int = 0) -> None:
        """Write a topic's events, of one account or of all, to a file."""

        def write() -> None:
            self._store.write_listing(self._node.exchange.listing)
            with self._store.db.cursor() as cursor:
                copy_topic(cursor, topic, form, path, account)

        await asyncio.get_running_loop().run_in_executor(self.readers, write)

    async def settle(self, timeout: float = 2.0) -> bool:
        """Wait until everything up to now is there; say whether it is."""
        return await self.feeder.reach(self._node.sequencer.applied, timeout)

    async def stop(self) -> None:
        """Write what waits and close the file: after the node has stopped."""
        await asyncio.get_running_loop().run_in_executor(None, self.feeder.stop)
        self.readers.shutdown()
        self._store.write_listing(self._node.exchange.listing)
        self._store.close()


def get_history_path(data: Path) -> Path:
    """The history's place in a node's folder."""
    return data / "history.duckdb"
