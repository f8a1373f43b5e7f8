"""What each group and each leg of an account costs, at a severity.

The core gives one figure a group.  Here its terms are told apart, in exact integers by the formula of
docs/spec/valuation.md; their sum is compared with the core's figure every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from worldmarkets.core.units import BILLION, FUNDING_ONE, GRID, MILLION
from worldmarkets.exchange.units import from_units
from worldmarkets.exchange.views import compute_accrued, compute_promised

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange

_TOLERANCE = 2  # quanta between the sum of the exact terms and the core's figure, which is floored


@dataclass(frozen=True, slots=True)
class Leg:
    """One asset of an account, in the numeraire.

    `holding` and `perp` are worth at the mark (the holding after its haircut); `unrealised` is of the perp.  `price`
    is what the shock in the group's worse direction adds, `slippage` and `basis` what they take.
    """

    asset: str
    group: str
    holding: Decimal
    perp: Decimal
    unrealised: Decimal
    haircut: Decimal
    price: Decimal
    slippage: Decimal
    basis: Decimal


@dataclass(frozen=True, slots=True)
class Group:
    """One risk group of an account, in the numeraire: `value = nav - haircut + price - slippage - basis`.

    `up` and `down` are the group's two sums of the specification, before basis; `direction` is the worse.
    """

    group: str
    nav: Decimal
    value: Decimal
    up: Decimal
    down: Decimal
    direction: str
    haircut: Decimal
    price: Decimal
    slippage: Decimal
    basis: Decimal
    legs: tuple[Leg, ...]


@dataclass(slots=True)
class Terms:
    """The terms of one leg, in grid steps; `haircut`, `slippage` and `basis` are taken away."""

    asset: int
    holding: Fraction
    perp: Fraction
    unrealised: Fraction
    haircut: Fraction
    shock: Fraction
    slippage: Fraction
    basis: Fraction


def compute_groups(exchange: Exchange, number: int, severity_ppm: int) -> list[Group]:
    """Return an account's groups at a severity, with their legs."""
    found = []
    cash = exchange.listing.numeraire.decimals
    for row, figure in exchange.get_views(number).walk_figures():
        terms = []
        position = figure.first_position
        while position:
            record = exchange.read_row("positions", position)
            terms.append(_compute_terms(exchange, record, severity_ppm))
            position = record.next
        terms.sort(key=lambda term: term.asset)
        value = exchange.engine.get_figure(row, severity_ppm)
        group = _sum_up(exchange, terms, exchange.engine.get_figure(row, 0), value, cash)
        found.append((terms[0].asset, group))
    return [group for _, group in sorted(found, key=lambda pair: pair[0])]


@dataclass(frozen=True, slots=True)
class Holding:
    """What the terms of one leg are made of, copied from the tables: it needs no exchange any more."""

    position: Any
    asset: Any
    market: Any
    lent_haircut_ppm: int
    accrued: int
    promised: int

    @property
    def depends_on_price(self) -> bool:
        """Whether what it is worth moves with the mark of its asset."""
        row = self.position
        held = row.balance or row.owed or row.lent or row.lots or self.accrued or self.promised
        return bool(held and self.asset.mark and not self.asset.is_numeraire)


def read_holding(exchange: Exchange, row: Any) -> Holding:
    """Return what the terms of a position are made of."""
    asset: Any = exchange.read_row("assets", row.asset)
    return Holding(
        row, asset, exchange.read_row("markets", asset.perp_market) if row.lots else None,
        exchange.read_row("venue", 1).lent_haircut_ppm, compute_accrued(exchange, row), compute_promised(exchange, row),
    )  # fmt: skip


def read_holdings(exchange: Exchange, number: int) -> list[list[Holding]]:
    """Return what the terms of all positions of an account are made of, group by group."""
    groups = []
    for _, figure in exchange.get_views(number).walk_figures():
        holdings, row = [], figure.first_position
        while row:
            position = exchange.read_row("positions", row)
            holdings.append(read_holding(exchange, position))
            row = position.next
        groups.append(holdings)
    return groups


def compute_value(groups: list[list[Holding]], severity_ppm: int, units: Mapping[int, int]) -> int:
    """Return V at a severity in numeraire quanta, from what an account has and owes alone; each group is floored.

    `units` are what a quantum of some assets is worth in steps of the grid, in place of what it is.
    """
    return sum(
        sum_terms([compute_terms(one, severity_ppm, units.get(one.position.asset, one.asset.unit)) for one in group])
        // GRID
        for group in groups
    )


def compute_resilience(groups: list[list[Holding]], units: Mapping[int, int]) -> int:
    """Return the largest severity in ppm, up to ten, at which V is not below zero; -1 when it is today."""
    low, high = -1, 10 * MILLION + 1
    while high - low > 1:
        middle = (low + high) // 2
        if compute_value(groups, middle, units) >= 0:
            low = middle
        else:
            high = middle
    return low


def _compute_terms(exchange: Exchange, row: Any, severity_ppm: int) -> Terms:
    holding = read_holding(exchange, row)
    return compute_terms(holding, severity_ppm, holding.asset.unit)


def compute_terms(inputs: Holding, severity_ppm: int, unit: int) -> Terms:
    """Return the terms of one leg at a severity, as if a quantum of its asset were worth `unit` steps of the grid."""
    row, asset, market = inputs.position, inputs.asset, inputs.market
    shock = _scale(severity_ppm, asset.price_shock_ppm, 1)
    slippage = _scale(severity_ppm, asset.slippage_ppm)
    haircut = _scale(severity_ppm, inputs.lent_haircut_ppm)
    balance = row.balance - row.owed - inputs.accrued + inputs.promised
    claims = row.lent
    cap = Fraction(asset.holding_cap * GRID) if asset.holding_cap else None
    whole = _cap(Fraction((balance + claims) * unit), cap)
    holding = _cap((balance + claims * (1 - haircut)) * unit, cap)
    perp = unrealised = Fraction(0)
    exit_cost = _cost(abs(holding), asset.depth)
    if row.lots:
        perp = Fraction(row.lots * market.lot_quanta * unit)
        baseline = (row.funding_high << 64) + row.funding_low
        funding = Fraction((market.funding_index * row.lots - baseline) * GRID, FUNDING_ONE)
        unrealised = perp - row.cost * GRID - funding
        exit_cost += _cost(abs(perp), asset.depth) - abs(perp)
    basis = _scale(severity_ppm, asset.basis_ppm) * abs(holding + perp)
    return Terms(
        row.asset, holding, perp, unrealised, whole - holding, shock * (holding + perp), slippage * exit_cost, basis
    )


def sum_terms(terms: list[Terms]) -> Fraction:
    """Return what a group is worth, in steps of the grid, before it is floored."""
    base = sum((term.holding + term.unrealised - term.slippage for term in terms), Fraction(0))
    shock = sum((term.shock for term in terms), Fraction(0))
    return base - abs(shock) - sum((term.basis for term in terms), Fraction(0))


def _sum_up(exchange: Exchange, terms: list[Terms], nav: int, value: int, cash: int) -> Group:
    base = sum((term.holding + term.unrealised - term.slippage for term in terms), Fraction(0))
    shock = sum((term.shock for term in terms), Fraction(0))
    basis = sum((term.basis for term in terms), Fraction(0))
    exact = (base - abs(shock) - basis) / GRID
    assert abs(exact - value) <= _TOLERANCE, f"the terms sum to {float(exact)}, the core says {value}"
    sign = -1 if shock > 0 else 1

    def amount(steps: Fraction) -> Decimal:
        return from_units(round(steps / GRID), cash)

    name = exchange.listing.asset(terms[0].asset).group
    legs = tuple(
        Leg(
            exchange.listing.asset(term.asset).symbol,
            name,
            amount(term.holding),
            amount(term.perp),
            amount(term.unrealised),
            amount(term.haircut),
            amount(sign * term.shock),
            amount(term.slippage),
            amount(term.basis),
        )  # fmt: skip
        for term in terms
    )
    return Group(
        name, from_units(nav, cash), from_units(value, cash), amount(base + shock), amount(base - shock),
        "down" if sign < 0 else "up", amount(sum((term.haircut for term in terms), Fraction(0))),
        amount(sign * shock), amount(sum((term.slippage for term in terms), Fraction(0))), amount(basis), legs,
    )  # fmt: skip


def _scale(severity_ppm: int, shock_ppm: int, most: int | None = None) -> Fraction:
    """Return a shock at a severity as the core rounds it, in parts per billion upward."""
    scaled = Fraction(-(-severity_ppm * shock_ppm // 1000), BILLION)
    return scaled if most is None else min(scaled, Fraction(most))


def _cap(value: Fraction, cap: Fraction | None) -> Fraction:
    return value if cap is None else min(value, cap)


def _cost(value: Fraction, depth: int) -> Fraction:
    """L(x) of the specification, in grid steps."""
    most = depth * GRID
    return value if not depth or value <= most else value * value / most
