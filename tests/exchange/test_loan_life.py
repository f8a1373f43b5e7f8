"""A loan's life, by hand: a lender that leaves, renewal by anyone, the due time, orders that borrow."""

from datetime import timedelta
from decimal import Decimal

import pytest

from worldmarkets import Exchange
from worldmarkets.core import records as r
from worldmarkets.exchange import Account, Rejected

pytestmark = pytest.mark.both
D = Decimal
TEN_HOURS = {"hours": 10}


def fund(exchange: Exchange, name: str, **assets: object) -> Account:
    account = exchange.account(name)
    for asset, amount in assets.items():
        account.deposit(asset, amount)  # type: ignore[arg-type]
    return account


def borrow(exchange: Exchange, maker: Account, trader: Account, rate: str = "5%", cap: str = "8%") -> int:
    trader.deposit("ETH", 10)
    maker.lend("USDM", 1_000, rate)
    return trader.borrow("USDM", 1_000, cap).contracts[0]


def test_a_lender_leaves_at_a_higher_rate(exchange: Exchange, maker: Account, trader: Account) -> None:
    """The example of docs/spec/loans.md: 1,000 at 5 %, ten hours later at 7 %, repaid after 120."""
    loan = borrow(exchange, maker, trader)
    saver = fund(exchange, "saver", USDM=1_000)
    exchange.step(**TEN_HOURS)
    saver.lend("USDM", 1_000, "7%")
    owed = trader.positions[0].owed
    cash = maker.balances["USDM"]
    maker.exit_loan(loan, "9%")
    assert trader.positions[0].owed == owed  # the borrower's terms do not change
    assert maker.balances["USDM"] == cash + 1_000
    # 230 hours at 2 % may be owed, less the ten hours at 5 % that are due to it
    assert maker.positions[0].owed == D("0.468037")
    (mine,) = saver.loans
    assert (mine.rate, mine.receives, mine.id) == (5, 7, loan)
    exchange.step(hours=110)
    saver.cancel_all()
    before = maker.balances["USDM"], saver.balances.get("USDM", D(0)), trader.balances["USDM"]
    trader.repay(loan)
    after = maker.balances["USDM"], saver.balances["USDM"], trader.balances["USDM"]
    assert after[2] == before[2] - D("1000.684932")
    assert after[0] == before[0] - D("0.194064")  # rounded against the former lender
    assert after[1] == before[1] + 1_000 + D("0.684932") + D("0.194064")
    assert maker.positions[0].owed == 0
    assert exchange.audit() == []


def test_a_lender_leaves_to_two(exchange: Exchange, maker: Account, trader: Account) -> None:
    loan = borrow(exchange, maker, trader)
    first, second = fund(exchange, "first", USDM=400), fund(exchange, "second", USDM=900)
    first.lend("USDM", 400, "5%")
    second.lend("USDM", 900, "4%")
    maker.exit_loan(loan, "5%")  # 900 at 4 %, 100 at 5 %
    assert {(one.counterparty.name, one.principal, one.rate) for one in trader.loans} == {
        ("second", 900, 5), ("first", 100, 5),
    }  # fmt: skip
    assert [one.receives for one in second.loans] == [4]
    with pytest.raises(Rejected, match="NOT_OWNER"):
        maker.exit_loan(loan, "5%")
    with pytest.raises(Rejected, match="NO_LENDER"):
        first.exit_loan(first.loans[0].id, "1%")
    exchange.step(hours=48)
    for one in trader.loans:
        trader.repay(one.id)
    # 900 at 1 % over two days stay with the lender that left
    assert maker.balances["USDM"] == 1_000_000 + D("0.049315")
    assert exchange.audit() == []


def test_a_former_lender_that_cannot_pay_owes_by_iou(exchange: Exchange, maker: Account, trader: Account) -> None:
    lender = fund(exchange, "lender", USDM=1_000, BTC=1)
    loan = borrow(exchange, lender, trader)
    maker.lend("USDM", 1_000, "9%")
    lender.exit_loan(loan, "9%")
    lender.withdraw("USDM", 1_000)  # carried by its BTC
    assert lender.positions[0].owed == D("1.095891")
    value = lender.available_margin
    exchange.step(hours=24)
    maker.cancel_all()
    exchange.mark("BTC", "60000")
    trader.repay(loan)
    assert [(one.is_iou, one.counterparty, one.principal) for one in lender.loans] == [(True, maker, D("0.109590"))]
    assert lender.available_margin == value + D("0.986301")  # what it will never have to pay
    with pytest.raises(Rejected, match="OVERDUE_IOU"):
        lender.withdraw("BTC", "0.1")
    lender.deposit("USDM", 1)
    assert lender.loans == [] and exchange.audit() == []


def test_a_loan_of_a_borrower_in_trouble_cannot_be_left(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.lend("USDM", 1_000, "5%")
    debtor = fund(exchange, "debtor", ETH="0.6")
    loan = debtor.borrow("USDM", 1_000, "5%").contracts[0]
    debtor.withdraw("USDM", 900)
    trader.lend("USDM", 1_000, "5%")
    exchange.mark("ETH", "1680")  # a margin call, which nobody acts on
    with pytest.raises(Rejected, match="BORROWER_NOT_FREE"):
        maker.exit_loan(loan, "9%")


def test_anyone_renews_what_is_about_to_fall_due(exchange: Exchange, maker: Account, trader: Account) -> None:
    loan = borrow(exchange, maker, trader)
    keeper = fund(exchange, "keeper", USDM=10)
    with pytest.raises(Rejected, match="RENEWAL_EARLY"):
        keeper.renew(loan)
    exchange.step(hours=235)
    trader.configure_loan(loan, renewable=False)
    with pytest.raises(Rejected, match="RENEWAL_FORBIDDEN"):
        keeper.renew(loan)
    trader.configure_loan(loan)
    (event,) = (one for one in keeper.renew(loan).events if isinstance(one, r.LoanExtended))
    assert keeper.balances["USDM"] == 10 - exchange.listing.numeraire.from_quanta(event.fee)
    assert trader.loans[0].due == exchange.time + timedelta(days=10)
    assert exchange.audit() == []


def test_the_terms_of_a_renewal_change_by_proposal(exchange: Exchange, maker: Account, trader: Account) -> None:
    """The book's minimum is 10 USDM: 2.5 % of it are 0.25, and a window of 12 hours lets a keeper come earlier."""
    keeper = fund(exchange, "keeper", USDM=10)
    exchange.propose(renewal_window_hours=12, renewal_fee_ppm=25_000)
    assert exchange.changes[0].fields == {"renewal_window_hours": (6, 12), "renewal_fee_ppm": (10_000, 25_000)}
    exchange.step(hours=48)
    exchange.marks({"ETH": "2000"})
    loan = borrow(exchange, maker, trader)
    exchange.step(hours=227)
    with pytest.raises(Rejected, match="RENEWAL_EARLY"):
        keeper.renew(loan)
    exchange.step(hours=1)
    keeper.renew(loan)
    assert keeper.balances["USDM"] == D("9.75")
    assert exchange.audit() == []


@pytest.mark.parametrize(
    ("steps", "balance", "left", "overdue"),
    [
        (["extend"], 2_000, 1_000, False),
        (["repay"], 2_000, 0, False),
        (["repay"], 500, D("500.684933"), True),
        (["extend", "repay"], 0, 1_000, True),
        ([], 2_000, 1_000, True),
    ],
)
def test_the_due_time(
    exchange: Exchange, maker: Account, trader: Account, steps: list[str], balance: int, left: Decimal, overdue: bool
) -> None:
    loan = borrow(exchange, maker, trader)
    trader.configure_loan(loan, steps=steps)
    held = trader.balances["USDM"]
    if held > balance:
        trader.withdraw("USDM", held - balance)
    exchange.step(days=10, seconds=1)
    rest = [(one.principal, one.overdue) for one in trader.loans]
    assert sum((principal for principal, _ in rest), D(0)) == pytest.approx(left, abs=D("0.7"))
    assert rest == [] or rest[0][1] is overdue
    assert [one.overdue for one in maker.loans] == [flag for _, flag in rest]  # its lender sees it
    assert exchange.audit() == []


def test_a_due_loan_is_borrowed_anew(exchange: Exchange, maker: Account, trader: Account) -> None:
    loan = borrow(exchange, maker, trader)
    trader.configure_loan(loan, steps=["reborrow"])
    saver = fund(exchange, "saver", USDM=2_000)
    saver.lend("USDM", 2_000, "7%")
    exchange.step(days=10, seconds=1)
    (anew,) = trader.loans
    assert (anew.counterparty, anew.rate) == (saver, 7) and anew.principal >= 1_000
    assert exchange.audit() == []


def test_offers_without_a_balance_do_not_make_a_loan_overdue(
    exchange: Exchange, maker: Account, trader: Account
) -> None:
    """Forty cheap offers of somebody who has withdrawn stand before the one that delivers: three rounds."""
    loan = borrow(exchange, maker, trader)
    trader.configure_loan(loan, steps=["reborrow"])
    mocker = fund(exchange, "mocker", USDM=200)
    for _ in range(40):
        mocker.lend("USDM", 10, "1%")
    mocker.withdraw("USDM", 200)
    fund(exchange, "saver", USDM=2_000).lend("USDM", 2_000, "7%")
    exchange.step(days=10, seconds=1)
    assert [(one.counterparty.name, one.rate, one.overdue) for one in trader.loans] == [("saver", 7, False)]
    assert mocker.orders == []
    assert exchange.audit() == []


def test_many_small_offers_repay_a_loan_together(exchange: Exchange, maker: Account, trader: Account) -> None:
    """Of 10 USDM each, 32 a round; what is repaid with them comes back at 5 % and is lent again."""
    loan = borrow(exchange, maker, trader)
    trader.configure_loan(loan, steps=["reborrow"])
    saver = fund(exchange, "saver", USDM=2_000)
    for _ in range(120):
        saver.lend("USDM", 10, "6%")
    exchange.step(days=10, seconds=1)
    assert {(one.counterparty.name, one.overdue) for one in trader.loans} == {("saver", False), ("maker", False)}
    assert loan not in {one.id for one in trader.loans}
    assert len(trader.loans) > 32
    assert 1_000 <= sum(one.principal for one in trader.loans) < 1_020
    assert exchange.audit() == []


@pytest.mark.parametrize(("offers", "lender"), [(40, "saver"), (1_100, "maker")])
def test_offers_kept_from_a_borrower_put_its_loan_off_and_no_more(
    exchange: Exchange, maker: Account, trader: Account, offers: int, lender: str
) -> None:
    """Whoever denies it keeps its offers: they are passed over, twice as many a round, 1,024 in the last one."""
    loan = borrow(exchange, maker, trader)
    trader.configure_loan(loan, steps=["reborrow"])
    mocker = fund(exchange, "mocker", USDM=100_000)
    mocker.deny(trader)
    for _ in range(offers):
        mocker.lend("USDM", 10, "1%")
    fund(exchange, "saver", USDM=2_000).lend("USDM", 2_000, "7%")
    exchange.step(days=10, seconds=1)
    exchange.step(seconds=1)
    assert [(one.counterparty.name, one.overdue) for one in trader.loans] == [(lender, lender == "maker")]
    assert len(mocker.orders) == offers
    assert exchange.audit() == []


def test_what_is_repaid_returns_below_bids_it_cannot_deal_with(
    exchange: Exchange, maker: Account, trader: Account
) -> None:
    """The best bid is of somebody whom the lender denies: its money returns at its own 5 %, past that bid."""
    loan = borrow(exchange, maker, trader)
    for name in ("friend", "stranger"):
        fund(exchange, name, ETH=1, USDM=10).borrow("USDM", 100, "6%" if name == "friend" else "8%")
    maker.deny(exchange.account("stranger"))
    trader.repay(loan, 500)
    (offer,) = (order for order in maker.orders if order.market == "USDM-LOAN-10D")
    assert (offer.price, offer.size) == (D("6.01"), 500)
    maker.cancel(offer.id)
    exchange.account("friend").cancel_all()
    trader.repay(loan)
    (offer,) = (order for order in maker.orders if order.market == "USDM-LOAN-10D")
    assert (offer.price, offer.size) == (5, 500)
    assert exchange.audit() == []


def test_holdings_are_sold_for_a_due_loan(exchange: Exchange, maker: Account, trader: Account) -> None:
    loan = borrow(exchange, maker, trader)
    trader.configure_loan(loan, steps=["sell"])
    trader.withdraw("USDM", trader.balances["USDM"])
    exchange.step(days=9, hours=23, minutes=59, seconds=50)
    exchange.marks({"ETH": "2000"})
    maker.buy("ETH/USDM", 2, price="1999")
    exchange.step(seconds=11)
    assert trader.loans == []
    assert trader.balances["ETH"] > D("9.49")  # no more than it took
    assert exchange.audit() == []


def test_an_order_borrows_what_it_lacks_or_nothing(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.sell("ETH/USDM", 1, price="2000")
    maker.lend("USDM", 600, "5%")
    with pytest.raises(Rejected, match="BALANCE"):
        trader.buy("ETH/USDM", "0.75", price="2000")
    dry = trader.submit.buy("ETH/USDM", "0.9", price="2000", borrow_up_to="6%")
    assert dry.cancelled[0].reason == "BALANCE" and not trader.loans  # 801 are not to be had: nothing happened
    assert exchange.market("USDM-LOAN-10D").ask == (5, 600)
    result = trader.buy("ETH/USDM", "0.75", price="2000", borrow_up_to="6%")
    assert trader.loans[0].principal == 502  # 1,500 and a fee of 1.50, less 1,000, in whole lots
    assert result.filled == D("0.75")
    trader.sell("BTC/USDM", "0.001", price="60000", borrow_up_to="6%")  # rests: nobody lends BTC, and nobody buys
    assert exchange.audit() == []


def test_the_curve_has_a_rate_a_tenor(exchange: Exchange, maker: Account, trader: Account) -> None:
    maker.lend("USDM", 1_000, "5%")
    curve = exchange.loan_curve("USDM")
    assert [rate.tenor for rate in curve] == sorted(rate.tenor for rate in curve)
    assert (5, 1_000) in [rate.ask for rate in curve]


def test_a_bundle_returns_what_it_repays_at_its_end(exchange: Exchange, maker: Account, trader: Account) -> None:
    loan = borrow(exchange, maker, trader)
    assert exchange.market("USDM-LOAN-10D").ask is None
    with trader.bundle() as bundle:
        bundle.repay(loan, 300)
        bundle.repay(loan, 200)
    assert exchange.market("USDM-LOAN-10D").ask == (5, 500)
