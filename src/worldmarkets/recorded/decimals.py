"""Decimal text as exact integers."""


def parse_decimal(text: str, decimals: int) -> int:
    """Returns `text` times ten to the power `decimals`, exactly.

    Only what an exchange writes is a number here: digits, and perhaps a point with digits on both sides.
    There is no sign, exponent, space or underscore.

    Raises: ValueError when the text is no such number, or is not a multiple of the unit (2683.805 with 2 decimals).
    """
    whole, point, fraction = text.partition(".")
    if not (whole and (whole + fraction).isdecimal() and text.isascii()) or (point and not fraction):
        raise ValueError(f"{text!r} is not a decimal number")
    if fraction[decimals:].strip("0"):
        raise ValueError(f"{text!r} is not a multiple of {format_unit(decimals)}")
    return int(whole + fraction[:decimals].ljust(decimals, "0"))


def format_unit(decimals: int) -> str:
    """Returns the unit of so many decimals as text: 2 gives 0.01."""
    return "1" if decimals == 0 else "0." + "1".rjust(decimals, "0")
