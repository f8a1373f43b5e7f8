"""GMX v1, July 2025: in the middle of a call the average price of all short positions and the positions themselves did
not agree, and whoever came back in just then was paid from the difference, 42 million.  Here nobody can see a command
half done or come in between, and after each one every sum equals what it is a sum of.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, open_stage, refused, trade
from worldmarkets import Exchange
from worldmarkets.exchange import Account


def check_sums(exchange: Exchange, accounts: list[Account]) -> None:
    """Hold the venue's aggregates against the contracts of all accounts, one by one."""
    assert exchange.audit() == []
    for symbol in ("ETH-PERP", "MEGA-PERP"):
        sizes = [perp.size for account in accounts for perp in account.perps if perp.market == symbol]
        assert sum(sizes) == 0
        assert sum(size for size in sizes if size > 0) == exchange.market(symbol).open_interest
    profits = [perp.unrealised for account in accounts for perp in account.perps]
    assert abs(sum(profits)) <= D("0.000001") * len(profits)
    lent = [position.lent for account in accounts for position in account.positions]
    borrowed = [position.borrowed for account in accounts for position in account.positions]
    assert sum(lent) == sum(borrowed)
    for account in accounts:
        for position in account.positions:
            perps = [perp.size for perp in account.perps if perp.market == f"{position.asset}-PERP"]
            assert position.perp == sum(perps)


@pytest.mark.both
def test_every_sum_is_right_after_every_command() -> None:
    exchange = open_stage()
    accounts = [enter(exchange, f"trader {number}", USDM="50_000", ETH="5") for number in range(6)]
    a, b, c, d, e, f = accounts
    steps = [
        lambda: a.sell("ETH-PERP", "3", "2000"),
        lambda: b.buy("ETH-PERP", "1", "2000"),
        lambda: c.buy("ETH-PERP", "2", "2000"),
        lambda: exchange.mark("ETH", "2050"),
        lambda: d.sell("ETH-PERP", "2", "2040"),
        lambda: a.buy("ETH-PERP", "2", "2040"),  # a reduces: its counterparties get d
        lambda: b.sell("ETH-PERP", "1", "2045"),
        lambda: a.buy("ETH-PERP", "1", "2045"),  # both reduce
        lambda: e.lend("USDM", "3_000", rate="5%"),
        lambda: f.borrow("USDM", "2_000", rate="5%"),
        lambda: f.repay(f.loans[0].id, "500"),
        lambda: c.true_up(c.perps[0].id),
        lambda: exchange.step(hours=9),
        lambda: exchange.mark("ETH", "2101.98765432"),
        lambda: c.sell("ETH-PERP", "5", "2100"),  # from long to short in one fill
        lambda: d.buy("ETH-PERP", "4", "2100"),
        lambda: f.extend(f.loans[0].id, cap="9%"),
        lambda: e.cancel_all(),
    ]
    for step in steps:
        step()
        check_sums(exchange, accounts)
    assert exchange.market("ETH-PERP").open_interest > 0


@pytest.mark.both
def test_what_is_taken_back_leaves_no_sum_behind() -> None:
    """A bundle that fails at its last leg, after trades with three others, in every market."""
    exchange = open_stage()
    accounts = [enter(exchange, f"trader {number}", USDM="50_000", ETH="5") for number in range(4)]
    a, b, c, d = accounts
    a.sell("ETH-PERP", "1", "2000")
    b.buy("ETH-PERP", "1", "2000")
    c.sell("ETH-PERP", "1", "2001")
    d.lend("USDM", "1_000", rate="5%")
    digests = []
    for _ in range(2):
        held = [(account.balances, account.positions, account.orders, account.perps) for account in accounts]
        with refused("BALANCE"), a.bundle() as bundle:
            bundle.buy("ETH-PERP", "1", "2001")
            bundle.borrow("USDM", "1_000", rate="5%")
            bundle.withdraw("ETH", "6")
        assert held == [(account.balances, account.positions, account.orders, account.perps) for account in accounts]
        check_sums(exchange, accounts)
        digests.append(exchange.market("ETH-PERP").depth())
    assert digests[0] == digests[1]


@pytest.mark.both
def test_no_sum_is_wrong_between_two_steps_of_a_default() -> None:
    """Through an unwind, an auction and a close-out, after every command that time gives."""
    exchange = open_stage(has_ladder=True)
    accounts = [enter(exchange, f"trader {number}", USDM="50_000", ETH="5") for number in range(4)]
    weak = [enter(exchange, f"weak {number}", USDM="3_000") for number in range(3)]
    bidder = enter(exchange, "bidder", USDM="50_000")
    bidder.bid_backstop("10_000", "0.02")
    everybody = [*accounts, *weak, bidder]
    for place, one in enumerate(weak):
        trade(one, accounts[place], "ETH-PERP", "4", "2000")
        trade(one, accounts[place + 1], "ETH-PERP", "4", "2000")
        accounts[3].lend("USDM", "1_000", rate="5%")
        one.borrow("USDM", "1_000", rate="5%")
    accounts[0].buy("ETH-PERP", "3", "1700")
    reached = set()
    for price in ("1760", "1690", "1675", "1450"):
        exchange.step(minutes=2)
        exchange.mark("ETH", price, sources=5, agreeing=5)
        check_sums(exchange, everybody)
        for place, _ in enumerate(exchange.pass_time(exchange.time_us + 100 * 10**6)):
            reached |= {one.ladder.rung for one in weak if one.ladder is not None}
            if place % 7 == 0 or any(one.closing for one in weak):
                check_sums(exchange, everybody)
    assert reached >= {"unwind", "auction"}
    assert all(one.perps == [] for one in weak)
