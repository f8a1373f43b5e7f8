"""Six portfolios that live in a replayed market: what each puts in, and what it does when.

A script is a list of times and steps. Times are shares of the replay's length, so that a short cut plays the whole
story too. Orders are immediate-or-cancel and sized in whole lots; amounts that follow from the price are taken from
the book at that moment, so the same recording always gives the same commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from worldmarkets.core import codes
from worldmarkets.sim import wire
from worldmarkets.sim.desk import Desk, Fill, Loan
from worldmarkets.sim.venue import Market, Venue

BUY: int = codes.BUY
SELL: int = codes.SELL
RUNGS_PPM = (0, 300_000, 600_000, 1_000_000)
SLACK_TICKS = 50  # how far beyond the best price an order may still fill


class Sample(msgspec.Struct, frozen=True):
    """A portfolio at one moment: V at the rungs in numeraire quanta, resilience in ppm."""

    time_us: int
    values: tuple[int, ...]
    resilience_ppm: int


Step = Callable[[], None]
Script = list[tuple[float, Step]]


class Portfolio:
    """An account with a plan. `eth_quanta` and `perp_lots` are what it traded, its deposits left out."""

    name = ""
    title = ""
    story = ""
    usdm = 0  # deposits, in whole tokens
    eth = 0

    def __init__(self, desk: Desk, venue: Venue, account: int) -> None:
        self.desk = desk
        self.venue = venue
        self.account = account
        self.eth_quanta = 0
        self.perp_lots = 0
        self.fills = 0
        self.fees = 0
        self.samples: list[Sample] = []
        desk.watchers[account] = self.on_fill

    def get_script(self) -> Script:
        """Returns what the portfolio does, and when: shares of the replay's length."""
        raise NotImplementedError

    def on_fill(self, fill: Fill) -> None:
        """Counts a fill of this account."""
        self.fills += 1
        self.fees += fill.fee
        signed = fill.lots if fill.is_buy else -fill.lots
        if fill.market == self.venue.spot.number:
            self.eth_quanta += signed * self.venue.spot.lot_quanta
        elif fill.market == self.venue.perp.number:
            self.perp_lots += signed

    def observe(self, now_us: int) -> None:
        """Adds a sample of V and resilience."""
        engine = self.desk.engine
        values = tuple(engine.get_value(self.account, severity) for severity in RUNGS_PPM)
        self.samples.append(Sample(now_us, values, engine.get_resilience(self.account)))

    def take(self, market: Market, side: int, quanta: int) -> None:
        """Buys or sells `quanta` of ETH at once, or what of it is there within the slack of the best price."""
        lot = market.lot_quanta
        bid, _, ask, _ = self.desk.get_best(market)
        price = ask + SLACK_TICKS if side == BUY else bid - SLACK_TICKS
        if bid and ask and quanta >= lot:
            self.place(market, side, price, quanta // lot, codes.IMMEDIATE_OR_CANCEL)

    def place(
        self, market: Market, side: int, price: int, lots: int, time_in_force: int = codes.GOOD_TILL_CANCEL
    ) -> None:
        """Places an order."""
        self.desk.send_one(
            wire.place_order(self.desk.now_us, self.account, market.number, side, price, lots, time_in_force)
        )

    def borrow(self, market: Market, quanta: int, cap_bp: int) -> None:
        """Borrows what the book lends at `cap_bp` or less."""
        self.place(market, BUY, cap_bp, quanta // market.lot_quanta, codes.IMMEDIATE_OR_CANCEL)

    def get_loans(self, market: Market) -> list[Loan]:
        """Returns what the account borrowed in a loan book, the dearest first."""
        loans = [loan for loan in self.desk.loans.values() if loan.market == market.number and not loan.is_iou]
        mine = [loan for loan in loans if loan.borrower == self.account]
        return sorted(mine, key=lambda loan: (-loan.rate_bp, loan.id))

    def repay(self, market: Market, quanta: int) -> None:
        """Repays principal, dearest loans first."""
        desk = self.desk
        for loan in self.get_loans(market):
            part = min(quanta, loan.principal)
            if part > 0:
                quanta -= part
                desk.send_one(wire.repay_loan(desk.now_us, self.account, loan.id, part))

    def extend(self, market: Market, cap_bp: int) -> None:
        """Extends the cheapest loan by a full tenor."""
        desk = self.desk
        for loan in self.get_loans(market)[-1:]:
            desk.send_one(wire.extend_loan(desk.now_us, self.account, loan.id, cap_bp))


def spread(start: float, stop: float, count: int, step: Step) -> Iterator[tuple[float, Step]]:
    """Yields `count` times one step, evenly from `start` to before `stop`."""
    for number in range(count):
        yield start + (stop - start) * number / count, step


class Lender(Portfolio):
    """Offers both tokens at rising rates and waits."""

    name = "lender"
    title = "Lender"
    story = "Offers USDM and ETH in ten steps, from 5 % to 9.5 % a year. What is repaid returns to the book by itself."
    usdm = 600_000
    eth = 120
    first_bp = 500
    usdm_step = 40_000
    eth_step = 8

    def get_script(self) -> Script:
        """What it offers at the start."""
        return [(0.005, self._offer)]

    def _offer(self) -> None:
        venue = self.venue
        for number in range(10):
            rate_bp = self.first_bp + 50 * number
            self.place(venue.usdm_loans, SELL, rate_bp, self.usdm_step * venue.usdm_one // venue.usdm_loans.lot_quanta)
            self.place(venue.eth_loans, SELL, rate_bp, self.eth_step * venue.eth_one // venue.eth_loans.lot_quanta)


class SecondLender(Lender):
    """Lends between the first lender's steps, so that borrowers have two counterparties."""

    name = "lender 2"
    title = "Second lender"
    story = "Offers between the steps of the first, from 5.25 % to 9.75 %, so that a borrower has two counterparties."
    usdm = 400_000
    eth = 80
    first_bp = 525
    usdm_step = 30_000
    eth_step = 6


class BasisTrader(Portfolio):
    """Long spot with borrowed money, short the perpetual."""

    name = "basis"
    title = "Levered basis trade"
    story = (
        "With 10,000 USDM of its own borrows 290,000, buys ETH and sells as much of the perpetual in 56 slices. Sells "
        "a third again, repays 90,000, and extends a loan."
    )
    usdm = 10_000
    borrowed = 290_000
    slices = 56

    def get_script(self) -> Script:
        """Build, take back a third, repay, extend."""
        return [
            (0.015, lambda: self.borrow(self.venue.usdm_loans, self.borrowed * self.venue.usdm_one, 900)),
            *spread(0.03, 0.23, self.slices, self._build),
            *spread(0.55, 0.65, self.slices // 3, self._unbuild),
            (0.68, lambda: self.repay(self.venue.usdm_loans, 90_000 * self.venue.usdm_one)),
            (0.80, lambda: self.extend(self.venue.usdm_loans, 1_000)),
        ]

    def _get_slice(self) -> int:
        venue = self.venue
        _, _, ask, _ = self.desk.get_best(venue.spot)
        cash = (self.usdm + self.borrowed) * 98 // 100 // self.slices
        hundredth = venue.eth_one // 100
        return cash * 10 ** (venue.spot.tick_decimals + 2) // ask * hundredth if ask else 0

    def _build(self) -> None:
        self.take(self.venue.spot, BUY, self._get_slice())
        self.hedge()

    def _unbuild(self) -> None:
        self.take(self.venue.spot, SELL, min(self._get_slice(), self.eth_quanta))
        self.hedge()

    def hedge(self) -> None:
        """Sells or buys the perpetual until it offsets the ETH."""
        open_quanta = self.eth_quanta + self.perp_lots * self.venue.perp.lot_quanta
        self.take(self.venue.perp, SELL if open_quanta > 0 else BUY, abs(open_quanta))


class Long(Portfolio):
    """Long the perpetual."""

    name = "long"
    title = "Directional long"
    story = "With 50,000 USDM buys 100 ETH of the perpetual in 20 slices, and gives 20 of them up later."
    usdm = 50_000

    def get_script(self) -> Script:
        """Buy, then give a part up."""
        five = 5 * self.venue.eth_one
        return [
            *spread(0.03, 0.15, 20, lambda: self.take(self.venue.perp, BUY, five)),
            *spread(0.60, 0.63, 4, lambda: self.take(self.venue.perp, SELL, five)),
        ]


class Short(Portfolio):
    """Short ETH with borrowed ETH."""

    name = "short"
    title = "Short with borrowed ETH"
    story = "With 40,000 USDM borrows 60 ETH and sells them in 20 slices; buys half back later and repays it."
    usdm = 40_000

    def get_script(self) -> Script:
        """Borrow, sell, buy back half, repay it."""
        one = self.venue.eth_one
        return [
            (0.02, lambda: self.borrow(self.venue.eth_loans, 60 * one, 900)),
            *spread(0.04, 0.16, 20, lambda: self.take(self.venue.spot, SELL, 3 * one)),
            *spread(0.70, 0.76, 10, lambda: self.take(self.venue.spot, BUY, 301 * one // 100)),
            (0.78, lambda: self.repay(self.venue.eth_loans, 30 * one)),
        ]


class CrossMarketMaker(Portfolio):
    """Makes both markets, carries a part of the best level in each, and offsets one with the other."""

    name = "maker"
    title = "Cross-market maker"
    story = (
        "Carries up to 2 ETH of the best bid and offer in both markets, a part of the recorded size, and offsets what "
        "it is left with in the perpetual. Borrows late, from principal that had returned to the book."
    )
    usdm = 300_000
    eth = 40
    quote_eth = 2
    limit_eth = 30  # what it buys or sells in one market before it stops quoting that side

    def get_script(self) -> Script:
        """Offset all along, borrow late."""
        return [
            *spread(0.0, 1.0, 300, self._offset),
            (0.85, lambda: self.borrow(self.venue.usdm_loans, 60_000 * self.venue.usdm_one, 1_000)),
        ]

    def get_spot_quote(self, side: int) -> int:
        """Returns the lots it would quote on a side of the spot book."""
        return self._get_quote(side, self.eth_quanta, self.venue.spot.lot_quanta)

    def get_perp_quote(self, side: int) -> int:
        """Returns the lots it would quote on a side of the perpetual's book."""
        return self._get_quote(side, self.perp_lots * self.venue.perp.lot_quanta, self.venue.perp.lot_quanta)

    def _get_quote(self, side: int, held: int, lot: int) -> int:
        held = held if side == BUY else -held
        return self.quote_eth * self.venue.eth_one // lot if held < self.limit_eth * self.venue.eth_one else 0

    def _offset(self) -> None:
        open_quanta = self.eth_quanta + self.perp_lots * self.venue.perp.lot_quanta
        if 2 * abs(open_quanta) >= self.venue.eth_one:
            self.take(self.venue.perp, SELL if open_quanta > 0 else BUY, abs(open_quanta))


CAST: tuple[type[Portfolio], ...] = (BasisTrader, Long, Short, Lender, CrossMarketMaker, SecondLender)
