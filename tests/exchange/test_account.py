"""What an account shows agrees with what the exchange does."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.venues import open_worked
from worldmarkets import Exchange
from worldmarkets.core.records import LoanRepaid, TruedUp
from worldmarkets.exchange import Account, Rejected, UnknownName

D = Decimal


@pytest.mark.both
def test_a_loan_from_both_sides(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.lend("USDM", 500, "5%")
    trader.borrow("USDM", 400, "6%")
    (owed,), (claim,) = trader.loans, maker.loans
    assert (owed.side, owed.counterparty, owed.principal, owed.rate) == ("borrowed", maker, 400, 5)
    assert (claim.side, claim.counterparty, claim.id) == ("lent", trader, owed.id)
    assert owed.due - owed.start == timedelta(days=10)
    assert owed.interest == D("0.018265")  # ceil(400 * 5 % * 8 / 8760), eight hours at least
    book = exchange.market("USDM-LOAN-10D")
    assert (book.ask, book.bid) == ((5, 100), None)
    exchange.step(hours=100, minutes=1)
    (owed,) = trader.loans
    result = trader.repay(owed.id)
    (repaid,) = (event for event in result.events if isinstance(event, LoanRepaid))
    assert repaid.interest == int(owed.interest.scaleb(6)) == 230_594  # 101 hours
    assert trader.loans == []
    assert book.ask == (5, 500)  # the principal returned to the book


def test_a_loan_is_repaid_in_part_and_extended(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.lend("USDM", 500, "5%")
    loan = trader.borrow("USDM", 400, "6%").contracts[0]
    trader.repay(loan, 100)
    assert trader.loans[0].principal == 300
    exchange.step(hours=24)
    due = trader.loans[0].due
    trader.extend(loan)
    assert trader.loans[0].due == due + timedelta(hours=24)
    with pytest.raises(Rejected, match="AMOUNT_TOO_LARGE: needed 300.000000, had 301.000000 USDM"):
        trader.repay(loan, 301)
    with pytest.raises(UnknownName):
        trader.repay(loan + 1, 1)


def test_a_loan_that_does_not_return_is_not_extended(maker: Account, trader: Account) -> None:
    maker.lend("USDM", 500, "5%", relend=False)
    loan = trader.borrow("USDM", 400, "6%").contracts[0]
    assert not trader.loans[0].extensible
    with pytest.raises(Rejected, match="LOAN_NOT_EXTENSIBLE"):
        trader.extend(loan)


@pytest.mark.parametrize("side", ["buy", "sell"])
@pytest.mark.parametrize("mark", ["2100", "1950.12345678"])
def test_unrealised_profit_is_what_a_true_up_pays(
    exchange: Exchange, maker: Account, trader: Account, side: str, mark: str
) -> None:
    maker.order("ETH-PERP", "sell" if side == "buy" else "buy", "1", "2001.01")
    contract = trader.order("ETH-PERP", side, "0.3333", "2001.01").contracts[0]
    exchange.mark("ETH", mark)
    (perp,) = trader.perps
    assert (perp.entry, perp.counterparty) == (D("2001.01"), maker)
    assert perp.size == D("0.3333") * (1 if side == "buy" else -1)
    assert maker.perps[0].size == -perp.size
    result = trader.true_up(contract)
    (event,) = (event for event in result.events if isinstance(event, TruedUp))
    paid = D(event.paid).scaleb(-6) * (1 if side == "buy" else -1)
    assert paid == perp.unrealised
    assert trader.perps[0].unrealised == 0


def test_funding_is_paid_as_time_passes(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH-PERP", "6", "2010")
    maker.buy("ETH-PERP", "6", "2008")
    trader.buy("ETH-PERP", "0.1", "2010")
    market = exchange.market("ETH-PERP")
    assert market.next_funding == exchange.time + timedelta(hours=8)
    exchange.step(hours=8)
    assert market.funding_rate == D("0.00005")  # the step is bounded: 50,000 ppb
    assert market.open_interest == D("0.1")
    assert market.funding_paid == D("0.1")
    assert trader.perps[0].funding == D("0.01")
    assert maker.perps[0].funding == D("-0.01")
    exchange.step(days=2)
    assert market.funding_paid == D("0.7")  # seven periods: without trades the rate stays


def test_contracts_are_given_up_in_the_order_chosen(exchange: Exchange, maker: Account, trader: Account) -> None:
    other = exchange.account("other")
    other.deposit("USDM", 10_000)
    maker.sell("ETH-PERP", "0.1", "2000")
    trader.buy("ETH-PERP", "0.1", "2000")
    other.sell("ETH-PERP", "0.1", "2000")
    trader.buy("ETH-PERP", "0.1", "2000")
    assert [perp.counterparty for perp in trader.perps] == [other, maker]
    trader.configure(give_up="oldest-first")
    other.buy("ETH-PERP", "0.1", "1999")
    trader.sell("ETH-PERP", "0.1", "1999")
    assert [perp.counterparty for perp in trader.perps] != [other, maker]


def test_the_curve_falls_and_the_states_follow_it(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH-PERP", "2", "2000")
    trader.buy("ETH-PERP", "2", "2000")
    curve = trader.curve(points=21, to=2)
    assert [point.severity for point in curve][:3] == [0, D("0.1"), D("0.2")]
    values = [point.value for point in curve]
    assert values == sorted(values, reverse=True)
    assert values[0] == trader.nav
    assert values[10] == trader.available_margin == trader.standing.available_margin
    assert trader.resilience is not None
    assert trader.value(trader.resilience) >= 0
    states = []
    for mark in ("2000", "1700", "1600", "1540", "1480"):
        exchange.mark("ETH", mark)
        states.append(trader.state)
    assert states == ["free", "margin call", "unwind", "auction", "close-out"]
    assert trader.resilience is None


def test_profit_not_yet_paid_does_not_carry_withdrawals(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH-PERP", "2", "2000")
    trader.buy("ETH-PERP", "2", "2000")
    exchange.mark("ETH", "2200")
    assert trader.cautious_value(0) == trader.nav - trader.perps[0].unrealised
    with pytest.raises(Rejected, match="WITHDRAWABLE"):
        trader.withdraw("USDM", 500)


def test_rung_prices_are_the_first_at_which_v_is_below_zero(
    exchange: Exchange, maker: Account, trader: Account
) -> None:
    maker.sell("ETH-PERP", "2", "2000")
    trader.buy("ETH-PERP", "2", "2000")
    before = exchange.digest()
    prices = trader.rung_prices()
    assert exchange.digest() == before
    assert [(price.asset, price.rung, price.up) for price in prices] == [
        ("ETH", "initial", None), ("ETH", "unwind", None), ("ETH", "auction", None),
    ]  # fmt: skip
    for price in prices:
        assert price.down is not None
        with exchange.preview():
            exchange.mark("ETH", price.down + D("0.00000001"))
            assert trader.value(price.severity) >= 0
        with exchange.preview():
            exchange.mark("ETH", price.down)
            assert trader.value(price.severity) < 0
    exchange.mark("ETH", prices[0].down or 0)
    assert [price.is_reached for price in trader.rung_prices()] == [True, False, False]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5_000), st.integers(-5_000, 5_000).filter(bool), st.integers(0, 4_000), st.integers(0, 20))
def test_the_parts_of_a_group_sum_to_the_core_s_figure(held: int, size: int, lent: int, tenths: int) -> None:
    exchange = open_worked(basis=7_000)
    maker, trader = exchange.account("maker"), exchange.account("trader")
    trader.deposit("USDM", 100_000)
    trader.deposit("ETH", D(held).scaleb(-2))
    order = "buy" if size > 0 else "sell"
    maker.order("stETH-PERP", "sell" if size > 0 else "buy", D(abs(size)).scaleb(-3), "2000")
    trader.order("stETH-PERP", order, D(abs(size)).scaleb(-3), "2000")
    if lent:
        maker.borrow("USDM", lent, "3%")
        trader.lend("USDM", lent, "3%")
    severity = D(tenths).scaleb(-1)
    groups = trader.groups(severity)
    assert sum(group.value for group in groups) == trader.value(severity)
    for group in groups:
        parts = group.nav - group.haircut + group.price - group.slippage - group.basis
        assert abs(parts - group.value) <= D("0.000004")
        worse = group.up if group.direction == "up" else group.down
        assert abs(worse - group.basis - group.value) <= D("0.000003")
    assert [leg.asset for leg in trader.legs(severity)] == ["USDM", "ETH", "stETH"]


def test_what_cash_does_not_cover_is_an_iou_that_accrues(exchange: Exchange, maker: Account) -> None:
    debtor = exchange.account("debtor")
    debtor.deposit("ETH", 1)
    debtor.deposit("USDM", 10)
    maker.sell("ETH-PERP", 1, "2000")
    contract = debtor.buy("ETH-PERP", 1, "2000").contracts[0]  # a fee of 2 leaves 8
    exchange.mark("ETH", "1900")
    maker.true_up(contract)
    (iou,) = debtor.loans
    assert (iou.is_iou, iou.counterparty, iou.principal, iou.rate) == (True, maker, 92, 5)
    assert debtor.nav == 1_900 - 92
    exchange.step(hours=30)
    (iou,) = debtor.loans
    assert iou.interest == D("0.015753")  # floor(92 * 5 % * 30 / 8760)
    assert debtor.nav == 1_900 - 92 - D("0.015754")  # in V a part of a quantum counts as one
    assert sum(group.nav for group in debtor.groups()) == debtor.nav
    debtor.deposit("USDM", 100)
    assert debtor.loans == []
