"""What the stream says of an account in distress, and what it lets a delegate do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.api.floor import Floor
from tests.api.served import serve
from tests.node.crash import BIDDER, bid, fall, open_long, watch
from tests.node.venue import GUARDIAN, START_US, TAKER, Desk
from worldmarkets.api.server import Server
from worldmarkets.node.clock import ManualClock
from worldmarkets.schemas.commands import AddKey, PlaceBid, PlaceOrder, Withdraw
from worldmarkets.schemas.signing import Signer
from worldmarkets.schemas.stream import Ping, Subscribe

BOT = Signer(bytes([9]) * 32)


def play(folder: Path, story: Any) -> None:
    clock = ManualClock(START_US)

    async def tell(server: Server, client: httpx.AsyncClient) -> None:
        await story(Floor(server.node, server.stream), clock)

    serve(folder, tell, clock=clock)


def test_a_margin_call_a_latch_and_the_end_of_a_rung_are_in_the_channel_of_the_account(tmp_path: Path) -> None:
    async def story(floor: Floor, clock: ManualClock) -> None:
        await open_long(floor.node)
        channel = f"account.{TAKER.address}.0"
        async with floor.connect() as talk:
            await talk.ask(Subscribe(channels=[channel, f"account.{BIDDER.address}.0"]))
            await fall(floor.node, clock, "1890")
            await bid(floor.node, 1760)
            await fall(floor.node, clock, "1760")
            await watch(floor.node, clock, 5)
            await talk.ask(Ping())
            messages = [message for message in talk.heard if message["channel"] == channel and "events" in message]
            told = [event for message in messages for event in message["events"]]
            named = [event["event"] for event in told]
            order = ["MARGIN_CALLED", "MARGIN_CURE", "LATCHED", "RUNG_ENDED", "RUNG_COST"]
            assert [name for name in named if name in order] == order
            (called,) = [event for event in told if event["event"] == "MARGIN_CALLED"]
            assert (called["account"], called["missing"]) == (f"{TAKER.address}#0", "44.75")
            states = [message["account"]["standing"]["state"] for message in messages]
            assert states[0] == "margin call" and "unwind" in states and states[-1] == "free"
            others = [
                event["event"]
                for message in talk.heard
                if message["channel"] != channel
                for event in message.get("events", [])
            ]
            assert "TRADED" in others and not set(order).intersection(others)  # nobody else's

    play(tmp_path, story)


def test_a_delegate_beyond_its_mandate_is_refused_with_the_code(tmp_path: Path) -> None:
    async def story(floor: Floor, clock: ManualClock) -> None:
        trader = await open_long(floor.node)
        expiry = clock.now_us() // 1_000 + 86_400_000
        receipt = await trader.send(
            AddKey(
                key=BOT.address, expiry=expiry, kinds="PlaceOrder", markets="ETH-PERP", order="500", day="600",
                loss="unlimited", floor="0",
            )
        )  # fmt: skip
        assert receipt.accepted, receipt
        bot = Desk(floor.node, BOT, owner=TAKER.address)
        async with floor.connect() as talk:

            async def send(command: Any, desk: Desk = bot) -> str:
                return (await talk.pipe.submit(desk.sign(command))).code

            def buy(size: str, market: str = "ETH-PERP") -> PlaceOrder:
                return PlaceOrder(market=market, side="buy", size=size, price="1990")

            assert await send(buy("0.25")) == "OK"
            assert await send(buy("0.26")) == "MANDATE_ORDER"  # 517.4 of 500
            assert await send(buy("0.1", "ETH/USDM")) == "MANDATE_MARKET"
            assert await send(Withdraw(asset="USDM", amount="1")) == "KEY_FORBIDDEN"
            assert await send(PlaceBid(size="100", d="0.05")) == "KEY_FORBIDDEN"
            stranger = Desk(floor.node, GUARDIAN, owner=TAKER.address)
            assert await send(buy("0.1"), stranger) == "KEY_FORBIDDEN"
            account = floor.node.exchange.find_account(TAKER.address)
            assert [str(order.size.normalize()) for order in account.orders] == ["0.25"]

    play(tmp_path, story)
