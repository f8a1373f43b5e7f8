"""The ladder: margin calls, latches, plans, slices, clocks, receipts, and turns that fail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.exchange.ladders import D, bid, enter, move, only, open_ladder, own_orders, watch
from tests.exchange.venues import SMALL
from worldmarkets.core import codes
from worldmarkets.exchange import Rejected, Step

pytestmark = pytest.mark.both


def lean_out(plan=(), **venue):
    """Return a venue, and a trader who is long of 3 ETH at 2,000 with 1,000 numeraire."""
    exchange = open_ladder(**venue)
    maker, bidder = enter(exchange, "maker", USDM="500_000"), enter(exchange, "bidder", USDM="500_000")
    trader = enter(exchange, "trader", USDM="1_000")
    maker.sell("ETH-PERP", "3", "2000")
    trader.buy("ETH-PERP", "3", "2000")
    if plan:
        trader.set_plan(plan)
    return exchange, trader, bidder


def test_a_margin_call_says_what_is_short_and_what_cures_it():
    exchange, trader, _ = lean_out()
    risky = trader.buy("ETH-PERP", "0.1", "1999").order
    closing = trader.sell("ETH-PERP", "1", "2100", reduce_only=True).order
    events = move(exchange, "ETH", "1890")  # 994 - 330 - 3 * 1890 * 0.125 = -44.75
    (call,) = only(events, codes.MARGIN_CALLED, trader)
    assert call.missing == 44_750_000 == -exchange.engine.get_value(trader.number, 10**6)
    (cure,) = only(events, codes.MARGIN_CURE, trader)
    market = exchange.listing.market("ETH-PERP")
    assert (cure.code, cure.market) == (codes.SELL, market.number)
    assert [order.id for order in trader.orders] == [closing]
    (gone,) = only(events, codes.ORDER_CANCELLED, trader)
    assert (gone.order_id, gone.code) == (risky, codes.REASON_MARGIN_CALL)
    with exchange.preview():  # each of the cures does cure
        trader.deposit("USDM", "44.75")
        assert trader.available_margin == 0
    with exchange.preview():
        move(exchange, "ETH", str(D(cure.up) / 10**8))
        assert 0 <= trader.available_margin < D("0.02")
    with exchange.preview():
        enter(exchange, "buyer", USDM="50_000").buy("ETH-PERP", "1", "1890")
        trader.sell("ETH-PERP", market.from_lots(cure.lots), "1890", reduce_only=True)
        assert 0 <= trader.available_margin < D("0.05")
    assert not own_orders(watch(exchange, 5))  # nobody touches it


def test_an_unwind_stops_at_the_cure_to_the_lot():
    exchange, trader, bidder = lean_out()
    bid(bidder, "ETH-PERP", "1760", "0.2")
    (latched,) = only(move(exchange, "ETH", "1760"), codes.LATCHED, trader)
    assert (latched.value, latched.initial) == (274_000_000, -386_000_000)  # 994 - 720, and less 12.5 % of 5,280
    events = watch(exchange, 5)
    assert trader.state == "free" and trader.ladder is None
    market = exchange.listing.market("ETH-PERP")
    lot = market.from_lots(1) * 1760 * D("0.125")  # what one lot frees at most
    assert 0 <= trader.available_margin < lot
    (ended,), (cost,) = only(events, codes.RUNG_ENDED, trader), only(events, codes.RUNG_COST, trader)
    fills = only(events, codes.TRADED, trader)
    lots = sum(event.lots for event in fills)
    slippage = (
        sum(event.lots * (176_000 - event.price_ticks) for event in fills)
        * exchange.read_row("markets", market.number).tick_value
    )
    assert cost.lost_to_slippage == slippage and cost.fees == sum(event.taker_fee for event in fills)
    assert cost.lost_to_price == 0  # the mark stood still
    assert ended.value_before - ended.value_after == slippage + cost.fees
    assert market.from_lots(lots) + trader.perps[0].size == 3
    assert exchange.audit() == []


def test_an_unwind_stops_at_the_cure_where_there_is_no_money_for_fees():
    exchange = open_ladder()
    maker, bidder = enter(exchange, "maker", USDM="500_000"), enter(exchange, "bidder", USDM="500_000")
    trader = enter(exchange, "trader", ETH="1", USDM="6")
    maker.sell("SOL-PERP", "40", "150")
    trader.buy("SOL-PERP", "40", "150")
    assert trader.balances == {"ETH": D("1")}  # the fee took all
    trader.set_plan([Step.close("SOL-PERP", "100%", "1%")])
    bid(bidder, "SOL-PERP", "115", "40", step="0.1")
    move(exchange, "SOL", "115")
    assert trader.state == "unwind" and exchange.engine.get_value(trader.number, 300_000) > 0
    events = watch(exchange, 5)
    fees = [event.taker_fee for event in only(events, codes.TRADED, trader)]
    assert fees and not any(fees)  # waived, and so more than a lot's worth of the cure, were they counted
    assert trader.state == "free"
    lot = exchange.listing.market("SOL-PERP").from_lots(1) * 115
    assert 0 <= trader.available_margin < lot
    assert exchange.audit() == []


def test_a_plan_is_followed_in_its_order_and_frozen():
    exchange = open_ladder()
    maker, bidder = enter(exchange, "maker", USDM="900_000", ETH="50"), enter(exchange, "bidder", USDM="900_000")
    trader, saver = enter(exchange, "trader", USDM="1_500"), exchange.account("trader", index=1)
    saver.deposit("USDM", "50")
    for market, size, price in (("ETH-PERP", "2", "2000"), ("SOL-PERP", "30", "150")):
        maker.sell(market, size, price)
        trader.buy(market, size, price)
    plan = [Step.top_up(saver, "50%"), Step.close("SOL-PERP", "50%", "1%"), Step.close("ETH-PERP", "100%", "1%")]
    trader.set_plan(plan)
    assert [(step.kind, step.share) for step in trader.plan] == [("top-up", "50%"), ("close", "50%"), ("close", "100%")]
    bid(bidder, "ETH-PERP", "1750", "1")
    bid(bidder, "SOL-PERP", "125", "20", step="0.1")
    events = [*move(exchange, "ETH", "1750"), *exchange.mark("SOL", "125").events]
    assert trader.state != "free"
    with pytest.raises(Rejected, match="PLAN_FROZEN"):
        trader.set_plan([])
    events += watch(exchange, 8)
    ended = only(events, codes.STEP_ENDED, trader)
    assert [(event.place, event.code) for event in ended] == [(1, 0), (2, 0), (3, 0)]
    assert ended[0].done == 25_000_000  # half of what the other account had
    numbers = [event.market for event in own_orders(events)]
    sol, eth = (exchange.listing.market(name).number for name in ("SOL-PERP", "ETH-PERP"))
    assert numbers == [sol, eth, sol]  # and then the default plan
    assert exchange.listing.market("SOL-PERP").from_lots(ended[1].done) == 15
    assert trader.state == "free"
    assert exchange.audit() == []


def test_a_step_that_trades_nothing_twice_is_passed_over():
    exchange, trader, bidder = lean_out([Step.sell("ETH/USDM", "100%", "1%"), Step.close("ETH-PERP", "100%", "0.01%")])
    bid(bidder, "ETH-PERP", "1760", "0.2")  # 1759 is beyond what the second step allows
    events = move(exchange, "ETH", "1760") + watch(exchange, 6)
    assert [(event.place, event.code) for event in only(events, codes.STEP_ENDED)] == [(1, 0), (2, 1)]
    assert trader.state == "free"  # by the default plan


def test_what_a_plan_may_name():
    exchange, trader, bidder = lean_out()
    refused = [
        (Step.top_up(bidder), "NOT_OWNER"), (Step.top_up(trader), "SAME_ACCOUNT"), (Step.cancel(99), "UNKNOWN_ORDER"),
        (Step.repay(99), "UNKNOWN_CONTRACT"), (Step.close("ETH/USDM"), "BAD_COMBINATION"),
        (Step.sell("ETH-PERP"), "BAD_COMBINATION"), (Step.close("ETH-PERP", "0%"), "PARAMETER_RANGE"),
        (Step.hedge("ETH-PERP", "100%", "0%"), "SLIPPAGE_OUT_OF_RANGE"),
    ]  # fmt: skip
    for step, code in refused:
        with pytest.raises(Rejected, match=code):
            trader.set_plan([Step.close("ETH-PERP"), step])
        assert trader.plan == []
    with pytest.raises(Rejected, match="BUNDLE_SIZE"):
        trader.set_plan([Step.close("ETH-PERP")] * 17)
    trader.set_plan([Step.close("ETH-PERP")] * 16)
    trader.set_plan([])
    assert trader.plan == [] and exchange.audit() == []


def test_slices_share_a_budget_in_the_order_of_resilience():
    exchange = open_ladder(slice_ppm=1_000)  # of 10 million: 10,000 a second
    maker, bidder = enter(exchange, "maker", USDM="900_000"), enter(exchange, "bidder", USDM="900_000")
    traders = [enter(exchange, f"trader {number}", USDM=cash) for number, cash in enumerate(("4_300", "4_100"))]
    for trader in traders:
        maker.sell("ETH-PERP", "12", "2000")
        trader.buy("ETH-PERP", "12", "2000")
    bid(bidder, "ETH-PERP", "1760", "4")
    events = move(exchange, "ETH", "1760")
    assert traders[1].resilience < traders[0].resilience
    events += watch(exchange, 1)
    first = [event.account for event in own_orders(events)]
    assert first[0] == traders[1].number
    sold = sum(event.lots for event in only(events, codes.TRADED))
    assert exchange.listing.market("ETH-PERP").from_lots(sold) * 1760 <= 20_000  # two windows at most
    assert exchange.audit() == []


def test_clocks_lead_to_the_auction_and_stand_still_while_an_asset_is_halted():
    exchange, trader, _ = lean_out(unwind_clock_seconds=20)
    move(exchange, "ETH", "1760")
    watch(exchange, 10)
    assert trader.ladder is not None and trader.ladder.rung == "unwind"
    assert timedelta(seconds=9) <= trader.ladder.unwind_left <= timedelta(seconds=11)
    exchange.halt("ETH")
    watch(exchange, 30)
    assert trader.ladder.is_paused and trader.ladder.unwind_left >= timedelta(seconds=8)
    exchange.halt("ETH", False)
    exchange.mark("ETH", "1760")
    events = watch(exchange, 15)
    (ended,) = only(events, codes.RUNG_ENDED, trader)
    assert ended.code == codes.STATE_UNWIND
    assert trader.ladder.rung == "auction" and exchange.engine.get_value(trader.number, 300_000) > 0
    assert exchange.audit() == []


def test_repayments_of_a_latched_account_are_pro_rata():
    exchange = open_ladder()
    lenders = [enter(exchange, name, USDM="5_000") for name in ("first", "second")]
    trader, seller = enter(exchange, "trader", ETH="1"), enter(exchange, "seller", ETH="5")
    for lender, amount in zip(lenders, ("300", "900"), strict=True):
        lender.lend("USDM", amount, rate="5%", relend=False)
        trader.borrow("USDM", amount, rate="5%")
    seller.sell("ETH/USDM", "0.59", "2000")
    trader.buy("ETH/USDM", "0.59", "2000")
    move(exchange, "ETH", "785")
    watch(exchange, 1)
    assert trader.state in ("unwind", "auction")
    before = {loan.id: loan.principal for loan in trader.loans}
    trader.deposit("USDM", "80")
    trader.repay(min(before, key=lambda loan: before[loan]), "60")
    repaid = {loan.id: before[loan.id] - loan.principal for loan in trader.loans}
    total = sum(before.values())
    for loan, principal in before.items():
        assert 0 <= 60 * principal / total - repaid[loan] < D("0.000001")
    assert exchange.audit() == []


def test_what_if():
    exchange, trader, bidder = lean_out()
    bid(bidder, "ETH-PERP", "1760", "0.5")
    digest = exchange.digest()
    shown = trader.what_if({"ETH": "-12%"})
    receipts = shown.receipts
    assert exchange.digest() == digest and trader.state == "free"
    assert (shown.marks["ETH"], shown.marks["BTC"]) == (1_760, 60_000)
    assert (shown.before, shown.moved.nav, shown.moved.available_margin) == (trader.standing, 274, -386)
    assert trader.what_if({}).moved == trader.standing
    assert shown.is_over and shown.after.state == "free" and shown.after.nav == receipts[0].nav_after
    assert [(receipt.rung, receipt.follows) for receipt in receipts] == [("unwind", "free")]
    assert receipts[0].nav_before == 274 and receipts[0].margin_after >= 0
    lost = receipts[0].lost_to_price + receipts[0].lost_to_slippage + receipts[0].fees
    assert lost == receipts[0].nav_before - receipts[0].nav_after


def gap():
    """Return a venue with two traders, and the events of a mark that leaves both with less than nothing."""
    exchange, first, _ = lean_out()
    second = enter(exchange, "second", USDM="1_000")
    maker = exchange.account("maker")
    maker.sell("ETH-PERP", "3", "2000")
    second.buy("ETH-PERP", "3", "2000")
    return exchange, first, second


def test_a_turn_that_fails_holds_up_nobody():
    exchange, first, second = gap()
    move(exchange, "ETH", "1600")
    exchange.engine.set_work_fault(codes.LADDER, first.number)
    events = watch(exchange, 5)
    put_off = only(events, codes.WORK_DEFERRED)
    assert {(event.account, event.subject, event.work_kind, event.code) for event in put_off} == {
        (first.number, first.number, codes.LADDER, codes.INTERNAL)
    }
    assert 5 <= len(put_off) <= 6  # once a round
    assert first.perps and first.state == "close-out" and not second.perps
    assert exchange.audit() == []
    exchange.engine.set_work_fault(0)
    watch(exchange, 2)
    assert not first.perps and first.ladder is None
    assert exchange.audit() == []


def test_an_account_that_cannot_be_latched_keeps_no_mark_away():
    exchange, first, second = gap()
    exchange.engine.set_work_fault(codes.LADDER, first.number)
    events = move(exchange, "ETH", "1600")
    assert only(events, codes.MARK_SET) and only(events, codes.LATCHED, second)
    (put_off,) = only(events, codes.WORK_DEFERRED)
    assert (put_off.account, put_off.work_kind, put_off.code) == (first.number, codes.LADDER, codes.INTERNAL)
    assert first.ladder is None and exchange.audit() == []
    exchange.engine.set_work_fault(0)
    assert only(list(exchange.mark("SOL", "150").events), codes.LATCHED, first)
    watch(exchange, 2)
    assert not first.perps and not second.perps
    assert exchange.audit() == []


def test_a_close_out_that_fails_before_it_has_begun_goes_behind_the_others():
    exchange, first, second = gap()
    move(exchange, "ETH", "1600")
    exchange.engine.set_work_fault(codes.CLOSE_OUT, 1)
    events = watch(exchange, 4)
    put_off = only(events, codes.WORK_DEFERRED)
    assert {(event.account, event.subject, event.work_kind) for event in put_off} == {
        (first.number, 1, codes.CLOSE_OUT)
    }
    assert [event.account for event in only(events, codes.CLOSE_OUT_DONE)] == [second.number, first.number]
    assert not first.perps and not second.perps
    assert exchange.audit() == []


def test_a_crowd_that_falls_at_once_is_latched_a_bounded_part_at_a_time():
    exchange = open_ladder({**SMALL, "owners": 512, "accounts": 512})
    maker = enter(exchange, "maker", USDM="500_000")
    maker.sell("ETH-PERP", "30", "2000")
    for number in range(270):
        enter(exchange, f"trader {number}", USDM="33").buy("ETH-PERP", "0.1", "2000", ioc=True)
    latched = [len(only(move(exchange, "ETH", "1760"), codes.LATCHED))]
    for _ in range(20):  # of the same time, as the commands of a mini-block are
        latched.append(len(only(list(exchange.mark("SOL", "150").events), codes.LATCHED)))
    assert max(latched) == 32 and sum(latched) == 256
    assert exchange.audit() == []
    for events in exchange.pass_time(exchange.time_us + 1):
        latched.append(len(only(list(events), codes.LATCHED)))
    assert sum(latched) == 270
    assert exchange.audit() == []
