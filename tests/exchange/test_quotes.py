"""Mass quotes, protection and limits by name and in decimals."""

from datetime import timedelta
from decimal import Decimal

import pytest

from worldmarkets import Exchange
from worldmarkets.exchange import Account, ExchangeError, Level, QuoteView, Rejected, UnitError, UnknownName

D = Decimal
BOOK = "ETH/USDM"


@pytest.mark.both
def test_both_sides_move_through_one_another(exchange: Exchange, maker: Account) -> None:
    first = maker.quote({BOOK: {"buy": [("1999", "1"), ("1998", "2")], "sell": [("2001", "1")]}})
    assert [(q.side, q.level, q.price, q.size) for q in maker.quotes] == [
        ("buy", 0, 1999, 1), ("buy", 1, 1998, 2), ("sell", 0, 2001, 1)
    ]  # fmt: skip
    second = exchange.quote(maker, {BOOK: {"buy": [("2001", "1"), ("1998", "1.5")], "sell": [("2003", "1")]}})
    assert second.orders == first.orders
    assert (second.events[-1].moved, second.events[-1].kept, second.refused) == (2, 1, ())
    assert exchange.market(BOOK).bid == Level(D("2001"), D("1"))
    assert exchange.market(BOOK).ask == Level(D("2003"), D("1"))
    assert maker.quotes[1] == QuoteView(BOOK, "buy", 1, D("1998"), D("1.5"), first.orders[1])


def test_a_refused_quote_leaves_its_slot_empty_and_the_others_stand(exchange: Exchange, maker: Account) -> None:
    maker.quote({BOOK: {"buy": [("1999", "1")], "sell": [("2001", "1")]}})
    result = exchange.quote("maker", {BOOK: {"buy": [("1998", "1000")], "sell": [("2002", "1")]}})
    assert result.accepted
    assert [(r.side, r.level, r.code) for r in result.refused] == [("buy", 0, "BALANCE")]
    assert "BALANCE" in result.refused[0].message
    assert [(gone.price, gone.reason) for gone in result.cancelled] == [(1999, "BALANCE")]
    assert [(q.side, q.price) for q in maker.quotes] == [("sell", 2002)]


def test_all_or_none(exchange: Exchange, maker: Account) -> None:
    maker.quote({BOOK: {"buy": [("1999", "1")]}})
    with pytest.raises(Rejected, match="BALANCE"):
        maker.quote({BOOK: {"buy": [("1998", "1"), ("1997", "1000")]}}, all_or_none=True)
    assert [(q.level, q.price) for q in maker.quotes] == [(0, 1999)]


def test_levels_are_left_withdrawn_and_pulled(exchange: Exchange, maker: Account) -> None:
    maker.quote({BOOK: {"buy": [("1999", "1"), ("1998", "1")]}, "ETH-PERP": {"sell": [("2001", "1")]}})
    maker.buy(BOOK, "1", "1990")
    maker.quote({BOOK: {"buy": [None, ("1998", "0")]}})
    assert [(q.market, q.level) for q in maker.quotes] == [("ETH-PERP", 0), (BOOK, 0)]
    maker.quote({BOOK: {"sell": [("2001", "1")]}}, pull_others=True)
    assert [(q.market, q.side) for q in maker.quotes] == [(BOOK, "sell")]
    maker.pull_quotes("ETH-PERP")
    assert len(maker.quotes) == 1
    maker.pull_quotes()
    assert maker.quotes == []
    assert [order.price for order in maker.orders] == [1990]


def test_a_preview_of_quotes_and_what_cannot_be_quoted(exchange: Exchange, maker: Account) -> None:
    preview = maker.preview.quote({BOOK: {"buy": [("1999", "1")]}})
    assert preview.result.accepted and maker.quotes == []
    assert not maker.submit.quote({BOOK: {"buy": [("1999", "0.001")] * 101}})
    with pytest.raises(ExchangeError, match="bundle"), maker.bundle() as bundle:
        bundle.quote({BOOK: {"buy": [("1999", "1")]}})
    with pytest.raises(UnknownName):
        maker.quote({BOOK: {"bid": [("1999", "1")]}})
    with pytest.raises(UnknownName):
        maker.quote({BOOK: {"buy": [("1999", "1")]}}, self_trade="never")


def test_protection_pulls_quotes_before_anything_else_matches(
    exchange: Exchange, maker: Account, trader: Account
) -> None:
    trader.deposit("ETH", "10")
    maker.protect(BOOK, interval="1", size="1")
    maker.quote({BOOK: {"buy": [("1999", "0.6"), ("1998", "0.6"), ("1997", "0.6")], "sell": [("2001", "1")]}})
    kept = maker.buy(BOOK, "1", "1996")
    protected = maker.buy(BOOK, "1", "1995", protected=True)
    result = trader.sell(BOOK, "2", "1990")
    assert [(fill.price, fill.size) for fill in result.fills] == [(1999, D("0.6")), (1998, D("0.6")), (1996, D("0.8"))]
    assert maker.quotes == [] and [order.id for order in maker.orders] == [kept.order]
    assert protected.order not in [order.id for order in maker.orders]
    seen = maker.protections[BOOK]
    assert (seen.reached, seen.tripped, seen.filled_size) == ("size", exchange.time, D("1.2"))
    refused = maker.quote({BOOK: {"buy": [("1990", "0.1")]}}).refused
    assert [r.code for r in refused] == ["PROTECTION_ACTIVE"]
    maker.reset_protection(BOOK)
    assert maker.protections[BOOK].tripped is None
    assert maker.quote({BOOK: {"buy": [("1990", "0.1")]}}).refused == ()


def test_protection_cools_off_and_is_taken_away(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.protect("ETH-PERP", interval="10", notional="1000", delta="0.4", cool_off="2")
    maker.quote({"ETH-PERP": {"sell": [("2000", "1")]}})
    trader.buy("ETH-PERP", "0.3", "2000")
    assert maker.protections["ETH-PERP"].filled_delta == D("-0.3")
    trader.buy("ETH-PERP", "0.3", "2000")
    assert maker.protections["ETH-PERP"].reached == "notional"
    assert maker.submit.quote({"ETH-PERP": {"sell": [("2001", "1")]}}).refused
    exchange.step(seconds=2)
    assert maker.protections["ETH-PERP"].tripped is None
    assert not maker.quote({"ETH-PERP": {"sell": [("2001", "1")]}}).refused
    maker.protect("ETH-PERP", interval=0)
    assert maker.protections == {}
    with pytest.raises(Rejected, match="UNKNOWN_PROTECTION"):
        maker.reset_protection("ETH-PERP")


def test_limits_of_ones_own_and_of_the_venue(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.limit("ETH-PERP", order="2", orders=3)
    exchange.limit(maker, "ETH-PERP", order="5", position="3", notional="7000")
    seen = maker.limits["ETH-PERP"]
    assert (seen.order, seen.position, seen.orders, seen.notional) == (2, 3, 3, 7000)
    with pytest.raises(Rejected, match="LIMIT_ORDER_SIZE: needed 2.*had 3.*ETH in ETH-PERP"):
        maker.sell("ETH-PERP", "3", "2000")
    maker.sell("ETH-PERP", "2", "2000")
    maker.sell("ETH-PERP", "2", "2000")
    trader.deposit("USDM", "10_000")
    trader.buy("ETH-PERP", "4", "2000")
    (held,) = (position.perp for position in maker.positions if position.asset == "ETH")
    assert held == -2  # a fill of the second order would have gone beyond the position
    with pytest.raises(Rejected, match="LIMIT_POSITION"):
        maker.sell("ETH-PERP", "1.1", "2000")
    assert maker.limits["ETH-PERP"].traded_today == 4000
    with pytest.raises(Rejected, match="LIMIT_NOTIONAL: needed 7000.*had 8000.* USDM"):
        maker.buy("ETH-PERP", "2", "2000")
    exchange.step(hours=24)
    exchange.mark("ETH", "2000")
    assert maker.buy("ETH-PERP", "1", "1000").resting == 1
    assert maker.limits["ETH-PERP"].open_orders == 1
    maker.buy("ETH-PERP", "1", "1000")
    maker.buy("ETH-PERP", "1", "1000")
    with pytest.raises(Rejected, match="LIMIT_OPEN_ORDERS"):
        maker.buy("ETH-PERP", "1", "1000")
    with pytest.raises(UnitError):
        maker.limit("ETH-PERP", orders=-1)
    maker.limit("ETH-PERP")
    exchange.limit(maker, "ETH-PERP")
    assert maker.limits == {}
    assert exchange.audit() == []


def test_quotes_expire(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.quote({BOOK: {"sell": [("2000", "1")]}}, good_till=exchange.time + timedelta(seconds=5))
    exchange.step(seconds=5)
    assert trader.buy(BOOK, "0.1", "2000").filled == 0
    assert exchange.audit() == []
