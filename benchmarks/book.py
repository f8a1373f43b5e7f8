"""The bare book: place, cancel and match at the best price in one market, ours and a C++ twin of it.

`core.cpp_ratio` is how many times as long ours takes: the twin has the same ladder, queues and order ids, and neither
an undo log nor checks.  Both read the same command records and must end with the same sums, which a book of Python
dictionaries has told beforehand.
"""

from __future__ import annotations

import heapq
import json
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure, venue
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.engine import Engine
from worldmarkets.core.units import ORDER_SLOT_BITS

RESTING = 20_000
MARKET = 1
SOURCE = Path(__file__).parent / "cpp" / "book.cpp"
FLAGS = ("-std=c++17", "-O3")


@dataclass(frozen=True)
class Step:
    """One operation on the bare book; of a cancel, `order` counts the placed orders up to the one meant."""

    is_cancel: bool
    side: int = 0
    price: int = 0
    lots: int = 0
    rests: bool = True
    order: int = 0


@dataclass(frozen=True)
class Log:
    """Operations, the same as command records, how many only warm the book up, and what all of them give."""

    steps: list[Step]
    commands: bytes
    warm: int
    trades: int
    volume: int
    rested: int
    ids: dict[int, int]  # the core's id of each order that rested

    @property
    def size(self) -> int:
        """How many commands are timed."""
        return len(self.steps) - self.warm


class Model:
    """A book of dictionaries, which numbers orders as the core does."""

    def __init__(self) -> None:
        self.queues: list[dict[int, dict[int, None]]] = [{}, {}]  # side: price: orders in time order
        self.prices: list[list[int]] = [[], []]
        self.lots: dict[int, int] = {}
        self.where: dict[int, tuple[int, int]] = {}
        self.ids: dict[int, int] = {}  # of orders that rest
        self.known: dict[int, int] = {}  # of all that ever did
        self.free: list[int] = []
        self.used = 0
        self.trades = self.volume = self.rested = 0

    def get_best(self, side: int) -> int | None:
        """Return the best price of a side."""
        heap = self.prices[side]
        while heap and not self.queues[side].get(abs(heap[0])):
            self.queues[side].pop(abs(heapq.heappop(heap)), None)
        return abs(heap[0]) if heap else None

    def place(self, number: int, step: Step) -> None:
        """Match an order and rest what is left of it."""
        left = step.lots
        other = 1 - step.side
        while left and (best := self.get_best(other)) is not None:
            if best > step.price if step.side == c.BUY else best < step.price:
                break
            maker = next(iter(self.queues[other][best]))
            lots = min(left, self.lots[maker])
            left -= lots
            self.trades += 1
            self.volume += lots * best
            self.lots[maker] -= lots
            if not self.lots[maker]:
                self.remove(maker)
        if left and step.rests:
            self.rested += 1
            slot = self.free.pop() if self.free else self.used + 1
            self.used = max(self.used, slot)
            self.ids[number] = self.known[number] = self.rested << ORDER_SLOT_BITS | slot
            self.lots[number] = left
            self.where[number] = step.side, step.price
            if step.price not in self.queues[step.side]:
                heapq.heappush(self.prices[step.side], -step.price if step.side == c.BUY else step.price)
            self.queues[step.side].setdefault(step.price, {})[number] = None

    def remove(self, number: int) -> None:
        """Take an order out."""
        side, price = self.where.pop(number)
        del self.queues[side][price][number]
        del self.lots[number]
        self.free.append(self.ids.pop(number) & (1 << ORDER_SLOT_BITS) - 1)


def write_log(commands: int, resting: int = RESTING, seed: int = 1) -> Log:
    """Return operations that fill a book to `resting` orders, and then `commands` more of the mix."""
    chance = random.Random(seed)
    model = Model()
    steps: list[Step] = []
    log: list[r.Record] = []
    live: list[int] = []
    for turn in range(resting + commands):
        kind = chance.random() if turn >= resting else 0.0
        number = len(steps)
        while 0.45 <= kind < 0.85 and live:
            place = chance.randrange(len(live))
            live[place], live[-1] = live[-1], live[place]
            order = live.pop()
            if order in model.ids:
                log.append(r.OrderChange(kind=c.CANCEL_ORDER, order_id=model.ids[order]))
                steps.append(Step(True, order=order))
                model.remove(order)
                break
        if len(steps) > number:
            continue
        side = chance.randrange(2)
        if kind < 0.85:
            away, lots, rests = 1 + int(chance.expovariate(1 / venue.SPREAD_TICKS)), chance.randint(10, 50), True
        else:
            away, lots, rests = -50, chance.randint(2, 20), False
        step = Step(False, side, venue.MID_TICKS + (away if side == c.SELL else -away), lots, rests)
        until = c.GOOD_TILL_CANCEL if rests else c.IMMEDIATE_OR_CANCEL
        log.append(venue.place(1, MARKET, side, step.price, lots, time_in_force=until))
        steps.append(step)
        model.place(number, step)
        if number in model.ids:
            live.append(number)
    return Log(steps, venue.encode(log), resting, model.trades, model.volume, model.rested, model.known)


def split(log: Log, size: int) -> Iterator[bytes]:
    """Yield the timed commands in batches."""
    for start in range(64 * log.warm, len(log.commands), 64 * size):
        yield log.commands[start : start + 64 * size]


def run_core(log: Log, batch: int = venue.BATCH) -> float:
    """Return the nanoseconds a command on our bare book, loaded in batches."""
    from worldmarkets.core.drive import run_book

    engine: Engine = venue.open_engine()
    sums = [0, 0, 0]

    def apply(commands: bytes) -> None:
        for place, part in enumerate(run_book(engine, engine.load(commands))):
            sums[place] += part

    for start in range(0, 64 * log.warm, 64 * venue.BATCH):
        apply(log.commands[start : min(start + 64 * venue.BATCH, 64 * log.warm)])
    batches = list(split(log, batch))
    begin = measure.clock()
    for commands in batches:
        apply(commands)
    seconds = measure.clock() - begin
    assert tuple(sums) == (log.trades, log.volume, log.rested), "our book and the model differ"
    return 1e9 * seconds / log.size


def build_twin(folder: Path | None = None) -> Path:
    """Compile the C++ twin and return its path.  Raises OSError or CalledProcessError."""
    program = (folder or measure.ROOT / "build" / "benchmarks") / "book"
    if not program.exists() or program.stat().st_mtime < SOURCE.stat().st_mtime:
        program.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["c++", *FLAGS, "-o", str(program), str(SOURCE)], check=True)
    return program


def run_twin(program: Path, log: Log, turns: int = 1) -> float:
    """Return the nanoseconds a command of the C++ twin."""
    path = program.with_name("book.commands")
    path.write_bytes(log.commands)
    done = subprocess.run([str(program), str(path), str(log.warm), str(turns)], check=True, capture_output=True)
    answer = json.loads(done.stdout)
    path.unlink()
    assert (answer["trades"], answer["volume"], answer["rested"]) == (log.trades, log.volume, log.rested), answer
    return float(answer["ns"])


def measure_all(commands: int = 1 << 18) -> dict[str, float]:
    """Return the figures of the bare book."""
    log = write_log(commands)
    program = build_twin()
    ours, theirs = measure.medians((lambda: run_core(log), lambda: run_twin(program, log)))
    return {
        "core.book_commands_per_s": 1e9 / ours,
        "core.book_ns": ours,
        "cpp.book_commands_per_s": 1e9 / theirs,
        "core.cpp_ratio": ours / theirs,
    }


if __name__ == "__main__":
    measure.require_compiled()
    for name, figure in measure_all().items():
        print(f"{name:32} {figure:16,.2f}")
