"""A random campaign against the exchange: a venue, a generator of commands, and what has to hold after each.

Everything random comes from one number.  A chapter is one engine from its genesis on: a seed and a count of commands.
`World` is an engine with its tables as arrays; `Generator` looks at the tables to send what has a chance to matter, and
now and then what has none; `Chapter` runs both beside the naive exchange and checks the invariants.
"""

from __future__ import annotations

import hashlib
import os
import random
import struct
import subprocess
import sys
import zlib
from collections import Counter, deque, namedtuple
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.models.naive_portfolio import Asset as NaiveAsset
from tests.models.naive_portfolio import Exchange as NaiveExchange
from tests.models.naive_portfolio import Market as NaiveMarket
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.engine import Engine

MILLION = 10**6
SECOND = 10**6
HOUR = 3_600 * SECOND
START_US = 1_700_000_000_000_000
USDM, BTC, ETH, STETH, USDC, UNMARKED = range(1, 7)
LIVE = 1 << 26  # an id below is a link of a free list
CAPACITY = {"nodes": 1 << 16, "children": 1 << 22, "levels": 1 << 22, "orders": 1 << 20, "clients": 1 << 20}

LETTERS = {"i64": "q", "u64": "Q", "i32": "i", "u32": "I", "u16": "H", "u8": "B"}
NAMES = list(vars(c))
KIND_NAMES = {getattr(c, name): name for name in NAMES[NAMES.index("OPEN_ACCOUNT") : NAMES.index("COMMAND_KINDS")]}
CODE_NAMES = {getattr(c, name): name for name in NAMES[NAMES.index("OK") : NAMES.index("RESULT_CODES")]}
REASON_NAMES = {value: name for name, value in vars(c).items() if name.startswith("REASON_")}
CAUSE_NAMES = {c.OPENED: "OPENED", c.TORN_UP: "TORN_UP", c.REPAIRED: "REPAIRED", c.CROSSED: "CROSSED",
               c.CIRCLED: "CIRCLED"}  # fmt: skip

EVENT_RECORDS = {
    c.ACCOUNT_OPENED: r.AccountOpened, c.DEPOSITED: r.FundsMoved, c.WITHDRAWN: r.FundsMoved,
    c.TRANSFERRED: r.FundsMoved, c.MARK_SET: r.MarkSet, c.TIME_ADVANCED: r.Event, c.ACCOUNT_CONFIGURED: r.Switched,
    c.ORDER_PLACED: r.OrderPlaced, c.ORDER_CANCELLED: r.OrderCancelled, c.ORDER_AMENDED: r.OrderAmended,
    c.TRADED: r.Traded, c.PERP_CHANGED: r.PerpChanged, c.TRUED_UP: r.TruedUp, c.LOAN_OPENED: r.LoanOpened,
    c.LOAN_REPAID: r.LoanRepaid, c.LOAN_EXTENDED: r.LoanExtended, c.FUNDING_SET: r.FundingSet,
    c.MARKET_MODE_SET: r.Switched, c.FEED_SET: r.Switched, c.BUNDLE_APPLIED: r.Event, c.REPEATED: r.Repeated,
    c.COMPRESSED: r.Compressed,
    c.WORK_DEFERRED: r.WorkDeferred, c.QUOTE_REFUSED: r.QuoteRefused, c.QUOTED: r.Quoted,
    c.PROTECTION_SET: r.ProtectionSet, c.PROTECTION_TRIPPED: r.ProtectionTripped, c.PROTECTION_RESET: r.Event,
    c.LIMITS_SET: r.LimitsSet, c.REJECTED: r.Rejected, c.ACCOUNT_STATE: r.AccountState,
    c.UNCHANGED: r.Event,
    c.WORK_DONE: r.WorkDone, c.ORDER_TRIGGERED: r.OrderTriggered, c.ORDERS_PAIRED: r.OrdersPaired,
    c.DEAD_MAN_SET: r.DeadManSet,
    c.POLICY_SET: r.PolicySet, c.COUNTERPARTY_SET: r.CounterpartySet,
    c.UNCHANGED: r.Event, c.PARAMETER_PROPOSED: r.ParameterChanged, c.PARAMETER_CHANGED: r.ParameterChanged,
    c.PARAMETER_CANCELLED: r.ParameterChanged, c.ASSET_LISTED: r.Listed, c.MARKET_LISTED: r.Listed,
    c.MARKET_SETTLED: r.MarketSettled,
    c.LOAN_MOVED: r.LoanMoved, c.INTEREST_SHARED: r.InterestShared, c.LOAN_OVERDUE: r.LoanOverdue,
    c.LOAN_CONFIGURED: r.LoanConfigured, c.LOAN_DELIVERED: r.LoanDelivered,
    c.STAKE_CHANGED: r.StakeChanged, c.COVER_SET: r.CoverSet, c.COVER_CHARGED: r.CoverCharged,
    c.CLOSE_OUT_BEGUN: r.CloseOutBegun, c.CLOSE_OUT_COUNTED: r.CloseOutCounted,
    c.STEP_ENDED: r.StepEnded, c.PLAN_SET: r.PlanSet, c.MARGIN_CALLED: r.MarginCalled, c.MARGIN_CURE: r.MarginCure,
    c.CONTRACT_COUNTED: r.ContractCounted, c.CLAIM_PAID: r.ClaimPaid, c.CLOSE_OUT_DONE: r.CloseOutDone,
}  # fmt: skip


def make_struct(record):
    shape = struct.Struct("<" + "".join(LETTERS[kind] for _, kind in record.fields()))
    names = [name for name, _ in record.fields()]
    return shape, namedtuple(record.__name__, names), names


def make_dtype(record):
    return np.dtype([(name, f"<{kind[0]}{int(kind[1:]) // 8}") for name, kind in record.fields()])


EVENT_SHAPES = {kind: make_struct(record) for kind, record in EVENT_RECORDS.items()}
COMMAND_SHAPES = {record: make_struct(record) for record in (r.Command, *r.COMMANDS)}
DTYPES = {name: make_dtype(record) for name, record in r.TABLES}


def encode(record, **values) -> bytes:
    """Return a command of 64 bytes; fields not named are zero."""
    shape, _, names = COMMAND_SHAPES[record]
    assert not values.keys() - set(names), values.keys() - set(names)
    return shape.pack(*[values.get(name, 0) for name in names])


def decode(command: bytes):
    """Return a command as the record that its kind asks for."""
    kind = command[16]
    if kind == c.OPEN_ACCOUNT:
        record = r.OpenAccount
    elif kind in (c.DEPOSIT, c.WITHDRAW, c.TRANSFER):
        record = r.Funds
    elif kind == c.SET_MARK:
        record = r.SetMark
    elif kind in (c.CONFIGURE_ACCOUNT, c.SET_MARKET_MODE, c.SET_FEED):
        record = r.Switch
    elif kind == c.PLACE_ORDER:
        record = r.PlaceOrder
    elif kind in (c.CANCEL_ORDER, c.CANCEL_ALL, c.AMEND_ORDER):
        record = r.OrderChange
    elif kind == c.PAIR_ORDERS:
        record = r.OrderPair
    elif kind == c.SET_DEAD_MAN:
        record = r.Timeout
    elif kind in (c.TRUE_UP, c.REPAY_LOAN, c.EXTEND_LOAN, c.COMPRESS, c.CONFIGURE_LOAN):
        record = r.ContractChange
    else:
        record = r.Command
    shape, name, _ = COMMAND_SHAPES[record]
    return name._make(shape.unpack(command))


def read_events(data: bytes) -> list:
    """Return encoded events as named tuples."""
    events = []
    for start in range(0, len(data), 64):
        shape, name, _ = EVENT_SHAPES[data[start + 8]]
        events.append(name._make(shape.unpack_from(data, start)))
    return events


@dataclass(frozen=True)
class Genesis:
    """What chapters differ in."""

    max_fills: int = 1_024
    has_fees: bool = True
    has_ladder: bool = False

    @classmethod
    def of(cls, seed: int) -> Genesis:
        return cls(max_fills=1_024 if seed % 3 else 4, has_fees=seed % 4 != 1)


ASSETS = (
    {"decimals": 6, "group": 1},
    {"decimals": 8, "group": 2, "price_shock_ppm": 100_000, "slippage_ppm": 3_000},
    {"decimals": 8, "group": 3, "price_shock_ppm": 120_000, "slippage_ppm": 4_000, "basis_ppm": 5_000,
     "depth": 10**13, "minimum_principal": 3 * 10**6},
    {"decimals": 8, "group": 3, "price_shock_ppm": 120_000, "slippage_ppm": 8_000, "basis_ppm": 15_000,
     "depth": 20_000 * 10**6, "holding_cap": 50_000 * 10**6},
    {"decimals": 6, "group": 4, "price_shock_ppm": 20_000, "slippage_ppm": 1_000, "basis_ppm": 2_000,
     "depth": 10**13, "collateral_cap": 400_000 * 10**6},
    {"decimals": 8, "group": 5, "price_shock_ppm": 400_000, "slippage_ppm": 30_000},
)  # fmt: skip
FEES = {"maker_ppm": 500, "taker_ppm": 1_000, "fee_cap": 2_000_000}
REBATE = {"maker_ppm": -400, "taker_ppm": 1_000, "fee_cap": 1_000_000}
MARKETS = (
    {"kind": c.SPOT, "asset": BTC, "lot_quanta": 10**5, "tick_value": 15_000, **FEES},
    {"kind": c.SPOT, "asset": ETH, "lot_quanta": 10**6, "tick_value": 10_000, **REBATE},
    {"kind": c.SPOT, "asset": STETH, "lot_quanta": 10**6, "tick_value": 10_000, **FEES},
    {"kind": c.SPOT, "asset": USDC, "lot_quanta": 10**6, "tick_value": 500, **FEES},
    {"kind": c.PERP, "asset": BTC, "lot_quanta": 10**5, "tick_value": 15_000, "open_interest_cap": 9_000, **FEES},
    {"kind": c.PERP, "asset": ETH, "lot_quanta": 10**6, "tick_value": 10_000, "minimum_lots": 2, **REBATE},
    {"kind": c.PERP, "asset": STETH, "lot_quanta": 10**6, "tick_value": 10_000, **FEES},
    {"kind": c.LOAN, "asset": USDM, "lot_quanta": 10**6, "tenor_hours": 240},
    {"kind": c.LOAN, "asset": USDM, "lot_quanta": 10**6, "tenor_hours": 24},
    {"kind": c.LOAN, "asset": ETH, "lot_quanta": 10**6, "tenor_hours": 240},
    {"kind": c.LOAN, "asset": BTC, "lot_quanta": 10**5, "tenor_hours": 24},
    {"kind": c.SPOT, "asset": UNMARKED, "lot_quanta": 10**6, "tick_value": 10_000},
)
SPOT_ETH, PERP_BTC, PERP_ETH, PERP_STETH, LOAN_USDM = 2, 5, 6, 7, 8
LOANS_USDM = (8, 9)
FIRST_MARKS = {BTC: 30_000_12345678, ETH: 2_000_98765432, STETH: 1_990_55555555, USDC: 99_991_234}


class World:
    """An engine, and its tables as arrays."""

    def __init__(self, genesis: Genesis, assets=ASSETS, markets=MARKETS, capacity=None):
        self.engine = Engine({**CAPACITY, **(capacity or {})})
        self.state = self.engine.state
        self.state.open()
        governance = self.engine.governance
        governance.open_venue(START_US, max_fills=genesis.max_fills, has_ladder=genesis.has_ladder)
        for _ in range(max(asset["group"] for asset in assets)):
            governance.add_group()
        for asset in assets:
            governance.add_asset(**asset)
        self.market_terms = []
        for terms in markets:
            if not genesis.has_fees:
                terms = {**terms, "maker_ppm": 0, "taker_ppm": 0}
            self.market_terms.append(terms)
            governance.add_market(**terms)
        self.asset_terms = assets
        self.tables = {name: getattr(self.state, name, None) for name, _ in r.TABLES}
        for number, (name, _) in enumerate(r.TABLES):
            self.tables[name] = self.state.all[number]
        self.apply = self.engine.apply

    def rows(self, name: str) -> np.ndarray:
        """Return a table from row 0 on, not copied."""
        number = r.TABLE_IDS[name]
        table = self.tables[name]
        used = np.frombuffer(self.tables["pools"].view(number, number + 1), DTYPES["pools"])["used"][0]
        return np.frombuffer(table.view(0, int(used) + 1), DTYPES[name])

    def live(self, name: str) -> np.ndarray:
        """Return the rows in use of a table whose rows have ids."""
        rows = self.rows(name)
        return rows[rows["id"] >= LIVE]

    def digest(self, whole: bool = False) -> int:
        """Return a checksum of every table, without sequence and time unless it is to be `whole`."""
        used = np.frombuffer(self.tables["pools"].view(0, len(r.TABLES)), DTYPES["pools"])["used"].tolist()
        total = 0
        for number, table in enumerate(self.state.all):
            if number == 1 and not whole:
                total = zlib.crc32(bytes(table.view(1, 2))[16:], total)
            else:
                total = zlib.crc32(table.view(0, used[number] + 1), total)
        return total

    def dump(self) -> dict[str, bytes]:
        """Return the bytes of every table."""
        return {name: self.rows(name).tobytes() for name, _ in r.TABLES}

    def preview(self, data: bytes) -> bytes:
        self.engine.open_preview()
        events = self.apply(data)
        self.engine.close_preview()
        return events

    def accounts(self) -> int:
        return len(self.rows("accounts")) - 1

    def values(self, severity_ppm: int) -> list[int]:
        """Return V of every account at a severity."""
        get = self.engine.get_value
        return [get(account, severity_ppm) for account in range(1, self.accounts() + 1)]

    def make_model(self) -> NaiveExchange:
        """Return the naive exchange with the same genesis."""
        assets = {}
        for number, terms in enumerate(self.asset_terms, 1):
            terms = {key: value for key, value in terms.items() if key != "collateral_cap"}
            assets[number] = NaiveAsset(**terms)
            if assets[number].depth and not assets[number].holding_cap:
                rules = assets[number]
                rules.holding_cap = rules.depth * (MILLION - rules.price_shock_ppm) // (2 * rules.slippage_ppm)
        markets = {}
        for number, terms in enumerate(self.market_terms, 1):
            known = NaiveMarket.__dataclass_fields__
            markets[number] = NaiveMarket(**{key: value for key, value in terms.items() if key in known})
        return NaiveExchange(assets, markets, now_us=START_US, numeraire_loan_market=LOAN_USDM)


class Generator:
    """Commands with a purpose, and some without."""

    def __init__(self, world: World, seed: int, owners: int = 6, is_calm: bool = False):
        self.world = world
        self.is_calm = is_calm  # the clock stands and marks stay
        self.random = random.Random(seed)
        self.now = START_US
        self.owners = owners
        self.client = 0
        self.queue: deque[list[bytes]] = deque()
        for owner in range(1, owners + 1):
            for index in range(2):
                self.queue.append([self.open_account(owner, index)])
        for account in range(1, 2 * owners + 1):
            # at its due time a loan is overdue at once: what else may be done then is in test_loans.py
            self.queue.append([self.encode(r.ContractChange, c.CONFIGURE_LOAN, account, amount=c.STEP_NONE)])
            self.queue.append([self.funds(c.DEPOSIT, account, USDM, self.random.randrange(5_000, 40_000) * 10**6)])
            for asset, most in ((BTC, 5 * 10**7), (ETH, 5 * 10**8), (STETH, 5 * 10**8), (USDC, 10**10)):
                if self.random.random() < 0.6:
                    self.queue.append([self.funds(c.DEPOSIT, account, asset, self.random.randrange(1, most))])
        for asset, mark in FIRST_MARKS.items():
            self.queue.append([self.set_mark(asset, mark)])

    def next(self) -> list[bytes]:
        """Return the records of the next command."""
        if self.queue:
            return self.queue.popleft()
        self.pass_time()
        if self.queue:
            return self.queue.popleft()
        draw = self.random.random()
        if draw < 0.47:
            return [self.place()]
        if draw < 0.53:
            return [self.change_order()]
        if draw < 0.62:
            return [self.place() if self.is_calm else self.move_mark()]
        if draw < 0.65:
            return [self.move_funds(c.DEPOSIT)]
        if draw < 0.71:
            return [self.move_funds(self.random.choice((c.WITHDRAW, c.WITHDRAW, c.TRANSFER)))]
        if draw < 0.77:
            return [self.true_up()]
        if draw < 0.85:
            return [self.change_loan()]
        if draw < 0.90:
            return self.bundle()
        if draw < 0.915:
            return [self.rescue()]
        if draw < 0.935:
            return self.go_to_the_edge()
        if draw < 0.945:
            return [self.switch()]
        if draw < 0.955:
            return [self.encode(r.Switch, c.CONFIGURE_ACCOUNT, self.account(), value=self.random.randrange(2))]
        if draw < 0.97:
            return [self.encode(r.Command, c.ADVANCE_TIME)]
        if draw < 0.99:
            return self.nonsense()
        return self.probe()

    # Pieces.

    def encode(self, record, kind, account=0, **values) -> bytes:
        return encode(record, time_us=self.now, kind=kind, account=account, **values)

    def open_account(self, owner: int, index: int) -> bytes:
        return self.encode(r.OpenAccount, c.OPEN_ACCOUNT, owner_high=owner, owner_middle=7, owner_low=9, index=index)

    def funds(self, kind: int, account: int, asset: int, amount: int, to: int = 0) -> bytes:
        return self.encode(r.Funds, kind, account, asset=asset, amount=amount, to=to)

    def set_mark(self, asset: int, price: int, sources: int = 3, agreeing: int = 3, age_us: int = 0) -> bytes:
        return self.encode(r.SetMark, c.SET_MARK, asset=asset, price=price, source_time_us=self.now - age_us,
                           sources=sources, agreeing=agreeing)  # fmt: skip

    def account(self) -> int:
        return self.random.randrange(1, 2 * self.owners + 1)

    def mark(self, asset: int) -> int:
        return int(self.world.rows("assets")["mark"][asset])

    def reference(self, market: int) -> int:
        """Return the price in ticks to trade around."""
        terms = self.world.market_terms[market - 1]
        if terms["kind"] == c.LOAN:
            return 500
        asset = self.world.asset_terms[terms["asset"] - 1]
        worth = self.mark(terms["asset"]) * terms["lot_quanta"] * 10**6 // (10**8 * 10 ** asset["decimals"])
        return max(worth // terms["tick_value"], 10)

    def pass_time(self) -> None:
        """Let time go on: mostly not at all, sometimes by hours, and then every feed has to speak again."""
        draw = self.random.random()
        if draw < 0.75 or self.is_calm:
            return
        if draw < 0.985:
            self.now += self.random.randrange(2 * SECOND)
            ages = self.now - self.world.rows("assets")["mark_time_us"][BTC:UNMARKED]
            oldest = int(ages.argmax())
            if ages[oldest] > 20 * SECOND and self.random.random() < 0.9:
                asset = BTC + oldest
                price = self.mark(asset) * self.random.randrange(9_990, 10_011) // 10_000
                self.queue.append([self.set_mark(asset, price)])
            return
        self.queue.extend(self.wake(self.random.choice((40 * SECOND, HOUR, HOUR, 5 * HOUR, 8 * HOUR, 30 * HOUR))))

    def wake(self, passed_us: int) -> list[list[bytes]]:
        """Let time pass, and the feeds speak again; now and then one stays silent."""
        mark = {asset: self.mark(asset) for asset in FIRST_MARKS}
        self.now += passed_us
        commands = [[self.encode(r.Command, c.ADVANCE_TIME)]]
        for asset, was in mark.items():
            if self.random.random() > 0.03:
                commands.append([self.set_mark(asset, was + self.random.randrange(-(10**6), 10**6))])
        return commands

    # Commands.

    def place(self, account: int = 0) -> bytes:
        pick = self.random.random
        markets = (5, 6, 7, 6, 7, 5, 6, 1, 2, 3, 4, 8, 8, 9, 10, 11)
        market = self.random.choice(markets)
        kind = self.world.market_terms[market - 1]["kind"]
        side = self.random.randrange(2)
        spread = 120 if kind == c.LOAN else self.random.choice((2, 6, 40))
        price = self.reference(market) + self.random.randint(-spread, spread)
        lots = int(2 ** self.random.uniform(1, 13))
        flags = 0
        time_in_force = self.random.choice((0, 0, 0, 0, 1, 2, 3))
        expiry = self.now + self.random.choice((SECOND, 10 * SECOND, HOUR)) if time_in_force == 3 else 0
        if pick() < 0.08 and time_in_force in (0, 3):
            flags |= c.POST_ONLY | (c.SLIDE if pick() < 0.5 else 0)
        if kind == c.PERP and pick() < 0.2:
            flags |= c.REDUCE_ONLY
        if kind != c.LOAN and time_in_force in (1, 2) and pick() < 0.3:
            flags |= c.MARKET
            price = self.random.choice((1_000, 10_000, 100_000))
        if kind == c.LOAN and side == c.SELL and pick() < 0.25:
            flags |= c.NO_RELEND
        client = 0
        if pick() < 0.1:
            self.client += 1
            client = self.client if pick() < 0.8 else self.random.randrange(1, self.client + 1)
        values = {
            "market": market, "side": side, "time_in_force": time_in_force, "flags": flags, "price_ticks": price,
            "lots": lots, "client_id": client, "expiry_us": expiry, "self_trade": self.random.choice((0, 0, 1, 2, 3)),
        }  # fmt: skip
        if kind != c.LOAN and pick() < 0.08:
            self.wait_for_mark(values)
        if pick() < 0.03:
            self.spoil(values)
        return self.encode(r.PlaceOrder, c.PLACE_ORDER, account or self.account(), **values)

    def wait_for_mark(self, values: dict) -> None:
        """Give an order a trigger near the mark, mostly ahead of it."""
        if values["flags"] & c.POST_ONLY and self.random.random() < 0.9:
            return
        if self.random.random() < 0.5:
            values["flags"] |= c.TAKE_PROFIT
        is_up = (values["side"] == c.BUY) != bool(values["flags"] & c.TAKE_PROFIT)
        reference = self.reference(values["market"])
        away = 1 + int(reference * self.random.random() * 0.01)
        ahead = self.random.random() < 0.9
        values["trigger_ticks"] = max(reference + (away if is_up == ahead else -away), 1)

    def tie_orders(self) -> bytes:
        """Pair two orders, mostly of one account and market, or set a dead man's switch."""
        if self.random.random() < 0.15:
            timeout = self.random.choice((0, SECOND, 5 * SECOND, 60 * SECOND, HOUR, 1, 25 * HOUR))
            return self.encode(r.Timeout, c.SET_DEAD_MAN, self.account(), timeout_us=timeout)
        orders = self.world.live("orders")
        resting = orders[orders["account"] > 0]
        if not len(resting):
            return self.encode(r.OrderPair, c.PAIR_ORDERS, self.account(), order_id=1, other_id=2)
        one = resting[self.random.randrange(len(resting))]
        others = resting[(resting["account"] == one["account"]) & (resting["market"] == one["market"])]
        if self.random.random() < 0.1:
            others = resting
        other = others[self.random.randrange(len(others))]
        return self.encode(r.OrderPair, c.PAIR_ORDERS, int(one["account"]), order_id=int(one["id"]),
                           other_id=int(other["id"]))  # fmt: skip

    def spoil(self, values: dict) -> None:
        """Make an order wrong in one way."""
        name, value = self.random.choice((
            ("market", 12), ("market", 13), ("market", 0), ("side", 2), ("side", 255), ("time_in_force", 4),
            ("flags", c.SLIDE), ("flags", c.POST_ONLY | c.MARKET), ("flags", 64), ("flags", c.RETURNED),
            ("flags", c.MARKET | c.POST_ONLY), ("price_ticks", 0), ("price_ticks", (1 << 24) - 1),
            ("price_ticks", 2**32 - 1), ("lots", 0), ("lots", -5), ("lots", -(2**63)), ("lots", 2**63 - 1),
            ("lots", 10**14 + 1), ("lots", 10**14), ("lots", 1), ("client_id", -1), ("self_trade", 4),
            ("expiry_us", 1), ("borrow_rate_bp", 1),
        ))  # fmt: skip
        values[name] = value
        if name == "expiry_us":
            values["time_in_force"] = c.GOOD_TILL_TIME
        if name == "lots" and value == 1:
            values["market"] = PERP_ETH
        if name == "flags" and value & c.MARKET or self.random.random() < 0.05:
            values.update(price_ticks=self.random.choice((0, 10**6 + 1)), flags=c.MARKET, time_in_force=1, market=6)

    def change_order(self) -> bytes:
        """Cancel, amend or tie, mostly one's own."""
        if self.random.random() < 0.25:
            return self.tie_orders()
        orders = self.world.live("orders")
        resting = orders[orders["account"] > 0]
        draw = self.random.random()
        if draw < 0.04:
            return self.encode(r.OrderChange, c.CANCEL_ALL, self.account(), market=self.random.choice((0, 0, 6, 7, 13)),
                               side=self.random.randrange(3))  # fmt: skip
        if not len(resting) or draw < 0.08:
            return self.encode(r.OrderChange, c.CANCEL_ORDER, self.account(), order_id=self.random.getrandbits(40))
        order = resting[self.random.randrange(len(resting))]
        account = int(order["account"]) if self.random.random() < 0.95 else self.account()
        name = {"order_id": int(order["id"])}
        if order["client"] and self.random.random() < 0.5:
            name = {"client_id": int(self.world.rows("clients")["client_id"][order["client"]])}
        if draw < 0.5:
            return self.encode(r.OrderChange, c.CANCEL_ORDER, account, **name)
        lots = max(int(order["lots"] * self.random.choice((0.3, 0.5, 1, 1, 1.5))), 1)
        price = int(order["price_ticks"]) + self.random.choice((0, 0, 1, -1, 5, -5))
        if self.random.random() < 0.08:
            lots, price = self.random.choice(((0, price), (1, price), (10**15, price), (lots, 0), (10**14, price)))
        return self.encode(r.OrderChange, c.AMEND_ORDER, account, lots=lots, price_ticks=max(price, 0), **name)

    def move_mark(self) -> bytes:
        asset = self.random.choice((BTC, ETH, ETH, STETH, STETH, USDC))
        mark = self.mark(asset)
        draw = self.random.random()
        if draw < 0.03:
            return self.set_mark(asset, self.random.choice((0, -1, 10**16 + 1, 2**63 - 1, mark)),
                                 age_us=self.random.choice((0, 31 * SECOND, -1)))  # fmt: skip
        if draw < 0.04:  # the dollar
            for _ in range(self.random.randrange(6)):
                self.queue.append([self.place()])
            self.queue.append([self.set_mark(USDM, 10**8 - self.random.randrange(10**6))])
            return self.set_mark(USDM, 97 * 10**6)
        if draw < 0.06:
            return self.set_mark(self.random.choice((UNMARKED + 1, 0)), mark)
        reach = 0.002 if draw < 0.93 else self.random.choice((0.02, 0.1, 0.3))
        if asset == USDC:
            reach = min(reach, 0.02)
        price = int(mark * (1 + self.random.uniform(-reach, reach)))
        base = FIRST_MARKS[asset]
        if not base // 4 < price < 4 * base:
            price = base
        agreeing = self.random.choice((3, 3, 4, 1))
        command = self.set_mark(asset, price, sources=self.random.choice((3, 5, 9)), agreeing=agreeing)
        if reach > 0.03 and self.random.random() < 0.8:
            self.queue.extend(self.wake(61 * SECOND))
        return command

    def move_funds(self, kind: int) -> bytes:
        account, asset = self.account(), self.random.choice((USDM, USDM, USDM, BTC, ETH, STETH, USDC))
        positions = self.world.rows("positions")
        mine = positions[(positions["account"] == account) & (positions["asset"] == asset)]
        balance = int(mine["balance"][0]) if len(mine) else 0
        amount = int(balance * self.random.choice((0.01, 0.1, 0.5, 1))) + self.random.choice((0, 1))
        if kind == c.DEPOSIT:
            most = {USDM: 10**9, BTC: 10**6, ETH: 10**7, STETH: 10**7, USDC: 3 * 10**8}[asset]
            amount = self.random.randrange(1, most)
            if self.random.random() < 0.02:
                asset, amount = USDC, 10**12
        to = self.account()
        if self.random.random() < 0.03:
            amount = self.random.choice((0, -1, 10**18, 10**18 + 1, 2**63 - 1, -(2**63)))
        if self.random.random() < 0.03:
            account, asset, to = self.random.choice(((0, asset, to), (account, 99, to), (account, asset, 10**6)))
        return self.funds(kind, account, asset, amount, to)

    def true_up(self, account: int = 0) -> bytes:
        perps = self.world.live("perps")
        if not len(perps) or self.random.random() < 0.03:
            return self.encode(r.ContractChange, c.TRUE_UP, self.account(), contract_id=self.random.getrandbits(30))
        perp = perps[self.random.randrange(len(perps))]
        side = self.random.choice(("long_account", "short_account"))
        account = account or (int(perp[side]) if self.random.random() < 0.95 else self.account())
        return self.encode(r.ContractChange, c.TRUE_UP, account, contract_id=int(perp["id"]))

    def change_loan(self, account: int = 0) -> bytes:
        loans = self.world.live("loans")
        if not len(loans) or self.random.random() < 0.03:
            return self.encode(r.ContractChange, self.random.choice((c.REPAY_LOAN, c.EXTEND_LOAN)), self.account(),
                               contract_id=self.random.getrandbits(30))  # fmt: skip
        loan = loans[self.random.randrange(len(loans))]
        account = account or (int(loan["borrower"]) if self.random.random() < 0.95 else self.account())
        identity = int(loan["id"])
        if self.random.random() < 0.3:
            return self.encode(r.ContractChange, c.EXTEND_LOAN, account, contract_id=identity,
                               rate_bp=self.random.choice((0, 9_999, 9_999, 400)))  # fmt: skip
        part = self.random.choice((0, 0, 0.1, 0.5, 0.9, 1, 1))
        amount = int(int(loan["principal"]) * part)
        if self.random.random() < 0.03:
            amount = self.random.choice((-1, int(loan["principal"]) + 1, 2**63 - 1))
        return self.encode(r.ContractChange, c.REPAY_LOAN, account, contract_id=identity, amount=amount)

    def bundle(self) -> list[bytes]:
        account = self.account()
        legs = []
        for _ in range(self.random.choice((1, 2, 2, 3, 4, 6))):
            draw = self.random.random()
            if draw < 0.7:
                legs.append(self.place(account))
            elif draw < 0.75:
                legs.append(self.own_funds(account))
            elif draw < 0.85:
                legs.append(self.own_loan(account))
            elif draw < 0.95:
                legs.append(self.own_perp(account))
            else:
                legs.append(self.encode(r.OrderChange, c.CANCEL_ALL, account, side=2))
        count = len(legs)
        if self.random.random() < 0.05:
            wrong = self.random.randrange(5)
            if wrong == 0:
                count, legs = 0, []
            elif wrong == 1:
                legs[-1] = self.encode(r.Command, c.BUNDLE, account)
            elif wrong == 2:
                legs[-1] = self.place(account % (2 * self.owners) + 1)
            elif wrong == 3:
                legs[-1] = self.funds(c.DEPOSIT, account, USDM, 1)
            else:
                legs = [self.encode(r.OrderChange, c.CANCEL_ALL, account, side=2)] * 101
                count = 101
        return [self.encode(r.Command, c.BUNDLE, account, count=count), *legs]

    def own_funds(self, account: int) -> bytes:
        return self.funds(self.random.choice((c.WITHDRAW, c.TRANSFER)), account, USDM, self.random.randrange(1, 10**9),
                          self.account())  # fmt: skip

    def own_loan(self, account: int) -> bytes:
        loans = self.world.live("loans")
        mine = loans[loans["borrower"] == account]
        if not len(mine):
            return self.place(account)
        loan = mine[self.random.randrange(len(mine))]
        if self.random.random() < 0.3:
            return self.encode(r.ContractChange, c.EXTEND_LOAN, account, contract_id=int(loan["id"]), rate_bp=9_999)
        amount = int(loan["principal"]) * self.random.choice((0, 1, 2)) // 4
        return self.encode(r.ContractChange, c.REPAY_LOAN, account, contract_id=int(loan["id"]), amount=amount)

    def own_perp(self, account: int) -> bytes:
        perps = self.world.live("perps")
        mine = perps[(perps["long_account"] == account) | (perps["short_account"] == account)]
        if not len(mine):
            return self.place(account)
        return self.encode(
            r.ContractChange, c.TRUE_UP, account, contract_id=int(mine[self.random.randrange(len(mine))]["id"])
        )

    def rescue(self) -> bytes:
        """Give to somebody in need, so that the campaign does not freeze."""
        values = self.world.values(MILLION)
        needy = [account for account, value in enumerate(values, 1) if value < 0]
        if not needy:
            return self.place()
        account = self.random.choice(needy)
        return self.funds(c.DEPOSIT, account, USDM, int(-values[account - 1] * self.random.uniform(0.3, 1.6)) + 1)

    def go_to_the_edge(self) -> list[bytes]:
        """Withdraw numeraire, or add to a perp, so far as it is just admitted: V(a, 1) is next to nothing then."""
        account = self.account()
        if self.random.random() < 0.5:

            def make(size):
                return self.funds(c.WITHDRAW, account, USDM, size)
        else:
            market, side = self.random.choice((PERP_BTC, PERP_ETH, PERP_STETH)), self.random.randrange(2)
            price = self.reference(market) + self.random.randint(-3, 3)

            def make(size):
                return self.encode(r.PlaceOrder, c.PLACE_ORDER, account, market=market, side=side, price_ticks=price,
                                   lots=size, time_in_force=self.random.choice((0, 1)))  # fmt: skip

        low, high = 0, 1 << 36
        while high - low > 1:
            middle = (low + high) // 2
            if self.world.preview(make(middle))[8] == c.REJECTED:
                high = middle
            else:
                low = middle
        return [make(max(low, 1))]

    def switch(self) -> bytes:
        """Stop something, and soon let it go on."""
        draw = self.random.random()
        if draw < 0.1:
            return self.encode(r.Switch, *self.random.choice((
                (c.SET_MARKET_MODE, 0), (c.SET_FEED, 0))), market=99, asset=99, value=3,
                flags=self.random.randrange(3))  # fmt: skip
        if draw < 0.2:
            self.queue.append([self.encode(r.Switch, c.SET_FEED, asset=BTC, value=c.FEED_VALID, flags=c.ADMINISTRATOR)])
            return self.encode(r.Switch, c.SET_FEED, flags=c.ADMINISTRATOR,
                               asset=self.random.choice((UNMARKED, BTC, USDM)),
                               value=self.random.choice((0, 2, 4)) if self.random.random() < 0.7 else 77)  # fmt: skip
        if draw < 0.6:
            market = self.random.choice((0, 6, 7, 8, 5, 2))
            for _ in range(self.random.randrange(2, 12)):
                self.queue.append([self.place()])
            self.queue.append(
                [self.encode(r.Switch, c.SET_MARKET_MODE, market=market, value=c.OPEN, flags=c.ADMINISTRATOR)]
            )
            return self.encode(r.Switch, c.SET_MARKET_MODE, market=market, flags=c.GUARDIAN,
                               value=self.random.choice((0, 1, 2, 2, 4, 9)))  # fmt: skip
        asset = self.random.choice((BTC, ETH, STETH))
        for _ in range(self.random.randrange(2, 12)):
            self.queue.append([self.place()])
        self.queue.append([self.encode(r.Switch, c.SET_FEED, asset=asset, value=c.FEED_VALID, flags=c.ADMINISTRATOR)])
        return self.encode(r.Switch, c.SET_FEED, asset=asset, value=c.FEED_HALTED, flags=c.GUARDIAN)

    def nonsense(self) -> list[bytes]:
        """Return a command that is wrong beyond doubt."""
        draw = self.random.randrange(8)
        if draw == 0:
            return [self.encode(r.Command, self.random.choice((0, c.COMMAND_KINDS, 200, 255)), self.account())]
        if draw == 1:
            return [encode(r.Command, time_us=self.now - 1 - self.random.getrandbits(40), kind=c.ADVANCE_TIME)]
        if draw == 2:
            sequence = int(self.world.rows("venue")["sequence"][1])
            sequence += self.random.choice((1, 1, 0, 2, 10**9))
            return [self.encode(r.Command, c.ADVANCE_TIME, sequence=sequence)]
        if draw == 3:
            return [self.open_account(self.random.randrange(1, self.owners + 1), self.random.randrange(2))]
        if draw == 4:
            return [self.place(self.random.choice((10**6, 2**32 - 1)))]
        if draw == 5:
            account = self.account()
            return [self.funds(c.TRANSFER, account, USDM, 1, account)]
        if draw == 6:
            return [self.encode(r.Switch, c.CONFIGURE_ACCOUNT, self.random.choice((0, 1)), value=3)]
        record = bytearray(self.random.randbytes(64))
        record[8:16] = struct.pack("<q", self.now)
        record[:8] = bytes(8)
        if record[16] in (c.BUNDLE, c.COMPRESS, c.MASS_QUOTE):
            record[17] = 0
        return [bytes(record)]

    def probe(self) -> list[bytes]:
        """Return commands that tread on a particular rule."""
        draw = self.random.randrange(4)
        account = self.account()
        if draw == 0:  # owned twice: an order meets its owner's other account
            market = self.random.choice((PERP_ETH, SPOT_ETH, LOAN_USDM))
            twin = account + 1 if account % 2 else account - 1
            price = self.reference(market)
            values = {"market": market, "price_ticks": price, "lots": 4}
            self.queue.append([self.encode(r.PlaceOrder, c.PLACE_ORDER, twin, side=0, **{**values, "lots": 6},
                                           self_trade=self.random.randrange(4))])  # fmt: skip
            return [self.encode(r.PlaceOrder, c.PLACE_ORDER, account, side=1, **values)]
        if draw == 1:  # many small orders of others, then a large one: fills are counted
            price = self.reference(PERP_ETH)
            for other in range(1, 2 * self.owners + 1):
                if (other - 1) // 2 != (account - 1) // 2:
                    self.queue.append([self.encode(r.PlaceOrder, c.PLACE_ORDER, other, market=PERP_ETH, side=1,
                                                   price_ticks=price, lots=2)])  # fmt: skip
            self.queue.append([self.encode(r.PlaceOrder, c.PLACE_ORDER, account, market=PERP_ETH, side=0,
                                           price_ticks=price, lots=40)])  # fmt: skip
            return self.queue.popleft()
        if draw == 2:  # a client order id again
            values = {"market": PERP_ETH, "price_ticks": self.reference(PERP_ETH) // 2, "lots": 2}
            self.client += 1
            order = self.encode(r.PlaceOrder, c.PLACE_ORDER, account, client_id=self.client, **values)
            self.queue.append([order])
            return [order]
        # empty an account's numeraire into another asset, so that what it owes next becomes an IOU
        positions = self.world.rows("positions")
        mine = positions[(positions["account"] == account) & (positions["asset"] == USDM)]
        price = self.reference(4) + 20
        lots = int(mine["balance"].sum()) // (price * 500 + 600)
        self.queue.append([self.encode(r.PlaceOrder, c.PLACE_ORDER, account, market=4, side=0, price_ticks=price,
                                       lots=max(lots, 1), time_in_force=1)])  # fmt: skip
        other = self.random.choice([a for a in range(1, 13) if (a - 1) // 2 != (account - 1) // 2])
        self.queue.append([self.funds(c.DEPOSIT, other, USDC, max(lots, 1) * 10**6)])
        return [self.encode(r.PlaceOrder, c.PLACE_ORDER, other, market=4, side=1, price_ticks=price - 10,
                            lots=max(lots, 1))]  # fmt: skip


class Shadow:
    """Runs the naive exchange beside the engine: told what traded, it says what that meant, event by event."""

    EFFECTS = frozenset((c.PERP_CHANGED, c.TRUED_UP, c.LOAN_OPENED, c.LOAN_REPAID, c.LOAN_EXTENDED))

    def __init__(self, world: World):
        self.world = world
        self.model = world.make_model()
        self.ids: dict[int, int] = {}  # loan id -> the model's serial
        self.orders: dict[int, tuple] = {}  # order id -> (flags, limit)
        self.clients: dict[tuple[int, int], int] = {}  # (account, client id) -> order id
        self.contract_ids: dict[int, tuple[int, int, int]] = {}
        self.events: list = []
        self.place = 0
        self.is_bundle = False
        self.has_work = False

    def observe(self, commands: list[bytes], events: list, best_lend_bp: int) -> None:
        """Take one accepted command and its events; raises AssertionError where the model would have it otherwise."""
        head = decode(commands[0])
        self.events, self.place = events, 0
        self.model.best_lend_bp = best_lend_bp
        self.is_bundle = head.kind == c.BUNDLE
        self.has_work = any(event.kind == c.WORK_DONE for event in events)
        if head.kind == c.SET_MARK:
            self.skip_work()
        else:
            self.skip_work(c.WORK_DONE)
        self.model.now_us = head.time_us
        if head.kind == c.COMPRESS:
            self.compress([decode(command) for command in commands[1:]])
            commands = []
        for command in commands[1:] if head.kind == c.BUNDLE else commands:
            self.take(decode(command))
        self.skip()
        self.model.finish()
        self.match()
        self.skip()
        assert self.place == len(events), f"not foreseen: {events[self.place]}"

    def skip_work(self, until: int = c.MARK_SET) -> None:
        """Work out the timed work that a command did first, at the time of the command before."""
        ends = [place for place, event in enumerate(self.events) if event.kind == until]
        if ends:
            rest = self.events
            self.events = rest[: ends[0] + 1]
            self.skip()
            assert self.place == len(self.events), f"not foreseen in timed work: {self.peek()}"
            self.events = rest

    def peek(self):
        return self.events[self.place] if self.place < len(self.events) else None

    def skip(self, order_id: int = 0) -> None:
        """Pass over events that say nothing of money, and work out the fills of one order."""
        while (event := self.peek()) is not None:
            if event.kind == c.TRADED:
                assert event.taker_order == order_id, event
                self.place += 1
                self.fill(event)
            elif event.kind in self.EFFECTS or self.is_answer(event):
                return
            else:
                order_id = event.order_id if event.kind == c.ORDER_TRIGGERED else order_id
                self.place += 1
                self.note(event)

    @staticmethod
    def is_answer(event) -> bool:
        """Say whether an event is the first that placing an order gives."""
        return event.kind == c.REPEATED or event.kind == c.ORDER_PLACED and not event.flags & c.RETURNED

    def note(self, event) -> None:
        if event.kind == c.ORDER_PLACED:
            self.orders[event.order_id] = (event.flags, event.price_ticks)
            self.clients[event.account, event.client_id] = event.order_id
        elif event.kind == c.ORDER_TRIGGERED or event.kind == c.ORDER_AMENDED:
            self.orders[event.order_id] = (self.orders[event.order_id][0], event.price_ticks)
            if not event.code:  # it lost its place
                self.model.order_fees.pop(event.order_id, None)
        elif event.kind == c.FEED_SET:
            is_suspended = event.value == c.FEED_SUSPENDED
            (self.model.suspended.add if is_suspended else self.model.suspended.discard)(event.asset)
        elif event.kind == c.FUNDING_SET:
            index = self.model.grow_funding(event.market, event.rate_ppb)
            assert event.index == index, f"funding index {event.index}, foreseen {index}"

    def take(self, command) -> None:
        model = self.model
        kind = command.kind
        if kind == c.SET_MARK and command.asset != USDM:
            model.assets[command.asset].mark = command.price
        if kind == c.AMEND_ORDER:
            self.skip(command.order_id or self.clients[command.account, command.client_id])
        self.skip()
        if kind == c.PLACE_ORDER:
            event = self.peek()
            assert self.is_answer(event), event
            self.place += 1
            self.note(event)
            self.skip(event.order_id if event.kind == c.ORDER_PLACED else 0)
            return
        if kind == c.DEPOSIT:
            model.receive(command.account, command.asset, command.amount)
        elif kind == c.WITHDRAW:
            model.change_balance(command.account, command.asset, -command.amount)
        elif kind == c.TRANSFER:
            model.move(command.account, command.to, command.asset, command.amount)
        elif kind == c.CONFIGURE_ACCOUNT and command.setting == c.GIVE_UP:
            (model.oldest_first.add if command.value else model.oldest_first.discard)(command.account)
        elif kind == c.TRUE_UP:
            self.foresee_rate()
            model.true_up(self.contract_ids[command.contract_id], command.account)
            self.match()
        elif kind == c.REPAY_LOAN:
            loan = model.loans[self.ids[command.contract_id]]
            lender, market, rate, flags = loan.lender, loan.market, loan.rate_bp, loan.flags
            principal = model.repay(loan.serial, command.amount)
            self.match()
            event = self.peek()
            if event is not None and event.kind == c.ORDER_PLACED and event.flags & c.RETURNED:
                assert (event.account, event.market, event.side) == (lender, market, c.SELL)
                assert event.price_ticks >= rate
                assert not flags
                assert event.lots == principal // model.markets[market].lot_quanta
        elif kind == c.EXTEND_LOAN:
            event = self.peek()
            loan = model.loans[self.ids[command.contract_id]]
            assert not loan.flags
            assert event.rate_bp >= loan.rate_bp
            assert event.rate_bp <= (command.rate_bp or loan.cap_bp)
            model.extend(loan.serial, event.rate_bp)
            self.match()

    def compress(self, legs: list) -> None:
        """Take the legs of a compression apart into circles, which end where they began."""
        circle: list[tuple[int, int, int]] = []
        for leg in legs:
            circle.append(self.contract_ids[leg.contract_id])
            if len(circle) % 2 == 0 and circle[-1][1] == circle[0][1]:
                self.model.compress(circle, leg.amount, leg.account)
                circle = []
        assert not circle
        self.match()

    def foresee_rate(self) -> None:
        """An earlier leg, or work done first, may have changed the lend book: take the next IOU's rate as it is."""
        if self.is_bundle or self.has_work:
            for event in self.events[self.place :]:
                if event.kind == c.LOAN_OPENED and event.loan_flags & c.LOAN_IOU:
                    assert self.model.iou_penalty_bp <= event.rate_bp <= 9_999
                    self.model.best_lend_bp = event.rate_bp - self.model.iou_penalty_bp
                    return

    def fill(self, event) -> None:
        """Work out one fill and hold the events that follow against it."""
        model = self.model
        self.foresee_rate()
        rules = model.markets[event.market]
        taker, maker = event.account, event.maker
        buyer, seller = (taker, maker) if event.code == c.BUY else (maker, taker)
        if rules.kind == c.LOAN:
            borrowing = event.taker_order if event.code == c.BUY else event.maker_order
            flags = (self.orders[event.taker_order][0] | self.orders[event.maker_order][0]) & c.NO_RELEND
            cap = self.orders[borrowing][1]
            model.fill_loan(event.market, buyer, seller, event.lots, event.price_ticks, cap,
                            c.LOAN_NO_RELEND if flags else 0)  # fmt: skip
            fees = (0, 0)
        elif rules.kind == c.PERP:
            model.fill_perp(event.market, buyer, seller, event.lots, event.price_ticks, taker)
        else:
            model.fill_spot(event.market, buyer, seller, event.lots, event.price_ticks)
        if rules.kind != c.LOAN:
            cash = event.lots * event.price_ticks * rules.tick_value
            reducing: dict[int, bool] = {}
            for account, sign, fee in ((taker, 1, event.taker_fee), (maker, -1, event.maker_fee)):
                sign = sign if event.code == c.BUY else -sign
                if rules.kind == c.PERP and sign * model.get_lots(event.market, account) <= 0:
                    reducing[account] = fee == 0
            fees = model.charge_fees(
                event.market, (maker, event.maker_order), (taker, event.taker_order), cash, reducing
            )
        assert (event.maker_fee, event.taker_fee) == fees, f"fees {event}, foreseen {fees}"
        self.match()

    def match(self) -> None:
        """Hold the model's effects against the events that come next."""
        for effect in self.model.effects:
            event = self.peek()
            assert event is not None, f"missing: {effect}"
            self.place += 1
            found = self.translate(event, effect)
            assert found == effect, f"found {found}, foreseen {effect}"
        self.model.effects.clear()

    def translate(self, event, effect) -> tuple:
        if event.kind == c.PERP_CHANGED:
            self.contract_ids[event.contract_id] = (event.market, event.account, event.short_account)
            return ("perp changed", event.code, event.market, event.account, event.short_account, event.change_lots,
                    event.lots, event.cost)  # fmt: skip
        if event.kind == c.TRUED_UP:
            return ("trued up", event.market, event.account, event.short_account, event.paid, event.owed,
                    event.funding, event.cost)  # fmt: skip
        if event.kind == c.LOAN_OPENED:
            self.ids[event.contract_id] = serial = effect[1]
            return ("loan opened", serial, event.account, event.lender, event.asset, event.principal, event.rate_bp,
                    event.due_us, event.loan_flags)  # fmt: skip
        if event.kind == c.LOAN_REPAID:
            return ("loan repaid", event.account, event.lender, event.principal, event.interest, event.left)
        if event.kind == c.LOAN_EXTENDED:
            return ("loan extended", event.account, event.lender, event.interest, event.rate_bp, event.due_us)
        return (event,)

    # Whole comparisons.

    def check_tables(self) -> None:
        """Compare balances, sums, contracts and loans with the engine's tables."""
        model = self.model
        names = ("balance", "lent", "borrowed", "loans", "lots", "cost")
        found = {}
        columns = self.world.rows("positions")[["account", "asset", "funding_high", "funding_low", *names]]
        for account, asset, high, low, *amounts in columns.tolist():
            if account:
                sums = {name: amount for name, amount in zip(names, amounts, strict=True) if amount}
                if high or low:
                    sums["funding"] = (high << 64) + low
                found[account, asset] = sums
        foreseen = model.sum_positions()
        for key in foreseen.keys() | found.keys():
            assert found.get(key, {}) == foreseen.get(key, {}), (
                f"invariant 3, position {key}: {found.get(key)}, foreseen {foreseen.get(key)}"
            )
        columns = self.world.live("perps")[["market", "long_account", "short_account", "lots", "cost", "funding_index"]]
        perps = {row[:3]: row[3:] for row in columns.tolist()}
        assert perps == {key: (x.lots, x.cost, x.index) for key, x in model.contracts.items()}, "perp contracts"
        columns = ["lender", "borrower", "asset", "principal", "rate_bp", "start_us", "due_us", "interest_from_us",
                   "flags", "tenor_hours", "cap_bp"]  # fmt: skip
        rows = self.world.live("loans")[columns].copy()
        rows["flags"] &= ~np.uint16(c.LOAN_IS_OVERDUE)
        loans = sorted(rows.tolist())
        foreseen = sorted(
            (x.lender, x.borrower, x.asset, x.principal, x.rate_bp, x.start_us, x.due_us, x.paid_until_us, x.flags,
             x.tenor_hours, x.cap_bp)
            for x in model.loans.values()
        )  # fmt: skip
        assert loans == foreseen, [pair for pair in zip(loans, foreseen, strict=True) if pair[0] != pair[1]]
        assert int(self.world.rows("assets")["fees"][USDM]) == model.fees

    def check_values(self, account: int, severity_ppm: int) -> None:
        """Compare V and V- of an account: the engine may lie below by a quantum a group, never above."""
        groups = len(self.model.get_groups())
        for cautious, get in ((False, self.world.engine.get_value), (True, self.world.engine.get_cautious_value)):
            exact = self.model.compute_value(account, severity_ppm, cautious)
            value = get(account, severity_ppm)
            assert exact - groups <= value <= exact, (
                f"V{'-' * cautious}({account}, {severity_ppm}) {value}, not {exact}"
            )

    def check_resilience(self, account: int) -> None:
        """Compare the resilience with a bisection on the naive V."""
        slack = len(self.model.get_groups())
        found = self.world.engine.get_resilience(account)
        compute = self.model.compute_value
        if found < 0:
            assert compute(account, 0) < slack
        else:
            assert compute(account, found) >= 0
            assert found == 10 * MILLION or compute(account, found + 1) < slack


# Invariants over the tables.


def check_supply(world: World) -> None:
    """Invariant 1: per asset, balances and fees are what was deposited and not withdrawn."""
    positions, assets = world.rows("positions"), world.rows("assets")
    for asset in range(1, len(assets)):
        held = sum(positions["balance"][positions["asset"] == asset].tolist())
        assert held + int(assets["fees"][asset] + assets["remainders"][asset]) == int(assets["supply"][asset]), (
            f"invariant 1, asset {asset}"
        )
    assert (positions["balance"] >= 0).all(), "invariant 1, a balance below zero"
    assert (assets["fees"] >= 0).all(), "invariant 1, a venue account below zero"


def check_zero_sum(world: World) -> None:
    """Invariant 2: lots, costs and funding sum to zero a market; per asset, lent is borrowed."""
    positions, assets, markets = world.rows("positions"), world.rows("assets"), world.rows("markets")
    perps = world.live("perps")
    for asset in range(1, len(assets)):
        rows = positions[positions["asset"] == asset]
        assert sum(rows["lots"].tolist()) == 0, f"invariant 2, lots of asset {asset}"
        assert sum(rows["cost"].tolist()) == 0, f"invariant 2, costs of asset {asset}"
        funding = sum((high << 64) + low for high, low in rows[["funding_high", "funding_low"]].tolist())
        assert funding == 0, f"invariant 2, funding of asset {asset}"
        lent = sum(rows["lent"].tolist())
        assert lent == sum(rows["borrowed"].tolist()) == int(assets["lent"][asset]), f"invariant 2, loans of {asset}"
    for market in range(1, len(markets)):
        if markets["kind"][market] == c.PERP:
            total = sum(perps["lots"][perps["market"] == market].tolist())
            assert total == int(markets["open_interest"][market]), f"invariant 2, open interest of market {market}"
    claims = world.live("loans")
    claims = claims[(claims["flags"] & c.LOAN_IOU) > 0]
    promises = world.rows("promises")
    assert sum(promises["iou_lent"].tolist()) == sum(claims["principal"].tolist()), "invariant 2, IOUs"
    owed = promises["iou_owed"][promises["ious"] > 0]
    assert sum(owed.tolist()) == sum(claims["principal"].tolist()), "invariant 2, IOUs"


def check_aggregates(world: World) -> None:
    """Invariant 3: sums over orders, contracts and loans, taken from the contracts themselves."""
    positions, accounts = world.rows("positions"), world.rows("accounts")
    perps, loans, orders = world.live("perps"), world.live("loans"), world.live("orders")
    ious = (loans["flags"] & c.LOAN_IOU) > 0
    for account in range(1, len(accounts)):
        row = accounts[account]
        mine = orders[orders["account"] == account]
        assert len(mine) == row["order_count"], f"invariant 3, orders of {account}"
        loss = sum(a * b for a, b in zip(mine["lots"].tolist(), mine["loss_per_lot"].tolist(), strict=True))
        assert loss == row["order_loss"], f"invariant 3, order loss of {account}"
        owes = loans["borrower"] == account
        parts = int((perps["long_account"] == account).sum() + (perps["short_account"] == account).sum())
        assert int(row["contracts"]) == parts + int(owes.sum()), f"invariant 3, contracts of {account}"
        assert int(row["ious"]) == int((owes & ious).sum()), f"invariant 3, IOUs of {account}"
        assert int(row["positions"]) == int((positions["account"] == account).sum()), f"invariant 3, of {account}"
    for number in range(1, len(positions)):
        row = positions[number]
        if not row["account"]:
            continue
        debts = loans[(loans["borrower"] == row["account"]) & (loans["asset"] == row["asset"])]
        plain = debts[(debts["flags"] & c.LOAN_IOU) == 0]
        assert int(row["loans"]) == len(plain), f"invariant 3, loans of position {number}"
        assert int(row["max_rate_bp"]) == (plain["rate_bp"].max() if len(plain) else 0), f"invariant 3, {number}"
        assert int(row["tenor_hours"]) == (plain["tenor_hours"].max() if len(plain) else 0), f"invariant 3, {number}"


def walk(first: int, following, limit: int = 10**6) -> list[int]:
    """Return the rows of a list or ring from `first` on."""
    rows = []
    row = first
    while row and (not rows or row != first):
        rows.append(row)
        assert len(rows) <= limit, "invariant 3, a ring without an end"
        row = int(following(row))
    return rows


def check_lists(world: World) -> None:
    """Invariant 3: every order, contract and loan stands once in each of its lists, and lists are in order."""
    positions, accounts, figures = world.rows("positions"), world.rows("accounts"), world.rows("figures")
    perps, loans, orders = world.rows("perps"), world.rows("loans"), world.rows("orders")
    seen = {"orders": 0, "perps": 0, "lent": 0, "borrowed": 0, "positions": 0}
    for account in range(1, len(accounts)):
        rows = walk(int(accounts["first_order"][account]), lambda row: orders["account_next"][row])
        assert all(orders["account"][row] == account for row in rows), "invariant 3, a list of orders"
        seen["orders"] += len(rows)
        groups = walk(int(accounts["first_group"][account]), lambda row: figures["next"][row])
        assert all(figures["account"][row] == account for row in groups), "invariant 3, a list of figures"
        for group in groups:
            rows = walk(int(figures["first_position"][group]), lambda row: positions["next"][row])
            assert all(positions["figure"][row] == group for row in rows), "invariant 3, a list of positions"
            seen["positions"] += len(rows)
    for position in positions[positions["account"] > 0]:
        account, asset = int(position["account"]), int(position["asset"])
        ious = int(world.rows("promises")["first_iou"][position["promises"]]) if position["promises"] else 0
        rings = (("lent", position["first_lent"], "lender"), ("borrowed", position["first_borrowed"], "borrower"),
                 ("borrowed", ious, "borrower"))  # fmt: skip
        for name, first, owner in rings:
            rows = walk(int(first), lambda row, owner=owner: loans[owner + "_next"][row])
            assert all(loans[owner][row] == account and loans["asset"][row] == asset for row in rows)
            ids = [int(loans["id"][row]) >> 26 for row in rows]
            assert ids == sorted(ids, reverse=True), "invariant 3, a ring of loans out of order"
            back = walk(int(first), lambda row, owner=owner: loans[owner + "_previous"][row])
            assert back == rows[:1] + rows[:0:-1], "invariant 3, a ring of loans backwards"
            seen[name] += len(rows)
        first = int(position["first_perp"])
        if first:
            side = "long" if perps["long_account"][first] == account else "short"
            rows = walk(first, lambda row, side=side: perps[side + "_next"][row])
            assert all(perps[side + "_account"][row] == account and perps["asset"][row] == asset for row in rows)
            ids = [int(perps["id"][row]) >> 26 for row in rows]
            assert ids == sorted(ids, reverse=True), "invariant 3, a ring of perps out of order"
            lots = sum(int(perps["lots"][row]) for row in rows)
            assert lots * (1 if side == "long" else -1) == position["lots"], "invariant 3, long and short at once"
            seen["perps"] += len(rows)
        else:
            assert position["lots"] == 0, "invariant 3, lots without a contract"
    live = {name: int((world.rows(name)["id"] >= LIVE).sum()) for name in ("orders", "perps", "loans")}
    assert seen["orders"] == live["orders"], "invariant 3, lists of orders"
    assert seen["perps"] == 2 * live["perps"], "invariant 3, rings of perps"
    assert seen["lent"] == seen["borrowed"] == live["loans"], "invariant 3, lists of loans"
    assert seen["positions"] == int((positions["account"] > 0).sum()), "invariant 3, lists of positions"
    counts = world.rows("indexes")["count"].tolist()
    assert counts[4:6] == [seen["positions"], live["perps"]], "invariant 3, indexes"


def check_figures(world: World) -> int:
    """Cached figures that claim to be of today equal V from scratch.  Returns how many there were.

    What an account owes by IOU or is overdue with grows with time: its figures are never taken from the cache.
    """
    figures, groups, accounts, venue = (world.rows(name) for name in ("figures", "groups", "accounts", "venue"))
    initial, now = int(venue["initial_ppm"][1]), int(venue["time_us"][1])
    fresh = 0
    for row in range(1, len(figures)):
        account = accounts[figures["account"][row]]
        if account["ious"] or 0 < account["first_due_us"] < now:
            continue
        if int(account["stale"]) >> (int(figures["group"][row]) & 63) & 1:
            continue
        if figures["version"][row] and figures["version"][row] == groups["version"][figures["group"][row]]:
            fresh += 1
            value = world.engine.get_admitted_figure(row, initial)
            assert figures["value"][row] == value, f"figure {row} is out of date"
    return fresh


def check_wealth(world: World) -> None:
    """Invariant 11 for all owners together: accounts are worth no more than what was brought in, at the mark."""
    assets = world.rows("assets")
    worth = sum(supply * unit for supply, unit in assets[["supply", "unit"]].tolist())
    values = world.values(0)
    assert sum(values) <= worth // 10**11, "invariant 11"


@dataclass
class Every:
    """How often, in commands, the costly checks run."""

    digest: int = 4
    tables: int = 50
    sums: int = 100
    lists: int = 500
    values: int = 150
    preview: int = 8


class Chapter:
    """One engine from its genesis on, checked as it goes."""

    def __init__(self, seed: int, every: Every | None = None, genesis: Genesis | None = None, is_calm: bool = False):
        self.seed = seed
        self.every = every or Every()
        self.genesis = genesis or Genesis.of(seed)
        self.world = World(self.genesis)
        self.generator = Generator(self.world, seed, is_calm=is_calm)
        self.shadow = Shadow(self.world)
        self.random = random.Random(seed ^ 0x5EED)
        self.counts: Counter[str] = Counter()
        self.log: list[bytes] = []
        self.events: list[bytes] = []
        self.number = 0

    def run(self, commands: int) -> Chapter:
        """Apply `commands` commands; an AssertionError names the seed and the command."""
        for _ in range(commands):
            try:
                self.step(self.generator.next())
            except AssertionError as error:
                error.add_note(f"seed {self.seed}, command {self.number}: {self.describe()}")
                raise
            self.number += 1
        return self

    def describe(self) -> str:
        return str([decode(self.log[-1][start : start + 64]) for start in range(0, len(self.log[-1]), 64)])

    def step(self, commands: list[bytes]) -> None:
        world, every, number = self.world, self.every, self.number
        data = b"".join(commands)
        self.log.append(data)
        kind = data[16]
        account = int.from_bytes(data[20:24], "little")
        before, standing = self.get_before(int.from_bytes(data[8:16], "little", signed=True), account)
        best = self.get_best_lend()
        digest = world.digest() if number % every.digest == 0 else None
        foreseen = None
        if number % every.preview == 0:
            whole = world.digest(whole=True)
            foreseen = world.preview(data)
            assert world.digest(whole=True) == whole, "invariant 8: a preview left something behind"
            self.counts["preview"] += 1
        raw = world.apply(data)
        self.events.append(raw)
        assert foreseen is None or foreseen == raw, "invariant 8: preview and apply differ"
        events = read_events(raw)
        self.count(data, events)
        rejected = len(events) == 1 and events[0].kind == c.REJECTED
        self.shadow.model.now_us = int(world.rows("venue")["time_us"][1])  # a rejected command takes time as well
        if rejected:
            assert events[0].code != c.INTERNAL, "an internal error"
            if digest is not None:
                assert world.digest() == digest, "invariant 6: a rejected command changed something"
        else:
            self.shadow.observe(commands, events, best)
        if (
            kind != c.SET_MARK and kind != c.ADVANCE_TIME and not rejected
        ):  # with a rejection the work that was due waits
            self.check_admission(before, standing, account, kind)
        self.check_work(events)
        self.check_sometimes()

    def get_best_lend(self) -> int:
        books = (self.world.engine.get_levels(market, c.SELL, 1) for market in LOANS_USDM)
        return min((levels[0][0] for levels in books if levels), default=0)

    def get_before(self, time_us: int, account: int):
        """Return V of all accounts, and how one stands, at a command's time, once what is due by then is done."""
        world = self.world
        venue = world.rows("venue")[1]
        if time_us <= int(venue["time_us"]) < int(venue["next_due_us"]):
            before = world.values(MILLION)
            return before, self.get_standing(account, before)
        world.engine.open_preview()
        world.apply(encode(r.Command, time_us=time_us, kind=c.ADVANCE_TIME))  # as much timed work as the command does
        before = world.values(MILLION)
        standing = self.get_standing(account, before)
        world.engine.close_preview()
        return before, standing

    def get_standing(self, account: int, before: list[int]):
        """Return what an account below the initial rung must not lose."""
        if not 0 < account <= len(before) or before[account - 1] >= 0:
            return None
        engine = self.world.engine
        rho = max(engine.get_resilience(account), 0)
        return engine.get_value(account, 600_000), rho, engine.get_value(account, rho)

    def check_admission(self, before: list[int], standing, account: int, kind: int) -> None:
        """Invariants 4 and 5: who was free is free; who was not is no worse off for its own command."""
        after = self.world.values(MILLION)
        for number, (was, now) in enumerate(zip(before, after, strict=False), 1):
            if was >= 0 and now < 0:
                rule = "4: it made itself" if number == account else "5: another command made it"
                raise AssertionError(f"invariant {rule} less than free: account {number}, V(1) {was} -> {now}")
        if standing is not None and kind != c.DEPOSIT and after[account - 1] < 0:
            engine = self.world.engine
            unwind, rho, at_rho = standing
            assert after[account - 1] >= before[account - 1], "invariant 4: V(initial) fell below the rung"
            assert engine.get_value(account, 600_000) >= unwind, "invariant 4: V(unwind) fell below the rung"
            assert engine.get_value(account, rho) >= at_rho, "invariant 4: V at its resilience fell"

    def check_work(self, events: list) -> None:
        """Invariant 12: of the command itself and of each order triggered by its time."""
        fills = Counter(event.taker_order for event in events if event.kind == c.TRADED)
        assert max(fills.values(), default=0) <= self.genesis.max_fills, "invariant 12: fills"
        triggered = sum(event.kind == c.ORDER_TRIGGERED for event in events)
        assert triggered <= 16, "invariant 12: triggered orders"
        work = 1 + triggered
        slices = sum(event.kind == c.PERP_CHANGED and event.change_lots < 0 for event in events)
        assert slices <= 2 * 64 * work, "invariant 12: contract slices"
        skips = sum(
            event.kind == c.ORDER_CANCELLED and event.code != c.REASON_REQUESTED and event.account != events[0].account
            for event in events
        )
        assert skips <= (64 + 1) * work + 32 * 16, "invariant 12: skipped orders"

    def check_sometimes(self) -> None:
        world, every, number = self.world, self.every, self.number
        if number % every.tables == 0:
            self.shadow.check_tables()
        if number % every.sums == 0:
            check_supply(world)
            check_zero_sum(world)
            check_wealth(world)
            self.counts["figures fresh"] += check_figures(world)
        if number % every.lists == 0:
            check_aggregates(world)
            check_lists(world)
        if number % every.values == 0:
            account = self.random.randrange(1, world.accounts() + 1)
            for severity in (0, MILLION, 600_000, 300_000, self.random.randrange(10 * MILLION)):
                self.shadow.check_values(account, severity)
            self.shadow.check_resilience(account)
            self.counts["values compared"] += 1

    def count(self, data: bytes, events: list) -> None:
        counts = self.counts
        counts["command " + KIND_NAMES.get(data[16], "unknown")] += 1
        if len(events) == 1 and events[0].kind == c.REJECTED:
            event = events[0]
            counts["code " + CODE_NAMES[event.code]] += 1
            counts["rejected " + KIND_NAMES.get(data[16], "unknown")] += 1
            if data[16] == c.BUNDLE and event.leg:
                counts["bundle rolled back"] += 1
            return
        counts["code OK"] += 1
        for event in events:
            kind = event.kind
            if kind == c.PERP_CHANGED:
                counts["perp " + CAUSE_NAMES[event.code]] += 1
            elif kind == c.TRADED:
                counts[f"traded in market kind {MARKETS[event.market - 1]['kind']}"] += 1
                counts["rebate"] += event.maker_fee < 0
            elif kind == c.ORDER_CANCELLED:
                counts["cancelled " + (CODE_NAMES.get(event.code) or REASON_NAMES[event.code])] += 1
                if event.code < 100:
                    counts["code " + CODE_NAMES[event.code]] += 1
            elif kind == c.LOAN_OPENED:
                counts["IOU opened" if event.loan_flags & c.LOAN_IOU else "loan opened"] += 1
            elif kind == c.LOAN_REPAID:
                by_hand = data[16] in (c.REPAY_LOAN, c.BUNDLE)
                counts[("loan repaid" if by_hand else "IOU repaid") + (" in part" if event.left else " in full")] += 1
            elif kind == c.ORDER_PLACED and event.flags & c.RETURNED:
                counts["returned to the book"] += 1
            elif kind == c.TRUED_UP:
                counts["trued up on request" if data[16] == c.TRUE_UP else "trued up by a fill"] += 1
            elif kind == c.LOAN_EXTENDED:
                counts["loan extended"] += 1
            elif kind == c.BUNDLE_APPLIED:
                counts["bundle applied"] += 1
            elif kind == c.REPEATED:
                counts["client id repeated"] += 1
            elif kind in (c.ORDER_TRIGGERED, c.ORDERS_PAIRED, c.DEAD_MAN_SET):
                counts[{c.ORDER_TRIGGERED: "triggered", c.ORDERS_PAIRED: "paired"}.get(kind, "dead man set")] += 1
            elif kind == c.FUNDING_SET:
                counts["funding set"] += 1
        if data[16] == c.PLACE_ORDER and any(
            event.kind == c.ORDER_CANCELLED and event.code == c.REASON_SELF_TRADE or event.kind == c.ORDER_AMENDED
            for event in events
        ):
            counts[f"self-trade mode {data[28]}"] += 1


def replay(log: list[bytes], genesis: Genesis, batch: int = 200) -> tuple[World, list[bytes]]:
    """Apply a log to a new engine, in batches."""
    world = World(genesis)
    events = [world.apply(b"".join(log[start : start + batch])) for start in range(0, len(log), batch)]
    return world, events


def get_sums(world: World, events: bytes) -> list[str]:
    """Return a line a table and one for the events, to compare between processes."""
    lines = [f"events {hashlib.sha256(events).hexdigest()}"]
    return lines + [f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in world.dump().items()]


REPLAY = """
import sys
from tests.properties.campaign import *
from worldmarkets.core import COMPILED
assert not COMPILED
{imports}
world = {world}
events = world.apply(open(sys.argv[1], "rb").read())
print("\\n".join(get_sums(world, events)))
"""


def replay_interpreted(log: Path, world: str, imports: str = "") -> list[str]:
    """Apply a log in a process whose core is interpreted, to the world that an expression makes; return its sums."""
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "WORLDMARKETS_PURE": "1", "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    environment.pop("WORLDMARKETS_REQUIRE_COMPILED", None)
    command = [sys.executable, "-c", REPLAY.format(world=world, imports=imports), str(log)]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
