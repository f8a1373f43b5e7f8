from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldmarkets.recorded import (
    BTC_PERP,
    ETH_PERP,
    ETH_SPOT,
    Agreement,
    BestBidOffer,
    Book,
    DepthUpdate,
    GapError,
    Instrument,
    Level,
    Message,
    Snapshot,
    Trade,
    compare,
    read,
)

SNAPSHOT = Snapshot(0, 10, None, bids=((99, 5), (98, 7)), asks=((101, 4), (103, 6)))


def update(
    first_id: int,
    last_id: int,
    bids: tuple[Level, ...] = (),
    asks: tuple[Level, ...] = (),
    previous_id: int | None = None,
) -> DepthUpdate:
    return DepthUpdate(0, first_id, last_id, previous_id, 0, bids, asks)


def quote(update_id: int, bid: Level, ask: Level) -> BestBidOffer:
    return BestBidOffer(0, update_id, *bid, *ask, event_time_us=None)


def test_a_worked_example() -> None:
    book = Book()
    assert book.best_bid() is None
    assert book.best_ask() is None
    book.apply(SNAPSHOT)
    assert (book.best_bid(), book.best_ask()) == ((99, 5), (101, 4))
    book.apply(update(11, 12, bids=((100, 1), (98, 0)), asks=((101, 0), (999, 0))))  # 999 was never seen
    assert (book.bids, book.asks, book.last_id) == ({99: 5, 100: 1}, {103: 6}, 12)
    assert (book.best_bid(), book.best_ask()) == ((100, 1), (103, 6))


def test_updates_before_the_snapshot_wait_for_it() -> None:
    book = Book()
    book.apply(update(5, 8, bids=((99, 1),)))  # the snapshot has it
    book.apply(update(9, 11, bids=((99, 2),)))  # the snapshot has some of it
    book.apply(update(12, 13, asks=((101, 3),)))
    assert book.best_bid() is None
    book.apply(SNAPSHOT)
    assert (book.best_bid(), book.best_ask(), book.last_id) == ((99, 2), (101, 3), 13)


def test_what_is_older_than_the_book_is_ignored() -> None:
    book = Book()
    book.apply(SNAPSHOT)
    book.apply(update(9, 10, bids=((99, 0),)))
    book.apply(Snapshot(0, 9, None, (), ()))
    assert (book.best_bid(), book.last_id) == ((99, 5), 10)


def test_a_newer_snapshot_replaces_the_book() -> None:
    book = Book()
    book.apply(SNAPSHOT)
    book.apply(Snapshot(0, 20, None, ((90, 1),), ()))
    assert (book.bids, book.asks, book.last_id) == ({90: 1}, {}, 20)


def test_the_ids_of_a_perpetual_may_leave_holes() -> None:
    book = Book()
    book.apply(SNAPSHOT)
    book.apply(update(15, 18, previous_id=10))
    book.apply(update(30, 31, previous_id=18))
    assert book.last_id == 31


@pytest.mark.parametrize("late", [update(12, 13, bids=((99, 0),)), update(12, 13, bids=((99, 0),), previous_id=11)])
def test_a_gap_is_an_error_and_leaves_the_book_as_it_was(late: DepthUpdate) -> None:
    book = Book()
    book.apply(SNAPSHOT)
    with pytest.raises(GapError, match=r"12\.\.13 does not follow 10"):
        book.apply(late)
    assert (book.best_bid(), book.last_id) == ((99, 5), 10)


LEVELS = st.lists(st.tuples(st.integers(1, 20), st.integers(0, 5)), max_size=6)


@given(st.lists(st.tuples(LEVELS, LEVELS), max_size=12), st.integers(0, 12))
def test_it_does_not_matter_when_the_snapshot_comes(changes: list[tuple[list[Level], list[Level]]], place: int) -> None:
    messages: list[DepthUpdate | Snapshot] = [
        update(number, number, tuple(bids), tuple(asks)) for number, (bids, asks) in enumerate(changes, 11)
    ]
    first, later = Book(), Book()
    for message in [SNAPSHOT, *messages]:
        first.apply(message)
    for message in [*messages[:place], SNAPSHOT, *messages[place:]]:
        later.apply(message)
    assert (first.bids, first.asks, first.last_id) == (later.bids, later.asks, later.last_id)
    assert first.best_bid() == max(first.bids.items(), default=None)
    assert first.best_ask() == min(first.asks.items(), default=None)
    assert 0 not in {*first.bids.values(), *first.asks.values()}


def test_compare_counts_agreement_and_order() -> None:
    messages: list[Message] = [
        quote(12, (100, 1), (101, 4)),  # before its update: right
        quote(14, (100, 1), (101, 9)),  # before, and one update early: wrong quantity
        SNAPSHOT,
        update(11, 12, bids=((100, 1),)),
        Trade(0, 0, 1, 100, 1, buyer_is_maker=True),
        update(13, 14, bids=((97, 1),)),
        update(15, 15, asks=((101, 0),)),
        quote(15, (100, 1), (102, 6)),  # after its update: wrong price
        quote(16, (100, 1), (103, 6)),  # no depth update ends here
    ]
    assert compare(messages) == Agreement(quotes_before=2, quotes_after=1, prices_equal=2, quantities_equal=2)


def test_an_empty_side_agrees_with_nothing() -> None:
    messages: list[Message] = [Snapshot(0, 10, None, (), ()), quote(11, (1, 1), (2, 2)), update(11, 11)]
    assert compare(messages) == Agreement(quotes_before=1)


@pytest.mark.parametrize(
    ("name", "instrument", "quotes_before", "quotes_after"),
    [
        ("usdm_ethusdt_20240808.gz", ETH_PERP, 471, 80),
        ("usdm_btcusdt_20240808.gz", BTC_PERP, 503, 126),
    ],
)
def test_the_full_recordings_agree_in_every_case(
    shared: Path, name: str, instrument: Instrument, quotes_before: int, quotes_after: int
) -> None:
    agreement = compare(read(shared / "data/l2" / name, instrument))
    assert (agreement.quotes_before, agreement.quotes_after) == (quotes_before, quotes_after)
    assert agreement.prices_equal == agreement.quantities_equal == agreement.compared


def test_a_second_file_carries_the_book_on(shared: Path) -> None:
    book = Book()
    agreement = compare(read(shared / "data/l2/spot_ethusdt_20240808.gz", ETH_SPOT), book)
    assert agreement == Agreement(quotes_before=577, quotes_after=0, prices_equal=577, quantities_equal=577)
    agreement = compare(read(shared / "data/l2/spot_ethusdt_20240809.gz", ETH_SPOT), book)
    assert agreement == Agreement(quotes_before=479, quotes_after=0, prices_equal=479, quantities_equal=479)
