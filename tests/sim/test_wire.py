"""Records written in bulk are the records that the core declares, field by field."""

import pytest

from worldmarkets.core import codes, records
from worldmarkets.core.codec import decode_commands
from worldmarkets.sim import wire

T = 1_723_161_255_000_000


@pytest.mark.parametrize(
    ("data", "record"),
    [
        (
            wire.place_order(T, 7, 2, codes.SELL, 268_000, 35, codes.IMMEDIATE_OR_CANCEL, codes.POST_ONLY),
            records.PlaceOrder(
                time_us=T, kind=codes.PLACE_ORDER, flags=codes.POST_ONLY, account=7, market=2, side=codes.SELL,
                time_in_force=codes.IMMEDIATE_OR_CANCEL, price_ticks=268_000, lots=35,
            ),
        ),
        (
            wire.cancel_order(T, 7, 1 << 40),
            records.OrderChange(time_us=T, kind=codes.CANCEL_ORDER, account=7, order_id=1 << 40),
        ),
        (
            wire.amend_order(T, 7, 1 << 40, 268_000, 35),
            records.OrderChange(
                time_us=T, kind=codes.AMEND_ORDER, account=7, order_id=1 << 40, price_ticks=268_000, lots=35
            ),
        ),
        (
            wire.repay_loan(T, 7, 1 << 40, 5),
            records.ContractChange(time_us=T, kind=codes.REPAY_LOAN, account=7, contract_id=1 << 40, amount=5),
        ),
        (
            wire.extend_loan(T, 7, 1 << 40, 900),
            records.ContractChange(time_us=T, kind=codes.EXTEND_LOAN, account=7, contract_id=1 << 40, rate_bp=900),
        ),
        (
            wire.deposit(T, 7, 2, 5),
            records.Funds(time_us=T, kind=codes.DEPOSIT, account=7, asset=2, amount=5),
        ),
        (wire.open_account(T, 9), records.OpenAccount(time_us=T, kind=codes.OPEN_ACCOUNT, owner_low=9)),
        (
            wire.set_mark(T, 2, 5, 3, 1),
            records.SetMark(
                time_us=T, kind=codes.SET_MARK, asset=2, price=5, source_time_us=T, sources=3, agreeing=1
            ),
        ),
        (wire.advance_time(T), records.Command(time_us=T, kind=codes.ADVANCE_TIME)),
    ],
)  # fmt: skip
def test_commands(data: bytes, record: records.Record) -> None:
    (decoded,) = decode_commands(data)
    assert decoded.as_dict() == record.as_dict()


def test_events_that_are_read_word_by_word() -> None:
    events = bytes(
        records.Traded(
            sequence=1,
            kind=codes.TRADED,
            code=codes.SELL,
            market=2,
            account=7,
            taker_order=3,
            maker_order=4,
            lots=5,
            maker_left=6,
            price_ticks=8,
            maker=9,
            taker_fee=-10,
            maker_fee=-11,
        )  # fmt: skip
    ) + bytes(
        records.PerpChanged(
            sequence=1,
            kind=codes.PERP_CHANGED,
            code=codes.OPENED,
            market=2,
            account=7,
            contract_id=3,
            lots=4,
            cost=5,
            change_lots=6,
            short_account=8,
        )  # fmt: skip
    )
    traded, changed = wire.iterate_events(events)
    low = (1 << 32) - 1
    assert traded[:9] == (1, codes.TRADED, codes.SELL, 2, 7, 3, 4, 5, 6)
    assert (traded[9] & low, traded[9] >> 32) == (8, 9)
    assert (traded[10] & low, traded[10] >> 32) == ((1 << 32) - 10, -11)
    assert changed[:7] == (1, codes.PERP_CHANGED, codes.OPENED, 2, 7, 3, 4)
    assert changed[9] & low == 8
    assert wire.read_event(records.PerpChanged, events, 1).short_account == 8
