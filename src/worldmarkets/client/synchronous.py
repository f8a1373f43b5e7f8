"""The client, for programs without an asyncio loop: the methods of `AsyncClient`, each of which waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, cast

import uvloop

from worldmarkets.client.asynchronous import AsyncClient
from worldmarkets.client.book import LocalBook
from worldmarkets.client.bundle import Legs

P = ParamSpec("P")
T = TypeVar("T")


class _Waiting(Generic[P, T]):
    """A method of `AsyncClient` as one that waits for its result."""

    def __init__(self, method: Callable[Concatenate[AsyncClient, P], Awaitable[T]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, client: Client, owner: type[Client]) -> Callable[P, T]:
        def call(*arguments: P.args, **options: P.kwargs) -> T:
            return client.wait(self._method(client.inner, *arguments, **options))

        call.__doc__ = self.__doc__
        return call


class Client:
    """A client of one venue that waits for each answer; see `AsyncClient`.  Threads may share it.

    with Client("http://127.0.0.1:8000", signer=Signer(secret)) as client:
        receipt = client.place("ETH-PERP", "buy", "0.4", price="2001")
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", **options: Any) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="worldmarkets-client", daemon=True)
        self._thread.start()

        async def make() -> AsyncClient:
            return AsyncClient(url, **options)

        self.inner = self.wait(make())

    def __enter__(self) -> Client:
        self.connect()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection, and end the thread that served them."""
        if self._loop.is_closed():
            return
        self.wait(self.inner.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait(self, awaited: Awaitable[T]) -> T:
        """Return the result of something asynchronous, done in this client's loop."""
        return asyncio.run_coroutine_threadsafe(cast(Coroutine[Any, Any, T], awaited), self._loop).result()

    @property
    def owner(self) -> str:
        """Whose account it is."""
        return self.inner.owner

    def bundle(self) -> Legs:
        """Return an empty bundle: give it legs, then `send`, `preview` or `sign` it."""
        return self.inner.bundle()

    connect = _Waiting(AsyncClient.connect)
    get_venue = _Waiting(AsyncClient.get_venue)
    get_assets = _Waiting(AsyncClient.get_assets)
    get_marks = _Waiting(AsyncClient.get_marks)
    get_markets = _Waiting(AsyncClient.get_markets)
    get_market = _Waiting(AsyncClient.get_market)
    get_book = _Waiting(AsyncClient.get_book)
    get_rates = _Waiting(AsyncClient.get_rates)
    get_parameters = _Waiting(AsyncClient.get_parameters)
    get_account = _Waiting(AsyncClient.get_account)
    get_orders = _Waiting(AsyncClient.get_orders)
    get_loans = _Waiting(AsyncClient.get_loans)
    get_perps = _Waiting(AsyncClient.get_perps)
    get_policy = _Waiting(AsyncClient.get_policy)
    get_ladder = _Waiting(AsyncClient.get_ladder)
    what_if = _Waiting(AsyncClient.what_if)
    get_rungs = _Waiting(AsyncClient.get_rungs)
    get_close_outs = _Waiting(AsyncClient.get_close_outs)
    get_receipt = _Waiting(AsyncClient.get_receipt)
    get = _Waiting(AsyncClient.get)
    ask_faucet = _Waiting(AsyncClient.ask_faucet)
    sign = _Waiting(AsyncClient.sign)
    send = _Waiting(AsyncClient.send)
    send_signed = _Waiting(AsyncClient.send_signed)
    resolve = _Waiting(AsyncClient.resolve)
    preview = _Waiting(AsyncClient.preview)
    preview_signed = _Waiting(AsyncClient.preview_signed)
    place = _Waiting(AsyncClient.place)
    cancel = _Waiting(AsyncClient.cancel)
    cancel_all = _Waiting(AsyncClient.cancel_all)
    amend = _Waiting(AsyncClient.amend)
    borrow = _Waiting(AsyncClient.borrow)
    lend = _Waiting(AsyncClient.lend)
    repay = _Waiting(AsyncClient.repay)
    quote = _Waiting(AsyncClient.quote)
    transfer = _Waiting(AsyncClient.transfer)
    withdraw = _Waiting(AsyncClient.withdraw)
    open_account = _Waiting(AsyncClient.open_account)
    set_dead_man = _Waiting(AsyncClient.set_dead_man)
    set_plan = _Waiting(AsyncClient.set_plan)
    plan_levered_basis = _Waiting(AsyncClient.plan_levered_basis)
    ping = _Waiting(AsyncClient.ping)
    unsubscribe = _Waiting(AsyncClient.unsubscribe)
    cancel_on_disconnect = _Waiting(AsyncClient.cancel_on_disconnect)

    def listen(self, channel: str) -> Iterator[dict[str, Any]]:
        """Yield the messages of a channel."""

        async def messages() -> AsyncIterator[dict[str, Any]]:
            async for message in await self.inner.subscribe(channel):
                yield message

        return self._walk(messages())

    def watch_book(self, market: str) -> Iterator[LocalBook]:
        """Yield a market's book, the same object, whenever it changed."""
        return self._walk(self.inner.watch_book(market))

    def _walk(self, found: AsyncIterator[T]) -> Iterator[T]:
        while True:
            try:
                yield self.wait(anext(found))
            except StopAsyncIteration:
                return
