"""Signatures of the Wycheproof vectors: a key is recovered from the valid ones, and from no other."""

from __future__ import annotations

import hashlib
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from coincurve import PublicKey

from worldmarkets.schemas.signing import SignatureError, recover_digest, to_address

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FIELD = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


def load(shared: Path, name: str) -> dict[str, Any]:
    with lzma.open(shared / f"conformance/crypto/{name}.json.xz") as file:
        found: dict[str, Any] = json.load(file)
        return found


def read_der(data: bytes) -> tuple[int, int] | None:
    """The two numbers of a strictly encoded signature; None for any other bytes."""

    def take(place: int) -> tuple[int, int]:
        size = data[place + 1]
        number = data[place + 2 : place + 2 + size]
        if data[place] != 2 or size == 0 or len(number) != size or size > 0x7F:
            raise ValueError
        if number[0] & 0x80 or (number[0] == 0 and size > 1 and not number[1] & 0x80):
            raise ValueError
        return int.from_bytes(number, "big"), place + 2 + size

    try:
        if data[0] != 0x30 or data[1] != len(data) - 2 or data[1] > 0x7F:
            return None
        r, place = take(2)
        s, place = take(place)
    except (ValueError, IndexError):
        return None
    return (r, s) if place == len(data) else None


def is_made_by(key: str, message: bytes, r: int, s: int) -> bool:
    """Whether either form of (r, s) recovers the key."""
    if max(r, s) >= 1 << 256:
        return False
    address = to_address(PublicKey(bytes.fromhex(key)))
    for v in (27, 28):
        signature = "0x" + r.to_bytes(32, "big").hex() + s.to_bytes(32, "big").hex() + f"{v:02x}"
        try:
            if recover_digest(hashlib.sha256(message).digest(), signature) == address:
                return True
        except SignatureError:
            continue
    return False


@pytest.mark.parametrize("name", ["ecdsa_secp256k1_sha256_bitcoin_test", "ecdsa_secp256k1_sha256_test"])
def test_a_key_is_recovered_from_valid_signatures_alone(shared: Path, name: str) -> None:
    counts = {"valid": 0, "invalid": 0, "unread": 0, "other": 0}
    for group in load(shared, name)["testGroups"]:
        key = group["publicKey"]["uncompressed"]
        for test in group["tests"]:
            numbers = read_der(bytes.fromhex(test["sig"]))
            if numbers is None:  # our signatures are not encoded so: nothing to ask
                counts["unread"] += 1
                assert test["result"] != "valid", test
                continue
            made = is_made_by(key, bytes.fromhex(test["msg"]), *numbers)
            if test["result"] == "valid" and (numbers[1] > HALF_ORDER or numbers[0] < FIELD - ORDER):
                counts["other"] += 1  # the higher s, or a point that neither 27 nor 28 names, as on Ethereum
                assert not made or numbers[1] <= HALF_ORDER
            else:
                counts[test["result"]] += 1
                assert made == (test["result"] == "valid"), test
    print(name, counts)
    assert counts["valid"] > 80 and counts["invalid"] > 30
