"""Mandates: every term by a worked example, and all of them against a model that reads as the specification."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.keys.stage import BOOK, PERP, Stage, collect, make_bundle, send
from worldmarkets.core import codes as c
from worldmarkets.exchange import Result
from worldmarkets.exchange.errors import UnknownName
from worldmarkets.exchange.keys import TRADING

D = Decimal
FREE = {"order": "unlimited", "day": "unlimited", "loss": "unlimited", "floor": "unlimited"}


@pytest.fixture
def stage() -> Stage:
    return Stage()


def ask(stage: Stage, key: str, method: str, *arguments: Any, **options: Any) -> Result:
    """What a key is answered with that sends what a method of Alice's account sends."""
    return send(stage.exchange, key, collect(stage.alice, method, *arguments, **options))


def hire(stage: Stage, key: str = "bot", **terms: Any) -> None:
    """Delegate to a key that trades without limits but for the terms named."""
    stage.act("delegate", key, stage.exchange.time + timedelta(days=9),
              **{"kinds": TRADING, "markets": "all", **FREE, **terms})  # fmt: skip


@pytest.mark.both
def test_a_new_key_may_do_nothing_until_its_owner_says_what(stage: Stage) -> None:
    stage.act("delegate", "bot", stage.exchange.time + timedelta(days=1))
    assert ask(stage, "bot", "buy", BOOK, "0.1", "1000").code == "MANDATE_KIND"
    stage.act("set_mandate", "bot", kinds=["place_order"])
    assert ask(stage, "bot", "buy", BOOK, "0.1", "1000").code == "MANDATE_MARKET"
    stage.act("set_mandate", "bot", markets=[BOOK])
    refused = ask(stage, "bot", "buy", BOOK, "0.1", "1000")
    assert refused.message == "PLACE_ORDER: MANDATE_ORDER: needed 0.000000, had 100.000000 USDM"
    stage.act("set_mandate", "bot", order="100")
    assert ask(stage, "bot", "buy", BOOK, "0.1", "1000").code == "MANDATE_DAY"
    stage.act("set_mandate", "bot", day="1000")
    assert ask(stage, "bot", "buy", BOOK, "0.1", "1000").accepted
    assert ask(stage, "bot", "buy", PERP, "0.1", "1000").code == "MANDATE_MARKET"
    for markets, seen in ((["BTC/USDM"], ("BTC/USDM",)), ("all", None), ([BOOK], (BOOK,))):
        stage.act("set_mandate", "bot", markets=markets)
        assert next(key.markets for key in stage.alice.keys if key.orders) == seen
    key = next(key for key in stage.alice.keys if key.orders)
    assert (key.kinds, key.markets, key.order, key.day, key.loss, key.floor, key.orders) == (
        ("place_order",), (BOOK,), 100, 1000, 0, 0, 1
    )  # fmt: skip
    assert stage.exchange.audit() == []


@pytest.mark.both
def test_fills_of_its_orders_stay_inside_the_band_also_when_they_rest(stage: Stage) -> None:
    """Alice's delegate leaves an order at 2,001, and the mark goes to 2,060; the owner's own at 2,002 is filled."""
    hire(stage)
    exchange, bob = stage.exchange, stage.bob
    low, high = (exchange.read_row("markets", 2).band_low_ticks, exchange.read_row("markets", 2).band_high_ticks)
    stage.place("bob", bob, BOOK, "sell", "1", "2300")
    taken = ask(stage, "bot", "buy", BOOK, "1", "2300")
    assert taken.accepted and not taken.fills and taken.cancelled[0].reason == "MANDATE_BAND"
    assert 0 < low < high < exchange.listing.market(BOOK).to_ticks("2300")
    send(exchange, "bob", collect(bob, "cancel_all"))
    resting = ask(stage, "bot", "sell", BOOK, "1", "2001")
    exchange.mark("ETH", "2060")
    own = stage.place("alice", stage.alice, BOOK, "sell", "1", "2002")
    result = stage.place("bob", bob, BOOK, "buy", "2", "2400")
    assert [fill.price for fill in result.fills] == [2002]  # the owner's own order is no delegate's
    gone = [event for event in result.events if event.kind == c.ORDER_CANCELLED]
    assert [(event.order_id, event.code) for event in gone] == [(resting.order, c.MANDATE_BAND)]
    assert own.order and exchange.audit() == []


def test_an_order_is_under_the_key_that_placed_or_amended_it_last(stage: Stage) -> None:
    hire(stage)
    order = stage.orders[0]
    counts = [next((key.orders for key in stage.alice.keys if key.orders), 0)]
    assert ask(stage, "bot", "amend", order, "0.5").accepted
    counts.append(next(key.orders for key in stage.alice.keys if key.orders))
    stage.act("amend", order, "0.4")
    counts.append(next((key.orders for key in stage.alice.keys if key.orders), 0))
    assert counts == [0, 1, 0]
    assert stage.exchange.audit() == []


@pytest.mark.both
def test_notional_of_a_day_is_counted_when_it_is_filled_and_starts_anew(stage: Stage) -> None:
    hire(stage, day="5000")
    exchange = stage.exchange
    assert ask(stage, "bot", "buy", BOOK, "1", "1990").accepted
    assert ask(stage, "bot", "buy", BOOK, "1", "1995").accepted  # resting orders do not count one another
    assert ask(stage, "bot", "buy", BOOK, "3", "1995").code == "MANDATE_DAY"
    stage.place("bob", stage.bob, BOOK, "sell", "1", "1990")
    assert next(key.filled for key in stage.alice.keys if key.day == 5000) == 1995
    refused = ask(stage, "bot", "buy", BOOK, "1.6", "1900")
    assert (refused.code, refused.needed, refused.had) == ("MANDATE_DAY", 5000 * 10**6, (1995 + 3040) * 10**6)
    assert ask(stage, "bot", "buy", BOOK, "1.5", "1989").accepted
    result = stage.place("bob", stage.bob, BOOK, "sell", "3", "1980")  # 1,990, then 1.5 at 1,989: too much
    assert [(fill.price, fill.size) for fill in result.fills] == [(1990, 1)]
    assert c.MANDATE_DAY in [event.code for event in result.events if event.kind == c.ORDER_CANCELLED]
    exchange.step(days=1)
    exchange.mark("ETH", "2000")
    assert ask(stage, "bot", "buy", BOOK, "1.6", "1900").accepted
    assert exchange.audit() == []


@pytest.mark.both
def test_beyond_the_loss_of_a_day_a_key_only_reduces(stage: Stage) -> None:
    """Alice is long 1 ETH-PERP at 2,000; a fall to 1,950 costs 50 (and 10 ETH beside it 500)."""
    hire(stage, loss="100")
    exchange, bob = stage.exchange, stage.bob
    assert ask(stage, "bot", "cancel_all").accepted  # the day begins
    exchange.mark("ETH", "1960")
    assert next(key.lost for key in stage.alice.keys if key.loss == 100) == 440
    stage.place("bob", bob, PERP, "sell", "5", "1961")
    refused = ask(stage, "bot", "buy", PERP, "1", "1961")
    assert refused.code == "MANDATE_LOSS" and refused.needed == 100 * 10**6 < refused.had
    send(exchange, "bob", collect(bob, "cancel_all"))
    stage.place("bob", bob, PERP, "buy", "5", "1960")
    assert ask(stage, "bot", "sell", PERP, "1", "1960").filled == 1  # less at risk than before
    assert exchange.audit() == []


@pytest.mark.both
def test_what_an_owner_takes_out_is_no_loss(stage: Stage) -> None:
    hire(stage, loss="10")
    assert ask(stage, "bot", "cancel_all").accepted
    before = next(key.lost for key in stage.alice.keys if key.loss == 10)
    stage.act("withdraw", "USDM", "5000")
    stage.act("transfer", stage.bob, "USDM", "5000")
    stage.alice.deposit("ETH", "1")
    assert next(key.lost for key in stage.alice.keys if key.loss == 10) == before == 0


@pytest.mark.both
def test_a_floor_holds_after_commands_and_at_fills_of_what_rests(stage: Stage) -> None:
    exchange, bob = stage.exchange, stage.bob
    floor = stage.alice.available_margin - 150
    hire(stage, floor=str(floor))
    stage.place("bob", bob, PERP, "sell", "1", "2000")
    refused = ask(stage, "bot", "buy", PERP, "1", "2000")  # 10 % of 2,000 and the fee
    assert (refused.code, refused.needed) == ("MANDATE_FLOOR", int(floor * 10**6))
    assert ask(stage, "bot", "buy", PERP, "0.5", "2000").filled == D("0.5")
    send(exchange, "bob", collect(bob, "cancel_all"))
    assert ask(stage, "bot", "buy", PERP, "0.5", "1999").accepted  # it rests, and V is as it was
    result = stage.place("bob", bob, PERP, "sell", "0.5", "1999")
    assert not result.fills
    assert c.MANDATE_FLOOR in [event.code for event in result.events if event.kind == c.ORDER_CANCELLED]
    assert ask(stage, "bot", "sell", PERP, "0.5", "2010", reduce_only=True).accepted
    assert stage.place("bob", bob, PERP, "buy", "0.5", "2010").filled == D("0.5")
    assert exchange.audit() == []


def test_a_bundle_is_as_allowed_as_each_of_its_legs(stage: Stage) -> None:
    hire(stage)
    legs = [collect(stage.alice, "buy", BOOK, "0.1", "1000"), collect(stage.alice, "withdraw", "USDM", "1")]
    refused = send(stage.exchange, "bot", *make_bundle(stage, *legs))
    assert (refused.code, refused.command, refused.events[-1].leg) == ("MANDATE_KIND", "WITHDRAW", 2)
    assert send(stage.exchange, "bot", *make_bundle(stage, legs[0])).accepted
    stage.act("delegate", "quoter", stage.exchange.time + timedelta(days=1), kinds=["mass_quote"], markets=[BOOK],
              **FREE)  # fmt: skip
    quotes = [stage.make(c.MASS_QUOTE, count=2)]
    quotes += [stage.make(c.QUOTE, market=market, lots=100, price_ticks=100) for market in (2, 1)]
    refused = send(stage.exchange, "quoter", *quotes)
    assert (refused.code, refused.needed, refused.events[-1].leg) == ("MANDATE_MARKET", 1, 2)
    quotes[2].market, quotes[2].level = 2, 1
    assert send(stage.exchange, "quoter", *quotes).events[-1].placed == 2
    quotes[0].flags = c.PULL_OTHERS
    assert send(stage.exchange, "quoter", *quotes).code == "MANDATE_MARKET"  # others in every market
    quotes[0].market = 2
    assert send(stage.exchange, "quoter", *quotes).accepted
    assert stage.exchange.audit() == []


def test_borrowing_for_an_order_needs_the_loan_books(stage: Stage) -> None:
    hire(stage, markets=[BOOK])
    order = {"borrow_up_to": "9%", "ioc": True}
    assert ask(stage, "bot", "buy", BOOK, "0.1", "2000", **order).code == "MANDATE_MARKET"
    books = [m.symbol for m in stage.exchange.listing.markets if m.kind == "loan" and m.asset.symbol == "USDM"]
    stage.act("set_mandate", "bot", markets=[BOOK, *books])
    assert ask(stage, "bot", "buy", BOOK, "0.1", "2000", **order).accepted


@pytest.mark.both
def test_a_resting_offer_of_a_delegate_is_asked_when_somebody_borrows_it_to_buy(stage: Stage) -> None:
    exchange, bob, book = stage.exchange, stage.bob, "USDM-LOAN-10D"
    hire(stage, markets=[book], day="3000")
    send(exchange, "bob", collect(bob, "withdraw", "USDM", str(bob.balances["USDM"] - 1000)))
    stage.place("alice", stage.alice, BOOK, "sell", "2", "2000")
    assert ask(stage, "bot", "order", book, "sell", "3000", "5%").accepted
    bought = send(exchange, "bob", collect(bob, "buy", BOOK, "1", "2000", borrow_up_to="9%"))
    assert bought.filled == 1 and len(bought.borrowed) == 1
    filled = next(key.filled for key in stage.alice.keys if key.day == 3000)
    assert filled == bought.borrowed[0].size > 1000
    stage.act("set_mandate", "bot", expires=exchange.time + timedelta(seconds=5))
    exchange.step(seconds=6)
    refused = send(exchange, "bob", collect(bob, "buy", BOOK, "1", "2000", borrow_up_to="9%"))
    assert not refused.fills and not refused.borrowed and refused.cancelled[0].reason == "BALANCE"
    assert exchange.audit() == []


@pytest.mark.both
def test_a_stop_of_a_delegate_stays_under_its_mandate_when_it_is_triggered(stage: Stage) -> None:
    exchange, bob = stage.exchange, stage.bob
    hire(stage, floor=str(stage.alice.available_margin))
    stage.place("bob", bob, PERP, "buy", "5", "1985")
    for options in ({"reduce_only": True}, {}):
        assert ask(stage, "bot", "sell", PERP, "0.1", "1980", stop="1990", **options).accepted
    result = exchange.mark("ETH", "1989")
    exchange.step(seconds=1)
    traded = [trade for trade in exchange.trades if trade.price == 1985]
    assert [trade.size for trade in traded] == [D("0.1")]  # what reduces is done, what may add is not
    assert result.accepted and not [order for order in stage.alice.orders if order.market == PERP]
    assert exchange.audit() == []


def test_commands_about_more_than_a_market_need_all_of_them(stage: Stage) -> None:
    hire(stage, markets=[BOOK], kinds=("cancel_all", "set_dead_man", "set_policy", "configure_loan", "repay_loan"))
    assert ask(stage, "bot", "cancel_all").code == "MANDATE_MARKET"
    assert ask(stage, "bot", "set_dead_man", timedelta(seconds=5)).code == "MANDATE_MARKET"
    assert ask(stage, "bot", "set_policy", max_exposure="5").code == "MANDATE_MARKET"
    assert ask(stage, "bot", "configure_loan", steps=["repay"]).code == "MANDATE_MARKET"
    assert ask(stage, "bot", "repay", stage.loan).code == "MANDATE_MARKET"
    assert ask(stage, "bot", "cancel_all", BOOK).accepted


@pytest.mark.both
def test_a_revoked_key_leaves_with_its_orders_and_nobody_elses(stage: Stage) -> None:
    hire(stage)
    exchange = stage.exchange
    for price in ("1000", "1001", "1002"):
        assert ask(stage, "bot", "buy", BOOK, "0.1", price).accepted
    assert ask(stage, "bot", "buy", BOOK, "0.1", stop="2400").accepted  # it waits for its trigger
    assert ask(stage, "bot", "pair", stage.orders[0], stage.orders[1]).accepted
    result = stage.act("revoke", "bot")
    event = next(event for event in result.events if event.kind == c.KEY_REVOKED)
    assert event.cancelled == 4
    assert {gone.reason for gone in result.cancelled} == {"KEY_REVOKED"}
    assert [order.id for order in stage.alice.orders] == stage.orders[::-1]
    assert ask(stage, "bot", "cancel_all").code == "KEY_FORBIDDEN"
    assert exchange.audit() == []


def test_orders_kept_stay_under_their_terms_until_they_are_gone(stage: Stage) -> None:
    hire(stage)
    exchange = stage.exchange
    for price in ("1990", "1991"):
        assert ask(stage, "bot", "buy", BOOK, "0.1", price).accepted
    stage.act("revoke", "bot", keep_orders=True)
    assert len(stage.alice.orders) == 4 and ask(stage, "bot", "cancel_all").code == "KEY_FORBIDDEN"
    stage.act("delegate", "bot", exchange.time + timedelta(days=1))  # the same address, with a mandate of its own
    assert stage.place("bob", stage.bob, BOOK, "sell", "0.1", "1991").filled == D("0.1")
    assert exchange.audit() == []
    exchange.step(days=10)
    exchange.mark("ETH", "2000")
    late = stage.place("bob", stage.bob, BOOK, "sell", "0.1", "1990")
    assert not late.fills and c.KEY_EXPIRED in [e.code for e in late.events if e.kind == c.ORDER_CANCELLED]
    assert exchange.audit() == []


def test_rotation_is_one_bundle(stage: Stage) -> None:
    hire(stage)
    with pytest.raises(AssertionError, match="KEY_EXISTS"):
        stage.act("delegate", "bot", stage.exchange.time + timedelta(days=1))
    bundle = stage.alice.bundle()
    bundle.revoke("bot")
    bundle.delegate("bot2", stage.exchange.time + timedelta(days=1), kinds=TRADING, markets="all", **FREE)
    assert send(stage.exchange, "alice", *make_bundle(stage, *bundle.commands)).accepted
    assert ask(stage, "bot", "cancel_all").code == "KEY_FORBIDDEN"
    assert ask(stage, "bot2", "cancel_all").accepted


def test_who_and_what_a_mandate_cannot_name(stage: Stage) -> None:
    exchange, later = stage.exchange, stage.exchange.time + timedelta(days=1)
    for name in ("alice", "0x" + "00" * 20, "0x" + "a1" * 20):
        assert ask_bundle(stage, "delegate", name, later).code == "KEY_RESERVED"
    assert ask_bundle(stage, "delegate", "bot", exchange.time).code == "EXPIRY_PAST"
    assert ask_bundle(stage, "revoke", "bot").code == "UNKNOWN_DELEGATE"
    for count in range(16 - len(stage.alice.keys)):
        stage.act("delegate", f"bot{count}", later)
    assert ask_bundle(stage, "delegate", "one too many", later).code == "KEYS_LIMIT"
    for wrong, code in (
        ({"field": c.TERM_KINDS, "bits": 1 << c.WITHDRAW}, "MANDATE_RANGE"),
        ({"field": c.TERM_ALL_MARKETS, "value": 2}, "MANDATE_RANGE"),
        ({"field": c.TERM_MARKETS, "part": 64, "bits": 1}, "MANDATE_RANGE"),
        ({"field": c.TERM_ORDER, "value": -2}, "MANDATE_RANGE"),
        ({"field": c.TERM_LOSS, "value": 10**17 + 1}, "MANDATE_RANGE"),
        ({"field": c.TERM_EXPIRY, "value": 5}, "MANDATE_RANGE"),
        ({"field": c.TERM_ORDER, "value": 5, "bits": 1}, "BAD_COMBINATION"),
        ({"field": c.TERM_KINDS, "value": 5}, "BAD_COMBINATION"),
        ({"field": 0}, "BAD_COMBINATION"),
        ({"field": 9}, "BAD_COMBINATION"),
    ):
        assert send(exchange, "alice", stage.make_key(c.SET_MANDATE, "idle", **wrong)).code == code, wrong
    with pytest.raises(UnknownName):
        stage.act("set_mandate", "idle", kinds=["withdraw"])
    with pytest.raises(UnknownName):
        stage.act("set_mandate", "idle", ceiling="5")
    assert exchange.audit() == []


def ask_bundle(stage: Stage, method: str, *arguments: Any, **options: Any) -> Result:
    """What Alice is answered with that sends what a method sends."""
    bundle = stage.alice.bundle()
    getattr(bundle, method)(*arguments, **options)
    return send(stage.exchange, "alice", *make_bundle(stage, *bundle.commands))
