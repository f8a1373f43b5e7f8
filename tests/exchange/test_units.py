"""Decimals in, integers out, and back: exactly, or not at all."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldmarkets.exchange import UnitError
from worldmarkets.exchange.units import (
    from_time,
    from_units,
    parse,
    to_grid,
    to_rate,
    to_severity,
    to_share,
    to_time,
    to_units,
)


@pytest.mark.both
def test_worked_conversions() -> None:
    assert to_units("1.5", 6) == 1_500_000
    assert to_units("1_000", 6) == 1_000_000_000
    assert to_units(Decimal("-0.000001"), 6) == -1
    assert to_units(7, 0) == 7
    assert to_units("1e3", 2) == 100_000
    assert str(from_units(1_500_000, 6)) == "1.500000"
    assert str(from_units(-1, 6)) == "-0.000001"
    assert to_grid("2000.01", Decimal("0.01"), "price", "its tick") == 200_001
    assert to_rate("5.5%") == to_rate("550bp") == to_rate(550) == 550
    assert to_share("0.5%", 1_000_000, "slippage") == 5_000
    assert to_severity(0.6) == to_severity("0.6") == 600_000


@given(st.integers(-(10**18), 10**18), st.integers(0, 18))
def test_units_survive_the_way_out_and_back(units: int, decimals: int) -> None:
    assert to_units(from_units(units, decimals), decimals) == units
    assert to_units(str(from_units(units, decimals)), decimals) == units


@given(st.integers(0, 10**14), st.integers(1, 10**6), st.integers(0, 8))
def test_a_multiple_of_a_step_is_on_the_grid(steps: int, step: int, places: int) -> None:
    size = from_units(step, places)
    assert to_grid(from_units(steps * step, places), size, "size", "its lot") == steps
    if step > 1:
        with pytest.raises(UnitError, match="not a multiple of its lot"):
            to_grid(from_units(steps * step + 1, places), size, "size", "its lot")


@given(st.datetimes(datetime(1970, 1, 1), datetime(2096, 1, 1)))
def test_times_survive(when: datetime) -> None:
    assert from_time(to_time(when.replace(tzinfo=UTC))) == when.replace(tzinfo=UTC)


@pytest.mark.parametrize("value", [0.1, True, None, "", "x", "1.2.3", "NaN", "Infinity", "-inf", "1e999999999", b"1"])
def test_what_is_no_exact_number_is_refused(value: object) -> None:
    with pytest.raises(UnitError):
        parse(value)  # type: ignore[arg-type]


def test_a_float_is_refused_with_the_reason() -> None:
    with pytest.raises(UnitError, match="a float is not exact"):
        to_units(0.1, 6)  # type: ignore[arg-type]


def test_too_fine_a_number_is_refused() -> None:
    with pytest.raises(UnitError, match="more than 6 decimals"):
        to_units("0.0000001", 6)
    with pytest.raises(UnitError, match="finer"):
        to_rate("0.001%")
    with pytest.raises(UnitError, match="neither a share"):
        to_rate("5.5")
    with pytest.raises(UnitError):
        to_rate(5.5)  # type: ignore[arg-type]


def test_severities_and_times_have_bounds() -> None:
    for severity in (-0.1, 10.1, "x", float("nan")):
        with pytest.raises(UnitError):
            to_severity(severity)
    with pytest.raises(UnitError, match="no time zone"):
        to_time(datetime(2025, 1, 1))
