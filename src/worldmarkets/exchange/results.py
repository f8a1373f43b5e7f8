"""What a command came to: typed, frozen, in the units of people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from worldmarkets.core import codes
from worldmarkets.core.codec import COMMAND_NAMES, result_name
from worldmarkets.core.records import Record
from worldmarkets.exchange.listing import Listing
from worldmarkets.exchange.units import from_units

if TYPE_CHECKING:
    from worldmarkets.exchange.account import Account


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account stands: V at severity 0, 1 and the lower rungs, its resilience, and the state that follows.

    `resilience` is None when the account is worth less than zero, and at most 10.
    """

    nav: Decimal
    available_margin: Decimal
    v_unwind: Decimal
    v_auction: Decimal
    resilience: Decimal | None
    state: str


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill of the account's order.  In a loan book the price is the yearly rate in percent."""

    market: str
    side: str
    price: Decimal
    size: Decimal
    fee: Decimal
    counterparty: Account


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What was left of an order that is gone, and why."""

    order: int
    market: str
    side: str
    price: Decimal
    size: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A quote that was not taken, its code, and why in words; its slot is empty."""

    market: str
    side: str
    level: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to a command or a bundle.

    `needed`, `had` and `subject` are the numbers of a rejection, as the exchange counts; `message` says them in words.
    `orders` and `contracts` are the ids of what was placed and opened; `resting` is what rests of the last order;
    `borrowed` is what an order with `borrow_up_to` took from loan books.
    """

    accepted: bool
    code: str
    command: str
    sequence: int
    message: str = ""
    needed: int = 0
    had: int = 0
    subject: int = 0
    repeated: bool = False
    orders: tuple[int, ...] = ()
    fills: tuple[Fill, ...] = ()
    borrowed: tuple[Fill, ...] = ()
    contracts: tuple[int, ...] = ()
    cancelled: tuple[Cancelled, ...] = ()
    refused: tuple[Refused, ...] = ()
    resting: Decimal = Decimal(0)
    events: tuple[Record, ...] = field(default=(), repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.accepted

    @property
    def order(self) -> int:
        """The id of the order placed, the last one of a bundle; 0 when there is none."""
        return self.orders[-1] if self.orders else 0

    @property
    def denied(self) -> bool:
        """Whether it was refused for the key that sent it, whatever the command."""
        return getattr(codes, self.code, codes.OK) in _DENIALS

    @property
    def change(self) -> int:
        """The id of the change of parameters that was proposed; 0 when there is none."""
        return next((event.change_id for event in self.events if event.kind == codes.PARAMETER_PROPOSED), 0)

    @property
    def filled(self) -> Decimal:
        """The size filled, over all fills."""
        return sum((fill.size for fill in self.fills), Decimal(0))

    @property
    def fees(self) -> Decimal:
        """The fees paid, over all fills."""
        return sum((fill.fee for fill in self.fills), Decimal(0))


@dataclass(frozen=True, slots=True)
class SliceTaken:
    """A slice of an account that a bidder took in auction, for `d` of the shock loss that moved.

    `share` is the part of what the bid covers that was asked for, `size` the notional that moved, `loss` by how much
    the account's shock loss fell, and `paid` what the bidder paid for it; negative when it was paid.
    """

    account: Account
    bidder: Account
    order: int
    d: Decimal
    share: Decimal
    size: Decimal
    loss: Decimal
    paid: Decimal


class Reader:
    """Reads the events of one command into a Result."""

    def __init__(
        self, listing: Listing, get_account: Callable[[int], Account], get_resting: Callable[[int], int]
    ) -> None:
        self._listing = listing
        self._get_account = get_account
        self._get_resting = get_resting

    def read(self, commands: Sequence[Record], events: Sequence[Record], sequence: int) -> Result:
        """Return the result of a command, or of a bundle with its legs, from the events it gave, if any."""
        last: Any = events[-1] if events else None
        is_rejected = last is not None and last.kind == codes.REJECTED
        if commands[0].kind == codes.SIGNED and not (is_rejected and last.command_kind == codes.SIGNED):
            commands = commands[1:]
        kind = commands[last.leg if is_rejected else 0].kind
        name = COMMAND_NAMES.get(kind, str(kind))
        if is_rejected:
            return Result(
                accepted=False, code=result_name(last.code), command=name, sequence=sequence,
                message=f"{name}: {self.explain(last)}", needed=last.needed, had=last.had, subject=last.subject,
                events=tuple(events),
            )  # fmt: skip
        return self._read_accepted(name, commands[0].account, events, sequence)

    def _read_accepted(self, name: str, account: int, events: Sequence[Any], sequence: int) -> Result:
        code, repeated, resting = codes.OK, False, Decimal(0)
        orders: list[int] = []
        fills: list[Fill] = []
        borrowed: list[Fill] = []
        markets: dict[int, int] = {}
        contracts: list[int] = []
        cancelled: list[Cancelled] = []
        refused: list[Refused] = []
        for event in get_own(events):
            kind = event.kind
            if kind == codes.REPEATED:
                code, repeated = event.code, True
                orders.append(event.order_id)
            elif kind == codes.TRADED and event.account == account:
                is_own = markets.get(event.taker_order, event.market) == event.market
                (fills if is_own else borrowed).append(self._read_fill(event))
            elif kind == codes.ORDER_CANCELLED and event.account == account:
                cancelled.append(self._read_cancelled(event))
            elif kind in (codes.ORDER_PLACED, codes.ORDER_AMENDED) and event.account == account:
                if kind == codes.ORDER_AMENDED or not event.flags & codes.RETURNED:
                    orders.append(event.order_id)
                    markets[event.order_id] = event.market
                    lots = self._get_resting(event.order_id)
                    resting = self._listing.market(event.market).from_lots(lots)
            elif kind == codes.QUOTE_REFUSED:
                refused.append(self._read_refused(event))
            elif kind in (codes.LOAN_OPENED, codes.PERP_CHANGED) and _is_opened(event, account):
                contracts.append(event.contract_id)
        return Result(
            accepted=True, code=result_name(code), command=name, sequence=sequence, repeated=repeated,
            orders=tuple(orders), fills=tuple(fills), borrowed=tuple(borrowed),
            contracts=tuple(contracts), cancelled=tuple(cancelled),
            refused=tuple(refused), resting=resting, events=tuple(events),
        )  # fmt: skip

    def _read_fill(self, event: Any) -> Fill:
        market = self._listing.market(event.market)
        return Fill(
            market.symbol, side_name(event.code), market.from_ticks(event.price_ticks), market.from_lots(event.lots),
            self._listing.numeraire.from_quanta(event.taker_fee), self._get_account(event.maker),
        )  # fmt: skip

    def _read_cancelled(self, event: Any) -> Cancelled:
        market = self._listing.market(event.market)
        reason = result_name(event.code).removeprefix("REASON_")
        return Cancelled(
            event.order_id, market.symbol, side_name(event.side), market.from_ticks(event.price_ticks),
            market.from_lots(event.lots), reason,
        )  # fmt: skip

    def _read_refused(self, event: Any) -> Refused:
        known = 0 < event.market <= len(self._listing.markets)
        market = self._listing.market(event.market).symbol if known else str(event.market)
        return Refused(market, side_name(event.side), event.level, result_name(event.code), self.explain(event))

    def explain(self, event: Any) -> str:
        """Return a rejection in words: its code and its numbers, in units where the code has them."""
        code, needed, had, subject = result_name(event.code), event.needed, event.had, event.subject
        unit = ""
        if event.code in _CASH:
            needed, had = (self._listing.numeraire.from_quanta(number) for number in (needed, had))
            unit = " " + self._listing.numeraire.symbol
        elif event.code in _AMOUNT and 0 < subject <= len(self._listing.assets):
            asset = self._listing.asset(subject)
            needed, had, unit = asset.from_quanta(needed), asset.from_quanta(had), " " + asset.symbol
        elif event.code in _SIZE and 0 < subject <= len(self._listing.markets):
            market = self._listing.market(subject)
            needed, had = market.from_lots(needed), market.from_lots(had)
            unit = f" {market.asset.symbol} in {market.symbol}"
        elif event.code in _PRICE and 0 < subject <= len(self._listing.markets):
            market = self._listing.market(subject)
            needed, had, unit = market.from_ticks(needed), market.from_ticks(had), f" in {market.symbol}"
        leg = f" (leg {event.leg})" if event.leg else ""
        if not (event.needed or event.had):
            return f"{code}{leg}"
        return f"{code}{leg}: needed {needed}, had {had}{unit}"


_CASH = frozenset(
    {
        codes.LIMIT_NOTIONAL,
        codes.MARGIN,
        codes.MARGIN_WORSE,
        codes.PLAN_FROZEN,
        codes.WITHDRAWABLE,
        codes.PRICE_BAND,
        codes.LENDER_NOT_FREE,
        codes.MANDATE_ORDER,
        codes.MANDATE_DAY,
        codes.MANDATE_LOSS,
        codes.MANDATE_FLOOR,
    }
)
_DENIALS = frozenset({
    codes.ENVELOPE, codes.UNSIGNED, codes.ENVELOPE_EXPIRED, codes.UNKNOWN_KEY, codes.NONCE_TOO_LOW, codes.NONCE_USED,
    codes.KEY_FORBIDDEN, codes.KEY_EXPIRED, codes.MANDATE_KIND, codes.MANDATE_MARKET, codes.MANDATE_ORDER,
    codes.MANDATE_DAY, codes.MANDATE_LOSS, codes.MANDATE_FLOOR, codes.MANDATE_BAND, codes.ROLE,
})  # fmt: skip
_AMOUNT = frozenset({codes.BALANCE, codes.AMOUNT_NOT_POSITIVE, codes.AMOUNT_TOO_LARGE, codes.COLLATERAL_CAP})
_SIZE = frozenset({
    codes.SIZE_NOT_POSITIVE, codes.SIZE_TOO_SMALL, codes.SIZE_TOO_LARGE, codes.NOTIONAL_TOO_LARGE,
    codes.NOTHING_TO_REDUCE, codes.OPEN_INTEREST_CAP, codes.LIMIT_ORDER_SIZE, codes.LIMIT_POSITION,
    codes.FILL_OR_KILL_UNFILLED,
})  # fmt: skip
_PRICE = frozenset({codes.MANDATE_BAND, codes.PRICE_OUT_OF_RANGE, codes.WOULD_CROSS, codes.TRIGGER_PASSED})


def get_own(events: Sequence[Any]) -> Sequence[Any]:
    """Return a command's own events: timed work that it did first is somebody else's."""
    for place in range(len(events), 0, -1):
        if events[place - 1].kind == codes.WORK_DONE:
            return events[place:]
    return events


def _is_opened(event: Any, account: int) -> bool:
    """Say whether a contract came into being, or grew, with this account as a party."""
    if event.kind == codes.LOAN_OPENED:
        return account in (event.account, event.lender)
    return event.change_lots > 0 and event.code != codes.CIRCLED and account in (event.account, event.short_account)


def read_slices(listing: Listing, get_account: Callable[[int], Account], events: Sequence[Record]) -> list[SliceTaken]:
    """Return the slices that bidders took, from the events."""
    taken: list[Any] = [event for event in events if event.kind == codes.BACKSTOP_TAKEN]
    cash = listing.numeraire.from_quanta
    return [
        SliceTaken(
            get_account(event.account), get_account(event.bidder), event.order_id,
            listing.market(event.market).from_ticks(event.price_ticks), from_units(event.share_ppb, 9),
            listing.market(event.market).from_lots(event.lots), cash(event.loss), cash(event.paid),
        )
        for event in taken
    ]  # fmt: skip


def side_name(side: int) -> str:
    """The word for a side of a book."""
    return "buy" if side == codes.BUY else "sell"
