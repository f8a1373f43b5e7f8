"""What is signed is what is sent: every command hashes as a wallet would hash it, and nothing else recovers its key."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from worldmarkets.schemas import eip712
from worldmarkets.schemas.commands import COMMANDS, Bundle, Command, PlaceOrder, SignedBundle
from worldmarkets.schemas.signing import (
    Domain,
    SignatureError,
    Signer,
    get_fields,
    get_inner,
    make_typed_data,
    recover,
    recover_digest,
)

DOMAIN = Domain(chain_id=6342, genesis="ab" * 32)
OWNER = "0x" + "1f" * 20
TEXT = st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12)
OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT,
    "address": st.binary(min_size=20, max_size=20).map(lambda data: "0x" + data.hex()),
    "bool": st.booleans(),
    "uint32": st.integers(0, (1 << 32) - 1),
    "uint64": st.integers(0, (1 << 63) - 1),
}


def build(struct: type[Any]) -> st.SearchStrategy[Any]:
    fields = {}
    for kind, name in get_fields(struct):
        if kind.endswith("[]"):
            inner = {one.__name__: one for one in get_inner(struct)}
            fields[name] = st.lists(build(inner[kind.removesuffix("[]")]), max_size=3)
        else:
            fields[name] = OF_TYPE[kind]
    return st.builds(struct, **fields)


COMMAND = st.sampled_from(COMMANDS).flatmap(build)
BUNDLE = st.builds(
    Bundle, owner=OF_TYPE["address"], account=OF_TYPE["uint32"], nonce=OF_TYPE["uint64"], expiry=OF_TYPE["uint64"],
    legs=st.lists(COMMAND, min_size=1, max_size=5),
)  # fmt: skip


@given(bundle=BUNDLE)
def test_a_bundle_has_the_digest_of_its_typed_data(bundle: Bundle) -> None:
    data = make_typed_data(DOMAIN, bundle)
    assert DOMAIN.compute_digest(bundle) == eip712.compute_digest(
        data["domain"], data["types"], data["primaryType"], data["message"]
    )


@pytest.mark.parametrize("struct", COMMANDS, ids=lambda one: one.__name__)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_a_wallet_signs_what_the_venue_recovers(struct: type[Command], data: st.DataObject) -> None:
    account = Account.from_key(b"\x05" * 32)
    legs = [data.draw(build(struct)), PlaceOrder(market="M", side="buy", size="1")]
    bundle = Bundle(owner=OWNER, account=3, nonce=7, expiry=9, legs=legs)
    made = Account.sign_typed_data(account.key, full_message=make_typed_data(DOMAIN, bundle))
    fields = {name: getattr(bundle, name) for name in Bundle.__struct_fields__}
    signed = SignedBundle(**fields, signature="0x" + made.signature.hex().removeprefix("0x"))
    assert recover(DOMAIN, signed) == account.address.lower()


def test_what_is_sent_reads_back_as_what_was_signed() -> None:
    signer = Signer.generate()
    bundle = Bundle(owner=OWNER, account=0, nonce=1, expiry=2, legs=[PlaceOrder(market="M", side="buy", size="1")])
    sent = msgspec.json.encode(signer.sign(DOMAIN, bundle))
    assert recover(DOMAIN, msgspec.json.decode(sent, type=SignedBundle)) == signer.address


@given(bundle=BUNDLE, data=st.data())
def test_any_other_field_is_another_signature(bundle: Bundle, data: st.DataObject) -> None:
    signer = Signer(b"\x07" * 32)
    signed = signer.sign(DOMAIN, bundle)
    other = data.draw(BUNDLE.filter(lambda one: one != bundle))
    forged = SignedBundle(
        **{name: getattr(other, name) for name in Bundle.__struct_fields__}, signature=signed.signature
    )
    assert recover(DOMAIN, signed) == signer.address
    assert recover(DOMAIN, forged) != signer.address
    assert recover(Domain(chain_id=1, genesis=DOMAIN.genesis), signed) != signer.address
    assert recover(Domain(chain_id=6342, genesis="cd" * 32), signed) != signer.address


def test_the_other_form_of_a_signature_is_refused() -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    signer = Signer(b"\x07" * 32)
    bundle = Bundle(owner=OWNER, account=0, nonce=1, expiry=2, legs=[PlaceOrder(market="M", side="buy", size="1")])
    signature = bytes.fromhex(signer.sign(DOMAIN, bundle).signature[2:])
    mirrored = signature[:32] + (order - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    mirrored += bytes((55 - signature[64],))
    with pytest.raises(SignatureError, match="upper half"):
        recover_digest(DOMAIN.compute_digest(bundle), "0x" + mirrored.hex())


@pytest.mark.parametrize("signature", ["00" * 65, "00" * 64 + "1b", "ff" * 64 + "1b", "01" * 64 + "1d"])
def test_no_key_is_found_behind_noise(signature: str) -> None:
    with pytest.raises(SignatureError):
        recover_digest(bytes(32), "0x" + signature)
