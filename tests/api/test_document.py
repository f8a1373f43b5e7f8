"""The OpenAPI document is true: whatever it lets a client ask, the answer is one that it names."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.api.served import prepare
from tests.node.venue import MAKER, START_US, make_config
from tools.http_reference import PAGE, write_page
from worldmarkets.api.http.app import make_document
from worldmarkets.api.server import Server
from worldmarkets.node.clock import ManualClock

EXAMPLES = 5  # an operation
# A body made at random may be well formed, but expired, of unknown names, signed by nobody, or with 1.0 for 1.
BODIES = ("/v1/commands", "/v1/preview", "/v1/typed-data", "/v1/faucet")
FREE = [positive_data_acceptance]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the worked example, in a thread of its own."""
    config = make_config(tmp_path_factory.mktemp("venue"), http_port=0, stream_port=0)
    started = threading.Event()
    found: list[Server] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def live() -> None:
        loops.append(asyncio.get_running_loop())
        server = Server.open(config, ManualClock(START_US))
        found.append(server)
        running = asyncio.create_task(server.run())
        while not server.node.is_ready:
            await asyncio.sleep(0.01)
        await prepare(server.node)
        await server.history.settle()
        started.set()
        await running

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    assert started.wait(60)
    yield found[0]
    loops[0].call_soon_threadsafe(found[0].stop)
    thread.join(60)
    assert not thread.is_alive()


def test_every_answer_is_one_that_the_document_names(served: Server) -> None:
    schema = schemathesis.openapi.from_dict(make_document(served.app))
    base = f"http://127.0.0.1:{served.http_port}"
    session = requests.Session()
    asked = 0

    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def check(case: Any) -> None:
            nonlocal asked
            asked += 1
            if asked % 2 and "owner" in (case.path_parameters or {}):
                case.path_parameters |= {"owner": MAKER.address, "index": 0}  # half of them ask somebody who is there
            case.call_and_validate(
                base_url=base, session=session, excluded_checks=FREE if case.path in BODIES else None
            )

        check()
    session.close()
    assert asked > 100
    assert served.node.is_ready and not served.node.exchange.audit()


def test_every_operation_is_described_and_the_commands_have_examples(served: Server) -> None:
    said = make_document(served.app)
    for path, item in said["paths"].items():
        for method, operation in item.items():
            assert operation.get("description") and operation["tags"], (path, method)
    schemas = said["components"]["schemas"]
    assert {"Bundle", "SignedBundle", "PlaceOrder", "Refusal", "Receipt", "Standing"} <= set(schemas)
    body = said["paths"]["/v1/commands"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["examples"][0]["legs"][0]["command"] == "PlaceOrder"


def test_the_reference_is_written_from_the_document() -> None:
    assert PAGE.read_text(encoding="utf-8") == write_page()
