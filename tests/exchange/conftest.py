"""An exchange with a maker who quotes, and a trader."""

import pytest

from tests.exchange.venues import SMALL
from worldmarkets import Exchange
from worldmarkets.exchange import Account


@pytest.fixture
def exchange() -> Exchange:
    """The packaged venue with marks, and a maker who owns enough."""
    exchange = Exchange(capacity=SMALL)
    exchange.marks({"BTC": "60000", "ETH": "2000", "stETH": "2000", "SOL": "150", "USDC": "1", "MEGA": "0.4"})
    maker = exchange.account("maker")
    maker.deposit("USDM", "1_000_000")
    maker.deposit("ETH", "100")
    maker.deposit("BTC", "10")
    return exchange


@pytest.fixture
def maker(exchange: Exchange) -> Account:
    """Whoever quotes."""
    return exchange.account("maker")


@pytest.fixture
def trader(exchange: Exchange) -> Account:
    """Whoever takes: 1,000 USDM."""
    trader = exchange.account("trader")
    trader.deposit("USDM", "1000")
    return trader
