"""What the routes are given: the node they read and hand commands to."""

from __future__ import annotations

from typing import Annotated, Any

from litestar.datastructures import State
from litestar.params import Parameter

from worldmarkets.node.history import History
from worldmarkets.node.node import Node

MOST = 500  # lines of one answer


class Served(State):
    """The node that is served, its history, and the OpenAPI document."""

    node: Node
    history: History
    document: dict[str, Any]


Limit = Annotated[int, Parameter(ge=1, le=MOST, description="how many lines at most")]
After = Annotated[int, Parameter(ge=0, le=1 << 62, description="the `next` of the page before; 0 for the first")]
MarketName = Annotated[str, Parameter(max_length=64, description="a market's symbol", examples=[])]
AssetName = Annotated[str, Parameter(max_length=64, description="an asset's symbol")]
Owner = Annotated[
    str, Parameter(pattern="^0x[0-9a-fA-F]{40}$", description="an owner's address, 20 bytes in hexadecimal")
]
Index = Annotated[int, Parameter(ge=0, le=(1 << 32) - 1, description="which of the owner's accounts")]
