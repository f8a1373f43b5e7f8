"""The door: what a message must be to reach the sequencer.

In this order: it is the JSON of a signed bundle of a bearable size; it has not expired; a key signed it (gate.py); that
key and that account have not sent too much in this second; its names and numbers are those of the venue.  What the key
may do is the engine's to decide, so that every replay decides it again.
"""

from __future__ import annotations

import struct

import msgspec

from worldmarkets.core import codes
from worldmarkets.core.units import MAX_TIME
from worldmarkets.exchange import Exchange, UnitError, UnknownName
from worldmarkets.exchange.inbound import make_records
from worldmarkets.exchange.keys import find_role
from worldmarkets.node.clock import Clock
from worldmarkets.node.config import Limits
from worldmarkets.node.errors import Refused
from worldmarkets.node.verifier import Found, find_signer
from worldmarkets.schemas import commands
from worldmarkets.schemas.commands import SignedBundle
from worldmarkets.schemas.signing import Domain

_decode = msgspec.json.Decoder(SignedBundle).decode


class Buckets:
    """How much each of many may send: so much a second, and what it saved up of that."""

    def __init__(self, rate: int, burst_seconds: int) -> None:
        self.rate = rate
        self._most = rate * burst_seconds
        self._level: dict[object, tuple[int, int]] = {}

    def take(self, who: object, cost: int, now_us: int) -> bool:
        """Take from somebody's allowance; say whether there was enough."""
        level, since = self._level.get(who, (self._most * 1_000_000, now_us))
        level = min(level + (now_us - since) * self.rate, self._most * 1_000_000) - cost * 1_000_000
        if level < 0:
            return False
        self._level[who] = level, now_us
        if len(self._level) > 1 << 16:
            self._forget(now_us)
        return True

    def _forget(self, now_us: int) -> None:
        """Forget those whose allowance is whole again."""
        full = self._most * 1_000_000
        self._level = {
            who: (level, since)
            for who, (level, since) in self._level.items()
            if level + (now_us - since) * self.rate < full
        }


class Door:
    """Lets messages in, or turns them away with a code."""

    def __init__(self, exchange: Exchange, domain: Domain, clock: Clock, limits: Limits) -> None:
        self._exchange = exchange
        self._domain = domain
        self._clock = clock
        self._limits = limits
        self._keys = Buckets(limits.key_commands, limits.burst_seconds)
        self._accounts = Buckets(limits.account_commands, limits.burst_seconds)
        self._previews = Buckets(limits.previews, limits.burst_seconds)

    def read(self, message: bytes) -> SignedBundle:
        """Return the bundle that a message is, if it has not expired.  Raises Refused."""
        if len(message) > self._limits.message_bytes:
            raise Refused("TOO_LARGE", "the message is too large", self._limits.message_bytes, len(message))
        try:
            bundle = _decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused("MALFORMED", str(error)) from None
        now_ms = self._clock.now_us() // 1_000
        if bundle.expiry < now_ms:
            raise Refused("EXPIRED", "the bundle has expired", now_ms, bundle.expiry)
        return bundle

    def identify(self, bundle: SignedBundle) -> str:
        """Return the address of the key that signed a bundle, found on the spot.  Raises Refused."""
        return self.get_signer(find_signer(self._domain, bundle))

    def get_signer(self, found: Found) -> str:
        """Return the address that a signature was found to be of.  Raises Refused."""
        if found.problem:
            raise Refused("BAD_SIGNATURE", found.problem)
        return found.signer

    def admit(self, bundle: SignedBundle, signer: str, *, is_preview: bool = False) -> bytes:
        """Return the records of a bundle that may go on, in its envelope.  Raises Refused."""
        cost, now_us = len(bundle.legs), self._clock.now_us()
        if is_preview:
            if not self._previews.take(signer, cost, now_us):
                raise Refused("RATE_LIMIT", "too many previews of this key", self._previews.rate, cost)
        elif not self._keys.take(signer, cost, now_us):
            raise Refused("RATE_LIMIT", "too many commands of this key", self._keys.rate, cost)
        elif not self._accounts.take((bundle.owner.lower(), bundle.account), cost, now_us):
            raise Refused("RATE_LIMIT", "too many commands of this account", self._accounts.rate, cost)
        return self.write(bundle, signer)

    def admit_asker(self, asker: str, cost: int) -> None:
        """Let somebody in who asks for what costs as much as some previews, and signs nothing.  Raises Refused."""
        if not self._previews.take(asker, cost, self._clock.now_us()):
            raise Refused("RATE_LIMIT", "too many previews of this address", self._previews.rate, cost)

    def write(self, bundle: SignedBundle, signer: str) -> bytes:
        """Return the records of a bundle in its envelope.  Raises Refused."""
        try:
            account = self._find_account(bundle)
            role = find_role(self._exchange, signer) or "administrator"
            records = make_records(self._exchange, account, bundle, role)
            about = int.from_bytes(records[0][20:24], "little")  # the account in the head: none of a venue's command
            return b"".join([make_envelope(about, signer, bundle, len(records)), *records])
        except UnitError as error:
            raise Refused("UNIT", str(error)) from None
        except UnknownName as error:
            raise Refused("UNKNOWN_NAME", str(error)) from None

    def _find_account(self, bundle: SignedBundle) -> int:
        try:
            return self._exchange.find_account(bundle.owner, bundle.account).number
        except UnknownName:
            if all(isinstance(leg, _WITHOUT_ACCOUNT) for leg in bundle.legs):
                return 0
            raise


# Commands for which there need be no account: the one that opens it, and those of the administrator and the guardian.
_WITHOUT_ACCOUNT = (
    commands.OpenAccount, commands.ProposeChange, commands.EndMarket, commands.CancelChange, commands.SetMarketMode,
    commands.SetFeed, commands.SetVenueLimits, commands.ListAsset, commands.ListMarket,
)  # fmt: skip


_PACK_ENVELOPE = struct.Struct("<qqBBHIQQIIqq").pack  # the fields of Signed, in order


def make_envelope(account: int, signer: str, bundle: SignedBundle, records: int) -> bytes:
    """Return the encoded record that says who signed the records after it; there are at most 101 of them."""
    key = int(signer, 16)
    return _PACK_ENVELOPE(
        0, 0, codes.SIGNED, records, 0, account, key >> 96, key >> 32 & (1 << 64) - 1, key & (1 << 32) - 1, 0,
        bundle.nonce, min(bundle.expiry, MAX_TIME // 1_000) * 1_000,
    )  # fmt: skip
