"""Stops, take-profits, pairs, the dead man's switch, and expiries, as an account sees them."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.records import Command
from worldmarkets.exchange import Account, Rejected, UnitError


@pytest.fixture
def quoted(exchange: Exchange, maker: Account) -> Exchange:
    """ETH at 2,000, quoted around it."""
    maker.buy("ETH-PERP", "5", "1999")
    maker.sell("ETH-PERP", "5", "2001")
    return exchange


@pytest.fixture
def long(quoted: Exchange, trader: Account) -> Account:
    """The trader, long one ETH at 2,001."""
    trader.buy("ETH-PERP", "1", "2001")
    return trader


def get_size(account: Account) -> D:
    return sum((perp.size for perp in account.perps), D(0))


def get_codes(result) -> list[tuple[int, int]]:
    return [(event.kind, event.code) for event in result.events]


def test_a_stop_waits_for_the_mark_and_sells(quoted: Exchange, long: Account) -> None:
    placed = long.sell("ETH-PERP", "1", slippage="2%", stop="1990", reduce_only=True)
    [order] = long.orders
    assert (order.kind, order.trigger, order.price, order.size) == ("stop", 1990, None, 1)
    assert quoted.market("ETH-PERP").ask.size == 4  # in no book
    quoted.mark("ETH", "1990.1")
    assert get_size(long) == 1
    marked = quoted.mark("ETH", "1990")
    triggered = next(event for event in marked.events if event.kind == codes.ORDER_TRIGGERED)
    assert triggered.order_id == placed.order
    assert triggered.mark == 1990 * 10**8
    assert long.perps == []
    assert long.orders == []


@pytest.mark.parametrize(
    ("side", "option", "fires", "waits"),
    [
        ("sell", "stop", "1990", "2010"), ("buy", "stop", "2010", "1990"),
        ("sell", "take_profit", "2010", "1990"), ("buy", "take_profit", "1990", "2010"),
    ],
)  # fmt: skip
def test_which_way_the_mark_must_go(
    quoted: Exchange, trader: Account, side: str, option: str, fires: str, waits: str
) -> None:
    with pytest.raises(Rejected) as refused:
        trader.order("ETH-PERP", side, "0.1", "2000", **{option: waits})  # type: ignore[arg-type]
    assert refused.value.code == "TRIGGER_PASSED"
    trader.order("ETH-PERP", side, "0.1", "2000", **{option: fires})  # type: ignore[arg-type]
    quoted.mark("ETH", waits)
    assert [order.kind for order in trader.orders] == [option]
    quoted.mark("ETH", fires)
    [order] = trader.orders  # a limit at 2,000 meets nothing, and rests
    assert (order.kind, order.price, order.trigger) == ("limit", 2000, None)


def test_what_trades_triggers_nothing(quoted: Exchange, trader: Account, maker: Account) -> None:
    trader.sell("ETH-PERP", "0.1", "1900", stop="1999")
    maker.submit.sell("ETH-PERP", "5", "1999", self_trade="cancel-resting")
    other = quoted.account("other")
    other.deposit("USDM", "100_000")
    other.buy("ETH-PERP", "1", "2000")
    assert quoted.market("ETH-PERP").trades[-1].price == 1999
    assert [order.kind for order in trader.orders] == ["stop"]


def test_a_triggered_order_is_checked_as_a_new_one(quoted: Exchange, trader: Account) -> None:
    """Parked it costs nothing; triggered it would need margin that is not there."""
    placed = trader.buy("ETH-PERP", "100", "2020", stop="2010")
    assert trader.available_margin == 1000
    marked = quoted.mark("ETH", "2010")
    [gone] = [event for event in marked.events if event.kind == codes.ORDER_CANCELLED]
    assert (gone.order_id, gone.code, gone.lots) == (placed.order, codes.MARGIN, gone.lots)
    assert not [event for event in marked.events if event.kind == codes.ORDER_TRIGGERED]
    assert trader.orders == []


def test_a_jump_volatile_enough_lets_only_reducing_stops_through(quoted: Exchange, long: Account) -> None:
    reduces = long.sell("ETH-PERP", "1", "1700", stop="1850", reduce_only=True).order
    adds = long.sell("ETH-PERP", "1", "1700", stop="1840").order
    marked = quoted.mark("ETH", "1800")  # 10 %: more than rp / 2 within a minute
    assert [event.order_id for event in marked.events if event.kind == codes.ORDER_TRIGGERED] == [reduces]
    assert [(event.order_id, event.code) for event in marked.events if event.kind == codes.ORDER_CANCELLED] == [
        (adds, codes.FEED_STATE)
    ]


def test_a_stop_with_nothing_left_to_reduce_is_cancelled(quoted: Exchange, long: Account, maker: Account) -> None:
    stop = long.sell("ETH-PERP", "1", "1900", stop="1990", reduce_only=True).order
    long.sell("ETH-PERP", "1", "1999")
    marked = quoted.mark("ETH", "1990")
    assert [(event.order_id, event.code) for event in marked.events if event.kind == codes.ORDER_CANCELLED] == [
        (stop, codes.NOTHING_TO_REDUCE)
    ]


def test_a_jump_places_all_it_passed_over_several_commands(exchange: Exchange, maker: Account) -> None:
    """Sixteen a command, the trigger passed first before the others; the mark may come back meanwhile."""
    orders = {}
    for number in range(60):
        trigger = 1999 - number * 7 % 60
        orders[trigger] = maker.sell("ETH-PERP", "0.1", "2100", stop=str(trigger)).order
    results = [exchange.mark("ETH", "1930"), exchange.mark("ETH", "2000")]
    with pytest.raises(Rejected) as refused:
        maker.sell("ETH-PERP", "0.1", "2100", stop="1975")  # that mark's orders are still being placed
    assert refused.value.code == "TRIGGER_PASSED"
    results += [exchange.mark("ETH", "2000"), exchange.mark("ETH", "2000")]
    fired = [[event.order_id for event in result.events if event.kind == codes.ORDER_TRIGGERED] for result in results]
    assert [len(part) for part in fired] == [16, 16, 16, 12]
    assert sum(fired, []) == [orders[trigger] for trigger in range(1999, 1939, -1)]
    maker.sell("ETH-PERP", "0.1", "2100", stop="1975")
    assert exchange.audit() == []


def test_amending_a_stop(quoted: Exchange, long: Account) -> None:
    stop = long.sell("ETH-PERP", "1", "1980", stop="1990").order
    long.amend(stop, size="0.5", price="1970", trigger="1985")
    [order] = long.orders
    assert (order.size, order.price, order.trigger) == (D("0.5"), 1970, 1985)
    with pytest.raises(Rejected) as refused:
        long.amend(stop, trigger="2000")
    assert refused.value.code == "TRIGGER_PASSED"
    quoted.mark("ETH", "1985")
    resting = long.sell("ETH-PERP", "0.1", "2050").order
    with pytest.raises(Rejected) as refused:
        long.amend(resting, trigger="1900")
    assert refused.value.code == "BAD_COMBINATION"


def test_cancelling_a_stop(long: Account) -> None:
    stop = long.sell("ETH-PERP", "1", "1980", stop="1990", client_id=7).order
    assert [gone.order for gone in long.cancel(client_id=7).cancelled] == [stop]
    other = long.sell("ETH-PERP", "1", "1980", stop="1990", client_id=8)
    assert long.sell("ETH-PERP", "1", "1980", stop="1990", client_id=8).order == other.order  # repeated
    assert len(long.cancel_all().cancelled) == 1


def test_a_stop_expires(quoted: Exchange, long: Account) -> None:
    stop = long.sell("ETH-PERP", "1", "1980", stop="1990", good_till=quoted.time + timedelta(minutes=5)).order
    quoted.step(minutes=5)
    assert long.orders == []
    assert stop


def test_a_stop_may_not_be_post_only_or_in_a_loan_book(long: Account) -> None:
    for place in (
        lambda: long.sell("ETH-PERP", "1", "1980", stop="1990", post_only=True),
        lambda: long.lend("USDM", "100", "5%", stop="1%"),
    ):
        with pytest.raises(Rejected) as refused:
            place()
        assert refused.value.code == "BAD_COMBINATION"
    with pytest.raises(UnitError):
        long.sell("ETH-PERP", "1", "1980", stop="1990", take_profit="2010")


def test_at_most_256_orders_wait(exchange: Exchange, maker: Account) -> None:
    for number in range(256):
        maker.sell("ETH-PERP", "0.1", "1900", stop=str(1700 + number))
    with pytest.raises(Rejected) as refused:
        maker.sell("ETH-PERP", "0.1", "1900", stop="1699")
    assert refused.value.code == "TRIGGERS_LIMIT"


def test_nothing_is_triggered_where_nothing_trades(quoted: Exchange, long: Account) -> None:
    long.sell("ETH-PERP", "1", "1900", stop="1990", reduce_only=True)
    quoted.set_mode("cancel_only", "ETH-PERP")
    quoted.mark("ETH", "1980")
    quoted.mark("ETH", "2000")
    quoted.set_mode("open", "ETH-PERP")
    assert get_size(long) == 1
    quoted.mark("ETH", "1990")
    assert get_size(long) == 0


# Pairs.


@pytest.fixture
def pair(long: Account) -> tuple[int, int]:
    """A take-profit at 2,050 and a stop at 1,990, partners."""
    with long.bundle() as bundle:
        bundle.sell("ETH-PERP", "1", "2050", reduce_only=True, client_id=1)
        bundle.sell("ETH-PERP", "1", slippage="5%", stop="1990", reduce_only=True, client_id=2)
        bundle.pair(client_id=1, other_client_id=2)
    assert bundle.result is not None
    limit, stop = bundle.result.orders
    assert {order.id: order.partner for order in long.orders} == {limit: stop, stop: limit}
    return limit, stop


def test_what_one_fills_the_other_loses(quoted: Exchange, long: Account, maker: Account, pair: tuple[int, int]) -> None:
    maker.cancel_all(side="sell")
    maker.buy("ETH-PERP", "0.4", "2050")
    assert [(order.id, order.size) for order in long.orders if order.id in pair] == [
        (pair[1], D("0.6")), (pair[0], D("0.6"))
    ]  # fmt: skip
    marked = quoted.mark("ETH", "1990")
    assert [(event.order_id, event.code) for event in marked.events if event.kind == codes.ORDER_CANCELLED] == [
        (pair[0], codes.REASON_PAIRED)
    ]
    assert long.perps == []
    assert quoted.audit() == []


def test_when_one_fills_whole_the_other_leaves(long: Account, maker: Account, pair: tuple[int, int]) -> None:
    maker.cancel_all(side="sell")
    result = maker.buy("ETH-PERP", "1", "2050")
    assert [(event.order_id, event.code) for event in result.events if event.kind == codes.ORDER_CANCELLED] == [
        (pair[1], codes.REASON_PAIRED)
    ]
    assert long.orders == []


def test_partners_are_cancelled_together(long: Account, pair: tuple[int, int]) -> None:
    result = long.cancel(pair[0])
    assert [(gone.order, gone.reason) for gone in result.cancelled] == [(pair[0], "REQUESTED"), (pair[1], "PAIRED")]


def test_cancel_all_takes_both(long: Account, pair: tuple[int, int]) -> None:
    assert len(long.cancel_all().cancelled) == 2
    assert long.orders == []


def test_an_order_has_one_partner(long: Account, pair: tuple[int, int]) -> None:
    other = long.sell("ETH-PERP", "1", "2060").order
    elsewhere = long.buy("ETH/USDM", "0.01", "1900").order
    for one, two, code in (
        (pair[0], other, "ALREADY_PAIRED"),
        (other, pair[1], "ALREADY_PAIRED"),
        (other, other, "BAD_COMBINATION"),
        (other, elsewhere, "BAD_COMBINATION"),
        (other, 5, "UNKNOWN_ORDER"),
    ):
        with pytest.raises(Rejected) as refused:
            long.pair(one, two)
        assert refused.value.code == code


def test_a_stranger_s_order_is_not_paired(quoted: Exchange, long: Account, maker: Account) -> None:
    mine, other = long.sell("ETH-PERP", "1", "2060").order, maker.orders[0].id
    with pytest.raises(Rejected) as refused:
        long.pair(mine, other)
    assert refused.value.code == "NOT_OWNER"


def test_a_partner_that_the_incoming_order_cancels_leaves_it_alone(exchange: Exchange, maker: Account) -> None:
    """A buying stop is triggered into its own partner, which self-trade prevention takes away."""
    limit = maker.sell("ETH-PERP", "1", "2005").order
    stop = maker.buy("ETH-PERP", "1", "2010", stop="2010").order
    maker.pair(limit, stop)
    marked = exchange.mark("ETH", "2010")
    assert [(event.order_id, event.code) for event in marked.events if event.kind == codes.ORDER_CANCELLED] == [
        (limit, codes.REASON_SELF_TRADE)
    ]
    assert [(order.id, order.kind, order.partner) for order in maker.orders] == [(stop, "limit", None)]
    assert exchange.audit() == []


# The dead man's switch.


def test_silence_cancels_all_but_reduce_only_orders(quoted: Exchange, long: Account) -> None:
    stop = long.sell("ETH-PERP", "1", "1900", stop="1990", reduce_only=True).order
    for _ in range(20):
        long.buy("ETH-PERP", "0.1", "1500")
    long.set_dead_man(timedelta(seconds=10))
    quoted.step(seconds=9)
    long.set_dead_man(timedelta(seconds=10))
    assert long.dead_man == quoted.time + timedelta(seconds=10)
    quoted.step(seconds=9)
    assert len(long.orders) == 21
    quoted.step(seconds=1)
    assert [order.id for order in long.orders] == [stop]
    assert long.dead_man is None
    assert quoted.audit() == []


def test_a_disarmed_switch_does_nothing(quoted: Exchange, long: Account) -> None:
    long.buy("ETH-PERP", "0.1", "1500")
    long.set_dead_man(timedelta(seconds=10))
    long.set_dead_man(None)
    quoted.step(seconds=20)
    assert len(long.orders) == 1
    for timeout in (timedelta(milliseconds=1), timedelta(days=2), timedelta(seconds=-5)):
        with pytest.raises(Rejected) as refused:
            long.set_dead_man(timeout)
        assert refused.value.code == "TIMEOUT_OUT_OF_RANGE"


# Late work.


def test_a_mark_that_comes_part_of_the_way_back_still_triggers_all(exchange: Exchange, maker: Account) -> None:
    for number in range(40):
        maker.sell("ETH-PERP", "0.1", "2100", stop=str(1999 - number))
    for price in ("1930", "1965", "1965"):
        exchange.mark("ETH", price)
    assert {order.kind for order in maker.orders} == {"limit"}


def test_work_that_is_late_sees_the_time_it_was_due(exchange: Exchange, maker: Account, trader: Account) -> None:
    """The seventeenth order of a mark meets a quote that expires only after that mark, though it is done later."""
    maker.sell("ETH-PERP", "5", "2006", good_till=exchange.time + timedelta(seconds=1))
    for _ in range(17):
        trader.buy("ETH-PERP", "0.01", slippage="1%", stop="2005")
    exchange.mark("ETH", "2005")
    assert get_size(trader) == D("0.16")
    exchange.send(Command(kind=codes.ADVANCE_TIME, time_us=exchange.time_us + 2_000_000))
    assert get_size(trader) == D("0.17")
    assert maker.orders == []
