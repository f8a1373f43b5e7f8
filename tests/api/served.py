"""A venue that is served in the test's own process, with a state that a person can check."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from tests.node.venue import MAKER, START_US, TAKER, Desk, fund, make_config
from worldmarkets.api.server import Server
from worldmarkets.core import codes
from worldmarkets.core.records import SetMark
from worldmarkets.exchange.commands import make
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.node import Node
from worldmarkets.schemas.commands import PlaceOrder, SetPolicy

MAKER_PATH, TAKER_PATH = (f"/v1/accounts/{signer.address}/0" for signer in (MAKER, TAKER))
MAKER_NAME, TAKER_NAME = (f"{signer.address}#0" for signer in (MAKER, TAKER))
Story = Callable[[Server, httpx.AsyncClient], Awaitable[None]]


def serve(folder: Path, story: Story, *, clock: ManualClock | None = None, **options: Any) -> None:
    """Serve a venue on ports of its own for as long as a story lasts."""

    async def live() -> None:
        server = Server.open(
            make_config(folder, http_port=0, stream_port=0, **options), clock or ManualClock(START_US)
        )  # fmt: skip
        await server.start()
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.http_port}") as client:
                await story(server, client)
        finally:
            await server.close()

    asyncio.run(live())


async def set_mark(node: Node, asset: str, price: str) -> None:
    """Take a mark from three sources that agree."""
    listed = node.exchange.listing.asset(asset)
    await node.send_and_wait(
        make(SetMark, kind=codes.SET_MARK, asset=listed.number, price=listed.to_mark(price), sources=3, agreeing=3,
             source_time_us=node.clock.now_us())
    )  # fmt: skip


async def prepare(node: Node) -> tuple[Desk, Desk]:
    """The worked example: ETH at 2,000; the maker has 100,000 USDM and 50 ETH, the taker 100,000 USDM.

    The maker asks 1 ETH-PERP at 2,001, of which the taker buys 0.4.  The maker lends 5,000 USDM for ten days at
    5.5 %, of which the taker borrows 1,000.  A bid for 0.5 ETH at 1,999 of the maker rests in the spot book.
    """
    await fund(node, MAKER, USDM="100_000", ETH="50")
    await fund(node, TAKER, USDM="100_000")
    await set_mark(node, "ETH", "2000")
    maker, taker = Desk(node, MAKER), Desk(node, TAKER)
    for desk, order in (
        (maker, PlaceOrder(market="ETH-PERP", side="sell", size="1", price="2001")),
        (taker, PlaceOrder(market="ETH-PERP", side="buy", size="0.4", price="2001")),
        (maker, PlaceOrder(market="USDM-LOAN-10D", side="sell", size="5000", price="5.5%")),
        (taker, PlaceOrder(market="USDM-LOAN-10D", side="buy", size="1000", price="5.5%")),
        (maker, PlaceOrder(market="ETH/USDM", side="buy", size="0.5", price="1999")),
    ):
        receipt = await desk.send(order)
        assert receipt.accepted, receipt
    assert (await taker.send(SetPolicy(max_exposure="50000"))).accepted
    return maker, taker
