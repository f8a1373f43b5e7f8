"""The replay of a recorded market inside the engine.

Both recorded books are rebuilt as resting orders, every recorded trade comes in as an aggressor, and portfolios trade
on top. The engine is the whole exchange: margin, loans, funding and counterparties are real; only the flow is recorded.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from time import perf_counter

import msgspec

from worldmarkets.core import codes
from worldmarkets.core.codec import encode
from worldmarkets.exchange.compression import Compression, compute_compression, make_compression
from worldmarkets.exchange.exchange import Exchange
from worldmarkets.recorded import BestBidOffer
from worldmarkets.sim import wire
from worldmarkets.sim.desk import Desk
from worldmarkets.sim.makers import Makers
from worldmarkets.sim.portfolios import CAST, CrossMarketMaker, Long, Step
from worldmarkets.sim.timeline import SECOND_US, Aggressor, Kind, Recording, Update, merge
from worldmarkets.sim.venue import Market, open_venue

MAKERS = 64  # accounts a book
TAKERS = 8  # accounts a book
SAMPLE_US = 2 * SECOND_US
MAKER_USDM = 50_000_000  # deposits of every maker and taker, in whole tokens
MAKER_ETH = 10_000


class Tick(msgspec.Struct, frozen=True):
    """The venue at one second: best prices in ticks, the mark scaled by 1e8, best lend rates in basis points.

    Rates are a tenor each, the shortest first; `firm` is twice the mid of the perpetual's firm depth.
    """

    time_us: int
    perp: tuple[int, int, int, int]
    spot: tuple[int, int, int, int]
    mark: int
    usdm_rates: tuple[int, ...]
    eth_rates: tuple[int, ...]
    firm: int


class Agreement(msgspec.Struct):
    """Best bid and offer of an engine's book against the recorded one of the same update id.

    `late` counts apart the quotes that stand behind their update in the file.
    """

    compared: int = 0
    equal: int = 0
    late_compared: int = 0
    late_equal: int = 0
    first_difference: str = ""

    def count(self, quote: BestBidOffer, best: tuple[int, int, int, int], is_late: bool) -> None:
        """Counts one comparison, of prices and sizes."""
        is_equal = best == (quote.bid, quote.bid_quantity, quote.ask, quote.ask_quantity)
        if is_late:
            self.late_compared += 1
            self.late_equal += is_equal
        else:
            self.compared += 1
            self.equal += is_equal
        if not is_equal and not self.first_difference:
            self.first_difference = f"update {quote.update_id}: {best} in the engine's book"


class Exposure(msgspec.Struct, frozen=True):
    """What an account is exposed to another, in numeraire quanta: the sum of three parts."""

    other: int
    lent: int
    profit: int
    shock: int


class ReplayError(Exception):
    """Two recordings cannot be replayed together."""


class Replay:
    """A venue of its own that lives through two recordings of the same minutes.

    Raises: ReplayError when there is no time at which both recordings have a book.
    """

    def __init__(self, perp: Recording, spot: Recording, seconds: float | None = None) -> None:
        self.recordings: dict[Kind, Recording] = {"perp": perp, "spot": spot}
        self.start_us = min(perp.start_us, spot.start_us)
        self.end_us = max(perp.end_us, spot.end_us)
        if seconds is not None:
            self.end_us = min(self.end_us, self.start_us + int(seconds * SECOND_US))
        self.begin_us = max(perp.start_us, spot.start_us)  # from here on both books are there
        if self.begin_us >= min(perp.end_us, spot.end_us, self.end_us):
            raise ReplayError(f"{perp.path} and {spot.path} have no time in common with both books there")
        self.venue = open_venue(self.start_us, perp.instrument, spot.instrument)
        self.desk = Desk(self.venue.engine)
        self.desk.now_us = self.start_us
        self.markets: dict[Kind, Market] = {"perp": self.venue.perp, "spot": self.venue.spot}
        self.agreements: dict[Kind, Agreement] = {"perp": Agreement(), "spot": Agreement()}
        self.updates: Counter[Kind] = Counter()
        self.aggressors = 0
        self.aggressors_of: Counter[Kind] = Counter()
        self.aggressor_lots: Counter[Kind] = Counter()
        self.unfilled_lots: Counter[Kind] = Counter()
        self.last_trade: dict[Kind, int] = {}
        self.ticks: list[Tick] = []
        self.timers: list[tuple[int, int, Step]] = []
        self.contracts_before: Counter[int] = Counter()  # by account, before compression
        self.exposures_before: dict[int, list[Exposure]] = {}
        self.compression: Compression | None = None
        self.wall_s = 0.0
        self._open_accounts()

    # Before the first update.

    def _open_accounts(self) -> None:
        """Opens and funds every account: makers and takers of both books, then the portfolios."""
        desk, now = self.desk, self.start_us
        count = len(self.recordings) * (MAKERS + TAKERS) + len(CAST)
        desk.send([wire.open_account(now, owner) for owner in range(1, count + 1)])
        accounts = iter(desk.accounts)
        self.names: dict[int, str] = {}
        self.makers: dict[Kind, Makers] = {}
        self.takers: dict[Kind, list[int]] = {}
        usdm, eth = self.venue.usdm_one, self.venue.eth_one
        funds: list[bytes] = []
        for kind in self.recordings:
            makers = [next(accounts) for _ in range(MAKERS)]
            takers = [next(accounts) for _ in range(TAKERS)]
            self.makers[kind] = Makers(desk, self.markets[kind], makers)
            self.takers[kind] = takers
            self.names |= {account: f"{kind} maker {number}" for number, account in enumerate(makers, 1)}
            self.names |= {account: f"{kind} taker {number}" for number, account in enumerate(takers, 1)}
            for account in makers + takers:
                funds.append(wire.deposit(now, account, self.venue.usdm, MAKER_USDM * usdm))
                if kind == "spot":
                    funds.append(wire.deposit(now, account, self.venue.eth, MAKER_ETH * eth))
        self.portfolios = [role(desk, self.venue, next(accounts)) for role in CAST]
        for portfolio in self.portfolios:
            self.names[portfolio.account] = portfolio.name
            for asset, amount in ((self.venue.usdm, portfolio.usdm * usdm), (self.venue.eth, portfolio.eth * eth)):
                if amount:
                    funds.append(wire.deposit(now, portfolio.account, asset, amount))
            if isinstance(portfolio, CrossMarketMaker):
                for kind, ask in (("perp", portfolio.get_perp_quote), ("spot", portfolio.get_spot_quote)):
                    self.makers[kind].guest_account = portfolio.account
                    self.makers[kind].ask_guest = ask
        desk.send(funds)
        flags = [wire.configure_account(now, account, codes.COMPRESSION, 1)
                 for account in [*self.makers["perp"].accounts, *self.takers["perp"]]]  # fmt: skip
        desk.send(flags)
        for portfolio in self.portfolios:
            portfolio.settle_in()
        self._plan()

    def _plan(self) -> None:
        """Puts every timed step in one queue: each second the clock and the mark, samples, and the scripts."""
        begin = self.begin_us
        length = self.end_us - begin
        plan: list[tuple[int, Step]] = []
        for time_us in range(self.start_us + SECOND_US, self.end_us + 1, SECOND_US):
            plan.append((time_us, self._tick))
        for time_us in range(begin, self.end_us + 1, min(SAMPLE_US, max(length // 60, 1))):
            plan.append((time_us, self._observe))
        for portfolio in self.portfolios:
            plan += [(begin + int(length * share), step) for share, step in portfolio.get_script()]
            if isinstance(portfolio, Long):
                portfolio.timeout_us = length // 20
        plan.append((self.end_us, self._observe))
        self.timers = [(time_us, number, step) for number, (time_us, step) in enumerate(plan)]
        heapq.heapify(self.timers)

    # The run.

    def run(self, watch: Callable[[int], None] | None = None) -> None:
        """Replays everything. `watch` is called now and then with the microseconds of recorded time gone by."""
        begin = perf_counter()
        for number, item in enumerate(merge(self.recordings.values(), self.end_us)):
            self._run_timers(item.time_us)
            self.desk.now_us = item.time_us
            if isinstance(item, Update):
                self._follow(item)
            else:
                self._trade(item)
            if watch is not None and not number & 127:
                watch(item.time_us - self.start_us)
        self._run_timers(self.end_us + 1)
        self.desk.now_us = self.end_us
        self._compress()
        self.wall_s += perf_counter() - begin

    def _run_timers(self, before_us: int) -> None:
        while self.timers and self.timers[0][0] < before_us:
            self.desk.now_us, _, step = heapq.heappop(self.timers)
            step()

    def _compress(self) -> None:
        """Tears up, at the end, what contracts run in circles among the accounts that allow it."""
        desk, sender = self.desk, self.portfolios[-2].account
        exchange = Exchange(self.venue.genesis, engine=desk.engine)
        listed = exchange.listing.market(self.venue.perp.symbol)
        self.contracts_before = Counter(
            account for contract in desk.contracts.values() for account in (contract.long, contract.short)
        )
        self.exposures_before = {one.account: self.get_exposures(one.account) for one in self.portfolios}
        self.compression = compute_compression(exchange, listed)
        for circles in self.compression.batches():
            lots = [(contract, listed.to_lots(size)) for contract, size in circles]
            desk.send_one(encode(make_compression(sender, lots, desk.now_us)))

    def _follow(self, update: Update) -> None:
        """Brings one book to its next update, and compares its best prices where the recording names them."""
        self.updates[update.kind] += 1
        if not self.ticks:
            self._set_first_mark(update)
        self.makers[update.kind].follow(update)
        if update.quote is not None:
            best = self.desk.get_best(self.markets[update.kind])
            self.agreements[update.kind].count(update.quote, best, update.is_late)

    def _trade(self, trade: Aggressor) -> None:
        """Sends a recorded trade as an order that takes what is there, from one of the takers in turn."""
        self.aggressors += 1
        self.aggressors_of[trade.kind] += 1
        self.aggressor_lots[trade.kind] += trade.lots
        self.last_trade[trade.kind] = trade.price
        market = self.markets[trade.kind].number
        taker = self.takers[trade.kind][self.aggressors % TAKERS]
        side = codes.SELL if trade.is_sell else codes.BUY
        before = self.desk.cut_short[market]
        self.desk.send_one(
            wire.place_order(
                trade.time_us, taker, market, side, trade.price, trade.lots, codes.IMMEDIATE_OR_CANCEL
            )  # fmt: skip
        )
        self.unfilled_lots[trade.kind] += self.desk.cut_short[market] - before

    def get_exposures(self, account: int) -> list[Exposure]:
        """Returns what an account is exposed to everybody it has a contract with, the largest first."""
        pairs = [(contract.long, contract.short) for contract in self.desk.contracts.values()]
        pairs += [(loan.lender, loan.borrower) for loan in self.desk.loans.values()]
        others = {b if a == account else a for a, b in pairs if account in (a, b)}
        found = [Exposure(other, *self.desk.engine.get_exposure(account, other)) for other in others]
        return sorted(found, key=lambda one: (-(one.lent + one.profit + one.shock), one.other))

    def _set_first_mark(self, update: Update) -> None:
        """Gives ETH its first mark from the first book, without which no order is taken."""
        scale = 10 ** (8 - self.markets[update.kind].tick_decimals)
        middle = max(price for price, lots in update.bids if lots) + min(price for price, lots in update.asks if lots)
        self._mark([middle * scale // 2])

    def _tick(self) -> None:
        """Lets the clock run, marks ETH anew, and notes where the market stands."""
        desk = self.desk
        desk.send_one(wire.advance_time(desk.now_us))
        prices = []
        for kind in self.recordings:
            bid, _, ask, _ = desk.get_best(self.markets[kind])
            if bid and ask:
                prices.append((bid + ask) * 10 ** (8 - self.markets[kind].tick_decimals) // 2)
        if "spot" in self.last_trade:
            prices.append(self.last_trade["spot"] * 10 ** (8 - self.markets["spot"].tick_decimals))
        if prices:
            self._mark(prices)

    def _mark(self, prices: list[int]) -> None:
        """Sets the mark to the median of the prices there are, and notes a tick."""
        desk = self.desk
        mark = sorted(prices)[(len(prices) - 1) // 2]
        near = sum(abs(price - mark) * 1_000_000 <= self.venue.price_shock_ppm * mark for price in prices)
        desk.send_one(wire.set_mark(desk.now_us, self.venue.eth, mark, len(prices), near))
        desk.settle()  # orders that the mark triggered are placed now, and not between two updates of a book
        rates = {asset: tuple(desk.get_best(book)[2] for book in books) for asset, books in self.venue.curves.items()}
        best = [desk.get_best(self.markets[kind]) for kind in ("perp", "spot")]
        mid = desk.read_row("markets", self.venue.perp.number).mid
        self.ticks.append(Tick(desk.now_us, best[0], best[1], mark, rates["USDM"], rates["ETH"], mid))

    def _observe(self) -> None:
        for portfolio in self.portfolios:
            portfolio.observe(self.desk.now_us)
