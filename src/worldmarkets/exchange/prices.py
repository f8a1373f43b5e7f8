"""The prices that matter to an account, worked out beside the exchange.

`read_prices` copies what is needed and takes microseconds; `compute_prices` searches, for tens of milliseconds, and may
run in any thread.  It computes V by the formula of docs/spec/valuation.md as `breakdown` does: V is concave in one
price, so the prices at which it is not below zero lie between one lower and one upper price.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from worldmarkets.core.units import GRID, MAX_MARK
from worldmarkets.exchange.breakdown import Holding, Terms, compute_terms, read_holdings, sum_terms
from worldmarkets.exchange.units import MARK_DECIMALS, from_units, to_severity

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange


@dataclass(frozen=True, slots=True)
class CriticalPrice:
    """The first marks below and above the present one at which V at a rung is below zero; None where none is.

    When it is below zero already both are None, and `cure` is the nearest mark at which it no longer is, if any.
    """

    asset: str
    rung: str
    severity: Decimal
    mark: Decimal
    down: Decimal | None
    up: Decimal | None
    cure: Decimal | None
    is_reached: bool


@dataclass(frozen=True, slots=True)
class PricedGroup:
    """A group's holdings, and for each rung what the account's other groups are worth, in numeraire quanta."""

    holdings: tuple[Holding, ...]
    symbols: tuple[str, ...]
    rungs: tuple[tuple[str, Decimal, int], ...]


def read_prices(exchange: Exchange, number: int) -> list[PricedGroup]:
    """Return what the critical prices of an account are computed from."""
    engine = exchange.engine
    figures = exchange.get_views(number).walk_figures()
    groups = []
    for (figure_row, _), holdings in zip(figures, read_holdings(exchange, number), strict=True):
        rungs = []
        for name, severity in exchange.rungs.items():
            ppm = to_severity(severity)
            rungs.append((name, severity, engine.get_value(number, ppm) - engine.get_figure(figure_row, ppm)))
        symbols = tuple(exchange.listing.asset(holding.position.asset).symbol for holding in holdings)
        groups.append(PricedGroup(tuple(holdings), symbols, tuple(rungs)))
    return groups


def compute_prices(groups: list[PricedGroup]) -> list[CriticalPrice]:
    """Return the critical prices of every asset that an account's value depends on, rung by rung."""
    return [
        _find(group, place, rung, severity, others)
        for group in groups
        for place, holding in enumerate(group.holdings)
        if holding.depends_on_price
        for rung, severity, others in group.rungs
    ]


def _find(group: PricedGroup, place: int, rung: str, severity: Decimal, others: int) -> CriticalPrice:
    ppm = to_severity(severity)
    asset = group.holdings[place].asset
    rest = compute_rest(group, place, ppm)
    a_mark = asset.unit // asset.mark  # a quantum's worth at a mark of one, exactly

    def value(mark: int) -> Fraction:
        """V at a mark, in numeraire quanta."""
        terms = [*rest, compute_terms(group.holdings[place], ppm, mark * a_mark)]
        return others + sum_terms(terms) / GRID

    def is_below(mark: int) -> bool:
        return value(mark) < 0

    down = up = cure = None
    is_reached = is_below(asset.mark)
    if is_reached:
        best = find_highest(value, 1, MAX_MARK)
        if not is_below(best):
            cure = bisect(is_below, asset.mark, best)
    else:
        if is_below(1):
            down = bisect(lambda mark: not is_below(mark), asset.mark, 1)
        if is_below(MAX_MARK):
            up = bisect(lambda mark: not is_below(mark), asset.mark, MAX_MARK)

    def price(mark: int | None) -> Decimal | None:
        return None if mark is None else from_units(mark, MARK_DECIMALS)

    return CriticalPrice(
        group.symbols[place], rung, severity, from_units(asset.mark, MARK_DECIMALS), price(down), price(up),
        price(cure), is_reached,
    )  # fmt: skip


def compute_rest(group: PricedGroup, place: int, severity_ppm: int) -> list[Terms]:
    """Return the terms of all holdings of a group but one, at the marks."""
    return [
        compute_terms(holding, severity_ppm, holding.asset.unit)
        for number, holding in enumerate(group.holdings)
        if number != place
    ]


def bisect(holds: Callable[[int], bool], near: int, far: int) -> int:
    """Return the number nearest to `near`, where something holds, at which it does not: it does not at `far`."""
    while abs(far - near) > 1:
        middle = (near + far) // 2
        if holds(middle):
            near = middle
        else:
            far = middle
    return far


def find_highest(value: Callable[[int], Fraction], low: int, high: int) -> int:
    """Return a number from `low` to `high` at which a concave function is highest."""
    while low < high:
        middle = (low + high) // 2
        if value(middle) < value(middle + 1):
            low = middle + 1
        else:
            high = middle
    return low
