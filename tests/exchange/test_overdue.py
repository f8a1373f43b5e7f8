"""The close-out of one overdue loan: what its lender is given, what the borrower keeps, and a lender that waits."""

from __future__ import annotations

from decimal import Decimal as D

import pytest

from tests.exchange.test_closeout import enter, lend, trade
from tests.exchange.venues import open_worked
from worldmarkets import Exchange
from worldmarkets.exchange import Account

pytestmark = pytest.mark.both


def fall_due(keeps: bool = False, hedged: bool = False) -> tuple[Exchange, Account, Account]:
    """Let 1,000 at 5 % fall due with 301 USDM and 2 ETH in the borrower's account, and nothing else to be done."""
    exchange = open_worked(has_ladder=True)
    lender, borrower = enter(exchange, "lender", USDM="2_000"), enter(exchange, "borrower", USDM="301", ETH="2")
    lender.keep_overdue(keeps)
    lend(lender, borrower, "1_000", "5%")
    borrower.withdraw("USDM", "1_000")
    if hedged:
        trade(exchange.account("maker"), borrower, "ETH-PERP", "18", "2000")
    borrower.configure_loan(borrower.loans[0].id, steps=[])
    exchange.step(hours=240)
    exchange.marks({"ETH": "2000", "stETH": "2000", "BTC": "50000"})
    assert borrower.loans[0].overdue
    exchange.step(minutes=59, seconds=59)
    exchange.mark("ETH", "2000")
    exchange.step(seconds=2)
    assert exchange.audit() == []
    return exchange, lender, borrower


def test_numeraire_first_then_holdings_below_the_mark() -> None:
    """301 USDM at par, then ETH at 2,000 * (1 - 0.5 % - 10 % / 2) = 1,890 for what is left, and nothing more."""
    _, lender, borrower = fall_due()
    assert borrower.loans == lender.loans == []
    assert lender.balances["USDM"] == D("1_301")
    given = lender.balances["ETH"]
    assert borrower.balances == {"ETH": 2 - given}
    interest = D("1000") * D("0.05") * 241 / 8_760
    assert abs(given * 1_890 - (1_000 + interest - 301)) < D("0.001")


def test_a_lender_may_keep_the_loan_as_an_iou_at_the_penalty_rate() -> None:
    _, lender, borrower = fall_due(keeps=True)
    assert borrower.balances == {"USDM": D("301"), "ETH": D("2")}
    (iou,) = borrower.loans
    assert iou.is_iou and iou.rate == D("10")
    assert abs(iou.principal - (1_000 + D("1000") * D("0.05") * 241 / 8_760)) < D("0.00001")
    assert lender.loans[0].counterparty == borrower
    assert not borrower.submit.withdraw("ETH", "1")


def test_a_holding_that_hedges_stays() -> None:
    """Without its ETH the short would leave the borrower less than free: only the numeraire is delivered."""
    _, lender, borrower = fall_due(hedged=True)
    assert borrower.state == "free"
    assert lender.balances == {"USDM": D("1_301")}
    assert borrower.balances == {"ETH": D("2")}
    assert borrower.loans[0].overdue
