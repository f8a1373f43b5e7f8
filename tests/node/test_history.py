"""The history holds the events of the journal, each once, whatever happens in between."""

from __future__ import annotations

import asyncio
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import duckdb
import polars
import pytest

from tests.api.served import set_mark
from tests.node.loaded import choose
from tests.node.test_node import prepare
from tests.node.venue import MAKER, START_US, TAKER, Desk, make_config
from worldmarkets.core import codes
from worldmarkets.core.codec import RECORD_BYTES
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.addresses import split_address
from worldmarkets.exchange.genesis import load_genesis
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import Config
from worldmarkets.node.errors import NodeError
from worldmarkets.node.history import History, feeder, get_history_path
from worldmarkets.node.history.export import export_history
from worldmarkets.node.history.reads import Kept, Reads
from worldmarkets.node.history.store import Store
from worldmarkets.node.history.topics import KINDS, NOT_KEPT, TOPICS
from worldmarkets.node.journal import Journal
from worldmarkets.node.node import Node, hash_genesis
from worldmarkets.node.recovery import get_journal_path, replay_block
from worldmarkets.node.sequencer import Told
from worldmarkets.schemas.commands import CancelOrder, PlaceOrder

Story = Callable[[Node, History], Awaitable[None]]
EVERYTHING = 1_000_000


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


async def trade(node: Node, seed: int, commands: int = 40) -> None:
    """Send orders, bundles and cancels at random."""
    rng = random.Random(seed)
    desks = [Desk(node, MAKER), Desk(node, TAKER)]
    for desk in desks:
        desk.nonce = seed * 10_000
    sent = [node.submit_soon(rng.choice(desks).sign(*choose(rng))) for _ in range(commands)]
    await asyncio.gather(*sent)


def read_journal(config: Config) -> list[Kept]:
    """What a history has to hold: the events of a replay of the whole journal."""
    genesis = load_genesis(config.genesis)
    exchange = Exchange(genesis)
    found, number = [], 0
    journal = Journal(get_journal_path(Path(config.data)), hash_genesis(genesis))
    for block in journal.read():
        events = bytes(replay_block(exchange, block))
        for start in range(0, len(events), RECORD_BYTES):
            number += 1
            event = events[start : start + RECORD_BYTES]
            if event[8] not in NOT_KEPT:
                found.append(Kept(number, block.time_us, event))
    journal.close()
    return found


def read_history(config: Config) -> list[Kept]:
    """What a history holds, once its node is closed."""
    store = Store(get_history_path(Path(config.data)), hash_genesis(load_genesis(config.genesis)))
    found = Reads(store).find_events(KINDS, limit=EVERYTHING)
    store.close()
    return found[::-1]


async def settle(node: Node, history: History) -> None:
    assert await history.settle(60)


def check(config: Config) -> None:
    """Hold all of a history against all of its journal."""
    found = read_history(config)
    assert found == read_journal(config)
    assert len(found) > 20


def test_it_holds_what_the_journal_gives_over_restarts(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    replayed = []

    async def begin(node: Node, history: History) -> None:
        await prepare(node)
        await trade(node, 1)

    async def go_on(node: Node, history: History) -> None:
        await trade(node, 2)
        await history.settle()
        await trade(node, 3)
        replayed.append(history.feeder.replayed)

    live(config, begin)
    live(config, go_on)
    check(config)
    assert replayed == [0]  # it was level when the node was closed: nothing to replay


def test_what_it_missed_comes_from_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(tmp_path)
    seen = []

    async def begin(node: Node, history: History) -> None:
        await prepare(node)
        await trade(node, 1)
        node.snapshot()
        await history.settle()
        image = tmp_path / "image"  # as a crash would leave it, some way behind
        shutil.copytree(config.data, image)
        await trade(node, 2)
        for name in ("history.duckdb", "history.duckdb.wal"):
            (image / name).exists() and shutil.copy(image / name, tmp_path / name)

    async def catch_up(node: Node, history: History) -> None:
        assert await history.settle(30)
        seen.append(history.feeder.replayed)

    live(config, begin)
    get_history_path(Path(config.data)).unlink()
    for name in ("history.duckdb", "history.duckdb.wal"):
        if (tmp_path / name).exists():
            shutil.copy(tmp_path / name, Path(config.data, name))
    live(config, catch_up)
    check(config)
    get_history_path(Path(config.data)).unlink()  # gone altogether: made anew from the genesis on
    live(config, catch_up)
    check(config)
    assert 0 < seen[0] < seen[1]


def test_a_queue_that_is_full_keeps_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(tmp_path)
    monkeypatch.setattr(feeder, "QUEUE_BYTES", 4_000)

    async def story(node: Node, history: History) -> None:
        await prepare(node)
        for seed in range(1, 6):
            await trade(node, seed)
        await settle(node, history)
        assert history.feeder.replayed > 0

    live(config, story)
    check(config)


def test_a_write_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(tmp_path)
    monkeypatch.setattr(feeder, "RETRY_SECONDS", 0.01)
    write, left = Store._insert_receipts, [2]

    def fail(self: Store, blocks: object) -> None:
        if left[0]:
            left[0] -= 1
            raise duckdb.IOException("no space left on device")
        write(self, blocks)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "_insert_receipts", fail)

    async def story(node: Node, history: History) -> None:
        await prepare(node)
        await trade(node, 1)
        await settle(node, history)
        assert history.feeder.failures == 2

    live(config, story)
    check(config)


@pytest.mark.slow
def test_a_kill_at_any_instant_loses_and_repeats_nothing(tmp_path: Path) -> None:
    rng = random.Random(7)
    acknowledged = []
    for seed in range(3):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.node.loaded", str(tmp_path), str(seed), "history"],
            stdout=subprocess.PIPE, text=True, env=os.environ,
        )  # fmt: skip
        assert process.stdout is not None
        until = 0.0
        for line in process.stdout:
            if line.startswith("ack"):
                until = until or time.monotonic() + 0.3 + rng.random()
                acknowledged.append(line.split())
                if time.monotonic() > until:
                    break
        process.send_signal(signal.SIGKILL)
        acknowledged += [line.split() for line in process.stdout if line.startswith("ack") and line.endswith("\n")]
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
    config = make_config(tmp_path)

    async def story(node: Node, history: History) -> None:
        await settle(node, history)
        for _, name, nonce, sequence, code in rng.sample(acknowledged, 20):
            words = split_address(bytes.fromhex((MAKER, TAKER)[int(name)].address[2:]))
            receipt = await history.ask(lambda past, w=words, n=nonce: past.find_receipt(w, int(n), KINDS))
            assert receipt is not None and receipt.sequence == int(sequence)
            told = Told(receipt.sequence, receipt.time_us, memoryview(receipt.events))
            assert node.make_receipt(told).code == code

    live(config, story)  # on a clock that is behind: no time passes while it is looked at
    check(config)


def test_a_receipt_is_the_one_that_was_given(tmp_path: Path) -> None:
    async def story(node: Node, history: History) -> None:
        await prepare(node)
        taker = Desk(node, TAKER)
        order = PlaceOrder(market="ETH-PERP", side="buy", size="1", price="1990")
        given = {
            7: await taker.send(order, nonce=7),
            8: await taker.send(PlaceOrder(market="ETH-PERP", side="buy", size="1000", price="1990"), nonce=8),
        }
        assert given[7].accepted and given[8].code == "MARGIN"
        again = await taker.send(CancelOrder(order=given[7].events[0]["order_id"]), nonce=7)
        assert again.code == "NONCE_USED"
        assert await history.settle()
        words = split_address(bytes.fromhex(TAKER.address[2:]))
        for nonce, receipt in given.items():
            kept = await history.ask(lambda past, n=nonce: past.find_receipt(words, n, KINDS))
            assert kept is not None
            assert node.make_receipt(Told(kept.sequence, kept.time_us, memoryview(kept.events))) == receipt
        assert await history.ask(lambda past: past.find_receipt(words, 9, KINDS)) is None

    live(make_config(tmp_path), story)


def test_candles_and_volumes_by_hand(tmp_path: Path) -> None:
    clock = ManualClock(START_US)
    minute = 60_000_000

    async def story(node: Node, history: History) -> None:
        await prepare(node)
        maker, taker = Desk(node, MAKER), Desk(node, TAKER)
        for after, price, size in ((0, "2001", "0.1"), (10, "2004", "0.2"), (50, "1999", "0.3"), (150, "2000", "0.4")):
            clock.time_us = START_US + after * 1_000_000
            await set_mark(node, "ETH", "2000")
            await maker.send(PlaceOrder(market="ETH-PERP", side="sell", size=size, price=price))
            await taker.send(PlaceOrder(market="ETH-PERP", side="buy", size=size, price=price))
        assert await history.settle()
        market = node.exchange.listing.market("ETH-PERP").number
        candles = await history.ask(
            lambda past: past.find_candles(market, minute, START_US, START_US + 10 * minute, 10)
        )  # fmt: skip
        # Ticks of 0.01, lots of 0.0001.  Nothing was traded in the second minute.
        assert [(c.time_us, c.open, c.high, c.low, c.close, c.lots, c.trades) for c in candles] == [
            (START_US, 200_100, 200_400, 199_900, 199_900, 6_000, 3),
            (START_US + 2 * minute, 200_000, 200_000, 200_000, 200_000, 4_000, 1),
        ]
        assert candles[0].value == 200_100 * 1_000 + 200_400 * 2_000 + 199_900 * 3_000
        (one,) = await history.ask(lambda past: past.find_candles(market, 5 * minute, 0, 1 << 60, 10))
        assert (one.open, one.close, one.lots, one.trades) == (200_100, 200_000, 10_000, 4)
        assert await history.ask(lambda past: past.find_candles(market, minute, 0, START_US, 10)) == []
        volumes = await history.ask(lambda past: past.find_volumes(START_US + minute))
        assert volumes == {market: (1, 4_000, 200_000 * 4_000)}

    live(make_config(tmp_path), story, clock)


def test_exports_read_back_as_what_happened(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    said: dict[str, list[dict[str, object]]] = {}

    async def story(node: Node, history: History) -> None:
        await prepare(node)
        await trade(node, 4)
        huge = PlaceOrder(market="ETH-PERP", side="buy", size="1000", price="1990")
        assert (await Desk(node, MAKER).send(huge)).code == "MARGIN"
        assert await history.settle()
        for topic in ("trades", "orders", "contracts", "transfers", "marks", "rejections"):
            kept = await history.ask(lambda past, t=topic: past.find_events(TOPICS[t], limit=EVERYTHING))
            said[topic] = [node.writer.write_row(one.event) for one in kept[::-1]]
        own = await history.ask(lambda past: past.find_events(TOPICS["transfers"], account=1))
        await history.export("transfers", "csv", tmp_path / "own.csv", 1)
        with open(tmp_path / "own.csv", newline="") as file:
            assert len(list(csv.DictReader(file))) == len(own) == 2

    live(config, story)
    data = get_history_path(Path(config.data))
    assert [path.name for path in export_history(data, tmp_path / "csv", "csv")][:2] == ["transfers.csv", "trades.csv"]
    export_history(data, tmp_path / "parquet")
    for topic, events in said.items():
        assert events, topic
        with open(tmp_path / f"csv/{topic}.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        frame = polars.read_parquet(tmp_path / f"parquet/{topic}.parquet")
        assert len(rows) == len(frame) == len(events)
        for event, row, typed in zip(events, rows, frame.iter_rows(named=True), strict=True):
            for name, value in event.items():
                if isinstance(value, str):
                    text = value.removesuffix("%")
                    assert row[name] == text, (topic, name)
                    kept = typed[name]
                    assert kept == (Decimal(text) if isinstance(kept, Decimal) else text), (topic, name)
                elif isinstance(value, int) and row[name] and not row[name].startswith("20"):
                    assert int(row[name]) == value == int(typed[name]), (topic, name)
    with pytest.raises(NodeError, match="no format"):
        export_history(data, tmp_path / "x", "xlsx")
    with pytest.raises(NodeError, match="no history"):
        export_history(tmp_path / "nothing", tmp_path / "x")


def test_it_belongs_to_one_venue_and_one_journal(tmp_path: Path) -> None:
    config = make_config(tmp_path)

    async def story(node: Node, history: History) -> None:
        await prepare(node)

    live(config, story)
    path = get_history_path(Path(config.data))
    with pytest.raises(NodeError, match="belongs to genesis"):
        Store(path, "another")
    for file in Path(config.data).glob("journal*"):
        file.unlink()
    shutil.rmtree(Path(config.data, "snapshots"))
    with pytest.raises(NodeError, match="the journal ends at 0"):
        live(config, story)
    (tmp_path / "text").write_text("x" * 10_000)
    with pytest.raises(NodeError, match="cannot be opened"):
        Store(tmp_path / "text", "x")


def test_one_of_another_format_is_put_aside_and_made_anew(tmp_path: Path) -> None:
    config = make_config(tmp_path)

    async def story(node: Node, history: History) -> None:
        await prepare(node)
        await trade(node, 5)

    live(config, story)
    with duckdb.connect(get_history_path(Path(config.data))) as db:
        db.execute("UPDATE meta SET format = 'old'")
    live(config, settle)
    check(config)
    assert Path(config.data, "history-old.duckdb").exists()


def test_events_of_an_account_come_in_pages(tmp_path: Path) -> None:
    async def story(node: Node, history: History) -> None:
        await prepare(node)
        await trade(node, 6)
        assert await history.settle()
        whole = await history.ask(lambda past: past.find_events(KINDS, account=2, limit=EVERYTHING))
        pages: list[Kept] = []
        before = 1 << 62
        while page := await history.ask(lambda past, b=before: past.find_events(KINDS, account=2, before=b, limit=7)):
            pages += page
            before = page[-1].number
        assert pages == whole
        names = {node.writer.write_row(one.event)["event"] for one in whole}
        assert {"DEPOSITED", "ORDER_PLACED", "TRADED"} <= names
        others = await history.ask(lambda past: past.find_events([codes.DEPOSITED], account=1))
        assert not {one.number for one in others} & {one.number for one in whole}

    live(make_config(tmp_path), story)


def test_every_kind_has_one_table_and_one_topic(tmp_path: Path) -> None:
    assert sorted(kind for kinds in TOPICS.values() for kind in kinds) == list(KINDS)
    store = Store(tmp_path / "empty.duckdb", "x")
    assert Reads(store).count_events() == dict.fromkeys(KINDS, 0)
    store.close()
