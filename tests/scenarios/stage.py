"""The venue on which the incidents are played again: the packaged one, with marks."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.exchange.venues import SMALL
from worldmarkets import Exchange
from worldmarkets.exchange import Account, Rejected
from worldmarkets.exchange.genesis import load_genesis

PRICES = {"BTC": "60000", "ETH": "2000", "stETH": "2000", "SOL": "150", "MEGA": "0.4", "USDC": "1", "USDT": "1"}
D = Decimal


def open_stage(prices: Mapping[str, str] = PRICES, **venue: Any) -> Exchange:
    """Return the packaged venue with its marks; `venue` are settings of it that are to be others.

    Without its ladder (`has_ladder`) nobody acts: what holds then is held by margins alone.
    """
    genesis = load_genesis()
    genesis = msgspec.structs.replace(genesis, venue=msgspec.structs.replace(genesis.venue, **venue))
    exchange = Exchange(genesis, capacity=SMALL)
    exchange.marks(prices)
    return exchange


def keep_fresh(exchange: Exchange) -> None:
    """Set every mark anew, as it is."""
    exchange.marks({asset: price for asset, price in exchange.prices.items() if asset != "USDM"})


def refused(*codes: str) -> pytest.RaisesExc[Rejected]:
    """Expect a command to be refused with one of these codes."""
    return pytest.raises(Rejected, match=rf": ({'|'.join(codes)})\b")


def enter(exchange: Exchange, name: str, **funds: str) -> Account:
    """Return a new account with funds."""
    account = exchange.account(name)
    for asset, amount in funds.items():
        account.deposit(asset, amount)
    return account


def look(account: Account) -> tuple[Any, ...]:
    """Everything an account has, whatever it is worth now: balances, contracts, orders."""
    loans = [(loan.id, loan.side, loan.counterparty, loan.principal, loan.rate, loan.due) for loan in account.loans]
    perps = [(perp.id, perp.counterparty, perp.size, perp.entry) for perp in account.perps]
    return account.balances, loans, perps, account.orders


def trade(buyer: Account, seller: Account, market: str, size: str, price: str) -> None:
    """Let two accounts trade with one another."""
    seller.sell(market, size, price)
    assert buyer.buy(market, size, price).filled == D(size)


def get_largest_withdrawal(account: Account, asset: str = "USDM") -> Decimal:
    """Return the most that an account can take out, found by asking, to a ten-thousandth."""
    low, high = D(0), account.balances.get(asset, D(0)) + D("0.0001")
    while high - low > D("0.0001"):
        middle = ((low + high) / 2).quantize(D("0.0001"))
        if not low < middle < high:
            break
        if account.preview.withdraw(asset, middle).result.accepted:
            low = middle
        else:
            high = middle
    return low
