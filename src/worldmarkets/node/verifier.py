"""A process that finds out who signed messages, so that the venue's own loop need not when many come at once.

It knows the venue's domain and nothing else, and ends when its input does: with the process that started it.

python -m worldmarkets.node.verifier CHAIN_ID GENESIS
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from worldmarkets.schemas.commands import SignedBundle
from worldmarkets.schemas.signing import Domain, SignatureError, recover

_SIZE = struct.Struct("<I")  # before a list of messages, and before the list of what was found
_decode_messages = msgspec.msgpack.Decoder(list[bytes]).decode
_decode_bundle = msgspec.json.Decoder(SignedBundle).decode


class Found(msgspec.Struct, frozen=True, array_like=True):
    """The address of a message's signer, or what is wrong with its signature."""

    signer: str
    problem: str = ""


_decode_found = msgspec.msgpack.Decoder(list[Found]).decode


def find_signer(domain: Domain, bundle: SignedBundle) -> Found:
    """Return who signed a bundle."""
    try:
        return Found(recover(domain, bundle))
    except SignatureError as error:
        return Found("", str(error))


class Verifier:
    """The process, as seen by who asks it.  One batch at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, domain: Domain) -> Verifier:
        """Return the process of a venue, ready.  Raises OSError and EOFError when there can be none."""
        arguments = ("-m", __name__, str(domain.chain_id), domain.genesis)
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=PIPE, stdout=PIPE)
        verifier = cls(process)
        try:
            await verifier.find([])
        except BaseException:
            await verifier.close()
            raise
        return verifier

    async def find(self, messages: Sequence[bytes]) -> list[Found]:
        """Return who signed each of some bundles, encoded as JSON.  Raises OSError and EOFError when it is gone."""
        assert self._process.stdin is not None and self._process.stdout is not None
        text = msgspec.msgpack.encode(messages)
        self._process.stdin.write(_SIZE.pack(len(text)) + text)
        await self._process.stdin.drain()
        (size,) = _SIZE.unpack(await self._process.stdout.readexactly(_SIZE.size))
        return _decode_found(await self._process.stdout.readexactly(size))

    async def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
            await self._process.stdin.wait_closed()
        await self._process.wait()


def serve(domain: Domain, come: BinaryIO, go: BinaryIO) -> None:
    """Answer batch after batch until the input ends."""
    while len(head := come.read(_SIZE.size)) == _SIZE.size:
        messages = _decode_messages(come.read(*_SIZE.unpack(head)))
        text = msgspec.msgpack.encode([find_signer(domain, _decode_bundle(message)) for message in messages])
        go.write(_SIZE.pack(len(text)) + text)
        go.flush()


if __name__ == "__main__":
    serve(Domain(chain_id=int(sys.argv[1]), genesis=sys.argv[2]), sys.stdin.buffer, sys.stdout.buffer)
