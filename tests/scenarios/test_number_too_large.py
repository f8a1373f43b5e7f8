"""Cetus, May 2025: a check for overflow let numbers pass that were too large, a product lost its highest bits, and a
deposit of one unit bought liquidity worth 223 million.  Here every quantity has a bound where it enters, chosen so
that no product of such quantities overflows, and the compiled core checks its arithmetic besides.
"""

from __future__ import annotations

import pytest

from tests.exchange.venues import open_worked
from tests.scenarios.stage import enter, open_stage
from worldmarkets.core import codes
from worldmarkets.core.records import ContractChange, Funds, OrderChange, PlaceOrder, SetMark

EDGES = (-(2**63), -1, 0, 2**54, 2**62, 2**63 - 1)


@pytest.mark.both
def test_the_largest_numbers_are_refused_by_a_rule_not_by_accident() -> None:
    exchange = open_stage()
    trader = enter(exchange, "trader", USDM="10_000", ETH="1")
    maker = enter(exchange, "maker", USDM="10_000", ETH="1")
    maker.lend("USDM", "100", rate="5%")
    loan = trader.borrow("USDM", "100", rate="5%").contracts[0]
    order = trader.buy("ETH/USDM", "0.1", "1000").order
    held = trader.balances, trader.nav, maker.balances, maker.nav
    supply = exchange.read_row("assets", 1).supply
    codes_seen = set()
    markets = {"ETH/USDM": 1_000, "ETH-PERP": 1_000, "USDM-LOAN-10D": 500}
    for edge in EDGES:
        commands = [
            Funds(kind=codes.WITHDRAW, account=trader.number, asset=1, amount=edge),
            Funds(kind=codes.TRANSFER, account=trader.number, asset=3, amount=edge, to=maker.number),
            SetMark(kind=codes.SET_MARK, asset=3, price=edge, source_time_us=exchange.time_us, sources=3, agreeing=3),
            SetMark(kind=codes.SET_MARK, asset=3, price=2000, source_time_us=edge, sources=3, agreeing=3),
            OrderChange(
                kind=codes.AMEND_ORDER, account=trader.number, order_id=order, lots=edge, price_ticks=2**24 - 2
            ),
            ContractChange(kind=codes.REPAY_LOAN, account=trader.number, contract_id=loan, amount=edge or 1 << 60),
            ContractChange(kind=codes.TRUE_UP, account=trader.number, contract_id=edge),
        ]
        for name, price in markets.items():
            number = exchange.market(name).listed.number
            for side in (codes.BUY, codes.SELL):
                for ticks in (price, 2**24 - 2, 2**24 - 1, 2**32 - 1):
                    commands.append(
                        PlaceOrder(kind=codes.PLACE_ORDER, account=trader.number, market=number, side=side, lots=edge,
                                   price_ticks=ticks)
                    )  # fmt: skip
            for lots, ticks in (
                (1_000, 0),
                (1_000, 2**24 - 1),
                (1_000, 2**32 - 1),
                (10**14, 2**24 - 2),
                (10**14, 9_999),
            ):
                commands.append(
                    PlaceOrder(
                        kind=codes.PLACE_ORDER, account=trader.number, market=number, lots=lots, price_ticks=ticks
                    )
                )
        for command in commands:
            result = exchange.submit(command)
            assert not result.accepted, command.as_dict()
            assert result.code != "INTERNAL"
            codes_seen.add(result.code)
    assert {
        "AMOUNT_NOT_POSITIVE", "AMOUNT_TOO_LARGE", "SIZE_NOT_POSITIVE", "SIZE_TOO_LARGE", "PRICE_OUT_OF_RANGE",
        "NOTIONAL_TOO_LARGE", "MARK_OUT_OF_RANGE", "MARK_STALE",
    } <= codes_seen  # fmt: skip
    assert (trader.balances, trader.nav, maker.balances, maker.nav) == held
    assert exchange.read_row("assets", 1).supply == supply
    assert exchange.audit() == []


@pytest.mark.both
def test_a_deposit_at_the_bound_and_one_beyond() -> None:
    exchange = open_stage()
    whale = exchange.account("whale")
    whale.deposit("USDM", "1_000_000_000_000")  # 10**18 quanta, all that an asset may have
    assert whale.nav == 10**10  # a leg counts at most 10**16 quanta, either way
    result = whale.submit.deposit("USDM", "0.000001")
    assert (result.code, result.needed) == ("AMOUNT_TOO_LARGE", 0)
    assert exchange.audit() == []


@pytest.mark.both
@pytest.mark.parametrize("side", ["long", "short"])
def test_a_position_is_never_counted_for_less_than_it_is(side: str) -> None:
    """Orders of 8 * 10^9 USDM are within the bound of an order; two of them are not within that of a position."""
    exchange = open_worked()
    whale, other, third = (exchange.account(name) for name in ("whale", "other", "third"))
    for account in (whale, other, third):
        account.deposit("USDM", "300_000_000_000")
    act, answer, submit, take = (
        (whale.buy, other.sell, whale.submit.buy, third.submit.sell)
        if side == "long"
        else (whale.sell, other.buy, whale.submit.sell, third.submit.buy)
    )
    answer("ETH-PERP", "4_000_000", "2000")
    act("ETH-PERP", "4_000_000", "2000")
    refused = submit("ETH-PERP", "1_000_001", "2000")
    assert (refused.code, refused.needed, refused.had) == ("NOTIONAL_TOO_LARGE", 10**16, 10**16 + 2_000 * 10**6)
    act("ETH-PERP", "1_000_000", "2000")
    act("ETH-PERP", "1_000_000", "2000")  # each would do, and both of them would not
    assert take("ETH-PERP", "2_000_000", "2000").filled == 1_000_000
    assert sum(abs(perp.size) for perp in whale.perps) == 5_000_000
    assert exchange.audit() == []


def test_a_debt_is_never_counted_for_less_than_it_is() -> None:
    exchange = open_stage()
    whale, lender = exchange.account("whale"), exchange.account("lender")
    whale.deposit("USDM", "100_000_000_000")
    lender.deposit("USDM", "100_000_000_000")
    lender.lend("USDM", "9_000_000_000", "5%")
    lender.lend("USDM", "9_000_000_000", "5%")
    whale.borrow("USDM", "9_000_000_000", "5%")
    refused = whale.submit.borrow("USDM", "2_000_000_000", "5%")
    assert (refused.code, refused.needed) == ("NOTIONAL_TOO_LARGE", 10**16)
    assert exchange.audit() == []
