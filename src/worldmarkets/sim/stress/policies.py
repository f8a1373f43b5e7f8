"""Three ways to deal with an account that can no longer carry what it holds.

`ladder` is the engine's own: nothing is done here.  The rivals are not commands of the venue: they send orders in the
name of the account, on a venue whose own ladder acts only once an account is worth less than nothing.  Both begin
where V(account, 1) falls below zero, as World Markets does; their venue has the same assets, books, agents and
accounts.

`full` is World Markets (docs/guide/stress.md): everything is sold into the books as taker orders until only the
numeraire is left, whatever the books pay.  What is missing then is shared by the account's own creditors, which is the
engine's close-out here; so is an account that a price has already brought below nothing.

`adl` is the custom of large perp venues: perps are closed as taker orders within 1.5 shocks of slippage of the mark
while the account is worth more than 0.3 of its shock loss; then, or when the book does not take them, they are closed
against the opposite accounts with the highest profit times leverage, at the price at which the account is worth
nothing but the fees.  Spot and loans are sold and repaid as in `full`, since perp venues have none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from worldmarkets.exchange import Account
from worldmarkets.exchange.market import MarketView
from worldmarkets.exchange.views import Position

if TYPE_CHECKING:
    from worldmarkets.sim.stress.run import Run

ADL_SHARE = Decimal("0.3")  # of the shock loss: below it the queue begins
FEES = Decimal("0.0025")  # of what is closed: more than the fees of closing it in a few orders
WIDE = ("4.1%", "2%", "1%", "0.5%", "0.2%")  # how far from the mark a rival's taker order goes; there is nothing beyond


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
            account.submit.cancel_all()
            value, shocked = account.value(0), account.value(1)
            is_early = value > ADL_SHARE * (value - shocked)
            for position in account.positions:
                if is_early:
                    close_perp(run, account, position, [run.get_tolerance(position.asset)])
                elif position.perp:
                    self.deleverage(run, account, position)
            for position in account.positions:
                sell(run, account, position)
            repay(account)

    def deleverage(self, run: Run, account: Account, position: Position) -> None:
        """Close a perp against the opposite accounts that profit most, at the price at which nothing but fees is left.

        The book is emptied for that moment, so that the two orders meet each other.
        """
        market = run.perps[position.asset]
        listed = market.listed
        left, mark = abs(position.perp), run.get_mark(position.asset)
        is_long = position.perp > 0
        worth = account.value(0) - FEES * left * mark
        price = max(round((mark - worth / position.perp) / listed.tick) * listed.tick, listed.tick)
        side, opposite = ("buy", "sell") if is_long else ("sell", "buy")
        with run.without_makers(position.asset):
            for other, size in run.rank(position.asset, is_long, account):
                size = min(left, size)
                with run.watch(other):
                    resting = other.submit.order(market.symbol, side, size, price, reduce_only=True)
                    if not resting.accepted:
                        continue
                    result = account.submit.order(market.symbol, opposite, size, price, ioc=True, reduce_only=True)
                    if other.orders:
                        other.submit.cancel_all(market.symbol)
                run.note_fills(account, result.fills, position.asset, "deleveraged")
                left -= result.filled
                if left <= 0 or not result.filled:  # no other one would do either
                    break


def close_perp(run: Run, account: Account, position: Position, tolerances: Iterable[str]) -> None:
    """Close a perp as a taker."""
    if position.perp:
        take(run, account, position.asset, run.perps[position.asset], -position.perp, tolerances)


def sell(run: Run, account: Account, position: Position) -> None:
    """Sell what an account holds of an asset, and buy back what it owes."""
    if position.asset != run.cash:
        held = position.balance - position.borrowed
        take(run, account, position.asset, run.spots[position.asset], -held, WIDE)


def take(run: Run, account: Account, asset: str, market: MarketView, size: Decimal, tolerances: Iterable[str]) -> None:
    """Buy (or sell, below zero) what the book gives within the first tolerance that the account is admitted for.

    A venue takes no order that its account could not bear filled at its limit, so the widest one is not always one.
    """
    listed = market.listed
    lots = abs(size) // listed.lot * listed.lot
    for tolerance in tolerances if lots else ():
        side = "buy" if size > 0 else "sell"
        is_perp = listed.kind == "perp"
        result = account.submit.order(market.symbol, side, lots, None, slippage=tolerance, reduce_only=is_perp)
        run.note_fills(account, result.fills, asset, f"{'bought' if size > 0 else 'sold'} {listed.kind}")
        if result.accepted:
            break


def repay(account: Account) -> None:
    """Repay loans from the balance, as far as it goes."""
    for loan in account.loans:
        if loan.side == "borrowed":
            account.submit.repay(loan.id)


def get_policies() -> Iterable[Policy]:
    """The three policies."""
    return (Ladder(), Full(), Queue())
