"""Loans from match to end, written from the protocol, in exact integers and fractions, with nothing cached.

Two assets, books as plain lists, no fees, and accounts so rich in collateral that margin forbids nothing: what is
modelled is who owes whom what, and what is done at the due time.  `Refused` carries the name of the code.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor

HOUR = 3_600 * 10**6
YEAR = 10_000 * 8_760  # basis points and hours
USDM, ETH = 1, 2
BUY, SELL = 0, 1
LOT_CASH = 10_000  # what a lot of ETH costs a tick
IOU, NO_RELEND, NO_RENEWAL, OVERDUE = 1, 2, 4, 8
EXTEND, REBORROW, REPAY, SALE = 1, 2, 3, 4
FRESH = 30 * 10**6
PRICE, DELIVERED = 20, Fraction(189, 10)  # of a quantum of ETH in those of USDM: the mark, and what a delivery counts
BAND = (1_960, 2_040)
WORK, DUE_WORK = (1_024, 64), (32, 16)  # fills and skips: of a command, of a loan that falls due


class Refused(Exception):
    """A command that changes nothing."""


@dataclass
class Book:
    asset: int
    lot: int
    tenor: int = 0  # of a loan book
    minimum: int = 1


@dataclass
class Order:
    id: int
    account: int
    market: int
    side: int
    price: int
    lots: int
    relend: bool = True
    borrow: int = 0


@dataclass
class Share:
    """A former lender: its rate, the next one's, and the hours it lent."""

    account: int
    rate: int
    next_rate: int
    since: int
    left: int
    carried: Fraction = Fraction(0)
    again: int = 0  # when its next round at the due time begins


@dataclass
class Loan:
    id: int
    lender: int
    borrower: int
    asset: int
    market: int
    principal: int
    rate: int
    cap: int
    due: int
    paid_until: int
    tenor: int
    flags: int
    timer: int
    lender_rate: int
    lender_since: int
    minimum_paid: bool = False
    plan: tuple[int, ...] | None = None
    carried: Fraction = Fraction(0)
    again: int = 0  # when its next round at the due time begins
    shares: list[Share] = field(default_factory=list)  # newest first
    wake: int = 0  # when an overdue loan is closed out


def hours_begun(start: int, end: int) -> int:
    return max(0, ceil(Fraction(end - start, HOUR)))


@dataclass
class Loans:
    """Accounts 2n-1 and 2n have one owner.  `counts` says what happened how often."""

    books: dict[int, Book]  # market -> loan book
    spot: int
    spot_lot: int
    minimum: dict[int, int]  # smallest principal of an asset
    now: int = 0
    window: int = 6 * HOUR  # of renewals
    fee_ppm: int = 10_000
    mark_time: int = 0
    serial: int = 0
    fills_left: int = 0  # of what a command, or a loan that falls due, may do
    skips_left: int = 0
    balances: dict[tuple[int, int], int] = field(default_factory=dict)
    fees: dict[int, int] = field(default_factory=lambda: {USDM: 0, ETH: 0})
    orders: list[Order] = field(default_factory=list)  # resting, oldest first
    loans: list[Loan] = field(default_factory=list)  # oldest first
    defaults: dict[int, tuple[tuple[int, ...] | None, int]] = field(default_factory=dict)
    creditors: list[int] = field(default_factory=list)
    keeping: list[int] = field(default_factory=list)  # lenders that keep overdue loans
    counts: dict[str, int] = field(default_factory=dict)

    def note(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def copy(self) -> Loans:
        return replace(
            self, balances=dict(self.balances), fees=dict(self.fees), orders=[replace(order) for order in self.orders],
            loans=[replace(loan, shares=[replace(share) for share in loan.shares]) for loan in self.loans],
            defaults=dict(self.defaults), creditors=list(self.creditors),
            keeping=list(self.keeping), counts=dict(self.counts),
        )  # fmt: skip

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial

    # Money.

    def get(self, account: int, asset: int) -> int:
        return self.balances.get((account, asset), 0)

    def change(self, account: int, asset: int, amount: int) -> None:
        self.balances[account, asset] = self.get(account, asset) + amount
        assert self.balances[account, asset] >= 0
        if amount > 0 and account not in self.creditors and self.get_ious(account):
            self.creditors.append(account)

    def move(self, payer: int, payee: int, asset: int, amount: int) -> None:
        if amount:
            self.change(payer, asset, -amount)
            self.change(payee, asset, amount)

    def get_ious(self, account: int) -> list[Loan]:
        return [loan for loan in self.loans if loan.flags & IOU and loan.borrower == account]

    @staticmethod
    def owner(account: int) -> int:
        return (account + 1) // 2

    # Books.

    def side(self, market: int, side: int) -> list[Order]:
        """The orders of one side, best first."""
        found = [order for order in self.orders if (order.market, order.side) == (market, side)]
        return sorted(found, key=lambda order: (order.price * (1 if side == SELL else -1), order.id))

    def best(self, market: int, side: int) -> int:
        orders = self.side(market, side)
        return orders[0].price if orders else 0

    def best_lend(self, asset: int, cap: int = 9_999) -> int:
        """The loan book of an asset that lends at the lowest rate, the first listed of equals; 0 when none does."""
        found = [(self.best(number, SELL), number) for number, book in self.books.items() if book.asset == asset]
        found = [pair for pair in found if 0 < pair[0] <= cap]
        return min(found)[1] if found else 0

    def has_room(self, order: Order) -> bool:
        """Whether the account of a resting order has what it gives."""
        if order.market != self.spot:
            return order.side == BUY or self.get(order.account, self.books[order.market].asset) >= self.gives(order)
        return self.get(order.account, ETH if order.side == SELL else USDM) >= self.gives(order)

    def gives(self, order: Order, lots: int = 0) -> int:
        lots = lots or order.lots
        if order.market != self.spot:
            return lots * self.books[order.market].lot
        return lots * self.spot_lot if order.side == SELL else lots * order.price * LOT_CASH

    def place(self, account: int, market: int, side: int, price: int, lots: int, relend: bool = True,
              rest: bool = True, borrow: int = 0) -> Order:  # fmt: skip
        """An order of an account: what does not fill at once rests, or is cancelled."""
        order = Order(self.next_serial(), account, market, side, price, lots, relend, borrow)
        if market != self.spot and side == BUY and self.books[market].asset == ETH and not self.is_fresh():
            raise Refused("FEED_STATE")
        if not self.has_room(order) and not borrow:
            raise Refused("BALANCE")
        stopped = self.match(order)
        if order.lots >= self.least(market) and rest and not stopped:
            self.orders.append(order)
        return order

    def least(self, market: int) -> int:
        return 1 if market == self.spot else self.books[market].minimum

    def reduce(self, maker: Order, lots: int) -> None:
        """Take lots off a resting order; less than the book's minimum does not stay."""
        maker.lots -= lots
        if maker.lots < self.least(maker.market):
            self.orders.remove(maker)

    def may_work(self) -> bool:
        """Whether the bounds of work leave anything to do."""
        if self.fills_left > 0 and self.skips_left > 0:
            return True
        self.note("work used up")
        return False

    def skip(self, maker: Order) -> None:
        """Take away a resting order that may not match."""
        self.skips_left -= 1
        self.orders = [other for other in self.orders if other.id != maker.id]

    def match(self, order: Order, leaving: Loan | None = None, amount: int = 0) -> str:
        """Fill an order while prices cross; return why it had to stop, if it had to."""
        fills = 0
        while order.lots:
            against = self.side(order.market, 1 - order.side)
            if not against or (against[0].price - order.price) * (1 if order.side == BUY else -1) > 0:
                return ""
            if not self.may_work():
                return "WORK"
            maker = against[0]
            if self.owner(maker.account) == self.owner(order.account):
                self.skip(maker)
                continue
            if leaving is not None and fills == 16:
                return "WORK"
            lots = min(order.lots, maker.lots)
            if lots < self.least(order.market):
                return "DUST"
            fills += 1
            self.fills_left -= 1
            kept = self.copy() if order.borrow or maker.borrow else None
            culprit = self.fill(order, maker, lots, leaving, min(lots * self.get_lot(order.market), amount))
            if culprit:
                if kept is not None:
                    self.restore(kept)
                if culprit == maker.account:
                    self.skip(maker)
                    continue
                return "LOANS_LIMIT" if leaving is not None else "BALANCE"
            if leaving is not None:
                amount -= min(lots * self.get_lot(order.market), amount)
            order.lots -= lots
            self.reduce(maker, lots)
        return ""

    def restore(self, kept: Loans) -> None:
        for name in ("balances", "fees", "orders", "loans", "creditors", "serial"):
            setattr(self, name, getattr(kept, name))

    def get_lot(self, market: int) -> int:
        return self.spot_lot if market == self.spot else self.books[market].lot

    def fill(self, order: Order, maker: Order, lots: int, leaving: Loan | None, quanta: int) -> int:
        """Settle a fill; return 0 or the account that cannot carry its part."""
        if order.market == self.spot:
            cash = lots * maker.price * LOT_CASH
            for one in (order, maker):
                asset, need = (ETH, lots * self.spot_lot) if one.side == SELL else (USDM, cash)
                if self.get(one.account, asset) < need:
                    if one.borrow and self.take_loans(one.account, asset, need, one.borrow):
                        self.note("borrow_up_to")
                    else:
                        self.note("borrow_up_to failed" if one.borrow else "fill failed")
                        return one.account
            buyer, seller = (order, maker) if order.side == BUY else (maker, order)
            self.move(buyer.account, seller.account, USDM, cash)
            self.move(seller.account, buyer.account, ETH, lots * self.spot_lot)
            return 0
        book = self.books[order.market]
        lender, borrower = (maker, order) if order.side == BUY else (order, maker)
        if leaving is not None:
            if self.owner(lender.account) == self.owner(leaving.borrower):
                return lender.account
            mine = [x for x in self.loans if (x.borrower, x.asset) == (leaving.borrower, book.asset)]
            if quanta < leaving.principal and sum(not x.flags & IOU for x in mine) >= 128:
                return leaving.lender  # half of the loans that a borrower may owe are its own to take
            if self.get(lender.account, book.asset) < quanta:
                return lender.account
            self.move(lender.account, leaving.lender, book.asset, quanta)
            self.replace_lender(leaving, lender.account, quanta, maker.price, lender.relend)
            return 0
        if self.get(lender.account, book.asset) < lots * book.lot:
            return lender.account
        self.move(lender.account, borrower.account, book.asset, lots * book.lot)
        self.open(lender.account, borrower.account, order.market, lots * book.lot, maker.price, borrower.price,
                  lender.relend)  # fmt: skip
        return 0

    def take_loans(self, account: int, asset: int, need: int, cap: int) -> bool:
        """Borrow what an account lacks, the lowest rate first; False when it is not to be had."""
        if asset == ETH and not self.is_fresh():
            return False
        while self.get(account, asset) < need:
            market = self.best_lend(asset, cap)
            if not market or not self.may_work():
                return False
            maker, book = self.side(market, SELL)[0], self.books[market]
            lots = ceil(Fraction(need - self.get(account, asset), book.lot))
            lots = min(max(lots, book.minimum), maker.lots)
            is_own = self.owner(maker.account) == self.owner(account)
            self.fills_left -= not is_own
            if is_own or self.get(maker.account, asset) < lots * book.lot:
                self.skip(maker)
                continue
            self.move(maker.account, account, asset, lots * book.lot)
            self.open(maker.account, account, market, lots * book.lot, maker.price, cap, maker.relend)
            self.reduce(maker, lots)
        return True

    # Contracts.

    def open(self, lender: int, borrower: int, market: int, principal: int, rate: int, cap: int, relend: bool) -> None:
        book = self.books[market]
        plan, flags = self.defaults.get(borrower, (None, 0))
        flags |= 0 if relend else NO_RELEND
        self.add(lender, borrower, book.asset, market, principal, rate, cap, book.tenor, flags, plan)

    def add(self, lender, borrower, asset, market, principal, rate, cap, tenor, flags, plan=None) -> None:
        serial, timer = self.next_serial(), self.next_serial()
        self.loans.append(Loan(
            serial, lender, borrower, asset, market, principal, rate, cap, self.now + tenor * HOUR, self.now, tenor,
            flags, timer, rate, self.now, plan=plan,
        ))  # fmt: skip

    def open_iou(self, payee: int, payer: int, asset: int, amount: int, least: int = 0) -> None:
        self.note("IOU")
        best = self.best_lend(asset)
        rate = min(500 + max(least, self.best(best, SELL) if best else 0), 9_999)
        self.add(payee, payer, asset, 0, amount, rate, rate, 24, IOU)

    def compute_hours(self, loan: Loan) -> int:
        hours = hours_begun(loan.paid_until, self.now)
        return hours if loan.minimum_paid else max(hours, 8)

    def compute_interest(self, loan: Loan, principal: int) -> int:
        return ceil(Fraction(principal * loan.rate * self.compute_hours(loan), YEAR))

    def compute_iou(self, loan: Loan) -> Fraction:
        hours = ceil(Fraction(self.now, HOUR)) - ceil(Fraction(loan.paid_until, HOUR))
        return Fraction(loan.principal * loan.rate * hours, YEAR) + loan.carried

    def pay_back(self, loan: Loan, principal: int) -> int:
        """Pay a part of a loan and the interest on it; return the interest."""
        hours, interest = self.compute_hours(loan), self.compute_interest(loan, principal)
        self.move(loan.borrower, loan.lender, loan.asset, principal + interest)
        loan.principal -= principal
        self.settle(loan, principal, interest, hours, loan.principal == 0)
        if loan.principal == 0:
            self.loans.remove(loan)
        return interest

    def give_back(self, lender: int, market: int, principal: int, rate: int, relend: bool) -> None:
        """Offer repaid principal again, just above the best bid where it would cross."""
        lots, book = principal // self.books[market].lot, self.books[market]
        bid = self.best(market, BUY)
        if bid >= rate:
            rate = bid + 1
            self.note("returned above the bid")
        if relend and lots >= book.minimum and rate <= 9_999 and self.get(lender, book.asset) >= lots * book.lot:
            self.orders.append(Order(self.next_serial(), lender, market, SELL, rate, lots))

    # Shares.

    def compute_share(self, loan: Loan, share: Share, principal: int, after: int) -> Fraction:
        """What a former lender receives (negative: pays) on a principal, `after` hours from its exit."""
        lent = (share.left - share.since) // HOUR
        rate = share.rate * (lent + after) - share.next_rate * after
        return Fraction(principal * rate, YEAR) + share.carried

    def compute_reserve(self, loan: Loan, share: Share, principal: int) -> int:
        return max(0, ceil(-self.compute_share(loan, share, principal, hours_begun(share.left, loan.due))))

    def settle(
        self, loan: Loan, principal: int, interest: int, hours: int, is_last: bool, is_in_kind: bool = False
    ) -> None:
        pool = 0 if is_in_kind else interest
        amounts = []
        for share in loan.shares:
            after = max(0, (loan.paid_until + hours * HOUR - share.left) // HOUR)
            after = min(after, hours_begun(share.left, loan.due))
            exact = self.compute_share(loan, share, principal, after)
            whole = floor(exact) if exact >= 0 or is_last else ceil(exact)
            share.carried = exact - whole
            amounts.append(whole)
        unpaid = [0] * len(amounts)
        for number, share in enumerate(loan.shares):
            if amounts[number] < 0:
                cash = self.get(share.account, loan.asset) - (pool if share.account == loan.lender else 0)
                cash = min(cash, -amounts[number])
                self.move(share.account, loan.lender, loan.asset, cash)
                pool += cash
                unpaid[number] = -amounts[number] - cash
                self.note("share paid")
        if is_in_kind:
            pool = self.get(loan.lender, loan.asset)
        for number, share in enumerate(loan.shares):
            if amounts[number] > 0:
                cash = min(amounts[number], pool)
                pool -= cash
                self.move(loan.lender, share.account, loan.asset, cash)
                short = self.assign(loan, unpaid, share.account, amounts[number] - cash)
                if is_in_kind and short and share.account != loan.lender:
                    self.open_iou(share.account, loan.lender, loan.asset, short)
                    short = 0
                share.carried += short
                self.note("share received")
        self.assign(loan, unpaid, loan.lender, 10**18)
        if is_last:
            loan.shares.clear()

    def assign(self, loan: Loan, unpaid: list[int], payee: int, amount: int) -> int:
        for number, share in enumerate(loan.shares):
            part = min(amount, unpaid[number])
            if part:
                unpaid[number] -= part
                amount -= part
                if share.account != payee:
                    self.open_iou(payee, share.account, loan.asset, part)
        return amount

    def replace_lender(self, loan: Loan, lender: int, principal: int, rate: int, relend: bool) -> None:
        part = loan
        if principal < loan.principal:
            self.note("split")
            part = replace(loan, id=self.next_serial(), principal=principal, shares=[], timer=self.next_serial())
            loan.principal -= principal
            for share in loan.shares:
                copied = replace(share, carried=Fraction(0))
                exact = self.compute_share(loan, copied, principal, hours_begun(share.left, loan.due))
                if exact < 0:  # the part owes whole quanta
                    copied.carried = ceil(exact) - exact
                    share.carried -= copied.carried
                part.shares.append(copied)
            self.loans.append(part)
        left = part.paid_until + max(self.now - part.paid_until, 0) // HOUR * HOUR
        if left > part.lender_since or rate != part.lender_rate:
            part.shares.insert(0, Share(part.lender, part.lender_rate, rate, part.lender_since, left))
        if len(part.shares) > 1:
            self.note("chain")
        part.lender, part.lender_rate, part.lender_since = lender, rate, left
        part.flags = part.flags & ~NO_RELEND | (0 if relend else NO_RELEND)
        self.note("exit")

    # Commands.

    def repay(self, loan: Loan, amount: int) -> None:
        if amount > loan.principal:
            raise Refused("AMOUNT_TOO_LARGE")
        if loan.flags & IOU:
            interest = floor(self.compute_iou(loan))
            if self.get(loan.borrower, loan.asset) < loan.principal + interest:
                raise Refused("BALANCE")
            self.pay_iou(loan)
            return
        if amount == 0 or loan.principal - amount < self.minimum[loan.asset]:
            amount = loan.principal
        if self.get(loan.borrower, loan.asset) < amount + self.compute_interest(loan, amount):
            raise Refused("BALANCE")
        lender, rate, relend = loan.lender, loan.lender_rate, not loan.flags & NO_RELEND
        self.pay_back(loan, amount)
        self.give_back(lender, loan.market, amount, rate, relend)
        self.note("repaid")

    def check_extensible(self, loan: Loan, cap: int) -> None:
        if loan.flags & (IOU | NO_RELEND):
            raise Refused("LOAN_NOT_EXTENSIBLE")
        if self.compute_rate(loan) > cap:
            raise Refused("RATE_ABOVE_CAP")
        if self.get(loan.borrower, loan.asset) < self.compute_interest(loan, loan.principal):
            raise Refused("BALANCE")

    def compute_rate(self, loan: Loan) -> int:
        return max(loan.rate, loan.lender_rate, self.best(loan.market, SELL))

    def extend(self, loan: Loan, cap: int = 0) -> None:
        self.check_extensible(loan, cap or loan.cap)
        rate, hours = self.compute_rate(loan), self.compute_hours(loan)
        interest = self.compute_interest(loan, loan.principal)
        self.move(loan.borrower, loan.lender, loan.asset, interest)
        self.settle(loan, loan.principal, interest, hours, True)
        loan.paid_until += hours * HOUR
        loan.lender_since, loan.rate, loan.lender_rate, loan.minimum_paid = loan.paid_until, rate, rate, True
        loan.flags &= ~OVERDUE
        loan.due, loan.timer, loan.wake = self.now + loan.tenor * HOUR, self.next_serial(), 0
        self.note("extended")

    def renew(self, account: int, loan: Loan) -> None:
        if loan.flags & IOU:
            raise Refused("LOAN_NOT_EXTENSIBLE")
        if loan.flags & NO_RENEWAL:
            raise Refused("RENEWAL_FORBIDDEN")
        if self.now < loan.due - self.window:
            raise Refused("RENEWAL_EARLY")
        book = self.books[loan.market]
        fee = ceil(Fraction(book.minimum * book.lot * self.fee_ppm, 10**6))
        if self.get(account, loan.asset) < fee:
            raise Refused("BALANCE")
        self.change(account, loan.asset, -fee)
        self.fees[loan.asset] += fee
        self.extend(loan)
        self.note("renewed")

    def exit(self, loan: Loan, amount: int, cap: int) -> None:
        if amount > loan.principal:
            raise Refused("AMOUNT_TOO_LARGE")
        if loan.flags & IOU or loan.due <= self.now:
            raise Refused("LOAN_NOT_EXITABLE")
        if len(loan.shares) >= 4:
            raise Refused("EXITS_LIMIT")
        if amount == 0 or loan.principal - amount < self.minimum[loan.asset]:
            amount = loan.principal
        lots = ceil(Fraction(amount, self.books[loan.market].lot))
        before = self.counts.get("exit", 0)
        stopped = self.match(Order(self.next_serial(), loan.lender, loan.market, BUY, cap, lots), loan, amount)
        if self.counts.get("exit", 0) == before:
            raise Refused(stopped if stopped not in ("", "DUST") else "NO_LENDER")

    # The due time.

    def is_fresh(self) -> bool:
        return self.now - self.mark_time <= FRESH

    def advance(self, time: int) -> None:
        """Let time pass; do what falls due on the way, at most 16 items, each at its own time."""
        clock = self.now
        for _ in range(16):
            waiting = [loan for loan in self.loans if (loan.wake or loan.due) <= time and loan.timer]
            if not waiting:
                break
            loan = min(waiting, key=lambda loan: (max(loan.wake or loan.due, loan.again), loan.timer))
            self.now = clock = max(clock, loan.wake or loan.due)
            loan.timer = 0
            if loan.flags & OVERDUE:
                self.close_out(loan)
            else:
                self.fall_due(loan)
        self.now = time
        self.fills_left, self.skips_left = WORK

    def fall_due(self, loan: Loan) -> None:
        plan = () if loan.flags & IOU else (EXTEND, REBORROW, REPAY, SALE) if loan.plan is None else loan.plan
        for step in plan:
            self.fills_left, self.skips_left = DUE_WORK
            before, lender, rate = loan.principal, loan.lender, loan.lender_rate
            relend = not loan.flags & NO_RELEND
            if step == EXTEND:
                try:
                    self.extend(loan)
                    self.note("due: extended")
                    return
                except Refused:
                    continue
            elif step == REBORROW:
                self.borrow_anew(loan)
            elif step == REPAY:
                self.repay_from(loan, self.get(loan.borrower, loan.asset), "due: repaid")
            else:
                self.sell(loan)
            left = loan.principal if loan in self.loans else 0
            if left < before:
                self.give_back(lender, loan.market, before - left, rate, relend)
            if not left:
                return
            if self.fills_left <= 0 or self.skips_left <= 0:  # with policies left out, each round gets somewhere
                loan.timer, loan.again = self.next_serial(), self.now
                self.note("due: put off")
                return
        loan.flags |= OVERDUE
        loan.wake, loan.timer = self.now + HOUR, self.next_serial()
        self.note("overdue")

    def close_out(self, loan: Loan) -> None:
        """Pay an overdue loan's lender with what the borrower has, or turn it into an IOU; try again in an hour."""
        if loan.lender in self.keeping and not loan.flags & IOU:
            self.keep(loan)
            return
        other = ETH if loan.asset == USDM else USDM
        self.deliver(loan, loan.asset, Fraction(1))
        if loan in self.loans and self.is_fresh():
            self.deliver(loan, other, DELIVERED if other == ETH else Fraction(1, PRICE))
        if loan in self.loans:
            loan.wake, loan.timer = self.now + HOUR, self.next_serial()

    def deliver(self, loan: Loan, asset: int, price: Fraction) -> None:
        """Deliver of an asset, at a price in quanta of the loan's, what the loan still asks for."""
        budget = floor(self.get(loan.borrower, asset) * price)
        if loan.flags & IOU:
            exact = self.compute_iou(loan)
            interest = floor(exact)
            principal = min(loan.principal, max(budget - interest, 0))
        else:
            principal = loan.principal
            while principal > 0 and principal + self.compute_interest(loan, principal) > budget:
                over = principal + self.compute_interest(loan, principal) - budget
                principal -= max(1, over // 2)
            if principal < loan.principal:
                while (
                    principal < loan.principal and principal + 1 + self.compute_interest(loan, principal + 1) <= budget
                ):
                    principal += 1
            if principal < loan.principal and loan.principal - principal < self.minimum[loan.asset]:
                principal = max(loan.principal - self.minimum[loan.asset], 0)
            interest = self.compute_interest(loan, principal)
        amount = ceil((principal + interest) / price)
        if principal <= 0 or amount > self.get(loan.borrower, asset):
            return
        hours = self.compute_hours(loan)
        self.move(loan.borrower, loan.lender, asset, amount)
        self.note("delivered" if asset == loan.asset else "delivered in kind")
        loan.principal -= principal
        if loan.flags & IOU:
            loan.paid_until, loan.carried = self.now, exact - interest
        else:
            self.settle(loan, principal, interest, hours, loan.principal == 0, asset != loan.asset)
        if not loan.principal:
            self.loans.remove(loan)

    def keep(self, loan: Loan) -> None:
        """Let IOUs stand for a loan and its interest, to its lender and former ones."""
        self.note("kept")
        hours = self.compute_hours(loan)
        amount = loan.principal + self.compute_interest(loan, loan.principal)
        parts = []
        for share in loan.shares:
            after = min(
                max(0, (loan.paid_until + hours * HOUR - share.left) // HOUR), hours_begun(share.left, loan.due)
            )
            exact = self.compute_share(loan, share, loan.principal, after)
            parts.append(floor(exact) if exact >= 0 else ceil(exact))
            if parts[-1] > 0 and share.account != loan.lender:
                self.open_iou(share.account, loan.borrower, loan.asset, parts[-1], loan.rate)
                amount -= parts[-1]
        unpaid = [0] * len(loan.shares)
        for number, share in enumerate(loan.shares):
            after = min(
                max(0, (loan.paid_until + hours * HOUR - share.left) // HOUR), hours_begun(share.left, loan.due)
            )
            owed = -floor(self.compute_share(loan, share, loan.principal, after))  # the last payment: whole quanta
            if owed > 0:
                cash = min(self.get(share.account, loan.asset), owed)
                self.move(share.account, loan.lender, loan.asset, cash)
                unpaid[number] = owed - cash
        self.assign(loan, unpaid, loan.lender, 10**18)
        self.loans.remove(loan)
        self.open_iou(loan.lender, loan.borrower, loan.asset, amount, loan.rate)

    def repay_from(self, loan: Loan, budget: int, what: str) -> None:
        """Repay the most that a budget covers with the interest on it."""
        low, high = 0, loan.principal
        while low < high:
            middle = (low + high + 1) // 2
            if middle + self.compute_interest(loan, middle) <= budget:
                low = middle
            else:
                high = middle - 1
        if low < loan.principal and loan.principal - low < self.minimum[loan.asset]:
            low = loan.principal - self.minimum[loan.asset]
        if low > 0:
            self.note(what if low == loan.principal else what + " in part")
            self.pay_back(loan, low)

    def borrow_anew(self, loan: Loan) -> None:
        book, had = self.books[loan.market], self.get(loan.borrower, loan.asset)
        interest = self.compute_interest(loan, loan.principal)
        spare = min(had, interest)
        lots = max(ceil(Fraction(loan.principal + interest - spare, book.lot)), book.minimum)
        if loan.asset == USDM or self.is_fresh():
            self.match(Order(self.next_serial(), loan.borrower, loan.market, BUY, loan.cap, lots))
        gained = self.get(loan.borrower, loan.asset) - had
        if gained > 0:
            self.repay_from(loan, gained + spare, "due: borrowed anew")

    def sell(self, loan: Loan) -> None:
        missing = loan.principal + self.compute_interest(loan, loan.principal) - self.get(loan.borrower, loan.asset)
        if missing <= 0:
            return
        wanted = self.get(loan.borrower, loan.asset) + missing
        for _ in range(4):
            missing = wanted - self.get(loan.borrower, loan.asset)
            price = self.best(self.spot, BUY if loan.asset == USDM else SELL)
            if missing <= 0 or not price or not self.is_fresh() or not BAND[0] <= price <= BAND[1]:
                break
            if loan.asset == USDM:
                lots = min(self.get(loan.borrower, ETH) // self.spot_lot, missing // (price * LOT_CASH) + 1)
                order = Order(self.next_serial(), loan.borrower, self.spot, SELL, BAND[0], lots)
            else:
                lots = ceil(Fraction(missing, self.spot_lot))
                lots = min(lots, self.get(loan.borrower, USDM) // (price * LOT_CASH))
                order = Order(self.next_serial(), loan.borrower, self.spot, BUY, BAND[1], lots)
            had = self.get(loan.borrower, loan.asset)
            if lots:
                self.match(order)
            if self.get(loan.borrower, loan.asset) == had:
                break
        self.repay_from(loan, self.get(loan.borrower, loan.asset), "due: sold")

    # IOUs.

    def pay_iou(self, loan: Loan) -> None:
        exact = self.compute_iou(loan)
        interest = floor(exact)
        principal = min(loan.principal, self.get(loan.borrower, loan.asset) - interest)
        self.move(loan.borrower, loan.lender, loan.asset, principal + interest)
        loan.principal -= principal
        loan.paid_until, loan.carried = self.now, exact - interest
        self.note("IOU repaid" if not loan.principal else "IOU repaid in part")
        if not loan.principal:
            self.loans.remove(loan)

    def finish(self) -> None:
        """End a command: who received something while owing by IOU repays, the newest first."""
        for _ in range(16):
            if not self.creditors:
                return
            account = self.creditors.pop()
            paid = 0
            for asset in (ETH, USDM):
                for loan in sorted(self.get_ious(account), key=lambda loan: -loan.id):
                    if loan.asset == asset and paid < 16:
                        if self.get(account, asset) <= floor(self.compute_iou(loan)):
                            break
                        self.pay_iou(loan)
                        paid += 1
            if paid == 16 and self.get_ious(account) and account not in self.creditors:
                self.creditors.append(account)

    # What a position owes in V.

    def compute_owed(self, account: int, asset: int) -> int:
        mine = [x for x in self.loans if (x.borrower, x.asset) == (account, asset) and not x.flags & IOU]
        borrowed = sum(loan.principal for loan in mine)
        rate, tenor = max((x.rate for x in mine), default=0), max((x.tenor for x in mine), default=0)
        shares = sum(
            self.compute_reserve(loan, share, loan.principal)
            for loan in self.loans if loan.asset == asset for share in loan.shares if share.account == account
        )  # fmt: skip
        return borrowed + ceil(Fraction(borrowed * rate * tenor, YEAR)) + shares
