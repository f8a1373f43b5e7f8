"""Where prices come from.  A source keeps the latest price of some assets; it never blocks whoever asks."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Price(NamedTuple):
    """A price in units of a mark (1e-8 of a dollar, or of the numeraire), and when it was so, in microseconds."""

    price: int
    time_us: int


class Source(Protocol):
    """One source: independent of the others, if marks are to mean anything."""

    name: str
    assets: tuple[str, ...]

    async def run(self) -> None:
        """Keep prices up to date until cancelled."""

    def get(self, asset: str, now_us: int) -> Price | None:
        """Return the latest price of an asset, or None before the first."""
