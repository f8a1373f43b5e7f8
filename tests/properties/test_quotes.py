"""Mass quotes, protection and limits beside a naive model that says them in single orders to a twin exchange.

After every command the books of the two, order by order, and everybody's positions are equal, and what was refused,
tripped and limited is what the model says.  A failure names its seed and command.
"""

from __future__ import annotations

import copy
import os
import random
from collections import Counter, namedtuple
from dataclasses import dataclass

import pytest

from tests.models.naive_quotes import NaiveMakers
from tests.properties import soak
from tests.properties.campaign import LIVE, SECOND, START_US, Genesis, World, encode, get_sums, replay_interpreted
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.codec import decode_events, result_name
from worldmarkets.core.snapshot import read_snapshot, write_snapshot
from worldmarkets.core.units import MAX_LIMITED_ORDERS, MAX_QUOTES

SEED = int(os.environ.get("WORLDMARKETS_SEED", "1"))
COMMANDS = 3_000 if COMPILED else 250
USDM, COIN = 1, 2
SPOT, PERP, FLAT = 1, 2, 3
MARKETS = (SPOT, PERP, FLAT)
MAKERS, POOR, TAKERS = (1, 2, 3), 3, (4, 5, 6)
MID = 100
CAPACITY = {"nodes": 1 << 14, "children": 1 << 20, "levels": 1 << 20, "orders": 1 << 14, "clients": 64}
ASSETS = ({"decimals": 6, "group": 1}, {"decimals": 6, "group": 2, "price_shock_ppm": 100_000, "slippage_ppm": 5_000},
          {"decimals": 6, "group": 3, "price_shock_ppm": 50_000})  # fmt: skip
TERMS = ({"kind": c.SPOT, "asset": 2, "lot_quanta": 1}, {"kind": c.PERP, "asset": 2, "lot_quanta": 1},
         {"kind": c.PERP, "asset": 3, "lot_quanta": 1})  # fmt: skip
Trade = namedtuple("Trade", "maker maker_order lots price_ticks maker_left gone")

# What a thousand commands have seen at least.
LEAST = {
    "placed": 500, "moved": 200, "kept": 50, "withdrawn": 30, "pulled": 30, "refused": 100, "all or none refused": 8,
    "tripped BY_LOTS": 1, "tripped BY_NOTIONAL": 2, "tripped BY_DELTA": 2, "quotes pulled by a trip": 15,
    "trip stopped a taker": 3, "reset": 5, "cooled off": 1, "protected single order": 5, "traded": 150,
    "refused WOULD_CROSS": 10, "refused BALANCE": 5, "refused PROTECTION_ACTIVE": 10,
    "refused PRICE_OUT_OF_RANGE": 1, "refused EXPIRY_PAST": 1,
    "refused LIMIT_ORDER_SIZE": 5, "refused LIMIT_POSITION": 1, "refused LIMIT_NOTIONAL": 5,
    "order refused LIMIT_ORDER_SIZE": 1,
    "slid": 5,
}  # fmt: skip


@dataclass(frozen=True)
class Order:
    """An order or a quote, as a generator and the model speak of it."""

    market: int
    side: int
    price: int
    lots: int
    flags: int = 0
    expiry: int = 0
    at_once: bool = False
    level: int = 0

    @property
    def slot(self):
        return self.market, self.side, self.level

    def fields(self):
        timed = c.GOOD_TILL_TIME if self.expiry else c.GOOD_TILL_CANCEL
        return {"market": self.market, "side": self.side, "price_ticks": self.price, "flags": self.flags,
                "expiry_us": self.expiry,
                "time_in_force": c.IMMEDIATE_OR_CANCEL if self.at_once else timed}  # fmt: skip


def make_world(terms=TERMS) -> World:
    return World(Genesis(has_fees=False), ASSETS, terms, CAPACITY)


class Twin:
    """An exchange that is sent single orders only."""

    def __init__(self):
        self.world = make_world()
        self.engine = self.world.engine
        self.now = START_US
        self.cache = None

    def encode(self, record, kind, account, **fields):
        return encode(record, time_us=self.now, kind=kind, account=account, **fields)

    def send(self, data):
        self.cache = None
        return decode_events(self.engine.apply(data))

    def must(self, data):
        events = self.send(data)
        assert all(event.kind != c.REJECTED for event in events), [result_name(event.code) for event in events]
        return events

    def make(self, account, order, lots, is_quote, at_once=False):
        fields = order.fields()
        if at_once:
            fields.update(time_in_force=c.IMMEDIATE_OR_CANCEL, expiry_us=0)
        placed = self.encode(r.PlaceOrder, c.PLACE_ORDER, account, lots=lots, **fields)
        if not is_quote:  # the margin of a quote is asked at its fills: so is a bundle's
            return placed
        return self.encode(r.Command, c.BUNDLE, account, count=1) + placed

    def preview(self, account, order, lots, is_quote):
        self.engine.open_preview()
        events = decode_events(self.engine.apply(self.make(account, order, lots, is_quote)))
        self.engine.close_preview()
        return events

    def place(self, account, order, lots, is_quote, at_once=False):
        """Place an order; return its id if it rests."""
        events = self.must(self.make(account, order, lots, is_quote, at_once))
        (placed,) = (event.order_id for event in events if event.kind == c.ORDER_PLACED and event.account == account)
        return placed if placed in self.get_orders() else 0

    def cancel(self, account, order):
        self.must(self.encode(r.OrderChange, c.CANCEL_ORDER, account, order_id=order))

    def amend(self, account, order, price, lots):
        """Amend an order; return 0 or why not."""
        data = self.encode(r.OrderChange, c.AMEND_ORDER, account, order_id=order, price_ticks=price, lots=lots)
        return self.get_code(self.send(data))

    def get_code(self, events):
        return events[-1].code if events and events[-1].kind == c.REJECTED else 0

    def get_trades(self, events):
        """Return the trades, each with the orders that were cancelled before it."""
        trades, gone = [], []
        for event in events:
            if event.kind == c.TRADED:
                trades.append(Trade(event.maker, event.maker_order, event.lots, event.price_ticks, event.maker_left,
                                    list(gone)))  # fmt: skip
            elif event.kind == c.ORDER_CANCELLED:
                gone.append((event.account, event.order_id))
        return trades

    def get_orders(self):
        if self.cache is None:
            self.cache = get_orders(self.engine)
        return self.cache

    def count_orders(self, account, market):
        return sum(order.account == account and order.market == market for order in self.get_orders().values())

    def is_perp(self, market):
        return market != SPOT

    def get_exposure(self, account, market, side):
        position = get_positions(self.engine).get((account, TERMS[market - 1]["asset"]), (0, 0, 0))
        if market == SPOT:
            return position[0]
        return position[1] if side == c.BUY else -position[1]

    def get_passive_price(self, order):
        """Where a post-only order rests: one tick away from the best opposite one, or at its limit."""
        opposite = [o.price_ticks for o in self.get_orders().values() if o.market == order.market
                    and o.side != order.side and not 0 < o.expiry_us <= self.now]  # fmt: skip
        if order.side == c.BUY:
            return min([order.price, *(price - 1 for price in opposite)])
        return max([order.price, *(price + 1 for price in opposite)])


def get_rows(engine, name):
    """The rows of a table as records."""
    number = r.TABLE_IDS[name]
    table, record = engine.state.all[number], r.TABLES[number][1]
    rows = table.last_row() + 1
    return (record * rows).from_buffer_copy(table.view(0, rows))


def get_orders(engine):
    return {row.id: row for row in get_rows(engine, "orders") if row.id >= LIVE}


def get_positions(engine):
    return {(row.account, row.asset): (row.balance, row.lots, row.cost)
            for row in get_rows(engine, "positions") if row.balance or row.lots or row.cost}  # fmt: skip


def get_queues(engine):
    """Every order of every book, best first, in its queue."""
    orders, levels = get_rows(engine, "orders"), get_rows(engine, "levels")
    found = []
    for market in MARKETS:
        for side in (c.BUY, c.SELL):
            for _, level in engine.get_level_rows(2 * market + side):
                row = levels[level].first
                while row:
                    order = orders[row]
                    found.append((market, side, order.account, order.price_ticks, order.lots, order.expiry_us))
                    row = order.next
    return found


class Pair:
    """The exchange, the twin with the model, and what happened so far."""

    def __init__(self, seed, world=None):
        self.random = random.Random(seed)
        self.world = world or make_world()
        self.engine = self.world.engine
        self.twin = Twin()
        self.model = NaiveMakers(self.twin)
        self.counts = Counter()
        self.log, self.events, self.steps = [], [], 0
        self.plain = []  # orders that are no quotes: (account, id here, id there)
        for owner in (*MAKERS, *TAKERS):
            self.both(r.OpenAccount, c.OPEN_ACCOUNT, 0, owner_low=max(owner, 2), index=owner == 1)
        for owner in (*MAKERS, *TAKERS):
            wealth = 600 if owner == POOR else 2_000_000
            self.both(r.Funds, c.DEPOSIT, owner, asset=USDM, amount=wealth)
            self.both(r.Funds, c.DEPOSIT, owner, asset=COIN, amount=3 if owner == POOR else 20_000)
        self.mark()

    # Sending.

    def send(self, data):
        self.log.append(data)
        raw = self.engine.apply(data)
        self.events.append(raw)
        return decode_events(raw)

    def both(self, record, kind, account, **fields):
        data = self.twin.encode(record, kind, account, **fields)
        events = self.send(data)
        other = self.twin.send(data)
        assert [event.kind for event in events] == [event.kind for event in other]
        return events, other

    def mark(self):
        for asset in (2, 3):
            self.both(r.SetMark, c.SET_MARK, 0, asset=asset, price=MID * 10**8, source_time_us=self.twin.now,
                      sources=3, agreeing=3)  # fmt: skip

    def compare(self, events):
        """The two exchanges are equal, and what the model says happened."""
        self.steps += 1
        happened, self.model.happened = self.model.happened, []
        seen = []
        for event in events:
            if event.kind == c.PROTECTION_TRIPPED:
                seen.append(("tripped", event.account, event.market, event.code, event.lots, event.notional,
                             event.delta, event.pulled))  # fmt: skip
                self.counts["tripped " + ("", "BY_LOTS", "BY_NOTIONAL", "BY_DELTA")[event.code]] += 1
                self.counts["quotes pulled by a trip"] += event.pulled
            elif event.kind == c.ORDER_CANCELLED and c.LIMIT_ORDER_SIZE <= event.code <= c.LIMIT_NOTIONAL:
                if not self.is_replaced(events, event):
                    seen.append(("limited", event.account, event.code))
                    self.counts["fill limited " + result_name(event.code)] += 1
            self.counts["traded"] += event.kind == c.TRADED
        assert seen == happened
        assert get_queues(self.engine) == get_queues(self.twin.engine)
        assert get_positions(self.engine) == get_positions(self.twin.engine)
        if self.steps % 10 == 0:
            assert compute_violations(self.engine) == []

    def is_replaced(self, events, gone):
        """Whether a cancellation is of the quote that a refused one was to replace."""
        place = events.index(gone)
        return place > 0 and events[place - 1].kind == c.QUOTE_REFUSED and events[place - 1].code == gone.code

    # Commands.

    def quote(self, account, quotes, flags=0, market=0):
        """Send a mass quote; the model does it in single orders."""
        head = self.twin.encode(r.MassQuote, c.MASS_QUOTE, account, count=len(quotes), flags=flags, market=market)
        legs = [self.twin.encode(r.Quote, c.QUOTE, account, lots=quote.lots, level=quote.level, **quote.fields())
                for quote in quotes]  # fmt: skip
        kept = self.keep() if flags & c.ALL_OR_NONE else None
        refused, counts = self.model.quote(account, quotes, flags & c.PULL_OTHERS, market)
        events = self.send(b"".join([head, *legs]))
        if refused and flags & c.ALL_OR_NONE:
            self.restore(kept)
            (event,) = events
            assert (event.kind, event.leg, event.code) == (c.REJECTED, *refused[0]), result_name(event.code)
            self.counts["all or none refused"] += 1
            return self.compare([])
        answers = [(event.leg, event.code) for event in events if event.kind == c.QUOTE_REFUSED]
        assert answers == refused, ([(leg, result_name(code)) for leg, code in answers], refused)
        (quoted,) = [event for event in events if event.kind == c.QUOTED]  # IOUs may be repaid behind it
        assert {name: getattr(quoted, name) for name in counts} == counts
        self.counts.update(counts)
        for _, code in refused:
            self.counts["refused " + result_name(code)] += 1
        asked = {(q.market, q.side, q.level): q.price for q in quotes}
        for event in events:
            if event.kind in (c.ORDER_PLACED, c.ORDER_AMENDED) and event.account == account:
                self.counts["slid"] += all(event.price_ticks != price for price in asked.values())
        return self.compare(events)

    def place(self, account, order, protected=False):
        """Send a single order."""
        fields = order.fields()
        fields["flags"] |= c.PROTECTED * protected
        before = set(self.model.find_alive())
        code = self.model.place(account, order, protected)
        events = self.send(self.twin.encode(r.PlaceOrder, c.PLACE_ORDER, account, lots=order.lots, **fields))
        if code:
            assert [event.kind for event in events] == [c.REJECTED]
            assert events[0].code == code, (result_name(events[0].code), result_name(code))
            self.counts["order refused " + result_name(code)] += 1
        else:
            self.counts["protected single order"] += protected
            trips = [number for number, event in enumerate(events) if event.kind == c.PROTECTION_TRIPPED]
            after = [event.kind for event in events[trips[0] :]] if trips else []
            self.counts["trip stopped a taker"] += bool(trips) and c.TRADED not in after
            here = [event.order_id for event in events if event.kind == c.ORDER_PLACED]
            there = [order_id for order_id in self.model.find_alive() if order_id not in before]
            if there and here and here[0] in get_orders(self.engine):
                self.plain.append((account, here[0], there[0]))
        return self.compare(events)

    def keep(self):
        return write_snapshot(self.twin.engine), copy.deepcopy(
            (dict(self.model.rules), self.model.slots, self.model.protected)
        )

    def restore(self, kept):
        self.twin.engine, self.twin.cache = read_snapshot(kept[0]), None
        rules, self.model.slots, self.model.protected = kept[1]
        self.model.rules.clear()
        self.model.rules.update(rules)
        self.model.happened = []

    def wait(self, microseconds):
        self.twin.now += microseconds
        self.both(r.Command, c.ADVANCE_TIME, 0)
        self.mark()
        self.model.forget_dead()
        self.compare([])

    def protect(self, account, market, lots, notional, delta, interval_ms, cooloff_ms):
        events = self.send(self.twin.encode(
            r.Protect, c.SET_PROTECTION, account, market=market, max_lots=lots, max_notional=notional, max_delta=delta,
            interval_ms=interval_ms, cooloff_ms=cooloff_ms))  # fmt: skip
        assert [event.kind for event in events] == [c.PROTECTION_SET]
        self.model.protect(account, market, lots, notional, delta, 1_000 * interval_ms, 1_000 * cooloff_ms)
        self.compare(events)

    def reset(self, account, market):
        events = self.send(self.twin.encode(r.Protect, c.RESET_PROTECTION, account, market=market))
        code = self.model.reset(account, market)
        assert (events[0].kind, events[0].code) == ((c.REJECTED, code) if code else (c.PROTECTION_RESET, 0))
        self.counts["reset"] += not code
        self.compare(events)

    def limit(self, account, market, by_venue, figures):
        order, position, notional, orders = figures
        events = self.send(self.twin.encode(
            r.SetLimits, c.SET_VENUE_LIMITS if by_venue else c.SET_LIMITS, account, market=market, max_order_lots=order,
            flags=c.ADMINISTRATOR if by_venue else 0,
            max_position_lots=position, max_notional=notional, max_orders=orders))  # fmt: skip
        assert [(event.kind, event.code) for event in events] == [(c.LIMITS_SET, by_venue)]
        self.model.limit(account, market, by_venue, figures)
        self.compare(events)

    # Chance.

    def draw(self):
        pick = self.random
        roll = pick.random()
        if roll < 0.45:
            self.draw_quotes()
        elif roll < 0.75:
            account = pick.choice((*TAKERS, *TAKERS, *MAKERS))
            lots = pick.choice((1, 3, 10, 10, 30, 30, 100))
            side, reach = pick.randrange(2), pick.randint(-6, 6) if pick.random() < 0.2 else 6
            order = Order(pick.choice(MARKETS), side, MID + reach if side == c.BUY else MID - reach, lots,
                          at_once=pick.random() < 0.85)  # fmt: skip
            self.place(account, order, pick.random() < 0.5 and not order.at_once)
        elif roll < 0.78:
            if self.plain:
                account, here, there = self.plain.pop(pick.randrange(len(self.plain)))
                if there in self.model.find_alive():
                    self.twin.cancel(account, there)
                    self.compare(self.send(self.twin.encode(r.OrderChange, c.CANCEL_ORDER, account, order_id=here)))
        elif roll < 0.79:
            account, market = pick.choice((*MAKERS, *TAKERS)), pick.choice((0, *MARKETS))
            events, _ = self.both(r.OrderChange, c.CANCEL_ALL, account, market=market, side=2)
            self.model.forget_dead()
            self.compare(events)
        elif roll < 0.83:
            self.wait(
                pick.choice((1, 300_000, SECOND, 3 * SECOND, 20 * SECOND)) if pick.random() < 0.95 else 90_000 * SECOND
            )
        elif roll < 0.90:
            which = pick.randrange(3)
            figures = [0, 0, 0]
            figures[which] = pick.choice(((20, 60), (1_000, 4_000), (12, 30))[which])
            if pick.random() < 0.2:
                figures[0] = 50
            interval = pick.choice((1, 500, 5_000))
            if pick.random() < 0.1:
                figures, interval = [0, 0, 0], 0
            self.protect(pick.choice(MAKERS), pick.choice(MARKETS), *figures, interval, pick.choice((0, 0, 400, 2_500)))
        elif roll < 0.96:
            self.reset(pick.choice(MAKERS), pick.choice(MARKETS))
        else:
            figures, some = [0, 0, 0, 0], pick.choice((0, 0.3))
            for which, least in enumerate((8, 40, 4_000, 2)):
                if pick.random() < some:
                    figures[which] = pick.randint(least, 4 * least)
            self.limit(pick.choice((*MAKERS, *TAKERS)), pick.choice(MARKETS), pick.random() < 0.5, tuple(figures))

    def draw_quotes(self):
        pick = self.random
        account = pick.choice(MAKERS)
        quotes = []
        shift = pick.choice((0, 0, 0, -4, 4, 1))
        for _ in range(pick.choice((1, 2, 4, 8, 16))):
            market, side, level = pick.choice(MARKETS), pick.randrange(2), pick.randrange(4)
            price = MID + shift + (level + pick.randint(0, 1) - 1) * (-1 if side == c.BUY else 1)
            lots = pick.choice((0, 1, 2, 5, 5, 10, 10, 20, 40))
            if pick.random() < 0.02:
                price, lots = pick.choice(((0, 5), (price, -1), (price, 30_000), (1 << 24, 5)))
            flags = pick.choice((c.POST_ONLY, c.POST_ONLY, c.POST_ONLY, c.POST_ONLY | c.SLIDE, 0))
            if account == POOR:
                flags |= c.POST_ONLY
            expiry = 0
            if pick.random() < 0.1:
                expiry = self.twin.now + pick.choice((0, 2 * SECOND, 30 * SECOND))
            old = self.model.slots.get((account, market, side, level))
            if old and pick.random() < 0.4:
                order = self.model.find_alive()[old]
                price, flags, expiry = order.price_ticks, order.flags, order.expiry_us
                lots = max(order.lots - pick.choice((0, 0, 1, 3)), 1)
            quotes.append(Order(market, side, price, lots, flags, expiry, level=level))
        flags = c.ALL_OR_NONE * (pick.random() < 0.12) | c.PULL_OTHERS * (pick.random() < 0.08)
        if flags & c.PULL_OTHERS and pick.random() < 0.3:
            quotes = []
        self.quote(account, quotes, flags, pick.choice((0, *MARKETS)))


def run(seed, commands):
    pair = Pair(seed)
    while pair.steps < commands:
        try:
            pair.draw()
        except AssertionError as error:
            error.add_note(f"seed {seed}, command {pair.steps}")
            raise
    assert compute_violations(pair.engine) == []
    pair.counts["cooled off"] = pair.model.cooled
    return pair


def check_counts(counts, commands):
    print(dict(sorted(counts.items())))
    if commands >= 1_000:
        missed = {what: counts[what] for what, least in LEAST.items() if counts[what] < least * commands // 1_000}
        assert not missed, missed
        rare = ("fill limited LIMIT_POSITION", "fill limited LIMIT_NOTIONAL", "refused OPEN_ORDERS")
        assert commands < 5_000 or all(counts[what] for what in rare), {what: counts[what] for what in rare}


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("share", range(2))
def test_quotes_are_single_orders(share):
    counts = Counter()
    for number in range(2):
        counts.update(run(SEED * 1_000 + 2 * share + number, COMMANDS).counts)
    check_counts(counts, 2 * COMMANDS)


@pytest.mark.both
def test_quotes_are_single_orders_in_short():
    run(SEED * 1_000 + 10, COMMANDS // 6)


@pytest.mark.soak
@pytest.mark.parametrize("share", range(4))
def test_quotes_for_long(share):
    counts: Counter[str] = Counter()
    for number in soak.chapters("quotes", 3_000, 4):
        counts.update(run(SEED * 1_000_000 + share * 100_000 + number, 3_000).counts)
    check_counts(counts, 3_000 * (number + 1) if number >= 9 else 0)  # a few chapters may miss what is rare


@pytest.mark.slow
@pytest.mark.skipif(not COMPILED, reason="compares the compiled core with the interpreted one")
def test_compiled_equals_interpreted(tmp_path):
    pair = run(SEED * 1_000 + 20, 600)
    log = tmp_path / "log"
    log.write_bytes(b"".join(pair.log))
    interpreted = replay_interpreted(log, "make_world()", "from tests.properties.test_quotes import make_world")
    assert interpreted == get_sums(pair.world, b"".join(pair.events))


@pytest.mark.both
def test_a_quote_is_laid_out_as_an_order():
    """The engine checks the one as the other."""
    for name in ("market", "side", "time_in_force", "self_trade", "borrow_rate_bp", "price_ticks", "trigger_ticks",
                 "lots", "expiry_us", "flags", "account"):  # fmt: skip
        assert getattr(r.Quote, name).offset == getattr(r.PlaceOrder, name).offset, name
    assert r.Quote.level.offset == r.PlaceOrder.client_id.offset


# Worked examples, and what is refused whole.


@pytest.fixture
def pair():
    return Pair(0)


BID, ASK = c.BUY, c.SELL
PASSIVE = c.POST_ONLY


def answer(pair, maker, quotes, options=0, within=0, leg_kind=c.QUOTE, count=None, **changes):
    """Send a mass quote past the model and return its events."""
    head = pair.twin.encode(r.MassQuote, c.MASS_QUOTE, maker, count=len(quotes) if count is None else count,
                            flags=options, market=within)  # fmt: skip
    legs = [pair.twin.encode(r.Quote, leg_kind, **{"account": maker, "lots": q.lots, "level": q.level, **q.fields(),
                                               **changes}) for q in quotes]  # fmt: skip
    return pair.send(b"".join([head, *legs]))


def refuse(events):
    """Return the names of the codes with which quotes, or the command, were refused."""
    return [result_name(event.code) for event in events if event.kind in (c.QUOTE_REFUSED, c.REJECTED)]


@pytest.mark.both
def test_a_quote_keeps_its_place_only_when_it_shrinks_at_its_price(pair):
    pair.quote(1, [Order(SPOT, BID, 99, 10, PASSIVE)])
    pair.quote(3, [Order(SPOT, BID, 99, 1, PASSIVE)])
    pair.quote(1, [Order(SPOT, BID, 99, 8, PASSIVE)])
    assert [queue[2] for queue in get_queues(pair.engine)] == [1, 3]
    pair.quote(1, [Order(SPOT, BID, 99, 9, PASSIVE)])
    assert [queue[2] for queue in get_queues(pair.engine)] == [3, 1]
    pair.quote(3, [Order(SPOT, BID, 98, 1, PASSIVE)])
    pair.quote(3, [Order(SPOT, BID, 99, 1, PASSIVE)])
    assert [queue[2:5] for queue in get_queues(pair.engine)] == [(1, 99, 9), (3, 99, 1)]
    assert (pair.counts["kept"], pair.counts["moved"]) == (1, 3)


@pytest.mark.both
def test_a_quote_that_would_shrink_below_the_minimum_is_gone():
    world = make_world([{**TERMS[0], "minimum_lots": 5}])
    pair = Pair(0, world)
    assert refuse(answer(pair, 1, [Order(SPOT, BID, 99, 10, PASSIVE)])) == []
    assert refuse(answer(pair, 1, [Order(SPOT, BID, 99, 4, PASSIVE)])) == ["SIZE_TOO_SMALL"]
    assert pair.engine.get_levels(SPOT, BID, 9) == []
    assert refuse(answer(pair, 1, [Order(SPOT, BID, 99, 4, PASSIVE)])) == ["SIZE_TOO_SMALL"]
    assert compute_violations(pair.engine) == []


@pytest.mark.both
def test_two_records_of_one_slot_are_done_one_after_the_other(pair):
    pair.quote(1, [Order(SPOT, BID, 99, 10, PASSIVE)])
    pair.quote(
        1, [Order(SPOT, BID, 99, 5, PASSIVE), Order(SPOT, BID, 98, 3, PASSIVE), Order(SPOT, BID, 98, 2, PASSIVE)]
    )
    assert [queue[3:5] for queue in get_queues(pair.engine)] == [(98, 2)]


@pytest.mark.both
def test_a_window_begins_with_its_first_fill(pair):
    """40 lots within a second, but never 40 within one window: 30 at 0.9 s and 30 at 1.9 s are two windows."""
    pair.protect(1, SPOT, 40, 0, 0, 1_000, 0)
    pair.quote(1, [Order(SPOT, BID, 99, 100, PASSIVE)])
    pair.wait(900_000)
    pair.place(4, Order(SPOT, ASK, 99, 30, at_once=True))
    pair.wait(SECOND)
    pair.place(4, Order(SPOT, ASK, 99, 30, at_once=True))
    assert len(get_queues(pair.engine)) == 1
    pair.wait(SECOND - 1)
    pair.place(4, Order(SPOT, ASK, 99, 10, at_once=True))
    assert get_queues(pair.engine) == []
    assert pair.counts["tripped BY_LOTS"] == 1


@pytest.mark.both
def test_a_fill_that_is_taken_back_does_not_count(pair):
    """A fill-or-kill order that is not filled, a bundle that fails and a preview leave no trace of their fills."""
    pair.protect(1, SPOT, 10, 0, 0, 1_000, 0)
    pair.quote(1, [Order(SPOT, BID, 99, 15, PASSIVE), Order(SPOT, BID, 98, 15, PASSIVE, level=1)])
    before = pair.world.digest()
    sell = {"market": SPOT, "side": ASK, "price_ticks": 98}
    killed = pair.twin.encode(r.PlaceOrder, c.PLACE_ORDER, 4, lots=16, time_in_force=c.FILL_OR_KILL, **sell)
    assert refuse(pair.send(killed)) == ["FILL_OR_KILL_UNFILLED"]
    legs = [pair.twin.encode(r.PlaceOrder, c.PLACE_ORDER, 4, lots=15, **sell),
            pair.twin.encode(r.OrderChange, c.CANCEL_ORDER, 4, order_id=77)]  # fmt: skip
    assert refuse(pair.send(pair.twin.encode(r.Command, c.BUNDLE, 4, count=2) + b"".join(legs))) == ["UNKNOWN_ORDER"]
    pair.world.preview(legs[0])
    assert pair.world.digest() == before
    pair.place(4, Order(SPOT, ASK, 98, 9, at_once=True))
    assert pair.counts["tripped BY_LOTS"] == 0


@pytest.mark.both
def test_a_fill_that_its_maker_cannot_carry_does_not_count(pair):
    """The maker sold elsewhere what its ask offers: the ask is cancelled, nothing is filled, nothing counts."""
    pair.protect(POOR, SPOT, 3, 0, 0, 1_000, 0)
    pair.quote(POOR, [Order(SPOT, ASK, 101, 2, PASSIVE), Order(SPOT, ASK, 102, 2, PASSIVE, level=1)])
    pair.place(4, Order(SPOT, BID, 101, 2, at_once=True))
    events = pair.send(pair.twin.encode(r.PlaceOrder, c.PLACE_ORDER, 4, market=SPOT, side=BID, price_ticks=102, lots=2))
    gone = [event for event in events if event.kind == c.ORDER_CANCELLED]
    assert [(event.account, result_name(event.code)) for event in gone] == [(POOR, "BALANCE")]
    assert not any(event.kind == c.PROTECTION_TRIPPED for event in events)
    (maker,) = (row for row in get_rows(pair.engine, "makers") if row.account == POOR)
    assert (maker.lots, maker.tripped) == (2, 0)


@pytest.mark.both
def test_no_fill_goes_beyond_a_position(pair):
    """Either of two asks of 20 would do alone; once one is filled the other is gone before it is."""
    pair.limit(1, PERP, False, (0, 30, 0, 0))
    pair.quote(1, [Order(PERP, ASK, 101, 20, PASSIVE), Order(PERP, ASK, 102, 20, PASSIVE, level=1)])
    pair.place(4, Order(PERP, BID, 102, 40, at_once=True))
    assert pair.counts["fill limited LIMIT_POSITION"] == 1
    assert get_positions(pair.engine)[1, COIN][1] == -20


@pytest.mark.both
def test_protection_is_of_one_market(pair):
    pair.protect(1, SPOT, 10, 0, 0, 1_000, 0)
    pair.quote(1, [Order(market, BID, 99, 20, PASSIVE) for market in MARKETS])
    pair.place(4, Order(SPOT, ASK, 99, 10, at_once=True))
    assert [queue[0] for queue in get_queues(pair.engine)] == [PERP, FLAT]


@pytest.mark.both
def test_what_a_mass_quote_may_not_be(pair):
    good = Order(SPOT, BID, 99, 5, PASSIVE)
    before = pair.world.digest()
    assert refuse(answer(pair, 1, [])) == ["BUNDLE_SIZE"]
    assert refuse(answer(pair, 1, [good] * 101)) == ["BUNDLE_SIZE"]
    assert refuse(answer(pair, 1, [good], count=2)) == ["BUNDLE_SIZE"]
    assert refuse(answer(pair, 1, [good], leg_kind=c.PLACE_ORDER)) == ["BUNDLE_ACCOUNT"]
    assert refuse(answer(pair, 1, [good], account=2)) == ["BUNDLE_ACCOUNT"]
    assert refuse(answer(pair, 99, [good])) == ["UNKNOWN_ACCOUNT"]
    assert refuse(answer(pair, 1, [good], within=9)) == ["UNKNOWN_MARKET"]
    assert refuse(answer(pair, 1, [good], options=4)) == ["BAD_COMBINATION"]
    assert refuse(pair.send(pair.twin.encode(r.Quote, c.QUOTE, 1, **good.fields(), lots=5))) == ["UNKNOWN_KIND"]
    head = pair.twin.encode(r.MassQuote, c.MASS_QUOTE, 1, flags=c.PULL_OTHERS)
    assert refuse(pair.send(pair.twin.encode(r.Command, c.BUNDLE, 1, count=1) + head)) == ["BUNDLE_ACCOUNT"]
    assert pair.world.digest() == before


@pytest.mark.both
def test_what_a_quote_may_not_be(pair):
    good = Order(SPOT, BID, 99, 5, PASSIVE)
    for code, changes in (
        ("UNKNOWN_MARKET", {"market": 9}), ("BAD_COMBINATION", {"side": 2}),
        ("BAD_COMBINATION", {"trigger_ticks": 3}),
        ("BAD_COMBINATION", {"time_in_force": c.IMMEDIATE_OR_CANCEL, "flags": 0}),
        ("BAD_COMBINATION", {"time_in_force": c.FILL_OR_KILL, "flags": 0}),
        ("BAD_COMBINATION", {"flags": c.REDUCE_ONLY, "market": PERP}), ("BAD_COMBINATION", {"borrow_rate_bp": 5}),
        ("BAD_COMBINATION", {"flags": c.PROTECTED}), ("BAD_COMBINATION", {"flags": c.SLIDE}),
        ("BAD_COMBINATION", {"flags": c.NO_RELEND}), ("BAD_COMBINATION", {"self_trade": 4}),
        ("BAD_COMBINATION", {"spare2": 1}), ("BAD_COMBINATION", {"spare2": 2**31}),
        ("SIZE_NOT_POSITIVE", {"lots": -1}), ("SIZE_TOO_LARGE", {"lots": 10**14 + 1}),
        ("PRICE_OUT_OF_RANGE", {"price_ticks": 2**32 - 1}),
    ):  # fmt: skip
        before = pair.world.digest()
        assert refuse(answer(pair, 1, [good], **changes)) == [code], changes
        assert pair.world.digest() == before, "a refused quote of an empty slot left something behind"
        assert refuse(answer(pair, 1, [good], c.ALL_OR_NONE, **changes)) == [code]
    pair.both(r.Switch, c.SET_MARKET_MODE, 0, flags=c.ADMINISTRATOR, market=SPOT, value=c.CANCEL_ONLY)
    assert refuse(answer(pair, 1, [good])) == ["MARKET_MODE"]
    assert compute_violations(pair.engine) == []


@pytest.mark.both
def test_a_refused_quote_opens_no_position(pair):
    pair.both(r.OpenAccount, c.OPEN_ACCOUNT, 0, owner_low=99)
    newcomer = len(MAKERS) + len(TAKERS) + 1
    before = pair.world.digest()
    assert refuse(answer(pair, newcomer, [Order(SPOT, ASK, 101, 5, PASSIVE)])) == ["BALANCE"]
    assert pair.world.digest() == before


@pytest.mark.both
def test_what_a_protection_and_a_limit_may_not_be(pair):
    day = 86_400_000
    for code, fields in (
        ("UNKNOWN_ACCOUNT", {"account": 99}), ("UNKNOWN_MARKET", {"market": 9}), ("UNKNOWN_MARKET", {"market": 0}),
        ("LIMITS_OUT_OF_RANGE", {"max_lots": -1}), ("LIMITS_OUT_OF_RANGE", {"max_lots": 10**14 + 1}),
        ("LIMITS_OUT_OF_RANGE", {"max_delta": -1}), ("LIMITS_OUT_OF_RANGE", {"max_notional": 10**18 + 1}),
        ("LIMITS_OUT_OF_RANGE", {"interval_ms": 0}), ("LIMITS_OUT_OF_RANGE", {"interval_ms": day + 1}),
        ("LIMITS_OUT_OF_RANGE", {"cooloff_ms": day + 1}), ("LIMITS_OUT_OF_RANGE", {"max_lots": 0}),
    ):  # fmt: skip
        values = {"account": 1, "market": SPOT, "max_lots": 5, "interval_ms": 1, **fields}
        assert refuse(pair.send(pair.twin.encode(r.Protect, c.SET_PROTECTION, **values))) == [code], fields
    for kind in (c.SET_LIMITS, c.SET_VENUE_LIMITS):
        for code, fields in (
            ("UNKNOWN_ACCOUNT", {"account": 0}), ("UNKNOWN_MARKET", {"market": 4}),
            ("LIMITS_OUT_OF_RANGE", {"max_order_lots": -1}), ("LIMITS_OUT_OF_RANGE", {"max_position_lots": -1}),
            ("LIMITS_OUT_OF_RANGE", {"max_notional": -1}),
        ):  # fmt: skip
            values = {"account": 1, "market": SPOT, "flags": c.ADMINISTRATOR, **fields}
            assert refuse(pair.send(pair.twin.encode(r.SetLimits, kind, **values))) == [code], fields
    for code, fields in (
        ("UNKNOWN_ACCOUNT", {"account": 99}), ("UNKNOWN_MARKET", {"market": 9}), ("UNKNOWN_PROTECTION", {})
    ):  # fmt: skip
        values = {"account": 1, "market": SPOT, **fields}
        assert refuse(pair.send(pair.twin.encode(r.Protect, c.RESET_PROTECTION, **values))) == [code]
    assert compute_violations(pair.engine) == []


@pytest.mark.both
def test_the_venue_limits_by_its_roles_alone(pair):
    def limit(role, **figures):
        values = {"account": 1, "market": SPOT, "flags": role, **figures}
        return refuse(pair.send(pair.twin.encode(r.SetLimits, c.SET_VENUE_LIMITS, **values)))

    tight = {"max_order_lots": 10, "max_notional": 1_000}
    for role in (0, 3, 255):
        assert limit(role, **tight) == limit(role, account=0) == ["ROLE"]
    assert limit(c.GUARDIAN, **tight) == []  # from none to some
    assert limit(c.GUARDIAN, **tight, max_orders=3) == []
    for looser in ({}, {"max_order_lots": 11}, {"max_notional": 0}, {"max_orders": 4}):
        assert limit(c.GUARDIAN, **{**tight, "max_orders": 3, **looser} if looser else {}) == ["LOOSENING"]
    assert limit(c.ADMINISTRATOR, **{**tight, "max_order_lots": 11}) == []
    assert limit(c.ADMINISTRATOR) == []
    own = pair.twin.encode(r.SetLimits, c.SET_LIMITS, 1, market=SPOT, max_orders=2)
    assert refuse(pair.send(own)) == []  # its own need no role
    assert compute_violations(pair.engine) == []


@pytest.mark.both
def test_an_account_has_so_many_quotes_and_no_more(pair):
    for start in range(0, MAX_QUOTES, 64):
        assert refuse(answer(pair, 1, [Order(SPOT, BID, 90, 1, PASSIVE, level=start + k) for k in range(64)])) == []
    more = Order(SPOT, BID, 90, 1, PASSIVE, level=MAX_QUOTES)
    assert refuse(answer(pair, 1, [more])) == ["QUOTES_LIMIT"]
    single = {"market": SPOT, "price_ticks": 90, "lots": 1, "flags": c.PROTECTED}
    assert refuse(pair.send(pair.twin.encode(r.PlaceOrder, c.PLACE_ORDER, 1, **single))) == ["QUOTES_LIMIT"]
    assert refuse(answer(pair, 1, [Order(SPOT, BID, 91, 1, PASSIVE)])) == []  # a replacement is not one more
    pair.send(pair.twin.encode(r.Protect, c.SET_PROTECTION, 1, market=SPOT, max_lots=1, interval_ms=1))
    pair.send(pair.twin.encode(r.PlaceOrder, c.PLACE_ORDER, 2, market=SPOT, price_ticks=90, lots=1))
    events = pair.send(pair.twin.encode(r.PlaceOrder, c.PLACE_ORDER, 4, market=SPOT, side=ASK, price_ticks=90, lots=5))
    assert sum(event.kind == c.ORDER_CANCELLED and event.code == c.REASON_PROTECTION for event in events) == 1_023
    assert [result_name(event.code) for event in events[-1:]] == ["WORK"]  # the work of a command is bounded
    assert compute_violations(pair.engine) == []


@pytest.mark.both
def test_limits_are_set_for_accounts_with_few_orders(pair):
    place = pair.twin.encode(r.PlaceOrder, c.PLACE_ORDER, 1, market=SPOT, price_ticks=90, lots=1)
    for _ in range(MAX_LIMITED_ORDERS + 1):
        pair.send(place)
    limit = pair.twin.encode(r.SetLimits, c.SET_LIMITS, 1, market=SPOT, max_orders=2_000)
    assert refuse(pair.send(limit)) == ["WORK"]
    pair.send(pair.twin.encode(r.OrderChange, c.CANCEL_ORDER, 1, order_id=get_rows(pair.engine, "orders")[1].id))
    assert refuse(pair.send(limit)) == []
    assert refuse(pair.send(place)) == []
    assert compute_violations(pair.engine) == []
