"""A portfolio from a file, booked into a venue of its own and valued there by the core.

Genesis books it past admission, since a portfolio may be short of margin.  From there on the account trades like any
other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from worldmarkets.core.booking import Booking
from worldmarkets.core.units import GRID, MAX_EXIT, MAX_LEG, MAX_LOT_VALUE
from worldmarkets.exchange import genesis
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.exchange import Exchange
from worldmarkets.exchange.portfolio_file import Loan, PortfolioFile, read_files
from worldmarkets.exchange.units import MARK_DECIMALS, from_units

CAPACITY = {
    "assets": 128, "groups": 128, "markets": 256, "sides": 1_024, "nodes": 1_024, "children": 1 << 16,
    "levels": 1 << 16, "orders": 64, "clients": 64, "owners": 4_096, "accounts": 4_096, "figures": 1 << 14,
    "positions": 1 << 14, "perps": 4_096, "loans": 1 << 14,
}  # fmt: skip
_OPENS = datetime(2025, 1, 1, tzinfo=UTC)
_AUCTION_PPM = 300_000


@dataclass(frozen=True, slots=True)
class Margin:
    """What a portfolio is worth.  `resilience` is None when that is less than zero, and at most 10."""

    name: str
    nav: Decimal
    available_margin: Decimal
    v_unwind: Decimal
    resilience: Decimal | None


class Portfolio:
    """A portfolio file, booked: `account` is its holder in `exchange`.  Raises PortfolioError naming the field."""

    def __init__(self, file: PortfolioFile) -> None:
        self.file = file
        self._lots = {name: self._choose_lot(name) for name in file.assets}
        with file.field("assets"):
            self.exchange = Exchange(self._make_genesis(), capacity=CAPACITY)
        self.account: Account = self.exchange.account("portfolio")
        core = self.exchange.engine
        self._booking = Booking(core.state, core.ledger, core.loans, core.perps, core.outbox)
        for name, asset in file.assets.items():
            with file.field(f"assets.{name}.mark"):
                self.exchange.mark(name, asset.mark)
        self._book_balances(self._book_perps())
        for loan in file.borrowed:
            self._book_loan(loan, "lender", "portfolio")
        for loan in file.lent:
            self._book_loan(loan, "portfolio", "borrower")
        self._check_bounds()

    @property
    def unwind(self) -> Decimal:
        """The severity of the unwind rung."""
        return from_units(self.file.unwind_ppm, 6)

    def value(self) -> Margin:
        """Return what the account is worth, as the core says."""
        return Margin(
            self.file.name, self.account.nav, self.account.available_margin, self.account.value(self.unwind),
            self.account.resilience,
        )  # fmt: skip

    # The venue.

    def _choose_lot(self, name: str) -> int:
        """Return a lot of a perp market: the largest power of ten quanta that divides every size in it."""
        lot = 1
        sizes = [contract.size for contract in self.file.contracts if contract.asset == name and contract.size]
        worth = self.file.marks[name] * 10**self.file.cash_decimals
        most = MAX_LOT_VALUE * 10 ** (MARK_DECIMALS + self.file.assets[name].decimals)
        while sizes and not any(size % (10 * lot) for size in sizes) and worth * 10 * lot <= most:
            lot *= 10
        return lot

    def _make_genesis(self) -> genesis.Genesis:
        file = self.file
        auction = _AUCTION_PPM if file.unwind_ppm > _AUCTION_PPM else file.unwind_ppm // 2_000 * 1_000
        venue = genesis.Venue(
            opens=_OPENS, unwind_ppm=file.unwind_ppm, auction_ppm=auction, lent_haircut_ppm=file.lent_haircut_ppm
        )  # fmt: skip
        assets = [genesis.Asset(symbol=file.numeraire, decimals=file.cash_decimals)]
        for name, asset in file.assets.items():
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
            yield genesis.Market(
                symbol=f"{asset.symbol} loan", kind="loan", asset=asset.symbol,
                lot=f"{from_units(1, asset.decimals):f}", tenor_hours=self.file.tenor_hours,
            )  # fmt: skip
            if asset.symbol in self._lots:
                lot = self._lots[asset.symbol]
                tick = Decimal(10) ** (asset.decimals - self.file.cash_decimals) / lot  # a numeraire quantum a lot
                yield genesis.Market(
                    symbol=f"{asset.symbol} perp", kind="perp", asset=asset.symbol,
                    lot=f"{from_units(lot, asset.decimals):f}", tick=f"{tick:f}",
                )  # fmt: skip

    # Booking.

    def _book_perps(self) -> int:
        """Book the perps, each with a counterparty of its own; return what fully netted ones have lost."""
        realised = 0
        for number, contract in enumerate(self.file.contracts, 1):
            if contract.size == 0:
                realised += contract.cost + contract.funding
                continue
            other = self.exchange.account(f"counterparty {number}").number
            market = self.exchange.listing.market(f"{contract.asset} perp")
            lots = abs(contract.size) // market.lot_quanta
            sign = 1 if contract.size > 0 else -1
            parties = (self.account.number, other)[::sign]
            with self.file.field(f"portfolio.perps of {contract.asset}"):
                self._booking.add_perp(*parties, market.number, lots, abs(contract.cost), sign * contract.funding)
        return realised

    def _book_balances(self, realised: int) -> None:
        """Deposit the balances less a loss already made; what they do not cover of it is an IOU."""
        balances = dict(self.file.balances)
        cash = balances.pop(self.file.numeraire, 0) - realised
        if cash < 0:
            with self.file.field("portfolio.perps"):
                payee = self.exchange.account("counterparty 1").number
                self._booking.add_iou(payee, self.account.number, -cash)
        for asset, quanta in [(self.file.numeraire, max(cash, 0)), *balances.items()]:
            if quanta:
                with self.file.field(f"portfolio.balances.{asset}"):
                    self.account.deposit(asset, self.exchange.listing.asset(asset).from_quanta(quanta))

    def _book_loan(self, loan: Loan, lender: str, borrower: str) -> None:
        market = self.exchange.listing.loan_market(f"{loan.asset} loan")
        parties = (self.exchange.account(name).number for name in (lender, borrower))
        with self.file.field(f"{loan.path}.principal"):
            self._booking.add_loan(*parties, market.number, loan.principal, loan.rate_bp)

    def _check_bounds(self) -> None:
        """Refuse what lies beyond the bounds of the core's valuation, which would clamp it."""
        most = MAX_LEG * GRID
        for position in self.exchange.get_views(self.account.number).walk_positions():
            asset: Any = self.exchange.read_row("assets", position.asset)
            name = self.exchange.listing.asset(position.asset).symbol
            lot = self.exchange.read_row("markets", asset.perp_market).lot_quanta
            parts = (position.balance, position.owed, position.lent, abs(position.lots) * lot)
            is_bounded = all(part * asset.unit <= most for part in parts)
            self.file.check("portfolio", is_bounded, f"{name} is worth more than {MAX_LEG} quanta")
            exits = [parts[0] + parts[2], position.owed, parts[3]]
            if asset.holding_cap:
                exits[0] = min(exits[0], asset.holding_cap * GRID // asset.unit)
            bound = MAX_EXIT * asset.depth * GRID**2
            is_deep = not asset.depth or all((part * asset.unit) ** 2 <= bound for part in exits)
            self.file.check(f"assets.{name}.depth", is_deep, "too small for this portfolio")


def read_portfolios(text: bytes) -> tuple[list[Portfolio], bool]:
    """Return the portfolios of a JSON text, and whether it is a list.  Raises PortfolioError naming the field."""
    parsed, is_list = read_files(text)
    return [Portfolio(file) for file in parsed], is_list
