"""Commands as they are sent become the records that the library's own words become."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.codec import COMMAND_NAMES, decode_commands
from worldmarkets.exchange import Step, UnitError, UnknownName
from worldmarkets.exchange.inbound import _WRITERS, Scribe, _place_any, _place_plainly, make_records
from worldmarkets.exchange.keys import TRADING
from worldmarkets.exchange.registry import make_open
from worldmarkets.schemas import commands as sent

EXCHANGE = Exchange()
OWNER = EXCHANGE.account("trader")
OTHER = EXCHANGE.account("other", 3)
SAVER = EXCHANGE.account("trader", 1)
EXCHANGE.mark("ETH", "2000")
OWNER.deposit("USDM", "1000")
ORDER = OWNER.buy("ETH/USDM", "0.1", "1000").order


def wrap(*legs: sent.Command) -> sent.Bundle:
    return sent.Bundle(owner=OWNER.address, account=0, nonce=1, expiry=1, legs=list(legs))


def write(*legs: sent.Command) -> list[bytes]:
    return make_records(EXCHANGE, OWNER.number, wrap(*legs))


def say(story: Callable[[Scribe], object]) -> list[bytes]:
    scribe = Scribe(EXCHANGE, OWNER.number)
    story(scribe)
    return scribe.group or scribe.commands


CASES: dict[str, tuple[sent.Command, Callable[[Scribe], object]]] = {
    "open": (sent.OpenAccount(), lambda desk: desk._send(make_open(OWNER.owner, 0))),
    "withdraw": (sent.Withdraw(asset="USDM", amount="1.5"), lambda desk: desk.withdraw("USDM", "1.5")),
    "transfer": (
        sent.Transfer(asset="ETH", amount="2", to_owner=OTHER.address, to_account=3),
        lambda desk: desk.transfer(OTHER, "ETH", "2"),
    ),
    "delegate": (
        sent.AddKey(
            key=OTHER.address, expiry=1_800_000_000_000, kinds="PlaceOrder, CancelOrder", markets="ETH-PERP",
            order="1000", day="unlimited",
        ),
        lambda desk: desk.delegate(
            OTHER.address, datetime(2027, 1, 15, 8, tzinfo=UTC), kinds=("place_order", "cancel_order"),
            markets=("ETH-PERP",), order="1000", day="unlimited",
        ),
    ),
    "mandate": (
        sent.SetMandate(key=OTHER.address, kinds="trading", markets="all", floor="5"),
        lambda desk: desk.set_mandate(OTHER.address, floor="5", kinds=TRADING, markets="all"),
    ),
    "revoke": (sent.RevokeKey(key=OTHER.address), lambda desk: desk.revoke(OTHER.address)),
    "limit": (
        sent.PlaceOrder(market="ETH-PERP", side="buy", size="0.5", price="2001", client_id=7, post_only=True),
        lambda desk: desk.buy("ETH-PERP", "0.5", "2001", client_id=7, post_only=True),
    ),
    "market": (
        sent.PlaceOrder(market="ETH-PERP", side="sell", size="0.5", slippage="0.5%", reduce_only=True),
        lambda desk: desk.sell("ETH-PERP", "0.5", slippage="0.5%", reduce_only=True),
    ),
    "lend": (
        sent.PlaceOrder(market="USDM-LOAN-10D", side="sell", size="100", price="5.5%", no_relend=True),
        lambda desk: desk.lend("USDM", "100", "5.5%", "10D", relend=False),
    ),
    "good till": (
        sent.PlaceOrder(
            market="ETH-PERP", side="buy", size="1", price="2000", time_in_force="gtt", good_till=1_800_000_000_123
        ),
        lambda desk: desk.buy(
            "ETH-PERP", "1", "2000",
            good_till=datetime(2027, 1, 15, 8, tzinfo=UTC) + timedelta(milliseconds=123),
        ),
    ),
    "stop": (
        sent.PlaceOrder(market="ETH-PERP", side="sell", size="1", price="1890", stop="1900"),
        lambda desk: desk.sell("ETH-PERP", "1", "1890", stop="1900"),
    ),
    "borrowing": (
        sent.PlaceOrder(market="ETH/USDM", side="buy", size="1", price="2000", borrow_up_to="6%", time_in_force="ioc"),
        lambda desk: desk.buy("ETH/USDM", "1", "2000", borrow_up_to="6%", ioc=True),
    ),
    "cancel": (sent.CancelOrder(client_id=7), lambda desk: desk.cancel(client_id=7)),
    "cancel all": (sent.CancelAll(market="ETH-PERP", side="buy"), lambda desk: desk.cancel_all("ETH-PERP", "buy")),
    "amend": (sent.AmendOrder(order=ORDER, price="1001"), lambda desk: desk.amend(ORDER, price="1001")),
    "pair": (sent.PairOrders(client_id=1, other_client_id=2), lambda desk: desk.pair(client_id=1, other_client_id=2)),
    "dead man": (sent.SetDeadMan(timeout_ms=1_500), lambda desk: desk.set_dead_man(timedelta(seconds=1.5))),
    "bid": (
        sent.PlaceBid(size="1000", d="0.05", groups="BTC, ETH", good_till=1_800_000_000_000, client_id=5),
        lambda desk: desk.bid_backstop(
            "1000", "0.05", groups=["BTC", "ETH"], good_till=datetime(2027, 1, 15, 8, tzinfo=UTC), client_id=5
        ),
    ),
    "quotes": (
        sent.MassQuote(
            quotes=[
                sent.Quote(market="ETH-PERP", side="buy", level=1, price="1990", size="1"),
                sent.Quote(market="ETH-PERP", side="sell", level=0),
            ],
            pull_others=True,
        ),
        lambda desk: desk.quote({"ETH-PERP": {"buy": [None, ("1990", "1")], "sell": [("0", "0")]}}, pull_others=True),
    ),
    "protection": (
        sent.SetProtection(market="ETH-PERP", size="5", interval_ms=250, cool_off_ms=1_000),
        lambda desk: desk.protect("ETH-PERP", size="5", interval="0.25", cool_off=1),
    ),
    "reset": (sent.ResetProtection(market="ETH-PERP"), lambda desk: desk.reset_protection("ETH-PERP")),
    "limits": (
        sent.SetLimits(market="ETH-PERP", order="5", orders=9),
        lambda desk: desk.limit("ETH-PERP", order="5", orders=9),
    ),
    "true up": (sent.TrueUp(contract=9), lambda desk: desk.true_up(9)),
    "compress": (
        sent.Compress(
            market="ETH-PERP",
            circles=[sent.CompressLeg(contract=9, size="0.5"), sent.CompressLeg(contract=8, size="0.25")],
        ),
        lambda desk: desk.compress("ETH-PERP", [(9, "0.5"), (8, "0.25")]),
    ),
    "repay": (sent.RepayLoan(loan=9), lambda desk: desk.repay(9)),
    "extend": (sent.ExtendLoan(loan=9, cap="7%"), lambda desk: desk.extend(9, "7%")),
    "renew": (sent.RenewLoan(loan=9), lambda desk: desk.renew(9)),
    "exit": (sent.ExitLoan(loan=9, rate="7%"), lambda desk: desk.exit_loan(9, "7%")),
    "due plan": (
        sent.ConfigureLoan(steps="repay, sell", cap="7%", not_renewable=True),
        lambda desk: desk.configure_loan(steps=["repay", "sell"], cap="7%", renewable=False),
    ),
    "no due plan": (sent.ConfigureLoan(steps="none"), lambda desk: desk.configure_loan(steps=[])),
    "give up": (sent.ConfigureAccount(give_up="oldest-first"), lambda desk: desk.configure(give_up="oldest-first")),
    "compression": (sent.ConfigureAccount(compression="on"), lambda desk: desk.allow_compression()),
    "overdue": (sent.ConfigureAccount(keep_overdue="off"), lambda desk: desk.keep_overdue(False)),
    "unwind plan": (
        sent.SetPlan(
            steps=[
                sent.PlanStep(step="cancel", order=ORDER),
                sent.PlanStep(step="top-up", account=1, share="50%"),
                sent.PlanStep(step="repay", loan=9),
                sent.PlanStep(step="close", market="ETH-PERP", share="25%", slippage="0.5%"),
                sent.PlanStep(step="sell", market="ETH/USDM"),
                sent.PlanStep(step="hedge", market="BTC-PERP", slippage="20bp"),
            ]
        ),
        lambda desk: desk.set_plan(
            [
                Step.cancel(ORDER), Step.top_up(SAVER, "50%"), Step.repay(9), Step.close("ETH-PERP", "25%", "0.5%"),
                Step.sell("ETH/USDM"), Step.hedge("BTC-PERP", slippage="20bp"),
            ]
        ),
    ),
    "no unwind plan": (sent.SetPlan(), lambda desk: desk.set_plan()),
    "stake": (sent.Stake(amount="100"), lambda desk: desk.stake("100")),
    "unstake": (sent.Unstake(shares="12.5"), lambda desk: desk.unstake("12.5")),
    "unstake all": (sent.Unstake(), lambda desk: desk.unstake()),
    "cover": (sent.SetCover(covered=True), lambda desk: desk.cover()),
    "policy": (
        sent.SetPolicy(max_exposure="1000", survives="0.6"),
        lambda desk: desk.set_policy(max_exposure="1000", survives="0.6"),
    ),
    "counterparty": (
        sent.SetCounterparty(owner=OTHER.address, account=3, action="limit", limit="50"),
        lambda desk: desk.limit_exposure(OTHER, "50"),
    ),
    "deny": (
        sent.SetCounterparty(owner=OTHER.address, account=3, action="deny-owner"),
        lambda desk: desk.deny(OTHER, owner=True),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_command_becomes_the_record_that_the_library_makes(name: str) -> None:
    command, story = CASES[name]
    head, *rest = write(command)
    written = rest if head[16] == codes.BUNDLE else [head, *rest]
    assert sorted(written) == sorted(say(story))


def test_every_kind_of_command_is_written() -> None:
    assert set(_WRITERS) == set(sent.COMMANDS)


def test_every_kind_that_the_key_of_an_account_may_send_can_be_signed() -> None:
    written = {record[16] for command, _ in CASES.values() for record in write(command)}
    kinds = (codes.OWNER_KINDS | 1 << codes.OPEN_ACCOUNT) & ~(1 << codes.BUNDLE)
    assert [COMMAND_NAMES[kind] for kind in COMMAND_NAMES if kinds >> kind & 1 and kind not in written] == []


@pytest.mark.parametrize("name", ["quotes", "unwind plan", "compress"])
def test_a_command_of_several_records_stands_alone(name: str) -> None:
    for legs in ((CASES[name][0], CASES["cancel"][0]), (CASES[name][0], CASES[name][0])):
        with pytest.raises(UnitError, match="does not stand in a bundle"):
            write(*legs)


def test_legs_stand_under_one_head_in_their_order() -> None:
    legs = [CASES[name][0] for name in ("limit", "cancel", "repay")]
    head, *rest = [next(decode_commands(record)) for record in write(*legs)]
    assert (head.kind, head.count, head.account) == (codes.BUNDLE, 3, OWNER.number)
    assert [record.kind for record in rest] == [codes.PLACE_ORDER, codes.CANCEL_ORDER, codes.REPAY_LOAN]


@pytest.mark.parametrize(
    ("command", "error", "message"),
    [
        (sent.PlaceOrder(market="ETH-PREP", side="buy", size="1", price="1"), UnknownName, "leg 2: there is no market"),
        (sent.PlaceOrder(market="ETH-PERP", side="bye", size="1", price="1"), UnknownName, "leg 2: there is no side"),
        (sent.PlaceOrder(market="ETH-PERP", side="buy", size="one", price="1"), UnitError, "is not a decimal"),
        (sent.PlaceOrder(market="ETH-PERP", side="buy", size="1", price="0.0001"), UnitError, "not a multiple of"),
        (sent.PlaceOrder(market="ETH-PERP", side="buy", size="1", price="1", good_till=5), UnitError, "good_till goes"),
        (sent.PlaceOrder(market="ETH-PERP", side="buy", size="1e30", price="1"), UnitError, "out of range"),
        (sent.ConfigureAccount(), UnitError, "one setting at a time"),
        (
            sent.SetPlan(steps=[sent.PlanStep(step="sell", market="ETH/USDM"), sent.PlanStep(step="sell", order=7)]),
            UnitError,
            "leg 2: step 2: a step sell has no order",
        ),
        (sent.SetPlan(steps=[sent.PlanStep(step="pray")]), UnknownName, "leg 2: step 1: there is no step 'pray'"),
        (sent.SetPlan(steps=[sent.PlanStep(step="cancel", order=7, share="5%")]), UnitError, "has no share"),
        (sent.SetPlan(steps=[sent.PlanStep(step="top-up", account=7)]), UnknownName, "has no account 7"),
        (
            sent.SetCounterparty(owner="0x" + 40 * "9", action="deny"),
            UnknownName,
            "has no account 0",
        ),
    ],
)
def test_what_is_not_exact_or_not_there_is_named_with_its_leg(
    command: sent.Command, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write(CASES["cancel"][0], command)


@given(data=st.data())
def test_the_plain_way_of_an_order_is_the_way_of_any(data: Any) -> None:
    command = sent.PlaceOrder(
        market=data.draw(st.sampled_from(["ETH-PERP", "ETH/USDM", "USDM-LOAN-10D"])),
        side=data.draw(st.sampled_from(["buy", "sell"])),
        size=data.draw(st.sampled_from(["1", "0.5", "100", "1e3"])),
        price=data.draw(st.sampled_from(["1", "2000", "5.5%", "0"])),
        time_in_force=data.draw(st.sampled_from(["gtc", "ioc", "fok"])),
        self_trade=data.draw(st.sampled_from(["", "cancel-resting", "cancel-incoming", "cancel-both", "decrement"])),
        client_id=data.draw(st.integers(0, (1 << 63) - 1)),
        **{name: data.draw(st.booleans()) for name in ("post_only", "slide", "reduce_only", "no_relend", "protected")},
    )
    plain, full = Scribe(EXCHANGE, OWNER.number), Scribe(EXCHANGE, OWNER.number)
    try:
        _place_any(full, command)
    except UnitError:
        with pytest.raises(UnitError):
            _place_plainly(plain, command)
        return
    assert _place_plainly(plain, command)
    assert plain.commands == full.commands
