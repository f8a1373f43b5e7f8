"""Triggers, pairs, expiries and dead man's switches beside the naive book: every event, and the state after each.

`WORLDMARKETS_CAMPAIGN` sets how many commands a campaign has.  A failure names the command, and all before it follow
from the seed.
"""

import os
from collections import Counter
from fractions import Fraction

import pytest

from tests.models.naive_book import GOOD, IMMEDIATE, TIMED, WHOLE
from tests.models.spot_venue import EVENTS, SpotVenue
from tests.properties import pairs, soak
from tests.properties.test_book_model import MAX_TICKS, NAMES, OWNERS, SECOND, Pair
from worldmarkets.core import COMPILED, codes, records, units
from worldmarkets.core.audit import compute_violations

COMMANDS = int(os.environ.get("WORLDMARKETS_CAMPAIGN", 5_000 if COMPILED else 1_000))
CHAPTER = 5_000  # commands of one engine
EVERY = 20  # commands between audits

NAMES = NAMES | {getattr(codes, name): name for name in ("BAD_COMBINATION", "TRIGGER_PASSED", "ALREADY_PAIRED")}
NAMES |= {codes.SLIPPAGE_OUT_OF_RANGE: "SLIPPAGE_OUT_OF_RANGE", codes.TIMEOUT_OUT_OF_RANGE: "TIMEOUT_OUT_OF_RANGE"}
NAMES |= {codes.WORK: "WORK", codes.FILL_OR_KILL_UNFILLED: "FILL_OR_KILL_UNFILLED"}
# What happens at least, in a thousand commands; a long enough campaign is held to it.
AT_LEAST = {
    "parked": 100, "triggered": 30, "paired": 10, "switched": 10, "marks that jumped over more than sixteen": 1,
    "cancelled REASON_PAIRED": 10, "cancelled REASON_DEAD_MAN": 10, "cancelled REASON_EXPIRED": 10,
    "cancelled FILL_OR_KILL_UNFILLED": 2, "amended while parked": 5, "reduced by its partner": 1,
    "rejected TRIGGER_PASSED": 20, "rejected ALREADY_PAIRED": 1, "rejected BAD_COMBINATION": 5,
    "taken back with its command": 5, "late": 5,
}  # fmt: skip


class Venue(SpotVenue):
    """A spot venue whose asset may move by half before its feed is volatile."""

    def add_asset(self):
        shock = units.MILLION if self.assets else 0
        self.assets = self.rules.add_asset(6, self.rules.add_group(), price_shock_ppm=shock)
        return self.assets


class Waiting(Pair):
    """The engine and the naive book, with orders that wait."""

    def __init__(self):
        super().__init__(Venue)
        self.book.mark = Fraction(20)

    def wait(self, tenths):
        """Let time pass, and nobody be told."""
        self.venue.time_us += tenths * SECOND // 10
        self.book.now = self.venue.time_us

    def tick(self):
        """Tell everybody the time."""
        self.compare(self.venue.command(records.Command, codes.ADVANCE_TIME), list)

    def move(self, quarters):
        """Set the mark to so many quarters of a tick."""
        record = self.venue.command(
            records.SetMark, codes.SET_MARK, asset=self.asset, price=quarters * units.PRICE_ONE // 4,
            source_time_us=self.venue.time_us, sources=3, agreeing=3,
        )  # fmt: skip
        happened = self.compare(record, lambda: self.book.set_mark(Fraction(quarters, 4)), is_mark=True)
        self.counts["marks that jumped over more than sixteen"] += self.book.passed != [None, None]
        return happened

    def pile(self, account, side):
        """Have many orders wait, and the mark jump over them."""
        self.move(80)
        for number in range(20):
            way = 1 if side == codes.BUY else -1
            self.park(account, side, 20 + way * (1 + number % 3), 14 + number % 13, 1 + number % 4,
                      (GOOD, IMMEDIATE)[number % 2])  # fmt: skip
        self.move(80 + 16 * way)

    def park(self, account, side, trigger, price, lots, time_in_force=GOOD, flags=0, self_trade=0, life=0):
        name = len(self.accounts) + 1
        self.accounts[name] = account
        expiry = self.venue.time_us + life * SECOND if time_in_force == TIMED else 0
        return self.compare(
            self.venue.place(account, self.market, side, price, lots, time_in_force=time_in_force, flags=flags,
                             self_trade=self_trade, client_id=name, expiry_us=expiry, trigger_ticks=trigger),
            lambda: self.book.place(name, account, side, price, lots, time_in_force, flags, self_trade, expiry,
                                    trigger),
        )  # fmt: skip

    def amend_parked(self, pick, move, lots, trigger):
        """Amend an order that waits, its price by `move` ticks, to `lots` times a tenth, its trigger by `trigger`."""
        parked = self.book.parked
        if parked:
            order = parked[pick % len(parked)]
            price, lots = max(order.price + move, 0), order.lots * lots // 10
            trigger = max(order.trigger + trigger, 0) if trigger else 0
            record = self.venue.amend(order.account, price, lots, client_id=order.name, trigger_ticks=trigger)
            self.compare(record, lambda: self.book.amend(order.name, order.account, price, lots, trigger))

    def pair(self, pick, other, account):
        name, account, _ = self.choose(pick, account)
        names = [other for other in self.book.resting if self.accounts[other] == account] if other % 8 else []
        other = names[other // 8 % len(names)] if names else self.choose(other, account)[0]
        record = self.venue.command(records.OrderPair, codes.PAIR_ORDERS, account=account,
                                    order_id=self.ids.get(name, 9), other_id=self.ids.get(other, 9))  # fmt: skip
        self.compare(record, lambda: self.book.pair(name, other, account))

    def set_dead_man(self, account, seconds):
        timeout = seconds * SECOND
        record = self.venue.command(records.Timeout, codes.SET_DEAD_MAN, account=account, timeout_us=timeout)
        self.compare(record, lambda: self.book.set_dead_man(account, timeout))

    def read(self, event):
        if event.kind == codes.ORDER_PLACED and event.trigger_ticks:
            name, side, price, lots, expiry = super().read(event)[1:]
            return "parked", name, side, price, lots, expiry, event.trigger_ticks
        if event.kind == codes.ORDER_TRIGGERED:
            return "triggered", event.client_id, event.price_ticks, event.lots, event.trigger_ticks
        if event.kind == codes.ORDER_AMENDED and event.trigger_ticks:
            return *super().read(event), event.trigger_ticks
        if event.kind == codes.ORDER_CANCELLED and event.code < codes.RESULT_CODES:
            return "cancelled", event.client_id, event.lots, event.code
        if event.kind == codes.ORDERS_PAIRED:
            return "paired", event.client_id, event.other_client_id
        if event.kind == codes.DEAD_MAN_SET:
            return "switched", event.account, event.due_us
        return super().read(event)

    def compare(self, record, ask, is_mark=False):
        is_due, before = bool(self.book.timers.get_due(self.book.now)), self.book.before
        is_late = is_due and self.book.timers.get_next() < before
        happened = super().compare(record, ask, is_mark)
        self.counts["taken back with its command"] += is_due and happened[:1] != [] and happened[0][0] == "rejected"
        self.counts["late"] += is_late
        first = self.book.timers.get_next()
        venue = records.Venue.from_buffer_copy(self.venue.engine.state.venue.view(1, 2))
        assert venue.next_due_us == (units.NEVER if first is None else first)
        assert venue.timer_count == len(self.book.timers.items)
        if self.steps % EVERY == 0:
            assert not compute_violations(self.venue.engine)
        return happened

    def count(self, happened):
        super().count([event for event in happened if event[0] not in ("amended", "cancelled", "rejected")])
        for event in happened:
            if event[0] in ("cancelled", "rejected"):
                self.counts[f"{event[0]} {NAMES.get(event[-1], event[-1])}"] += 1
            elif event[0] == "amended":
                self.counts["amended while parked"] += len(event) == 6 and happened == [event]
                self.counts["reduced by its partner"] += happened != [event]


for kind, record in ((codes.ORDER_TRIGGERED, records.OrderTriggered), (codes.ORDERS_PAIRED, records.OrdersPaired),
                     (codes.DEAD_MAN_SET, records.DeadManSet)):  # fmt: skip
    EVENTS[kind] = record


def draw(chance):
    """Return a random command."""
    roll = chance.random()
    account = chance.randint(1, len(OWNERS))
    lots = chance.choice((1, 2, 3, 5, 8))
    mode = chance.randrange(4)
    if roll < 0.22:
        flags = chance.choices((0, codes.POST_ONLY, codes.TAKE_PROFIT), (20, 5, 1))[0]
        time_in_force = chance.choices((GOOD, IMMEDIATE, TIMED), (6, 2, 4))[0]
        return "place", account, chance.randrange(2), chance.randint(14, 26), lots, time_in_force, flags, mode, \
            chance.choice((1, 2, 5, 9))  # fmt: skip
    if roll < 0.50:
        flags = chance.choice((0, codes.TAKE_PROFIT)) | chance.choices((0, codes.MARKET, codes.POST_ONLY), (9, 5, 1))[0]
        time_in_force = chance.choices((GOOD, IMMEDIATE, WHOLE, TIMED), (6, 2, 2, 4))[0]
        price = chance.randint(14, 26)
        if flags & codes.MARKET:
            time_in_force = chance.choices((IMMEDIATE, WHOLE, GOOD), (6, 3, 1))[0]
            price = chance.choice((1, 10_000, 100_000, 300_000, 10**6))
        trigger = chance.randint(14, 26) if chance.random() < 0.97 else chance.choice((1, MAX_TICKS, MAX_TICKS + 1))
        return "park", account, chance.randrange(2), trigger, price, lots, time_in_force, flags, mode, \
            chance.choice((1, 2, 5, 9))  # fmt: skip
    if roll < 0.54:
        return "cancel", chance.randrange(10_000), chance.choice((0, 0, 0, account))
    if roll < 0.58:
        return "amend", chance.randrange(10_000), 0, chance.choice((0, -1, 1, 2)), chance.choice((5, 9, 10, 15))
    if roll < 0.64:
        return "amend_parked", chance.randrange(10_000), chance.choice((0, -1, 1)), chance.choice((5, 9, 10, 15)), \
            chance.choice((0, 0, -1, 1, 5))  # fmt: skip
    if roll < 0.74:
        return "pair", chance.randrange(10_000), chance.randrange(10_000), chance.choice((0, 0, 0, 0, account))
    if roll < 0.76:
        return "set_dead_man", account, chance.choice((0, 1, 1, 2, 5))
    if roll < 0.88:
        return "wait", chance.choice((0, 1, 5, 20))
    if roll < 0.92:
        return ("tick",)
    if roll < 0.994:
        return "move", chance.choice((80, chance.randint(75, 85), chance.randint(64, 94)))
    if roll < 0.998:
        return "pile", account, chance.randrange(2)
    return "cancel_all", account, chance.randrange(3)


def run_campaign(seed, commands):
    """Run one campaign; return what happened how often."""
    return pairs.run_campaign(seed, commands, CHAPTER, Waiting, lambda pair, chance: pair.apply(draw(chance)))


@pytest.mark.both
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_orders_wait_as_the_naive_book_s(seed):
    counts = run_campaign(seed, COMMANDS)
    print(dict(sorted(counts.items())))
    pairs.check_counts(counts, AT_LEAST)


@pytest.mark.soak
def test_orders_wait_as_the_naive_book_s_for_long():
    counts: Counter[str] = Counter()
    for number in soak.chapters("triggers", 20_000):
        counts.update(run_campaign(f"soak {soak.SEED} {number}", 20_000))
    print(dict(sorted(counts.items())))
    pairs.check_counts(counts, AT_LEAST)


@pytest.mark.both
@pytest.mark.parametrize("kind", [codes.ORDER_EXPIRY, codes.TRIGGERS, codes.DEAD_MAN])
def test_work_that_fails_is_put_off_and_stops_nothing(kind):
    """An error inside one item: the command goes on, the venue only cancels, and the item is tried again."""
    pair = Waiting()
    pair.place(1, codes.BUY, 10, 5, TIMED, life=1)
    pair.park(1, codes.SELL, 19, 15, 5)
    pair.set_dead_man(2, 1)
    pair.wait(10)
    venue = pair.venue
    venue.engine.set_work_fault(kind)
    price = 19 * units.PRICE_ONE
    events = venue.send(venue.command(records.SetMark, codes.SET_MARK, asset=pair.asset, price=price, sources=3,
                                      agreeing=3, source_time_us=venue.time_us))  # fmt: skip
    deferred = [records.WorkDeferred.from_buffer_copy(event) for event in events if event.kind == codes.WORK_DEFERRED]
    assert [(event.work_kind, event.code) for event in deferred] == [(kind, codes.INTERNAL)]
    assert deferred[0].next_us == venue.time_us + SECOND
    assert codes.MARK_SET in {event.kind for event in events}
    venue.engine.set_work_fault(0)
    assert not compute_violations(venue.engine)
    events = venue.send(venue.command(records.Command, codes.ADVANCE_TIME))
    assert [event.kind for event in events] == [codes.TIME_ADVANCED]  # not yet
    venue.time_us += SECOND
    events = venue.send(venue.command(records.Command, codes.ADVANCE_TIME))
    assert codes.WORK_DONE in {event.kind for event in events}
    assert not compute_violations(venue.engine)
