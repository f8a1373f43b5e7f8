"""Channels of the stream: what they say adds up to what the exchange has, gaps show, and who was away catches up."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.api.floor import Floor, Talk, play
from tests.node.venue import MAKER, STRANGER, TAKER, Desk
from worldmarkets.client.errors import RefusedError
from worldmarkets.node.config import Limits, StreamLimits
from worldmarkets.schemas.commands import (
    AmendOrder,
    CancelAll,
    CancelOrder,
    Command,
    MassQuote,
    PlaceOrder,
    Quote,
    Transfer,
)
from worldmarkets.schemas.stream import Ping, Subscribe, Unsubscribe

MANY = Limits(key_commands=100_000, account_commands=100_000)
MARKETS = ("ETH/USDM", "ETH-PERP", "USDM-LOAN-10D")
PRICES = {"ETH/USDM": (1_990, 2_010, ""), "ETH-PERP": (1_990, 2_010, ""), "USDM-LOAN-10D": (3, 9, "%")}
SIZES = {"ETH/USDM": "0.5", "ETH-PERP": "0.5", "USDM-LOAN-10D": "100"}


async def subscribe(talk: Talk, *channels: str, **after: int) -> dict[str, Any]:
    return await talk.ask(Subscribe(channels=list(channels), after=after))


def fold_book(messages: list[dict[str, Any]], channel: str) -> dict[str, dict[str, str]]:
    """The book that a snapshot and the updates after it come to; an update that does not follow is an error."""
    book: dict[str, dict[str, str]] = {}
    last = -1
    for message in messages:
        if message["channel"] != channel:
            continue
        if "snapshot" in message:
            book = {side: dict(levels) for side, levels in message["snapshot"].items()}
        else:
            assert message["previous"] == last, "a gap"
            for side in ("bids", "asks"):
                for price, size in message.get(side, ()):
                    if size == "0":
                        del book[side][price]
                    else:
                        book[side][price] = size
        last = message["sequence"]
    return book


def read_book(floor: Floor, symbol: str) -> dict[str, dict[str, str]]:
    market = floor.node.exchange.market(symbol)
    depth, unit = market.depth(10_000), "%" if market.kind == "loan" else ""
    return {
        "bids": {f"{level.price.normalize():f}{unit}": f"{level.size.normalize():f}" for level in depth.bids},
        "asks": {f"{level.price.normalize():f}{unit}": f"{level.size.normalize():f}" for level in depth.asks},
    }


def normal(book: dict[str, dict[str, str]]) -> dict[str, dict[Decimal, Decimal]]:
    return {
        side: {Decimal(price.rstrip("%")): Decimal(size) for price, size in levels.items()}
        for side, levels in book.items()
    }


def draw(source: random.Random, orders: dict[int, str]) -> Command:
    symbol = source.choice(MARKETS)
    low, high, unit = PRICES[symbol]
    kind = source.randrange(10)
    if kind == 0 and orders:
        return CancelOrder(order=source.choice(list(orders)))
    if kind == 1 and orders:
        order = source.choice(list(orders))
        return AmendOrder(order=order, size=SIZES[orders[order]])
    if kind == 2:
        return CancelAll(market=source.choice(MARKETS), side=source.choice(("", "buy", "sell")))
    if kind == 3:
        quotes = [Quote(market=symbol, side=side, level=level, price=f"{source.randint(low, high)}{unit}",
                        size=SIZES[symbol]) for side in ("buy", "sell") for level in (0, 1)]  # fmt: skip
        return MassQuote(quotes=quotes, slide=True)
    return PlaceOrder(
        market=symbol, side=source.choice(("buy", "sell")), size=SIZES[symbol],
        price=f"{source.randint(low, high)}{unit}", time_in_force=source.choice(("gtc", "gtc", "ioc")),
    )  # fmt: skip


async def submit(talk: Talk, message: bytes) -> list[dict[str, Any]]:
    """Return the events of a message; what concerns an order that is gone by then has none."""
    try:
        return (await talk.pipe.submit(message)).events
    except RefusedError as error:
        if error.code != "UNKNOWN_NAME":
            raise
        return []


@pytest.mark.parametrize("seed", range(3))
def test_books_bests_and_trades_add_up_after_random_flow(tmp_path: Path, seed: int) -> None:
    """The law: who listens from the start, from the middle, or comes back, has the book of the exchange."""
    source = random.Random(seed)

    async def story(floor: Floor) -> None:
        desks = [Desk(floor.node, MAKER), Desk(floor.node, TAKER)]
        channels = [f"{kind}.{symbol}" for symbol in MARKETS for kind in ("book", "bbo", "trades")]
        traded: list[dict[str, Any]] = []
        async with floor.connect() as first, floor.connect() as orders:
            await subscribe(first, *channels)
            away: tuple[Talk, dict[str, int]] | None = None
            for round_ in range(12):
                messages = []
                for desk in desks * 20:
                    known = {one.id: one.market for one in floor.node.exchange.find_account(desk.owner).orders}
                    messages.append(desk.sign(draw(source, known)))
                for events in await asyncio.gather(*[submit(orders, message) for message in messages]):
                    traded += [event for event in events if event["event"] == "TRADED"]
                if round_ == 3:  # one that comes in the middle, and leaves
                    async with floor.connect() as second:
                        await subscribe(second, *channels)
                        await second.ask(Ping())
                        away = second, {message["channel"]: message["sequence"] for message in second.heard}
            await first.ask(Ping())
            assert away is not None
            second, seen = away
            async with floor.connect() as again:
                await subscribe(again, *channels, **seen)
                await again.ask(Ping())
                assert not any("snapshot" in message for message in again.heard)
                second.heard += again.heard
            for symbol in MARKETS:
                expected = normal(read_book(floor, symbol))
                for talk in (first, second):
                    assert normal(fold_book(talk.heard, f"book.{symbol}")) == expected
                    best = [message for message in talk.heard if message["channel"] == f"bbo.{symbol}"][-1]
                    best = best.get("snapshot", best)
                    bid = max(expected["bids"].items(), default=None)
                    ask = min(expected["asks"].items(), default=None)
                    for side, found in ((best["bid"], bid), (best["ask"], ask)):
                        assert (side and tuple(Decimal(text.rstrip("%")) for text in side)) == found
            heard = [
                trade
                for message in first.heard
                if message["channel"].startswith("trades") and "snapshot" not in message
                for trade in message["trades"]
            ]
            assert len(heard) == len(traded) > 0
            assert sorted((one["sequence"], one["price"], one["size"], one["side"]) for one in heard) == sorted(
                (one["sequence"], one["price"], one["size"], one["code"]) for one in traded
            )

    play(tmp_path, story, limits=MANY, stream=StreamLimits(kept_messages=10_000))


def test_who_was_away_too_long_gets_a_snapshot(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        maker = Desk(floor.node, MAKER)
        async with floor.connect() as talk, floor.connect() as other:
            await subscribe(talk, "book.ETH/USDM")
            await subscribe(other, "book.ETH/USDM")
            first = (await other.wait_for(lambda message: True))["sequence"]
            await other.ask(Unsubscribe(channels=["book.ETH/USDM"]))
            for price in range(1_900, 1_910):
                await talk.pipe.submit(
                    maker.sign(PlaceOrder(market="ETH/USDM", side="buy", size="1", price=str(price)))
                )
            other.heard.clear()
            await subscribe(other, "book.ETH/USDM", **{"book.ETH/USDM": first})
            message = await other.wait_for(lambda message: True)
            assert len(message["snapshot"]["bids"]) == 10
            assert message["snapshot"]["bids"][0] == ["1909", "1"]  # best first
            assert fold_book(talk.heard, "book.ETH/USDM") == read_book(floor, "ETH/USDM")

    play(tmp_path, story, limits=MANY, stream=StreamLimits(kept_messages=4))


def test_marks_and_funding_are_said_when_they_are_set(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        async with floor.connect() as talk:
            await subscribe(talk, "marks", "funding")
            marks = await talk.wait_for(lambda message: message["channel"] == "marks")
            assert marks["snapshot"]["marks"]["ETH"]["mark"] == "2000"
            assert marks["snapshot"]["marks"]["SOL"] == {"mark": None, "feed": "none", "time": 0}
            funding = await talk.wait_for(lambda message: message["channel"] == "funding")
            assert funding["snapshot"]["funding"]["ETH-PERP"]["rate"] == "0"
            await floor.mark("ETH", "2001")
            update = await talk.wait_for(lambda message: "previous" in message and "marks" in message)
            assert list(update["marks"]) == ["ETH"] and update["marks"]["ETH"]["mark"] == "2001"
            assert update["previous"] == marks["sequence"] < update["sequence"]

    play(tmp_path, story)


def test_an_account_hears_of_its_own_orders_fills_and_balances(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        maker, taker = Desk(floor.node, MAKER), Desk(floor.node, TAKER)
        name = f"account.{MAKER.address}.0"
        async with floor.connect() as talk, floor.connect() as orders:
            await subscribe(talk, name)
            snapshot = (await talk.wait_for(lambda message: True))["snapshot"]
            assert snapshot["account"]["standing"]["state"] == "free" and snapshot["orders"] == []
            ask = PlaceOrder(market="ETH-PERP", side="sell", size="1", price="2000", client_id=77)
            placed = await orders.pipe.submit(maker.sign(ask))
            update = await talk.wait_for(lambda message: "previous" in message)
            order = placed.events[-1]["order_id"]
            assert [one["id"] for one in update["orders"]] == [order] and update["orders"][0]["size"] == "1"
            await orders.pipe.submit(taker.sign(PlaceOrder(market="ETH-PERP", side="buy", size="0.4", price="2000")))
            update = await talk.wait_for(lambda message: message["sequence"] > update["sequence"])
            assert {event["event"] for event in update["events"]} >= {"TRADED", "PERP_CHANGED"}
            assert update["orders"][0]["size"] == "0.6" and update["gone"] == []
            balances = {one["asset"]: one for one in update["account"]["balances"]}
            assert balances["ETH"]["perp"] == "-0.4"
            await orders.pipe.submit(maker.sign(CancelOrder(client_id=77)))
            update = await talk.wait_for(lambda message: message["sequence"] > update["sequence"])
            assert update["gone"] == [order] and update["orders"] == []
            sent = Transfer(asset="USDM", amount="5", to_owner=MAKER.address)
            await orders.pipe.submit(taker.sign(sent))  # what somebody else does to it counts as well
            update = await talk.wait_for(lambda message: message["sequence"] > update["sequence"])
            assert update["events"][-1]["event"] == "TRANSFERRED"
            heard = len(talk.heard)
            await orders.pipe.submit(taker.sign(PlaceOrder(market="ETH/USDM", side="buy", size="0.4", price="1000")))
            await talk.ask(Ping())
            assert len(talk.heard) == heard  # of others it hears nothing

    play(tmp_path, story)


@pytest.mark.parametrize(
    "name",
    ["", "book", "book.", "book.ETH/XXX", "marks.ETH", "account.0x12.0", f"account.{STRANGER.address}.0",
     f"account.{MAKER.address}.-1", f"account.{MAKER.address}", "bbo.\u0661", "account." + "9" * 9_000],
)  # fmt: skip
def test_what_is_no_channel_is_said_to_be_none(tmp_path: Path, name: str) -> None:
    async def story(floor: Floor) -> None:
        async with floor.connect() as talk:
            with pytest.raises(RefusedError, match="UNKNOWN_CHANNEL"):
                await subscribe(talk, "marks", name)
            await talk.ask(Ping())
            assert talk.heard == []  # all or none

    play(tmp_path, story)


def test_subscriptions_are_limited(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        async with floor.connect() as talk:
            await subscribe(talk, "marks", "funding")
            await subscribe(talk, "marks")
            with pytest.raises(RefusedError, match="SUBSCRIPTIONS"):
                await subscribe(talk, "bbo.ETH/USDM")
            assert (await talk.ask(Unsubscribe(channels=["marks", "bbo.ETH/USDM"])))["unsubscribed"] == ["marks"]
            await subscribe(talk, "bbo.ETH/USDM")

    play(tmp_path, story, stream=StreamLimits(subscriptions=2))


def test_who_does_not_read_is_cut_off_and_others_go_on(tmp_path: Path) -> None:
    async def story(floor: Floor) -> None:
        maker = Desk(floor.node, MAKER)
        reader, writer = await asyncio.open_connection("127.0.0.1", floor.stream.port, limit=4_096)
        writer.write(
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        text = b'{"op":"subscribe","channels":["account.%b.0"]}' % MAKER.address.encode()
        writer.write(b"\x81" + bytes([0x80 | len(text)]) + bytes(4) + text)
        async with floor.connect() as other:
            await subscribe(other, f"account.{MAKER.address}.0")
            while all(connection.is_open for connection in floor.stream.connections):
                for _ in range(20):
                    await other.pipe.submit(
                        maker.sign(
                            *[PlaceOrder(market="ETH/USDM", side="buy", size="1", price="1500")] * 50, CancelAll()
                        )
                    )
                assert len(other.heard) < 5_000
            assert (await other.ask(Ping()))["time"]
        said = b""
        while more := await reader.read(1 << 20):
            said += more
        assert b"SLOW_CONSUMER" in said[-200:] and (4_008).to_bytes(2, "big") in said[-200:]
        writer.close()

    play(tmp_path, story, limits=MANY, stream=StreamLimits(unread_bytes=1 << 16))
