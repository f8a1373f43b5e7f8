"""The mix with a million accounts, set up command by command: those commands are made as arrays, not one by one.

Accounts 1 to `accounts` get what those of `venue.build_population` get; the ten after them lend.  The commands of the
mix are made within a preview, which is taken back; then they are applied and timed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks import measure, mix, venue
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.engine import Engine

CHUNK = 1 << 14  # commands handed over at once


def describe(record: type[r.Record]) -> np.dtype:
    """Return a record's layout for NumPy."""
    return np.dtype([(name, f"<{kind[0]}{int(kind[1:]) // 8}") for name, kind in record.fields()])


COMMAND, OPEN, FUNDS, MARK, ORDER = map(describe, (r.Command, r.OpenAccount, r.Funds, r.SetMark, r.PlaceOrder))


def table(count: int, kind: int, layout: np.dtype) -> np.ndarray:
    """Return commands of one kind at the start of the venue, all else zero."""
    rows = np.zeros(count, layout)
    rows["kind"], rows["time_us"] = kind, venue.START_US
    return rows


def apply(engine: Engine, log: np.ndarray) -> np.ndarray:
    """Apply commands in chunks; return the events of the last one."""
    events = np.zeros(0, mix.EVENT)
    for start in range(0, len(log), CHUNK):
        events = np.frombuffer(engine.apply(log[start : start + CHUNK].tobytes()), mix.EVENT)
    return events


def place(account: np.ndarray, market: np.ndarray | int, side: np.ndarray | int, price: np.ndarray | int,
          lots: np.ndarray | int) -> np.ndarray:  # fmt: skip
    """Return limit orders."""
    rows = table(len(account), c.PLACE_ORDER, ORDER)
    rows["account"], rows["market"], rows["side"] = account, market, side
    rows["price_ticks"], rows["lots"] = price, lots
    return rows


def write_accounts(accounts: int, seed: int = 1, spread: bool = False, orders: int = 0) -> Iterator[np.ndarray]:
    """Yield the commands that set a venue up, in order; `spread` draws larger and more different perps."""
    chance = np.random.default_rng(seed)
    traders = np.arange(1, accounts + 1)
    everyone = np.arange(1, accounts + venue.LENDERS + 1)
    lenders = everyone[accounts:]
    opening = table(len(everyone), c.OPEN_ACCOUNT, OPEN)
    opening["owner_high"] = opening["owner_low"] = everyone
    yield opening
    deposit = table(len(everyone), c.DEPOSIT, FUNDS)
    deposit["account"], deposit["asset"] = everyone, c.NUMERAIRE
    deposit["amount"] = venue.DEPOSIT_USD * venue.USD
    deposit["amount"][accounts:] *= accounts
    yield deposit
    marks = table(venue.PERPS, c.SET_MARK, MARK)
    marks["asset"] = np.arange(2, venue.PERPS + 2)
    marks["price"], marks["source_time_us"], marks["sources"], marks["agreeing"] = venue.MARK, venue.START_US, 3, 3
    yield marks
    loans = venue.PERPS + 1
    yield place(lenders, loans, c.SELL, 500, venue.LOAN_USD * accounts)
    yield place(traders, loans, c.BUY, 600, venue.LOAN_USD)
    first = traders % venue.PERPS
    second = (first + 2 * (1 + traders // venue.PERPS % 7)) % venue.PERPS
    for market in range(1, venue.PERPS + 1):
        holders = chance.permutation(traders[(first == market - 1) | (second == market - 1)])
        half = len(holders) // 2
        lots = chance.integers(200, 1_001, half)
        if spread:  # 2,000 to 120,000 USD
            lots = np.exp(chance.uniform(np.log(1_000), np.log(60_000), half)).astype(int)
        pairs = place(holders[: 2 * half], market, c.SELL, venue.MID_TICKS, np.repeat(lots, 2))
        pairs["side"][1::2] = c.BUY
        yield pairs
    for _ in range(orders):
        market = np.where(chance.random(accounts) < 0.5, first, second) + 1
        away = 1 + chance.exponential(venue.SPREAD_TICKS, accounts).astype(int)
        side = chance.integers(0, 2, accounts)
        price = np.where(side == c.BUY, venue.MID_TICKS - away, venue.MID_TICKS + away)
        yield place(traders, market, side, price, chance.integers(10, 51, accounts))


def measure_mix(accounts: int, commands: int = 1 << 17) -> float:
    """Return commands of the mix a second, with 16 markets and so many accounts."""
    engine = venue.open_engine(huge_pages=True)
    writer = mix.Writer(engine, accounts, venue.PERPS, seed=1)
    for log in write_accounts(accounts, orders=venue.ORDERS_AN_ACCOUNT):
        events = apply(engine, log)
    writer.follow(events.tobytes())
    batches = []
    engine.open_preview()
    for number in range(commands // venue.BATCH):
        batches.append(writer.write(number))
        writer.follow(engine.apply(batches[-1]))
    engine.close_preview()
    seconds = []
    part = len(batches) // measure.RUNS
    for run in range(measure.RUNS):
        begin = measure.clock()
        for batch in batches[run * part : (run + 1) * part]:
            engine.apply(batch)
        seconds.append(measure.clock() - begin)
    return part * venue.BATCH / float(np.median(seconds))


def measure_all(accounts: int = 1_000_000) -> dict[str, float]:
    """Return commands a second with a million accounts, and how much slower that is than with ten thousand."""
    few = measure_mix(min(10_000, accounts))
    many = measure_mix(accounts)
    return {"core.commands_per_s.accounts_1m": many, "core.accounts_1m_ratio": few / many}


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all().items():
        print(f"{name:40} {figure:16,.2f}")
