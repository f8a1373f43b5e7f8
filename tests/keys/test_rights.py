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
    "delegate": "trader",
    "idle delegate": "idle",
    "expired delegate": "expired",
    "revoked delegate": "revoked",
    "administrator": ADMINISTRATOR,
    "guardian": GUARDIAN,
    "stranger": "nobody",
    "unsigned": None,
}
# What each sort of key is answered with, by the class of the kind; OK stands for whatever the command itself comes to.
F, U, N, K, X = "KEY_FORBIDDEN", "UNKNOWN_KEY", "UNSIGNED", "MANDATE_KIND", "KEY_EXPIRED"
CLASSES = {
    #             owner another delegate idle expired revoked administrator guardian stranger unsigned
    "sequencer":  (F,    F,      F,       F,   F,      F,      F,            F,       U,       "OK"),
    "opening":    ("OK", F,      F,       F,   F,      F,      F,            F,       U,       "OK"),
    "owner":      ("OK", F,      F,       F,   X,      F,      F,            F,       U,       N),
    "trading":    ("OK", F,      "OK",    K,   X,      F,      F,            F,       U,       N),
    "administer": (F,    F,      F,       F,   F,      F,      "OK",         "ROLE",  U,       N),
    "nothing":    (F,    F,      F,       F,   F,      F,      F,            F,       U,       N),
    "nested":     ("ENVELOPE",) * 9 + ("OK",),
}  # fmt: skip
CLASS_OF = {
    c.OPEN_ACCOUNT: "opening", c.DEPOSIT: "sequencer", c.WITHDRAW: "owner", c.TRANSFER: "owner",
    c.PLACE_BID: "owner",
    c.SET_MARK: "sequencer", c.ADVANCE_TIME: "sequencer", c.CONFIGURE_ACCOUNT: "trading", c.PLACE_ORDER: "trading",
    c.CANCEL_ORDER: "trading", c.CANCEL_ALL: "trading", c.AMEND_ORDER: "trading", c.PAIR_ORDERS: "trading",
    c.SET_DEAD_MAN: "trading", c.TRUE_UP: "trading", c.REPAY_LOAN: "trading", c.EXTEND_LOAN: "trading",
    c.EXIT_LOAN: "trading", c.RENEW_LOAN: "trading", c.CONFIGURE_LOAN: "trading", c.BUNDLE: "trading",
    c.SET_POLICY: "trading", c.SET_COUNTERPARTY: "trading", c.SET_MARKET_MODE: "administer", c.SET_FEED: "administer",
    c.COMPRESS: "trading", c.MASS_QUOTE: "trading", c.QUOTE: "nothing", c.SET_PROTECTION: "trading",
    c.RESET_PROTECTION: "trading", c.SET_LIMITS: "trading", c.SET_VENUE_LIMITS: "administer",
    c.PROPOSE_CHANGE: "administer", c.CANCEL_CHANGE: "administer", c.LIST_ASSET: "administer",
    c.LIST_MARKET: "administer", c.SIGNED: "nested", c.ADD_KEY: "owner", c.SET_MANDATE: "owner",
    c.REVOKE_KEY: "owner", c.STAKE: "owner", c.UNSTAKE: "owner", c.SET_COVER: "owner", c.SET_PLAN: "owner",
    c.PLAN_STEP: "nothing",
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
        sorts = {"administrator": c.ADMINISTRATOR, "guardian": c.GUARDIAN}
        if CLASS_OF[kind] == "owner":
            sorts |= {"delegate": c.DELEGATE, "idle delegate": c.DELEGATE}
        assert result.had == sorts.get(sort, 0)
