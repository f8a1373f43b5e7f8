"""A preview is what sending would have come to; a bundle is all or nothing."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.venues import open_worked
from worldmarkets import Exchange
from worldmarkets.exchange import Account, ExchangeError, Rejected, UnitError

D = Decimal


@pytest.mark.both
def test_a_preview_changes_nothing(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH-PERP", "1", "2000")
    before = exchange.digest()
    preview = trader.preview.buy("ETH-PERP", "1", "2000")
    assert preview.result.filled == 1
    assert preview.before.nav == 1000
    assert preview.after.nav == 998
    assert preview.after.state == "free"
    assert exchange.digest() == before
    assert not exchange.trades
    assert not trader.preview.buy("ETH-PERP", "10", "2000").result.accepted


def test_anything_can_be_tried(exchange: Exchange, trader: Account) -> None:
    before, time = exchange.digest(), exchange.time
    with exchange.preview():
        exchange.step(days=1)
        exchange.mark("ETH", "1000")
        exchange.account("passer-by").deposit("USDM", 1)
        with pytest.raises(ExchangeError, match="open already"), exchange.preview():
            pass
    assert (exchange.digest(), exchange.time) == (before, time)
    assert "passer-by" not in [account.name for account in exchange.accounts]
    assert exchange.account("passer-by").balances == {}


def test_an_error_in_a_preview_still_takes_it_back(exchange: Exchange, trader: Account) -> None:
    before = exchange.digest()
    with contextlib.suppress(ZeroDivisionError), exchange.preview():
        trader.withdraw("USDM", 1)
        raise ZeroDivisionError
    assert exchange.digest() == before


def test_a_bundle_is_all_or_nothing(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH/USDM", "0.1", "2000")
    bundle = trader.bundle()
    bundle.buy("ETH/USDM", "0.1", "2000")
    bundle.withdraw("USDM", 900)
    assert bundle.preview().result.message == "WITHDRAW: BALANCE (leg 2): needed 900.000000, had 799.800000 USDM"
    result = bundle.submit()
    assert (result.accepted, result.code, result.command) == (False, "BALANCE", "WITHDRAW")
    assert trader.balances == {"USDM": 1000}
    with pytest.raises(ExchangeError, match="sent already"):
        bundle.send()


def test_a_bundle_passes_through_what_would_not_be_admitted_alone(maker: Account, trader: Account) -> None:
    maker.sell("ETH/USDM", "1", "2000")
    maker.lend("USDM", 2_000, "5%")
    maker.buy("ETH-PERP", "1", "2000")
    with trader.bundle() as bundle:
        bundle.borrow("USDM", 1_100, "5%")
        bundle.buy("ETH/USDM", "1", "2000")
        bundle.sell("ETH-PERP", "1", "2000")
    assert bundle.result is not None
    assert [fill.market for fill in bundle.result.fills] == ["USDM-LOAN-10D", "ETH/USDM", "ETH-PERP"]
    assert len(bundle.result.contracts) == 2
    assert trader.state == "free"


def test_a_bundle_left_by_an_error_is_not_sent(trader: Account) -> None:
    bundle = trader.bundle()
    with contextlib.suppress(ZeroDivisionError), bundle:
        bundle.withdraw("USDM", 1)
        raise ZeroDivisionError
    assert bundle.result is None
    assert trader.balances == {"USDM": 1000}


def test_a_bundle_raises_when_it_ends(trader: Account) -> None:
    with pytest.raises(Rejected, match="BUNDLE_SIZE"), trader.bundle():
        pass
    bundle = trader.bundle()
    for _ in range(101):
        bundle.cancel_all()
    assert bundle.submit().code == "BUNDLE_SIZE"
    bundle = trader.bundle()
    for _ in range(300):
        bundle.cancel_all()
    with pytest.raises(UnitError, match="count 300 is out of range"):
        bundle.send()
    with pytest.raises(Rejected, match="BUNDLE_ACCOUNT"), trader.bundle() as bundle:
        bundle.deposit("USDM", 1)


_orders = st.tuples(
    st.sampled_from(["maker", "trader", "other"]),
    st.sampled_from(["ETH/USDM", "ETH-PERP", "BTC-PERP"]),
    st.sampled_from(["buy", "sell"]),
    st.integers(1, 3_000),
    st.integers(-5, 5),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(_orders, min_size=1, max_size=12))
def test_a_preview_gives_what_sending_gives(orders: list[tuple[str, str, str, int, int, bool]]) -> None:
    exchange = open_worked()
    for name in ("trader", "other"):
        exchange.account(name).deposit("USDM", 2_000)
        exchange.account(name).deposit("ETH", 1)
    for name, market, side, lots, offset, ioc in orders:
        account = exchange.account(name)
        size = exchange.listing.market(market).from_lots(lots)
        price = (50_000 if market.startswith("BTC") else 2_000) + offset
        preview = account.preview.order(market, side, size, price, ioc=ioc)
        result = account.submit.order(market, side, size, price, ioc=ioc)
        assert [bytes(event) for event in preview.result.events] == [bytes(event) for event in result.events]
        assert preview.result == result
        assert preview.after == account.standing
    assert exchange.audit() == []
