"""Typed data is hashed as eth-account does it, and every vector of the conformance cases agrees."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from worldmarkets.schemas.eip712 import TypedDataError, compute_digest, find_primary

CASES = Path(__file__).parents[3] / "shared/conformance/crypto"


def load(name: str) -> list[Any]:
    path = CASES / f"eip712_{name}.json"
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="shared/conformance is not beside the repository"))]
    return [pytest.param(case, id=key) for key, case in json.loads(path.read_text()).items()]


def compute(case: dict[str, Any]) -> bytes:
    types = {name: fields for name, fields in case["types"].items() if name != "EIP712Domain"}
    primary = case.get("primaryType") or find_primary(types)
    domain_type = {key: case["types"][key] for key in ("EIP712Domain",) if key in case["types"]}
    return compute_digest(case["domain"], {**types, **domain_type}, primary, case["message"])


def compute_peer(case: dict[str, Any]) -> bytes:
    message = encode_typed_data(full_message=case)
    return keccak(b"\x19" + message.version + message.header + message.body)


@pytest.mark.parametrize("case", [*load("valid_for_all"), *load("valid_py_and_ethers"), *load("valid_py_and_metamask")])
def test_a_valid_message_has_the_digest_of_eth_account(case: dict[str, Any]) -> None:
    assert compute(case) == compute_peer(case)


@pytest.mark.parametrize("case", [*load("invalid"), *load("one_arg_invalid")])
def test_an_invalid_message_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(TypedDataError):
        compute(case)
