"""A slice of a portfolio, taken by hand: written from docs/spec/auction.md over the naive exchange.

It is told who takes which share of what, and works out what moves, what that changes V by, and what is paid.  Accounts
have one owner each and no policy.  Where the page leaves something open:

- what moves is taken asset by asset, in the order it is given; of each asset the balance, then what was borrowed,
  newest loan first, then what was lent, then perps, in the order in which the account gives contracts up;
- the bidder is the acting account: the parts of a quantum that a true-up leaves are its.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

from tests.models import naive_portfolio as naive

BILLION, TICKS, MOST = 10**9, 1_000, 64


@dataclass
class Taken:
    """What a slice came to: the notional that moved, the fall of the shock loss, and what the bidder paid."""

    notional: int
    loss: int
    paid: int


def fit(part: int, whole: int, minimum: int) -> int:
    """Return a part, the whole, or nothing, so that nothing below the minimum moves or stays, if that can be."""
    if part < minimum:
        return whole if whole < minimum and 2 * part >= whole else 0
    return whole if whole - part < minimum else part


class Slice:
    """One slice, from the account to the bidder."""

    def __init__(
        self, exchange: naive.Exchange, account: int, bidder: int, assets: Sequence[int], share_ppb: int,
        minimum_lots: Mapping[int, int],
    ) -> None:  # fmt: skip
        self.exchange = exchange
        self.account = account
        self.bidder = bidder
        self.assets = assets
        self.share = Fraction(share_ppb, BILLION)
        self.minimum_lots = minimum_lots
        self.left = MOST
        self.notional = 0
        self.is_whole = self.count_contracts() > MOST

    def count_contracts(self) -> int:
        """Return how many contracts of the account there are in what is covered."""
        of = {market for market, rules in self.exchange.markets.items() if rules.asset in self.assets}
        perps = sum(key[0] in of and self.account in key[1:] for key in self.exchange.contracts)
        return perps + sum(
            self.account in (loan.lender, loan.borrower) and loan.asset in self.assets
            and not (loan.flags & naive.IOU and loan.borrower == self.account)
            for loan in self.exchange.loans.values()
        )  # fmt: skip

    def take(self, d_ticks: int) -> Taken:
        """Move everything and settle; return what it came to."""
        exchange, account = self.exchange, self.account
        worth, initial = exchange.compute_value(account, 0), exchange.compute_value(account, 10**6)
        for asset in self.assets:
            self.move(asset)
        worth_left = worth - exchange.compute_value(account, 0)
        loss = worth_left - (initial - exchange.compute_value(account, 10**6))
        paid = worth_left - loss * d_ticks // TICKS
        if paid >= 0:
            exchange.move(self.bidder, account, naive.NUMERAIRE, paid)
            exchange.receive(account, naive.NUMERAIRE, 0)
        else:
            exchange.move(account, self.bidder, naive.NUMERAIRE, -paid)
            exchange.receive(self.bidder, naive.NUMERAIRE, 0)
        return Taken(self.notional, loss, paid)

    def move(self, asset: int) -> None:
        """Move the share of what the account has of one asset."""
        exchange = self.exchange
        if asset != naive.NUMERAIRE:
            amount = floor(exchange.get_balance(self.account, asset) * self.share)
            exchange.move(self.account, self.bidder, asset, amount)
            self.note(exchange.compute_price(asset) * amount)
        for side in ("borrower", "lender"):
            self.move_loans(asset, side)
        for market, rules in exchange.markets.items():
            if rules.kind == naive.PERP and rules.asset == asset and exchange.get_lots(market, self.account):
                self.move_perps(market)

    def note(self, worth: Fraction) -> None:
        """Count what moved, each part rounded up."""
        self.notional += ceil(worth)

    def move_loans(self, asset: int, side: str) -> None:
        """Put the bidder in the account's place, on its side of its loans of an asset."""
        exchange = self.exchange
        mine = [
            loan for loan in exchange.loans.values()
            if getattr(loan, side) == self.account and loan.asset == asset and not loan.flags & naive.IOU
        ]  # fmt: skip
        mine.sort(key=lambda loan: -loan.serial)
        wanted = floor(sum(loan.principal for loan in mine) * self.share)
        total = sum(loan.principal for loan in mine)
        for loan in mine:
            part = min(loan.principal, wanted) if self.is_whole else loan.principal * wanted // total
            part = fit(part, loan.principal, exchange.assets[asset].minimum_principal)
            if part and self.left and loan.due_us > exchange.now_us and self.bidder not in (loan.lender, loan.borrower):
                self.move_loan(loan, side, part)
                wanted -= part * self.is_whole

    def move_loan(self, loan: naive.Loan, side: str, part: int) -> None:
        """Put the bidder on one side of a part of a loan."""
        self.left -= 1
        self.note(self.exchange.compute_price(loan.asset) * part)
        if part < loan.principal:
            loan.principal -= part
            self.exchange.serial += 1
            loan = self.exchange.loans[self.exchange.serial] = replace(
                loan, serial=self.exchange.serial, principal=part
            )
        setattr(loan, side, self.bidder)
        self.exchange.effects.append(("loan moved", side, loan.asset, part))

    def move_perps(self, market: int) -> None:
        """Put the bidder in the account's place in the share of its contracts in a market."""
        exchange = self.exchange
        is_long = exchange.get_lots(market, self.account) > 0
        wanted = floor(abs(exchange.get_lots(market, self.account)) * self.share)
        between = (market, self.account, self.bidder) if is_long else (market, self.bidder, self.account)
        if between in exchange.contracts:
            wanted -= self.hand_over(between, min(wanted, exchange.contracts[between].lots), is_long)
        total = abs(exchange.get_lots(market, self.account))
        mine = [key for key in exchange.contracts if key[0] == market and self.account in key[1:]]
        mine.sort(key=lambda key: exchange.contracts[key].serial)
        if self.account not in exchange.oldest_first:
            mine.reverse()
        for key in mine if wanted else ():
            lots = exchange.contracts[key].lots
            part = fit(min(lots, wanted) if self.is_whole else lots * wanted // total, lots, self.minimum_lots[market])
            if part and self.left:
                wanted -= self.hand_over(key, part, is_long) * self.is_whole

    def hand_over(self, key: tuple[int, int, int], lots: int, is_long: bool) -> int:
        """Put the bidder in the account's place in one contract; return for how many lots."""
        exchange, market, left = self.exchange, key[0], lots
        other = key[2] if is_long else key[1]
        while left and self.left:
            held = exchange.get_lots(market, self.bidder)
            size, given, cause = left, None, naive.REPAIRED
            if other == self.bidder:
                cause = naive.TORN_UP
            elif (is_long and held < 0) or (not is_long and held > 0):
                given, cause = exchange.choose(market, self.bidder), naive.CROSSED
                size = min(left, exchange.contracts[given].lots)
            exchange.reduce(key, size, cause, self.bidder)
            if given:
                exchange.reduce(given, size, cause, self.bidder)
            if cause != naive.TORN_UP:
                new = (given[1] if is_long else given[2]) if given else self.bidder
                made = (market, new, other) if is_long else (market, other, new)
                exchange.add(made, size, exchange.compute_mark_value(market, size), cause, self.bidder)
            self.left -= 1
            left -= size
        self.note(exchange.compute_lot_mark(market) * (lots - left))
        return lots - left
