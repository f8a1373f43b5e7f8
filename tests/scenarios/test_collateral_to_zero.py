"""LUNA, May 2022, and FTT, November 2022: a token that much had been lent against lost nearly all of its worth in days,
and venues that had counted any amount of it at its price were left with the debt.  Here a holding counts with its shock
and with what selling it would cost, beyond a cap not at all, so the loss that it can bring is bounded before it falls;
and its price follows the sources all the way down.
"""

from __future__ import annotations

import pytest

from tests.scenarios.stage import D, enter, look, open_stage, refused
from worldmarkets import Exchange
from worldmarkets.exchange import load_genesis
from worldmarkets.exchange.genesis import Genesis


@pytest.mark.both
def test_more_of_a_thin_token_carries_no_more_debt() -> None:
    exchange = open_stage()
    lender = enter(exchange, "lender", USDM="10_000_000")
    lender.lend("USDM", "9_000_000", rate="5%")
    whale = enter(exchange, "whale", MEGA="1_000_000")
    margins = []
    for _ in range(5):
        margins.append(int(whale.available_margin))
        whale.deposit("MEGA", "20_000_000")
    assert margins == sorted(margins)  # never less for having more
    assert margins[-1] == margins[1] < 800_000  # 40,000,000 tokens "worth" 16 million
    cap = D(margins[-1])
    taken = D(0)
    for _ in range(20):  # borrow and take out, again and again
        whale.submit.borrow("USDM", "100_000", rate="5%", ioc=True)
        taken += 100_000 * bool(whale.submit.withdraw("USDM", "100_000"))
    assert 0 < taken <= cap  # that is all that the lenders can lose by it, whatever the token does
    with refused("WITHDRAWABLE", "MARGIN", "BALANCE"):
        whale.withdraw("USDM", "100_000")


@pytest.mark.both
def test_the_price_goes_all_the_way_down_and_nothing_breaks() -> None:
    exchange = open_stage(has_ladder=False)
    lender = enter(exchange, "lender", USDM="100_000")
    believer = enter(exchange, "believer", MEGA="100_000")
    lender.lend("USDM", "10_000", rate="5%")
    believer.borrow("USDM", "10_000", rate="5%")
    believer.withdraw("USDM", "10_000")
    states = [believer.state]
    price = D("0.4")
    for _ in range(12):
        exchange.step(hours=6)
        price = (price / 4).quantize(D("0.00000001"))
        exchange.mark("MEGA", str(max(price, D("0.00000001"))), sources=5, agreeing=5)
        if believer.state != states[-1]:
            states.append(believer.state)
        assert exchange.audit() == []
    assert (states[0], states[-1]) == ("free", "close-out")
    assert believer.nav < -9_000
    assert lender.nav >= 100_000  # its claim stands as it was written; nobody else's balance paid for it
    assert enter(exchange, "bystander", USDM="5").nav == 5


@pytest.mark.both
def test_the_whole_venue_takes_only_so_much_of_it() -> None:
    genesis: Genesis = load_genesis()
    assets = [
        type(asset)(**{**{f: getattr(asset, f) for f in asset.__struct_fields__}, "collateral_cap": "2_000_000"})
        if asset.symbol == "MEGA" else asset
        for asset in genesis.assets
    ]  # fmt: skip
    exchange = Exchange(Genesis(venue=genesis.venue, assets=assets, markets=genesis.markets))
    exchange.mark("MEGA", "0.4")
    enter(exchange, "first", MEGA="1_500_000")
    second = exchange.account("second")
    with refused("COLLATERAL_CAP"):
        second.deposit("MEGA", "500_000.00000001")
    second.deposit("MEGA", "500_000")


@pytest.mark.both
def test_on_the_way_down_it_is_sold_while_there_are_buyers_and_then_given_to_the_lenders() -> None:
    """110,000 MEGA, 44,000 USDM at first, and 20,000 lent against it: a sixth less a day, and ever fewer bids."""
    exchange = open_stage(has_ladder=True)
    first, second = enter(exchange, "first", USDM="30_000"), enter(exchange, "second", USDM="10_000")
    believer, buyer = enter(exchange, "believer", MEGA="110_000"), enter(exchange, "buyer", USDM="100_000")
    bystander = enter(exchange, "bystander", USDM="5", MEGA="7")
    for lender, amount in ((first, "15_000"), (second, "5_000")):
        lender.lend("USDM", amount, rate="5%", relend=False)
        believer.borrow("USDM", amount, rate="5%")
    believer.withdraw("USDM", "20_000")
    before = look(bystander)
    price, days = D("0.4"), 0
    while believer.loans:
        exchange.step(hours=24)
        price, days = (price * 5 / 6).quantize(D("0.00001")), days + 1
        buyer.cancel_all()
        exchange.mark("MEGA", price, sources=5, agreeing=5)
        exchange.step(minutes=2)
        exchange.mark("MEGA", price, sources=5, agreeing=5)
        buyer.buy("MEGA/USDM", 40_000 // 2**days // 10 * 10, (price * D("0.99")).quantize(D("0.00001")))
        exchange.step(minutes=16)  # longer than both clocks
        assert exchange.audit() == []
    assert days == 3 and believer.ladder is None
    (one, other), lent = [lender.balances for lender in (first, second)], (15_000, 5_000)
    assert one["USDM"] > 15_500 and one["MEGA"] > 50_000  # sold while there were bids, the rest in kind
    assert abs(one["USDM"] - 15_000 - 3 * (other["USDM"] - 5_000)) < D("0.01")
    assert abs(one["MEGA"] - 3 * other["MEGA"]) < 1  # of both, three to one, as they had lent
    assert all(lender.nav >= 2 * amount for lender, amount in zip((first, second), lent, strict=True))
    assert 0 < believer.balances["MEGA"] < 110_000  # and what they were not owed is still its own
    assert look(bystander) == before
