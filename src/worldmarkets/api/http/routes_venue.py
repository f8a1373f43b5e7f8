"""Reads of the venue and its markets."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.params import Parameter

from worldmarkets import __version__
from worldmarkets.api.http import venue
from worldmarkets.api.http.errors import describe
from worldmarkets.api.http.state import AssetName, Index, MarketName, Served
from worldmarkets.schemas import reads

TAG = ["Venue"]
MOST_LEVELS = 200


@get("/v1/venue", sync_to_thread=False, tags=TAG)
def get_venue(state: Served) -> reads.Venue:
    """Which venue this is: its chain, genesis and signing domain, its time and how far it has got."""
    return venue.read_venue(state.node, __version__)


@get("/v1/assets", sync_to_thread=False, tags=TAG)
def get_assets(state: Served) -> list[reads.Asset]:
    """Every asset, in the order of the listing; the first is the numeraire."""
    return venue.read_assets(state.node.exchange)


@get("/v1/marks", sync_to_thread=False, tags=TAG)
def get_marks(state: Served) -> list[reads.Mark]:
    """The mark of every asset and the state of its feed."""
    return venue.read_marks(state.node.exchange)


@get("/v1/markets", sync_to_thread=False, tags=TAG)
def get_markets(state: Served) -> list[reads.Market]:
    """Every market as it stands, in the order of the listing."""
    exchange = state.node.exchange
    return [venue.read_market(exchange, listed) for listed in exchange.listing.markets]


@get("/v1/market", sync_to_thread=False, tags=TAG, responses=describe(400, 404))
def get_market(state: Served, market: MarketName) -> reads.Market:
    """One market as it stands."""
    exchange = state.node.exchange
    return venue.read_market(exchange, exchange.listing.market(market))


@get("/v1/book", sync_to_thread=False, tags=TAG, responses=describe(400, 404))
def get_book(
    state: Served,
    market: MarketName,
    depth: Annotated[int, Parameter(ge=1, le=MOST_LEVELS, description="levels of each side")] = 20,
    owner: Annotated[
        str,
        Parameter(pattern="^(0x[0-9a-fA-F]{40})?$", description="whose book: only what policies let this owner trade"),
    ] = "",
    index: Index = 0,
) -> reads.Book:
    """The best levels of a book; with an owner, those that the owner's account could trade."""
    exchange = state.node.exchange
    account = exchange.find_account(owner, index) if owner else None
    return venue.read_book(exchange, exchange.listing.market(market), depth, account)


@get("/v1/rates", sync_to_thread=False, tags=TAG, responses=describe(400, 404))
def get_rates(state: Served, asset: AssetName) -> reads.Curve:
    """The best rates to lend and to borrow an asset at, a tenor each, the shortest first."""
    return venue.read_curve(state.node.exchange, asset)


@get("/v1/parameters", sync_to_thread=False, tags=TAG)
def get_parameters(state: Served) -> reads.Parameters:
    """Every parameter in force: what the genesis and the changes since made of it."""
    return venue.read_parameters(state.node.exchange)


@get("/v1/changes", sync_to_thread=False, tags=TAG)
def get_changes(state: Served) -> list[reads.Change]:
    """The changes of parameters under way."""
    return venue.read_changes(state.node.exchange)


ROUTES = [
    get_venue, get_assets, get_marks, get_markets, get_market, get_book, get_rates, get_parameters, get_changes,
]  # fmt: skip
