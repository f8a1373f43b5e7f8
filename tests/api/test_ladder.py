"""The ladder over HTTP, by hand: 994 USDM and 3 ETH bought at 2,000 (`open_long` of crash.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.served import TAKER_NAME, TAKER_PATH, serve
from tests.api.test_reads import ask
from tests.node.crash import bid, fall, open_long, watch
from tests.node.venue import START_US
from worldmarkets.api.server import Server
from worldmarkets.node import node
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import Limits
from worldmarkets.schemas.commands import PlanStep, SetPlan


def play(folder: Path, story: Any, **options: Any) -> None:
    clock = ManualClock(START_US)

    async def tell(server: Server, client: httpx.AsyncClient) -> None:
        await story(server, client, clock)

    serve(folder, tell, clock=clock, **options)


def test_a_plan_a_margin_call_an_unwind_and_its_receipt(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient, clock: ManualClock) -> None:
        trader = await open_long(server.node)
        plan = [PlanStep(step="close", market="ETH-PERP", share="50%", slippage="0.5%")]
        assert (await trader.send(SetPlan(steps=plan))).accepted
        free = await ask(client, f"{TAKER_PATH}/ladder")
        assert (free["missing"], free["cures"], free["latch"]) == ("0", [], None)
        assert [step["market"] for step in free["plan"]] == ["ETH-PERP"] and free["standing"]["nav"] == "994"
        receipt = await trader.send(SetPlan(steps=[PlanStep(**{**step, "share": "25%"}) for step in free["plan"]]))
        assert receipt.accepted  # what is said can be sent

        await fall(server.node, clock, "1890")  # 994 - 330 - 3 * 1890 * 0.125 = -44.75
        called = await ask(client, f"{TAKER_PATH}/ladder")
        assert (called["missing"], called["standing"]["state"], called["latch"]) == ("44.75", "margin call", None)
        (cure,) = called["cures"]
        assert (cure["asset"], cure["market"], cure["side"]) == ("ETH", "ETH-PERP", "sell")
        assert 0 < float(cure["size"]) < 3 and 1890 < float(cure["mark"]) < 1950
        assert (await ask(client, f"{TAKER_PATH}/rungs"))["receipts"] == []

        await fall(server.node, clock, "1760")  # nobody bids yet
        latched = await ask(client, f"{TAKER_PATH}/ladder")
        assert (latched["latch"]["rung"], latched["latch"]["step"], latched["missing"]) == ("unwind", 1, "386")
        assert (latched["latch"]["unwind_left_ms"], latched["latch"]["auction_left_ms"]) == (600_000, 300_000)
        frozen = await trader.send(SetPlan())
        assert (frozen.code, frozen.message) == ("PLAN_FROZEN", "PLAN_FROZEN: needed 0.000000, had -386.000000 USDM")
        await fall(server.node, clock, "1760")  # the feed is calm again
        await bid(server.node, 1760)
        await watch(server.node, clock, 5)
        assert (await ask(client, f"{TAKER_PATH}/ladder"))["latch"] is None
        (receipt,) = (await ask(client, f"{TAKER_PATH}/rungs"))["receipts"]
        assert (receipt["account"], receipt["rung"], receipt["follows"]) == (TAKER_NAME, "unwind", "free")
        assert (receipt["nav_before"], receipt["margin_before"]) == ("274", "-386")
        assert (receipt["lost_to_price"], receipt["discount"], receipt["brought"]) == ("0", "0", "0")
        lost = float(receipt["lost_to_slippage"]) + float(receipt["fees"])
        assert abs(float(receipt["nav_before"]) - float(receipt["nav_after"]) - lost) < 1e-9 and lost > 0
        assert receipt["first_sequence"] < receipt["sequence"] and receipt["time"] <= clock.now_us() // 1_000
        unwinds = await ask(client, f"{TAKER_PATH}/history", topic="unwinds")
        names = {one["event"]["event"] for one in unwinds["events"]}
        assert {"MARGIN_CALLED", "MARGIN_CURE", "LATCHED", "STEP_ENDED", "RUNG_ENDED", "RUNG_COST"} <= names

    play(tmp_path, story)


def test_pages_of_receipts(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient, clock: ManualClock) -> None:
        await open_long(server.node)
        await fall(server.node, clock, "1760")  # nobody bids: the clocks run out
        for _ in range(96):
            clock.advance(9_000_000)
            await watch(server.node, clock, 1)
        whole = await ask(client, f"{TAKER_PATH}/rungs")
        assert [one["rung"] for one in whole["receipts"]] == ["close-out", "auction", "unwind"] and not whole["next"]
        first = await ask(client, f"{TAKER_PATH}/rungs", limit=2)
        second = await ask(client, f"{TAKER_PATH}/rungs", limit=2, before=first["next"])
        assert first["receipts"] + second["receipts"] == whole["receipts"]
        (closed,) = (await ask(client, f"{TAKER_PATH}/close-outs"))["close_outs"]
        assert (closed["reason"], closed["claims"], closed["unpaid"]) == ("out of time", "720", "0")
        assert (closed["paid"], closed["nav"]) == ("720", "274")

    play(tmp_path, story)


def test_what_if(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "WHAT_IF_SECONDS", 30)  # however busy this machine is

    async def story(server: Server, client: httpx.AsyncClient, clock: ManualClock) -> None:
        await open_long(server.node)
        before = await ask(client, f"{TAKER_PATH}/ladder")
        mild = await ask(client, f"{TAKER_PATH}/what-if", moves="ETH=-5.5%")
        assert (mild["marks"]["ETH"], mild["moved"]["state"], mild["missing"]) == ("1890", "margin call", "44.75")
        assert (mild["receipts"], mild["seconds"], mild["is_over"]) == ([], 0, True)
        await bid(server.node, 1760)
        hard = await ask(client, f"{TAKER_PATH}/what-if", moves="ETH=1760,SOL=+10%")
        assert (hard["moved"]["nav"], hard["marks"]["SOL"], hard["is_over"]) == ("274", "165", True)
        (receipt,) = hard["receipts"]
        assert (receipt["rung"], receipt["follows"], receipt["time"]) == ("unwind", "free", None)
        assert await ask(client, f"{TAKER_PATH}/ladder") == before
        for move, status in (
            ("ETH", 400),
            ("ETH=", 400),
            ("ETH=x%", 400),
            ("ETH=1,", 400),
            ("ETH=-150%", 400),
            ("XYZ=-5%", 404),
            ("BTC=-5%", 400),
            ("ETH=0", 400),
        ):
            await ask(client, f"{TAKER_PATH}/what-if", status, moves=move)
        await ask(client, f"{TAKER_PATH}/what-if", 400)

    play(tmp_path, story, limits=Limits(previews=1_000))


def test_what_ifs_are_limited_by_who_asks(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient, clock: ManualClock) -> None:
        await open_long(server.node)
        for _ in range(3):
            await ask(client, f"{TAKER_PATH}/what-if", moves="ETH=-5%")
        refused = await ask(client, f"{TAKER_PATH}/what-if", 429, moves="ETH=-5%")
        assert refused["code"] == "RATE_LIMIT"

    play(tmp_path, story, limits=Limits(previews=20))


def test_a_what_if_ends_when_it_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node, "WHAT_IF_SECONDS", 0)

    async def story(server: Server, client: httpx.AsyncClient, clock: ManualClock) -> None:
        await open_long(server.node)
        shown = await ask(client, f"{TAKER_PATH}/what-if", moves="ETH=1760")
        assert (shown["moved"]["state"], shown["seconds"], shown["is_over"]) == ("unwind", 0, False)

    play(tmp_path, story)
