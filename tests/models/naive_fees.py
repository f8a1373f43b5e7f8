"""Fees as docs/spec/fees.md states them: every day of every owner in a dict, every sum taken anew, in fractions."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

MILLION = 10**6


@dataclass
class NaiveFees:
    """The fees of owners.  `tiers` are (fees, maker cut, taker cut); amounts are quanta."""

    tiers: list[tuple[int, int, int]]
    paid: dict[tuple[str, int], int] = field(default_factory=dict)  # (owner, day) -> fees paid
    full: dict[tuple[str, int], int] = field(default_factory=dict)  # the same without cuts
    orders: dict[int, int] = field(default_factory=dict)

    def get_month(self, owner: str, day: int) -> int:
        """Return what an owner paid in the thirty days before a day."""
        return sum(self.paid.get((owner, day - back), 0) for back in range(1, 31))

    def compute_cut(self, owner: str, day: int, is_taker: bool) -> int:
        month = self.get_month(owner, day)
        if month == 0:
            return 0
        earned = sum(Fraction(max(month - fees, 0) * (taker if is_taker else maker), month)
                     for fees, maker, taker in self.tiers)  # fmt: skip
        return floor(earned)

    def take(self, owner: str, order: int, day: int, is_taker: bool, cash: int, ppm: int, cap: int) -> int:
        """Return the fee of one side of a fill, and count it."""
        full = min(ceil(Fraction(cash * ppm, MILLION)), cap - self.orders.get(order, 0))
        room = max(self.get_month(owner, day) - self.full.get((owner, day), 0), 0)
        fee = full - floor(Fraction(min(full, room) * self.compute_cut(owner, day, is_taker), MILLION))
        self.orders[order] = self.orders.get(order, 0) + fee
        self.paid[owner, day] = self.paid.get((owner, day), 0) + fee
        self.full[owner, day] = self.full.get((owner, day), 0) + full
        return fee

    def fill(
        self,
        day: int,
        taker: tuple[str, int],
        maker: tuple[str, int],
        cash: int,
        taker_ppm: int,
        maker_ppm: int,
        cap: int,
    ) -> tuple[int, int]:
        """Return (taker fee, maker fee) of a fill between (owner, order) and (owner, order)."""
        taker_fee = self.take(*taker, day, True, cash, taker_ppm, cap)
        if maker_ppm < 0:
            return taker_fee, -min(floor(Fraction(cash * -maker_ppm, MILLION)), taker_fee // 2)
        return taker_fee, self.take(*maker, day, False, cash, maker_ppm, cap)
