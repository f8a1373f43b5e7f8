"""Close-outs by hand: the example of the specification, one that leaves something to the owner, and what is refused."""

from __future__ import annotations

from decimal import Decimal as D
from itertools import pairwise
from typing import Any

import pytest

from tests.exchange.venues import open_worked
from worldmarkets import Exchange
from worldmarkets.core import codes as c
from worldmarkets.core.records import Command
from worldmarkets.exchange import Account, Rejected, Result
from worldmarkets.exchange.commands import make

pytestmark = pytest.mark.both


def enter(exchange: Exchange, name: str, **funds: str) -> Account:
    account = exchange.account(name)
    for asset, amount in funds.items():
        account.deposit(asset, amount)
    return account


def trade(buyer: Account, seller: Account, market: str, size: str, price: str) -> None:
    seller.sell(market, size, price)
    assert buyer.buy(market, size, price).filled == D(size)


def lend(lender: Account, borrower: Account, amount: str, rate: str = "5%") -> None:
    lender.lend("USDM", amount, rate)
    borrower.borrow("USDM", amount, rate)


def crash(exchange: Exchange, price: str) -> None:
    for asset in ("ETH", "stETH"):
        exchange.mark(asset, price, sources=5, agreeing=5)


def advance(exchange: Exchange) -> Result:
    """Let a millisecond pass: timed work is done, a part of a close-out among it."""
    return exchange.send(make(Command, kind=c.ADVANCE_TIME, time_us=exchange.time_us + 1_000))


def close_out(exchange: Exchange, account: Account, reason: int = c.INSOLVENT) -> list[Any]:
    """Close an account out and return the events; the audit is asked after every command."""
    assert exchange.engine.start_close_out(account.number, reason)
    events: list[Any] = []
    while not any(event.kind == c.CLOSE_OUT_DONE for event in events):
        events += advance(exchange).events
        assert exchange.audit() == []
    return events


def find(events: list[Any], kind: int) -> list[Any]:
    return [event for event in events if event.kind == kind]


class Example:
    """The specification's: a lender of 1,500, a trader who won 499.5, one who lost 100 and has 60."""

    def __init__(self) -> None:
        self.exchange = exchange = open_worked()
        self.lender = enter(exchange, "lender", USDM="2_000")
        self.winner = enter(exchange, "winner", USDM="10_000")
        self.loser = enter(exchange, "loser", USDM="200")
        self.defaulter = enter(exchange, "defaulter", ETH="1")
        lend(self.lender, self.defaulter, "1_500", "36.5%")
        self.defaulter.withdraw("USDM", "1_100")
        trade(self.defaulter, self.winner, "ETH-PERP", "0.4995", "2000")
        trade(self.loser, self.defaulter, "stETH-PERP", "0.1", "2000")
        trade(self.loser, exchange.account("maker"), "ETH/USDM", "0.07", "2000")

    def begin(self) -> None:
        """Crash, and begin the close-out: one contract, creditor or payment an item."""
        crash(self.exchange, "1000")
        self.exchange.engine.set_close_out_work(1)
        assert self.exchange.engine.start_close_out(self.defaulter.number, c.INSOLVENT)


def test_the_example_of_the_specification() -> None:
    stage = Example()
    crash(stage.exchange, "1000")
    assert stage.defaulter.state == "close-out"
    bystander = dict(stage.exchange.account("maker").balances)
    events = close_out(stage.exchange, stage.defaulter)

    counted = find(events, c.CLOSE_OUT_COUNTED)[0]
    assert (counted.claims, counted.holdings, counted.lent) == (2_000_000_000, 1_460_000_000, 40_000_000)
    assert (counted.ratio_ppb, counted.creditors, counted.debtors) == (750_000_000, 2, 1)
    assert stage.lender.balances == {"USDM": D("845.115"), "ETH": D("0.75025")}
    assert stage.winner.balances == {"USDM": D("10_114.885"), "ETH": D("0.24975")}
    assert stage.loser.balances == {"ETH": D("0.07")}
    ious = {loan.counterparty.name: loan.principal for loan in stage.loser.loans}
    assert ious == {"lender": D("30.01"), "winner": D("9.99")}
    assert stage.defaulter.balances == {}
    assert stage.defaulter.loans == stage.defaulter.perps == []
    assert stage.defaulter.state == "free"
    done = find(events, c.CLOSE_OUT_DONE)[0]
    assert (done.claims, done.paid, done.unpaid, done.value) == (2_000_000_000, 1_500_000_000, 500_000_000, 0)
    assert bystander == stage.exchange.account("maker").balances


def test_a_step_takes_four_microseconds() -> None:
    """What a close-out does is bounded in time, however many commands come at one time."""
    stage = Example()
    stage.begin()
    due = [stage.exchange.time_us]
    while stage.defaulter.closing is not None:
        for _ in range(3):
            stage.exchange.send(make(Command, kind=c.ADVANCE_TIME, time_us=due[-1]))
        due.append(stage.exchange.read_row("venue", 1).next_due_us)
    assert len(due) > 8
    waits = [later - earlier for earlier, later in pairwise(due[:-1])]
    assert min(waits) == 4 and not any(wait % 4 for wait in waits), "one that sees to several contracts takes as long"
    stage.exchange.step(seconds=1)
    assert stage.exchange.engine.start_close_out(stage.loser.number, c.OUT_OF_TIME)
    assert stage.exchange.read_row("venue", 1).next_due_us == stage.exchange.time_us, "it need not wait for long ago"


def test_the_events_give_every_figure_again() -> None:
    """Whoever has the log and the genesis finds every payment by himself."""
    stage = Example()
    crash(stage.exchange, "1000")
    events = close_out(stage.exchange, stage.defaulter)
    net: dict[int, int] = {}
    for event in find(events, c.CONTRACT_COUNTED):
        net[event.other] = net.get(event.other, 0) + event.value
    claims = {other: value for other, value in net.items() if value > 0}
    counted = find(events, c.CLOSE_OUT_COUNTED)[0]
    assert sum(claims.values()) == counted.claims
    for event in find(events, c.CLAIM_PAID):
        assert event.claim == claims[event.creditor]
    of_ether = {e.creditor: e.amount for e in find(events, c.CLAIM_PAID) if e.asset == 2}
    assert of_ether == {other: 10**8 * claim // counted.claims for other, claim in claims.items()}


def test_out_of_time_pays_in_full_and_leaves_the_rest() -> None:
    """With V(0) >= 0 what is delivered counts less its slippage, 0.5 % of ETH; the owner keeps what is left.

    At 1,390: 400 + 1,390 * 0.995 = 1,783.05 are held, 1,500.5 + 304.695 - 61 = 1,744.195 claimed, in one ratio.
    """
    stage = Example()
    crash(stage.exchange, "1390")
    assert stage.defaulter.nav > 0 > stage.defaulter.available_margin
    events = close_out(stage.exchange, stage.defaulter, c.OUT_OF_TIME)
    counted = find(events, c.CLOSE_OUT_COUNTED)[0]
    assert counted.holdings == 400_000_000 + 60_000_000 + 1_383_050_000
    assert counted.claims == 1_500_500_000 + 304_695_000
    done = find(events, c.CLOSE_OUT_DONE)[0]
    assert done.unpaid == 0 and done.paid <= counted.claims <= done.paid + 40
    given = {event.asset: 0 for event in find(events, c.CLAIM_PAID)}
    for event in find(events, c.CLAIM_PAID):
        given[event.asset] += event.amount
    for asset, held in ((1, 460_000_000), (2, 10**8)):
        part = -(-held * counted.claims // counted.holdings)
        assert part - 2 <= given[asset] <= part
    assert (
        stage.defaulter.balances["USDM"] == D("460") - D(-(-460_000_000 * counted.claims // counted.holdings)) / 10**6
    )


def test_nothing_reaches_an_account_that_is_closed_out() -> None:
    stage = Example()
    stage.begin()
    loan = stage.lender.loans[0].id
    for code, act in (
        ("ACCOUNT_CLOSING", lambda: stage.defaulter.deposit("USDM", "1")),
        ("ACCOUNT_CLOSING", lambda: stage.defaulter.buy("ETH/USDM", "0.1", "900")),
        ("COUNTERPARTY_CLOSING", lambda: stage.winner.transfer(stage.defaulter, "USDM", "1")),
        ("COUNTERPARTY_CLOSING", lambda: stage.lender.exit_loan(loan, rate="60%")),
    ):
        with pytest.raises(Rejected, match=code):
            act()
    assert stage.exchange.audit() == []
    # a contract with it cannot be given up: the winner's short is reduced by nobody's order, and opens nothing else
    buyer = stage.winner.submit.buy("ETH-PERP", "0.1", "1000")
    assert buyer.filled == 0
    close_out_events = []
    while not find(close_out_events, c.CLOSE_OUT_DONE):
        close_out_events += advance(stage.exchange).events
        assert stage.exchange.audit() == []


def test_who_recovers_while_it_waits_is_let_go() -> None:
    stage = Example()
    crash(stage.exchange, "1000")
    engine = stage.exchange.engine
    assert engine.start_close_out(stage.defaulter.number, c.INSOLVENT)
    for asset in ("ETH", "stETH"):  # the mark comes before the timed work that is due with it
        exchange_events = stage.exchange.mark(asset, "2000", sources=5, agreeing=5)
    assert exchange_events is not None
    assert stage.exchange.audit() == []


def test_an_account_without_contracts_has_nothing_to_close() -> None:
    exchange = open_worked()
    nobody = enter(exchange, "nobody", USDM="5")
    assert not exchange.engine.start_close_out(nobody.number, c.OUT_OF_TIME)


def test_its_orders_leave_the_books_first() -> None:
    stage = Example()
    order = stage.defaulter.sell("ETH/USDM", "0.1", "5000").order
    stop = stage.defaulter.sell("ETH/USDM", "0.1", "1500", stop="1600").order
    crash(stage.exchange, "1700")
    events = close_out(stage.exchange, stage.defaulter, c.OUT_OF_TIME)
    gone = [e.order_id for e in find(events, c.ORDER_CANCELLED) if e.code == c.REASON_CLOSE_OUT]
    assert sorted(gone) == sorted([order, stop]) or events[-1].code == c.RECOVERED


def test_loans_that_it_gave_go_to_its_creditors() -> None:
    """Its borrower's terms stay; where a creditor's part ends within a loan, the loan is split."""
    exchange = open_worked()
    first = enter(exchange, "first", USDM="5_000")
    second = enter(exchange, "second", USDM="5_000")
    borrower = enter(exchange, "borrower", USDM="5_000")
    defaulter = enter(exchange, "defaulter", USDM="1_000")
    lend(defaulter, borrower, "600", "10%")
    lend(first, defaulter, "300", "36.5%")
    lend(second, defaulter, "600", "36.5%")
    trade(defaulter, first, "ETH-PERP", "0.9", "2000")
    trade(defaulter, second, "ETH-PERP", "0.9", "2000")
    crash(exchange, "1000")
    assert defaulter.state == "close-out"
    due = borrower.loans[0].due
    events = close_out(exchange, defaulter)
    counted = find(events, c.CLOSE_OUT_COUNTED)[0]
    claims = {first.number: 300_100_000 + 900_000_000, second.number: 600_200_000 + 900_000_000}
    assert counted.claims == sum(claims.values())
    parts = {loan.counterparty.name: loan for loan in borrower.loans}
    wanted = {a: 600_000_000 * claim // counted.claims for a, claim in claims.items()}
    assert abs(parts["first"].principal * 10**6 - wanted[first.number]) <= 1
    assert abs(parts["second"].principal * 10**6 - wanted[second.number]) <= 1
    assert parts["first"].due == parts["second"].due == due
    assert parts["first"].rate == D("10")
    assert borrower.balances == {"USDM": D("5_600")}


def test_a_former_lenders_part_is_its_own_claim() -> None:
    """A lender that left is owed its hours by the borrower, through the present lender: it claims them itself."""
    exchange = open_worked()
    former = enter(exchange, "former", USDM="5_000")
    lender = enter(exchange, "lender", USDM="5_000")
    winner = enter(exchange, "winner", USDM="50_000")
    defaulter = enter(exchange, "defaulter", USDM="1_000")
    lend(former, defaulter, "1_000", "36.5%")
    exchange.step(hours=20)
    crash(exchange, "2000")
    lender.lend("USDM", "1_000", "36.5%")
    former.exit_loan(former.loans[0].id, rate="36.5%")
    exchange.step(hours=10)
    crash(exchange, "2000")
    trade(defaulter, winner, "ETH-PERP", "1.5", "2000")
    crash(exchange, "1000")
    assert defaulter.state == "close-out"
    events = close_out(exchange, defaulter)
    shares = [e for e in find(events, c.CONTRACT_COUNTED) if e.code == c.AS_SHARE]
    assert [(e.other, e.value) for e in shares] == [(former.number, 833_333)]  # 20 h of 1,000 at 36.5 %
    loans = [e for e in find(events, c.CONTRACT_COUNTED) if e.code == c.AS_LOAN]
    assert [(e.other, e.value) for e in loans] == [(lender.number, 1_000_416_667)]


def test_one_default_makes_another_through_their_contract_alone() -> None:
    """The middle one is hedged, 5,000 won and 5,000 lost; it gets 2,100 for what it won, and has 1,000 besides."""
    exchange = open_worked()
    first = enter(exchange, "first", USDM="2_100")
    middle = enter(exchange, "middle", USDM="5_000")
    last = enter(exchange, "last", USDM="10_000")
    trade(first, middle, "ETH-PERP", "10", "2000")
    trade(middle, last, "stETH-PERP", "10", "2000")
    middle.withdraw("USDM", "4_000")
    crash(exchange, "1500")
    assert (first.state, middle.state) == ("close-out", "free")
    close_out(exchange, first)
    assert (middle.state, middle.nav) == ("close-out", D("-1_900"))
    events = close_out(exchange, middle)
    assert find(events, c.CLOSE_OUT_DONE)[0].unpaid == 1_900_000_000
    assert last.balances == {"USDM": D("13_100")}
    assert first.balances == middle.balances == {}
