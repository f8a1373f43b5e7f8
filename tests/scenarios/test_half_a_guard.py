"""Two fields of one guard, updated by different rules, stood against each other (Aave, March 2026).

The fields of one guard are proposed together, move together, and stop together.
"""

from __future__ import annotations

from fractions import Fraction

from tests.scenarios.stage import open_stage, refused
from worldmarkets.exchange import Exchange


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
