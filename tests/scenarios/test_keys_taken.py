"""Administrator keys in the wrong hands: worthless collateral listed and limits lifted in one go (Drift, April 2026).

Whatever such a key sends, for as long as the delay nobody can take out or borrow more than before; and the guardian
calls off what waits.
"""

from __future__ import annotations

import random
from contextlib import suppress
from decimal import Decimal

import pytest

from tests.scenarios.stage import enter, get_largest_withdrawal, open_stage, refused
from worldmarkets import Exchange
from worldmarkets.exchange import Rejected

D = Decimal
RUG = {"price_shock_ppm": 10_000, "slippage_ppm": 1, "depth": "1000000000", "holding_cap": "1000000000"}


def send_anything(exchange: Exchange, chance: random.Random) -> None:
    """One loosening after the other, as far as it is accepted."""
    asset = chance.choice(("ETH", "MEGA", "USDT", "SOL"))
    acts = (
        lambda: exchange.list_asset(f"RUG{chance.randrange(10**6)}", 8, "RUG", **RUG),
        lambda: exchange.propose(asset, price_shock_ppm=1, slippage_ppm=1, basis_ppm=0, depth="900000000"),
        lambda: exchange.propose(asset, collateral_cap="900000000"),
        lambda: exchange.propose(initial_ppm=3_000, unwind_ppm=2_000, auction_ppm=1_000, lent_haircut_ppm=0),
        lambda: exchange.propose(parameter_delay_hours=24),
        lambda: exchange.propose(open_order_multiple=1_000),
        lambda: exchange.propose("MEGA-PERP", open_interest_cap="900000000"),
        lambda: exchange.cancel_change(chance.choice(exchange.changes).id) if exchange.changes else None,
    )
    with suppress(Rejected):
        chance.choice(acts)()


@pytest.mark.parametrize("seed", range(3))
def test_no_sequence_within_the_delay_gives_the_thief_more(seed: int) -> None:
    chance = random.Random(seed)
    exchange = open_stage()
    enter(exchange, "lender", USDM="5000000").lend("USDM", "2000000", "5%")
    thief = enter(exchange, "thief", USDM="1000", MEGA="10000")
    thief.borrow("USDM", "4000", "5%")
    exchange.step(seconds=1)
    before = get_largest_withdrawal(thief)
    assert 0 < before < 5_000  # margin stops it, not the balance
    for _ in range(47):
        for _ in range(3):
            send_anything(exchange, chance)
        exchange.step(hours=1)
        exchange.mark("MEGA", "0.4")
        assert get_largest_withdrawal(thief) <= before
    assert exchange.audit() == []


def test_new_collateral_is_worth_nothing_when_it_comes() -> None:
    """Two days after the listing a million of it counts for a millionth; the limits cannot follow for two more."""
    exchange = open_stage()
    enter(exchange, "lender", USDM="5000000").lend("USDM", "2000000", "5%")
    thief = enter(exchange, "thief")
    exchange.list_asset("RUG", 8, "RUG", **RUG)
    exchange.step(hours=48)
    exchange.mark("RUG", "1000")
    thief.deposit("RUG", "1000000")
    assert thief.value(1) <= D("0.000001")
    with refused("MARGIN", "WITHDRAWABLE"):
        thief.borrow("USDM", "1000", "20%")
    with refused("CHANGE_PENDING"):
        exchange.propose("RUG", holding_cap="1000000000", depth="2000000000")
    exchange.step(hours=1)
    ramp = exchange.changes[0]
    assert ramp.about == "RUG"
    exchange.cancel_change(ramp.id, role="guardian")
    worth = thief.value(1)
    exchange.step(hours=100)
    assert thief.value(1) == worth


def test_the_guardian_calls_off_what_loosens() -> None:
    exchange = open_stage()
    exchange.propose("MEGA", price_shock_ppm=1)
    exchange.propose(initial_ppm=3_000, unwind_ppm=2_000, auction_ppm=1_000)
    exchange.list_asset("RUG", 8, "RUG", **RUG)
    for change in exchange.changes:
        exchange.cancel_change(change.id, role="guardian")
    exchange.set_mode("cancel_only", role="guardian")
    exchange.step(hours=100)
    assert exchange.read_row("assets", exchange.listing.asset("MEGA").number).price_shock_ppm == 400_000
    assert len(exchange.listing.assets) == 8
