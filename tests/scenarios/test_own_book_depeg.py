"""Binance, October 2025: in a crash a synthetic dollar fell to 0.65 in the venue's own thin book while it stayed near
1.00 elsewhere.  Collateral was valued from that book, accounts that were sound were liquidated, and the venue paid some
283 million back.  Here local prices never value anything: a mark is the median of independent sources, and a step
beyond the design shock needs the agreement of half of them and of three.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, open_stage, refused, trade


@pytest.mark.both
def test_a_crash_in_the_own_book_harms_nobody_who_did_not_trade() -> None:
    exchange = open_stage()
    lender = enter(exchange, "lender", USDM="100_000")
    trader = enter(exchange, "trader", USDC="50_000")
    panic, bargain = enter(exchange, "panic", USDC="20_000"), enter(exchange, "bargain", USDM="20_000")
    lender.lend("USDM", "40_000", rate="5%")
    trader.borrow("USDM", "31_800", rate="5%")
    trader.withdraw("USDM", "15_000")
    before = trader.standing
    assert before.state == "free"

    trade(bargain, panic, "USDC/USDM", "20_000", "0.65")

    assert exchange.market("USDC/USDM").trades[-1].price == D("0.65")
    assert exchange.prices["USDC"] == 1
    assert trader.standing == before

    with refused("MARK_STEP"):  # one source of three believes the book
        exchange.mark("USDC", "0.65", sources=3, agreeing=1)
    with refused("MARK_STEP"):  # three of seven are not half
        exchange.mark("USDC", "0.65", sources=7, agreeing=3)
    assert trader.standing == before


@pytest.mark.both
def test_when_all_sources_say_so_it_is_a_price_like_any_other() -> None:
    exchange = open_stage()
    lender = enter(exchange, "lender", USDM="100_000")
    trader = enter(exchange, "trader", USDC="50_000")
    lender.lend("USDM", "60_000", rate="5%")
    trader.borrow("USDM", "47_000", rate="5%")
    trader.transfer(lender, "USDM", "15_000")
    assert trader.state == "free"

    states = []
    for price in ("0.99", "0.96", "0.94", "0.65"):
        exchange.step(minutes=2)
        exchange.mark("USDC", price, sources=5, agreeing=5)
        states.append(trader.state)

    # 47,000 less 15,000 is 32,000 of cash; USDC at 0.65 is 32,500 more: the debt of 47,000 and its interest is covered
    assert states == ["free", "free", "free", "free"]
    assert trader.nav == D("50_000") * D("0.65") + 32_000 - D("47_064.383562")
    trader.transfer(lender, "USDM", "15_000")
    exchange.step(minutes=2)
    exchange.mark("USDC", "0.63", sources=5, agreeing=5)
    assert trader.state == "free"
    with refused("WITHDRAWABLE", "MARGIN"):
        trader.transfer(lender, "USDM", "1_000")
    exchange.mark("USDC", "0.61", sources=5, agreeing=5)
    assert trader.state == "margin call"  # nobody touches the account; it may cure itself
    assert trader.balances == {"USDM": D(17_000), "USDC": D(50_000)}
    trader.repay(trader.loans[0].id, "10_000")
    trader.deposit("USDM", "300")
    assert trader.state == "free"
