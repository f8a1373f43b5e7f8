"""Deposits are credited once, whoever brings them how often, and over every kind of stop; the faucet gives so much."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tests.node.test_node import run
from tests.node.venue import MAKER, START_US, STRANGER, TAKER, open_node
from worldmarkets.node.admin import Admin, Audit, Credit, Snapshot, Status, ask, get_socket_path
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import FaucetSettings
from worldmarkets.node.deposits import Deposit
from worldmarkets.node.errors import NodeError, Refused
from worldmarkets.node.node import Node

TEN = Deposit(id="chain/1/0", owner=MAKER.address, asset="USDM", amount="10")


def get_balance(node: Node, owner: str = MAKER.address, account: int = 0) -> str:
    return str(node.exchange.find_account(owner, account).balances["USDM"])


def test_a_deposit_opens_its_account_and_is_credited_once(tmp_path: Path) -> None:
    async def bring(node: Node) -> None:
        assert await node.deposits.credit(TEN)
        assert not await node.deposits.credit(TEN)
        both = await asyncio.gather(*(node.deposits.credit(msgspec.structs.replace(TEN, id="chain/1/1"))
                                      for _ in range(3)))  # fmt: skip
        assert sorted(both) == [False, False, True]
        assert get_balance(node) == "20.000000"

    async def bring_again(node: Node) -> None:
        assert not await node.deposits.credit(TEN)
        assert await node.deposits.credit(msgspec.structs.replace(TEN, id="chain/2/0", account=7))
        assert (get_balance(node), get_balance(node, account=7)) == ("20.000000", "10.000000")
        assert node.exchange.audit() == []

    run(open_node(tmp_path), bring)
    for path in (tmp_path / "data/snapshots").iterdir():
        path.unlink()  # as after a crash: all comes from the journal
    run(open_node(tmp_path), bring_again)


def test_what_cannot_be_credited_is_told_and_may_come_again(tmp_path: Path) -> None:
    cases = {"UNKNOWN_NAME": {"asset": "DOGE"}, "UNIT": {"amount": "0.0000001"}, "DEPOSIT": {"amount": "4" * 13}}

    async def bring(node: Node) -> None:
        for code, fields in cases.items():
            with pytest.raises(Refused) as caught:
                await node.deposits.credit(msgspec.structs.replace(TEN, **fields))
            assert caught.value.code == code
        with pytest.raises(Refused, match="out of range"):
            await node.deposits.credit(msgspec.structs.replace(TEN, amount="9" * 13))
        for amount in ("0", "-1"):
            with pytest.raises(Refused, match="not above zero"):
                await node.deposits.credit(msgspec.structs.replace(TEN, amount=amount))
        assert await node.deposits.credit(TEN)
        assert get_balance(node) == "10.000000"

    run(open_node(tmp_path), bring)


def test_a_refused_deposit_is_forgotten_also_when_the_node_stopped_before_it_could_say_so(tmp_path: Path) -> None:
    async def bring(node: Node) -> None:
        forgotten = []
        node.journal.forget_deposit = forgotten.append  # type: ignore[method-assign]
        with pytest.raises(Refused):
            await node.deposits.credit(msgspec.structs.replace(TEN, amount="4" * 13))
        assert forgotten == [TEN.id] and node.journal.has_deposit(TEN.id)

    async def bring_again(node: Node) -> None:
        assert await node.deposits.credit(TEN)

    run(open_node(tmp_path), bring)
    for path in (tmp_path / "data/snapshots").iterdir():
        path.unlink()
    run(open_node(tmp_path), bring_again)


def test_a_source_that_starts_over_changes_nothing(tmp_path: Path) -> None:
    class Chain:
        """Brings three deposits, each time from the first one on."""

        async def follow(self) -> AsyncIterator[Deposit]:
            for number in range(3):
                yield msgspec.structs.replace(TEN, id=f"chain/{number}")

    async def story(node: Node) -> None:
        await node.deposits.follow(Chain())
        await node.deposits.follow(Chain())
        assert get_balance(node) == "30.000000"

    run(open_node(tmp_path), story)


# The faucet.


def test_the_faucet_is_off_unless_it_is_turned_on(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        with pytest.raises(Refused) as caught:
            await node.faucet.give(TAKER.address)
        assert caught.value.code == "FAUCET_OFF" and not node.exchange.accounts

    run(open_node(tmp_path), story)


def test_the_faucet_gives_so_much_and_no_more(tmp_path: Path) -> None:
    settings = FaucetSettings(on=True, gifts=2, gifts_a_minute=4, amounts={"USDM": "100", "ETH": "1"})
    clock = ManualClock(START_US)

    async def take(node: Node) -> None:
        assert await node.faucet.give(TAKER.address) == {"USDM": "100", "ETH": "1"}
        await node.faucet.give(TAKER.address.upper().replace("0X", "0x"))
        with pytest.raises(Refused) as caught:
            await node.faucet.give(TAKER.address)
        assert caught.value.code == "FAUCET_EMPTY"
        assert get_balance(node, TAKER.address) == "200.000000"
        await node.faucet.give(TAKER.address, 1)
        with pytest.raises(Refused) as caught:
            await node.faucet.give(STRANGER.address)
        assert caught.value.code == "RATE_LIMIT"
        clock.advance(60_000_000)
        await node.faucet.give(STRANGER.address)

    async def take_again(node: Node) -> None:
        with pytest.raises(Refused) as caught:
            await node.faucet.give(TAKER.address)
        assert caught.value.code == "FAUCET_EMPTY"

    run(open_node(tmp_path, clock, faucet=settings), take)
    run(open_node(tmp_path, clock, faucet=settings), take_again)


# The operator's socket.


def test_the_operator_asks_over_a_socket_of_the_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 12) / ("deeper" * 12)  # beyond what the address of a socket holds
    data = deep / "data"

    async def story(node: Node) -> None:
        admin = Admin(node)
        await admin.start()
        mode = os.stat(get_socket_path(data)).st_mode
        assert stat.S_ISSOCK(mode) and stat.S_IMODE(mode) == 0o600

        async def put(request: object) -> dict[str, object]:
            return await asyncio.to_thread(ask, data, request)

        assert await put(Credit(deposit=TEN)) == {"id": TEN.id, "is_new": True}
        assert await put(Credit(deposit=TEN)) == {"id": TEN.id, "is_new": False}
        status = await put(Status())
        assert (status["ready"], status["accounts"], status["waiting"]) == (True, 1, 0)
        assert status["modes"]["ETH-PERP"] == "open"
        found = await put(Snapshot())
        assert node.journal.read_checkpoints()[found["block"]] == found["digest"]
        assert (await put(Audit()))["violations"] == []
        with pytest.raises(NodeError, match="UNKNOWN_NAME: there is no asset DOGE"):
            await put(Credit(deposit=msgspec.structs.replace(TEN, id="x", asset="DOGE")))
        assert (await admin.answer(b"{}")).code == "MALFORMED"
        await admin.close()
        with pytest.raises(NodeError, match="no node runs"):
            await put(Status())

    run(open_node(deep), story)
