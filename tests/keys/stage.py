"""A venue that takes commands in envelopes only, where one command of every kind can be sent about one account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from tests.exchange.venues import SMALL
from worldmarkets import Exchange
from worldmarkets.core import codes as c
from worldmarkets.core.codec import COMMANDS
from worldmarkets.core.records import Command, Record
from worldmarkets.exchange import Account, Result, load_genesis
from worldmarkets.exchange.addresses import get_address, split_address
from worldmarkets.exchange.keys import KINDS
from worldmarkets.exchange.registry import make_open

ADMINISTRATOR, GUARDIAN = "0x" + "a1" * 20, "0x" + "b2" * 20
BOOK, PERP = "ETH/USDM", "ETH-PERP"


def open_signed(**venue: Any) -> Exchange:
    """The packaged venue, where signatures are required, with marks."""
    genesis = load_genesis()
    fields = {"requires_signatures": True, "administrators": [ADMINISTRATOR], "guardians": [GUARDIAN], **venue}
    genesis = msgspec.structs.replace(genesis, venue=msgspec.structs.replace(genesis.venue, **fields))
    exchange = Exchange(genesis, capacity=SMALL)
    exchange.marks({"BTC": "60000", "ETH": "2000", "stETH": "2000", "SOL": "150", "USDC": "1", "MEGA": "0.4"})
    return exchange


def enter(exchange: Exchange, name: str, **amounts: str) -> Account:
    """An account with balances."""
    account = exchange.account(name)
    for asset, amount in amounts.items():
        account.deposit(asset, amount)
    return account


def send(exchange: Exchange, signer: str, *commands: Record, **options: Any) -> Result:
    """Send a command in an envelope of a signer, and return its result, whatever it is."""
    return exchange.submit(*exchange.envelope(signer, *commands, **options))


def collect(account: Account, method: str, *arguments: Any, **options: Any) -> Record:
    """The command that a method of an account would send."""
    bundle = account.bundle()
    getattr(bundle, method)(*arguments, **options)
    return bundle.commands[0]


class Stage:
    """Alice with two orders, a perp against Bob and a loan from him; a filled venue around them."""

    def __init__(self) -> None:
        self.exchange = exchange = open_signed()
        self.alice = enter(exchange, "alice", USDM="100000", ETH="10")
        self.bob = enter(exchange, "bob", USDM="100000", ETH="10")
        self.orders = [self.place("alice", self.alice, BOOK, "buy", "1", price).order for price in ("1500", "1400")]
        self.place("bob", self.bob, PERP, "sell", "1", "2000")
        self.perp = self.place("alice", self.alice, PERP, "buy", "1", "2000").contracts[0]
        self.place("bob", self.bob, "USDM-LOAN-10D", "sell", "2000", "5%")
        self.loan = self.place("alice", self.alice, "USDM-LOAN-10D", "buy", "2000", "5%").contracts[0]
        send(exchange, "alice", self.make(c.SET_PROTECTION, market=2, max_lots=10**9, interval_ms=1000))
        for name in ("trader", "idle", "expired", "revoked"):
            self.delegate(name)
        self.act("revoke", "revoked")
        exchange.step(seconds=2)

    def act(self, method: str, *arguments: Any, **options: Any) -> Result:
        """Send what a method of Alice's account sends, in an envelope of hers."""
        bundle = self.alice.bundle()
        getattr(bundle, method)(*arguments, **options)
        result = send(self.exchange, "alice", *make_bundle(self, *bundle.commands))
        assert result.accepted, result.message
        return result

    def delegate(self, name: str) -> None:
        """Let a key do all that a delegate can, but for an idle one, which may do nothing."""
        ends = self.exchange.time + (timedelta(seconds=1) if name == "expired" else timedelta(days=9))
        if name == "idle":
            self.act("delegate", name, ends)
        else:
            self.act("delegate", name, ends, kinds=tuple(KINDS), markets="all", order="unlimited", day="unlimited",
                     loss="unlimited", floor="unlimited")  # fmt: skip

    def place(self, signer: str, account: Account, *order: str) -> Result:
        """Place an order in an envelope."""
        result = send(self.exchange, signer, collect(account, "order", *order))
        assert result.accepted, result.message
        return result

    def make(self, kind: int, **fields: int) -> Record:
        """A command about Alice's account."""
        return COMMANDS[kind](kind=kind, **{"account": self.alice.number, **fields})

    def make_key(self, kind: int, name: str, **fields: int) -> Record:
        """A command about a delegate key of Alice's account."""
        high, middle, low = split_address(get_address(name))
        return self.make(kind, key_high=high, key_middle=middle, key_low=low, **fields)


def make_bundle(stage: Stage, *legs: Record) -> list[Record]:
    """A bundle of Alice's."""
    return [Command(kind=c.BUNDLE, account=stage.alice.number, count=len(legs)), *legs]


# One command of every kind; whoever may send it, sends it with success.
COMMAND_OF: dict[int, Callable[[Stage], list[Record]]] = {
    c.OPEN_ACCOUNT: lambda s: [make_open(s.alice.owner, 7)],
    c.DEPOSIT: lambda s: [s.make(c.DEPOSIT, asset=1, amount=10)],
    c.WITHDRAW: lambda s: [s.make(c.WITHDRAW, asset=1, amount=10)],
    c.PLACE_BID: lambda s: [collect(s.alice, "bid_backstop", "100", "0.05")],
    c.TRANSFER: lambda s: [s.make(c.TRANSFER, asset=1, amount=10, to=s.bob.number)],
    c.SET_MARK: lambda s: [s.make(c.SET_MARK, account=0, asset=2, price=6 * 10**12, sources=3, agreeing=3,
                                  source_time_us=s.exchange.time_us)],
    c.ADVANCE_TIME: lambda s: [s.make(c.ADVANCE_TIME, account=0)],
    c.CONFIGURE_ACCOUNT: lambda s: [s.make(c.CONFIGURE_ACCOUNT, setting=c.GIVE_UP, value=c.OLDEST_FIRST)],
    c.PLACE_ORDER: lambda s: [collect(s.alice, "buy", BOOK, "1", "1600")],
    c.CANCEL_ORDER: lambda s: [collect(s.alice, "cancel", s.orders[0])],
    c.CANCEL_ALL: lambda s: [collect(s.alice, "cancel_all")],
    c.AMEND_ORDER: lambda s: [collect(s.alice, "amend", s.orders[0], "0.5")],
    c.PAIR_ORDERS: lambda s: [collect(s.alice, "pair", *s.orders)],
    c.SET_DEAD_MAN: lambda s: [s.make(c.SET_DEAD_MAN, timeout_us=10**7)],
    c.TRUE_UP: lambda s: [collect(s.alice, "true_up", s.perp)],
    c.REPAY_LOAN: lambda s: [collect(s.alice, "repay", s.loan)],
    c.EXTEND_LOAN: lambda s: [collect(s.alice, "extend", s.loan, "9%")],
    c.EXIT_LOAN: lambda s: [collect(s.alice, "exit_loan", s.loan, "9%")],
    c.RENEW_LOAN: lambda s: [collect(s.alice, "renew", s.loan)],
    c.CONFIGURE_LOAN: lambda s: [collect(s.alice, "configure_loan", s.loan, steps=["repay"])],
    c.BUNDLE: lambda s: make_bundle(s, collect(s.alice, "cancel", s.orders[0])),
    c.SET_POLICY: lambda s: [s.make(c.SET_POLICY, max_exposure=10**9)],
    c.SET_COUNTERPARTY: lambda s: [s.make(c.SET_COUNTERPARTY, other=s.bob.number, action=c.DENY_COUNTERPARTY)],
    c.SET_MARKET_MODE: lambda s: [s.make(c.SET_MARKET_MODE, account=0, market=2, value=c.CANCEL_ONLY)],
    c.SET_FEED: lambda s: [s.make(c.SET_FEED, account=0, asset=3, value=c.FEED_HALTED)],
    c.COMPRESS: lambda s: [s.make(c.COMPRESS, count=1), s.make(c.COMPRESS, contract_id=s.perp, amount=1)],
    c.MASS_QUOTE: lambda s: [s.make(c.MASS_QUOTE, count=1), s.make(c.QUOTE, market=2, lots=100, price_ticks=1)],
    c.QUOTE: lambda s: [s.make(c.QUOTE, market=2, lots=100, price_ticks=1)],
    c.SET_PROTECTION: lambda s: [s.make(c.SET_PROTECTION, market=2, max_lots=10**6, interval_ms=1000)],
    c.RESET_PROTECTION: lambda s: [s.make(c.RESET_PROTECTION, market=2)],
    c.SET_LIMITS: lambda s: [s.make(c.SET_LIMITS, market=2, max_order_lots=10**9)],
    c.SET_VENUE_LIMITS: lambda s: [s.make(c.SET_VENUE_LIMITS, market=2, max_order_lots=10**9)],
    c.PROPOSE_CHANGE: lambda s: [s.make(c.PROPOSE_CHANGE, account=0, guard=c.VENUE_DELAY, a=1)],
    c.CANCEL_CHANGE: lambda s: [s.make(c.CANCEL_CHANGE, account=0, contract_id=1)],
    c.LIST_ASSET: lambda s: [s.make(c.LIST_ASSET, account=0)],
    c.LIST_MARKET: lambda s: [s.make(c.LIST_MARKET, account=0)],
    c.SIGNED: lambda s: s.exchange.envelope("alice", s.make(c.CANCEL_ALL), nonce=10**9),
    c.ADD_KEY: lambda s: [s.make_key(c.ADD_KEY, "new", expiry_us=10**16)],
    c.SET_MANDATE: lambda s: [s.make_key(c.SET_MANDATE, "idle", field=c.TERM_ORDER, value=1)],
    c.REVOKE_KEY: lambda s: [s.make_key(c.REVOKE_KEY, "idle")],
    c.STAKE: lambda s: [collect(s.alice, "stake", "10")],
    c.UNSTAKE: lambda s: [collect(s.alice, "unstake", "1")],
    c.SET_COVER: lambda s: [collect(s.alice, "cover")],
    c.SET_PLAN: lambda s: [s.make(c.SET_PLAN, count=1), s.make(c.PLAN_STEP, step=c.PLAN_CANCEL, subject=1)],
    c.PLAN_STEP: lambda s: [s.make(c.PLAN_STEP, step=c.PLAN_CANCEL, subject=1)],
}  # fmt: skip
