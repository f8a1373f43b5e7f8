"""A trader who is long of 3 ETH at 2,000 with 1,000 USDM, on a running node, and a fall of ETH."""

from __future__ import annotations

from tests.api.served import set_mark
from tests.node.venue import MAKER, STRANGER, TAKER, Desk, fund
from worldmarkets.core import codes
from worldmarkets.core.records import Command
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.node import Node
from worldmarkets.schemas.commands import PlaceOrder

MINUTE_US = 60_000_000
BIDDER = STRANGER


async def open_long(node: Node) -> Desk:
    """Bring the maker, the bidder and the trader, who buys 3 ETH-PERP at 2,000; return the trader's desk."""
    for asset, price in (("USDM", "1"), ("ETH", "2000"), ("SOL", "150")):
        await set_mark(node, asset, price)
    await fund(node, MAKER, USDM="500_000")
    await fund(node, BIDDER, USDM="500_000")
    await fund(node, TAKER, USDM="1_000")
    maker, trader = Desk(node, MAKER), Desk(node, TAKER)
    for desk, side in ((maker, "sell"), (trader, "buy")):
        receipt = await desk.send(PlaceOrder(market="ETH-PERP", side=side, size="3", price="2000"))
        assert receipt.accepted, receipt
    return trader


async def bid(node: Node, mark: int, size: str = "0.5") -> None:
    """Put bids of the bidder a dollar apart below a mark that is still to come."""
    desk = Desk(node, BIDDER)
    desk.nonce = 100 * mark
    for level in range(1, 11):
        receipt = await desk.send(PlaceOrder(market="ETH-PERP", side="buy", size=size, price=str(mark - level)))
        assert receipt.accepted, receipt


async def fall(node: Node, clock: ManualClock, price: str) -> None:
    """Let a minute pass, so that the step is taken, and set the mark of ETH."""
    clock.advance(MINUTE_US + 1_000_000)
    await set_mark(node, "USDM", "1")
    await set_mark(node, "ETH", price)


async def watch(node: Node, clock: ManualClock, seconds: int) -> None:
    """Let seconds pass, one by one, with all that is due in them."""
    for _ in range(seconds):
        clock.advance(1_000_000)
        await node.send_and_wait(Command(kind=codes.ADVANCE_TIME))
        while node.exchange.read_row("venue", 1).next_due_us <= clock.now_us():
            await node.send_and_wait(Command(kind=codes.ADVANCE_TIME))
