"""What a market maker says and sees: mass quotes, protection, limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from worldmarkets.core import codes
from worldmarkets.core.records import MassQuote, Protect, Quote, Record, SetLimits
from worldmarkets.exchange.commands import make
from worldmarkets.exchange.errors import UnitError, UnknownName
from worldmarkets.exchange.results import side_name
from worldmarkets.exchange.units import Amount, from_time, from_units, to_time, to_units

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange
    from worldmarkets.exchange.listing import Market

T = TypeVar("T")
SIDES = {"buy": codes.BUY, "sell": codes.SELL, "borrow": codes.BUY, "lend": codes.SELL}
SELF_TRADE = {
    "cancel-resting": codes.CANCEL_RESTING,
    "cancel-incoming": codes.CANCEL_INCOMING,
    "cancel-both": codes.CANCEL_BOTH,
    "decrement": codes.DECREMENT,
}
# For each market and side, a price and a size a level; None leaves a level as it is, a size of 0 withdraws it.
Ladders = Mapping[str, Mapping[str, Sequence["tuple[Amount, Amount] | None"]]]


@dataclass(frozen=True, slots=True)
class QuoteView:
    """A quote that rests."""

    market: str
    side: str
    level: int
    price: Decimal
    size: Decimal
    order: int


@dataclass(frozen=True, slots=True)
class Protection:
    """What protects an account in a market, and what was filled in the window that runs, if one does.

    A limit of 0 is none.  `tripped` is since when protected orders are refused, None when they are not; `reached` is
    the limit that was reached then: size, notional or delta.
    """

    market: str
    size: Decimal
    notional: Decimal
    delta: Decimal
    interval: Decimal
    cool_off: Decimal
    filled_size: Decimal
    filled_notional: Decimal
    filled_delta: Decimal
    tripped: datetime | None
    reached: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What an account may do in a market: the tighter of its own and the venue's.  0 is no limit."""

    market: str
    order: Decimal
    position: Decimal
    orders: int
    notional: Decimal
    open_orders: int
    traded_today: Decimal


class QuoteDesk(ABC, Generic[T]):
    """Takes the commands of an account that makes markets."""

    exchange: Exchange
    number: int

    @abstractmethod
    def _send(self, command: Record) -> T:
        """Do with a command what this desk does."""

    @abstractmethod
    def _send_group(self, records: list[Record]) -> T:
        """Do with one command of several records, its head and its parts, what this desk does."""

    def quote(
        self, ladders: Ladders, *, all_or_none: bool = False, pull_others: bool = False, post_only: bool = True,
        slide: bool = False, good_till: datetime | None = None, relend: bool = True,
        self_trade: str = "cancel-resting",
    ) -> T:  # fmt: skip
        """Replace quotes: for each market and side a list of (price, size), whose places are the levels.

        None leaves a level as it is, a size of 0 withdraws it.  `pull_others` withdraws every quote that is not
        named, in all markets; `all_or_none` refuses all when one is refused.  Other options are those of `order`.
        """
        flags = codes.POST_ONLY * (post_only or slide) | codes.SLIDE * slide | codes.NO_RELEND * (not relend)
        if self_trade not in SELF_TRADE:
            raise UnknownName(f"there is no self-trade prevention {self_trade!r}; there is {', '.join(SELF_TRADE)}")
        quotes = []
        for symbol, sides in ladders.items():
            market = self.exchange.listing.market(symbol)
            for side, ladder in sides.items():
                if side not in SIDES:
                    raise UnknownName(f"there is no side {side!r}; there is {', '.join(SIDES)}")
                for level, quoted in enumerate(ladder):
                    if quoted is not None:
                        quotes.append(
                            make(
                                Quote,
                                kind=codes.QUOTE,
                                account=self.number,
                                market=market.number,
                                side=SIDES[side],
                                level=level,
                                price_ticks=market.to_ticks(quoted[0]),
                                lots=market.to_lots(quoted[1]),
                                flags=flags,
                                self_trade=SELF_TRADE[self_trade],
                                time_in_force=codes.GOOD_TILL_CANCEL if good_till is None else codes.GOOD_TILL_TIME,
                                expiry_us=0 if good_till is None else to_time(good_till),
                            )
                        )
        options = codes.ALL_OR_NONE * all_or_none | codes.PULL_OTHERS * pull_others
        head = make(MassQuote, kind=codes.MASS_QUOTE, account=self.number, count=len(quotes), flags=options)
        return self._send_group([head, *quotes])

    def pull_quotes(self, market: str | None = None) -> T:
        """Withdraw every quote, of one market or of all."""
        number = 0 if market is None else self.exchange.listing.market(market).number
        flags = codes.PULL_OTHERS
        return self._send_group(
            [make(MassQuote, kind=codes.MASS_QUOTE, account=self.number, market=number, flags=flags)]
        )

    def protect(
        self, market: str, *, interval: Amount, size: Amount = 0, notional: Amount = 0, delta: Amount = 0,
        cool_off: Amount = 0,
    ) -> T:  # fmt: skip
        """Pull the quotes of a market when fills within `interval` seconds reach a size, a notional or a net size.

        They stay out until `reset_protection`, or for `cool_off` seconds.  An interval of 0 takes protection away.
        """
        listed, cash = self.exchange.listing.market(market), self.exchange.listing.numeraire
        return self._send(
            make(
                Protect,
                kind=codes.SET_PROTECTION,
                account=self.number,
                market=listed.number,
                max_lots=listed.to_lots(size),
                max_notional=cash.to_quanta(notional),
                max_delta=listed.to_lots(delta),
                interval_ms=to_units(interval, 3, "interval in seconds:"),
                cooloff_ms=to_units(cool_off, 3, "cool-off in seconds:"),
            )
        )

    def reset_protection(self, market: str) -> T:
        """Let quotes into a market again, and count from nothing."""
        number = self.exchange.listing.market(market).number
        return self._send(make(Protect, kind=codes.RESET_PROTECTION, account=self.number, market=number))

    def limit(
        self, market: str, *, order: Amount = 0, position: Amount = 0, orders: int = 0, notional: Amount = 0
    ) -> T:
        """Limit oneself in a market: the size of an order, the position, open orders, the notional of a day."""
        return self._send(make_limits(self.exchange, codes.SET_LIMITS, self.number, market, order, position, orders,
                                      notional))  # fmt: skip


def make_limits(
    exchange: Exchange, kind: int, account: int, market: str, order: Amount, position: Amount, orders: int,
    notional: Amount, flags: int = 0,
) -> Record:  # fmt: skip
    """Return the command that limits an account in a market."""
    listed = exchange.listing.market(market)
    if orders < 0:
        raise UnitError(f"orders: {orders} is below zero")
    return make(
        SetLimits, kind=kind, flags=flags, account=account, market=listed.number, max_order_lots=listed.to_lots(order),
        max_position_lots=listed.to_lots(position), max_orders=orders,
        max_notional=exchange.listing.numeraire.to_quanta(notional),
    )  # fmt: skip


class QuoteViews:
    """Reads what an account has as a maker."""

    def __init__(self, exchange: Exchange, number: int) -> None:
        self._exchange = exchange
        self._number = number

    def _walk_makers(self) -> list[Any]:
        found, row = [], self._exchange.read_row("accounts", self._number).first_maker
        while row:
            found.append(self._exchange.read_row("makers", row))
            row = found[-1].next
        return sorted(found, key=lambda maker: maker.market)

    def get_quotes(self) -> list[QuoteView]:
        """Return the quotes that rest, by market, side and level."""
        found = []
        for maker in self._walk_makers():
            market, row = self._exchange.listing.market(maker.market), maker.first_quote
            while row:
                slot = self._exchange.read_row("slots", row)
                if slot.is_named:
                    order = self._exchange.read_row("orders", slot.order)
                    found.append(
                        QuoteView(
                            market.symbol,
                            side_name(order.side),
                            slot.level,
                            market.from_ticks(order.price_ticks),
                            market.from_lots(order.lots),
                            order.id,
                        )  # fmt: skip
                    )
                row = slot.next
        return sorted(found, key=lambda quote: (quote.market, quote.side, quote.level))

    def get_protections(self) -> dict[str, Protection]:
        """Return what protects the account, by market."""
        makers = [maker for maker in self._walk_makers() if maker.interval_us]
        found = [self._view_protection(maker, self._exchange.listing.market(maker.market)) for maker in makers]
        return {protection.market: protection for protection in found}

    def _view_protection(self, maker: Any, market: Market) -> Protection:
        cash, now = self._exchange.listing.numeraire, self._exchange.time_us
        runs = maker.window_us and now < maker.window_us + maker.interval_us or maker.tripped
        filled = (maker.lots, maker.notional, maker.delta) if runs else (0, 0, 0)
        cooled = maker.cooloff_us and now >= maker.tripped_us + maker.cooloff_us
        is_tripped = maker.tripped and not cooled
        return Protection(
            market.symbol, market.from_lots(maker.max_lots), cash.from_quanta(maker.max_notional),
            market.from_lots(maker.max_delta), from_units(maker.interval_us // 1000, 3),
            from_units(maker.cooloff_us // 1000, 3), market.from_lots(filled[0]), cash.from_quanta(filled[1]),
            market.from_lots(filled[2]), from_time(maker.tripped_us) if is_tripped else None,
            _REACHED[maker.tripped] if is_tripped else "",
        )  # fmt: skip

    def get_limits(self) -> dict[str, Limits]:
        """Return the limits of the account, by market; a limit is the tighter one of its own and the venue's."""
        table = self._exchange.table("limits")
        rows = [self._exchange.read_row("limits", row) for row in (table["account"] == self._number).nonzero()[0]]
        found = {}
        for row in sorted(rows, key=lambda row: row.market):
            market, cash = self._exchange.listing.market(row.market), self._exchange.listing.numeraire
            today = row.day == self._exchange.time_us // 86_400_000_000
            found[market.symbol] = Limits(
                market.symbol, market.from_lots(tighten(row.max_order_lots, row.venue_order_lots)),
                market.from_lots(tighten(row.max_position_lots, row.venue_position_lots)),
                tighten(row.max_orders, row.venue_orders),
                cash.from_quanta(tighten(row.max_notional, row.venue_notional)), row.orders,
                cash.from_quanta(row.turnover if today else 0),
            )  # fmt: skip
        return found


_REACHED = {codes.BY_LOTS: "size", codes.BY_NOTIONAL: "notional", codes.BY_DELTA: "delta"}


def tighten(one: int, other: int) -> int:
    """Return the tighter of two limits, of which 0 is none."""
    return min(one, other) if one and other else one or other
