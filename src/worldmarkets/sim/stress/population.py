"""Who holds what when a crash begins: drawn from one documented distribution, the same for every policy.

| kind | share | what it has |
|---|---|---|
| long | 34 % | a levered long perp in one asset |
| short | 14 % | a levered short perp in one asset |
| margin | 14 % | spot bought with borrowed numeraire |
| basis | 20 % | spot bought with borrowed numeraire, and as much of the perp sold |
| pair | 10 % | long the perp of one asset, short as much of another's |
| holder | 8 % | spot, and no debt |

Equity is lognormal (median 4,000, sigma 1). Leverage is drawn as the resilience that an account begins with: 1.05 and
an exponential part with a mean of 0.7, so that everybody is free at the start and many are not by far. A basis trade
has 3 to 8 times its equity in either leg. These are assumptions: no venue publishes what its users' portfolios are.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KINDS = {"long": 34, "short": 14, "margin": 14, "basis": 20, "pair": 10, "holder": 8}
EQUITY_MEDIAN, EQUITY_SIGMA = 4_000.0, 1.0
RESILIENCE_LEAST, RESILIENCE_MEAN = 1.05, 0.7
BASIS_LEAST, BASIS_MOST = 3.0, 8.0


@dataclass(frozen=True, slots=True)
class Holding:
    """What one account sets out to have; sizes are numeraire, at the first marks."""

    name: str
    kind: str
    equity: float
    asset: str
    notional: float
    other: str = ""


def draw_population(count: int, shocks: Mapping[str, float], seed: int, leverage: float = 1.0) -> list[Holding]:
    """Return the holdings of `count` accounts; `shocks` are the price shocks of the assets, as shares.

    `leverage` scales what everybody has beyond its equity.
    """
    chance = random.Random(f"population {seed}")
    kinds, weights = list(KINDS), list(KINDS.values())
    assets = sorted(shocks)
    return [
        _draw(f"{kind}-{number}", kind, assets, shocks, chance, leverage)
        for number, kind in enumerate(chance.choices(kinds, weights, k=count))
    ]


def _draw(
    name: str, kind: str, assets: Sequence[str], shocks: Mapping[str, float], chance: random.Random, leverage: float
) -> Holding:
    equity = round(EQUITY_MEDIAN * 2.718281828 ** chance.gauss(0, EQUITY_SIGMA), 2)
    resilience = RESILIENCE_LEAST + chance.expovariate(1 / RESILIENCE_MEAN)
    asset, other = chance.sample(assets, 2) if len(assets) > 1 else (assets[0], "")
    if kind == "holder":
        return Holding(name, kind, equity, asset, 0.95 * equity)
    if kind == "basis":
        return Holding(name, kind, equity, asset, equity * min(chance.uniform(BASIS_LEAST, BASIS_MOST) * leverage, 9.0))
    shock = shocks[asset] + (shocks[other] if kind == "pair" else 0.0)
    notional = equity / (shock * resilience) * leverage
    if kind == "margin":  # spot loses its slippage too
        notional = max(equity / ((shock + 0.01) * resilience) * leverage, equity)
    least = equity / (shock * 1.02)
    return Holding(name, kind, equity, asset, min(notional, least), other if kind == "pair" else "")
