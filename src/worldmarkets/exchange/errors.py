"""What can go wrong between a person and the exchange."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worldmarkets.exchange.results import Result


class ExchangeError(Exception):
    """Anything that this package refuses to do."""


class GenesisError(ExchangeError, ValueError):
    """A genesis that cannot be opened; the message names the field."""


class UnitError(ExchangeError, ValueError):
    """A number that is not exact in the units of its asset or market."""


class UnknownName(ExchangeError, LookupError):
    """A name that is not an asset, a market, an account or a choice here."""


class PortfolioError(ExchangeError, ValueError):
    """A portfolio file that cannot be valued; the message names the field."""


class Rejected(ExchangeError):
    """A command that the exchange refused.  `result` has the code and its numbers."""

    def __init__(self, result: Result) -> None:
        self.result = result
        super().__init__(result.message)

    @property
    def code(self) -> str:
        """The name of the rule, as in docs/spec/codes.md."""
        return self.result.code

    def __reduce__(self) -> tuple[type[Rejected], tuple[Result]]:
        return Rejected, (self.result,)
