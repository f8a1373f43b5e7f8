"""A portfolio from a file, booked into a venue of its own and valued there by the core.

The file is that of the margin vectors: assets with their parameters, and what one account holds, owes, has lent and has
open in perpetuals.  Genesis books it past admission, since a portfolio may be short of margin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from worldmarkets.core.booking import Booking
from worldmarkets.core.units import (
    GRID,
    GRID_DECIMALS,
    MAX_BASIS_PPM,
    MAX_EXIT,
    MAX_LEG,
    MAX_LOT_VALUE,
    MAX_RATE_BP,
    MAX_SLIPPAGE_PPM,
    MAX_SUPPLY,
    MAX_TENOR_HOURS,
    MILLION,
)
from worldmarkets.exchange import genesis
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.errors import ExchangeError, PortfolioError
from worldmarkets.exchange.exchange import Exchange
from worldmarkets.exchange.units import MARK_DECIMALS, from_units, to_units

T = TypeVar("T")
CAPACITY = {
    "assets": 128, "groups": 128, "markets": 256, "sides": 1_024, "nodes": 1_024, "children": 1 << 16,
    "levels": 1 << 16, "orders": 64, "clients": 64, "owners": 4_096, "accounts": 4_096, "figures": 1 << 14,
    "positions": 1 << 14, "perps": 4_096, "loans": 1 << 14,
}  # fmt: skip
_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_OPENS = datetime(2025, 1, 1, tzinfo=UTC)


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object of the file; a field that it does not know is an error."""


class Numeraire(_Part, frozen=True):
    """The asset everything is valued in."""

    decimals: int


class FileAsset(_Part, frozen=True):
    """Any other asset; a depth of null is unlimited."""

    decimals: int
    mark: str
    shock_ppm: int
    slippage_ppm: int
    group: str
    basis_ppm: int
    depth: str | None


class Borrowed(_Part, frozen=True):
    """A loan that the account owes."""

    asset: str
    principal: str
    rate_bp: int


class Lent(_Part, frozen=True):
    """A loan owed to the account."""

    asset: str
    principal: str


class FilePerp(_Part, frozen=True):
    """A perp contract; positive funding is owed by the account."""

    asset: str
    size: str
    entry: str
    funding: str


class Holdings(_Part, frozen=True):
    """What the account has."""

    balances: dict[str, str]
    borrowed: list[Borrowed]
    lent: list[Lent]
    perps: list[FilePerp]


class File(msgspec.Struct, frozen=True):
    """One portfolio with its assets; other fields, such as what is expected of it, are passed over."""

    name: str
    numeraire: str
    lent_haircut_ppm: int
    tenor_hours: int
    unwind_severity_ppm: int
    assets: dict[str, Any]
    portfolio: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Margin:
    """What a portfolio is worth."""

    name: str
    nav: Decimal
    available_margin: Decimal
    v_unwind: Decimal
    resilience: Decimal | None


@dataclass(slots=True)
class _Contract:
    """A perp contract to book: signed quanta, cost and funding in numeraire quanta."""

    asset: str
    size: int
    cost: int
    funding: int


class Portfolio:
    """A portfolio file, booked: `account` is its holder in `exchange`."""

    def __init__(self, data: object, where: str = "") -> None:
        self._where = where
        self.file = self._convert(data, File, "")
        self.numeraire = self._convert(self._get_numeraire(), Numeraire, f"assets.{self.file.numeraire}")
        self.assets = {
            name: self._convert(part, FileAsset, f"assets.{name}")
            for name, part in self.file.assets.items()
            if name != self.file.numeraire
        }
        self.holdings = self._convert(self.file.portfolio, Holdings, "portfolio")
        self._check_parameters()
        self._contracts = self._read_contracts()
        self._lots = {name: self._choose_lot(name) for name in self.assets}
        with self._field("assets"):
            self.exchange = Exchange(self._make_genesis(), capacity=CAPACITY)
        self.account: Account = self.exchange.account("portfolio")
        self._book()

    @property
    def unwind(self) -> Decimal:
        """The severity of the unwind rung."""
        return from_units(self.file.unwind_severity_ppm, 6)

    def value(self) -> Margin:
        """Return what the account is worth, as the core says."""
        return Margin(
            self.file.name, self.account.nav, self.account.available_margin, self.account.value(self.unwind),
            self.account.resilience,
        )  # fmt: skip

    # Reading.

    @contextmanager
    def _field(self, path: str) -> Iterator[None]:
        """Put the path of a field before what is wrong with it."""
        try:
            yield
        except PortfolioError:
            raise
        except (ExchangeError, ValueError) as error:
            raise PortfolioError(f"{self._path(path)}: {error}") from None

    def _path(self, path: str) -> str:
        return f"{self._where}.{path}".strip(".") or "portfolio"

    def _convert(self, part: object, kind: type[T], path: str) -> T:
        try:
            return msgspec.convert(part, kind)
        except msgspec.ValidationError as error:
            reason, _, place = str(error).partition(" - at `$")
            place = re.sub(r"^(key in )?\.?", "", place.removesuffix("`"))
            field = re.search(r"(?:required|unknown) field `(\w+)`", reason)
            inner = ".".join(filter(None, (path, place, field[1] if field else "")))
            reason = "missing" if "required" in reason else "there is no such field" if field else reason
            raise PortfolioError(f"{self._path(inner)}: {reason}".replace(".[", "[")) from None

    def _get_numeraire(self) -> object:
        if self.file.numeraire not in self.file.assets:
            raise PortfolioError(f"{self._path('numeraire')}: {self.file.numeraire} is not among the assets")
        return self.file.assets[self.file.numeraire]

    def _check_parameters(self) -> None:
        file = self.file
        self._check("lent_haircut_ppm", 0 <= file.lent_haircut_ppm <= 100_000, "is 0..100000")
        self._check("tenor_hours", 0 < file.tenor_hours <= MAX_TENOR_HOURS, f"is 1..{MAX_TENOR_HOURS}")
        unwind = file.unwind_severity_ppm
        self._check("unwind_severity_ppm", 2_000 <= unwind < 1_000_000 and unwind % 1_000 == 0,
                    "is a multiple of 1000, 2000..999000")  # fmt: skip
        cash = self.numeraire.decimals
        self._check(f"assets.{file.numeraire}.decimals", 0 <= cash <= 12, "is 0..12")
        for name, asset in self.assets.items():
            self._check(f"assets.{name}.decimals", 0 <= asset.decimals <= cash + GRID_DECIMALS - MARK_DECIMALS,
                        f"is 0..{cash + GRID_DECIMALS - MARK_DECIMALS}")  # fmt: skip
            self._check(f"assets.{name}.group", bool(asset.group), "is empty")
            self._check(f"assets.{name}.shock_ppm", 0 <= asset.shock_ppm <= MILLION, f"is 0..{MILLION}")
            for field, most in (("slippage_ppm", MAX_SLIPPAGE_PPM), ("basis_ppm", MAX_BASIS_PPM)):
                self._check(f"assets.{name}.{field}", 0 <= getattr(asset, field) <= most, f"is 0..{most}")
            if asset.depth is not None:
                depth = self._units(f"assets.{name}.depth", asset.depth, cash, least=1)
                self._check(f"assets.{name}.depth", depth <= MAX_SUPPLY, f"is at most {from_units(MAX_SUPPLY, cash)}")

    def _check(self, path: str, is_right: bool, rule: str) -> None:
        if not is_right:
            raise PortfolioError(f"{self._path(path)}: {rule}")

    def _units(self, path: str, text: str, decimals: int, *, least: int | None = 0) -> int:
        """Return a decimal string in units of `10**-decimals`, at least `least`."""
        if not _DECIMAL.fullmatch(text):
            raise PortfolioError(f"{self._path(path)}: {text[:40]!r} is not a decimal number")
        with self._field(path):
            units = to_units(text, decimals)
        if least is not None and units < least:
            raise PortfolioError(f"{self._path(path)}: {text} is {'not above' if least else 'below'} zero")
        return units

    def _decimals(self, path: str, asset: str) -> int:
        if asset == self.file.numeraire:
            return self.numeraire.decimals
        if asset not in self.assets:
            raise PortfolioError(f"{self._path(path)}: {asset!r} is not among the assets")
        return self.assets[asset].decimals

    def _read_contracts(self) -> list[_Contract]:
        """Return the perps to book: those of the file, or their net where they lie on both sides of a market."""
        read = [self._read_contract(f"portfolio.perps[{n}]", perp) for n, perp in enumerate(self.holdings.perps)]
        found = []
        for asset in dict.fromkeys(contract.asset for contract in read):
            same = [contract for contract in read if contract.asset == asset]
            if len({contract.size > 0 for contract in same}) > 1:
                sums = (sum(getattr(contract, field) for contract in same) for field in ("size", "cost", "funding"))
                same = [_Contract(asset, *sums)]
            found += same
        return found

    def _read_contract(self, path: str, perp: FilePerp) -> _Contract:
        decimals = self._decimals(f"{path}.asset", perp.asset)
        if perp.asset == self.file.numeraire:
            raise PortfolioError(f"{self._path(path)}.asset: the numeraire has no perpetual")
        size = self._units(f"{path}.size", perp.size, decimals, least=None)
        if size == 0:
            raise PortfolioError(f"{self._path(path)}.size: {perp.size} is zero")
        places = len(perp.entry.partition(".")[2])
        entry = self._units(f"{path}.entry", perp.entry, places, least=1)
        scale = 10 ** (decimals + places)
        cost = (2 * size * entry * 10**self.numeraire.decimals + scale) // (2 * scale)
        funding = self._units(f"{path}.funding", perp.funding, self.numeraire.decimals, least=None)
        return _Contract(perp.asset, size, cost, funding)

    # Booking.

    def _choose_lot(self, name: str) -> int:
        """Return a lot of a perp market: the largest power of ten quanta that divides every size in it."""
        lot = 1
        sizes = [contract.size for contract in self._contracts if contract.asset == name]
        mark = self._units(f"assets.{name}.mark", self.assets[name].mark, MARK_DECIMALS, least=1)
        worth = mark * 10**self.numeraire.decimals
        most = MAX_LOT_VALUE * 10 ** (MARK_DECIMALS + self.assets[name].decimals)
        while sizes and not any(size % (10 * lot) for size in sizes) and worth * 10 * lot <= most and any(sizes):
            lot *= 10
        return lot

    def _make_genesis(self) -> genesis.Genesis:
        file = self.file
        unwind = file.unwind_severity_ppm
        auction = 300_000 if unwind > 300_000 else unwind // 2 // 1_000 * 1_000
        venue = genesis.Venue(
            opens=_OPENS, unwind_ppm=unwind, auction_ppm=auction, lent_haircut_ppm=file.lent_haircut_ppm
        )  # fmt: skip
        assets = [genesis.Asset(symbol=file.numeraire, decimals=self.numeraire.decimals)]
        for name, asset in self.assets.items():
            assets.append(
                genesis.Asset(
                    symbol=name,
                    decimals=asset.decimals,
                    group=asset.group,
                    price_shock_ppm=asset.shock_ppm,
                    slippage_ppm=asset.slippage_ppm,
                    basis_ppm=asset.basis_ppm,
                    depth=asset.depth,
                )  # fmt: skip
            )
        return genesis.Genesis(venue=venue, assets=assets, markets=[*self._make_markets(assets)])

    def _make_markets(self, assets: list[genesis.Asset]) -> Iterator[genesis.Market]:
        for asset in assets:
            quantum = f"{from_units(1, asset.decimals):f}"
            yield genesis.Market(
                symbol=f"{asset.symbol} loan", kind="loan", asset=asset.symbol, lot=quantum,
                tenor_hours=self.file.tenor_hours,
            )  # fmt: skip
            if asset.symbol in self._lots:
                lot = self._lots[asset.symbol]
                tick = Decimal(10) ** (asset.decimals - self.numeraire.decimals) / lot  # one numeraire quantum a lot
                yield genesis.Market(
                    symbol=f"{asset.symbol} perp", kind="perp", asset=asset.symbol,
                    lot=f"{from_units(lot, asset.decimals):f}", tick=f"{tick:f}",
                )  # fmt: skip

    def _book(self) -> None:
        core = self.exchange.engine
        booking = Booking(core.state, core.ledger, core.loans, core.perps, core.outbox)
        for name, asset in self.assets.items():
            with self._field(f"assets.{name}.mark"):
                self.exchange.mark(name, asset.mark)
        realised = self._book_perps(booking)
        self._book_balances(booking, realised)
        self._book_loans(booking)
        self._check_bounds()

    def _check_bounds(self) -> None:
        """Refuse what lies beyond the bounds of the core's valuation, which would clamp it."""
        most = MAX_LEG * GRID
        for position in self.exchange.get_views(self.account.number).walk_positions():
            asset: Any = self.exchange.read_row("assets", position.asset)
            name = self.exchange.listing.asset(position.asset).symbol
            lot = self.exchange.read_row("markets", asset.perp_market).lot_quanta
            parts = (position.balance, position.owed, position.lent, abs(position.lots) * lot)
            if any(part * asset.unit > most for part in parts):
                raise PortfolioError(
                    f"{self._path('portfolio')}: {name} is worth more than {MAX_LEG} quanta, the bound"
                )
            exits = [parts[0] + parts[2], position.owed, parts[3]]
            if asset.holding_cap:
                exits[0] = min(exits[0], asset.holding_cap * GRID // asset.unit)
            if asset.depth and any((part * asset.unit) ** 2 > MAX_EXIT * asset.depth * GRID**2 for part in exits):
                raise PortfolioError(
                    f"{self._path(f'assets.{name}.depth')}: too small for what the portfolio has of it"
                )

    def _book_perps(self, booking: Booking) -> int:
        """Book the perps, each with a counterparty of its own; return what fully netted ones have lost."""
        realised = 0
        for number, contract in enumerate(self._contracts):
            if contract.size == 0:
                realised += contract.cost + contract.funding
                continue
            other = self.exchange.account(f"counterparty {number + 1}").number
            market = self.exchange.listing.market(f"{contract.asset} perp")
            lots = abs(contract.size) // market.lot_quanta
            parties = (self.account.number, other) if contract.size > 0 else (other, self.account.number)
            sign = 1 if contract.size > 0 else -1
            with self._field(f"portfolio.perps of {contract.asset}"):
                booking.add_perp(*parties, market.number, lots, abs(contract.cost), sign * contract.funding)
        return realised

    def _book_balances(self, booking: Booking, realised: int) -> None:
        balances = {}
        for asset, amount in self.holdings.balances.items():
            path = f"portfolio.balances.{asset}"
            balances[asset] = self._units(path, amount, self._decimals(path, asset))
        cash = balances.get(self.file.numeraire, 0) - realised
        balances[self.file.numeraire] = max(cash, 0)
        if cash < 0:
            with self._field("portfolio.perps"):
                booking.add_iou(self.exchange.account("counterparty 1").number, self.account.number, -cash)
        for asset, quanta in balances.items():
            if quanta:
                listed = self.exchange.listing.asset(asset)
                with self._field(f"portfolio.balances.{asset}"):
                    self.account.deposit(asset, listed.from_quanta(quanta))

    def _book_loans(self, booking: Booking) -> None:
        for number, loan in enumerate(self.holdings.borrowed):
            path = f"portfolio.borrowed[{number}]"
            self._check(f"{path}.rate_bp", 0 < loan.rate_bp <= MAX_RATE_BP, f"is 1..{MAX_RATE_BP}")
            self._book_loan(booking, path, loan, "lender", "portfolio", loan.rate_bp)
        for number, claim in enumerate(self.holdings.lent):
            self._book_loan(booking, f"portfolio.lent[{number}]", claim, "portfolio", "borrower", 1)

    def _book_loan(
        self, booking: Booking, path: str, loan: Borrowed | Lent, lender: str, borrower: str, rate_bp: int
    ) -> None:
        decimals = self._decimals(f"{path}.asset", loan.asset)
        principal = self._units(f"{path}.principal", loan.principal, decimals, least=1)
        market = self.exchange.listing.loan_market(f"{loan.asset} loan")
        parties = (self.exchange.account(name).number for name in (lender, borrower))
        with self._field(f"{path}.principal"):
            booking.add_loan(*parties, market.number, principal, rate_bp)


def read_portfolios(text: bytes) -> tuple[list[Portfolio], bool]:
    """Return the portfolios of a JSON text, and whether it is a list.  Raises PortfolioError naming the field."""
    try:
        data = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PortfolioError(f"not JSON: {error}") from None
    if isinstance(data, list):
        return [Portfolio(part, f"[{number}]") for number, part in enumerate(data)], True
    return [Portfolio(data)], False
