"""What is said to free an account is what the core says, and does free it."""

from __future__ import annotations

import random

import pytest

from tests.exchange.ladders import PRICES, D, enter, move, only, open_ladder
from worldmarkets.core import codes
from worldmarkets.exchange import Account, Exchange


def mix(seed: int) -> tuple[Exchange, Account]:
    """Return a trader with perps, holdings and a debt, drawn at random, whose marks then fall to a margin call."""
    source = random.Random(seed)
    exchange = open_ladder()
    maker = enter(exchange, "maker", USDM="9_000_000", ETH="500", BTC="20", SOL="5_000")
    trader = enter(exchange, "trader", USDM=str(source.randrange(1_500, 2_500)), BTC="0.01")
    maker.lend("USDM", "2000", rate="5%")
    trader.borrow("USDM", str(source.randrange(500, 1_000)), rate="5%")
    for market, size in (("ETH-PERP", source.randrange(1, 5)), ("SOL-PERP", source.randrange(1, 40))):
        price = PRICES[market.removesuffix("-PERP")]
        maker.sell(market, size, price)
        trader.buy(market, size, price)
    maker.sell("ETH/USDM", "0.3", "2000")
    trader.buy("ETH/USDM", "0.3", "2000")
    trader.withdraw("USDM", round(trader.available_margin) - 60)  # so that little is left to fall
    return exchange, trader


@pytest.mark.parametrize("seed", range(8))
def test_cures_are_those_of_the_margin_call(seed: int) -> None:
    exchange, trader = mix(seed)
    price, calls = D("2000"), []
    while not calls and price > 1_500:
        price = (price * D("0.98")).quantize(D("0.01"))
        calls = only(events := move(exchange, "ETH", str(price)), codes.MARGIN_CURE, trader)
    assert calls and trader.state == "margin call"
    found = {(cure.asset, cure.market): cure for cure in trader.cures}
    said = 0
    for cure in only(events, codes.MARGIN_CURE, trader):
        asset = exchange.listing.asset(cure.asset).symbol
        if cure.lots:
            market = exchange.listing.market(cure.market)
            own = found[asset, market.symbol]
            assert own.size is not None and own.side == ("sell" if cure.code == codes.SELL else "buy")
            assert abs(own.size - market.from_lots(cure.lots)) <= 2 * market.from_lots(1) + own.size / 1_000
            said += 1
        near = {mark for (name, _), one in found.items() if name == asset and (mark := one.mark) is not None}
        if cure.up or cure.down:
            (mark,) = near
            assert abs(mark - D(cure.up or cure.down).scaleb(-8)) <= mark / 100_000
    assert said
    for cure in trader.cures:  # each of them does free it
        if cure.market is not None:
            with exchange.preview():
                mark = exchange.prices[cure.asset]
                exchange.mark(cure.asset, mark)
                other = "sell" if cure.side == "buy" else "buy"
                enter(exchange, "other", USDM="900_000", **{cure.asset: "50"}).order(
                    cure.market, other, cure.size, mark
                )
                trader.order(cure.market, cure.side, cure.size, mark, ioc=True)
                assert 0 <= trader.available_margin < 1


def test_who_is_free_needs_no_cure() -> None:
    assert mix(0)[1].cures == []
