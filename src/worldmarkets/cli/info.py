"""`world info`: what runs here."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

_PARTS = ("cython", "msgspec", "numpy", "polars", "rich", "typer")


def info() -> None:
    """Say whether the core runs compiled, and which versions of what."""
    from worldmarkets import __version__
    from worldmarkets.core import COMPILED

    typer.echo(f"worldmarkets {__version__}, core {'compiled' if COMPILED else 'interpreted'}")
    typer.echo(f"python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for part in _PARTS:
        try:
            typer.echo(f"{part} {version(part)}")
        except PackageNotFoundError:
            typer.echo(f"{part} is not installed")
