"""A close-out as the specification says it, on plain numbers: who claims what, and what everybody has afterwards.

It knows nothing of steps, rings or tables.  Amounts are quanta, values numeraire quanta at the frozen marks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

USDM = 1
YEAR = 10_000 * 8_760


@dataclass
class Debt:
    """A loan or an IOU as it stands when marks freeze; `hours` of interest are due on it."""

    id: int
    lender: int
    borrower: int
    asset: int
    principal: int
    rate_bp: int
    hours: int
    carry: int = 0
    is_iou: bool = False
    is_apart: bool = False

    def compute_due(self) -> int:
        interest = Fraction(self.principal * self.rate_bp * self.hours + self.carry, YEAR)
        return floor(interest) if self.is_iou else ceil(interest)


@dataclass
class Contract:
    """A perp: `gain` is what its long has gained at the frozen mark and funding."""

    id: int
    long: int
    short: int
    gain: int


@dataclass
class Pair:
    """What one other account claims of the defaulter, and owes it."""

    claimed: int = 0
    owed: int = 0
    by_perps: int = 0  # of `owed`
    given: list[Debt] = field(default_factory=list)  # loans that the defaulter gave, as they were counted


@dataclass
class Outcome:
    claims: dict[tuple[int, bool], int]
    balances: dict[tuple[int, int], int]
    lent: dict[tuple[int, int], int]  # what each account has lent of an asset, of the contracts of the defaulter
    owed: dict[tuple[int, int], int]  # and what each still owes on them
    ious: dict[int, int]  # new ones, of debtors
    remainders: dict[int, int]
    paid: int
    unpaid: int
    is_full: bool


def close_out(account: int, value: int, balances: dict[tuple[int, int], int], units: dict[int, Fraction],
              slippage: dict[int, int], debts: list[Debt], perps: list[Contract]) -> Outcome:  # fmt: skip
    """Return what a close-out leaves.  `debts` and `perps` are the account's, in the order in which they are counted.

    `units` are numeraire quanta a quantum; `slippage` is in ppm; `value` is V(account, 0).
    """
    balances = dict(balances)
    pairs: dict[tuple[int, bool], Pair] = {}
    for perp in perps:
        gain = perp.gain if perp.long == account else -perp.gain
        pair = pairs.setdefault((perp.short if perp.long == account else perp.long, False), Pair())
        pair.claimed += max(-gain, 0)
        pair.owed += max(gain, 0)
        pair.by_perps += max(gain, 0)
    for debt in debts:
        quanta = debt.principal + debt.compute_due()
        if debt.borrower == account:
            pair = pairs.setdefault((debt.lender, debt.is_apart), Pair())
            pair.claimed += ceil(quanta * units[debt.asset])
        else:
            pair = pairs.setdefault((debt.borrower, False), Pair())
            pair.owed += floor(quanta * units[debt.asset])
            pair.given.append(debt)
    claims = {key: pair.claimed - pair.owed for key, pair in pairs.items() if pair.claimed > pair.owed}
    total = sum(claims.values())

    ious: dict[int, int] = {}
    running: dict[tuple[int, int], int] = {}  # what debtors still owe on loans: (debtor, asset)
    for (other, is_apart), pair in pairs.items():
        if (other, is_apart) in claims:
            continue
        pool = pair.claimed
        due = max(pair.by_perps - pool, 0)
        pool -= min(pool, pair.by_perps)
        cash = min(due, balances.get((other, USDM), 0))
        balances[other, USDM] = balances.get((other, USDM), 0) - cash
        balances[account, USDM] = balances.get((account, USDM), 0) + cash
        if due > cash:
            ious[other] = due - cash
        for debt in reversed(pair.given):  # the chain of a pair: last counted, first set off
            left = debt.principal
            worth = floor((debt.principal + debt.compute_due()) * units[debt.asset])
            if pool > 0 and worth <= pool:
                left, pool = 0, pool - worth
            elif pool > 0:
                quanta = ceil(pool / units[debt.asset])
                part = quanta * YEAR // (YEAR + debt.rate_bp * debt.hours)
                left -= part if part < left else 0
                pool = 0
            running[other, debt.asset] = running.get((other, debt.asset), 0) + left

    def count(asset: int, quanta: int) -> int:
        worth = floor(quanta * units[asset])
        return worth if value < 0 else worth * (10**6 - slippage[asset]) // 10**6

    held = {asset: balances.get((account, asset), 0) for asset in units}
    lent = dict.fromkeys(units, 0)
    for (_, asset), principal in running.items():
        lent[asset] += principal
    lent[USDM] += sum(ious.values())
    holdings = sum(count(asset, quanta) for asset, quanta in held.items())
    loans = sum(count(asset, quanta) for asset, quanta in lent.items())
    missing = max(total - holdings, 0)
    out, lent_out = dict(held), dict(lent)
    if total < holdings:
        out = {asset: -(-quanta * total // holdings) for asset, quanta in held.items()}
    if missing < loans:
        lent_out = {asset: -(-quanta * missing // loans) for asset, quanta in lent.items()}

    paid = 0
    received: dict[tuple[int, int], int] = {}
    left = dict(out)
    for (creditor, _), claim in claims.items():
        for asset in units:
            amount = out[asset] * claim // total
            balances[creditor, asset] = balances.get((creditor, asset), 0) + amount
            balances[account, asset] = balances.get((account, asset), 0) - amount
            left[asset] -= amount
            loan = lent_out[asset] * claim // total
            received[creditor, asset] = received.get((creditor, asset), 0) + loan
            paid += count(asset, amount)
    remainders = dict.fromkeys(units, 0)
    if total > 0:
        remainders = left
        for asset in units:
            balances[account, asset] = balances.get((account, asset), 0) - left[asset]
    for (_, asset), amount in list(received.items()):
        lent[asset] -= amount
    received.update({(account, asset): quanta for asset, quanta in lent.items()})
    for other, amount in ious.items():
        running[other, USDM] = running.get((other, USDM), 0) + amount
    return Outcome(claims, balances, received, running, ious, remainders, paid,
                   max(total - holdings - loans, 0), total <= holdings + loans)  # fmt: skip
