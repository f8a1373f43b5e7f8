"""What one step of a ramp takes from an account, and that nothing an administrator sends moves a balance."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from tests.exchange.venues import SMALL, without_ladder
from worldmarkets import Exchange
from worldmarkets.core import codes, guards, records
from worldmarkets.exchange import Account

MARKS = {"BTC": "60000", "ETH": "2000", "stETH": "2000", "SOL": "150", "USDC": "1", "USDT": "1", "MEGA": "0.4"}
PERPS = {"BTC-PERP": ("BTC", "0.001"), "ETH-PERP": ("ETH", "0.01"), "SOL-PERP": ("SOL", "0.1")}
SHOCKS = {"BTC": 100_000, "ETH": 120_000, "SOL": 180_000}
INITIAL, UNWIND = 1, Decimal("0.6")


def open_venue(cash: int) -> tuple[Exchange, Account, Account]:
    """A venue whose ladder is off: what moves a balance here, or takes a margin, is the ramp alone."""
    exchange = Exchange(without_ladder(), capacity=SMALL)
    exchange.marks(MARKS)
    maker, trader = exchange.account("maker"), exchange.account("trader")
    for asset, amount in (("USDM", "50_000_000"), ("ETH", "2000"), ("BTC", "100"), ("SOL", "10000")):
        maker.deposit(asset, amount)
    trader.deposit("USDM", cash)
    return exchange, maker, trader


def fill_up(exchange: Exchange, maker: Account, trader: Account, chance: random.Random, sides: int) -> Decimal:
    """Open perps of random sizes until the account is nearly at its limit; return their notional."""
    notional = Decimal(0)
    markets = chance.sample(sorted(PERPS), chance.randrange(1, 4))
    directions = {market: chance.random() < 0.5 if sides == 2 else True for market in markets}
    for size in (500, 200, 100, 50, 20, 10, 5, 2, 1):
        for market in markets:
            asset, unit = PERPS[market]
            price = Decimal(MARKS[asset])
            amount = Decimal(unit) * size
            side, other = ("buy", "sell") if directions[market] else ("sell", "buy")
            while getattr(trader.preview, side)(market, amount, price).result.accepted:
                order = getattr(maker, other)(market, amount, price)
                result = getattr(trader, side)(market, amount, price)
                if not result.filled:
                    trader.cancel(result.order)
                    maker.cancel(order.order)
                    break
                notional += amount * price
    return notional


@pytest.mark.parametrize("seed", range(4))
def test_a_step_takes_no_more_than_it_may(seed: int) -> None:
    """0.75 % of notional at most for shocks; an account with nothing free is called, never unwound, by one step."""
    chance = random.Random(seed)
    exchange, maker, trader = open_venue(20_000)
    notional = fill_up(exchange, maker, trader, chance, 2)
    assert notional > 20_000
    assert trader.value(INITIAL) < notional / 100  # at its limit
    for asset, shock in SHOCKS.items():
        exchange.propose(asset, price_shock_ppm=2 * shock, slippage_ppm=12_000, basis_ppm=20_000)
    steps = max(change.steps for change in exchange.changes)
    assert steps >= 72
    before = {account.name: account.value(INITIAL) for account in (maker, trader)}
    free = before["trader"]
    largest = Decimal(0)
    for _ in range(steps):
        was_free = trader.value(INITIAL) >= 0
        before_step = trader.value(INITIAL)
        exchange.step(hours=1)
        after = trader.value(INITIAL)
        largest = max(largest, before_step - after)
        assert before_step - after <= notional * Decimal("0.0075") + 1
        if was_free:
            assert trader.value(UNWIND) > 0, "one step took a free account to the unwind"
    assert trader.value(INITIAL) < free
    print(f"seed {seed}: notional {notional:.0f}, least free {free:.2f}, largest step {largest:.2f}, "
          f"{largest / notional:.4%} of the notional")  # fmt: skip
    assert exchange.audit() == []


def test_an_account_that_keeps_a_step_free_stays_free() -> None:
    """The least slack that a step asks for: an account that keeps 0.75 % of its notional stays free over one."""
    for seed in range(4):
        chance = random.Random(100 + seed)
        exchange, maker, trader = open_venue(20_000)
        notional = fill_up(exchange, maker, trader, chance, 2)
        short = notional * Decimal("0.0075") - trader.value(INITIAL)
        trader.deposit("USDM", (max(short, Decimal(0)) + 1).quantize(Decimal("0.01")))
        for asset in SHOCKS:
            exchange.propose(asset, price_shock_ppm=1_000_000 - 100_000, slippage_ppm=100_000, basis_ppm=100_000)
        exchange.step(hours=1)
        assert trader.value(INITIAL) >= 0


def get_money(exchange: Exchange) -> bytes:
    """Every balance, fee and supply, and every contract, as they stand."""
    parts = [exchange.table("positions")[name].tobytes() for name in ("balance", "borrowed", "lent", "lots", "cost")]
    parts += [exchange.table("assets")[name].tobytes()[: 8 * 9] for name in ("supply", "fees", "lent")]
    return b"".join([*parts, exchange.table("perps").tobytes(), exchange.table("loans")["principal"].tobytes()])


def draw_command(exchange: Exchange, chance: random.Random) -> records.Record:
    """Any command of governance: right, wrong, or nonsense."""
    flags = chance.choice((1, 1, 1, 2, 0))
    kind = chance.choice((codes.PROPOSE_CHANGE,) * 6 + (codes.CANCEL_CHANGE, codes.LIST_ASSET, codes.LIST_MARKET,
                          codes.SET_MARKET_MODE, codes.SET_FEED))  # fmt: skip
    if kind == codes.PROPOSE_CHANGE:
        number = chance.randrange(0, codes.GUARD_KINDS + 2)
        guard = guards.find_guard(number)
        subject = chance.randrange(0, 12) if guard is None or guard.scope else 0
        values = {}
        for slot, field in zip("abcde", guard.fields if guard else (), strict=False):
            if field is not None:
                values[slot] = chance.choice(
                    (field.lowest, field.highest, chance.randrange(field.lowest, field.highest))
                )
                values[slot] -= values[slot] % 1_000 if field.name.endswith("l_ppm") else 0
        return records.ProposeChange(kind=kind, flags=flags, guard=number, subject=subject, **values)
    if kind == codes.CANCEL_CHANGE:
        rows = [row["id"] for row in exchange.table("changes") if row["state"]]
        return records.ContractChange(kind=kind, flags=flags, contract_id=int(chance.choice([*rows, 5])))
    if kind == codes.LIST_ASSET:
        return records.ListAsset(kind=kind, flags=flags, decimals=chance.randrange(10), depth=10**12,
                                 holding_cap=10**10, price_shock_ppm=chance.randrange(500_000),
                                 slippage_ppm=chance.randrange(100_000))  # fmt: skip
    if kind == codes.LIST_MARKET:
        return records.ListMarket(kind=kind, flags=flags, market_kind=chance.randrange(4), asset=chance.randrange(11),
                                  lot_quanta=10**6, tick_value=1, minimum_lots=1, tenor_hours=48)  # fmt: skip
    value = chance.randrange(6)
    return records.Switch(kind=kind, flags=flags, market=chance.randrange(12), asset=chance.randrange(10), value=value)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_an_administrator_sends_moves_a_balance(seed: int) -> None:
    """Invariant 14: neither the command nor, but for the end of a market, what time makes of it."""
    chance = random.Random(seed)
    exchange, maker, trader = open_venue(20_000)
    trader.deposit("ETH", 5)
    maker.lend("USDM", "1000", "5%")
    trader.borrow("USDM", "1000", "5%")
    trader.configure_loan(trader.loans[0].id, steps=[])  # at its due time nothing is paid
    fill_up(exchange, maker, trader, chance, 2)
    maker.sell("ETH/USDM", "1", "2100")
    before = get_money(exchange)
    counts = {"OK": 0}
    for _ in range(400):
        command = draw_command(exchange, chance)
        if command.kind == codes.PROPOSE_CHANGE and command.guard == codes.MARKET_END:  # type: ignore[attr-defined]
            with exchange.preview():
                exchange.submit(command)
                assert get_money(exchange) == before
            continue
        code = exchange.submit(command).code
        counts[code] = counts.get(code, 0) + 1
        assert code != "INTERNAL"
        assert get_money(exchange) == before, command.as_dict()
        if chance.random() < 0.3:
            exchange.step(hours=chance.choice((1, 5, 49)))
            assert get_money(exchange) == before
    assert counts["OK"] > 50
    assert exchange.audit() == []
