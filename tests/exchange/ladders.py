"""A packaged venue on which the ladder acts, for tests of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from tests.exchange.venues import SMALL
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.exchange import Account
from worldmarkets.exchange.genesis import load_genesis

PRICES = {"BTC": "60000", "ETH": "2000", "stETH": "2000", "SOL": "150", "MEGA": "0.4", "USDC": "1", "USDT": "1"}
D = Decimal


def open_ladder(capacity: Mapping[str, int] = SMALL, **venue: Any) -> Exchange:
    """Return the packaged venue with marks; `venue` are settings of it that are to be others."""
    genesis = load_genesis()
    genesis = msgspec.structs.replace(genesis, venue=msgspec.structs.replace(genesis.venue, **venue))
    exchange = Exchange(genesis, capacity=dict(capacity))
    exchange.marks(PRICES)
    return exchange


def enter(exchange: Exchange, name: str, **funds: str) -> Account:
    """Return a new account with funds."""
    account = exchange.account(name)
    for asset, amount in funds.items():
        account.deposit(asset, amount)
    return account


def move(exchange: Exchange, asset: str, price: str) -> list[Any]:
    """Let a minute pass and set a mark, so that the step is taken; return the events of the mark."""
    exchange.step(seconds=61)
    return list(exchange.mark(asset, price).events)


def watch(exchange: Exchange, seconds: int, see: Callable[[list[Any]], None] = lambda events: None) -> list[Any]:
    """Let seconds pass; return the events, and show those of each command to `see`."""
    found: list[Any] = []
    for events in exchange.pass_time(exchange.time_us + seconds * 10**6):
        see(list(events))
        found += events
    return found


def bid(maker: Account, market: str, mark: str, size: str, levels: int = 20, step: str = "1") -> None:
    """Put bids below a mark that is still to come: once it has, new risk waits until the feed is calm again."""
    for level in range(1, levels + 1):
        maker.buy(market, size, D(mark) - level * D(step))


def only(events: list[Any], kind: int, account: Account | None = None) -> list[Any]:
    """Return the events of one kind, of one account or of all."""
    return [event for event in events if event.kind == kind and (account is None or event.account == account.number)]


def own_orders(events: list[Any]) -> list[Any]:
    """Return the orders that the exchange placed for latched accounts."""
    return [event for event in only(events, codes.ORDER_PLACED) if event.flags & codes.ENGINE_ORDER]
