"""What is read over HTTP, against a venue that a person can work out (`prepare` of served.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.api.served import MAKER_NAME, MAKER_PATH, TAKER_NAME, TAKER_PATH, prepare, serve
from tests.node.venue import MAKER, START_US, TAKER
from worldmarkets.api.server import Server
from worldmarkets.schemas.commands import Bundle, PlaceOrder, SetPolicy, Withdraw
from worldmarkets.schemas.eip712 import compute_digest

START_MS = START_US // 1_000
TEN_DAYS_MS = 10 * 86_400_000


async def ask(client: httpx.AsyncClient, path: str, status: int = 200, **params: Any) -> Any:
    answer = await client.get(path, params=params or None)
    assert answer.status_code == status, answer.text
    assert_no_float(answer.json())
    return answer.json()


def assert_no_float(said: Any) -> None:
    if isinstance(said, dict):
        for one in said.values():
            assert_no_float(one)
    elif isinstance(said, list):
        for one in said:
            assert_no_float(one)
    else:
        assert not isinstance(said, float), said


def test_the_venue_and_its_markets(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        await prepare(server.node)
        venue = await ask(client, "/v1/venue")
        assert venue["domain"] == server.node.domain.to_typed() and venue["chain_id"] == 6342
        assert (venue["numeraire"], venue["mode"], venue["requires_signatures"]) == ("USDM", "open", True)
        assert venue["time"] == START_MS
        assets = await ask(client, "/v1/assets")
        assert assets[0] == {"symbol": "USDM", "decimals": 6, "group": "", "mark": "1", "feed": "valid"}
        marks = {mark["asset"]: mark for mark in await ask(client, "/v1/marks")}
        assert (marks["ETH"]["mark"], marks["ETH"]["feed"], marks["ETH"]["time"]) == ("2000", "valid", START_MS)
        assert (marks["BTC"]["mark"], marks["BTC"]["feed"]) == (None, "none")
        perp = await ask(client, "/v1/market", market="ETH-PERP")
        assert (perp["bid"], perp["ask"]) == (None, {"price": "2001", "size": "0.6"})
        assert (perp["open_interest"], perp["open_interest_cap"]) == ("0.4", "66666")
        assert (perp["lot"], perp["tick"], perp["minimum"]) == ("0.0001", "0.01", "0.001")
        assert (perp["opening_margin"], perp["mark"]) == ("0.12", "2000")
        loan = await ask(client, "/v1/market", market="USDM-LOAN-10D")
        assert (loan["tick"], loan["ask"], loan["tenor_hours"]) == ("0.01%", {"price": "5.5%", "size": "4000"}, 240)
        assert loan["open_interest"] is None
        everything = await ask(client, "/v1/markets")
        assert [market["symbol"] for market in everything] == [m.symbol for m in server.node.exchange.listing.markets]
        rates = await ask(client, "/v1/rates", asset="USDM")
        assert [(tenor["tenor_hours"], tenor["ask"]) for tenor in rates["tenors"]] == [
            (24, None), (240, {"price": "5.5%", "size": "4000"}), (720, None),
        ]  # fmt: skip

    serve(tmp_path, story)


def test_books_as_deep_as_asked_and_as_an_account_may_deal(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        maker, taker = await prepare(server.node)
        for price in ("2002", "2003"):
            await maker.send(PlaceOrder(market="ETH-PERP", side="sell", size="1", price=price))
        book = await ask(client, "/v1/book", market="ETH-PERP", depth=2)
        assert book["asks"] == [{"price": "2001", "size": "0.6"}, {"price": "2002", "size": "1"}]
        assert book["bids"] == [] and book["account"] is None
        own = await ask(client, "/v1/book", market="ETH-PERP", owner=MAKER.address)
        assert own["asks"] == [] and own["account"] == MAKER_NAME  # its own orders are not there for it
        # A policy of the maker: 1,200 of exposure to anybody, of which 1,000 is lent and 96.4 perp stand already.
        await maker.send(SetPolicy(max_exposure="1200"))
        free = await ask(client, "/v1/book", market="ETH-PERP", owner=TAKER.address)
        assert float(free["asks"][0]["size"]) < 0.6 or len(free["asks"]) < 3
        await ask(client, "/v1/book", 404, market="ETH-PERP", owner=TAKER.address, index=7)

    serve(tmp_path, story)


def test_parameters_are_those_of_the_genesis(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        said = await ask(client, "/v1/parameters")
        assert said["venue"]["initial_ppm"] == 1_000_000 and said["venue"]["parameter_delay_hours"] == "48"
        assert (said["assets"]["ETH"]["price_shock_ppm"], said["assets"]["ETH"]["depth"]) == (120_000, "10000000")
        assert said["markets"]["ETH-PERP"]["open_interest_cap"] == "66666"
        assert said["markets"]["ETH-PERP"]["fee_cap"] == "10" and said["markets"]["ETH-PERP"]["firm"] == "5"
        assert said["tiers"][0] == {"fees": "1000", "maker_cut_ppm": 50_000, "taker_cut_ppm": 50_000}
        assert await ask(client, "/v1/changes") == []

    serve(tmp_path, story)


def test_an_account_with_all_that_it_has(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        await prepare(server.node)
        taker = await ask(client, TAKER_PATH)
        # 0.4 x 2,001 x 0.1 % = 0.8004 of fee; 1,000 borrowed; ten days at 5.5 % owe 1.50685 (rounded up).
        balances = {balance["asset"]: balance for balance in taker["balances"]}
        assert balances["USDM"]["balance"] == "100999.1996"
        assert (balances["USDM"]["borrowed"], balances["USDM"]["owed"]) == ("1000", "1001.50685")
        assert (balances["ETH"]["perp"], balances["ETH"]["perp_cost"]) == ("0.4", "800.4")
        # 100,999.1996 - 1,001.50685 - 0.4 = 99,997.29275; at severity 1 the perp loses 12 % and a basis of 0.5 %.
        standing = taker["standing"]
        assert (standing["nav"], standing["available_margin"]) == ("99997.29275", "99897.29275")
        assert (standing["resilience"], standing["state"]) == ("10", "free")
        assert (taker["account"], taker["contracts"], taker["orders"]) == (TAKER_NAME, 2, 0)
        (perp,) = (await ask(client, f"{TAKER_PATH}/perps"))["perps"]
        assert (perp["size"], perp["entry"], perp["break_even"], perp["unrealised"]) == ("0.4", "2001", "2001", "-0.4")
        assert perp["counterparty"] == MAKER_NAME
        (loan,) = (await ask(client, f"{TAKER_PATH}/loans"))["loans"]
        assert (loan["side"], loan["principal"], loan["rate"]) == ("borrowed", "1000", "5.5%")
        assert (loan["start"], loan["due"]) == (START_MS, START_MS + TEN_DAYS_MS)
        assert (await ask(client, f"{TAKER_PATH}/calendar"))["loans"] == [loan]
        (lender,) = (await ask(client, f"{MAKER_PATH}/counterparties"))["counterparties"]
        assert (lender["account"], lender["lent"], lender["profit"]) == (TAKER_NAME, "1000", "0.4")
        assert lender["exposure"] == "1096.4" and lender["standing"] == standing
        policy = await ask(client, f"{TAKER_PATH}/policy")
        assert (policy["max_exposure"], policy["survives"]) == ("50000", None)
        risk = await ask(client, f"{TAKER_PATH}/risk")
        eth = next(group for group in risk["groups"] if group["group"] == "ETH")
        assert (eth["nav"], eth["value"], eth["price"], eth["basis"]) == ("-0.4", "-100.4", "-96", "4")
        assert (await ask(client, f"{TAKER_PATH}/risk", severity="0"))["value"] == standing["nav"]
        curve = await ask(client, f"{TAKER_PATH}/curve", points=3, to="1")
        assert [point["severity"] for point in curve] == ["0", "0.5", "1"]
        assert (curve[0]["value"], curve[2]["value"]) == (standing["nav"], standing["available_margin"])
        assert (await ask(client, f"{TAKER_PATH}/fees"))["today"] == "0.8004"
        assert (await ask(client, f"{MAKER_PATH}/making"))["quotes"] == []
        assert await ask(client, f"{MAKER_PATH}/keys") == []
        prices = await ask(client, f"{TAKER_PATH}/prices")
        assert prices["break_even"] == [{"market": "ETH-PERP", "size": "0.4", "price": "2001"}]
        initial = prices["rungs"][0]
        assert (initial["asset"], initial["rung"], initial["mark"]) == ("ETH", "initial", "2000")
        assert (initial["down"], initial["up"], initial["is_reached"]) == (None, None, False)  # it survives anything
        accounts = await ask(client, "/v1/accounts", limit=1)
        assert accounts == {"accounts": [{"account": MAKER_NAME, "number": 1, "state": "free"}], "next": 1}
        assert (await ask(client, "/v1/accounts", after=1))["next"] is None

    serve(tmp_path, story)


def test_the_past_by_hand(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        await prepare(server.node)
        assert await server.history.settle()
        (trade,) = (await ask(client, "/v1/trades", market="ETH-PERP"))["trades"]
        assert (trade["side"], trade["price"], trade["size"]) == ("buy", "2001", "0.4")
        assert (trade["taker"], trade["maker"], trade["time"]) == (TAKER_NAME, MAKER_NAME, START_MS)
        (candle,) = (await ask(client, "/v1/candles", market="ETH-PERP", interval="5m"))["candles"]
        assert candle == {
            "time": START_MS, "open": "2001", "high": "2001", "low": "2001", "close": "2001", "volume": "0.4",
            "notional": "800.4", "trades": 1,
        }  # fmt: skip
        (rate,) = (await ask(client, "/v1/candles", market="USDM-LOAN-10D", interval="1d"))["candles"]
        assert (rate["close"], rate["volume"], rate["notional"]) == ("5.5%", "1000", None)
        (mark,) = (await ask(client, "/v1/marks/history", asset="ETH"))["marks"]
        assert (mark["mark"], mark["time"]) == ("2000", START_MS)
        assert (await ask(client, "/v1/funding", market="ETH-PERP"))["periods"] == []
        assert (await ask(client, "/v1/funding", 404, market="ETH/USDM"))["code"] == "UNKNOWN_NAME"
        stats = await ask(client, "/v1/stats")
        perp = next(market for market in stats["markets"] if market["market"] == "ETH-PERP")
        assert perp == {
            "market": "ETH-PERP", "trades": 1, "volume": "0.4", "notional": "800.4", "open_interest": "0.4",
        }  # fmt: skip
        assert stats["accounts"]["free"] == 2 and stats["history_block"] == stats["block"]
        past = await ask(client, f"{TAKER_PATH}/history", topic="transfers")
        assert [one["event"]["event"] for one in past["events"]] == ["DEPOSITED"] and past["next"] is None
        assert past["events"][0]["event"]["amount"] == "100000"
        assert (await ask(client, f"{TAKER_PATH}/history", 404, topic="x"))["code"] == "UNKNOWN_NAME"
        file = await client.get(f"{TAKER_PATH}/export", params={"topic": "trades"})
        assert file.headers["content-type"].startswith("text/csv") and len(file.text.splitlines()) == 3
        parquet = await client.get(f"{TAKER_PATH}/export", params={"topic": "trades", "format": "parquet"})
        assert parquet.content[:4] == b"PAR1"
        receipt = await ask(client, f"/v1/receipts/{TAKER.address}/1")
        assert receipt["code"] == "OK" and receipt["events"][1]["event"] == "TRADED"
        assert (await ask(client, f"/v1/receipts/{TAKER.address}/99", 404))["code"] == "UNKNOWN_NAME"

    serve(tmp_path, story)


def test_figures_are_counted_and_the_page_is_there(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        _, taker = await prepare(server.node)
        await taker.send(Withdraw(asset="USDM", amount="1000000"))
        await client.post("/v1/commands", content=b"{}")
        text = (await client.get("/metrics")).text
        for line in (
            'worldmarkets_events_total{event="TRADED"} 2.0', 'worldmarkets_rejections_total{code="BALANCE"} 1.0',
            'worldmarkets_refusals_total{code="MALFORMED"} 1.0', "worldmarkets_ready 1.0", "worldmarkets_accounts 2.0",
            f"worldmarkets_block {server.node.sequencer.applied}.0", "worldmarkets_snapshot_age_seconds -1.0",
            f"worldmarkets_journal_seconds_count {server.node.sequencer.applied}.0",
        ):  # fmt: skip
            assert line in text
        page = await client.get("/")
        assert page.headers["content-type"].startswith("text/html") and "<title>worldmarkets" in page.text
        assert "http://" not in page.text and "https://" not in page.text  # nothing is fetched from elsewhere
        assert (await client.get("/openapi.json")).json()["info"]["title"] == "worldmarkets"

    serve(tmp_path, story)


def test_a_long_list_comes_in_pages(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        maker, _ = await prepare(server.node)
        for step in range(5):
            await maker.send(PlaceOrder(market="ETH/USDM", side="buy", size="0.01", price=str(1990 - step)))
        whole = (await ask(client, f"{MAKER_PATH}/orders"))["orders"]
        assert [order["price"] for order in whole[:2]] == ["1986", "1987"]  # newest first
        found, after = [], 0
        while True:
            page = await ask(client, f"{MAKER_PATH}/orders", limit=3, after=after)
            found += page["orders"]
            if page["next"] is None:
                break
            after = page["next"]
        assert found == whole and len(whole) == 8

    serve(tmp_path, story)


WRONG = [
    ("/v1/book?market=ETH-PERP&depth=0", 400, "MALFORMED", "depth"),
    ("/v1/book?market=ETH-PERP&depth=1000", 400, "MALFORMED", "200"),
    ("/v1/book", 400, "MALFORMED", "market"),
    ("/v1/book?market=ETH-PEPR", 404, "UNKNOWN_NAME", "ETH-PEPR"),
    (f"/v1/accounts/{MAKER.address}/0/orders?limit=501", 400, "MALFORMED", "limit"),
    (f"/v1/accounts/{MAKER.address}/1", 404, "UNKNOWN_NAME", "no account 1"),
    (f"/v1/accounts/{MAKER.address}/-1", 400, "MALFORMED", "index"),
    ("/v1/accounts/0x12/0", 400, "MALFORMED", "owner"),
    (f"/v1/accounts/{MAKER.address}/0/risk?severity=11", 400, "MALFORMED", "severity"),
    ("/v1/nothing", 404, "NOT_FOUND", ""),
]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        await prepare(server.node)
        for path, status, code, word in WRONG:
            said = await ask(client, path, status)
            assert said["code"] == code and word in said["message"], said
            assert set(said) == {"code", "message", "needed", "had"}

    serve(tmp_path, story)


def test_commands_previews_and_typed_data(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        _, taker = await prepare(server.node)
        order = PlaceOrder(market="ETH-PERP", side="buy", size="0.1", price="2001")
        message = taker.sign(order)
        preview = (await client.post("/v1/preview", content=message)).json()
        assert preview["receipt"].get("accepted", True) and preview["before"] != preview["after"]
        answer = await client.post("/v1/commands", content=message)
        assert answer.status_code == 200 and answer.json()["events"] == preview["receipt"]["events"]
        assert (await ask(client, TAKER_PATH))["standing"] == preview["after"]
        assert (await client.post("/v1/commands", content=message)).json() == answer.json()
        refused = (
            await client.post("/v1/commands", content=taker.sign(Withdraw(asset="USDM", amount="1000000")))
        ).json()
        assert (refused["accepted"], refused["code"]) == (False, "BALANCE") and refused["needed"] > refused["had"]
        for content, status, code in (
            (b"{}", 400, "MALFORMED"),
            (b"\xff", 400, "MALFORMED"),
            (taker.sign(order, expiry=1), 408, "EXPIRED"),
            (taker.sign(PlaceOrder(market="X", side="buy", size="1")), 404, "UNKNOWN_NAME"),
            (taker.sign(PlaceOrder(market="ETH-PERP", side="buy", size="x")), 400, "UNIT"),
            (message[:-135] + b'"0x' + 130 * b"f" + b'"}', 401, "BAD_SIGNATURE"),
            (b" " * (server.node.config.limits.message_bytes + 1), 413, "TOO_LARGE"),
        ):
            wrong = await client.post("/v1/commands", content=content)
            assert (wrong.status_code, wrong.json()["code"]) == (status, code), wrong.text
        bundle = Bundle(owner=TAKER.address, account=0, nonce=9, expiry=START_MS + 1, legs=[order])
        typed = (await client.post("/v1/typed-data", content=msgspec.json.encode(bundle))).json()
        data = typed["typed_data"]
        digest = compute_digest(data["domain"], data["types"], data["primaryType"], data["message"])
        assert typed["digest"] == "0x" + digest.hex() == "0x" + server.node.domain.compute_digest(bundle).hex()

    serve(tmp_path, story)


def test_ready_until_it_stops(tmp_path: Path) -> None:
    async def story(server: Server, client: httpx.AsyncClient) -> None:
        assert (await ask(client, "/health"))["status"] == "alive"
        assert (await ask(client, "/ready"))["status"] == "ready"
        _, taker = await prepare(server.node)
        server.node.stop()
        assert (await ask(client, "/ready", 503))["status"] == "not ready"
        message = taker.sign(PlaceOrder(market="ETH-PERP", side="buy", size="0.1", price="2001"))
        for path in ("/v1/commands", "/v1/preview"):
            answer = await client.post(path, content=message)
            assert (answer.status_code, answer.json()["code"]) == (503, "NOT_READY")
        assert (await ask(client, "/health"))["status"] == "alive"

    serve(tmp_path, story)
