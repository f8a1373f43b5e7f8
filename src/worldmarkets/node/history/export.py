"""The history as files: a table a topic, in the units of people, as Parquet or CSV.

Amounts and prices are decimals (in a loan book a price is the yearly rate in percent), times are UTC, accounts are
"owner#index".  What a kind of event does not have is null.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from worldmarkets.core.codec import EVENT_NAMES
from worldmarkets.exchange.ladder import STATES
from worldmarkets.exchange.outbound import SAYS_CODE, get_meaning, name_field, say_code
from worldmarkets.exchange.units import MARK_DECIMALS
from worldmarkets.node.errors import NodeError
from worldmarkets.node.history.topics import TOPICS, get_fields, get_parties, get_table

FORMATS = {"parquet": "FORMAT parquet, COMPRESSION zstd", "csv": "FORMAT csv, HEADER"}
_NAMES = """WITH names AS (
    SELECT account AS number, format('0x{:016x}{:016x}{:08x}#{}', owner_high, owner_middle, owner_low, "index") AS name
    FROM account_opened
)"""
_FROM = """FROM {table} t CROSS JOIN (SELECT one FROM listed_assets WHERE number = 1) cash
LEFT JOIN listed_markets m ON m.number = t.market LEFT JOIN listed_assets of ON of.number = m.asset"""
_DECIMAL = "DECIMAL(38, 18)"


def write_query(topic: str, account: int = 0, *, as_text: bool = False) -> str:
    """Return the query for a topic's events, of one account or of all, in the order in which they happened.

    `as_text` writes decimals without zeros at their end.
    """
    kinds = " UNION ALL BY NAME ".join(_write_select(kind, account, as_text) for kind in TOPICS[topic])
    return f"{_NAMES} SELECT * FROM ({kinds}) ORDER BY event_number"


def _write_select(kind: int, account: int, as_text: bool) -> str:
    table = get_table(kind)
    joins = ["LEFT JOIN names n0 ON n0.number = t.account"]
    has_asset = any(name == "asset" and get_meaning(kind, name) == "asset" for name, _ in get_fields(kind))
    if has_asset:
        joins.append("LEFT JOIN listed_assets a ON a.number = t.asset")
    one = "coalesce(a.one, of.one)" if has_asset else "of.one"
    columns = [
        "t.event_number", "t.sequence", "make_timestamp(t.block_us) AS block_time", f"'{EVENT_NAMES[kind]}' AS event",
        "n0.name AS account", "m.symbol AS market", f"{_write_code(kind)} AS code",
    ]  # fmt: skip
    for name, _ in get_fields(kind):
        field, meaning = f't."{name}"', get_meaning(kind, name)
        if meaning == "account":
            alias = f"n{len(joins)}"
            joins.append(f"LEFT JOIN names {alias} ON {alias}.number = {field}")
            said = f"{alias}.name"
        elif meaning is None:
            said = field
        else:
            said = _SAYS[meaning].format(field=field, one=one)
            if as_text and meaning in _DECIMALS:
                said = f"rtrim(rtrim(CAST({said} AS VARCHAR), '0'), '.')"
        columns.append(f'{said} AS "{name_field(kind, name)}"')
    where = ""
    if account:
        where = " WHERE " + " OR ".join(f't."{party}" = {int(account)}' for party in get_parties(kind))
    return f"SELECT {', '.join(columns)} {_FROM.format(table=table)} {' '.join(joins)}{where}"


def _write_code(kind: int) -> str:
    if kind not in SAYS_CODE:
        return "CAST(nullif(t.code, 0) AS VARCHAR)"
    words = ", ".join(f"'{say_code(kind, code)}'" for code in range(256))
    return f"list_value({words})[t.code + 1]"


_SAYS = {
    "size": "TRY_CAST(CAST({field} AS HUGEINT) * m.lot_quanta AS DECIMAL(19, 0)) * of.one",
    "price": "CAST({field} AS DECIMAL(10, 0)) * m.tick",
    "cash": "CAST({field} AS DECIMAL(19, 0)) * cash.one",
    "quanta": "CAST({field} AS DECIMAL(19, 0)) * {one}",
    "rate": f"CAST(CAST({{field}} AS DECIMAL(19, 0)) * 0.01 AS {_DECIMAL})",
    "mark": f"CAST(CAST({{field}} AS DECIMAL(19, 0)) * CAST(1E-{MARK_DECIMALS} AS DECIMAL(19, 18)) AS {_DECIMAL})",
    "time": "make_timestamp(nullif({field}, 0))",
    "asset": "a.symbol",
    "side": "CASE WHEN {field} = 0 THEN 'buy' ELSE 'sell' END",
    "state": f"list_value({', '.join(repr(state) for state in STATES)})[{{field}} + 1]",
    "severity": f"CASE WHEN {{field}} >= 0 THEN CAST({{field}} AS DECIMAL(19, 0)) * CAST(0.000001 AS {_DECIMAL}) END",
}
_DECIMALS = frozenset({"size", "price", "cash", "quanta", "rate", "mark", "severity"})


def copy_topic(db: duckdb.DuckDBPyConnection, topic: str, form: str, path: Path, account: int = 0) -> None:
    """Write a topic's events to a file.  Raises duckdb.Error when the disk does not take it."""
    query = write_query(topic, account, as_text=form == "csv")
    place = str(path).replace("'", "''")
    db.execute(f"COPY ({query}) TO '{place}' ({FORMATS[form]})")


def export_history(history: Path, folder: Path, form: str = "parquet") -> list[Path]:
    """Write a history file, topic by topic, into a folder and return what was written.  Raises NodeError.

    The node must not be running: it holds the file.
    """
    if not history.exists():
        raise NodeError(f"there is no history at {history}")
    if form not in FORMATS:
        raise NodeError(f"there is no format {form}; there is {', '.join(FORMATS)}")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    try:
        with duckdb.connect(history, read_only=True) as db:
            for topic in TOPICS:
                if TOPICS[topic]:
                    written.append(folder / f"{topic}.{form}")
                    copy_topic(db, topic, form, written[-1])
    except duckdb.Error as error:
        raise NodeError(f"{history} could not be exported: {error}") from error
    return written
