"""Lenders of every asset and tenor, and somebody who bids for loans below them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from worldmarkets.exchange.listing import Market
from worldmarkets.schemas.commands import CancelAll, RepayLoan
from worldmarkets.sim.agents.films import ONE
from worldmarkets.sim.agents.makers import Ladder, Quoter
from worldmarkets.sim.agents.played import SyntheticMarket, Walk
from worldmarkets.sim.agents.trader import Key, Trader

if TYPE_CHECKING:
    from worldmarkets.node.node import Node

# The yearly rate of ten days, in basis points, around which an asset's rates walk: SYNTHETIC, as all of this is.
RATES_BP = {"USDM": 600, "BTC": 150, "ETH": 250, "stETH": 300, "SOL": 500, "MEGA": 2_000, "USDC": 550, "USDT": 580}
TENORS = {24: 80, 240: 100, 720: 125}  # a tenor's rate, in hundredths of that
STEPS_BP = (0, 8, 20, 45, 90, 180)
WORTH = 2_000_000  # numeraire that a lender has in each book
CLEAN_STEPS = 120
HOLD_S = 600


class Rates:
    """Where the rates of a loan book are."""

    def __init__(self, market: Market, seed: int) -> None:
        base = RATES_BP[market.asset.symbol] * TENORS.get(market.tenor_hours, 100) / 100
        self._walk = SyntheticMarket(f"rate/{market.symbol}", Walk(base, 4.0, 0, 1), seed)

    def get_rate(self, time_us: int) -> int:
        """Return the rate at a time, in basis points."""
        return max(round(self._walk.get_price(time_us) / ONE), 10)


class Lender(Quoter):
    """Lends in one book: more of its funds the higher the rate."""

    slide = False
    period = 4.0

    def __init__(self, node: Node, key: Key, market: Market, rates: Rates, place: int, worth: int) -> None:
        """`worth` is what one token is worth in the numeraire, in units of a mark."""
        super().__init__(node, key, market)
        self.name = f"{key.name} in {market.symbol}"
        self._rates = rates
        self._place = place
        self._stock = WORTH * ONE * ONE // worth // self.units.lot  # lots
        self._steps = place * CLEAN_STEPS // 2
        self.tolerances = dict.fromkeys(range(len(STEPS_BP)), 1)

    def get_funds(self) -> list[tuple[Trader, dict[str, Decimal]]]:
        """Return what it needs: what it lends."""
        market = self.units.market
        return [(self.trader, {market.asset.symbol: market.from_lots(self._stock)})]

    async def step(self) -> None:
        """Bring its offers to the rate of the moment; now and then take away what repaid loans offered anew."""
        self._steps += 1
        if self._steps % CLEAN_STEPS == 0:
            await self.trader.send(CancelAll(market=self.units.market.symbol))
        rate = self._rates.get_rate(self.trader.node.clock.now_us())
        await self.keep(self.make_ladder(rate))

    def make_ladder(self, rate: int) -> Ladder:
        """Return its offers around a rate."""
        lots = max(self._stock // (3 * len(STEPS_BP)), 1)
        return {
            ("sell", level): (rate + 4 + 3 * self._place + step, lots * (level + 2) // 3)
            for level, step in enumerate(STEPS_BP)
        }


class Bidder(Quoter):
    """Bids for loans in one book, below the lenders, and repays after `HOLD_S`: its collateral is numeraire."""

    slide = False
    period = 5.0

    def __init__(self, node: Node, key: Key, market: Market, rates: Rates, worth: int) -> None:
        super().__init__(node, key, market)
        self.name = f"{key.name} in {market.symbol}"
        self._rates = rates
        self._stock = WORTH * ONE * ONE // worth // self.units.lot // 8
        self.tolerances = dict.fromkeys(range(len(STEPS_BP)), 1)

    def get_funds(self) -> list[tuple[Trader, dict[str, Decimal]]]:
        """Return what it needs: collateral, and some of the asset to pay interest from."""
        market, numeraire = self.units.market, self.trader.node.exchange.listing.numeraire.symbol
        funds = {market.asset.symbol: market.from_lots(self._stock // 10 + 1)}
        return [(self.trader, funds | {numeraire: Decimal(WORTH)})]

    async def step(self) -> None:
        """Repay what is old, and bring its bids to the rate of the moment."""
        now_us = self.trader.node.clock.now_us()
        account = self.trader.account
        for loan in account.loans:
            if loan.side == "borrowed" and now_us / 1e6 - loan.start.timestamp() > HOLD_S:
                await self.trader.send(RepayLoan(loan=loan.id))
        rate, lots = self._rates.get_rate(now_us), max(self._stock // len(STEPS_BP), 1)
        await self.keep({("buy", level): (max(rate - 4 - step, 1), lots) for level, step in enumerate(STEPS_BP)})
