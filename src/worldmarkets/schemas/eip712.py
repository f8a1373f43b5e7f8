"""Typed structured data, hashed as wallets hash it.

`encode_message` and `compute_digest` take any types and message, as `eth_signTypedData_v4` does.  The venue's own
commands are structs whose types are known beforehand; `signing.py` hashes those faster and must agree with this.

Source: EIP-712, https://eips.ethereum.org/EIPS/eip-712
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import sha3

Types = Mapping[str, Sequence[Mapping[str, str]]]

WORD = 32
ZERO = bytes(WORD)
_NAME = re.compile(r"[a-zA-Z_$ ][\w$ ]*")
_ARRAY = re.compile(r"(?P<item>.*)\[(?P<length>\d*)\]")
_NUMBER = re.compile(r"(?P<kind>u?int)(?P<bits>\d+)?")
_PLAIN = re.compile(r"string|bool|address|bytes\d*|u?int\d*")
_BYTES = re.compile(r"bytes(?P<length>\d+)")
# The fields that a domain may have, in the order in which they are hashed.
DOMAIN_FIELDS = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}


class TypedDataError(ValueError):
    """A message that is not of its type, or a type that is none."""


def keccak(data: bytes) -> bytes:
    """Return the Keccak-256 of some bytes."""
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def compute_digest(domain: Mapping[str, Any], types: Types, primary: str, message: Mapping[str, Any]) -> bytes:
    """Return the 32 bytes that a wallet signs.  Raises TypedDataError."""
    made = make_domain_type(domain)
    fields = types.get("EIP712Domain", made)
    if {field["name"] for field in fields} != {field["name"] for field in made}:
        raise TypedDataError("the domain has other fields than its type")
    separator = hash_struct("EIP712Domain", {"EIP712Domain": fields}, domain)
    return keccak(b"\x19\x01" + separator + hash_struct(primary, types, message))


def make_domain_type(domain: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the fields of a domain's type: those that the domain has.  Raises TypedDataError for one unheard of."""
    if unknown := set(domain) - set(DOMAIN_FIELDS):
        raise TypedDataError(f"a domain has no {', '.join(sorted(unknown))}")
    return [{"name": name, "type": kind} for name, kind in DOMAIN_FIELDS.items() if name in domain]


def find_primary(types: Types) -> str:
    """Return the one type that no other type refers to.  Raises TypedDataError when there is none or more."""
    used = {
        _strip(field["type"]) for name, fields in types.items() for field in fields if _strip(field["type"]) != name
    }
    found = [name for name in types if name not in used and name != "EIP712Domain"]
    if len(found) != 1:
        raise TypedDataError(f"the primary type is one of {', '.join(found) or 'none'}")
    return found[0]


def encode_type(name: str, types: Types) -> str:
    """Return a struct's type as text, with those it refers to behind it in the order of their names."""
    others: set[str] = set()
    _collect(name, types, others)
    ordered = [name, *sorted(others - {name})]
    return "".join(_write_type(one, types[one]) for one in ordered)


def hash_type(name: str, types: Types) -> bytes:
    """Return the hash of a struct's type."""
    return keccak(encode_type(name, types).encode())


def hash_struct(name: str, types: Types, value: Mapping[str, Any]) -> bytes:
    """Return the hash of a struct.  Raises TypedDataError."""
    return keccak(encode_message(name, types, value))


def encode_message(name: str, types: Types, value: Mapping[str, Any]) -> bytes:
    """Return a struct's type hash and its fields, 32 bytes each.  Raises TypedDataError."""
    if not isinstance(value, Mapping):
        raise TypedDataError(f"{name}: {value!r} is not a struct")
    words = [hash_type(name, types)]
    known = {field["name"] for field in types[name]}
    if unknown := set(value) - known:
        raise TypedDataError(f"{name}: there is no field {', '.join(sorted(map(str, unknown)))}")
    for field in types[name]:
        if not _NAME.fullmatch(field["name"]):
            raise TypedDataError(f"{name}: {field['name']!r} is no name")
        words.append(encode_field(field["type"], value.get(field["name"]), types, f"{name}.{field['name']}"))
    return b"".join(words)


def encode_field(kind: str, value: Any, types: Types, where: str) -> bytes:
    """Return the 32 bytes that stand for one value of a type.  Raises TypedDataError."""
    if kind in types:
        return ZERO if value is None else hash_struct(kind, types, value)
    if array := _ARRAY.fullmatch(kind):
        return keccak(_encode_items(array["item"], array["length"], value, types, where))
    if kind == "string":
        return keccak(_encode_text(value, where))
    if kind == "bytes":
        return keccak(_to_bytes(value, where))
    if kind == "bool":
        return _encode_bool(value, where)
    if kind == "address":
        data = _to_bytes(value, where)
        if len(data) != 20:
            raise TypedDataError(f"{where}: {value!r} is not an address of 20 bytes")
        return data.rjust(WORD, b"\0")
    if (fixed := _BYTES.fullmatch(kind)) and 0 < int(fixed["length"]) <= WORD:
        return _encode_fixed(value, int(fixed["length"]), where)
    if number := _NUMBER.fullmatch(kind):
        return _encode_number(value, number["kind"] == "int", int(number["bits"] or 256), where)
    raise TypedDataError(f"{where}: there is no type {kind}")


def _write_type(name: str, fields: Sequence[Mapping[str, str]]) -> str:
    return f"{name}({','.join(field['type'] + ' ' + field['name'] for field in fields)})"


def _strip(kind: str) -> str:
    return kind.partition("[")[0]


def _collect(name: str, types: Types, found: set[str]) -> None:
    if name not in types:
        raise TypedDataError(f"there is no type {name}")
    found.add(name)
    for field in types[name]:
        inner = _strip(field["type"])
        if inner in types:
            if inner not in found:
                _collect(inner, types, found)
        elif not _PLAIN.fullmatch(inner):
            raise TypedDataError(f"{name}.{field['name']}: there is no type {inner}")


def _encode_items(item: str, length: str, value: Any, types: Types, where: str) -> bytes:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise TypedDataError(f"{where}: {value!r} is not an array")
    if length and len(value) != int(length):
        raise TypedDataError(f"{where}: {len(value)} items, not {length}")
    return b"".join(encode_field(item, one, types, f"{where}[{place}]") for place, one in enumerate(value))


def _encode_text(value: Any, where: str) -> bytes:
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:  # as wallets do: its bytes
        return value.to_bytes(max(1, -(-value.bit_length() // 8)), "big")
    raise TypedDataError(f"{where}: {value!r} is not text")


def _to_bytes(value: Any, where: str) -> bytes:
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if value is None:
        return b""
    if isinstance(value, str) and re.fullmatch(r"0x([0-9a-fA-F]{2})*", value):
        return bytes.fromhex(value[2:])
    raise TypedDataError(f"{where}: {value!r} is not bytes in hexadecimal")


def _encode_bool(value: Any, where: str) -> bytes:
    if not isinstance(value, bool):
        raise TypedDataError(f"{where}: {value!r} is neither true nor false")
    return value.to_bytes(WORD, "big")


def _encode_fixed(value: Any, length: int, where: str) -> bytes:
    data = _to_bytes(value, where)
    if len(data) > length:
        raise TypedDataError(f"{where}: {len(data)} bytes, not {length}")
    return data.ljust(WORD, b"\0")


def _encode_number(value: Any, is_signed: bool, bits: int, where: str) -> bytes:
    if isinstance(value, str):
        try:
            value = int(value, 0)
        except ValueError:
            raise TypedDataError(f"{where}: {value!r} is not a whole number") from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypedDataError(f"{where}: {value!r} is not a whole number")
    low, high = (-(1 << bits - 1), 1 << bits - 1) if is_signed else (0, 1 << bits)
    if bits % 8 or not 8 <= bits <= 256 or not low <= value < high:
        raise TypedDataError(f"{where}: {value} does not fit {'' if is_signed else 'u'}int{bits}")
    return value.to_bytes(WORD, "big", signed=is_signed)
