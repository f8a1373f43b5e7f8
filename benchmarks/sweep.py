"""The sweep over a million accounts: milliseconds of a mark that moves 0.1 %, and of a valuation of everybody.

Every account has a balance, a loan and two perps; the perps' size is drawn so that gross leverage runs from a tenth to
five.  One account in a hundred is brought to within 0.2 % of the initial rung.  Marks then move until every account has
been filed for a while, one asset after another, up and down by 0.1 %, and what is measured are the marks after that,
each with the time steps that its queue needs to run empty.
"""

from __future__ import annotations

import numpy as np

from benchmarks import measure, scale, venue
from worldmarkets.core import codes as c
from worldmarkets.core.engine import Engine

ACCOUNTS = 1_000_000
NEAR = 0.01  # of the accounts
EDGE = 0.002  # of what they hold
DEPOSITED = venue.DEPOSIT_USD * venue.USD
STEP_PPM = 1_000
WARM, MARKS = 600, 64
STEPS_A_SECOND = 20  # marks a second of the venue's time


class Marks:
    """Moves the marks of a venue, one asset after another, up and down again."""

    def __init__(self, engine: Engine, step_ppm: int = STEP_PPM) -> None:
        self.engine = engine
        self.step_ppm = step_ppm
        self.chance = np.random.default_rng(1)
        self.prices = [venue.MARK] * (venue.PERPS + 2)
        self.number = 0

    def move(self) -> None:
        """Move one mark, and let the queue of accounts run empty: a time step a microsecond, as each has one budget."""
        self.number += 1
        now = venue.START_US + self.number * 1_000_000 // STEPS_A_SECOND
        asset = 2 + self.number % venue.PERPS
        step = self.step_ppm if self.prices[asset] <= venue.MARK else -self.step_ppm
        self.prices[asset] += self.prices[asset] * step // 1_000_000
        command = scale.table(1, c.SET_MARK, scale.MARK)
        command["asset"], command["price"], command["sources"], command["agreeing"] = asset, self.prices[asset], 3, 3
        command["time_us"] = command["source_time_us"] = now
        self.engine.apply(command.tobytes())
        step_on = scale.table(1, c.ADVANCE_TIME, scale.COMMAND)
        step_on["time_us"] = now
        while self.engine.is_behind():
            step_on["time_us"] += 1
            self.engine.apply(step_on.tobytes())


def choose(accounts: int, seed: int = 1) -> np.ndarray:
    """Return one account in a hundred."""
    return np.random.default_rng(seed).choice(np.arange(1, accounts + 1), int(NEAR * accounts), replace=False)


def bring_to_the_edge(engine: Engine, chosen: np.ndarray, seed: int = 1) -> int:
    """Let accounts withdraw until they are near the initial rung; return how many did."""
    chance = np.random.default_rng(seed)
    log = scale.table(len(chosen), c.WITHDRAW, scale.FUNDS)
    log["account"], log["asset"] = chosen, c.NUMERAIRE
    for row, account in enumerate(chosen.tolist()):
        held = engine.get_value(account, 0) - engine.get_value(account, 1_000_000)  # about an eighth of the perps
        log["amount"][row] = max(engine.get_value(account, 1_000_000) - int(8 * held * EDGE * chance.random()), 1)
    scale.apply(engine, log)
    near = [engine.get_value(account, 1_000_000) for account in chosen.tolist()]
    return int(np.count_nonzero(np.array(near) < 5 * DEPOSITED * EDGE))


def measure_all(accounts: int = ACCOUNTS) -> dict[str, float]:
    """Return the figures of the sweep."""
    engine = venue.open_engine(huge_pages=True)
    for log in scale.write_accounts(accounts, seed=1, spread=True):
        scale.apply(engine, log)
    near = bring_to_the_edge(engine, choose(accounts))
    assert near > 0.9 * NEAR * accounts, f"only {near} accounts came to the edge"
    marks = Marks(engine)
    for _ in range(WARM):
        marks.move()
    visited, seconds = engine.get_visited(), []
    for _ in range(MARKS):
        begin = measure.clock()
        marks.move()
        seconds.append(measure.clock() - begin)
    visited = engine.get_visited() - visited
    full = []
    for _ in range(3):
        begin = measure.clock()
        missed = engine.get_missed()
        full.append(measure.clock() - begin)
        assert missed == 0, f"the sweep missed {missed} accounts"
    return {
        "atlas.sweep_1m_ms": 1e3 * float(np.median(seconds)),
        "atlas.sweep_1m_worst_ms": 1e3 * max(seconds),
        "atlas.sweep_1m_full_ms": 1e3 * float(np.median(full)),
        "atlas.sweep_visited": visited / MARKS,
    }


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all().items():
        print(f"{name:32} {figure:16,.2f}")
