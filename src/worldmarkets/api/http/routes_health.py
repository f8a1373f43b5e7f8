"""Whether the process lives and takes commands."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from litestar import MediaType, Response, get
from litestar.openapi.datastructures import ResponseSpec

from worldmarkets.api.http.state import Served
from worldmarkets.schemas import reads

TAG = ["Health"]
NOT_READY = ResponseSpec(reads.Health, description="Commands are not taken now.", generate_examples=False)


@get("/health", sync_to_thread=False, tags=TAG)
def get_health(state: Served) -> reads.Health:
    """Whether the process answers."""
    return reads.Health(status="alive", block=state.node.journal.last)


@get("/ready", sync_to_thread=False, tags=TAG, responses={503: NOT_READY})
def get_ready(state: Served) -> Response[reads.Health]:
    """Whether commands are taken: 503 until the state is recovered, and while the node stops."""
    is_ready = state.node.is_ready
    said = reads.Health(status="ready" if is_ready else "not ready", block=state.node.journal.last)
    return Response(said, status_code=200 if is_ready else 503)


@get("/metrics", sync_to_thread=False, tags=TAG, media_type="text/plain; version=0.0.4; charset=utf-8")
def get_metrics(state: Served) -> bytes:
    """Every figure that the node counts, in the text format of Prometheus."""
    return state.node.metrics.write()


@get("/openapi.json", sync_to_thread=False, include_in_schema=False)
def get_openapi(state: Served) -> dict[str, Any]:
    """The OpenAPI document."""
    return state.document


@get("/", sync_to_thread=False, include_in_schema=False, media_type=MediaType.HTML)
def get_page() -> bytes:
    """A page that says how the venue stands, until there is a terminal."""
    return _PAGE


_PAGE = files("worldmarkets.api.http").joinpath("page.html").read_bytes()
ROUTES = [get_health, get_ready, get_metrics, get_openapi, get_page]
