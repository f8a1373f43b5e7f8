"""A node takes signed bundles, answers when they are durable, and comes back as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.node.crash import fall, open_long
from tests.node.venue import ADMIN, GUARDIAN, MAKER, START_US, STRANGER, TAKER, Desk, fund, make_config, open_node
from worldmarkets.core import codes
from worldmarkets.core.records import SetMark, Signed
from worldmarkets.exchange.commands import make
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.door import make_envelope
from worldmarkets.node.errors import Refused
from worldmarkets.node.node import Node
from worldmarkets.schemas.commands import (
    AddKey,
    Bundle,
    CancelOrder,
    PlaceOrder,
    RevokeKey,
    SetMarketMode,
    SignedBundle,
    Withdraw,
)


def run(node: Node, story: Callable[[Node], Awaitable[None]]) -> None:
    """Run a node for as long as a story lasts, and close it."""

    async def live() -> None:
        task = asyncio.create_task(node.run())
        await asyncio.sleep(0)
        try:
            await story(node)
        finally:
            node.stop()
            await task

    asyncio.run(live())
    node.close()


def strip(event: dict[str, Any]) -> dict[str, Any]:
    """An event without its number: a command of the node itself may come between a preview and what it promised."""
    return {name: value for name, value in event.items() if name != "sequence"}


async def prepare(node: Node) -> None:
    await fund(node, MAKER, USDM="100_000", ETH="50")
    await fund(node, TAKER, USDM="100_000")
    eth = node.exchange.listing.asset("ETH")
    await node.send_and_wait(
        make(SetMark, kind=codes.SET_MARK, asset=eth.number, price=eth.to_mark("2000"), sources=3, agreeing=3,
             source_time_us=node.clock.now_us())
    )  # fmt: skip


def test_an_order_is_placed_matched_and_there_after_a_start(tmp_path: Path) -> None:

    async def trade(node: Node) -> None:
        await prepare(node)
        maker, taker = Desk(node, MAKER), Desk(node, TAKER)
        placed = await maker.send(PlaceOrder(market="ETH-PERP", side="sell", size="1", price="2001"))
        assert placed.accepted, placed
        filled = await taker.send(PlaceOrder(market="ETH-PERP", side="buy", size="0.4", price="2001"))
        traded = next(event for event in filled.events if event["event"] == "TRADED")
        assert (traded["size"], traded["price"], traded["maker"]) == ("0.4", "2001", f"{MAKER.address}#0")

    async def look(node: Node) -> None:
        assert [str(order.size) for order in node.exchange.find_account(MAKER.address).orders] == ["0.60000000"]
        assert node.exchange.audit() == []

    node = open_node(tmp_path)
    run(node, trade)
    digest = node.exchange.digest()
    snapshot = open_node(tmp_path)
    assert snapshot.replayed == 0 and snapshot.exchange.digest() == digest
    run(snapshot, look)
    digest = snapshot.exchange.digest()
    for path in (tmp_path / "data/snapshots").iterdir():
        path.unlink()
    whole = open_node(tmp_path)
    assert whole.replayed > 5 and whole.exchange.digest() == digest
    run(whole, look)


def test_a_rejection_has_its_numbers_and_a_repeat_its_first_receipt(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await prepare(node)
        taker = Desk(node, TAKER)
        refused = await taker.send(PlaceOrder(market="ETH-PERP", side="buy", size="1000", price="2001"))
        assert (refused.accepted, refused.code, refused.needed) == (False, "MARGIN", 0) and refused.had < 0
        message = taker.sign(PlaceOrder(market="ETH-PERP", side="buy", size="1", price="1900"))
        first = await node.submit(message)
        assert await node.submit(message) is first
        assert len(node.exchange.find_account(TAKER.address).orders) == 1

    run(open_node(tmp_path), story)


def test_the_door_turns_away_what_no_key_here_signed(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await prepare(node)
        order = PlaceOrder(market="ETH-PERP", side="buy", size="1", price="1900")
        stranger = await Desk(node, STRANGER, owner=TAKER.address).send(order)
        assert stranger.code == "UNKNOWN_KEY"
        other = await Desk(node, MAKER, owner=TAKER.address).send(order)
        assert other.code == "KEY_FORBIDDEN"
        taker = Desk(node, TAKER)
        used = await taker.send(order, nonce=5)
        assert used.accepted
        again = await taker.send(CancelOrder(order=used.events[0]["order_id"]), nonce=5)
        assert again.code == "NONCE_USED"
        with pytest.raises(Refused, match="EXPIRED"):
            await taker.send(order, expiry=START_US // 1_000 - 1)
        message = taker.sign(order)
        with pytest.raises(Refused, match="MALFORMED"):
            await node.submit(message[:-1])
        with pytest.raises(Refused, match="UNKNOWN_NAME"):
            await taker.send(PlaceOrder(market="ETH-PEPR", side="buy", size="1", price="1900"))
        with pytest.raises(Refused, match="UNIT"):
            await taker.send(PlaceOrder(market="ETH-PERP", side="buy", size="0.000000001", price="1900"))
        forged = await node.submit(message.replace(b'"1900"', b'"1901"'))
        assert not forged.accepted
        withdrawn = await taker.send(Withdraw(asset="USDM", amount="10"))
        assert withdrawn.accepted

    run(open_node(tmp_path), story)


def test_a_preview_gives_what_sending_gives_and_changes_nothing(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await prepare(node)
        maker, taker = Desk(node, MAKER), Desk(node, TAKER)
        await maker.send(PlaceOrder(market="ETH-PERP", side="sell", size="1", price="2001"))
        message = taker.sign(PlaceOrder(market="ETH-PERP", side="buy", size="0.4", price="2001"))
        before = node.exchange.digest()
        promised, _, after = node.preview(message)
        assert node.exchange.digest() == before
        done = await node.submit(message)
        assert [strip(event) for event in promised.events] == [strip(event) for event in done.events]
        assert node.exchange.find_account(TAKER.address).standing == after

    run(open_node(tmp_path), story)


def test_the_envelope_is_the_record_of_the_core() -> None:
    bundle = Bundle(owner=TAKER.address, account=0, nonce=7, expiry=9, legs=[CancelOrder(order=1)])
    signed = SignedBundle(**msgspec.structs.asdict(bundle), signature="0x" + 130 * "0")
    key = int(TAKER.address, 16)
    assert make_envelope(5, TAKER.address, signed, 1) == bytes(
        Signed(kind=codes.SIGNED, account=5, count=1, signer_high=key >> 96, signer_middle=key >> 32 & (1 << 64) - 1,
               signer_low=key & (1 << 32) - 1, nonce=7, expiry_us=9_000)
    )  # fmt: skip


def test_accounts_that_wait_for_a_look_get_one_without_anybodys_command(tmp_path: Path) -> None:
    """With one look a time, the marks of a crash leave the trader waiting: the node's own time steps go on."""
    clock = ManualClock(START_US)
    config = make_config(tmp_path)
    genesis = Path(config.genesis)
    text = genesis.read_text()
    assert text.count("sweep_visits = 2_048") == 1
    genesis.write_text(text.replace("sweep_visits = 2_048", "sweep_visits = 1"))

    async def story(node: Node) -> None:
        trader = node.exchange.find_account((await open_long(node)).owner)
        await fall(node, clock, "1700")
        assert node.exchange.engine.is_late()
        assert trader.ladder is None
        for _ in range(100):
            clock.advance(1)
            await asyncio.sleep(0.02)
            if not node.exchange.engine.is_late():
                break
        assert trader.ladder is not None

    run(Node.open(config, clock), story)


def test_the_guardian_halts_and_the_administrator_opens_again(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await prepare(node)
        guardian, administrator, taker = Desk(node, GUARDIAN), Desk(node, ADMIN), Desk(node, TAKER)
        halt, reopen = (
            SetMarketMode(mode="cancel_only", market="ETH-PERP"),
            SetMarketMode(mode="open", market="ETH-PERP"),
        )
        assert (await taker.send(halt)).code == "KEY_FORBIDDEN"
        assert (await guardian.send(halt)).accepted
        order = PlaceOrder(market="ETH-PERP", side="buy", size="1", price="1900")
        assert (await taker.send(order)).code == "MARKET_MODE"
        assert (await guardian.send(reopen)).code == "LOOSENING"
        assert (await administrator.send(reopen)).accepted
        assert (await taker.send(order)).accepted

    run(open_node(tmp_path), story)


def test_a_delegate_trades_within_its_mandate_and_never_withdraws(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await prepare(node)
        owner, bot = Desk(node, TAKER), Desk(node, STRANGER, owner=TAKER.address)
        order = PlaceOrder(market="ETH-PERP", side="buy", size="0.5", price="1990")
        assert (await bot.send(order)).code == "UNKNOWN_KEY"
        expiry = node.clock.now_us() // 1_000 + 3_600_000
        mandate = AddKey(
            key=STRANGER.address, expiry=expiry, kinds="trading", markets="ETH-PERP", order="1000", day="5000",
            loss="unlimited", floor="0",
        )  # fmt: skip
        assert (await owner.send(mandate)).accepted
        placed = await bot.send(order)
        assert placed.accepted, placed
        assert (
            await bot.send(PlaceOrder(market="ETH-PERP", side="buy", size="0.6", price="1990"))
        ).needed == 1_000 * 10**6
        assert not (await bot.send(Withdraw(asset="USDM", amount="1"))).accepted
        assert (await owner.send(RevokeKey(key=STRANGER.address))).accepted
        assert not (await bot.send(order)).accepted
        assert node.exchange.find_account(TAKER.address).orders == []

    run(open_node(tmp_path), story)


def test_receipts_are_kept_up_to_so_many_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worldmarkets.node.node.EVENTS_KEPT", 3)

    async def story(node: Node) -> None:
        await prepare(node)
        maker = Desk(node, MAKER)
        messages = [
            maker.sign(PlaceOrder(market="ETH-PERP", side="sell", size="1", price=str(2_001 + number)))
            for number in range(5)
        ]
        receipts = [await node.submit(message) for message in messages]
        assert [len(receipt.events) for receipt in receipts] == [1] * 5
        assert await node.submit(messages[-1]) is receipts[-1]
        again = await node.submit(messages[0])  # forgotten: the nonce says that it was done
        assert (again.accepted, again.code) == (False, "NONCE_USED")

    run(open_node(tmp_path), story)
