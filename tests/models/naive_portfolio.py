"""A naive exchange, for money only: written from the protocol, in exact integers and fractions, with nothing cached.

It keeps balances, loans and perp contracts in plain dicts and lists.  Told of a fill (who bought how many lots of whom
at what price) it works out everything that the fill means; every sum over contracts is taken anew when it is asked for.
`effects` lists what it did since it was last emptied, in the words of the exchange's events.

Where the protocol leaves a rounding open:

- a contract is struck at floor(lots * mark value of a lot), and lots given up cost floor(their mark value);
- funding due is rounded up when the acting account is the long, else down; of two others' contract the actor pays
  the short a quantum when it was not whole;
- a part repaid pays the interest on that part, for all hours since the loan's interest began;
- hours paid at an extension move that beginning forward;
- an IOU's hours are those of the clock that began since; its interest is paid first, in whole quanta, and what is less
  than one is carried by the principal that is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, floor

MILLION, BILLION, PRICE_ONE, FUNDING_ONE = 10**6, 10**9, 10**8, 10**6
HOUR_US = 3_600 * 10**6
NUMERAIRE = 1
LARGEST_LEG = 10**16
LARGEST_EXIT = 4 * LARGEST_LEG  # what L(x) of one leg counts for
SPOT, PERP, LOAN = 1, 2, 3
OPENED, TORN_UP, REPAIRED, CROSSED, CIRCLED = 1, 2, 3, 4, 5
IOU, NO_RELEND = 1, 2


@dataclass
class Asset:
    decimals: int
    group: int
    price_shock_ppm: int = 0
    slippage_ppm: int = 0
    basis_ppm: int = 0
    depth: int = 0  # numeraire quanta; 0: unlimited
    holding_cap: int = 0
    minimum_principal: int = 1
    mark: int = 0


@dataclass
class Market:
    kind: int
    asset: int
    lot_quanta: int
    tick_value: int = 1
    maker_ppm: int = 0
    taker_ppm: int = 0
    fee_cap: int = 10**18
    tenor_hours: int = 0
    funding_index: int = 0


@dataclass
class Contract:
    serial: int
    lots: int
    cost: int
    index: int


@dataclass
class Loan:
    serial: int
    lender: int
    borrower: int
    asset: int
    market: int
    principal: int
    rate_bp: int
    cap_bp: int
    start_us: int
    due_us: int
    paid_until_us: int
    tenor_hours: int
    flags: int
    minimum_paid: bool = False
    carried: Fraction = Fraction(0)  # of an IOU: interest so far that was less than a quantum


def compute_interest(principal: int, rate_bp: int, hours: int) -> int:
    return ceil(Fraction(principal * rate_bp * hours, 10_000 * 8_760))


@dataclass
class Exchange:
    """The whole of it.  Accounts, assets and markets are numbers; the numeraire is asset 1."""

    assets: dict[int, Asset]
    markets: dict[int, Market]
    lent_haircut_ppm: int = 20_000
    iou_penalty_bp: int = 500
    now_us: int = 0
    numeraire_loan_market: int = 0
    serial: int = 0
    best_lend_bp: int = 0  # the numeraire book's best lend rate as the command began; 0 when nobody lends
    balances: dict[tuple[int, int], int] = field(default_factory=dict)
    contracts: dict[tuple[int, int, int], Contract] = field(default_factory=dict)  # (market, long, short)
    loans: dict[int, Loan] = field(default_factory=dict)
    fees: int = 0
    order_fees: dict[int, int] = field(default_factory=dict)
    oldest_first: set[int] = field(default_factory=set)
    suspended: set[int] = field(default_factory=set)  # assets whose feed was halted for a day
    received: list[int] = field(
        default_factory=list
    )  # who received numeraire while owing by IOU, and has not repaid yet
    effects: list[tuple] = field(default_factory=list)

    # Balances.

    def get_balance(self, account: int, asset: int) -> int:
        return self.balances.get((account, asset), 0)

    def change_balance(self, account: int, asset: int, amount: int) -> None:
        self.balances[account, asset] = self.get_balance(account, asset) + amount
        assert self.balances[account, asset] >= 0, f"balance of {account} in {asset} below zero"

    def move(self, payer: int, payee: int, asset: int, amount: int) -> None:
        if amount == 0:
            return
        self.change_balance(payer, asset, -amount)
        self.receive(payee, asset, amount)

    def receive(self, account: int, asset: int, amount: int) -> None:
        self.change_balance(account, asset, amount)
        if account not in self.received and any(
            loan.flags & IOU and loan.borrower == account for loan in self.loans.values()
        ):
            self.received.append(account)

    def pay(self, payer: int, payee: int, amount: int) -> int:
        """Pay numeraire; the part not covered becomes an IOU.  Returns that part."""
        cash = min(amount, self.get_balance(payer, NUMERAIRE))
        self.move(payer, payee, NUMERAIRE, cash)
        if amount > cash:
            rate = min(self.best_lend_bp + self.iou_penalty_bp, 9_999)
            market = self.numeraire_loan_market
            self.open_loan(payee, payer, NUMERAIRE, market, amount - cash, rate, rate, 24, IOU)
        return amount - cash

    # Fills.

    def fill_spot(self, market: int, buyer: int, seller: int, lots: int, price: int) -> None:
        rules = self.markets[market]
        self.move(buyer, seller, NUMERAIRE, lots * price * rules.tick_value)
        self.move(seller, buyer, rules.asset, lots * rules.lot_quanta)

    def limit_fee(self, account: int, fee: int, reducing: dict[int, bool]) -> int:
        """What is paid of a fee: no more than is there, where a fill happened all the same and only reduced.

        Nothing where it is known to be waived: how an account stood before, the model does not know.
        """
        if account not in reducing:
            return fee
        return 0 if reducing[account] else min(fee, self.get_balance(account, NUMERAIRE))

    def charge_fees(
        self, market: int, maker: tuple[int, int], taker: tuple[int, int], cash: int, reducing: dict[int, bool]
    ) -> tuple[int, int]:
        """Take the fees of one fill from (account, order) of the maker and the taker; return both."""
        rules = self.markets[market]
        taker_fee = self.compute_fee(rules.taker_ppm, cash, rules.fee_cap - self.order_fees.get(taker[1], 0))
        taker_fee = self.limit_fee(taker[0], taker_fee, reducing)
        if rules.maker_ppm < 0:  # a rebate, rounded down, at most half of the taker's fee in this fill
            maker_fee = -min(cash * -rules.maker_ppm // MILLION, taker_fee // 2)
        else:
            maker_fee = self.compute_fee(rules.maker_ppm, cash, rules.fee_cap - self.order_fees.get(maker[1], 0))
            maker_fee = self.limit_fee(maker[0], maker_fee, reducing)
        for (account, order), fee in ((maker, maker_fee), (taker, taker_fee)):
            if fee < 0:
                self.receive(account, NUMERAIRE, -fee)
            else:
                self.change_balance(account, NUMERAIRE, -fee)
            self.fees += fee
            self.order_fees[order] = self.order_fees.get(order, 0) + max(fee, 0)
        return maker_fee, taker_fee

    @staticmethod
    def compute_fee(ppm: int, cash: int, most: int) -> int:
        return min(ceil(Fraction(cash * ppm, MILLION)), most)

    # Perpetuals.

    def compute_lot_mark(self, market: int) -> Fraction:
        """Return what one lot is worth at the mark, in numeraire quanta."""
        rules = self.markets[market]
        return self.compute_price(rules.asset) * rules.lot_quanta

    def compute_mark_value(self, market: int, lots: int) -> int:
        return floor(self.compute_lot_mark(market) * lots)

    def get_lots(self, market: int, account: int) -> int:
        """Return an account's lots in a perp market: long positive."""
        return sum(
            contract.lots * ((long == account) - (short == account))
            for (where, long, short), contract in self.contracts.items()
            if where == market
        )

    def choose(self, market: int, account: int) -> tuple[int, int, int]:
        """Return the contract that a reducing account gives up next: its newest, or its oldest."""
        mine = [key for key in self.contracts if key[0] == market and account in key[1:]]
        mine.sort(key=lambda key: self.contracts[key].serial)
        return mine[0] if account in self.oldest_first else mine[-1]

    def fill_perp(self, market: int, buyer: int, seller: int, lots: int, price: int, actor: int) -> None:
        """Settle a fill, slice by slice: what reduces on either side, then what opens on both."""
        cash_a_lot = price * self.markets[market].tick_value
        left = lots
        while left > 0:
            between = (market, seller, buyer)
            gives = self.choose(market, buyer) if self.get_lots(market, buyer) < 0 else None
            takes = self.choose(market, seller) if self.get_lots(market, seller) > 0 else None
            if between in self.contracts:
                size = min(left, self.contracts[between].lots)
                mark = self.compute_mark_value(market, size)
                self.reduce(between, size, TORN_UP, actor)
            elif gives is None and takes is None:
                self.add((market, buyer, seller), left, left * cash_a_lot, OPENED, actor)
                return
            else:
                size = min([left] + [self.contracts[key].lots for key in (gives, takes) if key])
                mark = self.compute_mark_value(market, size)
                cause = CROSSED if gives and takes else REPAIRED
                long = gives[1] if gives else buyer
                short = takes[2] if takes else seller
                if gives:
                    self.reduce(gives, size, cause, actor)
                if takes:
                    self.reduce(takes, size, cause, actor)
                if long != short:
                    self.add((market, long, short), size, mark, cause, actor)
            self.settle(buyer, seller, size * cash_a_lot - mark)
            left -= size

    def settle(self, buyer: int, seller: int, amount: int) -> None:
        """Settle the distance of the price from the mark between the two who traded."""
        if amount >= 0:
            self.pay(buyer, seller, amount)
        else:
            self.pay(seller, buyer, -amount)

    def true_up(self, key: tuple[int, int, int], actor: int) -> None:
        """Pay a contract's profit and funding, and strike it at the mark; nothing when it stands there already."""
        market, long, short = key
        contract = self.contracts[key]
        if (contract.cost, contract.index) == (
            self.compute_mark_value(market, contract.lots),
            self.markets[market].funding_index,
        ):
            return
        due = Fraction(contract.lots * (self.markets[market].funding_index - contract.index), FUNDING_ONE)
        funding = ceil(due) if actor == long else floor(due)
        strike = self.compute_mark_value(market, contract.lots)
        gain = strike - contract.cost - funding
        contract.cost, contract.index = strike, self.markets[market].funding_index
        if actor not in (long, short) and due != floor(due):
            self.pay(actor, short, 1)  # neither of two bystanders loses the part of a quantum
        owed = self.pay(short, long, gain) if gain >= 0 else self.pay(long, short, -gain)
        self.effects.append(("trued up", market, long, short, gain, owed, funding, strike))

    def add(self, key: tuple[int, int, int], lots: int, cost: int, cause: int, actor: int) -> None:
        """Add lots to a contract, which is trued up first."""
        market, long, short = key
        if key in self.contracts:
            self.true_up(key, actor)
        else:
            self.serial += 1
            self.contracts[key] = Contract(self.serial, 0, 0, self.markets[market].funding_index)
        contract = self.contracts[key]
        contract.lots += lots
        contract.cost += cost
        self.effects.append(("perp changed", cause, market, long, short, lots, contract.lots, contract.cost))

    def reduce(self, key: tuple[int, int, int], lots: int, cause: int, actor: int) -> None:
        """Take lots off a contract at the mark, trued up first."""
        market, long, short = key
        self.true_up(key, actor)
        contract = self.contracts[key]
        contract.cost -= self.compute_mark_value(market, lots)
        contract.lots -= lots
        self.effects.append(("perp changed", cause, market, long, short, -lots, contract.lots, contract.cost))
        if contract.lots == 0:
            del self.contracts[key]

    def compress(self, circle: list[tuple[int, int, int]], lots: int, actor: int) -> None:
        """Take lots off the first contract of a circle, add them to the second, and so on, all at the mark."""
        assert lots == min(self.contracts[key].lots for key in circle[::2])
        for shrinking, growing in zip(circle[::2], circle[1::2], strict=True):
            self.reduce(shrinking, lots, CIRCLED, actor)
            assert growing in self.contracts
            self.add(growing, lots, self.compute_mark_value(growing[0], lots), CIRCLED, actor)

    def grow_funding(self, market: int, rate_ppb: int) -> int:
        """End a funding period: the index grows by rate * mark, rounded down.  Returns the index."""
        growth = self.compute_lot_mark(market) * rate_ppb * FUNDING_ONE / BILLION
        self.markets[market].funding_index += floor(growth)
        return self.markets[market].funding_index

    # Loans.

    def fill_loan(self, market: int, borrower: int, lender: int, lots: int, rate_bp: int, cap_bp: int, flags: int):
        rules = self.markets[market]
        principal = lots * rules.lot_quanta
        self.move(lender, borrower, rules.asset, principal)
        self.open_loan(lender, borrower, rules.asset, market, principal, rate_bp, cap_bp, rules.tenor_hours, flags)

    def open_loan(self, lender, borrower, asset, market, principal, rate_bp, cap_bp, tenor_hours, flags) -> None:
        self.serial += 1
        due_us = self.now_us + tenor_hours * HOUR_US
        self.loans[self.serial] = Loan(
            self.serial, lender, borrower, asset, market, principal, rate_bp, cap_bp, self.now_us, due_us, self.now_us,
            tenor_hours, flags,
        )  # fmt: skip
        self.effects.append(("loan opened", self.serial, borrower, lender, asset, principal, rate_bp, due_us, flags))

    def compute_hours_since(self, loan: Loan) -> int:
        return max(ceil(Fraction(self.now_us - loan.paid_until_us, HOUR_US)), 0)

    def compute_hours_due(self, loan: Loan) -> int:
        hours = self.compute_hours_since(loan)
        return hours if loan.minimum_paid else max(hours, 8)

    def compute_iou_interest(self, loan: Loan) -> Fraction:
        """Return what an IOU has accrued, exactly: for each hour of the clock that began since."""
        hours = ceil(Fraction(self.now_us, HOUR_US)) - ceil(Fraction(loan.paid_until_us, HOUR_US))
        return Fraction(loan.principal * loan.rate_bp * hours, 10_000 * 8_760) + loan.carried

    def compute_due(self, loan: Loan, principal: int) -> int:
        """Return the interest due now on a part of a loan, or on a whole IOU."""
        if loan.flags & IOU:
            return floor(self.compute_iou_interest(loan))
        return compute_interest(principal, loan.rate_bp, self.compute_hours_due(loan))

    def repay(self, serial: int, amount: int) -> int:
        """Repay part of a loan, or (0) all of it, with the interest due on that part; return the principal repaid."""
        loan = self.loans[serial]
        if loan.flags & IOU or amount == 0 or loan.principal - amount < self.assets[loan.asset].minimum_principal:
            amount = loan.principal
        self.pay_back(loan, amount, self.compute_due(loan, amount))
        return amount

    def pay_back(self, loan: Loan, principal: int, interest: int) -> None:
        if loan.flags & IOU:
            loan.carried = self.compute_iou_interest(loan) - interest
            loan.paid_until_us = self.now_us
        self.move(loan.borrower, loan.lender, loan.asset, principal + interest)
        loan.principal -= principal
        self.effects.append(("loan repaid", loan.borrower, loan.lender, principal, interest, loan.principal))
        if loan.principal == 0:
            del self.loans[loan.serial]

    def extend(self, serial: int, rate_bp: int) -> None:
        """Pay all interest due; the loan runs for a full tenor from now, at `rate_bp`."""
        loan = self.loans[serial]
        hours = self.compute_hours_due(loan)
        interest = self.compute_due(loan, loan.principal)
        self.move(loan.borrower, loan.lender, loan.asset, interest)
        loan.paid_until_us += hours * HOUR_US
        loan.minimum_paid = True
        loan.rate_bp = rate_bp
        loan.due_us = self.now_us + loan.tenor_hours * HOUR_US
        self.effects.append(("loan extended", loan.borrower, loan.lender, interest, rate_bp, loan.due_us))

    def finish(self) -> None:
        """End a command: who received numeraire while owing by IOU repays, newest IOU first.

        Accounts that received last come first, so a chain of IOUs is paid along; 16 a command, the rest with the next.
        """
        for _ in range(16):
            if not self.received:
                return
            account = self.received.pop()
            mine = [loan for loan in self.loans.values() if loan.flags & IOU and loan.borrower == account]
            paid = 0
            for loan in sorted(mine, key=lambda loan: -loan.serial):
                balance = self.get_balance(account, NUMERAIRE)
                interest = self.compute_due(loan, loan.principal)
                if balance <= interest or paid == 16:
                    break
                self.pay_back(loan, min(loan.principal, balance - interest), interest)
                paid += 1
            if paid == 16:
                self.receive(account, NUMERAIRE, 0)

    # Sums over contracts, as they stand in a position.

    def sum_positions(self) -> dict[tuple[int, int], dict[str, int]]:
        """Return (account, asset) -> every sum of a position that is not zero."""
        sums: dict[tuple[int, int], dict[str, int]] = {}

        def add(account: int, asset: int, **amounts: int) -> None:
            row = sums.setdefault((account, asset), {})
            for name, amount in amounts.items():
                row[name] = row.get(name, 0) + amount

        for (account, asset), balance in self.balances.items():
            add(account, asset, balance=balance)
        for loan in self.loans.values():
            if not loan.flags & IOU:
                add(loan.lender, loan.asset, lent=loan.principal)
                add(loan.borrower, loan.asset, borrowed=loan.principal)
                add(loan.borrower, loan.asset, loans=1)
        for (market, long, short), contract in self.contracts.items():
            asset = self.markets[market].asset
            baseline = contract.lots * contract.index
            add(long, asset, lots=contract.lots, cost=contract.cost, funding=baseline)
            add(short, asset, lots=-contract.lots, cost=-contract.cost, funding=-baseline)
        return {key: {name: n for name, n in row.items() if n} for key, row in sums.items() if any(row.values())}

    # Valuation: section 5.

    def compute_price(self, asset: int) -> Fraction:
        """Return what one quantum is worth, in numeraire quanta."""
        if asset == NUMERAIRE:
            return Fraction(1)
        scale = 10 ** self.assets[NUMERAIRE].decimals
        return Fraction(self.assets[asset].mark * scale, PRICE_ONE * 10 ** self.assets[asset].decimals)

    def compute_owed(self, account: int, asset: int) -> int:
        loans = [x for x in self.loans.values() if x.borrower == account and x.asset == asset and not x.flags & IOU]
        if not loans:
            return 0
        borrowed = sum(loan.principal for loan in loans)
        rate, tenor = max(loan.rate_bp for loan in loans), max(loan.tenor_hours for loan in loans)
        overdue = sum(
            compute_interest(loan.principal, loan.rate_bp, max(self.compute_hours_since(loan) - loan.tenor_hours, 0))
            for loan in loans
        )
        return borrowed + compute_interest(borrowed, rate, tenor) + overdue

    def compute_leg(self, account: int, asset: int, severity: Fraction, cautious: bool) -> tuple[Fraction, ...]:
        """Return (up, down, basis) of one asset of an account."""
        rules = self.assets[asset]
        price = self.compute_price(asset)
        haircut = severity * Fraction(self.lent_haircut_ppm, MILLION)
        shock = min(Fraction(1), severity * Fraction(rules.price_shock_ppm, MILLION))
        slippage = severity * Fraction(rules.slippage_ppm, MILLION)

        def exit_cost(worth: Fraction) -> Fraction:
            worth = abs(worth)
            return min(worth * worth / rules.depth, LARGEST_EXIT) if rules.depth and worth > rules.depth else worth

        lent = sum(x.principal for x in self.loans.values() if x.lender == account and x.asset == asset and not x.flags)
        lent += sum(
            x.principal for x in self.loans.values()
            if x.lender == account and x.asset == asset and x.flags and not x.flags & IOU
        )  # fmt: skip
        adjusted = self.get_balance(account, asset) - self.compute_owed(account, asset) + lent * (1 - haircut)
        if asset == NUMERAIRE:
            ious = [x for x in self.loans.values() if x.flags & IOU and x.borrower == account]
            adjusted -= sum(loan.principal for loan in ious)
            adjusted -= ceil(sum((self.compute_iou_interest(loan) for loan in ious), Fraction(0)))
            for loan in self.loans.values():
                if loan.flags & IOU and loan.lender == account and not cautious:
                    adjusted += loan.principal
        worth = max(min(adjusted * price, Fraction(LARGEST_LEG)), Fraction(-LARGEST_LEG))
        if rules.holding_cap:
            worth = min(worth, Fraction(rules.holding_cap))
        if cautious and asset in self.suspended:  # V- is of admission, and nothing new stands on such a holding
            worth = min(worth, Fraction(0))
        up = worth * (1 + shock) - slippage * exit_cost(worth)
        down = worth * (1 - shock) - slippage * exit_cost(worth)
        net = worth
        for market, terms in self.markets.items():
            if terms.kind != PERP or terms.asset != asset:
                continue
            lots, paid = 0, Fraction(0)
            for (where, long, short), contract in self.contracts.items():
                if where == market and account in (long, short):
                    sign = 1 if account == long else -1
                    lots += sign * contract.lots
                    paid += sign * contract.cost
                    paid += Fraction(sign * contract.lots * (terms.funding_index - contract.index), FUNDING_ONE)
            notional = max(min(lots * self.compute_lot_mark(market), Fraction(LARGEST_LEG)), Fraction(-LARGEST_LEG))
            profit = notional - paid
            if cautious:
                profit = min(profit, Fraction(0))
            beyond = slippage * (exit_cost(notional) - abs(notional))
            up += profit + notional * shock - beyond
            down += profit - notional * shock - beyond
            net += notional
        return up, down, severity * Fraction(rules.basis_ppm, MILLION) * abs(net)

    def compute_group(self, account: int, group: int, severity_ppm: int, cautious: bool = False) -> int:
        """Return what one group of an account is worth, floored."""
        severity = Fraction(severity_ppm, MILLION)
        legs = [
            self.compute_leg(account, asset, severity, cautious)
            for asset, rules in self.assets.items()
            if rules.group == group
        ]
        up, down, basis = (sum(leg[i] for leg in legs) for i in range(3))
        return floor(min(up, down) - basis)

    def get_groups(self) -> list[int]:
        return sorted({rules.group for rules in self.assets.values()})

    def compute_value(self, account: int, severity_ppm: int, cautious: bool = False) -> int:
        """Return V(account, severity), or V-: the sum of its groups."""
        return sum(self.compute_group(account, group, severity_ppm, cautious) for group in self.get_groups())

    def copy(self) -> Exchange:
        """Return an exchange that shares nothing with this one."""
        return replace(
            self,
            assets={key: replace(row) for key, row in self.assets.items()},
            markets={key: replace(row) for key, row in self.markets.items()},
            balances=dict(self.balances),
            contracts={key: replace(row) for key, row in self.contracts.items()},
            loans={key: replace(row) for key, row in self.loans.items()},
            order_fees=dict(self.order_fees),
            oldest_first=set(self.oldest_first),
            suspended=set(self.suspended),
            received=list(self.received),
            effects=list(self.effects),
        )
