"""Order entry and market data over WebSockets, on the loop of the node."""

from worldmarkets.api.stream.server import Stream

__all__ = ["Stream"]
