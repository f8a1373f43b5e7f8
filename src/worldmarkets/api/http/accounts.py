"""What is said of an account, which anybody may ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import islice
from typing import TypeVar

from worldmarkets.api.http.text import say, say_account, say_price, say_rate, say_time
from worldmarkets.exchange import Exchange, views
from worldmarkets.exchange.account import Account
from worldmarkets.exchange.ladder import STATES
from worldmarkets.exchange.prices import CriticalPrice
from worldmarkets.exchange.results import Standing
from worldmarkets.schemas import reads

T = TypeVar("T")
_ZERO = Decimal(0)
_PRICE = Decimal("1E-8")


def say_standing(standing: Standing) -> reads.Standing:
    """Return where an account stands."""
    return reads.Standing(
        nav=say(standing.nav), available_margin=say(standing.available_margin), v_unwind=say(standing.v_unwind),
        v_auction=say(standing.v_auction), resilience=say(standing.resilience), state=standing.state,
    )  # fmt: skip


def read_account(account: Account) -> reads.Account:
    """Return an account: who it is, where it stands, what it has of each asset."""
    exchange = account.exchange
    row = exchange.read_row("accounts", account.number)
    cash = exchange.listing.numeraire
    return reads.Account(
        account=say_account(account), number=account.number, owner=account.address, index=account.index,
        standing=say_standing(account.standing), orders=row.order_count, contracts=row.contracts,
        balances=[_say_position(position) for position in account.positions],
        withdrawable_value=say(account.cautious_value(1)), open_order_loss=say(cash.from_quanta(row.order_loss)),
        dead_man=say_time(account.dead_man), allows_compression=account.allows_compression,
    )  # fmt: skip


def _say_position(position: views.Position) -> reads.Balance:
    return reads.Balance(
        asset=position.asset, balance=say(position.balance), borrowed=say(position.borrowed), owed=say(position.owed),
        lent=say(position.lent), perp=say(position.perp), perp_cost=say(position.perp_cost),
    )  # fmt: skip


def read_accounts(exchange: Exchange, after: int, limit: int) -> reads.Accounts:
    """Return a page of accounts in the order they were opened."""
    states = exchange.table("accounts")["state"]
    numbers = range(after + 1, min(after + limit + 1, len(states)))
    lines = [
        reads.AccountLine(
            account=say_account(exchange.get_account(number)), number=number, state=STATES[int(states[number])]
        )
        for number in numbers
    ]
    return reads.Accounts(accounts=lines, next=numbers[-1] if numbers and numbers[-1] + 1 < len(states) else None)


# Lists that grow: a page of them, `after` an id.


def take_page(
    found: Iterable[T], get_id: Callable[[T], int], after: int, limit: int
) -> tuple[list[T], int | None]:  # fmt: skip
    """Return a page of what follows an id (0: from the first), and the id that the next page follows, if any."""
    rest = iter(found)
    if after:
        for one in rest:
            if get_id(one) == after:
                break
    page = list(islice(rest, limit + 1))
    return page[:limit], get_id(page[limit - 1]) if len(page) > limit else None


def read_orders(account: Account, after: int, limit: int) -> reads.Orders:
    """Return a page of an account's orders, newest first."""
    page, following = take_page(account.reader.walk_orders(), lambda order: order.id, after, limit)
    return reads.Orders(orders=[say_order(account.exchange, order) for order in page], next=following)


def say_order(exchange: Exchange, order: views.Order) -> reads.Order:
    """Return an order."""
    market = exchange.listing.market(order.market)
    return reads.Order(
        id=order.id, market=order.market, side=order.side, price=say_price(market, order.price), size=say(order.size),
        kind=order.kind, trigger=say_price(market, order.trigger), post_only=order.post_only,
        reduce_only=order.reduce_only, expires=say_time(order.expires), partner=order.partner,
    )  # fmt: skip


def read_loans(account: Account, after: int, limit: int, *, by_due: bool = False) -> reads.Loans:
    """Return a page of an account's loans: those it borrowed, then those it lent; or as they fall due."""
    found = account.calendar if by_due else account.reader.walk_loans()
    page, following = take_page(found, lambda loan: loan.id, after, limit)
    return reads.Loans(loans=[_say_loan(loan) for loan in page], next=following)


def _say_loan(loan: views.Loan) -> reads.Loan:
    return reads.Loan(
        id=loan.id, asset=loan.asset, side=loan.side, counterparty=say_account(loan.counterparty),
        principal=say(loan.principal), rate=say_rate(loan.rate), receives=say_rate(loan.receives),
        interest=say(loan.interest), start=say_time(loan.start), due=say_time(loan.due), is_iou=loan.is_iou,
        overdue=loan.overdue, extensible=loan.extensible, renewable=loan.renewable, cap=say_rate(loan.cap),
        steps=list(loan.steps),
    )  # fmt: skip


def read_perps(account: Account, after: int, limit: int) -> reads.Perps:
    """Return a page of an account's perp contracts, by market and newest first."""
    page, following = take_page(account.reader.walk_perps(), lambda perp: perp.id, after, limit)
    return reads.Perps(perps=[_say_perp(perp) for perp in page], next=following)


def _say_perp(perp: views.Perp) -> reads.Perp:
    return reads.Perp(
        id=perp.id, market=perp.market, counterparty=say_account(perp.counterparty), size=say(perp.size),
        entry=say(perp.entry), break_even=say(perp.break_even), mark_value=say(perp.mark_value),
        funding=say(perp.funding), unrealised=say(perp.unrealised),
    )  # fmt: skip


def read_counterparties(account: Account, after: int, limit: int) -> reads.Counterparties:
    """Return a page of an account's counterparties by number, each with where it stands."""
    numbers = account.reader.get_counterparty_numbers()
    page, following = take_page(numbers, lambda number: number, after, limit)
    found = [account.reader.view_counterparty(number) for number in page]
    return reads.Counterparties(
        counterparties=[
            reads.Counterparty(
                account=say_account(view.account), exposure=say(view.exposure), lent=say(view.lent),
                profit=say(view.profit), shock=say(view.shock), limit=say(view.limit),
                standing=say_standing(view.account.standing),
            )
            for view in found
        ],
        next=following,
    )  # fmt: skip


# Terms and risk.


def read_policy(account: Account) -> reads.Policy:
    """Return an account's policy."""
    policy = account.policy
    return reads.Policy(
        max_exposure=say(policy.max_exposure), survives=say(policy.survives),
        true_up_threshold=say(policy.true_up_threshold), give_up=policy.give_up,
        terms=[
            reads.Term(
                counterparty=say_account(term.counterparty), owner=term.owner, denied=term.denied,
                limit=say(term.limit),
            )
            for term in policy.terms
        ],
    )  # fmt: skip


def read_curve(account: Account, points: int, to: str) -> list[reads.CurvePoint]:
    """Return V at even steps of severity."""
    return [
        reads.CurvePoint(severity=say(point.severity), value=say(point.value)) for point in account.curve(points, to)
    ]


def read_risk(account: Account, severity: str) -> reads.Risk:
    """Return where an account stands and what each group and asset takes at a severity."""
    return reads.Risk(
        account=say_account(account), severity=severity, value=say(account.value(severity)),
        standing=say_standing(account.standing), slack=say(account.slack),
        groups=[
            reads.Group(
                group=group.group, nav=say(group.nav), value=say(group.value), direction=group.direction,
                haircut=say(group.haircut), price=say(group.price), slippage=say(group.slippage),
                basis=say(group.basis),
                legs=[
                    reads.Leg(
                        asset=leg.asset, holding=say(leg.holding), perp=say(leg.perp), unrealised=say(leg.unrealised),
                        haircut=say(leg.haircut), price=say(leg.price), slippage=say(leg.slippage),
                        basis=say(leg.basis),
                    )
                    for leg in group.legs
                ],
            )
            for group in account.groups(severity)
        ],
    )  # fmt: skip


def read_break_even(account: Account) -> list[reads.BreakEven]:
    """Return the mark at which an account's perp contracts in each market have won and lost nothing."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for perp in account.reader.walk_perps():
        size, cost = sums.get(perp.market, (_ZERO, _ZERO))
        sums[perp.market] = size + perp.size, cost + perp.mark_value - perp.unrealised
    return [
        reads.BreakEven(market=market, size=say(size), price=say((cost / size).quantize(_PRICE)))
        for market, (size, cost) in sums.items()
        if size
    ]


def say_prices(account: Account, found: list[CriticalPrice]) -> reads.Prices:
    """Return the prices that matter to an account."""
    return reads.Prices(
        account=say_account(account),
        rungs=[
            reads.RungPrice(
                asset=price.asset, rung=price.rung, severity=say(price.severity), mark=say(price.mark),
                down=say(price.down), up=say(price.up), cure=say(price.cure), is_reached=price.is_reached,
            )
            for price in found
        ],
        break_even=read_break_even(account),
    )  # fmt: skip


def read_fees(account: Account) -> reads.Fees:
    """Return what an owner paid in fees, and what that cuts off today's."""
    fees = account.fee_standing
    return reads.Fees(
        month=say(fees.month), today=say(fees.today), maker_cut=say(fees.maker_cut), taker_cut=say(fees.taker_cut),
        left=say(fees.left),
    )  # fmt: skip


def read_making(account: Account) -> reads.Making:
    """Return an account's quotes, what protects them, and its limits."""
    listing = account.exchange.listing
    return reads.Making(
        quotes=[
            reads.Quote(
                market=quote.market, side=quote.side, level=quote.level,
                price=say_price(listing.market(quote.market), quote.price) or "", size=say(quote.size),
                order=quote.order,
            )
            for quote in account.quotes
        ],
        protections=[
            reads.Protection(
                market=one.market, size=say(one.size), notional=say(one.notional), delta=say(one.delta),
                interval=say(one.interval), cool_off=say(one.cool_off), filled_size=say(one.filled_size),
                filled_notional=say(one.filled_notional), filled_delta=say(one.filled_delta),
                tripped=say_time(one.tripped), reached=one.reached,
            )
            for one in account.protections.values()
        ],
        limits=[
            reads.Limits(
                market=one.market, order=say(one.order), position=say(one.position), orders=one.orders,
                notional=say(one.notional), open_orders=one.open_orders, traded_today=say(one.traded_today),
            )
            for one in account.limits.values()
        ],
    )  # fmt: skip


def read_keys(account: Account) -> list[reads.Key]:
    """Return the keys that may act for an account, and their mandates."""
    return [
        reads.Key(
            address=key.address, expires=say_time(key.expires), kinds=list(key.kinds),
            markets=None if key.markets is None else list(key.markets), order=say(key.order), day=say(key.day),
            loss=say(key.loss), floor=say(key.floor), filled=say(key.filled), lost=say(key.lost), orders=key.orders,
        )
        for key in account.keys
    ]  # fmt: skip
