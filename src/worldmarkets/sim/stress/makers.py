"""Agents that make the markets of a crash: quotes around the mark, on both sides, thinner the more it moves.

How deep a market is within a distance of its mark, in calm, is a share of the depth that the asset's parameters name;
in a crash it is divided by `1 + (move / MOVE)**2`, where `move` is how far the mark went in the last
`WINDOW_SECONDS`, and never falls below `LEAST` of the calm one. On 10 October 2025 depth within 1 % was reported to
have fallen by more than 90 % on the large venues; a move of 3 % within five minutes gives a tenth here.
"""

from __future__ import annotations

import math
from collections import deque

from worldmarkets.core import codes
from worldmarkets.exchange import Account, Exchange
from worldmarkets.sim import wire

LEVELS_BP = (2, 6, 15, 30, 60, 110, 200, 400)
SHARES = (0.01, 0.02, 0.04, 0.06, 0.10, 0.14, 0.2, 0.3)  # of the depth parameter, at each level
MOVE, LEAST, WINDOW_SECONDS = 0.01, 0.03, 300
ONE_SIDED = 0.5  # the side that the price runs into has this share of the other's size while it runs


class Maker:
    """The crowd that quotes one market, as one account."""

    def __init__(self, exchange: Exchange, account: Account, market: str, depth: float, step_seconds: int) -> None:
        self.exchange = exchange
        self.account = account
        self.market = exchange.market(market).listed
        self.tick, self.lot = float(self.market.tick), float(self.market.lot)
        self.depth = depth
        self.recent: deque[float] = deque(maxlen=max(2, WINDOW_SECONDS // step_seconds + 1))

    def compute_depth_share(self) -> float:
        """Return by what the calm depth is multiplied now."""
        move = max(abs(price / self.recent[-1] - 1) for price in self.recent)
        return max(LEAST, 1 / (1 + (move / MOVE) ** 2))

    def follow(self, mark: float) -> None:
        """Take note of a mark, and replace all quotes by ones around it."""
        self.recent.append(mark)
        self.quote()

    def quote(self) -> None:
        """Replace all quotes by ones around the last mark."""
        mark, share = self.recent[-1], self.compute_depth_share()
        falling = mark < self.recent[0]
        quotes = []
        for side, sign in ((codes.BUY, -1), (codes.SELL, 1)):
            leaning = ONE_SIDED if share < 0.9 and (side == codes.BUY) == falling else 1.0
            for away_bp, part in zip(LEVELS_BP, SHARES, strict=True):
                ticks = mark * (1 + sign * away_bp / 10_000) / self.tick
                lots = int(self.depth * part * share * leaning / mark / self.lot)
                quotes.append((side, math.floor(ticks) if side == codes.BUY else math.ceil(ticks), lots))
        self._send(quotes)

    def pull(self) -> None:
        """Withdraw all quotes."""
        self._send([(side, 1, 0) for side in (codes.BUY, codes.SELL) for _ in LEVELS_BP])

    def _send(self, quotes: list[tuple[int, int, int]]) -> None:
        exchange = self.exchange
        exchange.apply_block(wire.mass_quote(exchange.time_us, self.account.number, self.market.number, quotes))
