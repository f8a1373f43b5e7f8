"""What a loan costs: hours rounded up, interest rounded up, both against the borrower."""

from __future__ import annotations

import cython
from cython import longlong

if not cython.compiled:
    from worldmarkets.core.units import BASIS, HOUR, HOURS_A_YEAR
    from worldmarkets.core.wide import mul_div_ceil


def compute_interest(principal: longlong, rate_bp: longlong, hours: longlong) -> longlong:
    """Return ceil(principal * rate * hours), the rate in basis points a year, in the asset's quanta."""
    return mul_div_ceil(principal, rate_bp * hours, BASIS * HOURS_A_YEAR)


def compute_hours(from_us: longlong, now_us: longlong) -> longlong:
    """Return the hours between two times, rounded up; none when the first has not come."""
    return 0 if now_us <= from_us else (now_us - from_us + HOUR - 1) // HOUR
