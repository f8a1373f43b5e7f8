"""`world margin FILE`: what the portfolios of a file are worth, now and after a shock."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from worldmarkets.cli.errors import fail, read_bytes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from worldmarkets.exchange import RungPrice
    from worldmarkets.exchange.portfolio import Margin, Portfolio

_PLACES = Decimal("0.000001")
_CURVE_POINTS = 121
_PAPER_WIDTH = 100


def margin(
    file: Annotated[Path, typer.Argument(help='A portfolio, or a list of them, in JSON ("-": standard input).')],
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON, in the order of the file.")] = False,
) -> None:
    """Value the portfolios of a file: net asset value, available margin, resilience, and what each leg costs."""
    from worldmarkets.exchange.errors import PortfolioError
    from worldmarkets.exchange.portfolio import read_portfolios

    try:
        portfolios, is_list = read_portfolios(read_bytes(file))
    except PortfolioError as error:
        fail(f"{file}: {error}")
    if as_json:
        found = [make_answer(portfolio.value()) for portfolio in portfolios]
        typer.echo(msgspec.json.format(msgspec.json.encode(found if is_list else found[0]), indent=1).decode())
        return
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PAPER_WIDTH
    for portfolio in portfolios:
        show(console, portfolio)


def make_answer(value: Margin) -> dict[str, str | None]:
    """Return the figures of a portfolio as decimal strings with six places."""
    return {
        "name": value.name,
        "nav": _six(value.nav),
        "available_margin": _six(value.available_margin),
        "v_unwind": _six(value.v_unwind),
        "resilience": None if value.resilience is None else _six(value.resilience),
    }


def _six(value: Decimal) -> str:
    return f"{value.quantize(_PLACES, ROUND_FLOOR):f}"


def show(console: Console, portfolio: Portfolio) -> None:
    """Print what a person wants to see of a portfolio."""
    from rich.markup import escape

    account, unit = portfolio.account, escape(portfolio.file.numeraire)
    value = portfolio.value()
    resilience = "below zero already" if value.resilience is None else f"{value.resilience:.4f}"
    console.print(f"\n[bold]{escape(value.name)}[/]  {account.state}, in {unit}")
    console.print(f"  net asset value           {_money(value.nav):>20}")
    console.print(f"  available margin, V(1)    {_money(value.available_margin):>20}")
    unwind = f"V at the unwind rung, {portfolio.unwind.normalize():f}"
    console.print(f"  {unwind:<26}{_money(value.v_unwind):>20}")
    console.print(f"  resilience                {resilience:>20}")
    console.print()
    console.print(_make_groups(portfolio))
    console.print(_make_legs(portfolio))
    console.print(_make_prices(portfolio))
    _draw_curve(console, portfolio)


def _make_table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < 1 else "right", no_wrap=True)
    return table


def _make_groups(portfolio: Portfolio) -> Table:
    from rich.markup import escape

    unit = escape(portfolio.file.numeraire)
    table = _make_table(
        "By group, at severity 1", "group", "worth now", "haircut", "price", "slippage", "basis", "V(1)", "worse"
    )
    for group in portfolio.account.groups(1):
        table.add_row(
            escape(group.group) or f"({unit})", _money(group.nav), _money(-group.haircut), _money(group.price),
            _money(-group.slippage), _money(-group.basis), _money(group.value), group.direction if group.price else "",
        )  # fmt: skip
    return table


def _make_legs(portfolio: Portfolio) -> Table:
    from rich.markup import escape

    table = _make_table(
        "By leg, at severity 1", "asset", "holding", "perp", "profit", "haircut", "price", "slippage", "basis"
    )
    for leg in portfolio.account.legs(1):
        table.add_row(
            escape(leg.asset), _money(leg.holding), _money(leg.perp), _money(leg.unrealised), _money(-leg.haircut),
            _money(leg.price), _money(-leg.slippage), _money(-leg.basis),
        )  # fmt: skip
    return table


def _make_prices(portfolio: Portfolio) -> Table:
    from rich.markup import escape

    rungs = portfolio.exchange.rungs
    titles = [f"{name} {severity.normalize():f}" for name, severity in rungs.items()]
    table = _make_table("Price at which each rung is reached, the rest unchanged", "asset", "mark", *titles)
    prices = portfolio.account.rung_prices()
    for asset in dict.fromkeys(price.asset for price in prices):
        found = [price for price in prices if price.asset == asset]
        table.add_row(escape(asset), _price(found[0].mark), *(_say_price(price) for price in found))
    return table


def _say_price(price: RungPrice) -> str:
    if price.is_reached:
        return "reached"
    ways = [f"{sign} {_price(way)}" for sign, way in (("<", price.down), (">", price.up)) if way is not None]
    return ", ".join(ways) or "never"


def _price(price: Decimal) -> str:
    return f"{price:.2f}" if price >= 100 else f"{price:.4f}"


def _draw_curve(console: Console, portfolio: Portfolio) -> None:
    from worldmarkets.cli.plot import draw

    resilience = portfolio.account.resilience
    last = Decimal(2) if resilience is None or resilience <= 1 else min(Decimal(10), 2 * resilience)
    curve = portfolio.account.curve(_CURVE_POINTS, last)
    values = [float(point.value) for point in curve]
    labels = {0: f"{max(*values, 0):,.0f}", 11: f"{min(*values, 0):,.0f}"}
    width = max(20, min(console.width - 20, 72))
    console.print("V by severity; the dotted line is zero")
    for number, line in enumerate(draw(values, width, 12)):
        console.print(f"{labels.get(number, ''):>16} {line}")
    end = f"{last:.1f}"
    console.print(f"{'':>16} 0{end:>{width - 1}}\n")


def _money(value: Decimal) -> str:
    """Return an amount to the cent, or whole when it is long; floored, without a sign on zero."""
    step = Decimal("0.01") if abs(value) < 100_000 else Decimal(1)
    rounded = value.quantize(step, ROUND_FLOOR)
    return f"{rounded if rounded else abs(rounded):,}"
