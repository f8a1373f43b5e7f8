"""A loaded node is killed at random instants: what it acknowledged is there, once, and the state is that of its log."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from tests.node.venue import MAKER, TAKER, make_config
from worldmarkets.core import codes
from worldmarkets.core.codec import decode_events, result_name
from worldmarkets.node.clock import SystemClock
from worldmarkets.node.node import Node
from worldmarkets.schemas.commands import SignedBundle

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("WORLDMARKETS_SEED", "20260101"))
MINIMUM_ACKS = 20  # a kill


def kill_after(folder: Path, seed: int, rng: random.Random) -> list[tuple[int, int, int, str]]:
    """Run a loaded node, kill it at a random instant, and return what it acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.node.loaded", str(folder), str(seed)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, bufsize=1 << 20,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("up ")
    lines = [process.stdout.readline() for _ in range(MINIMUM_ACKS)]
    time.sleep(rng.random() * 0.25)
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    whole = [line.split() for line in lines if line.endswith("\n") and line.startswith("ack ")]
    return [(int(name), int(nonce), int(sequence), code) for _, name, nonce, sequence, code in whole]


def check(folder: Path, acknowledged: list[tuple[int, int, int, str]]) -> int:
    """Recover a killed node and hold its log against what was acknowledged; return the commands in the log."""
    codes_of: dict[int, str] = {}
    senders: dict[int, tuple[str, int]] = {}

    def note(block: object, events: memoryview) -> None:
        for event in decode_events(events):
            rejected = event.kind == codes.REJECTED
            codes_of[event.sequence] = result_name(event.code) if rejected else "OK"

    node = Node.open(make_config(folder), SystemClock())
    digest = node.exchange.digest()
    assert node.exchange.audit() == []
    node.journal.close()
    for path in (folder / "data/snapshots").iterdir():
        path.unlink()
    node = Node.open(make_config(folder), SystemClock(), on_block=note)  # the whole log, from nothing
    assert node.exchange.digest() == digest
    for block in node.journal.read():
        if block.signed:
            for place, message in msgspec.msgpack.decode(block.signed, type=list[tuple[int, bytes]]):
                bundle = msgspec.json.decode(message, type=SignedBundle)
                senders[block.first + place] = (bundle.owner, bundle.nonce)
    node.journal.close()
    names = (MAKER.address, TAKER.address)
    for name, nonce, sequence, code in acknowledged:
        assert senders[sequence] == (names[name], nonce)
        assert codes_of[sequence] == code
    assert len(set(senders.values())) == len(senders), "a bundle stands in the log twice"
    return len(codes_of)


def run_kills(folder: Path, kills: int, seed: int) -> int:
    rng = random.Random(seed)
    acknowledged: list[tuple[int, int, int, str]] = []
    for kill in range(kills):
        acknowledged += kill_after(folder, seed + kill, rng)
    logged = check(folder, acknowledged)
    assert logged >= len(acknowledged) >= kills * MINIMUM_ACKS
    print(f"kills {kills}, seed {seed}: {len(acknowledged)} acknowledged, {logged} in the log")
    return len(acknowledged)


def test_what_was_acknowledged_is_there_after_kills(tmp_path: Path) -> None:
    run_kills(tmp_path, 3, SEED)


@pytest.mark.soak
def test_what_was_acknowledged_is_there_after_two_hundred_kills(tmp_path: Path) -> None:
    for round_ in range(20):
        run_kills(tmp_path / str(round_), 10, SEED + 1_000 * round_)
