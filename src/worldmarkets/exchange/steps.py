"""Steps of unwind plans as they are written and sent, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worldmarkets.exchange.errors import UnitError, UnknownName
from worldmarkets.exchange.ladder import Step
from worldmarkets.schemas.commands import PlanStep

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange

# What each kind of step is about, and the terms that it has.
_TRADES = ("market", ("share", "slippage"))
_STEPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "cancel": ("order", ()), "top-up": ("account", ("share",)), "repay": ("loan", ("share",)),
    "close": _TRADES, "sell": _TRADES, "hedge": _TRADES,
}  # fmt: skip


def read_step(exchange: Exchange, said: PlanStep, owner: str) -> Step:
    """Return a step of the plan of an owner's account.  Raises UnitError, UnknownName."""
    if said.step not in _STEPS:
        raise UnknownName(f"there is no step {said.step!r}; there is {', '.join(_STEPS)}")
    subject, terms = _STEPS[said.step]
    for name in ("order", "account", "loan", "market", "share", "slippage"):
        if getattr(said, name) and name not in (subject, *terms):
            raise UnitError(f"a step {said.step} has no {name}")
    about: int | str = getattr(said, subject)
    if subject == "account":
        about = exchange.find_account(owner, said.account).number
    return Step(said.step, about, **{name: text for name in terms if (text := getattr(said, name))})


def say_step(exchange: Exchange, step: Step) -> PlanStep:
    """Return a step as its owner would send it."""
    subject, terms = _STEPS[step.kind]
    said: dict[str, Any] = {name: getattr(step, name) for name in terms}
    said[subject] = exchange.get_account(int(step.subject)).index if subject == "account" else step.subject
    return PlanStep(step=step.kind, **said)
