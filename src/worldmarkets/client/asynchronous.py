"""The client, for programs with an asyncio loop.  `synchronous.py` is the same for programs without one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import msgspec

from worldmarkets.client.book import Gap, LocalBook
from worldmarkets.client.bundle import Legs, Number, make_order, say
from worldmarkets.client.errors import ClientError, Disconnected, RejectedError
from worldmarkets.client.nonces import Nonces
from worldmarkets.client.pipe import Pipe
from worldmarkets.client.session import Session, Subscription
from worldmarkets.client.strategies import BasisPlan, plan_levered_basis
from worldmarkets.client.web import Web
from worldmarkets.schemas import reads
from worldmarkets.schemas.answers import Receipt
from worldmarkets.schemas.commands import (
    AmendOrder,
    Bundle,
    CancelAll,
    CancelOrder,
    Command,
    MassQuote,
    OpenAccount,
    PlanStep,
    Quote,
    RepayLoan,
    SetDeadMan,
    SetPlan,
    SignedBundle,
    Transfer,
    Withdraw,
)
from worldmarkets.schemas.signing import Domain, Signer
from worldmarkets.schemas.stream import CancelOnDisconnect, Ping

LIFETIME_MS = 60_000  # how long a bundle is good for, unless it is said otherwise
LEFT_MS = 60_000  # how long what is left for the end of a connection is good for
LEFT_AGAIN_SECONDS = 20


class AsyncClient:
    """A client of one venue, for one key and, unless it is said otherwise, one account.

    async with AsyncClient("http://127.0.0.1:8000", signer=Signer(secret)) as client:
        receipt = await client.place("ETH-PERP", "buy", "0.4", price="2001")

    Without a signer it only reads.  `owner` is whose account it is, where the signer is a delegate.  Methods that send
    raise RejectedError for what the exchange does not allow, RefusedError for what the door turns away, and
    OutcomeUnknown when a bundle was sent and the venue could not be asked what became of it.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8000", *, signer: Signer | None = None, owner: str | None = None,
        account: int = 0, stream_url: str | None = None, lifetime_ms: int = LIFETIME_MS,
    ) -> None:  # fmt: skip
        self.signer = signer
        self.owner = owner or (signer.address if signer else "")
        self.account = account
        self.lifetime_ms = lifetime_ms
        self._nonces = Nonces()
        self._web = Web(url)
        self._stream_url = stream_url
        self._session: Session | None = None
        self._starting = asyncio.Lock()
        self._domain: Domain | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> AsyncClient:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Find out which venue this is, and connect to its stream.  Raises Disconnected."""
        await self._get_session()

    async def close(self) -> None:
        """Close every connection."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._session is not None:
            await self._session.close()
        await self._web.close()

    async def _get_session(self) -> Session:
        async with self._starting:
            if self._session is None:
                venue = await self.get_venue()
                self._domain = Domain(chain_id=venue.chain_id, genesis=venue.genesis)
                url = self._stream_url or f"ws://{urlsplit(self._web.url).hostname}:{venue.stream_port}/v1/stream"
                session = Session(url, self._web.find_receipt)
                await session.start()
                self._session = session
            return self._session

    # Reading.

    async def get_venue(self) -> reads.Venue:
        """Return which venue this is."""
        return await self._web.get("/v1/venue", reads.Venue)

    async def get_assets(self) -> list[reads.Asset]:
        """Return every asset; the first is the numeraire."""
        return await self._web.get("/v1/assets", list[reads.Asset])

    async def get_marks(self) -> list[reads.Mark]:
        """Return the mark of every asset."""
        return await self._web.get("/v1/marks", list[reads.Mark])

    async def get_markets(self) -> list[reads.Market]:
        """Return every market as it stands."""
        return await self._web.get("/v1/markets", list[reads.Market])

    async def get_market(self, market: str) -> reads.Market:
        """Return one market as it stands."""
        return await self._web.get("/v1/market", reads.Market, market=market)

    async def get_book(self, market: str, levels: int | None = None) -> reads.Book:
        """Return the best levels of a market."""
        return await self._web.get("/v1/book", reads.Book, market=market, depth=levels)

    async def get_rates(self, asset: str) -> reads.Curve:
        """Return the best rates to lend and to borrow an asset at, a tenor each."""
        return await self._web.get("/v1/rates", reads.Curve, asset=asset)

    async def get_parameters(self) -> reads.Parameters:
        """Return every parameter in force."""
        return await self._web.get("/v1/parameters", reads.Parameters)

    async def get_account(self, owner: str | None = None, account: int | None = None) -> reads.Account:
        """Return an account: its own, or anybody's."""
        return await self._web.get(self._path(owner, account), reads.Account)

    async def get_orders(self, owner: str | None = None, account: int | None = None) -> list[reads.Order]:
        """Return the orders of an account, newest first."""
        pages = self._web.get_pages(f"{self._path(owner, account)}/orders", reads.Orders)
        return [one async for page in pages for one in page.orders]

    async def get_loans(self, owner: str | None = None, account: int | None = None) -> list[reads.Loan]:
        """Return the loans of an account: those borrowed, then those lent."""
        pages = self._web.get_pages(f"{self._path(owner, account)}/loans", reads.Loans)
        return [one async for page in pages for one in page.loans]

    async def get_perps(self, owner: str | None = None, account: int | None = None) -> list[reads.Perp]:
        """Return the perp contracts of an account."""
        pages = self._web.get_pages(f"{self._path(owner, account)}/perps", reads.Perps)
        return [one async for page in pages for one in page.perps]

    async def get_policy(self, owner: str | None = None, account: int | None = None) -> reads.Policy:
        """Return with whom the orders of an account may make contracts."""
        return await self._web.get(f"{self._path(owner, account)}/policy", reads.Policy)

    async def get_ladder(self, owner: str | None = None, account: int | None = None) -> reads.Ladder:
        """Return where an account stands on the ladder: what it lacks, what would free it, its clocks, its plan."""
        return await self._web.get(f"{self._path(owner, account)}/ladder", reads.Ladder)

    async def what_if(
        self, moves: Mapping[str, Number], owner: str | None = None, account: int | None = None
    ) -> reads.WhatIf:
        """Return what would become of an account if marks moved, `{"ETH": "-20%"}`, and books stayed as they are."""
        said = ",".join(f"{asset}={say(change)}" for asset, change in moves.items())
        return await self._web.get(f"{self._path(owner, account)}/what-if", reads.WhatIf, moves=said)

    async def get_rungs(
        self, owner: str | None = None, account: int | None = None, *, limit: int = 100
    ) -> list[reads.RungReceipt]:
        """Return the latest receipts of rungs of the ladder that an account left, the latest first."""
        path = f"{self._path(owner, account)}/rungs"
        return (await self._web.get(path, reads.RungReceipts, limit=limit)).receipts

    async def get_close_outs(self, owner: str | None = None, account: int | None = None) -> list[reads.CloseOut]:
        """Return the latest times that an account was closed out, the latest first."""
        return (await self._web.get(f"{self._path(owner, account)}/close-outs", reads.CloseOuts)).close_outs

    async def get_receipt(self, nonce: int, signer: str | None = None) -> Receipt | None:
        """Return the receipt of the bundle that used a nonce; None when none did."""
        return await self._web.find_receipt(signer or self._get_signer().address, nonce)

    async def get(self, /, path: str, **parameters: Any) -> Any:
        """Return the answer of any path of the HTTP API, as plain objects."""
        return await self._web.get(path, object, **parameters)

    async def ask_faucet(self) -> reads.Gift:
        """Ask for test funds, in a venue of development; the account is opened if there is none."""
        body = msgspec.json.encode({"owner": self.owner, "account": self.account})
        return await self._web.post("/v1/faucet", reads.Gift, body)

    def _path(self, owner: str | None, account: int | None) -> str:
        return f"/v1/accounts/{owner or self.owner}/{self.account if account is None else account}"

    # Commands.

    def bundle(self) -> Legs:
        """Return an empty bundle: give it legs, then `send`, `preview` or `sign` it."""
        return Legs()

    def _get_signer(self) -> Signer:
        if self.signer is None:
            raise ClientError("this client has no signer: it only reads")
        return self.signer

    async def sign(
        self, *legs: Command | Legs, account: int | None = None, nonce: int | None = None, expiry: int | None = None
    ) -> SignedBundle:
        """Return legs as one signed bundle.  Nothing is sent."""
        self._get_signer()
        await self._get_session()
        flat: list[Command] = []
        for leg in legs:
            flat += leg.legs if isinstance(leg, Legs) else [leg]
        taken = self._nonces.take() if nonce is None else nonce
        until = time.time_ns() // 1_000_000 + self.lifetime_ms if expiry is None else expiry
        return self._sign(flat, taken, until, account)

    def _sign(self, legs: list[Any], nonce: int, expiry: int, account: int | None = None) -> SignedBundle:
        assert self._domain is not None
        number = self.account if account is None else account
        bundle = Bundle(owner=self.owner, account=number, nonce=nonce, expiry=expiry, legs=legs)
        return self._get_signer().sign(self._domain, bundle)

    async def send(self, *legs: Command | Legs, account: int | None = None) -> Receipt:
        """Send legs as one bundle: all of them happen, or none.  Returns its receipt."""
        return await self.send_signed(await self.sign(*legs, account=account))

    async def send_signed(self, bundle: SignedBundle) -> Receipt:
        """Send a signed bundle; sent again, it is answered with the first receipt."""
        session = await self._get_session()
        receipt = await session.submit(self._get_signer().address, msgspec.json.encode(bundle))
        if not receipt.accepted:
            raise RejectedError(receipt)
        return receipt

    async def resolve(self, message: bytes) -> Receipt:
        """Return what became of a bundle whose outcome is unknown; nothing is sent."""
        session = await self._get_session()
        return await session.resolve(self._get_signer().address, message)

    async def preview(self, *legs: Command | Legs, account: int | None = None) -> reads.Preview:
        """Return what sending legs as one bundle would come to; nothing happens."""
        return await self.preview_signed(await self.sign(*legs, account=account))

    async def preview_signed(self, bundle: SignedBundle) -> reads.Preview:
        """Return what sending a signed bundle would come to; nothing happens, and it can still be sent."""
        return await self._web.post("/v1/preview", reads.Preview, msgspec.json.encode(bundle))

    async def place(
        self, /, market: str, side: str, size: Number, price: Number | None = None, **options: Any
    ) -> Receipt:  # fmt: skip
        """Place an order, with the fields of `PlaceOrder`; without a price it is one at the market."""
        return await self.send(make_order(market, side, size, price, **options))

    async def cancel(self, order: int = 0, *, client_id: int = 0) -> Receipt:
        """Cancel an order."""
        return await self.send(CancelOrder(order=order, client_id=client_id))

    async def cancel_all(self, market: str = "", side: str = "") -> Receipt:
        """Cancel all orders."""
        return await self.send(CancelAll(market=market, side=side))

    async def amend(self, order: int, size: Number | None = None, price: Number | None = None) -> Receipt:
        """Change an order's size or price."""
        return await self.send(AmendOrder(order=order, size=say(size), price=say(price)))

    async def borrow(self, /, market: str, size: Number, rate: Number, **options: Any) -> Receipt:
        """Borrow in a loan book at up to a yearly rate such as "5.5%"."""
        return await self.send(make_order(market, "buy", size, rate, **options))

    async def lend(self, /, market: str, size: Number, rate: Number, **options: Any) -> Receipt:
        """Lend in a loan book at a yearly rate or more."""
        return await self.send(make_order(market, "sell", size, rate, **options))

    async def repay(self, loan: int, amount: Number | None = None) -> Receipt:
        """Repay a loan, in part or whole."""
        return await self.send(RepayLoan(loan=loan, amount=say(amount)))

    async def quote(self, /, *quotes: Quote, **options: bool) -> Receipt:
        """Replace quotes, with the flags of `MassQuote`."""
        return await self.send(MassQuote(quotes=list(quotes), **options))

    async def transfer(self, asset: str, amount: Number, to_owner: str, to_account: int = 0) -> Receipt:
        """Move funds to another account."""
        return await self.send(Transfer(asset=asset, amount=say(amount), to_owner=to_owner, to_account=to_account))

    async def withdraw(self, asset: str, amount: Number) -> Receipt:
        """Take funds out of the venue."""
        return await self.send(Withdraw(asset=asset, amount=say(amount)))

    async def open_account(self, account: int | None = None) -> Receipt:
        """Open a sub-account."""
        return await self.send(OpenAccount(), account=account)

    async def set_dead_man(self, timeout_ms: int) -> Receipt:
        """Cancel all orders but reduce-only ones after a time, unless this is sent again; 0 disarms."""
        return await self.send(SetDeadMan(timeout_ms=timeout_ms))

    async def set_plan(self, *steps: PlanStep) -> Receipt:
        """Say what is to be done, in this order, when the account is latched; without steps the default plan is."""
        return await self.send(SetPlan(steps=list(steps)))

    # Strategies.

    async def plan_levered_basis(
        self, asset: str, own: Number, borrow: Number, *, slippage: Number = "0.005", rate_cap: Number | None = None,
        tenor_hours: int = 240,
    ) -> BasisPlan:  # fmt: skip
        """Return a levered basis in an asset, previewed and signed: `send_signed(plan.bundle)` enters it."""
        return await plan_levered_basis(
            self, asset, own, borrow, slippage=slippage, rate_cap=rate_cap, tenor_hours=tenor_hours
        )

    # The stream.

    async def ping(self) -> int:
        """Return the venue's time, in microseconds since 1970."""
        session = await self._get_session()
        return int(msgspec.json.decode(await session.request(Ping()))["time"])

    async def subscribe(self, channel: str) -> Subscription:
        """Listen to a channel: `async for message in await client.subscribe("trades.ETH-PERP")`."""
        return await (await self._get_session()).subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        """Listen to a channel no longer."""
        await (await self._get_session()).unsubscribe(channel)

    async def watch_book(self, market: str) -> AsyncIterator[LocalBook]:
        """Yield a market's book, the same object, whenever it changed."""
        book = LocalBook(market)
        async for message in await self.subscribe(f"book.{market}"):
            with suppress(Gap):
                book.apply(message)
                yield book

    async def cancel_on_disconnect(self, market: str = "") -> None:
        """Have the venue cancel the account's orders, of one market or all, whenever the connection breaks.

        A signed cancellation is left with the venue, and another every 20 seconds; one that was used is followed by
        the next as soon as the connection is there again.  Orders placed on HTTP, or by others, are cancelled too.
        """
        session = await self._get_session()

        async def leave(pipe: Pipe) -> None:
            now = time.time_ns() // 1_000_000
            signed = self._sign([CancelAll(market=market)], self._nonces.reserve(LEFT_MS), now + LEFT_MS)
            await pipe.request(CancelOnDisconnect(bundle=msgspec.Raw(msgspec.json.encode(signed))))

        async def renew() -> None:
            while True:
                await asyncio.sleep(LEFT_AGAIN_SECONDS)
                with suppress(Disconnected):
                    await leave(await session.connect())

        await leave(await session.connect())
        session.greet = [leave]
        if self._renewing is not None:
            self._renewing.cancel()
        self._renewing = asyncio.create_task(renew())
