"""What `world up` shows: progress while a venue opens, then how it does."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from datetime import timedelta
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import typer

from worldmarkets.core import codes
from worldmarkets.core.codec import RECORD_BYTES, decode_events

if TYPE_CHECKING:
    from rich.console import Group
    from rich.progress import TaskID
    from rich.table import Table

    from worldmarkets.cli.venue import Venue
    from worldmarkets.exchange.market import MarketView
    from worldmarkets.node.sequencer import Applied

REFRESH_SECONDS = 0.5
RATE_SECONDS = 10


class PlainScreen:
    """Lines, for a log or a pipe."""

    def __init__(self) -> None:
        self._what = ""
        self._began = time.monotonic()

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            typer.echo("stopped, with a snapshot")

    def watch(self, what: str, done: int, total: int) -> None:
        """Say once what is being done."""
        if what != self._what:
            self._what = what
            typer.echo(what)

    def note_ready(self) -> None:
        """The venue takes commands."""
        typer.echo(f"ready after {time.monotonic() - self._began:.1f} s")

    async def show(self, venue: Venue) -> None:
        """Say where the venue is, and when it has its first trade."""
        while not venue.is_served:
            await asyncio.sleep(0.05)
        typer.echo(f"http {venue.http_url}")
        typer.echo(f"stream {venue.stream_url}")
        await venue.traded.wait()
        typer.echo(f"first trade after {time.monotonic() - self._began:.1f} s")


class Tape:
    """What goes by: rates over the last seconds, and each market's last trade."""

    def __init__(self) -> None:
        self.last: dict[int, tuple[int, bool]] = {}  # by market: price in ticks, whether the taker bought
        self.trades = 0
        self._passed: deque[tuple[float, int, int]] = deque()

    def take(self, applied: Applied) -> None:
        """Take up a block."""
        kinds = np.frombuffer(applied.events, np.uint8)[8::RECORD_BYTES]
        places = np.flatnonzero(kinds == codes.TRADED).tolist()
        for place in places:
            event = decode_events(applied.events[place * RECORD_BYTES : (place + 1) * RECORD_BYTES])[0]
            self.last[event.market] = event.price_ticks, event.code == codes.BUY
        self.trades += len(places)
        now = time.monotonic()
        self._passed.append((now, applied.block.count, len(places)))
        while self._passed[0][0] < now - RATE_SECONDS:
            self._passed.popleft()

    def get_rates(self) -> tuple[float, float, float]:
        """Return blocks, commands and trades a second."""
        now = time.monotonic()
        recent = [one for one in self._passed if one[0] >= now - RATE_SECONDS]
        return (len(recent) / RATE_SECONDS, sum(one[1] for one in recent) / RATE_SECONDS,
                sum(one[2] for one in recent) / RATE_SECONDS)  # fmt: skip


class LiveScreen:
    """A screen that is drawn again and again."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self.console = Console(highlight=False)
        self._progress = Progress(
            SpinnerColumn(), TextColumn("{task.description:<28}"), BarColumn(bar_width=30), MofNCompleteColumn(),
            TimeElapsedColumn(), console=self.console,
        )  # fmt: skip
        self._live = Live(self._progress, console=self.console, auto_refresh=False, transient=True)
        self._what = ""
        self._task: TaskID | None = None
        self._began = time.monotonic()
        self._ready_after = self._drawn = 0.0
        self._tape = Tape()

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if kind is None:
            self.console.print("Stopped, with a snapshot. [bold]world up[/] goes on where it was.")

    def watch(self, what: str, done: int, total: int) -> None:
        """Show how far something is."""
        if what != self._what:
            if self._task is not None:
                self._progress.update(self._task, completed=self._progress.tasks[-1].total)
            self._what = what
            self._task = self._progress.add_task(what, total=total)
        assert self._task is not None
        self._progress.update(self._task, completed=done, total=total)
        if time.monotonic() - self._drawn >= 0.1 or done == total:
            self._drawn = time.monotonic()
            self._live.refresh()

    def note_ready(self) -> None:
        """The venue takes commands."""
        self._ready_after = time.monotonic() - self._began

    async def show(self, venue: Venue) -> None:
        """Draw the venue, once it is ready, until cancelled."""
        while not self._ready_after:
            await asyncio.sleep(0.05)
        venue.node.sequencer.listen(self._tape.take)
        while True:
            self._live.update(self.draw(venue), refresh=True)
            await asyncio.sleep(REFRESH_SECONDS)

    def draw(self, venue: Venue) -> Group:
        """Return the whole screen."""
        from rich.console import Group
        from rich.text import Text

        node, tape = venue.node, self._tape
        blocks, commands, trades = tape.get_rates()
        up = timedelta(seconds=int(time.monotonic() - self._began))
        head = Text.assemble(
            ("worldmarkets", "bold cyan"), ("  development, test funds" if venue.config.development else "", "yellow"),
            f"   {venue.http_url}   {venue.stream_url}   data {venue.config.data}   up {up}",
        )  # fmt: skip
        figures = Text.assemble(
            ("block ", "dim"), f"{node.sequencer.applied:,}", ("   sequence ", "dim"),
            f"{node.journal.next_sequence - 1:,}", ("   a second: ", "dim"), f"{blocks:.0f}", (" blocks ", "dim"),
            f"{commands:.0f}", (" commands ", "dim"), f"{trades:.1f}", (" trades", "dim"), ("   accounts ", "dim"),
            f"{len(node.exchange.accounts):,}", ("   waiting ", "dim"), f"{node.sequencer.waiting}",
        )  # fmt: skip
        if venue.crew is not None:
            figures.append_text(
                Text.assemble(("   agents sent ", "dim"), f"{venue.crew.sent:,}", (", refused ", "dim"),
                              f"{venue.crew.refused:,}")
            )  # fmt: skip
        foot = Text.assemble(
            ("Ctrl-C", "bold"), (" stops and leaves a snapshot.  ", "dim"), ("world faucet", "bold"),
            (" gives test funds, ", "dim"), ("world portfolio --live", "bold"), (" shows an account.", "dim"),
        )  # fmt: skip
        return Group(head, figures, Text(""), self._draw_books(venue), self._draw_rates(venue), foot)

    def _draw_books(self, venue: Venue) -> Table:
        from rich.text import Text

        table = make_table("market", "mark", "bid", "ask", "spread", "last", "open interest", "funding", "feed")
        exchange = venue.node.exchange
        feeds = exchange.feeds
        for view in exchange.markets:
            if view.kind not in ("spot", "perp"):
                continue
            row, bid, ask = view.listed, view.bid, view.ask
            spread = "" if bid is None or ask is None else f"{(ask.price / bid.price - 1) * 10_000:.2f} bp"
            last = self._tape.last.get(row.number)
            shown = Text(f"{row.from_ticks(last[0]):,f}", "green" if last[1] else "red") if last else Text("")
            feed = feeds[row.asset.symbol]
            table.add_row(
                view.symbol, show_mark(view), "" if bid is None else f"{bid.price:,f}",
                "" if ask is None else f"{ask.price:,f}", spread, shown,
                f"{view.open_interest.normalize():,f}" if view.kind == "perp" else "",
                f"{view.funding_rate * 100:+.4f}%" if view.kind == "perp" else "",
                Text(feed, "dim" if feed == "valid" else "yellow"),
            )  # fmt: skip
        return table

    def _draw_rates(self, venue: Venue) -> Table:
        listing = venue.node.exchange.listing
        tenors = sorted({market.tenor_hours for market in listing.markets if market.kind == "loan"})
        table = make_table("borrow at", *(f"{hours // 24} d" if hours % 24 == 0 else f"{hours} h" for hours in tenors))
        for asset in listing.assets:
            curve = {rate.tenor: rate.ask for rate in venue.node.exchange.loan_curve(asset.symbol)}
            if curve:
                cells = [curve.get(timedelta(hours=hours)) for hours in tenors]
                table.add_row(asset.symbol, *("" if cell is None else f"{cell.price}%" for cell in cells))
        return table


def make_table(*columns: str) -> Table:
    """Return a table with its first column to the left and the others to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def show_mark(view: MarketView) -> str:
    """Return a market's mark to its tick."""
    mark = view.mark
    if mark is None:
        return ""
    return f"{mark.quantize(Decimal(1).scaleb(view.listed.tick.as_tuple().exponent)):,f}"  # type: ignore[arg-type]
