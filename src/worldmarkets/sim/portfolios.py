"""Six portfolios that live in a replayed market: what each puts in, and what it does when.

A script is a list of times and steps. Times are shares of the replay's length, so that a short cut plays the whole
story too. Orders are immediate-or-cancel, or wait for their triggers, and are sized in whole lots; amounts that follow
from the price are taken from the book at that moment, so the same recording always gives the same commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from worldmarkets.core import codes
from worldmarkets.sim import wire
from worldmarkets.sim.desk import Desk, Fill, Happening, Loan
from worldmarkets.sim.venue import Market, Venue

BUY: int = codes.BUY
SELL: int = codes.SELL
RUNGS_PPM = (0, 300_000, 600_000, 1_000_000)
SLACK_TICKS = 50  # how far beyond the best price an order may still fill


STOP_SLIPPAGE_PPM = 2_000  # how far from the mark a triggered order may fill


class Sample(msgspec.Struct, frozen=True):
    """A portfolio at one moment: V at the rungs in numeraire quanta, resilience in ppm, the state."""

    time_us: int
    values: tuple[int, ...]
    resilience_ppm: int
    state: int


Step = Callable[[], None]
Script = list[tuple[float, Step]]


class Portfolio:
    """An account with a plan. `eth_quanta` and `perp_lots` are what it traded, its deposits left out."""

    name = ""
    title = ""
    story = ""
    usdm = 0  # deposits, in whole tokens
    eth = 0
    allows_compression = True

    def __init__(self, desk: Desk, venue: Venue, account: int) -> None:
        self.desk = desk
        self.venue = venue
        self.account = account
        self.eth_quanta = 0
        self.perp_lots = 0
        self.fills = 0
        self.maker_fees = self.taker_fees = 0
        self.samples: list[Sample] = []
        self.is_paired = False  # a stop and a take-profit wait
        self.triggered_lots = 0
        self._client_id = 0
        desk.watchers[account] = self.on_fill
        desk.on_happening[account] = self.on_happening

    def settle_in(self) -> None:
        """What it sets before anything trades."""
        if self.allows_compression:
            self.send(wire.configure_account, codes.COMPRESSION, 1)

    def get_script(self) -> Script:
        """Returns what the portfolio does, and when: shares of the replay's length."""
        raise NotImplementedError

    def on_fill(self, fill: Fill) -> None:
        """Counts a fill of this account."""
        self.fills += 1
        if fill.is_taker:
            self.taker_fees += fill.fee
        else:
            self.maker_fees += fill.fee
        signed = fill.lots if fill.is_buy else -fill.lots
        if fill.market == self.venue.spot.number:
            self.eth_quanta += signed * self.venue.spot.lot_quanta
        elif fill.market == self.venue.perp.number:
            self.perp_lots += signed

    def on_happening(self, happening: Happening) -> None:
        """Takes note of what the engine did to this account by itself."""
        if happening.kind == codes.ORDER_TRIGGERED:
            self.is_paired = False
            self.triggered_lots += happening.amount

    def send(self, command: Callable[..., bytes], *values: Any) -> None:
        """Sends a command of this account, now."""
        self.desk.send_one(command(self.desk.now_us, self.account, *values))

    def get_mark(self) -> int:
        """Returns the mark of ETH, scaled by 1e8."""
        return int(self.desk.read_row("assets", self.venue.eth).mark)

    def get_margin(self) -> int:
        """Returns V(1), in numeraire quanta."""
        return int(self.desk.engine.get_value(self.account, 1_000_000))

    def bracket(self, side: int, lots: int, profit_bp: int, stop_bp: int) -> None:
        """Has lots of the perpetual given up when the mark goes in its favour, or against it: whichever comes first.

        Two market orders that only reduce, paired, in one step; the take-profit has the odd client id.
        """
        market, sign = self.venue.perp, 1 if side == SELL else -1
        if lots <= 0:
            return
        unit = 10 ** (8 - market.tick_decimals)
        mark, now = self.get_mark(), self.desk.now_us
        first = self._client_id + 1
        self._client_id += 2
        self.is_paired = True
        legs = [
            wire.place_order(
                now, self.account, market.number, side, STOP_SLIPPAGE_PPM, lots, codes.IMMEDIATE_OR_CANCEL,
                codes.MARKET | codes.REDUCE_ONLY | flag, 0, mark * (10_000 + sign * distance) // 10_000 // unit, name,
            )
            for flag, distance, name in ((codes.TAKE_PROFIT, profit_bp, first), (0, -stop_bp, first + 1))
        ]  # fmt: skip
        legs.append(wire.pair_orders(now, self.account, first, first + 1))
        self.send(wire.bundle, legs)

    def observe(self, now_us: int) -> None:
        """Adds a sample of V, resilience and state."""
        engine = self.desk.engine
        values = tuple(engine.get_value(self.account, severity) for severity in RUNGS_PPM)
        self.samples.append(Sample(now_us, values, engine.get_resilience(self.account),
                                   engine.get_state(self.account)))  # fmt: skip

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
    story = (
        "Offers USDM and ETH in ten steps, from 5 % to 9.5 % a year, for ten days, and some for one and for thirty. "
        "What is repaid returns to the book by itself. Leaves one of its loans to a new lender before it is due."
    )
    usdm = 720_000
    eth = 144
    first_bp = 500
    usdm_step = 40_000
    eth_step = 8

    def get_script(self) -> Script:
        """What it offers at the start, and a loan that it leaves."""
        return [(0.005, self._offer), (0.007, self._offer_tenors), (0.45, self._leave)]

    def _offer_tenors(self) -> None:
        """Offers what it has left for one day and for thirty: less for the short one, more for the long one."""
        for asset, one, part in (("USDM", self.venue.usdm_one, 20_000), ("ETH", self.venue.eth_one, 4)):
            short, _, long = self.venue.curves[asset]
            for market, rate_bp in ((short, self.first_bp - 75), (long, self.first_bp + 120)):
                for step in range(3):
                    self.place(market, SELL, rate_bp + 40 * step, part * one // market.lot_quanta)

    def _leave(self) -> None:
        """Puts who lends at up to 6 % in its place in the largest of its loans."""
        loans = [loan for loan in self.desk.loans.values() if loan.lender == self.account and not loan.is_iou]
        mine = [loan for loan in loans if loan.market == self.venue.usdm_loans.number]
        for loan in sorted(mine, key=lambda loan: (-loan.principal, loan.rate_bp, loan.id))[:1]:
            self.send(wire.exit_loan, loan.id, 600)

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
    story = (
        "Offers between the steps of the first, from 5.25 % to 9.75 %, so that a borrower has two counterparties. "
        "Later offers 60,000 USDM more at 5.1 %, and so takes the place of the first in a loan."
    )
    usdm = 440_000
    eth = 80
    first_bp = 525
    usdm_step = 30_000
    eth_step = 6

    def get_script(self) -> Script:
        """What it offers at the start, and later."""
        return [(0.005, self._offer), (0.44, self._offer_more)]

    def _offer_more(self) -> None:
        market = self.venue.usdm_loans
        self.place(market, SELL, 510, 60_000 * self.venue.usdm_one // market.lot_quanta)


class BasisTrader(Portfolio):
    """Long spot with borrowed money, short the perpetual."""

    name = "basis"
    title = "Levered basis trade"
    story = (
        "With 10,000 USDM of its own borrows 290,000, buys ETH and sells as much of the perpetual in 56 slices. Sells "
        "a third again, repays 90,000, and extends a loan. Allows no counterparty more than 1,500 USDM of exposure and "
        "none that half the design shock would ruin. A take-profit paired with a stop closes a slice of the hedge, and "
        "it sells the ETH of that slice."
    )
    allows_compression = False  # its contracts would come to stand with fewer counterparties than it allows itself
    max_exposure = 1_500  # USDM
    threshold = 5  # USDM of profit in a contract, beyond which it is paid
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
            *spread(0.25, 0.95, 70, self._watch),
            (0.985, self.hedge),
        ]

    def settle_in(self) -> None:
        """Sets its policy, and gives up contracts with the weakest counterparty first."""
        super().settle_in()
        one = self.venue.usdm_one
        self.send(wire.set_policy, self.max_exposure * one, self.threshold * one, 500_000)
        self.send(wire.configure_account, codes.GIVE_UP, codes.WEAKEST_FIRST)

    def _watch(self) -> None:
        """Sells the ETH of a slice that was closed, and has another one wait."""
        self.hedge()
        if not self.is_paired:
            self.bracket(BUY, -self.perp_lots // 20, 6, 6)

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
        """Sells or buys the perpetual until it offsets the ETH; of a slice that a trigger closed, sells the ETH."""
        if self.triggered_lots:
            self.take(self.venue.spot, SELL, self.triggered_lots * self.venue.perp.lot_quanta)
            self.triggered_lots = 0
        open_quanta = self.eth_quanta + self.perp_lots * self.venue.perp.lot_quanta
        self.take(self.venue.perp, SELL if open_quanta > 0 else BUY, abs(open_quanta))


class Long(Portfolio):
    """Long the perpetual, as far as its margin goes."""

    name = "long"
    title = "Directional long"
    story = (
        "With 50,000 USDM buys as much of the perpetual as its margin carries, in 20 slices: a small fall is a margin "
        "call. A stop paired with a take-profit gives a fifth up, or it does so itself later. Orders to buy more on a "
        "rise are under a dead man's switch, which its desk renews until it falls silent."
    )
    usdm = 50_000
    slices = 20
    cushion_ppm = 450  # of its notional, what it leaves of V(1)
    silence = 0.60

    def __init__(self, desk: Desk, venue: Venue, account: int) -> None:
        super().__init__(desk, venue, account)
        self.left = self.slices
        self.most_lots = 0
        self.timeout_us = 0

    def get_script(self) -> Script:
        """Buy, have a fifth given up, hold the switch."""
        return [
            *spread(0.03, 0.15, self.slices, self._buy),
            (0.17, self._guard),
            *spread(0.20, self.silence, 40, self._renew),
            *spread(0.85, 0.89, 4, self._reduce),
        ]

    def _buy(self) -> None:
        """Buys such a part of what its margin carries that the last slice leaves the cushion."""
        venue = self.venue
        shock = venue.price_shock_ppm + 1_000 + self.cushion_ppm  # with the fee
        held = abs(self.perp_lots) * venue.perp.lot_quanta * self.get_mark() * venue.usdm_one // (venue.eth_one * 10**8)
        spare = self.get_margin() - held * self.cushion_ppm // 1_000_000
        worth = spare * 1_000_000 // shock // self.left
        self.take(venue.perp, BUY, worth * venue.eth_one * 10**8 // (self.get_mark() * venue.usdm_one))
        self.left -= 1

    def _guard(self) -> None:
        """Sets a stop with a take-profit, arms the switch, and has orders wait to buy more on a rise."""
        self.most_lots = self.perp_lots
        self.bracket(SELL, self.perp_lots // 5, 8, 7)
        self._renew()
        market, unit = self.venue.perp, 10 ** (8 - self.venue.perp.tick_decimals)
        for rise_bp in (15, 20, 25):
            trigger = self.get_mark() * (10_000 + rise_bp) // 10_000 // unit
            self.send(
                wire.place_order, market.number, BUY, STOP_SLIPPAGE_PPM, max(self.perp_lots // 50, 1),
                codes.IMMEDIATE_OR_CANCEL, codes.MARKET, 0, trigger,
            )  # fmt: skip

    def _renew(self) -> None:
        self.send(wire.set_dead_man, max(self.timeout_us, 1_000_000))

    def _reduce(self) -> None:
        """Gives a part up, until a fifth of the most it held is gone."""
        wanted = min(self.most_lots // 20, self.perp_lots - 4 * self.most_lots // 5)
        self.take(self.venue.perp, SELL, wanted * self.venue.perp.lot_quanta)


class Short(Portfolio):
    """Short ETH with borrowed ETH."""

    name = "short"
    title = "Short with borrowed ETH"
    story = (
        "With 40,000 USDM borrows 57 ETH and sells them in 19 slices, and three more with an order that borrows them "
        "at its fill. Buys half back later and repays it."
    )
    usdm = 40_000

    def get_script(self) -> Script:
        """Borrow, sell, buy back half, repay it."""
        one = self.venue.eth_one
        return [
            (0.02, lambda: self.borrow(self.venue.eth_loans, 57 * one, 900)),
            *spread(0.04, 0.154, 19, lambda: self.take(self.venue.spot, SELL, 3 * one)),
            *spread(0.156, 0.18, 6, self._sell_borrowing),
            *spread(0.70, 0.76, 10, lambda: self.take(self.venue.spot, BUY, 301 * one // 100)),
            (0.78, lambda: self.repay(self.venue.eth_loans, 30 * one)),
        ]

    def _sell_borrowing(self) -> None:
        """Sells what is missing to 60 ETH, each fill borrowing what it delivers."""
        venue = self.venue
        quanta = 60 * venue.eth_one + self.eth_quanta
        bid, _, _, _ = self.desk.get_best(venue.spot)
        if bid and quanta >= venue.eth_one // 100:
            before = len(self.desk.loans)
            self.send(
                wire.place_order, venue.spot.number, SELL, bid - SLACK_TICKS, quanta // venue.spot.lot_quanta,
                codes.IMMEDIATE_OR_CANCEL, 0, 900,
            )  # fmt: skip
            self.desk.borrowed_in_orders += len(self.desk.loans) - before


class CrossMarketMaker(Portfolio):
    """Makes both markets, carries a part of the best level in each, and offsets one with the other."""

    name = "maker"
    title = "Cross-market maker"
    story = (
        "Carries up to 2 ETH of the best bid and offer in both markets, a part of the recorded size, by mass quote, "
        "and offsets what it is left with in the perpetual. When 5 ETH of its quotes in a market are filled within a "
        "second, its protection pulls them for two. Borrows late, from principal that had returned to the book."
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

    protected_eth = 5  # filled within a second, they pull its quotes
    cool_off_us = 2_000_000

    def __init__(self, desk: Desk, venue: Venue, account: int) -> None:
        super().__init__(desk, venue, account)
        self.out_until_us: dict[int, int] = {}  # by market

    def settle_in(self) -> None:
        """Protects its quotes in both markets."""
        super().settle_in()
        for market in (self.venue.spot, self.venue.perp):
            lots = self.protected_eth * self.venue.eth_one // market.lot_quanta
            self.send(wire.protect, market.number, lots, 1_000, self.cool_off_us // 1_000)

    def on_happening(self, happening: Happening) -> None:
        """Stays out of a market for the cool-off once its quotes were pulled."""
        super().on_happening(happening)
        if happening.kind == codes.PROTECTION_TRIPPED:
            self.out_until_us[happening.market] = happening.time_us + self.cool_off_us

    def get_spot_quote(self, side: int) -> int:
        """Returns the lots it would quote on a side of the spot book."""
        return self._get_quote(side, self.eth_quanta, self.venue.spot)

    def get_perp_quote(self, side: int) -> int:
        """Returns the lots it would quote on a side of the perpetual's book."""
        return self._get_quote(side, self.perp_lots * self.venue.perp.lot_quanta, self.venue.perp)

    def _get_quote(self, side: int, held: int, market: Market) -> int:
        held = held if side == BUY else -held
        is_out = self.desk.now_us < self.out_until_us.get(market.number, 0)
        if is_out or held >= self.limit_eth * self.venue.eth_one:
            return 0
        return self.quote_eth * self.venue.eth_one // market.lot_quanta

    def _offset(self) -> None:
        open_quanta = self.eth_quanta + self.perp_lots * self.venue.perp.lot_quanta
        if 2 * abs(open_quanta) >= self.venue.eth_one:
            self.take(self.venue.perp, SELL if open_quanta > 0 else BUY, abs(open_quanta))


CAST: tuple[type[Portfolio], ...] = (BasisTrader, Long, Short, Lender, CrossMarketMaker, SecondLender)
