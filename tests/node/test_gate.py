"""The gate: who signed what is the same on the spot and apart, in the order of the messages, whatever happens."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import msgspec

from tests.node.venue import MAKER, START_US, TAKER
from worldmarkets.node.gate import FEW_LEGS, Gate
from worldmarkets.node.verifier import Found
from worldmarkets.schemas.commands import Bundle, CancelAll, SignedBundle
from worldmarkets.schemas.signing import Domain, Signer

DOMAIN = Domain(chain_id=1, genesis="ab" * 32)
FORGED = 5  # of ten


def sign(signer: Signer, nonce: int, legs: int = 1) -> tuple[bytes, SignedBundle]:
    bundle = Bundle(owner=signer.address, account=0, nonce=nonce, expiry=START_US, legs=[CancelAll()] * legs)
    signed = signer.sign(DOMAIN, bundle)
    if nonce % 10 == FORGED:
        signed = msgspec.structs.replace(signed, signature=f"0x{'00' * 64}1b")
    return msgspec.json.encode(signed), signed


class Crowd:
    """Asks a gate about many messages, and notes what it is told."""

    def __init__(self, *, apart: bool) -> None:
        self.gate = Gate(DOMAIN, apart=apart)
        self.told: list[tuple[int, Found]] = []
        self.asked = 0

    def ask(self, count: int) -> None:
        for _ in range(count):
            number = self.asked
            self.asked += 1
            message, bundle = sign((MAKER, TAKER)[number % 2], number)
            self.gate.ask(message, bundle, lambda found, number=number: self.told.append((number, found)))

    async def wait(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.01)

    def check(self) -> None:
        """Everybody was told, in order, and the truth."""
        assert [number for number, _ in self.told] == list(range(self.asked))
        for number, found in self.told:
            if number % 10 == FORGED:
                assert not found.signer and "belongs to no key" in found.problem
            else:
                assert found == Found((MAKER, TAKER)[number % 2].address)


def play(story: Callable[[Crowd], Awaitable[None]], *, apart: bool = True) -> Crowd:
    async def live() -> Crowd:
        crowd = Crowd(apart=apart)
        await story(crowd)
        await crowd.gate.close()
        crowd.check()
        return crowd

    return asyncio.run(live())


async def start_apart(crowd: Crowd) -> int:
    """Have the gate start its process, and return that one's number."""
    crowd.ask(FEW_LEGS + 1)
    await crowd.wait(lambda: crowd.gate._verifier is not None)
    assert crowd.gate._verifier is not None
    return crowd.gate._verifier._process.pid


def test_a_few_are_seen_to_on_the_spot() -> None:
    async def story(crowd: Crowd) -> None:
        for _ in range(5):
            crowd.ask(FEW_LEGS)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(crowd.told) == crowd.asked
        assert crowd.gate._starting is None

    play(story)


def test_many_go_to_a_process_of_their_own_and_come_back_in_order() -> None:
    async def story(crowd: Crowd) -> None:
        await start_apart(crowd)
        away = 0
        for _ in range(30):
            crowd.ask(20)
            await asyncio.sleep(0)
            away += crowd.gate._away is not None
            crowd.ask(3)  # a few, behind those that are away
            await asyncio.sleep(0)
        await crowd.wait(lambda: len(crowd.told) == crowd.asked)
        assert away > 0

    play(story)


def test_without_its_process_a_gate_goes_on() -> None:
    async def story(crowd: Crowd) -> None:
        number = await start_apart(crowd)
        crowd.ask(200)
        await asyncio.sleep(0)
        os.kill(number, signal.SIGKILL)
        await crowd.wait(lambda: len(crowd.told) == crowd.asked)
        crowd.ask(50)
        await crowd.wait(lambda: len(crowd.told) == crowd.asked)
        assert crowd.gate._verifier is None

    play(story)


def test_a_process_that_cannot_be_started_is_done_without(monkeypatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    async def story(crowd: Crowd) -> None:
        crowd.ask(100)
        await crowd.wait(lambda: not crowd.gate._apart)
        crowd.ask(100)

    play(story)


def test_a_gate_that_closes_answers_what_waits() -> None:
    async def story(crowd: Crowd) -> None:
        await start_apart(crowd)
        crowd.ask(100)

    play(story)


def test_nothing_is_started_where_it_is_not_wanted() -> None:
    async def story(crowd: Crowd) -> None:
        crowd.ask(100)
        await crowd.wait(lambda: len(crowd.told) == crowd.asked)
        assert crowd.gate._starting is None

    play(story, apart=False)
