"""Which parameters may change, together with which others, and which direction of each is looser.

Data that the core, its tests and the documentation read.  A **guard** is a set of fields that change together, in one
proposal; a field's place in its guard is its place in the command: `a`, `b` (64 bits), `c`, `d`, `e` (32 bits).
"""

from __future__ import annotations

from typing import NamedTuple

from worldmarkets.core import codes
from worldmarkets.core.units import (
    DAY,
    MAX_BASIS_PPM,
    MAX_CLOCK,
    MAX_CUT_PPM,
    MAX_FEE_CAP,
    MAX_FILLS,
    MAX_LOTS,
    MAX_RAMP_STEPS,
    MAX_RATE_BP,
    MAX_SEVERITY,
    MAX_SLIPPAGE_PPM,
    MAX_SUPPLY,
    MILLION,
    RAMP_CAP_STEPS,
    RAMP_EXIT_STEPS,
    RAMP_RUNG_PPM,
    RAMP_SHOCK_PPM,
    RAMP_STEP,
    SECOND,
)

SCOPE_VENUE, SCOPE_ASSET, SCOPE_MARKET, SCOPE_TIER = 0, 1, 2, 3  # what `subject` of a proposal numbers
NEITHER, HIGHER, LOWER = 0, 1, 2  # which values are looser
PLAIN, SHOCK, RUNG, LIMIT = 0, 1, 2, 3  # how a ramp moves a field; the zero of a limit stands for none


class Field(NamedTuple):
    """One parameter.

    `loosens`: HIGHER or LOWER values are looser, or NEITHER.  `shape` says how a ramp moves it.  A field without a
    direction is a term that everybody gets notice of: any change of it waits.
    """

    name: str
    loosens: int
    lowest: int
    highest: int
    shape: int = PLAIN
    is_ramped: bool = False


class Guard(NamedTuple):
    """A set of fields that change together; the scope says what `subject` of a proposal numbers."""

    number: int
    name: str
    scope: int
    fields: tuple[Field | None, ...]


GUARDS: tuple[Guard, ...] = (
    Guard(codes.ASSET_RISK, "asset risk", SCOPE_ASSET, (
        Field("depth", HIGHER, 0, MAX_SUPPLY, LIMIT, is_ramped=True),
        Field("holding_cap", HIGHER, 0, MAX_SUPPLY, LIMIT, is_ramped=True),
        Field("price_shock_ppm", LOWER, 0, MILLION, SHOCK, is_ramped=True),
        Field("slippage_ppm", LOWER, 0, MAX_SLIPPAGE_PPM, SHOCK, is_ramped=True),
        Field("basis_ppm", LOWER, 0, MAX_BASIS_PPM, SHOCK, is_ramped=True),
    )),
    Guard(codes.ASSET_LIMITS, "asset limits", SCOPE_ASSET, (
        Field("collateral_cap", HIGHER, 0, MAX_SUPPLY, LIMIT),
        Field("minimum_principal", NEITHER, 1, MAX_SUPPLY),
        None, None, None,
    )),
    Guard(codes.MARKET_LIMITS, "market limits", SCOPE_MARKET, (
        Field("open_interest_cap", HIGHER, 0, MAX_SUPPLY, LIMIT),
        Field("minimum_lots", NEITHER, 1, MAX_LOTS),
        Field("band_ppm", HIGHER, 1, MILLION),
        None, None,
    )),
    Guard(codes.MARKET_FEES, "market fees", SCOPE_MARKET, (
        Field("maker_ppm", NEITHER, -MILLION // 20, MILLION // 10),
        Field("fee_cap", NEITHER, 0, MAX_FEE_CAP),
        Field("taker_ppm", NEITHER, 0, MILLION // 10),
        None, None,
    )),
    Guard(codes.MARKET_END, "end of a market", SCOPE_MARKET, (None, None, None, None, None)),
    Guard(codes.VENUE_RISK, "venue risk", SCOPE_VENUE, (
        Field("lent_haircut_ppm", LOWER, 0, MILLION // 10, SHOCK, is_ramped=True),
        None,
        Field("initial_ppm", LOWER, 1_000, MAX_SEVERITY, RUNG, is_ramped=True),
        Field("unwind_ppm", LOWER, 1_000, MAX_SEVERITY, RUNG, is_ramped=True),
        Field("auction_ppm", LOWER, 1_000, MAX_SEVERITY, RUNG, is_ramped=True),
    )),
    Guard(codes.VENUE_ORDERS, "venue orders", SCOPE_VENUE, (
        Field("open_order_multiple", HIGHER, 1, 1_000),
        None,
        Field("max_fills", NEITHER, 1, MAX_FILLS),
        Field("crowding_ppm", HIGHER, 1, MILLION),
        None,
    )),
    Guard(codes.VENUE_RATES, "venue rates", SCOPE_VENUE, (
        Field("fund_price_ppm", NEITHER, 0, 500_000),
        Field("fund_limit_ppm", NEITHER, 0, 900_000),
        Field("iou_penalty_bp", NEITHER, 0, MAX_RATE_BP - 1),
        Field("funding_step_ppb", NEITHER, 0, 10_000_000),
        Field("funding_cap_ppb", NEITHER, 0, 10_000_000),
    )),
    Guard(codes.VENUE_DELAY, "delay", SCOPE_VENUE, (
        Field("parameter_delay_us", LOWER, DAY, 30 * DAY),
        None, None, None, None,
    )),
    Guard(codes.MARKET_FUNDING, "market funding", SCOPE_MARKET, (
        Field("firm_lots", NEITHER, 0, MAX_LOTS),
        None, None, None, None,
    )),
    Guard(codes.VENUE_LOANS, "venue loans", SCOPE_VENUE, (
        Field("renewal_window_us", NEITHER, 0, DAY),
        None,
        Field("renewal_fee_ppm", NEITHER, 0, MILLION),
        None, None,
    )),
    Guard(codes.FEE_TIER, "fee tier", SCOPE_TIER, (
        Field("fees", NEITHER, 0, MAX_SUPPLY),
        None,
        Field("maker_cut_ppm", NEITHER, 0, MAX_CUT_PPM),
        Field("taker_cut_ppm", NEITHER, 0, MAX_CUT_PPM),
        None,
    )),
    Guard(codes.VENUE_LADDER, "ladder", SCOPE_VENUE, (
        Field("unwind_clock_us", NEITHER, SECOND, MAX_CLOCK),
        Field("auction_clock_us", NEITHER, SECOND, MAX_CLOCK),
        Field("slice_ppm", NEITHER, 1, MILLION),
        None, None,
    )),
)  # fmt: skip

# Which mode may follow which: by the administrator, and by the guardian, who only goes down.
TRANSITIONS: dict[tuple[int, int], tuple[int, ...]] = {
    (codes.PRELAUNCH, codes.CANCEL_ONLY): (codes.ADMINISTRATOR,),
    (codes.PRELAUNCH, codes.POST_ONLY_MODE): (codes.ADMINISTRATOR,),
    (codes.PRELAUNCH, codes.OPEN): (codes.ADMINISTRATOR,),
    (codes.CANCEL_ONLY, codes.POST_ONLY_MODE): (codes.ADMINISTRATOR,),
    (codes.CANCEL_ONLY, codes.OPEN): (codes.ADMINISTRATOR,),
    (codes.POST_ONLY_MODE, codes.OPEN): (codes.ADMINISTRATOR,),
    (codes.POST_ONLY_MODE, codes.CANCEL_ONLY): (codes.ADMINISTRATOR, codes.GUARDIAN),
    (codes.OPEN, codes.POST_ONLY_MODE): (codes.ADMINISTRATOR, codes.GUARDIAN),
    (codes.OPEN, codes.CANCEL_ONLY): (codes.ADMINISTRATOR, codes.GUARDIAN),
}


def find_guard(number: int) -> Guard | None:
    """The guard of a number, or None."""
    return GUARDS[number - 1] if 1 <= number <= len(GUARDS) else None


def normalise(field: Field, value: int) -> int:
    """A value that compares: the zero of a limit stands for none."""
    return MAX_SUPPLY + 1 if field.shape == LIMIT and value == 0 else value


def compute_direction(field: Field, old: int, new: int) -> int:
    """1 when `new` is looser than `old`, -1 when it is tighter, 0 when it is the same; 2 for a term without one."""
    if old == new:
        return 0
    if field.loosens == NEITHER:
        return 2
    is_higher = normalise(field, new) > normalise(field, old)
    return 1 if is_higher == (field.loosens == HIGHER) else -1


def compute_most_cap(depth: int, price_shock_ppm: int, slippage_ppm: int, basis_ppm: int) -> int:
    """The highest holding cap: more collateral never means less value.  0: there is no bound."""
    if depth == 0 or slippage_ppm == 0:
        return 0
    return min(max(depth * (MILLION - price_shock_ppm - basis_ppm) // (2 * slippage_ppm), 1), MAX_SUPPLY)


def find_out_of_bounds(guard: Guard, values: list[int]) -> tuple[int, int, int] | None:
    """The first bound that a guard's values break, as (bound, value, slot of the field); None when all are well."""
    for slot, field in enumerate(guard.fields):
        if field is not None and not field.lowest <= values[slot] <= field.highest:
            return (field.lowest if values[slot] < field.lowest else field.highest), values[slot], slot
    a, b, c, d, e = values
    if guard.number == codes.ASSET_RISK and a > 0 and d > 0:
        most = compute_most_cap(a, c, d, e)
        if not 0 < b <= most:
            return most, b, 1
    if guard.number == codes.MARKET_FEES and a < -c // 2:
        return -c // 2, a, 0
    if guard.number == codes.VENUE_RATES and d > e:
        return e, d, 3
    if guard.number == codes.VENUE_RISK:
        for slot, value, bound in ((3, d, c), (4, e, d)):
            if value >= bound:
                return bound - 1_000, value, slot
        for slot in (2, 3, 4):
            if values[slot] % 1_000:
                return values[slot] // 1_000 * 1_000, values[slot], slot
    return None


def compute_steps(guard: Guard, old: list[int], new: list[int], delay_us: int) -> int:
    """How many steps a ramp takes: one an hour over the delay, and more where a step would be too large."""
    steps = -(-delay_us // RAMP_STEP)
    for field, start, end in zip(guard.fields, old, new, strict=True):
        if field is None or start == end:
            continue
        if field.shape == SHOCK:
            steps = max(steps, -(-abs(end - start) // RAMP_SHOCK_PPM))
            if field.name == "slippage_ppm" and 0 < start < end:
                steps = max(steps, RAMP_EXIT_STEPS * (-(-end // start) - 1))
        elif field.shape == RUNG:
            steps = max(steps, -(-abs(end - start) // RAMP_RUNG_PPM))
        elif field.name == "depth" and 0 < end < start:
            steps = max(steps, RAMP_EXIT_STEPS * (-(-start // end) - 1))
        elif field.name == "holding_cap" and 0 < end < start:
            steps = max(steps, -(-RAMP_CAP_STEPS * (start - end) // start))
    return min(steps, MAX_RAMP_STEPS)


def compute_value(field: Field, old: int, new: int, step: int, steps: int) -> int:
    """What a field is after `step` of `steps`: linear; a limit that starts or ends at none, and a depth, in 1 / limit.

    Rounds: down; a rung to a thousandth below.
    """
    if step == steps or old == new:
        return new
    if step == 0:
        return old
    if field.shape == LIMIT and (field.name == "depth" or old == 0 or new == 0):
        if old == 0:
            return min(new * steps // step, MAX_SUPPLY)
        if new == 0:
            return min(old * steps // (steps - step), MAX_SUPPLY)
        return old * new // -(-((steps - step) * new + step * old) // steps)
    value = (old * (steps - step) + new * step) // steps
    return value // 1_000 * 1_000 if field.shape == RUNG else value


def compute_values(guard: Guard, old: list[int], new: list[int], step: int, steps: int) -> list[int]:
    """What the fields of a guard are after `step` of `steps`.  The holding cap stays within its bound on the way."""
    values = [
        0 if field is None else compute_value(field, old[slot], new[slot], step, steps)
        for slot, field in enumerate(guard.fields)
    ]
    if guard.number == codes.ASSET_RISK and step > 0:
        depth, cap, price, slippage, basis = values
        if depth > 0 and slippage > 0:
            most = compute_most_cap(depth, price, slippage, basis)
            values[1] = min(cap or most, most)
    return values


def complete(guard: Guard, values: list[int]) -> list[int]:
    """The values of a proposal, with the highest holding cap where none was named."""
    if guard.number == codes.ASSET_RISK and values[1] == 0:
        return [values[0], compute_most_cap(values[0], values[2], values[3], values[4]), *values[2:]]
    return values


def compute_directions(guard: Guard, old: list[int], new: list[int]) -> list[int]:
    """The direction of every field of a guard."""
    return [
        0 if field is None else compute_direction(field, old[slot], new[slot])
        for slot, field in enumerate(guard.fields)
    ]


def is_ramped(guard: Guard) -> bool:
    """Say whether what accounts are worth depends on a guard."""
    return any(field is not None and field.is_ramped for field in guard.fields)
