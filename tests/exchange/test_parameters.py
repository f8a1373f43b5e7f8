"""Changes of parameters by name: worked examples, who may do what, and every refusal."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from worldmarkets import Exchange
from worldmarkets.core import codes, guards, records
from worldmarkets.exchange import Account, GenesisError, Rejected, UnitError, UnknownName

DOGE = {"price_shock_ppm": 300_000, "slippage_ppm": 20_000, "depth": "1000000", "holding_cap": "480000"}


def get_code(act: object, *args: object, **named: object) -> str:
    """The code with which something is refused."""
    with pytest.raises(Rejected) as caught:
        act(*args, **named)  # type: ignore[operator]
    return caught.value.code


def get_shocks(exchange: Exchange, asset: str) -> tuple[int, int]:
    row = exchange.read_row("assets", exchange.listing.asset(asset).number)
    return row.price_shock_ppm, row.depth


@pytest.mark.both
def test_a_ramp_by_hand(exchange: Exchange) -> None:
    """BTC from 10 % to 14.8 %: 48 steps of 0.1 %, the first an hour away; a depth halves by its reciprocal."""
    exchange.propose("BTC", price_shock_ppm=148_000, depth="10000000")
    (change,) = exchange.changes
    assert (change.about, change.state, change.step, change.steps) == (
        "BTC",
        "ramping",
        0,
        53,
    )  # of the cap 52.7 % goes
    exchange.cancel_change(change.id)
    exchange.propose("BTC", price_shock_ppm=148_000)
    (change,) = exchange.changes
    assert change.steps == 48
    assert change.fields["price_shock_ppm"] == (100_000, 148_000)
    assert change.when == exchange.time + timedelta(hours=1)
    exchange.step(minutes=59)
    assert get_shocks(exchange, "BTC")[0] == 100_000
    exchange.step(minutes=1)
    assert get_shocks(exchange, "BTC")[0] == 101_000
    exchange.step(hours=46)
    assert get_shocks(exchange, "BTC")[0] == 147_000
    exchange.step(hours=1)
    assert get_shocks(exchange, "BTC")[0] == 148_000
    assert exchange.changes == []
    exchange.propose("BTC", depth="10000000")
    exchange.step(hours=25)
    assert get_shocks(exchange, "BTC")[1] == 13_333_333_333_333  # 1 / ((1/20 + 1/10) / 2) million
    exchange.step(hours=25)
    assert get_shocks(exchange, "BTC")[1] == 10_000_000_000_000
    assert exchange.audit() == []


@pytest.mark.both
def test_a_ramp_that_was_late_does_not_jump(exchange: Exchange) -> None:
    """A venue that stood still for ten hours takes one step when it runs again, and the next an hour later."""
    exchange.propose("BTC", price_shock_ppm=148_000)
    late = exchange.time_us + 10 * 3_600 * 10**6
    exchange.apply(records.Command(kind=codes.ADVANCE_TIME, time_us=late))
    assert get_shocks(exchange, "BTC")[0] == 101_000
    exchange.step(minutes=59)
    assert get_shocks(exchange, "BTC")[0] == 101_000
    exchange.step(minutes=1)
    assert get_shocks(exchange, "BTC")[0] == 102_000


def test_loosening_waits_and_then_holds_at_once(exchange: Exchange) -> None:
    exchange.propose("BTC", price_shock_ppm=80_000)
    exchange.step(hours=47, minutes=59)
    assert get_shocks(exchange, "BTC")[0] == 100_000
    assert exchange.changes[0].state == "waiting"
    exchange.step(minutes=1)
    assert get_shocks(exchange, "BTC")[0] == 80_000


def test_a_proposal_that_does_both_waits_and_then_ramps(exchange: Exchange) -> None:
    exchange.propose("BTC", price_shock_ppm=148_000, slippage_ppm=2_952)
    exchange.step(hours=47)
    assert get_shocks(exchange, "BTC")[0] == 100_000
    exchange.step(hours=1)
    row = exchange.read_row("assets", 2)
    assert (row.price_shock_ppm, row.slippage_ppm) == (101_000, 2_999)
    exchange.step(hours=47)
    row = exchange.read_row("assets", 2)
    assert (row.price_shock_ppm, row.slippage_ppm) == (148_000, 2_952)


def test_a_limit_on_new_risk_tightens_at_once(exchange: Exchange) -> None:
    exchange.propose("BTC-PERP", open_interest_cap="100")
    exchange.propose("BTC", collateral_cap="50")
    exchange.propose(open_order_multiple=3)
    assert exchange.changes == []
    assert exchange.read_row("markets", exchange.listing.market("BTC-PERP").number).open_interest_cap == 10_000_000
    assert exchange.read_row("venue", 1).open_order_multiple == 3
    exchange.propose("BTC-PERP", open_interest_cap="200")
    assert exchange.changes[0].fields == {"open_interest_cap": (Decimal(100), Decimal(200))}


def test_terms_without_a_direction_are_announced(exchange: Exchange) -> None:
    exchange.propose("BTC/USDM", maker_ppm=-100, taker_ppm=400, fee_cap="5")
    exchange.propose(iou_penalty_bp=600)
    exchange.propose("BTC", minimum_principal="0.00005")
    exchange.step(hours=48)
    market = exchange.read_row("markets", exchange.listing.market("BTC/USDM").number)
    assert (market.maker_ppm, market.taker_ppm, market.fee_cap) == (-100, 400, 5_000_000)
    assert exchange.read_row("venue", 1).iou_penalty_bp == 600
    assert exchange.read_row("assets", 2).minimum_principal == 5_000


def test_a_fee_cap_that_comes_down_gives_nothing_back(exchange: Exchange) -> None:
    maker, taker = exchange.account("maker"), exchange.account("taker")
    maker.deposit("BTC", "10")
    taker.deposit("USDM", "500_000")
    maker.sell("BTC/USDM", "3", "60000")
    taker.buy("BTC/USDM", "1", "60000")  # each of the two has paid ten
    exchange.propose("BTC/USDM", maker_ppm=500, taker_ppm=1_000, fee_cap="5")
    exchange.step(hours=48)
    exchange.mark("BTC", "60000")
    had = maker.balances["USDM"]
    taker.buy("BTC/USDM", "1", "60000")
    assert maker.balances["USDM"] == had + 60_000
    assert exchange.audit() == []


def test_the_rungs_keep_their_order_on_the_way(exchange: Exchange) -> None:
    exchange.propose(initial_ppm=1_500_000, unwind_ppm=1_499_000, auction_ppm=1_498_000)
    assert exchange.changes[0].steps == 60  # the auction rung has the longest way: 1.198 in steps of 0.02
    for _ in range(60):
        exchange.step(hours=1)
        assert exchange.audit() == []
    assert list(exchange.rungs.values()) == [Decimal("1.5"), Decimal("1.499"), Decimal("1.498")]


def test_the_delay_itself_waits_to_be_shorter(exchange: Exchange) -> None:
    exchange.propose(parameter_delay_hours=72)  # longer is tighter: at once
    exchange.propose(parameter_delay_hours=24)
    assert exchange.changes[0].fields == {"parameter_delay_hours": (72, 24)}
    exchange.step(hours=71)
    exchange.propose("BTC", price_shock_ppm=80_000)
    exchange.step(hours=1)
    assert exchange.read_row("venue", 1).parameter_delay_us == 24 * 3_600 * 10**6
    assert exchange.changes[0].when == exchange.time + timedelta(hours=71)  # proposed under the old one


def get_tiers(exchange: Exchange) -> list[tuple[int, int, int]]:
    count = exchange.read_row("venue", 1).tiers
    rows = [exchange.read_row("tiers", row) for row in range(1, count + 1)]
    return [(row.fees // 10**6, row.maker_cut_ppm, row.taker_cut_ppm) for row in rows]


def test_tiers_change_one_at_a_time(exchange: Exchange) -> None:
    """The packaged tiers cut 5, 5 and 10 %: they leave no room for a fourth until one of them cuts less."""
    fourth = {"fees": 10**6, "maker_cut_ppm": 20_000, "taker_cut_ppm": 20_000}
    assert get_code(exchange.propose, "tier 4", **fourth) == "PARAMETER_RANGE"
    assert get_code(exchange.propose, "tier 5", **fourth) == "UNKNOWN_PARAMETER"
    assert get_code(exchange.propose, "tier 0", **fourth) == "UNKNOWN_PARAMETER"
    assert get_code(exchange.propose, "tier 2", fees=1_000) == "PARAMETER_RANGE"  # not above the first
    assert get_code(exchange.propose, "tier 2", fees=100_000) == "PARAMETER_RANGE"  # not below the third
    assert get_code(exchange.propose, "tier 2", fees=0, maker_cut_ppm=0, taker_cut_ppm=0) == "PARAMETER_RANGE"
    assert get_code(exchange.propose, "tier 1", fees=500, role="guardian") == "LOOSENING"
    exchange.propose("tier 3", maker_cut_ppm=80_000, taker_cut_ppm=80_000)
    (change,) = exchange.changes
    assert (change.about, change.fields["maker_cut_ppm"]) == ("tier 3", (100_000, 80_000))
    exchange.step(hours=48)
    exchange.propose("tier 4", **fourth)
    exchange.propose("tier 1", fees=500)
    assert len(get_tiers(exchange)) == 3
    exchange.step(hours=48)
    assert get_tiers(exchange) == [
        (500, 50_000, 50_000), (10_000, 50_000, 50_000), (100_000, 80_000, 80_000), (10**6, 20_000, 20_000)
    ]  # fmt: skip
    exchange.propose("tier 4", fees=0, maker_cut_ppm=0, taker_cut_ppm=0)
    exchange.step(hours=48)
    assert len(get_tiers(exchange)) == 3
    assert exchange.audit() == []


def test_a_tier_that_no_longer_fits_is_called_off(exchange: Exchange) -> None:
    exchange.propose("tier 1", maker_cut_ppm=0, taker_cut_ppm=0)
    exchange.step(hours=48)
    exchange.propose("tier 1", maker_cut_ppm=50_000)
    exchange.propose("tier 2", maker_cut_ppm=100_000)  # each alone fits
    exchange.step(hours=48)
    assert [tier[1] for tier in get_tiers(exchange)] == [50_000, 50_000, 100_000]
    assert exchange.changes == []
    assert exchange.audit() == []


def test_a_change_called_off_stays_where_it_has_got_to(exchange: Exchange) -> None:
    change = exchange.propose("BTC", price_shock_ppm=148_000).change
    exchange.step(hours=10)
    result = exchange.cancel_change(change)
    assert [(e.guard, e.old, e.new, e.step) for e in result.events if e.field == 2] == [
        (codes.ASSET_RISK, 110_000, 148_000, 10)
    ]
    assert get_shocks(exchange, "BTC")[0] == 110_000
    exchange.step(hours=100)
    assert get_shocks(exchange, "BTC")[0] == 110_000
    assert exchange.audit() == []


@pytest.mark.both
def test_new_collateral_counts_from_zero(exchange: Exchange, trader: Account) -> None:
    """Listed after 48 hours, a quantum of it counts; then a forty-eighth more every hour."""
    assert exchange.list_asset("DOGE", 8, "DOGE", **DOGE)
    assert [(each.about, each.kind, each.state) for each in exchange.changes] == [("DOGE", "new asset", "waiting")]
    with exchange.preview():
        exchange.step(hours=48)
        assert exchange.listing.asset("DOGE").number == 9
    with pytest.raises(UnknownName):
        exchange.listing.asset("DOGE")
    exchange.step(hours=48)
    exchange.mark("DOGE", "0.2")
    trader.deposit("DOGE", "10000000")  # 2,000,000 USDM of it
    assert get_code(exchange.propose, "DOGE", holding_cap="480001") == "CHANGE_PENDING"
    before = trader.value(0)
    assert before == Decimal("1000.000001")
    exchange.step(hours=1)
    assert trader.value(0) == Decimal("11000")
    exchange.step(hours=47)
    assert trader.value(0) == Decimal("481000")
    assert exchange.audit() == []
    copy = Exchange.restore(exchange.snapshot(), exchange.genesis)
    assert copy.digest() == exchange.digest()


def test_a_new_market_begins_in_prelaunch(exchange: Exchange, maker: Account) -> None:
    exchange.list_asset("DOGE", 8, "DOGE", **DOGE)
    exchange.step(hours=48)
    exchange.list_market("DOGE-PERP", "perp", "DOGE", "1", tick="0.000001", minimum="10", open_interest_cap="1000000",
                         fees_like="ETH-PERP")  # fmt: skip
    exchange.step(hours=48)
    row = exchange.read_row("markets", exchange.listing.market("DOGE-PERP").number)
    assert (row.mode, row.taker_ppm, row.minimum_lots, row.open_interest_cap) == (codes.PRELAUNCH, 1_000, 10, 1_000_000)
    assert get_code(exchange.set_mode, "open", "DOGE-PERP") == "MARK_MISSING"
    exchange.mark("DOGE", "0.2", sources=2)
    assert get_code(maker.sell, "DOGE-PERP", "100", "0.2") == "MARKET_MODE"
    assert get_code(exchange.set_mode, "open", "DOGE-PERP") == "SOURCES_FEW"
    exchange.mark("DOGE", "0.2")
    exchange.step(minutes=1)
    assert get_code(exchange.set_mode, "open", "DOGE-PERP") == "FEED_STATE"
    exchange.mark("DOGE", "0.2")
    exchange.set_mode("open", "DOGE-PERP")
    assert maker.sell("DOGE-PERP", "100", "0.2").order
    assert exchange.audit() == []


def test_a_listing_that_no_longer_fits_is_called_off(exchange: Exchange) -> None:
    exchange.list_market("USDC-PERP", "perp", "USDC", "1", tick="0.0001")
    change = exchange.list_market("USDC-PERP2", "perp", "USDC", "1", tick="0.0001").change
    assert [each.about for each in exchange.changes] == ["USDC-PERP", "USDC-PERP2"]
    exchange.step(hours=48)
    assert exchange.changes == []
    assert [each.symbol for each in exchange.markets][-1] == "USDC-PERP"
    assert change
    assert exchange.list_market("USDC-PERP2", "loan", "USDC", "1", tenor_hours=48)  # its name is free again


def test_a_listing_is_checked_like_the_genesis(exchange: Exchange) -> None:
    wrong = [
        {"price_shock_ppm": 1_000_001}, {"slippage_ppm": 100_001}, {"basis_ppm": 100_001}, {"depth": None},
        {"holding_cap": None}, {"holding_cap": "20000000"}, {"decimals": 10},
    ]  # fmt: skip
    for terms in wrong:
        named = {"decimals": 8, "group": "DOGE", **DOGE, **terms}
        assert get_code(exchange.list_asset, "DOGE", **named) == "PARAMETER_RANGE", terms
    with pytest.raises(UnitError, match="power of ten"):
        exchange.list_asset("DOGE", 8, "DOGE", minimum_principal="3", **DOGE)
    with pytest.raises(GenesisError, match="taken"):
        exchange.list_asset("ETH", 8, "DOGE", **DOGE)
    command = records.ListMarket(kind=codes.LIST_MARKET, flags=1, market_kind=codes.SPOT, asset=2, lot_quanta=10**3,
                                 tick_value=1, minimum_lots=1)  # fmt: skip
    for field, value, code in (("asset", 2, "PARAMETER_RANGE"), ("asset", 99, "UNKNOWN_ASSET"),
                               ("fees_like", 99, "UNKNOWN_MARKET"), ("market_kind", 9, "PARAMETER_RANGE"),
                               ("lot_quanta", 0, "PARAMETER_RANGE"), ("tick_value", 0, "PARAMETER_RANGE"),
                               ("minimum_lots", 0, "PARAMETER_RANGE"), ("open_interest_cap", -1, "PARAMETER_RANGE"),
                               ("flags", 2, "ROLE"), ("flags", 0, "ROLE")):  # fmt: skip
        changed = records.ListMarket(**{**command.as_dict(), field: value})
        assert exchange.submit(changed).code == code, field
    huge = records.ListMarket(
        **{**command.as_dict(), "market_kind": codes.LOAN, "tenor_hours": 5, "lot_quanta": 10**16}
    )
    assert exchange.submit(huge).code == "PARAMETER_RANGE"  # a lot would be worth more than its bound
    assert exchange.changes == []


def test_the_guardian_only_tightens_and_pauses(exchange: Exchange) -> None:
    guardian = {"role": "guardian"}
    assert exchange.propose("BTC", price_shock_ppm=148_000, **guardian)
    assert get_code(exchange.propose, "ETH", price_shock_ppm=148_000, slippage_ppm=1, **guardian) == "LOOSENING"
    assert get_code(exchange.propose, "BTC/USDM", taker_ppm=2_000, **guardian) == "LOOSENING"
    assert get_code(exchange.end_market, "BTC-PERP", **guardian) == "LOOSENING"
    assert get_code(exchange.cancel_change, exchange.changes[0].id, **guardian) == "LOOSENING"
    loose = exchange.propose("ETH", price_shock_ppm=1).change
    end = exchange.end_market("MEGA-PERP").change
    exchange.cancel_change(loose, **guardian)
    exchange.cancel_change(end, **guardian)
    exchange.set_mode("post_only", "BTC-PERP", **guardian)
    exchange.set_mode("cancel_only", "BTC-PERP", **guardian)
    assert get_code(exchange.set_mode, "open", "BTC-PERP", **guardian) == "LOOSENING"
    exchange.set_mode("cancel_only", **guardian)
    assert get_code(exchange.set_mode, "open", **guardian) == "LOOSENING"
    exchange.halt("BTC", **guardian)
    assert get_code(exchange.halt, "BTC", False, **guardian) == "LOOSENING"
    for command in (records.ListAsset(kind=codes.LIST_ASSET), records.ListMarket(kind=codes.LIST_MARKET)):
        command.flags = codes.GUARDIAN
        assert exchange.submit(command).code == "ROLE"
    exchange.set_mode("open")
    exchange.set_mode("open", "BTC-PERP")
    exchange.halt("BTC", False)


def test_whoever_has_no_role_may_do_nothing(exchange: Exchange) -> None:
    kinds = {
        codes.PROPOSE_CHANGE: records.ProposeChange, codes.CANCEL_CHANGE: records.ContractChange,
        codes.LIST_ASSET: records.ListAsset, codes.LIST_MARKET: records.ListMarket,
        codes.SET_MARKET_MODE: records.Switch, codes.SET_FEED: records.Switch,
    }  # fmt: skip
    for kind, record in kinds.items():
        for role in (0, 3, 4, 65_535):
            assert exchange.submit(record(kind=kind, flags=role)).code == "ROLE"
    with pytest.raises(UnknownName, match="administrator, guardian"):
        exchange.halt("BTC", role="operator")


def test_what_is_wrong_with_a_proposal_is_said(exchange: Exchange) -> None:
    propose = {"kind": codes.PROPOSE_CHANGE, "flags": codes.ADMINISTRATOR}
    for fields, code in (
        ({"guard": 0}, "UNKNOWN_PARAMETER"),
        ({"guard": codes.GUARD_KINDS}, "UNKNOWN_PARAMETER"),
        ({"guard": codes.VENUE_DELAY, "subject": 1, "a": 10**11}, "UNKNOWN_PARAMETER"),
        ({"guard": codes.ASSET_RISK, "subject": 1}, "UNKNOWN_ASSET"),
        ({"guard": codes.ASSET_LIMITS, "subject": 99}, "UNKNOWN_ASSET"),
        ({"guard": codes.MARKET_FEES, "subject": 99}, "UNKNOWN_MARKET"),
        ({"guard": codes.MARKET_FEES, "subject": 1, "a": -501, "c": 1_000}, "PARAMETER_RANGE"),
        ({"guard": codes.VENUE_RATES, "c": 500, "d": 2, "e": 1}, "PARAMETER_RANGE"),
        ({"guard": codes.VENUE_RISK, "c": 10**6, "d": 10**6, "e": 1_000}, "PARAMETER_RANGE"),
        ({"guard": codes.VENUE_RISK, "c": 10**6, "d": 500_500, "e": 1_000}, "PARAMETER_RANGE"),
        ({"guard": codes.ASSET_LIMITS, "subject": 1, "b": 1, "e": 7}, "BAD_COMBINATION"),
        ({"guard": codes.MARKET_END, "subject": 1, "a": 7}, "BAD_COMBINATION"),
    ):
        assert exchange.submit(records.ProposeChange(**propose, **fields)).code == code, fields
    assert get_code(exchange.propose, "BTC", collateral_cap="0") == "CHANGE_EMPTY"
    assert get_code(exchange.propose, "BTC", holding_cap="99999999999") == "PARAMETER_RANGE"
    assert get_code(exchange.cancel_change, 77) == "UNKNOWN_CHANGE"
    exchange.propose(max_fills=1_000)
    assert get_code(exchange.propose, max_fills=900) == "CHANGE_PENDING"
    with pytest.raises(UnknownName, match="do not change together"):
        exchange.propose("BTC", price_shock_ppm=1, collateral_cap="5")
    with pytest.raises(UnknownName, match="do not change together"):
        exchange.propose("BTC", lot="5")
    with pytest.raises(UnitError, match="whole number of lots"):
        exchange.propose("BTC-PERP", open_interest_cap="0.000001")


def test_so_many_changes_are_under_way_and_no_more(exchange: Exchange) -> None:
    for number in range(64):
        exchange.list_market(f"LOAN-{number}", "loan", "USDM", "1", tenor_hours=number + 1)
    assert get_code(exchange.propose, max_fills=900) == "CHANGES_LIMIT"
    exchange.step(hours=48)  # sixteen at a time
    assert exchange.changes == []
    assert exchange.audit() == []
    assert len(exchange.markets) == len(exchange.listing.markets)
    assert exchange.propose(max_fills=900)


def test_the_transitions_are_those_of_the_table(exchange: Exchange) -> None:
    number = exchange.listing.market("BTC-PERP").number
    modes = (codes.PRELAUNCH, codes.CANCEL_ONLY, codes.POST_ONLY_MODE, codes.OPEN)
    roles = {codes.ADMINISTRATOR, codes.GUARDIAN}
    for market in (number, 0):
        for old in modes[1:]:
            for new in modes:
                for role in roles:
                    with exchange.preview():
                        self_set = records.Switch(kind=codes.SET_MARKET_MODE, market=market, value=old, flags=1)
                        assert exchange.submit(self_set)
                        command = records.Switch(kind=codes.SET_MARKET_MODE, market=market, value=new, flags=role)
                        allowed = guards.TRANSITIONS.get((old, new), ())
                        expected = (
                            "OK" if old == new or role in allowed else "LOOSENING" if allowed else "MODE_TRANSITION"
                        )
                        assert exchange.submit(command).code == expected
    bad = records.Switch(kind=codes.SET_MARKET_MODE, market=number, value=codes.SETTLING, flags=1)
    assert exchange.submit(bad).code == "BAD_COMBINATION"


@pytest.mark.both
def test_the_end_of_a_market_by_hand(exchange: Exchange, maker: Account, trader: Account) -> None:
    """Bought at 60,000, closed at the median of 60,600, 60,300 and 60,900: 60,600; what rests is cancelled."""
    maker.sell("BTC-PERP", "0.1", "60000")
    trader.buy("BTC-PERP", "0.1", "60000")
    resting = maker.buy("BTC-PERP", "0.1", "59000").order
    spot = maker.buy("BTC/USDM", "0.1", "59000").order
    exchange.end_market("BTC-PERP")
    assert get_code(exchange.end_market, "BTC-PERP") == "CHANGE_PENDING"
    exchange.step(hours=47)
    exchange.mark("BTC", "61000")  # an hour and a minute ago when it ends
    exchange.step(minutes=5)
    exchange.mark("BTC", "60600")
    exchange.step(minutes=15)
    exchange.mark("BTC", "60200")
    exchange.mark("BTC", "60300")  # the last one of its minute
    exchange.step(minutes=20)
    exchange.mark("BTC", "60900")
    exchange.step(minutes=20)
    assert trader.perps == []
    assert trader.balances["USDM"] == 1000 - 6 + 60  # the fee of 10 bp, and 0.1 * 600
    assert exchange.get_resting_lots(resting) == 0
    assert exchange.get_resting_lots(spot) > 0
    assert get_code(maker.sell, "BTC-PERP", "0.1", "60000") == "MARKET_MODE"
    assert get_code(exchange.end_market, "BTC-PERP") == "MODE_TRANSITION"
    assert get_code(exchange.set_mode, "open", "BTC-PERP") == "MODE_TRANSITION"
    assert exchange.audit() == []


def test_a_loser_without_cash_ends_with_an_iou(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.deposit("USDM", "100000")
    trader.deposit("BTC", "1")
    trader.withdraw("USDM", "900")
    maker.sell("BTC-PERP", "0.5", "60000")
    trader.buy("BTC-PERP", "0.5", "60000")
    exchange.end_market("BTC-PERP")
    exchange.step(hours=47, minutes=59)
    exchange.mark("BTC", "59000")
    exchange.step(minutes=1)
    assert "USDM" not in trader.balances
    (owed,), (claim,) = ([loan for loan in account.loans if loan.is_iou] for account in (trader, maker))
    assert owed.counterparty == maker and 430 > owed.principal == claim.principal > 400
    assert exchange.audit() == []


def test_the_loans_of_a_book_that_ends_fall_due(exchange: Exchange, maker: Account, trader: Account) -> None:
    trader.deposit("ETH", "1")
    maker.lend("USDM", "500", "5%")
    loan = trader.borrow("USDM", "500", "5%").contracts[0]
    trader.configure_loan(loan, steps=[])  # else it would be repaid
    exchange.end_market("USDM-LOAN-10D")
    exchange.step(hours=48)
    assert exchange.find_loan(loan).due_us == exchange.time_us
    assert get_code(trader.extend, loan) == "MARKET_MODE"
    assert exchange.audit() == []


def test_an_end_that_has_begun_is_not_called_back(exchange: Exchange, maker: Account) -> None:
    for number in range(40):
        maker.sell("BTC-PERP", "0.001", 61_000 + number)
    change = exchange.end_market("BTC-PERP").change
    later = exchange.time_us + 48 * 3_600 * 10**6
    for _ in range(3):  # funding periods were due before it
        exchange.apply(records.Command(kind=codes.ADVANCE_TIME, time_us=later))
    assert [each.state for each in exchange.changes] == ["working"]
    assert len(exchange.table("orders")) > 24
    assert get_code(exchange.cancel_change, change) == "MODE_TRANSITION"
    exchange.step(seconds=1)
    assert exchange.changes == []
    assert exchange.audit() == []


def test_the_page_lists_the_fields_of_the_guards(pytestconfig: pytest.Config) -> None:
    page = (pytestconfig.rootpath / "docs/spec/parameters.md").read_text()
    words = {guards.HIGHER: "higher", guards.LOWER: "lower", guards.NEITHER: "neither"}
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    stated = {row[1].strip("`"): (row[2], row[4]) for row in rows if len(row) == 5}
    for guard in guards.GUARDS:
        for field in guard.fields:
            if field is not None:
                how = "ramp" if field.is_ramped else "waits" if field.loosens == guards.NEITHER else "at once"
                assert stated[field.name] == (words[field.loosens], how), field.name
