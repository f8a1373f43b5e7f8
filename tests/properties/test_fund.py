"""The default fund beside a naive one: stakes, their leaving, the price of cover, and what defaults take.

A chapter is a venue on which accounts stake, unstake, buy cover, lend and repay at random, and now and then one is
closed out that cannot pay.  Everything that changes the fund is followed from the events of what caused it - interest
that was paid, contracts that were counted - and each amount has to be the naive fund's.  A failure names the seed.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal as D
from typing import Any

import pytest

from tests.exchange.venues import open_worked
from tests.models.naive_fund import NaiveFund
from tests.properties import soak
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c
from worldmarkets.exchange import Account

DAY = 24 * 3_600
STEPS = 120
LEAST = {
    "staked": 60, "leaves": 30, "paid out": 8, "charged": 30, "uncharged": 30, "default": 15, "default covered": 5,
    "limited": 1, "own claim": 5, "stake seized": 4, "too little": 0,
}  # fmt: skip


class Chapter:
    """A venue, the naive fund, and what was seen."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.exchange = open_worked()
        row = self.exchange.read_row("venue", 1)
        self.model = NaiveFund(row.fund_price_ppm, row.fund_limit_ppm, self.exchange.time_us)
        self.price = D(2_000)
        self.claims: dict[int, int] = {}
        self.expected: dict[int, int] = {}
        self.charges: list[tuple[int, int]] = []
        self.own: set[int] = set()
        self.defaulter = 0
        self.stakers = [self.enter(f"staker {number}", USDM=5_000) for number in range(3)]
        self.lenders = [self.enter(f"lender {number}", USDM=50_000) for number in range(3)]
        self.borrowers = [self.enter(f"borrower {number}", ETH=2, USDM=100) for number in range(4)]
        for borrower in self.borrowers:  # a creditor of the same owner is not covered
            self.enter(borrower.name, 1, USDM=2_000)
        self.everyone = self.exchange.accounts

    def enter(self, name: str, index: int = 0, **funds: int) -> Account:
        account = self.exchange.account(name, index=index)
        for asset, amount in funds.items():
            account.deposit(asset, amount)
        return account

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.step()
            self.compare()

    def step(self) -> None:
        """Do something."""
        chance, draw = self.chance, self.chance.random()
        if draw < 0.15:
            self.stake(chance.choice(self.stakers + self.borrowers), D(chance.randrange(1, 400_000)).scaleb(-3))
        elif draw < 0.30:
            self.unstake(chance.choice(self.stakers))
        elif draw < 0.42:
            account, is_on = chance.choice(3 * self.lenders + self.everyone), chance.random() < 0.85
            self.follow(account.submit.cover(is_on).events)
            self.model.set_cover(account.number, is_on)
        elif draw < 0.60:
            self.lend()
        elif draw < 0.72:
            self.repay(chance.choice(self.borrowers))
        elif draw < 0.93:
            self.wait(chance.randrange(3_600, 2 * DAY))
        else:
            self.default(chance.choice(self.borrowers))

    def stake(self, account: Account, amount: D) -> None:
        result = account.submit.stake(amount)
        quanta = int(amount * 10**6)
        if result.code == "SIZE_TOO_SMALL":
            assert not self.model.stake(account.number, quanta)
            self.seen["too little"] += 1
        elif result.code == "OK":
            assert self.model.stake(account.number, quanta)
            self.seen["staked"] += 1
        self.follow(result.events)

    def unstake(self, account: Account) -> None:
        stake = self.model.get_stake(account.number)
        shares = self.chance.choice((0, 0, 1, stake.shares // 3, stake.shares + 1))
        result = account.submit.unstake(D(shares).scaleb(-6) if shares else None)
        self.follow(result.events[:-1])
        assert (result.code == "OK") == self.model.unstake(account.number, shares)
        self.seen["leaves"] += result.code == "OK"

    def lend(self) -> None:
        """Let somebody borrow: most lend to others, some to another account of their own."""
        borrower = self.chance.choice(self.borrowers)
        lender = self.chance.choice(self.lenders + self.stakers)
        amount = self.chance.randrange(100, 900)
        self.follow(lender.submit.lend("USDM", amount, rate="40%").events)
        self.follow(borrower.submit.borrow("USDM", amount, rate="40%", ioc=True).events)
        self.follow(lender.submit.cancel_all().events)

    def repay(self, borrower: Account) -> None:
        for loan in borrower.loans[:1]:
            part = loan.principal if self.chance.random() < 0.5 else (loan.principal / 3).quantize(D("0.01"))
            self.follow(borrower.submit.repay(loan.id, part).events)

    def wait(self, seconds: int) -> None:
        """Let time pass; whoever has a loan that would fall due brings what it takes, and repays it."""
        for borrower in self.borrowers:
            for loan in borrower.loans:
                if loan.counterparty is not None and (loan.due.timestamp() * 10**6 - self.exchange.time_us) < 3e6 * DAY:
                    self.follow(borrower.submit.deposit("USDM", loan.principal * 2).events)
                    self.follow(borrower.submit.repay(loan.id).events)
        for events in self.exchange.pass_time(self.exchange.time_us + seconds * 10**6):
            self.follow(events)
        assert self.model.get_leaving(self.exchange.time_us) == [], "all that was due is paid out"
        for asset in ("ETH", "stETH", "BTC"):
            price = self.price if asset != "BTC" else D(50_000)
            self.follow(self.exchange.mark(asset, price, sources=5, agreeing=5).events)

    def default(self, borrower: Account) -> None:
        """Take what a borrower has, let it owe another account of its own, and close it out."""
        other = self.exchange.account(borrower.name, index=1)
        if self.chance.random() < 0.5:
            self.follow(other.submit.sell("ETH-PERP", "0.2", self.price).events)
            maker = self.exchange.account("maker")
            self.follow(maker.submit.buy("ETH-PERP", "0.2", self.price, ioc=True).events)
            self.follow(maker.submit.sell("ETH-PERP", "0.2", self.price).events)
            self.follow(borrower.submit.buy("ETH-PERP", "0.2", self.price, ioc=True).events)
        held = borrower.balances.get("USDM", D(0)) * D("0.9")
        self.follow(borrower.submit.withdraw("USDM", held.quantize(D("0.01"))).events)
        for asset in ("ETH", "stETH"):
            self.follow(self.exchange.mark(asset, self.price * D("0.1"), sources=5, agreeing=5).events)
        if borrower.nav < 0 and self.exchange.engine.start_close_out(borrower.number, c.INSOLVENT):
            self.own = {one.number for one in self.everyone if one.address == borrower.address}
            self.defaulter = borrower.number
            is_done = False
            while not is_done:
                events = next(iter(self.exchange.pass_time(self.exchange.time_us + 1_000)))
                is_done = any(event.kind == c.CLOSE_OUT_DONE for event in events)
                self.follow(events)
            self.seen["default"] += 1
            assert not self.expected, "the fund paid what it had to"
        for asset in ("ETH", "stETH"):
            self.follow(self.exchange.mark(asset, self.price, sources=5, agreeing=5).events)
        self.follow(borrower.submit.deposit("ETH", 2).events)

    # What the fund says, event by event.

    def follow(self, events: Any) -> None:
        self.model.now_us = self.exchange.time_us
        for event in events:
            if event.kind == c.LOAN_REPAID and event.asset == c.NUMERAIRE and event.code == c.OK:
                price = self.model.charge(event.lender, event.interest)
                self.seen["charged" if price else "uncharged"] += 1
                self.charges += [(event.lender, price)] if price else []
            elif event.kind == c.COVER_CHARGED:
                assert (event.account, event.amount) == self.charges.pop(0)
            elif event.kind == c.STAKE_CHANGED and event.amount <= 0:
                is_seized = self.model.get_leaving(self.exchange.time_us)[:1] != [event.account]
                assert not is_seized or event.account == self.defaulter
                assert self.model.redeem(event.account, is_all=is_seized) == -event.amount
                self.seen["stake seized" if is_seized else "paid out"] += 1
            elif event.kind == c.CONTRACT_COUNTED:
                self.claims[event.other] = self.claims.get(event.other, 0) + event.value
            elif event.kind == c.CLOSE_OUT_COUNTED:
                self.see_counted(event)
            elif event.kind == c.CLAIM_PAID and event.code == c.AS_COVER:
                assert self.expected.pop(event.creditor) == event.amount
        assert not self.charges

    def see_counted(self, event: Any) -> None:
        claims = {one: claim for one, claim in self.claims.items() if claim > 0}
        assert sum(claims.values()) == event.claims
        unpaid = max(event.claims - event.holdings - event.lent, 0)
        fund = self.model.fund
        paid = self.model.cover(claims, unpaid, self.own)
        self.expected = {one: amount for one, amount in paid.items() if amount}
        self.claims = {}
        self.seen["own claim"] += bool(self.own & claims.keys())
        self.seen["default covered"] += bool(self.expected)
        self.seen["limited"] += bool(paid) and sum(paid.values()) >= fund * self.model.limit_ppm // 10**6 - len(paid)

    def compare(self) -> None:
        row = self.exchange.read_row("venue", 1)
        assert (row.fund, row.fund_shares) == (self.model.fund, self.model.shares)
        for account in self.everyone:
            stake, fund = self.model.get_stake(account.number), account.fund
            assert (fund.shares * 10**6, fund.leaving * 10**6) == (stake.shares, stake.leaving)
            assert (fund.covered is not None) == (account.number in self.model.covered_from)
        assert self.exchange.audit() == []


def run(seeds: range, steps: int = STEPS) -> Counter[str]:
    total: Counter[str] = Counter()
    for seed in seeds:
        chapter = Chapter(seed)
        try:
            chapter.run(steps)
        except AssertionError as error:
            error.add_note(f"seed {seed}")
            raise
        total += chapter.seen
    return total


def test_the_fund_is_the_naive_one() -> None:
    seen = run(range(1_000 * soak.SEED, 1_000 * soak.SEED + (10 if COMPILED else 2)))
    print(dict(sorted(seen.items())))
    if COMPILED:
        assert all(seen[name] >= least for name, least in LEAST.items()), dict(seen)


@pytest.mark.both
def test_a_short_life_of_the_fund() -> None:
    assert run(range(7, 8), 40)["staked"] > 0


@pytest.mark.soak
def test_a_long_life_of_the_fund() -> None:
    total: Counter[str] = Counter()
    for number in soak.chapters("fund", STEPS):
        seed = (soak.SEED << 20) + number
        total += run(range(seed, seed + 1))
    print(dict(sorted(total.items())))
