"""The engine's book beside a naive one: every event and the whole book, over random campaigns.

`WORLDMARKETS_CAMPAIGN` sets how many commands a campaign has.  A failure names the command, and all before it follow
from the seed.
"""

import os
from collections import Counter
from itertools import dropwhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.naive_book import GOOD, IMMEDIATE, MAX_SKIPS, MAX_SWEEP, TIMED, WHOLE, NaiveBook
from tests.models.spot_venue import SpotVenue
from tests.properties import pairs, soak
from worldmarkets.core import COMPILED, codes, records

COMMANDS = int(os.environ.get("WORLDMARKETS_CAMPAIGN", 4_000 if COMPILED else 800))
CHAPTER = 20_000  # commands of one engine
OWNERS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 4, 7: 5, 8: 6}  # by account: two owners have two
MAX_TICKS = 40
UNSAID = (codes.TIME_ADVANCED, codes.WORK_DONE, codes.UNCHANGED, codes.MARK_SET)
MAX_FILLS = 4  # few, so that the bound is met
SECOND = 1_000_000
FUNDS = 10**15

# What happens at least, in a thousand commands; a long enough campaign is held to it.
AT_LEAST = {
    "amended and kept": 6,
    "amended and moved": 20,
    "cancelled REASON_EXPIRED": 5,
    "cancelled REASON_IMMEDIATE": 20,
    "cancelled REASON_REQUESTED": 50,
    "cancelled REASON_SELF_TRADE": 30,
    "cancelled WORK": 0.75,
    "filled whole or not at all": 8,
    "incoming decremented": 2,
    "maker decremented": 1,
    "maker filled in part": 40,
    "maker filled whole": 40,
    "placed": 250,
    "rejected BAD_COMBINATION": 15,
    "rejected EXPIRY_PAST": 12,
    "rejected FILL_OR_KILL_UNFILLED": 20,
    "rejected NOT_OWNER": 15,
    "rejected PRICE_OUT_OF_RANGE": 4,
    "rejected SIZE_NOT_POSITIVE": 20,
    "rejected UNKNOWN_ORDER": 12,
    "rejected WORK": 0.05,
    "rejected WOULD_CROSS": 4,
    "repeated": 8,
    "slid": 4,
    "stopped after 64 skips": 0.25,
    "swept": 10,
}
NAMES = {getattr(codes, name): name for name in dir(codes) if name.startswith("REASON_")}
NAMES |= {getattr(codes, key.split()[1]): key.split()[1] for key in AT_LEAST if key.startswith("rejected")}


class Pair:
    """The engine and the naive book, given the same commands."""

    def __init__(self, kind=SpotVenue):
        self.venue = kind(max_fills=MAX_FILLS)
        self.market, self.asset = self.venue.add_market(mark_ticks=20, max_ticks=MAX_TICKS)
        for account, owner in OWNERS.items():
            assert self.venue.open_account(owner, index=account) == account
            self.venue.deposit(account, codes.NUMERAIRE, FUNDS)
            self.venue.deposit(account, self.asset, FUNDS)
        self.book = NaiveBook(OWNERS, MAX_TICKS, MAX_FILLS, self.venue.time_us)
        self.accounts = {}  # by name: a name is an order's client id
        self.ids = {}  # the engine's order id by name
        self.names = {}  # and back
        self.counts = Counter()
        self.steps = 0

    def apply(self, command):
        kind, *arguments = command
        try:
            getattr(self, kind)(*arguments)
        except AssertionError as error:
            error.add_note(f"at {command}, the command after {self.steps}")
            raise

    # Commands: the arguments are small numbers, so that a generator needs no knowledge of the book.

    def wait(self, seconds):
        self.venue.set_mark(self.asset, 20)  # else its feed is stale one day
        self.book.command(list)
        self.venue.time_us += seconds * SECOND
        self.book.now = self.venue.time_us

    def place(self, account, side, price, lots, time_in_force=GOOD, flags=0, self_trade=0, life=0, back=0):
        """Place an order under a new name, or under the one that was used `back` names ago."""
        name = max(len(self.accounts) + 1 - back, 1)
        account = self.accounts.setdefault(name, account)
        expiry = self.venue.time_us + life * SECOND if time_in_force == TIMED else 0
        happened = self.compare(
            self.venue.place(account, self.market, side, price, lots, time_in_force=time_in_force, flags=flags,
                             self_trade=self_trade, client_id=name, expiry_us=expiry),
            lambda: self.book.place(name, account, side, price, lots, time_in_force, flags, self_trade, expiry),
        )  # fmt: skip
        first, *after = dropwhile(self.is_swept, happened)
        if first[0] == "placed":
            self.counts["slid"] += first[3] != price
            self.counts["filled whole or not at all"] += time_in_force == WHOLE
            self.counts["incoming decremented"] += ("cancelled", name, codes.REASON_SELF_TRADE) in [
                (event[0], event[1], event[-1]) for event in after[:-1]
            ]
            skips = sum(event[0] == "cancelled" and event[1] != name for event in after)
            self.counts["stopped after 64 skips"] += skips == MAX_SKIPS and happened[-1][3] == codes.WORK
        return happened

    def cancel(self, pick, account):
        name, account, key = self.choose(pick, account)
        return self.compare(self.venue.cancel(account, **key), lambda: self.book.cancel(name, account))

    def cancel_all(self, account, side):
        record = self.venue.cancel_all(account, self.market, side)
        return self.compare(record, lambda: self.book.cancel_all(account, side))

    def amend(self, pick, account, move, lots):
        """Amend an order by `move` ticks, to `lots` times a tenth of what it has."""
        name, account, key = self.choose(pick, account)
        order = self.book.resting.get(name)
        price, lots = (max(order.price + move, 0), order.lots * lots // 10) if order else (20, lots)
        record = self.venue.amend(account, price, lots, **key)
        return self.compare(record, lambda: self.book.amend(name, account, price, lots))

    def burst(self, account, self_trade):
        """Rest more orders of one owner than one command may skip, and send an order of that owner into them."""
        for other in OWNERS:
            self.cancel_all(other, codes.SELL)
        for _ in range(MAX_SKIPS + 6):
            self.place(account, codes.SELL, MAX_TICKS, 1, flags=codes.POST_ONLY)
        self.place(account, codes.BUY, MAX_TICKS, MAX_SKIPS + 2, IMMEDIATE, self_trade=self_trade)
        self.cancel_all(account, codes.SELL)

    def choose(self, pick, account):
        """Return a name, an account that asks, and how it names the order: one that rests, or one of all there were.

        `account` 0 is the order's own, which may also name it by its client id.
        """
        names = list(self.book.resting if pick % 8 else self.accounts)
        name = names[pick // 8 % len(names)] if names else 0
        key = {"order_id": self.ids[name]} if name in self.ids and (account or pick % 2) else {"client_id": name}
        own = self.accounts.get(name, 1)
        return name, account if "order_id" in key and account else own, key

    # Comparison.

    def compare(self, record, ask, is_mark=False):
        """Send a command to the engine; its events are those that the naive book says, its levels are the book's."""
        self.steps += 1
        events = [self.read(event) for event in self.venue.send(record) if event.kind not in UNSAID]
        happened = self.book.command(ask, is_mark)
        assert events == happened
        for side in (codes.BUY, codes.SELL):
            assert self.venue.engine.get_levels(self.market, side, MAX_TICKS + 1) == self.book.get_levels(side)
            if self.steps % 64 == 0:
                rows = self.venue.get_orders(self.market, side)
                assert [(self.names[row.id], row.price_ticks, row.lots) for row in rows] == self.book.get_queue(side)
        self.count(happened)
        return happened

    def read(self, event):
        """Return an event of the engine in the naive book's words."""
        if event.kind == codes.ORDER_PLACED:
            self.ids[event.client_id] = event.order_id
            self.names[event.order_id] = event.client_id
            return "placed", event.client_id, event.side, event.price_ticks, event.lots, event.expiry_us
        if event.kind == codes.TRADED:
            taker, maker = self.names[event.taker_order], self.names[event.maker_order]
            return "trade", taker, maker, event.price_ticks, event.lots, event.maker_left
        if event.kind == codes.ORDER_CANCELLED:
            assert event.code == codes.WORK or event.needed == event.had == 0
            return "cancelled", event.client_id, event.lots, event.code
        if event.kind == codes.ORDER_AMENDED:
            return "amended", event.client_id, event.price_ticks, event.lots, event.code == 1
        if event.kind == codes.REPEATED:
            return "repeated", event.client_id
        assert event.kind == codes.REJECTED
        return "rejected", event.code

    def is_swept(self, event):
        return event[0] == "cancelled" and event[3] == codes.REASON_EXPIRED

    def count(self, happened):
        first = next(dropwhile(self.is_swept, happened), None)
        self.counts["swept"] += first is None or first is not happened[0]
        for event in happened:
            if event[0] == "trade":
                self.counts["maker filled in part" if event[5] else "maker filled whole"] += 1
            elif event[0] == "amended":
                what = "amended and " + ("kept" if event[4] else "moved") if event is first else "maker decremented"
                self.counts[what] += 1
            elif event[0] in ("cancelled", "rejected"):
                self.counts[f"{event[0]} {NAMES[event[-1]]}"] += 1
            else:
                self.counts[event[0]] += 1


def draw(random):
    """Return a random command."""
    roll = random.random()
    account = random.randint(1, len(OWNERS))
    if roll < 0.6:
        price = random.randint(14, 26) if random.random() < 0.92 else random.randint(0, MAX_TICKS + 1)
        flags = random.choices((0, codes.POST_ONLY, codes.POST_ONLY | codes.SLIDE, codes.SLIDE), (70, 14, 14, 2))[0]
        lots = random.choices((0, 1, 2, 3, 5, 8, 60), (1, 8, 6, 5, 4, 2, 3))[0]
        return (
            "place", account, random.randrange(2), price, lots,
            random.choices((GOOD, IMMEDIATE, WHOLE, TIMED), (10, 3, 3, 4))[0], flags, random.randrange(4),
            random.choice((0, 1, 2, 5, 9)), random.choices((0, 1, 7, 40), (50, 1, 1, 1))[0],
        )  # fmt: skip
    if roll < 0.72:
        return "cancel", random.randrange(10_000), random.choice((0, 0, 0, account))
    if roll < 0.86:
        move = random.choice((0, 0, 0, -2, -1, 1, 2, 9, -40))
        lots = random.choice((0, 5, 9, 10, 15, 40))
        return "amend", random.randrange(10_000), random.choice((0, 0, 0, 0, account)), move, lots
    if roll < 0.98:
        return "wait", random.choice((0, 1, 1, 2))
    if roll < 0.9985:
        return "cancel_all", account, random.randrange(3)
    return "burst", account, random.choice((codes.CANCEL_RESTING, codes.DECREMENT))


def run_campaign(seed, commands):
    """Run one campaign; return what happened how often."""
    return pairs.run_campaign(seed, commands, CHAPTER, Pair, lambda pair, chance: pair.apply(draw(chance)))


@pytest.mark.both
@pytest.mark.parametrize("seed", range(3))
def test_the_book_is_the_naive_book(seed):
    counts = run_campaign(seed, COMMANDS)
    print(dict(sorted(counts.items())))
    pairs.check_counts(counts, AT_LEAST)


@pytest.mark.soak
def test_the_book_is_the_naive_book_for_long():
    counts: Counter[str] = Counter()
    for number in soak.chapters("book", 50_000):
        counts.update(run_campaign(f"soak {soak.SEED} {number}", 50_000))
    print(dict(sorted(counts.items())))
    pairs.check_counts(counts, AT_LEAST)


# Worked examples.  The first order placed has the name 1, the second 2; accounts 1 and 2 have one owner.


@pytest.fixture
def pair():
    return Pair()


def pick(name):
    """Return what makes `choose` choose an order that was placed."""
    return 8 * (name - 1)


@pytest.mark.both
def test_a_fill_or_kill_order_is_never_decremented(pair):
    """It trades whole at once, or not at all: an order that shrinks against its owner's own does neither."""
    pair.place(1, codes.SELL, 20, 5)
    whole = pair.place(2, codes.BUY, 20, 5, WHOLE, self_trade=codes.DECREMENT)
    assert whole == [("rejected", codes.FILL_OR_KILL_UNFILLED)]


@pytest.mark.both
def test_a_decrement_is_reported_of_both_orders(pair):
    pair.place(1, codes.SELL, 20, 3)
    pair.place(1, codes.SELL, 20, 5)
    assert pair.place(2, codes.BUY, 20, 4, self_trade=codes.DECREMENT) == [
        ("placed", 3, codes.BUY, 20, 4, 0),
        ("cancelled", 3, 3, codes.REASON_SELF_TRADE),
        ("cancelled", 1, 3, codes.REASON_SELF_TRADE),
        ("cancelled", 3, 1, codes.REASON_SELF_TRADE),
        ("amended", 2, 20, 4, True),
    ]


@pytest.mark.both
@pytest.mark.parametrize(
    ("mode", "gone"),
    [
        (codes.CANCEL_RESTING, [(1, 4)]),
        (codes.CANCEL_INCOMING, [(2, 4)]),
        (codes.CANCEL_BOTH, [(1, 4), (2, 4)]),
        (codes.DECREMENT, [(2, 4), (1, 4)]),
    ],
)
def test_an_amended_order_keeps_its_self_trade_mode(pair, mode, gone):
    pair.place(1, codes.SELL, 20, 4)
    pair.place(2, codes.BUY, 19, 4, self_trade=mode)
    amended, *after = pair.amend(pick(2), 0, 1, 10)
    assert amended == ("amended", 2, 20, 4, False)
    assert after == [("cancelled", name, lots, codes.REASON_SELF_TRADE) for name, lots in gone]


@pytest.mark.both
def test_an_amendment_to_what_an_order_is_keeps_its_place(pair):
    pair.place(1, codes.SELL, 20, 5)
    pair.place(3, codes.SELL, 20, 5)
    assert pair.amend(pick(1), 0, 0, 10) == [("amended", 1, 20, 5, True)]
    assert pair.place(5, codes.BUY, 20, 5)[1] == ("trade", 3, 1, 20, 5, 0)


@pytest.mark.both
def test_expired_orders_leave_in_the_order_of_their_time(pair):
    for name in range(1, 21):
        pair.place(1, codes.SELL, 20 + name % 3, 1, TIMED, life=1 + name % 2)
    pair.wait(2)
    swept = [event[1] for event in pair.place(5, codes.BUY, 10, 5)[:-1]]
    assert swept == [*range(2, 21, 2), 1, 3, 5, 7, 9, 11]  # sixteen
    assert [event[1] for event in pair.place(5, codes.BUY, 10, 5)[:-1]] == [13, 15, 17, 19]


def expire(pair, count, price=20):
    """Rest orders that have expired by now, sixteen of which the next command sweeps away, whatever it is."""
    for _ in range(MAX_SWEEP + count):
        pair.place(1, codes.SELL, price, 1, TIMED, life=1)
    pair.wait(1)


@pytest.mark.both
@pytest.mark.parametrize("is_amended", [False, True])
def test_a_post_only_order_sweeps_expired_orders_away(pair, is_amended):
    mine = pair.place(3, codes.BUY, 10, 5, flags=codes.POST_ONLY)[0][1]
    expire(pair, 2)
    pair.place(1, codes.SELL, 21, 5)
    if is_amended:
        *swept, first = pair.amend(pick(mine), 0, 10, 10)
    else:
        *swept, first = pair.place(5, codes.BUY, 20, 5, flags=codes.POST_ONLY)
    assert [event[3] for event in swept] == [codes.REASON_EXPIRED] * 2
    assert first[0] == ("amended" if is_amended else "placed")
    assert pair.book.get_levels(codes.SELL) == [(21, 5)]


@pytest.mark.both
@pytest.mark.parametrize("is_amended", [False, True])
def test_a_refused_post_only_order_sweeps_nothing_away(pair, is_amended):
    mine = pair.place(3, codes.BUY, 10, 5, flags=codes.POST_ONLY)[0][1]
    expire(pair, 2)
    pair.venue.time_us -= SECOND
    pair.book.now -= SECOND
    pair.place(1, codes.SELL, 20, 7)
    pair.wait(1)
    if is_amended:
        happened = pair.amend(pick(mine), 0, 10, 10)
    else:
        happened = pair.place(5, codes.BUY, 20, 5, flags=codes.POST_ONLY)
    assert happened == [("rejected", codes.WOULD_CROSS)]
    assert pair.venue.engine.get_levels(pair.market, codes.SELL, 1) == [(20, MAX_SWEEP + 2 + 7)]


@pytest.mark.both
def test_a_post_only_order_sweeps_as_many_as_a_command_may_skip(pair):
    expire(pair, MAX_SKIPS + 1)
    for _ in range(2):  # the sixteen that are due are taken back with the command
        assert pair.place(5, codes.BUY, 20, 5, flags=codes.POST_ONLY) == [("rejected", codes.WOULD_CROSS)]
    *swept, placed = pair.place(5, codes.BUY, 20, 5, flags=codes.POST_ONLY | codes.SLIDE)
    assert len(swept) == MAX_SWEEP + MAX_SKIPS
    assert placed[3] == 19
    swept, placed = pair.place(5, codes.BUY, 20, 5, flags=codes.POST_ONLY)
    assert swept[3] == codes.REASON_EXPIRED
    assert placed[3] == 20


@pytest.mark.both
def test_time_alone_frees_the_touch_of_expired_orders(pair):
    """A post-only order is not kept out for good by expired ones, however many and though every one is refused."""
    expire(pair, 5 * MAX_SKIPS)
    while (happened := pair.place(5, codes.BUY, 20, 5, flags=codes.POST_ONLY))[0] == ("rejected", codes.WOULD_CROSS):
        pair.compare(pair.venue.command(records.Command, codes.ADVANCE_TIME), list)
    assert happened[-1][0] == "placed"


ACCOUNT, SIDE, PICK = st.integers(1, len(OWNERS)), st.integers(0, 1), st.integers(0, 200)
FLAGS = st.sampled_from((0, 0, 0, codes.POST_ONLY, codes.POST_ONLY | codes.SLIDE))
COMMAND = st.one_of(
    st.tuples(st.just("place"), ACCOUNT, SIDE, st.integers(17, 23), st.integers(1, 6), st.integers(0, 3), FLAGS,
              st.integers(0, 3), st.integers(1, 3)),
    st.tuples(st.just("place"), ACCOUNT, SIDE, st.sampled_from((0, 1, 2, MAX_TICKS, MAX_TICKS + 1)), st.integers(0, 9),
              st.integers(0, 3), FLAGS, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
    st.tuples(st.just("cancel"), PICK, st.sampled_from((0, 1, 3))),
    st.tuples(st.just("amend"), PICK, st.sampled_from((0, 1, 3)), st.integers(-3, 3), st.integers(0, 20)),
    st.tuples(st.just("wait"), st.integers(0, 2)),
    st.tuples(st.just("cancel_all"), ACCOUNT, st.integers(0, 2)),
)  # fmt: skip


@pytest.mark.both
@settings(max_examples=200 if COMPILED else 30, deadline=None)
@given(st.lists(COMMAND, max_size=40))
def test_short_histories_of_any_kind(commands):
    pair = Pair()
    for command in commands:
        pair.apply(command)
