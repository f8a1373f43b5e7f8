"""Orders of every kind, by name and in decimals."""

from datetime import timedelta
from decimal import Decimal

import pytest

from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.units import FUNDING_ONE
from worldmarkets.exchange import Account, Fill, Level, Rejected, UnitError, UnknownName

D = Decimal


@pytest.mark.both
def test_a_spot_trade_with_its_fees(exchange: Exchange, maker: Account, trader: Account) -> None:
    resting = maker.sell("ETH/USDM", "0.2", "2000")
    assert resting.resting == D("0.2")
    result = trader.buy("ETH/USDM", "0.1", "2000.01")
    assert result.fills == (Fill("ETH/USDM", "buy", D("2000.00"), D("0.10000000"), D("0.200000"), maker),)
    assert (result.filled, result.fees, result.resting) == (D("0.1"), D("0.2"), 0)
    assert trader.balances == {"USDM": D("799.8"), "ETH": D("0.1")}
    assert exchange.market("ETH/USDM").ask == Level(D("2000"), D("0.1"))
    assert [(t.market, t.side, t.price, t.size) for t in exchange.trades] == [("ETH/USDM", "buy", 2000, D("0.1"))]


def test_a_market_order_stays_within_its_slippage(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH/USDM", "0.1", "2010")
    maker.sell("ETH/USDM", "0.1", "2030")
    result = trader.buy("ETH/USDM", "0.2")
    assert [fill.price for fill in result.fills] == [2010]
    assert [(gone.size, gone.reason) for gone in result.cancelled] == [(D("0.1"), "IMMEDIATE")]
    assert trader.buy("ETH/USDM", "0.1", slippage="2%").filled == D("0.1")


def test_post_only_slide_ioc_and_fok(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH/USDM", "0.1", "2000")
    with pytest.raises(Rejected, match="WOULD_CROSS: needed 2000.00, had 2000.00 in ETH/USDM"):
        trader.buy("ETH/USDM", "0.1", "2000", post_only=True)
    assert trader.buy("ETH/USDM", "0.1", "2000", slide=True).resting == D("0.1")
    assert exchange.market("ETH/USDM").bid == Level(D("1999.99"), D("0.1"))
    with pytest.raises(Rejected, match="FILL_OR_KILL_UNFILLED"):
        trader.buy("ETH/USDM", "0.2", "2000", fok=True)
    assert trader.buy("ETH/USDM", "0.2", "2000", ioc=True).filled == D("0.1")


def test_an_order_good_till_a_time_is_gone_after_it(exchange: Exchange, maker: Account, trader: Account) -> None:
    till = exchange.time + timedelta(seconds=10)
    maker.sell("ETH/USDM", "0.1", "2000", good_till=till)
    assert maker.orders[0].expires == till
    exchange.step(seconds=10)
    assert trader.buy("ETH/USDM", "0.1", "2000").filled == 0


def test_reduce_only_only_reduces(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH-PERP", "1", "2000")
    maker.buy("ETH-PERP", "1", "1999")
    with pytest.raises(Rejected, match="NOTHING_TO_REDUCE"):
        trader.sell("ETH-PERP", "1", "1999", reduce_only=True)
    trader.buy("ETH-PERP", "0.5", "2000")
    assert trader.sell("ETH-PERP", "1", "1999", reduce_only=True).filled == D("0.5")
    assert trader.perps == []


@pytest.mark.both
@pytest.mark.parametrize("size", ["4.999", "5"])
def test_a_close_counts_what_it_brings(exchange: Exchange, maker: Account, trader: Account, size: str) -> None:
    """By hand: 1,000 + 3,000 deposited, 5 ETH up 600 each, 0.25 BTC down 12,000 each: worth 4,000 less fees."""
    trader.deposit("USDM", "3000")
    for market, bought, price in (("ETH-PERP", "5", "2000"), ("BTC-PERP", "0.25", "60000")):
        maker.sell(market, bought, price)
        trader.buy(market, bought, price)
    for marks in ({"ETH": "2200", "BTC": "56000"}, {"ETH": "2400", "BTC": "52000"}, {"ETH": "2600", "BTC": "48000"}):
        exchange.marks(marks)
    before = trader.available_margin
    maker.buy("ETH-PERP", "5", "2600")
    assert trader.sell("ETH-PERP", size, "2600", ioc=True).filled == D(size)
    assert trader.available_margin > before


@pytest.mark.both
def test_funding_of_the_past_is_nothing_to_who_comes_now(exchange: Exchange, maker: Account, trader: Account) -> None:
    trader.deposit("USDM", "300_000")
    for _ in range(40):  # longs pay, eight hours after eight hours
        exchange.mark("ETH", "2000")
        maker.buy("ETH-PERP", "50", "2059")
        trader.sell("ETH-PERP", "50", "2061")
        exchange.step(hours=4)
        exchange.mark("ETH", "2000")
        maker.buy("ETH-PERP", "0.001", "2061", ioc=True)
        exchange.step(hours=4)
        maker.cancel_all()
        trader.cancel_all()
    exchange.mark("ETH", "2000")
    assert exchange.market("ETH-PERP").funding_rate == D("0.002")
    perp = exchange.read_row("markets", exchange.listing.market("ETH-PERP").number)
    assert perp.funding_index * 10**4 == 82 * 10**6 * FUNDING_ONE  # a token of who was there from the start
    maker.sell("ETH-PERP", "50", "2000")
    newcomer = exchange.account("newcomer")
    newcomer.deposit("USDM", "1000")
    # A token's shock is 250 and its fee 2: of 1,000 that is 3.9 tokens, as on the first day.
    assert newcomer.buy("ETH-PERP", "3.9", "2000").filled == D("3.9")


def test_a_client_id_is_answered_once(trader: Account) -> None:
    first = trader.buy("ETH/USDM", "0.1", "1900", client_id=7)
    again = trader.buy("ETH/USDM", "0.1", "1900", client_id=7)
    assert again.repeated
    assert again.order == first.order
    assert len(trader.orders) == 1
    trader.cancel(client_id=7)
    assert trader.orders == []


@pytest.mark.parametrize(("mode", "left"), [
    ("cancel-resting", ["buy"]), ("cancel-incoming", ["sell"]), ("cancel-both", []), ("decrement", []),
])  # fmt: skip
def test_an_owner_does_not_trade_with_itself(maker: Account, mode: str, left: list[str]) -> None:
    maker.sell("ETH/USDM", "1", "2000")
    maker.buy("ETH/USDM", "1", "2000", self_trade=mode)
    assert [order.side for order in maker.orders] == left


def test_amend_and_cancel(maker: Account) -> None:
    order = maker.sell("ETH/USDM", "1", "2000").order
    maker.amend(order, size="0.5")
    assert [(o.size, o.price) for o in maker.orders] == [(D("0.5"), 2000)]
    result = maker.amend(order, price="2001")
    assert (result.order, result.resting) == (order, D("0.5"))
    assert maker.cancel(order).cancelled[0].reason == "REQUESTED"
    maker.sell("ETH/USDM", "1", "2000")
    maker.buy("ETH-PERP", "1", "1900")
    maker.cancel_all("ETH-PERP")
    assert [o.market for o in maker.orders] == ["ETH/USDM"]
    maker.cancel_all(side="buy")
    assert len(maker.orders) == 1
    maker.cancel_all()
    assert maker.orders == []
    with pytest.raises(UnknownName, match="there is no order"):
        maker.amend(order, size="1")


def test_submit_answers_rather_than_raises(trader: Account) -> None:
    result = trader.submit.buy("ETH/USDM", "10", "2000")
    assert not result
    assert (result.code, result.needed, result.had) == ("BALANCE", 20_010_000_000, 1_000_000_000)
    assert result.message == "PLACE_ORDER: BALANCE: needed 20010.000000, had 1000.000000 USDM"
    assert result.events[-1].code == codes.BALANCE


def test_funds_move(exchange: Exchange, trader: Account) -> None:
    savings = exchange.account("trader", index=1)
    trader.transfer(savings, "USDM", "400")
    savings.withdraw("USDM", "100")
    assert (trader.balances, savings.balances) == ({"USDM": D(600)}, {"USDM": D(300)})
    with pytest.raises(Rejected, match="WITHDRAW: BALANCE: needed 301.000000, had 300.000000 USDM"):
        savings.withdraw("USDM", "301")
    assert savings.name == "trader#1"
    assert savings.address == trader.address


def test_an_account_has_one_handle(exchange: Exchange) -> None:
    address = "0x" + "ab" * 20
    account = exchange.account(address)
    assert exchange.account(address.upper().replace("X", "x")) is account
    assert account.address == address
    assert exchange.account("someone") is exchange.account("someone")
    assert exchange.account("someone") != exchange.account("another")


def test_modes_and_halts_stop_trading(exchange: Exchange, trader: Account) -> None:
    exchange.set_mode("cancel_only", "ETH/USDM")
    with pytest.raises(Rejected, match="MARKET_MODE"):
        trader.buy("ETH/USDM", "0.1", "2000")
    exchange.set_mode("open", "ETH/USDM")
    exchange.halt("ETH")
    with pytest.raises(Rejected, match="FEED_STATE"):
        trader.buy("ETH/USDM", "0.1", "2000")
    exchange.halt("ETH", False)
    trader.buy("ETH/USDM", "0.1", "2000")
    exchange.set_mode("cancel_only")
    with pytest.raises(Rejected, match="VENUE_MODE"):
        trader.buy("ETH/USDM", "0.1", "2000")


def test_a_mark_that_is_refused_raises(exchange: Exchange) -> None:
    with pytest.raises(Rejected, match="MARK_STEP"):
        exchange.mark("ETH", "4000", sources=3, agreeing=1)
    assert exchange.prices["ETH"] == 2000
    with pytest.raises(UnitError, match="more than 8 decimals"):
        exchange.mark("ETH", "2000.000000001")


@pytest.mark.parametrize(
    ("size", "price", "message"),
    [
        ("0.00005", "2000", "size of ETH/USDM: 0.00005 is not a multiple of its lot 0.0001"),
        ("0.1", "2000.005", "price of ETH/USDM: 2000.005 is not a multiple of its tick 0.01"),
        (0.1, "2000", "a float is not exact"),
        ("0.1", 2000.5, "a float is not exact"),
        ("0.1", "-1", "price_ticks -100 is out of range"),
        ("1e30", "2000", "lots .* is out of range"),
        ("x", "2000", "'x' is not a decimal number"),
    ],
)
def test_what_is_off_the_grid_is_not_sent(trader: Account, size: object, price: object, message: str) -> None:
    before = trader.exchange.digest()
    with pytest.raises(UnitError, match=message):
        trader.buy("ETH/USDM", size, price)  # type: ignore[arg-type]
    assert trader.exchange.digest() == before


def test_choices_have_names(trader: Account) -> None:
    with pytest.raises(UnknownName, match="there is no self-trade prevention 'none'"):
        trader.buy("ETH/USDM", "0.1", "2000", self_trade="none")
    with pytest.raises(UnknownName, match="there is no side 'long'"):
        trader.order("ETH-PERP", "long", "0.1", "2000")
    with pytest.raises(UnitError, match="one of them"):
        trader.buy("ETH/USDM", "0.1", "2000", ioc=True, fok=True)
    with pytest.raises(UnitError, match="names its rate"):
        trader.order("USDM-LOAN-10D", "buy", "100")
    with pytest.raises(UnknownName, match="order of giving up"):
        trader.configure(give_up="strongest-first")


def test_raw_records_go_through_too(exchange: Exchange) -> None:
    from worldmarkets.core.records import Command

    events = exchange.apply(Command(kind=codes.ADVANCE_TIME), Command(kind=200))
    assert [event.kind for event in events] == [codes.TIME_ADVANCED, codes.REJECTED]
