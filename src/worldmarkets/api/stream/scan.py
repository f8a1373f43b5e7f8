"""The events of blocks, looked through as columns: which markets and accounts they touch, and where."""

from __future__ import annotations

import ctypes

import numpy as np

from worldmarkets.core.codec import EVENTS, RECORD_BYTES
from worldmarkets.exchange.outbound import get_meaning

_WORDS = RECORD_BYTES // 4
_ACCOUNT_WORD = 3  # of the head
_KINDS = 256


def _find_parties() -> np.ndarray:
    """Return, for every kind of event and word of its record, whether it holds an account."""
    found = np.zeros((_KINDS, _WORDS), np.bool_)
    found[:, _ACCOUNT_WORD] = True
    for kind, record in EVENTS.items():
        for name, _ in record.fields():
            if get_meaning(kind, name) == "account":
                field = getattr(record, name)
                assert field.size == ctypes.sizeof(ctypes.c_uint32) and field.offset % 4 == 0
                found[kind, field.offset // 4] = True
    return found


_PARTIES = _find_parties()


class Scan:
    """The events of one or more blocks."""

    def __init__(self, events: bytes | memoryview) -> None:
        self.events = memoryview(events)
        self._words = np.frombuffer(events, np.uint32).reshape(-1, _WORDS)
        self.kinds = np.frombuffer(events, np.uint8)[8::RECORD_BYTES]
        self._markets = np.frombuffer(events, np.uint16)[5 :: RECORD_BYTES // 2]

    def get_markets(self) -> list[int]:
        """Return the markets that something happened in."""
        return np.unique(self._markets[self._markets > 0]).tolist()

    def find(self, kind: int) -> list[memoryview]:
        """Return the events of a kind, each as its bytes."""
        return [self._get(place) for place in np.flatnonzero(self.kinds == kind).tolist()]

    def find_by_account(self, accounts: np.ndarray) -> dict[int, list[memoryview]]:
        """Return the events of each of some accounts, in their order."""
        is_theirs = np.isin(self._words, accounts) & _PARTIES[self.kinds]
        found: dict[int, list[memoryview]] = {}
        for place in np.flatnonzero(is_theirs.any(axis=1)).tolist():
            for account in set(self._words[place][is_theirs[place]].tolist()):
                found.setdefault(account, []).append(self._get(place))
        return found

    def _get(self, place: int) -> memoryview:
        return self.events[place * RECORD_BYTES : (place + 1) * RECORD_BYTES]
