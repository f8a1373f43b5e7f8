"""BitMEX and others, 12 March 2020, and again in October 2025: forced sales pushed the venue's own price, the price at
which everybody is judged followed, and that forced the next ones, until the venue was switched off.  Here a mark comes
from independent sources and never from the own book, a second's forced sales in a market are a tenth of its depth at
most, and they stay within a band around the mark: what is sold for one account does not bring the next one down.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.stage import D, enter, look, open_stage, trade
from worldmarkets import Exchange
from worldmarkets.core import codes as c
from worldmarkets.exchange import Account

pytestmark = pytest.mark.both


def open_crowd() -> tuple[Exchange, list[Account], Account]:
    """Ten long of 100,000 MEGA each (40,000 USDM), from the least margin to the most; and thin bids below."""
    exchange = open_stage(has_ladder=True)
    maker, bidder = enter(exchange, "maker", USDM="2_000_000"), enter(exchange, "bidder", USDM="2_000_000")
    crowd = [enter(exchange, f"trader {number}", USDM=str(17_000 + 1_000 * number)) for number in range(10)]
    for trader in crowd:
        trade(trader, maker, "MEGA-PERP", "100_000", "0.4")
    for level in range(1, 60):  # from the mark that is coming down to less than half of it
        bidder.buy("MEGA-PERP", "20_000", D("0.275") - level * D("0.0025"))
    return exchange, crowd, bidder


def test_what_is_sold_for_some_does_not_bring_the_next_ones_down() -> None:
    exchange, crowd, _ = open_crowd()
    exchange.step(minutes=2)
    exchange.mark("MEGA", "0.275", sources=5, agreeing=5)
    states = [trader.state for trader in crowd]
    latched = [trader for trader in crowd if trader.ladder is not None]
    others = [trader for trader in crowd if trader.ladder is None]
    assert len(latched) == 3 and set(states[3:]) == {"margin call", "free"}
    worth = [(trader.value(0), trader.value(1), trader.state) for trader in others]
    sizes = [look(trader) for trader in others]

    sold: list[D] = []
    events: list[Any] = []
    for _ in range(60):  # half seconds: a round of turns begins a second after the one before
        passed = exchange.step(seconds=0.5)
        events += passed
        fills = [e for e in passed if e.kind == c.TRADED and e.account in {t.number for t in latched}]
        sold.append(sum((exchange.listing.market("MEGA-PERP").from_lots(e.lots) for e in fills), D(0)) * D("0.275"))

    assert sum(sold) > 40_000
    assert max(sold) <= 25_000  # a tenth of the depth of 250,000
    assert exchange.market("MEGA-PERP").trades[-1].price < D("0.26")  # the own book did fall,
    assert exchange.prices["MEGA"] == D("0.275")  # and no mark followed it
    assert {e.account for e in events if e.kind == c.LATCHED} == set()
    assert [(trader.value(0), trader.value(1), trader.state) for trader in others] == worth
    assert [look(trader) for trader in others] == sizes
    assert all(not (e.flags & c.ENGINE_ORDER) or e.account in {t.number for t in latched}
               for e in events if e.kind == c.ORDER_PLACED)  # fmt: skip
    assert exchange.audit() == []


def test_nothing_is_sold_beyond_the_band_however_thin_the_book() -> None:
    """The best bid is 13 % below the mark, and the band 12 %: a forced sale at any price would take it."""
    exchange = open_stage(has_ladder=True)
    maker, bidder = enter(exchange, "maker", USDM="2_000_000"), enter(exchange, "bidder", USDM="2_000_000")
    trader = enter(exchange, "trader", USDM="18_000")
    trade(trader, maker, "MEGA-PERP", "100_000", "0.4")
    bidder.buy("MEGA-PERP", "100_000", "0.239")
    exchange.step(minutes=2)
    exchange.mark("MEGA", "0.275", sources=5, agreeing=5)
    assert trader.ladder is not None
    before = look(trader)
    exchange.step(seconds=65)
    assert look(trader) == before  # it waits: for bids, for its clock, for bidders of the backstop book
    exchange.mark("MEGA", "0.275")  # the feed is calm again
    bidder.buy("MEGA-PERP", "100_000", "0.27")
    exchange.step(seconds=30)
    assert (trader.state, trader.ladder) == ("free", None)
    assert 0 < sum(perp.size for perp in trader.perps) < 100_000
