"""The SDK: a client of a venue, asynchronous (`AsyncClient`) or not (`Client`)."""

from worldmarkets.client.asynchronous import AsyncClient
from worldmarkets.client.book import Gap, LocalBook
from worldmarkets.client.bundle import Legs
from worldmarkets.client.errors import (
    ClientError,
    Closed,
    Disconnected,
    OutcomeUnknown,
    RefusedError,
    RejectedError,
)
from worldmarkets.client.pipe import Pipe
from worldmarkets.client.session import Subscription
from worldmarkets.client.strategies import BasisPlan
from worldmarkets.client.synchronous import Client
from worldmarkets.schemas.signing import Signer

__all__ = [
    "AsyncClient",
    "BasisPlan",
    "Client",
    "ClientError",
    "Closed",
    "Disconnected",
    "Gap",
    "Legs",
    "LocalBook",
    "OutcomeUnknown",
    "Pipe",
    "RefusedError",
    "RejectedError",
    "Signer",
    "Subscription",
]
