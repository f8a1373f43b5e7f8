"""Three ways to deal with an account that can no longer carry what it holds.

`ladder` is the engine's own: nothing is done here.  The rivals are not commands of the venue: they send orders in the
name of the account, on a venue whose own ladder acts only once an account is worth less than nothing.  Both begin
where V(account, 1) falls below zero, as World Markets does; their venue has the same assets, books, agents and
accounts.

`full` is World Markets (docs/guide/stress.md names its sources): everything is sold into the books as taker orders
until only the numeraire is left, whatever the books pay, and a liquidator keeps 1 % of what is sold.  What is missing
then is shared by the account's own creditors, which is the engine's close-out here.

`adl` is the custom of large perp venues: perps are closed as taker orders within 1.5 shocks of slippage of the mark
while the account is worth more than 0.3 of its shock loss; then, or when the book does not take them, they are closed
against the opposite accounts with the highest profit times leverage, at the price at which the account is worth
nothing.  Spot and loans are sold and repaid as in `full`, since perp venues have none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from worldmarkets.exchange import Account
from worldmarkets.exchange.views import Position

if TYPE_CHECKING:
    from worldmarkets.sim.stress.run import Run

REWARD = Decimal("0.01")  # of what is sold, at most: World Markets' liquidators
ADL_SHARE = Decimal("0.3")  # of the shock loss: below it the queue begins
WIDE = "20%"  # how far from the mark a rival's taker order may go


class Policy(ABC):
    """What is done at every step, once the marks are set and the makers have quoted."""

    name: str
    has_rungs = False

    @abstractmethod
    def act(self, run: Run) -> None:
        """Deal with whoever must be dealt with now."""


class Ladder(Policy):
    """The engine's own ladder."""

    name = "ladder"
    has_rungs = True

    def act(self, run: Run) -> None:
        """Do nothing: the engine does it, in its own time."""


class Full(Policy):
    """Everything is sold."""

    name = "full"

    def act(self, run: Run) -> None:
        """Sell everything of those below, worst first."""
        for account in run.list_below():
            run.note_latched(account)
            with run.watch(account):
                self.liquidate(run, account)

    def liquidate(self, run: Run, account: Account) -> None:
        """Close and sell what an account has, and repay what that brings in."""
        account.submit.cancel_all()
        for position in account.positions:
            close_perp(run, account, position, WIDE)
        for position in account.positions:
            sell(run, account, position)
        repay(account)


class Queue(Policy):
    """Perps are closed in the books, and then against those who profit most."""

    name = "adl"

    def act(self, run: Run) -> None:
        """Close the perps of those below, worst first, and sell the rest."""
        for account in run.list_below():
            run.note_latched(account)
            with run.watch(account):
                account.submit.cancel_all()
                value, shocked = account.value(0), account.value(1)
                if value > ADL_SHARE * (value - shocked):
                    for position in account.positions:
                        close_perp(run, account, position, run.get_tolerance(position.asset))
                else:
                    for position in account.positions:
                        if position.perp:
                            self.deleverage(run, account, position)
                for position in account.positions:
                    sell(run, account, position)
                repay(account)

    def deleverage(self, run: Run, account: Account, position: Position) -> None:
        """Close a perp against the opposite accounts that profit most, at the price at which nothing is left.

        The book is emptied for that moment, so that the two orders meet each other.
        """
        market = run.perps[position.asset]
        listed = market.listed
        left = abs(position.perp)
        is_long = position.perp > 0
        mark = run.get_mark(position.asset)
        nothing = mark - account.value(0) / position.perp  # V(account, 0) is nothing there, all else the same
        steps = (nothing / listed.tick).to_integral_value() * listed.tick
        price = max(steps, listed.tick)
        with run.without_makers(position.asset):
            for other, lots in run.rank(position.asset, is_long, account):
                size = min(left, lots)
                if size <= 0:
                    break
                with run.watch(other, is_forced_on=True):
                    side, opposite = ("buy", "sell") if is_long else ("sell", "buy")
                    resting = other.submit.order(market.symbol, side, size, price, reduce_only=True)
                    if not resting.accepted:
                        continue
                    result = account.submit.order(market.symbol, opposite, size, price, ioc=True, reduce_only=True)
                    run.note_fills(account, result.fills, market.symbol)
                    left -= result.filled
                    if other.orders:
                        other.submit.cancel_all(market.symbol)
                    run.deleveraged.add(other.number)


def close_perp(run: Run, account: Account, position: Position, tolerance: str) -> None:
    """Close a perp as a taker."""
    if position.perp:
        market = run.perps[position.asset].symbol
        side = "sell" if position.perp > 0 else "buy"
        result = account.submit.order(market, side, abs(position.perp), None, slippage=tolerance, reduce_only=True)
        run.note_fills(account, result.fills, market)


def sell(run: Run, account: Account, position: Position) -> None:
    """Sell what an account holds of an asset, and buy back what it owes."""
    if position.asset == run.cash or position.asset not in run.spots:
        return
    market = run.spots[position.asset]
    held = position.balance - position.borrowed
    size = abs(held) // market.listed.lot * market.listed.lot
    if size > 0:
        side = "sell" if held > 0 else "buy"
        result = account.submit.order(market.symbol, side, size, None, slippage=WIDE)
        run.note_fills(account, result.fills, market.symbol)


def repay(account: Account) -> None:
    """Repay loans from the balance, as far as it goes."""
    for loan in account.loans:
        if loan.side == "borrowed":
            account.submit.repay(loan.id)


def get_policies() -> Iterable[Policy]:
    """The three policies."""
    return (Ladder(), Full(), Queue())
