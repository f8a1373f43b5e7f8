"""The venue as an exchange of ccxt: spot and perpetuals, by ccxt's own methods.

exchange = WorldMarkets({"privateKey": "0x...", "urls": {"api": "http://127.0.0.1:8000"}})
exchange.create_order("ETH/USDM:USDM", "limit", "buy", 0.4, 2001)

ccxt rounds amounts and prices to lots and ticks.  `options["account"]` is the index of the account, and
`walletAddress` its owner where the key is a delegate's.  Loan books have no symbols in ccxt: use `AsyncClient`.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import ccxt
import msgspec
from ccxt.base.decimal_to_precision import TICK_SIZE
from ccxt.base.types import Entry

from worldmarkets.client.nonces import Nonces
from worldmarkets.schemas.commands import AmendOrder, Bundle, CancelAll, CancelOrder, Command, PlaceOrder
from worldmarkets.schemas.signing import Domain, Signer

LIFETIME_MS = 60_000
ATTEMPTS = 3
PERIODS_A_PAGE = 500
LEVELS = 200  # of a side of a book, at most
_TIMES_IN_FORCE = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok", "PO": "gtc"}
_FOUND: dict[str, type[Exception]] = {
    "MALFORMED": ccxt.BadRequest, "UNIT": ccxt.InvalidOrder, "UNKNOWN_NAME": ccxt.BadSymbol,
    "NOT_FOUND": ccxt.BadRequest, "BAD_SIGNATURE": ccxt.AuthenticationError, "UNKNOWN_KEY": ccxt.AuthenticationError,
    "EXPIRED": ccxt.RequestTimeout, "RATE_LIMIT": ccxt.RateLimitExceeded, "OVERLOADED": ccxt.ExchangeNotAvailable,
    "NOT_READY": ccxt.ExchangeNotAvailable, "TOO_LARGE": ccxt.BadRequest, "NONCE_USED": ccxt.InvalidNonce,
    "NONCE_TOO_LOW": ccxt.InvalidNonce, "UNKNOWN_ORDER": ccxt.OrderNotFound,
    "BALANCE": ccxt.InsufficientFunds, "MARGIN": ccxt.InsufficientFunds, "MARGIN_WORSE": ccxt.InsufficientFunds,
    "WITHDRAWABLE": ccxt.InsufficientFunds, "KEY_FORBIDDEN": ccxt.PermissionDenied,
    "WOULD_CROSS": ccxt.OrderImmediatelyFillable, "FILL_OR_KILL_UNFILLED": ccxt.OrderNotFillable,
}  # fmt: skip


def _get(path: str) -> Any:
    return Entry(path, ["public"], "GET", {"cost": 1})


class WorldMarkets(ccxt.Exchange):  # type: ignore[misc]
    """A venue of worldmarkets."""

    # The paths of the HTTP API, as ccxt names them.
    public_get_venue = _get("venue")
    public_get_markets = _get("markets")
    public_get_market = _get("market")
    public_get_book = _get("book")
    public_get_trades = _get("trades")
    public_get_candles = _get("candles")
    public_get_funding = _get("funding")
    public_get_stats = _get("stats")
    public_get_parameters = _get("parameters")
    public_get_account = _get("accounts/{owner}/{index}")
    public_get_orders = _get("accounts/{owner}/{index}/orders")
    public_get_perps = _get("accounts/{owner}/{index}/perps")
    public_get_history = _get("accounts/{owner}/{index}/history")
    public_get_receipt = _get("receipts/{signer}/{nonce}")
    private_post_commands = Entry("commands", ["private"], "POST", {"cost": 1})

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        self._nonces = Nonces()
        self._domain: Domain | None = None
        super().__init__(config or {})

    def describe(self) -> Any:
        """Return what there is."""
        has = (
            "spot", "swap", "margin", "fetchTime", "fetchMarkets", "fetchTicker", "fetchOrderBook", "fetchTrades",
            "fetchOHLCV", "fetchFundingRate", "fetchFundingRateHistory", "fetchBalance", "fetchPositions",
            "fetchPosition", "createOrder", "editOrder", "cancelOrder", "cancelAllOrders", "fetchOpenOrders",
            "fetchOrder", "fetchMyTrades",
        )  # fmt: skip
        return self.deep_extend(super().describe(), {
            "id": "worldmarkets", "name": "worldmarkets", "countries": [], "version": "v1", "rateLimit": 20,
            "dex": True, "has": {**dict.fromkeys(has, True), "future": False, "option": False},
            "urls": {"api": "http://127.0.0.1:8000"},
            "timeframes": {one: one for one in ("1m", "5m", "15m", "30m", "1h", "4h", "1d")},
            "requiredCredentials": {"apiKey": False, "secret": False, "privateKey": True},
            "precisionMode": TICK_SIZE,
            "options": {"account": 0},
        })  # fmt: skip

    # HTTP.

    def sign(
        self, path: str, api: Any = "public", method: str = "GET", params: Any = None, headers: Any = None,
        body: Any = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Return a request."""
        said = dict(params or {})
        url = f"{self.urls['api']}/v1/{self.implode_params(path, said)}"
        if method == "POST":
            return {"url": url, "method": method, "body": said["body"], "headers": {"content-type": "application/json"}}
        query = self.omit(said, self.extract_params(path))
        return {"url": f"{url}?{self.urlencode(query)}" if query else url, "method": method, "body": None,
                "headers": None}  # fmt: skip

    def handle_errors(
        self, code: int, reason: str, url: str, method: str, headers: Any, body: str, response: Any,
        request_headers: Any, request_body: Any,
    ) -> Any:  # fmt: skip
        """Raise what a refusal, or a receipt of a bundle that broke a rule, stands for."""
        if isinstance(response, dict) and (code >= 400 or response.get("accepted") is False):
            name, message = str(response.get("code")), str(response.get("message") or response.get("code"))
            raise _FOUND.get(name, ccxt.ExchangeError)(f"{self.id} {name}: {message}")
        return None

    # Markets.

    def fetch_time(self, params: Any = None) -> int:
        """Return the venue's time in milliseconds."""
        return int(self.public_get_venue(params or {})["time"])

    def fetch_markets(self, params: Any = None) -> list[Any]:
        """Return the spot and perp markets."""
        venue = self.public_get_venue()
        self._domain = Domain(chain_id=venue["chain_id"], genesis=venue["genesis"])
        quote = venue["numeraire"]
        return [
            self._make_market(market, quote)
            for market in self.public_get_markets(params or {})
            if market["kind"] in ("spot", "perp")
        ]

    def _make_market(self, market: dict[str, Any], quote: str) -> Any:
        base, is_perp = market["asset"], market["kind"] == "perp"
        symbol = f"{base}/{quote}:{quote}" if is_perp else f"{base}/{quote}"
        return self.safe_market_structure({
            "id": market["symbol"], "symbol": symbol, "base": base, "quote": quote, "baseId": base, "quoteId": quote,
            "settle": quote if is_perp else None, "settleId": quote if is_perp else None,
            "type": "swap" if is_perp else "spot", "spot": not is_perp, "margin": not is_perp, "swap": is_perp,
            "future": False, "option": False, "contract": is_perp, "linear": True if is_perp else None,
            "inverse": False if is_perp else None, "contractSize": 1 if is_perp else None,
            "active": market["mode"] == "open", "maker": market["maker_ppm"] / 1e6, "taker": market["taker_ppm"] / 1e6,
            "precision": {"amount": float(market["lot"]), "price": float(market["tick"])},
            "limits": {"amount": {"min": float(market["minimum"])}}, "info": market,
        })  # fmt: skip

    def fetch_ticker(self, symbol: str, params: Any = None) -> Any:
        """Return a market's best prices, its mark, and what was traded in a day."""
        self.load_markets()
        market = self.market(symbol)
        now = self.public_get_market({"market": market["id"], **(params or {})})
        latest = self.public_get_trades({"market": market["id"], "limit": 1})["trades"]
        day: dict[str, Any] = next(
            (one for one in self.public_get_stats()["markets"] if one["market"] == market["id"]), {}
        )
        bid, ask = now["bid"] or {}, now["ask"] or {}
        return self.safe_ticker({
            "symbol": market["symbol"], "timestamp": self.milliseconds(), "bid": bid.get("price"),
            "bidVolume": bid.get("size"), "ask": ask.get("price"), "askVolume": ask.get("size"),
            "last": latest[0]["price"] if latest else None, "markPrice": now["mark"],
            "baseVolume": day.get("volume"), "quoteVolume": day.get("notional"), "info": now,
        }, market)  # fmt: skip

    def fetch_order_book(self, symbol: str, limit: int | None = None, params: Any = None) -> Any:
        """Return the book of a market."""
        self.load_markets()
        market = self.market(symbol)
        request = {"market": market["id"], **({"depth": min(limit, LEVELS)} if limit else {}), **(params or {})}
        book = self.public_get_book(request)
        found = self.parse_order_book(book, market["symbol"], book["time"], "bids", "asks", "price", "size")
        found["nonce"] = book["sequence"]
        return found

    def fetch_trades(
        self, symbol: str, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> list[Any]:  # fmt: skip
        """Return the latest trades of a market."""
        self.load_markets()
        market = self.market(symbol)
        request = {"market": market["id"], **({"limit": limit} if limit else {}), **(params or {})}
        return self.parse_trades(self.public_get_trades(request)["trades"], market, since, limit)

    def parse_trade(self, trade: Any, market: Any = None) -> Any:
        """Return a trade."""
        return self.safe_trade({
            "id": str(trade["number"]), "timestamp": trade["time"], "datetime": self.iso8601(trade["time"]),
            "symbol": market["symbol"], "side": trade["side"], "price": trade["price"], "amount": trade["size"],
            "takerOrMaker": trade.get("role"), "order": trade.get("order"), "fee": trade.get("fee"), "info": trade,
        }, market)  # fmt: skip

    def fetch_ohlcv(
        self, symbol: str, timeframe: str = "1m", since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> list[Any]:  # fmt: skip
        """Return the candles of a market, oldest first."""
        self.load_markets()
        market = self.market(symbol)
        request: dict[str, Any] = {"market": market["id"], "interval": self.timeframes[timeframe]}
        if since is not None:
            request["start"] = since
        if limit is not None:
            request["limit"] = limit
        candles = self.public_get_candles({**request, **(params or {})})["candles"]
        return self.parse_ohlcvs(candles, market, timeframe, since, limit)

    def parse_ohlcv(self, ohlcv: Any, market: Any = None) -> list[Any]:
        """Return a candle."""
        names = ("open", "high", "low", "close", "volume")
        return [ohlcv["time"], *(self.safe_number(ohlcv, name) for name in names)]

    def fetch_funding_rate(self, symbol: str, params: Any = None) -> Any:
        """Return the funding rate of a perp market, and when it is paid next."""
        self.load_markets()
        market = self.market(symbol)
        now = self.public_get_market({"market": market["id"], **(params or {})})
        due = now["next_funding"]
        minutes = self.public_get_parameters()["venue"]["funding_period_seconds"] // 60
        return {
            "info": now, "symbol": market["symbol"], "markPrice": self.safe_number(now, "mark"), "indexPrice": None,
            "interestRate": None, "estimatedSettlePrice": None, "timestamp": None, "datetime": None,
            "fundingRate": self.safe_number(now, "funding_rate"), "fundingTimestamp": due,
            "fundingDatetime": self.iso8601(due), "nextFundingRate": None, "nextFundingTimestamp": None,
            "nextFundingDatetime": None, "previousFundingRate": None, "previousFundingTimestamp": None,
            "previousFundingDatetime": None, "interval": f"{minutes}m" if minutes % 60 else f"{minutes // 60}h",
        }  # fmt: skip

    def fetch_funding_rate_history(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> list[Any]:  # fmt: skip
        """Return the funding of past periods, oldest first."""
        self.load_markets()
        market = self.market(symbol)
        request = {"market": market["id"], "limit": limit or PERIODS_A_PAGE, **(params or {})}
        periods = self.public_get_funding(request)["periods"]
        found = [
            {
                "info": one, "symbol": market["symbol"], "fundingRate": self.safe_number(one, "rate"),
                "timestamp": one["time"], "datetime": self.iso8601(one["time"]),
            }
            for one in reversed(periods)
        ]  # fmt: skip
        return self.filter_by_symbol_since_limit(found, market["symbol"], since, limit)

    # The account.

    @property
    def _signer(self) -> Signer:
        self.check_required_credentials()
        return Signer(self.privateKey)

    @property
    def _account(self) -> dict[str, Any]:
        owner = self.walletAddress or self._signer.address
        return {"owner": owner.lower(), "index": self.options["account"]}

    def fetch_balance(self, params: Any = None) -> Any:
        """Return what the account has of each asset; `debt` is what it borrowed."""
        account = self.public_get_account({**self._account, **(params or {})})
        found: dict[str, Any] = {"info": account}
        for one in account["balances"]:
            found[one["asset"]] = {"free": one["balance"], "used": "0", "total": one["balance"],
                                   "debt": one["borrowed"]}  # fmt: skip
        return self.safe_balance(found)

    def fetch_positions(self, symbols: list[str] | None = None, params: Any = None) -> list[Any]:
        """Return the perp positions of the account, each the sum of its contracts."""
        self.load_markets()
        after: Any = None
        sums: dict[str, dict[str, Decimal]] = {}
        while True:
            request = {**self._account, **({"after": after} if after else {}), **(params or {})}
            page = self.public_get_perps(request)
            for one in page["perps"]:
                size = Decimal(one["size"])
                total = sums.setdefault(
                    one["market"], dict.fromkeys(("size", "cost", "value", "unrealised"), Decimal(0))
                )
                total["size"] += size
                total["cost"] += abs(size) * Decimal(one["entry"])
                total["value"] += abs(Decimal(one["mark_value"]))
                total["unrealised"] += Decimal(one["unrealised"])
            after = page["next"]
            if after is None:
                break
        found = [self._make_position(self.safe_market(name), total) for name, total in sums.items()]
        return self.filter_by_array_positions(found, "symbol", symbols)

    def fetch_position(self, symbol: str, params: Any = None) -> Any:
        """Return one of them."""
        return next(iter(self.fetch_positions([symbol], params)), None)

    def _make_position(self, market: Any, total: dict[str, Decimal]) -> Any:
        size = abs(total["size"])
        figures = {
            "contracts": size, "entryPrice": total["cost"] / size, "markPrice": total["value"] / size,
            "notional": total["value"], "unrealizedPnl": total["unrealised"],
        }  # fmt: skip
        return self.safe_position({
            "symbol": market["symbol"], "side": "long" if total["size"] > 0 else "short", "contractSize": 1,
            **{name: self.parse_number(str(figure)) for name, figure in figures.items()},
            "marginMode": "cross", "hedged": False, "info": total,
        })  # fmt: skip

    # Orders.

    def create_order(
        self, symbol: str, type: str, side: str, amount: float | str, price: float | str | None = None,
        params: Any = None,
    ) -> Any:  # fmt: skip
        """Place a limit or market order.

        Of ccxt's own `params`: timeInForce (GTC, IOC, FOK, PO), postOnly, reduceOnly, clientOrderId (a number),
        triggerPrice or stopLossPrice, and takeProfitPrice.  Others are fields of `PlaceOrder`.
        """
        self.load_markets()
        market, said = self.market(symbol), dict(params or {})
        timing = str(said.pop("timeInForce", "GTC")).upper()
        if timing not in _TIMES_IN_FORCE:
            raise ccxt.InvalidOrder(f"{self.id}: there is no time in force {timing}")
        stop = said.pop("triggerPrice", None) or said.pop("stopLossPrice", None)
        profit = said.pop("takeProfitPrice", None)
        fields: dict[str, Any] = {
            "market": market["id"], "side": side, "size": self.amount_to_precision(market["symbol"], amount),
            "price": "" if type == "market" else self.price_to_precision(market["symbol"], price),
            "time_in_force": _TIMES_IN_FORCE[timing], "post_only": said.pop("postOnly", timing == "PO"),
            "reduce_only": said.pop("reduceOnly", False), "client_id": int(said.pop("clientOrderId", 0)),
            "stop": self.price_to_precision(market["symbol"], stop) if stop else "",
            "take_profit": self.price_to_precision(market["symbol"], profit) if profit else "", **said,
        }  # fmt: skip
        try:
            order = PlaceOrder(**fields)
        except TypeError as error:
            raise ccxt.BadRequest(f"{self.id}: {error}") from None
        receipt = self._send(order)
        return self._read_order(receipt, order, market, "market" if type == "market" else "limit")

    def edit_order(
        self, id: str, symbol: str, type: str, side: str, amount: Any = None, price: Any = None,
        params: Any = None,
    ) -> Any:  # fmt: skip
        """Change an order's size or price; its place is kept when only the size falls."""
        self.load_markets()
        market = self.market(symbol)
        receipt = self._send(
            AmendOrder(
                order=int(id), size="" if amount is None else self.amount_to_precision(market["symbol"], amount),
                price="" if price is None else self.price_to_precision(market["symbol"], price),
            )
        )  # fmt: skip
        return self.safe_order({"id": id, "symbol": market["symbol"], "info": receipt}, market)

    def cancel_order(self, id: str, symbol: str | None = None, params: Any = None) -> Any:
        """Cancel an order by its id, or by `params["clientOrderId"]`."""
        client_id = int((params or {}).get("clientOrderId", 0))
        receipt = self._send(CancelOrder(order=0 if client_id else int(id), client_id=client_id))
        return self.safe_order({"id": id, "status": "canceled", "info": receipt})

    def cancel_all_orders(self, symbol: str | None = None, params: Any = None) -> list[Any]:
        """Cancel the account's orders, in one market or in all."""
        self.load_markets()
        receipt = self._send(CancelAll(market="" if symbol is None else self.market(symbol)["id"]))
        gone = [event for event in receipt["events"] if event["event"] == "ORDER_CANCELLED"]
        return [
            self.safe_order({"id": str(event["order_id"]), "status": "canceled", "info": event}) for event in gone
        ]  # fmt: skip

    def fetch_open_orders(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> list[Any]:  # fmt: skip
        """Return the orders of the account that rest or wait."""
        self.load_markets()
        after: Any = None
        found: list[Any] = []
        while True:
            request = {**self._account, **({"after": after} if after else {}), **(params or {})}
            page = self.public_get_orders(request)
            found += [order for order in page["orders"] if order["market"] in self.markets_by_id]
            after = page["next"]
            if after is None:
                break
        market = None if symbol is None else self.market(symbol)
        return self.parse_orders(found, market, since, limit)

    def parse_order(self, order: Any, market: Any = None) -> Any:
        """Return an order that rests or waits."""
        market = self.safe_market(order["market"])
        return self.safe_order({
            "id": str(order["id"]), "symbol": market["symbol"], "side": order["side"], "price": order["price"],
            "type": "market" if order["price"] is None else "limit", "amount": None, "remaining": order["size"],
            "triggerPrice": order["trigger"], "postOnly": order["post_only"], "reduceOnly": order["reduce_only"],
            "status": "open", "info": order,
        }, market)  # fmt: skip

    def fetch_order(self, id: str, symbol: str | None = None, params: Any = None) -> Any:
        """Return an order that is open, or one among the account's latest events."""
        for order in self.fetch_open_orders(symbol):
            if order["id"] == id:
                return order
        return self._find_past(int(id))

    def _find_past(self, number: int) -> Any:
        request = {**self._account, "topic": "all", "limit": PERIODS_A_PAGE}
        page = self.public_get_history(request)
        events = [one["event"] for one in reversed(page["events"])]
        about = [one for one in events if number in (one.get("order_id"), one.get("taker_order"),
                                                     one.get("maker_order"))]  # fmt: skip
        placed = next((one for one in about if one["event"] == "ORDER_PLACED"), None)
        if placed is None:
            raise ccxt.OrderNotFound(f"{self.id}: there is no order {number}")
        market = self.safe_market(placed["market"])
        is_cancelled = any(one["event"] == "ORDER_CANCELLED" for one in about)
        return self._make_order(number, placed, about, market, "canceled" if is_cancelled else "closed")

    def fetch_my_trades(
        self, symbol: str | None = None, since: int | None = None, limit: int | None = None, params: Any = None
    ) -> list[Any]:  # fmt: skip
        """Return the account's latest trades."""
        self.load_markets()
        request = {**self._account, "topic": "trades", "limit": limit or PERIODS_A_PAGE, **(params or {})}
        name = f"{request['owner']}#{request['index']}"
        found = []
        for one in self.public_get_history(request)["events"]:
            event = one["event"]
            if event["event"] != "TRADED" or event["market"] not in self.markets_by_id:
                continue
            is_taker = event["account"] == name
            market = self.safe_market(event["market"])
            side = event["code"] if is_taker else {"buy": "sell", "sell": "buy"}[event["code"]]
            role = "taker" if is_taker else "maker"
            fee = {"cost": self.parse_number(event[f"{role}_fee"]), "currency": market["quote"]}
            found.append(
                self.parse_trade(
                    {
                        "number": one["number"], "time": one["time"], "side": side, "price": event["price"],
                        "size": event["size"], "role": role, "order": str(event[f"{role}_order"]), "fee": fee,
                    },
                    market,
                )
            )  # fmt: skip
        ordered = self.sort_by(found, "timestamp")
        return self.filter_by_symbol_since_limit(
            ordered, None if symbol is None else self.market(symbol)["symbol"], since, limit
        )

    def _read_order(self, receipt: dict[str, Any], order: PlaceOrder, market: Any, kind: str) -> Any:
        """Return the order that a receipt tells of."""
        events = receipt["events"]
        placed: dict[str, Any] = next((one for one in events if one["event"] in ("ORDER_PLACED", "REPEATED")), {})
        number = placed.get("order_id", 0)
        traded = sum(
            Decimal(one["size"]) for one in events if one["event"] == "TRADED" and one["taker_order"] == number
        )
        is_cancelled = any(one["event"] == "ORDER_CANCELLED" and one["order_id"] == number for one in events)
        is_whole = traded >= Decimal(order.size)
        status = "closed" if is_whole else "canceled" if is_cancelled else "open"
        said = {"side": order.side, "size": order.size, "price": order.price or None, "type": kind,
                "client_id": order.client_id, "time": receipt["time"] // 1_000}  # fmt: skip
        return self._make_order(number, said, events, market, status)

    def _make_order(self, number: int, placed: dict[str, Any], events: list[Any], market: Any, status: str) -> Any:
        filled = cost = fee = Decimal(0)
        for one in events:
            for role in ("taker", "maker"):
                if one["event"] == "TRADED" and one[f"{role}_order"] == number:
                    filled += Decimal(one["size"])
                    cost += Decimal(one["size"]) * Decimal(one["price"])
                    fee += Decimal(one[f"{role}_fee"])
        return self.safe_order({
            "id": str(number), "clientOrderId": str(placed.get("client_id") or "") or None, "symbol": market["symbol"],
            "timestamp": placed.get("time"), "datetime": self.iso8601(placed.get("time")), "side": placed["side"],
            "type": placed.get("type", "limit"), "price": placed["price"], "amount": placed["size"],
            "filled": str(filled),
            "cost": str(cost), "average": str(cost / filled) if filled else None, "status": status,
            "fee": {"cost": self.parse_number(str(fee)), "currency": market["quote"]}, "trades": [], "info": events,
        }, market)  # fmt: skip

    def _send(self, *legs: Command) -> Any:
        """Sign and send a bundle.  The same bytes are sent again when the line breaks: it is executed once."""
        if self._domain is None:
            self.load_markets()
            self.fetch_markets()
        assert self._domain is not None
        account, signer = self._account, self._signer
        bundle = Bundle(
            owner=account["owner"], account=account["index"], nonce=self._nonces.take(),
            expiry=time.time_ns() // 1_000_000 + LIFETIME_MS, legs=list(legs),  # type: ignore[arg-type]
        )  # fmt: skip
        body = msgspec.json.encode(signer.sign(self._domain, bundle)).decode()
        for attempt in range(ATTEMPTS):
            try:
                return self.private_post_commands({"body": body})
            except ccxt.InvalidNonce:
                if attempt == 0:
                    raise
                break  # an attempt before came through, and its receipt is no longer kept
            except ccxt.RateLimitExceeded:
                raise
            except ccxt.NetworkError:
                if attempt == ATTEMPTS - 1:
                    raise
        return self.public_get_receipt({"signer": signer.address, "nonce": bundle.nonce})
