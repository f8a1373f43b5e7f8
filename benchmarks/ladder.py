"""The ladder in a crash: one account in a hundred of a million falls below a rung at once, and what a mini-block does.

Every account has a balance, a loan and two perps.  One in a hundred, mostly long of the asset that will crash,
withdraws until it is within 0.2 % of the initial rung.  Ten others quote below the price to come, and rest bids in the
backstop book.  Then one mark falls by 12 %: some of the accounts are below the unwind rung, some below the auction's,
some are worth less than nothing.  What follows is measured in mini-blocks of ten milliseconds of the venue's time: a
time step, which sweeps, and commands enough to do all the work that is due then: turns of latched accounts, and what
they leave.

`ladder.latched_per_s` is turns of latched accounts in a second of processor time; the protocol paces them so that 5,000
a second come at most.  `ladder.miniblock_ms_p99` is the processor time that one mini-block in a hundred exceeds, of
those in which anything was done.
"""

from __future__ import annotations

import numpy as np

from benchmarks import measure, mix, scale, sweep, venue
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.engine import Engine
from worldmarkets.core.units import LADDER_PACE, MAX_SWEEP

ACCOUNTS = 1_000_000
CRASHED = 2  # the asset, whose perp market is the first
FALL = 0.12
LEVELS, LEVEL_LOTS, APART = 100, 10_000, 20  # of each maker's quotes: how many, lots of 2 USD each, ticks apart
BIDS, BID_USD = 5, 5_000_000  # of each maker in the backstop book, for a thousandth of the shock loss and more
BLOCKS = 1_500
COMMANDS = -(-venue.BLOCK_US // LADDER_PACE // MAX_SWEEP) * 4  # of a block: their work may count for more items
WORK, BID, POSITION = map(scale.describe, (r.WorkDone, r.PlaceBid, r.Position))


def choose_long(engine: Engine, count: int, seed: int = 1) -> np.ndarray:
    """Return accounts of which at least half of what they hold is long of the asset that crashes."""
    table = engine.state.positions
    rows = np.frombuffer(table.view(0, table.last_row() + 1), POSITION)
    gross = np.bincount(rows["account"], np.abs(rows["lots"]))
    chosen = rows[(rows["asset"] == CRASHED) & (2 * rows["lots"] >= gross[rows["account"]]) & (rows["lots"] > 0)]
    return np.random.default_rng(seed).permutation(chosen["account"].astype(int))[:count]


def quote(engine: Engine, accounts: int) -> None:
    """Let those who lend quote below the price after the crash, and bid for slices."""
    makers = np.arange(accounts + 1, accounts + venue.LENDERS + 1)
    for level in range(LEVELS):
        price = int(venue.MID_TICKS * (1 - FALL)) - APART * level - 1
        scale.apply(engine, scale.place(makers, CRASHED - 1, c.BUY, price, LEVEL_LOTS))
    for number in range(BIDS):
        rows = scale.table(len(makers), c.PLACE_BID, BID)
        rows["account"], rows["market"], rows["lots"] = makers, venue.PERPS + 2, BID_USD
        rows["price_ticks"] = 1 + number
        scale.apply(engine, rows)


def crash(engine: Engine, now_us: int) -> bytes:
    """Return the events of the mark that falls."""
    command = scale.table(1, c.SET_MARK, scale.MARK)
    command["asset"], command["price"], command["sources"], command["agreeing"] = (
        CRASHED, int(venue.MARK * (1 - FALL)), 3, 3,
    )  # fmt: skip
    command["time_us"] = command["source_time_us"] = now_us
    return engine.apply(command.tobytes())


def write_block(accounts: int, now_us: int) -> bytes:
    """Return the commands of a mini-block: a time step, and deposits."""
    step = scale.table(1, c.ADVANCE_TIME, scale.COMMAND)
    deposits = scale.table(COMMANDS - 1, c.DEPOSIT, scale.FUNDS)
    deposits["account"], deposits["asset"], deposits["amount"] = accounts + 1, c.NUMERAIRE, 1
    step["time_us"] = deposits["time_us"] = now_us
    return step.tobytes() + deposits.tobytes()


def count_items(events: bytes) -> int:
    """Return how many items of timed work were done."""
    rows = np.frombuffer(events, mix.EVENT)
    return int(np.frombuffer(events, WORK)["items"][rows["kind"] == c.WORK_DONE].sum())


def open_crash(accounts: int) -> tuple[Engine, int]:
    """Return a venue just before the crash, and how many accounts are near the edge."""
    engine = venue.open_engine(huge_pages=accounts == ACCOUNTS, has_ladder=True)
    for log in scale.write_accounts(accounts, seed=1, spread=True):
        scale.apply(engine, log)
    near = sweep.bring_to_the_edge(engine, choose_long(engine, int(sweep.NEAR * accounts)))
    quote(engine, accounts)
    step = scale.table(1, c.ADVANCE_TIME, scale.COMMAND)
    while engine.is_behind():  # the sweep has seen everyone before anything is timed
        step["time_us"] += 1
        engine.apply(step.tobytes())
    return engine, near


def measure_all(accounts: int = ACCOUNTS, blocks: int = BLOCKS) -> dict[str, float]:
    """Return the figures of the ladder."""
    engine, near = open_crash(accounts)
    now_us = venue.START_US + 1_000_000
    counts = dict.fromkeys((c.LATCHED, c.TRADED, c.BACKSTOP_TAKEN, c.CLOSE_OUT_DONE, c.WORK_DEFERRED), 0)
    seconds: list[float] = []
    done: list[int] = []
    for number in range(blocks):
        now_us += venue.BLOCK_US
        block = write_block(accounts, now_us)
        begin = measure.clock()
        events = crash(engine, now_us) if number == 0 else b""
        events += engine.apply(block)
        seconds.append(measure.clock() - begin)
        done.append(count_items(events))
        kinds = np.bincount(np.frombuffer(events, mix.EVENT)["kind"], minlength=256)
        for kind in counts:
            counts[kind] += int(kinds[kind])
    assert counts[c.LATCHED] > 0.9 * near, f"only {counts[c.LATCHED]} of {near} accounts were latched"
    assert counts[c.WORK_DEFERRED] == 0, "work failed"
    assert min(counts[kind] for kind in (c.TRADED, c.BACKSTOP_TAKEN, c.CLOSE_OUT_DONE)) > 0, counts
    busy = np.array(seconds)[np.array(done) > 0]
    return {
        "ladder.latched": counts[c.LATCHED],
        "ladder.latched_per_s": (sum(done) - counts[c.CLOSE_OUT_DONE]) / sum(seconds),
        "ladder.miniblock_ms_p50": 1e3 * float(np.median(busy)),
        "ladder.miniblock_ms_p99": 1e3 * float(np.quantile(busy, 0.99)),
        "ladder.miniblock_ms_worst": 1e3 * float(busy.max()),
    }


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all().items():
        print(f"{name:32} {figure:16,.2f}")
