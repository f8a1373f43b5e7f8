"""Several commands of one account as one, and asking without doing."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from worldmarkets.core.records import Record
from worldmarkets.exchange.desk import Desk
from worldmarkets.exchange.errors import ExchangeError
from worldmarkets.exchange.results import Result, Standing

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Preview:
    """What sending would have come to.  Nothing has changed."""

    result: Result
    before: Standing
    after: Standing


class Previewer(Desk[Preview]):
    """A desk whose commands are run through the exchange and taken back."""

    def _send(self, command: Record) -> Preview:
        return self.exchange.preview_commands(self.number, [command])

    def _send_group(self, records: list[Record]) -> Preview:
        return self.exchange.preview_commands(self.number, records)

    def _send_all(self, commands: list[Record]) -> Preview:
        return self.exchange.preview_commands(self.number, self.exchange.make_bundle(self.number, commands))


class Submitter(Desk[Result]):
    """A desk that answers a rejection with its result, rather than raise."""

    def _send(self, command: Record) -> Result:
        return self.exchange.submit(command)

    def _send_group(self, records: list[Record]) -> Result:
        return self.exchange.submit(*records)

    def _send_all(self, commands: list[Record]) -> Result:
        return self.exchange.submit(*self.exchange.make_bundle(self.number, commands))


class Bundle(Desk[None]):
    """Commands of one account that happen together or not at all; margin is asked for once, at the end.

    As a context manager it sends when the block ends without an error.  `result` is then its answer.
    """

    def __init__(self, exchange: Exchange, number: int) -> None:
        super().__init__(exchange, number)
        self.commands: list[Record] = []
        self.result: Result | None = None

    def _send(self, command: Record) -> None:
        self.commands.append(command)

    def _send_all(self, commands: list[Record]) -> None:
        self.commands += commands

    def _send_group(self, records: list[Record]) -> None:
        raise ExchangeError("a mass quote, a plan or a compression does not stand in a bundle")

    def preview(self) -> Preview:
        """Run the bundle as it is so far, and take it back."""
        return self.exchange.preview_commands(self.number, self._get_whole())

    def submit(self) -> Result:
        """Send the bundle and return its result, whatever it is."""
        self.result = self.exchange.submit(*self._get_whole())
        return self.result

    def send(self) -> Result:
        """Send the bundle.  Raises Rejected."""
        self.result = self.exchange.send(*self._get_whole())
        return self.result

    def _get_whole(self) -> list[Record]:
        if self.result is not None:
            raise ExchangeError("this bundle was sent already")
        return self.exchange.make_bundle(self.number, self.commands)

    def __enter__(self) -> Bundle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.result is None:
            self.send()
