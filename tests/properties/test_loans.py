"""Loans beside naive loans: matched, repaid, extended, renewed, left by their lenders, and what their due time brings.

Margin forbids nothing here, so the model foresees every command: its code, every balance, contract and share after it.
A failure names the seed and the step.  `WORLDMARKETS_CAMPAIGN` says how many steps the soak takes.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from fractions import Fraction

import pytest

from tests.models import naive_loans as naive
from tests.models.naive_loans import BUY, ETH, SELL, USDM, Refused
from tests.properties import soak
from tests.properties.campaign import CODE_NAMES, Genesis
from tests.properties.test_bounds import Desk
from worldmarkets.core import COMPILED
from worldmarkets.core import codes as c
from worldmarkets.core import records as r
from worldmarkets.core.audit import compute_violations

SEED = int(os.environ.get("WORLDMARKETS_SEED", "1"))
STEPS = int(os.environ.get("WORLDMARKETS_CAMPAIGN", "0"))
SPOT, TEN_DAYS, ONE_DAY, ETHER = 1, 2, 3, 4
COLLATERAL, MAKER, ACCOUNTS = 3, 9, 8
ASSETS = (
    {"decimals": 6, "group": 1, "minimum_principal": 5 * 10**6},
    {"decimals": 8, "group": 2, "price_shock_ppm": 100_000, "slippage_ppm": 5_000, "minimum_principal": 10**6},
    {"decimals": 6, "group": 3, "price_shock_ppm": 10_000},
)
MARKETS = (
    {"kind": c.SPOT, "asset": ETH, "lot_quanta": 10**6, "tick_value": naive.LOT_CASH},
    {"kind": c.LOAN, "asset": USDM, "lot_quanta": 10**6, "tenor_hours": 240, "minimum_lots": 5},
    {"kind": c.LOAN, "asset": USDM, "lot_quanta": 10**6, "tenor_hours": 24, "minimum_lots": 5},
    {"kind": c.LOAN, "asset": ETH, "lot_quanta": 10**6, "tenor_hours": 240},
)
PLANS = (None, (), (1,), (2,), (3,), (4,), (4,), (3, 4), (2, 3, 4), (4, 3, 2, 1), (3, 2), (2, 4))
LEAST = {  # in 4,000 steps, whatever the seed
    "exit": 60, "split": 20, "chain": 10, "renewed": 8, "extended": 60, "repaid": 100, "overdue": 30, "IOU": 10,
    "share paid": 10, "share received": 30, "due: extended": 30, "due: borrowed anew": 5, "due: repaid": 20,
    "due: repaid in part": 2, "due: sold": 3, "delivered": 3, "delivered in kind": 5, "kept": 2,
    "borrow_up_to": 12, "borrow_up_to failed": 10,
    "returned above the bid": 3, "IOU repaid": 8, "IOU repaid in part": 0,
    "code LOAN_NOT_EXTENSIBLE": 5, "code RATE_ABOVE_CAP": 3, "code BALANCE": 20, "code RENEWAL_EARLY": 5,
    "code RENEWAL_FORBIDDEN": 2, "code NO_LENDER": 10, "code EXITS_LIMIT": 0, "code LOAN_NOT_EXITABLE": 5,
    "code AMOUNT_TOO_LARGE": 3, "code OVERDUE_IOU": 0,
}  # fmt: skip


def encode_plan(plan) -> int:
    if plan is None:
        return 0
    return sum(step << 4 * place for place, step in enumerate(plan)) or c.STEP_NONE


class LoansChapter:
    """An engine and a model that live through the same commands."""

    def __init__(self, seed: int):
        self.chance = random.Random(seed)
        self.seed = seed
        self.log: list[bytes] = []
        self.desk = Desk(0, 0, ASSETS, MARKETS, (), genesis=Genesis(has_ladder=True))
        for owner in range(1, ACCOUNTS // 2 + 2):
            for index in range(2):
                self.desk.open(owner, index)
        books = {
            TEN_DAYS: naive.Book(USDM, 10**6, 240, 5), ONE_DAY: naive.Book(USDM, 10**6, 24, 5),
            ETHER: naive.Book(ETH, 10**6, 240, 1),
        }  # fmt: skip
        self.model = naive.Loans(books, SPOT, 10**6, {USDM: 5 * 10**6, ETH: 10**6}, self.desk.now)
        self.mark()
        self.desk.mark(COLLATERAL, 10**8)
        for account in range(1, ACCOUNTS + 3):
            self.desk.deposit(account, 10**14, COLLATERAL)
        self.model.keeping = [2, 5]
        for account in self.model.keeping:
            self.desk.do(r.Switch, c.CONFIGURE_ACCOUNT, account, setting=c.KEEP_OVERDUE, value=1)
        for account in range(1, ACCOUNTS + 1):
            self.deposit(account, USDM, self.chance.randrange(100, 3_000) * 10**6)
            self.deposit(account, ETH, self.chance.randrange(5 * 10**8))
        self.deposit(MAKER, USDM, 10**14)
        self.deposit(MAKER, ETH, 10**13)
        self.counts: Counter[str] = Counter()

    # Steps.

    def step(self) -> None:
        action = self.chance.choices(
            ("lend", "bid", "spot", "repay", "extend", "renew", "exit", "plan", "funds", "quote", "time", "default"),
            (22, 14, 12, 9, 5, 6, 18, 9, 8, 8, 12, 7),
        )[0]
        getattr(self, "take_" + action)()
        self.check()

    def account(self) -> int:
        return self.chance.randrange(1, ACCOUNTS + 1)

    def do(self, foresee, record, kind, account, **values) -> None:
        """Send a command and hold its code against what the model says."""
        model = self.model.copy()
        is_late = any(loan.timer and (loan.wake or loan.due) <= self.desk.now for loan in model.loans)
        model.advance(self.desk.now)  # what more than 16 items had left
        try:
            foresee(model)
            expected = "OK"
        except Refused as refused:
            expected = str(refused)
        values_before = [self.desk.value(number) for number in range(1, ACCOUNTS + 3)]
        code = CODE_NAMES[self.desk.do(record, kind, account, **values)]
        assert code == expected, f"{code}, foreseen {expected}"
        self.counts["code " + code] += code != "OK"
        if code == "OK":
            model.finish()
            self.model = model
        if not is_late:
            self.check_bystanders(values_before, account, kind)

    def check_bystanders(self, before: list[int], actor: int, kind: int) -> None:
        """Invariant 5, sharper: nobody but the actor, makers and a renewed borrower is worth less in the shock."""
        parties = {actor}
        for event in self.desk.events:
            if event.kind == c.TRADED:
                parties.add(event.maker)
            elif event.kind == c.LOAN_EXTENDED and kind == c.RENEW_LOAN:
                parties.add(event.account)
        for number, value in enumerate(before, 1):
            assert number in parties or self.desk.value(number) >= value, f"invariant 5: {number} is worth less"

    def deposit(self, account: int, asset: int, amount: int) -> None:
        if amount:
            self.desk.deposit(account, amount, asset)
            self.model.advance(self.desk.now)
            self.model.change(account, asset, amount)
            self.model.finish()

    def mark(self) -> None:
        self.desk.mark(ETH, 2_000 * 10**8)
        self.model.advance(self.desk.now)
        self.model.mark_time = self.desk.now
        self.model.finish()

    def order(self, account, market, side, price, lots, rest=True, relend=True, borrow=0) -> None:
        flags = 0 if relend else c.NO_RELEND
        in_force = c.GOOD_TILL_CANCEL if rest else c.IMMEDIATE_OR_CANCEL
        self.do(lambda model: model.place(account, market, side, price, lots, relend, rest, borrow), r.PlaceOrder,
                c.PLACE_ORDER, account, market=market, side=side, price_ticks=price, lots=lots, flags=flags,
                time_in_force=in_force, borrow_rate_bp=borrow)  # fmt: skip

    def book(self) -> int:
        return self.chance.choice((TEN_DAYS, TEN_DAYS, ONE_DAY, ETHER))

    def take_lend(self) -> None:
        market, chance = self.book(), self.chance
        lots = chance.randrange(5, 40 if market == ETHER else 300)
        self.order(self.account(), market, SELL, chance.randrange(100, 1_500), lots, relend=chance.random() < 0.85)

    def take_bid(self) -> None:
        market, chance = self.book(), self.chance
        lots = chance.randrange(5, 40 if market == ETHER else 300)
        self.order(self.account(), market, BUY, chance.randrange(300, 2_500), lots, rest=chance.random() < 0.2)

    def take_spot(self) -> None:
        chance, side = self.chance, self.chance.choice((BUY, SELL))
        borrow = chance.choice((0, 300, 1_500, 2_500))
        price = 2_012 if side == BUY else 1_988
        self.order(self.account(), SPOT, side, price, chance.randrange(1, 40), rest=False, borrow=borrow)

    def take_quote(self) -> None:
        """The market maker quotes anew, on either side or on none."""
        self.do(self.cancel_quotes, r.OrderChange, c.CANCEL_ALL, MAKER, side=2)
        for side, price in ((BUY, 1_990), (SELL, 2_010)):
            if self.chance.random() < 0.85:
                self.order(MAKER, SPOT, side, price, self.chance.randrange(10, 400))

    @staticmethod
    def cancel_quotes(model) -> None:
        model.orders = [order for order in model.orders if order.account != MAKER]

    def take_funds(self) -> None:
        account, asset = self.account(), self.chance.choice((USDM, USDM, ETH))
        held = self.model.get(account, asset)
        if self.chance.random() < 0.4:
            self.deposit(account, asset, self.chance.randrange(1, 3_000 * 10**6 if asset == USDM else 10**8))
            return
        self.withdraw(account, asset, self.chance.choice((held, held - held // 50, held // 2, held + 1)) or 1)

    def withdraw(self, account: int, asset: int, amount: int) -> None:
        def foresee(model):
            if model.get(account, asset) < amount:
                raise Refused("BALANCE")
            if model.get_ious(account):
                raise Refused("OVERDUE_IOU")
            model.change(account, asset, -amount)

        self.do(foresee, r.Funds, c.WITHDRAW, account, asset=asset, amount=amount)

    def take_default(self) -> None:
        """A former lender that owes the next one gives away what it has; then the borrower pays."""
        identity, loan = self.pick(lambda loan: any(share.next_rate > share.rate for share in loan.shares))
        if loan:
            for share in loan.shares:
                held = self.model.get(share.account, loan.asset)
                if held and share.account != loan.borrower and share.next_rate > share.rate:
                    self.withdraw(share.account, loan.asset, held)
            self.do(lambda model: model.repay(self.find(model, loan), 0), r.ContractChange, c.REPAY_LOAN,
                    loan.borrower, contract_id=identity)  # fmt: skip

    def pick(self, wanted=lambda loan: True):
        """A loan: its place among those of the model and its id in the engine."""
        rows = [loan for loan in sorted(self.model.loans, key=lambda loan: loan.id) if wanted(loan)]
        if not rows:
            return 0, None
        loan = self.chance.choice(rows)
        return self.get_ids()[sorted(self.model.loans, key=lambda loan: loan.id).index(loan)], loan

    def get_ids(self) -> list[int]:
        return sorted(self.desk.world.live("loans")["id"].tolist(), key=lambda identity: identity >> 26)

    @staticmethod
    def find(model, loan):
        found = next((other for other in model.loans if other.id == loan.id), None)
        if found is None:  # repaid by work that was due before the command
            raise Refused("UNKNOWN_CONTRACT")
        return found

    def take_repay(self) -> None:
        identity, loan = self.pick()
        if loan:
            amount = self.chance.choice((0, 0, loan.principal // 3 or 1, loan.principal // 2 or 1, loan.principal + 1))
            self.do(lambda model: model.repay(self.find(model, loan), amount), r.ContractChange, c.REPAY_LOAN,
                    loan.borrower, contract_id=identity, amount=amount)  # fmt: skip

    def take_extend(self) -> None:
        identity, loan = self.pick()
        if loan:
            cap = self.chance.choice((0, 0, 400, 9_999))
            self.do(lambda model: model.extend(self.find(model, loan), cap), r.ContractChange, c.EXTEND_LOAN,
                    loan.borrower, contract_id=identity, rate_bp=cap)  # fmt: skip

    def take_renew(self) -> None:
        soon = self.model.now + 6 * naive.HOUR
        identity, loan = self.pick(lambda loan: loan.due <= soon) if self.chance.random() < 0.7 else self.pick()
        if loan:
            account = self.account()
            self.do(lambda model: model.renew(account, self.find(model, loan)), r.ContractChange, c.RENEW_LOAN,
                    account, contract_id=identity)  # fmt: skip

    def take_exit(self) -> None:
        identity, loan = self.pick(lambda loan: loan.shares) if self.chance.random() < 0.4 else self.pick()
        if loan:
            amount = self.chance.choice((0, 0, 0, loan.principal // 2 or 1, loan.principal + 1))
            cap = self.chance.randrange(200, 2_500)
            self.do(lambda model: model.exit(self.find(model, loan), amount, cap), r.ContractChange, c.EXIT_LOAN,
                    loan.lender, contract_id=identity, amount=amount, rate_bp=cap)  # fmt: skip

    def take_plan(self) -> None:
        plan, flags = self.chance.choice(PLANS), self.chance.choice((0, 0, naive.NO_RENEWAL))
        identity, loan = self.pick(lambda loan: not loan.flags & naive.IOU)
        if loan is None or self.chance.random() < 0.3:
            account = self.account()
            self.do(lambda model: model.defaults.update({account: (plan, flags)}), r.ContractChange,
                    c.CONFIGURE_LOAN, account, amount=encode_plan(plan), flags=flags)  # fmt: skip
            return
        cap = self.chance.choice((0, 800, 2_500))

        def foresee(model):
            mine = self.find(model, loan)
            mine.plan, mine.cap = plan, cap or mine.cap
            mine.flags = mine.flags & ~naive.NO_RENEWAL | flags

        self.do(foresee, r.ContractChange, c.CONFIGURE_LOAN, loan.borrower, contract_id=identity,
                amount=encode_plan(plan), flags=flags, rate_bp=cap)  # fmt: skip

    def take_time(self) -> None:
        """Time passes; often to just before something falls due, with a fresh mark there, and then past it."""
        waiting = sorted(loan.wake or loan.due for loan in self.model.loans if loan.timer)
        if waiting and self.chance.random() < 0.6:
            if self.chance.random() < 0.7:
                self.advance(max(waiting[0] - 10 * 10**6, self.desk.now))
                self.mark()
            self.advance(max(waiting[0] + 10**6, self.desk.now))
        else:
            self.advance(self.desk.now + self.chance.choice((60, 1_800, 3_600, 7_200, 36_000)) * 10**6)
        self.mark()

    def advance(self, now: int) -> None:
        self.desk.now = now
        self.model.advance(now)
        assert self.desk.do(r.Command, c.ADVANCE_TIME) == c.OK
        self.model.finish()
        self.check()

    # Comparison.

    def check(self) -> None:
        world, model, year = self.desk.world, self.model, naive.YEAR
        for row in world.rows("positions")[["account", "asset", "balance", "owed"]].tolist():
            account, asset, balance, owed = row
            if account and asset != COLLATERAL:
                assert balance == model.get(account, asset), (
                    f"{account} has {balance} of {asset}, not {model.get(account, asset)}"
                )
                assert owed == model.compute_owed(account, asset), f"{account} owes {owed} of {asset}"
        assert {asset: int(world.rows("assets")["fees"][asset]) for asset in (USDM, ETH)} == model.fees
        found = []
        shares = world.rows("shares")
        loans = {int(row["id"]): row for row in world.live("loans")}
        for identity in self.get_ids():
            row = loans[identity]
            parts, share = [], int(row["first_share"])
            while share:
                one = shares[share]
                parts.append((int(one["account"]), int(one["rate_bp"]), int(one["next_rate_bp"]), int(one["from_us"]),
                              int(one["exit_us"]), Fraction(int(one["carry"]), year)))  # fmt: skip
                share = int(one["next"])
            names = ("lender", "borrower", "asset", "principal", "rate_bp", "cap_bp", "due_us", "interest_from_us",
                     "tenor_hours", "flags", "lender_rate_bp")  # fmt: skip
            found.append((*(int(row[name]) for name in names), Fraction(int(row["carry"]), year), parts))
        foreseen = [
            (x.lender, x.borrower, x.asset, x.principal, x.rate, x.cap, x.due, x.paid_until, x.tenor, x.flags,
             x.lender_rate, x.carried,
             [(s.account, s.rate, s.next_rate, s.since, s.left, s.carried) for s in x.shares])
            for x in sorted(model.loans, key=lambda loan: loan.id)
        ]  # fmt: skip
        assert len(found) == len(foreseen), f"{len(found)} loans, foreseen {len(foreseen)}"
        for one, other in zip(found, foreseen, strict=True):
            assert one == other, f"loan {one}, foreseen {other}"
        orders = world.live("orders")[["account", "market", "side", "price_ticks", "lots"]]
        assert sorted(orders.tolist()) == sorted((o.account, o.market, o.side, o.price, o.lots) for o in model.orders)

    def run(self, steps: int) -> Counter:
        for number in range(steps):
            try:
                self.step()
                if number % 50 == 0:
                    assert not compute_violations(self.desk.world.engine)
            except AssertionError as error:
                error.add_note(f"seed {self.seed}, step {number}")
                raise
        return self.counts + Counter(self.model.counts)


@pytest.mark.slow
@pytest.mark.both
@pytest.mark.parametrize("share", range(2))
def test_loans_are_those_of_the_model(share: int) -> None:
    total: Counter[str] = Counter()
    chapters, steps = (4, 500) if COMPILED else (1, 120)
    for chapter in range(chapters):
        total += LoansChapter(SEED * 1_000 + 100 * share + chapter).run(steps)
    print(dict(sorted(total.items())))
    if COMPILED and not STEPS:
        short = {name: (total[name], least // 2) for name, least in LEAST.items() if total[name] < least // 2}
        assert not short, f"too seldom: {short}"


@pytest.mark.both
def test_loans_in_short() -> None:
    LoansChapter(SEED).run(100 if COMPILED else 40)


@pytest.mark.both
@pytest.mark.parametrize("own", [15, 16, 17, 40])
def test_orders_that_may_not_match_do_not_make_a_loan_overdue(own: int) -> None:
    """Its borrower's owner lends cheapest, by so many orders that may not match: sixteen a round, then the next."""
    chapter = LoansChapter(SEED)
    for account in (1, 3, 4, 5):
        chapter.deposit(account, USDM, 10**9)
    chapter.do(lambda model: model.defaults.update({3: ((naive.REBORROW,), 0)}), r.ContractChange, c.CONFIGURE_LOAN, 3,
               amount=encode_plan((naive.REBORROW,)))  # fmt: skip
    chapter.order(5, ONE_DAY, SELL, 400, 10, relend=False)
    chapter.order(3, ONE_DAY, BUY, 2_000, 10, rest=False)
    for _ in range(own):
        chapter.order(4, ONE_DAY, SELL, 300, 5)
    chapter.order(1, ONE_DAY, SELL, 500, 100)
    chapter.advance(chapter.desk.now + 24 * naive.HOUR)
    (lender, flags), *others = [(loan.lender, loan.flags) for loan in chapter.model.loans]
    assert (lender, bool(flags & naive.OVERDUE), others) == (1, False, [])
    assert chapter.model.counts.get("due: put off", 0) == own // 16
    assert all(order.account != 4 for order in chapter.model.orders)


@pytest.mark.soak
@pytest.mark.parametrize("share", range(2))
def test_loans_for_long(share: int) -> None:
    for number in soak.chapters("loans", 500, 2):
        LoansChapter(SEED * 10**6 + share * 10**5 + 500 * number).run(500)
