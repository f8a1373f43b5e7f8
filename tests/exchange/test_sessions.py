"""Random sessions through the library: what it shows agrees with the core, and no command harms a free account."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.exchange.venues import SMALL
from worldmarkets import Exchange
from worldmarkets.exchange import Account

MARKETS = {"ETH/USDM": "2000", "ETH-PERP": "2000", "BTC-PERP": "60000", "SOL-PERP": "150"}


def _choose(random: Random, exchange: Exchange, account: Account) -> tuple[str, tuple[Any, ...]]:
    """A command and its arguments."""
    kind = random.choice(["order", "order", "order", "lend", "borrow", "repay", "true_up", "amend", "withdraw"])
    if kind == "repay" and account.loans:
        return kind, (random.choice(account.loans).id,)
    if kind == "true_up" and account.perps:
        return kind, (random.choice(account.perps).id,)
    if kind == "amend" and account.orders:
        order = random.choice(account.orders)
        return kind, (order.id, order.size * random.randint(1, 2))
    if kind in ("lend", "borrow"):
        return kind, ("USDM", random.randint(10, 500), random.randint(400, 600))
    if kind == "withdraw":
        return kind, ("USDM", random.randint(1, 500))
    name, price = random.choice(list(MARKETS.items()))
    market = exchange.listing.market(name)
    size = market.from_lots(random.randint(10, 3_000))
    return "order", (name, random.choice(["buy", "sell"]), size, Decimal(price) + market.tick * random.randint(-99, 99))


def _move_marks(random: Random, exchange: Exchange) -> None:
    exchange.step(seconds=random.choice([1, 61, 30 * 3600]))
    exchange.marks({
        asset: exchange.prices[asset].quantize(Decimal("0.01")) * random.randint(93, 107) / 100
        for asset in ("BTC", "ETH", "SOL")
    })  # fmt: skip


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_a_session(seed: int) -> None:
    random = Random(seed)
    exchange = Exchange(capacity=SMALL)
    exchange.marks({"BTC": "60000", "ETH": "2000", "SOL": "150"})
    accounts = [exchange.account(name) for name in ("maker", "taker", "lender", "borrower")]
    for account in accounts:
        account.deposit("USDM", random.randint(100, 1_500))
        account.deposit("ETH", "0.2")
    for _ in range(60):
        if random.random() < 0.1:
            _move_marks(random, exchange)
        account = random.choice(accounts)
        kind, arguments = _choose(random, exchange, account)
        before = exchange.digest()
        preview = getattr(account.preview, kind)(*arguments)
        assert exchange.digest() == before
        free = [each for each in accounts if each.state == "free"]
        result = getattr(account.submit, kind)(*arguments)
        assert result == preview.result
        assert result.code != "INTERNAL"
        assert account.standing == preview.after
        assert [each.name for each in free if each.state != "free"] == []
        assert exchange.audit() == []
        for each in accounts:  # compares its parts with the core's figures
            assert sum(group.value for group in each.groups()) == each.available_margin
