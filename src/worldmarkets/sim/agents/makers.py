"""Market makers: each carries its part of a played book, and leans against what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from worldmarkets.exchange.listing import Market
from worldmarkets.exchange.outbound import format_price, format_units
from worldmarkets.schemas.commands import MassQuote, Quote
from worldmarkets.sim.agents.films import BASIS, BUCKETS_BP, ONE, Sight
from worldmarkets.sim.agents.played import Played
from worldmarkets.sim.agents.trader import Agent, Key, Trader

if TYPE_CHECKING:
    from worldmarkets.node.node import Node

MAKERS = 3  # that share a book
FUNDS = 5_000_000  # numeraire of each maker in each market, and as much again of the asset of a spot market
MOST = 150_000  # numeraire of one quote at most
LEAN_BP = 4  # how far quotes move away from what a maker is full of
FULL = 1_000_000  # numeraire of a position at which it is full
Ladder = dict[tuple[str, int], tuple[int, int]]  # side and level: price in ticks, size in lots


class Units:
    """A market's ticks and lots in what is played: a tick in 1e-8 of the numeraire, a lot in 1e-8 of a token."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.tick = int(market.tick * ONE)
        self.lot = market.lot_quanta * 10 ** (8 - market.asset.decimals)

    def write(self, side: str, level: int, ticks: int, lots: int) -> Quote:
        """Return a quote, as it is sent."""
        size = format_units(lots * self.market.lot_quanta, self.market.asset.decimals)
        return Quote(market=self.market.symbol, side=side, level=level, price=format_price(self.market, ticks),
                     size=size if lots else "")  # fmt: skip


def find_changes(wanted: Ladder, resting: Ladder, tolerances: Mapping[int, int]) -> Ladder:
    """Return the quotes to send: what is missing, lies too far from where it should, or is of another size.

    `tolerances` are the ticks, by level, that a quote may be off.  A quote that nobody wants is withdrawn.
    """
    changes: Ladder = {}
    for slot, (ticks, lots) in wanted.items():
        there = resting.get(slot)
        if there is None:
            if lots:
                changes[slot] = ticks, lots
        elif abs(there[0] - ticks) > tolerances.get(slot[1], 0) or not lots <= 2 * there[1] <= 4 * lots:
            changes[slot] = ticks, lots
    changes |= {slot: (there[0], 0) for slot, there in resting.items() if slot not in wanted}
    return changes


class Quoter(Agent):
    """An agent that keeps a ladder of quotes in one market."""

    slide = True

    def __init__(self, node: Node, key: Key, market: Market) -> None:
        super().__init__()
        self.units = Units(market)
        self.trader = Trader(node, key, market.number)
        self.traders = [self.trader]
        self.tolerances: dict[int, int] = {}

    def get_resting(self) -> Ladder:
        """Return the quotes that rest, as the exchange has them."""
        market = self.units.market
        return {
            (quote.side if market.kind != "loan" else _LOAN_SIDES.get(quote.side, quote.side), quote.level): (
                market.to_ticks(quote.price),
                market.to_lots(quote.size),
            )
            for quote in self.trader.account.quotes
        }

    async def keep(self, wanted: Ladder) -> None:
        """Send what differs between the quotes wanted and those that rest."""
        changes = find_changes(wanted, self.get_resting(), self.tolerances)
        if changes:
            quotes = [self.units.write(*slot, *quoted) for slot, quoted in changes.items()]
            await self.trader.send(MassQuote(quotes=quotes, slide=self.slide))


_LOAN_SIDES = {"borrow": "buy", "lend": "sell"}


class Maker(Quoter):
    """One of the makers of a spot or perp market: of every bucket of the played book it quotes its part."""

    def __init__(self, node: Node, key: Key, market: Market, played: Played, place: int, period: float) -> None:
        super().__init__(node, key, market)
        self.name = f"{key.name} in {market.symbol}"
        self.period = period
        self._played = played
        self._place = place

    def get_funds(self) -> list[tuple[Trader, dict[str, Decimal]]]:
        """Return what it needs: numeraire, and the asset that it sells in a spot market."""
        market = self.units.market
        numeraire = self.trader.node.exchange.listing.numeraire.symbol
        funds = {numeraire: Decimal(FUNDS)}
        if market.kind == "spot":
            funds[market.asset.symbol] = Decimal(self._compute_stock() * self.units.lot) / ONE
        return [(self.trader, funds)]

    def _compute_stock(self) -> int:
        mid = self._played.see(self.trader.node.clock.now_us()).mid
        return FUNDS * ONE * ONE // mid // self.units.lot

    async def step(self) -> None:
        """Bring its quotes to where the played book is now."""
        sight = self._played.see(self.trader.node.clock.now_us())
        await self.keep(self.make_ladder(sight, self._compute_lean(sight.mid)))

    def _compute_lean(self, mid: int) -> int:
        """Return how far to lean, in units of a mark: down when it holds more than it began with."""
        market = self.units.market
        position = next((one for one in self.trader.account.positions if one.asset == market.asset.symbol), None)
        if position is None:
            return 0
        if market.kind == "perp":
            held = position.perp
        else:
            held = position.balance - Decimal(self._compute_stock() * self.units.lot) / ONE
        worth = int(held * mid) // ONE
        return -mid * LEAN_BP * max(-FULL, min(worth, FULL)) // (BASIS * FULL)

    def make_ladder(self, sight: Sight, lean: int = 0) -> Ladder:
        """Return the quotes that are its part of a book."""
        units, ladder = self.units, {}
        most = MOST * ONE * ONE // sight.mid
        for side, best, sizes, sign in (("buy", sight.bid, sight.bids, -1), ("sell", sight.ask, sight.asks, 1)):
            for level, size in enumerate(sizes):
                low, high = BUCKETS_BP[level], BUCKETS_BP[level + 1]
                away_bp = low + (high - low) * self._place / MAKERS
                price = best + lean + sign * round(best * away_bp / BASIS)
                ticks = price // units.tick if sign < 0 else -(-price // units.tick)
                self.tolerances[level] = round(best * max(away_bp / 4, 0.1) / BASIS) // units.tick
                lots = max(min(size // MAKERS, most) // units.lot, _least_lots(units, sight.mid))
                ladder[side, level] = max(ticks, 1), lots
        return ladder


def _least_lots(units: Units, mid: int) -> int:
    """Return the lots of a quote worth about a hundred of the numeraire: no bucket is left empty."""
    return max(100 * ONE * ONE // mid // units.lot, 1)
