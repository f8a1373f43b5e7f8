"""A market that was opened before its price had sources (Aster, September 2025): prelaunch ends with enough of them."""

from __future__ import annotations

import pytest

from tests.scenarios.stage import enter, open_stage, refused


@pytest.mark.parametrize("mode", ["open", "post_only", "cancel_only"])
def test_prelaunch_ends_only_with_a_live_mark_of_enough_sources(mode: str) -> None:
    exchange = open_stage()
    early = enter(exchange, "early", USDM="1000")
    exchange.list_asset("XPL", 8, "XPL", price_shock_ppm=500_000, slippage_ppm=50_000, depth="100000",
                        holding_cap="100000")  # fmt: skip
    exchange.step(hours=48)
    exchange.list_market("XPL-PERP", "perp", "XPL", "1", tick="0.0001")
    exchange.step(hours=48)
    with refused("MARKET_MODE"):
        early.buy("XPL-PERP", "10", "1.8")
    with refused("MARK_MISSING"):
        exchange.set_mode(mode, "XPL-PERP")
    for sources in (1, 2):
        exchange.mark("XPL", "0.5", sources=sources, agreeing=sources)
        with refused("SOURCES_FEW"):
            exchange.set_mode(mode, "XPL-PERP")
    exchange.mark("XPL", "0.5", sources=3)
    exchange.step(seconds=31)
    with refused("FEED_STATE"):  # they have fallen silent
        exchange.set_mode(mode, "XPL-PERP")
    exchange.mark("XPL", "0.5", sources=3)
    exchange.set_mode(mode, "XPL-PERP")
    with refused("MODE_TRANSITION"):
        exchange.send(_back(exchange))


def _back(exchange):  # type: ignore[no-untyped-def]
    from worldmarkets.core import codes, records

    number = exchange.listing.market("XPL-PERP").number
    return records.Switch(kind=codes.SET_MARKET_MODE, flags=codes.ADMINISTRATOR, market=number, value=codes.PRELAUNCH)
