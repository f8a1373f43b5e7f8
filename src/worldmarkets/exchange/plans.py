"""The steps taken when a loan falls due, by name."""

from __future__ import annotations

from worldmarkets.core import codes

STEPS = {
    "extend": codes.STEP_EXTEND, "reborrow": codes.STEP_REBORROW, "repay": codes.STEP_REPAY, "sell": codes.STEP_SELL,
}  # fmt: skip


def read_plan(plan: int) -> tuple[str, ...]:
    """Return the steps of a loan's plan, first to last."""
    names = {number: name for name, number in STEPS.items()}
    plan = plan or codes.PLAN_DEFAULT
    return tuple(names[plan >> shift & 15] for shift in range(0, 16, 4) if plan >> shift & 15 in names)
