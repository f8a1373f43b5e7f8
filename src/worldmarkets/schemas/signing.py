"""Who signed a bundle, and signing one: EIP-712 over the very fields that are sent.

The type of a bundle depends on its legs: `Bundle(address owner,uint32 account,uint64 nonce,uint64 expiry,PlaceOrder
leg1,CancelOrder leg2,...)`, so that a wallet shows each leg with its own fields.  The domain names the venue's chain
and, as its salt, the venue's genesis: a signature for one venue says nothing to another.

Types are worked out once a struct; the hashes of short texts are kept.  `eip712.py` computes the same from the
payload that a wallet gets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from coincurve import PrivateKey, PublicKey
from coincurve.utils import GROUP_ORDER_INT

from worldmarkets.schemas.commands import Address, Bundle, LongText, Part, SignedBundle, Text, Uint32, Uint64
from worldmarkets.schemas.eip712 import WORD, Types, hash_struct, keccak

HEAD = "address owner,uint32 account,uint64 nonce,uint64 expiry"
_HALF_ORDER = GROUP_ORDER_INT // 2
_FALSE_TRUE = (bytes(WORD), (1).to_bytes(WORD, "big"))
_hash_text = lru_cache(1 << 16)(lambda text: keccak(text.encode()))
_encode_number = lru_cache(1 << 16)(lambda number: number.to_bytes(WORD, "big"))
_encode_address = lru_cache(1 << 16)(lambda address: bytes.fromhex(address[2:]).rjust(WORD, b"\0"))


class SignatureError(ValueError):
    """A signature that nobody made."""


# Types.


@cache
def get_fields(struct: type[Part]) -> tuple[tuple[str, str], ...]:
    """Return the (type, name) of each field of a struct, as EIP-712 says them."""
    hints = get_type_hints(struct, include_extras=True)
    return tuple((_name_type(hints[name]), name) for name in struct.__struct_fields__)


def _name_type(hint: Any) -> str:
    plain = {Text: "string", LongText: "string", Address: "address", Uint32: "uint32", Uint64: "uint64", bool: "bool"}
    item = _get_item(hint)
    return plain[hint] if item is None else f"{item.__name__}[]"


def _get_item(hint: Any) -> type[Part] | None:
    """What stands in a list of this type, None for a type that is no list."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return get_args(bare)[0] if get_origin(bare) is list else None


@cache
def get_inner(struct: type[Part]) -> tuple[type[Part], ...]:
    """Return the structs that stand in lists of a struct."""
    hints = get_type_hints(struct, include_extras=True).values()
    return tuple(item for hint in hints if (item := _get_item(hint)) is not None)


@cache
def write_type(struct: type[Part]) -> str:
    """Return a struct's own type, without those it refers to."""
    return f"{struct.__name__}({','.join(' '.join(field) for field in get_fields(struct))})"


@cache
def hash_type(struct: type[Part]) -> bytes:
    """Return the hash of a struct's type with those it refers to."""
    inner = sorted(get_inner(struct), key=lambda one: one.__name__)
    return keccak("".join(map(write_type, [struct, *inner])).encode())


@lru_cache(1 << 12)
def hash_bundle_type(kinds: tuple[type[Part], ...]) -> bytes:
    """Return the hash of the type of a bundle with legs of these kinds."""
    legs = "".join(f",{kind.__name__} leg{place}" for place, kind in enumerate(kinds, 1))
    used = {*kinds, *(inner for kind in kinds for inner in get_inner(kind))}
    others = "".join(write_type(one) for one in sorted(used, key=lambda one: one.__name__))
    return keccak(f"Bundle({HEAD}{legs}){others}".encode())


# Hashes.


@cache
def _get_encoders(struct: type[Part]) -> tuple[Callable[[Any], bytes], ...]:
    plain: dict[str, Callable[[Any], bytes]] = {
        "string": _hash_text, "address": _encode_address, "bool": _FALSE_TRUE.__getitem__,
        "uint32": _encode_number, "uint64": _encode_number,
    }  # fmt: skip
    return tuple(plain.get(kind, _hash_list) for kind, _ in get_fields(struct))


def _hash_list(items: list[Part]) -> bytes:
    return keccak(b"".join(map(hash_part, items)))


def hash_part(part: Part) -> bytes:
    """Return the hash of a command, or of what stands in one."""
    struct = type(part)
    values = msgspec.structs.astuple(part)
    words = [encode(value) for encode, value in zip(_get_encoders(struct), values, strict=True)]
    return keccak(hash_type(struct) + b"".join(words))


def hash_bundle(bundle: Bundle) -> bytes:
    """Return the hash of a bundle."""
    legs = bundle.legs
    head = (
        hash_bundle_type(tuple(map(type, legs))) + _encode_address(bundle.owner) + _encode_number(bundle.account)
        + bundle.nonce.to_bytes(WORD, "big") + bundle.expiry.to_bytes(WORD, "big")
    )  # fmt: skip
    return keccak(head + b"".join(map(hash_part, legs)))


class Domain(Part, frozen=True):
    """What a signature is for: the chain that a venue settles on, and the hash of its genesis (64 hex digits)."""

    chain_id: int
    genesis: str

    def to_typed(self) -> dict[str, Any]:
        """Return the domain as a wallet gets it."""
        return {"name": "worldmarkets", "version": "1", "chainId": self.chain_id, "salt": f"0x{self.genesis}"}

    @property
    def separator(self) -> bytes:
        """The hash of the domain."""
        return _hash_domain(self)

    def compute_digest(self, bundle: Bundle) -> bytes:
        """Return the 32 bytes that the key of a bundle signs."""
        return keccak(b"\x19\x01" + _hash_domain(self) + hash_bundle(bundle))


DOMAIN_TYPE = [
    {"name": "name", "type": "string"},
    {"name": "version", "type": "string"},
    {"name": "chainId", "type": "uint256"},
    {"name": "salt", "type": "bytes32"},
]


@cache
def _hash_domain(domain: Domain) -> bytes:
    return hash_struct("EIP712Domain", {"EIP712Domain": DOMAIN_TYPE}, domain.to_typed())


def make_typed_data(domain: Domain, bundle: Bundle) -> dict[str, Any]:
    """Return what `eth_signTypedData_v4` takes to sign a bundle."""
    kinds = [type(leg) for leg in bundle.legs]
    head = [dict(zip(("type", "name"), field.split(), strict=True)) for field in HEAD.split(",")]
    legs = [{"name": f"leg{place}", "type": kind.__name__} for place, kind in enumerate(kinds, 1)]
    used = {*kinds, *(inner for kind in kinds for inner in get_inner(kind))}
    types: Types = {
        "EIP712Domain": DOMAIN_TYPE,
        "Bundle": head + legs,
        **{one.__name__: [{"name": name, "type": kind} for kind, name in get_fields(one)] for one in used},
    }
    message: dict[str, Any] = {name: getattr(bundle, name) for name in ("owner", "account", "nonce", "expiry")}
    for place, leg in enumerate(bundle.legs, 1):
        message[f"leg{place}"] = msgspec.to_builtins({name: getattr(leg, name) for _, name in get_fields(type(leg))})
    return {"types": types, "primaryType": "Bundle", "domain": domain.to_typed(), "message": message}


# Signatures.


class Signer:
    """A key that signs bundles."""

    def __init__(self, secret: bytes | str) -> None:
        self._key = PrivateKey(bytes.fromhex(secret.removeprefix("0x")) if isinstance(secret, str) else secret)
        self.address = to_address(self._key.public_key)

    @classmethod
    def generate(cls) -> Signer:
        """Return a new random key."""
        return cls(PrivateKey().secret)

    @property
    def secret(self) -> str:
        """The private key, in hexadecimal."""
        return "0x" + self._key.secret.hex()

    def sign(self, domain: Domain, bundle: Bundle) -> SignedBundle:
        """Return a bundle with its signature."""
        signature = self._key.sign_recoverable(domain.compute_digest(bundle), hasher=None)
        text = f"0x{signature[:64].hex()}{27 + signature[64]:02x}"
        return SignedBundle(**{name: getattr(bundle, name) for name in Bundle.__struct_fields__}, signature=text)


def to_address(key: PublicKey) -> str:
    """Return the address of a public key."""
    return "0x" + keccak(key.format(compressed=False)[1:])[-20:].hex()


def recover(domain: Domain, signed: SignedBundle) -> str:
    """Return the address of the key that signed a bundle.  Raises SignatureError.

    Of the two signatures that each signature could be turned into, only the one with the lower `s` counts (EIP-2).
    """
    return recover_digest(domain.compute_digest(signed), signed.signature)


def recover_digest(digest: bytes, signature: str) -> str:
    """Return the address of the key that signed 32 bytes.  Raises SignatureError."""
    data = bytes.fromhex(signature[2:])
    v = data[64] - 27 if data[64] >= 27 else data[64]
    if v not in (0, 1):
        raise SignatureError(f"v is {data[64]}, not 27 or 28")
    if int.from_bytes(data[32:64], "big") > _HALF_ORDER:
        raise SignatureError("s is in the upper half of its range")
    try:
        key = PublicKey.from_signature_and_message(data[:64] + bytes((v,)), digest, hasher=None)
    except Exception:  # what the library raises is bare
        raise SignatureError("the signature belongs to no key") from None
    return to_address(key)
