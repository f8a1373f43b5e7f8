"""A node: the exchange, its journal and its snapshots, the door, and the sequencer between them.

node = Node.open(config)
task = asyncio.create_task(node.run())
receipt = await node.submit(message)
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from worldmarkets.core import codes
from worldmarkets.core.codec import RECORD_BYTES, decode_events, encode, result_name
from worldmarkets.core.records import Command, Record
from worldmarkets.exchange import Account, Exchange, Rejected, UnitError
from worldmarkets.exchange.genesis import Genesis, load_genesis
from worldmarkets.exchange.ladder import WhatIf, compute_what_if
from worldmarkets.exchange.outbound import Writer, skip_timed
from worldmarkets.exchange.results import Reader
from worldmarkets.node.clock import Clock, SystemClock
from worldmarkets.node.config import Config
from worldmarkets.node.deposits import Deposits
from worldmarkets.node.door import Door
from worldmarkets.node.errors import NodeError, Refused
from worldmarkets.node.faucet import Faucet
from worldmarkets.node.gate import Gate
from worldmarkets.node.journal import Journal
from worldmarkets.node.metrics import Metrics
from worldmarkets.node.recovery import Progress, Recovered, Replayed, get_journal_path, recover
from worldmarkets.node.sequencer import Applied, Entry, Sequencer, Told
from worldmarkets.node.snapshots import Snapshots
from worldmarkets.node.verifier import Found
from worldmarkets.schemas.answers import Receipt
from worldmarkets.schemas.commands import SignedBundle
from worldmarkets.schemas.signing import Domain

RECEIPTS_KEPT = 1 << 16
EVENTS_KEPT = 1 << 17  # of all those receipts: a mass quote's has a hundred
WHAT_IF_SECONDS = 0.06  # at most, of the loop
WHAT_IF_COST = 20  # in previews
LATE_SECONDS = 0.01  # between two time steps while accounts wait for a look
TICK_SECONDS = 0.05  # how long timed work may wait for a command of its own when nobody sends one
GAUGES = (
    ("queue_commands", "Commands that wait to be sequenced."),
    ("block", "The last mini-block applied."),
    ("ready", "1 while commands are taken, else 0."),
    ("accounts", "Accounts that were opened."),
    ("snapshot_age_seconds", "Since the newest snapshot was written; -1 without one."),
)
log = structlog.get_logger()


def hash_genesis(genesis: Genesis) -> str:
    """Return the hash that names a venue: of everything in its genesis."""
    return hashlib.blake2b(msgspec.json.encode(genesis, order="deterministic"), digest_size=32).hexdigest()


def _forgive(future: asyncio.Future[Receipt]) -> None:
    """Take note of a refusal, also when nobody waits for it any more."""
    if not future.cancelled():
        future.exception()


class Node:
    """A running venue."""

    def __init__(
        self, config: Config, clock: Clock, genesis: Genesis, journal: Journal, snapshots: Snapshots,
        recovered: Recovered,
    ) -> None:  # fmt: skip
        self.config = config
        self.clock = clock
        self.journal = journal
        self.snapshots = snapshots
        self.exchange: Exchange = recovered.exchange
        self.replayed = recovered.replayed
        self.domain = Domain(chain_id=config.chain_id, genesis=hash_genesis(genesis))
        self.sequencer = Sequencer(self.exchange, journal, clock, recovered.events)
        self.door = Door(self.exchange, self.domain, clock, config.limits)
        self.gate = Gate(self.domain, apart=config.verifies_apart)
        self.writer = Writer(self.exchange)
        self._reader = Reader(self.exchange.listing, self.exchange.get_account, self.exchange.get_resting_lots)
        self.deposits = Deposits(self)
        self.faucet = Faucet(config.faucet, self.deposits, journal, clock)
        self.is_ready = False
        self._receipts: OrderedDict[bytes, asyncio.Future[Receipt]] = OrderedDict()
        self._events_kept = 0
        self._since_snapshot = 0
        self.metrics = self._make_metrics()
        self.sequencer.listen(self._count)
        self.sequencer.listen(self.metrics.count_block)

    @classmethod
    def open(
        cls, config: Config, clock: Clock | None = None, *, on_block: Replayed | None = None,
        on_progress: Progress | None = None,
    ) -> Node:  # fmt: skip
        """Return the node of a folder, recovered to the last block of its journal.  Raises NodeError."""
        genesis = load_genesis(config.genesis or None)
        data = Path(config.data)
        data.mkdir(parents=True, exist_ok=True)
        journal = Journal(get_journal_path(data), hash_genesis(genesis))
        snapshots = Snapshots(data / "snapshots", config.snapshots_kept)
        recovered = recover(journal, snapshots, genesis, on_block=on_block, on_progress=on_progress)
        return cls(config, SystemClock() if clock is None else clock, genesis, journal, snapshots, recovered)

    def _make_metrics(self) -> Metrics:
        metrics = Metrics()
        sequencer = self.sequencer

        def measure(journal: float, apply: float) -> None:
            metrics.journal_seconds.observe(journal)
            metrics.apply_seconds.observe(apply)

        sequencer.measure = measure
        reads = (
            lambda: sequencer.waiting,
            lambda: sequencer.applied,
            lambda: int(self.is_ready),
            lambda: len(self.exchange.accounts),
            self.snapshots.compute_age,
        )
        for (name, what), read in zip(GAUGES, reads, strict=True):
            metrics.add_gauge(name, what, read)
        return metrics

    # Running.

    async def run(self) -> None:
        """Take commands until `stop`.  Raises JournalError when the journal can no longer be written."""
        ticker = asyncio.create_task(self._tick())
        self.is_ready = True
        try:
            await self.sequencer.run()
        finally:
            self.is_ready = False
            ticker.cancel()
            await self.gate.close()

    def stop(self) -> None:
        """Close the door; `run` ends once what waits is done."""
        self.is_ready = False
        self.sequencer.close_door()

    def close(self) -> None:
        """Leave a snapshot behind and close the journal: after `run` has ended."""
        if self.sequencer.failure is None and self.journal.last:
            self.snapshot()
        self.journal.close()

    def snapshot(self) -> str:
        """Write a snapshot of now and return the digest of the state.  Raises NodeError."""
        block = self.sequencer.applied
        digest = self.snapshots.write(self.exchange, block, self.sequencer.applied_hash, self.sequencer.events)
        self.journal.note_checkpoint(block, digest)
        self._since_snapshot = 0
        log.info("snapshot", block=block, digest=digest)
        return digest

    async def _tick(self) -> None:
        """Send time steps: when timed work is due that nobody else's command has done, and while accounts wait.

        Only marks and time steps look at accounts, so other commands do not help those that wait for a look.
        """
        is_late = False
        while True:
            await asyncio.sleep(LATE_SECONDS if is_late else TICK_SECONDS)
            venue = self.exchange.read_row("venue", 1)
            is_late = venue.first_changed != 0 or self.exchange.engine.is_late()
            if is_late or (venue.next_due_us <= self.clock.now_us() and not self.sequencer.waiting):
                with suppress(Refused):  # the queue is full: the next tick tries again
                    await self.send_and_wait(Command(kind=codes.ADVANCE_TIME))

    def _count(self, applied: Applied) -> None:
        self._since_snapshot += 1
        if self._since_snapshot >= self.config.snapshot_blocks:
            try:
                self.snapshot()
            except NodeError as error:
                log.error("snapshot failed", error=str(error))
                self._since_snapshot = 0

    # Commands.

    async def submit(self, message: bytes) -> Receipt:
        """Take a signed bundle to its receipt.  Raises Refused.

        The same message again, while its receipt is kept, is answered with that receipt and does nothing.
        """
        return await asyncio.shield(self.submit_soon(message))

    def submit_soon(self, message: bytes) -> asyncio.Future[Receipt]:
        """Take a signed bundle and return the future of its receipt.  Both raise Refused."""
        key = hashlib.blake2b(message, digest_size=16).digest()
        if (kept := self._receipts.get(key)) is not None:
            return kept
        if not self.is_ready:
            raise Refused("NOT_READY", "the venue takes no commands now")
        try:
            bundle = self.door.read(message)
        except Refused as refused:
            self.metrics.count_refusal(refused.code)
            raise
        future = self._receipts[key] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_forgive)
        self._forget_receipts()
        self.gate.ask(message, bundle, partial(self._admit, key, future, message, bundle))
        return future

    def _admit(
        self, key: bytes, future: asyncio.Future[Receipt], message: bytes, bundle: SignedBundle, found: Found
    ) -> None:  # fmt: skip
        """Queue a message whose signer is known, or refuse it: then the same message may come again."""
        try:
            records = self.door.admit(bundle, self.door.get_signer(found))
            self.sequencer.submit(Entry(records, message, lambda told: self._answer(key, future, told)))
        except Refused as refused:
            self.metrics.count_refusal(refused.code)
            if self._receipts.get(key) is future:
                del self._receipts[key]
            if not future.done():
                future.set_exception(refused)

    def _forget_receipts(self) -> None:
        """Forget the oldest receipts beyond what is kept."""
        while len(self._receipts) > RECEIPTS_KEPT or self._events_kept > EVENTS_KEPT:
            _, oldest = self._receipts.popitem(last=False)
            if oldest.done() and not oldest.cancelled() and oldest.exception() is None:
                self._events_kept -= len(oldest.result().events)

    def _answer(self, key: bytes, future: asyncio.Future[Receipt], told: Told) -> None:
        if not future.done():
            receipt = self.make_receipt(told)
            future.set_result(receipt)
            if self._receipts.get(key) is future:
                self._events_kept += len(receipt.events)

    def make_receipt(self, told: Told) -> Receipt:
        """Return what is said of a command to its sender."""
        events = told.events
        if events and events[-RECORD_BYTES + 8] == codes.REJECTED:
            last: Any = decode_events(events[-RECORD_BYTES:])[0]
            return Receipt(
                sequence=told.sequence, time=told.time_us, code=result_name(last.code), accepted=False,
                message=self._reader.explain(last), needed=last.needed, had=last.had, subject=last.subject,
                leg=last.leg,
            )  # fmt: skip
        return Receipt(
            sequence=told.sequence, time=told.time_us, code="OK",
            events=self.writer.write_all(skip_timed(events)),
        )  # fmt: skip

    def send(self, *commands: Record, tell: Callable[[Told], None] | None = None, deposit: str = "") -> None:
        """Queue a command of the node itself: marks, time, deposits.  Raises Refused when the queue is full.

        `deposit` is the id of the deposit that it credits.
        """
        self.sequencer.submit(Entry(encode(commands), tell=tell, deposit=deposit))

    async def send_and_wait(self, *commands: Record, deposit: str = "") -> list[Any]:
        """Queue a command of the node itself and return its events, once it is durable."""
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

        def tell(told: Told) -> None:
            if not future.done():
                future.set_result(decode_events(told.events))

        self.send(*commands, tell=tell, deposit=deposit)
        return await future

    def preview(self, message: bytes) -> tuple[Receipt, Any, Any]:
        """Run a signed bundle through the engine and take it back: its receipt, and the account's standing.

        Returns (receipt, standing before, standing after).  Raises Refused.
        """
        try:
            bundle = self.door.read(message)
            records = bytearray(self.door.admit(bundle, self.door.identify(bundle), is_preview=True))
        except Refused as refused:
            self.metrics.count_refusal(refused.code)
            raise
        account = self.exchange.find_account(bundle.owner, bundle.account)
        time_us = max(self.clock.now_us(), self.exchange.time_us)
        for start in range(0, len(records), RECORD_BYTES):
            records[start + 8 : start + 16] = time_us.to_bytes(8, "little")
        with self.exchange.preview():
            before = account.standing
            events = memoryview(self.exchange.apply_block(bytes(records)))
            sequence = int.from_bytes(events[:8], "little")
            return self.make_receipt(Told(sequence, time_us, events)), before, account.standing

    def show_what_if(self, account: Account, moves: Mapping[str, str], asker: str) -> WhatIf:
        """Show what would become of an account if marks moved, for as long as the live core can be kept from others.

        Raises Refused, UnitError, UnknownName.
        """
        self.door.admit_asker(asker, WHAT_IF_COST)
        until = time.monotonic() + WHAT_IF_SECONDS
        try:
            return compute_what_if(
                self.exchange, account.number, moves, may_go_on=lambda: time.monotonic() < until
            )  # fmt: skip
        except Rejected as error:  # a mark that the exchange would not take
            raise UnitError(str(error)) from None
