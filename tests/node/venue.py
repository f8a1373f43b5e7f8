"""A venue for tests: a genesis that asks for signatures, keys, and bundles signed by them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from worldmarkets.core.codec import decode_commands
from worldmarkets.exchange.genesis import load_genesis
from worldmarkets.exchange.registry import make_open
from worldmarkets.node.clock import ManualClock
from worldmarkets.node.config import Config
from worldmarkets.node.node import Node
from worldmarkets.schemas.answers import Receipt
from worldmarkets.schemas.commands import Bundle, Command
from worldmarkets.schemas.signing import Signer

START_US = 1_767_225_600_000_000  # 2026-01-01
MAKER, TAKER, ADMIN, STRANGER, GUARDIAN = (Signer(bytes([number]) * 32) for number in (1, 2, 3, 4, 5))


def write_genesis(folder: Path) -> Path:
    """Write the packaged genesis with signatures required, and the administrator's key; return its path."""
    from importlib.resources import files

    text = files("worldmarkets.exchange").joinpath("genesis.toml").read_text(encoding="utf-8")
    roles = f'administrators = ["{ADMIN.address}"]\nguardians = ["{GUARDIAN.address}"]\n'
    head = f"[venue]\nrequires_signatures = true\n{roles}"
    assert text.count("[venue]\n") == 1
    path = folder / "genesis.toml"
    text = text.replace("opens = 2025-01-01", "opens = 2026-01-01")  # no year of timed work to do first
    path.write_text(text.replace("[venue]\n", head))
    assert load_genesis(path).venue.requires_signatures
    return path


def make_config(folder: Path, **options: Any) -> Config:
    """The settings of a node in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    return Config(data=str(folder / "data"), genesis=str(write_genesis(folder)), **options)


class Desk:
    """Signs and sends bundles of one key; nonces count up."""

    def __init__(self, node: Node, signer: Signer, owner: str | None = None, account: int = 0) -> None:
        self.node = node
        self.signer = signer
        self.owner = owner or signer.address
        self.account = account
        self.nonce = 0

    def sign(self, *legs: Command, nonce: int | None = None, expiry: int | None = None) -> bytes:
        """The message of a bundle."""
        self.nonce += 1
        bundle = Bundle(
            owner=self.owner,
            account=self.account,
            nonce=self.nonce if nonce is None else nonce,
            expiry=self.node.clock.now_us() // 1_000 + 60_000 if expiry is None else expiry,
            legs=list(legs),
        )
        return msgspec.json.encode(self.signer.sign(self.node.domain, bundle))

    async def send(self, *legs: Command, **options: int) -> Receipt:
        """Sign, send, and wait for the receipt."""
        return await self.node.submit(self.sign(*legs, **options))


async def fund(node: Node, signer: Signer, **amounts: str) -> None:
    """Open an account as a deposit would, and credit it."""
    from worldmarkets.exchange.inbound import Scribe

    await node.send_and_wait(make_open(bytes.fromhex(signer.address[2:]), 0))
    number = node.exchange.find_account(signer.address).number
    for asset, amount in amounts.items():
        scribe = Scribe(node.exchange, number)
        scribe.deposit(asset, amount)
        await node.send_and_wait(*decode_commands(scribe.commands[0]))


def open_node(folder: Path, clock: ManualClock | None = None, **options: Any) -> Node:
    """A node on a clock that stands still."""
    return Node.open(make_config(folder, **options), clock or ManualClock(START_US))
