"""The state as tables: NumPy views that copy nothing, and Polars frames.

A view shows the state as it is when it is looked at: it changes when the exchange does.  Fields are those of
`worldmarkets.core.records`, in the exchange's own units.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from worldmarkets.core.records import TABLE_IDS, TABLES, Record
from worldmarkets.exchange.errors import UnknownName

if TYPE_CHECKING:
    import polars

_KEYS = {
    "makers": "account",
    "slots": "maker",
    "limits": "account",
    "orders": "lots",
    "bids": "loss_ppm",
    "perps": "lots",
    "loans": "principal",
    "clients": "account",
    "positions": "account",
    "policies": "account",
    "counterparties": "policy",
    "credits": "lender",
}


def get_table(state: Any, name: str) -> Any:
    """Return a table of the core by its name.  Raises UnknownName."""
    if name not in TABLE_IDS:
        raise UnknownName(f"there is no table {name}; there are {', '.join(TABLE_IDS)}")
    return state.all[TABLE_IDS[name]]


def get_record(name: str) -> type[Record]:
    """Return the record of a table's rows."""
    return TABLES[TABLE_IDS[name]][1]


def view_table(state: Any, name: str) -> np.ndarray:
    """Return the rows of a table, row 0 (which stands for none) included, as a read-only structured array."""
    table = get_table(state, name)
    rows = np.frombuffer(table.view(0, table.last_row() + 1), dtype=_get_dtype(name))
    rows.flags.writeable = False
    return rows


@cache
def _get_dtype(name: str) -> np.dtype[Any]:
    return np.dtype(get_record(name))


def make_frame(state: Any, name: str) -> polars.DataFrame:
    """Return the rows of a table that are in use as a Polars frame, with their row numbers."""
    import polars

    rows = view_table(state, name)
    frame = polars.DataFrame({"row": np.arange(len(rows)), **{field: rows[field] for field in rows.dtype.names or ()}})
    key = _KEYS.get(name)
    return frame.filter(polars.col("row") > 0 if key is None else polars.col(key) != 0)
