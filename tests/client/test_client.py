"""The client: orders come to receipts, once each whatever happens to connections; books and channels come back."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from tests.client.shop import LIMITS_OFF, Line, Shop, play, serve_apart
from tests.node.venue import MAKER, TAKER
from worldmarkets.client import (
    AsyncClient,
    Client,
    ClientError,
    Disconnected,
    Gap,
    LocalBook,
    OutcomeUnknown,
    RefusedError,
    RejectedError,
    Signer,
)
from worldmarkets.client.nonces import Nonces
from worldmarkets.client.session import Session
from worldmarkets.node.config import Limits
from worldmarkets.schemas.answers import Receipt
from worldmarkets.schemas.commands import PlanStep

MANY = Limits(key_commands=LIMITS_OFF, account_commands=LIMITS_OFF, previews=LIMITS_OFF)


def test_an_order_a_bundle_and_a_preview(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        async with shop.client() as maker, shop.client(signer=TAKER) as taker:
            placed = await maker.place("ETH-PERP", "sell", "1", price="2001")
            assert placed.accepted and placed.events[-1]["event"] == "ORDER_PLACED"
            legs = taker.bundle().buy("ETH/USDM", "0.1", "1500").buy("ETH-PERP", Decimal("0.4"), 2001)
            foreseen = await taker.preview(legs)
            assert (await taker.get_account()).orders == 0
            receipt = await taker.send(legs)
            assert [event["event"] for event in foreseen.receipt.events] == [e["event"] for e in receipt.events]
            account = await taker.get_account()
            assert account.orders == 1 and account.standing == foreseen.after
            assert {one.asset: one.perp for one in account.balances}["ETH"] == "0.4"
            (order,) = await taker.get_orders()
            await taker.amend(order.id, price="1600")
            await taker.cancel(order.id)
            assert await taker.get_orders() == []
            assert (await taker.get_perps())[0].counterparty == f"{MAKER.address}#0"
            assert (await maker.get_market("ETH-PERP")).ask is not None

    play(tmp_path, story)


def test_what_is_not_allowed_is_an_exception_with_its_code_and_numbers(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        async with shop.client() as maker, shop.client(signer=Signer.generate(), owner=MAKER.address) as stranger:
            with pytest.raises(RejectedError) as rejected:
                await maker.place("ETH-PERP", "buy", "20000", price="2000")
            assert rejected.value.code == "MARGIN" and rejected.value.needed > rejected.value.had
            with pytest.raises(RejectedError, match="UNKNOWN_KEY"):
                await stranger.cancel_all()
            with pytest.raises(RefusedError) as refused:
                await maker.place("ETH-XXX", "buy", "1", price="2000")
            assert refused.value.code == "UNKNOWN_NAME"
            with pytest.raises(TypeError, match="float|decimal"):
                await maker.place("ETH-PERP", "buy", 0.1, price="2000")  # type: ignore[arg-type]
            async with shop.client(signer=None) as reader:
                with pytest.raises(ClientError, match="only reads"):
                    await reader.cancel_all()

    play(tmp_path, story)


def test_the_ladder_its_plan_and_what_if(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        async with shop.client() as client:
            await client.set_plan(PlanStep(step="close", market="ETH-PERP", slippage="0.5%"))
            ladder = await client.get_ladder()
            assert (ladder.missing, ladder.cures, ladder.latch) == ("0", [], None)
            assert ladder.plan == [PlanStep(step="close", market="ETH-PERP", share="100%", slippage="0.5%")]
            shown = await client.what_if({"ETH": "-20%", "BTC": 50_000})
            assert (shown.marks["ETH"], shown.marks["BTC"], shown.receipts) == ("1600", "50000", [])
            assert Decimal(shown.before.nav) - Decimal(shown.moved.nav) == 500 * 400 + 20 * 10_000
            assert await client.get_rungs() == [] and await client.get_close_outs() == []
            assert (await client.get_policy()).max_exposure is None
            await client.set_plan()
            assert (await client.get_ladder()).plan == []

    play(tmp_path, story)


def test_a_venue_that_is_not_there_is_disconnected() -> None:
    async def story() -> None:
        client = AsyncClient("http://127.0.0.1:9")
        with pytest.raises(Disconnected):
            await client.connect()
        await client.close()

    asyncio.run(story())


# Connections that break.


@pytest.mark.parametrize("seed", range(3))
def test_orders_are_placed_once_each_whatever_happens_to_the_line(tmp_path: Path, seed: int) -> None:
    """The line breaks again and again, in the middle of requests and of receipts; every order rests once."""
    source = random.Random(seed)
    many = 60

    async def story(shop: Shop) -> None:
        line = Line(shop.server.stream.port, lambda: source.randrange(1_000, 20_000))
        port = await line.start()
        async with shop.client(stream_url=f"ws://127.0.0.1:{port}/") as client:
            receipts = []
            for _ in range(many // 10):
                orders = [client.place("ETH/USDM", "buy", "0.1", price="1500") for _ in range(10)]
                receipts += await asyncio.gather(*orders)
            assert all(receipt.accepted for receipt in receipts)
            assert len({receipt.sequence for receipt in receipts}) == many
            resting = await client.get_orders()
            placed = [receipt.events[-1]["order_id"] for receipt in receipts]
            assert sorted(order.id for order in resting) == sorted(placed)
            assert line.cuts > 5
        await line.stop()

    play(tmp_path, story, limits=MANY)


def test_a_book_and_an_account_come_back_over_a_line_that_breaks(tmp_path: Path) -> None:
    source = random.Random(1)

    async def story(shop: Shop) -> None:
        line = Line(shop.server.stream.port, lambda: source.randrange(1_000, 4_000))
        port = await line.start()
        async with shop.client() as maker, shop.client(stream_url=f"ws://127.0.0.1:{port}/", signer=None) as reader:
            books: list[LocalBook] = []

            async def watch() -> None:
                async for book in reader.watch_book("ETH/USDM"):
                    books[:] = [book]

            watching = asyncio.create_task(watch())
            for _ in range(30):
                await asyncio.gather(
                    *[
                        maker.place("ETH/USDM", "buy", "0.1", price=str(source.randrange(1_500, 1_999)))
                        for _ in range(8)
                    ]
                )
            last = await maker.cancel((await maker.get_orders())[0].id)
            async with asyncio.timeout(60):
                while not books or books[0].sequence < last.sequence:
                    await asyncio.sleep(0.02)
            depth = shop.node.exchange.market("ETH/USDM").depth(1_000)
            assert books[0].bids == [(level.price, level.size) for level in depth.bids] and books[0].asks == []
            assert books[0].bid == books[0].bids[0] and books[0].mid is None
            assert line.cuts > 2
            watching.cancel()
        await line.stop()

    play(tmp_path, story, limits=MANY)


def test_orders_are_cancelled_when_the_line_breaks_if_asked(tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        line = Line(shop.server.stream.port, lambda: 0)
        port = await line.start()
        async with shop.client(stream_url=f"ws://127.0.0.1:{port}/") as client:
            await client.cancel_on_disconnect()
            for _ in range(2):  # it is left anew with every connection
                await client.place("ETH/USDM", "buy", "0.1", price="1500")
                assert len(await client.get_orders()) == 1
                for connection in list(shop.server.stream.connections):
                    connection._transport.disconnect(False)
                async with asyncio.timeout(20):
                    while await client.get_orders():
                        await asyncio.sleep(0.02)
                await client.ping()
        await line.stop()

    play(tmp_path, story)


def test_a_used_nonce_after_a_loss_is_looked_up_and_is_no_rejection() -> None:
    """Receipts that the venue no longer keeps: it answers NONCE_USED, and the journal has the first receipt."""
    first = Receipt(sequence=5, time=1, code="OK", events=[{"event": "ORDER_PLACED"}])
    used = Receipt(sequence=6, time=2, code="NONCE_USED", accepted=False)
    message = msgspec.json.encode({"nonce": 7, "expiry": 1 << 50})

    class Pipe:
        def __init__(self, *answers: object) -> None:
            self.answers = list(answers)

        async def submit(self, message: bytes) -> Receipt:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, Receipt)
            return answer

    class Lookup(Session):
        def __init__(self, pipe: Pipe, found: object) -> None:
            super().__init__("", self.find)
            self.pipe, self.found, self.asked = pipe, found, 0

        async def find(self, signer: str, nonce: int) -> Receipt | None:
            self.asked += 1
            assert (signer, nonce) == ("0x1", 7)
            if isinstance(self.found, Exception):
                raise self.found
            return self.found  # type: ignore[return-value]

        async def connect(self) -> Pipe:  # type: ignore[override]
            return self.pipe

    async def story() -> None:
        lost = Disconnected("cut")
        session = Lookup(Pipe(lost, used), first)
        assert await session.submit("0x1", message) == first
        session = Lookup(Pipe(used), first)  # not sent before: it is somebody else's use of the nonce
        assert (await session.submit("0x1", message), session.asked) == (used, 0)
        session = Lookup(Pipe(lost, used), None)
        assert await session.submit("0x1", message) == used
        session = Lookup(Pipe(lost, used), lost)
        with pytest.raises(OutcomeUnknown) as unknown:
            await session.submit("0x1", message)
        assert unknown.value.message == message
        old = msgspec.json.encode({"nonce": 7, "expiry": 1})
        with pytest.raises(RefusedError, match="EXPIRED"):  # never sent on: it can do nothing any more
            await Lookup(Pipe(lost), None).submit("0x1", old)
        assert await Lookup(Pipe(lost), first).submit("0x1", old) == first

    asyncio.run(story())


# Parts.


def test_nonces_rise_across_threads_and_step_over_what_is_reserved() -> None:
    from concurrent.futures import ThreadPoolExecutor

    nonces = Nonces()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: nonces.take(), range(2_000)))
    assert len(set(found)) == 2_000
    reserved = nonces.reserve(3)
    taken = [nonces.take() for _ in range(10)]
    assert reserved not in taken and taken == sorted(set(taken)) and reserved < taken[-1]
    assert nonces.reserve(100) != nonces.reserve(100)


def test_a_book_knows_a_gap_and_asks_for_a_snapshot() -> None:
    book = LocalBook("ETH/USDM")
    with pytest.raises(Gap):
        book.apply({"sequence": 2, "previous": 1, "time": 0})
    book.apply({"sequence": 2, "time": 0, "snapshot": {"bids": [["10", "1"], ["9", "2"]], "asks": [["11", "1"]]}})
    book.apply({"sequence": 4, "previous": 2, "time": 0, "bids": [["10", "0"], ["9", "3"]]})
    assert (book.bids, book.mid) == ([(Decimal(9), Decimal(3))], Decimal(10))
    with pytest.raises(Gap, match="between 4 and 7"):
        book.apply({"sequence": 7, "previous": 5, "time": 0, "bids": [["9", "0"]]})
    assert not book.is_ready
    book.apply({"sequence": 8, "time": 0, "snapshot": {"bids": [], "asks": []}})
    assert book.is_ready and book.bid is None


def test_the_client_that_waits_is_the_same_client(tmp_path: Path) -> None:
    with serve_apart(tmp_path) as shop:
        with Client(shop.url, signer=MAKER, stream_url=shop.stream_url) as client:
            receipt = client.place("ETH-PERP", "sell", "1", price="2001")
            assert receipt.accepted and client.owner == MAKER.address
            book = next(client.watch_book("ETH-PERP"))
            assert book.ask == (Decimal(2001), Decimal(1))
            assert next(client.listen("marks"))["snapshot"]["marks"]["ETH"]["mark"] == "2000"
            assert client.preview(client.bundle().cancel_all()).receipt.accepted
            with pytest.raises(RejectedError):
                client.cancel(12345)
        client.close()  # twice does nothing
    assert set(dir(AsyncClient)) - set(dir(Client)) <= {
        "__aenter__", "__aexit__", "subscribe", *[name for name in dir(AsyncClient) if name.startswith("_")],
    }  # fmt: skip
