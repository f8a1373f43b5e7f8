"""The default fund of docs/spec/fund.md, in plain Python: dictionaries, and every payment worked out anew.

Units: numeraire quanta, shares, microseconds.  Time is told; nothing happens by itself but in `pass_time`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DELAY_US = 7 * 24 * 3_600 * 10**6
MINIMUM = 10**6


@dataclass
class Stake:
    """What one account has in the fund, what of it leaves, when, and the number of that among all that ever left."""

    shares: int = 0
    leaving: int = 0
    leaves_us: int = 0
    serial: int = 0


@dataclass
class NaiveFund:
    """Stakes and cover; `fund` is what is in it."""

    price_ppm: int
    limit_ppm: int
    now_us: int = 0
    fund: int = 0
    stakes: dict[int, Stake] = field(default_factory=dict)
    covered_from: dict[int, int] = field(default_factory=dict)
    serial: int = 0

    @property
    def shares(self) -> int:
        return sum(stake.shares for stake in self.stakes.values())

    def get_stake(self, account: int) -> Stake:
        return self.stakes.get(account, Stake())

    def stake(self, account: int, amount: int) -> bool:
        """Put an amount in; say whether it is enough."""
        if amount < MINIMUM:
            return False
        bought = amount if self.shares == 0 else amount * self.shares // self.fund
        self.stakes.setdefault(account, Stake()).shares += bought
        self.fund += amount
        return True

    def unstake(self, account: int, shares: int) -> bool:
        """Let shares leave, 0: all; say whether there are so many that do not leave yet."""
        stake = self.get_stake(account)
        if stake.shares == 0 or not 0 <= shares <= stake.shares - stake.leaving:
            return False
        stake.leaving += shares or stake.shares - stake.leaving
        stake.leaves_us = self.now_us + DELAY_US
        self.serial += 1
        stake.serial = self.serial
        return True

    def get_leaving(self, target_us: int) -> list[int]:
        """Return who has shares that leave by a time, in the order in which they do."""
        due = [(one.leaves_us, one.serial, account) for account, one in self.stakes.items() if one.leaves_us]
        return [account for leaves_us, _, account in sorted(due) if leaves_us <= target_us]

    def redeem(self, account: int, is_all: bool = False) -> int:
        """Pay out what leaves, or the whole stake; return how much."""
        stake = self.stakes[account]
        gone = stake.shares if is_all else stake.leaving
        amount = gone * self.fund // self.shares if self.shares else 0
        stake.shares -= gone
        stake.leaving = 0
        stake.leaves_us = 0
        self.fund -= amount
        return amount

    def set_cover(self, account: int, is_on: bool) -> None:
        if not is_on:
            self.covered_from.pop(account, None)
        else:
            self.covered_from.setdefault(account, self.now_us + DELAY_US)

    def is_covered(self, account: int) -> bool:
        return account in self.covered_from and self.covered_from[account] <= self.now_us

    def charge(self, lender: int, interest: int) -> int:
        """Take the price of cover off interest; return it."""
        if self.shares == 0 or interest <= 0 or not self.is_covered(lender):
            return 0
        price = -(-interest * self.price_ppm // 10**6)
        self.fund += price
        return price

    def cover(self, claims: dict[int, int], unpaid: int, own: set[int]) -> dict[int, int]:
        """Pay covered creditors their part of what a default leaves unpaid, none of the defaulter's `own` accounts.

        Returns what each is paid.
        """
        covered = {one: claim for one, claim in claims.items() if self.is_covered(one) and one not in own}
        total = sum(covered.values())
        if total == 0 or unpaid <= 0:
            return {}
        most = min(unpaid * total // sum(claims.values()), self.fund * self.limit_ppm // 10**6)
        paid = {account: most * claim // total for account, claim in covered.items()}
        self.fund -= sum(paid.values())
        return paid
