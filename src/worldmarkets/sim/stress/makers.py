"""Agents that make the markets of a crash: quotes around the mark, on both sides, thinner the more it moves.

How deep a market is within a distance of its mark, in calm, is a share of the depth that the asset's parameters name;
in a crash it is divided by `1 + (move / MOVE)**2`, where `move` is how far the mark went in the last
`WINDOW_SECONDS`, and never falls below `LEAST` of the calm one. On 10 October 2025 depth within 1 % was reported to
have fallen by more than 90 % on the large venues; a move of 3 % within five minutes gives a tenth here.
"""

from __future__ import annotations

from collections import deque
from decimal import ROUND_DOWN, ROUND_UP, Decimal

from worldmarkets.exchange import Account, Exchange
from worldmarkets.exchange.market import MarketView

LEVELS_BP = (2, 6, 15, 30, 60, 110, 200, 400)
SHARES = (0.01, 0.02, 0.04, 0.06, 0.10, 0.14, 0.2, 0.3)  # of the depth parameter, at each level
MOVE, LEAST, WINDOW_SECONDS = 0.01, 0.03, 300
ONE_SIDED = 0.5  # the side that the price runs into has this share of the other's size while it runs


class Maker:
    """The crowd that quotes one market, as one account."""

    def __init__(self, exchange: Exchange, account: Account, market: str, depth: float, step_seconds: int) -> None:
        self.exchange = exchange
        self.account = account
        self.market: MarketView = exchange.market(market)
        self.depth = depth
        self.recent: deque[float] = deque(maxlen=max(2, WINDOW_SECONDS // step_seconds + 1))
        self.refused = 0

    def compute_depth_share(self) -> float:
        """Return by what the calm depth is multiplied now."""
        move = max(abs(price / self.recent[-1] - 1) for price in self.recent)
        return max(LEAST, 1 / (1 + (move / MOVE) ** 2))

    def quote(self, mark: float) -> None:
        """Replace all quotes by ones around the mark."""
        self.recent.append(mark)
        share = self.compute_depth_share()
        falling = self.recent[-1] < self.recent[0]
        sides = {}
        for side, sign in (("buy", -1), ("sell", 1)):
            leaning = ONE_SIDED if share < 0.9 and (side == "buy") == falling else 1.0
            sides[side] = [
                self._level(mark, sign * bp, part * share * leaning) for bp, part in zip(LEVELS_BP, SHARES, strict=True)
            ]
        result = self.account.submit.quote({self.market.symbol: sides}, pull_others=False)
        self.refused += len(result.refused)

    def pull(self) -> None:
        """Withdraw all quotes."""
        self.account.submit.pull_quotes(self.market.symbol)

    def _level(self, mark: float, away_bp: int, part: float) -> tuple[Decimal, Decimal]:
        listed = self.market.listed
        exact = Decimal(mark) * (1 + Decimal(away_bp) / 10_000)
        price = (exact / listed.tick).to_integral_value(ROUND_DOWN if away_bp < 0 else ROUND_UP) * listed.tick
        size = (Decimal(self.depth * part / mark) / listed.lot).to_integral_value(ROUND_DOWN) * listed.lot
        return price, size
