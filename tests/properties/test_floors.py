"""Floors: what an account keeps as the least that it is worth is never above what it is worth.

Random trades and marks, with every position crossing the depth at which exits begin to cost more; after each command
the floor of every account is compared with its value from scratch.  A failure names its seed.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.properties import soak
from tests.properties.campaign import USDM
from tests.properties.test_sweep import DEPTH, MARK, MID, RISKS, TICK, USD, Venue
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.audit import compute_violations
from worldmarkets.core.units import HOUR

INITIAL = 1_000_000
ODD_MARK = 199_999_999_937  # a lot of it is worth no whole number of quanta


def compare(venue: Venue, counts: Counter[str], seed: int) -> None:
    """Compare every account's floor with its value."""
    for account in range(1, venue.accounts + 1):
        floor = venue.engine.get_floor(account)
        if floor is None:
            counts["none"] += 1
            continue
        value = venue.engine.get_value(account, INITIAL)
        assert floor <= value, f"seed {seed}: account {account} is kept as worth {floor} at least, and is worth {value}"
        counts["kept"] += 1
        counts["decides"] += (floor >= 0) == (value >= 0)
        counts["within a thousandth"] += value - floor <= abs(value) // 1_000
        counts["within a tenth"] += value - floor <= abs(value) // 10


def run_trades(seed: int, turns: int) -> Counter[str]:
    """Trade and move marks at random; return what was seen."""
    counts: Counter[str] = Counter()
    venue = Venue(seed, 12)
    chance = venue.chance
    for asset in venue.assets:
        venue.prices[asset] = ODD_MARK
        venue.mark(asset)
    for market in range(1, 5):  # the rate of a period in which nobody traded is the one before
        r.Market.from_buffer(venue.engine.state.markets.view(market, market + 1)).funding_rate_ppb = chance.choice(
            (-3_000_000, 777, 2_999_999)
        )
    for turn in range(turns):
        venue.now += chance.choice((1, 10**6, 20 * 10**6))
        act = chance.random()
        asset = chance.choice(venue.assets)
        if act < 0.15:
            size = chance.choice((0.00001, 0.0005, 0.002, 0.01, 0.03))
            price = venue.prices[asset] * (1 + chance.uniform(-size, size))
            venue.prices[asset] = int(min(max(price, MARK // 8), 8 * MARK))
            venue.mark(asset)
        elif act < 0.18:
            venue.now += chance.choice((HOUR, 8 * HOUR, 24 * HOUR))
            venue.send(r.Command, c.ADVANCE_TIME)
            for each in venue.assets:
                venue.mark(each)
        elif act < 0.20:
            venue.send(r.Funds, c.DEPOSIT, chance.randint(1, 12), asset=USDM, amount=chance.randrange(1, 10**9))
        elif act < 0.21:
            depth = DEPTH // chance.choice((1, 10, 50, 200)) * (asset != 2)
            risk = [depth, depth, *RISKS[asset - 2][1:4]]
            venue.engine.parameters.set_values(c.ASSET_RISK, asset, risk)
        else:
            counts.update(trade(venue, asset))
        compare(venue, counts, seed)
        if turn % 50 == 0:
            assert not compute_violations(venue.engine)
    return counts


def trade(venue: Venue, asset: int) -> Counter[str]:
    """Let two accounts trade near the mark, and count whether their floors told beforehand that they are free."""
    chance = venue.chance
    seller, buyer = chance.sample(range(1, venue.accounts + 1), 2)
    price = max(int(venue.prices[asset] * MID / MARK * (1 + chance.uniform(-0.02, 0.02))), 1)
    lots = int(10 ** chance.uniform(0, chance.choice((2, 4))))
    counts: Counter[str] = Counter()
    for account in (seller, buyer):
        floor = venue.engine.get_floor(account)
        counts["asked"] += 1
        counts["answered by the floor"] += floor is not None and floor >= 0
    venue.trade(seller, buyer, asset - 1, lots, price)
    return counts


@pytest.mark.both
@pytest.mark.parametrize("seed", range(4))
def test_a_floor_is_never_above_the_value(seed):
    counts = run_trades(seed, 1_500 if COMPILED else 200)
    print(dict(sorted(counts.items())))
    assert counts["answered by the floor"] > counts["asked"] // 2
    assert counts["decides"] > counts["kept"] * 3 // 4
    assert counts["within a tenth"] > counts["kept"] // 4


@pytest.mark.soak
@pytest.mark.skipif(not COMPILED, reason="a campaign is run compiled")
def test_a_floor_is_never_above_the_value_in_a_long_campaign():
    total: Counter[str] = Counter()
    for number in soak.chapters("floors", 2_000):
        total += run_trades(1_000 * soak.SEED + number, 2_000)
    print(dict(sorted(total.items())))


def make_hedge() -> Venue:
    """Account 1 holds 19,600 USD of an asset and is as much short in it; 40,000 are its depth, 10 % its slippage."""
    risks = (*RISKS[:3], (4, 50_000, 100_000, 0, DEPTH // 50, 0))
    venue = Venue(1, 2, trades=0, risks=risks)
    venue.send(r.Funds, c.DEPOSIT, 1, asset=5, amount=980_000_000)
    venue.send(r.Funds, c.DEPOSIT, 2, asset=USDM, amount=10**6 * USD)
    venue.trade(1, 2, 4, 9_800)
    value = venue.engine.get_value(1, INITIAL)
    venue.send(r.Funds, c.WITHDRAW, 1, asset=USDM, amount=value - 3_600 * USD)
    return venue


@pytest.mark.both
@pytest.mark.parametrize("side", [c.BUY, c.SELL])
@pytest.mark.parametrize("mark", [205_000_000_000, 200_000_000_063, 199_999_999_937])
def test_parts_of_a_quantum_count_against_the_account(side, mark):
    """Lots of about 20 quanta, by the million; shocks and a rung that are no whole parts per million together."""
    risks = ((2, 100_003, 3_000, 4_007, 0, 0), (3, 100_001, 4_000, 0, 0, 0))
    venue = Venue(1, 2, trades=0, risks=risks, lot_quanta=1, tick=1, rungs_ppm=(999_000, 600_000, 300_000))
    for asset in venue.assets:
        venue.prices[asset] = mark
        venue.mark(asset)
    venue.trade(1, 2, 1, 1, 20)  # the first one lets both accounts be valued
    for turn in range(6):
        accounts = (2, 1) if side == c.BUY else (1, 2)
        venue.trade(*accounts, 1 + turn % 2, 10**9 + turn, 20)
        for account in (1, 2):
            floor = venue.engine.get_floor(account)
            assert floor is not None
            assert 0 <= venue.engine.get_value(account, 999_000) - floor < 2 * 10**10


@pytest.mark.both
def test_costs_beyond_the_depth_are_left_to_the_value():
    """Lots that join a position, each few enough, that together exceed half of the depth of 40,000 USD."""
    venue = Venue(1, 2, trades=0)
    for _ in range(20):
        venue.trade(1, 2, 4, 2_000)
        for account in (1, 2):
            floor, value = venue.engine.get_floor(account), venue.engine.get_value(account, INITIAL)
            assert floor is None or floor <= value


@pytest.mark.both
def test_an_aged_floor_reaches_no_further_than_a_new_one():
    """A floor bounds the move since it was computed: what is filed by it later counts from there, not from then.

    The price goes up by 63 %, the account's floor is shifted by a trade, and the price goes on: exits cost the square.
    """
    venue = make_hedge()
    venue.mark(2)
    venue.trade(1, 2, 1, 1)
    for turn in range(110):
        venue.now += 200 * 10**6
        venue.prices[5] = venue.prices[5] * 101 // 100
        venue.mark(5)
        venue.mark(2)
        if turn == 48:
            venue.trade(1, 2, 1, 1)
            assert venue.engine.get_floor(1) < venue.engine.get_value(1, INITIAL) * 3 // 4, "the floor was renewed"
        assert venue.engine.get_missed() == 0, f"after {turn} moves of 1 %"
    assert venue.engine.get_state(1) != c.STATE_FREE


@pytest.mark.both
def test_a_smaller_depth_counts_before_the_next_mark():
    """Trades ask a market for up to how many lots costs stay linear: a change of the depth must have told it."""
    venue = Venue(1, 2, trades=0)
    for account in (1, 2):
        venue.send(r.Funds, c.DEPOSIT, account, asset=USDM, amount=10**6 * USD)
    venue.trade(1, 2, 2, 4_000)
    venue.engine.parameters.set_values(c.ASSET_RISK, 3, [2_000 * USD, 2_000 * USD, *RISKS[1][1:4]])
    for _ in range(8):
        venue.trade(1, 2, 2, 4_000)
        for account in (1, 2):
            floor, value = venue.engine.get_floor(account), venue.engine.get_value(account, INITIAL)
            assert floor is None or floor <= value


@pytest.mark.both
def test_a_short_beyond_the_bound_of_a_leg_gains_nothing():
    """Quarters of 10^16 quanta sold at the mark: beyond the bound of a leg more of them must not count as profit."""
    venue = Venue(1, 2, trades=0, risks=((2, 100_000, 0, 0, 0, 0),), lot_quanta=10**6)
    values = []
    for account, amount in ((1, 2 * 10**15), (2, 10**17)):
        venue.send(r.Funds, c.DEPOSIT, account, asset=USDM, amount=amount)
    for _ in range(8):
        venue.trade(1, 2, 1, 10**16 // (4 * 20 * USD), 20 * USD // TICK)
        values.append(venue.engine.get_value(1, INITIAL))
        floor = venue.engine.get_floor(1)
        assert floor is None or floor <= values[-1]
    assert values == sorted(values, reverse=True)
    assert values[3] < values[0]
