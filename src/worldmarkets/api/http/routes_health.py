"""Whether the process lives and takes commands."""

from __future__ import annotations

from litestar import Response, get

from worldmarkets.api.http.state import Served
from worldmarkets.schemas import reads

TAG = ["Health"]


@get("/health", sync_to_thread=False, tags=TAG)
def get_health(state: Served) -> reads.Health:
    """Whether the process answers."""
    return reads.Health(status="alive", block=state.node.journal.last)


@get("/ready", sync_to_thread=False, tags=TAG)
def get_ready(state: Served) -> Response[reads.Health]:
    """Whether commands are taken: 503 until the state is recovered, and while the node stops."""
    is_ready = state.node.is_ready
    said = reads.Health(status="ready" if is_ready else "not ready", block=state.node.journal.last)
    return Response(said, status_code=200 if is_ready else 503)


ROUTES = [get_health, get_ready]
