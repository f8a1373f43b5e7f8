"""Exact conversion between decimals, as people write them, and integers, as the exchange counts.

No float ever enters: 0.1 is not a tenth.  Amounts are strings, integers or `Decimal`; what they give back is `Decimal`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from worldmarkets.core.units import BASIS, MILLION, PRICE_ONE
from worldmarkets.exchange.errors import UnitError

Amount = str | int | Decimal
MARK_DECIMALS = len(str(PRICE_ONE)) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST = 40  # digits before the point, or zeros after it, that any amount here could have


def parse(value: Amount, what: str = "amount") -> Decimal:
    """Return a decimal string, an integer or a Decimal as a Decimal.  Raises UnitError for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        hint = "; write it as a string, since a float is not exact" if isinstance(value, float) else ""
        raise UnitError(f"{what} {value!r} is not a decimal string, an integer or a Decimal{hint}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise UnitError(f"{what} {value!r} is not a decimal number") from None
    if not number.is_finite() or (number and abs(number.adjusted()) > _LARGEST):
        raise UnitError(f"{what} {value!r} is not a number of any size used here")
    return number


def to_units(value: Amount, decimals: int, what: str = "amount") -> int:
    """Return `value * 10**decimals`, exactly.  Raises UnitError when that is not whole."""
    sign, digits, exponent = parse(value, what).as_tuple()
    assert isinstance(exponent, int)
    number = int("".join(map(str, digits)))
    shift = exponent + decimals
    if shift >= 0:
        number *= 10**shift
    else:
        number, rest = divmod(number, 10**-shift)
        if rest:
            raise UnitError(f"{what} {value} has more than {decimals} decimals")
    return -number if sign else number


def from_units(units: int, decimals: int) -> Decimal:
    """Return `units / 10**decimals`, exactly."""
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -decimals))


def to_grid(value: Amount, step: Decimal, what: str, name: str) -> int:
    """Return how many steps a value is.  Raises UnitError, naming the step, when it lies between two."""
    number = parse(value, what)
    places = -int(min(number.as_tuple().exponent, step.as_tuple().exponent, 0))
    steps, rest = divmod(to_units(number, places), to_units(step, places))
    if rest:
        raise UnitError(f"{what} {value} is not a multiple of {name} {step:f}")
    return steps


def to_share(value: str | int, one: int, what: str) -> int:
    """Return a share such as "5.5%" or "550bp" in parts of `one`; an integer is in those parts already."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    for suffix, parts in (("%", 100), ("bp", BASIS)):
        if isinstance(value, str) and value.endswith(suffix):
            number = to_units(value.removesuffix(suffix).strip(), 9, what) * one
            if number % (parts * 10**9):
                raise UnitError(f"{what} {value} is finer than 1/{one}")
            return number // (parts * 10**9)
    raise UnitError(f'{what} {value!r} is neither a share like "0.5%" or "50bp" nor an integer of 1/{one}')


def to_rate(value: str | int, what: str = "rate") -> int:
    """Return a yearly rate in basis points: "5.5%", "550bp" or 550."""
    return to_share(value, BASIS, what)


def to_severity(value: Amount | float) -> int:
    """Return a severity in ppm.  It is no amount, so a float is welcome."""
    try:
        scaled = round(Decimal(str(value)) * MILLION)
    except (InvalidOperation, ValueError, OverflowError):
        raise UnitError(f"severity {value!r} is not a number") from None
    if not 0 <= scaled <= 10 * MILLION:
        raise UnitError(f"severity {value} is not between 0 and 10")
    return scaled


def to_time(when: datetime) -> int:
    """Return a time with its zone in microseconds since 1970.  Raises UnitError without a zone."""
    if when.tzinfo is None:
        raise UnitError(f"time {when} has no time zone")
    return (when - _EPOCH) // _MICROSECOND


def from_time(time_us: int) -> datetime:
    """Return microseconds since 1970 as a time in UTC."""
    return _EPOCH + timedelta(microseconds=time_us)
