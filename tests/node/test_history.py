"""The history holds the events of the journal, each once, whatever happens in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.node.venue import START_US
from worldmarkets.core.codec import RECORD_BYTES
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.genesis import load_genesis
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import Config
from worldmarkets.node.history import History, get_history_path
from worldmarkets.node.history.reads import Kept
from worldmarkets.node.history.store import Store
from worldmarkets.node.history.topics import NOT_KEPT
from worldmarkets.node.journal import Journal
from worldmarkets.node.node import Node
from worldmarkets.node.recovery import get_journal_path, replay_block

Story = Callable[[Node, History], Awaitable[None]]


def live(config: Config, story: Story, clock: ManualClock | None = None) -> None:
    """Run a node with its history for as long as a story lasts."""

    async def run() -> None:
        node = Node.open(config, clock or ManualClock(START_US))
        history = History.open(node)
        history.start()
        task = asyncio.create_task(node.run())
        await asyncio.sleep(0)
        try:
            await story(node, history)
        finally:
            node.stop()
            await task
            await history.stop()
            node.close()

    asyncio.run(run())


def read_journal(config: Config) -> list[Kept]:
    """Every event that a history has to hold: of a replay of the whole journal."""
    genesis = load_genesis(config.genesis)
    exchange = Exchange(genesis)
    found, number = [], 0
    journal = Journal(get_journal_path(Path(config.data)), Store(get_history_path(Path(config.data)), "")._genesis)
    for block in journal.read():
        events = bytes(replay_block(exchange, block))
        for start in range(0, len(events), RECORD_BYTES):
            number += 1
            event = events[start : start + RECORD_BYTES]
            if event[8] not in NOT_KEPT:
                found.append(Kept(number, block.time_us, event))
    journal.close()
    return found
