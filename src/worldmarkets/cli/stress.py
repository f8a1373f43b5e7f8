"""`world stress`: a real crash on a venue full of portfolios, under three ways to deal with who cannot pay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from worldmarkets.cli.errors import fail
from worldmarkets.recorded import RecordedError
from worldmarkets.recorded.crashes import CRASHES, Crash
from worldmarkets.sim.stress.bars import read_bars
from worldmarkets.sim.stress.policies import get_policies
from worldmarkets.sim.stress.run import Outcome, Run, Setting

_ROWS = (
    ("kept_share", "notional kept, of what was held when latched", "{:.1%}"),
    ("bad_debt", "claims unpaid, USDM", "{:,.2f}"),
    ("loss_beyond_price", "lost to slippage, fees and discounts, of that notional", "{:.2%}"),
    ("contagion_accounts", "accounts less than free through another's default", "{:,}"),
    ("hedges_broken", "accounts whose net delta was raised for them", "{:,}"),
)


def stress(
    crash: Annotated[str, typer.Argument(help=f"One of {', '.join(CRASHES)}.")],
    accounts: Annotated[int, typer.Option(min=10, max=10_000, help="How many portfolios.")] = 3_000,
    seed: Annotated[int, typer.Option(help="Draws the portfolios and the paths between bars.")] = 1,
    depth: Annotated[float, typer.Option(min=0.01, max=100, help="Scales how deep the books are.")] = 1.0,
    leverage: Annotated[float, typer.Option(min=0.1, max=1.5, help="Scales what portfolios hold.")] = 1.0,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Full recordings, not the packaged bars.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Replay a crash with several thousand portfolios under the ladder, full liquidation and auto-deleveraging."""
    if crash not in CRASHES:
        fail(f"there is no {crash}; there is {', '.join(CRASHES)}")
    setting = Setting(accounts=accounts, seed=seed, depth=depth, leverage=leverage)
    try:
        outcomes = _play(CRASHES[crash], data, setting, not as_json)
    except (RecordedError, OSError) as error:
        fail(str(error))
    if as_json:
        print(json.dumps({"policies": {outcome.policy: outcome.get_measures() for outcome in outcomes}}))
    else:
        _show(CRASHES[crash], setting, outcomes)
    if any(outcome.violations for outcome in outcomes):
        fail("an invariant was broken: " + next(line for o in outcomes for line in o.violations))


def _play(crash: Crash, data: Path | None, setting: Setting, is_shown: bool) -> list[Outcome]:
    bars = read_bars(crash, data)
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description:<8}"), BarColumn(), TimeRemainingColumn(), console=console, transient=True,
        disable=not (is_shown and console.is_terminal),
    ) as progress:  # fmt: skip
        outcomes = []
        for policy in get_policies():
            task = progress.add_task(policy.name)
            outcomes.append(
                Run(crash, bars, policy, setting).play(
                    lambda done, total, task=task: progress.update(task, completed=done, total=total)  # type: ignore[misc]
                )
            )
        return outcomes


def _show(crash: Crash, setting: Setting, outcomes: list[Outcome]) -> None:
    title = f"{crash.name}: {setting.accounts:,} portfolios, seed {setting.seed}"
    table = Table(title=title, title_justify="left", caption="Prices between bars, portfolios and depth are modelled.")
    table.add_column("")
    for outcome in outcomes:
        table.add_column(outcome.policy, justify="right")
    table.add_row("accounts latched", *(f"{outcome.latched:,}" for outcome in outcomes))
    table.add_row("notional when latched, USDM", *(f"{outcome.notional:,.0f}" for outcome in outcomes))
    for name, words, form in _ROWS:
        table.add_row(words, *(form.format(getattr(outcome, name)) for outcome in outcomes))
    table.add_row("accounts closed out", *(f"{outcome.closed_out:,}" for outcome in outcomes))
    table.add_row("accounts deleveraged against their will", *(f"{outcome.deleveraged:,}" for outcome in outcomes))
    console = Console()
    console.print(table)
    if crash.note:
        console.print(crash.note)
