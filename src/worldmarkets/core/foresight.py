"""Foresight: asking the processor for the rows that commands a little ahead will need.

A command's rows lie anywhere in the tables, and waiting for them costs more than working on them.  So a command is
looked at three times before its turn, each time one link further: what it names, what that links to, and so on.
Nothing depends on it: a row that moved on in between was asked for in vain.
"""

from __future__ import annotations

import cython
from cython import longlong, pointer

from worldmarkets.core.book import Book
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import CANCEL_ORDER, NONE, PLACE_ORDER, SIGNED
    from worldmarkets.core.records import (
        Account,
        Command,
        Figure,
        Level,
        Market,
        Nonce,
        Order,
        Owner,
        PlaceOrder,
        Position,
        Side,
        Signed,
        Signer,
        as_order_change,
        as_place_order,
        as_signed,
    )
    from worldmarkets.core.units import MAX_TICKS, ORDER_SLOT_BITS, SIDES
    from worldmarkets.core.wide import prefetch


@cython.final
@cython.cclass
class Foresight:
    """What is asked for a few commands ahead."""

    state: State
    book: Book

    def __init__(self, state: State, book: Book):
        self.state = state
        self.book = book

    def get_slot(self, order_id: longlong) -> longlong:
        """Return the row that an order's id names, or 0 when there is none of that number."""
        slot: longlong = order_id & ((1 << ORDER_SLOT_BITS) - 1)
        return slot if slot <= self.state.orders.get_used() else NONE

    def look_far(self, command: pointer[Command]) -> None:
        """Ask for the rows that a command names."""
        if self.state.has_account(command.account):
            prefetch(self.state.accounts.read(command.account), 2)
        if command.kind == CANCEL_ORDER:
            prefetch(self.state.orders.read(self.get_slot(as_order_change(command).order_id)), 2)
        elif command.kind == PLACE_ORDER:
            new = as_place_order(command)
            if self.state.has_market(new.market):
                self.state.position_index.foresee_bucket(command.account, self.state.markets.rows[new.market].asset, 0)
        elif command.kind == SIGNED:
            envelope = as_signed(command)
            self.state.signer_index.foresee_bucket(envelope.signer_high, envelope.signer_middle, envelope.signer_low)

    def look_near(self, command: pointer[Command]) -> None:
        """Ask for the rows that those rows link to."""
        row: longlong
        if command.kind == CANCEL_ORDER:
            order = self.state.orders.read(self.get_slot(as_order_change(command).order_id))
            prefetch(self.state.orders.read(order.next), 2)
            prefetch(self.state.orders.read(order.previous), 2)
            prefetch(self.state.orders.read(order.account_next), 2)
            prefetch(self.state.orders.read(order.account_previous), 2)
            self.look_at_level(order.market, order.side, order.price_ticks)
        elif command.kind == PLACE_ORDER and self.state.has_account(command.account):
            account = self.state.accounts.read(command.account)
            new = as_place_order(command)
            prefetch(self.state.figures.read(account.first_group), 1)
            prefetch(self.state.positions.read(account.cash), 2)
            prefetch(self.state.orders.read(account.first_order), 2)
            if self.state.has_market(new.market):
                row = self.state.position_index.foresee_entry(
                    command.account, self.state.markets.rows[new.market].asset, 0
                )  # fmt: skip
                prefetch(self.state.positions.read(row), 2)
        elif command.kind == SIGNED:
            prefetch(self.state.signers.read(self.find_signer(command)), 1)
            if self.state.has_account(command.account):
                prefetch(self.state.owners.read(self.state.accounts.rows[command.account].owner), 1)

    def look_next(self, command: pointer[Command]) -> None:
        """Ask for what an order is about to meet: its level, or the order it would trade with."""
        opposite: longlong
        best: longlong
        if command.kind == PLACE_ORDER and self.state.has_account(command.account):
            account = self.state.accounts.read(command.account)
            figure = self.state.figures.read(account.first_group)
            prefetch(self.state.figures.read(figure.next), 1)
            new = as_place_order(command)
            if self.state.has_market(new.market) and new.side < SIDES and new.price_ticks <= MAX_TICKS:
                opposite = self.state.get_side(new.market, 1 - new.side)
                best = self.state.sides.rows[opposite].best
                if best != 0 and best >= self.book.get_rank(opposite, new.price_ticks):
                    order = self.state.orders.read(self.book.get_first(opposite))
                    prefetch(self.state.accounts.read(order.account), 2)
                    prefetch(self.state.positions.read(order.position), 2)
                else:
                    self.look_at_level(new.market, new.side, new.price_ticks)
        elif command.kind == SIGNED:
            last = self.state.nonces.read(self.state.signers.rows[self.find_signer(command)].last)
            prefetch(last, 1)
            prefetch(self.state.nonces.read(last.next), 1)

    def find_signer(self, command: pointer[Command]) -> longlong:
        """Return the row of an envelope's signer, most likely."""
        envelope = as_signed(command)
        return self.state.signer_index.foresee_entry(
            envelope.signer_high, envelope.signer_middle, envelope.signer_low
        )  # fmt: skip

    def look_at_level(self, market: longlong, side: longlong, price_ticks: longlong) -> None:
        """Ask for the level of a price."""
        row: longlong = self.state.get_side(market, side)
        prefetch(self.state.levels.read(self.book.get_level(row, self.book.get_rank(row, price_ticks))), 1)
