"""Orders over the stream: receipts, refusals, previews, what is left for the end of a connection, and bad clients."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.api.floor import Floor, play
from tests.node.venue import MAKER, STRANGER, TAKER, Desk
from worldmarkets.client.errors import Disconnected, RefusedError
from worldmarkets.node.config import Limits, StreamLimits
from worldmarkets.schemas import stream
from worldmarkets.schemas.commands import CancelAll, PlaceOrder

ASK = PlaceOrder(market="ETH/USDM", side="sell", size="1", price="2001")
BID = PlaceOrder(market="ETH/USDM", side="buy", size="0.4", price="2001")


def test_an_order_comes_to_its_receipt_and_the_same_bytes_to_the_same_receipt(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        maker, taker = Desk(floor.node, MAKER), Desk(floor.node, TAKER)
        async with floor.connect() as one, floor.connect() as two:
            placed = await one.pipe.submit(maker.sign(ASK))
            assert placed.accepted and placed.events[-1]["event"] == "ORDER_PLACED"
            message = taker.sign(BID)
            filled = await two.pipe.submit(message)
            traded = next(event for event in filled.events if event["event"] == "TRADED")
            assert (traded["size"], traded["price"], traded["maker"]) == ("0.4", "2001", f"{MAKER.address}#0")
            assert await one.pipe.submit(message) == filled  # on any connection
            assert floor.node.exchange.find_account(TAKER.address).balances["ETH"] == Decimal("500.4")

    play(tmp_path, story)


def test_what_arrives_together_is_answered_each_by_its_id(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        maker = Desk(floor.node, MAKER)
        async with floor.connect() as talk:
            receipts = await asyncio.gather(*[talk.pipe.submit(maker.sign(ASK)) for _ in range(300)])
            assert all(receipt.accepted for receipt in receipts)
            assert [receipt.sequence for receipt in receipts] == sorted(receipt.sequence for receipt in receipts)
            assert len({receipt.events[-1]["order_id"] for receipt in receipts}) == 300

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("EXPIRED", lambda desk: desk.sign(ASK, expiry=1)),
        ("BAD_SIGNATURE", lambda desk: desk.sign(ASK)[:-4] + b'07"}'),
        ("UNKNOWN_NAME", lambda desk: desk.sign(PlaceOrder(market="ETH/XXX", side="buy", size="1", price="1"))),
        ("UNIT", lambda desk: desk.sign(PlaceOrder(market="ETH/USDM", side="buy", size="0.00000001", price="1"))),
        ("MALFORMED", lambda desk: b'{"owner": 1}'),
        ("RATE_LIMIT", lambda desk: desk.sign(*[ASK] * 31)),
    ],
)
def test_what_the_door_does_not_let_in_is_refused_with_its_code(tmp_path: Path, code: str, make: object) -> None:
    async def story(floor: Floor) -> None:
        async with floor.connect() as talk:
            with pytest.raises(RefusedError) as caught:
                await talk.pipe.submit(make(Desk(floor.node, MAKER)))  # type: ignore[operator]
            assert caught.value.code == code
            assert not floor.node.exchange.find_account(MAKER.address).orders
            assert (await talk.ask(stream.Ping()))["time"] > 0  # the connection goes on

    play(tmp_path, story, limits=Limits(key_commands=10, burst_seconds=3))


def test_what_the_exchange_does_not_allow_is_a_receipt_with_a_code(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        maker, stranger = Desk(floor.node, MAKER), Desk(floor.node, STRANGER, owner=MAKER.address)
        async with floor.connect() as talk:
            first = await talk.pipe.submit(maker.sign(ASK, nonce=7))
            again = await talk.pipe.submit(maker.sign(BID, nonce=7))
            foreign = await talk.pipe.submit(stranger.sign(ASK))
            assert (first.code, again.code, foreign.code) == ("OK", "NONCE_USED", "UNKNOWN_KEY")
            assert not again.accepted and not foreign.accepted

    play(tmp_path, story)


def test_a_preview_says_what_sending_would_and_does_nothing(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        maker = Desk(floor.node, MAKER)
        async with floor.connect() as talk:
            message = maker.sign(ASK)
            answer = await talk.ask(stream.Preview(bundle=msgspec.Raw(message)))
            assert not floor.node.exchange.find_account(MAKER.address).orders
            receipt = await talk.pipe.submit(message)
            foreseen, placed = answer["preview"]["receipt"]["events"][0], receipt.events[0]
            assert {**foreseen, "sequence": 0} == {**placed, "sequence": 0}
            assert answer["preview"]["after"]["state"] == "free"

    play(tmp_path, story)


def test_what_was_left_is_executed_when_the_connection_ends(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        maker = Desk(floor.node, MAKER)
        account = floor.node.exchange.find_account(MAKER.address)
        async with floor.connect() as talk:
            await talk.pipe.submit(maker.sign(ASK))
            far = floor.node.clock.now_us() // 1_000 + 60_000
            left = maker.sign(CancelAll(), nonce=far)
            answer = await talk.ask(stream.CancelOnDisconnect(bundle=msgspec.Raw(left)))
            assert answer["armed_until"] == msgspec.json.decode(left)["expiry"]
            with pytest.raises(RefusedError, match="NOT_A_CANCEL"):
                await talk.ask(stream.CancelOnDisconnect(bundle=msgspec.Raw(maker.sign(ASK))))
            assert len(account.orders) == 1
        for _ in range(200):
            if not account.orders:
                break
            await asyncio.sleep(0.02)
        assert not account.orders
        async with floor.connect() as talk:  # what was taken back is not executed
            await talk.pipe.submit(maker.sign(ASK))
            await talk.ask(stream.CancelOnDisconnect(bundle=msgspec.Raw(maker.sign(CancelAll(), nonce=far + 1))))
            assert (await talk.ask(stream.CancelOnDisconnect()))["armed_until"] == 0
        await asyncio.sleep(0.2)
        assert len(account.orders) == 1

    play(tmp_path, story)


def test_what_was_left_is_executed_when_the_venue_stops(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        maker = Desk(floor.node, MAKER)
        async with floor.connect() as talk:
            await talk.pipe.submit(maker.sign(ASK))
            await talk.ask(stream.CancelOnDisconnect(bundle=msgspec.Raw(maker.sign(CancelAll()))))
            await floor.stream.leave()
            with pytest.raises(RefusedError, match="NOT_READY"):
                await talk.pipe.submit(maker.sign(ASK))
            await floor.stream.stop()
            assert not floor.node.exchange.find_account(MAKER.address).orders
            await asyncio.wait_for(talk.is_lost.wait(), 10)
            assert talk.pipe.closed_with[0] == 1001
            with pytest.raises(Disconnected):
                await talk.pipe.submit(maker.sign(ASK))

    play(tmp_path, story)


# Clients that misbehave.


class Rude(WSListener):
    """A client that sends what it likes, and keeps what comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[dict[str, object]] = []
        self.code = 0
        self.gone = asyncio.Event()
        self.transport: WSTransport

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.gone.set()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self.code = int(frame.get_close_code())  # type: ignore[call-overload]
        elif frame.msg_type == WSMsgType.TEXT:
            self.texts.append(msgspec.json.decode(frame.get_payload_as_bytes()))


async def be_rude(floor: Floor) -> Rude:
    _, rude = await ws_connect(Rude, floor.url)
    assert isinstance(rude, Rude)
    return rude


@pytest.mark.parametrize(
    ("code", "frames"),
    [
        (1003, [(WSMsgType.BINARY, b"{}", True)]),
        (1009, [(WSMsgType.TEXT, b" " * 5_000, True)]),
        (1009, [(WSMsgType.TEXT, b" " * 3_000, False), (WSMsgType.CONTINUATION, b" " * 3_000, True)]),
        (1009, [(WSMsgType.TEXT, b" ", False)] + [(WSMsgType.CONTINUATION, b" ", False)] * 70),
        (1002, [(WSMsgType.CONTINUATION, b"{}", True)]),
        (1002, [(WSMsgType.TEXT, b"{", False), (WSMsgType.TEXT, b"}", True)]),
        (4029, [(WSMsgType.TEXT, b"{}", True)]),
    ],
)
def test_abuse_ends_the_connection_with_a_code_and_disturbs_nobody(
    tmp_path: Path, code: int, frames: list[tuple[WSMsgType, bytes, bool]]
) -> None:
    async def story(floor: Floor) -> None:
        async with floor.connect() as other:
            rude = await be_rude(floor)
            for kind, payload, is_last in frames:
                rude.transport.send(kind, payload, is_last)
            while code == 4029 and not rude.gone.is_set():
                for _ in range(400):
                    rude.transport.send(*frames[0])
                await asyncio.sleep(0.2)
            await asyncio.wait_for(rude.gone.wait(), 20)
            assert rude.code == code
            assert (await other.pipe.submit(Desk(floor.node, MAKER).sign(ASK))).accepted

    play(tmp_path, story, stream=StreamLimits(message_bytes=4_096, messages=100))


def test_a_message_may_come_in_parts(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        rude = await be_rude(floor)
        rude.transport.send(WSMsgType.TEXT, b'{"op":"pi', False)
        rude.transport.send(WSMsgType.CONTINUATION, b'ng","id"', False)
        rude.transport.send(WSMsgType.PING, b"between")
        rude.transport.send(WSMsgType.CONTINUATION, b":5}", True)
        while not rude.texts:
            await asyncio.sleep(0.01)
        assert rude.texts[0]["id"] == 5
        rude.transport.disconnect()

    play(tmp_path, story)


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_answered_as_noise(tmp_path: Path, seed: int) -> None:
    """Mutations of real requests, and bytes that are nothing: an error each, or the answer, and others go on."""
    source = random.Random(seed)

    async def story(floor: Floor) -> None:
        maker, accounts = Desk(floor.node, STRANGER, MAKER.address), len(floor.node.exchange.accounts)
        real = [
            b'{"op":"submit","id":1,"bundle":%b}' % maker.sign(ASK),
            b'{"op":"ping","id":2}',
            b'{"op":"subscribe","id":3,"channels":["book.ETH/USDM"],"after":{"book.ETH/USDM":-1}}',
            b'{"op":"cancel_on_disconnect","id":4,"bundle":%b}' % maker.sign(CancelAll()),
            b'{"op":"preview","id":5,"bundle":%b}' % maker.sign(ASK),
        ]
        async with floor.connect() as other:
            rude = await be_rude(floor)
            for _ in range(400):
                text = bytearray(source.choice(real))
                for _ in range(source.randrange(1, 6)):
                    place = source.randrange(len(text))
                    text[place : place + source.randrange(3)] = source.randbytes(source.randrange(3))
                rude.transport.send(WSMsgType.TEXT, source.choice([bytes(text), source.randbytes(20), b"[" * 3_000]))
            rude.transport.send(WSMsgType.TEXT, b'{"op":"ping","id":9}')
            async with asyncio.timeout(60):
                while not any(said.get("id") == 9 and "time" in said for said in rude.texts):
                    await asyncio.sleep(0.01)
            assert len(rude.texts) >= 400 and not rude.gone.is_set()
            assert len(floor.node.exchange.accounts) == accounts  # nobody knows that key
            assert (await other.pipe.submit(Desk(floor.node, MAKER).sign(ASK))).accepted
            rude.transport.disconnect()

    play(tmp_path, story)


def test_connections_are_limited_and_paths_are_two(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        async with floor.connect(), floor.connect():
            with pytest.raises(Disconnected, match="503"):
                async with floor.connect():
                    pass
            with pytest.raises(Exception, match="404"):
                await ws_connect(Rude, floor.url + "/elsewhere")
        await asyncio.sleep(0.2)
        async with floor.connect() as talk:  # there is room again
            assert (await talk.ask(stream.Venue()))["genesis"] == floor.node.domain.genesis

    play(tmp_path, story, stream=StreamLimits(connections=2))
