"""`world stress`: a real crash on a venue full of portfolios, under three ways to deal with who cannot pay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from worldmarkets.cli.errors import fail

if TYPE_CHECKING:
    from worldmarkets.recorded.crashes import Crash
    from worldmarkets.sim.stress.outcome import Outcome, Setting
    from worldmarkets.sim.stress.report import StressReport
    from worldmarkets.sim.stress.study import Study

_ROWS = (
    ("kept_share", "notional kept, of what was held when latched", "{:.1%}"),
    ("bad_debt", "claims unpaid, USDM", "{:,.2f}"),
    ("loss_beyond_price", "lost to slippage, fees and discounts, of that notional", "{:.2%}"),
    ("contagion_accounts", "accounts less than free through another's default", "{:,}"),
    ("hedges_broken", "accounts whose net delta was raised for them", "{:,}"),
)


def stress(
    crash: Annotated[str, typer.Argument(help="One of crash-2025-10-10, crash-2024-08-05, crash-2020-03-12.")],
    accounts: Annotated[int, typer.Option(min=10, max=10_000, help="How many portfolios.")] = 3_000,
    seed: Annotated[int, typer.Option(help="Draws the portfolios and the paths between bars.")] = 1,
    depth: Annotated[float, typer.Option(min=0.01, max=100, help="Scales how deep the books are.")] = 1.0,
    leverage: Annotated[float, typer.Option(min=0.1, max=1.5, help="Scales what portfolios hold.")] = 1.0,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Full recordings, not the packaged bars.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the page goes.  [default: out]")] = None,
    sensitivity: Annotated[
        bool, typer.Option(help="Play smaller runs too, for the page's table of depths, leverages and seeds.")
    ] = True,
    jobs: Annotated[int, typer.Option(min=0, help="How many processes; 0: one a core.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; a page only with --out.")] = False,
) -> None:
    """Replay a crash with several thousand portfolios under the ladder, full liquidation and auto-deleveraging."""
    from worldmarkets.recorded import RecordedError
    from worldmarkets.recorded.crashes import CRASHES
    from worldmarkets.sim.stress.outcome import Setting
    from worldmarkets.sim.stress.report import build_report

    if crash not in CRASHES:
        fail(f"there is no {crash}; there is {', '.join(CRASHES)}")
    setting = Setting(accounts=accounts, seed=seed, depth=depth, leverage=leverage)
    target = out if as_json else out or Path("out")
    try:
        if target is not None:
            target.mkdir(parents=True, exist_ok=True)  # known to be there before minutes are spent
        study = _play(crash, setting, data, sensitivity and target is not None, jobs, not as_json)
        page = None if target is None else _write(build_report(study), target)
    except (RecordedError, OSError) as error:
        fail(str(error))
    outcomes = list(study.outcomes.values())
    if as_json:
        print(json.dumps({"policies": {outcome.policy: outcome.get_measures() for outcome in outcomes}}))
    else:
        _show(CRASHES[crash], study, outcomes, page)
    broken = [line for outcome in outcomes for line in outcome.violations]
    if broken:
        fail(f"an invariant was broken: {broken[0]}")


def _play(crash: str, setting: Setting, data: Path | None, has_cells: bool, jobs: int, is_shown: bool) -> Study:
    from worldmarkets.sim.stress.study import play

    console = Console(stderr=True)
    with Progress(
        TextColumn("runs"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True,
        disable=not (is_shown and console.is_terminal),
    ) as progress:  # fmt: skip
        task = progress.add_task("runs", total=None)
        return play(crash, setting, data, has_cells,
                    lambda done, total: progress.update(task, completed=done, total=total), jobs)  # fmt: skip


def _write(report: StressReport, folder: Path) -> Path:
    from worldmarkets.sim.page import fill_page

    path = folder / f"{report.crash}.html"
    path.write_text(fill_page("stress", report), encoding="utf-8")
    return path


def _show(crash: Crash, study: Study, outcomes: list[Outcome], page: Path | None) -> None:
    setting = study.setting
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
    refused = sum(outcome.refused for outcome in outcomes)
    if refused:
        console.print(f"{refused} portfolios were not taken by the venue, and are cash")
    console.print(f"{study.seconds:.0f} s in {study.jobs} processes")
    if page is not None:
        console.print(f"page: {page}", highlight=False, soft_wrap=True)
