"""How a command of `world` says that it was asked wrongly."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import typer


def fail(message: str) -> NoReturn:
    """Say in one line on standard error what is wrong with the request, and exit with code 2."""
    line = " ".join(message.split())
    typer.echo(f"world: {line.encode('utf-8', 'backslashreplace').decode()}", err=True)
    raise typer.Exit(2)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a file, or of standard input for "-"; exits with code 2 when it cannot be read."""
    try:
        return typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        fail(f"{path}: {error.strerror or error}")
