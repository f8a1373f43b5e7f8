"""A node starts from what is whole, and from nothing that is not as it was journalled."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from tests.node.test_node import prepare, run
from tests.node.venue import ADMIN, MAKER, START_US, Desk, open_node
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.errors import JournalError, RecoveryError
from worldmarkets.node.node import Node
from worldmarkets.schemas.commands import ListAsset, PlaceOrder


def live(folder: Path, sessions: int = 3) -> str:
    """Run a node a few times, each leaving a snapshot behind; return the digest of its last state."""
    digest = ""
    for session in range(sessions):

        async def story(node: Node) -> None:
            if not node.journal.last:
                await prepare(node)
            desk = Desk(node, MAKER)
            desk.nonce = 1_000 * (session + 1)  # noqa: B023 - run within the turn
            for price in (1_990, 1_991, 1_992):
                order = PlaceOrder(market="ETH-PERP", side="buy", size="0.1", price=str(price))
                assert (await desk.send(order)).accepted

        node = open_node(folder, ManualClock(START_US + session))
        run(node, story)
        digest = node.exchange.digest()
    return digest


def change(folder: Path, statement: str) -> None:
    database = sqlite3.connect(folder / "data/journal.sqlite")
    database.execute(statement)
    database.commit()
    database.close()


def get_snapshots(folder: Path) -> list[Path]:
    return sorted((folder / "data/snapshots").iterdir())


def test_a_torn_snapshot_is_passed_over_for_an_older_one(tmp_path: Path) -> None:
    digest = live(tmp_path)
    *older, newest = get_snapshots(tmp_path)
    newest.write_bytes(newest.read_bytes()[:-1])
    (tmp_path / "data/snapshots/000000009999.passing").write_bytes(b"left by a crash")
    node = open_node(tmp_path)
    assert node.exchange.digest() == digest
    assert 0 < node.replayed <= 4
    for path in older:
        path.write_bytes(b"")
    again = open_node(tmp_path)
    assert again.exchange.digest() == digest and again.replayed > 10


def test_a_snapshot_of_another_log_is_not_used(tmp_path: Path) -> None:
    live(tmp_path / "one", sessions=1)
    digest = live(tmp_path / "two", sessions=2)
    for path in get_snapshots(tmp_path / "two"):
        path.unlink()
    stranger = get_snapshots(tmp_path / "one")[-1]
    (tmp_path / "two/data/snapshots" / stranger.name).write_bytes(stranger.read_bytes())
    node = open_node(tmp_path / "two")
    assert node.exchange.digest() == digest


def test_a_checkpoint_that_does_not_come_out_stops_the_start(tmp_path: Path) -> None:
    live(tmp_path)
    for path in get_snapshots(tmp_path):
        path.unlink()
    change(
        tmp_path, f"UPDATE checkpoints SET digest = '{'00' * 32}' WHERE block = (SELECT min(block) FROM checkpoints)"
    )
    with pytest.raises(RecoveryError, match="was journalled"):
        open_node(tmp_path)


def test_events_that_do_not_come_out_stop_the_start(tmp_path: Path) -> None:
    """The chain of hashes is made good, as somebody would who can write the file: the events still tell."""
    live(tmp_path, sessions=1)
    for path in get_snapshots(tmp_path):
        path.unlink()
    from worldmarkets.node.journal import NO_HASH, Journal

    node = open_node(tmp_path)
    genesis = node.domain.genesis
    node.journal.close()
    path = tmp_path / "data/journal.sqlite"
    journal = Journal(path, genesis)
    blocks = list(journal.read())
    journal.close()
    database = sqlite3.connect(path)
    head = NO_HASH
    for block in blocks:
        if block.number == len(blocks) - 1:
            price = bytearray(block.commands)
            assert price[-40:-38] != b"\0\0"  # an order's market
            price[-16] ^= 1  # its client id
            block = type(block)(block.number, block.first, block.count, block.time_us, bytes(price), block.signed,
                                block.events)  # fmt: skip
        head = block.compute_hash(head)
        database.execute(
            "UPDATE blocks SET commands = ?, hash = ? WHERE number = ?", (block.commands, head, block.number)
        )
    database.execute("DELETE FROM checkpoints")
    database.commit()
    database.close()
    with pytest.raises(RecoveryError, match="other events"):
        open_node(tmp_path)


def test_a_venue_of_another_genesis_is_not_opened(tmp_path: Path) -> None:
    live(tmp_path, sessions=1)
    genesis = tmp_path / "genesis.toml"
    config = open_node(tmp_path).config
    other = re.sub(r"iou_penalty_bp = \w+", "iou_penalty_bp = 501", genesis.read_text())
    assert other != genesis.read_text()
    genesis.write_text(other)
    with pytest.raises(JournalError, match="belongs to genesis"):
        Node.open(config, ManualClock(START_US))


def test_what_waits_to_be_listed_keeps_its_name(tmp_path: Path) -> None:
    async def propose(node: Node) -> None:
        await prepare(node)
        asset = ListAsset(
            symbol="DOT", decimals=8, group="DOT", price_shock_ppm=300_000, slippage_ppm=10_000, basis_ppm=0,
            depth="100000", holding_cap="50000",
        )  # fmt: skip
        receipt = await Desk(node, ADMIN).send(asset)
        assert receipt.accepted, receipt
        assert [change.about for change in node.exchange.changes] == ["DOT"]

    async def look(node: Node) -> None:
        assert [change.about for change in node.exchange.changes] == ["DOT"]

    run(open_node(tmp_path), propose)
    run(open_node(tmp_path), look)  # from the snapshot
    for path in get_snapshots(tmp_path):
        path.unlink()
    run(open_node(tmp_path), look)  # from the log
