"""What an account has, read from the tables: positions, orders, loans, perp contracts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from worldmarkets.core import codes, records
from worldmarkets.core.units import BASIS, FUNDING_ONE, GRID, HOUR, HOURS_A_YEAR, MINIMUM_LOAN_HOURS
from worldmarkets.exchange.plans import read_plan
from worldmarkets.exchange.results import side_name
from worldmarkets.exchange.units import from_time, from_units

if TYPE_CHECKING:
    from worldmarkets.exchange.account import Account
    from worldmarkets.exchange.exchange import Exchange

_PRICE = Decimal("1E-8")


@dataclass(frozen=True, slots=True)
class Position:
    """What an account has of one asset: sums over its contracts.  `owed` is what V takes.

    It counts interest to the end of the longest tenor, and what has accrued beyond; IOUs come on top.
    """

    asset: str
    balance: Decimal
    borrowed: Decimal
    owed: Decimal
    lent: Decimal
    perp: Decimal
    perp_cost: Decimal


@dataclass(frozen=True, slots=True)
class Order:
    """An order that rests, or that waits for its trigger.  In a loan book the price is the yearly rate in percent.

    `kind` is limit, stop or take_profit; a market order that waits has no price.  `partner` is the id of the order it
    is paired with.
    """

    id: int
    market: str
    side: str
    price: Decimal | None
    size: Decimal
    post_only: bool
    reduce_only: bool
    expires: datetime | None
    kind: str = "limit"
    trigger: Decimal | None = None
    partner: int | None = None


@dataclass(frozen=True, slots=True)
class Loan:
    """A loan contract, from one side.  `interest` is what repaying all of it now would cost on top.

    `receives` is the present lender's rate: another than `rate`, the borrower's, when a former lender left.
    """

    id: int
    asset: str
    side: str
    counterparty: Account
    principal: Decimal
    rate: Decimal
    interest: Decimal
    start: datetime
    due: datetime
    is_iou: bool
    extensible: bool
    overdue: bool
    receives: Decimal
    cap: Decimal
    renewable: bool
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """What a policy says of one counterparty or, with `owner`, of every account of its owner."""

    counterparty: Account
    owner: bool
    denied: bool
    limit: Decimal | None


@dataclass(frozen=True, slots=True)
class Policy:
    """An account's policy: None where it has no rule."""

    max_exposure: Decimal | None
    survives: Decimal | None
    true_up_threshold: Decimal | None
    give_up: str
    terms: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Counterparty:
    """What an account is exposed to one counterparty: the sum of lent, profit and shock.  `limit` is None without one.

    `lent` is principal at the mark, IOUs among it; `profit` the unrealised profit of each perp contract that has one;
    `shock` what the design shock of prices could add to it.
    """

    account: Account
    exposure: Decimal
    lent: Decimal
    profit: Decimal
    shock: Decimal
    limit: Decimal | None


@dataclass(frozen=True, slots=True)
class Perp:
    """A perp contract, from one side: a positive size is long.  `funding` is owed when positive.

    `break_even` is the mark at which nothing is gained or lost, funding counted.
    """

    id: int
    market: str
    counterparty: Account
    size: Decimal
    entry: Decimal
    break_even: Decimal
    mark_value: Decimal
    funding: Decimal
    unrealised: Decimal


@dataclass(frozen=True, slots=True)
class FundStanding:
    """An account in the default fund: its shares, their worth, those that leave; `covered` is when its cover begins."""

    shares: Decimal
    worth: Decimal
    leaving: Decimal
    covered: datetime | None


@dataclass(frozen=True, slots=True)
class BackstopBid:
    """A bid to take slices of portfolios, up to a notional, for `d` of their shock loss; `groups` empty takes all."""

    id: int
    account: Account
    d: Decimal
    size: Decimal
    groups: tuple[str, ...]
    expires: datetime | None


def read_backstop(exchange: Exchange) -> Iterator[BackstopBid]:
    """Yield the bids of the backstop book, best first.  Raises UnknownName when there is no such book."""
    market = exchange.listing.backstop_market()
    for _, level in exchange.engine.get_level_rows(2 * market.number + codes.SELL):
        row = exchange.read_row("levels", level).first
        while row:
            order = exchange.read_row("orders", row)
            yield BackstopBid(
                order.id, exchange.get_account(order.account), market.from_ticks(order.price_ticks),
                market.from_lots(order.lots), read_groups(exchange, order.bid),
                from_time(order.expiry_us) if order.expiry_us else None,
            )  # fmt: skip
            row = order.next


def read_groups(exchange: Exchange, bid: int) -> tuple[str, ...]:
    """Return the names of the groups that a bid takes, none when it takes all."""
    row = exchange.read_row("bids", bid)
    named = [group for group in (row.group_a, row.group_b, row.group_c, row.group_d) if group]
    names = {exchange.read_row("assets", asset.number).group: asset.group for asset in exchange.listing.assets}
    return tuple(names[group] for group in named)


class Views:
    """Reads one account's rows."""

    def __init__(self, exchange: Exchange, number: int) -> None:
        self._exchange = exchange
        self._listing = exchange.listing
        self._number = number

    def walk_figures(self) -> Iterator[tuple[int, Any]]:
        """Yield the account's groups: row and record."""
        row = self._exchange.read_row("accounts", self._number).first_group
        while row:
            figure = self._exchange.read_row("figures", row)
            yield row, figure
            row = figure.next

    def walk_positions(self) -> Iterator[Any]:
        """Yield the account's positions, in the order of the listing."""
        found = []
        for _, figure in self.walk_figures():
            row = figure.first_position
            while row:
                position = self._exchange.read_row("positions", row)
                found.append(position)
                row = position.next
        yield from sorted(found, key=lambda position: position.asset)

    def get_positions(self) -> list[Position]:
        """Return a view of each position."""
        found = []
        for row in self.walk_positions():
            asset = self._listing.asset(row.asset)
            market = self._exchange.read_row("assets", row.asset).perp_market
            size = self._listing.market(market).from_lots(row.lots) if market else Decimal(0)
            owed = asset.from_quanta(row.owed + compute_accrued(self._exchange, row))
            balance, borrowed, lent = map(asset.from_quanta, (row.balance, row.borrowed, row.lent))
            cost = self._listing.numeraire.from_quanta(row.cost)
            found.append(Position(asset.symbol, balance, borrowed, owed, lent, size, cost))
        return found

    def walk_orders(self) -> Iterator[Order]:
        """Yield a view of each order that rests or waits, newest first."""
        row = self._exchange.read_row("accounts", self._number).first_order
        while row:
            order = self._exchange.read_row("orders", row)
            yield self.view_order(order)
            row = order.account_next

    def view_order(self, order: Any) -> Order:
        """Return a view of an order, given by its row."""
        market = self._listing.market(order.market)
        condition = self._exchange.read_row("conditions", order.condition)
        is_parked = order.condition != codes.NONE and condition.place == codes.PARKED
        price: int | None = condition.price_ticks if is_parked else order.price_ticks
        if is_parked and order.flags & codes.MARKET:
            price = None
        partner = self._exchange.read_row("conditions", condition.partner).order if order.condition else 0
        return Order(
            order.id,
            market.symbol,
            side_name(order.side),
            None if price is None else market.from_ticks(price),
            market.from_lots(order.lots),
            bool(order.flags & codes.POST_ONLY),
            bool(order.flags & codes.REDUCE_ONLY),
            from_time(order.expiry_us) if order.expiry_us else None,
            ("take_profit" if order.flags & codes.TAKE_PROFIT else "stop") if is_parked else "limit",
            market.from_ticks(order.price_ticks) if is_parked else None,
            self._exchange.read_row("orders", partner).id if partner else None,
        )

    def walk_loans(self) -> Iterator[Loan]:
        """Yield a view of each loan: those borrowed, then those lent, newest first."""
        for loan, side, other in self._walk_loan_rows():
            yield self._view_loan(loan, side, other)

    def _walk_loan_rows(self) -> Iterator[tuple[Any, str, int]]:
        """Yield the row of each loan, the account's side of it, and the number of the other side."""
        for position in self.walk_positions():
            first = self._exchange.read_row("promises", position.promises).first_iou if position.promises else 0
            for start in (position.first_borrowed, first):
                for loan in self._walk_ring("loans", start, "borrower_next"):
                    yield loan, "borrowed", loan.lender
        for position in self.walk_positions():
            for loan in self._walk_ring("loans", position.first_lent, "lender_next"):
                yield loan, "lent", loan.borrower

    def _walk_ring(self, table: str, first: int, following: str) -> Iterator[Any]:
        row = first
        while row:
            contract = self._exchange.read_row(table, row)
            yield contract
            row = getattr(contract, following)
            if row == first:
                break

    def _view_loan(self, loan: Any, side: str, other: int) -> Loan:
        asset = self._listing.asset(loan.asset)
        is_iou = bool(loan.flags & codes.LOAN_IOU)
        return Loan(
            loan.id, asset.symbol, side, self._exchange.get_account(other),
            asset.from_quanta(loan.principal), from_units(loan.rate_bp, 2),
            asset.from_quanta(compute_interest(loan, self._exchange.time_us)), from_time(loan.start_us),
            from_time(loan.due_us), is_iou, not is_iou and not loan.flags & codes.LOAN_NO_RELEND,
            bool(loan.flags & codes.LOAN_IS_OVERDUE), from_units(loan.lender_rate_bp, 2),
            from_units(loan.cap_bp, 2), not (is_iou or loan.flags & (codes.LOAN_NO_RENEWAL | codes.LOAN_NO_RELEND)),
            () if is_iou else read_plan(loan.plan),
        )  # fmt: skip

    def get_fund(self) -> FundStanding:
        """Return a view of the account's stake in the default fund, and of its cover."""
        venue = self._exchange.read_row("venue", 1)
        stake = self._exchange.read_row("stakes", self._exchange.engine.find_stake(self._number))
        worth = stake.shares * venue.fund // venue.fund_shares if venue.fund_shares else 0
        shares, leaving, worth = map(self._listing.numeraire.from_quanta, (stake.shares, stake.leaving, worth))
        return FundStanding(
            shares, worth, leaving, from_time(stake.covered_from_us) if stake.covered_from_us else None
        )  # fmt: skip

    def get_policy(self) -> Policy:
        """Return a view of the account's policy."""
        account = self._exchange.read_row("accounts", self._number)
        policy = self._exchange.read_row("policies", account.policy)
        cash = self._listing.numeraire.from_quanta
        terms, row = [], policy.first_counterparty
        while row:
            term = self._exchange.read_row("counterparties", row)
            other = self._exchange.find_account_of(term.other) if term.is_owner else term.other
            limit = None if term.is_denied else cash(term.limit)
            terms.append(
                Term(self._exchange.get_account(other), bool(term.is_owner), bool(term.is_denied), limit)
            )  # fmt: skip
            row = term.next
        return Policy(
            cash(policy.max_exposure) if policy.max_exposure else None,
            from_units(policy.severity_ppm, 6) if policy.severity_ppm else None,
            cash(policy.true_up_threshold) if policy.true_up_threshold else None,
            ("newest-first", "oldest-first", "weakest-first")[account.give_up],
            tuple(terms),
        )  # fmt: skip

    def get_counterparty_numbers(self) -> list[int]:
        """Return the numbers of everybody the account has a contract with, in their order."""
        others = {other for _, _, other in self._walk_loan_rows()}
        others |= {perp.short_account if sign > 0 else perp.long_account for perp, sign in self._walk_perp_rows()}
        return sorted(others)

    def get_counterparties(self) -> list[Counterparty]:
        """Return a view of each counterparty the account has a contract with, the largest exposure first."""
        found = [self.view_counterparty(other) for other in self.get_counterparty_numbers()]
        return sorted(found, key=lambda view: -view.exposure)

    def view_counterparty(self, other: int) -> Counterparty:
        """Return what the account is exposed to another."""
        cash, engine = self._listing.numeraire.from_quanta, self._exchange.engine
        lent, profit, shock = engine.get_exposure(self._number, other)
        limit = engine.get_limit(self._number, other)
        return Counterparty(
            self._exchange.get_account(other), cash(lent + profit + shock), cash(lent), cash(profit), cash(shock),
            None if limit < 0 else cash(limit),
        )  # fmt: skip

    def walk_perps(self) -> Iterator[Perp]:
        """Yield a view of each perp contract, newest first within a market."""
        for perp, sign in self._walk_perp_rows():
            yield self._view_perp(perp, sign)

    def _walk_perp_rows(self) -> Iterator[tuple[Any, int]]:
        """Yield the row of each perp contract, and 1 where the account is long, else -1."""
        for position in self.walk_positions():
            sign = 1 if position.lots > 0 else -1
            for perp in self._walk_ring("perps", position.first_perp, "long_next" if sign > 0 else "short_next"):
                yield perp, sign

    def _view_perp(self, perp: Any, sign: int) -> Perp:
        market = self._listing.market(perp.market)
        cash = self._listing.numeraire
        rules = self._exchange.read_row("markets", perp.market)
        unit = self._exchange.read_row("assets", perp.asset).unit
        owed = sign * perp.lots * (rules.funding_index - perp.funding_index)
        funding = -(-owed // FUNDING_ONE)
        worth = perp.lots * rules.lot_quanta * unit // GRID
        size = market.from_lots(perp.lots)
        other = perp.short_account if sign > 0 else perp.long_account
        entry = (cash.from_quanta(perp.cost) / size).quantize(_PRICE)
        break_even = (cash.from_quanta(perp.cost + sign * funding) / size).quantize(_PRICE)
        return Perp(
            perp.id, market.symbol, self._exchange.get_account(other), size * sign, entry,
            break_even, cash.from_quanta(sign * worth), cash.from_quanta(funding),
            cash.from_quanta(sign * (worth - perp.cost) - funding),
        )  # fmt: skip


def compute_promised(exchange: Exchange, position: Any) -> int:
    """Return what IOUs add to a balance in V, in quanta: claims, less debts with their interest so far."""
    if not position.promises:
        return 0
    row: Any = exchange.read_row("promises", position.promises)
    weight, base = (row.weight_high << 64) + row.weight_low, (row.base_high << 64) + row.base_low
    interest = -(-exchange.time_us // HOUR) * weight - base
    return int(row.iou_lent - row.iou_owed + -interest // (BASIS * HOURS_A_YEAR))


def compute_accrued(exchange: Exchange, position: Any) -> int:
    """Return the interest that V takes beside `owed`, in quanta: of loans beyond their tenor."""
    total, row = 0, position.first_borrowed
    while row:
        loan = exchange.read_row("loans", row)
        hours = -(-(exchange.time_us - loan.interest_from_us) // HOUR)
        hours -= loan.tenor_hours
        total += -(-loan.principal * loan.rate_bp * max(hours, 0) // (BASIS * HOURS_A_YEAR))
        row = loan.borrower_next
        if row == position.first_borrowed:
            break
    return total


def compute_interest(loan: records.Loan, now_us: int) -> int:
    """Return the interest due on all of a loan now, in quanta.  Source: docs/spec/matches.md."""
    row: Any = loan
    if row.flags & codes.LOAN_IOU:
        hours = -(-now_us // HOUR) - -(-row.interest_from_us // HOUR)
        return int((row.principal * row.rate_bp * hours + row.carry) // (BASIS * HOURS_A_YEAR))
    hours = -(-(now_us - row.interest_from_us) // HOUR)
    if not row.minimum_paid:
        hours = max(hours, MINIMUM_LOAN_HOURS)
    return -(-row.principal * row.rate_bp * max(hours, 0) // (BASIS * HOURS_A_YEAR))
