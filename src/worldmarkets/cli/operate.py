"""What an operator does: look at a running node, snapshots, exports, halts, deposits, and the proof of a journal."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worldmarkets.cli.errors import fail
from worldmarkets.cli.session import KEY, URL, AsJson, KeyFile, Url, open_session, show_json
from worldmarkets.cli.trade import submit

if TYPE_CHECKING:
    from worldmarkets.exchange.genesis import Genesis
    from worldmarkets.node.journal import Journal

Data = Annotated[Path, typer.Option(help="The folder of the venue.")]
GenesisFile = Annotated[
    Path | None, typer.Option("--genesis", help="The venue's genesis; that of the folder, or the packaged.")
]
DATA = Path("data")
journal = typer.Typer(no_args_is_help=True, help="The log of a venue.")


def _ask(data: Path, request: Any) -> dict[str, Any]:
    from worldmarkets.node.admin import ask
    from worldmarkets.node.errors import NodeError

    try:
        return ask(data, request)
    except NodeError as error:
        fail(str(error))


def status(data: Data = DATA, as_json: AsJson = False) -> None:
    """Say how the node of a folder does; exit code 1 when it takes no commands."""
    from worldmarkets.node.admin import Status

    found = _ask(data, Status())
    if as_json:
        show_json(found)
    else:
        odd_feeds = [f"{asset} {feed}" for asset, feed in found["feeds"].items() if feed != "valid"]
        odd_modes = [f"{market} {mode}" for market, mode in found["modes"].items() if mode != "open"]
        lines = {
            "ready": "yes" if found["ready"] else f"no {found['failure']}",
            "block": f"{found['block']:,}", "sequence": f"{found['sequence']:,}", "waiting": found["waiting"],
            "accounts": f"{found['accounts']:,}", "replayed": f"{found['replayed']:,} commands at the start",
            "feeds": ", ".join(odd_feeds) or "all valid", "markets": ", ".join(odd_modes) or "all open",
            "genesis": found["genesis"],
        }  # fmt: skip
        for name, value in lines.items():
            typer.echo(f"{name:<10}{value}")
    if not found["ready"]:
        raise typer.Exit(1)


def snapshot(data: Data = DATA) -> None:
    """Have the node of a folder write a snapshot now, and say its digest."""
    from worldmarkets.node.admin import Snapshot

    found = _ask(data, Snapshot())
    typer.echo(f"block {found['block']:,}, digest {found['digest']}")


def export(
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("export"),
    data: Data = DATA,
) -> None:
    """Write the history of a stopped node as files, one a topic: trades, funding, interest, transfers and so on."""
    from worldmarkets.node.errors import NodeError
    from worldmarkets.node.history import get_history_path
    from worldmarkets.node.history.export import export_history

    try:
        written = export_history(get_history_path(data), out, form)
    except (NodeError, OSError) as error:
        fail(str(error))
    for path in written:
        typer.echo(f"{path}  {path.stat().st_size:,} bytes")


def deposit(
    owner: Annotated[str, typer.Argument(help="The address of the account's owner.")],
    asset: Annotated[str, typer.Argument(help="Such as USDM.")],
    amount: Annotated[str, typer.Argument(help="In the asset.")],
    name: Annotated[str, typer.Option("--id", help="What the deposit is called; the same again changes nothing.")],
    account: Annotated[int, typer.Option(min=0, help="Which of the owner's accounts.")] = 0,
    data: Data = DATA,
) -> None:
    """Credit a deposit that arrived, once, over the node's own socket; the account is opened if there is none."""
    import msgspec

    from worldmarkets.node.admin import Credit
    from worldmarkets.node.deposits import Deposit

    said = {"id": name, "owner": owner, "account": account, "asset": asset, "amount": amount}
    try:
        request = Credit(deposit=msgspec.convert(said, Deposit))
    except msgspec.ValidationError as error:
        fail(str(error).replace("`$.", "`"))
    found = _ask(data, request)
    typer.echo(f"{found['id']}: {'credited' if found['is_new'] else 'had been credited before'}")


def halt(
    market: Annotated[str, typer.Argument(help="A market's symbol.")],
    mode: Annotated[str, typer.Option(help="cancel_only, post_only, or open: that asks for the administrator.")]
    = "cancel_only",
    url: Url = URL, key: KeyFile = KEY, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Halt a market, signed by the key of the guardian or the administrator."""
    from worldmarkets.schemas.commands import SetMarketMode

    session = open_session(url, key)
    submit(session, [SetMarketMode(mode=mode, market=market)], False, as_json)


@journal.callback()
def about() -> None:
    """The log of a venue."""


def open_log(data: Path, genesis: Path | None) -> tuple[Journal, Genesis]:
    """Return the journal of a folder and its venue's genesis; exits with code 2 when they are not there."""
    from worldmarkets.exchange.genesis import load_genesis
    from worldmarkets.node.errors import NodeError
    from worldmarkets.node.journal import Journal
    from worldmarkets.node.node import hash_genesis
    from worldmarkets.node.recovery import get_journal_path

    path = get_journal_path(data)
    if not path.exists():
        fail(f"there is no journal in {data}")
    own = data / "genesis.toml"
    try:
        venue = load_genesis(genesis or (own if own.exists() else None))
        return Journal(path, hash_genesis(venue)), venue
    except (NodeError, ValueError, OSError) as error:
        fail(str(error))


@journal.command()
def verify(data: Data = DATA, genesis: GenesisFile = None) -> None:
    """Replay a whole journal from the genesis: hashes, events and digests; exit code 1 when one does not come out."""
    from worldmarkets.node.errors import NodeError
    from worldmarkets.node.recovery import recover
    from worldmarkets.node.snapshots import Snapshots

    log, venue = open_log(data, genesis)
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory() as empty, Progress() as progress:
            found = recover(log, Snapshots(Path(empty)), venue, on_progress=progress)
    except NodeError as error:
        typer.echo(f"broken: {error}")
        raise typer.Exit(1) from None
    finally:
        log.close()
    seconds = time.monotonic() - began
    violations = found.exchange.audit()
    typer.echo(f"blocks     {log.last:,}")
    typer.echo(f"commands   {found.replayed:,}, in {seconds:.1f} s")
    typer.echo(f"head       {log.head.hex()}")
    typer.echo(f"digest     {found.exchange.digest()}")
    typer.echo(f"invariants {'ok' if not violations else violations[0]}")
    if violations:
        raise typer.Exit(1)


class Progress:
    """A bar, when there is a terminal to draw it in."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._task = self._bar.add_task("replaying", total=None)
        self._drawn = 0.0

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Draw how far it is."""
        if time.monotonic() - self._drawn > 0.1:
            self._drawn = time.monotonic()
            self._bar.update(self._task, completed=done, total=total)
