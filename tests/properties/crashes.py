"""A campaign down the whole ladder: portfolios, plans, bids, stakes and prices at random, seen turn by turn.

A chapter comes from one number.  Traders near their edges hold perps, loans and holdings against makers, lenders and
each other; bidders rest bids in the backstop book, some stake in the default fund and some are covered by it.  Marks
crash, jump and recover, everybody goes on sending commands, and whoever is latched goes down the ladder: slices, the
auction, the close-out, the fund.  At the end time passes until nobody is latched.

A turn is a command of its own, since time goes from one due time to the next.  So what an account is worth before and
after its turn is seen here from outside, with marks that stand still.  After every command the whole state is audited.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.exchange.ladders import PRICES, D, enter, only, open_ladder, own_orders
from worldmarkets.core import codes
from worldmarkets.core.audit import compute_violations
from worldmarkets.exchange import Account, Rejected, Step
from worldmarkets.exchange.ladder import REASONS, STATES

PERPS = {"ETH-PERP": "ETH", "BTC-PERP": "BTC", "SOL-PERP": "SOL"}
SPOTS = {"ETH/USDM": "ETH", "BTC/USDM": "BTC"}
QUANTUM = 1_000  # of any asset: worth less than so many quanta of numeraire
# What two dozen chapters must have seen at least, of each rung.
LEAST = {
    "margin calls": 40, "latched": 40, "slices": 40, "steps": 20, "passed over": 5, "cured by a slice": 5,
    "left for free": 40, "left for auction": 10, "left for close-out": 10, "taken by a bid": 4,
    "close-out insolvent": 15, "close-out out of time": 3, "paid in one ratio": 8, "paid by the fund": 8,
    "contagion": 2, "commands of a latched account": 25, "commands OK": 200, "commands refused": 60,
}  # fmt: skip


class Payout:
    """What one close-out paid, from its events: by asset and kind, what was paid on each claim of each creditor.

    A creditor may have two: loans that it took over from a latched borrower are not netted with the rest.
    """

    def __init__(self) -> None:
        self.paid: dict[tuple[int, int], Counter[tuple[int, int]]] = {}
        self.count = 0

    def add(self, event: Any) -> None:
        self.count += 1
        line = self.paid.setdefault((event.asset, event.code), Counter())
        line[event.claim, event.creditor] += event.amount + event.remainder

    def check(self, done: Any) -> None:
        """10: one ratio for every creditor, asset by asset, and in all what there was."""
        for line in self.paid.values():
            (first_claim, _), first = next(iter(line.items()))
            for (claim, _), amount in line.items():
                assert abs(amount * first_claim - first * claim) <= max(claim, first_claim), (line, "10: one ratio")
        rest = done.claims - done.unpaid - done.paid
        assert abs(rest) <= QUANTUM * (self.count + 8), (done.as_dict(), "10: paid out")


class Crash:
    """A venue with traders near their edges, prices that fall and rise, and what was seen."""

    def __init__(self, seed: int, traders: int = 8):
        self.chance = random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.exchange = open_ladder(unwind_clock_seconds=30, auction_clock_seconds=40, slice_ppm=20_000)
        self.prices = {asset: D(price) for asset, price in PRICES.items()}
        self.commands = 0
        self.latched: dict[int, int] = {}  # and the place of the plan's step that ended last
        self.payouts: dict[int, Payout] = {}
        self.has_defaulted = False  # somebody, since a mark moved last
        self.is_dry = self.chance.random() < 0.3  # nobody quotes or bids in a crash
        self.lenders = [enter(self.exchange, f"lender {number}", USDM="200_000") for number in range(3)]
        self.maker = enter(self.exchange, "maker", USDM="900_000_000", ETH="90_000", BTC="900", SOL="90_000")
        self.bidders = [enter(self.exchange, f"bidder {number}", USDM="100_000") for number in range(2)]
        self.stakers = [enter(self.exchange, f"staker {number}", USDM="50_000") for number in range(2)]
        for staker in self.stakers:
            staker.stake(self.chance.randrange(100, 20_000))
        for lender in self.lenders[:2]:
            lender.cover()
        self.maker.cover()
        self.exchange.step(days=8)
        self.exchange.marks(PRICES)
        for lender in self.lenders:
            lender.lend("USDM", "100_000", rate="5%", relend=self.chance.random() < 0.5)
        self.traders: list[Account] = []
        for number in range(traders):
            self.traders.append(self.enter_trader(number))
        self.look()

    # Portfolios.

    def enter_trader(self, number: int) -> Account:
        """Return an account with positions of some thousands, leaned out, and perhaps a plan."""
        trader = enter(self.exchange, f"trader {number}", USDM=str(self.chance.randrange(500, 1_500)))
        saver = self.exchange.account(f"trader {number}", index=1)
        saver.deposit("USDM", str(self.chance.randrange(1, 300)))
        if self.chance.random() < 0.5:
            trader.submit.borrow("USDM", self.chance.randrange(200, 2_000), rate="6%", ioc=True)
        for market, asset in self.chance.sample(sorted(PERPS.items()), self.chance.randrange(1, 4)):
            self.trade(trader, market, asset, self.chance.randrange(1_000, 9_000), self.chance.random() < 0.7)
        if self.chance.random() < 0.4:
            market, asset = self.chance.choice(sorted(SPOTS.items()))
            self.trade(trader, market, asset, self.chance.randrange(300, 2_000), True)
        if self.chance.random() < 0.5:
            trader.submit.set_plan(self.choose_plan(trader, saver))
        if self.chance.random() < 0.3:
            trader.submit.cover()
        return trader

    def trade(self, trader: Account, market: str, asset: str, worth: int, is_buy: bool) -> None:
        """Let somebody trade for so much at the mark, with the maker or another trader."""
        size = (D(worth) / self.prices[asset]).quantize(D("0.001")) or D("0.001")
        others = [one for one in self.traders if one != trader]
        other = self.chance.choice(others) if others and self.chance.random() < 0.4 else self.maker
        self.maker.submit.cancel_all(market)
        for one, is_first in ((other, True), (trader, False)):
            act = one.submit.buy if is_buy != is_first else one.submit.sell
            act(market, size, self.prices[asset], **({} if is_first else {"ioc": True}))
        other.submit.cancel_all(market)

    def choose_plan(self, trader: Account, saver: Account) -> list[Step]:
        steps = [Step.top_up(saver, "50%"), Step.sell("ETH/USDM", "30%", "2%")]
        steps += [Step.repay(loan.id, "50%") for loan in trader.loans[:1]]
        for market in PERPS:
            make = Step.close if self.chance.random() < 0.7 else Step.hedge
            steps.append(make(market, f"{self.chance.randrange(1, 101)}%", f"{self.chance.randrange(1, 20)}bp"))
        self.chance.shuffle(steps)
        return steps[: self.chance.randrange(1, len(steps) + 1)]

    # What happens.

    def run(self, moves: int) -> None:
        """Let prices move, and some seconds pass after each move; then let everything end."""
        for _ in range(moves):
            self.move()
            for _ in range(self.chance.randrange(4)):
                self.act()
            self.wait(self.chance.choice((1, 3, 20, 62)))
        self.end()

    def move(self) -> None:
        """Quote around new prices, and mark them: most moves are small, some are crashes of everything at once."""
        draw = self.chance.random()
        low, high = (-0.05, 0.04) if draw < 0.6 else (-0.22, 0.0) if draw < 0.85 else (-0.02, 0.15)
        for asset in PERPS.values():
            moved = self.prices[asset] * D(str(1 + self.chance.uniform(low, high)))
            self.prices[asset] = moved.quantize(D("0.1"))
        self.quote()
        self.has_defaulted = False
        for bidder in self.bidders:
            if not self.is_dry and self.chance.random() < 0.3:
                d = D(self.chance.randrange(1, 400)) / 1_000
                groups = self.chance.choice(((), (), ("ETH",), ("BTC", "SOL")))
                self.note(bidder.submit.bid_backstop(self.chance.choice((500, 5_000, 50_000)), d, groups=groups))
        for asset in PERPS.values():
            try:
                self.see(list(self.exchange.mark(asset, self.prices[asset]).events), {})
            except Rejected:  # a step too large
                self.prices[asset] = D(self.exchange.prices[asset])

    def quote(self) -> None:
        """Put thin quotes around the prices, as far as feeds allow."""
        for market, asset in {**PERPS, **SPOTS}.items():
            price = self.prices[asset]
            self.follow(self.maker.submit.cancel_all(market))
            for level in range(1, 1 if self.is_dry else 4):
                step = (price * level / 2_000).quantize(D("0.1")) or D("0.1")
                size = (D(self.chance.randrange(50, 900)) / price).quantize(D("0.01")) or D("0.01")
                self.follow(self.maker.submit.buy(market, size, price - step))
                self.follow(self.maker.submit.sell(market, size, price + step))

    def act(self) -> None:
        """Let somebody send a command, whatever state the account is in."""
        if self.latched and self.chance.random() < 0.5:
            account = self.exchange.get_account(self.chance.choice(sorted(self.latched)))
        else:
            account = self.chance.choice(self.traders + self.bidders + self.stakers + self.lenders)
        submit, chance = account.submit, self.chance
        market, asset = chance.choice(sorted({**PERPS, **SPOTS}.items()))
        size = (D(chance.randrange(20, 3_000)) / self.prices[asset]).quantize(D("0.001")) or D("0.001")
        price = (self.prices[asset] * D(str(1 + chance.uniform(-0.01, 0.01)))).quantize(D("0.1"))
        loans = [loan.id for loan in account.loans]
        perps = [perp.id for perp in account.perps]
        acts: list[Callable[[], Any]] = [
            lambda: submit.buy(market, size, price),
            lambda: submit.sell(market, size, price),
            lambda: submit.sell(market, size, price, reduce_only=market in PERPS),
            lambda: submit.cancel_all(),
            lambda: submit.deposit("USDM", chance.randrange(1, 200)),
            lambda: submit.withdraw("USDM", chance.randrange(1, 200)),
            lambda: submit.transfer(chance.choice(self.traders), "USDM", chance.randrange(1, 50)),
            lambda: submit.borrow("USDM", chance.randrange(1, 300), rate="6%", ioc=True),
            lambda: submit.stake(chance.randrange(1, 100)),
            lambda: submit.unstake(),
            lambda: submit.cover(chance.random() < 0.7),
            lambda: submit.set_plan([Step.close(chance.choice(sorted(PERPS)), "50%", "1%")]),
        ]
        acts += [lambda: submit.repay(chance.choice(loans), chance.randrange(1, 200))] if loans else []
        acts += [lambda: submit.true_up(chance.choice(perps))] if perps else []
        if account.number in self.latched:
            self.counts["commands of a latched account"] += 1
        self.note(chance.choice(acts)())

    def note(self, result: Any) -> None:
        """See what a command of somebody came to."""
        self.counts["commands OK" if result.code == "OK" else "commands refused"] += 1
        self.see(list(result.events), {})

    def follow(self, result: Any) -> None:
        """See what a quote came to: one that meets an order of a latched account may free it."""
        events = list(result.events)
        if only(events, codes.TRADED):
            self.see(events, {})
        else:
            for event in events:
                self.see_event(event)

    def wait(self, seconds: int) -> None:
        """Let seconds pass, turn by turn."""
        engine = self.exchange.engine
        passing = self.exchange.pass_time(self.exchange.time_us + seconds * 10**6)
        while True:
            before = {}
            for account in self.latched:
                rho = engine.get_resilience(account)
                before[account] = (rho, engine.get_value(account, max(rho, 0)), engine.get_value(account, 10**6))
            events = next(passing, None)
            if events is None:
                return
            self.see(list(events), before)

    def end(self) -> None:
        """Let time pass, at marks that stand, until nobody is latched: each default may make others."""
        for _ in range(len(self.exchange.accounts)):
            if not self.latched and not self.exchange.engine.is_behind():
                break
            self.wait(80)  # longer than both clocks: whoever was latched when it began is through
        assert not self.latched, "9: it ends"
        for account in self.exchange.accounts:
            assert account.state in ("free", "margin call") and account.ladder is None and account.closing is None

    # What has to hold.

    def look(self) -> None:
        """All invariants that a state can show."""
        self.commands += 1
        assert compute_violations(self.exchange.engine) == []

    def see(self, events: list[Any], before: dict[int, tuple[int, int, int]]) -> None:
        """Hold what a command did to the rules of the ladder."""
        self.look()
        order = {event.order_id: event.account for event in own_orders(events)}
        taken = {event.account for event in only(events, codes.BACKSTOP_TAKEN)}
        self.counts["taken by a bid"] += len(only(events, codes.BACKSTOP_TAKEN))
        for event in events:
            self.see_event(event)
        assert taken <= before.keys(), "9: bids take of latched accounts only"
        if not only(events, codes.FUNDING_SET):
            self.check_standing(set(order.values()) | taken, taken, before)
        if before:  # with a mark, that could have freed it instead
            self.check_cures(events, order)

    def see_event(self, event: Any) -> None:
        counts, account = self.counts, event.account
        if event.kind == codes.LATCHED:
            counts["latched"] += 1
            counts["contagion"] += self.has_defaulted
            self.latched[account] = 0
        elif event.kind == codes.ORDER_PLACED and event.flags & codes.ENGINE_ORDER:
            assert account in self.latched, "9: it trades latched accounts only"
            counts["slices"] += 1
        elif event.kind == codes.STEP_ENDED:
            assert event.place == self.latched[account] + 1, "9: a plan's own order"
            self.latched[account] = event.place
            counts["passed over" if event.code else "steps"] += 1
        elif event.kind == codes.RUNG_COST:
            counts[f"left for {STATES[event.code]}"] += 1
            if event.code == codes.STATE_FREE:
                del self.latched[account]
        elif event.kind == codes.MARGIN_CALLED:
            counts["margin calls"] += 1
        elif event.kind == codes.CLOSE_OUT_BEGUN:
            assert account in self.latched, "9: it closes latched accounts only"
            self.payouts[account] = Payout()
        elif event.kind == codes.CLAIM_PAID:
            self.payouts[account].add(event)
            counts["paid by the fund"] += event.code == codes.AS_COVER
        elif event.kind == codes.CLOSE_OUT_DONE:
            self.see_close_out(event)
        elif event.kind == codes.WORK_DEFERRED and event.code != codes.WORK:
            raise AssertionError(f"work failed: {event.as_dict()}")

    def see_close_out(self, done: Any) -> None:
        """An account that was closed out owes nothing, and has nothing if it did not pay in full."""
        self.counts[f"close-out {REASONS[done.code]}"] += 1
        self.has_defaulted = True
        payout = self.payouts.pop(done.account, None)
        if payout is not None:
            payout.check(done)
            self.counts["paid in one ratio"] += any(len(line) > 1 for line in payout.paid.values())

    def check_standing(self, accounts: set[int], taken: set[int], before: dict[int, tuple[int, int, int]]) -> None:
        """No slice, of a market or a bid, makes its account worse off; of several in a turn each from its own rho."""
        engine = self.exchange.engine
        for account in accounts & before.keys():
            rho, at_rho, initial = before[account]
            assert engine.get_resilience(account) >= rho, "no slice lets resilience fall"
            assert engine.get_value(account, 10**6) >= initial
            if account not in taken:
                assert engine.get_value(account, max(rho, 0)) >= at_rho, "no slice lets V at rho fall"

    def check_cures(self, events: list[Any], order: dict[int, int]) -> None:
        """An account that a slice freed would not be free with a lot less: a lot frees at most what it is worth."""
        for event in only(events, codes.RUNG_COST):
            traded = [fill for fill in only(events, codes.TRADED) if fill.taker_order in order]
            mine = [fill for fill in traded if fill.account == event.account]
            if event.code == codes.STATE_FREE and mine and not only(events, codes.BACKSTOP_TAKEN):
                market = self.exchange.listing.market(mine[-1].market)
                lot = market.from_lots(1) * self.prices[market.asset.symbol]
                ended = [end for end in only(events, codes.RUNG_ENDED) if end.account == event.account][-1]
                cure = self.exchange.listing.numeraire.to_quanta(lot.quantize(D("0.000001")))
                assert ended.initial_after <= cure + 2
                self.counts["cured by a slice"] += 1


def run_crash(seed: int, traders: int = 8, moves: int = 12) -> Crash:
    """Run a chapter; a failure names its seed."""
    try:
        crash = Crash(seed, traders)
        crash.run(moves)
    except AssertionError as error:
        error.add_note(f"seed {seed}")
        raise
    return crash
