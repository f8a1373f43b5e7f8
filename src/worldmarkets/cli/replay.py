"""`world replay`: a recorded market, replayed inside the engine."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from worldmarkets.cli.errors import fail

if TYPE_CHECKING:
    from worldmarkets.recorded import Instrument
    from worldmarkets.sim.report import PortfolioResult, Report
    from worldmarkets.sim.timeline import Recording

app = typer.Typer(no_args_is_help=True, help="Replay a recorded market inside the engine.")


@app.callback()
def main() -> None:
    """Replay a recorded market inside the engine."""


@app.command()
def l2(
    perp: Annotated[Path | None, typer.Option(metavar="FILE", help="Recording of the ETH perpetual.")] = None,
    spot: Annotated[Path | None, typer.Option(metavar="FILE", help="Recording of ETH spot, same minutes.")] = None,
    seconds: Annotated[float | None, typer.Option(min=2, help="Only the first seconds of it.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Where the page goes.  [default: out]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object; a page only with --out.")] = False,
) -> None:
    """Replay raw order book streams of the ETH perpetual and of ETH spot, with portfolios trading on top.

    Without files, the four minutes that come with the package.
    """
    from worldmarkets.recorded import RecordedError, sample
    from worldmarkets.sim.replay import ReplayError
    from worldmarkets.sim.report import to_json

    begin = perf_counter()
    if (perp is None) != (spot is None):
        fail("give both --perp and --spot, or neither")
    target = out if as_json else out or Path("out")
    try:
        if target is not None:
            target.mkdir(parents=True, exist_ok=True)  # known to be there before minutes are spent
        report = _replay(perp or sample("perp_ethusdt"), spot or sample("spot_ethusdt"), seconds, not as_json)
        page = _write(report, target) if target is not None else None
    except (RecordedError, ReplayError, OSError) as error:
        fail(str(error))
    if as_json:
        print(to_json(report.summary))
    else:
        show(report, page, perf_counter() - begin)
    summary = report.summary
    if (summary.bbo_equal, summary.bbo_late_equal) != (summary.bbo_compared, summary.bbo_late_compared):
        raise typer.Exit(1)


def _replay(perp: Path, spot: Path, seconds: float | None, is_shown: bool) -> Report:
    from worldmarkets.recorded import ETH_PERP, ETH_SPOT
    from worldmarkets.sim.replay import Replay
    from worldmarkets.sim.report import build_report

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.fields[count]:>16}"),
        TimeRemainingColumn(), console=console, transient=True, disable=not (is_shown and console.is_terminal),
    ) as progress:  # fmt: skip
        recordings = [_load(progress, path, kind, seconds) for path, kind in ((perp, ETH_PERP), (spot, ETH_SPOT))]
        replay = Replay(recordings[0], recordings[1], seconds)
        length = replay.end_us - replay.start_us
        task = progress.add_task("replaying", total=length, count="")

        def watch(passed_us: int) -> None:
            progress.update(task, completed=passed_us, count=f"{passed_us / 1e6:.0f} of {length / 1e6:.0f} s")

        replay.run(watch)
        return build_report(replay)


def _load(progress: Progress, path: Path, instrument: Instrument, seconds: float | None) -> Recording:
    from worldmarkets.sim.timeline import load

    task: TaskID = progress.add_task(f"reading {path.name[:16]}", total=None, count="")
    recording = load(path, instrument, seconds, lambda lines: progress.update(task, count=f"{lines:,} lines"))
    progress.remove_task(task)
    return recording


def _write(report: Report, folder: Path) -> Path:
    from worldmarkets.sim.page import render_page

    path = folder / "replay.html"
    path.write_text(render_page(report), encoding="utf-8")
    return path


def show(report: Report, page: Path | None, wall_s: float) -> None:
    """Print a report to the terminal."""
    console = Console(file=sys.stdout)
    summary = report.summary
    console.print(f"\n[bold]ETH perpetual and spot, replayed[/]  {report.begin} to {report.end}, "
                  f"{summary.recorded_s:.1f} s recorded, {report.accounts} accounts\n", highlight=False)  # fmt: skip
    for table in (_tabulate_books(report), _tabulate_portfolios(report), _tabulate_exposures(report),
                  _tabulate_fees(report), _tabulate_counterparties(report)):  # fmt: skip
        console.print(table)
        console.print()
    for line in _get_notes(report, wall_s):
        console.print(line, highlight=False, soft_wrap=True)
    if page is not None:
        console.print(f"page         {page}", highlight=False, soft_wrap=True)


def _tabulate_books(report: Report) -> Table:
    title = "Best bid and offer against the recording"
    columns = ("market", "updates", "compared", "equal", "late", "equal", "fixed", "trades", "fills", "filled")
    table = _make_table(title, *columns)
    for book in report.books:
        is_good = book.equal == book.compared and book.late_equal == book.late_compared
        style = "green" if is_good else "bold red"
        share = 100 * (1 - book.unfilled_eth / (book.recorded_eth or 1))
        table.add_row(
            book.market, f"{book.updates:,}", f"{book.compared:,}", f"[{style}]{book.equal:,}[/]",
            f"{book.late_compared:,}", f"[{style}]{book.late_equal:,}[/]", f"{book.corrections:,}",
            f"{book.recorded_trades:,}", f"{book.fills:,}", f"{share:.1f} %",
        )  # fmt: skip
    return table


def _tabulate_portfolios(report: Report) -> Table:
    values = [f"V({rung:g})" for rung in report.rungs]
    table = _make_table(
        "Portfolios at the end, USDM", "portfolio", *values, "rho", "least", "free", "fills", "contracts"
    )
    for one in report.portfolios:
        table.add_row(
            one.name, *(f"{curve[-1]:,.0f}" for curve in one.values), f"{one.resilience[-1]:.2f}",
            f"{min(one.resilience):.2f}", f"{_get_free_share(one):.0f} %", f"{one.fills:,}",
            f"{one.contracts_before} to {one.contracts_after}" if one.contracts_before else "none",
        )  # fmt: skip
    return table


def _get_free_share(portfolio: PortfolioResult) -> float:
    spans = portfolio.states
    length = spans[-1].end - spans[0].start
    return 100 * sum(span.end - span.start for span in spans if span.state == "free") / (length or 1)


def _tabulate_exposures(report: Report) -> Table:
    columns = ("portfolio", "largest to", "USDM", "lent", "profit", "shock", "limit", "to how many")
    table = _make_table("Exposure to counterparties at the end", *columns, text=2)
    for one in report.portfolios:
        limit = "none" if one.exposure_limit is None else f"{one.exposure_limit:,.0f}"
        if one.exposures and one.exposures[0].total:
            most = one.exposures[0]
            parts = (most.total, most.lent, most.profit, most.shock)
            table.add_row(one.name, most.other, *(f"{part:,.0f}" for part in parts), limit, str(one.exposed_to))
        else:
            table.add_row(one.name, "nobody", "", "", "", "", limit, "")
    return table


def _tabulate_fees(report: Report) -> Table:
    columns = ("portfolio", "as maker", "as taker", "cut today", "cut tomorrow", "to the next tier")
    table = _make_table("Fees, USDM", *columns)
    for one in report.portfolios:
        fees = one.fee_standing
        table.add_row(
            one.name, f"{fees.maker:,.0f}", f"{fees.taker:,.0f}", f"{fees.cut:.2f} %", f"{fees.cut_tomorrow:.2f} %",
            "none" if fees.next_tier is None else f"{fees.next_tier:,.0f}",
        )  # fmt: skip
    return table


def _tabulate_counterparties(report: Report) -> Table:
    table = _make_table("Counterparties at the end", "portfolio", "with", "what", "size", text=3)
    for one in report.portfolios:
        rows = [(party.other, party.what, party.size) for party in one.counterparties]
        if one.others:
            rows.append((f"{one.others} more", "perpetuals", ""))
        for number, row in enumerate(rows or [("nobody", "", "")]):
            table.add_row("" if number else one.name, *row, end_section=number == max(len(rows), 1) - 1)
    return table


def _make_table(title: str, *columns: str, text: int = 1) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < text else "right", no_wrap=True)
    return table


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)


def _get_notes(report: Report, wall_s: float) -> list[str]:
    summary = report.summary
    fundings = ", ".join(f"{funding['rate_ppb'] / 1e7:+.4f} %" for funding in report.fundings) or "no period ended"
    counts = Counter(event.kind for event in report.events)
    quoted, compression = report.quoted, report.compression
    curves = [
        f"{curve.asset + ' curve':<13}" + ", ".join(
            f"{days:g} d {first or 0:.2f} to {last or 0:.2f} %"
            for days, first, last in zip(curve.days, curve.rates[0], curve.rates[-1], strict=True)
        ) for curve in report.curves
    ]  # fmt: skip
    lines = [
        f"funding      {fundings}  (period {report.funding_period_s} s, shortened from 8 h)",
        f"loans        {report.loans_made} made, {report.loans_repaid} repayments, {report.loans_extended} extended, "
        f"{report.loans_returned} times principal returned to the book",
        *curves,
        f"lenders      {_count(counts['loan'], 'loan')} left to a new lender, "
        f"{_count(report.borrowed_in_orders, 'loan')} taken within an order",
        f"triggers     {_count(counts['stop'], 'stop')} and {_count(counts['take-profit'], 'take-profit')} fired; "
        f"a dead man's switch went off {_count(counts['switch'], 'time')}",
        f"quotes       {quoted.get('placed', 0):,} placed, {quoted.get('moved', 0):,} moved, {quoted.get('kept', 0):,} "
        f"kept by mass quote; protection pulled {quoted['pulled']:,} in {_count(counts['pulled'], 'time')}",
        f"states       {_count(counts['state'], 'change')} of portfolios",
        f"compression  {compression.before:,} contracts before, {compression.after:,} after: {compression.circles:,} "
        f"circles among {compression.parties} accounts",
        f"perpetuals   {report.contracts:,} contracts open, {report.repaired:,} re-paired and "
        f"{report.trued_up:,} trued up on the way",
        f"refused      {', '.join(report.refusals) or 'no command'}",
        f"invariants   {'; '.join(report.violations) or 'all hold in the state at the end'}",
        f"speed        {summary.commands:,} commands, {summary.commands_per_s:,} a second in the engine "
        f"({summary.engine_s:.2f} s, {'compiled' if summary.compiled else 'interpreted'}); "
        f"{wall_s:.1f} s in all with reading and report",
        f"digest       {summary.digest}",
    ]
    lines += [f"[bold red]{book.market} differs at {book.first_difference}[/]"
              for book in report.books if book.first_difference]  # fmt: skip
    return lines
