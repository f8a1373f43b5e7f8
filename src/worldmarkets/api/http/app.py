"""The HTTP application of a node."""

from __future__ import annotations

from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Tag

from worldmarkets import __version__
from worldmarkets.api.http import errors, routes_accounts, routes_commands, routes_health, routes_history, routes_venue
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
    return Litestar(
        route_handlers=[
            *routes_venue.ROUTES,
            *routes_history.ROUTES, *routes_accounts.ROUTES, *routes_commands.ROUTES, *routes_health.ROUTES,
        ],
        state=Served({"node": node, "history": history}),
        exception_handlers=errors.HANDLERS,
        request_max_body_size=node.config.limits.message_bytes,
        openapi_config=OpenAPIConfig(
            title="worldmarkets", version=__version__, description=_ABOUT, use_handler_docstrings=True, tags=_TAGS,
            path="/openapi", render_plugins=[JsonRenderPlugin()], components=routes_commands.describe_commands(),
        ),
        logging_config=None,
    )  # fmt: skip
