"""Mango Markets, October 2022: two accounts of one person traded a thin perpetual with one another and bought its
index up about tenfold on other venues.  The unrealised profit of the one counted as collateral, and 115 million of
other people's deposits were borrowed against it; the loss of the other was nobody's.  Here withdrawals, transfers and
new debt need V-, in which unrealised profit and claims by IOU count nothing: what can leave grows by settled cash only.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, get_largest_withdrawal, look, open_stage, refused, trade


@pytest.mark.both
def test_a_pump_lets_out_no_more_than_the_two_brought() -> None:
    exchange = open_stage(has_ladder=False)
    lender = enter(exchange, "lender", USDM="1_000_000")
    lender.lend("USDM", "500_000", rate="5%")
    winner, loser = enter(exchange, "winner", USDM="5_000"), enter(exchange, "loser", USDM="5_000")
    trade(winner, loser, "MEGA-PERP", "2_000", "0.4")
    could_leave = get_largest_withdrawal(winner)

    exchange.step(minutes=2)
    exchange.mark("MEGA", "4")  # ten times, and every source says so

    assert winner.nav > 12_000  # 7,200 of it on paper
    assert get_largest_withdrawal(winner) < could_leave  # a larger position needs more, and nothing was paid
    paid = get_largest_withdrawal(winner)
    with refused("WITHDRAWABLE"):
        winner.withdraw("USDM", paid + 1)
    result = winner.borrow("USDM", "7_000", rate="5%", ioc=True)
    assert result.filled == 7_000  # its own cash bears the interest, yet the loan lets out nothing
    with refused("WITHDRAWABLE"):
        winner.withdraw("USDM", paid + 1)
    winner.repay(winner.loans[0].id)

    winner.true_up(winner.perps[0].id)  # settles what there is to settle
    assert loser.balances.get("USDM", D(0)) == 0
    assert winner.loans[0].is_iou and winner.loans[0].counterparty == loser
    out = get_largest_withdrawal(winner)
    assert out <= 10_000  # no more than the two deposited
    winner.withdraw("USDM", out)
    with refused("WITHDRAWABLE"):
        winner.withdraw("USDM", "1")
    with refused("BALANCE", "OVERDUE_IOU"):
        loser.withdraw("USDM", "1")
    assert not winner.submit.borrow("USDM", "5_000", rate="5%", fok=True)  # nothing is left that would bear it
    assert lender.nav >= 1_000_000
    assert exchange.audit() == []


@pytest.mark.both
def test_a_claim_on_a_broke_account_lets_nothing_out() -> None:
    """The winner closes its position with the loser itself, at the pumped price, and is left with a claim."""
    exchange = open_stage(has_ladder=False)
    lender = enter(exchange, "lender", USDM="1_000_000")
    lender.lend("USDM", "500_000", rate="5%")
    winner, loser = enter(exchange, "winner", USDM="5_000"), enter(exchange, "loser", USDM="5_000")
    trade(winner, loser, "MEGA-PERP", "2_000", "0.4")
    exchange.step(minutes=2)
    exchange.mark("MEGA", "4")
    exchange.step(minutes=2)
    exchange.mark("MEGA", "4")
    winner.true_up(winner.perps[0].id)
    loser.buy("MEGA-PERP", "2_000", "4", reduce_only=True)
    winner.sell("MEGA-PERP", "2_000", "4", reduce_only=True)
    winner.cancel_all()
    claims = sum(loan.principal for loan in winner.loans if loan.side == "lent")
    assert claims > 2_000
    most = get_largest_withdrawal(winner)
    assert most <= 10_000
    assert most <= winner.nav - claims  # the claim counts in its worth, and not in what may leave


@pytest.mark.both
def test_when_the_loser_is_closed_out_the_winner_gets_what_it_had() -> None:
    exchange = open_stage(has_ladder=True)
    lender, bystander = enter(exchange, "lender", USDM="1_000_000"), enter(exchange, "bystander", MEGA="1_000")
    lender.lend("USDM", "500_000", rate="5%")
    winner, loser = enter(exchange, "winner", USDM="5_000"), enter(exchange, "loser", USDM="5_000")
    trade(winner, loser, "MEGA-PERP", "2_000", "0.4")
    before = look(lender), look(bystander)
    exchange.step(minutes=2)
    exchange.mark("MEGA", "4", sources=5, agreeing=5)
    exchange.step(seconds=10)
    assert loser.perps == winner.perps == []
    assert loser.nav == 0 and 9_990 < winner.nav <= 10_000  # 7,200 were won on paper, 5,000 were there
    assert get_largest_withdrawal(winner) <= 10_000
    assert (look(lender), look(bystander)) == before
    assert exchange.audit() == []
