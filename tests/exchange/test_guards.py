"""Guards on new risk, on dust, and events of commands that change nothing, as a user meets them."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from tests.exchange.venues import SMALL
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.records import TruedUp
from worldmarkets.exchange import Account, Rejected, parse_genesis

CROWDED = """
[venue]
opens = 2025-01-01T00:00:00Z
maker_ppm = 0
taker_ppm = 0

[[assets]]
symbol = "USDM"
decimals = 6

[[assets]]
symbol = "BTC"
decimals = 8
group = "BTC"
price_shock_ppm = 100_000

[[markets]]
symbol = "BTC-PERP"
kind = "perp"
asset = "BTC"
lot = "0.01"
tick = "1"
minimum = "0.05"
open_interest_cap = "100"
"""


def open_crowded(open_interest: str = "89") -> tuple[Exchange, Account]:
    """The venue of the example in docs/spec/admission.md, with so much open between two who are rich."""
    exchange = Exchange(parse_genesis(CROWDED), capacity=SMALL)
    exchange.mark("BTC", 50_000)
    maker, other = exchange.account("maker"), exchange.account("other")
    for account in (maker, other):
        account.deposit("USDM", "100_000_000")
    maker.sell("BTC-PERP", open_interest, 50_000)
    other.buy("BTC-PERP", open_interest, 50_000)
    return exchange, maker


@pytest.mark.both
def test_the_worked_example_of_a_crowded_market() -> None:
    """0.1 + 0.9 * 0.5 = 55 % of 50,000: 27,500 USDM are enough, a cent less is not."""
    exchange, maker = open_crowded()
    assert exchange.market("BTC-PERP").opening_margin == D("0.505")  # 0.1 + 0.9 * 9 / 20
    maker.sell("BTC-PERP", 5, 50_000)
    short = exchange.account("short")
    short.deposit("USDM", "27_499.99")
    with pytest.raises(Rejected, match=r"MARGIN: needed 22500.000000, had 22499.990000 USDM"):
        short.buy("BTC-PERP", 1, 50_000)
    enough = exchange.account("enough")
    enough.deposit("USDM", "27_500")
    assert enough.buy("BTC-PERP", 1, 50_000).filled == 1
    assert enough.available_margin == 22_500  # V is what it is elsewhere
    assert enough.sell("BTC-PERP", 1, 49_000, reduce_only=True)
    assert exchange.audit() == []


@pytest.mark.both
def test_small_steps_need_what_one_step_needs() -> None:
    exchange, maker = open_crowded()
    maker.sell("BTC-PERP", 5, 50_000)
    trader = exchange.account("trader")
    trader.deposit("USDM", "20_000")
    done = D(0)
    while trader.submit.buy("BTC-PERP", "0.05", 50_000).filled:
        done += D("0.05")
    # V(1) = 20,000 - 5,000 * q has to carry 45,000 * q * (9 + q) / 20: at 0.70 it has 16,500 and needs 15,277.5,
    # at 0.75 it would have 16,250 and need 16,453.1
    assert done == D("0.70")
    assert trader.available_margin == 16_500


@pytest.mark.both
def test_a_resting_order_meets_the_crowd_when_it_is_filled() -> None:
    exchange, maker = open_crowded("70")
    trader, other = exchange.account("trader"), exchange.account("other")
    trader.deposit("USDM", "10_000")
    trader.buy("BTC-PERP", 1, 50_000)  # rests while there is room
    maker.sell("BTC-PERP", 29, 50_001)
    other.buy("BTC-PERP", 29, 50_001)
    result = other.sell("BTC-PERP", 1, 50_000)  # closes one of its longs: nothing new in all, but new for the trader
    assert not result.filled and not trader.orders
    assert [event.code for event in result.events if event.kind == codes.ORDER_CANCELLED][0] == codes.MARGIN


@pytest.mark.both
def test_in_a_bundle_the_crowd_is_asked_at_the_end() -> None:
    exchange, maker = open_crowded()
    maker.sell("BTC-PERP", 5, 50_000)
    trader = exchange.account("trader")
    trader.deposit("USDM", "20_000")
    bundle = trader.bundle()
    bundle.buy("BTC-PERP", 1, 50_000)
    with pytest.raises(Rejected, match="MARGIN"):
        bundle.send()
    trader.deposit("USDM", "7_500")
    bundle = trader.bundle()
    bundle.buy("BTC-PERP", 1, 50_000)
    assert bundle.send().filled == 1


@pytest.mark.both
def test_an_order_to_borrow_is_asked_for_settled_money_when_placed(exchange: Exchange, maker: Account) -> None:
    """Unrealised profit carries a perpetual, and no new debt: not even as an order that rests."""
    trader = exchange.account("trader")
    trader.deposit("USDM", "300")
    maker.sell("ETH-PERP", "1", "2000")
    trader.buy("ETH-PERP", "1", "2000")
    exchange.mark("ETH", "2400", sources=3, agreeing=3)
    exchange.step(minutes=2)
    exchange.mark("ETH", "2400")
    assert trader.available_margin > 300 > trader.cautious_value()
    with pytest.raises(Rejected, match="WITHDRAWABLE"):
        trader.borrow("USDM", "10_000", "5%")
    assert not trader.orders


def make_paper_rich(exchange: Exchange, maker: Account) -> Account:
    """A trader whose V(1) is carried by profit that nobody has paid yet."""
    trader = exchange.account("trader")
    trader.deposit("USDM", "300")
    maker.sell("ETH-PERP", "1", "2000")
    trader.buy("ETH-PERP", "1", "2000")
    exchange.mark("ETH", "2400")
    exchange.step(minutes=2)
    exchange.mark("ETH", "2400")
    exchange.mark("BTC", "60000")
    assert trader.cautious_value() < 0 < trader.available_margin
    return trader


@pytest.mark.both
def test_outside_the_band_paper_profit_carries_nothing(exchange: Exchange, maker: Account) -> None:
    trader = make_paper_rich(exchange, maker)
    low, high = exchange.market("BTC-PERP").band
    assert (low, high) == (59_280, 60_720)  # 4 * 0.3 % around 60,000
    maker.sell("BTC-PERP", "0.001", high + D("0.1"))
    result = trader.buy("BTC-PERP", "0.001", high + D("0.1"))
    assert not result.filled and result.cancelled[0].reason == "WITHDRAWABLE"
    maker.cancel_all()
    maker.sell("BTC-PERP", "0.001", high)
    assert trader.buy("BTC-PERP", "0.001", high).filled == D("0.001")


@pytest.mark.both
def test_a_fill_that_failed_outside_the_band_binds_no_other(exchange: Exchange, maker: Account) -> None:
    trader = make_paper_rich(exchange, maker)
    poor = exchange.account("poor")
    poor.deposit("USDM", "200")
    poor.sell("BTC-PERP", "0.01", "59000")
    poor.withdraw("USDM", "200")  # not even its fee is there
    maker.sell("BTC-PERP", "0.001", "60000")
    assert trader.buy("BTC-PERP", "0.001", "60000").filled == D("0.001")
    assert trader.perps[0].counterparty == maker and not poor.orders


@pytest.mark.both
def test_what_is_left_below_the_minimum_does_not_rest() -> None:
    exchange, maker = open_crowded("1")
    taker = exchange.account("taker")
    taker.deposit("USDM", "1_000_000")
    maker.sell("BTC-PERP", "0.10", 50_000)
    maker.sell("BTC-PERP", "0.10", 50_001)
    result = taker.buy("BTC-PERP", "0.08", 50_000)
    assert result.filled == D("0.08")
    (gone,) = (event for event in result.events if event.kind == codes.ORDER_CANCELLED)
    assert (gone.code, gone.lots, gone.account) == (codes.REASON_DUST, 2, maker.number)
    result = taker.buy("BTC-PERP", "0.12", 50_001)  # two hundredths are left of it
    assert result.filled == D("0.10") and result.resting == 0
    assert result.cancelled[0].reason == "DUST"
    result = taker.sell("BTC-PERP", "0.18", 50_000, reduce_only=True)
    maker.buy("BTC-PERP", "0.15", 50_000)
    assert taker.orders[0].size == D("0.03")  # the last of a position may be less
    with pytest.raises(Rejected, match="SIZE_TOO_SMALL"):
        taker.amend(taker.orders[0].id, size="0.02", price=50_000)
    assert exchange.audit() == []


@pytest.mark.both
def test_no_loan_is_opened_below_the_minimum(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.lend("USDM", "25", "5%")
    trader.borrow("USDM", "12", "5%")
    result = trader.borrow("USDM", "14", "5%")
    assert [loan.principal for loan in trader.loans] == [13, 12] and result.resting == 0
    assert result.cancelled[0].reason == "DUST"


@pytest.mark.both
def test_an_accepted_command_leaves_an_event(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH-PERP", "0.1", "2000")
    trader.buy("ETH-PERP", "0.1", "2000")
    for result, kind in ((trader.true_up(trader.perps[0].id), codes.TRUE_UP), (trader.cancel_all(), codes.CANCEL_ALL)):
        (event,) = result.events
        assert (event.kind, event.code, event.account) == (codes.UNCHANGED, kind, trader.number)


@pytest.mark.both
def test_the_quantum_for_two_bystanders_is_in_their_event() -> None:
    """A fill re-pairs two others whose funding is not whole: who acts pays the part that neither is to lose."""
    exchange = Exchange(capacity=SMALL)
    exchange.mark("ETH", "2000.12345678")
    names = ("maker", "long", "short", "late")
    maker, long, short, late = (exchange.account(name) for name in names)
    for account in (maker, long, short, late):
        account.deposit("USDM", "50_000")
    maker.buy("ETH-PERP", "6", "2004")
    maker.sell("ETH-PERP", "6", "2008")
    short.sell("ETH-PERP", "0.0347", "2006")
    long.buy("ETH-PERP", "0.0347", "2006")
    late.sell("ETH-PERP", "0.02", "2006.5")
    short.buy("ETH-PERP", "0.001", "2006")
    exchange.step(hours=8)
    exchange.mark("ETH", "2000.12345678")
    before = late.balances["USDM"]
    long.buy("ETH-PERP", "0.02", "2006.5")
    result = short.buy("ETH-PERP", "0.0347", "2008")  # its contract with the long goes to the maker
    rounded = [event for event in result.events if isinstance(event, TruedUp) and event.rounding_account]
    assert all(event.rounding_account == short.number for event in rounded)
    assert late.balances["USDM"] <= before
    assert exchange.audit() == []


@pytest.mark.both
def test_the_cap_is_over_the_life_of_an_order(exchange: Exchange, maker: Account) -> None:
    """An order that only shrinks stays the order it was; one that gives its place up is new."""
    taker = exchange.account("taker")
    taker.deposit("USDM", "500_000")
    order = maker.sell("BTC/USDM", "5", "60000").order
    for _ in range(3):
        taker.buy("BTC/USDM", "1", "60000")
    maker.amend(order, size="1.5", price="60000")  # smaller at its price: it keeps its place, and has paid its cap
    taker.buy("BTC/USDM", "0.5", "60000")
    maker.amend(order, size="2", price="60001")
    taker.buy("BTC/USDM", "2", "60001")
    paid = D(500_000 + 1_000_000) - taker.balances["USDM"] - maker.balances["USDM"]
    assert paid == 5 * 10 + 2 * 10  # ten for each order of the taker, and for the maker's before and after it moved


@pytest.mark.both
def test_fees_are_cut_by_what_was_paid_in_thirty_days(exchange: Exchange, maker: Account) -> None:
    taker = exchange.account("taker")
    taker.deposit("USDM", "5_000_000")
    for _ in range(150):
        maker.sell("BTC/USDM", "0.2", "60000")
        taker.buy("BTC/USDM", "0.2", "60000", ioc=True)
        taker.sell("BTC/USDM", "0.2", "59000", ioc=True)
        maker.buy("BTC/USDM", "0.2", "60000")
        taker.sell("BTC/USDM", "0.2", "60000", ioc=True)
    assert taker.fee_standing.today == 3_000
    assert taker.fee_standing.taker_cut == 0
    exchange.step(days=1)
    exchange.mark("BTC", "60000")
    standing = taker.fee_standing
    assert (standing.month, standing.today, standing.left) == (3_000, 0, 3_000)
    assert standing.taker_cut == D("0.033333")  # 2,000 / 3,000 of 5 %
    maker.sell("BTC/USDM", "0.1", "60000")
    assert taker.buy("BTC/USDM", "0.1", "60000").fees == D("5.800002")  # 6 less 0.199998
    exchange.step(days=31)
    assert taker.fee_standing.month == 0
