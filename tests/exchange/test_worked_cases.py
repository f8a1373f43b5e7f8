"""The worked cases of docs/spec/valuation.md, traded in an exchange as a user would."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.venues import open_worked
from worldmarkets.exchange import Rejected
from worldmarkets.exchange.portfolio import Portfolio
from worldmarkets.exchange.portfolio_file import PortfolioFile

D = Decimal


def _quote(basis: int = 0):  # type: ignore[no-untyped-def]
    exchange = open_worked(basis)
    maker, trader = exchange.account("maker"), exchange.account("trader")
    maker.lend("USDM", 100_000, "5.5%")
    maker.sell("ETH/USDM", 100, "2000")
    maker.buy("ETH-PERP", 100, "2000")
    return exchange, maker, trader


@pytest.mark.both
def test_borrow_buy_and_hedge() -> None:
    """1000 * (1 - 0.005) - 900 * (1 + 0.055 * 240 / 8760) = 93.6438..."""
    _, _, trader = _quote()
    trader.deposit("USDM", 100)
    with trader.bundle() as bundle:
        bundle.borrow("USDM", 900, "5.5%")
        bundle.buy("ETH/USDM", "0.5", "2000")
        bundle.sell("ETH-PERP", "0.5", "2000")
    assert trader.available_margin == D("93.643835")  # owed 901.356165: the interest is rounded up
    assert trader.nav == D("98.643835")
    assert trader.state == "free"


def test_without_the_hedge_it_is_refused() -> None:
    """1000 * (1 - 0.1 - 0.005) - 901.3561... = -6.3561..."""
    _, _, trader = _quote()
    trader.deposit("USDM", 100)
    bundle = trader.bundle()
    bundle.borrow("USDM", 900, "5.5%")
    bundle.buy("ETH/USDM", "0.5", "2000")
    with pytest.raises(Rejected, match=r"MARGIN: needed 0.000000, had -6.356165 USDM") as refused:
        bundle.send()
    assert refused.value.code == "MARGIN"
    assert refused.value.result.had == -6_356_165
    assert trader.balances == {"USDM": D(100)}


def test_five_times_long_survives_twice_the_shock() -> None:
    """1000 - 500 = 500; rho = 2."""
    _, maker, trader = _quote()
    trader.deposit("USDM", 1_000)
    maker.sell("BTC-PERP", "0.1", "50000")
    trader.buy("BTC-PERP", "0.1", "50000")
    assert trader.available_margin == 500
    assert trader.resilience == 2
    assert trader.value(2) == 0
    prices = {price.rung: price for price in trader.rung_prices()}
    # V(1) = 1000 + 0.1 * (P - 50000) - 0.1 * 0.1 * P, which is 0 at P = 4000 / 0.09 = 44444.4444...
    assert prices["initial"].down == D("44444.44444444")
    assert prices["initial"].up is None


def test_a_claim_counts_less_its_haircut() -> None:
    """500 + 490 = 990."""
    _, _, trader = _quote()
    trader.deposit("USDM", 1_000)
    borrower = trader.exchange.account("borrower")
    borrower.deposit("USDM", 1_000)
    trader.lend("USDM", 500, "5%")
    borrower.borrow("USDM", 500, "5%")
    assert trader.available_margin == 990
    assert trader.nav == 1_000
    assert trader.groups()[0].haircut == 10


def test_two_assets_of_a_group_hedge_each_other() -> None:
    """20,000 - 100 - 200 - 200 = 19,500: the shocks cancel; one slippage and two basis charges stay."""
    _, maker, trader = _quote(basis=10_000)
    trader.deposit("ETH", 10)
    maker.buy("stETH-PERP", 10, "2000")
    trader.sell("stETH-PERP", 10, "2000")
    assert trader.available_margin == 19_500
    (group,) = (group for group in trader.groups() if group.group == "ETH")
    assert (group.nav, group.price, group.slippage, group.basis, group.value) == (20_000, 0, 100, 400, 19_500)
    assert [(leg.asset, leg.price, leg.slippage, leg.basis) for leg in group.legs] == [
        ("ETH", 2_000, 100, 200),
        ("stETH", -2_000, 0, 200),
    ]


_amount = st.integers(0, 10**8).map(lambda n: D(n).scaleb(-4))
_size = st.integers(-(10**8), 10**8).filter(bool).map(lambda n: D(n).scaleb(-4))
_price = st.integers(1, 10**9).map(lambda n: D(n).scaleb(-4))


@settings(max_examples=40, deadline=None)
@given(
    cash=_amount,
    legs=st.lists(
        st.tuples(
            _amount, _amount, st.integers(1, 9_999), _size, _price, _price, st.integers(0, 10**6), st.integers(0, 10**5)
        ),
        min_size=1, max_size=4,
    ),
)  # fmt: skip
def test_in_the_special_case_it_is_world_markets_own_figure(cash: D, legs: list[tuple]) -> None:  # type: ignore[type-arg]
    """Groups of one, unlimited depth, no basis: the risk-adjusted portfolio value, asset by asset.

    sum of [adj * P * (1 +- rp) + q * P * (1 +- rp) - cost] at the worse sign - rs * |adj| * P
    """
    assets = {"USDM": {"decimals": 6}}
    portfolio: dict = {"balances": {"USDM": str(cash)}, "borrowed": [], "lent": [], "perps": []}  # type: ignore[type-arg]
    expected = Fraction(cash)
    for number, (held, owed, rate, size, mark, entry, shock, slippage) in enumerate(legs):
        name = f"A{number}"
        assets[name] = {
            "decimals": 8, "mark": str(mark), "shock_ppm": shock, "slippage_ppm": slippage, "group": name,
            "basis_ppm": 0, "depth": None,
        }  # fmt: skip
        portfolio["balances"][name] = str(held)
        adjusted = Fraction(held)
        if owed:
            portfolio["borrowed"].append({"asset": name, "principal": str(owed), "rate_bp": rate})
            quanta = int(owed.scaleb(8))
            adjusted -= Fraction(quanta - (-quanta * rate * 240 // (10_000 * 8_760)), 10**8)
        portfolio["perps"].append({"asset": name, "size": str(size), "entry": str(entry), "funding": "0"})
        price, move, exit_share = Fraction(mark), Fraction(shock, 10**6), Fraction(slippage, 10**6)
        both = (
            adjusted * price * (1 + sign * move) + Fraction(size) * price * (1 + sign * move) for sign in (1, -1)
        )  # fmt: skip
        expected += min(both) - Fraction(size) * Fraction(entry) - exit_share * abs(adjusted) * price
    file = PortfolioFile({
        "name": "special", "numeraire": "USDM", "lent_haircut_ppm": 20_000, "tenor_hours": 240,
        "unwind_severity_ppm": 600_000, "assets": assets, "portfolio": portfolio,
    })  # fmt: skip
    booked = Portfolio(file)
    slack = (1 + 2 * len(legs)) * Fraction(1, 10**6)  # each group floored once, each cost rounded to a quantum
    assert abs(Fraction(booked.account.available_margin) - expected) <= slack
    assert booked.exchange.audit() == []
