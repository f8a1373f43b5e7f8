"""Market makers that carry a recorded book: what rests in the engine at each price is what the recording says.

A recorded level is the total of many people's orders, of which the recording names none. Here each is divided over a
crowd of maker accounts, chosen by its price, and over a guest: a portfolio that makes this market too. The guest's
quote at the best price is a part of the recorded size, not an addition to it. It quotes both sides by mass quote, and
its protection may pull both at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from worldmarkets.core import codes
from worldmarkets.sim import wire
from worldmarkets.sim.desk import Desk, Quote
from worldmarkets.sim.timeline import Update
from worldmarkets.sim.venue import Market

_SPREAD = 2_654_435_761  # Knuth's multiplier: neighbouring prices go to makers far apart
MOST_ORDERS = 6  # a level has at most so many orders of the crowd; what comes then makes the last one larger
BUY: int = codes.BUY
SELL: int = codes.SELL


class Side:
    """One side of a carried book: the recorded levels, the orders that carry them, and what no longer agrees."""

    __slots__ = ("best", "dirty", "guest", "levels", "recorded", "side")

    def __init__(self, side: int) -> None:
        self.side = side
        self.recorded: dict[int, int] = {}
        self.levels: dict[int, list[Quote]] = {}
        self.dirty: set[int] = set()
        self.guest: Quote | None = None
        self.best = 0

    def record(self, changes: Sequence[tuple[int, int]]) -> None:
        """Takes the recorded levels over, and finds the best price anew where it has gone."""
        recorded, best = self.recorded, self.best
        is_better = int.__gt__ if self.side == BUY else int.__lt__
        for price, lots in changes:
            if lots:
                recorded[price] = lots
                if not best or is_better(price, best):
                    best = price
            else:
                recorded.pop(price, None)
        if best not in recorded:
            best = 0 if not recorded else max(recorded) if self.side == BUY else min(recorded)
        self.best = best

    def get_resting(self, price: int) -> int:
        """Returns the lots of all orders at a price, the guest's with them."""
        lots = sum(quote.lots for quote in self.levels.get(price, ()))
        return lots + self.guest.lots if self.guest and self.guest.price == price else lots


class Makers:
    """A crowd of makers in one market, and its guest."""

    def __init__(self, desk: Desk, market: Market, accounts: Sequence[int]) -> None:
        self.desk = desk
        self.market = market
        self.accounts = accounts
        self.sides = (Side(BUY), Side(SELL))
        self.quotes: dict[int, Quote] = {}
        self.guest_account = 0
        self.ask_guest: Callable[[int], int] = lambda side: 0  # lots the guest would quote at the best price of a side
        self.corrections = 0
        self.pulled = 0  # the guest's quotes, by its protection
        self.lost = 0  # orders that the engine would not place, or took away itself
        self._removals: list[bytes] = []
        self._additions: list[bytes] = []
        self._placed: list[tuple[int, Quote]] = []
        self._quotes: dict[int, tuple[int, int]] = {}  # what the guest's next mass quote says: price and lots by side
        desk.on_filled[market.number] = self._on_filled
        desk.on_cancelled[market.number] = self._on_cancelled

    def follow(self, update: Update) -> None:
        """Brings the engine's book to the recorded one: removals first, then additions, in one batch."""
        for side, changes in zip(self.sides, (update.bids, update.asks), strict=True):
            prices = dict.fromkeys(price for price, _ in changes)
            side.record(changes)
            if side.dirty:
                for price in sorted(side.dirty.difference(prices)):
                    self.corrections += side.get_resting(price) != side.recorded.get(price, 0)
                    prices[price] = None
                side.dirty.clear()
            if self.guest_account:
                prices.update(dict.fromkeys(self._move_guest(side)))
            for price in prices:
                self._settle(side, price)
        self._send()

    def _move_guest(self, side: Side) -> list[int]:
        """Plans to withdraw the guest's quote where it should not stand, or another; returns the prices touched."""
        touched, moved = [], 0
        wanted = self.ask_guest(side.side)
        guest, best = side.guest, side.best
        if guest is not None and (guest.price != best or not wanted or guest.lots > side.recorded[best]):
            touched.append(guest.price)
            self._quotes[side.side] = (guest.price, 0)
            moved = guest.id
            del self.quotes[moved]
            side.guest = guest = None
        if guest is None and best:
            lots = min(wanted, side.recorded[best] // 4)
            if lots > 0:
                touched.append(best)
                side.guest = Quote(self.guest_account, side.side, best, lots)
                side.guest.id = moved  # a quote that moves keeps its order
                self._quotes[side.side] = (best, lots)
        return touched

    def _settle(self, side: Side, price: int) -> None:
        """Plans what makes the crowd's orders at a price carry what is recorded there less the guest's part."""
        wanted = side.recorded.get(price, 0)
        if side.guest is not None and side.guest.price == price:
            wanted -= side.guest.lots
        quotes = side.levels.get(price)
        if quotes is None:
            if wanted:
                side.levels[price] = [self._place(self._choose(price, 0), side.side, price, wanted)]
            return
        change = wanted - sum(quote.lots for quote in quotes)
        while change < 0:  # the youngest order goes first: the older ones keep their place in the queue
            quote = quotes[-1]
            if quote.lots <= -change:
                change += quote.lots
                quotes.pop()
                self._cancel(quote)
            else:
                quote.lots += change
                change = 0
                self._amend(quote, self._removals)
        if change > 0:
            if len(quotes) < MOST_ORDERS:
                quotes.append(self._place(self._choose(price, len(quotes)), side.side, price, change))
            else:
                quotes[-1].lots += change
                self._amend(quotes[-1], self._additions)
        if not quotes:
            del side.levels[price]

    def _choose(self, price: int, number: int) -> int:
        return self.accounts[((price * _SPREAD >> 12) + 17 * number) % len(self.accounts)]

    def _place(self, account: int, side: int, price: int, lots: int) -> Quote:
        quote = Quote(account, side, price, lots)
        self._placed.append((len(self._additions), quote))
        self._additions.append(
            wire.place_order(
                self.desk.now_us, account, self.market.number, side, price, lots, flags=codes.POST_ONLY
            )  # fmt: skip
        )
        return quote

    def _amend(self, quote: Quote, plan: list[bytes]) -> None:
        plan.append(wire.amend_order(self.desk.now_us, quote.account, quote.id, quote.price, quote.lots))

    def _cancel(self, quote: Quote) -> None:
        del self.quotes[quote.id]
        self._removals.append(wire.cancel_order(self.desk.now_us, quote.account, quote.id))

    def _send(self) -> None:
        """Sends removals, then the guest's mass quote, which stands in nobody's way by then, then additions."""
        removals, additions, placed = self._removals, self._additions, self._placed
        quotes, self._quotes = self._quotes, {}
        self._removals, self._additions, self._placed = [], [], []
        quoted = {}
        if quotes:
            named = [(side, *quote) for side, quote in sorted(quotes.items())]
            removals.append(wire.mass_quote(self.desk.now_us, self.guest_account, self.market.number, named))
            quoted = {side: guest for side in quotes if (guest := self.sides[side].guest) is not None}
        self.desk.send(removals + additions, {len(removals) + place: quote for place, quote in placed}, quoted)
        for quote in [*(quote for _, quote in placed), *quoted.values()]:
            if quote.id:
                self.quotes[quote.id] = quote
            else:
                self._lose(quote)

    def _on_filled(self, order: int, left: int) -> None:
        quote = self.quotes[order]
        quote.lots = left
        self.sides[quote.side].dirty.add(quote.price)
        if not left:
            del self.quotes[order]
            self._drop(quote)

    def _on_cancelled(self, order: int, reason: int) -> bool:
        """An order that the engine took away: it could not be carried, or stood in its owner's own way."""
        quote = self.quotes.pop(order, None)
        if quote is None:
            return False
        if reason == codes.REASON_PROTECTION:
            self.pulled += 1
            self.sides[quote.side].dirty.add(quote.price)
            self._drop(quote)
        else:
            self._lose(quote)
        return True

    def _lose(self, quote: Quote) -> None:
        self.lost += 1
        self.sides[quote.side].dirty.add(quote.price)
        self._drop(quote)

    def _drop(self, quote: Quote) -> None:
        side = self.sides[quote.side]
        if quote is side.guest:
            side.guest = None
            return
        quotes = side.levels[quote.price]
        quotes.remove(quote)
        if not quotes:
            del side.levels[quote.price]
