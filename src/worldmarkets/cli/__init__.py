"""The command `world`: one module a subcommand.

Whoever asks wrongly gets one line on standard error and exit code 2; what was asked for and is not well, exit code 1.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Annotated, Protocol, runtime_checkable

import typer

from worldmarkets import __version__
from worldmarkets.cli import control, keys, operate, receipt, show, trade
from worldmarkets.cli.audit import audit
from worldmarkets.cli.info import info
from worldmarkets.cli.margin import margin
from worldmarkets.cli.stress import stress
from worldmarkets.cli.up import up

app = typer.Typer(
    name="world",
    help="An exchange where spot, perpetual futures and lending live in one portfolio.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(up)
app.add_typer(keys.app, name="keys")
for _command in (
    trade.faucet, show.portfolio, show.book, trade.order, trade.cancel, trade.lend, trade.borrow, trade.bundle,
    operate.status, operate.snapshot, operate.export, operate.halt, operate.deposit,
):  # fmt: skip
    app.command()(_command)
app.command("whatif")(control.what_if)
app.add_typer(control.plan, name="plan")
app.add_typer(control.policy, name="policy")
app.add_typer(receipt.app, name="receipt")
app.add_typer(operate.journal, name="journal")
app.command()(margin)
app.command()(stress)
app.command()(audit)
app.command()(info)
for _name in ("replay", "conformance"):
    if importlib.util.find_spec(f"worldmarkets.cli.{_name}") is not None:
        app.add_typer(importlib.import_module(f"worldmarkets.cli.{_name}").app, name=_name)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"world {__version__}")
        raise typer.Exit


@app.callback()
def world(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """An exchange where spot, perpetual futures and lending live in one portfolio."""


@runtime_checkable
class SupportsMessage(Protocol):
    """An error of the command line's parser."""

    def format_message(self) -> str:
        """What is wrong, for a person."""
        ...


def main() -> None:
    """Run the command line of this process."""
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        message = " ".join(error.format_message().split()) if isinstance(error, SupportsMessage) else str(error)
        if message:  # without one, what was asked for is the help, and it has been shown
            typer.echo(f"world: {message}", err=True)
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    sys.exit(code)
