"""`world receipt`: what rungs of the ladder cost an account, and the proof of it from the log alone."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from worldmarkets.cli.errors import fail, read_bytes
from worldmarkets.cli.operate import DATA, Data, GenesisFile, Progress, open_log
from worldmarkets.cli.session import KEY, URL, AsJson, Index, KeyFile, Owner, Session, Url, read_key, show_json
from worldmarkets.cli.trade import show_number

if TYPE_CHECKING:
    from worldmarkets.node.proof import Figure, Proof

app = typer.Typer(no_args_is_help=True, help="Receipts of the ladder: what each rung cost, and the proof of it.")


@app.callback()
def about() -> None:
    """Receipts of the ladder: what each rung cost, and the proof of it."""


@app.command("list")
def list_all(
    url: Url = URL, key: KeyFile = KEY, owner: Owner = "", account: Index = 0, as_json: AsJson = False
) -> None:
    """List the receipts of an account, the latest first.  Anybody may see anybody's."""
    from rich.console import Console

    found = Session(url, None if owner else read_key(key), owner, account).get_account("/rungs")
    if as_json:
        show_json(found)
    elif not found["receipts"]:
        typer.echo("there is none: the ladder never acted on this account")
    else:
        Console(highlight=False, width=120).print(make_receipts(found["receipts"]))


def make_receipts(receipts: list[dict[str, Any]]) -> Any:
    """Return receipts as a table."""
    from worldmarkets.cli.screen import make_table

    table = make_table(
        "rung", "then", "command", "value before", "after", "lost to price", "slippage", "fees", "discount", "brought"
    )
    for one in receipts:
        figures = ("nav_before", "nav_after", "lost_to_price", "lost_to_slippage", "fees", "discount", "brought")
        table.add_row(
            one["rung"], one["follows"], f"{one['sequence']:,}" if one["time"] is not None else "",
            *(show_number(one[name]) for name in figures),
        )  # fmt: skip
    return table


@app.command()
def verify(
    sequence: Annotated[int, typer.Argument(min=1, help="The command that the receipt came with.")],
    data: Data = DATA,
    genesis: GenesisFile = None,
    receipt: Annotated[
        Path | None, typer.Option(help='A receipt as the venue served it, to hold against the log ("-": stdin).')
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print every figure as JSON.")] = False,
) -> None:
    """Recompute the receipts of a command from the log and the genesis alone; exit code 1 when one differs."""
    from worldmarkets.node.errors import NodeError
    from worldmarkets.node.proof import prove

    served = None if receipt is None else _read_served(receipt)
    log, venue = open_log(data, genesis)
    try:
        with Progress() as progress:
            proofs = prove(log, venue, sequence, progress)
    except NodeError as error:
        typer.echo(f"no: {error}")
        raise typer.Exit(1) from None
    finally:
        log.close()
    if not proofs:
        fail(f"command {sequence} gave no receipt of a rung")
    differences = [] if served is None else _compare(served, proofs)
    is_good = all(proof.is_good for proof in proofs) and not differences
    if as_json:
        show_json({"head": log.head.hex(), "proofs": [_say(proof) for proof in proofs], "differs": differences,
                   "is_good": is_good})  # fmt: skip
    else:
        for proof in proofs:
            _show(proof)
        for line in differences:
            typer.echo(f"the receipt served says otherwise: {line}")
        typer.echo(f"log up to block {log.last:,}, {log.head.hex()}")
        typer.echo("yes: it follows from the log and the genesis" if is_good else "no: it does not come out")
    if not is_good:
        raise typer.Exit(1)


def _read_served(path: Path) -> Any:
    import msgspec

    from worldmarkets.schemas.reads import RungReceipt

    try:
        return msgspec.json.decode(read_bytes(path), type=RungReceipt)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        fail(f"{path}: {error}")


def _compare(served: Any, proofs: list[Proof]) -> list[str]:
    """Return where a receipt as it was served differs from what the log says, a line each."""
    from worldmarkets.api.http.ladder import say_receipt

    for proof in proofs:
        if proof.account == served.account:
            own = say_receipt(proof.account, proof.receipt)
            fields = [name for name in own.__struct_fields__ if name != "time"]
            return [
                f"{name} {getattr(served, name)}, the log {getattr(own, name)}"
                for name in fields
                if getattr(served, name) != getattr(own, name)
            ]
    return [f"there is no receipt of {served.account} in this command"]


def _say(proof: Proof) -> dict[str, Any]:
    return {
        "account": proof.account, "rung": proof.receipt.rung, "follows": proof.receipt.follows,
        "first_sequence": proof.receipt.first_sequence, "sequence": proof.receipt.sequence, "fills": proof.fills,
        "figures": {
            one.name: {"log": _write(one, one.said), "recomputed": _write(one, one.found), "equal": one.is_equal}
            for one in proof.figures
        },
        "is_good": proof.is_good,
    }  # fmt: skip


def _show(proof: Proof) -> None:
    from rich.console import Console

    from worldmarkets.cli.screen import make_table

    receipt = proof.receipt
    typer.echo(
        f"{receipt.rung} of {proof.account}, from command {receipt.first_sequence:,} to {receipt.sequence:,}, "
        f"then {receipt.follows}; {proof.fills} fills"
    )
    table = make_table("", "the log says", "recomputed", "")
    for one in proof.figures:
        table.add_row(one.name, _write(one, one.said), _write(one, one.found), "" if one.is_equal else "differs")
    Console(highlight=False, width=100).print(table)


def _write(figure: Figure, number: int) -> str:
    if number < 0 and figure.name.startswith("resilience"):
        return "below zero"
    return f"{Decimal(number).scaleb(-figure.decimals):,f}"
