"""Bytes an account: the tables of a venue whose accounts have a balance, a loan, two perps and two resting orders each.

`core.bytes_per_account` is what the tables' used rows grew by from the empty venue, over the accounts; the orders and
their levels are left out of it and are in `core.bytes_per_account_with_orders`.  Resident memory is of a process of its
own, beside the same process with an empty venue.
"""

from __future__ import annotations

import json
import subprocess
import sys

import psutil

from benchmarks import measure, venue
from worldmarkets.core.engine import Engine
from worldmarkets.core.records import TABLES

ACCOUNTS = 10_000
BOOKS = ("pools", "sides", "nodes", "children", "levels", "orders", "clients", "client_keys", "client_buckets")


def weigh(engine: Engine) -> dict[str, int]:
    """Return the bytes of each table's used rows."""
    return {
        name: table.row_bytes * (table.last_row() + 1)
        for (name, _), table in zip(TABLES, engine.state.all, strict=True)
    }


def populate(accounts: int) -> dict[str, object]:
    """Return what the tables and this process weigh before and after a population."""
    process = psutil.Process()
    engine = venue.open_engine()
    log = venue.build_population(accounts, 16)
    before, resident = weigh(engine), process.memory_info().rss
    for batch in venue.split(log):
        engine.apply(batch)
    return {"before": before, "after": weigh(engine), "resident": process.memory_info().rss - resident}


def measure_all(accounts: int = ACCOUNTS) -> dict[str, float]:
    """Return the figures of memory, measured in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "benchmarks.memory", str(accounts)], check=True, capture_output=True,
                          cwd=measure.ROOT)  # fmt: skip
    found = json.loads(done.stdout)
    grown = {name: found["after"][name] - found["before"][name] for name in found["after"]}
    held = sum(size for name, size in grown.items() if name not in BOOKS)
    return {
        "core.bytes_per_account": held / accounts,
        "core.bytes_per_account_with_orders": sum(grown.values()) / accounts,
        "core.resident_bytes_per_account": found["resident"] / accounts,
    } | {f"core.bytes_per_account.{name}": size / accounts for name, size in grown.items() if size >= accounts}


if __name__ == "__main__":
    measure.require_compiled()
    if len(sys.argv) > 1:
        print(json.dumps(populate(int(sys.argv[1]))))
    else:
        for name, figure in measure_all().items():
            print(f"{name:40} {figure:16,.2f}")
