"""Fees: parts per million of a fill's cash, rounded up, at most a cap an order, into the numeraire's fee account."""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.ledger import Ledger
from worldmarkets.core.state import State

if not cython.compiled:
    from worldmarkets.core.codes import NUMERAIRE
    from worldmarkets.core.records import Asset, Market, Position
    from worldmarkets.core.units import MILLION
    from worldmarkets.core.wide import mul_div_ceil


@cython.final
@cython.cclass
class Fees:
    """What a fill costs, and where it goes."""

    state: State
    ledger: Ledger

    def __init__(self, state: State, ledger: Ledger):
        self.state = state
        self.ledger = ledger

    def compute(self, market: longlong, is_taker: cython.bint, cash: longlong, paid: longlong) -> longlong:
        """Return the fee of a fill, in numeraire quanta; `paid` is what the order paid before.  Negative: a rebate."""
        row = self.state.markets.read(market)
        ppm: longlong = row.taker_ppm if is_taker else row.maker_ppm
        if ppm <= 0:
            return mul_div_ceil(cash, ppm, MILLION) if ppm < 0 else 0
        return min(mul_div_ceil(cash, ppm, MILLION), row.fee_cap - paid)

    def charge(self, account: longlong, fee: longlong) -> cython.bint:
        """Take a fee from an account, or give it a rebate; return False, with nothing moved, if it is not there."""
        if fee == 0:
            return True
        row: longlong = self.state.accounts.rows[account].cash
        if self.state.positions.rows[row].balance < fee:
            return False
        position = self.ledger.edit(row)
        position.balance -= fee
        venue = self.state.assets.edit(NUMERAIRE)
        venue.fees += fee
        if fee < 0:
            self.ledger.note_creditor(account)
        return True
