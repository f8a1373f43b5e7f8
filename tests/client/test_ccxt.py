"""The exchange class of ccxt, by ccxt's own methods, against a venue over real sockets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.client.shop import serve_apart
from tests.node.venue import MAKER, STRANGER, TAKER

ccxt = pytest.importorskip("ccxt")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A maker and a taker."""
    from worldmarkets.client.ccxt import WorldMarkets

    with serve_apart(Path(tmp_path_factory.mktemp("venue"))) as shop:
        made = []
        for signer in (MAKER, TAKER):
            made.append(
                WorldMarkets({"privateKey": signer.secret, "urls": {"api": shop.url}, "enableRateLimit": False})
            )
        yield made
        for exchange in made:
            exchange.session.close()


SWAP, SPOT = "ETH/USDM:USDM", "ETH/USDM"


def test_markets_are_loaded_with_their_steps(pair: Any) -> None:
    exchange = pair[0]
    markets = exchange.load_markets()
    assert markets[SWAP]["swap"] and markets[SWAP]["linear"] and markets[SWAP]["id"] == "ETH-PERP"
    assert markets[SPOT]["spot"] and not any("LOAN" in market["id"] for market in markets.values())
    assert exchange.amount_to_precision(SPOT, 0.123456789) == "0.1234"
    assert abs(exchange.fetch_time() - exchange.milliseconds()) < 60_000
    assert exchange.has["createOrder"] and exchange.has["fetchOHLCV"]
    with pytest.raises(ccxt.BadSymbol):
        exchange.market("DOGE/USDM")


def test_orders_go_from_placed_to_filled(pair: Any) -> None:
    maker, taker = pair
    placed = maker.create_order(SWAP, "limit", "sell", 1, 2001, {"clientOrderId": "42", "postOnly": True})
    assert (placed["status"], placed["filled"], placed["remaining"], placed["clientOrderId"]) == ("open", 0, 1, "42")
    assert [order["id"] for order in maker.fetch_open_orders(SWAP)] == [placed["id"]]
    book = taker.fetch_order_book(SWAP)
    assert book["asks"][0] == [2001, 1] and book["nonce"] > 0
    second = maker.create_order(SWAP, "limit", "sell", 1, 2002)
    assert [len(taker.fetch_order_book(SWAP, limit)["asks"]) for limit in (1, 2, 1_000)] == [1, 2, 2]
    maker.cancel_order(second["id"])
    filled = taker.create_order(SWAP, "limit", "buy", 0.4, 2001)
    assert (filled["status"], filled["filled"], filled["average"]) == ("closed", pytest.approx(0.4), 2001)
    assert filled["fee"]["currency"] == "USDM" and filled["fee"]["cost"] > 0
    (position,) = taker.fetch_positions([SWAP])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", 0.4, 2001)
    assert taker.fetch_position(SWAP)["side"] == "long"
    assert maker.fetch_order(placed["id"], SWAP)["remaining"] == 0.6
    maker.edit_order(placed["id"], SWAP, "limit", "sell", 0.5)
    assert maker.fetch_order(placed["id"], SWAP)["remaining"] == 0.5
    assert maker.cancel_order(placed["id"], SWAP)["status"] == "canceled"
    assert maker.fetch_open_orders() == []
    gone = maker.fetch_order(placed["id"], SWAP)
    assert (gone["status"], gone["filled"]) == ("canceled", pytest.approx(0.4))
    with pytest.raises(ccxt.OrderNotFound):
        maker.fetch_order("12345", SWAP)


def test_orders_of_other_kinds(pair: Any) -> None:
    maker, taker = pair
    maker.create_order(SPOT, "limit", "sell", 1, 2000)
    market = taker.create_order(SPOT, "market", "buy", 0.25)
    assert (market["status"], market["average"]) == ("closed", 2000)
    rest = taker.create_order(SPOT, "limit", "buy", 3, 2000, {"timeInForce": "IOC"})
    assert (rest["status"], rest["filled"]) == ("canceled", pytest.approx(0.75))
    stop = taker.create_order(SWAP, "limit", "sell", 0.1, 1900, {"triggerPrice": 1950, "reduceOnly": True})
    (waiting,) = taker.fetch_open_orders(SWAP)
    assert (waiting["id"], waiting["triggerPrice"]) == (stop["id"], 1950)
    assert [order["id"] for order in taker.cancel_all_orders(SWAP)] == [stop["id"]]
    with pytest.raises(ccxt.OrderNotFillable):
        taker.create_order(SPOT, "limit", "buy", 3, 2000, {"timeInForce": "FOK"})
    with pytest.raises(ccxt.BadRequest):
        taker.create_order(SPOT, "limit", "buy", 3, 1000, {"iceberg": True})


def test_market_data(pair: Any) -> None:
    maker, taker = pair
    maker.create_order(SPOT, "limit", "buy", 1, 1990)
    taker.create_order(SPOT, "limit", "sell", 0.5, 1990)
    for _ in range(100):  # history follows a moment later
        ticker = maker.fetch_ticker(SPOT)
        if ticker["last"] == 1990:
            break
        time.sleep(0.05)
    assert (ticker["bid"], ticker["markPrice"], ticker["last"]) == (1990, 2000, 1990)
    trade = maker.fetch_trades(SPOT, limit=1)[-1]
    assert (trade["side"], trade["price"], trade["amount"], trade["cost"]) == ("sell", 1990, 0.5, 995)
    candle = maker.fetch_ohlcv(SPOT, "1h")[-1]
    assert candle[3] <= 1990 <= candle[2] and candle[5] >= 0.5
    rate = maker.fetch_funding_rate(SWAP)
    assert rate["fundingRate"] == 0 and rate["fundingTimestamp"] > 0 and rate["interval"] == "8h"
    assert isinstance(maker.fetch_funding_rate_history(SWAP, limit=3), list)
    mine = maker.fetch_my_trades(SPOT)[-1]
    assert (mine["side"], mine["takerOrMaker"], mine["amount"]) == ("buy", "maker", 0.5)


def test_balances_and_errors(pair: Any) -> None:
    from worldmarkets.client.ccxt import WorldMarkets

    taker = pair[1]
    balance = taker.fetch_balance()
    assert balance["BTC"]["total"] == 20 and balance["total"]["USDM"] > 0 and balance["debt"]["USDM"] == 0
    with pytest.raises(ccxt.InsufficientFunds):
        taker.create_order(SWAP, "limit", "buy", 20_000, 2000)
    stranger = WorldMarkets({"privateKey": STRANGER.secret, "walletAddress": TAKER.address, "urls": taker.urls})
    with pytest.raises(ccxt.AuthenticationError):
        stranger.cancel_all_orders()
    stranger.session.close()
    reader = WorldMarkets({"urls": taker.urls})
    with pytest.raises(ccxt.AuthenticationError):  # ccxt's own: no private key
        reader.create_order(SPOT, "limit", "buy", 1, 1)
    reader.session.close()


def test_a_line_that_breaks_places_once(pair: Any) -> None:
    maker = pair[0]
    sent: list[str] = []
    fetch = maker.fetch

    def lose(url: str, method: str = "GET", headers: Any = None, body: Any = None) -> Any:
        answer = fetch(url, method, headers, body)
        if method == "POST":
            sent.append(body)
            if len(sent) < 3:
                raise ccxt.NetworkError("cut")
        return answer

    maker.fetch = lose
    try:
        order = maker.create_order("BTC/USDM", "limit", "buy", 0.1, 50_000)
    finally:
        maker.fetch = fetch
    assert len(sent) == 3 and len(set(sent)) == 1
    assert [one["id"] for one in maker.fetch_open_orders("BTC/USDM")] == [order["id"]]
