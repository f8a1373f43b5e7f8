"""Limits of an account in a market: its own and the venue's, of which the tighter one holds.

An account without any pays one test.  An order is asked when it is placed, filled alone and whole; position and
turnover are asked again at every fill, so that no fill goes beyond them.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.admission import Admission
from worldmarkets.core.atlas import Atlas
from worldmarkets.core.index import Index
from worldmarkets.core.state import State
from worldmarkets.core.tables import AccountTable, LimitTable, MarketTable, OrderTable, PositionTable

if not cython.compiled:
    from worldmarkets.core.codes import (
        BACKSTOP,
        BUY,
        FILL_OR_KILL,
        IMMEDIATE_OR_CANCEL,
        LIMIT_NOTIONAL,
        LIMIT_OPEN_ORDERS,
        LIMIT_ORDER_SIZE,
        LIMIT_POSITION,
        LOAN,
        NONE,
        OK,
        PERP,
        REDUCE_ONLY,
        SPOT,
    )
    from worldmarkets.core.records import Account, Limit, Market, Order, Position, Venue
    from worldmarkets.core.units import DAY


def tighten(one: longlong, other: longlong) -> longlong:
    """Return the tighter of two limits, of which 0 is none."""
    if one == 0 or other == 0:
        return max(one, other)
    return min(one, other)


@cython.final
@cython.cclass
class Limits:
    """What accounts may do in markets."""

    state: State
    admission: Admission
    atlas: Atlas
    accounts: AccountTable
    limits: LimitTable
    markets: MarketTable
    orders: OrderTable
    positions: PositionTable
    limit_index: Index

    def __init__(self, state: State, admission: Admission, atlas: Atlas):
        self.state = state
        self.admission = admission
        self.atlas = atlas
        self.accounts = state.accounts
        self.limits = state.limits
        self.markets = state.markets
        self.orders = state.orders
        self.positions = state.positions
        self.limit_index = state.limit_index

    def find(self, account: longlong, market: longlong) -> longlong:
        """Return the row of an account's limits in a market, or 0."""
        return self.limit_index.find(account, market, 0)

    def need(self, account: longlong, market: longlong) -> longlong:
        """Return the row of an account's limits in a market, made, with its resting orders counted."""
        row: longlong = self.find(account, market)
        order_row: longlong
        if row == NONE:
            row = self.limits.allocate()
            limit = self.limits.edit(row)
            limit.account = account
            limit.market = market
            limit.day = self.state.venue.rows[1].time_us // DAY
            order_row = self.accounts.rows[account].first_order
            while order_row != NONE:
                if self.orders.rows[order_row].market == market:
                    limit.orders += 1
                order_row = self.orders.rows[order_row].account_next
            record = self.accounts.edit(account)
            record.limits += 1
            self.limit_index.insert(account, market, 0, row)
        return row

    def drop_if_empty(self, row: longlong) -> None:
        """Forget limits of which none is left."""
        limit = self.limits.read(row)
        if (
            limit.max_order_lots == limit.max_position_lots == limit.max_notional == limit.max_orders == 0
            and limit.venue_order_lots == limit.venue_position_lots == limit.venue_notional == limit.venue_orders == 0
        ):
            record = self.accounts.edit(limit.account)
            record.limits -= 1
            self.limit_index.remove(row)
            self.limits.release(row)

    def count_order(self, account: longlong, market: longlong, change: longlong) -> None:
        """Count an order that came to rest, or left."""
        row: longlong = self.find(account, market)
        if row != NONE:
            limit = self.limits.edit(row)
            limit.orders += change

    def compute_notional(self, market: longlong, price: longlong, lots: longlong) -> longlong:
        """Return what lots of a market come to in numeraire quanta; a loan's principal counts at the mark.

        A bid's lots are notional already.
        """
        rules = self.markets.read(market)
        if rules.kind == LOAN or rules.kind == BACKSTOP:
            return self.atlas.compute_notional(rules.asset, lots * rules.lot_quanta)
        return lots * price * rules.tick_value

    def compute_exposure(self, position: longlong, market: longlong, side: longlong) -> longlong:
        """Return how many lots a position has on a side: what an order on this side would add to.

        A perp's lots, negative when it is on the other side; of spot, what a buyer holds; of loans, borrowed or lent.
        """
        rules = self.markets.read(market)
        row = self.positions.read(position)
        if rules.kind == PERP:
            return row.lots if side == BUY else -row.lots
        if rules.kind == LOAN:
            return (row.borrowed if side == BUY else row.lent) // rules.lot_quanta
        return row.balance // rules.lot_quanta

    def get_turnover(self, row: longlong) -> longlong:
        """Return the notional filled today."""
        limit = self.limits.read(row)
        return limit.turnover if limit.day == self.state.venue.rows[1].time_us // DAY else 0

    def check_order(self, position: longlong, market: longlong, side: longlong, price: longlong, lots: longlong,
                    flags: longlong, time_in_force: longlong) -> longlong:  # fmt: skip
        """Return the code of the limit that an order would exceed, filled alone at its limit or resting whole."""
        account: longlong = self.positions.rows[position].account
        row: longlong = self.find(account, market)
        most: longlong
        had: longlong
        if row == NONE:
            return OK
        limit = self.limits.read(row)
        most = tighten(limit.max_order_lots, limit.venue_order_lots)
        if most != 0 and lots > most:
            return self.admission.refuse(LIMIT_ORDER_SIZE, most, lots, market)
        most = tighten(limit.max_orders, limit.venue_orders)
        if most != 0 and limit.orders >= most and time_in_force not in (IMMEDIATE_OR_CANCEL, FILL_OR_KILL):
            return self.admission.refuse(LIMIT_OPEN_ORDERS, most, limit.orders + 1, market)
        if not flags & REDUCE_ONLY and self.is_adding(market, side):
            most = tighten(limit.max_position_lots, limit.venue_position_lots)
            had = self.compute_exposure(position, market, side) + lots
            if most != 0 and had > most:
                return self.admission.refuse(LIMIT_POSITION, most, had, market)
        most = tighten(limit.max_notional, limit.venue_notional)
        had = self.get_turnover(row) + self.compute_notional(market, price, lots)
        if most != 0 and had > most:
            return self.admission.refuse(LIMIT_NOTIONAL, most, had, market)
        return OK

    def is_adding(self, market: longlong, side: longlong) -> cython.bint:
        """Say whether orders on a side add to a position: all but the sale of what one holds, and backstop bids."""
        kind: longlong = self.markets.rows[market].kind
        return kind != BACKSTOP and (kind != SPOT or side == BUY)

    def count_fill(self, position: longlong, market: longlong, side: longlong, price: longlong,
                   lots: longlong) -> longlong:  # fmt: skip
        """Count a fill that was settled; return the code of the limit that it exceeds, or OK."""
        account: longlong = self.positions.rows[position].account
        row: longlong = self.find(account, market) if self.accounts.rows[account].limits != 0 else NONE
        most: longlong
        had: longlong
        if row == NONE:
            return OK
        limit = self.limits.edit(row)
        had = self.get_turnover(row)
        limit.day = self.state.venue.rows[1].time_us // DAY
        most = tighten(limit.max_notional, limit.venue_notional)
        if most != 0:
            had += self.compute_notional(market, price, lots)
        limit.turnover = had
        if most != 0 and had > most:
            return self.admission.refuse(LIMIT_NOTIONAL, most, had, market)
        most = tighten(limit.max_position_lots, limit.venue_position_lots)
        if most != 0 and self.is_adding(market, side):
            had = self.compute_exposure(position, market, side)
            if had > most:
                return self.admission.refuse(LIMIT_POSITION, most, had, market)
        return OK
