"""What is measured, by hand: small venues in which every figure can be worked out beforehand."""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType

import numpy as np
import pytest

from worldmarkets.exchange import Account
from worldmarkets.recorded.crashes import CRASHES
from worldmarkets.sim.stress.bars import read_bars
from worldmarkets.sim.stress.everybody import Everybody, Holdings
from worldmarkets.sim.stress.outcome import Latched, Setting
from worldmarkets.sim.stress.policies import Full, Ladder, Policy, Queue
from worldmarkets.sim.stress.population import Holding
from worldmarkets.sim.stress.run import Run

CRASH = CRASHES["crash-2025-10-10"]
D = Decimal


class Stage(Run):
    """A run without its crowd: prices are given, and accounts come in one by one."""

    def __init__(self, policy: Policy, *btc: float) -> None:
        super().__init__(CRASH, read_bars(CRASH), policy, Setting(accounts=10))
        self.paths = {"BTC": list(btc), "ETH": [4_000.0] * len(btc), "SOL": [200.0] * len(btc)}
        self._set_marks(0)

    def enter(self, name: str, kind: str = "", **funds: str) -> Account:
        """Return a new account with funds; with a kind it is one of those that are measured."""
        account = self.exchange.account(name)
        for asset, amount in funds.items():
            account.deposit(asset, amount)
        if kind:
            self.people[account.number] = Holding(name, kind, float(account.value(0)), "BTC", 0.0)
        return account

    def trade(self, buyer: Account, seller: Account, market: str, size: str, price: str) -> None:
        """Let two accounts trade with one another."""
        seller.sell(market, size, price)
        assert buyer.buy(market, size, price).filled == D(size)

    def go_on(self) -> None:
        """Take one step after the other to the end of the given prices, and add up."""
        for place in range(1, len(self.paths["BTC"])):
            self.place = place
            self._step()
        self._conclude()


def test_a_default_costs_its_counterparty_a_claim_and_a_hedge() -> None:
    """The loser has 15,000 less a fee of 10, and owes 25,000 when BTC falls from 100,000 to 75,000: 10,010 are unpaid.

    The hedger had a BTC that it owes 84,000 for, and was short of one; now it has the BTC alone, 14,990, and 1,480 of
    its own: V(1) = 1,480 + 14,990 + 75,000 * (1 - 0.103) - 84,115 is below nothing.  Somebody with a BTC and a debt of
    80,000 is closed out too, by the price alone, and leaves 5,000 and eight hours' interest.
    """
    run = Stage(Ladder(), 100_000, 75_000, 75_000, 75_000)
    lender, rich = run.enter("lender", USDM="1_000_000"), run.enter("rich", USDM="5_000_000", BTC="50")
    lender.lend("USDM", "500_000", "5%")
    loser = run.enter("loser", "long", USDM="15_000")
    hedger = run.enter("hedger", "basis", USDM="17_500")
    faller = run.enter("faller", "margin", BTC="1")
    faller.borrow("USDM", "80_000", "5%")
    faller.withdraw("USDM", "80_000")
    hedger.borrow("USDM", "84_000", "5%")
    run.trade(hedger, rich, "BTC/USDM", "1", "100000")
    run.trade(loser, hedger, "BTC-PERP", "1", "100000")
    bystander = run.enter("bystander", "long", USDM="100_000")
    run.trade(bystander, rich, "BTC-PERP", "1", "100000")
    assert all(account.value(1) > 0 for account in (loser, hedger, faller, bystander))
    run.go_on()
    assert run.outcome.closed_out == 2
    assert run.contagion == {hedger.number}
    assert run.broken == {hedger.number}  # from nothing to one BTC, by no action of its own
    assert run.outcome.bad_debt == pytest.approx(10_010 + 5_000 + 80_000 * 0.05 * 8 / 8_760, abs=0.1)
    assert bystander.number not in run.latched and loser.number in run.latched


def test_what_slices_and_sales_give_away_is_lost_beyond_price() -> None:
    """A long of one BTC at 100,000 with 12,000 comes below at 95,000, where the only bid is at 94,900.

    Full liquidation sells it all: 100 of slippage and a fee of 10, of a notional of 95,000.  The ladder is not there
    yet: V(0.6) = 12,000 - 10 - 5,000 - 5,700 is above nothing.
    """
    for policy, cost in ((Full(), 110.0), (Ladder(), 0.0)):
        run = Stage(policy, 100_000, 95_000, 95_000)
        rich, bidder = run.enter("rich", USDM="5_000_000"), run.enter("bidder", USDM="5_000_000")
        trader = run.enter("trader", "long", USDM="12_000")
        run.trade(trader, rich, "BTC-PERP", "1", "100000")
        bidder.buy("BTC-PERP", "2", "94900")
        run.go_on()
        (fate,) = run.outcome.fates
        assert fate.cost == pytest.approx(cost)
        assert run.outcome.loss_beyond_price == pytest.approx(cost / 95_000)
        assert (run.outcome.latched, run.outcome.kept_share) == ((1, 0.0) if cost else (0, 1.0))
        assert fate.worth == pytest.approx(12_000 - 10 - (5_110 if cost else 5_000))


def test_the_ladder_sells_a_part_and_its_receipts_are_the_cost() -> None:
    """The same at 93,000: V(0.6) is below nothing, V(1) = 4,990 - 9,300; each BTC sold at 92,900 frees 9,200."""
    run = Stage(Ladder(), 100_000, 93_000, 93_000, 93_000)
    rich, bidder = run.enter("rich", USDM="5_000_000"), run.enter("bidder", USDM="5_000_000")
    trader = run.enter("trader", "long", USDM="12_000")
    run.trade(trader, rich, "BTC-PERP", "1", "100000")
    bidder.buy("BTC-PERP", "2", "92900")
    run.go_on()
    (fate,) = run.outcome.fates
    sold = 4_320 / 9_200
    assert fate.kept / fate.notional == pytest.approx(1 - sold, abs=0.01)
    assert fate.cost == pytest.approx(sold * 100 + 10, abs=2)
    assert [act.what for act in fate.acts] == ["latched", "sold perp", "free again"]
    assert (run.outcome.hedges_broken, run.outcome.contagion_accounts, run.outcome.bad_debt) == (0, 0, 0)


def test_a_queue_takes_a_leg_from_whoever_profits_most() -> None:
    """A loser nobody buys from, and two who are short: one is hedged and levered, one neither.  The first is closed."""
    run = Stage(Queue(), 100_000, 93_000, 91_000, 89_500, 89_500)
    lender, rich = run.enter("lender", USDM="1_000_000"), run.enter("rich", USDM="5_000_000", BTC="50")
    lender.lend("USDM", "500_000", "5%")
    loser, hedger = run.enter("loser", "long", USDM="12_000"), run.enter("hedger", "basis", USDM="20_000")
    plain = run.enter("plain", "short", USDM="900_000")
    hedger.borrow("USDM", "84_000", "5%")
    run.trade(hedger, rich, "BTC/USDM", "1", "100000")
    run.trade(rich, hedger, "BTC-PERP", "1", "100000")
    run.trade(rich, plain, "BTC-PERP", "1", "100000")
    run.trade(loser, rich, "BTC-PERP", "1", "100000")
    run.makers = {"BTC": [_Nobody(), _Nobody()]}  # type: ignore[list-item]
    run.go_on()
    assert run.deleveraged == {hedger.number}
    assert run.broken == {hedger.number}
    assert [perp.size for perp in plain.perps] == [-1]


class _Nobody:
    """A maker that quotes nothing."""

    def follow(self, mark: float) -> None:
        """Do nothing."""

    def quote(self) -> None:
        """Do nothing."""

    def pull(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("before", "after", "worse"),
    [
        ((0, 0), (0, 0), False),
        ((10, -10), (10, -5), True),  # a leg is gone
        ((10, -10), (5, -5), False),  # both shrank
        ((10, -10), (5, -5.004), False),  # but for what integers leave
        ((2, 0), (1, 0), False),
        ((2, 0), (-2, 0), False),  # turned over, and no larger
        ((0, 2), (0, 2.5), True),
        ((0, -1), (0, 0), False),
    ],
)
def test_a_hedge_is_broken_when_a_net_delta_grows(
    before: tuple[float, float], after: tuple[float, float], worse: bool
) -> None:
    run = Stage(Ladder(), 100_000)
    everybody = Everybody(run.exchange)
    shape = 3, len(everybody.one)
    held = [Holdings(np.zeros(shape), np.zeros(shape), np.zeros(shape)) for _ in range(2)]
    for one, (spot, perp) in zip(held, (before, after), strict=True):
        one.spot[2, 3], one.perp[2, 3] = spot, perp
    assert everybody.find_worse(*held) == ({2} if worse else set())


def test_what_turned_over_is_not_kept() -> None:
    marks = MappingProxyType({"ETH": D(10)})
    for before, now, kept in ((3, 2, 20), (3, 5, 30), (-3, -1, 10), (3, -3, 0), (3, 0, 0)):
        latched = Latched(0.0, D(0), {("ETH", "perp"): D(before)}, marks, D(30))
        assert latched.compute_kept({("ETH", "perp"): D(now)}) == kept
