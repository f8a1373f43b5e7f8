"""Events are said in names and decimals, whichever they are."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.ladders import bid, move, watch
from tests.exchange.test_ladder import lean_out
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.codec import EVENT_NAMES, EVENTS
from worldmarkets.core.records import ContractCounted
from worldmarkets.exchange.outbound import _FIELDS, _OTHERWISE, Writer, format_units
from worldmarkets.exchange.units import from_units


@given(units=st.integers(-(1 << 63), 1 << 63), decimals=st.integers(0, 18))
def test_units_are_written_exactly(units: int, decimals: int) -> None:
    text = format_units(units, decimals)
    assert Decimal(text) == Decimal(units).scaleb(-decimals, context=None) or abs(units) >= 10**28
    assert "e" not in text and not (decimals and text.endswith(".")) and "." not in text[-1:]
    whole, _, part = text.lstrip("-").partition(".")
    assert int(whole + part.ljust(decimals, "0")) == abs(units)


def test_a_fill_and_a_loan_in_words() -> None:
    exchange = Exchange()
    exchange.marks({"ETH": "2000"})
    maker, trader = exchange.account("maker"), exchange.account("trader")
    maker.deposit("USDM", "50_000")
    trader.deposit("USDM", "1_000")
    maker.lend("USDM", "500", rate="5.5%")
    maker.sell("ETH-PERP", "1", price="2001")
    writer = Writer(exchange)
    loan = next(event for event in trader.borrow("USDM", "500", rate="6%").events if event.kind == codes.LOAN_OPENED)
    said = writer.write(loan)
    assert (said["event"], said["principal"], said["rate"]) == ("LOAN_OPENED", "500", "5.5%")
    assert (said["account"], said["lender"], said["asset"]) == (f"{trader.address}#0", f"{maker.address}#0", "USDM")
    fill = next(event for event in trader.buy("ETH-PERP", "0.5").events if event.kind == codes.TRADED)
    said = writer.write(fill)
    assert (said["market"], said["size"], said["price"], said["code"]) == ("ETH-PERP", "0.5", "2001", "buy")
    assert said["taker_fee"] == str(Decimal(fill.taker_fee).scaleb(-6).normalize())


def test_the_ladder_in_words() -> None:
    exchange, trader, bidder = lean_out()
    bid(bidder, "ETH-PERP", "1760", "0.5")
    said = {event["event"]: event for event in map(Writer(exchange).write, move(exchange, "ETH", "1760"))}
    latched = said["LATCHED"]
    assert (latched["initial"], latched["value"], latched["code"]) == ("-386", "274", "unwind")
    assert Decimal(latched["resilience"]) == from_units(exchange.engine.get_resilience(trader.number), 6)
    ended = {event["event"]: event for event in map(Writer(exchange).write, watch(exchange, 5))}
    assert (ended["RUNG_ENDED"]["value_before"], ended["RUNG_ENDED"]["code"]) == ("274", "unwind")
    assert (ended["RUNG_COST"]["lost_to_price"], ended["RUNG_COST"]["code"]) == ("0", "free")
    assert Decimal(ended["RUNG_COST"]["fees"]) > 0


def test_a_margin_call_in_words() -> None:
    exchange, trader, _ = lean_out()
    said = {event["event"]: event for event in map(Writer(exchange).write, move(exchange, "ETH", "1890"))}
    assert (said["MARGIN_CALLED"]["missing"], said["MARGIN_CALLED"]["account"]) == ("44.75", f"{trader.address}#0")
    assert (said["ACCOUNT_STATE"]["code"], said["ACCOUNT_STATE"]["before"]) == ("margin call", "free")
    cure = said["MARGIN_CURE"]
    assert (cure["code"], cure["market"], cure["asset"]) == ("sell", "ETH-PERP", "ETH")
    assert 0 < Decimal(cure["size"]) < 3 and 1_890 < Decimal(cure["up"]) < 1_950 and cure["down"] == "0"


def test_lots_are_not_said_as_quanta() -> None:
    said = Writer(Exchange()).write(ContractCounted(kind=codes.CONTRACT_COUNTED, code=codes.AS_PERP, asset=2, amount=5))
    assert (said["amount"], said["value"]) == (5, "0")


@pytest.mark.parametrize("kind", EVENT_NAMES, ids=EVENT_NAMES.get)
def test_every_event_is_said_and_can_be_sent(kind: int) -> None:
    exchange = Exchange()
    exchange.account("somebody")
    record = EVENTS[kind](kind=kind, account=1, market=1, sequence=5)
    said = Writer(exchange).write(record)
    assert said["event"] == EVENT_NAMES[kind] and said["sequence"] == 5 and said["account"].endswith("#0")
    assert msgspec.json.decode(msgspec.json.encode(said)) == said


def test_the_table_of_meanings_names_only_what_there_is() -> None:
    named = {name for record in EVENTS.values() for name, _ in record.fields()}
    assert set(_FIELDS) <= named
    for kind, fields in _OTHERWISE.items():
        assert set(fields) <= {name for name, _ in EVENTS[kind].fields()}
