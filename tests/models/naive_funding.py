"""Funding as docs/spec/matches.md states it: the book's mids as a list of when and what, every average taken anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

PPB = 10**9
LEVELS = 64


@dataclass
class NaiveFunding:
    """One perpetual market.  Prices are ticks; `worth` is the mark in ticks."""

    firm: int
    period_us: int
    cutoff_us: int
    step_ppb: int
    cap_ppb: int
    start_us: int
    worth: Fraction = Fraction(1)
    rate: int = 0
    mids: list[tuple[int, Fraction | None]] = field(default_factory=list)  # from when on it stood
    last: Fraction | None = None  # the last mid that stood for any time
    trades: list[tuple[int, int, int, bool]] = field(default_factory=list)  # when, lots, weight, in a window yet open

    def find_firm(self, levels: list[tuple[int, int]]) -> int:
        """Return the price at which a side, best first, has given the firm size, or 0."""
        if not levels or sum(lots for _, lots in levels) < self.firm:
            return 0
        left = self.firm
        for price, lots in levels[:LEVELS]:
            left -= lots
            if left <= 0:
                return price
        return 0

    def see(self, now: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        """Take the book as it stands from now on."""
        if self.mids and self.mids[-1][0] == now:
            self.mids.pop()
        elif self.mids:
            self.last = self.mids[-1][1]
        bid, ask = self.find_firm(bids), self.find_firm(asks)
        self.mids.append((now, Fraction(bid + ask, 2) if bid and ask else self.last))

    def get_window(self, now: int) -> int:
        """Return when the window that holds a time began."""
        windows = (now + self.cutoff_us) // self.period_us
        return max(windows * self.period_us - self.cutoff_us, self.start_us)

    def compute_average(self, begin: int, now: int) -> Fraction | None:
        """Return the time-weighted mid between two times; None when none has stood."""
        before = [mid for when, mid in self.mids if when <= begin][-1:]
        changes = [(begin, *before)] if before else []
        changes += [x for x in self.mids if begin < x[0] < now]
        total, span = Fraction(0), 0
        for place, (when, mid) in enumerate(changes):
            until = changes[place + 1][0] if place + 1 < len(changes) else now
            if mid is not None:
                total += mid * (until - when)
                span += until - when
        if span:
            return Fraction(floor(2 * total / span), 2)  # to half a tick
        return self.mids[-1][1] if self.mids and self.mids[-1][0] < now else self.last

    def trade(self, now: int, lots: int, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        """Count a trade; the book is as it is then, with all that the same command changed before."""
        mid = self.compute_average(self.get_window(now), now)
        bid, ask = self.find_firm(bids), self.find_firm(asks)
        if mid is None and bid and ask:
            mid = self.last = Fraction(bid + ask, 2)
        if mid is not None:
            self.trades.append((now, lots, min(floor(mid / (2 * self.worth) * PPB), 4 * PPB), True))

    def end_period(self, due: int) -> int:
        """Return the rate that is paid at the end of a period: that of the window which ended before it."""
        for window in sorted({self.get_window(trade[0]) for trade in self.trades if trade[0] < due - self.cutoff_us}):
            inside = [trade for trade in self.trades if self.get_window(trade[0]) == window]
            lots = sum(trade[1] for trade in inside)
            step = floor(Fraction(sum(trade[1] * trade[2] for trade in inside), lots)) - PPB // 2
            step = max(min(step, self.step_ppb), -self.step_ppb)
            self.rate = max(min(self.rate + step, self.cap_ppb), -self.cap_ppb)
            self.trades = [trade for trade in self.trades if trade not in inside]
        return self.rate
