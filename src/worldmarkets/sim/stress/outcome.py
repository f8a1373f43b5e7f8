"""What came of a run: the measures that policies are compared by, and what charts and stories need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from worldmarkets.exchange import Account

Legs = Mapping[tuple[str, str], Decimal]
MEASURES = ("kept_share", "bad_debt", "loss_beyond_price", "contagion_accounts", "hedges_broken")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a run is drawn with: how many accounts, which seed, and what is scaled for the table of sensitivities."""

    accounts: int = 3_000
    seed: int = 1
    depth: float = 1.0
    leverage: float = 1.0


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done in an account's name: `size` of an asset at `price` while the mark was `mark`."""

    seconds: float
    what: str
    asset: str = ""
    size: float = 0.0
    price: float = 0.0
    mark: float = 0.0


@dataclass(slots=True)
class Latched:
    """An account from the moment it came below: what it held then, at the marks of then, and what was done to it."""

    seconds: float
    value: Decimal
    held: Legs
    marks: Mapping[str, Decimal]
    notional: Decimal
    cost: Decimal = Decimal(0)
    acts: list[Act] = field(default_factory=list)

    def compute_kept(self, held: Legs) -> Decimal:
        """Return how much of the notional is still held, at the marks of then: per leg the smaller of then and now."""
        return sum((_keep(before, held.get(leg, Decimal(0))) * self.marks[leg[0]] for leg, before in self.held.items()),
                   Decimal(0))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one account: what it began with and ended with, and, if it was ever latched, what was done."""

    name: str
    kind: str
    equity: float
    worth: float
    latched: float | None = None
    notional: float = 0.0
    kept: float = 0.0
    cost: float = 0.0
    held: dict[str, float] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)


@dataclass(slots=True)
class Outcome:
    """What came of a run.  Amounts are numeraire; `course` has what charts need, a row a sample."""

    policy: str
    setting: Setting
    refused: int = 0
    latched: int = 0
    notional: float = 0.0
    kept_share: float = 1.0
    bad_debt: float = 0.0
    loss_beyond_price: float = 0.0
    contagion_accounts: int = 0
    hedges_broken: int = 0
    closed_out: int = 0
    deleveraged: int = 0
    violations: list[str] = field(default_factory=list)
    course: list[dict[str, float]] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)
    cpu_s: float = 0.0

    def get_measures(self) -> dict[str, float | int]:
        """The measures that policies are compared by."""
        return {name: getattr(self, name) for name in MEASURES}


def measure_legs(account: Account, cash: str) -> dict[tuple[str, str], Decimal]:
    """Return what an account holds of each asset but the numeraire: its spot, less debts, and its perp."""
    legs = {}
    for position in account.positions:
        if position.asset != cash:
            legs[position.asset, "spot"] = position.balance - position.borrowed + position.lent
            legs[position.asset, "perp"] = position.perp
    return legs


def compute_notional(held: Legs, marks: Mapping[str, Decimal]) -> Decimal:
    """Return what legs are worth together, whatever their signs."""
    return sum((abs(size) * marks[asset] for (asset, _), size in held.items()), Decimal(0))


def _keep(before: Decimal, after: Decimal) -> Decimal:
    """How much of a holding is still there; one that turned over is gone."""
    return min(abs(before), abs(after)) if before * after > 0 else Decimal(0)
