"""Tables, snapshots, digests, audits."""

from decimal import Decimal

import numpy as np
import pytest

import worldmarkets
from tests.exchange.venues import SMALL, WORKED, open_worked
from worldmarkets import Exchange
from worldmarkets.exchange import Account, GenesisError, parse_genesis


def test_a_table_is_a_view_of_the_state(exchange: Exchange, trader: Account) -> None:
    positions = exchange.table("positions")
    row = int(np.flatnonzero(positions["account"] == trader.number)[0])
    assert positions[row]["balance"] == 1_000_000_000
    trader.withdraw("USDM", 1)
    assert positions[row]["balance"] == 999_000_000  # the same memory
    with pytest.raises(ValueError, match="read-only"):
        positions["balance"][row] = 0


def test_a_frame_holds_the_rows_in_use(exchange: Exchange, trader: Account) -> None:
    order = trader.buy("ETH/USDM", "0.1", "1900").order
    frame = exchange.frame("orders")
    assert frame["id"].to_list() == [order]
    assert frame["lots"].to_list() == [1_000]
    trader.cancel(order)
    assert exchange.frame("orders").is_empty()
    assert exchange.frame("assets").height == 8


@pytest.mark.both
def test_a_snapshot_goes_on_where_it_was_taken() -> None:
    exchange = open_worked()
    maker, trader = exchange.account("maker"), exchange.account("trader")
    trader.deposit("USDM", 1000)
    maker.sell("ETH-PERP", "1", "2000")
    trader.buy("ETH-PERP", "0.4", "2000")
    genesis = parse_genesis(WORKED.format(basis=0))
    copy = Exchange.restore(exchange.snapshot(), genesis)
    assert copy.digest() == exchange.digest()
    assert copy.account("trader").standing == trader.standing
    assert copy.account("trader").perps[0].counterparty == copy.account("maker")
    for each in (exchange, copy):
        each.step(seconds=1)
        each.account("trader").buy("ETH-PERP", "0.6", "2000")
    assert copy.digest() == exchange.digest()
    assert copy.audit() == []


def test_a_snapshot_belongs_to_its_genesis() -> None:
    snapshot = open_worked().snapshot()
    with pytest.raises(GenesisError, match="other assets or markets"):
        Exchange.restore(snapshot)
    other = WORKED.format(basis=0).replace('lot = "1"', 'lot = "10"')
    with pytest.raises(GenesisError, match="market USDM-LOAN-10D: the snapshot has other units"):
        Exchange.restore(snapshot, parse_genesis(other))
    with pytest.raises(ValueError, match="not a snapshot"):
        Exchange.restore(b"nothing")


def test_time_is_the_user_s(exchange: Exchange) -> None:
    start = exchange.time
    later = Exchange(capacity=SMALL, time=start.replace(year=2026))
    assert later.time.year == 2026
    with pytest.raises(ValueError, match="has gone by"):
        later.at(start)


def test_the_package_says_its_version(pytestconfig: pytest.Config) -> None:
    text = (pytestconfig.rootpath / "pyproject.toml").read_text()
    assert f'version = "{worldmarkets.__version__}"' in text
    with pytest.raises(AttributeError):
        _ = worldmarkets.nothing  # type: ignore[attr-defined]


def test_the_book_is_read_by_name(exchange: Exchange, maker: Account) -> None:
    for offset in range(3):
        maker.sell("ETH/USDM", "0.1", Decimal(2001 + offset))
        maker.buy("ETH/USDM", "0.2", Decimal(1999 - offset))
    market = exchange.market("ETH/USDM")
    assert [level.price for level in market.depth(2).asks] == [2001, 2002]
    assert [(level.price, level.size) for level in market.depth().bids] == [
        (1999, Decimal("0.2")), (1998, Decimal("0.2")), (1997, Decimal("0.2")),
    ]  # fmt: skip
    assert market.mid == market.mark == 2000
    assert market.band == (Decimal("1968"), Decimal("2032"))
    assert market.trades == []
    assert (market.kind, market.symbol, repr(market)) == ("spot", "ETH/USDM", "<Market 2 ETH/USDM>")
