"""What is said of the past."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from worldmarkets.api.http.text import say
from worldmarkets.core.codec import decode_events
from worldmarkets.exchange import Exchange
from worldmarkets.exchange.listing import Market
from worldmarkets.exchange.outbound import Writer, format_price, format_units
from worldmarkets.exchange.results import side_name
from worldmarkets.exchange.units import MARK_DECIMALS
from worldmarkets.node.history.reads import Candle, Kept
from worldmarkets.schemas import reads

SAID_AT_ONCE = 64  # events put into words before the loop gets its turn


def find_next(kept: Sequence[Kept], limit: int) -> int | None:
    """Return what the page behind this one comes before, if it may hold anything."""
    return kept[-1].number if len(kept) == limit else None


async def say_events(writer: Writer, kept: Sequence[Kept]) -> list[reads.Happened]:
    """Return events in words, without keeping the loop from anything else."""
    found = []
    for place, one in enumerate(kept, 1):
        event = writer.write_row(one.event)
        found.append(reads.Happened(number=one.number, time=one.time_us // 1_000, event=event))
        if place % SAID_AT_ONCE == 0:
            await asyncio.sleep(0)
    return found


def say_trades(exchange: Exchange, kept: Sequence[Kept]) -> list[reads.Trade]:
    """Return trades."""
    found = []
    for one, trade in zip(kept, decode_events(b"".join(one.event for one in kept)), strict=True):
        market = exchange.listing.market(trade.market)
        taker, maker = (exchange.get_account(number) for number in (trade.account, trade.maker))
        found.append(
            reads.Trade(
                number=one.number, time=one.time_us // 1_000, market=market.symbol, side=side_name(trade.code),
                price=format_price(market, trade.price_ticks), size=say(market.from_lots(trade.lots)),
                taker=f"{taker.address}#{taker.index}", maker=f"{maker.address}#{maker.index}",
            )
        )  # fmt: skip
    return found


def say_funding(kept: Sequence[Kept]) -> list[reads.FundingPeriod]:
    """Return funding periods."""
    periods = decode_events(b"".join(one.event for one in kept))
    return [
        reads.FundingPeriod(
            number=one.number, time=period.time_us // 1_000, rate=format_units(period.rate_ppb, 9),
            mark=format_units(period.mark, MARK_DECIMALS),
        )
        for one, period in zip(kept, periods, strict=True)
    ]  # fmt: skip


def say_marks(kept: Sequence[Kept]) -> list[reads.PastMark]:
    """Return marks of the past."""
    marks = decode_events(b"".join(one.event for one in kept))
    return [
        reads.PastMark(
            number=one.number, time=mark.time_us // 1_000, mark=format_units(mark.price, MARK_DECIMALS)
        )  # fmt: skip
        for one, mark in zip(kept, marks, strict=True)
    ]


def say_candle(exchange: Exchange, market: Market, candle: Candle) -> reads.Candle:
    """Return a candle of a market."""
    first, high, low, last = (
        format_price(market, ticks) for ticks in (candle.open, candle.high, candle.low, candle.close)
    )
    return reads.Candle(
        time=candle.time_us // 1_000, open=first, high=high, low=low, close=last,
        volume=say(market.from_lots(candle.lots)), notional=say_notional(exchange, market, candle.value),
        trades=candle.trades,
    )  # fmt: skip


def say_notional(exchange: Exchange, market: Market, value: int) -> str | None:
    """Return what a sum of ticks times lots is in the numeraire; None in a loan book, where prices are rates."""
    if market.kind == "loan":
        return None
    return say(exchange.listing.numeraire.from_quanta(value * market.tick_value))
