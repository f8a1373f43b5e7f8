"""Spot: delivery against payment."""

from __future__ import annotations

from cython import longlong

from worldmarkets.core.ledger import Ledger


def settle_spot(
    ledger: Ledger, buyer: longlong, seller: longlong, bought: longlong, sold: longlong, quanta: longlong,
    cash: longlong,
) -> longlong:  # fmt: skip
    """Exchange `quanta` between two positions in an asset for `cash`.

    Returns 0, or the account whose balance does not cover its part.
    """
    if not ledger.pay(buyer, seller, cash):
        return buyer
    if not ledger.move_between(sold, bought, quanta):
        return seller
    return 0
