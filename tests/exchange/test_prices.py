"""Critical prices worked out beside the exchange are those that the exchange finds when it is tried."""

from __future__ import annotations

from decimal import Decimal

from worldmarkets.exchange import Exchange
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.prices import CriticalPrice, compute_prices, read_prices

STEP = Decimal("0.00000002")  # of a mark: the exchange floors each group's figure, the search does not


def find(exchange: Exchange, account: Account) -> dict[tuple[str, str], CriticalPrice]:
    return {(one.asset, one.rung): one for one in compute_prices(read_prices(exchange, account.number))}


def make_trader() -> tuple[Exchange, Account]:
    """A trader with 1,000 USDM who is long 2 ETH-PERP at 2,000."""
    exchange = Exchange()
    exchange.marks({"ETH": "2000", "BTC": "60000"})
    maker, trader = exchange.account("maker"), exchange.account("trader")
    maker.deposit("USDM", "1_000_000")
    trader.deposit("USDM", "1_000")
    maker.order("ETH-PERP", "sell", "2", "2000")
    trader.order("ETH-PERP", "buy", "2", "2000")
    return exchange, trader


def assert_close(one: Decimal | None, other: Decimal | None) -> None:
    assert (one is None) == (other is None), (one, other)
    assert one is None or other is None or abs(one - other) <= STEP, (one, other)


def test_they_are_those_that_the_exchange_finds_by_trying() -> None:
    exchange, trader = make_trader()
    trader.deposit("BTC", "0.01")
    trader.deposit("stETH", "0.5")
    found = find(exchange, trader)
    tried = trader.rung_prices()
    assert len(tried) == len(found) >= 6
    for one in tried:
        other = found[one.asset, one.rung]
        assert (one.mark, one.severity, one.is_reached) == (other.mark, other.severity, other.is_reached)
        assert_close(other.down, one.down)
        assert_close(other.up, one.up)
        assert other.cure is None


def test_by_hand() -> None:
    exchange, trader = make_trader()
    price = find(exchange, trader)["ETH", "initial"]
    # V(p, 1) = 1,000 - 4 of fee + 2 (p - 2,000) - 12 % of 2 p - 0.5 % of 2 p, which is zero at 3,004 / 1.75.
    assert price.down is not None and abs(price.down - Decimal(3_004) / Decimal("1.75")) < Decimal("0.001")
    assert price.up is None and not price.is_reached


def test_the_cure_is_where_it_is_no_longer_below_zero() -> None:
    exchange, trader = make_trader()
    before = find(exchange, trader)["ETH", "initial"]
    exchange.step(seconds=5)
    exchange.mark("ETH", "1700")
    after = find(exchange, trader)["ETH", "initial"]
    assert after.is_reached and after.down is None and after.up is None
    assert after.cure is not None and before.down is not None
    # One step above the highest mark at which it is below zero, but for the time that went by.
    assert abs(after.cure - before.down) < Decimal("0.001") and after.cure > before.down
