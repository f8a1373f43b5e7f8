"""Arithmetic beyond 64 bits, and the few words of bit handling, each in one place.

The compiler takes `wide.pxd` instead: the same functions on `__int128`.  Rounding is in the name.
"""

from __future__ import annotations

wide = int  # a signed number of 128 bits

_WORD = (1 << 64) - 1
_LIMIT = 1 << 63


def _narrow(value: int) -> int:
    if not -_LIMIT <= value < _LIMIT:
        raise OverflowError(f"{value} does not fit 64 bits")
    return value


def mul_div_ceil(a: int, b: int, c: int) -> int:
    """Return `a * b / c` rounded up."""
    return _narrow(-(-a * b // c))


def mul_div_floor(a: int, b: int, c: int) -> int:
    """Return `a * b / c` rounded down."""
    return _narrow(a * b // c)


def narrow_floor(value: int, divisor: int) -> int:
    """Return the wide `value / divisor` rounded down."""
    return _narrow(value // divisor)


def floor_grid(value: int) -> int:
    """Return a wide number of `GRID * BILLION` steps, 10**20 of them one, rounded down."""
    return _narrow(value // 10**20)


def prefetch(place: object, lines: int) -> None:
    """Ask the processor for one or two cache lines of a row needed soon.  Interpreted it does nothing."""


def wide_div_ceil(value: int, divisor: int) -> int:
    """Return the wide `value / divisor` rounded up, still wide."""
    return -(-value // divisor)


def wide_div_floor(value: int, divisor: int) -> int:
    """Return the wide `value / divisor` rounded down, still wide."""
    return value // divisor


def wide_of(high: int, low: int) -> int:
    """Return the signed 128-bit value kept in two words."""
    return (high << 64) + low


def high_of(value: int) -> int:
    """Return the upper word of a wide value, signed."""
    return value >> 64


def low_of(value: int) -> int:
    """Return the lower word of a wide value, unsigned."""
    return value & _WORD


def clamp_wide(value: int, bound: int) -> int:
    """Return `value` kept within `bound` either way."""
    return max(-bound, min(bound, value))


def quadratic_cost(value: int, depth: int, bound: int) -> int:
    """Return L(x): `value` up to the depth, value squared over depth beyond, at most `bound`.

    Units: `value` >= 0 and `bound` in grid steps (10**-11 quanta), `depth` > 0 in quanta.
    Rounds: up; beyond the depth the value is first rounded up to a hundredth of a quantum.
    """
    if value <= depth * 10**11:
        return value
    hundredths = -(-value // 10**9)
    whole, left = divmod(hundredths * hundredths, depth)
    return min(bound, whole * 10**7 - (-left * 10**7 // depth))


def magnitude(value: int) -> int:
    """Return the absolute value of a bounded number."""
    return abs(value)


def bucket_hash(a: int, b: int, c: int) -> int:
    """Return a well-mixed 63-bit number for a key of three words."""
    h = (a * 0x9E3779B97F4A7C15 + (b ^ 0x7F4A7C15F39CC060) * 0xC2B2AE3D27D4EB4F + c * 0x165667B19E3779F9) & _WORD
    h ^= h >> 29
    h = (h * 0xBF58476D1CE4E5B9) & _WORD
    return (h ^ (h >> 32)) >> 1


def highest_bit(word: int) -> int:
    """Return the number of the highest set bit; `word` is not zero."""
    return word.bit_length() - 1


def bit(number: int) -> int:
    """Return the word with one bit set."""
    return 1 << (number & 63)


def copy_bytes(target: object, source: object, size: int) -> None:
    """Copy `size` bytes between two addresses.  Compiled only: interpreted code assigns slices."""
    raise NotImplementedError


def zero_bytes(target: object, size: int) -> None:
    """Clear `size` bytes at an address.  Compiled only: interpreted code assigns slices."""
    raise NotImplementedError
