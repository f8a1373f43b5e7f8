"""The queue of timed work beside a sorted list."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tests.models.naive_timers import NaiveTimers
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.engine import Engine
from worldmarkets.core.units import NEVER

SMALL = {"nodes": 1 << 10, "children": 1 << 16, "levels": 1 << 16, "orders": 1 << 12, "clients": 1 << 12}


def make_engine() -> Engine:
    engine = Engine(SMALL)
    engine.state.open()
    return engine


@pytest.mark.skipif(COMPILED, reason="the queue's own methods are C functions; through commands it is tested both ways")
@pytest.mark.parametrize("seed", range(8))
def test_the_queue_is_a_sorted_list(seed: int) -> None:
    chance = random.Random(seed)
    engine, naive = make_engine(), NaiveTimers()
    rows: dict[int, int] = {}
    counts: Counter[str] = Counter()
    for name in range(1, 400):
        action = chance.choice(("schedule", "schedule", "schedule", "cancel", "delay", "take"))
        due = chance.randrange(20)
        if action == "schedule":
            rows[name] = engine.timers.schedule(c.PARAMETER_CHANGE, name, due)
            naive.schedule(name, due)
        elif not rows:
            continue
        elif action == "take":
            first = engine.timers.get_first()
            assert engine.state.timers.rows[first].subject == naive.get_order()[0]
            naive.cancel(gone := naive.get_order()[0])
            engine.timers.cancel(rows.pop(gone))
        else:
            picked = chance.choice(list(rows))
            if action == "cancel":
                engine.timers.cancel(rows.pop(picked))
                naive.cancel(picked)
            else:
                engine.timers.delay(rows[picked], due)
                naive.delay(picked, due)
        counts[action] += 1
        venue = engine.state.venue.rows[1]
        assert venue.next_due_us == (NEVER if naive.get_next() is None else naive.get_next())
        assert venue.timer_count == len(naive.items)
        assert not compute_violations(engine)
    assert min(counts[action] for action in ("schedule", "cancel", "delay", "take")) > 30
    mark = engine.state.undo.begin()
    before = [bytes(table.view(0, table.last_row() + 1)) for table in engine.state.all]
    while rows:
        engine.timers.cancel(rows.popitem()[1])
    engine.state.undo.rollback(mark)
    assert [bytes(table.view(0, table.last_row() + 1)) for table in engine.state.all] == before
    drained = []
    while (first := engine.timers.get_first()) != c.NONE:
        drained.append(engine.state.timers.rows[first].subject)
        engine.timers.cancel(first)
    assert drained == naive.get_order()
