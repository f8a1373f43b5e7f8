"""Whoever has lost its last money must still be able to make its position smaller.

Venues charge a fee on every trade, also on the one that takes risk away.  Where a balance cannot go below zero, the fee
of a trader without any makes its orders fail, and the position that everybody wants smaller stays, through the worst of
a fall, until somebody else closes it.  Here the fee of such a fill is what is there, if the account was less than free
before; nobody gets there by commands of its own.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.exchange.venues import SMALL, without_ladder
from worldmarkets import Exchange
from worldmarkets.exchange import Account


def open_fallen(collateral: str = "0") -> tuple[Exchange, Account, Account]:
    """Somebody long 4 ETH from 2,000, who has paid all of its 1,000 for a fall to 1,740."""
    exchange = Exchange(without_ladder(), capacity=SMALL)
    exchange.marks({"ETH": "2000", "BTC": "60000"})
    maker, trader = exchange.account("maker"), exchange.account("trader")
    maker.deposit("USDM", "1_000_000")
    trader.deposit("USDM", "1_008")
    if collateral != "0":
        trader.deposit("BTC", collateral)
    maker.sell("ETH-PERP", "4", "2000")
    trader.buy("ETH-PERP", "4", "2000")  # for a fee of 8
    for price in ("1900", "1810", "1740"):
        exchange.marks({"ETH": price, "BTC": "60000"})
    exchange.step(hours=1)
    exchange.marks({"ETH": "1740", "BTC": "60000"})  # the feed is calm again
    (contract,) = maker.perps
    maker.true_up(contract.id)
    assert trader.balances.get("USDM", 0) == 0
    return exchange, maker, trader


@pytest.mark.both
@pytest.mark.parametrize("is_taker", [True, False])
def test_a_fallen_account_reduces_for_what_it_has(is_taker: bool) -> None:
    """Selling 1 of 4 ETH at 1,740 would cost 1.74 (0.87 as a maker), and there is nothing."""
    exchange, maker, trader = open_fallen()
    before = trader.value("1")
    assert before < 0
    if is_taker:
        maker.buy("ETH-PERP", "1", "1740")
        result = trader.submit.sell("ETH-PERP", "1", "1740", reduce_only=True)
        assert (result.code, result.filled, result.fees) == ("OK", 1, 0)
    else:
        trader.sell("ETH-PERP", "1", "1740", reduce_only=True)
        assert maker.buy("ETH-PERP", "1", "1740").filled == 1
    assert sum(perp.size for perp in trader.perps) == 3
    assert trader.value("1") > before
    assert exchange.audit() == []


def test_nothing_is_taken_near_the_end() -> None:
    """With 1 USDM for 6,960 of exposure a fee of 1.74 would take more than the smaller position gives."""
    exchange, maker, trader = open_fallen()
    trader.deposit("USDM", sum(loan.principal for loan in trader.loans) + 1)  # its promises are paid first
    had = trader.balances["USDM"]
    assert trader.value("1") < 0 < had
    maker.buy("ETH-PERP", "1", "1740")
    result = trader.sell("ETH-PERP", "1", "1740", ioc=True)
    assert (result.filled, result.fees) == (1, 0)
    assert trader.balances["USDM"] == had
    assert exchange.audit() == []


def test_it_pays_what_it_has_or_the_fee() -> None:
    """Between the rungs the fee is a fee: what is there of it is paid."""
    for lacking in (True, False):
        exchange, maker, trader = open_fallen("0.01")  # 600 of collateral: V(0.3) > 0 > V(1)
        trader.deposit("USDM", sum(loan.principal for loan in trader.loans) + (1 if lacking else 5))
        had = trader.balances["USDM"]
        assert trader.value("1") < 0 < trader.value("0.3")
        maker.buy("ETH-PERP", "1", "1740")
        result = trader.sell("ETH-PERP", "1", "1740", ioc=True)
        assert (result.filled, result.fees) == (1, min(had, Decimal("1.74")))
        assert exchange.audit() == []


def test_it_may_not_turn_its_position_over_for_that() -> None:
    """Five are sold: four would reduce, one would open, and nobody opens below the rung."""
    exchange, maker, trader = open_fallen()
    maker.buy("ETH-PERP", "5", "1740")
    assert trader.submit.sell("ETH-PERP", "5", "1740", ioc=True).filled == 0
    assert sum(perp.size for perp in trader.perps) == 4
    assert exchange.audit() == []


def test_who_is_free_pays_its_fee() -> None:
    """With a bitcoin beside it the account is free, and has something to sell: no money, no fill."""
    exchange, maker, trader = open_fallen("1")
    assert trader.value("1") > 0
    maker.buy("ETH-PERP", "1", "1740")
    result = trader.submit.sell("ETH-PERP", "1", "1740", reduce_only=True)
    assert [gone.reason for gone in result.cancelled] == ["BALANCE"]
    assert exchange.audit() == []
