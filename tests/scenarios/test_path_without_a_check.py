"""Euler, March 2023: one function let an account give its collateral away without the health check that every other
had; it then liquidated itself at a discount, for 197 million.  Here every command of an account ends in the one
admission check, whatever its kind, and trading with oneself does not happen.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.scenarios.stage import enter, get_largest_withdrawal, open_stage, refused, trade
from worldmarkets import Exchange
from worldmarkets.exchange import Account, Rejected


def make_indebted() -> tuple[Exchange, Account, Account]:
    """A trader with 1 ETH, 400 USDM, a debt of 1,500 and a small perp: free, by some hundred USDM."""
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="1_000_000", ETH="100", SOL="1000")
    trader = enter(exchange, "trader", ETH="1")
    maker.lend("USDM", "1_500", rate="5%")
    trader.borrow("USDM", "1_500", rate="5%")
    trader.transfer(maker, "USDM", "1_100")
    trade(trader, maker, "ETH-PERP", "0.1", "2000")
    maker.lend("USDM", "50_000", rate="5%")
    maker.sell("SOL/USDM", "100", "300")  # twice the mark
    maker.sell("SOL-PERP", "100", "165")
    maker.buy("ETH/USDM", "10", "500")  # a quarter of the mark
    maker.buy("SOL-PERP", "100", "135")
    assert trader.state == "free"
    return exchange, trader, maker


WAYS: dict[str, Callable[[Account, Account], object]] = {
    "withdraw": lambda trader, maker: trader.withdraw("ETH", "0.5"),
    "transfer": lambda trader, maker: trader.transfer(maker, "ETH", "0.5"),
    "give away in a trade": lambda trader, maker: trader.sell("ETH/USDM", "0.5", "500"),
    "overpay": lambda trader, maker: trader.buy("SOL/USDM", "1.3", "300"),
    "a perp": lambda trader, maker: trader.buy("SOL-PERP", "100", "165"),
    "a perp the other way": lambda trader, maker: trader.sell("SOL-PERP", "100", "135"),
    "a market order": lambda trader, maker: trader.buy("SOL-PERP", "100", slippage="10%"),
    "an order that rests": lambda trader, maker: trader.buy("SOL-PERP", "100", "150"),
    "more debt": lambda trader, maker: trader.borrow("USDM", "20_000", rate="5%"),
    "lend it": lambda trader, maker: trader.lend("ETH", "0.5", rate="1%"),
}


@pytest.mark.both
@pytest.mark.parametrize("way", WAYS)
def test_no_way_leads_past_the_check(way: str) -> None:
    exchange, trader, maker = make_indebted()
    # As far as it can go, and one step further: the ETH holds the debt, and nothing may take it.
    trader.withdraw("USDM", trader.balances["USDM"])
    trader.withdraw("ETH", get_largest_withdrawal(trader, "ETH"))
    standing, before = trader.standing, trader.positions
    with suppress(Rejected):
        WAYS[way](trader, maker)
    trader.cancel_all()
    assert trader.state == "free", way
    assert trader.available_margin >= 0
    assert trader.positions == before, f"{way}: it happened"
    assert trader.standing == standing
    with refused("WITHDRAWABLE", "MARGIN", "BALANCE", "OPEN_ORDERS", "BUNDLE_ACCOUNT"), trader.bundle() as bundle:
        bundle.true_up(trader.perps[0].id)
        WAYS[way](bundle, maker)
        bundle.withdraw("ETH", "0.4")
    assert trader.state == "free"
    assert exchange.audit() == []


@pytest.mark.both
def test_a_repayment_or_extension_is_checked_as_well() -> None:
    """An account below the line may only do what makes it no worse, of every kind."""
    exchange, trader, _ = make_indebted()
    exchange.step(minutes=2)
    exchange.mark("ETH", "1300")
    exchange.step(minutes=2)
    exchange.mark("ETH", "1300")
    assert trader.state != "free"
    values = trader.available_margin, trader.value("0.6")
    for act in (
        lambda: trader.withdraw("USDM", "0.000001"),
        lambda: trader.transfer(exchange.account("maker"), "ETH", "0.00000001"),
        lambda: trader.sell("ETH/USDM", "0.5", "500"),
        lambda: trader.buy("ETH-PERP", "0.1", "1300"),
        lambda: trader.borrow("USDM", "10", rate="5%", fok=True),
    ):
        with refused("WITHDRAWABLE", "MARGIN", "MARGIN_WORSE", "PRICE_BAND", "OPEN_ORDERS", "FILL_OR_KILL_UNFILLED"):
            act()
    assert (trader.available_margin, trader.value("0.6")) == values
    trader.repay(trader.loans[0].id, "100")  # what makes it better is welcome
    assert trader.available_margin >= values[0]


@pytest.mark.both
@pytest.mark.parametrize("mode", ["cancel-resting", "cancel-incoming", "cancel-both", "decrement"])
@pytest.mark.parametrize("market", ["ETH/USDM", "ETH-PERP", "USDM-LOAN-10D"])
def test_one_does_not_trade_with_oneself(market: str, mode: str) -> None:
    exchange = open_stage()
    first = enter(exchange, "owner", USDM="50_000", ETH="10")
    second = exchange.account("owner", index=1)
    second.deposit("USDM", "50_000")
    price, size = ("5%", "1_000") if "LOAN" in market else ("2000", "1")
    first.order(market, "sell", size, price)
    second.order(market, "buy", size, price, self_trade=mode)
    assert exchange.trades == type(exchange.trades)()
    assert first.balances == {"USDM": 50_000, "ETH": 10}
    assert second.balances == {"USDM": 50_000}
    assert first.perps == second.perps == first.loans == []
