"""The engine behind the line protocol of tracebook-conformance: `python tests/conformance/tracebook_adapter.py`.

Every outcome, trade and queue is the engine's. What the adapter adds is a translation of words:

| tracebook | engine |
|---|---|
| symbol | a spot market of its own asset, opened when the symbol is first used |
| price, float | ticks, after the suite's own rule: `round(price / tick_size)` |
| quantity, float | lots of 1 / (625 * 2**20), so that four decimals and twenty halvings are whole |
| LIMIT, IOC, FOK | a limit order good till cancelled, immediate, fill-or-kill |
| MARKET | a MARKET order with the widest slippage bound: at most twice the mark, which is the symbol's first price |
| cancel, reduce, clear | CANCEL_ORDER; AMEND_ORDER to fewer lots at its price, CANCEL_ORDER of the last; CANCEL_ALL |
| replace | a bundle of CANCEL_ORDER and PLACE_ORDER: an amendment would keep the place of a smaller order |
| owner | an owner with two accounts, one that buys and one that sells |
| self_trade_policy NONE | has no equal here: a label's buying and selling account get different owners |
| an id in use | the same client order id again, which the engine answers as a repeat |
| an unfillable FOK, "applied" | rejected with FILL_OR_KILL_UNFILLED |
| pro_rata | has no equal here: matched first in, first out, and so visibly different |
"""

import os
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from tracebook.conformance import (
    BookSnapshot,
    BookState,
    EngineMetadata,
    Observation,
    Outcome,
    RestingOrder,
    TradeFill,
    canonical_decimal,
    serve_stdio,
)
from tracebook.core.order import NO_OWNER, OrderSide, OrderType, SelfTradePolicy

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.models.spot_venue import SpotVenue
from worldmarkets.core import codes, units

LOTS_A_UNIT = 625 << 20
FUNDS = 10**16  # of each asset for each account: a thousand units at a price of ten thousand ticks, and more
MODES = {
    SelfTradePolicy.NONE: codes.CANCEL_RESTING,
    SelfTradePolicy.CANCEL_RESTING: codes.CANCEL_RESTING,
    SelfTradePolicy.CANCEL_INCOMING: codes.CANCEL_INCOMING,
}
TIMES = {
    OrderType.LIMIT: codes.GOOD_TILL_CANCEL,
    OrderType.MARKET: codes.IMMEDIATE_OR_CANCEL,
    OrderType.IOC: codes.IMMEDIATE_OR_CANCEL,
    OrderType.FOK: codes.FILL_OR_KILL,
}
SIDES = {OrderSide.BUY: codes.BUY, OrderSide.SELL: codes.SELL}
NOT_THE_SUITES = "the engine refused what the suite expects to be possible: code {}"


class Source:
    """What an order was in the suite's words."""

    def __init__(self, symbol, source_id, owner, account, client_id):
        self.symbol = symbol
        self.source_id = source_id
        self.owner = owner
        self.account = account
        self.client_id = client_id


class Adapter:
    """One engine for one trace."""

    metadata = EngineMetadata("worldmarkets", "0", "Python")

    def __init__(self, config):
        self.config = config
        self.tick = Decimal(canonical_decimal(config.tick_size))
        self.venue = SpotVenue()
        self.clerk = self.venue.open_account(owner=1)  # asks for what no account has
        self.markets = {}  # by symbol: market, asset
        self.accounts = {}  # by owner and side
        self.funded = set()
        self.sources = [Source(None, 0, 0, self.clerk, 0)]  # by client order id
        self.orders = {}  # source by the engine's order id
        self.active = {}  # the engine's row by symbol and source id

    def apply(self, event, index):
        commands = getattr(self, "make_" + event.op)(event)
        events = self.venue.send(*commands) if commands else []
        trades = []
        for one in events:
            if one.kind == codes.ORDER_PLACED:
                self.orders[one.order_id] = self.sources[one.client_id]
            elif one.kind == codes.TRADED:
                trades.append(self.get_trade(one))
        state = self.snapshot()
        return Observation(index, self.get_outcome(event, events), tuple(trades), state.digest(), state.order_count)

    # Commands.

    def make_new(self, event):
        ticks = self.get_ticks(event.price) if event.order_type != OrderType.MARKET else units.MILLION
        self.open_market(event.symbol, ticks)
        side = SIDES[event.side]
        known = self.get_source(event)
        if known.client_id == 0:
            known = self.add_source(event.symbol, event.order_id, event.owner, side)
        flags = codes.MARKET if event.order_type == OrderType.MARKET else 0
        return [self.place(known, side, ticks, self.get_lots(event.quantity), TIMES[event.order_type], flags)]

    def make_cancel(self, event):
        source = self.get_source(event)
        return [self.venue.cancel(source.account, client_id=source.client_id)]

    def make_reduce(self, event):
        source, row = self.get_source(event), self.active.get((event.symbol, event.order_id))
        if row is None or row.lots == self.get_lots(event.quantity):
            return self.make_cancel(event)
        lots = row.lots - self.get_lots(event.quantity)
        return [self.venue.amend(source.account, row.price_ticks, lots, client_id=source.client_id)]

    def make_replace(self, event):
        source, row = self.get_source(event), self.active.get((event.symbol, event.order_id))
        if row is None:
            return self.make_cancel(event)
        ticks = row.price_ticks if event.price is None else self.get_ticks(event.price)
        lots = row.lots if event.quantity is None else self.get_lots(event.quantity)
        new = self.add_source(source.symbol, source.source_id, source.owner, row.side)
        cancel = self.venue.cancel(source.account, client_id=source.client_id)
        return self.venue.bundle(source.account, cancel, self.place(new, row.side, ticks, lots))

    def make_clear(self, event):
        market, _ = self.open_market(event.symbol, 1)
        busy = {row.account for (symbol, _), row in self.active.items() if symbol == event.symbol}
        return [self.venue.cancel_all(account, market) for account in sorted(busy)]

    def place(self, source, side, ticks, lots, time_in_force=codes.GOOD_TILL_CANCEL, flags=0):
        return self.venue.place(
            source.account, self.markets[source.symbol][0], side, ticks, lots, time_in_force=time_in_force, flags=flags,
            self_trade=MODES[self.config.self_trade_policy], client_id=source.client_id,
        )  # fmt: skip

    # Words.

    def get_source(self, event):
        """The order that an event names, or the one that no order is."""
        row = self.active.get((event.symbol, event.order_id))
        return self.sources[0] if row is None else self.orders[row.id]

    def add_source(self, symbol, source_id, owner, side):
        account = self.open_account(owner, side, symbol)
        self.sources.append(Source(symbol, source_id, owner, account, len(self.sources)))
        return self.sources[-1]

    def open_market(self, symbol, ticks):
        if symbol not in self.markets:
            self.markets[symbol] = self.venue.add_market(mark_ticks=min(max(ticks, 1), 10**5))
        return self.markets[symbol]

    def open_account(self, owner, side, symbol):
        if (owner, side) not in self.accounts:
            is_one = self.config.self_trade_policy != SelfTradePolicy.NONE and owner != NO_OWNER
            number = 10 * len(self.accounts) + 10
            if is_one and (owner, 1 - side) in self.accounts:
                number = self.accounts[owner, 1 - side][1]
            self.accounts[owner, side] = self.venue.open_account(number, side), number
        account = self.accounts[owner, side][0]
        for asset in (codes.NUMERAIRE, self.markets[symbol][1]):
            if (account, asset) not in self.funded:
                self.funded.add((account, asset))
                self.venue.deposit(account, asset, FUNDS)
        return account

    def get_ticks(self, price):
        return min(max(round(price / self.config.tick_size), 0), units.MAX_TICKS + 1)

    def get_lots(self, quantity):
        for exact in (Fraction(quantity), Fraction(repr(quantity))):
            if (exact * LOTS_A_UNIT).denominator == 1:
                return int(exact * LOTS_A_UNIT)
        raise ValueError(f"a quantity of {quantity!r} is not whole lots")

    def get_price(self, ticks):
        return canonical_decimal(ticks * self.tick)

    def get_quantity(self, lots):
        return canonical_decimal(Decimal(lots) / LOTS_A_UNIT, self.config.quantity_decimal_places)

    # Answers.

    def get_trade(self, event):
        taker, maker = self.orders[event.taker_order], self.orders[event.maker_order]
        buyer, seller = (taker, maker) if event.code == codes.BUY else (maker, taker)
        return TradeFill(taker.symbol, buyer.source_id, seller.source_id, self.get_price(event.price_ticks),
                         self.get_quantity(event.lots))  # fmt: skip

    def get_outcome(self, event, events):
        for one in events:
            if one.kind == codes.REPEATED:
                return Outcome("rejected", "DUPLICATE_ORDER_ID")
            if one.kind != codes.REJECTED or one.code == codes.FILL_OR_KILL_UNFILLED:
                continue
            if one.code == codes.UNKNOWN_ORDER:
                return Outcome("rejected", "ORDER_NOT_ACTIVE")
            if one.code in (codes.SIZE_NOT_POSITIVE, codes.SIZE_TOO_LARGE, codes.PRICE_OUT_OF_RANGE):
                return Outcome("rejected", "INVALID_REPLACEMENT" if event.op == "replace" else "INVALID_ORDER")
            raise RuntimeError(NOT_THE_SUITES.format(one.code))
        return Outcome("applied")

    def snapshot(self):
        self.active.clear()
        books = []
        for symbol in sorted(self.markets):
            sides = [self.venue.get_orders(self.markets[symbol][0], side) for side in (codes.BUY, codes.SELL)]
            self.active.update({(symbol, self.orders[row.id].source_id): row for side in sides for row in side})
            books.append(BookSnapshot(symbol, *(tuple(self.get_resting(row) for row in side) for side in sides)))
        return BookState(tuple(books))

    def get_resting(self, row):
        source = self.orders[row.id]
        return RestingOrder(source.source_id, self.get_price(row.price_ticks), self.get_quantity(row.lots),
                            source.owner)  # fmt: skip

    def close(self):
        """Nothing to give back."""


if __name__ == "__main__":
    code = serve_stdio(Adapter)
    sys.stdout.flush()
    os._exit(code)  # at once: the suite grants half a second, in which a busy machine may not take all tables down
