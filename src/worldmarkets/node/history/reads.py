"""Questions to the history: in a thread, over a cursor of their own, never on the loop."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from worldmarkets.core import codes
from worldmarkets.core.codec import EVENTS
from worldmarkets.core.records import Event
from worldmarkets.node.history.store import Store, quote
from worldmarkets.node.history.topics import HEAD, KINDS, get_fields, get_parties, get_table

_FORMATS = {"i64": "q", "u64": "Q", "i32": "i", "u32": "I", "u16": "H", "u8": "B"}
MOST = 1 << 62  # a number beyond every event's


@dataclass(frozen=True, slots=True)
class Kept:
    """An event as it was: its number, the time of its block, and its 64 bytes."""

    number: int
    time_us: int
    event: bytes


@dataclass(frozen=True, slots=True)
class Candle:
    """What was traded in a market in an interval: ticks and lots; `value` is the sum of ticks times lots."""

    time_us: int
    open: int
    high: int
    low: int
    close: int
    lots: int
    value: int
    trades: int


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """What became of a signed command: `events` are those that it gave and that are kept."""

    sequence: int
    time_us: int
    events: bytes


class Reads:
    """Asks one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _ask(self, question: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._store.db.cursor() as cursor:
            found: list[Any] = cursor.execute(question, list(values)).fetchall()
            return found

    # Events as they were.

    def find_events(
        self, kinds: Sequence[int], *, before: int = MOST, limit: int = 100, account: int = 0, market: int = 0,
        asset: int = 0,
    ) -> list[Kept]:  # fmt: skip
        """Return the latest events of some kinds before a number, newest first; of one account, market or asset."""
        found: list[Kept] = []
        for kind in kinds:
            terms, values = ["event_number < ?"], [before]
            if account:
                parties = get_parties(kind)
                terms.append(f"({' OR '.join(f'{quote([party])} = ?' for party in parties)})")
                values += [account] * len(parties)
            if market:
                terms.append("market = ?")
                values.append(market)
            if asset:
                terms.append("asset = ?")
                values.append(asset)
            found += self._find(kind, f"WHERE {' AND '.join(terms)} ORDER BY event_number DESC LIMIT {limit}", values)
        return sorted(found, key=lambda kept: -kept.number)[:limit]

    def find_following(self, kinds: Sequence[int], after: int, limit: int, accounts: Sequence[int] = ()) -> list[Kept]:
        """Return the first events of some kinds behind a number, oldest first; of some accounts, or of all."""
        terms = f"WHERE event_number > ? {_write_accounts(accounts)} ORDER BY event_number LIMIT {limit}"
        found = [one for kind in kinds for one in self._find(kind, terms, [after])]
        return sorted(found, key=lambda kept: kept.number)[:limit]

    def _find(self, kind: int, terms: str, values: Sequence[Any]) -> list[Kept]:
        """Return events of one kind, put together again as they were."""
        fields = [name for name, _ in get_fields(kind)]
        names = quote(("event_number", "block_us", "sequence", "code", "market", "account", *fields))
        record = EVENTS.get(kind, Event)
        pack = struct.Struct("<" + "".join(_FORMATS[form] for _, form in record.fields())).pack
        spare = [name for name, _ in record.fields() if name not in HEAD]
        kept = []
        for number, time_us, sequence, code, market, account, *own in self._ask(
            f"SELECT {names} FROM {get_table(kind)} {terms}", values
        ):
            said = dict(zip(fields, own, strict=True))
            body = [said.get(name, 0) for name in spare]
            kept.append(Kept(number, time_us, pack(sequence, kind, code, market, account, *body)))
        return kept

    def find_receipt(self, signer: tuple[int, int, int], nonce: int, kinds: Sequence[int]) -> KeptReceipt | None:
        """Return what became of a key's nonce: of the command that used it, or else of the last that tried."""
        rows = self._ask(
            f"SELECT r.sequence, r.block_us FROM receipts r LEFT JOIN {get_table(codes.REJECTED)} x USING (sequence) "
            "WHERE nonce = ? AND signer_middle = ? AND signer_high = ? AND signer_low = ? "
            f"ORDER BY coalesce(x.code, 0) IN {_UNUSED}, r.sequence DESC LIMIT 1",
            (nonce, signer[1], signer[0], signer[2]),
        )
        if not rows:
            return None
        sequence, time_us = rows[0]
        found = [one for kind in kinds for one in self._find(kind, "WHERE sequence = ?", (sequence,))]
        found.sort(key=lambda kept: kept.number)
        return KeptReceipt(sequence, time_us, b"".join(kept.event for kept in found))

    # Sums.

    def find_candles(self, market: int, interval_us: int, from_us: int, to_us: int, limit: int) -> list[Candle]:
        """Return the candles of a market that begin in a span, oldest first; where nothing was traded there is none."""
        return [
            Candle(*row)
            for row in self._ask(
                "SELECT block_us // ? * ? AS time, arg_min(price_ticks, event_number), max(price_ticks), "
                "min(price_ticks), arg_max(price_ticks, event_number), sum(lots), "
                "sum(lots::HUGEINT * price_ticks), count(*) "
                f"FROM {get_table(codes.TRADED)} WHERE market = ? AND block_us >= ? AND block_us < ? "
                "GROUP BY time ORDER BY time LIMIT ?",
                (interval_us, interval_us, market, from_us, to_us, limit),
            )
        ]

    def find_volumes(self, from_us: int) -> dict[int, tuple[int, int, int]]:
        """Return (trades, lots, the sum of ticks times lots) by market since a time."""
        return {
            market: (trades, int(lots), int(value))
            for market, trades, lots, value in self._ask(
                "SELECT market, count(*), sum(lots), sum(lots::HUGEINT * price_ticks) "
                f"FROM {get_table(codes.TRADED)} WHERE block_us >= ? GROUP BY market",
                (from_us,),
            )
        }

    def count_events(self) -> dict[int, int]:
        """Return how many events of each kind there are."""
        question = " UNION ALL ".join(f"SELECT {kind}, count(*) FROM {get_table(kind)}" for kind in KINDS)
        return dict(self._ask(question))


def _write_accounts(accounts: Sequence[int]) -> str:
    return f"AND account IN ({', '.join(map(str, accounts))})" if accounts else ""


# Refusals that do not use a nonce up.
_UNUSED = (
    codes.ENVELOPE, codes.UNSIGNED, codes.ENVELOPE_EXPIRED, codes.UNKNOWN_KEY, codes.NONCE_TOO_LOW, codes.NONCE_USED,
)  # fmt: skip
