from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldmarkets.recorded.decimals import format_unit, parse_decimal

DECIMALS = st.integers(0, 12)
UNITS = st.integers(0, 10**24)


@pytest.mark.parametrize(
    ("text", "decimals", "units"),
    [
        ("2681.62", 2, 268162),
        ("2683.80000000", 2, 268380),
        ("0.00000000", 4, 0),
        ("61800", 1, 618000),
        ("0.5", 3, 500),
        ("007.10", 1, 71),
        ("12.000", 0, 12),
    ],
)
def test_worked_examples(text: str, decimals: int, units: int) -> None:
    assert parse_decimal(text, decimals) == units


@given(UNITS, DECIMALS, st.integers(0, 12))
def test_what_is_written_is_read_back_with_any_number_of_zeros_after_it(units: int, decimals: int, zeros: int) -> None:
    digits = str(units).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :] + "0" * zeros
    assert parse_decimal(f"{whole}.{fraction}" if fraction else whole, decimals) == units


@given(st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,20})?", fullmatch=True), DECIMALS)
def test_a_number_is_read_exactly_or_refused_as_off_the_grid(text: str, decimals: int) -> None:
    units = Decimal(text).scaleb(decimals, Context(prec=60))
    if units == units.to_integral_value():
        assert parse_decimal(text, decimals) == units
    else:
        with pytest.raises(ValueError, match=rf"not a multiple of {format_unit(decimals)}$"):
            parse_decimal(text, decimals)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".5",
        "5.",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1_000",
        "1e3",
        "1,5",
        "1.2.3",
        "0x10",
        "nan",
        "٣",
        "²",
        "1.5٣",
    ],
)
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a decimal number$"):
        parse_decimal(text, 2)


@given(st.text(max_size=12), DECIMALS)
def test_any_text_gives_a_count_of_units_or_a_value_error(text: str, decimals: int) -> None:
    try:
        units = parse_decimal(text, decimals)
    except ValueError:
        return
    assert units == Decimal(text).scaleb(decimals)


def test_the_unit_as_text() -> None:
    assert [format_unit(decimals) for decimals in (0, 1, 4)] == ["1", "0.1", "0.0001"]
