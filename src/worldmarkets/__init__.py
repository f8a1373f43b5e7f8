"""An exchange where spot, perpetual futures and lending live in one portfolio: one replayable machine.

`from worldmarkets import Exchange` opens it in this process.  Importing the package itself loads nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worldmarkets.exchange import Exchange

__version__ = "0.1.0.dev0"
__all__ = ["Exchange", "__version__"]


def __getattr__(name: str) -> object:
    if name == "Exchange":
        from worldmarkets.exchange import Exchange

        return Exchange
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
