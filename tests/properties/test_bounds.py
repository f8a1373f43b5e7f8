"""The edges: every quantity at its bound and one beyond, records that are none, full tables, a fault inside.

Whatever comes in, the answer is a code with its numbers; nothing raises, nothing overflows, nothing is half done.
"""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.campaign import (
    CODE_NAMES,
    Chapter,
    Every,
    Genesis,
    World,
    check_aggregates,
    check_figures,
    check_lists,
    check_supply,
    check_zero_sum,
    encode,
    get_sums,
    read_events,
    replay_interpreted,
)
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core import units as u

pytestmark = pytest.mark.both
NOW = 1_700_000_000_000_000
MANY = 10_000 if COMPILED else 500
LONGEST, SHORTEST = 2**63 - 1, -(2**63)
PLAIN = (
    {"decimals": 6, "group": 1},
    {"decimals": 8, "group": 2, "price_shock_ppm": 100_000, "slippage_ppm": 5_000},
)
PLAIN_MARKETS = (
    {"kind": c.SPOT, "asset": 2, "lot_quanta": 10**6, "tick_value": 10_000},
    {"kind": c.PERP, "asset": 2, "lot_quanta": 10**6, "tick_value": 10_000},
    {"kind": c.LOAN, "asset": 1, "lot_quanta": 10**6, "tenor_hours": 240},
)
SPOT, PERP, LOAN = 1, 2, 3


class Desk:
    """A small venue: USDM, ETH at 2,000 (a lot of 0.01 is 2,000 ticks), and owners 1, 2, ... of one account each."""

    def __init__(self, accounts=4, money=10**10, assets=PLAIN, markets=PLAIN_MARKETS, marks=((2, 2_000 * 10**8),),
                 capacity=None, genesis=None):  # fmt: skip
        self.world = World(genesis or Genesis(), assets, markets, capacity)
        self.now = NOW
        for account in range(1, accounts + 1):
            assert self.open(account) == c.OK
            if money:
                assert self.deposit(account, money) == c.OK
        for asset, price in marks:
            assert self.mark(asset, price) == c.OK

    def send(self, record, kind, account=0, **values):
        """Send one command and return its events."""
        self.events = read_events(
            self.world.apply(encode(record, time_us=self.now, kind=kind, account=account, **values))
        )
        return self.events

    def do(self, record, kind, account=0, **values) -> int:
        """Send one command and return its code; a rejected one must have changed nothing."""
        before = self.world.digest()
        event = self.send(record, kind, account, **values)[0]
        if event.kind != c.REJECTED:
            return c.OK
        assert event.code != c.INTERNAL, "an internal error"
        assert self.world.digest() == before, "invariant 6"
        return event.code

    def open(self, owner, index=0):
        return self.do(r.OpenAccount, c.OPEN_ACCOUNT, owner_high=owner, index=index)

    def deposit(self, account, amount, asset=1):
        return self.do(r.Funds, c.DEPOSIT, account, asset=asset, amount=amount)

    def withdraw(self, account, amount, asset=1):
        return self.do(r.Funds, c.WITHDRAW, account, asset=asset, amount=amount)

    def mark(self, asset, price, sources=3):
        return self.do(r.SetMark, c.SET_MARK, asset=asset, price=price, source_time_us=self.now, sources=sources,
                       agreeing=sources)  # fmt: skip

    def place(self, account, market, side, price, lots, **values):
        return self.do(r.PlaceOrder, c.PLACE_ORDER, account, market=market, side=side, price_ticks=price, lots=lots,
                       **values)  # fmt: skip

    def value(self, account, severity_ppm=10**6):
        return self.world.engine.get_value(account, severity_ppm)


def check_all(world: World) -> None:
    check_supply(world)
    check_zero_sum(world)
    check_aggregates(world)
    check_lists(world)
    check_figures(world)


def name(code: int) -> str:
    return CODE_NAMES[code]


# One quantity at a time.


def test_deposits_stop_at_the_supply():
    desk = Desk(money=0)
    assert desk.deposit(1, u.MAX_SUPPLY + 1) == c.AMOUNT_TOO_LARGE
    assert desk.deposit(1, u.MAX_SUPPLY) == c.OK
    assert desk.deposit(2, 1) == c.AMOUNT_TOO_LARGE
    assert (desk.events[0].needed, desk.events[0].had) == (0, 1)
    assert desk.value(1) == u.MAX_LEG  # a leg counts no more than its bound
    for amount in (0, -1, SHORTEST):
        assert desk.deposit(1, amount) == c.AMOUNT_NOT_POSITIVE
        assert desk.withdraw(1, amount) == c.AMOUNT_NOT_POSITIVE
    assert desk.withdraw(1, LONGEST) == c.AMOUNT_TOO_LARGE
    assert desk.withdraw(1, u.MAX_SUPPLY) == c.OK
    check_all(desk.world)


def test_orders_stop_at_size_price_and_cash():
    desk = Desk(money=10**17)
    for lots, code in ((0, c.SIZE_NOT_POSITIVE), (SHORTEST, c.SIZE_NOT_POSITIVE), (u.MAX_LOTS + 1, c.SIZE_TOO_LARGE),
                       (LONGEST, c.SIZE_TOO_LARGE), (u.MAX_LOTS, c.NOTIONAL_TOO_LARGE)):  # fmt: skip
        for market in (SPOT, PERP, LOAN):
            assert name(desk.place(1, market, c.BUY, 2_000, lots)) == name(code)
    for price in (0, u.MAX_TICKS + 1, 2**32 - 1):
        assert desk.place(1, PERP, c.BUY, price, 1) == c.PRICE_OUT_OF_RANGE
    assert desk.place(1, LOAN, c.SELL, u.MAX_RATE_BP + 1, 1) == c.PRICE_OUT_OF_RANGE
    assert desk.place(1, LOAN, c.SELL, u.MAX_RATE_BP, 1) == c.OK
    most = u.MAX_CASH // (u.MAX_TICKS * 10_000)
    assert desk.place(1, SPOT, c.BUY, u.MAX_TICKS, most + 1) == c.NOTIONAL_TOO_LARGE
    assert desk.place(1, SPOT, c.BUY, u.MAX_TICKS, most) == c.OK
    most = u.MAX_CASH // (2_000 * 10_000)
    assert desk.place(1, PERP, c.BUY, 2_000, most + 1) == c.NOTIONAL_TOO_LARGE
    assert desk.place(1, PERP, c.BUY, 2_000, most) == c.OK
    assert desk.place(2, PERP, c.SELL, 2_000, most) == c.OK
    assert desk.world.rows("markets")["open_interest"][PERP] == most
    check_all(desk.world)


def test_marks_stop_at_their_bounds():
    desk = Desk()
    for price, code in ((0, c.MARK_NOT_POSITIVE), (-1, c.MARK_NOT_POSITIVE), (SHORTEST, c.MARK_NOT_POSITIVE),
                        (u.MAX_MARK + 1, c.MARK_OUT_OF_RANGE), (LONGEST, c.MARK_OUT_OF_RANGE)):  # fmt: skip
        assert desk.mark(2, price) == code
    assert desk.mark(2, u.MAX_MARK) == c.OK
    assert desk.mark(2, 1) == c.OK
    check_all(desk.world)


def test_time_stops_at_its_bound():
    desk = Desk()
    desk.now = u.MAX_TIME + 1
    assert desk.do(r.Command, c.ADVANCE_TIME) == c.TIME_BACKWARDS
    desk.now = LONGEST
    assert desk.do(r.Command, c.ADVANCE_TIME) == c.TIME_BACKWARDS
    desk.now = u.MAX_TIME
    assert desk.do(r.Command, c.ADVANCE_TIME) == c.OK
    desk.now = SHORTEST
    assert desk.do(r.Command, c.ADVANCE_TIME) == c.TIME_BACKWARDS


def test_an_account_has_at_most_64_positions():
    assets = (PLAIN[0], *({**PLAIN[1], "group": 2 + number // 8} for number in range(70)))
    markets = tuple({**PLAIN_MARKETS[0], "asset": asset} for asset in range(2, 72))
    desk = Desk(assets=assets, markets=markets, marks=[(asset, 2_000 * 10**8) for asset in range(2, 72)])
    for asset in range(2, 1 + u.MAX_POSITIONS):
        assert desk.deposit(1, 1, asset) == c.OK
    assert desk.deposit(1, 1, 65) == c.OK or desk.world.rows("accounts")["positions"][1] == u.MAX_POSITIONS
    assert desk.world.rows("accounts")["positions"][1] <= u.MAX_POSITIONS
    assert desk.deposit(1, 1, 70) == c.POSITIONS_LIMIT
    assert desk.deposit(2, 1, 70) == c.OK
    assert desk.do(r.Funds, c.TRANSFER, 2, asset=70, amount=1, to=1) == c.POSITIONS_LIMIT
    check_all(desk.world)


def test_an_order_opens_no_position_beyond_the_64th():
    assets = (PLAIN[0], *({**PLAIN[1], "group": 2 + number // 8} for number in range(70)))
    markets = tuple({**PLAIN_MARKETS[0], "asset": asset} for asset in range(2, 72))
    desk = Desk(assets=assets, markets=markets, marks=[(asset, 2_000 * 10**8) for asset in range(2, 72)])
    for asset in range(2, 1 + u.MAX_POSITIONS):
        desk.deposit(1, 1, asset)
    assert name(desk.place(1, 70, c.BUY, 2_000, 1)) == "POSITIONS_LIMIT"


def test_an_account_owes_at_most_256_loans_of_an_asset():
    desk = Desk(accounts=2, money=10**12)
    for _ in range(u.MAX_LOANS):
        assert desk.place(1, LOAN, c.SELL, 500, 1) == c.OK
        assert desk.place(2, LOAN, c.BUY, 500, 1) == c.OK
    assert desk.place(1, LOAN, c.SELL, 500, 1) == c.OK
    assert desk.place(2, LOAN, c.BUY, 500, 1) == c.LOANS_LIMIT
    check_all(desk.world)


def test_a_command_touches_at_most_64_slices():
    """One taker buys from 100 makers, each of whom reduces a long position: a slice each."""
    desk = Desk(accounts=202, money=10**11)
    for number in range(100):
        assert desk.place(3 + 2 * number, PERP, c.SELL, 2_000, 1) == c.OK
        assert desk.place(4 + 2 * number, PERP, c.BUY, 2_000, 1) == c.OK
        assert desk.place(4 + 2 * number, PERP, c.SELL, 2_001, 1) == c.OK
    assert desk.place(1, PERP, c.BUY, 2_001, 100) == c.OK
    assert (desk.events[-1].kind, desk.events[-1].code) == (c.ORDER_CANCELLED, c.WORK)
    slices = sum(event.kind == c.PERP_CHANGED and event.change_lots < 0 for event in desk.events)
    assert slices <= u.MAX_SLICES
    check_all(desk.world)


def test_one_fill_touches_at_most_64_slices():
    """A reducing account with 100 counterparties gives up 64 of them a command; the rest of its order is cancelled."""
    desk = Desk(accounts=102, money=10**12)
    assert desk.place(1, PERP, c.BUY, 2_000, 100) == c.OK
    for number in range(100):
        assert desk.place(3 + number, PERP, c.SELL, 2_000, 1) == c.OK
    assert desk.place(2, PERP, c.BUY, 2_000, 100) == c.OK
    assert desk.place(1, PERP, c.SELL, 2_000, 100) == c.OK
    assert (desk.events[-1].kind, desk.events[-1].code) == (c.ORDER_CANCELLED, c.WORK)
    slices = sum(event.kind == c.PERP_CHANGED and event.change_lots < 0 for event in desk.events)
    assert slices == u.MAX_SLICES
    check_all(desk.world)


# A strangers' trade, a third party: invariant 5.


def test_a_third_party_at_the_edge_stays_free():
    """A fill between two others trues the third up; what becomes an IOU costs it interest, which V counts."""
    desk = Desk(accounts=4, money=10**11)
    assert desk.deposit(1, 10**9, 2) == c.OK
    assert desk.place(2, PERP, c.SELL, 2_000, 500) == c.OK
    assert desk.place(1, PERP, c.BUY, 2_000, 500) == c.OK
    assert desk.withdraw(1, 10**11) == c.OK
    assert desk.mark(2, 1_900 * 10**8) == c.OK
    low, high = 0, 10**9
    while high - low > 1:  # as much of its collateral as it may take away
        middle = (low + high) // 2
        desk.world.engine.open_preview()
        code = desk.send(r.Funds, c.WITHDRAW, 1, asset=2, amount=middle)[0].kind
        desk.world.engine.close_preview()
        low, high = (low, middle) if code == c.REJECTED else (middle, high)
    assert desk.withdraw(1, low, 2) == c.OK
    assert desk.value(1) >= 0
    desk.place(3, PERP, c.SELL, 1_900, 500)
    desk.place(2, PERP, c.BUY, 1_900, 500)
    assert desk.value(1) >= 0, "invariant 5"


@pytest.mark.parametrize("basis_ppm", [0, 15_000])
def test_a_gift_makes_nobody_poorer(basis_ppm):
    """Up to the cap that the genesis gives by itself, more of an asset is worth more, and beyond it no less."""
    terms = {**PLAIN[1], "price_shock_ppm": 120_000, "slippage_ppm": 8_000, "basis_ppm": basis_ppm, "depth": 10**10}
    desk = Desk(accounts=1, money=0, assets=(PLAIN[0], terms))
    before = 0
    for _ in range(60):  # to 600,000 USDM; the cap lies near 550,000
        assert desk.deposit(1, 5 * 10**8, 2) == c.OK
        assert desk.value(1) >= before, f"worth less at {desk.world.rows('assets')['supply'][2]}"
        before = desk.value(1)


# Everything at once.

EXTREME = (
    {"decimals": 6, "group": 1},
    {"decimals": 0, "group": 2, "price_shock_ppm": 10**6, "slippage_ppm": 100_000, "basis_ppm": 100_000, "depth": 1},
    {"decimals": 9, "group": 2, "price_shock_ppm": 10**6, "slippage_ppm": 100_000, "basis_ppm": 100_000,
     "depth": 10**18},
    {"decimals": 9, "group": 3, "price_shock_ppm": 1, "slippage_ppm": 1},
    {"decimals": 6, "group": 1},
)  # fmt: skip
EXTREME_MARKETS = (
    {"kind": c.SPOT, "asset": 2, "lot_quanta": 1, "tick_value": 1},
    {"kind": c.PERP, "asset": 2, "lot_quanta": 1, "tick_value": 1},
    {"kind": c.SPOT, "asset": 3, "lot_quanta": 10**9, "tick_value": 10**6, "taker_ppm": 100_000},
    {"kind": c.PERP, "asset": 3, "lot_quanta": 10**9, "tick_value": 10**6, "maker_ppm": -50_000, "taker_ppm": 100_000},
    {"kind": c.PERP, "asset": 4, "lot_quanta": 10**18, "tick_value": u.MAX_SUPPLY // u.LADDER_TOP},
    {"kind": c.LOAN, "asset": 1, "lot_quanta": 1, "tenor_hours": u.MAX_TENOR_HOURS},
    {"kind": c.LOAN, "asset": 2, "lot_quanta": 1, "tenor_hours": u.MAX_TENOR_HOURS},
    {"kind": c.LOAN, "asset": 3, "lot_quanta": 10**18, "tenor_hours": 1},
    {"kind": c.SPOT, "asset": 5, "lot_quanta": 10**18, "tick_value": 1},
)
EDGES = [
    edge + step
    for edge in (0, 10**6, 10**8, 10**12, u.MAX_LOTS, u.MAX_CASH, u.MAX_SUPPLY, 10**17, 2**31, 2**32, 2**53, 2**62)
    for step in (-1, 0, 1)
] + [LONGEST, SHORTEST, LONGEST - 1, SHORTEST + 1, -(10**16), -(10**18)]


def draw(source: random.Random, kind: str) -> int:
    """Return a number of a field's type, at an edge more often than not."""
    low, high = r.RANGES[kind].start, r.RANGES[kind].stop - 1
    pick = source.random()
    if pick < 0.5:
        return min(max(source.choice(EDGES), low), high)
    if pick < 0.9:
        return min(int(10 ** source.uniform(0, 18)), high)
    return source.choice((low, high))


def pick(world: World, source: random.Random, table: str) -> int:
    """Return the id of a live row, or 1."""
    rows = world.live(table)
    return int(rows["id"][source.randrange(len(rows))]) if len(rows) else 1


def make_extreme(world: World, source: random.Random, now: int) -> bytes:
    """Return a command that names what exists, with numbers from anywhere."""
    kind = source.choice((c.DEPOSIT, c.WITHDRAW, c.TRANSFER, c.SET_MARK, c.PLACE_ORDER, c.PLACE_ORDER,
                          c.PLACE_ORDER, c.PLACE_ORDER, c.PLACE_ORDER, c.PLACE_ORDER, c.PLACE_ORDER, c.AMEND_ORDER,
                          c.CANCEL_ALL, c.TRUE_UP, c.REPAY_LOAN, c.EXTEND_LOAN, c.ADVANCE_TIME))  # fmt: skip
    record = {c.SET_MARK: r.SetMark, c.PLACE_ORDER: r.PlaceOrder, c.ADVANCE_TIME: r.Command}.get(kind)
    if record is None:
        record = r.OrderChange if kind in (c.AMEND_ORDER, c.CANCEL_ALL) else r.ContractChange
        record = r.Funds if kind <= c.TRANSFER else record
    values = {field: draw(source, kind_of) for field, kind_of in record.fields()}
    values.update(kind=kind, sequence=0, count=0, time_us=now, account=source.randrange(1, 5))
    values["flags"] = source.choice((0, 0, 0, c.MARKET, c.REDUCE_ONLY, c.POST_ONLY))
    for field in ("asset", "market", "side"):
        if field in values and source.random() < 0.97:
            values[field] = source.randrange(1, 10) if field == "market" else source.randrange(1, 6)
            values[field] %= 2 if field == "side" else 10**9
    if kind == c.PLACE_ORDER:
        values.update(time_in_force=source.choice((0, 0, 1, 3)), self_trade=0, borrow_rate_bp=0, client_id=0)
        terms = EXTREME_MARKETS[min(max(values["market"], 1), len(EXTREME_MARKETS)) - 1]
        price = source.choice((1, 1_000, 9_999, u.MAX_TICKS, u.MAX_TICKS + 1, 500_000))
        if source.random() < 0.7 and terms["kind"] != c.LOAN:
            unit = int(world.rows("assets")["unit"][terms["asset"]])
            price = min(max(unit * terms["lot_quanta"] // u.GRID // terms["tick_value"], 1), u.MAX_TICKS)
        values["price_ticks"] = price
        if source.random() < 0.8:  # what the cash of an order allows
            most = u.MAX_CASH // (price * terms.get("tick_value", 1)) + 1
            most = min(most, u.MAX_SUPPLY // terms["lot_quanta"], u.MAX_LOTS)
            values["lots"] = source.choice((1, most, int(most ** source.random()), int(most ** source.random())))
    if kind == c.SET_MARK:
        values.update(source_time_us=now, sources=3, agreeing=3)
        values["price"] = source.choice((1, 10**8, u.MAX_MARK, u.MAX_MARK, values["price"], 10**12))
    if "to" in values:
        values["to"] = source.randrange(1, 5)
    if kind in (c.AMEND_ORDER, c.TRUE_UP, c.REPAY_LOAN, c.EXTEND_LOAN):
        table = {c.AMEND_ORDER: "orders", c.TRUE_UP: "perps"}.get(kind, "loans")
        values["order_id" if kind == c.AMEND_ORDER else "contract_id"] = identity = pick(world, source, table)
        row = world.rows(table)[identity & (1 << 26) - 1] if identity > 1 else None
        if row is not None:
            party = {"orders": "account", "perps": "long_account", "loans": "borrower"}[table]
            values["account"] = int(row[party])
        values["rate_bp"] = source.choice((0, u.MAX_RATE_BP, values.get("rate_bp", 0))) if "rate_bp" in values else 0
        values = {field: value for field, value in values.items() if field in dict(record.fields())}
    return encode(record, **values)


def wake(world: World, now: int) -> bytes:
    """Return the marks as they are, once more, so that feeds are neither stale nor volatile."""
    marks = world.rows("assets")["mark"].tolist()
    return b"".join(
        encode(r.SetMark, time_us=now, kind=c.SET_MARK, asset=asset, price=mark, sources=3, agreeing=3,
               source_time_us=now)
        for asset, mark in enumerate(marks) if asset > 1 and mark
    )  # fmt: skip


def make_extreme_world() -> World:
    world = World(Genesis(), EXTREME, EXTREME_MARKETS)
    commands = [
        encode(r.OpenAccount, time_us=NOW, kind=c.OPEN_ACCOUNT, owner_high=2**64 - account) for account in range(1, 5)
    ]
    for account in range(1, 5):
        for asset in range(1, 6):
            commands.append(encode(r.Funds, time_us=NOW, kind=c.DEPOSIT, account=account, asset=asset,
                                   amount=u.MAX_SUPPLY // 4 - (account == 4)))  # fmt: skip
    for asset in range(2, 6):
        commands.append(encode(r.SetMark, time_us=NOW, kind=c.SET_MARK, asset=asset, price=10**8, sources=3,
                               agreeing=3, source_time_us=NOW))  # fmt: skip
    events = read_events(world.apply(b"".join(commands)))
    refused = {name(event.code) for event in events if event.kind == c.REJECTED}
    assert refused <= {"MARK_OUT_OF_RANGE"}, refused
    return world


@pytest.mark.parametrize("seed", range(4))
def test_products_at_their_bounds_never_overflow(seed):
    source = random.Random(seed)
    world = make_extreme_world()
    engine = world.engine
    now, answers = NOW, {}
    for number in range(MANY // 4):
        if source.random() < 0.05 and now < u.MAX_TIME - 10**13:
            now += source.choice((1, 61 * 10**6, 61 * 10**6, 3_600 * 10**6, 10**12, 10**13))
            world.apply(wake(world, now))
        command = make_extreme(world, source, min(now, u.MAX_TIME))
        before = world.digest() if number % 5 == 0 else None
        events = read_events(world.apply(command))
        if events and events[0].kind == c.REJECTED:
            code = events[0].code
            answers[code] = answers.get(code, 0) + 1
            assert code != c.INTERNAL, (number, command.hex())
            assert before is None or world.digest() == before, "invariant 6"
        else:
            answers[c.OK] = answers.get(c.OK, 0) + 1
        for account in range(1, 5):
            for severity in (0, 10**6, 10**7):
                engine.get_value(account, severity)
            engine.get_cautious_value(account, 10**6)
            engine.get_resilience(account)
        if number % 50 == 0:
            check_supply(world)
            check_zero_sum(world)
        if number % 500 == 0:
            check_all(world)
    check_all(world)
    print({name(code): count for code, count in sorted(answers.items())})
    assert answers[c.OK] > MANY // 40


@pytest.mark.skipif(not COMPILED, reason="compares the compiled core with the interpreted one")
@pytest.mark.parametrize("seed", range(10, 12))
def test_products_at_their_bounds_are_the_same_interpreted(tmp_path, seed):
    """Invariant 7 at the edges, where C integers and Python's would part."""
    source = random.Random(seed)
    world = make_extreme_world()
    log, events = [], []
    for number in range(2_000):
        now = NOW + number // 20 * 61 * 10**6
        log.append(wake(world, now) if number % 20 == 0 else make_extreme(world, source, now))
        events.append(world.apply(log[-1]))
    path = tmp_path / "log"
    path.write_bytes(b"".join(log))
    imports = "from tests.properties.test_bounds import make_extreme_world"
    assert replay_interpreted(path, "make_extreme_world()", imports) == get_sums(world, b"".join(events))


# Records that are none.


@pytest.fixture(scope="module")
def busy() -> World:
    """A venue with a history: orders, loans, contracts, IOUs."""
    return Chapter(8, Every(*[1 << 60] * 6)).run(600).world


@pytest.mark.parametrize("size", [1, 63, 65, 127, 64 * 3 + 7])
def test_a_torn_buffer_is_refused_whole(busy, size):
    before = busy.digest(whole=True)
    with pytest.raises(ValueError, match="64 bytes"):
        busy.apply(bytes(size))
    assert busy.digest(whole=True) == before
    assert busy.apply(b"") == b""


@pytest.mark.parametrize("fill", [0x00, 0xFF, 0x7F, 0x80, 0x01])
def test_a_record_of_one_byte_is_answered(busy, fill):
    before = busy.digest()
    events = read_events(busy.apply(bytes([fill]) * 64))
    assert [event.kind for event in events] == [c.REJECTED]
    assert events[0].code != c.INTERNAL
    assert busy.digest() == before


@pytest.mark.parametrize("body", [0x00, 0xFF, 0x01])
def test_every_kind_is_answered(busy, body):
    """All 256 kinds with all-zero, all-one and small bodies, at the venue's time."""
    for kind in range(256):
        for account in (0, 1, 2**32 - 1):
            time_us = int(busy.rows("venue")["time_us"][1])
            head = struct.pack("<qqBBHI", 0, time_us, kind, 0, body * 257, account)
            before = busy.digest()
            events = read_events(busy.apply(head + bytes([body]) * 40))
            assert events[0].code != c.INTERNAL or events[0].kind != c.REJECTED
            if events[0].kind == c.REJECTED:
                assert len(events) == 1
                assert busy.digest() == before
            if kind >= c.COMMAND_KINDS or kind == 0:
                assert name(events[0].code) == "UNKNOWN_KIND"
    check_all(busy)


def test_a_bundle_that_names_more_records_than_there_are(busy):
    time_us = int(busy.rows("venue")["time_us"][1])
    for count in (1, 2, 100, 101, 255):
        head = encode(r.Command, time_us=time_us, kind=c.BUNDLE, account=1, count=count)
        for records in (head, head + bytes(64) * (count // 2)):
            if len(records) // 64 <= count:
                events = read_events(busy.apply(records))
                assert [event.kind for event in events] == [c.REJECTED]
                assert name(events[0].code) == "BUNDLE_SIZE"


@given(st.lists(st.binary(min_size=48, max_size=48), min_size=1, max_size=4), st.integers(0, 255))
@settings(max_examples=200 if COMPILED else 40, deadline=None)
def test_any_bytes_are_answered(busy, bodies, kind):
    time_us = int(busy.rows("venue")["time_us"][1])
    for body in bodies:
        events = read_events(busy.apply(struct.pack("<qqB", 0, time_us, kind % 20) + body[:47]))
        assert all(event.kind != c.REJECTED or event.code != c.INTERNAL for event in events)
    check_supply(busy)
    check_zero_sum(busy)


@pytest.mark.parametrize("seed", range(2))
def test_ten_thousand_random_records_are_answered(seed):
    source = random.Random(seed)
    world = Chapter(9, Every(*[1 << 60] * 6)).run(400).world
    for number in range(MANY // 2):
        time_us = int(world.rows("venue")["time_us"][1])
        body = bytearray(source.randbytes(47))
        for place in range(1, 47):  # small numbers reach further
            if source.random() < 0.6:
                body[place] = 0 if source.random() < 0.8 else source.randrange(16)
        body[3:7] = struct.pack("<I", source.randrange(14))
        record = struct.pack("<qqB", 0, time_us, source.randrange(20)) + bytes(body)
        events = read_events(world.apply(record))
        assert all(event.kind != c.REJECTED or event.code != c.INTERNAL for event in events), record.hex()
        if number % 250 == 0:
            check_all(world)
    check_all(world)


# Full tables.


@pytest.mark.parametrize(("table", "rows"), [
    ("orders", 20), ("accounts", 9), ("owners", 5), ("positions", 30), ("figures", 24), ("perps", 6), ("loans", 5),
    ("clients", 2), ("nodes", 60),
])  # fmt: skip
def test_a_full_table_refuses_the_command_and_nothing_else(table, rows):
    """A chapter with a table that is too small: some commands are answered CAPACITY, every invariant holds."""
    chapter = Chapter(31, Every(digest=1, tables=20, sums=20, lists=100, values=1 << 60, preview=5))
    chapter.world = World(chapter.genesis, capacity={table: rows})
    chapter.generator.world = chapter.shadow.world = chapter.world
    chapter.run(900 if COMPILED else 500)
    print(table, chapter.counts["code CAPACITY"])
    assert chapter.counts["code CAPACITY"] > 0


# A fault inside.


@pytest.mark.parametrize("kind", ["order that fills", "deposit", "mark", "bundle"])
def test_a_fault_is_taken_back_and_the_venue_only_cancels(kind):
    def play(desk):
        """Play the same commands, with a fault in the one of interest; return its event."""
        assert desk.place(1, PERP, c.SELL, 2_000, 10) == c.OK
        assert desk.place(1, PERP, c.SELL, 2_001, 10) == c.OK
        engine = desk.world.engine
        engine.set_fault(int(desk.world.rows("venue")["sequence"][1]) + 1)
        commands = {
            "order that fills": [encode(r.PlaceOrder, time_us=desk.now, kind=c.PLACE_ORDER, account=2, market=PERP,
                                        price_ticks=2_001, lots=15)],
            "deposit": [encode(r.Funds, time_us=desk.now, kind=c.DEPOSIT, account=2, asset=1, amount=5)],
            "mark": [encode(r.SetMark, time_us=desk.now, kind=c.SET_MARK, asset=2, price=2_001 * 10**8, sources=3,
                            agreeing=3, source_time_us=desk.now)],
            "bundle": [encode(r.Command, time_us=desk.now, kind=c.BUNDLE, account=2, count=1),
                       encode(r.PlaceOrder, time_us=desk.now, kind=c.PLACE_ORDER, account=2, market=PERP,
                              price_ticks=2_001, lots=15)],
        }[kind]  # fmt: skip
        before = desk.world.dump()
        events = read_events(desk.world.apply(b"".join(commands)))
        engine.set_fault(0)
        assert [(event.kind, event.code) for event in events] == [(c.REJECTED, c.INTERNAL)]
        after = desk.world.dump()
        assert [table for table in before if before[table] != after[table]] == ["venue"]
        venue = desk.world.rows("venue")[1]
        assert (venue["mode"], venue["internal_errors"]) == (c.CANCEL_ONLY, 1)
        assert desk.place(2, PERP, c.BUY, 2_000, 1) == c.VENUE_MODE
        assert desk.do(r.OrderChange, c.CANCEL_ALL, 1, side=2) == c.OK
        check_all(desk.world)
        return desk.world.dump()

    assert play(Desk()) == play(Desk())
