"""dYdX, November 2023: about a hundred wallets built one position in a thin market, adding to it as its price rose, and
when it fell by half the insurance fund lost nine million.  Here the open interest of a market is capped, whoever holds
it; and a position beyond the depth of its market needs margin that grows with its square.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, open_stage, refused


@pytest.mark.both
def test_a_hundred_wallets_meet_one_cap() -> None:
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="8_000_000")
    market = exchange.market("MEGA-PERP")
    maker.sell("MEGA-PERP", "12_500_000", "0.4")
    opened = D(0)
    wallets = [enter(exchange, f"wallet {number}", USDM="22_000") for number in range(101)]
    for wallet in wallets[:100]:
        opened += wallet.buy("MEGA-PERP", "125_000", "0.4").filled
    assert market.open_interest == opened == 12_500_000

    with refused("OPEN_INTEREST_CAP"):
        wallets[100].buy("MEGA-PERP", "1", "0.4")
    with refused("OPEN_INTEREST_CAP"):
        wallets[0].buy("MEGA-PERP", "1", "0.4")
    with refused("OPEN_INTEREST_CAP"):
        maker.sell("MEGA-PERP", "1", "0.4")
    assert market.open_interest * D("0.4") == 5_000_000  # all that the longs of this market can ever lose

    maker.buy("MEGA-PERP", "1_000", "0.4", reduce_only=True)  # the way out is open
    assert wallets[0].sell("MEGA-PERP", "1_000", "0.4", reduce_only=True).filled == 1_000
    assert market.open_interest == 12_499_000


@pytest.mark.both
def test_the_larger_a_position_the_more_margin_each_dollar_of_it_needs() -> None:
    exchange = open_stage()
    maker = enter(exchange, "maker", USDM="8_000_000")
    whale = enter(exchange, "whale", USDM="8_000_000")
    maker.sell("MEGA-PERP", "12_500_000", "0.4")
    needed = []
    for size in ("250_000", "1_000_000", "11_250_000"):
        whale.buy("MEGA-PERP", size, "0.4")
        held = sum(perp.size for perp in whale.perps) * D("0.4")
        needed.append(((whale.nav - whale.available_margin) / held).quantize(D("0.01")))
    assert needed == [D("0.40"), D("0.43"), D("0.97")]  # up to 97 % at the cap
