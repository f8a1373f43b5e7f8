"""What everybody holds, as arrays: of each account and asset its spot, less debts, and its perps, in tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from worldmarkets.exchange import Exchange

Floats = npt.NDArray[np.float64]
SLACK = 0.001  # of an account's larger leg: what integers leave behind when both legs of a hedge shrink by one share


@dataclass(frozen=True, slots=True)
class Holdings:
    """By account and asset number; `cost` is what the perps were taken on for, in numeraire."""

    spot: Floats
    perp: Floats
    cost: Floats


class Everybody:
    """Reads what all accounts of a venue hold."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        listing = exchange.listing
        size = len(listing.assets) + 1
        self.one = np.ones(size)
        self.lot = np.zeros(size)
        self.cash = float(listing.numeraire.from_quanta(1))
        for asset in listing.assets:
            self.one[asset.number] = float(asset.from_quanta(1))
        for market in listing.markets:
            if market.symbol.endswith("-PERP"):
                self.lot[market.asset.number] = float(market.lot)

    def read(self) -> Holdings:
        """Return what everybody holds now."""
        rows = self.exchange.table("positions")
        rows = rows[rows["account"] != 0]
        shape = (len(self.exchange.table("accounts")), len(self.one))
        at = rows["account"], rows["asset"].astype(np.int64)
        spot, perp, cost = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        spot[at] = (rows["balance"] - rows["borrowed"] + rows["lent"]) * self.one[at[1]]
        perp[at] = rows["lots"] * self.lot[at[1]]
        cost[at] = rows["cost"] * self.cash
        spot[:, self.exchange.listing.numeraire.number] = 0.0
        return Holdings(spot, perp, cost)

    def find_worse(self, before: Holdings, after: Holdings) -> set[int]:
        """Return the accounts whose net delta in some asset is larger than before, beyond two lots and `SLACK`."""
        was, now = np.abs(before.spot + before.perp), np.abs(after.spot + after.perp)
        leg = np.maximum(np.abs(before.spot), np.abs(before.perp))
        worse = now > was + SLACK * leg + 2 * self.lot
        return set(np.flatnonzero(worse.any(axis=1)).tolist())
