"""The states of accounts, naively: everybody is valued with every mark and time step, whatever moved."""

from __future__ import annotations

from collections.abc import Callable

FREE, MARGIN_CALL, UNWIND, AUCTION, CLOSE_OUT = range(5)
INITIAL, UNWIND_RUNG, AUCTION_RUNG = 1_000_000, 600_000, 300_000


class NaiveLadder:
    """Every account's state: the table at the top of the protocol, and the latch."""

    def __init__(self, value: Callable[[int, int], int]) -> None:
        self.value = value  # V(account, severity in ppm)
        self.states: dict[int, int] = {}

    def get(self, account: int) -> int:
        """Return an account's state; free until something else was seen."""
        return self.states.get(account, FREE)

    def look(self, account: int) -> int:
        """Value an account and return its state."""
        is_latched = self.get(account) >= UNWIND or self.value(account, UNWIND_RUNG) < 0
        if self.value(account, INITIAL) >= 0:
            state = FREE
        elif self.value(account, 0) < 0:
            state = CLOSE_OUT
        elif not is_latched:
            state = MARGIN_CALL
        else:
            state = AUCTION if self.value(account, AUCTION_RUNG) < 0 else UNWIND
        self.states[account] = state
        return state
