"""Where an account's commands are written: names and decimals in, records out.

An account, its `submit`, its `preview` and a bundle are desks.  They take the same commands and differ only in what
becomes of them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from worldmarkets.core import codes
from worldmarkets.core.records import (
    ContractChange,
    Funds,
    OrderChange,
    OrderPair,
    PlaceBid,
    PlaceOrder,
    Record,
    SetCounterparty,
    SetPolicy,
    Switch,
    Timeout,
)
from worldmarkets.core.units import MILLION
from worldmarkets.exchange.commands import make
from worldmarkets.exchange.compression import make_compression
from worldmarkets.exchange.errors import UnitError, UnknownName
from worldmarkets.exchange.genesis import PRICED
from worldmarkets.exchange.keys import KeyDesk
from worldmarkets.exchange.ladder import Step, make_plan
from worldmarkets.exchange.listing import Market
from worldmarkets.exchange.plans import STEPS
from worldmarkets.exchange.quotes import SELF_TRADE, SIDES, QuoteDesk
from worldmarkets.exchange.units import Amount, to_rate, to_severity, to_share, to_time

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange

T = TypeVar("T")
BID_GROUPS = ("group_a", "group_b", "group_c", "group_d")
GIVE_UP = {"newest-first": codes.NEWEST_FIRST, "oldest-first": codes.OLDEST_FIRST, "weakest-first": codes.WEAKEST_FIRST}


class Desk(QuoteDesk[T], KeyDesk[T]):
    """Takes the commands of one account."""

    def __init__(self, exchange: Exchange, number: int) -> None:
        self.exchange = exchange
        self.number = number

    @abstractmethod
    def _send(self, command: Record) -> T:
        """Do with a command what this desk does."""

    # Funds.

    def deposit(self, asset: str, amount: Amount) -> T:
        """Credit what arrived from outside the exchange."""
        return self._move(codes.DEPOSIT, asset, amount, 0)

    def withdraw(self, asset: str, amount: Amount) -> T:
        """Take funds out of the exchange."""
        return self._move(codes.WITHDRAW, asset, amount, 0)

    def transfer(self, to: Desk[Any], asset: str, amount: Amount) -> T:
        """Move funds to another account."""
        return self._move(codes.TRANSFER, asset, amount, to.number)

    def _move(self, kind: int, asset: str, amount: Amount, to: int) -> T:
        listed = self.exchange.listing.asset(asset)
        quanta = listed.to_quanta(amount)
        return self._send(make(Funds, kind=kind, account=self.number, asset=listed.number, amount=quanta, to=to))

    # The default fund.

    def stake(self, amount: Amount) -> T:
        """Put numeraire into the default fund: it earns a part of covered accounts' interest, and bears defaults."""
        return self._move(codes.STAKE, self.exchange.listing.numeraire.symbol, amount, 0)

    def unstake(self, shares: Amount | None = None) -> T:
        """Let shares of the fund (all, without a number) leave it; they are paid out seven days later."""
        quanta = 0 if shares is None else self.exchange.listing.numeraire.to_quanta(shares)
        asset = self.exchange.listing.numeraire.number
        return self._send(make(Funds, kind=codes.UNSTAKE, account=self.number, asset=asset, amount=quanta))

    def cover(self, covered: bool = True) -> T:
        """Be covered by the default fund from seven days later on, or no more."""
        return self._send(make(Switch, kind=codes.SET_COVER, account=self.number, value=int(covered)))

    # Orders.

    def buy(self, market: str, size: Amount, price: Amount | None = None, **options: object) -> T:
        """Buy `size` in a spot or perp market; without a price at the market.  Options are those of `order`."""
        return self.order(market, "buy", size, price, **options)  # type: ignore[arg-type]

    def sell(self, market: str, size: Amount, price: Amount | None = None, **options: object) -> T:
        """Sell `size` in a spot or perp market; without a price at the market.  Options are those of `order`."""
        return self.order(market, "sell", size, price, **options)  # type: ignore[arg-type]

    def borrow(self, asset: str, amount: Amount, rate: str | int, tenor: str | None = None, **options: object) -> T:
        """Bid to borrow at up to `rate` a year ("5.5%", or basis points), in the book of a tenor such as "30D"."""
        book = self.exchange.listing.loan_market(asset, tenor)
        return self.order(book.symbol, "buy", amount, rate, **options)  # type: ignore[arg-type]

    def lend(self, asset: str, amount: Amount, rate: str | int, tenor: str | None = None, **options: object) -> T:
        """Offer to lend at `rate` a year or more.  `relend=False` keeps repaid principal out of the book."""
        book = self.exchange.listing.loan_market(asset, tenor)
        return self.order(book.symbol, "sell", amount, rate, **options)  # type: ignore[arg-type]

    def order(
        self, market: str, side: str, size: Amount, price: Amount | None = None, *, slippage: str | int = "1%",
        post_only: bool = False, slide: bool = False, ioc: bool = False, fok: bool = False,
        good_till: datetime | None = None, reduce_only: bool = False, relend: bool = True, client_id: int = 0,
        self_trade: str = "cancel-resting", stop: Amount | None = None, take_profit: Amount | None = None,
        protected: bool = False,
        borrow_up_to: str | int | None = None,
    ) -> T:  # fmt: skip
        """Place an order.

        `price=None` is a market order, at most `slippage` from the mark.  `slide` lets a post-only order rest one tick
        away rather than be rejected; `ioc` cancels what does not fill at once, `fok` all of it; `client_id` is an
        idempotency key for a day; `borrow_up_to` lets a spot order borrow what it lacks, at that rate a year at most,
        in one step with its fills; `self_trade` is one of cancel-resting, cancel-incoming, cancel-both, decrement.

        `stop` or `take_profit` is a trigger: the order waits until the mark reaches it, against the order's owner or
        in its favour, and is placed then.  A `protected` order is pulled when the account's protection in the market
        trips.
        """
        listed = self.exchange.listing.market(market)
        flags = codes.POST_ONLY * (post_only or slide) | codes.SLIDE * slide | codes.REDUCE_ONLY * reduce_only
        flags |= codes.NO_RELEND * (not relend) | codes.TAKE_PROFIT * (take_profit is not None)
        flags |= codes.PROTECTED * protected
        trigger = _only(stop, take_profit)
        if price is None:
            if listed.kind not in PRICED:
                what = "rate" if listed.kind == "loan" else "price"
                raise UnitError(f"{listed.symbol}: an order in a {listed.kind} book names its {what}")
            flags |= codes.MARKET
            ticks = to_share(slippage, MILLION, "slippage")
        else:
            ticks = listed.to_ticks(price)
        return self._send(
            make(
                PlaceOrder,
                kind=codes.PLACE_ORDER,
                account=self.number,
                flags=flags,
                market=listed.number,
                side=_choose(SIDES, side, "side"),
                lots=listed.to_lots(size),
                price_ticks=ticks,
                trigger_ticks=0 if trigger is None else listed.to_ticks(trigger),
                time_in_force=_time_in_force(ioc or (price is None and not fok), fok, good_till),
                self_trade=_choose(SELF_TRADE, self_trade, "self-trade prevention"),
                borrow_rate_bp=0 if borrow_up_to is None else to_rate(borrow_up_to),
                client_id=client_id,
                expiry_us=0 if good_till is None else to_time(good_till),
            )  # fmt: skip
        )

    def bid_backstop(
        self, size: Amount, d: Amount, *, groups: Sequence[str] = (), good_till: datetime | None = None,
        client_id: int = 0,
    ) -> T:  # fmt: skip
        """Bid to take slices of portfolios in auction, up to a notional, for `d` of what they lose in the shock.

        `groups` are the risk groups whose assets it takes, at most four; without any it takes everything.  It rests in
        the backstop book, and is cancelled and amended like any order.  Source: docs/spec/auction.md.
        """
        market = self.exchange.listing.backstop_market()
        if len(groups) > len(BID_GROUPS):
            raise UnitError(f"a bid names at most {len(BID_GROUPS)} groups")
        numbers = [self.exchange.get_group(name) for name in groups]
        return self._send(
            make(
                PlaceBid,
                kind=codes.PLACE_BID,
                account=self.number,
                market=market.number,
                lots=market.to_lots(size),
                price_ticks=market.to_ticks(d),
                time_in_force=codes.GOOD_TILL_CANCEL if good_till is None else codes.GOOD_TILL_TIME,
                client_id=client_id,
                expiry_us=0 if good_till is None else to_time(good_till),
                **dict(zip(BID_GROUPS, numbers, strict=False)),
            )  # fmt: skip
        )

    def cancel(self, order: int = 0, *, client_id: int = 0) -> T:
        """Cancel an order by its id, or by the client id it was placed with."""
        return self._send(
            make(OrderChange, kind=codes.CANCEL_ORDER, account=self.number, order_id=order, client_id=client_id)
        )

    def cancel_all(self, market: str | None = None, side: str | None = None) -> T:
        """Cancel the account's orders, of one market and one side or of all."""
        number = 0 if market is None else self.exchange.listing.market(market).number
        which = 2 if side is None else _choose(SIDES, side, "side")
        return self._send(make(OrderChange, kind=codes.CANCEL_ALL, account=self.number, market=number, side=which))

    def amend(
        self, order: int, size: Amount | None = None, price: Amount | None = None, trigger: Amount | None = None
    ) -> T:
        """Change an order's size or price, and the trigger of one that waits for it.

        A resting order keeps its place only when its size falls at the same price.
        """
        resting = self.exchange.find_order(order)
        condition = self.exchange.read_row("conditions", resting.condition)
        lots = resting.lots
        ticks = condition.price_ticks if condition.place == codes.PARKED else resting.price_ticks
        market = self._market_of(resting.market)
        if size is not None:
            lots = market.to_lots(size)
        if price is not None:
            ticks = market.to_ticks(price)
        return self._send(
            make(
                OrderChange,
                kind=codes.AMEND_ORDER,
                account=self.number,
                order_id=order,
                lots=lots,
                price_ticks=ticks,
                trigger_ticks=0 if trigger is None else market.to_ticks(trigger),
            )  # fmt: skip
        )

    def pair(self, order: int = 0, other: int = 0, *, client_id: int = 0, other_client_id: int = 0) -> T:
        """Make two orders in one market partners: what one fills the other loses, and they leave together.

        Either is named by its id or, within the bundle that places it, by its client id.
        """
        return self._send(
            make(
                OrderPair,
                kind=codes.PAIR_ORDERS,
                account=self.number,
                order_id=order,
                client_id=client_id,
                other_id=other,
                other_client_id=other_client_id,
            )  # fmt: skip
        )

    def set_dead_man(self, timeout: timedelta | None) -> T:
        """Have all orders but reduce-only ones cancelled after `timeout`, unless this is called again; None disarms."""
        timeout_us = 0 if timeout is None else timeout // timedelta(microseconds=1)
        return self._send(make(Timeout, kind=codes.SET_DEAD_MAN, account=self.number, timeout_us=timeout_us))

    # Contracts.

    def repay(self, loan: int, amount: Amount | None = None) -> T:
        """Repay a loan by its contract id, in part or, without an amount, whole, with the interest due."""
        quanta = 0
        if amount is not None:
            asset = self.exchange.listing.asset(self.exchange.find_loan(loan).asset)
            quanta = asset.to_quanta(amount)
            if quanta <= 0:
                raise UnitError(f"amount of {asset.symbol}: {amount} is not above zero")
        return self._send(
            make(ContractChange, kind=codes.REPAY_LOAN, account=self.number, contract_id=loan, amount=quanta)
        )

    def extend(self, loan: int, cap: str | int | None = None) -> T:
        """Pay a loan's interest and let it run a full tenor from now, at up to `cap` a year (its first cap if None)."""
        rate = 0 if cap is None else to_rate(cap)
        return self._send(
            make(ContractChange, kind=codes.EXTEND_LOAN, account=self.number, contract_id=loan, rate_bp=rate)
        )

    def renew(self, loan: int) -> T:
        """Extend a loan that is due within six hours, anybody's, for a fee of 1 % of its book's minimum."""
        return self._send(make(ContractChange, kind=codes.RENEW_LOAN, account=self.number, contract_id=loan))

    def exit_loan(self, loan: int, rate: str | int, amount: Amount | None = None) -> T:
        """Leave a loan as its lender: others who lend at up to `rate` a year take its place.

        The borrower's terms stay; the difference between the rates is settled with each interest payment.
        """
        quanta = 0
        if amount is not None:
            quanta = self.exchange.listing.asset(self.exchange.find_loan(loan).asset).to_quanta(amount)
        return self._send(
            make(
                ContractChange, kind=codes.EXIT_LOAN, account=self.number, contract_id=loan, amount=quanta,
                rate_bp=to_rate(rate),
            )
        )  # fmt: skip

    def configure_loan(
        self, loan: int = 0, *, steps: Sequence[str] | None = None, cap: str | int | None = None, renewable: bool = True
    ) -> T:
        """Choose what is done when a loan falls due, or, without one, when the loans to come do.

        `steps` are some of extend, reborrow, repay and sell, in the order in which they are tried (all of them, in this
        order, if None); `cap` is the highest rate to extend or borrow anew at; `renewable` lets others renew it.
        """
        plan = 0
        if steps is not None:
            plan = sum(_choose(STEPS, step, "step") << 4 * place for place, step in enumerate(steps)) or codes.STEP_NONE
        return self._send(
            make(
                ContractChange, kind=codes.CONFIGURE_LOAN, account=self.number, contract_id=loan, amount=plan,
                rate_bp=0 if cap is None else to_rate(cap), flags=0 if renewable else codes.LOAN_NO_RENEWAL,
            )
        )  # fmt: skip

    def true_up(self, contract: int) -> T:
        """Pay a perp contract's unrealised profit now, and strike it at the mark.

        Either side may; anybody may when the contract lies beyond a side's threshold.
        """
        return self._send(make(ContractChange, kind=codes.TRUE_UP, account=self.number, contract_id=contract))

    def compress(self, market: str, circles: Sequence[tuple[int, Amount]]) -> T:
        """Send lots round circles of perp contracts: each a contract and a size, taken off it or put on it in turn.

        Source: docs/spec/matches.md.
        """
        listed = self.exchange.listing.market(market)
        legs = [(contract, listed.to_lots(size)) for contract, size in circles]
        return self._send_group(make_compression(self.number, legs))

    def configure(self, *, give_up: str) -> T:
        """Choose which perp contracts are given up first: newest-first, oldest-first or weakest-first."""
        return self._configure(codes.GIVE_UP, _choose(GIVE_UP, give_up, "order of giving up"))

    def allow_compression(self, allowed: bool = True) -> T:
        """Let others compress circles of perp contracts that the account stands in, or no more."""
        return self._configure(codes.COMPRESSION, allowed)

    def keep_overdue(self, kept: bool = True) -> T:
        """Keep overdue loans that the account gave, as IOUs at the penalty rate, or be paid in kind for them."""
        return self._configure(codes.KEEP_OVERDUE, kept)

    def _configure(self, setting: int, value: int) -> T:
        return self._send(
            make(Switch, kind=codes.CONFIGURE_ACCOUNT, account=self.number, setting=setting, value=int(value))
        )

    def set_plan(self, steps: Sequence[Step] = ()) -> T:
        """Say what is to be done, in this order, when the account is latched; without steps the default plan is.

        Only a free account sets a plan: it is frozen at the latch.
        """
        return self._send_group(make_plan(self.exchange, self.number, steps))

    # Counterparties.

    def set_policy(
        self, *, max_exposure: Amount | None = None, survives: Amount | float | None = None,
        true_up_threshold: Amount | None = None,
    ) -> T:  # fmt: skip
        """Say with whom this account's orders in perp and loan books may make contracts; what is not named is no rule.

        `max_exposure` is the most numeraire that any one counterparty may come to owe; `survives` the severity that
        whoever becomes a counterparty must survive; `true_up_threshold` the unrealised profit or loss beyond which a
        perp contract is paid.  Other terms put the account's resting orders at the back of their queues.
        """
        cash = self.exchange.listing.numeraire
        return self._send(
            make(
                SetPolicy,
                kind=codes.SET_POLICY,
                account=self.number,
                max_exposure=0 if max_exposure is None else cash.to_quanta(max_exposure),
                severity_ppm=0 if survives is None else to_severity(survives),
                true_up_threshold=0 if true_up_threshold is None else cash.to_quanta(true_up_threshold),
            )  # fmt: skip
        )

    def limit_exposure(self, counterparty: Desk[Any], exposure: Amount) -> T:
        """Limit the exposure to one counterparty, in place of the policy's `max_exposure`."""
        quanta = self.exchange.listing.numeraire.to_quanta(exposure)
        return self._set_counterparty(counterparty, codes.LIMIT_COUNTERPARTY, quanta)

    def deny(self, counterparty: Desk[Any], *, owner: bool = False) -> T:
        """Deal no more with a counterparty or, with `owner`, with any account of its owner, also those still to come.

        What the two have between themselves may still be torn up.
        """
        return self._set_counterparty(counterparty, codes.DENY_OWNER if owner else codes.DENY_COUNTERPARTY)

    def forget(self, counterparty: Desk[Any], *, owner: bool = False) -> T:
        """Take back what `limit_exposure` or `deny` said of a counterparty or, with `owner`, of its owner."""
        return self._set_counterparty(counterparty, codes.FORGET_OWNER if owner else codes.FORGET_COUNTERPARTY)

    def _set_counterparty(self, other: Desk[Any], action: int, limit: int = 0) -> T:
        return self._send(
            make(
                SetCounterparty,
                kind=codes.SET_COUNTERPARTY,
                account=self.number,
                other=other.number,
                action=action,
                limit=limit,
            )  # fmt: skip
        )

    def _market_of(self, number: int) -> Market:
        return self.exchange.listing.market(number)


def _time_in_force(ioc: bool, fok: bool, good_till: datetime | None) -> int:
    if ioc + fok + (good_till is not None) > 1:
        raise UnitError("an order is immediate (ioc), fill or kill (fok), or good till a time: one of them")
    if ioc:
        return codes.IMMEDIATE_OR_CANCEL
    if fok:
        return codes.FILL_OR_KILL
    return codes.GOOD_TILL_TIME if good_till is not None else codes.GOOD_TILL_CANCEL


def _only(stop: Amount | None, take_profit: Amount | None) -> Amount | None:
    if stop is not None and take_profit is not None:
        raise UnitError("an order waits for one trigger: stop or take_profit")
    return take_profit if stop is None else stop


def _choose(choices: dict[str, int], name: str, what: str) -> int:
    if name not in choices:
        raise UnknownName(f"there is no {what} {name!r}; there is {', '.join(choices)}")
    return choices[name]
