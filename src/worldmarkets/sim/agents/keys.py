"""Keys of development, derived from a seed that everybody knows: good for nothing but a venue of test funds."""

from __future__ import annotations

import re
from datetime import datetime
from importlib.resources import files

from worldmarkets.schemas.eip712 import keccak
from worldmarkets.schemas.signing import Signer

SEED = "worldmarkets development"
FUNDING_SECONDS = 300  # instead of eight hours, so that a trader sees some
CUTOFF_SECONDS = 20


def make_signer(name: str) -> Signer:
    """Return the key of a name: administrator, guardian, or an agent."""
    return Signer(keccak(f"{SEED}/{name}".encode()))


def write_genesis(opens: datetime) -> str:
    """Return the packaged genesis as one of development: signatures are asked for, and keys of development rule.

    The venue opens at `opens`, since every funding period from then on is worked off.
    """
    text = files("worldmarkets.exchange").joinpath("genesis.toml").read_text(encoding="utf-8")
    for name, old, new in (
        ("funding_period_seconds", "28_800", f"{FUNDING_SECONDS}"),
        ("funding_cutoff_seconds", "1_800", f"{CUTOFF_SECONDS}"),
    ):
        line = f"{name} = {old}"
        assert text.count(line) == 1, line
        text = text.replace(line, f"{name} = {new}       # of development: the packaged venue has {old}")
    text, count = re.subn(r"^opens = .*$", f"opens = {opens:%Y-%m-%dT%H:%M:00Z}", text, flags=re.M)
    assert count == 1
    administrator, guardian = make_signer("administrator").address, make_signer("guardian").address
    head = (
        f'[venue]\nrequires_signatures = true\nadministrators = ["{administrator}"]  # derived from "{SEED}"\n'
        f'guardians = ["{guardian}"]\n'
    )
    assert text.count("[venue]\n") == 1
    return f"# A venue of DEVELOPMENT: its keys are known to everybody.\n{text.replace('[venue]', head.rstrip(), 1)}"
