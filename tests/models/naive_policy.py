"""A naive matcher of perp and loan books with policies, written from docs/spec/policies.md and matches.md.

Everything is a dict or a list of plain integers; nothing is kept that can be computed.  One lot is one quantum, a tick
one numeraire quantum a lot; there are no fees, no funding, no slippage; everybody is free before every command.
"""

from copy import copy, deepcopy
from fractions import Fraction
from math import ceil, floor

BUY, SELL = 0, 1
NEWEST, OLDEST, WEAKEST = 0, 1, 2
GOOD, IMMEDIATE, WHOLE = 0, 1, 2
HOURS = 240
LENT_HAIRCUT = Fraction(2, 100)


class Order:
    def __init__(self, name, account, market, side, price, lots, is_post_only):
        self.name, self.account, self.market, self.side = name, account, market, side
        self.price, self.lots, self.is_post_only = price, lots, is_post_only
        self.stamp = 0


class Policy:
    def __init__(self):
        self.max_exposure = self.severity = self.threshold = 0  # the severity in ppm; 0: no rule
        self.accounts = {}  # account: limit, or None when denied
        self.owners = set()  # denied

    @property
    def is_default(self):
        return not (self.max_exposure or self.severity or self.threshold or self.accounts or self.owners)


class NaiveExchange:
    """`owners` by account; `perps`: market -> (asset, group, shock in ppm); `loans`: the loan books."""

    def __init__(self, owners, perps, loan_book, minimum_lots):
        self.owners, self.perps, self.loan_book, self.minimum = owners, perps, loan_book, minimum_lots
        self.cash = dict.fromkeys(owners, 0)
        self.marks = {}
        self.contracts = {}  # (long, short, market): [lots, cost]
        self.rings = {}  # (account, market): contracts, newest first
        self.loans = []  # [lender, borrower, principal, rate]
        self.books = {}  # (market, side): orders, in priority
        self.policies = {account: Policy() for account in owners}
        self.give_up = dict.fromkeys(owners, NEWEST)
        self.stamps = 0
        self.counts = []  # what happened, for the test to count
        self.events = []

    def copy(self):
        """A copy for trying something out: contracts, cash and loans of its own, nothing counted."""
        trial = copy(self)
        trial.cash, trial.counts, trial.events = dict(self.cash), [], []
        trial.contracts = {key: list(contract) for key, contract in self.contracts.items()}
        trial.rings = {key: list(ring) for key, ring in self.rings.items()}
        trial.loans = [list(loan) for loan in self.loans]
        return trial

    # Value.

    def worth(self, market, lots):
        return lots * self.marks[market]

    def compute_lots(self, account, market):
        return sum(
            lots * ((long == account) - (short == account))
            for (long, short, where), (lots, _) in self.contracts.items()
            if where == market
        )

    def value(self, account, severity_ppm, extra=None, is_cautious=False):
        """V(account, severity), as if (market, lots, cost) came on top; V- counts no unrealised profit."""
        m = Fraction(severity_ppm, 10**6)
        lent = sum(loan[2] for loan in self.loans if loan[0] == account)
        mine = [loan for loan in self.loans if loan[1] == account]
        borrowed = sum(loan[2] for loan in mine)
        rate = max((loan[3] for loan in mine), default=0)
        total = self.cash[account] - borrowed - ceil(Fraction(borrowed * rate * HOURS, 87_600_000))
        total += lent * (1 - m * LENT_HAIRCUT)
        groups = {}
        for market, (_, group, shock_ppm) in self.perps.items():
            lots = self.compute_lots(account, market)
            cost = sum(
                cost * ((long == account) - (short == account))
                for (long, short, where), (_, cost) in self.contracts.items()
                if where == market
            )
            if extra is not None and extra[0] == market:
                lots, cost = lots + extra[1], cost + extra[2]
            shock = min(1, m * shock_ppm / 10**6)
            up, down = groups.get(group, (0, 0))
            worth = self.worth(market, lots)
            if is_cautious and worth > cost:
                cost = worth
            groups[group] = up + worth * (1 + shock) - cost, down + worth * (1 - shock) - cost
        return floor(total) + sum(floor(min(pair)) for pair in groups.values())

    # Exposure and policies.

    def shock(self, market, lots):
        return ceil(Fraction(ceil(self.worth(market, lots)) * self.perps[market][2], 10**6))

    def exposure(self, account, other):
        """Lent, positive unrealised profit of each contract, and the shock of each group's net."""
        total = sum(loan[2] for loan in self.loans if loan[:2] == [account, other])
        nets = {}
        for (long, short, market), (lots, cost) in self.contracts.items():
            if {long, short} != {account, other}:
                continue
            sign = 1 if long == account else -1
            profit = ceil(self.worth(market, lots)) - cost if sign > 0 else cost - floor(self.worth(market, lots))
            total += max(profit, 0)
            group = self.perps[market][1]
            nets[group] = nets.get(group, 0) + sign * self.shock(market, lots)
        return total + sum(map(abs, nets.values()))

    def denies(self, account, other):
        policy = self.policies[account]
        if other in policy.accounts:
            return policy.accounts[other] is None
        return self.owners[other] in policy.owners

    def limit(self, account, other):
        """The limit on one counterparty; None without one."""
        policy = self.policies[account]
        if policy.accounts.get(other) is not None:
            return policy.accounts[other]
        return policy.max_exposure or None

    def fit_limit(self, account, other, market, lots, cash, is_long):
        """The largest part that leaves the exposure within the limit, or where it was."""
        limit = self.limit(account, other)
        if limit is None:
            return lots
        most = max(limit, self.exposure(account, other))
        part = 0
        while part < lots and self.after(account, other, market, part + 1, cash, is_long) <= most:
            part += 1
        if part < lots:
            self.counts.append("limit partly filled" if part >= self.minimum else "over limit")
        return part if part == lots or part >= self.minimum else 0

    def after(self, account, other, market, lots, cash, is_long):
        """The exposure once the contract is trued up and has grown by `lots`; the payer's cash covers it here."""
        trial = self.copy()
        pair = (account, other) if is_long else (other, account)
        trial.add(*pair, market, lots, floor(self.worth(market, lots)) if cash is None else lots * cash)
        return trial.exposure(account, other)

    def is_weak(self, account, other, market, lots, cash):
        severity = self.policies[account].severity
        if severity == 0:
            return False
        extra = None if cash is None else (market, lots, lots * cash)
        if self.value(other, severity, extra) >= 0:
            return False
        self.counts.append("too weak")
        return True

    def fit_perp(self, long, short, market, lots, cash, asked):
        """How many of `lots` the policies of the `asked` allow between two accounts; `cash` None: at the mark."""
        pairs = [(one, other) for one, other in ((long, short), (short, long)) if one in asked]
        for one, other in pairs:
            if self.denies(one, other):
                self.counts.append("a new party denied")
                return 0
        for one, other in pairs:
            lots = self.fit_limit(one, other, market, lots, cash, one == long)
        for one, other in pairs:
            if lots and self.is_weak(one, other, market, lots if other == long else -lots, cash):
                return 0
        return lots

    def fit_loan(self, lender, borrower, lots, rate):
        if self.is_apart(lender, borrower):
            return 0
        limit = self.limit(lender, borrower)
        if limit is not None:
            room = max(limit - self.exposure(lender, borrower), 0)
            if room < lots:
                self.counts.append("loan limit partly filled" if room >= self.minimum else "over loan limit")
                lots = room if room >= self.minimum else 0
        if lots == 0:
            return 0
        trial = self.copy()
        trial.lend(lender, borrower, lots, rate)
        severity = self.policies[lender].severity
        if severity and trial.value(borrower, severity) < 0:
            self.counts.append("too weak for a loan")
            return 0
        severity = self.policies[borrower].severity
        haircut = ceil(lots * ceil(severity * LENT_HAIRCUT) / Fraction(10**6))
        if severity and self.value(lender, severity) < haircut:
            self.counts.append("too weak for a loan")
            return 0
        return lots

    def is_apart(self, taker, maker):
        if self.denies(taker, maker):
            self.counts.append("denied by the taker")
            return True
        if self.denies(maker, taker):
            self.counts.append("denied by the maker")
            return True
        return False

    # Contracts.

    def add(self, long, short, market, lots, cost):
        key = (long, short, market)
        if key in self.contracts:
            self.true_up(key)
            self.contracts[key][0] += lots
            self.contracts[key][1] += cost
        else:
            self.contracts[key] = [lots, cost]
            for account in (long, short):
                self.rings.setdefault((account, market), []).insert(0, key)

    def true_up(self, key):
        long, short, market = key
        strike = floor(self.worth(market, self.contracts[key][0]))
        self.pay(short, long, strike - self.contracts[key][1])
        self.contracts[key][1] = strike

    def pay(self, payer, payee, amount):
        self.cash[payer] -= amount
        self.cash[payee] += amount

    def reduce(self, key, lots):
        self.true_up(key)
        self.contracts[key][0] -= lots
        self.contracts[key][1] -= floor(self.worth(key[2], lots))
        if self.contracts[key][0] == 0:
            del self.contracts[key]
            for account in key[:2]:
                self.rings[account, key[2]].remove(key)

    def lend(self, lender, borrower, lots, rate):
        self.pay(lender, borrower, lots)
        self.loans.append([lender, borrower, lots, rate])

    def weakness(self, account):
        """Smaller is weaker: the share of V(0) that V(1) is; whoever is worth nothing is weakest."""
        today, initial = self.value(account, 0), self.value(account, 10**6)
        return (0, today) if today <= 0 else (1, Fraction(initial, today))

    def candidates(self, account, market):
        """The contracts that an account gives up, in its order: the one it chooses, then along its ring."""
        ring = self.rings.get((account, market), [])
        if self.give_up[account] == OLDEST:
            return ring[::-1]
        if self.give_up[account] == WEAKEST and ring:
            other = {key: key[1] if key[0] == account else key[0] for key in ring}
            weakest = min(ring, key=lambda key: self.weakness(other[key]))
            if weakest != ring[0]:
                self.counts.append("weakest first")
            return [weakest] + [key for key in ring if key != weakest]
        return list(ring)

    def fill(self, buyer, seller, market, lots, price):
        """Move up to `lots`, slice by slice; return how many policies allow."""
        left = lots
        while left > 0:
            own = (seller, buyer, market)
            if own in self.contracts:
                size = min(left, self.contracts[own][0])
                self.reduce(own, size)
            else:
                size = self.do_slice(buyer, seller, market, left, price)
                if size == 0:
                    break
                if size < 0:
                    return lots - left - size
            mark = floor(self.worth(market, size))
            self.pay(buyer, seller, size * price - mark)
            left -= size
        return lots - left

    def do_slice(self, buyer, seller, market, left, price):
        """Do the first slice that policies allow; return its size, negative for one that opened at the price."""
        given = self.candidates(buyer, market) if self.compute_lots(buyer, market) < 0 else [None]
        taken = self.candidates(seller, market) if self.compute_lots(seller, market) > 0 else [None]
        for number, (g, t) in enumerate((g, t) for g in given for t in taken):
            size = min([left] + [self.contracts[key][0] for key in (g, t) if key])
            long, short = g[0] if g else buyer, t[1] if t else seller
            cash = price if g is None and t is None else None
            # everybody is free: whoever is re-paired is not asked
            size = self.fit_perp(long, short, market, size, cash, {buyer, seller} & {long, short})
            if size == 0:
                continue
            if number:
                self.counts.append("another contract given up")
            for key in (g, t):
                if key:
                    self.reduce(key, size)
            if cash is not None:
                self.add(long, short, market, size, size * price)
                return -size
            self.add(long, short, market, size, floor(self.worth(market, size)))
            return size
        return 0

    # Books.

    def book(self, market, side):
        return self.books.setdefault((market, side), [])

    def rest(self, order):
        self.stamps += 1
        order.stamp = self.stamps
        book = self.book(order.market, order.side)
        sign = 1 if order.side == SELL else -1
        book.append(order)
        book.sort(key=lambda other: (sign * other.price, other.stamp))

    def crossing(self, account, market, side, price):
        """The orders on the other side at this price or better."""
        sign = 1 if side == BUY else -1
        return [order for order in self.book(market, 1 - side) if sign * order.price <= sign * price]

    def deal(self, account, maker, lots):
        """Trade with a resting order as far as policies allow; return how many lots."""
        if maker.market == self.loan_book:
            pair = (account, maker.account) if maker.side == BUY else (maker.account, account)
            lots = self.fit_loan(*pair, lots, maker.price)
            if lots:
                self.lend(*pair, lots, maker.price)
            return lots
        buyer, seller = (account, maker.account) if maker.side == SELL else (maker.account, account)
        if self.is_apart(account, maker.account):
            own = (seller, buyer, maker.market)
            if own not in self.contracts:
                return 0
            self.counts.append("torn up although denied")
            lots = min(lots, self.contracts[own][0])
        return self.fill(buyer, seller, maker.market, lots, maker.price)

    def dealable(self, account, maker):
        trial = self.copy()
        return trial.deal(account, maker, maker.lots)

    def meets(self, account, market, side, price):
        """Whether an order would trade with anything, or stand before an order of its own owner."""
        return any(
            self.owners[order.account] == self.owners[account] or self.dealable(account, order) > 0
            for order in self.crossing(account, market, side, price)
        )

    def match(self, order):
        """Fill an order; policies and admission say with whom and how far.  Returns why it stopped, or None."""
        passed = []
        while order.lots > 0:
            crossing = self.crossing(order.account, order.market, order.side, order.price)
            maker = next((other for other in crossing if other not in passed), None)
            if maker is None:
                return None
            if self.owners[maker.account] == self.owners[order.account]:
                self.cancel(maker, "SELF_TRADE")
                continue
            if order.market == self.loan_book and min(order.lots, maker.lots) < self.minimum:
                return "DUST"
            before = self.copy()
            lots = self.deal(order.account, maker, min(order.lots, maker.lots))
            culprit = self.find_culprit(order, maker, lots)
            if culprit is not None:
                self.take_back(before)
                if culprit == order.account:
                    return "BALANCE" if order.market == self.loan_book and order.side == SELL else "MARGIN"
                self.cancel(maker, "MAKER")
                continue
            if lots == 0:
                passed.append(maker)
                self.counts.append("passed over")
                continue
            if passed:
                self.counts.append("matched behind one passed over")
            self.events.append(("traded", order.name, maker.name, maker.price, lots))
            order.lots -= lots
            maker.lots -= lots
            if maker.lots == 0:
                self.book(maker.market, maker.side).remove(maker)
            elif maker.lots < self.minimum:
                self.cancel(maker, "DUST")
        return None

    def take_back(self, before):
        self.cash, self.contracts, self.rings, self.loans = before.cash, before.contracts, before.rings, before.loans

    def find_culprit(self, order, maker, lots):
        if lots == 0:
            return None
        if order.market == self.loan_book:
            lender = order.account if order.side == SELL else maker.account
            if self.cash[lender] < 0:
                return lender
        for account in (order.account, maker.account):
            borrows = order.market == self.loan_book and account != lender
            if self.value(account, 10**6, is_cautious=borrows) < 0:
                return account
        return None

    def cancel(self, order, why):
        self.book(order.market, order.side).remove(order)
        self.events.append(("cancelled", order.name, order.lots, why))

    # Commands.

    def place(self, name, account, market, side, price, lots, until, is_post_only):
        self.events = []
        order = Order(name, account, market, side, price, lots, is_post_only)
        if is_post_only and self.meets(account, market, side, price):
            return [("rejected", "WOULD_CROSS")]
        before, books = self.copy(), deepcopy(self.books)
        self.execute(order, until)
        if until == WHOLE and order.lots:
            self.take_back(before)
            self.books = books
            return [("rejected", "FILL_OR_KILL_UNFILLED")]
        return self.events

    def execute(self, order, until):
        why = self.match(order)
        if order.lots == 0:
            return
        if why or until != GOOD:
            self.events.append(("cancelled", order.name, order.lots, why or "IMMEDIATE"))
        elif order.lots < self.minimum:
            self.events.append(("cancelled", order.name, order.lots, "DUST"))
        else:
            if self.crossing(order.account, order.market, order.side, order.price):
                self.counts.append("rests crossed")
            self.rest(order)

    def cancel_by_name(self, name):
        self.events = []
        for book in self.books.values():
            for order in book:
                if order.name == name:
                    self.cancel(order, "REQUESTED")
                    return self.events
        return [("rejected", "UNKNOWN_ORDER")]

    def change_policy(self, account, change):
        """Apply a change; when its terms of dealing differ, its orders go to the back, oldest first."""
        self.events = []
        before = deepcopy(vars(self.policies[account]))
        change(self.policies[account])
        after = vars(self.policies[account])
        if {**before, "threshold": 0} == {**after, "threshold": 0}:
            return self.events
        mine = [order for book in self.books.values() for order in book if order.account == account]
        for order in sorted(mine, key=lambda order: order.stamp):
            self.book(order.market, order.side).remove(order)
            self.events.append(("moved", order.name))
            self.counts.append("re-queued")
            if not self.meets(account, order.market, order.side, order.price):
                self.rest(order)
            elif order.is_post_only:
                self.events.append(("cancelled", order.name, order.lots, "WOULD_CROSS"))
            else:
                self.counts.append("matched when re-queued")
                self.execute(order, GOOD)
        return self.events

    def set_mark(self, market, mark):
        """Move a mark; contracts beyond a party's threshold are paid."""
        self.marks[market] = mark
        for key, (lots, cost) in list(self.contracts.items()):
            gain = abs(floor(self.worth(key[2], lots)) - cost)
            if any(0 < self.policies[account].threshold < gain for account in key[:2]):
                self.counts.append("trued up beyond a threshold")
                self.true_up(key)
