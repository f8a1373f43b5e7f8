"""What accounts hold when a venue opens: loans and perp contracts that nobody traded there.

A genesis books past admission: an account may begin as short of margin as it is.  Everything else holds from the first
command on: what is lent is borrowed, lots sum to zero, positions equal the sums of their contracts.
"""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.contracts.loan import Loans
from worldmarkets.core.contracts.perp import Perps
from worldmarkets.core.governance import require
from worldmarkets.core.ledger import Ledger
from worldmarkets.core.outbox import Outbox
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import LOAN, LOAN_IOU, NONE, NUMERAIRE, OPENED, PERP
    from worldmarkets.core.records import Account, Market, Position
    from worldmarkets.core.units import (
        FUNDING_ONE,
        IOU_HOURS,
        MAX_CASH,
        MAX_INDEX,
        MAX_LOANS,
        MAX_LOTS,
        MAX_RATE_BP,
        MAX_SUPPLY,
    )


@cython.final
@cython.cclass
class Booking:
    """Writes contracts into the state of a venue that has not opened yet."""

    state: State
    ledger: Ledger
    loans: Loans
    perps: Perps
    outbox: Outbox

    def __init__(self, state: State, ledger: Ledger, loans: Loans, perps: Perps, outbox: Outbox):
        self.state = state
        self.ledger = ledger
        self.loans = loans
        self.perps = perps
        self.outbox = outbox

    def require_pair(self, one, other, asset):
        """Raise ValueError unless two accounts may have a contract in an asset."""
        require(self.state.has_account(one) and self.state.has_account(other), f"no account {one} or {other}")
        require(one != other, "a contract has two parties")
        require(self.ledger.has_room(one, asset) and self.ledger.has_room(other, asset), "too many positions")

    def add_loan(self, lender, borrower, market, principal, rate_bp):
        """Book a loan of `principal` quanta from now for the tenor of its book; the borrower has spent it already.

        No balance moves.  Raises ValueError out of bounds.
        """
        require(self.state.has_market(market), f"no market {market}")
        book = self.state.markets.read(market)
        require(book.kind == LOAN, f"market {market} is no loan book")
        self.require_pair(lender, borrower, book.asset)
        require(0 < principal <= MAX_SUPPLY, f"a principal is 1..{MAX_SUPPLY} quanta")
        require(0 < rate_bp <= MAX_RATE_BP, f"a rate is 1..{MAX_RATE_BP} basis points")
        position: longlong = self.ledger.need(borrower, book.asset)
        require(self.state.positions.rows[position].loans < MAX_LOANS, f"at most {MAX_LOANS} loans of an asset")
        lent: longlong = self.state.positions.rows[self.ledger.need(lender, book.asset)].lent
        require(principal <= MAX_SUPPLY - lent, f"a lender lends at most {MAX_SUPPLY} quanta")
        require(
            principal <= MAX_SUPPLY - self.state.positions.rows[position].borrowed,
            f"a borrower owes at most {MAX_SUPPLY} quanta",
        )
        events: longlong = self.outbox.length
        self.loans.open(lender, borrower, market, book.asset, principal, rate_bp, rate_bp, 0, book.tenor_hours)
        self.close(events)

    def add_iou(self, payee, payer, amount):
        """Book `amount` numeraire quanta that a payer owes already, at no interest.  Raises ValueError."""
        self.require_pair(payee, payer, NUMERAIRE)
        require(0 < amount <= MAX_CASH, f"an IOU is 1..{MAX_CASH} quanta")
        events: longlong = self.outbox.length
        self.loans.open(payee, payer, NONE, NUMERAIRE, amount, 0, 0, LOAN_IOU, IOU_HOURS)
        self.close(events)

    def add_perp(self, long_account, short_account, market, lots, cost, funding=0):
        """Book a perp contract of `lots` struck at `cost`, on which the long owes the short `funding` so far.

        Units: numeraire quanta.  Rounds: funding becomes a baseline of the index; what the lots do not divide goes into
        the cost, to the nearest quantum.  Raises ValueError out of bounds.
        """
        require(self.state.has_market(market), f"no market {market}")
        record = self.state.markets.edit(market)
        require(record.kind == PERP, f"market {market} is no perp market")
        self.require_pair(long_account, short_account, record.asset)
        require(0 < lots <= MAX_LOTS, f"a contract has 1..{MAX_LOTS} lots")
        require(0 <= cost <= MAX_CASH, f"a cost is 0..{MAX_CASH} quanta")
        require(-MAX_CASH <= funding <= MAX_CASH, f"funding is at most {MAX_CASH} quanta either way")
        held: longlong = self.state.positions.rows[self.ledger.find(long_account, record.asset)].lots
        owed: longlong = self.state.positions.rows[self.ledger.find(short_account, record.asset)].lots
        require(0 <= held and owed <= 0, "an account is long or short a market, never both")
        require(held + lots <= MAX_LOTS and lots - owed <= MAX_LOTS, f"a position has at most {MAX_LOTS} lots")
        require(self.perps.find(long_account, short_account, market) == NONE, "the two have a contract already")
        index: longlong = record.funding_index
        whole, left = divmod(funding * FUNDING_ONE, lots)
        require(-MAX_INDEX <= index - whole <= MAX_INDEX, "funding is out of proportion to the lots")
        cost += (left + FUNDING_ONE // 2) // FUNDING_ONE
        events: longlong = self.outbox.length
        record.funding_index = index - whole
        longs: longlong = self.ledger.need(long_account, record.asset)
        shorts: longlong = self.ledger.need(short_account, record.asset)
        self.perps.add(longs, shorts, market, lots, cost, OPENED, long_account)
        record.funding_index = index
        record.open_interest += lots
        self.close(events)

    def close(self, events):
        """Keep what was written; a genesis reports nothing."""
        self.outbox.length = events
        self.state.undo.commit()
