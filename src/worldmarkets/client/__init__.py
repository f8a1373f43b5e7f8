"""The SDK: a client of a venue."""

from worldmarkets.client.errors import ClientError, Closed, Disconnected, RefusedError, RejectedError
from worldmarkets.client.pipe import Pipe

__all__ = ["ClientError", "Closed", "Disconnected", "Pipe", "RefusedError", "RejectedError"]
