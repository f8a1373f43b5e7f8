"""Commands: sent, tried, and put into words for a wallet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import post
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.params import JSONBody, RawBody
from msgspec.json import schema_components

from worldmarkets.api.http.accounts import say_standing
from worldmarkets.api.http.errors import describe
from worldmarkets.api.http.state import Served
from worldmarkets.node.errors import Refused
from worldmarkets.schemas import reads
from worldmarkets.schemas.answers import Receipt
from worldmarkets.schemas.commands import Bundle, PlaceOrder, SignedBundle
from worldmarkets.schemas.signing import make_typed_data

TAG = ["Commands"]
SAID = describe(400, 401, 404, 408, 413, 429, 503)
_decode_bundle = msgspec.json.Decoder(Bundle).decode
_EXAMPLE = Bundle(
    owner="0x1a642f0e3c3af545e7acbd38b07251b3990914f1", account=0, nonce=1767225600000, expiry=1767225660000,
    legs=[PlaceOrder(market="ETH-PERP", side="buy", size="0.4", price="2001")],
)  # fmt: skip


def _describe_body(kind: type[Bundle], **more: str) -> RequestBody:
    example = {**msgspec.to_builtins(_EXAMPLE), **more}
    schema = Schema(all_of=[Reference(ref=f"#/components/schemas/{kind.__name__}")], examples=[example])
    return RequestBody(required=True, content={"application/json": OpenAPIMediaType(schema=schema)})


@dataclass
class TakesSigned(Operation):
    """An operation whose body is a signed bundle, which the door reads itself."""

    def __post_init__(self) -> None:
        self.request_body = _describe_body(SignedBundle, signature="0x" + 64 * "a5" + "1b")


@dataclass
class TakesUnsigned(Operation):
    """An operation whose body is a bundle without a signature."""

    def __post_init__(self) -> None:
        self.request_body = _describe_body(Bundle)


def describe_commands() -> dict[str, Any]:
    """Return the schemas of bundles and of every command, as the OpenAPI document has them."""
    _, schemas = schema_components([Bundle, SignedBundle], ref_template="#/components/schemas/{name}")
    return dict(schemas)


@post("/v1/commands", status_code=200, operation_class=TakesSigned, tags=TAG, responses=SAID)
async def send_commands(state: Served, body: RawBody) -> Receipt:
    """Send a signed bundle; the answer comes when it is durable.

    A receipt that is not `accepted` names the rule that the bundle broke: it has a number, and changed nothing.  The
    same message again is answered with the same receipt.
    """
    return await state.node.submit(body)


@post("/v1/preview", status_code=200, sync_to_thread=False, operation_class=TakesSigned, tags=TAG, responses=SAID)
def preview_commands(state: Served, body: RawBody) -> reads.Preview:
    """Run a signed bundle through the engine and take it back: what sending would come to."""
    if not state.node.is_ready:
        raise Refused("NOT_READY", "the venue takes no commands now")
    receipt, before, after = state.node.preview(body)
    return reads.Preview(receipt=receipt, before=say_standing(before), after=say_standing(after))


@post(
    "/v1/typed-data", status_code=200, sync_to_thread=False, operation_class=TakesUnsigned, tags=TAG,
    responses=describe(400, 413),
)  # fmt: skip
def make_typed(state: Served, body: RawBody) -> reads.TypedData:
    """Return what a wallet's `eth_signTypedData_v4` takes to sign a bundle."""
    try:
        bundle = _decode_bundle(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("MALFORMED", str(error)) from None
    domain = state.node.domain
    return reads.TypedData(
        typed_data=make_typed_data(domain, bundle), digest=f"0x{domain.compute_digest(bundle).hex()}"
    )  # fmt: skip


@post(
    "/v1/faucet", status_code=200, tags=TAG, responses=describe(400, 404, 409, 429, 503),
)  # fmt: skip
async def give_funds(state: Served, data: JSONBody[reads.FaucetRequest]) -> reads.Gift:
    """Ask for test funds, in a venue of development; the account is opened if there is none."""
    if not state.node.is_ready:
        raise Refused("NOT_READY", "the venue takes no commands now")
    amounts = await state.node.faucet.give(data.owner, data.account)
    return reads.Gift(account=f"{data.owner.lower()}#{data.account}", amounts=amounts)


ROUTES = [send_commands, preview_commands, make_typed, give_funds]
