"""Those who take: each with a plan of a few lines, and bounded in what it holds.

- `Flow` sends what takers did in the played market, a second at a time, until it holds too much one way.
- `Basis` borrows numeraire, buys ETH with it and sells the perpetual against it, in one bundle; two minutes later it
  gives all of it back, in another.
- `Hedger` comes by some stETH now and then, and sells as much of the ETH perpetual; when it has enough, it sells both.
- `Momentum` follows moves of half a minute in a perpetual, and closes when they end.
- `Borrower` takes a small loan in one book after another, and repays it minutes later.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from worldmarkets.exchange.listing import Market
from worldmarkets.exchange.outbound import format_units
from worldmarkets.schemas.commands import CancelAll, PlaceOrder, RepayLoan
from worldmarkets.sim.agents.films import BASIS, ONE
from worldmarkets.sim.agents.makers import Units
from worldmarkets.sim.agents.played import Played
from worldmarkets.sim.agents.trader import Agent, Key, Trader

if TYPE_CHECKING:
    from worldmarkets.node.node import Node

SECOND_US = 1_000_000
SLIPPAGE = "0.3%"
FUNDS = Decimal(2_000_000)
HELD = 300_000  # numeraire of a position that a taker does not go beyond
MOST = 60_000  # numeraire of one order


def take(market: Market, side: str, size: Decimal, *, reduce_only: bool = False) -> PlaceOrder:
    """Return an order at the market, for what is there at once."""
    return PlaceOrder(market=market.symbol, side=side, size=f"{size:f}", slippage=SLIPPAGE, time_in_force="ioc",
                      reduce_only=reduce_only)  # fmt: skip


def to_size(market: Market, amount: Decimal) -> Decimal:
    """Return an amount in whole lots."""
    return (amount / market.lot).to_integral_value(ROUND_DOWN) * market.lot


class Taker(Agent):
    """A taker with one account."""

    def __init__(self, node: Node, key: Key, index: int = 0) -> None:
        super().__init__()
        self.node = node
        self.name = key.name
        self.trader = Trader(node, key, index)
        self.traders = [self.trader]

    def get_funds(self) -> list[tuple[Trader, dict[str, Decimal]]]:
        """Return what it needs: numeraire."""
        return [(self.trader, {self.node.exchange.listing.numeraire.symbol: FUNDS})]

    @property
    def now_us(self) -> int:
        """The time."""
        return self.node.clock.now_us()

    def get_position(self, asset: str) -> tuple[Decimal, Decimal]:
        """Return its balance of an asset, and its perpetuals on it."""
        found = next((one for one in self.trader.account.positions if one.asset == asset), None)
        return (Decimal(0), Decimal(0)) if found is None else (found.balance, found.perp)


class Flow(Taker):
    """The takers of the played market, as one account a market."""

    period = 1.0

    def __init__(self, node: Node, key: Key, market: Market, played: Played) -> None:
        super().__init__(node, key, market.number)
        self.name = f"{key.name} in {market.symbol}"
        self._units = Units(market)
        self._played = played
        self._until_us = self.now_us

    def get_funds(self) -> list[tuple[Trader, dict[str, Decimal]]]:
        """Return what it needs: numeraire, and in a spot market the asset."""
        funds = dict(super().get_funds()[0][1])
        market = self._units.market
        if market.kind == "spot":
            mid = Decimal(self._played.see(self.now_us).mid) / ONE
            funds[market.asset.symbol] = to_size(market, Decimal(2 * HELD) / mid)
        return [(self.trader, funds)]

    async def step(self) -> None:
        """Send what was bought and sold since the last step."""
        now_us = self.now_us
        since, self._until_us = max(self._until_us, now_us - 2 * SECOND_US), now_us
        mid = self._played.see(now_us).mid
        market, unit = self._units.market, self._units.lot
        for side, size in zip(("buy", "sell"), self._played.get_flow(since, now_us), strict=True):
            lots = min(size, MOST * ONE * ONE // mid) // unit
            if lots * mid * unit >= 10 * ONE * ONE and not self._is_full(side, mid):
                text = format_units(lots * market.lot_quanta, market.asset.decimals)
                await self.trader.send(take(market, side, Decimal(text)))

    def _is_full(self, side: str, mid: int) -> bool:
        """Say whether it holds as much as it may, of what a side adds to."""
        market = self._units.market
        balance, perp = self.get_position(market.asset.symbol)
        held = perp if market.kind == "perp" else balance - Decimal(2 * HELD * ONE) / mid
        worth = held * mid / ONE
        return worth > HELD if side == "buy" else worth < -HELD


class Basis(Taker):
    """Carries a levered basis: long ETH on borrowed numeraire, short the perpetual."""

    period = 5.0
    hold_s = 120
    size = Decimal(20)

    def __init__(self, node: Node, key: Key, spot: Market, perp: Market, loans: Market) -> None:
        super().__init__(node, key)
        self._spot, self._perp, self._loans = spot, perp, loans
        self._changed_us = 0

    async def step(self) -> None:
        """Build the position, or give it back when it has been held."""
        if self.now_us - self._changed_us < self.hold_s * SECOND_US:
            return
        mark = self.node.exchange.market(self._spot.symbol).mark
        ask = self.node.exchange.market(self._loans.symbol).ask
        if mark is None or ask is None:
            return
        held, perp = self.get_position(self._spot.asset.symbol)
        if perp < 0 or held > self._spot.lot * 100:
            loans = [loan for loan in self.trader.account.loans if loan.side == "borrowed"]
            legs = [take(self._perp, "buy", -perp, reduce_only=True)] if perp else []
            legs += [take(self._spot, "sell", to_size(self._spot, held))]
            receipt = await self.trader.send(*legs, *(RepayLoan(loan=loan.id) for loan in loans))
        else:
            principal = to_size(self._loans, self.size * mark)
            receipt = await self.trader.send(
                PlaceOrder(market=self._loans.symbol, side="buy", size=f"{principal:f}", price=f"{ask.price + 1:f}%",
                           time_in_force="ioc"),
                take(self._spot, "buy", self.size),
                take(self._perp, "sell", self.size),
            )  # fmt: skip
        if receipt is not None and receipt.accepted:
            self._changed_us = self.now_us


class Hedger(Taker):
    """Comes by stETH and hedges it with the ETH perpetual."""

    period = 12.0
    portion = Decimal("2.5")
    most = Decimal(40)

    def __init__(self, node: Node, key: Key, spot: Market, perp: Market) -> None:
        super().__init__(node, key)
        self._spot, self._perp = spot, perp

    async def step(self) -> None:
        """Buy a portion and hedge it; with too much of it, sell all and close the hedge."""
        held, perp = self.get_position(self._spot.asset.symbol)[0], self.get_position(self._perp.asset.symbol)[1]
        if held > self.most:
            legs = [take(self._spot, "sell", to_size(self._spot, held))]
            legs += [take(self._perp, "buy", -perp, reduce_only=True)] if perp < 0 else []
            await self.trader.send(*legs)
            return
        await self.trader.send(take(self._spot, "buy", self.portion))
        short = to_size(self._perp, self.get_position(self._spot.asset.symbol)[0]) + perp
        if short >= self._perp.lot * 10:
            await self.trader.send(take(self._perp, "sell", short))


class Momentum(Taker):
    """Goes with a move of a perpetual's mark over half a minute, as long as it lasts; a stop goes with it."""

    period = 3.0
    look_s = 30
    enter_bp = 4
    worth = 40_000
    stop_bp = 40

    def __init__(self, node: Node, key: Key, market: Market) -> None:
        super().__init__(node, key, market.number)
        self.name = f"{key.name} in {market.symbol}"
        self._market = market
        self._marks: list[tuple[int, Decimal]] = []

    async def step(self) -> None:
        """Enter, hold or leave."""
        mark = self.node.exchange.market(self._market.symbol).mark
        if mark is None:
            return
        now_us = self.now_us
        self._marks = [one for one in self._marks if one[0] > now_us - self.look_s * SECOND_US] + [(now_us, mark)]
        move_bp = (mark / self._marks[0][1] - 1) * BASIS
        position = self.get_position(self._market.asset.symbol)[1]
        if position and move_bp * position.copy_sign(1) * (1 if position > 0 else -1) <= 0:
            side = "sell" if position > 0 else "buy"
            await self.trader.send(
                take(self._market, side, abs(position), reduce_only=True), CancelAll(market=self._market.symbol)
            )
        elif not position and abs(move_bp) >= self.enter_bp:
            size = to_size(self._market, self.worth / mark)
            is_up = move_bp > 0
            trigger = mark * (1 + Decimal(-self.stop_bp if is_up else self.stop_bp) / BASIS)
            ticks = (trigger / self._market.tick).to_integral_value(ROUND_DOWN)
            stop = PlaceOrder(market=self._market.symbol, side="sell" if is_up else "buy", size=f"{size:f}",
                              slippage="1%", reduce_only=True, stop=f"{ticks * self._market.tick:f}",
                              time_in_force="ioc")  # fmt: skip
            await self.trader.send(take(self._market, "buy" if is_up else "sell", size), stop)


class Borrower(Taker):
    """Takes small loans, one book after another, and repays them."""

    period = 7.0
    hold_s = 180
    worth = 5_000

    def __init__(self, node: Node, key: Key, books: list[Market]) -> None:
        super().__init__(node, key)
        self._books = books
        self._turn = 0

    def get_funds(self) -> list[tuple[Trader, dict[str, Decimal]]]:
        """Return what it needs: numeraire as collateral, and some of each asset to pay interest from."""
        exchange = self.node.exchange
        funds = dict(super().get_funds()[0][1])
        for book in self._books:
            mark = exchange.prices.get(book.asset.symbol)
            if book.asset != exchange.listing.numeraire and mark:
                funds[book.asset.symbol] = to_size(book, self.worth / mark)
        return [(self.trader, funds)]

    async def step(self) -> None:
        """Repay what is old, and borrow in the next book."""
        now_us = self.now_us
        for loan in self.trader.account.loans:
            if loan.side == "borrowed" and now_us / SECOND_US - loan.start.timestamp() > self.hold_s:
                await self.trader.send(RepayLoan(loan=loan.id))
        self._turn += 1
        book = self._books[self._turn % len(self._books)]
        view = self.node.exchange.market(book.symbol)
        ask, mark = view.ask, view.mark or Decimal(1)
        if ask is not None:
            size = max(to_size(book, self.worth / mark), book.lot)
            await self.trader.send(
                PlaceOrder(market=book.symbol, side="buy", size=f"{size:f}", price=f"{ask.price:f}%",
                           time_in_force="ioc")
            )  # fmt: skip
