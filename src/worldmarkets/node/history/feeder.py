"""How blocks come into the history: from the sequencer while it keeps up, from the journal when it does not.

The sequencer's side never waits.  What it tells waits in a bounded queue; when that is full the feeder stops listening,
writes what it has, and replays the journal behind its last block, with an engine of its own, until it is level again.
The same way it comes back after a start.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import structlog

from worldmarkets.exchange import Exchange
from worldmarkets.node.errors import NodeError
from worldmarkets.node.history.store import Happened, Store
from worldmarkets.node.journal import NO_HASH, Journal
from worldmarkets.node.recovery import find_start, replay_block
from worldmarkets.node.sequencer import Applied
from worldmarkets.node.snapshots import Restored, Snapshots

QUEUE_BYTES = 1 << 26
BATCH_BYTES = 1 << 24  # of one transaction
GATHER_SECONDS = 0.2  # a transaction a time: blocks that come sooner go together
RETRY_SECONDS = 1.0
log = structlog.get_logger()


@dataclass(slots=True)
class _Waiter:
    block: int
    tell: Callable[[], object]


class Feeder:
    """Feeds a store in a thread of its own.

    `open_journal` and `open_exchange` give that thread its own view of the journal, and an exchange before its first
    block.
    """

    def __init__(
        self, store: Store, open_journal: Callable[[], Journal], snapshots: Snapshots,
        open_exchange: Callable[[], Exchange],
    ) -> None:  # fmt: skip
        self._store = store
        self._open_journal = open_journal
        self._snapshots = snapshots
        self._open_exchange = open_exchange
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._queue: deque[Happened] = deque()
        self._bytes = 0
        self._is_listening = False
        self._is_stopping = False
        self._waiters: list[_Waiter] = []
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self.block = store.block
        self.replayed = 0  # blocks that came from the journal
        self.failures = 0

    def start(self, applied: int) -> None:
        """Begin, level with the sequencer or behind it; tell it of every block after `applied` from now on."""
        if self._store.block > applied:
            raise NodeError(
                f"{self._store.path} holds block {self._store.block}, and the journal ends at {applied}: "
                "put the journal back that belongs to it, or take the history away"
            )
        self._is_listening = self._store.block == applied
        self._thread.start()

    def tell(self, applied: Applied, hash_: bytes) -> None:
        """Take a block, if there is room; never wait."""
        happened = Happened(applied.block, applied.events, hash_)
        size = len(applied.events) + len(applied.block.commands)
        with self._lock:
            if not self._is_listening:
                return
            if self._bytes + size > QUEUE_BYTES:
                self._is_listening = False
                return
            self._queue.append(happened)
            self._bytes += size
        if not self._wake.is_set():
            self._wake.set()

    async def reach(self, block: int, timeout: float) -> bool:
        """Wait until the history holds a block; say whether it does."""
        if self.block >= block:
            return True
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def finish() -> None:
            if not future.done():
                future.set_result(True)

        waiter = _Waiter(block, lambda: loop.call_soon_threadsafe(finish))
        with self._lock:
            self._waiters.append(waiter)
        try:
            if self.block < block:  # not written while the waiter took its place
                await asyncio.wait_for(future, timeout)
        except TimeoutError:
            return False
        finally:
            with self._lock:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        return True

    def stop(self) -> None:
        """Write what waits, and end.  What is only in the journal is read from there at the next start."""
        self._is_stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    # The thread.

    def _run(self) -> None:
        while True:
            try:
                if not self._step():
                    return
            except (duckdb.Error, NodeError, OSError) as error:
                self.failures += 1
                log.error("history could not be written; it is tried again", error=str(error))
                self._drop()
                if self._is_stopping:
                    return
                time.sleep(RETRY_SECONDS)

    def _step(self) -> bool:
        """Write what there is; say whether there may be more."""
        blocks = self._take()
        if blocks:
            self._write(blocks)
            if not self._is_stopping:
                time.sleep(GATHER_SECONDS)
            return True
        if self._is_stopping:
            return False
        if not self._is_listening:
            self._catch_up()
            return True
        self._wake.wait()
        self._wake.clear()
        return True

    def _take(self) -> list[Happened]:
        """Take as much of the queue as goes into one transaction, from the first block that is missing."""
        found: list[Happened] = []
        size = 0
        with self._lock:
            while self._queue and size < BATCH_BYTES:
                happened = self._queue.popleft()
                own = len(happened.events) + len(happened.block.commands)
                self._bytes -= own
                if happened.block.number > self._store.block:
                    found.append(happened)
                    size += own
        return found

    def _drop(self) -> None:
        """Forget the queue: the journal has it."""
        with self._lock:
            self._is_listening = False
            self._queue.clear()
            self._bytes = 0

    def _write(self, blocks: list[Happened]) -> None:
        self._store.write(blocks)
        self.block = self._store.block
        with self._lock:
            reached = [waiter for waiter in self._waiters if waiter.block <= self.block]
            self._waiters = [waiter for waiter in self._waiters if waiter.block > self.block]
        for waiter in reached:
            waiter.tell()

    def _catch_up(self) -> None:
        """Replay the journal from behind the last block to its end, then listen again, and replay what came between.

        A block is journalled before it is told, so that every one from before listening is found in the second part.
        """
        journal = self._open_journal()
        try:
            exchange = self._find_exchange(journal)
            self._replay(journal, exchange)
            with self._lock:
                self._is_listening = not self._is_stopping
            self._replay(journal, exchange)
        finally:
            journal.close()

    def _find_exchange(self, journal: Journal) -> Exchange:
        """Return the exchange after the last block that the history holds."""
        block = self._store.block
        if journal.read_hash(block) != self._store.hash:
            raise NodeError(f"block {block} of {journal.path} is not the one that {self._store.path} holds")
        start = find_start(journal, self._snapshots, block) or Restored(
            self._open_exchange(), 0, NO_HASH, NO_HASH, ""
        )  # fmt: skip
        for one in journal.read(start.block, start.hash):
            if one.number > block or self._is_stopping:
                break
            replay_block(start.exchange, one)
        return start.exchange

    def _replay(self, journal: Journal, exchange: Exchange) -> None:
        blocks: list[Happened] = []
        size = 0
        hash_ = self._store.hash
        for block in journal.read(self._store.block, hash_):
            if self._is_stopping:
                break
            events = replay_block(exchange, block)
            hash_ = block.compute_hash(hash_)
            blocks.append(Happened(block, events, hash_))
            size += len(events) + len(block.commands)
            self.replayed += 1
            if size >= BATCH_BYTES:
                self._write(blocks)
                blocks, size = [], 0
        if blocks:
            self._write(blocks)
