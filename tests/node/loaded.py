"""A node under load in a process of its own, to be killed: prints every receipt, once it has it.

python -m tests.node.loaded FOLDER SEED  prints "ack NONCE SEQUENCE CODE" a receipt, after "up LAST_BLOCK"; a
third word "history" has it keep its history too.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from tests.node.test_node import prepare
from tests.node.venue import MAKER, TAKER, Desk, make_config
from worldmarkets.node.clock import SystemClock
from worldmarkets.node.config import Limits
from worldmarkets.node.history import History
from worldmarkets.node.node import Node
from worldmarkets.schemas.answers import Receipt
from worldmarkets.schemas.commands import CancelAll, Command, PlaceOrder


def choose(rng: random.Random) -> list[Command]:
    """One order, a bundle of them, or a cancel-all."""
    if rng.random() < 0.1:
        return [CancelAll()]
    return [
        PlaceOrder(
            market="ETH-PERP", side=rng.choice(("buy", "sell")), size=f"0.{rng.randint(1, 9)}",
            price=str(rng.randint(1_980, 2_020)),
        )
        for _ in range(rng.choice((1, 1, 1, 5)))
    ]  # fmt: skip


async def live(node: Node, rng: random.Random) -> None:
    """Keep a few dozen commands under way at any time, for as long as this process lives."""
    task = asyncio.create_task(node.run())
    await asyncio.sleep(0)
    if node.journal.last == 0:
        await prepare(node)
    print("up", node.journal.last, flush=True)
    desks = [Desk(node, MAKER), Desk(node, TAKER)]
    for desk in desks:
        desk.nonce = node.clock.now_us()

    def tell(name: int, nonce: int) -> object:
        def done(future: asyncio.Future[Receipt]) -> None:
            receipt = future.result()
            sys.stdout.write(f"ack {name} {nonce} {receipt.sequence} {receipt.code}\n")
            sys.stdout.flush()

        return done

    while not task.done():
        for _ in range(rng.randint(1, 30)):
            name = rng.randrange(2)
            future = node.submit_soon(desks[name].sign(*choose(rng)))
            future.add_done_callback(tell(name, desks[name].nonce))  # type: ignore[arg-type]
        await asyncio.sleep(rng.random() * 0.004)
        if rng.random() < 0.02:
            node.snapshot()


if __name__ == "__main__":
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    config = make_config(folder, limits=Limits(key_commands=1_000_000, account_commands=1_000_000))
    opened = Node.open(config, SystemClock())
    if "history" in sys.argv:
        History.open(opened).start()
    asyncio.run(live(opened, random.Random(seed)))
