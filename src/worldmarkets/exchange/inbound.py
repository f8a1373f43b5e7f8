"""Commands as they were sent, turned into the records that the engine takes.

Names become numbers and decimals become integers here, with the listing of the venue; nothing else is decided.  A
bundle of one leg is that command; of more, a bundle.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec

from worldmarkets.core import codes
from worldmarkets.core.records import Command as CommandRecord
from worldmarkets.core.records import Record
from worldmarkets.exchange import genesis, parameters
from worldmarkets.exchange.commands import make
from worldmarkets.exchange.desk import Desk
from worldmarkets.exchange.errors import UnitError, UnknownName
from worldmarkets.exchange.keys import TRADING
from worldmarkets.exchange.quotes import SELF_TRADE, SIDES, make_limits
from worldmarkets.exchange.registry import make_open
from worldmarkets.exchange.steps import read_step
from worldmarkets.exchange.units import from_units
from worldmarkets.schemas import commands as sent

if TYPE_CHECKING:
    from worldmarkets.exchange.exchange import Exchange

_TIMES = {"gtc": {}, "ioc": {"ioc": True}, "fok": {"fok": True}, "gtt": {}}
_PLAIN_TIMES = {"gtc": codes.GOOD_TILL_CANCEL, "ioc": codes.IMMEDIATE_OR_CANCEL, "fok": codes.FILL_OR_KILL}
_PACK_ORDER = struct.Struct("<qqBBHIHBBBBHIIqqq").pack  # the fields of PlaceOrder, in order
_ON_OFF = {"on": True, "off": False}


class Scribe(Desk[None]):
    """A desk that writes its commands down, encoded; those about the venue in the name of a role."""

    def __init__(self, exchange: Exchange, number: int, role: str = "administrator") -> None:
        super().__init__(exchange, number)
        self.role = role
        self.commands: list[bytes] = []
        self.group: list[bytes] = []

    def _send(self, command: Record) -> None:
        self.commands.append(bytes(command))

    def _send_all(self, commands: list[Record]) -> None:
        self.commands += [bytes(command) for command in commands]

    def _send_group(self, records: list[Record]) -> None:
        self.group = [bytes(record) for record in records]


def make_records(exchange: Exchange, account: int, bundle: sent.Bundle, role: str = "administrator") -> list[bytes]:
    """Return what a bundle asks of the engine: one command, or one bundle, with the records that belong to it, encoded.

    `account` is the number of the account that the bundle names, 0 when there is none yet; `role` is that of the key
    that signed it, for what concerns the venue.  Raises UnitError and UnknownName, with the place of the leg.
    """
    scribe = Scribe(exchange, account, role)
    for place, leg in enumerate(bundle.legs, 1):
        try:
            _WRITERS[type(leg)](scribe, leg, bundle)
        except (UnitError, UnknownName) as error:
            raise type(error)(f"leg {place}: {error}") from None
    if scribe.group:
        if len(bundle.legs) > 1:
            raise UnitError("a mass quote, a plan or a compression does not stand in a bundle")
        return scribe.group
    if len(scribe.commands) == 1:
        return scribe.commands
    head = make(CommandRecord, kind=codes.BUNDLE, account=account, count=len(scribe.commands))
    return [bytes(head), *scribe.commands]


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1_000, UTC) + timedelta(milliseconds=milliseconds % 1_000)


def _choose(choices: dict[str, Any], name: str, what: str) -> Any:
    if name not in choices:
        raise UnknownName(f"there is no {what} {name!r}; there is {', '.join(choices)}")
    return choices[name]


def _open(scribe: Scribe, leg: sent.OpenAccount, bundle: sent.Bundle) -> None:
    scribe._send(make_open(bytes.fromhex(bundle.owner[2:]), bundle.account))


def _withdraw(scribe: Scribe, leg: sent.Withdraw, bundle: sent.Bundle) -> None:
    scribe.withdraw(leg.asset, leg.amount)


def _transfer(scribe: Scribe, leg: sent.Transfer, bundle: sent.Bundle) -> None:
    scribe.transfer(scribe.exchange.find_account(leg.to_owner, leg.to_account), leg.asset, leg.amount)


def _add_key(scribe: Scribe, leg: sent.AddKey, bundle: sent.Bundle) -> None:
    limits = {name: getattr(leg, name) or 0 for name in _LIMITS}
    kinds, markets = _read_kinds(leg.kinds), _read_markets(leg.markets)
    scribe.delegate(leg.key, _time(leg.expiry), kinds=kinds, markets=markets, **limits)


def _set_mandate(scribe: Scribe, leg: sent.SetMandate, bundle: sent.Bundle) -> None:
    terms: dict[str, Any] = {name: said for name in _LIMITS if (said := getattr(leg, name))}
    if leg.kinds:
        terms["kinds"] = _read_kinds(leg.kinds)
    if leg.markets:
        terms["markets"] = _read_markets(leg.markets)
    if leg.expiry:
        terms["expires"] = _time(leg.expiry)
    scribe.set_mandate(leg.key, **terms)


def _revoke_key(scribe: Scribe, leg: sent.RevokeKey, bundle: sent.Bundle) -> None:
    scribe.revoke(leg.key, keep_orders=leg.keep_orders)


_LIMITS = ("order", "day", "loss", "floor")


def _read_kinds(text: str) -> tuple[str, ...]:
    """The kinds of command that a list names, as the library calls them."""
    if text == "trading":
        return TRADING
    return tuple(re.sub("(?<!^)(?=[A-Z])", "_", name).lower() for name in _read_list(text))


def _read_markets(text: str) -> tuple[str, ...] | Literal["all"]:
    return "all" if text == "all" else _read_list(text)


def _read_list(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _place(scribe: Scribe, leg: sent.PlaceOrder, bundle: sent.Bundle) -> None:
    if not _place_plainly(scribe, leg):
        _place_any(scribe, leg)


def _place_plainly(scribe: Scribe, leg: sent.PlaceOrder) -> bool:
    """Write the order that nearly all are: at a price, without a condition, by what it asks for elsewhere.

    Says whether it did; `_place_any` writes every order, and the same for these.
    """
    if not leg.price or leg.good_till or leg.stop or leg.take_profit or leg.borrow_up_to or leg.slippage:
        return False
    timing, side = _PLAIN_TIMES.get(leg.time_in_force), SIDES.get(leg.side)
    self_trade = SELF_TRADE.get(leg.self_trade) if leg.self_trade else codes.CANCEL_RESTING
    if timing is None or side is None or self_trade is None:
        return False
    market = scribe.exchange.listing.market(leg.market)
    flags = (
        codes.POST_ONLY * (leg.post_only or leg.slide) | codes.SLIDE * leg.slide | codes.REDUCE_ONLY * leg.reduce_only
        | codes.NO_RELEND * leg.no_relend | codes.PROTECTED * leg.protected
    )  # fmt: skip
    lots, ticks = market.read_size(leg.size), market.read_price(leg.price)
    if not 0 <= ticks < 1 << 32 or not -1 << 63 <= lots < 1 << 63:
        return False
    scribe.commands.append(
        _PACK_ORDER(
            0, 0, codes.PLACE_ORDER, 0, flags, scribe.number, market.number, side, timing, self_trade, 0, 0, ticks, 0,
            lots, leg.client_id, 0,
        )
    )  # fmt: skip
    return True


def _place_any(scribe: Scribe, leg: sent.PlaceOrder) -> None:
    timing = _choose(_TIMES, leg.time_in_force, "time in force")
    if (leg.time_in_force == "gtt") != bool(leg.good_till):
        raise UnitError("good_till goes with time_in_force gtt")
    options: dict[str, Any] = {"slippage": leg.slippage} if leg.slippage else {}
    if leg.self_trade:
        options["self_trade"] = leg.self_trade
    scribe.order(
        leg.market, leg.side, leg.size, leg.price or None, post_only=leg.post_only, slide=leg.slide,
        good_till=_time(leg.good_till) if leg.good_till else None, reduce_only=leg.reduce_only,
        relend=not leg.no_relend, client_id=leg.client_id, stop=leg.stop or None,
        take_profit=leg.take_profit or None, protected=leg.protected, borrow_up_to=leg.borrow_up_to or None,
        **timing, **options,
    )  # fmt: skip


def _cancel(scribe: Scribe, leg: sent.CancelOrder, bundle: sent.Bundle) -> None:
    scribe.cancel(leg.order, client_id=leg.client_id)


def _cancel_all(scribe: Scribe, leg: sent.CancelAll, bundle: sent.Bundle) -> None:
    scribe.cancel_all(leg.market or None, leg.side or None)


def _amend(scribe: Scribe, leg: sent.AmendOrder, bundle: sent.Bundle) -> None:
    scribe.amend(leg.order, leg.size or None, leg.price or None, leg.trigger or None)


def _pair(scribe: Scribe, leg: sent.PairOrders, bundle: sent.Bundle) -> None:
    scribe.pair(leg.order, leg.other, client_id=leg.client_id, other_client_id=leg.other_client_id)


def _dead_man(scribe: Scribe, leg: sent.SetDeadMan, bundle: sent.Bundle) -> None:
    scribe.set_dead_man(timedelta(milliseconds=leg.timeout_ms) if leg.timeout_ms else None)


def _bid(scribe: Scribe, leg: sent.PlaceBid, bundle: sent.Bundle) -> None:
    scribe.bid_backstop(
        leg.size, leg.d, groups=leg.groups.replace(",", " ").split(),
        good_till=_time(leg.good_till) if leg.good_till else None, client_id=leg.client_id,
    )  # fmt: skip


def _mass_quote(scribe: Scribe, leg: sent.MassQuote, bundle: sent.Bundle) -> None:
    ladders: dict[str, dict[str, list[tuple[str, str] | None]]] = {}
    for quote in leg.quotes:
        levels = ladders.setdefault(quote.market, {}).setdefault(quote.side, [])
        if quote.level >= sent.MAX_LEGS:
            raise UnitError(f"level {quote.level} is not below {sent.MAX_LEGS}")
        levels.extend([None] * (quote.level + 1 - len(levels)))
        if levels[quote.level] is not None:
            raise UnitError(f"{quote.market} {quote.side} level {quote.level} is named twice")
        levels[quote.level] = (quote.price or "0", quote.size or "0")
    scribe.quote(
        ladders, all_or_none=leg.all_or_none, pull_others=leg.pull_others, post_only=not leg.not_post_only,
        slide=leg.slide,
    )  # fmt: skip


def _protect(scribe: Scribe, leg: sent.SetProtection, bundle: sent.Bundle) -> None:
    scribe.protect(
        leg.market, size=leg.size or 0, notional=leg.notional or 0, delta=leg.delta or 0,
        interval=from_units(leg.interval_ms, 3), cool_off=from_units(leg.cool_off_ms, 3),
    )  # fmt: skip


def _reset_protection(scribe: Scribe, leg: sent.ResetProtection, bundle: sent.Bundle) -> None:
    scribe.reset_protection(leg.market)


def _limit(scribe: Scribe, leg: sent.SetLimits, bundle: sent.Bundle) -> None:
    scribe.limit(
        leg.market, order=leg.order or 0, position=leg.position or 0, orders=leg.orders, notional=leg.notional or 0
    )


def _true_up(scribe: Scribe, leg: sent.TrueUp, bundle: sent.Bundle) -> None:
    scribe.true_up(leg.contract)


def _repay(scribe: Scribe, leg: sent.RepayLoan, bundle: sent.Bundle) -> None:
    scribe.repay(leg.loan, leg.amount or None)


def _extend(scribe: Scribe, leg: sent.ExtendLoan, bundle: sent.Bundle) -> None:
    scribe.extend(leg.loan, leg.cap or None)


def _renew(scribe: Scribe, leg: sent.RenewLoan, bundle: sent.Bundle) -> None:
    scribe.renew(leg.loan)


def _exit(scribe: Scribe, leg: sent.ExitLoan, bundle: sent.Bundle) -> None:
    scribe.exit_loan(leg.loan, leg.rate, leg.amount or None)


def _configure_loan(scribe: Scribe, leg: sent.ConfigureLoan, bundle: sent.Bundle) -> None:
    steps = [step for step in _read_list(leg.steps) if step != "none"] if leg.steps else None
    scribe.configure_loan(leg.loan, steps=steps, cap=leg.cap or None, renewable=not leg.not_renewable)


def _compress(scribe: Scribe, leg: sent.Compress, bundle: sent.Bundle) -> None:
    scribe.compress(leg.market, [(one.contract, one.size) for one in leg.circles])


def _configure(scribe: Scribe, leg: sent.ConfigureAccount, bundle: sent.Bundle) -> None:
    if bool(leg.give_up) + bool(leg.compression) + bool(leg.keep_overdue) != 1:
        raise UnitError("one setting at a time: give_up, compression or keep_overdue")
    if leg.give_up:
        scribe.configure(give_up=leg.give_up)
    elif leg.compression:
        scribe.allow_compression(_choose(_ON_OFF, leg.compression, "setting of compression"))
    else:
        scribe.keep_overdue(_choose(_ON_OFF, leg.keep_overdue, "setting of keep_overdue"))


def _set_plan(scribe: Scribe, leg: sent.SetPlan, bundle: sent.Bundle) -> None:
    steps = []
    for place, step in enumerate(leg.steps, 1):
        try:
            steps.append(read_step(scribe.exchange, step, bundle.owner))
        except (UnitError, UnknownName) as error:
            raise type(error)(f"step {place}: {error}") from None
    scribe.set_plan(steps)


def _stake(scribe: Scribe, leg: sent.Stake, bundle: sent.Bundle) -> None:
    scribe.stake(leg.amount)


def _unstake(scribe: Scribe, leg: sent.Unstake, bundle: sent.Bundle) -> None:
    scribe.unstake(leg.shares or None)


def _set_cover(scribe: Scribe, leg: sent.SetCover, bundle: sent.Bundle) -> None:
    scribe.cover(leg.covered)


def _set_policy(scribe: Scribe, leg: sent.SetPolicy, bundle: sent.Bundle) -> None:
    scribe.set_policy(
        max_exposure=leg.max_exposure or None, survives=leg.survives or None,
        true_up_threshold=leg.true_up_threshold or None,
    )  # fmt: skip


def _set_counterparty(scribe: Scribe, leg: sent.SetCounterparty, bundle: sent.Bundle) -> None:
    other = scribe.exchange.find_account(leg.owner, leg.account)
    if leg.action == "limit":
        scribe.limit_exposure(other, leg.limit)
    elif leg.action in ("deny", "deny-owner"):
        scribe.deny(other, owner=leg.action == "deny-owner")
    elif leg.action in ("forget", "forget-owner"):
        scribe.forget(other, owner=leg.action == "forget-owner")
    else:
        raise UnknownName(f"there is no action {leg.action!r}; there is limit, deny, deny-owner, forget, forget-owner")


# Of the administrator and the guardian: which of the two, the key says.


def _propose(scribe: Scribe, leg: sent.ProposeChange, bundle: sent.Bundle) -> None:
    values = {field.name: _read_parameter(field.value) for field in leg.fields}
    scribe._send(parameters.make_proposal(scribe.exchange, leg.about or None, values, scribe.role))


def _read_parameter(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


def _end_market(scribe: Scribe, leg: sent.EndMarket, bundle: sent.Bundle) -> None:
    scribe._send(parameters.make_end(scribe.exchange, leg.market, scribe.role))


def _cancel_change(scribe: Scribe, leg: sent.CancelChange, bundle: sent.Bundle) -> None:
    scribe._send(parameters.make_cancel(leg.change, scribe.role))


def _set_market_mode(scribe: Scribe, leg: sent.SetMarketMode, bundle: sent.Bundle) -> None:
    scribe._send(parameters.make_mode(scribe.exchange, leg.mode, leg.market or None, scribe.role))


def _set_feed(scribe: Scribe, leg: sent.SetFeed, bundle: sent.Bundle) -> None:
    scribe._send(parameters.make_halt(scribe.exchange, leg.asset, leg.halted, scribe.role))


def _set_venue_limits(scribe: Scribe, leg: sent.SetVenueLimits, bundle: sent.Bundle) -> None:
    account = scribe.exchange.find_account(leg.owner, leg.account)
    scribe._send(
        make_limits(
            scribe.exchange, codes.SET_VENUE_LIMITS, account.number, leg.market, leg.order or 0, leg.position or 0,
            leg.orders, leg.notional or 0, parameters.get_role(scribe.role),
        )
    )  # fmt: skip


_Listed = TypeVar("_Listed", genesis.Asset, genesis.Market)


def read_listing(leg: sent.ListAsset | sent.ListMarket, kind: type[_Listed]) -> _Listed:
    """Return what a command lists, as a genesis has it.  Raises UnitError."""
    said = {name: getattr(leg, name) for name in leg.__struct_fields__ if name != "fees_like"}
    try:
        return msgspec.convert({name: value for name, value in said.items() if value != ""}, kind)
    except msgspec.ValidationError as error:
        raise UnitError(str(error).replace("`$.", "`")) from None


def _list_asset(scribe: Scribe, leg: sent.ListAsset, bundle: sent.Bundle) -> None:
    scribe._send(parameters.make_listed_asset(scribe.exchange, read_listing(leg, genesis.Asset)))


def _list_market(scribe: Scribe, leg: sent.ListMarket, bundle: sent.Bundle) -> None:
    market = read_listing(leg, genesis.Market)
    scribe._send(parameters.make_listed_market(scribe.exchange, market, leg.fees_like or None))


def name_listings(exchange: Exchange, bundle: sent.Bundle, events: Sequence[Any]) -> None:
    """Keep the names of what a bundle proposed to list, which the engine does not know, by their changes."""
    legs = [leg for leg in bundle.legs if isinstance(leg, sent.ListAsset | sent.ListMarket)]
    changes = [
        event.change_id
        for event in events
        if event.kind == codes.PARAMETER_PROPOSED and event.guard in (codes.NEW_ASSET, codes.NEW_MARKET)
    ]
    for leg, change in zip(legs, dict.fromkeys(changes), strict=False):
        if isinstance(leg, sent.ListAsset):
            exchange.name_listing(change, read_listing(leg, genesis.Asset))
        else:
            exchange.name_listing(change, read_listing(leg, genesis.Market))


_WRITERS: dict[type[sent.Command], Callable[[Scribe, Any, sent.Bundle], None]] = {
    sent.OpenAccount: _open,
    sent.Withdraw: _withdraw,
    sent.Transfer: _transfer,
    sent.AddKey: _add_key,
    sent.SetMandate: _set_mandate,
    sent.RevokeKey: _revoke_key,
    sent.PlaceOrder: _place,
    sent.CancelOrder: _cancel,
    sent.CancelAll: _cancel_all,
    sent.AmendOrder: _amend,
    sent.PairOrders: _pair,
    sent.SetDeadMan: _dead_man,
    sent.PlaceBid: _bid,
    sent.MassQuote: _mass_quote,
    sent.SetProtection: _protect,
    sent.ResetProtection: _reset_protection,
    sent.SetLimits: _limit,
    sent.TrueUp: _true_up,
    sent.Compress: _compress,
    sent.RepayLoan: _repay,
    sent.ExtendLoan: _extend,
    sent.RenewLoan: _renew,
    sent.ExitLoan: _exit,
    sent.ConfigureLoan: _configure_loan,
    sent.ConfigureAccount: _configure,
    sent.SetPlan: _set_plan,
    sent.SetPolicy: _set_policy,
    sent.SetCounterparty: _set_counterparty,
    sent.Stake: _stake,
    sent.Unstake: _unstake,
    sent.SetCover: _set_cover,
    sent.ProposeChange: _propose,
    sent.EndMarket: _end_market,
    sent.CancelChange: _cancel_change,
    sent.SetMarketMode: _set_market_mode,
    sent.SetFeed: _set_feed,
    sent.SetVenueLimits: _set_venue_limits,
    sent.ListAsset: _list_asset,
    sent.ListMarket: _list_market,
}
