"""Insurance funds emptied on purpose: a trader loses in one account what it wins in another, and the venue's fund pays
the difference (dYdX, November 2023, nine million; others before and since, until the fund was empty and everybody's
positions were cut).  Here no fund stands for anybody who did not ask for it, nobody pays into it unasked, one default
takes a fifth of it at most, cover begins a week after it was asked for, and an account of the defaulter's own owner is
never covered.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.stage import D, enter, keep_fresh, look, open_stage, trade
from worldmarkets import Exchange
from worldmarkets.core import codes as c
from worldmarkets.exchange import Account

pytestmark = pytest.mark.both


def gap(exchange: Exchange, loser: Account, winner: Account, price: str) -> list[Any]:
    """Let one account be long of 20 ETH against another on 5,100, and the price jump past all of it."""
    trade(loser, winner, "ETH-PERP", "20", "2000")
    exchange.step(minutes=2)
    events = list(exchange.mark("ETH", price, sources=5, agreeing=5).events)
    for _ in range(5):
        events += exchange.step(seconds=1)
    assert (loser.perps, loser.ladder) == ([], None)
    exchange.step(minutes=2)
    exchange.mark("ETH", "2000", sources=5, agreeing=5)
    exchange.step(minutes=2)
    exchange.marks({"ETH": "2000", "BTC": "60000"})
    return events


def get_covered(events: list[Any]) -> D:
    """What the fund paid."""
    return sum((D(e.amount) / 10**6 for e in events if e.kind == c.CLAIM_PAID and e.code == c.AS_COVER), D(0))


def test_one_default_after_another_takes_a_fifth_of_what_is_left() -> None:
    exchange = open_stage(has_ladder=True)
    stakers = [enter(exchange, f"staker {number}", USDM="10_000") for number in range(2)]
    for staker, amount in zip(stakers, ("3_000", "1_000"), strict=True):
        staker.stake(amount)
    winner = enter(exchange, "winner", USDM="200_000")
    winner.cover()
    bystander = enter(exchange, "bystander", USDM="5_100")
    exchange.step(days=7, hours=1)
    keep_fresh(exchange)
    before = look(bystander), [staker.balances for staker in stakers]

    left, paid = D(4_000), []
    for attempt in range(4):  # on 5,100 each time, with a loss of 10,000: half of what is owed is not there
        loser = enter(exchange, f"loser {attempt}", USDM="5_100")
        paid.append(get_covered(gap(exchange, loser, winner, "1500")))
        assert 0 < paid[-1] <= left / 5
        left -= paid[-1]
        assert abs(sum(staker.fund.worth for staker in stakers) - left) < D("0.00001")

    assert paid == sorted(paid, reverse=True) and left > D(1_638)  # of 4,000: four fifths, four times
    assert abs(stakers[0].fund.worth - 3 * stakers[1].fund.worth) < D("0.00001")  # whoever staked loses in proportion
    assert (look(bystander), [staker.balances for staker in stakers]) == before  # nobody pays who had not staked
    assert exchange.audit() == []


def test_who_did_not_ask_in_time_or_owes_itself_gets_nothing_of_it() -> None:
    exchange = open_stage(has_ladder=True)
    enter(exchange, "staker", USDM="10_000").stake("4_000")
    uncovered, late = enter(exchange, "uncovered", USDM="100_000"), enter(exchange, "late", USDM="100_000")
    lender, own = enter(exchange, "lender", USDM="100_000"), exchange.account("loser", index=1)
    own.deposit("USDM", "100_000")
    own.cover()
    exchange.step(days=6)
    late.cover()
    exchange.step(days=1, hours=1)
    keep_fresh(exchange)
    assert get_covered(gap(exchange, enter(exchange, "one", USDM="5_100"), uncovered, "1500")) == 0
    assert get_covered(gap(exchange, enter(exchange, "two", USDM="5_100"), late, "1500")) == 0

    # Its own two accounts cannot trade with one another; a market maker between them is the counterparty of both.
    loser = enter(exchange, "loser", USDM="5_100")
    trade(loser, lender, "ETH-PERP", "20", "2000")
    trade(lender, own, "ETH-PERP", "20", "2000")
    assert {perp.counterparty for perp in loser.perps} == {own}  # it has left: the two hold one another's contract
    exchange.step(minutes=2)
    events = list(exchange.mark("ETH", "1500", sources=5, agreeing=5).events)
    events += exchange.step(seconds=5)
    assert loser.perps == own.perps == []
    assert get_covered(events) == 0
    assert exchange.account("staker").fund.worth == 4_000
    assert exchange.audit() == []
