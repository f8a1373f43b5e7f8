"""What a feed's state allows: the page and the core have one table, and every action is tried in every state.

`NaiveFeed` says what state a feed is in, from docs/spec/marks.md; a random walk of marks, halts and hours holds the
core against it.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal as D
from pathlib import Path

import pytest

from tests.exchange.venues import SMALL
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.exchange import Account, Rejected, parse_genesis
from worldmarkets.exchange.genesis import load_genesis

STATES = ("none", "valid", "stale", "volatile", "halted", "suspended")
ALLOWS = {
    "none": codes.FEED_NONE_ALLOWS, "valid": codes.FEED_VALID_ALLOWS, "stale": codes.FEED_STALE_ALLOWS,
    "volatile": codes.FEED_VOLATILE_ALLOWS, "halted": codes.FEED_HALTED_ALLOWS,
    "suspended": codes.FEED_SUSPENDED_ALLOWS,
}  # fmt: skip
ACTIONS = ("MAY_OPEN", "MAY_REDUCE", "MAY_BORROW", "MAY_LEND", "MAY_LEAVE", "MAY_COUNT")


def read_page() -> dict[str, dict[str, bool]]:
    """Return the table of docs/spec/marks.md."""
    lines = (Path(__file__).parents[2] / "docs/spec/marks.md").read_text(encoding="utf-8").splitlines()
    head = next(n for n, line in enumerate(lines) if "`MAY_OPEN`" in line)
    names = [cell.split("`")[1] for cell in lines[head].split("|")[2:-1]]
    table = {}
    for line in lines[head + 2 :]:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        table[cells[0].strip("`")] = {name: cell == "yes" for name, cell in zip(names, cells[1:], strict=True)}
    return table


def test_the_page_has_the_table_of_the_core() -> None:
    page = read_page()
    assert tuple(page) == STATES
    for state, row in page.items():
        assert row == {name: bool(ALLOWS[state] & getattr(codes, name)) for name in ACTIONS}


def open_stage() -> tuple[Exchange, Account, Account]:
    """A maker who quotes everything in ETH, and a trader who holds, owes and is long some of it."""
    exchange = Exchange(capacity=SMALL)
    exchange.marks({"ETH": "2000", "BTC": "60000"})
    maker, trader = exchange.account("maker"), exchange.account("trader")
    for account in (maker, trader):
        account.deposit("USDM", "100_000")
        account.deposit("ETH", "50")
    maker.sell("ETH/USDM", "1", "2000")
    maker.buy("ETH/USDM", "1", "1999")
    maker.sell("ETH-PERP", "2", "2000")
    maker.buy("ETH-PERP", "2", "1999")
    maker.lend("ETH", "2", "5%")
    trader.buy("ETH-PERP", "1", "2000")
    trader.borrow("ETH", "1", "5%")
    return exchange, maker, trader


def bring_about(exchange: Exchange, state: str) -> None:
    if state == "stale":
        exchange.step(seconds=31)
        exchange.mark("BTC", "60000")
    elif state == "volatile":
        exchange.mark("ETH", "2125")
        exchange.mark("ETH", "2000")
    elif state in ("halted", "suspended"):
        exchange.halt("ETH")
        if state == "suspended":
            exchange.step(hours=24)
            exchange.mark("BTC", "60000")
    assert exchange.feeds["ETH"] == state


ATTEMPTS = {
    "MAY_OPEN": [
        lambda account: account.buy("ETH-PERP", "0.1", "2000"),
        lambda account: account.buy("ETH/USDM", "0.1", "2000"),
        lambda account: account.sell("ETH/USDM", "50.5", "2100"),
    ],
    "MAY_REDUCE": [
        lambda account: account.sell("ETH-PERP", "0.1", "1999"),
        lambda account: account.sell("ETH-PERP", "0.1", "1999", reduce_only=True),
        lambda account: account.sell("ETH/USDM", "0.1", "1999"),
    ],
    "MAY_BORROW": [lambda account: account.borrow("ETH", "0.1", "5%")],
    "MAY_LEND": [lambda account: account.lend("ETH", "0.1", "6%")],
    "MAY_LEAVE": [
        lambda account: account.withdraw("ETH", "0.1"),
        lambda account: account.transfer(account.exchange.account("maker"), "ETH", "0.1"),
    ],
}


@pytest.mark.both
@pytest.mark.parametrize("state", STATES[1:])
@pytest.mark.parametrize("action", ATTEMPTS)
def test_every_action_in_every_state(state: str, action: str) -> None:
    exchange, _, trader = open_stage()
    bring_about(exchange, state)
    for attempt in ATTEMPTS[action]:
        if ALLOWS[state] & getattr(codes, action):
            assert attempt(trader)
        else:
            with pytest.raises(Rejected, match="FEED_STATE"):
                attempt(trader)
    # Never barred: what ends something, what comes in, and every other asset.
    trader.deposit("ETH", "0.1")
    trader.repay(max(trader.loans, key=lambda loan: loan.principal).id, "0.5")
    trader.submit.true_up(trader.perps[0].id)
    exchange.account("maker").cancel_all()
    assert trader.buy("BTC-PERP", "0.01", "60000")
    assert exchange.audit() == []


@pytest.mark.both
def test_an_asset_without_a_mark_only_comes_and_goes() -> None:
    exchange, _, trader = open_stage()
    assert exchange.feeds["SOL"] == "none"
    trader.deposit("SOL", "10")
    trader.withdraw("SOL", "4")
    for attempt in (lambda: trader.sell("SOL/USDM", "1", "100"), lambda: trader.borrow("SOL", "1", "5%")):
        with pytest.raises(Rejected, match="MARK_MISSING"):
            attempt()


@pytest.mark.both
def test_whoever_is_short_may_buy_back_but_not_more() -> None:
    exchange, _, trader = open_stage()
    trader.withdraw("ETH", "50.7")  # balance 0.3, owes a little over 1
    exchange.step(seconds=31)
    with pytest.raises(Rejected, match="FEED_STATE"):
        trader.buy("ETH/USDM", "0.8", "2000")
    assert trader.buy("ETH/USDM", "0.7", "2000").filled == D("0.7")
    with pytest.raises(Rejected, match="FEED_STATE"):  # what is sold now is sold short
        trader.sell("ETH/USDM", "0.1", "1999")


@pytest.mark.both
def test_a_bid_for_a_loan_from_before_is_not_filled() -> None:
    exchange, maker, trader = open_stage()
    maker.cancel_all()
    borrower = exchange.account("borrower")
    borrower.deposit("USDM", "10_000")
    borrower.borrow("ETH", "1", "4%")
    exchange.step(seconds=31)
    result = trader.lend("ETH", "1", "4%")
    assert result.resting == 1 and not borrower.orders and not borrower.loans
    assert [event.code for event in result.events if event.kind == codes.ORDER_CANCELLED] == [codes.FEED_STATE]


@pytest.mark.both
def test_when_the_dollar_wanders_every_feed_is_volatile() -> None:
    exchange, _, trader = open_stage()
    exchange.mark("USDM", "0.981")
    assert exchange.feeds["ETH"] == exchange.feeds["USDM"] == "valid"
    exchange.mark("USDM", "0.979")
    assert {exchange.feeds[name] for name in ("USDM", "ETH", "BTC")} == {"volatile"}
    with pytest.raises(Rejected, match="FEED_STATE"):
        trader.borrow("USDM", "100", "5%")
    assert trader.sell("ETH/USDM", "0.1", "1999") and trader.withdraw("USDM", "100")
    exchange.mark("USDM", "1.001")
    assert trader.buy("ETH/USDM", "0.1", "2000")


# The state of a feed beside a naive one.


@dataclass
class NaiveFeed:
    """The state of one feed, from the times and prices of its marks."""

    shock: D
    marks: list[tuple[int, D]]
    halted_us: int | None = None

    def is_volatile(self, now: int) -> bool:
        """Say whether a step over half the shock, against the price that opened a window of a minute, is recent."""
        opened: tuple[int, D] | None = None
        until = -1
        for place, (when, price) in enumerate(self.marks):
            if opened is None or when - opened[0] > 60 * 10**6:
                opened = (when, self.marks[place - 1][1] if place else price)
            if 2 * abs(price - opened[1]) / opened[1] > self.shock:
                until = when + 60 * 10**6
        return until > now

    def get_state(self, now: int) -> str:
        if self.halted_us is not None:
            return "suspended" if now - self.halted_us >= 86_400 * 10**6 else "halted"
        if not self.marks:
            return "none"
        if self.is_volatile(now):
            return "volatile"
        return "stale" if now - self.marks[-1][0] > 30 * 10**6 else "valid"


@pytest.mark.both
@pytest.mark.parametrize("seed", range(3))
def test_states_are_those_of_the_naive_feed(seed: int) -> None:
    chance = random.Random(seed)
    exchange = Exchange(capacity=SMALL)
    feeds = {"ETH": NaiveFeed(D("0.12"), []), "BTC": NaiveFeed(D("0.1"), [])}
    prices = {"ETH": D(2000), "BTC": D(60000)}
    holder = exchange.account("holder")
    holder.deposit("USDM", "1000")
    holder.deposit("ETH", "1")
    counts: Counter[str] = Counter()
    for _ in range(250):
        asset = chance.choice(("ETH", "BTC"))
        feed, draw = feeds[asset], chance.random()
        if draw < 0.5:
            step = D(chance.choice(("1", "1.01", "0.99", "1.055", "0.95", "1.07")))
            price = (prices[asset] * step).quantize(D("0.01"))
            if feed.halted_us is not None:
                with pytest.raises(Rejected, match="FEED_STATE"):
                    exchange.mark(asset, price)
                continue
            exchange.mark(asset, price)
            feed.marks.append((exchange.time_us, price))
            prices[asset] = price
        elif draw < 0.6 and feed.marks:
            exchange.halt(asset)
            feed.halted_us = exchange.time_us if feed.halted_us is None else feed.halted_us
        elif draw < 0.7 and feed.marks:
            exchange.halt(asset, False)
            feed.halted_us = None
        else:
            exchange.step(seconds=chance.choice((1, 7, 25, 31, 61, 3_600, 30_000, 86_400)))
        for name, naive in feeds.items():
            assert exchange.feeds[name] == naive.get_state(exchange.time_us)
            counts[exchange.feeds[name]] += 1
    assert exchange.audit() == []
    assert all(counts[state] >= 5 for state in STATES[1:]), counts


def test_the_genesis_may_change_the_crowding() -> None:
    text = "[venue]\nopens = 2025-01-01T00:00:00Z\ncrowding_ppm = 500_000\n[[assets]]\nsymbol = 'USDM'\ndecimals = 6\n"
    assert parse_genesis(text).venue.crowding_ppm == 500_000
    assert load_genesis().venue.crowding_ppm == 800_000
