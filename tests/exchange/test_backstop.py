"""The backstop book through the library: bids in units of severity, what they could lose, and every refusal."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.exchange.venues import SMALL
from worldmarkets import Exchange
from worldmarkets.core import codes
from worldmarkets.core.records import PlaceBid, PlaceOrder
from worldmarkets.exchange import Account, GenesisError, Rejected, UnitError, UnknownName, parse_genesis

D = Decimal
pytestmark = pytest.mark.both


@pytest.fixture
def exchange() -> Exchange:
    """The packaged venue: BTC may lose 10 % and 0.3 % of exit, MEGA 40 % and 3 %, a claim 2 %."""
    venue = Exchange(capacity=SMALL)
    venue.marks({"BTC": "60000", "ETH": "2000", "MEGA": "0.4"})
    return venue


def open_bidder(exchange: Exchange, name: str = "bidder", usdm: str = "100_000") -> Account:
    account = exchange.account(name)
    account.deposit("USDM", usdm)
    return account


def send_bid(exchange: Exchange, account: Account, **fields: int) -> str:
    """Return the code that a bid of 1,000 for 5 % of the loss is answered with when some of its fields are others."""
    market = exchange.listing.backstop_market().number
    terms = {"market": market, "lots": 1_000, "price_ticks": 50, **fields}
    return exchange.submit(PlaceBid(kind=codes.PLACE_BID, account=account.number, **terms)).code


def test_the_lowest_d_comes_first_and_then_the_oldest(exchange: Exchange) -> None:
    one, two = open_bidder(exchange, "one"), open_bidder(exchange, "two")
    one.bid_backstop("1000", "0.05")
    two.bid_backstop("2000", "0.05", groups=["BTC", "ETH"])
    two.bid_backstop("3000", "0.001")
    found = [(bid.account, bid.d, bid.size, bid.groups) for bid in exchange.backstop]
    assert found == [
        (two, D("0.001"), 3_000, ()),
        (one, D("0.050"), 1_000, ()),
        (two, D("0.050"), 2_000, ("BTC", "ETH")),
    ]
    assert exchange.market("BACKSTOP").depth().asks == [(D("0.001"), 3_000), (D("0.050"), 3_000)]
    assert exchange.market("BACKSTOP").bid is None
    assert not exchange.audit()


def test_what_a_bid_could_lose_is_its_worst_asset_less_what_it_is_paid(exchange: Exchange) -> None:
    """BTC: 10 % + 0.3 % + 2 % is 12.3 % of 1,000, of which a bid for a tenth of the loss bears nine tenths: 110.70.

    Any portfolio may be all MEGA: 40 % + 3 % + 2 % is 45 %, and nine tenths of it are 405.
    """
    bidder = open_bidder(exchange)
    bidder.bid_backstop("1000", "0.1", groups=["BTC"])
    assert exchange.read_row("accounts", bidder.number).order_loss == 110_700_000
    bidder.bid_backstop("1000", "0.1")
    assert exchange.read_row("accounts", bidder.number).order_loss == 110_700_000 + 405_000_000
    bidder.bid_backstop("1000", "1")  # for the whole loss it bears nothing
    assert exchange.read_row("accounts", bidder.number).order_loss == 110_700_000 + 405_000_000


def test_bids_may_lose_as_much_as_other_orders(exchange: Exchange) -> None:
    """Five times what is available: 5,000 / 0.405 of notional is 12,345.67."""
    bidder = open_bidder(exchange, usdm="1000")
    assert bidder.submit.bid_backstop("12346", "0.1").code == "OPEN_ORDERS"
    bid = bidder.bid_backstop("12345", "0.1").order
    assert bidder.submit.buy("BTC-PERP", "0.01", "59000").code == "OPEN_ORDERS"
    assert bidder.submit.amend(bid, size="12346").code == "OPEN_ORDERS"
    assert bidder.submit.amend(bid, price="0.05").code == "OPEN_ORDERS"
    bidder.amend(bid, price="0.2")
    with bidder.bundle() as bundle:
        bundle.cancel(bid)
        bundle.bid_backstop("12345", "0.1")
    assert [order.size for order in bidder.orders] == [12_345]
    with pytest.raises(Rejected, match="OPEN_ORDERS"), bidder.bundle() as bundle:
        bundle.bid_backstop("1000", "0.1")


def test_a_bid_is_amended_and_cancelled_like_any_order(exchange: Exchange) -> None:
    one, two = open_bidder(exchange, "one"), open_bidder(exchange, "two")
    first = one.bid_backstop("1000", "0.05", client_id=7, groups=["BTC"]).order
    second = two.bid_backstop("1000", "0.05").order
    one.amend(first, size="900")
    assert [bid.id for bid in exchange.backstop] == [first, second]
    one.amend(first, size="950")
    assert [bid.id for bid in exchange.backstop] == [second, first]
    one.amend(first, price="0.04")
    assert [(bid.id, bid.groups) for bid in exchange.backstop] == [(first, ("BTC",)), (second, ())]
    assert one.bid_backstop("1000", "0.05", client_id=7).repeated
    one.cancel(client_id=7)
    two.cancel_all("BACKSTOP")
    assert exchange.backstop == [] and not exchange.audit()
    assert not len(exchange.frame("bids"))


def test_a_bid_expires_and_goes_with_the_dead_mans_switch(exchange: Exchange) -> None:
    bidder = open_bidder(exchange)
    bidder.bid_backstop("1000", "0.05", good_till=exchange.time + timedelta(minutes=1))
    bidder.bid_backstop("1000", "0.06")
    exchange.step(minutes=2)
    assert [bid.d for bid in exchange.backstop] == [D("0.06")]
    bidder.set_dead_man(timedelta(minutes=1))
    exchange.step(minutes=2)
    assert exchange.backstop == [] and not exchange.audit()


def test_two_bids_may_be_partners(exchange: Exchange) -> None:
    bidder = open_bidder(exchange)
    one, other = (bidder.bid_backstop("1000", d).order for d in ("0.05", "0.06"))
    bidder.pair(one, other)
    bidder.cancel(one)
    assert exchange.backstop == [] and not exchange.audit()


def test_limits_count_bids(exchange: Exchange) -> None:
    bidder = open_bidder(exchange)
    bidder.limit("BACKSTOP", order="1000", orders=2, position="1")
    assert bidder.submit.bid_backstop("1001", "0.05").code == "LIMIT_ORDER_SIZE"
    bidder.bid_backstop("1000", "0.05")
    bidder.bid_backstop("1000", "0.05")
    assert bidder.submit.bid_backstop("1000", "0.05").code == "LIMIT_OPEN_ORDERS"
    assert not exchange.audit()


def test_everything_else_is_refused(exchange: Exchange) -> None:
    bidder = open_bidder(exchange)
    btc, market = exchange.get_group("BTC"), exchange.listing.backstop_market().number
    assert send_bid(exchange, bidder) == "OK"
    bid = PlaceBid(kind=codes.PLACE_BID, account=99, market=market, lots=1_000, price_ticks=50)
    assert exchange.submit(bid).code == "UNKNOWN_ACCOUNT"
    assert send_bid(exchange, bidder, market=1) == "UNKNOWN_MARKET"
    assert send_bid(exchange, bidder, market=999) == "UNKNOWN_MARKET"
    assert send_bid(exchange, bidder, group_a=btc, group_d=99) == "UNKNOWN_GROUP"
    assert send_bid(exchange, bidder, group_b=1) == "UNKNOWN_GROUP"  # the numeraire is in none
    assert send_bid(exchange, bidder, lots=0) == "SIZE_NOT_POSITIVE"
    assert send_bid(exchange, bidder, lots=99) == "SIZE_TOO_SMALL"
    assert send_bid(exchange, bidder, lots=10**14 + 1) == "SIZE_TOO_LARGE"
    assert send_bid(exchange, bidder, lots=10**10 + 1) == "NOTIONAL_TOO_LARGE"
    assert send_bid(exchange, bidder, price_ticks=0) == "PRICE_OUT_OF_RANGE"
    assert send_bid(exchange, bidder, price_ticks=1_001) == "PRICE_OUT_OF_RANGE"
    assert send_bid(exchange, bidder, time_in_force=codes.GOOD_TILL_TIME, expiry_us=1) == "EXPIRY_PAST"
    assert send_bid(exchange, bidder, time_in_force=codes.IMMEDIATE_OR_CANCEL) == "BAD_COMBINATION"
    assert send_bid(exchange, bidder, flags=codes.REDUCE_ONLY) == "BAD_COMBINATION"
    assert send_bid(exchange, bidder, client_id=-1) == "BAD_COMBINATION"
    order = PlaceOrder(kind=codes.PLACE_ORDER, account=bidder.number, market=market, side=codes.SELL, lots=100,
                       price_ticks=50)  # fmt: skip
    assert exchange.submit(order).code == "BAD_COMBINATION"  # an order is no bid
    exchange.set_mode("cancel_only", "BACKSTOP")
    assert send_bid(exchange, bidder) == "MARKET_MODE"
    exchange.set_mode("post_only", "BACKSTOP")
    assert send_bid(exchange, bidder) == "OK"
    exchange.set_mode("cancel_only")
    assert send_bid(exchange, bidder) == "VENUE_MODE"
    assert not exchange.audit()


def test_a_bid_in_words_is_checked_before_it_is_sent(exchange: Exchange) -> None:
    bidder = open_bidder(exchange)
    with pytest.raises(UnitError, match="not a multiple of its tick 0.001"):
        bidder.bid_backstop("1000", "0.0505")
    with pytest.raises(UnitError, match="at most 4 groups"):
        bidder.bid_backstop("1000", "0.05", groups=["BTC"] * 5)
    with pytest.raises(UnknownName, match="no group 'DOGE'; there is BTC, ETH"):
        bidder.bid_backstop("1000", "0.05", groups=["DOGE"])


BARE = """
[venue]
opens = 2025-01-01T00:00:00Z
[[assets]]
symbol = "USDM"
decimals = 6
[[assets]]
symbol = "BTC"
decimals = 8
group = "BTC"
"""
BOOK = '\n[[markets]]\nsymbol = "{name}"\nkind = "{kind}"\nasset = "{asset}"\nlot = "1"\ntick = "1"\n'


def test_a_venue_has_one_backstop_book_and_it_is_the_numeraires() -> None:
    def open_venue(*books: tuple[str, str, str]) -> Exchange:
        text = BARE + "".join(BOOK.format(name=name, kind=kind, asset=asset) for name, kind, asset in books)
        return Exchange(parse_genesis(text), capacity=SMALL)

    assert open_venue(("B", "backstop", "USDM")).backstop == []
    with pytest.raises(UnknownName, match="no backstop book"):
        _ = open_venue().backstop
    with pytest.raises(GenesisError, match="one backstop book"):
        open_venue(("B", "backstop", "USDM"), ("C", "backstop", "USDM"))
    with pytest.raises(GenesisError, match="the backstop book is the numeraire's"):
        open_venue(("B", "backstop", "BTC"))
    with pytest.raises(GenesisError, match="no spot and no perp market"):
        open_venue(("B", "spot", "USDM"))
