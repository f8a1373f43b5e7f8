"""`world keys`: the key that signs."""

from __future__ import annotations

from typing import Annotated

import typer

from worldmarkets.cli.errors import fail
from worldmarkets.cli.session import KEY, KeyFile, read_key, write_key

app = typer.Typer(no_args_is_help=True, help="Make and show the key that signs what you send.")
ROLES = ("administrator", "guardian")


@app.command()
def new(
    key: KeyFile = KEY,
    development: Annotated[
        str, typer.Option(help="Not a new key, but one of development: administrator or guardian.")
    ] = "",
) -> None:
    """Make a key and keep it in a file that only you may read.  It is not encrypted: who has the file has the key."""
    from worldmarkets.schemas.signing import Signer
    from worldmarkets.sim.agents.keys import make_signer

    if development and development not in ROLES:
        fail(f"there is no key of development {development!r}; there is {', '.join(ROLES)}")
    signer = make_signer(development) if development else Signer.generate()
    write_key(key, signer)
    typer.echo(f"{signer.address}  in {key.expanduser()}")


@app.command()
def show(
    key: KeyFile = KEY, secret: Annotated[bool, typer.Option("--secret", help="The secret, not the address.")] = False
) -> None:
    """Show the address of a key: that is who you are to a venue."""
    signer = read_key(key)
    typer.echo(signer.secret if secret else signer.address)
