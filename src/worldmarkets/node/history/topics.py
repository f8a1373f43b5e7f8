"""What the history keeps, and under which topic a person finds it.

Every kind of event has a table of its own, with the fields of its record; the kinds that `NOT_KEPT` names say nothing
that another does not.  A kind that stands under no topic is kept too: to give a new one a topic, add a line.
"""

from __future__ import annotations

from worldmarkets.core import codes
from worldmarkets.core.codec import EVENT_NAMES, EVENTS
from worldmarkets.core.records import Event
from worldmarkets.exchange.outbound import get_meaning

OTHER = "other"
NOT_KEPT = frozenset({codes.TIME_ADVANCED, codes.WORK_DONE, codes.BUNDLE_APPLIED})
TOPIC_OF = {
    codes.DEPOSITED: "transfers",
    codes.WITHDRAWN: "transfers",
    codes.TRANSFERRED: "transfers",
    codes.TRADED: "trades",
    codes.PERP_CHANGED: "contracts",
    codes.TRUED_UP: "contracts",
    codes.COMPRESSED: "contracts",
    codes.LOAN_OPENED: "loans",
    codes.LOAN_REPAID: "loans",
    codes.LOAN_EXTENDED: "loans",
    codes.LOAN_MOVED: "loans",
    codes.LOAN_ASSUMED: "loans",
    codes.LOAN_OVERDUE: "loans",
    codes.LOAN_DELIVERED: "loans",
    codes.LOAN_CONFIGURED: "loans",
    codes.INTEREST_SHARED: "loans",
    codes.FUNDING_SET: "funding",
    codes.MARK_SET: "marks",
    codes.ACCOUNT_STATE: "unwinds",
    codes.LATCHED: "unwinds",
    codes.RUNG_ENDED: "unwinds",
    codes.RUNG_COST: "unwinds",
    codes.STEP_ENDED: "unwinds",
    codes.MARGIN_CALLED: "unwinds",
    codes.MARGIN_CURE: "unwinds",
    codes.BACKSTOP_TAKEN: "unwinds",
    codes.BALANCE_TAKEN: "unwinds",
    codes.CLOSE_OUT_BEGUN: "unwinds",
    codes.CLOSE_OUT_COUNTED: "unwinds",
    codes.CONTRACT_COUNTED: "unwinds",
    codes.CLAIM_PAID: "unwinds",
    codes.CLOSE_OUT_DONE: "unwinds",
    codes.STAKE_CHANGED: "fund",
    codes.COVER_SET: "fund",
    codes.COVER_CHARGED: "fund",
    codes.ORDER_PLACED: "orders",
    codes.ORDER_CANCELLED: "orders",
    codes.ORDER_AMENDED: "orders",
    codes.ORDER_TRIGGERED: "orders",
    codes.ORDERS_PAIRED: "orders",
    codes.QUOTED: "orders",
    codes.QUOTE_REFUSED: "orders",
    codes.DEAD_MAN_SET: "orders",
    codes.PROTECTION_SET: "orders",
    codes.PROTECTION_TRIPPED: "orders",
    codes.PROTECTION_RESET: "orders",
    codes.REJECTED: "rejections",
    codes.ACCOUNT_OPENED: "accounts",
    codes.ACCOUNT_CONFIGURED: "accounts",
    codes.PLAN_SET: "accounts",
    codes.POLICY_SET: "accounts",
    codes.COUNTERPARTY_SET: "accounts",
    codes.LIMITS_SET: "accounts",
    codes.KEY_ADDED: "accounts",
    codes.MANDATE_SET: "accounts",
    codes.KEY_REVOKED: "accounts",
    codes.PARAMETER_PROPOSED: "venue",
    codes.PARAMETER_CHANGED: "venue",
    codes.PARAMETER_CANCELLED: "venue",
    codes.ASSET_LISTED: "venue",
    codes.MARKET_LISTED: "venue",
    codes.MARKET_SETTLED: "venue",
    codes.MARKET_MODE_SET: "venue",
    codes.FEED_SET: "venue",
}
KINDS = tuple(kind for kind in sorted(EVENT_NAMES) if kind not in NOT_KEPT)
TOPICS: dict[str, tuple[int, ...]] = {
    topic: tuple(kind for kind in KINDS if TOPIC_OF.get(kind, OTHER) == topic)
    for topic in (*dict.fromkeys(TOPIC_OF.values()), OTHER)
}

HEAD = ("sequence", "kind", "code", "market", "account")  # as every record of an event begins
TYPES = {"i64": "BIGINT", "u64": "UBIGINT", "i32": "INTEGER", "u32": "UINTEGER", "u16": "USMALLINT", "u8": "UTINYINT"}


def get_table(kind: int) -> str:
    """Return the name of the table of a kind of event."""
    return EVENT_NAMES[kind].lower()


def get_fields(kind: int) -> list[tuple[str, str]]:
    """Return the fields that are kept of a kind of event, behind its head: name and type of the record."""
    record = EVENTS.get(kind, Event)
    return [(name, form) for name, form in record.fields() if name not in HEAD and not name.startswith("spare")]


def get_parties(kind: int) -> list[str]:
    """Return the fields of a kind of event that number the accounts which it concerns."""
    return ["account", *(name for name, _ in get_fields(kind) if get_meaning(kind, name) == "account")]


def write_columns(kind: int) -> str:
    """Return the columns of a table in SQL."""
    own = "".join(f', "{name}" {TYPES[form]}' for name, form in get_fields(kind))
    return (
        f"event_number BIGINT, sequence BIGINT, block_us BIGINT, code UTINYINT, market USMALLINT, account UINTEGER{own}"
    )
