"""Two fields of one guard, updated by different rules, stood against each other (Aave, March 2026).

The fields of one guard are proposed together, move together, and stop together.
"""

from __future__ import annotations

from fractions import Fraction

from tests.scenarios.stage import enter, look, open_stage, refused, trade
from worldmarkets.exchange import Account, Exchange


def read(exchange: Exchange) -> tuple[int, int, int, int, int]:
    row = exchange.read_row("assets", exchange.listing.asset("stETH").number)
    return row.price_shock_ppm, row.slippage_ppm, row.basis_ppm, row.depth, row.holding_cap


def test_the_fields_of_a_guard_move_as_one() -> None:
    exchange = open_stage()
    start = read(exchange)
    exchange.propose("stETH", price_shock_ppm=240_000, slippage_ppm=9_600, basis_ppm=30_000)
    with refused("CHANGE_PENDING"):
        exchange.propose("stETH", basis_ppm=1)
    with refused("CHANGE_PENDING"):
        exchange.propose("stETH", depth="1000000")
    steps = exchange.changes[0].steps
    for step in range(1, steps + 1):
        exchange.step(hours=1)
        price, slippage, basis, depth, cap = read(exchange)
        way = Fraction(step, steps)
        assert abs(price - (start[0] + 120_000 * way)) < 1
        assert abs(slippage - (start[1] + 1_600 * way)) < 1
        assert abs(basis - (start[2] + 15_000 * way)) < 1
        assert cap <= depth * (10**6 - price - basis) // (2 * slippage)
    assert read(exchange)[:3] == (240_000, 9_600, 30_000)
    assert exchange.changes == []


def test_they_stop_as_one() -> None:
    exchange = open_stage()
    change = exchange.propose("stETH", price_shock_ppm=240_000, basis_ppm=30_000).change
    exchange.step(hours=24)
    exchange.cancel_change(change)
    assert (read(exchange)[0], read(exchange)[2]) == (180_000, 22_500)
    exchange.step(hours=48)
    assert (read(exchange)[0], read(exchange)[2]) == (180_000, 22_500)


def open_latched() -> tuple[Exchange, Account, Account]:
    """A venue, an account that was just latched, and a buyer for all of what it has."""
    exchange = open_stage(has_ladder=True)
    maker, trader = enter(exchange, "maker", USDM="500_000"), enter(exchange, "trader", USDM="1_000")
    trade(trader, maker, "ETH-PERP", "3", "2000")
    buyer = enter(exchange, "buyer", USDM="500_000")
    exchange.step(minutes=2)
    exchange.mark("ETH", "1760")
    assert trader.ladder is not None
    return exchange, trader, buyer


def test_sources_that_part_latch_nobody() -> None:
    """One of three sources falls by half: the others are the median; of seven, three agree and are not half."""
    exchange = open_stage(has_ladder=True)
    maker, trader = enter(exchange, "maker", USDM="500_000"), enter(exchange, "trader", USDM="1_000")
    trade(trader, maker, "ETH-PERP", "3", "2000")
    exchange.step(minutes=2)
    before = look(trader), trader.standing
    for sources, agreeing in ((3, 1), (3, 2), (7, 3)):
        with refused("MARK_STEP"):
            exchange.mark("ETH", "1000", sources=sources, agreeing=agreeing)
    exchange.step(seconds=60)
    assert (look(trader), trader.standing) == before
    assert trader.ladder is None


def test_a_guardian_stops_the_hands_and_the_clocks_while_a_price_is_in_doubt() -> None:
    exchange, trader, buyer = open_latched()
    exchange.halt("ETH", role="guardian")
    exchange.step(seconds=1)  # its next turn sees it
    left = trader.ladder.unwind_left
    before = look(trader)
    exchange.step(minutes=30)  # longer than both clocks
    assert trader.ladder is not None and trader.ladder.is_paused and trader.ladder.unwind_left == left
    assert look(trader) == before
    exchange.halt("ETH", False)
    exchange.mark("ETH", "1990", sources=5, agreeing=5)  # the doubt was right
    exchange.step(seconds=2)
    assert trader.ladder is None and look(trader) == before
    buyer.deposit("USDM", "1")
    assert exchange.audit() == []
