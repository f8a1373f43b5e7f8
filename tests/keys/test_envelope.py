"""Envelopes: what is taken, what is used up, and what a refused one leaves behind."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from tests.exchange.venues import SMALL
from tests.keys.stage import BOOK, Stage, collect, enter, make_bundle, open_signed, send
from worldmarkets import Exchange
from worldmarkets.core import codes as c
from worldmarkets.core.codec import decode_commands, encode
from worldmarkets.core.records import TABLES, Signed
from worldmarkets.core.units import MAX_NONCES
from worldmarkets.exchange import GenesisError, load_genesis
from worldmarkets.exchange.registry import make_open


class NaiveNonces:
    """The window as the specification says it: a set of the highest ones used."""

    def __init__(self, size: int = MAX_NONCES) -> None:
        self.size = size
        self.kept: set[int] = set()

    def use(self, nonce: int) -> str:
        if nonce < 1 or (len(self.kept) == self.size and nonce < min(self.kept)):
            return "NONCE_TOO_LOW"
        if nonce in self.kept:
            return "NONCE_USED"
        self.kept.add(nonce)
        if len(self.kept) > self.size:
            self.kept.remove(min(self.kept))
        return "OK"


def read_tables(exchange: Exchange) -> dict[str, bytes]:
    return {
        name: bytes(table.view(0, table.last_row() + 1))
        for (name, _), table in zip(TABLES, exchange.engine.state.all, strict=True)
    }


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


@pytest.mark.both
def test_a_command_in_an_envelope_is_what_it_is_without(stage: Stage) -> None:
    exchange = stage.exchange
    with exchange.preview():
        nonce = exchange.read_row("signers", 3).nonces
        signed = send(exchange, "alice", collect(stage.alice, "withdraw", "USDM", "25"))
        assert signed.accepted and signed.command == "WITHDRAW" and signed.events[0].kind == c.WITHDRAWN
        assert exchange.read_row("signers", 3).nonces == nonce + 1
        assert stage.alice.balances["USDM"] == 100_000 - 25 - 2 + 2_000  # a fee of 2, a loan
    assert exchange.audit() == []


def test_a_bundle_a_mass_quote_and_their_refusals_name_what_is_inside(stage: Stage) -> None:
    exchange, alice = stage.exchange, stage.alice
    with exchange.preview():
        legs = [collect(alice, "buy", BOOK, "0.1", "1000"), collect(alice, "withdraw", "USDM", "10_000_000")]
        refused = send(exchange, "alice", *make_bundle(stage, *legs))
        assert (refused.code, refused.command, refused.message[:24]) == (
            "BALANCE",
            "WITHDRAW",
            "WITHDRAW: BALANCE (leg 2",
        )
        legs[1].amount = 5
        assert send(exchange, "alice", *make_bundle(stage, *legs)).accepted
        quotes = [stage.make(c.MASS_QUOTE, count=2)]
        quotes += [stage.make(c.QUOTE, market=2, lots=100, price_ticks=1 + n, level=n) for n in range(2)]
        assert send(exchange, "alice", *quotes).events[-1].placed == 2
    assert exchange.audit() == []


@pytest.mark.both
def test_a_refused_command_leaves_nothing_but_its_nonce(stage: Stage) -> None:
    exchange = stage.exchange
    before = read_tables(exchange)
    with exchange.preview():
        assert send(exchange, "alice", collect(stage.alice, "withdraw", "USDM", "10_000_000")).code == "BALANCE"
        after = read_tables(exchange)
        assert {name for name in before if before[name] != after[name]} == {"pools", "venue", "signers", "nonces"}
        again = send(exchange, "alice", collect(stage.alice, "withdraw", "USDM", "1"),
                     nonce=exchange.read_row("nonces", exchange.read_row("signers", 3).last).nonce)  # fmt: skip
        assert again.code == "NONCE_USED"
    assert read_tables(exchange) == before


def test_what_is_no_envelope_or_too_late_uses_nothing(stage: Stage) -> None:
    exchange, alice = stage.exchange, stage.alice
    command = collect(alice, "cancel_all")
    before = read_tables(exchange)
    with exchange.preview():
        late = send(exchange, "alice", command, nonce=77, expiry=exchange.time - timedelta(microseconds=1))
        assert (late.code, late.needed - late.had) == ("ENVELOPE_EXPIRED", 1)
        assert send(exchange, "mallory", command, nonce=77).code == "UNKNOWN_KEY"
        for change in ({"count": 2}, {"account": stage.bob.number}, {"count": 0}):
            envelope = exchange.envelope("alice", command, nonce=77)
            for name, value in change.items():
                setattr(envelope[0], name, value)
            events = exchange.apply(*envelope)
            assert (events[0].code, events[0].command_kind) == (c.ENVELOPE, c.SIGNED)
        bundle = exchange.envelope("alice", *make_bundle(stage, command, command), nonce=77)
        bundle[1].count = 1
        assert exchange.submit(*bundle).code == "ENVELOPE"
        after = read_tables(exchange)
        assert {name for name in before if before[name] != after[name]} == {"venue"}
        assert send(exchange, "alice", command, nonce=77, expiry=exchange.time).accepted


def test_a_first_envelope_that_is_refused_makes_nobody_a_signer() -> None:
    exchange = open_signed()
    command = collect(enter(exchange, "alice"), "cancel_all")
    before = read_tables(exchange)
    assert send(exchange, "alice", command, nonce=0).code == "NONCE_TOO_LOW"
    after = read_tables(exchange)
    assert {name for name in before if before[name] != after[name]} == {"venue"}
    assert send(exchange, "alice", command).accepted


def test_a_key_that_may_not_send_it_has_used_its_nonce(stage: Stage) -> None:
    """A refusal must not wait for its key to be allowed more."""
    exchange = stage.exchange
    with exchange.preview():
        command = collect(stage.alice, "cancel_all")
        assert send(exchange, "bob", command, nonce=500).code == "KEY_FORBIDDEN"
        assert send(exchange, "bob", command, nonce=500).code == "NONCE_USED"


def test_a_newcomer_opens_an_account_of_its_own_only() -> None:
    exchange = open_signed()
    owner = bytes(range(20))
    name = "0x" + owner.hex()
    assert send(exchange, "mallory", make_open(owner, 0)).code == "UNKNOWN_KEY"
    assert send(exchange, name, make_open(owner, 0), nonce=9).accepted
    assert send(exchange, name, make_open(owner, 0), nonce=9).code == "NONCE_USED"
    assert exchange.account(name).address == name
    assert exchange.audit() == []


@pytest.mark.both
@pytest.mark.parametrize("seed", range(4))
def test_the_window_is_a_set_of_the_highest(seed: int) -> None:
    chance = random.Random(seed)
    exchange = Exchange(capacity=SMALL)
    alice = enter(exchange, "alice")
    command = collect(alice, "cancel_all")
    naive, counts, moment = NaiveNonces(), Counter[str](), 10**6
    for _ in range(600):
        moment += chance.choice((1, 1, 1, 7))
        nonce = chance.choice((moment, moment, moment - chance.randrange(300), moment + chance.randrange(9),
                               chance.randrange(-3, moment)))  # fmt: skip
        expected = naive.use(nonce)
        assert send(exchange, "alice", command, nonce=nonce).code == expected
        counts[expected] += 1
    assert min(counts[code] for code in ("OK", "NONCE_USED", "NONCE_TOO_LOW")) > 20, counts
    assert exchange.audit() == []
    kept, last = [], exchange.read_row("signers", 1).last
    place = last
    while len(kept) <= len(naive.kept):
        place = exchange.read_row("nonces", place).next
        kept.append(exchange.read_row("nonces", place).nonce)
        if place == last:
            break
    assert kept == sorted(naive.kept)


def test_the_codec_knows_an_envelope(stage: Stage) -> None:
    envelope = stage.exchange.envelope("alice", collect(stage.alice, "cancel_all"), nonce=3)
    decoded = list(decode_commands(encode(envelope)))
    assert isinstance(decoded[0], Signed)
    assert decoded[0].as_dict() == envelope[0].as_dict()


def test_a_role_is_an_address_and_one_address_has_one_role() -> None:
    with pytest.raises(GenesisError, match="not an address"):
        open_signed(guardians=["carol"])
    with pytest.raises(GenesisError, match="has a role already"):
        open_signed(guardians=["0x" + "a1" * 20])
    assert not load_genesis().venue.requires_signatures
