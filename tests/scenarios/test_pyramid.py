"""dYdX, November 2023: about a hundred wallets built one position in a thin market, adding to it as its price rose, and
when it fell by half the insurance fund lost nine million.  Here the open interest of a market is capped, whoever holds
it, and the nearer to the cap the more of its notional a new position needs as margin, up to all of it; and a position
beyond the depth of its market needs margin that grows with its square.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, open_stage, refused


@pytest.mark.both
def test_a_hundred_wallets_meet_one_cap() -> None:
    exchange = open_stage(has_ladder=False)
    maker = enter(exchange, "maker", USDM="20_000_000")
    market = exchange.market("MEGA-PERP")
    maker.sell("MEGA-PERP", "12_500_000", "0.4")
    patient = enter(exchange, "patient", USDM="20_000")
    patient.buy("MEGA-PERP", "125_000", "0.39")  # taken while the market is empty
    poor = [enter(exchange, f"wallet {number}", USDM="22_000") for number in range(100)]
    opened = [wallet for wallet in poor if wallet.submit.buy("MEGA-PERP", "125_000", "0.4", fok=True).filled]
    assert 80 <= len(opened) < 85  # 40 % of margin is enough for four fifths of the cap, and hardly beyond
    with refused("MARGIN"):
        poor[-1].buy("MEGA-PERP", "125_000", "0.4")

    met = maker.sell("MEGA-PERP", "125_000", "0.39", ioc=True)
    assert (met.filled, patient.perps, patient.orders) == (0, [], [])  # and not carried any more when it is crowded

    for number in range(100 - len(opened)):  # who brings the whole notional may go on, to the cap
        assert enter(exchange, f"rich {number}", USDM="51_000").buy("MEGA-PERP", "125_000", "0.4").filled == 125_000
    assert market.open_interest == 12_500_000
    for wallet in (poor[-1], exchange.account("rich 0"), maker):
        with refused("OPEN_INTEREST_CAP"):
            wallet.buy("MEGA-PERP", "1", "0.4") if wallet != maker else wallet.sell("MEGA-PERP", "1", "0.41")

    exchange.step(minutes=2)
    exchange.mark("MEGA", "0.2")  # half, at once
    short_of = -sum(min(wallet.nav, D(0)) for wallet in exchange.accounts)
    assert short_of <= 85 * 3_100  # what the first wallets lack; whoever came when it was crowded lacks nothing
    assert all(exchange.account(f"rich {number}").nav > 0 for number in range(100 - len(opened)))

    exchange.step(minutes=2)
    exchange.mark("MEGA", "0.2")
    maker.buy("MEGA-PERP", "1_000", "0.2", reduce_only=True)  # the way out is open
    assert exchange.account("rich 0").sell("MEGA-PERP", "1_000", "0.2", reduce_only=True).filled == 1_000
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
