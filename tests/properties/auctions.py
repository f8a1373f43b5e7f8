"""A campaign of auctions: portfolios of every kind, bids, crashing marks, and what each slice must leave behind.

A chapter comes from one number.  Accounts build portfolios against makers, bidders bid, prices fall or rise; every
account that could be in auction is auctioned within a preview, at a random place of its clock, and what that leaves
is held against the naive slice (tests/models/naive_auction.py) and against the laws of docs/spec/auction.md.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.exchange.venues import SMALL
from tests.models import naive_auction, naive_portfolio
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.exchange import Account, Rejected, SliceTaken, load_genesis

PRICES = {"BTC": 60_000.0, "ETH": 2_000.0, "stETH": 2_000.0, "SOL": 150.0, "MEGA": 0.4, "USDC": 1.0}
GROUPS = ((), (), ("BTC",), ("ETH", "BTC"), ("SOL", "USD", "MEGA"), ("USD",))
PERPS = (("BTC-PERP", "BTC", 4), ("ETH-PERP", "ETH", 3), ("SOL-PERP", "SOL", 2), ("MEGA-PERP", "MEGA", 0))
SPOTS = (("BTC/USDM", "BTC", 3), ("ETH/USDM", "ETH", 2), ("stETH/USDM", "stETH", 2), ("SOL/USDM", "SOL", 1))
LOANS = (("USDM", 1_000), ("ETH", 1), ("USDC", 1_000), ("SOL", 10))
GENESIS = load_genesis()


class Chapter:
    """One venue with its accounts, and counts of what happened in it."""

    def __init__(self, number: int, counts: Counter[str]) -> None:
        self.chance = random.Random(number)
        self.counts = counts
        self.exchange = Exchange(GENESIS, capacity=SMALL)
        self.minima = read_minima(self.exchange)
        self.prices = dict(PRICES)
        self.exchange.marks({asset: str(price) for asset, price in PRICES.items()})
        self.makers = [self.open(f"maker{n}", 10_000_000) for n in range(3)]
        for maker in self.makers:
            for asset, price in PRICES.items():
                maker.deposit(asset, str(min(int(3_000_000 / price), 400_000)))
        self.accounts = [self.open(f"account{n}", self.chance.choice((3_000, 10_000))) for n in range(4)]
        self.bidders = [self.open(f"bidder{n}", self.chance.choice((20_000, 50_000, 500_000))) for n in range(3)]
        self.set_terms()
        for account in self.accounts * 2:
            self.build(account, self.makers + self.bidders[:1])
        for bidder in self.bidders:
            if self.chance.random() < 0.7:
                self.build(bidder, self.makers + self.accounts)
            for _ in range(self.chance.randint(1, 3)):
                self.bid(bidder)

    def open(self, name: str, usdm: int) -> Account:
        account = self.exchange.account(name)
        account.deposit("USDM", usdm)
        return account

    def set_terms(self) -> None:
        """Let some accounts give contracts up oldest first, and some bidders of every other chapter have policies."""
        self.has_policies = self.chance.random() < 0.3
        for account in self.accounts + self.bidders:
            if self.chance.random() < 0.4:
                account.configure(give_up="oldest-first")
        for bidder in self.bidders if self.has_policies else ():
            if self.chance.random() < 0.5:
                bidder.set_policy(survives="0.5", max_exposure="20000")
            else:
                bidder.deny(self.chance.choice(self.makers))

    def trade(self, buyer: Account, seller: Account, market: str, size: str, price: str) -> None:
        """Let two accounts trade, as far as both may."""
        order = seller.submit.sell(market, size, price).order
        buyer.submit.buy(market, size, price, ioc=True)
        seller.submit.cancel(order)

    def build(self, account: Account, others: list[Account]) -> None:
        """Give an account a few legs."""
        for _ in range(self.chance.randint(2, 6)):
            other, draw = self.chance.choice([one for one in others if one != account]), self.chance.random()
            pair = (account, other) if self.chance.random() < 0.6 else (other, account)
            if draw < 0.5:
                market, asset, places = self.chance.choice(PERPS)
                size = round(self.chance.uniform(1_000, 30_000) / self.prices[asset], places)
                self.trade(*pair, market, str(size), str(self.prices[asset]))
            elif draw < 0.75:
                asset, unit = self.chance.choice(LOANS) if pair[0] == account else ("USDM", 100)
                amount, rate = str(unit * self.chance.randint(1, 8)), f"{self.chance.randint(3, 9)}%"
                order = pair[1].submit.lend(asset, amount, rate=rate).order
                pair[0].submit.borrow(asset, amount, rate="9%", ioc=True)
                pair[1].submit.cancel(order)
            else:
                market, asset, places = self.chance.choice(SPOTS)
                size = round(self.chance.uniform(500, 10_000) / self.prices[asset], places)
                self.trade(*pair, market, str(size), str(self.prices[asset]))

    def bid(self, bidder: Account) -> None:
        """Rest a bid."""
        d = Decimal(self.chance.randint(1, 300)) / 1_000
        size, groups = self.chance.choice((500, 5_000, 100_000)), self.chance.choice(GROUPS)
        bidder.submit.bid_backstop(size, d, groups=groups)

    def play(self, rounds: int) -> None:
        """Let time pass and prices move, and auction whoever could be."""
        for _ in range(rounds):
            self.exchange.step(seconds=self.chance.choice((1, 100, 30_000)))
            for asset in PRICES:
                self.prices[asset] *= self.chance.uniform(0.88, 1.06)
                try:
                    self.exchange.mark(asset, f"{self.prices[asset]:.4f}")
                except Rejected:  # a step too large
                    self.prices[asset] = float(self.exchange.prices[asset])
            for account in self.accounts:
                if account.nav > 0 > account.available_margin:
                    self.auction(account)

    def auction(self, account: Account) -> None:
        """Auction one account within a preview, and check what that leaves."""
        exchange = self.exchange
        before = read_naive(exchange)
        values = {one: (one.nav, one.available_margin) for one in exchange.accounts}
        interest = {one: self.read_interest(one) for one in exchange.accounts}
        resilience = account.resilience
        assert resilience is not None
        at_resilience, digest = account.value(resilience), exchange.digest()
        bids = {bid.id: bid for bid in exchange.backstop}
        ceiling = values[account][0] / (values[account][0] - values[account][1])
        part = Fraction(self.chance.choice((60, 150, 299)), 300)
        with exchange.preview():
            taken = exchange.preview_auction(account, float(300 * part))
            assert exchange.audit() == []
            self.count(account, taken, bids)
            gone = [bid for bid in bids if bid not in {one.id for one in exchange.backstop}]
            self.counts["bid gone"] += len(gone)
            for one in taken:
                assert one.bidder.available_margin >= 0
                assert one.d <= ceiling * part.numerator / part.denominator
                assert one.size <= bids[one.order].size
            if taken:
                assert account.value(resilience) >= at_resilience
                assert account.available_margin > values[account][1]
                self.check_losses(taken, bids, values, interest)
                self.check_bystanders(account, taken, values)
                if not self.has_policies:
                    self.check_naive(before, account, taken, bids)
        assert exchange.digest() == digest

    def count(self, account: Account, taken: list[SliceTaken], bids: dict[int, Any]) -> None:
        self.counts["auction"] += 1
        self.counts["slice"] += len(taken)
        self.counts["freed"] += bool(taken) and account.available_margin >= 0
        self.counts["paid by the bidder"] += sum(one.paid > 0 for one in taken)
        self.counts["paid to the bidder"] += sum(one.paid < 0 for one in taken)
        self.counts["of some groups"] += sum(bool(bids[one.order].groups) for one in taken)

    def read_interest(self, account: Account) -> dict[int, Decimal]:
        """Return what V counts as interest of an account's debts, in numeraire: at the highest rate of each asset."""
        found = {}
        for row in walk_positions(self.exchange, account):
            if row.borrowed:
                asset = self.exchange.listing.assets[row.asset - 1]
                found[row.asset] = asset.from_quanta(row.owed - row.borrowed) * self.exchange.prices[asset.symbol]
        return found

    def check_losses(
        self, taken: list[SliceTaken], bids: dict[int, Any], values: dict[Account, Any],
        interest: dict[Account, dict[int, Decimal]],
    ) -> None:  # fmt: skip
        """No bidder loses more of V(1) than its bids counted for what they took."""
        for bidder in {one.bidder for one in taken}:
            counted = Decimal(0)
            for one in taken:
                if one.bidder == bidder:
                    row = self.exchange.read_row("markets", self.exchange.listing.backstop_market().number)
                    assert row.lot_quanta == 10**6
                    counted += one.size * self.get_worst(bids[one.order].groups) * (1 - one.d)
            assert values[bidder][1] - bidder.available_margin <= counted + Decimal("0.01")
            # At the mark it is paid for what it takes. What it owed beside that may count at a higher rate from now on,
            # or make what it takes do so.
            before, after = interest[bidder], self.read_interest(bidder)
            mixed = sum(after[asset] - owed for asset, owed in before.items())
            self.counts["debts mixed"] += mixed > 0
            assert bidder.nav >= values[bidder][0] - mixed - Decimal("0.000064")

    def get_worst(self, groups: tuple[str, ...]) -> Decimal:
        """Return what the worst asset of some groups, or of all, may lose of its notional."""
        parts = [
            asset.price_shock_ppm + asset.slippage_ppm + asset.basis_ppm
            for asset in GENESIS.assets
            if asset.group and (not groups or asset.group in groups)
        ]
        return Decimal(max(parts) + GENESIS.venue.lent_haircut_ppm) / 10**6

    def check_bystanders(self, account: Account, taken: list[SliceTaken], values: dict[Account, Any]) -> None:
        """Nobody but the account and its bidders is worth less, at any of both severities."""
        for one in self.exchange.accounts:
            if one != account and one not in {slice_taken.bidder for slice_taken in taken}:
                for was, now in zip(values[one], (one.nav, one.available_margin), strict=True):
                    assert now >= was - Decimal("0.000002"), (one, was, now)

    def check_naive(
        self, model: naive_portfolio.Exchange, account: Account, taken: list[SliceTaken], bids: dict[int, Any]
    ) -> None:
        """Every slice is what the naive one comes to, and so is every position afterwards."""
        order = [position.asset for position in walk_positions(self.exchange, account)]
        for one in taken:
            groups = bids[one.order].groups
            assets = [
                asset for asset in order if not groups or self.exchange.listing.asset(asset).group in groups
            ]  # fmt: skip
            share = int(one.share * 10**9)
            found = naive_auction.Slice(model, account.number, one.bidder.number, assets, share, self.minima).take(
                int(one.d * 1_000)
            )
            cash = self.exchange.listing.numeraire.from_quanta
            assert (cash(found.loss), cash(found.paid)) == (one.loss, one.paid)
            assert -(-found.notional // 10**6) == one.size
            for side, name in (("borrower", "loan assumed"), ("lender", "claim moved")):
                self.counts[name] += sum(effect[:2] == ("loan moved", side) for effect in model.effects)
            for cause, name in ((2, "torn up"), (4, "crossed")):
                self.counts[name] += sum(e[0] == "perp changed" and e[1] == cause for e in model.effects)
            self.counts["true-up owed"] += sum(effect[0] == "loan opened" for effect in model.effects)
            model.effects.clear()
        model.finish()
        assert read_naive(self.exchange).sum_positions() == model.sum_positions()
        self.counts["held against the model"] += len(taken)


def walk_positions(exchange: Exchange, account: Account) -> list[Any]:
    """Return the rows of an account's positions, in the order in which a slice goes through them."""
    found, figure = [], exchange.read_row("accounts", account.number).first_group
    while figure:
        record = exchange.read_row("figures", figure)
        row = record.first_position
        while row:
            found.append(exchange.read_row("positions", row))
            row = found[-1].next
        figure = record.next
    return found


def read_minima(exchange: Exchange) -> dict[int, int]:
    """Return the least lots of a contract, by market."""
    numbers = [view.listed.number for view in exchange.markets]
    return {number: exchange.read_row("markets", number).minimum_lots for number in numbers}


def read_naive(exchange: Exchange) -> naive_portfolio.Exchange:
    """Return the naive exchange in the state of a real one: its balances, loans, contracts and marks."""
    assets, markets = {}, {}
    for asset in exchange.listing.assets:
        row = exchange.read_row("assets", asset.number)
        assets[asset.number] = naive_portfolio.Asset(
            asset.decimals, row.group, row.price_shock_ppm, row.slippage_ppm, row.basis_ppm, row.depth, row.holding_cap,
            row.minimum_principal, row.mark,
        )  # fmt: skip
    for listed in exchange.listing.markets:
        row = exchange.read_row("markets", listed.number)
        markets[listed.number] = naive_portfolio.Market(
            row.kind, row.asset, row.lot_quanta, row.tick_value, funding_index=row.funding_index
        )  # fmt: skip
    venue = exchange.read_row("venue", 1)
    model = naive_portfolio.Exchange(
        assets, markets, venue.lent_haircut_ppm, venue.iou_penalty_bp, exchange.time_us,
        exchange.listing.loan_market("USDM").number,
    )  # fmt: skip
    for account in exchange.accounts:
        if exchange.read_row("accounts", account.number).give_up == codes.OLDEST_FIRST:
            model.oldest_first.add(account.number)
        for position in walk_positions(exchange, account):
            model.change_balance(account.number, position.asset, position.balance)
    for perp in map(Row, exchange.frame("perps").iter_rows(named=True)):
        key = (perp.market, perp.long_account, perp.short_account)
        model.contracts[key] = naive_portfolio.Contract(perp.id >> 26, perp.lots, perp.cost, perp.funding_index)
    for loan in map(Row, exchange.frame("loans").iter_rows(named=True)):
        flags = loan.flags & (naive_portfolio.IOU | naive_portfolio.NO_RELEND)
        model.loans[loan.id >> 26] = naive_portfolio.Loan(
            loan.id >> 26, loan.lender, loan.borrower, loan.asset, loan.market, loan.principal, loan.rate_bp,
            loan.cap_bp, loan.start_us, loan.due_us, loan.interest_from_us, loan.tenor_hours, flags,
            bool(loan.minimum_paid), Fraction(loan.carry, 10_000 * 8_760),
        )  # fmt: skip
    model.serial = 1 << 40
    return model


class Row(dict[str, Any]):
    """A row of a frame, its columns as attributes."""

    __getattr__ = dict.__getitem__
