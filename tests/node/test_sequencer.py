"""Commands get one order and rising times; nobody hears of what is not durable; what is too much is shed."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.node.test_node import prepare, run
from tests.node.venue import MAKER, START_US, TAKER, Desk, fund, open_node
from worldmarkets.core import codes
from worldmarkets.core.records import Command
from worldmarkets.node import sequencer
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import Limits
from worldmarkets.node.errors import JournalError, Refused
from worldmarkets.node.node import Node
from worldmarkets.node.sequencer import Applied
from worldmarkets.schemas.commands import PlaceOrder

ORDER = PlaceOrder(market="ETH-PERP", side="buy", size="0.1", price="1900")


def test_a_block_holds_what_came_while_the_one_before_was_written(tmp_path: Path) -> None:
    blocks: list[Applied] = []

    async def story(node: Node) -> None:
        node.sequencer.listen(blocks.append)
        told: list[Any] = []
        for _ in range(600):
            node.send(Command(kind=codes.ADVANCE_TIME), tell=told.append)
        while len(told) < 600:
            await asyncio.sleep(0.001)
        assert [one.sequence for one in told] == list(range(told[0].sequence, told[0].sequence + 600))

    run(open_node(tmp_path), story)
    counts = [applied.block.count for applied in blocks]
    assert max(counts) == sequencer.BLOCK_COMMANDS and sum(counts) >= 600 and len(counts) <= 5


def test_time_does_not_run_backwards_when_the_clock_does(tmp_path: Path) -> None:
    clock = ManualClock(START_US + 5_000_000)
    times: list[int] = []

    async def story(node: Node) -> None:
        node.sequencer.listen(lambda applied: times.append(applied.block.time_us))
        await node.send_and_wait(Command(kind=codes.ADVANCE_TIME))
        clock.time_us -= 3_000_000
        await node.send_and_wait(Command(kind=codes.ADVANCE_TIME))
        clock.time_us += 4_000_000
        events = await node.send_and_wait(Command(kind=codes.ADVANCE_TIME))
        assert events[-1].kind == codes.TIME_ADVANCED

    run(open_node(tmp_path, clock), story)
    assert times == sorted(times) and times[-1] == START_US + 6_000_000


def test_a_full_queue_and_a_closed_door_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequencer, "QUEUE_COMMANDS", 3)

    async def story(node: Node) -> None:
        for _ in range(3):
            node.send(Command(kind=codes.ADVANCE_TIME))
        with pytest.raises(Refused, match="OVERLOADED") as refused:
            node.send(Command(kind=codes.ADVANCE_TIME))
        assert (refused.value.needed, refused.value.had) == (3, 3)
        node.stop()
        with pytest.raises(Refused, match="NOT_READY"):
            node.send(Command(kind=codes.ADVANCE_TIME))

    node = open_node(tmp_path)
    run(node, story)
    assert open_node(tmp_path).exchange.digest() == node.exchange.digest()


def test_no_receipt_leaves_for_what_could_not_be_journalled(tmp_path: Path) -> None:
    node = open_node(tmp_path)

    async def live() -> None:
        task = asyncio.create_task(node.run())
        await asyncio.sleep(0)
        await prepare(node)
        desk = Desk(node, MAKER)
        assert (await desk.send(ORDER)).accepted
        before = node.exchange.digest()
        node.journal._db.execute("PRAGMA query_only = ON")  # the disk is full, or gone
        waiting = [node.submit_soon(desk.sign(ORDER)) for _ in range(3)]
        with pytest.raises(JournalError):
            await task
        assert not any(future.done() for future in waiting)
        assert node.exchange.digest() == before
        taker = Desk(node, TAKER)
        with pytest.raises(Refused, match="NOT_READY"):
            await taker.send(ORDER)

    asyncio.run(live())
    node.close()
    again = open_node(tmp_path)
    assert again.exchange.digest() == node.exchange.digest()


def test_a_key_and_an_account_have_their_share_of_a_second(tmp_path: Path) -> None:
    clock = ManualClock(START_US)
    limits = Limits(key_commands=5, account_commands=8, burst_seconds=1, previews=1)

    async def story(node: Node) -> None:
        await fund(node, MAKER, USDM="1000")
        desk = Desk(node, MAKER)
        for _ in range(5):
            await desk.send(ORDER)
        with pytest.raises(Refused, match="RATE_LIMIT") as refused:
            await desk.send(ORDER)
        assert (refused.value.needed, refused.value.had) == (5, 1)
        clock.advance(400_000)  # two of five come back
        await desk.send(ORDER, ORDER)
        with pytest.raises(Refused, match="RATE_LIMIT"):
            await desk.send(ORDER)
        node.preview(desk.sign(ORDER))
        with pytest.raises(Refused, match="previews"):
            node.preview(desk.sign(ORDER))
        clock.advance(600_000)
        await Desk(node, TAKER, owner=MAKER.address).send(ORDER)  # another key: turned away inside, not here

    run(open_node(tmp_path, clock, limits=limits), story)


def test_a_journal_is_one_file_that_sqlite_reads(tmp_path: Path) -> None:
    run(open_node(tmp_path), prepare)
    database = sqlite3.connect(tmp_path / "data/journal.sqlite")
    assert database.execute("SELECT sum(count) FROM blocks").fetchone()[0] >= 6
    database.close()
