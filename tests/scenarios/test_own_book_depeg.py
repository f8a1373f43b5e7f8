"""Binance, October 2025: in a crash a synthetic dollar fell to 0.65 in the venue's own thin book while it stayed near
1.00 elsewhere.  Collateral was valued from that book, accounts that were sound were liquidated, and the venue paid some
283 million back.  Here local prices never value anything: a mark is the median of independent sources, and a step
beyond the design shock needs the agreement of half of them and of three.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, look, open_stage, refused, trade


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


@pytest.mark.both
def test_the_ladder_sells_by_the_sources_and_within_the_band() -> None:
    """45,000 USDC against 44,000 USDM that were borrowed and taken out: at 0.65 in the own book nothing is touched."""
    exchange = open_stage(has_ladder=True)
    lender, buyer = enter(exchange, "lender", USDM="100_000"), enter(exchange, "buyer", USDM="500_000")
    panic, trader = enter(exchange, "panic", USDC="20_000"), enter(exchange, "trader", USDC="45_000", USDM="5_000")
    lender.lend("USDM", "60_000", rate="5%")
    trader.borrow("USDM", "47_000", rate="5%")
    trader.withdraw("USDM", "48_900")
    trade(buyer, panic, "USDC/USDM", "20_000", "0.65")
    before = look(trader), trader.standing
    exchange.step(seconds=60)
    assert (look(trader), trader.standing) == before

    states = [trader.state]
    for price in range(12):  # now all sources say so, a little every minute
        price_now = 1 - D(price) * D("0.005")
        exchange.step(minutes=1)
        exchange.mark("USDC", price_now, sources=5, agreeing=5)
        states += [trader.state] * (trader.state != states[-1])
        if trader.ladder is not None:
            break
    assert states[-1] == "unwind" and "margin call" in states
    held = trader.balances["USDC"]
    buyer.buy("USDC/USDM", "200_000", "0.65")  # a bargain hunter waits far below the mark
    exchange.step(seconds=30)
    assert trader.balances["USDC"] == held
    buyer.buy("USDC/USDM", "200_000", price_now - D("0.002"))
    exchange.step(seconds=30)
    assert trader.ladder is None and trader.state == "free"
    assert 0 < trader.balances["USDC"] < held  # as much as frees it, and no more
    assert 0 <= trader.available_margin < D("1")
    assert all(sale.price >= price_now * D("0.99") for sale in exchange.market("USDC/USDM").trades[1:])
    assert exchange.audit() == []
