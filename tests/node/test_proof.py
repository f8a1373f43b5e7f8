"""Receipts follow from the log and the genesis; a log or a receipt that was changed is found out."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.node.crash import BIDDER, bid, fall, open_long, watch
from tests.node.test_history import live
from tests.node.venue import START_US, TAKER, Desk, make_config
from worldmarkets.core import codes
from worldmarkets.core.codec import RECORD_BYTES, decode_commands, decode_events
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.genesis import load_genesis
from worldmarkets.exchange.inbound import Scribe
from worldmarkets.node import proof
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import Config
from worldmarkets.node.errors import JournalError, RecoveryError
from worldmarkets.node.history import History
from worldmarkets.node.journal import NO_HASH, Block, Journal
from worldmarkets.node.node import Node, hash_genesis
from worldmarkets.node.proof import prove
from worldmarkets.node.recovery import get_journal_path, replay_block
from worldmarkets.schemas.commands import PlaceBid, PlanStep, SetPlan


def record(folder: Path, story: Callable[[Node, ManualClock], Awaitable[None]]) -> Config:
    """Run a venue with a ladder for as long as a story lasts; return its settings."""
    config, clock = make_config(folder), ManualClock(START_US)

    async def tell(node: Node, history: History) -> None:
        await story(node, clock)

    live(config, tell, clock)
    return config


def open_journal(config: Config) -> Journal:
    return Journal(get_journal_path(Path(config.data)), hash_genesis(load_genesis(config.genesis)))


def find_receipts(config: Config) -> list[Any]:
    """The ends of rungs that the log gives."""
    exchange, found, journal = Exchange(load_genesis(config.genesis)), [], open_journal(config)
    for block in journal.read():
        found += [one for one in decode_events(replay_block(exchange, block)) if one.kind == codes.RUNG_ENDED]
    journal.close()
    return found


def prove_all(config: Config) -> list[proof.Proof]:
    found, journal = [], open_journal(config)
    for sequence in dict.fromkeys(event.sequence for event in find_receipts(config)):
        found += prove(journal, load_genesis(config.genesis), sequence)
    journal.close()
    return found


async def deposit(node: Node, amount: str) -> None:
    scribe = Scribe(node.exchange, node.exchange.find_account(TAKER.address).number)
    scribe.deposit("USDM", amount)
    await node.send_and_wait(*decode_commands(scribe.commands[0]))


async def unwind(node: Node, clock: ManualClock) -> None:
    """A plan, a margin call, then an unwind in slices with two marks on its way, and a deposit amid it."""
    trader = await open_long(node)
    assert (await trader.send(SetPlan(steps=[PlanStep(step="close", market="ETH-PERP", share="10%")]))).accepted
    await fall(node, clock, "1890")
    await bid(node, 1800, "0.05")
    await fall(node, clock, "1800")
    await watch(node, clock, 2)
    await deposit(node, "7")
    await fall(node, clock, "1790")
    await bid(node, 1790, "0.5")
    await watch(node, clock, 8)


async def auction(node: Node, clock: ManualClock) -> None:
    """Nobody trades: the clock runs into the auction, where a bid takes a slice for a tenth of the shock loss."""
    await open_long(node)
    bidder = Desk(node, BIDDER)
    bidder.nonce = 1_000
    assert (await bidder.send(PlaceBid(size="100000", d="0.1"))).accepted
    await fall(node, clock, "1800")
    for _ in range(30):
        clock.advance(29_000_000)
        await watch(node, clock, 1)


async def close_out(node: Node, clock: ManualClock) -> None:
    """ETH falls through everything at once."""
    await open_long(node)
    await fall(node, clock, "1600")
    await watch(node, clock, 3)


@pytest.mark.parametrize(
    ("story", "rungs"),
    [(unwind, ["unwind"]), (auction, ["unwind", "auction"]), (close_out, ["close-out"])],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_every_receipt_follows_from_the_log(tmp_path: Path, story: Any, rungs: list[str]) -> None:
    config = record(tmp_path, story)
    proofs = prove_all(config)
    assert [one.receipt.rung for one in proofs] == rungs
    for one in proofs:
        assert one.is_good, [figure for figure in one.figures if not figure.is_equal]
        assert one.account == f"{TAKER.address}#0"
    figures = {figure.name: figure.found for one in proofs for figure in one.figures}
    if story is unwind:
        assert proofs[0].fills > 2 and figures["lost to slippage"] > 0 and figures["fees"] > 0
        assert figures["brought"] == 7_000_000 and figures["lost to price"] > 0
    if story is auction:
        assert figures["discount"] > 0 and proofs[0].receipt.follows == "auction"


@pytest.fixture(scope="module")
def unwound(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A venue that has gone through a close-out."""
    return record(tmp_path_factory.mktemp("venue"), close_out)


def copy(config: Config, folder: Path) -> Config:
    shutil.copytree(config.data, folder / "data")
    return msgspec.structs.replace(config, data=str(folder / "data"))


def change_order(config: Config, *, is_chained: bool) -> None:
    """Let the trader have bought a little less, in the journal; `is_chained`: with all hashes made to fit."""
    with contextlib.closing(sqlite3.connect(get_journal_path(Path(config.data)), isolation_level=None)) as db:
        rows = db.execute(
            "SELECT number, first, count, time_us, commands, signed, events FROM blocks ORDER BY number"
        ).fetchall()
        before = NO_HASH
        for row in rows:
            block = Block(*row)
            orders = [one for one in decode_commands(block.commands) if one.kind == codes.PLACE_ORDER]
            if orders and orders[0].side == codes.BUY:
                order: Any = orders[0]
                order.lots -= 1
                start = len(block.commands) - RECORD_BYTES
                block = dataclasses.replace(block, commands=block.commands[:start] + bytes(order))
            before = block.compute_hash(before)
            if is_chained:
                db.execute("UPDATE blocks SET commands = ?, hash = ? WHERE number = ?",
                           (block.commands, before, block.number))  # fmt: skip
            else:
                db.execute("UPDATE blocks SET commands = ? WHERE number = ?", (block.commands, block.number))


@pytest.mark.parametrize(
    ("is_chained", "error", "message"),
    [(False, JournalError, "was changed or is torn"), (True, RecoveryError, "gives other events")],
)
def test_a_log_that_was_changed_proves_nothing(
    tmp_path: Path, unwound: Config, is_chained: bool, error: type[Exception], message: str
) -> None:
    config = copy(unwound, tmp_path)
    (ended,) = find_receipts(config)
    change_order(config, is_chained=is_chained)
    journal = open_journal(config)
    with pytest.raises(error, match=message):
        prove(journal, load_genesis(config.genesis), ended.sequence)
    journal.close()


@pytest.mark.parametrize("field", ["value_after", "initial_before", "mark_version"])
def test_a_figure_that_the_core_got_wrong_is_found(
    unwound: Config, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lie(data: Any) -> list[Any]:
        events: list[Any] = decode_events(data)
        for event in events:
            if event.kind == codes.RUNG_ENDED:
                setattr(event, field, getattr(event, field) + 100)
        return events

    (ended,) = find_receipts(unwound)
    monkeypatch.setattr(proof, "decode_events", lie)
    journal = open_journal(unwound)
    (found,) = prove(journal, load_genesis(unwound.genesis), ended.sequence)
    journal.close()
    assert not found.is_good and sum(not figure.is_equal for figure in found.figures) == 1


def test_a_command_without_a_receipt_has_no_proof(unwound: Config) -> None:
    journal = open_journal(unwound)
    assert prove(journal, load_genesis(unwound.genesis), 3) == []
    journal.close()
