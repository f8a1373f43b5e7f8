"""A book of one market as its channel tells it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

Level = tuple[Decimal, Decimal]


class Gap(Exception):
    """A message was missed: the book needs a snapshot."""


class LocalBook:
    """A market's book: prices to sizes, a side each.  In a loan book prices are percent a year.

    `sequence` is that of the last message it has taken in; `is_ready` says whether there was a snapshot.
    """

    def __init__(self, market: str) -> None:
        self.market = market
        self.sequence = -1
        self.time = 0
        self.is_ready = False
        self._sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}

    def apply(self, message: dict[str, Any]) -> None:
        """Take in a message of the channel.  Raises Gap, and the book is not ready until the next snapshot."""
        if (snapshot := message.get("snapshot")) is not None:
            self._sides = {side: {} for side in self._sides}
            self._set(snapshot)
            self.is_ready = True
        elif not self.is_ready:
            raise Gap(f"{self.market}: there was no snapshot")
        elif message["previous"] != self.sequence:
            self.is_ready = False
            raise Gap(f"{self.market}: a message between {self.sequence} and {message['sequence']} is missing")
        else:
            self._set(message)
        self.sequence, self.time = message["sequence"], message["time"]

    def _set(self, sides: dict[str, Any]) -> None:
        for side, levels in self._sides.items():
            for price, size in sides.get(side, ()):
                number, left = Decimal(price.rstrip("%")), Decimal(size)
                if left:
                    levels[number] = left
                else:
                    levels.pop(number, None)

    @property
    def bids(self) -> list[Level]:
        """The bids, best first."""
        return sorted(self._sides["bids"].items(), reverse=True)

    @property
    def asks(self) -> list[Level]:
        """The asks, best first."""
        return sorted(self._sides["asks"].items())

    @property
    def bid(self) -> Level | None:
        """The best bid."""
        return max(self._sides["bids"].items(), default=None)

    @property
    def ask(self) -> Level | None:
        """The best ask."""
        return min(self._sides["asks"].items(), default=None)

    @property
    def mid(self) -> Decimal | None:
        """The price between the two."""
        bid, ask = self.bid, self.ask
        return None if bid is None or ask is None else (bid[0] + ask[0]) / 2
