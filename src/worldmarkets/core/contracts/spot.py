"""Spot: delivery against payment."""

from __future__ import annotations

import cython
from cython import longlong

from worldmarkets.core.ledger import Ledger


def settle_spot(
    ledger: Ledger, buyer: longlong, seller: longlong, asset: longlong, quanta: longlong, numeraire: longlong,
    cash: longlong,
) -> longlong:  # fmt: skip
    """Exchange `quanta` of an asset for `cash`.  Returns 0, or the account whose balance does not cover its part."""
    if not ledger.move(buyer, seller, numeraire, cash):
        return buyer
    if not ledger.move(seller, buyer, asset, quanta):
        return seller
    return 0
