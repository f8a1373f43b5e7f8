"""Reads of the past: trades, candles, funding, marks, receipts, and what happened to an account."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from litestar import get
from litestar.background_tasks import BackgroundTask
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import Parameter, QueryParameter
from litestar.response import File

from worldmarkets.api.http import history
from worldmarkets.api.http.errors import describe
from worldmarkets.api.http.routes_accounts import PATH, find
from worldmarkets.api.http.routes_accounts import TAG as ACCOUNTS
from worldmarkets.api.http.routes_commands import TAG as COMMANDS
from worldmarkets.api.http.routes_venue import TAG as VENUE
from worldmarkets.api.http.state import AssetName, Index, Limit, MarketName, Owner, Served
from worldmarkets.api.http.text import say
from worldmarkets.core import codes
from worldmarkets.exchange.addresses import split_address
from worldmarkets.exchange.errors import UnknownName
from worldmarkets.exchange.ladder import STATES
from worldmarkets.node.history.reads import MOST
from worldmarkets.node.history.topics import KINDS, TOPICS
from worldmarkets.node.sequencer import Told
from worldmarkets.schemas import reads
from worldmarkets.schemas.answers import Receipt

SAID = describe(400, 404, 503)
DAY_US = 86_400_000_000
MOST_CANDLES = 1_000
FILES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
Before = Annotated[
    int, Parameter(ge=1, le=MOST, description="the `next` of the page in front; left out for the latest")
]
Topic = Annotated[str, Parameter(max_length=32, description=f"{', '.join(TOPICS)}, or all")]
Interval = Annotated[str, Parameter(pattern=r"^[1-9]\d{0,4}[smhd]$", description="such as 30s, 5m, 4h or 1d")]
Time = Annotated[int, Parameter(ge=0, le=1 << 50, description="milliseconds since 1970; 0: not said")]


@get("/v1/trades", tags=VENUE, responses=SAID)
async def get_trades(state: Served, market: MarketName, before: Before = MOST, limit: Limit = 100) -> reads.Trades:
    """The trades of a market, the latest first."""
    listed = state.node.exchange.listing.market(market)
    kept = await state.history.ask(
        lambda past: past.find_events([codes.TRADED], before=before, limit=limit, market=listed.number)
    )
    return reads.Trades(
        trades=history.say_trades(state.node.exchange, kept), next=history.find_next(kept, limit),
        block=state.history.block,
    )  # fmt: skip


@get("/v1/candles", tags=VENUE, responses=SAID)
async def get_candles(
    state: Served,
    market: MarketName,
    interval: Annotated[
        str, Parameter(pattern=r"^[1-9]\d{0,4}[smhd]$", description="such as 30s, 5m, 4h or 1d")
    ] = "1m",
    start: Time = 0,
    end: Time = 0,
    limit: Annotated[int, Parameter(ge=1, le=MOST_CANDLES, description="how many intervals at most")] = 200,
) -> reads.Candles:
    """The candles of a market over a span, of any interval, made from its trades.

    Without `end` the span ends now; without `start` it begins `limit` intervals before its end.
    """
    exchange = state.node.exchange
    listed = exchange.listing.market(market)
    seconds = int(interval[:-1]) * UNITS[interval[-1]]
    step = seconds * 1_000_000
    to_us = exchange.time_us + 1 if end == 0 else end * 1_000
    from_us = (to_us // step - limit + 1) * step if start == 0 else start * 1_000
    found = await state.history.ask(
        lambda past: past.find_candles(listed.number, step, max(from_us, 0), to_us, limit)
    )  # fmt: skip
    return reads.Candles(
        market=listed.symbol, interval_seconds=seconds,
        candles=[history.say_candle(exchange, listed, candle) for candle in found],
    )  # fmt: skip


@get("/v1/funding", tags=VENUE, responses=SAID)
async def get_funding(state: Served, market: MarketName, before: Before = MOST, limit: Limit = 100) -> reads.Funding:
    """The funding of a perp market, period by period, the latest first."""
    listed = state.node.exchange.listing.market(market)
    if listed.kind != "perp":
        raise UnknownName(f"{market} is no perp market: it has no funding")
    kept = await state.history.ask(
        lambda past: past.find_events([codes.FUNDING_SET], before=before, limit=limit, market=listed.number)
    )
    return reads.Funding(
        market=listed.symbol, periods=history.say_funding(kept), next=history.find_next(kept, limit)
    )  # fmt: skip


@get("/v1/marks/history", tags=VENUE, responses=SAID)
async def get_past_marks(state: Served, asset: AssetName, before: Before = MOST, limit: Limit = 100) -> reads.Marks:
    """The marks of an asset, the latest first."""
    listed = state.node.exchange.listing.asset(asset)
    kept = await state.history.ask(
        lambda past: past.find_events([codes.MARK_SET], before=before, limit=limit, asset=listed.number)
    )
    return reads.Marks(asset=listed.symbol, marks=history.say_marks(kept), next=history.find_next(kept, limit))


@get("/v1/stats", tags=VENUE, responses=describe(503))
async def get_stats(state: Served) -> reads.Stats:
    """The venue in figures: what was traded in a day, what is open, accounts by state, how far it has got."""
    exchange = state.node.exchange
    volumes = await state.history.ask(lambda past: past.find_volumes(max(exchange.time_us - DAY_US, 0)))
    checkpoints = await state.history.read_checkpoints(5)
    counts = np.bincount(exchange.table("accounts")["state"][1:], minlength=len(STATES)).tolist()
    markets = []
    for listed in exchange.listing.markets:
        trades, lots, value = volumes.get(listed.number, (0, 0, 0))
        is_perp = listed.kind == "perp"
        markets.append(
            reads.MarketStats(
                market=listed.symbol, trades=trades, volume=say(listed.from_lots(lots)),
                notional=history.say_notional(exchange, listed, value),
                open_interest=say(exchange.market(listed.symbol).open_interest) if is_perp else None,
            )
        )  # fmt: skip
    return reads.Stats(
        time=exchange.time_us // 1_000, sequence=exchange.read_row("venue", 1).sequence,
        block=state.node.sequencer.applied, history_block=state.history.block,
        accounts=dict(zip(STATES, counts, strict=True)), markets=markets,
        checkpoints=[reads.Checkpoint(block=block, digest=digest) for block, digest in checkpoints],
    )  # fmt: skip


# Of an account.


def get_kinds(topic: str) -> tuple[int, ...]:
    """Return the kinds of event of a topic.  Raises UnknownName."""
    if topic == "all":
        return KINDS
    if topic not in TOPICS:
        raise UnknownName(f"there is no topic {topic!r}; there is {', '.join(TOPICS)}, all")
    return TOPICS[topic]


@get(f"{PATH}/history", tags=ACCOUNTS, responses=SAID)
async def get_history(
    state: Served, owner: Owner, index: Index, topic: Topic = "all", before: Before = MOST, limit: Limit = 100
) -> reads.History:
    """What happened to an account, of one topic or of all, the latest first: everything since it was opened."""
    account, kinds = find(state, owner, index), get_kinds(topic)
    await state.history.settle()
    kept = await state.history.ask(
        lambda past: past.find_events(kinds, before=before, limit=limit, account=account.number)
    )
    return reads.History(
        events=await history.say_events(state.node.writer, kept), next=history.find_next(kept, limit),
        block=state.history.block,
    )  # fmt: skip


@dataclass
class GivesFile(Operation):
    """An operation that answers with a file."""

    def __post_init__(self) -> None:
        content = {
            kind: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, content_media_type=kind))
            for kind in FILES.values()
        }
        self.responses = {**(self.responses or {}), "200": OpenAPIResponse(description="The file.", content=content)}


@get(f"{PATH}/export", tags=ACCOUNTS, responses=SAID, operation_class=GivesFile)
async def export_history(
    state: Served,
    owner: Owner,
    index: Index,
    topic: Annotated[str, Parameter(max_length=32, description=", ".join(TOPICS))] = "trades",
    form: Annotated[Literal["csv", "parquet"], QueryParameter(name="format", description="csv or parquet")] = "csv",
) -> File:
    """What happened to an account, of one topic, as a file: CSV or Parquet, in the order in which it happened."""
    account, kinds = find(state, owner, index), get_kinds(topic)
    if topic == "all" or not kinds:
        raise UnknownName(f"{topic} is no one table; there is {', '.join(TOPICS)}")
    await state.history.settle()
    folder = tempfile.TemporaryDirectory(prefix="worldmarkets-export-")
    path = Path(folder.name, f"{topic}.{form}")
    try:
        await state.history.export(topic, form, path, account.number)
    except BaseException:
        folder.cleanup()
        raise
    return File(
        path, filename=f"{account.address}-{account.index}-{topic}.{form}", background=BackgroundTask(folder.cleanup),
        media_type=FILES[form],
    )  # fmt: skip


# Of a command.


@get("/v1/receipts/{signer:str}/{nonce:int}", tags=COMMANDS, responses=SAID)
async def get_receipt(
    state: Served,
    signer: Annotated[str, Parameter(pattern="^0x[0-9a-fA-F]{40}$", description="the address of the key that signed")],
    nonce: Annotated[int, Parameter(ge=0, le=1 << 62, description="the nonce of the bundle")],
) -> Receipt:
    """What became of a bundle: the receipt of the one that used the nonce of a key.

    For a client that lost its connection.  404: nothing with this nonce was ever journalled.
    """
    await state.history.settle()
    words = split_address(bytes.fromhex(signer[2:]))
    found = await state.history.ask(lambda past: past.find_receipt(words, nonce, KINDS))
    if found is None:
        raise UnknownName(f"nothing was journalled with nonce {nonce} of {signer}")
    return state.node.make_receipt(Told(found.sequence, found.time_us, memoryview(found.events)))


ROUTES = [
    get_trades, get_candles, get_funding, get_past_marks, get_stats, get_history, export_history, get_receipt,
]  # fmt: skip
