"""KiloEx, April 2025, and others before it: a function that only the venue's own keeper was to call could be called by
anybody, for anybody.  Here a command acts for the account in its head alone; what it names and belongs to another is
refused, whatever the kind, and changes nothing.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.stage import enter, open_stage, refused, trade
from worldmarkets.core import codes
from worldmarkets.core.records import Command, ContractChange, Funds, OrderChange, PlaceOrder, Record


@pytest.mark.both
def test_what_belongs_to_another_cannot_be_touched() -> None:
    exchange = open_stage()
    victim = enter(exchange, "victim", USDM="10_000", ETH="5")
    other = enter(exchange, "other", USDM="100_000")
    thief = enter(exchange, "thief", USDM="10_000")
    order = victim.buy("ETH/USDM", "1", "1900", client_id=7).order
    other.lend("USDM", "1_000", rate="5%")
    loan = victim.borrow("USDM", "1_000", rate="5%").contracts[0]
    trade(victim, other, "ETH-PERP", "1", "2000")
    perp = victim.perps[0].id
    before = victim.balances, victim.orders, victim.loans, victim.perps

    for act in (
        lambda: thief.cancel(order),
        lambda: thief.amend(order, size="0.5"),
        lambda: thief.true_up(perp),
        lambda: thief.repay(loan),
        lambda: thief.extend(loan, cap="90%"),
        lambda: other.repay(loan),  # the lender is not the borrower
    ):
        with refused("NOT_OWNER"):
            act()
    with refused("UNKNOWN_ORDER"):
        thief.cancel(client_id=7)  # ids of clients are their own
    thief.cancel_all()
    with refused("BUNDLE_ACCOUNT"), thief.bundle() as bundle:
        bundle.cancel_all()
        bundle.commands.append(
            Funds(kind=codes.WITHDRAW, account=victim.number, asset=1, amount=1_000_000, to=thief.number)
        )
    with refused("BUNDLE_ACCOUNT"), thief.bundle() as bundle:
        bundle.deposit("USDM", "1_000_000")  # what only the venue says is no part of a trader's bundle
    assert (victim.balances, victim.orders, victim.loans, victim.perps) == before


@pytest.mark.both
def test_no_command_acts_for_an_account_that_there_is_not() -> None:
    exchange = open_stage()
    enter(exchange, "somebody", USDM="10_000")
    fields: dict[type[Record], dict[str, Any]] = {
        Funds: {"asset": 1, "amount": 1, "to": 1},
        PlaceOrder: {"market": 1, "lots": 1_000, "price_ticks": 600_000},
        OrderChange: {"order_id": 1, "lots": 1, "price_ticks": 1},
        ContractChange: {"contract_id": 1},
        Command: {},
    }
    kinds = {
        codes.WITHDRAW: Funds, codes.TRANSFER: Funds, codes.DEPOSIT: Funds, codes.PLACE_ORDER: PlaceOrder,
        codes.CANCEL_ORDER: OrderChange, codes.CANCEL_ALL: OrderChange, codes.AMEND_ORDER: OrderChange,
        codes.TRUE_UP: ContractChange, codes.REPAY_LOAN: ContractChange, codes.EXTEND_LOAN: ContractChange,
        codes.CONFIGURE_ACCOUNT: Command,
    }  # fmt: skip
    for account in (0, 2, 99, 2**32 - 1):
        for kind, record in kinds.items():
            result = exchange.submit(record(kind=kind, account=account, **fields[record]))
            assert result.code == "UNKNOWN_ACCOUNT", (account, kind)
    for kind in (0, codes.COMMAND_KINDS, 200, 255):
        assert exchange.submit(Command(kind=kind, account=1)).code == "UNKNOWN_KIND"


@pytest.mark.both
def test_nothing_the_venue_itself_can_send_moves_a_balance() -> None:
    exchange = open_stage()
    trader, maker = enter(exchange, "trader", USDM="10_000", ETH="1"), enter(exchange, "maker", USDM="50_000")
    trade(trader, maker, "ETH-PERP", "1", "2000")
    maker.lend("USDM", "100", rate="5%")
    trader.borrow("USDM", "100", rate="5%")
    held = [(account.balances, account.positions) for account in (trader, maker)]
    for mode in ("cancel_only", "post_only", "open"):
        exchange.set_mode(mode, "ETH-PERP")
        exchange.set_mode(mode)
    exchange.halt("ETH")
    exchange.halt("ETH", False)
    exchange.marks({"ETH": "2010", "USDM": "0.99", "BTC": "61000"})
    assert held == [(account.balances, account.positions) for account in (trader, maker)]
