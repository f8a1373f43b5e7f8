"""Slices of portfolios, taken by hand: every figure below can be worked out on paper.

No fees; a price shock of 10 %, exit from ETH costs 0.5 %.  `take` is what bids take of an account so far into an
auction of five minutes, done within a preview that stays open.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from tests.exchange.venues import SMALL, WORKED
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.codec import EVENT_NAMES
from worldmarkets.core.records import Command
from worldmarkets.exchange import Account, SliceTaken, parse_genesis

D = Decimal
pytestmark = pytest.mark.both
BACKSTOP = '\n[[markets]]\nsymbol = "BACKSTOP"\nkind = "backstop"\nasset = "USDM"\nlot = "1"\n'
END = 299.999  # seconds: all but nothing of the clock


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    """The venue of the worked cases with a backstop book, within a preview."""
    venue = Exchange(parse_genesis(WORKED.format(basis=0) + BACKSTOP), capacity=SMALL)
    venue.marks({"ETH": "2000", "stETH": "2000", "BTC": "50000"})
    maker = enter(venue, "maker", "10_000_000")
    maker.deposit("ETH", "1000")
    with venue.preview():
        yield venue


def enter(exchange: Exchange, name: str, usdm: str = "100_000", index: int = 0) -> Account:
    account = exchange.account(name, index)
    account.deposit("USDM", usdm)
    return account


def trade(buyer: Account, seller: Account, market: str, size: str, price: str) -> None:
    seller.sell(market, size, price)
    assert buyer.buy(market, size, price).filled == D(size)


def crash(exchange: Exchange, **prices: str) -> None:
    """Move marks, and wait until every feed is valid again."""
    exchange.marks(prices)
    exchange.step(seconds=61)
    exchange.marks({asset: price for asset, price in exchange.prices.items() if asset != "USDM"})


def open_long(exchange: Exchange) -> Account:
    """Return an account with 1,000 USDM, long 0.2 BTC at 50,000; at 46,000 it is worth 200, and V(1) = -720."""
    account = enter(exchange, "long", "1000")
    trade(account, exchange.account("maker"), "BTC-PERP", "0.2", "50000")
    crash(exchange, BTC="46000")
    assert (account.nav, account.available_margin, account.state) == (200, -720, "auction")
    return account


def take(exchange: Exchange, account: Account, seconds: float = END) -> list[SliceTaken]:
    found = exchange.preview_auction(account, seconds)
    assert exchange.audit() == []
    return found


def test_a_bidder_takes_what_frees_the_account(exchange: Exchange) -> None:
    """The shock loss is 920.  A part f of it frees 0.9 f of 920, so f = 720 / 828; and 1/256 more for what is floored.

    f = 0.872961958 of 0.2 BTC is 17,459 lots of 0.00001.  They are worth 8,031.14 and lose 803.114; a tenth is 80.3114.
    """
    account, bidder = open_long(exchange), enter(exchange, "bidder")
    bid = bidder.bid_backstop("50000", "0.1").order
    (taken,) = take(exchange, account)
    assert (taken.account, taken.bidder, taken.order, taken.d) == (account, bidder, bid, D("0.1"))
    assert taken.share == D("0.872961958")
    assert (taken.size, taken.loss, taken.paid) == (8_032, D("803.114"), D("-80.3114"))
    assert account.nav == 200 - D("80.3114") and account.balances["USDM"] == D("119.6886")
    assert account.available_margin == D("2.8026") and account.state == "free"
    assert bidder.nav == 100_000 + D("80.3114")
    assert bidder.available_margin == 100_000 + D("80.3114") - D("803.114")
    ((one,), (other,)) = account.perps, bidder.perps
    assert (one.size, one.entry, other.size, other.entry) == (D("0.02541"), 46_000, D("0.17459"), 46_000)
    assert one.counterparty == other.counterparty == exchange.account("maker")
    assert exchange.backstop[0].size == 50_000 - 8_032


def test_a_bid_takes_no_more_than_its_size(exchange: Exchange) -> None:
    """5,000 of 9,200: 10,869 lots are worth 4,999.74, and a tenth of 499.974 is paid; nothing is left of the bid."""
    account, bidder = open_long(exchange), enter(exchange, "bidder")
    bidder.bid_backstop("5000", "0.1")
    (taken,) = take(exchange, account)
    assert (taken.size, taken.loss, taken.paid) == (5_000, D("499.974"), D("-49.9974"))
    assert account.available_margin == -720 + D("499.974") - D("49.9974") and account.state != "free"
    assert exchange.backstop == []


def test_the_clock_raises_the_d_that_is_accepted_up_to_what_the_account_can_pay(exchange: Exchange) -> None:
    """rho = 200 / 920 = 0.217: a tenth is accepted once 138 of 300 seconds have gone, a quarter never is."""
    account, bidder = open_long(exchange), enter(exchange, "bidder")
    bidder.bid_backstop("50000", "0.25")
    assert take(exchange, account, 300) == []
    bidder.bid_backstop("50000", "0.1")
    assert take(exchange, account, 137.9) == []
    assert take(exchange, account, 138.1)


def test_the_lowest_d_is_taken_first_and_then_the_oldest(exchange: Exchange) -> None:
    account = open_long(exchange)
    bidders = [enter(exchange, f"bidder{n}") for n in range(3)]
    for bidder, d in zip(bidders, ("0.1", "0.02", "0.02"), strict=True):
        bidder.bid_backstop("3000", d)
    taken = take(exchange, account)
    assert [(one.bidder, one.d) for one in taken] == [
        (bidders[1], D("0.02")), (bidders[2], D("0.02")), (bidders[0], D("0.1"))
    ]  # fmt: skip
    assert account.state == "free" and bidders[0].orders[0].size > 0  # it took only what was left to cure


def open_levered(exchange: Exchange, name: str = "account") -> Account:
    """Return an account that bought 0.5 ETH with 300 USDM and 700 borrowed at 5.5 %; at 1,440 they are worth 720.

    It owes 701.054795, so V(0) = 18.945205, and V(1) = 720 * 0.895 - 701.054795 = -56.654795.
    """
    account, lender = enter(exchange, name, "300"), enter(exchange, f"lender of {name}")
    lender.lend("USDM", "700", rate="5.5%")
    account.borrow("USDM", "700", rate="5.5%")
    trade(account, exchange.account("maker"), "ETH/USDM", "0.5", "2000")
    crash(exchange, ETH="1440")
    assert (account.nav, account.available_margin) == (D("18.945205"), D("-56.654795"))
    return account


def test_holdings_move_together_with_the_loan_behind_them(exchange: Exchange) -> None:
    """f = 56.654795 / (0.9 * 75.6) = 0.832668945, and 1/256 more.  The bidder pays f * (18.945205 - 7.56)."""
    account, bidder = open_levered(exchange), enter(exchange, "bidder")
    bidder.bid_backstop("50000", "0.1")
    (taken,) = take(exchange, account)
    assert taken.share == D("0.835921559")
    assert bidder.balances["ETH"] == D("0.41796077") and account.balances["ETH"] == D("0.08203923")
    one, other = account.loans[0], bidder.loans[0]
    assert (one.principal, other.principal) == (D("114.854909"), D("585.145091"))
    assert (other.rate, other.due, other.counterparty) == (one.rate, one.due, exchange.account("lender of account"))
    assert abs(taken.paid - taken.share * D("11.385205")) < D("0.00002")
    assert account.state == bidder.state == "free" and not account.positions[0].balance < 0


def test_a_bid_for_a_group_leaves_the_loan_where_it_is(exchange: Exchange) -> None:
    """The ETH alone: f * 720 less f * 7.56 is paid for it, and the account has the numeraire to repay with."""
    account, bidder = open_levered(exchange), enter(exchange, "bidder")
    bidder.bid_backstop("50000", "0.1", groups=["BTC"])
    assert take(exchange, account) == []  # there is no BTC
    bidder.bid_backstop("50000", "0.1", groups=["ETH", "BTC"])
    (taken,) = take(exchange, account)
    assert bidder.balances["ETH"] == D("0.41796077") and bidder.loans == []
    assert abs(taken.loss - D("0.41796077") * 1_440 * D("0.105")) < D("0.000001") and taken.size == 602
    assert abs(taken.paid - (D("0.41796077") * 1_440 - taken.loss / 10)) < D("0.000003")
    assert account.state == "free" and account.loans[0].principal == 700


def test_a_claim_moves_and_its_former_lender_keeps_the_interest_so_far(exchange: Exchange) -> None:
    """Lent for a day at 10 %, half of it by another from then on: each is paid for its hours."""
    account, borrower, bidder = enter(exchange, "long", "1100"), enter(exchange, "borrower"), enter(exchange, "bidder")
    account.lend("USDM", "100", rate="10%")
    borrower.borrow("USDM", "100", rate="10%")
    trade(account, exchange.account("maker"), "BTC-PERP", "0.19", "50000")
    exchange.step(hours=24)
    crash(exchange, BTC="45500")
    bidder.bid_backstop("4422", "0.05")
    (taken,) = take(exchange, account)
    assert taken.share == (D(4_422) - D("0.000256")).scaleb(9) // D(8_745) / 10**9
    kept, moved = sorted(borrower.loans, key=lambda loan: loan.counterparty.number)
    assert (kept.counterparty, moved.counterparty) == (account, bidder)
    assert moved.principal == taken.share * 100 // D("0.000001") / 10**6
    assert kept.principal == 100 - moved.principal
    before = account.balances["USDM"]
    exchange.step(hours=24)
    borrower.repay(moved.id)
    assert exchange.audit() == [] and bidder.loans == []
    day = moved.principal * D("0.1") / 365
    assert abs(account.balances["USDM"] - before - day) < D("0.002")


def test_an_opposite_position_of_the_bidder_reduces(exchange: Exchange) -> None:
    """The bidder is short 0.1 BTC with a third party: the two of them meet, and the rest opens."""
    account, bidder, third = open_long(exchange), enter(exchange, "bidder"), enter(exchange, "third")
    trade(third, bidder, "BTC-PERP", "0.1", "46000")
    bidder.bid_backstop("50000", "0.1")
    take(exchange, account)
    assert [(perp.counterparty, perp.size) for perp in third.perps] == [(exchange.account("maker"), D("0.1"))]
    assert [(perp.counterparty, perp.size) for perp in bidder.perps] == [(exchange.account("maker"), D("0.07459"))]
    assert exchange.market("BTC-PERP").open_interest == D("0.2")


def test_what_account_and_bidder_have_between_themselves_is_torn_up(exchange: Exchange) -> None:
    account, bidder = enter(exchange, "long", "1000"), enter(exchange, "bidder")
    trade(account, bidder, "BTC-PERP", "0.2", "50000")
    exchange.mark("BTC", "46000")
    bidder.bid_backstop("50000", "0.1")
    take(exchange, account)
    assert [perp.size for perp in bidder.perps] == [D("-0.02541")]
    assert exchange.market("BTC-PERP").open_interest == D("0.02541")


def test_no_counterparty_refuses_a_bidder_that_is_free(exchange: Exchange) -> None:
    account, bidder = open_long(exchange), enter(exchange, "bidder")
    exchange.account("maker").deny(bidder)
    bidder.bid_backstop("50000", "0.1")
    assert len(take(exchange, account)) == 1
    levered, other = open_levered(exchange), enter(exchange, "other")
    exchange.account("lender of account").deny(other)
    other.bid_backstop("50000", "0.05")
    assert len(take(exchange, levered)) == 1 and len(other.loans) == 1


def test_a_bidder_refuses_counterparties_by_its_policy(exchange: Exchange) -> None:
    """A loan of a lender that it denies stays, the holdings come; a contract that it denies is all there is."""
    levered, bidder = open_levered(exchange), enter(exchange, "bidder")
    bidder.deny(exchange.account("lender of account"))
    bidder.deny(exchange.account("maker"))
    bidder.bid_backstop("50000", "0.05")
    assert len(take(exchange, levered)) == 1 and bidder.loans == [] and bidder.balances["ETH"]
    account = open_long(exchange)
    assert take(exchange, account) == [] and bidder.orders


def test_a_bid_that_its_owner_cannot_carry_is_cancelled_and_the_next_one_taken(exchange: Exchange) -> None:
    account, poor, rich = open_long(exchange), enter(exchange, "poor", "1500"), enter(exchange, "rich")
    poor.bid_backstop("50000", "0.01", groups=["BTC"])
    trade(poor, exchange.account("maker"), "ETH-PERP", "7", "2000")
    exchange.mark("ETH", "1980")  # it has 1,360 left of 1,500, and loses 1,386 in the shock: not free
    rich.bid_backstop("50000", "0.1")
    assert [one.bidder for one in take(exchange, account)] == [rich]
    assert poor.orders == [] and poor.perps[0].market == "ETH-PERP"


def test_a_bidder_must_be_free_also_when_the_slice_does_it_good(exchange: Exchange) -> None:
    """Short 0.3 BTC at 46,000 with 1,400 USDM; at 46,500 it is worth 1,250 and would lose 1,395 in the shock.

    A slice would take lots off its short; but a bidder that is not free takes nothing.
    """
    account, bidder = open_long(exchange), enter(exchange, "bidder", "1400")
    trade(exchange.account("maker"), bidder, "BTC-PERP", "0.3", "46000")
    bidder.bid_backstop("500", "0.1", groups=["BTC"])
    crash(exchange, BTC="46500")
    assert bidder.state == "margin call"
    assert take(exchange, account) == [] and bidder.orders == []


def test_a_bid_that_would_lose_its_bidder_more_than_it_counted_for_is_passed() -> None:
    """Exit from ETH beyond a depth of 10,000 costs its square: a bidder with 100,000 of it would pay 10 % for more.

    The bid counted for 10 % + 0.5 % + 2 %.  It stays, and the next one is taken.
    """
    text = WORKED.format(basis=0).replace("slippage_ppm = 5_000", 'slippage_ppm = 5_000\ndepth = "10000"') + BACKSTOP
    exchange = Exchange(parse_genesis(text), capacity=SMALL)
    exchange.marks({"ETH": "2000", "stETH": "2000", "BTC": "50000"})
    enter(exchange, "maker", "10_000_000").deposit("ETH", "1000")
    account, deep, other = open_levered(exchange), enter(exchange, "deep"), enter(exchange, "other")
    deep.deposit("ETH", "70")
    deep.bid_backstop("5000", "0.01", groups=["ETH"])
    other.bid_backstop("5000", "0.1", groups=["ETH"])
    with exchange.preview():
        assert [one.bidder for one in take(exchange, account)] == [other]
        assert [bid.account for bid in exchange.backstop] == [deep, other]


def test_a_bidder_without_the_numeraire_to_pay_is_passed(exchange: Exchange) -> None:
    account, poor, rich = open_levered(exchange), enter(exchange, "poor", "30"), enter(exchange, "rich")
    poor.deposit("ETH", "10")
    poor.bid_backstop("5000", "0.01", groups=["ETH"])
    rich.bid_backstop("5000", "0.1", groups=["ETH"])
    assert [one.bidder for one in take(exchange, account)] == [rich] and poor.orders == []


def test_a_limit_of_the_bidder_holds(exchange: Exchange) -> None:
    account, bidder = open_long(exchange), enter(exchange, "bidder")
    bidder.bid_backstop("50000", "0.1")
    bidder.limit("BACKSTOP", notional="8000")
    assert take(exchange, account) == [] and bidder.orders == []


def test_an_account_that_is_free_or_worth_nothing_is_not_taken_from(exchange: Exchange) -> None:
    account, bidder = open_long(exchange), enter(exchange, "bidder")
    bidder.bid_backstop("50000", "0.001")
    exchange.mark("BTC", "44000")
    assert account.nav == -200 and take(exchange, account) == []
    exchange.mark("BTC", "50000")
    assert account.state == "free" and take(exchange, account) == []


def test_an_owner_does_not_bid_for_its_own_account(exchange: Exchange) -> None:
    account = open_long(exchange)
    other = enter(exchange, "long", index=1)
    other.bid_backstop("50000", "0.01")
    assert take(exchange, account) == [] and len(exchange.backstop) == 1
    enter(exchange, "bidder").bid_backstop("50000", "0.1")
    assert len(take(exchange, account)) == 1 and len(exchange.backstop) == 2


def test_the_ladder_auctions_by_its_clock() -> None:
    """rho is 200 / 920: a tenth is accepted from the 138th of 300 seconds on, and not before.

    With the slice of the first example the account is free; its receipt says what the auction cost.
    """
    text = WORKED.format(basis=0).replace("[venue]\n", "[venue]\nhas_ladder = true\n") + BACKSTOP
    exchange = Exchange(parse_genesis(text), capacity=SMALL)
    exchange.marks({"ETH": "2000", "stETH": "2000", "BTC": "50000"})
    maker, account, bidder = (enter(exchange, name, usdm) for name, usdm in (
        ("maker", "1_000_000"), ("long", "1000"), ("bidder", "100_000")))  # fmt: skip
    trade(account, maker, "BTC-PERP", "0.2", "50000")
    bidder.bid_backstop("50000", "0.1")
    exchange.mark("BTC", "46000")
    exchange.step(seconds=137)
    assert account.state == "auction" and bidder.perps == []
    events = [event for _ in range(4) for event in step(exchange)]
    assert account.available_margin == D("2.8026") and account.state == "free"
    assert [perp.size for perp in bidder.perps] == [D("0.17459")]
    names = [EVENT_NAMES[event.kind] for event in events if event.account == account.number]
    assert [name for name in names if name in ("BACKSTOP_TAKEN", "ACCOUNT_STATE", "RUNG_ENDED", "RUNG_COST")] == [
        "BACKSTOP_TAKEN", "ACCOUNT_STATE", "RUNG_ENDED", "RUNG_COST"
    ]  # fmt: skip
    (cost,) = (event for event in events if event.kind == codes.RUNG_COST)
    assert (cost.discount, cost.lost_to_price, cost.lost_to_slippage, cost.fees) == (80_311_400, 0, 0, 0)
    assert exchange.audit() == []
    exchange.step(minutes=10)
    assert account.state == "free" and len(bidder.perps) == 1


def step(exchange: Exchange) -> list[Any]:
    """Let a second pass, and return the events."""
    return list(exchange.send(Command(kind=codes.ADVANCE_TIME, time_us=exchange.time_us + 10**6)).events)
