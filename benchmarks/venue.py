"""The venue that is measured: 16 perp markets in eight groups, and a population with a loan and two perps each."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator
from typing import Any

from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.engine import Engine
from worldmarkets.core.units import MAX_BID_TICKS

START_US = 1_700_000_000_000_000
USD = 1_000_000  # numeraire quanta
MARK = 2_000 * 10**8  # of every asset; a lot is a thousandth of a token, so 2 USD
LOT_QUANTA = 100_000
TICK_VALUE = 40
MID_TICKS = 2 * USD // TICK_VALUE  # 50,000: a tick is a fifth of a basis point
PERPS = 16
LENDERS = 10
LOAN_USD = 5_000
DEPOSIT_USD = 50_000
ORDERS_AN_ACCOUNT = 2
SPREAD_TICKS = 100  # mean distance of a resting order from the mark
BATCH = 256  # commands that a sequencer hands over at once
BLOCK_US = 10_000
VISITS = 2_048  # accounts looked at with a mark or a time step, as in the packaged genesis
DENIED = 2  # accounts that a policy denies


def open_engine(pairs: int = PERPS, huge_pages: bool = False, has_ladder: bool = False, **capacity: int) -> Engine:
    """Return an engine with the numeraire, a loan book, and `pairs` perp markets, two a risk group.

    With a ladder it has a backstop book too, the last of its markets.
    """
    engine = Engine(capacity, huge_pages=huge_pages)
    engine.state.open()
    rules = engine.governance
    rules.open_venue(START_US, has_ladder=has_ladder, sweep_visits=VISITS)
    rules.add_asset(6, rules.add_group())
    for number in range(pairs // 2):
        group = rules.add_group()
        risk = number % 8
        for _ in range(2):
            rules.add_asset(8, group, 100_000 + 10_000 * risk, 3_000 + 500 * risk, 5_000, 10_000_000 * USD)
    for asset in range(2, pairs + 2):
        rules.add_market(c.PERP, asset, LOT_QUANTA, TICK_VALUE, maker_ppm=100, taker_ppm=400)
    rules.add_market(c.LOAN, c.NUMERAIRE, USD, tenor_hours=240)
    if has_ladder:
        rules.add_market(c.BACKSTOP, c.NUMERAIRE, USD, max_ticks=MAX_BID_TICKS)
    return engine


def count_perps(markets: int) -> int:
    """Return how many perp markets a venue has of which `markets` are traded."""
    return max(PERPS, markets)


def perp_markets(account: int, markets: int) -> tuple[int, int]:
    """Return the two markets in which an account holds a perp; of different groups, the first among `markets`."""
    first = account % markets
    return first + 1, (first + 2 * (1 + account // markets % 7)) % count_perps(markets) + 1


def encode(commands: list[r.Record]) -> bytes:
    """Return records as the bytes a sequencer hands over."""
    return b"".join(bytes(command) for command in commands)


def split(log: bytes) -> Iterator[bytes]:
    """Yield a log in batches of 256 commands."""
    size = 64 * BATCH
    for start in range(0, len(log), size):
        yield log[start : start + size]


def place(account: int, market: int, side: int, price: int, lots: int, **options: int) -> r.Record:
    """Return the command of an order at the start of the venue."""
    return r.PlaceOrder(time_us=START_US, kind=c.PLACE_ORDER, account=account, market=market, side=side,
                        price_ticks=price, lots=lots, **options)  # fmt: skip


def build_population(accounts: int, markets: int, seed: int = 1) -> bytes:
    """Return the commands that give `accounts` accounts a deposit, a loan, two perps and two resting orders each.

    Accounts 1..`accounts` trade, in the first `markets` perp markets; the ten after them lend.
    """
    chance = random.Random(seed)
    perps = count_perps(markets)
    everyone = range(1, accounts + LENDERS + 1)
    traders, lenders = everyone[:accounts], everyone[accounts:]
    log: list[r.Record] = []
    for account in everyone:
        log.append(r.OpenAccount(time_us=START_US, kind=c.OPEN_ACCOUNT, owner_high=account, owner_low=account))
    for account in everyone:
        amount = DEPOSIT_USD * (accounts if account in lenders else 1) * USD
        log.append(r.Funds(time_us=START_US, kind=c.DEPOSIT, account=account, asset=c.NUMERAIRE, amount=amount))
    for asset in range(2, perps + 2):
        log.append(r.SetMark(time_us=START_US, kind=c.SET_MARK, asset=asset, price=MARK, source_time_us=START_US,
                             sources=3, agreeing=3))  # fmt: skip
    loans = perps + 1
    for account in lenders:
        log.append(place(account, loans, c.SELL, 500, LOAN_USD * accounts))
    for account in traders:
        log.append(place(account, loans, c.BUY, 600, LOAN_USD))
    holding: list[list[int]] = [[] for _ in range(perps + 1)]
    for account in traders:
        for market in perp_markets(account, markets):
            holding[market].append(account)
    for market in range(1, perps + 1):
        holders = holding[market]
        chance.shuffle(holders)
        half = len(holders) // 2
        for seller, buyer in zip(holders[:half], holders[half:], strict=False):
            lots = chance.randint(200, 1_000)
            log.append(place(seller, market, c.SELL, MID_TICKS, lots))
            log.append(place(buyer, market, c.BUY, MID_TICKS, lots))
        if len(holders) % 2:
            log.append(place(lenders[0], market, c.SELL, MID_TICKS, 500))
            log.append(place(holders[-1], market, c.BUY, MID_TICKS, 500))
    for _ in range(ORDERS_AN_ACCOUNT):
        for account in traders:
            log.append(rest(chance, account, markets, MID_TICKS))
    for _ in range(accounts // VISITS + 1):  # the sweep has seen everyone before anything is timed
        log.append(r.SetMark(time_us=START_US, kind=c.SET_MARK, asset=2, price=MARK, source_time_us=START_US,
                             sources=3, agreeing=3))  # fmt: skip
    return encode(log)


def build_policies(accounts: int, seed: int = 1) -> bytes:
    """Return the commands that give every second trader a policy of its own.

    Exposure to one counterparty is limited, whoever becomes one must survive a severity, two accounts are denied; a
    quarter has its profit paid beyond a threshold, and another gives contracts with the weakest up first.
    """
    chance = random.Random(seed)
    log: list[r.Record] = []
    for account in range(1, accounts + 1, 2):
        log.append(
            r.SetPolicy(
                time_us=START_US, kind=c.SET_POLICY, account=account, max_exposure=chance.randint(500, 5_000) * USD,
                severity_ppm=chance.choice((500_000, 1_000_000, 1_500_000)),
                true_up_threshold=chance.choice((0, 0, 0, 20 * USD)),
            )
        )  # fmt: skip
        for _ in range(DENIED):
            other = chance.randrange(1, accounts + 1)
            if other != account:
                log.append(r.SetCounterparty(time_us=START_US, kind=c.SET_COUNTERPARTY, account=account, other=other,
                                             action=c.DENY_COUNTERPARTY))  # fmt: skip
        if chance.random() < 1 / 4:
            log.append(r.Switch(time_us=START_US, kind=c.CONFIGURE_ACCOUNT, account=account, value=c.WEAKEST_FIRST))
    return encode(log)


def rest(chance: random.Random, account: int, markets: int, mid: int) -> r.Record:
    """Return an order of an account that rests in a book, at an exponential distance from `mid`."""
    market = choose_market(chance, account, markets)
    away = 1 + int(chance.expovariate(1 / SPREAD_TICKS))
    side = chance.randrange(2)
    return place(account, market, side, mid - away if side == c.BUY else mid + away, chance.randint(10, 50))


def choose_market(chance: random.Random, account: int, markets: int) -> int:
    """Return one of the account's markets that is traded."""
    market = perp_markets(account, markets)[chance.randrange(2)]
    return market if market <= markets else perp_markets(account, markets)[0]


def rows_of(events: bytes, record: type[r.Record], kind: int) -> list[Any]:
    """Return the events of one kind."""
    count = len(events) // ctypes.sizeof(record)
    return [row for row in (record * count).from_buffer_copy(events) if row.kind == kind]
