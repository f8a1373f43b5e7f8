"""The book rebuilt from a recording, and how well it agrees with the best bids and offers recorded beside it."""

from collections.abc import Iterable

import msgspec

from worldmarkets.recorded.errors import GapError
from worldmarkets.recorded.l2 import BestBidOffer, DepthUpdate, Level, Message, Snapshot, Trade


class Book:
    """Price levels by side: `bids` and `asks` give lots by price in ticks, as they were after the update `last_id`.

    Empty, with `last_id` None, until a snapshot comes. Levels beyond the snapshot are known only once they change,
    so far from the best price the book may be short of some.
    """

    def __init__(self) -> None:
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.last_id: int | None = None
        self._waiting: list[DepthUpdate] = []

    def apply(self, message: Snapshot | DepthUpdate) -> None:
        """Brings the book to the state after `message`.

        Updates that come before the snapshot are kept and applied on top of it. What is older than the book is ignored.

        Raises: GapError when updates between the book and this one are missing; the book stays as it was.
        """
        if isinstance(message, Snapshot):
            self._apply_snapshot(message)
        elif self.last_id is None:
            self._waiting.append(message)
        else:
            self._apply_update(message, self.last_id)

    def best_bid(self) -> Level | None:
        """Returns the highest bid as (ticks, lots), or None when there is none."""
        if not self.bids:
            return None
        price = max(self.bids)
        return price, self.bids[price]

    def best_ask(self) -> Level | None:
        """Returns the lowest ask as (ticks, lots), or None when there is none."""
        if not self.asks:
            return None
        price = min(self.asks)
        return price, self.asks[price]

    def _apply_snapshot(self, snapshot: Snapshot) -> None:
        if self.last_id is not None and snapshot.last_id <= self.last_id:
            return
        self.bids, self.asks, self.last_id = dict(snapshot.bids), dict(snapshot.asks), snapshot.last_id
        waiting, self._waiting = self._waiting, []
        for update in waiting:
            self._apply_update(update, self.last_id)

    def _apply_update(self, update: DepthUpdate, last_id: int) -> None:
        if update.last_id <= last_id:
            return
        # The first update after a snapshot may begin before it; quantities are absolute, so nothing is counted twice.
        # Perpetuals share one sequence of ids, so theirs leave holes and the name of the update before decides.
        if update.first_id > last_id + 1 and update.previous_id != last_id:
            raise GapError(f"the update {update.first_id}..{update.last_id} does not follow {last_id}")
        for side, changes in ((self.bids, update.bids), (self.asks, update.asks)):
            for price, quantity in changes:
                if quantity:
                    side[price] = quantity
                else:
                    side.pop(price, None)  # a level beyond the snapshot may go without ever having been seen
        self.last_id = update.last_id


class Agreement(msgspec.Struct):
    """How often a depth update and a recorded best bid and offer had the same update id, and how often they agreed.

    `quotes_before` and `quotes_after` count where the best bid and offer stood in the recording: before the depth
    update or after it. `prices_equal` and `quantities_equal` count the cases where both sides were the same.
    """

    quotes_before: int = 0
    quotes_after: int = 0
    prices_equal: int = 0
    quantities_equal: int = 0

    @property
    def compared(self) -> int:
        """The number of cases compared."""
        return self.quotes_before + self.quotes_after


def compare(messages: Iterable[Message], book: Book | None = None) -> Agreement:
    """Rebuilds the book (or carries `book` on) and returns how it agrees with the recorded best bids and offers.

    Raises: GapError from the book; whatever reading the messages raises.
    """
    book = Book() if book is None else book
    agreement = Agreement()
    quotes: dict[int, BestBidOffer] = {}  # those ahead of the book
    for message in messages:
        match message:
            case BestBidOffer(update_id=update_id):
                if update_id == book.last_id:
                    agreement.quotes_after += 1
                    _count(agreement, message, book)
                else:
                    quotes[update_id] = message
            case DepthUpdate(last_id=last_id):
                book.apply(message)
                if book.last_id != last_id:
                    continue
                if quote := quotes.get(last_id):
                    agreement.quotes_before += 1
                    _count(agreement, quote, book)
                quotes = {update_id: quote for update_id, quote in quotes.items() if update_id > last_id}
            case Snapshot():
                book.apply(message)
            case Trade():
                pass
    return agreement


def _count(agreement: Agreement, quote: BestBidOffer, book: Book) -> None:
    bid, ask = book.best_bid(), book.best_ask()
    if bid is None or ask is None:
        return
    agreement.prices_equal += (quote.bid, quote.ask) == (bid[0], ask[0])
    agreement.quantities_equal += (quote.bid_quantity, quote.ask_quantity) == (bid[1], ask[1])
