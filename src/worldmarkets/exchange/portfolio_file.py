"""A portfolio as a file states it, in JSON: its fields checked by name, its decimals turned into integers.

The form is that of the margin vectors: assets with their parameters, and what one account holds, owes, has lent and has
open in perpetuals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from worldmarkets.core.units import (
    GRID_DECIMALS,
    MAX_BASIS_PPM,
    MAX_RATE_BP,
    MAX_SLIPPAGE_PPM,
    MAX_SUPPLY,
    MAX_TENOR_HOURS,
    MILLION,
)
from worldmarkets.exchange.errors import ExchangeError, PortfolioError
from worldmarkets.exchange.units import MARK_DECIMALS, from_units, to_units

T = TypeVar("T")
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object of the file; a field that it does not know is an error."""


class Numeraire(_Part, frozen=True):
    """The asset everything is valued in."""

    decimals: int


class Asset(_Part, frozen=True):
    """Any other asset; a depth of null is unlimited."""

    decimals: int
    mark: str
    shock_ppm: int
    slippage_ppm: int
    group: str
    basis_ppm: int
    depth: str | None


class _Borrowed(_Part, frozen=True):
    asset: str
    principal: str
    rate_bp: int


class _Lent(_Part, frozen=True):
    asset: str
    principal: str


class _Perp(_Part, frozen=True):
    asset: str
    size: str
    entry: str
    funding: str


class _Holdings(_Part, frozen=True):
    balances: dict[str, str]
    borrowed: list[_Borrowed]
    lent: list[_Lent]
    perps: list[_Perp]


class _File(msgspec.Struct, frozen=True):
    """One portfolio with its assets; other fields, such as what is expected of it, are passed over."""

    name: str
    numeraire: str
    lent_haircut_ppm: int
    tenor_hours: int
    unwind_severity_ppm: int
    assets: dict[str, Any]
    portfolio: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Loan:
    """A principal, in quanta, and its place in the file.  A claim has the rate 1: no valuation of it uses that."""

    path: str
    asset: str
    principal: int
    rate_bp: int


@dataclass(frozen=True, slots=True)
class Contract:
    """A perp: signed size in quanta; cost and funding in numeraire quanta."""

    asset: str
    size: int
    cost: int
    funding: int


class PortfolioFile:
    """One portfolio, read and checked.  Raises PortfolioError naming the field."""

    def __init__(self, data: object, where: str = "") -> None:
        self._where = where
        file = self._convert(data, _File, "")
        self.name = file.name
        self.numeraire = file.numeraire
        self.lent_haircut_ppm = file.lent_haircut_ppm
        self.tenor_hours = file.tenor_hours
        self.unwind_ppm = file.unwind_severity_ppm
        self.check("numeraire", file.numeraire in file.assets, f"{file.numeraire} is not among the assets")
        path = f"assets.{file.numeraire}"
        self.cash_decimals = self._convert(file.assets[file.numeraire], Numeraire, path).decimals
        self.check(f"{path}.decimals", 0 <= self.cash_decimals <= 12, "is 0..12")
        self.assets = {
            name: self._convert(part, Asset, f"assets.{name}")
            for name, part in file.assets.items()
            if name != file.numeraire
        }
        self._check_venue()
        for name, asset in self.assets.items():
            self._check_asset(f"assets.{name}", asset)
        self.marks = {name: self._read_mark(name) for name in self.assets}
        self._read_holdings(self._convert(file.portfolio, _Holdings, "portfolio"))

    # Errors by name.

    def path(self, path: str) -> str:
        """Return where a field stands in the whole file."""
        return f"{self._where}.{path}".strip(".") or "portfolio"

    def check(self, path: str, is_right: bool, rule: str) -> None:
        """Raise PortfolioError, naming a field, unless it is right."""
        if not is_right:
            raise PortfolioError(f"{self.path(path)}: {rule}")

    @contextmanager
    def field(self, path: str) -> Iterator[None]:
        """Put the path of a field before what the exchange says is wrong with it."""
        try:
            yield
        except PortfolioError:
            raise
        except (ExchangeError, ValueError) as error:
            raise PortfolioError(f"{self.path(path)}: {error}") from None

    def _convert(self, part: object, kind: type[T], path: str) -> T:
        try:
            return msgspec.convert(part, kind)
        except msgspec.ValidationError as error:
            reason, _, place = str(error).partition(" - at `$")
            place = re.sub(r"^(key in )?\.?", "", place.removesuffix("`"))
            field = re.search(r"(?:required|unknown) field `(\w+)`", reason)
            inner = ".".join(filter(None, (path, place, field[1] if field else ""))).replace(".[", "[")
            reason = "missing" if "required" in reason else "there is no such field" if field else reason
            raise PortfolioError(f"{self.path(inner)}: {reason}") from None

    # Parameters.

    def _check_venue(self) -> None:
        self.check("lent_haircut_ppm", 0 <= self.lent_haircut_ppm <= 100_000, "is 0..100000")
        self.check("tenor_hours", 0 < self.tenor_hours <= MAX_TENOR_HOURS, f"is 1..{MAX_TENOR_HOURS}")
        is_rung = 2_000 <= self.unwind_ppm < MILLION and self.unwind_ppm % 1_000 == 0
        self.check("unwind_severity_ppm", is_rung, "is a multiple of 1000, 2000..999000")

    def _check_asset(self, path: str, asset: Asset) -> None:
        most = self.cash_decimals + GRID_DECIMALS - MARK_DECIMALS
        self.check(f"{path}.decimals", 0 <= asset.decimals <= most, f"is 0..{most}")
        self.check(f"{path}.group", bool(asset.group), "is empty")
        self.check(f"{path}.shock_ppm", 0 <= asset.shock_ppm <= MILLION, f"is 0..{MILLION}")
        self.check(f"{path}.slippage_ppm", 0 <= asset.slippage_ppm <= MAX_SLIPPAGE_PPM, f"is 0..{MAX_SLIPPAGE_PPM}")
        self.check(f"{path}.basis_ppm", 0 <= asset.basis_ppm <= MAX_BASIS_PPM, f"is 0..{MAX_BASIS_PPM}")
        if asset.depth is not None:
            depth = self._units(f"{path}.depth", asset.depth, self.cash_decimals, least=1)
            rule = f"is at most {from_units(MAX_SUPPLY, self.cash_decimals):f}"
            self.check(f"{path}.depth", depth <= MAX_SUPPLY, rule)

    def _read_mark(self, name: str) -> int:
        return self._units(f"assets.{name}.mark", self.assets[name].mark, MARK_DECIMALS, least=1)

    # Holdings.

    def _units(self, path: str, text: str, decimals: int, *, least: int | None = 0) -> int:
        """Return a decimal string in units of `10**-decimals`, at least `least`."""
        self.check(path, bool(_DECIMAL.fullmatch(text)), f"{text[:40]!r} is not a decimal number")
        with self.field(path):
            units = to_units(text, decimals)
        if least is not None:
            self.check(path, units >= least, f"{text} is {'not above' if least else 'below'} zero")
        return units

    def _decimals(self, path: str, asset: str) -> int:
        if asset == self.numeraire:
            return self.cash_decimals
        self.check(path, asset in self.assets, f"{asset!r} is not among the assets")
        return self.assets[asset].decimals

    def _read_holdings(self, holdings: _Holdings) -> None:
        self.balances: dict[str, int] = {}
        for asset, amount in holdings.balances.items():
            path = f"portfolio.balances.{asset}"
            self.balances[asset] = self._units(path, amount, self._decimals(path, asset))
        self.borrowed = [self._read_loan(f"portfolio.borrowed[{n}]", loan) for n, loan in enumerate(holdings.borrowed)]
        self.lent = [self._read_loan(f"portfolio.lent[{n}]", loan) for n, loan in enumerate(holdings.lent)]
        read = [self._read_perp(f"portfolio.perps[{n}]", perp) for n, perp in enumerate(holdings.perps)]
        self.contracts = [*_net(read)]

    def _read_loan(self, path: str, loan: _Borrowed | _Lent) -> Loan:
        decimals = self._decimals(f"{path}.asset", loan.asset)
        rate = loan.rate_bp if isinstance(loan, _Borrowed) else 1
        self.check(f"{path}.rate_bp", 0 < rate <= MAX_RATE_BP, f"is 1..{MAX_RATE_BP}")
        return Loan(path, loan.asset, self._units(f"{path}.principal", loan.principal, decimals, least=1), rate)

    def _read_perp(self, path: str, perp: _Perp) -> Contract:
        decimals = self._decimals(f"{path}.asset", perp.asset)
        self.check(f"{path}.asset", perp.asset != self.numeraire, "the numeraire has no perpetual")
        size = self._units(f"{path}.size", perp.size, decimals, least=None)
        self.check(f"{path}.size", size != 0, f"{perp.size} is zero")
        places = len(perp.entry.partition(".")[2])
        entry = self._units(f"{path}.entry", perp.entry, places, least=1)
        scale = 10 ** (decimals + places)
        cost = (2 * size * entry * 10**self.cash_decimals + scale) // (2 * scale)  # to the nearest quantum
        funding = self._units(f"{path}.funding", perp.funding, self.cash_decimals, least=None)
        return Contract(perp.asset, size, cost, funding)


def _net(contracts: list[Contract]) -> Iterator[Contract]:
    """Yield perps as they can be held: where some of an asset are long and some short, only their sum."""
    for asset in dict.fromkeys(contract.asset for contract in contracts):
        same = [contract for contract in contracts if contract.asset == asset]
        if len({contract.size > 0 for contract in same}) == 1:
            yield from same
        else:
            yield Contract(
                asset, sum(c.size for c in same), sum(c.cost for c in same), sum(c.funding for c in same)
            )  # fmt: skip


def read_files(text: bytes) -> tuple[list[PortfolioFile], bool]:
    """Return the portfolios of a JSON text, and whether it is a list.  Raises PortfolioError naming the field."""
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PortfolioError(f"not JSON: {error}") from None
    if isinstance(data, list):
        return [PortfolioFile(part, f"[{number}]") for number, part in enumerate(data)], True
    return [PortfolioFile(data)], False
