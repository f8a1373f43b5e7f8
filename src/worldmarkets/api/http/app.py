"""The HTTP application of a node."""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Tag

from worldmarkets import __version__
from worldmarkets.api.http import (
    errors,
    routes_accounts,
    routes_commands,
    routes_health,
    routes_history,
    routes_ladder,
    routes_venue,
)
from worldmarkets.api.http.state import Served
from worldmarkets.node.history import History
from worldmarkets.node.node import Node

_ABOUT = """The venue over HTTP: reads, signed commands, health.

Every number is a whole one or a decimal as text.  Times are milliseconds since 1970, UTC.  An error is
`{code, message, needed, had}`.  Portfolios are public: no read needs a key, every command needs a signature.
"""
_TAGS = [
    Tag(name="Venue", description="Assets, markets, books, rates, marks and parameters."),
    Tag(name="Accounts", description="What an account has, owes, is worth and is exposed to."),
    Tag(name="Commands", description="Signed bundles: sent, tried, and put into words for a wallet."),
    Tag(name="Health", description="Whether the process lives and takes commands."),
]


def make_app(node: Node, history: History) -> Litestar:
    """Return the application that serves a node and its history."""
    app = Litestar(
        route_handlers=[
            *routes_venue.ROUTES,
            *routes_history.ROUTES, *routes_accounts.ROUTES, *routes_ladder.ROUTES, *routes_commands.ROUTES,
            *routes_health.ROUTES,
        ],
        state=Served({"node": node, "history": history}),
        exception_handlers=errors.HANDLERS,
        request_max_body_size=node.config.limits.message_bytes,
        openapi_config=OpenAPIConfig(
            title="worldmarkets", version=__version__, description=_ABOUT, use_handler_docstrings=True, tags=_TAGS,
            path="/openapi", render_plugins=[],
        ),
        logging_config=None,
    )  # fmt: skip
    app.state.document = make_document(app)
    return app


def make_document(app: Litestar) -> dict[str, Any]:
    """Return the OpenAPI document of the application."""
    document = app.openapi_schema.to_schema()
    document["components"]["schemas"] |= routes_commands.describe_commands()
    whole: dict[str, Any] = _make_whole(document)
    return whole


def _make_whole(said: Any) -> Any:
    """Return a document with bounds that are whole numbers as such: Litestar makes floats of them."""
    if isinstance(said, dict):
        return {name: _make_whole(one) for name, one in said.items()}
    if isinstance(said, list):
        return [_make_whole(one) for one in said]
    return int(said) if isinstance(said, float) and said.is_integer() else said
