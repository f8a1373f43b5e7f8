"""Policies through the library: worked examples one can check by hand, and every refusal."""

from decimal import Decimal

import pytest

from tests.exchange.venues import open_worked
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.records import SetCounterparty, SetPolicy
from worldmarkets.exchange import Account, Rejected


@pytest.fixture
def exchange() -> Exchange:
    """No fees, price shocks of 10 %: ETH at 2,000 and BTC at 50,000."""
    return open_worked()


def open_account(exchange: Exchange, name: str, usdm: str = "10_000", index: int = 0) -> Account:
    account = exchange.account(name, index)
    account.deposit("USDM", usdm)
    return account


def get_parties(account: Account) -> dict[Account, Decimal]:
    return {perp.counterparty: perp.size for perp in account.perps}


def test_exposure_is_lent_and_profit_and_shock(exchange: Exchange) -> None:
    lender, borrower = open_account(exchange, "lender"), open_account(exchange, "borrower")
    lender.lend("USDM", "3000", rate="5%")
    borrower.borrow("USDM", "3000", rate="5%")
    lender.buy("ETH-PERP", "1", "2000")
    borrower.sell("ETH-PERP", "1", "2000")
    exchange.mark("ETH", "2050")
    (view,) = lender.counterparties
    assert (view.account, view.lent, view.profit, view.shock) == (borrower, 3_000, 50, 205)
    assert view.exposure == 3_255 and view.limit is None
    assert borrower.counterparties[0].exposure == 205  # its loss is nothing that the lender owes


def test_a_hedge_within_a_group_nets(exchange: Exchange) -> None:
    one, other = open_account(exchange, "one"), open_account(exchange, "other")
    for market, buyer, seller in (("ETH-PERP", one, other), ("stETH-PERP", other, one)):
        buyer.buy(market, "1", "2000")
        seller.sell(market, "1", "2000")
    assert one.counterparties[0].shock == 0
    one.buy("BTC-PERP", "0.1", "50000")
    other.sell("BTC-PERP", "0.1", "50000")
    assert one.counterparties[0].shock == 500


def test_a_limit_takes_the_part_that_fits(exchange: Exchange) -> None:
    """A tenth of 1 ETH is shocked away: a limit of 100 is half of it."""
    maker, taker, third = (open_account(exchange, name) for name in ("maker", "taker", "third"))
    maker.set_policy(max_exposure="100")
    maker.sell("ETH-PERP", "1", "2000")
    third.sell("ETH-PERP", "1", "2001")
    result = taker.buy("ETH-PERP", "1.2", "2001")
    assert [(fill.counterparty, fill.size) for fill in result.fills] == [
        (maker, Decimal("0.5")),
        (third, Decimal("0.7")),
    ]
    assert maker.counterparties[0].exposure == 100 == maker.counterparties[0].limit
    assert maker.orders[0].size == Decimal("0.5")


def test_a_limit_of_its_own_takes_the_place_of_the_general_one(exchange: Exchange) -> None:
    maker, taker = open_account(exchange, "maker"), open_account(exchange, "taker")
    maker.set_policy(max_exposure="100")
    maker.limit_exposure(taker, "150")
    maker.sell("ETH-PERP", "1", "2000")
    assert taker.buy("ETH-PERP", "1", "2000", ioc=True).filled == Decimal("0.75")
    maker.limit_exposure(taker, 0)
    assert taker.buy("ETH-PERP", "1", "2000", ioc=True).filled == 0
    taker.sell("ETH-PERP", "0.25", "2000")
    assert maker.buy("ETH-PERP", "0.25", "2000").filled == Decimal("0.25")  # what reduces is not limited


def test_what_lowers_an_exposure_is_never_too_much(exchange: Exchange) -> None:
    """Long 2 ETH with one party is 400; short 1 stETH with the same leaves 200, still above a limit of 100."""
    one, other = open_account(exchange, "one"), open_account(exchange, "other")
    one.buy("ETH-PERP", "2", "2000")
    other.sell("ETH-PERP", "2", "2000")
    one.limit_exposure(other, "100")
    other.buy("stETH-PERP", "1", "2000")
    assert one.sell("stETH-PERP", "1", "2000").filled == 1
    assert one.counterparties[0].exposure == 200
    other.sell("stETH-PERP", "0.5", "2000")
    assert one.buy("stETH-PERP", "0.5", "2000", ioc=True).filled == Decimal("0.5")  # torn up: always allowed
    other.sell("ETH-PERP", "1", "2000")
    assert one.buy("ETH-PERP", "1", "2000", ioc=True).filled == 0


@pytest.mark.parametrize("who", ["maker", "taker"])
def test_a_denial_works_in_both_directions(exchange: Exchange, who: str) -> None:
    maker, taker, third = (open_account(exchange, name) for name in ("maker", "taker", "third"))
    maker.sell("ETH-PERP", "1", "2000")
    third.sell("ETH-PERP", "1", "2001")
    maker.lend("USDM", "100", rate="4%")
    third.lend("USDM", "100", rate="5%")
    if who == "maker":
        maker.deny(taker)
    else:
        taker.deny(maker)
    assert [fill.counterparty for fill in taker.buy("ETH-PERP", "1", "2001").fills] == [third]
    assert [fill.counterparty for fill in taker.borrow("USDM", "100", rate="6%").fills] == [third]
    assert [order.size for order in maker.orders] == [100, 1]  # passed over, not cancelled
    assert exchange.market("ETH-PERP").ask.price == 2000  # the public book shows everything
    assert exchange.market("ETH-PERP").depth(account=taker).asks == []


def test_a_denied_owner_cannot_come_back_with_another_account(exchange: Exchange) -> None:
    maker, taker = open_account(exchange, "maker"), open_account(exchange, "taker")
    maker.sell("ETH-PERP", "1", "2000")
    maker.deny(taker)
    second = open_account(exchange, "taker", index=1)
    assert second.buy("ETH-PERP", "0.1", "2000").filled == Decimal("0.1")
    maker.deny(taker, owner=True)
    third = open_account(exchange, "taker", index=2)
    assert not second.buy("ETH-PERP", "0.1", "2000", ioc=True).fills
    assert not third.buy("ETH-PERP", "0.1", "2000", ioc=True).fills
    maker.limit_exposure(third, "10")  # what is said of the account comes before what is said of the owner
    assert third.buy("ETH-PERP", "0.1", "2000", ioc=True).filled == Decimal("0.05")
    assert [(term.counterparty, term.owner, term.denied) for term in maker.policy.terms] == [
        (third, False, False),
        (taker, True, True),
        (taker, False, True),
    ]


def test_denied_parties_may_still_tear_up_what_they_have(exchange: Exchange) -> None:
    one, other = open_account(exchange, "one"), open_account(exchange, "other")
    one.buy("ETH-PERP", "1", "2000")
    other.sell("ETH-PERP", "1", "2000")
    one.deny(other)
    one.sell("ETH-PERP", "3", "2000")
    assert other.buy("ETH-PERP", "3", "2000", ioc=True).filled == 1
    assert one.perps == [] == other.perps


def test_a_new_counterparty_must_survive(exchange: Exchange) -> None:
    """1,000 of collateral and 4,000 short: 10 % at severity 2 take 800, at 3 they take 1,200."""
    maker, taker = open_account(exchange, "maker"), open_account(exchange, "taker", "1000")
    maker.buy("ETH-PERP", "2", "2000")
    maker.set_policy(survives=3)
    assert taker.sell("ETH-PERP", "2", "2000", ioc=True).filled == 0
    maker.set_policy(survives=2)
    assert taker.sell("ETH-PERP", "2", "2000", ioc=True).filled == 2


def test_an_order_that_may_not_meet_rests_and_the_book_stands_crossed(exchange: Exchange) -> None:
    maker, taker, third = (open_account(exchange, name) for name in ("maker", "taker", "third"))
    maker.deny(taker)
    maker.sell("ETH-PERP", "1", "2000")
    assert taker.buy("ETH-PERP", "1", "2010", post_only=True).resting == 1
    book = exchange.market("ETH-PERP")
    assert (book.bid.price, book.ask.price) == (2010, 2000)
    assert exchange.audit() == []
    assert not third.submit.buy("ETH-PERP", "1", "2005", post_only=True).accepted
    assert [fill.price for fill in third.sell("ETH-PERP", "1", "1990").fills] == [2010]
    with pytest.raises(Rejected, match="FILL_OR_KILL_UNFILLED"):
        taker.buy("ETH-PERP", "1", "2000", fok=True)


def test_taking_a_denial_back_matches_what_it_kept_apart(exchange: Exchange) -> None:
    maker, taker = open_account(exchange, "maker"), open_account(exchange, "taker")
    maker.deny(taker)
    maker.sell("ETH-PERP", "1", "2000")
    taker.buy("ETH-PERP", "1", "2010")
    result = maker.forget(taker)
    assert [(fill.counterparty, fill.price) for fill in result.fills] == [(taker, 2010)]
    assert maker.policy.terms == () and maker.policy.max_exposure is None


def test_a_change_puts_orders_at_the_back(exchange: Exchange) -> None:
    one, other, taker = (open_account(exchange, name) for name in ("one", "other", "taker"))
    one.sell("ETH-PERP", "1", "2000")
    other.sell("ETH-PERP", "1", "2000")
    one.set_policy(true_up_threshold="5")  # a threshold says nothing about whom it deals with
    assert taker.buy("ETH-PERP", "0.1", "2000").fills[0].counterparty == one
    one.set_policy(true_up_threshold="5", max_exposure="5000")
    assert taker.buy("ETH-PERP", "0.1", "2000").fills[0].counterparty == other
    other.set_policy(max_exposure="5000")
    other.set_policy(max_exposure="5000")  # no change
    assert taker.buy("ETH-PERP", "0.1", "2000").fills[0].counterparty == one


def test_an_opening_order_takes_over_no_contract_of_somebody_it_denies(exchange: Exchange) -> None:
    """The seller reduces; its newest contract is with somebody the buyer denies, so it gives another one up."""
    seller, buyer, old, new = (open_account(exchange, name) for name in ("seller", "buyer", "old", "new"))
    for short in (old, new):
        seller.buy("ETH-PERP", "1", "2000")
        short.sell("ETH-PERP", "1", "2000")
    buyer.deny(new)
    seller.sell("ETH-PERP", "2", "2000")
    assert buyer.buy("ETH-PERP", "2", "2000").filled == 1
    assert get_parties(buyer) == {old: 1} and get_parties(seller) == {new: 1}


def test_nobody_can_refuse_to_be_repaired_with_a_free_party(exchange: Exchange) -> None:
    seller, buyer, holder = (open_account(exchange, name) for name in ("seller", "buyer", "holder"))
    seller.buy("ETH-PERP", "1", "2000")
    holder.sell("ETH-PERP", "1", "2000")
    holder.deny(buyer)
    holder.set_policy(max_exposure="1")
    seller.sell("ETH-PERP", "1", "2000")
    assert buyer.buy("ETH-PERP", "1", "2000").filled == 1
    assert get_parties(holder) == {buyer: -1}


def test_a_party_that_is_not_free_can_be_refused(exchange: Exchange) -> None:
    """The buyer's long stETH lost until it is short of margin; buying its ETH short back would still be admitted."""
    seller, buyer, holder = (open_account(exchange, name) for name in ("seller", "buyer", "holder"))
    other = open_account(exchange, "other")
    seller.buy("ETH-PERP", "1", "2000")
    holder.sell("ETH-PERP", "1", "2000")
    buyer.sell("stETH-PERP", "45", "2000")
    exchange.account("maker").buy("stETH-PERP", "45", "2000")
    exchange.mark("stETH", "2040")
    assert buyer.available_margin < 0
    seller.sell("ETH-PERP", "1", "2000")
    holder.deny(buyer)
    assert buyer.preview.buy("ETH-PERP", "1", "2000", ioc=True).result.filled == 0
    holder.forget(buyer)
    assert buyer.preview.buy("ETH-PERP", "1", "2000", ioc=True).result.filled == 1
    holder.deny(buyer)
    assert other.buy("ETH-PERP", "1", "2000", ioc=True).filled == 1


def test_the_weakest_counterparty_goes_first(exchange: Exchange) -> None:
    holder, taker = open_account(exchange, "holder"), open_account(exchange, "taker")
    shorts = {name: open_account(exchange, name, usdm) for name, usdm in
              (("strong", "9000"), ("weak", "250"), ("middling", "900"))}  # fmt: skip
    for short in shorts.values():
        holder.buy("ETH-PERP", "1", "2000")
        short.sell("ETH-PERP", "1", "2000")
    holder.configure(give_up="weakest-first")
    assert holder.policy.give_up == "weakest-first"
    for left in ({"strong", "middling"}, {"strong"}, set()):
        holder.sell("ETH-PERP", "1", "2000")
        taker.buy("ETH-PERP", "1", "2000")
        assert set(get_parties(holder)) == {shorts[name] for name in left}


def test_a_contract_beyond_a_threshold_is_paid(exchange: Exchange) -> None:
    one, other, third = (open_account(exchange, name) for name in ("one", "other", "third"))
    one.buy("ETH-PERP", "1", "2000")
    other.sell("ETH-PERP", "1", "2000")
    one.set_policy(true_up_threshold="50")
    exchange.mark("ETH", "2050")
    for _ in range(3):
        exchange.mark("BTC", "50000")  # each mark looks at a few contracts
    assert one.balances["USDM"] == 10_000
    with pytest.raises(Rejected, match="NOT_OWNER"):
        third.true_up(one.perps[0].id)
    exchange.mark("ETH", "2051")
    exchange.mark("BTC", "50000")
    assert one.balances["USDM"] == 10_051 and one.perps[0].entry == 2051


def test_anybody_may_true_up_what_lies_beyond_a_threshold(exchange: Exchange) -> None:
    one, other, third = (open_account(exchange, name) for name in ("one", "other", "third"))
    one.buy("ETH-PERP", "1", "2000")
    other.sell("ETH-PERP", "1", "2000")
    exchange.mark("ETH", "2100")
    other.set_policy(true_up_threshold="99")
    before = third.balances
    third.true_up(one.perps[0].id)
    assert one.balances["USDM"] == 10_100 and third.balances == before


def test_a_denied_borrower_cannot_extend(exchange: Exchange) -> None:
    lender, borrower = open_account(exchange, "lender"), open_account(exchange, "borrower")
    lender.lend("USDM", "1000", rate="5%")
    loan = borrower.borrow("USDM", "1000", rate="5%").contracts[0]
    lender.deny(borrower)
    with pytest.raises(Rejected, match="COUNTERPARTY_DENIED"):
        borrower.extend(loan)


def test_a_lender_limits_what_one_borrower_gets(exchange: Exchange) -> None:
    lender, borrower = open_account(exchange, "lender"), open_account(exchange, "borrower")
    lender.limit_exposure(borrower, "400")
    lender.lend("USDM", "1000", rate="5%")
    assert borrower.borrow("USDM", "1000", rate="5%", ioc=True).filled == 400
    borrower.repay(borrower.loans[0].id, "150")
    assert borrower.borrow("USDM", "1000", rate="5%", ioc=True).filled == 150
    assert lender.counterparties[0].exposure == 400
    assert exchange.audit() == []


@pytest.mark.parametrize(
    ("record", "fields", "code"),
    [
        (SetPolicy, {"account": 99}, "UNKNOWN_ACCOUNT"),
        (SetPolicy, {"max_exposure": -1}, "AMOUNT_NOT_POSITIVE"),
        (SetPolicy, {"true_up_threshold": 10**17 + 1}, "AMOUNT_TOO_LARGE"),
        (SetPolicy, {"severity_ppm": 10_000_001}, "SEVERITY_OUT_OF_RANGE"),
        (SetPolicy, {"severity_ppm": -1}, "SEVERITY_OUT_OF_RANGE"),
        (SetCounterparty, {"other": 99, "action": codes.DENY_COUNTERPARTY}, "UNKNOWN_ACCOUNT"),
        (SetCounterparty, {"other": 1, "action": codes.DENY_OWNER}, "SAME_ACCOUNT"),
        (SetCounterparty, {"other": 2, "action": 5}, "BAD_COMBINATION"),
        (SetCounterparty, {"other": 2, "action": codes.DENY_COUNTERPARTY, "limit": 1}, "BAD_COMBINATION"),
        (SetCounterparty, {"other": 2, "action": codes.LIMIT_COUNTERPARTY, "limit": -1}, "AMOUNT_NOT_POSITIVE"),
    ],
)
def test_what_is_refused(exchange: Exchange, record: type, fields: dict[str, int], code: str) -> None:
    open_account(exchange, "other")
    kind = codes.SET_POLICY if record is SetPolicy else codes.SET_COUNTERPARTY
    result = exchange.submit(record(kind=kind, **{"account": 1, **fields}))
    assert not result.accepted and result.code == code
    assert exchange.account("maker").policy.terms == ()


def test_a_policy_is_not_changed_in_a_bundle(exchange: Exchange) -> None:
    bundle = exchange.account("maker").bundle()
    bundle.set_policy(max_exposure=1)
    assert bundle.submit().code == "BUNDLE_ACCOUNT"


def test_a_policy_that_excludes_nobody_changes_nothing() -> None:
    """The same orders, with and without policies that let everybody through: the same trades and the same books."""
    import random

    events = []
    for has_policies in (False, True):
        exchange, chance = open_worked(), random.Random(7)
        accounts = [open_account(exchange, f"trader {number}", "50_000") for number in range(6)]
        for account in accounts:
            if has_policies and account.number % 2:
                account.set_policy(max_exposure="90_000_000")
                account.deny(exchange.account("nobody"))
            else:
                exchange.account("nobody")
        seen = []
        for _ in range(300):
            account = chance.choice(accounts)
            side = chance.choice(("buy", "sell"))
            market, price = chance.choice((("ETH-PERP", 2000), ("BTC-PERP", 50000), ("USDM-LOAN-10D", 500)))
            result = account.submit.order(market, side, chance.choice((1, 2, 3)), price + chance.randint(-3, 3))
            seen.append((result.code, [(fill.price, fill.size, fill.counterparty.name) for fill in result.fills]))
            seen.append([exchange.market(market).depth()])
        assert exchange.audit() == []
        events.append((seen, [account.perps for account in accounts], [account.balances for account in accounts]))
    assert str(events[0]) == str(events[1])
