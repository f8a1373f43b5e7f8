"""The default fund by hand: stakes as shares, the price of cover, and what a default takes of it."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from tests.exchange.test_closeout import Example, close_out, crash, enter, find, lend
from tests.exchange.venues import open_worked
from worldmarkets import Exchange
from worldmarkets.core import codes as c
from worldmarkets.exchange import Rejected

pytestmark = pytest.mark.both


def refresh(exchange: Exchange) -> None:
    exchange.marks({"ETH": "2000", "stETH": "2000", "BTC": "50000"})


def test_interest_of_the_covered_goes_to_those_who_staked() -> None:
    """100 and 300 are staked; a lender of 1,000 at 36.5 % for a day receives 1, of which 5 % is the fund's."""
    exchange = open_worked()
    small, large = enter(exchange, "small", USDM="100"), enter(exchange, "large", USDM="300")
    small.stake("100")
    large.stake("300")
    lender, borrower = enter(exchange, "lender", USDM="2_000"), enter(exchange, "borrower", USDM="2_000")
    lender.cover()
    exchange.step(days=8)
    refresh(exchange)
    lend(lender, borrower, "1_000", "36.5%")
    exchange.step(hours=24)
    borrower.repay(borrower.loans[0].id)
    assert lender.balances["USDM"] == D("2_000.95")
    assert (small.fund.worth, large.fund.worth) == (D("100.0125"), D("300.0375"))
    large.unstake()
    assert large.fund.leaving == D("300")
    exchange.step(days=7, hours=1)
    assert large.balances["USDM"] == D("300.0375")
    assert (large.fund.shares, small.fund.worth) == (0, D("100.0125"))
    assert exchange.audit() == []


def test_a_default_takes_its_limit_and_no_more() -> None:
    """400 are in the fund, 500 unpaid, and 1,500.5 of 2,000 covered: 375.125 would be paid, and 80 is the limit."""
    stage = Example()
    staker = enter(stage.exchange, "staker", USDM="400")
    staker.stake("400")
    stage.lender.cover()
    stage.exchange.step(days=7, hours=1)
    crash(stage.exchange, "1000")
    before = stage.lender.balances.get("USDM", D(0))
    events = close_out(stage.exchange, stage.defaulter)
    paid = [event for event in find(events, c.CLAIM_PAID) if event.code == c.AS_COVER]
    assert [(event.creditor, event.amount) for event in paid] == [(stage.lender.number, 80_000_000)]
    assert staker.fund.worth == D("320")
    assert stage.lender.balances["USDM"] > before
    assert stage.exchange.audit() == []


def test_what_is_refused() -> None:
    exchange = open_worked()
    account = enter(exchange, "account", USDM="10", ETH="1")
    for act, code in (
        (lambda: account.stake("0.5"), "SIZE_TOO_SMALL"),
        (lambda: account.stake("11"), "BALANCE"),
        (lambda: account.unstake(), "BALANCE"),
    ):
        with pytest.raises(Rejected, match=code):
            act()
    account.stake("10")
    with pytest.raises(Rejected, match="BALANCE"):
        account.unstake("10.1")
    assert exchange.audit() == []
