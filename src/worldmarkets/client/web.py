"""What a venue says over HTTP, typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol, TypeVar

import httpx
import msgspec

from worldmarkets.client.errors import ClientError, Disconnected, RefusedError
from worldmarkets.schemas.answers import Receipt, Refusal

T = TypeVar("T")
P = TypeVar("P", bound="Page")
ATTEMPTS = 3
TIMEOUT_SECONDS = 20


class Page(Protocol):
    """A part of a list."""

    @property
    def next(self) -> int | None:
        """What to ask for the following part with; None after the last."""


class Web:
    """Asks the HTTP API of a venue.  Reads are tried again when the connection breaks."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_SECONDS, transport=transport)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, kind: type[T], **parameters: Any) -> T:
        """Return an answer.  Raises RefusedError, Disconnected."""
        said = {name: value for name, value in parameters.items() if value is not None}
        return self._read(await self._send("GET", path, kind, params=said), kind)

    async def get_pages(self, path: str, kind: type[P]) -> AsyncIterator[P]:
        """Yield every page of a list.  Raises RefusedError, Disconnected."""
        page = await self.get(path, kind)
        yield page
        while page.next is not None:
            page = await self.get(path, kind, after=page.next)
            yield page

    async def post(self, path: str, kind: type[T], body: bytes) -> T:
        """Send a message that may be sent again, and return the answer.  Raises RefusedError, Disconnected."""
        headers = {"content-type": "application/json"}
        return self._read(await self._send("POST", path, kind, content=body, headers=headers), kind)

    async def find_receipt(self, signer: str, nonce: int) -> Receipt | None:
        """Return the receipt of the bundle that used a nonce of a key; None when none did.  Raises Disconnected."""
        try:
            return await self.get(f"/v1/receipts/{signer}/{nonce}", Receipt)
        except RefusedError as error:
            if error.code == "UNKNOWN_NAME":
                return None
            raise

    async def _send(self, method: str, path: str, kind: type[Any], **options: Any) -> httpx.Response:
        for attempt in range(ATTEMPTS):
            try:
                return await self._http.request(method, path, **options)
            except httpx.TransportError as error:
                if attempt == ATTEMPTS - 1:
                    raise Disconnected(f"{self.url} cannot be reached: {error!r}") from error
        raise AssertionError

    def _read(self, response: httpx.Response, kind: type[T]) -> T:
        try:
            if response.is_success:
                return msgspec.json.decode(response.content, type=kind)
            refusal = msgspec.json.decode(response.content, type=Refusal)
        except msgspec.MsgspecError as error:
            raise ClientError(f"{response.url} says {response.status_code}, and what this cannot read") from error
        raise RefusedError(refusal)
