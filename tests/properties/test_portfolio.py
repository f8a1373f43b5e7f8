"""V by hand: the worked cases of docs/spec/valuation.md and a few more, asked of the naive exchange and of the engine.

The campaigns hold the two against each other; here a reader can check both.
"""

from __future__ import annotations

import random
from fractions import Fraction
from math import floor

import pytest

from tests.models.naive_portfolio import Asset, Contract, Exchange, Loan, Market
from tests.properties.campaign import encode, read_events
from tests.properties.test_bounds import PERP, SPOT, Desk
from worldmarkets.core import codes as c
from worldmarkets.core import records as r

pytestmark = pytest.mark.both
TOKEN = 10**6  # of USDM
USDM, ETH, STETH = 1, 2, 3
HOURS = 240


def make_exchange(**ether) -> Exchange:
    """Return a naive exchange with ETH and stETH at 2,000 in one group."""
    terms = {"price_shock_ppm": 100_000, "slippage_ppm": 5_000, "mark": 2_000 * 10**8, **ether}
    assets = {USDM: Asset(6, 1), ETH: Asset(8, 2, **terms), STETH: Asset(8, 2, **terms)}
    markets = {
        1: Market(c.PERP, ETH, 10**6, 10_000),
        2: Market(c.PERP, STETH, 10**6, 10_000),
        3: Market(c.LOAN, USDM, 10**6, tenor_hours=HOURS),
    }
    return Exchange(assets, markets)


def lend(exchange: Exchange, lender: int, borrower: int, principal: int, rate_bp: int, flags: int = 0) -> None:
    serial = len(exchange.loans) + 1
    due_us = HOURS * 3_600 * 10**6
    exchange.loans[serial] = Loan(
        serial, lender, borrower, USDM, 3, principal, rate_bp, rate_bp, 0, due_us, 0, HOURS, flags
    )


def test_a_hedged_loan_by_hand():
    """100 USDM, 900 borrowed at 5.5 %, 1,000 of ETH bought, 1,000 of ETH perp short: 93.6438..."""
    exchange = make_exchange()
    exchange.balances[7, ETH] = 10**8 // 2
    lend(exchange, 8, 7, 900 * TOKEN, 550)
    exchange.contracts[1, 9, 7] = Contract(1, 50, 1_000 * TOKEN, 0)
    exact = 1_000 * (1 - Fraction(5, 1_000)) - 900 * (1 + Fraction(55, 1_000) * HOURS / 8_760)
    assert floor(exact * TOKEN) == exchange.compute_value(7, 10**6) == 93_643_835
    del exchange.contracts[1, 9, 7]
    assert exchange.compute_value(7, 10**6) == -6_356_165


def test_the_same_hedged_loan_in_the_engine():
    desk = Desk(accounts=3, money=0)
    for account, amount, asset in ((1, 100 * TOKEN, 1), (2, 10**11, 1), (3, 10**11, 1), (3, 10**9, 2)):
        assert desk.deposit(account, amount, asset) == c.OK
    assert desk.place(2, 3, c.SELL, 550, 900) == c.OK
    assert desk.place(3, SPOT, c.SELL, 2_000, 50) == c.OK
    assert desk.place(3, PERP, c.BUY, 2_000, 50) == c.OK
    steps = [
        {"market": 3, "side": c.BUY, "price_ticks": 550, "lots": 900},
        {"market": SPOT, "side": c.BUY, "price_ticks": 2_000, "lots": 50},
        {"market": PERP, "side": c.SELL, "price_ticks": 2_000, "lots": 50},
    ]
    legs = [encode(r.PlaceOrder, time_us=desk.now, kind=c.PLACE_ORDER, account=1, **step) for step in steps]
    head = encode(r.Command, time_us=desk.now, kind=c.BUNDLE, account=1, count=3)  # none of the last two alone
    assert read_events(desk.world.apply(head + b"".join(legs)))[-1].kind == c.BUNDLE_APPLIED
    assert desk.value(1) == 93_643_835
    assert desk.place(3, PERP, c.SELL, 2_000, 50) == c.OK
    assert desk.place(1, PERP, c.BUY, 2_000, 50) == c.MARGIN  # without the hedge: -6.356165
    assert desk.events[0].had == -6_356_165


def test_a_leveraged_perp_by_hand():
    """1,000 USDM, long 5,000, struck at the mark: 500, and a resilience of 2."""
    exchange = make_exchange(slippage_ppm=3_000)
    exchange.balances[1, USDM] = 1_000 * TOKEN
    exchange.contracts[1, 1, 2] = Contract(1, 250, 5_000 * TOKEN, 0)
    assert exchange.compute_value(1, 10**6) == 500 * TOKEN
    assert exchange.compute_value(1, 2 * 10**6) == 0
    desk = Desk(accounts=2, money=1_000 * TOKEN)
    assert desk.place(1, PERP, c.BUY, 2_000, 250) == c.OK
    assert desk.place(2, PERP, c.SELL, 2_000, 250) == c.OK
    assert desk.value(1) == 500 * TOKEN
    assert desk.world.engine.get_resilience(1) == 2 * 10**6


def test_a_lender_by_hand():
    """500 lent out, 500 held: 500 + 490."""
    exchange = make_exchange()
    exchange.balances[1, USDM] = 500 * TOKEN
    lend(exchange, 1, 2, 500 * TOKEN, 500)
    assert exchange.compute_value(1, 10**6) == 990 * TOKEN
    assert exchange.compute_value(1, 0) == 1_000 * TOKEN


def test_two_of_a_group_by_hand():
    """10 ETH, short 10 stETH: the shocks cancel; one slippage and two basis charges stay."""
    exchange = make_exchange(basis_ppm=10_000)
    exchange.balances[1, ETH] = 10 * 10**8
    exchange.contracts[2, 2, 1] = Contract(1, 1_000, 20_000 * TOKEN, 0)
    assert exchange.compute_value(1, 10**6) == 19_500 * TOKEN


def test_depth_and_cap_by_hand():
    """20,000 held where 10,000 are deep: exit counts 40,000; above a cap of 15,000 holdings count nothing."""
    exchange = make_exchange(depth=10_000 * TOKEN)
    exchange.balances[1, ETH] = 10 * 10**8
    assert exchange.compute_value(1, 10**6) == (18_000 - 200) * TOKEN
    exchange.assets[ETH].holding_cap = 15_000 * TOKEN
    assert exchange.compute_value(1, 10**6) == floor((13_500 - Fraction(15_000**2, 10_000) / 200) * TOKEN)


def test_an_iou_by_hand():
    """An IOU of 100 counts 100 for its payee, but not in V-; for its payer 100 and the interest so far."""
    exchange = make_exchange()
    lend(exchange, 1, 2, 100 * TOKEN, 8_760, flags=c.LOAN_IOU)
    assert exchange.compute_value(1, 10**6) == 100 * TOKEN
    assert exchange.compute_value(1, 10**6, cautious=True) == 0
    assert exchange.compute_value(2, 10**6) == -100 * TOKEN
    exchange.now_us = 3_600 * 10**6 + 1
    assert exchange.compute_value(2, 10**6) == -100 * TOKEN - 2 * 100 * TOKEN // 10_000


def test_an_overdue_loan_by_hand():
    """Ten days are owed from the first hour on; the eleventh comes on top."""
    exchange = make_exchange()
    exchange.balances[2, USDM] = 2_000 * TOKEN
    lend(exchange, 1, 2, 1_000 * TOKEN, 8_760)
    day = 24 * 3_600 * 10**6
    for days, owed in ((0, 1_024), (10, 1_024), (11, 1_024 + Fraction(24, 10))):
        exchange.now_us = days * day
        assert exchange.compute_value(2, 10**6) == (2_000 - owed) * TOKEN


@pytest.mark.parametrize("seed", range(20))
def test_one_asset_of_unlimited_depth_is_the_plain_formula(seed):
    """A group of one, unlimited depth, no basis: V(1) = cash + spot + perps - rp * |spot + perps| - rs * |spot|."""
    source = random.Random(seed)
    rp, rs = source.randrange(400_000), source.randrange(50_000)
    exchange = make_exchange(price_shock_ppm=rp, slippage_ppm=rs)
    cash, coins, lots = source.randrange(10**12), source.randrange(10**10), source.randrange(-50_000, 50_000)
    cost = source.randrange(10**12) * (1 if lots > 0 else -1)
    exchange.balances[1, USDM], exchange.balances[1, ETH] = cash, coins
    if lots:
        pair = (1, 2) if lots > 0 else (2, 1)
        exchange.contracts[1, *pair] = Contract(1, abs(lots), abs(cost), 0)
    spot, perp = Fraction(coins * 20), Fraction(lots * 20 * TOKEN)
    shock = abs(spot + perp) * rp / 10**6
    expected = floor(spot + perp - (cost if lots else 0) - shock - spot * rs / 10**6)
    assert exchange.compute_value(1, 10**6) == cash + expected
