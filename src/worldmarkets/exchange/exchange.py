"""The core for people: names, decimals, typed answers.

exchange = Exchange()
maker, trader = exchange.account("maker"), exchange.account("trader")
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from os import PathLike
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from worldmarkets.core import codes
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.codec import RECORD_BYTES, decode_events, encode
from worldmarkets.core.digest import compute_digest
from worldmarkets.core.engine import Engine
from worldmarkets.core.records import Command, Record
from worldmarkets.core.snapshot import read_snapshot, write_snapshot
from worldmarkets.core.units import SECOND
from worldmarkets.exchange import genesis as source
from worldmarkets.exchange import parameters, tables
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.addresses import get_address
from worldmarkets.exchange.bundle import Preview
from worldmarkets.exchange.commands import make_bundle, make_mark
from worldmarkets.exchange.compression import Compression, compute_compression
from worldmarkets.exchange.errors import ExchangeError, GenesisError, Rejected, UnitError, UnknownName
from worldmarkets.exchange.genesis import Genesis, load_genesis, open_engine
from worldmarkets.exchange.keys import make_envelope
from worldmarkets.exchange.ladder import STATES
from worldmarkets.exchange.listing import Listing
from worldmarkets.exchange.market import FEEDS, CurveRate, MarketView, Trade
from worldmarkets.exchange.parameters import Change
from worldmarkets.exchange.quotes import Ladders, make_limits
from worldmarkets.exchange.registry import Registry, make_open
from worldmarkets.exchange.results import Reader, Result, SliceTaken, read_slices, side_name
from worldmarkets.exchange.units import MARK_DECIMALS, Amount, from_time, from_units, to_time
from worldmarkets.exchange.views import BackstopBid, Views, read_backstop

if TYPE_CHECKING:
    import polars

TRADES_KEPT = 10_000
# The kinds of event that change what the exchange's accounts, assets and markets are called.
_NAMING = np.zeros(256, np.bool_)
_NAMING[[codes.ACCOUNT_OPENED, codes.PARAMETER_CANCELLED, codes.ASSET_LISTED, codes.MARKET_LISTED]] = True


class Exchange:
    """A venue in this process: the packaged one, or that of a genesis.

    Time stands still until `step` or `at` moves it; marks are what `mark` says.  `trades` keeps the latest ones.
    """

    def __init__(
        self, genesis: Genesis | None = None, *, capacity: Mapping[str, int] | None = None,
        time: datetime | None = None, engine: Engine | None = None, trades_kept: int = TRADES_KEPT,
    ) -> None:  # fmt: skip
        self.genesis = load_genesis() if genesis is None else genesis
        self.listing = Listing(self.genesis)
        self.engine = open_engine(self.genesis, capacity) if engine is None else engine
        self.trades: deque[Trade] = deque(maxlen=trades_kept)
        self._named: dict[int, source.Asset | source.Market] = {}  # listings that wait, by their change
        self._registry = Registry(self)
        self._reader = Reader(self.listing, self.get_account, self.get_resting_lots)
        self.time_us: int = self.read_row("venue", 1).time_us
        if time is not None:
            self.at(time)

    @classmethod
    def open(cls, path: str | PathLike[str], **options: Any) -> Exchange:
        """Return the venue of a TOML genesis.  Raises GenesisError, OSError."""
        return cls(load_genesis(path), **options)

    # Commands.

    def apply(self, *commands: Record) -> list[Record]:
        """Apply raw command records and return the raw events they gave.  A time of 0 is the exchange's now."""
        for command in commands:
            if command.time_us == 0:
                command.time_us = self.time_us
        events = decode_events(self.engine.apply(encode(commands)))
        self.time_us = max(self.time_us, self.read_row("venue", 1).time_us)
        self._note(events)
        return events

    def apply_block(self, commands: bytes) -> bytes:
        """Apply encoded commands, which have their times already, and return the encoded events they gave.

        The way of a node, which reads the events itself: `trades` is not kept.
        """
        events: bytes = self.engine.apply(commands)
        self.time_us = self.read_row("venue", 1).time_us
        kinds = np.frombuffer(events, np.uint8)[8::RECORD_BYTES]
        for place in np.flatnonzero(_NAMING[kinds]).tolist():
            self._note(decode_events(events[place * RECORD_BYTES : (place + 1) * RECORD_BYTES]))
        return events

    def name_listing(self, change: int, named: source.Asset | source.Market) -> None:
        """Say what an asset or market that a change lists is called.  Raises GenesisError for a name that is taken."""
        self._check_new(named.symbol)
        self._named[change] = named

    @property
    def waiting_listings(self) -> dict[int, source.Asset | source.Market]:
        """The listings under way, by their change."""
        return self._named.copy()

    def submit(self, *commands: Record) -> Result:
        """Apply one command, or one bundle with its legs, and return its result, whatever it is."""
        events = self.apply(*commands)
        return self._reader.read(commands, events, self.read_row("venue", 1).sequence)

    def send(self, *commands: Record) -> Result:
        """Apply one command, or one bundle with its legs.  Raises Rejected."""
        result = self.submit(*commands)
        if not result.accepted:
            raise Rejected(result)
        return result

    def envelope(
        self, signer: str, *commands: Record, nonce: int | None = None, expiry: datetime | None = None
    ) -> list[Record]:
        """Return one command, with its legs if it has any, as if `signer` had signed it: an address, or its word.

        Without a nonce it is the next one of the signer; without an expiry it is good for an hour.
        """
        return make_envelope(self, get_address(signer), commands, nonce, expiry)

    def make_bundle(self, account: int, commands: list[Record]) -> list[Record]:
        """Return an account's commands as one bundle, stamped with the exchange's time."""
        return make_bundle(account, commands, self.time_us)

    def preview_commands(self, account: int, commands: list[Record]) -> Preview:
        """Run one command, or one bundle with its legs, and take it back."""
        handle = self.get_account(account)
        with self.preview():
            before = handle.standing
            result = self.submit(*commands)
            return Preview(result, before, handle.standing)

    @contextmanager
    def preview(self) -> Iterator[Exchange]:
        """Take back, at the end of the block, everything that is done in it: orders, marks, time, accounts."""
        if self.engine.is_preview:
            raise ExchangeError("a preview is open already")
        time_us, accounts, trades = self.time_us, len(self._registry), self.trades
        named = self._named.copy()
        self.trades = trades.copy()
        self.engine.open_preview()
        try:
            yield self
        finally:
            self.engine.close_preview()
            self.time_us, self.trades, self._named = time_us, trades, named
            self._forget_listed()
            self._registry.forget(after=accounts)

    def preview_auction(self, account: Account, seconds: float) -> list[SliceTaken]:
        """Return what bids would take of an account, so many seconds into its auction, as prices and books are now.

        Nothing changes, but within a `preview` block what they take stays taken until its end.
        """
        if not self.engine.is_preview:
            with self.preview():
                return self.preview_auction(account, seconds)
        events = decode_events(self.engine.preview_auction(account.number, round(seconds * SECOND)))
        return read_slices(self.listing, self.get_account, events)

    # Compression.

    def propose_compression(self, market: str, sender: Account | None = None) -> Compression:
        """Return the circles of contracts that can be torn up in a perp market; nothing is done yet.

        Only contracts between accounts that allow compression count, and those of `sender`, which will send it.
        """
        return compute_compression(self, self.listing.market(market), 0 if sender is None else sender.number)

    def compress(self, compression: Compression, sender: Account) -> list[Result]:
        """Send a compression in the name of `sender`, in as many commands as it takes.  Raises Rejected."""
        return [sender.compress(compression.market, circles) for circles in compression.batches()]

    # Time and marks.

    @property
    def time(self) -> datetime:
        """The exchange's now."""
        return from_time(self.time_us)

    def step(self, **duration: float) -> list[Record]:
        """Let time pass: `step(hours=8)`, with the words of `timedelta`.  What is due on the way is done.

        Returns the raw events that it gave.
        """
        return self.at(self.time + timedelta(**duration))

    def at(self, when: datetime) -> list[Record]:
        """Let time pass until `when`.  What is due on the way is done.  Raises UnitError for a time gone by.

        Returns the raw events that it gave.
        """
        target = to_time(when)
        if target < self.time_us:
            raise UnitError(f"{when} has gone by: it is {self.time}")
        return [event for events in self.pass_time(target) for event in events]

    def pass_time(self, target_us: int) -> Iterator[tuple[Record, ...]]:
        """Let time pass until a time in microseconds; yield the events of each command that this takes."""
        while (due := self.read_row("venue", 1).next_due_us) <= target_us:
            yield self.send(Command(kind=codes.ADVANCE_TIME, time_us=max(due, self.time_us))).events
        yield self.send(Command(kind=codes.ADVANCE_TIME, time_us=target_us)).events

    def mark(self, asset: str, price: Amount, *, sources: int = 3, agreeing: int = 3) -> Result:
        """Set the mark of an asset, now, as the median of `sources` of which `agreeing` lie together."""
        return self.send(make_mark(self, asset, price, sources, agreeing))

    def marks(self, prices: Mapping[str, Amount]) -> None:
        """Set the marks of several assets."""
        for asset, price in prices.items():
            self.mark(asset, price)

    @property
    def prices(self) -> dict[str, Decimal]:
        """The mark of every asset that has one."""
        rows = [(asset, self.read_row("assets", asset.number).mark) for asset in self.listing.assets]
        return {asset.symbol: from_units(mark, MARK_DECIMALS) for asset, mark in rows if mark}

    @property
    def feeds(self) -> dict[str, str]:
        """The state of every asset's feed now: none, valid, stale, volatile, halted or suspended."""
        return {asset.symbol: FEEDS[self.engine.get_feed(asset.number)] for asset in self.listing.assets}

    def set_mode(self, mode: str, market: str | None = None, *, role: str = "administrator") -> Result:
        """Set the mode of a market, or of the venue: cancel_only, post_only or open.

        The administrator goes either way, the guardian only down.
        """
        return self.send(parameters.make_mode(self, mode, market, role))

    def quote(self, account: Account | str, ladders: Ladders, **options: Any) -> Result:
        """Replace an account's quotes; the same as its `quote`."""
        maker = self.account(account) if isinstance(account, str) else account
        return maker.quote(ladders, **options)

    def limit(
        self, account: Account, market: str, *, order: Amount = 0, position: Amount = 0, orders: int = 0,
        notional: Amount = 0, role: str = "administrator",
    ) -> Result:  # fmt: skip
        """Limit an account in a market as the venue; of its own limits and these the tighter holds.

        The guardian may only make them tighter.
        """
        return self.send(make_limits(self, codes.SET_VENUE_LIMITS, account.number, market, order, position, orders,
                                     notional, parameters.get_role(role)))  # fmt: skip

    def halt(self, asset: str, halted: bool = True, *, role: str = "administrator") -> Result:
        """Halt the feed of an asset, or let it run again, which the administrator does."""
        return self.send(parameters.make_halt(self, asset, halted, role))

    # Parameters.

    def propose(self, about: str | None = None, *, role: str = "administrator", **values: Amount) -> Result:
        """Propose new values for parameters of an asset, of a market, or of the venue.  Raises UnknownName.

        The fields are those of the genesis, those of a tier of fees under "tier 1"; all of one proposal belong to one
        guard, and change together.  What loosens waits, what tightens ramps or holds at once; `changes` has it.
        """
        return self.send(parameters.make_proposal(self, about, values, role))

    def end_market(self, market: str, *, role: str = "administrator") -> Result:
        """Propose the end of a market: after the delay its orders are cancelled, its perps closed, its loans due."""
        return self.send(parameters.make_end(self, market, role))

    def cancel_change(self, change: int, *, role: str = "administrator") -> Result:
        """Call a change off; where it has got to, it stays."""
        return self.send(parameters.make_cancel(change, role))

    def list_asset(self, symbol: str, decimals: int, group: str, **terms: Any) -> Result:
        """Propose a new asset, with the fields of an asset of the genesis; depth and holding cap are needed.

        A group that no asset has is a new one.  After the delay it is listed, and its holding cap rises from nothing.
        """
        self._check_new(symbol)
        asset = source.Asset(symbol=symbol, decimals=decimals, group=group, **terms)
        result = self.send(parameters.make_listed_asset(self, asset))
        self.name_listing(result.change, asset)
        return result

    def list_market(self, symbol: str, kind: str, asset: str, lot: str, *, fees_like: str | None = None,
                    **terms: Any) -> Result:  # fmt: skip
        """Propose a new market, with the fields of a market of the genesis and the fees of another market.

        After the delay it is listed, in prelaunch.
        """
        self._check_new(symbol)
        market = msgspec.convert({"symbol": symbol, "kind": kind, "asset": asset, "lot": lot, **terms}, source.Market)
        result = self.send(parameters.make_listed_market(self, market, fees_like))
        self.name_listing(result.change, market)
        return result

    @property
    def changes(self) -> list[Change]:
        """Every change of parameters under way, in the order they were proposed."""
        return parameters.read_changes(self, {number: named.symbol for number, named in self._named.items()})

    # Accounts and markets.

    def account(self, name: str, index: int = 0) -> Account:
        """Return an account, opened when it is new.

        The name is a 20-byte address ("0x..."), or any word: a word stands for an address of its own, the same one in
        every exchange.  Sub-accounts of one owner differ by index.
        """
        owner = get_address(name)
        found = self._registry.find(owner, index)
        if found is None:
            self.send(make_open(owner, index))
            found = self._registry.find(owner, index)
            assert found is not None
        return self._registry.call(found, name)

    def find_account(self, owner: str, index: int = 0) -> Account:
        """Return an owner's sub-account, by the owner's address or name.  Raises UnknownName when there is none."""
        found = self._registry.find(get_address(owner), index)
        if found is None:
            raise UnknownName(f"{owner} has no account {index}")
        return found

    @property
    def accounts(self) -> list[Account]:
        """Every account, in the order they were opened."""
        return self._registry.accounts

    def get_account(self, number: int) -> Account:
        """Return the account with a number.  Raises UnknownName."""
        return self._registry.get(number)

    def find_account_of(self, owner: int) -> int:
        """Return the number of the first account of an owner, given by its row.  Raises UnknownName."""
        for account in range(1, len(self.table("accounts"))):
            if self.read_row("accounts", account).owner == owner:
                return account
        raise UnknownName(f"there is no owner {owner}")

    def market(self, symbol: str) -> MarketView:
        """Return a view of a market.  Raises UnknownName."""
        return MarketView(self, self.listing.market(symbol))

    @property
    def markets(self) -> list[MarketView]:
        """A view of every market, in the order of the genesis."""
        return [MarketView(self, listed) for listed in self.listing.markets]

    def get_group(self, name: str) -> int:
        """Return the number of a risk group, by its name.  Raises UnknownName."""
        for asset in self.listing.assets:
            if asset.group == name and name:
                return int(self.read_row("assets", asset.number).group)
        names = dict.fromkeys(asset.group for asset in self.listing.assets if asset.group)
        raise UnknownName(f"there is no group {name!r}; there is {', '.join(names)}")

    @property
    def backstop(self) -> list[BackstopBid]:
        """Every bid of the backstop book, in the order in which auctions take them.  Raises UnknownName."""
        return list(read_backstop(self))

    def loan_curve(self, asset: str) -> list[CurveRate]:
        """Return the best rates to lend and to borrow an asset at, a tenor each, the shortest first."""
        books = [m for m in self.listing.markets if m.kind == "loan" and m.asset == self.listing.asset(asset)]
        return [
            CurveRate(timedelta(hours=book.tenor_hours), book.symbol, view.bid, view.ask)
            for book in sorted(books, key=lambda book: book.tenor_hours)
            for view in (MarketView(self, book),)
        ]

    @property
    def rungs(self) -> dict[str, Decimal]:
        """The venue's rungs as severities: initial, unwind, auction."""
        venue = self.read_row("venue", 1)
        return {name: from_units(getattr(venue, f"{name}_ppm"), 6) for name in ("initial", "unwind", "auction")}

    @property
    def states(self) -> dict[str, list[Account]]:
        """The accounts in each state that the exchange keeps: as its last look found them."""
        found: dict[str, list[Account]] = {state: [] for state in STATES}
        for number, state in enumerate(self.table("accounts")["state"].tolist()):
            if number:
                found[STATES[state]].append(self.get_account(number))
        return found

    # State.

    def table(self, name: str) -> np.ndarray:
        """Return a table of the core as a NumPy array that copies nothing and changes with the exchange."""
        return tables.view_table(self.engine.state, name)

    def frame(self, name: str) -> polars.DataFrame:
        """Return the rows of a table of the core that are in use, as a Polars frame."""
        return tables.make_frame(self.engine.state, name)

    def read_row(self, name: str, row: int) -> Any:
        """Return a copy of one row of a table."""
        table = tables.get_table(self.engine.state, name)
        return tables.get_record(name).from_buffer_copy(table.view(row, row + 1))

    def find_order(self, order: int) -> Any:
        """Return a copy of a resting order's row.  Raises UnknownName."""
        return self._find("orders", order)

    def find_loan(self, loan: int) -> Any:
        """Return a copy of a loan's row.  Raises UnknownName."""
        return self._find("loans", loan)

    def _find(self, name: str, identity: int) -> Any:
        number = identity & ((1 << 26) - 1)
        table = tables.get_table(self.engine.state, name)
        if 0 < number <= table.last_row():
            row = self.read_row(name, number)
            if row.id == identity:
                return row
        raise UnknownName(f"there is no {name.removesuffix('s')} {identity}")

    def get_resting_lots(self, order: int) -> int:
        """Return how many lots of an order rest; 0 when it does not."""
        try:
            return int(self.find_order(order).lots)
        except UnknownName:
            return 0

    def get_views(self, number: int) -> Views:
        """Return the reader of one account's rows."""
        return Views(self, number)

    def digest(self) -> str:
        """Return one hash over the whole state."""
        return compute_digest(self.engine.state)

    def snapshot(self) -> bytes:
        """Return the whole state as bytes."""
        return write_snapshot(self.engine)

    @classmethod
    def restore(cls, snapshot: bytes, genesis: Genesis | None = None) -> Exchange:
        """Return the exchange of a snapshot; the genesis it was opened with brings the names.

        Raises SnapshotError (a ValueError) for a damaged snapshot, GenesisError when the two do not belong together.
        """
        exchange = cls(genesis, engine=read_snapshot(snapshot))
        exchange._check_listing()
        return exchange

    def audit(self) -> list[str]:
        """Return one line for each broken invariant, led by its number in docs/spec/invariants.md; [] is well."""
        return list(compute_violations(self.engine))

    # Keeping up with events.

    def _note(self, events: list[Any]) -> None:
        for event in events:
            if event.kind == codes.TRADED:
                market = self.listing.market(event.market)
                self.trades.append(
                    Trade(
                        self.time,
                        market.symbol,
                        side_name(event.code),
                        market.from_ticks(event.price_ticks),
                        market.from_lots(event.lots),
                        event.account,
                        event.maker,
                    )  # fmt: skip
                )
            elif event.kind == codes.ACCOUNT_OPENED:
                self._registry.note(event)
            elif event.kind == codes.PARAMETER_CANCELLED:
                self._named.pop(event.change_id, None)
            elif event.kind in (codes.ASSET_LISTED, codes.MARKET_LISTED):
                self._note_listed(event)

    def _note_listed(self, event: Any) -> None:
        """Add what was listed to the genesis and to the names."""
        named = self._named.get(event.change_id)
        if isinstance(named, source.Asset):
            self.genesis = msgspec.structs.replace(self.genesis, assets=[*self.genesis.assets, named])
        elif named is not None:
            self.genesis = msgspec.structs.replace(self.genesis, markets=[*self.genesis.markets, named])
        self.listing.reload(self.genesis)

    def _forget_listed(self) -> None:
        """Forget the names of what a preview listed."""
        venue = self.read_row("venue", 1)
        self.genesis = msgspec.structs.replace(
            self.genesis, assets=self.genesis.assets[: venue.assets], markets=self.genesis.markets[: venue.markets]
        )  # fmt: skip
        self.listing.reload(self.genesis)

    def _check_new(self, symbol: str) -> None:
        """Raise GenesisError for a name that something has, or will have."""
        known = [*self.listing.assets, *self.listing.markets, *self._named.values()]
        if symbol in (one.symbol for one in known):
            raise GenesisError(f"{symbol}: the name is taken")

    def _check_listing(self) -> None:
        """Raise GenesisError unless the state lists what the genesis lists."""
        venue = self.read_row("venue", 1)
        if (venue.assets, venue.markets) != (len(self.listing.assets), len(self.listing.markets)):
            raise GenesisError("the snapshot has other assets or markets than the genesis")
        for asset in self.listing.assets:
            if self.read_row("assets", asset.number).decimals != asset.decimals:
                raise GenesisError(f"asset {asset.symbol}: the snapshot has other decimals than the genesis")
        for market in self.listing.markets:
            row = self.read_row("markets", market.number)
            if (row.asset, row.lot_quanta, row.tick_value) != (
                market.asset.number,
                market.lot_quanta,
                market.tick_value,
            ):
                raise GenesisError(f"market {market.symbol}: the snapshot has other units than the genesis")
