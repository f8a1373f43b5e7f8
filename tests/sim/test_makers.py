"""A carried book is the recorded book, whatever traded in between."""

from hypothesis import given, settings
from hypothesis import strategies as st

from worldmarkets.core import codes
from worldmarkets.core.audit import compute_violations
from worldmarkets.recorded import ETH_PERP, ETH_SPOT
from worldmarkets.sim import wire
from worldmarkets.sim.desk import Desk
from worldmarkets.sim.makers import BUY, SELL, Makers
from worldmarkets.sim.timeline import Update
from worldmarkets.sim.venue import open_venue

START_US = 1_723_161_255_000_000
MAKERS, GUEST, TAKER = (1, 2, 3), 4, 5


def open_book(guest_lots: int = 0) -> Makers:
    """A perp book of three makers; account 4 is the guest, account 5 takes."""
    venue = open_venue(START_US, ETH_PERP, ETH_SPOT)
    desk = Desk(venue.engine)
    desk.now_us = START_US
    desk.send([wire.open_account(START_US, owner) for owner in range(1, 6)])
    desk.send([wire.deposit(START_US, account, venue.usdm, 10**6 * venue.usdm_one) for account in range(1, 6)])
    desk.send_one(wire.set_mark(START_US, venue.eth, 1000 * 10**8, 3, 3))
    makers = Makers(desk, venue.perp, MAKERS)
    if guest_lots:
        makers.guest_account = GUEST
        makers.ask_guest = lambda side: guest_lots
    return makers


def follow(makers: Makers, bids: dict[int, int], asks: dict[int, int]) -> None:
    """An update after which the book is exactly `bids` and `asks`."""
    changes = []
    for side, levels in zip(makers.sides, (bids, asks), strict=True):
        gone = {price: 0 for price in side.recorded if price not in levels}
        changed = {price: lots for price, lots in levels.items() if side.recorded.get(price) != lots}
        changes.append(tuple({**gone, **changed}.items()))
    makers.follow(Update("perp", START_US, 1, changes[0], changes[1], None, False))


def take(makers: Makers, side: int, price: int, lots: int) -> None:
    order = wire.place_order(
        START_US, TAKER, makers.market.number, side, price, lots, codes.IMMEDIATE_OR_CANCEL
    )  # fmt: skip
    makers.desk.send_one(order)


def get_book(makers: Makers) -> tuple[dict[int, int], dict[int, int]]:
    bids, asks = (dict(makers.desk.engine.get_levels(makers.market.number, side, 1000)) for side in (BUY, SELL))
    return bids, asks


def test_worked_example() -> None:
    makers = open_book()
    follow(makers, {99_900: 10, 99_800: 5}, {100_100: 7})
    assert get_book(makers) == ({99_900: 10, 99_800: 5}, {100_100: 7})
    take(makers, SELL, 99_900, 4)
    assert makers.desk.get_best(makers.market) == (99_900, 6, 100_100, 7)
    follow(makers, {99_900: 6, 99_800: 5}, {100_100: 9})  # the update reflects the trade: it names the level
    assert makers.corrections == 0


def test_what_nobody_recorded_is_put_back_and_counted() -> None:
    makers = open_book()
    follow(makers, {99_900: 10}, {100_100: 7})
    take(makers, BUY, 100_100, 3)
    follow(makers, {99_900: 12}, {100_100: 7})
    assert get_book(makers) == ({99_900: 12}, {100_100: 7})
    assert makers.corrections == 1


def test_the_youngest_order_goes_first() -> None:
    makers = open_book()
    for lots in (4, 9, 6):
        follow(makers, {99_900: lots}, {100_100: 7})
    orders = makers.sides[0].levels[99_900]
    assert [quote.lots for quote in orders] == [4, 2]
    assert orders[0].account != orders[1].account


def test_the_guest_carries_a_part_of_the_best_level() -> None:
    makers = open_book(guest_lots=5)
    follow(makers, {99_900: 8, 99_800: 80}, {100_100: 40})
    assert get_book(makers) == ({99_900: 8, 99_800: 80}, {100_100: 40})
    guests = [side.guest for side in makers.sides]
    assert [(guest.price, guest.lots) for guest in guests if guest] == [(99_900, 2), (100_100, 5)]
    follow(makers, {99_800: 80}, {100_100: 40})
    assert makers.sides[0].guest is not None
    assert (makers.sides[0].guest.price, makers.sides[0].guest.lots) == (99_800, 5)
    assert get_book(makers) == ({99_800: 80}, {100_100: 40})


LEVELS = st.integers(1, 60)
BOOK = st.tuples(
    st.dictionaries(st.integers(99_950, 99_999), LEVELS, max_size=6),
    st.dictionaries(st.integers(100_000, 100_050), LEVELS, max_size=6),
)
TRADES = st.lists(st.tuples(st.booleans(), st.integers(0, 60), st.integers(1, 90)), max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(BOOK, TRADES), min_size=1, max_size=8), st.sampled_from([0, 3, 50]))
def test_the_book_is_the_recorded_one_after_every_update(steps, guest_lots: int) -> None:
    makers = open_book(guest_lots)
    for (bids, asks), trades in steps:
        follow(makers, bids, asks)
        assert get_book(makers) == (bids, asks)
        assert sum(quote.lots for quote in makers.quotes.values()) == sum(bids.values()) + sum(asks.values())
        for is_sell, far, lots in trades:
            take(makers, SELL if is_sell else BUY, 99_990 - far if is_sell else 100_010 + far, lots)
    assert not makers.desk.refusals
    assert not compute_violations(makers.desk.engine)
