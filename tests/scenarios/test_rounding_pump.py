"""zkLend, February 2025, and Balancer, November 2025: divisions that rounded in the user's favour were repeated, with
tiny amounts, until they were worth millions.  Here a trade never rounds, everything else is rounded once and against
whoever acts, so two who trade with one another alone never own more than they brought.
"""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from tests.scenarios.stage import D, enter, open_stage
from worldmarkets import Exchange
from worldmarkets.core import COMPILED
from worldmarkets.exchange import Account

ROUNDS = 3_000 if COMPILED else 250
UNEVEN = {"ETH": "2000.12345677", "MEGA": "0.40000013", "USDC": "0.99999999"}


def get_wealth(exchange: Exchange, *accounts: Account) -> Decimal:
    """What accounts are worth in all, from their balances and what they owe one another."""
    return sum((account.nav for account in accounts), D(0))


@pytest.mark.both
@pytest.mark.parametrize("seed", [1, 2])
def test_no_sequence_of_tiny_steps_pays(seed: int) -> None:
    exchange = open_stage(UNEVEN)
    funds = {"USDM": "3_000", "ETH": "2", "MEGA": "100", "USDC": "100"}
    one, another = enter(exchange, "one", **funds), enter(exchange, "another", **funds)
    brought = get_wealth(exchange, one, another)
    rng = random.Random(seed)
    done = 0
    for _ in range(ROUNDS):
        actor, other = rng.sample((one, another), 2)
        act, opposite = actor.submit, other.submit
        draw = rng.randrange(8)
        size = f"0.00{rng.randrange(10, 99)}"
        price = f"{rng.choice((1999, 2000, 2001))}.{rng.randrange(100):02d}"
        if draw < 2:
            act.sell("ETH-PERP", size, price)
            done += bool(opposite.buy("ETH-PERP", size, price, ioc=True).filled)
        elif draw == 2:
            act.sell("MEGA-PERP", "1.1", "0.40001")
            done += bool(opposite.buy("MEGA-PERP", "1.1", "0.40001", ioc=True).filled)
        elif draw == 3:
            act.sell("USDC/USDM", "1.3", "1.00001")
            done += bool(opposite.buy("USDC/USDM", "1.3", "1.00001", ioc=True).filled)
        elif draw == 4:
            act.lend("ETH", "0.005", rate=1, relend=False)
            done += bool(opposite.borrow("ETH", "0.005", rate=1, ioc=True).filled)
        elif draw == 5 and actor.loans:
            done += bool(act.repay(actor.loans[0].id))
        elif draw == 6 and actor.perps:
            done += bool(act.true_up(rng.choice(actor.perps).id))
        else:
            done += bool(act.transfer(other, "ETH", "0.00000001"))
        act.cancel_all()
        assert get_wealth(exchange, one, another) <= brought, f"seed {seed}"
    assert done > ROUNDS // 4
    assert exchange.audit() == []
    assert get_wealth(exchange, one, another) < brought  # fees


@pytest.mark.both
def test_a_true_up_of_a_part_of_a_quantum_pays_nobody_twice() -> None:
    """The same contract trued up again and again at the same mark: nothing is left to pay after the first."""
    exchange = open_stage(UNEVEN)
    long, short = enter(exchange, "long", USDM="1_000"), enter(exchange, "short", USDM="1_000")
    short.sell("MEGA-PERP", "1.1", "0.40001")
    long.buy("MEGA-PERP", "1.1", "0.40001")
    long.true_up(long.perps[0].id)
    first = long.balances, short.balances
    for _ in range(20):
        long.true_up(long.perps[0].id)
        short.true_up(short.perps[0].id)
    assert (long.balances, short.balances) == first


@pytest.mark.both
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_who_is_only_acted_upon_loses_nothing(side: str) -> None:
    """Somebody trues up with a stranger at every mark and after every funding, hoping for the part of a quantum."""
    exchange = open_stage(UNEVEN)
    eager, stranger = enter(exchange, "eager", USDM="1_000"), enter(exchange, "stranger", USDM="1_000")
    one, another = enter(exchange, "one", USDM="20_000"), enter(exchange, "another", USDM="1_000")
    stranger.order("ETH-PERP", "sell" if side == "buy" else "buy", "0.0347", "2000")
    eager.order("ETH-PERP", side, "0.0347", "2000")
    funding = 0
    for step in range(24):
        one.cancel_all()
        one.buy("ETH-PERP", "6", f"20{20 + step % 5}")  # quotes above the mark, and a trade: funding
        one.sell("ETH-PERP", "6", f"20{30 + step % 5}")
        exchange.step(hours=1)
        exchange.mark("ETH", f"2000.{12345677 + 1_234_567 * step}")
        another.buy("ETH-PERP", "0.01", f"20{30 + step % 5}")
        exchange.step(hours=7)
        exchange.mark("ETH", f"2000.{12345677 + 1_234_567 * step}")
        funding += exchange.market("ETH-PERP").funding_rate != 0
        worth = stranger.nav
        eager.true_up(eager.perps[0].id)
        assert stranger.nav >= worth
        paid = eager.balances, stranger.balances
        eager.true_up(eager.perps[0].id)
        assert (eager.balances, stranger.balances) == paid
    assert funding > 10


@pytest.mark.both
def test_the_smallest_loan_costs_its_borrower_at_least_a_quantum() -> None:
    exchange = open_stage(UNEVEN)
    lender, borrower = enter(exchange, "lender", USDM="1_000"), enter(exchange, "borrower", USDM="1_000")
    for _ in range(5):
        lender.lend("USDM", "10", rate=1, relend=False)
        loan = borrower.borrow("USDM", "10", rate=1).contracts[0]
        before = borrower.balances["USDM"]
        borrower.repay(loan)
        assert before - borrower.balances["USDM"] == D("10.000001")  # 10 * 0.01 % * 8 hours of a year, rounded up
    for _ in range(5):  # nor is it cheaper in parts
        lender.lend("USDM", "100", rate=1, relend=False)
        loan = borrower.borrow("USDM", "100", rate=1).contracts[0]
        before = borrower.balances["USDM"]
        for _ in range(9):
            borrower.repay(loan, "10")
        borrower.repay(loan)
        assert before - borrower.balances["USDM"] == D("100.000010")
