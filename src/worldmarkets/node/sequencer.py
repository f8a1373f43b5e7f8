"""The sequencer: gives commands their numbers and their time, and lets nothing out before it is durable.

Commands wait in a bounded queue.  A mini-block is closed when the journal is free, and holds at most `BLOCK_COMMANDS`
commands; while one is being written the next gathers, so a block waits for the one before and for nothing else.  Then:
journal, apply, and only then tell.  What is told are the events of the whole block to every listener, and to each
command's own waiter the events that are its own.

Time never runs backwards: a block's time is the clock's, or that of the block before when the clock fell behind.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec
import numpy as np

from worldmarkets.core.codec import RECORD_BYTES
from worldmarkets.exchange import Exchange
from worldmarkets.node.clock import Clock
from worldmarkets.node.errors import JournalError, Refused
from worldmarkets.node.journal import NO_HASH, Block, Journal, hash_events
from worldmarkets.node.recovery import name_block

BLOCK_COMMANDS = 256
BLOCK_RECORDS = 1 << 15  # of one block, legs among them: what the engine's inbox surely takes
QUEUE_COMMANDS = 1 << 14
_WORDS = RECORD_BYTES // 8


@dataclass(slots=True)
class Entry:
    """A command on its way: its records, the signed message it came from, and who waits for its events.

    `deposit` is the id of the deposit that it credits.
    """

    records: bytes
    signed: bytes = b""
    tell: Callable[[Told], None] | None = None
    deposit: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What a command came to: its number, its time, and its events as bytes.  None: the node stopped before it."""

    sequence: int
    time_us: int
    events: memoryview


@dataclass(frozen=True, slots=True)
class Applied:
    """A block that is durable and applied, with its events."""

    block: Block
    events: memoryview


Listener = Callable[[Applied], None]


class Sequencer:
    """Takes commands, one at a time, into one order.

    `applied` is the last block that the state has, `events` the digest of what it gave: the journal may hold one more.
    """

    def __init__(self, exchange: Exchange, journal: Journal, clock: Clock, last_events: bytes = NO_HASH) -> None:
        self.exchange = exchange
        self.journal = journal
        self.clock = clock
        self.failure: JournalError | None = None
        self.measure: Callable[[float, float], None] | None = None  # told the seconds of journal and of applying
        self.applied, self.applied_hash = journal.last, journal.head
        self.events = last_events
        self._queue: deque[Entry] = deque()
        self._listeners: list[Listener] = []
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")

    def listen(self, listener: Listener) -> None:
        """Have a listener told of every block from now on, in the order in which listeners came."""
        self._listeners.append(listener)

    @property
    def waiting(self) -> int:
        """How many commands wait."""
        return len(self._queue)

    def submit(self, entry: Entry) -> None:
        """Queue a command.  Raises Refused when the queue is full or the node does not take commands."""
        if self._is_stopping or self.failure is not None:
            raise Refused("NOT_READY", "the venue takes no commands now")
        if len(self._queue) >= QUEUE_COMMANDS:
            raise Refused("OVERLOADED", "the queue is full", QUEUE_COMMANDS, len(self._queue))
        self._queue.append(entry)
        self._wake.set()

    def close_door(self) -> None:
        """Take no more commands; those that wait are still done."""
        self._is_stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Close block after block until the door is closed and the queue is empty.  Raises JournalError."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                if not self._queue:
                    if self._is_stopping:
                        return
                    self._wake.clear()
                    await self._wake.wait()
                    continue
                entries, block = self._close_block()
                deposits = [(entry.deposit, place) for place, entry in enumerate(entries) if entry.deposit]
                begun = time.perf_counter()
                await loop.run_in_executor(self._writer, self.journal.append, block, deposits)
                durable = time.perf_counter()
                self._apply(entries, block)
                if self.measure is not None:
                    self.measure(durable - begun, time.perf_counter() - durable)
        except JournalError as error:
            self.failure = error
            raise
        finally:
            self._writer.shutdown()

    def _close_block(self) -> tuple[list[Entry], Block]:
        entries: list[Entry] = []
        size = 0
        while self._queue and len(entries) < BLOCK_COMMANDS:
            size += len(self._queue[0].records)
            if size > BLOCK_RECORDS * RECORD_BYTES:
                break
            entries.append(self._queue.popleft())
        time_us = max(self.clock.now_us(), self.journal.time_us, self.exchange.time_us)
        commands = bytearray(b"".join([entry.records for entry in entries]))
        np.frombuffer(commands, np.int64).reshape(-1, _WORDS)[:, 1] = time_us  # the second word of every record
        signed = [(place, entry.signed) for place, entry in enumerate(entries) if entry.signed]
        return entries, Block(
            number=self.journal.last + 1, first=self.journal.next_sequence, count=len(entries), time_us=time_us,
            commands=bytes(commands), signed=msgspec.msgpack.encode(signed) if signed else b"", events=self.events,
        )  # fmt: skip

    def _apply(self, entries: list[Entry], block: Block) -> None:
        events = memoryview(self.exchange.apply_block(block.commands))
        self.applied, self.applied_hash = block.number, self.journal.head
        self.events = hash_events(events)
        name_block(self.exchange, block, events)
        applied = Applied(block, events)
        for listener in self._listeners:
            listener(applied)
        sequences = np.frombuffer(events, np.int64).reshape(-1, _WORDS)[:, 0]
        starts = np.searchsorted(sequences, np.arange(block.first, block.first + block.count + 1))
        ends = (starts * RECORD_BYTES).tolist()
        for place, entry in enumerate(entries):
            if entry.tell is not None:
                entry.tell(Told(block.first + place, block.time_us, events[ends[place] : ends[place + 1]]))
