"""Every kind of command, sent by every sort of key: each cell says what comes of it, and nothing is allowed unsaid."""

from __future__ import annotations

import pytest

from tests.keys.stage import ADMINISTRATOR, COMMAND_OF, GUARDIAN, Stage
from worldmarkets.core import codes as c
from worldmarkets.core.codec import COMMAND_NAMES
from worldmarkets.exchange import Result

SORTS = {
    "owner": "alice",
    "another's owner": "bob",
    "administrator": ADMINISTRATOR,
    "guardian": GUARDIAN,
    "stranger": "nobody",
    "unsigned": None,
}
# What each sort of key is answered with, by the class of the kind; OK stands for whatever the command itself comes to.
F, U, N = "KEY_FORBIDDEN", "UNKNOWN_KEY", "UNSIGNED"
CLASSES = {
    #              owner  another administrator guardian stranger unsigned
    "sequencer":  (F,     F,      F,            F,       U,       "OK"),
    "opening":    ("OK",  F,      F,            F,       U,       "OK"),
    "account":    ("OK",  F,      F,            F,       U,       N),
    "administer": (F,     F,      "OK",         "ROLE",  U,       N),
    "nothing":    (F,     F,      F,            F,       U,       N),
    "nested":     ("ENVELOPE",) * 5 + ("OK",),
}  # fmt: skip
CLASS_OF = {
    c.OPEN_ACCOUNT: "opening", c.DEPOSIT: "sequencer", c.WITHDRAW: "account", c.TRANSFER: "account",
    c.SET_MARK: "sequencer", c.ADVANCE_TIME: "sequencer", c.CONFIGURE_ACCOUNT: "account", c.PLACE_ORDER: "account",
    c.CANCEL_ORDER: "account", c.CANCEL_ALL: "account", c.AMEND_ORDER: "account", c.PAIR_ORDERS: "account",
    c.SET_DEAD_MAN: "account", c.TRUE_UP: "account", c.REPAY_LOAN: "account", c.EXTEND_LOAN: "account",
    c.EXIT_LOAN: "account", c.RENEW_LOAN: "account", c.CONFIGURE_LOAN: "account", c.BUNDLE: "account",
    c.SET_POLICY: "account", c.SET_COUNTERPARTY: "account", c.SET_MARKET_MODE: "administer", c.SET_FEED: "administer",
    c.COMPRESS: "account", c.MASS_QUOTE: "account", c.QUOTE: "nothing", c.SET_PROTECTION: "account",
    c.RESET_PROTECTION: "account", c.SET_LIMITS: "account", c.SET_VENUE_LIMITS: "administer",
    c.PROPOSE_CHANGE: "administer", c.CANCEL_CHANGE: "administer", c.LIST_ASSET: "administer",
    c.LIST_MARKET: "administer", c.SIGNED: "nested", c.ADD_KEY: "account", c.SET_MANDATE: "account",
    c.REVOKE_KEY: "account",
}  # fmt: skip
GOVERNED = {kind for kind, name in CLASS_OF.items() if name == "administer"}


def test_every_kind_of_command_has_its_row() -> None:
    assert set(CLASS_OF) == set(COMMAND_OF) == set(COMMAND_NAMES)
    assert len(COMMAND_NAMES) == c.COMMAND_KINDS - 1 <= 63


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


def ask(stage: Stage, sort: str, kind: int) -> Result:
    """What a sort of key is answered with, and nothing done."""
    commands, signer = COMMAND_OF[kind](stage), SORTS[sort]
    if kind in GOVERNED:
        commands[0].flags = c.ADMINISTRATOR
    with stage.exchange.preview():
        return stage.exchange.submit(*(commands if signer is None else stage.exchange.envelope(signer, *commands)))


@pytest.mark.both
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("kind", CLASS_OF, ids=COMMAND_NAMES.get)
def test_a_key_sends_what_it_may_and_nothing_else(stage: Stage, kind: int, sort: str) -> None:
    expected = CLASSES[CLASS_OF[kind]][list(SORTS).index(sort)]
    before = stage.exchange.digest()
    result = ask(stage, sort, kind)
    assert stage.exchange.digest() == before
    if expected == "OK":
        assert not result.denied, result.message
    else:
        assert result.code == expected
        assert result.denied
    if expected == F:
        assert result.needed == kind
        assert result.had == {"administrator": c.ADMINISTRATOR, "guardian": c.GUARDIAN}.get(sort, 0)
